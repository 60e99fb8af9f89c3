"""One process at a time: a lock that is free again the moment its holder dies."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def only_one(engine: "Engine", home: Path, name: str) -> Generator[bool]:
    """Whether this process holds the lock `name`; false while another one does. Waits for nobody.

    On PostgreSQL an advisory lock of the database, so that machines are kept apart too; on SQLite
    a lock on a file in home. Neither outlives its process.
    """
    if engine.dialect.name == "postgresql":
        with _advisory(engine, name) as held:
            yield held
    else:
        with _file(home / f"{name}.lock") as held:
            yield held


@contextmanager
def _file(path: Path) -> Generator[bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _advisory(engine: "Engine", name: str) -> Generator[bool]:
    key = crc32(f"tenk {name}".encode())
    # No transaction stays open: a lock is held for hours, and vacuum would wait as long.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        held = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar()
        try:
            yield bool(held)
        finally:
            if held:  # the connection goes back to the pool and would keep the lock
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
