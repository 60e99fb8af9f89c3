"""Locks that keep processes apart: one holder at a time, none after its death."""

import asyncio
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from backend.errors import LockLost
from backend.store.database import open_database
from backend.store.locking import only_one

HOLDER = """
import sys
from pathlib import Path
from backend.store.database import open_database
from backend.store.locking import only_one
with only_one(open_database(sys.argv[1]), Path(sys.argv[2]), "cycle") as held:
    print(bool(held), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, own_home: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{own_home / 'tenk.sqlite3'}"
    return request.getfixturevalue("postgres")


def test_a_lock_has_one_holder_and_is_free_when_it_is_let_go(url: str, own_home: Path) -> None:
    engine = open_database(url)

    with only_one(engine, own_home, "cycle") as first, only_one(engine, own_home, "cycle") as more:
        with only_one(engine, own_home, "other") as other:
            during = (first, more, other)
    with only_one(engine, own_home, "cycle") as again:
        pass
    engine.dispose()

    assert tuple(map(bool, during)) == (True, False, True)
    assert again


def test_a_lock_of_a_process_that_was_killed_is_free(url: str, own_home: Path) -> None:
    engine = open_database(url)
    command = [sys.executable, "-c", HOLDER, url, str(own_home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        told = holder.stdout.readline()
        with only_one(engine, own_home, "cycle") as while_it_lives:
            pass
        holder.kill()
    held = _soon(engine, own_home)
    engine.dispose()

    assert told == b"True\n"
    assert not while_it_lives
    assert held


def _soon(engine: Engine, home: Path) -> bool:
    """PostgreSQL notices a lost connection within moments, not in the same one."""
    for _ in range(1000):
        with only_one(engine, home, "cycle") as held:
            if held:
                return True
    return False


async def for_ever(begun: asyncio.Event, ended: asyncio.Event) -> None:
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


@contextmanager
def lost(engine: Engine, home: Path) -> Generator[None]:
    """What keeps the holder of the lock "cycle" apart goes away under its hands."""
    if engine.dialect.name == "sqlite":
        (home / "cycle.lock").unlink()
    else:
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = "
                    "current_database())"
                )
            )
    with only_one(engine, home, "cycle") as another:
        assert another
        yield


async def test_work_whose_lock_is_lost_is_ended_for_another_may_be_doing_it(
    url: str, own_home: Path
) -> None:
    engine, begun, ended = open_database(url), asyncio.Event(), asyncio.Event()

    with only_one(engine, own_home, "cycle") as lock:
        work = asyncio.create_task(lock.during(for_ever(begun, ended)))
        await begun.wait()
        with lost(engine, own_home), pytest.raises(LockLost, match="cycle"):
            await work
    with only_one(engine, own_home, "cycle") as again:
        pass
    engine.dispose()

    assert ended.is_set()
    assert again


async def test_work_under_a_lock_gives_what_it_gives_and_raises_what_it_raises(
    url: str, own_home: Path
) -> None:
    engine = open_database(url)

    async def breaks() -> None:
        raise ZeroDivisionError

    with only_one(engine, own_home, "cycle") as lock:
        given = await lock.during(asyncio.sleep(0, "given"))
        with pytest.raises(ZeroDivisionError):
            await lock.during(breaks())
    engine.dispose()

    assert given == "given"
