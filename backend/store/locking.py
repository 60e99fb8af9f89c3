"""One process at a time: a lock that is free again the moment its holder dies, and work that ends
where its lock is lost."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.errors import LockLost

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Outcome = TypeVar("Outcome")
BEAT = 1.0
"""Seconds between two looks at whether a lock is still held."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that was tried for; true where this process got it."""

    name: str
    got: bool
    still: Callable[[], bool]
    """Whether it is still held: a database can cut the connection that holds it, and whoever
    deletes the file lets others lock the next one."""

    def __bool__(self) -> bool:
        return self.got

    async def during(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """What the work gives. Where the lock is lost meanwhile the work is cancelled: another
        process may be doing it. Raises LockLost.
        """
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=BEAT))[0]:
                if not self.still():
                    raise LockLost(self.name)
            return await task
        finally:
            task.cancel()
            await asyncio.wait([task])


@contextmanager
def only_one(engine: "Engine", home: Path, name: str) -> Generator[Lock]:
    """Whether this process holds the lock `name`; false while another one does. Waits for nobody.

    On PostgreSQL an advisory lock of the database, so that machines are kept apart too; on SQLite
    a lock on a file in home. Neither outlives its process.
    """
    if engine.dialect.name == "postgresql":
        with _advisory(engine, name) as lock:
            yield lock
    else:
        with _file(home / f"{name}.lock", name) as lock:
            yield lock


@contextmanager
def _file(path: Path, name: str) -> Generator[Lock]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as held:

        def still() -> bool:
            try:
                return os.path.samestat(os.fstat(held.fileno()), path.stat())
            except FileNotFoundError:
                return False

        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield Lock(name, False, still)
            return
        yield Lock(name, True, still)


@contextmanager
def _advisory(engine: "Engine", name: str) -> Generator[Lock]:
    key = {"key": crc32(f"tenk {name}".encode())}
    # No transaction stays open: a lock is held for hours, and vacuum would wait as long.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        got = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar()
        try:
            yield Lock(name, bool(got), lambda: _answers(connection))
        finally:
            # The connection goes back to the pool and would keep the lock; one that was cut holds
            # nothing, and would be opened again to let go of it.
            if got and not connection.invalidated:
                with suppress(DBAPIError):
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def _answers(connection: "Connection") -> bool:
    """Whether the session that holds the lock is still there; asking keeps it from being idle."""
    try:
        connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True
