"""Opening a database: SQLite and PostgreSQL alike, new, old or unusable."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from backend.errors import ConfigurationError
from backend.records import Turn
from backend.store.database import TABLES, open_database, transaction
from backend.store.turns import add_turn, examples, rate


def turn() -> Turn:
    return Turn(
        thread="t", question="q", standalone="q", answer="a [1].", model="m", role="teacher"
    )


def _server_programs() -> Path | None:
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(on_path).parent if on_path else found[-1].parent if found else None


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A PostgreSQL of our own on a free loopback port, where its programs are installed."""
    programs = _server_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    as_user: list[str] = []
    folder = tmp_path_factory.mktemp("postgres")
    if os.getuid() == 0:  # it refuses to run as root
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("needs a user named postgres to run PostgreSQL as")
        for above in [folder, *folder.parents[: len(folder.parents) - 2]]:
            above.chmod(above.stat().st_mode | 0o055)
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
    yield f"postgresql://tenk@127.0.0.1:{port}/postgres"
    run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def test_a_new_database_has_every_table(own_home: Path) -> None:
    engine = open_database(f"sqlite:///{own_home}/deep/down/tenk.sqlite3")

    assert set(inspect(engine).get_table_names()) == set(TABLES.tables)
    engine.dispose()


def test_an_older_file_gets_its_missing_columns_with_their_defaults(own_home: Path) -> None:
    url = f"sqlite:///{own_home}/tenk.sqlite3"
    engine = open_database(url)
    with transaction(engine) as session:
        add_turn(session, turn(), example=True)
    with engine.begin() as connection:
        for column in ("citations", "comment", "refused", "error"):
            connection.execute(text(f"ALTER TABLE turn DROP COLUMN {column}"))
    engine.dispose()

    engine = open_database(url)

    with transaction(engine) as session:
        [(_, row)] = examples(session)
    assert row is not None
    assert (row.citations, row.comment, row.refused, row.error) == ([], "", False, None)
    assert row.answer == "a [1]."
    engine.dispose()


def test_a_file_that_is_no_database_is_told_in_one_sentence(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "tenk.sqlite3").write_text("Dear Sirs, " * 100, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="TENK_DATABASE_URL and TENK_HOME"):
        open_database(f"sqlite:///{own_home}/tenk.sqlite3")


@pytest.mark.parametrize("url", ["mysql://host/name", "not an address"])
def test_an_address_of_another_kind_says_what_was_expected(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected sqlite.* or postgresql"):
        open_database(url)


def test_a_password_is_never_in_the_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://me:secret@127.0.0.1:{taken.getsockname()[1]}/tenk"

        with pytest.raises(ConfigurationError) as told:
            open_database(url)

    assert "secret" not in str(told.value)


def test_postgresql_holds_the_log_as_sqlite_does(postgres: str) -> None:
    engine = open_database(postgres)

    with transaction(engine) as session:
        key = add_turn(session, turn(), example=True).id
    with transaction(engine) as session:
        rate(session, key or 0, -1, comment="wrong")
    with transaction(engine) as session:
        [(example, row)] = examples(session)

    assert row is not None
    assert (example.turn, row.rating, row.comment) == (key, -1, "wrong")
    assert set(inspect(engine).get_table_names()) >= set(TABLES.tables)
    engine.dispose()
