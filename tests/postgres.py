"""A PostgreSQL of our own, where Debian's programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, Integer, create_engine, insert, make_url, select, text

from backend.store.database import TABLES


def _server_programs() -> Path | None:
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(on_path).parent if on_path else found[-1].parent if found else None


@contextmanager
def running(folder: Path) -> Generator[str]:
    """The URL of a server of our own; its data in `folder`, which every user must reach."""
    programs = _server_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    as_user: list[str] = []
    if os.getuid() == 0:  # it refuses to run as root
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("needs a user named postgres to run PostgreSQL as")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: object) -> None:
        words = [*as_user, *map(str, command)]
        subprocess.run(words, check=True, capture_output=True, timeout=60, cwd="/")

    data = folder / "data"
    run(programs / "initdb", "-D", data, "-U", "tenk", "--auth=trust", "--no-sync")
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://tenk@127.0.0.1:{port}/postgres"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def database(url: str, name: str) -> str:
    """The URL of a new and empty database on the server at `url`."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string()


def pour(source: Engine, target: Engine) -> None:
    """Every row of one log into another, which is empty."""
    with source.connect() as rows, target.begin() as written:
        for table in TABLES.sorted_tables:
            found = [dict(row) for row in rows.execute(select(table)).mappings()]
            if not found:
                continue
            written.execute(insert(table), found)
            if "id" in table.columns and isinstance(table.columns["id"].type, Integer):
                last = f"SELECT setval(pg_get_serial_sequence('\"{table.name}\"', 'id'), :last)"
                written.execute(text(last), {"last": max(row["id"] for row in found)})
