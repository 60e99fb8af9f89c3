"""Work that outlives its process, as DBOS workflows: dbos lives here, and nowhere else.

A kind of work is one step, repeated until it says that nothing is left. DBOS keeps which work was
begun and how far it came; what a step did is for the step to know, for one that was interrupted is
taken again. Whoever does work of a kind holds that kind's lock, so that a lock that is free tells
of a process that died, and another worker may go on in its place.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path
from socket import gethostname
from typing import Any, Protocol
from uuid import uuid4

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowStatus

from backend.errors import LockLost

log = logging.getLogger("tenk.work")

APPLICATION = "tenk"
VERSION = "1"
"""Of the workflow below, not of tenk: DBOS goes on only with work of its own version."""
AGAIN = 2.0
"""Seconds between two tries for a lock that another process holds."""
UNDER_WAY = ("PENDING", "ENQUEUED", "DELAYED")

Step = Callable[[str], Awaitable[bool]]
"""Takes the next step of the work with this name; whether there may be another."""


class Lock(Protocol):
    """True where it is held."""

    def __bool__(self) -> bool: ...

    async def during(self, work: Coroutine[Any, Any, bool]) -> bool:
        """What the work gives. Raises LockLost, the work ended, where the lock is lost."""
        ...


Alone = Callable[[str], AbstractContextManager[Lock]]
"""Whether this process alone does work of this kind, as long as the context lasts."""
Workflow = Callable[[str], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Durable:
    """The work of one process. Open it with `launched`."""

    executor: str
    workflows: Mapping[str, Workflow]
    alone: Alone
    begun_anew: set[str] = field(default_factory=set[str])

    async def ensure(self, kind: str, name: str, *, more: bool = False) -> str | None:
        """See to it that this work is under way here or in another worker, or done.

        `more`: there is more to do, whatever is recorded here: what is done is of another log, or
        of a time before this one was put back. Work that broke on a fault is begun anew once in
        each process. Returns the fault where it broke again.
        """
        known = f"{kind}-{name}"
        status = await DBOS.get_workflow_status_async(known)
        if status is None:
            await self._start(kind, name)
        elif status.status in UNDER_WAY:
            if status.executor_id != self.executor and self._orphaned(kind):
                await DBOS.resume_workflow_async(known)
        elif status.error is not None:
            return await self._after_fault(kind, name, status)
        elif more:
            await self._begin_anew(kind, name)
        return None

    async def _start(self, kind: str, name: str) -> None:
        with SetWorkflowID(f"{kind}-{name}"):
            await DBOS.start_workflow_async(self.workflows[kind], name)

    def _orphaned(self, kind: str) -> bool:
        with self.alone(kind) as free:
            return bool(free)

    async def _after_fault(self, kind: str, name: str, status: WorkflowStatus) -> str | None:
        if status.workflow_id in self.begun_anew:
            return f"{type(status.error).__name__}: {status.error}"
        self.begun_anew.add(status.workflow_id)
        await self._begin_anew(kind, name)
        return None

    async def _begin_anew(self, kind: str, name: str) -> None:
        """Unless another worker has done so in this moment."""
        with self.alone(kind) as free:
            known = await DBOS.get_workflow_status_async(f"{kind}-{name}")
            if free and known is not None and known.status not in UNDER_WAY:
                await DBOS.delete_workflow_async(known.workflow_id)
                await self._start(kind, name)


def put_aside_broken(file: Path) -> None:
    """Rename records that cannot be read, so that new ones are begun: what there is to do, the
    rows of the work itself tell."""
    if not file.exists() or _sound(file):
        return
    kept = file.with_name(f"{file.name}.broken")
    file.replace(kept)
    for more in ("-wal", "-shm"):  # of the broken one; beside a new one they would break it too
        file.with_name(file.name + more).unlink(missing_ok=True)
    log.warning("%s cannot be read and is now %s; a new one is begun.", file, kept.name)


def _sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.OperationalError:  # in use, or out of reach: that says nothing of the file
        return True
    except sqlite3.DatabaseError:
        return False


@asynccontextmanager
async def launched(url: str, steps: Mapping[str, Step], *, alone: Alone) -> AsyncGenerator[Durable]:
    """DBOS for this process, its records in the database at `url`; one at a time in a process.

    What is under way at the end stays so, for the next worker to go on with.
    """
    executor = f"{gethostname()}-{getpid()}-{uuid4().hex[:8]}"
    running: set[asyncio.Task[Any]] = set()
    DBOS(
        config=DBOSConfig(
            name=APPLICATION,
            system_database_url=url,
            sys_db_pool_size=5,
            application_version=VERSION,
            executor_id=executor,
            log_level="ERROR",
        )
    )
    workflows = {kind: _workflow(kind, step, alone, running) for kind, step in steps.items()}
    DBOS.launch()
    try:
        yield Durable(executor, workflows, alone)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


def _workflow(kind: str, step: Step, alone: Alone, running: set[asyncio.Task[Any]]) -> Workflow:
    @DBOS.step(name=f"{kind} step")
    async def take(name: str) -> bool:
        return await step(name)

    @DBOS.workflow(name=kind)
    async def work(name: str) -> None:
        task = asyncio.current_task()
        assert task is not None, "a workflow runs in a task"
        running.add(task)
        try:
            await _alone(kind, name)
        finally:
            running.discard(task)

    async def _alone(kind: str, name: str) -> None:
        while True:
            with alone(kind) as lock:
                if lock:
                    try:
                        while await lock.during(take(name)):
                            pass
                        return
                    except LockLost as lost:
                        log.warning("%s Another worker may go on with it, else this one.", lost)
            await asyncio.sleep(AGAIN)

    return work
