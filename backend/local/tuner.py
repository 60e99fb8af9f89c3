"""Keeps the jobs of a home going: alone knows which thread works on which job, and when to stop.

One thread watches while any job is unfinished; it gives jobs to two workers (one checks files, one
trains), says that this server lives, and takes over the jobs of servers that do not.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from backend.local.jobs import Job
from backend.local.problems import Problem
from backend.local.tuning import Bench, check, tune

LOOK_SECONDS = 0.5
"""Between two looks at the jobs: how late a cancelling in another process is noticed."""
Work = Callable[[Bench, Job, threading.Event], None]


@dataclass(slots=True)
class _Lane:
    """One worker, and what it does now."""

    work: Work
    statuses: tuple[str, ...]
    job: str | None = None
    thread: threading.Thread | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class Tuner:
    """The workers of one server. Nothing runs until `look` is called and finds a job."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._lanes = (
            _Lane(check, ("validating_files",)),
            _Lane(tune, ("queued", "running")),
        )
        self._wake = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    @property
    def owner(self) -> str:
        """This server's name in the rows of its jobs."""
        return self._bench.owner

    def look(self) -> None:
        """See at once whether there is work, and go on seeing until there is none."""
        with self._lock:
            self._wake.set()
            if self._closed or (self._watch is not None and self._watch.is_alive()):
                return
            if not self._bench.jobs.ledger.exists:
                return
            self._watch = threading.Thread(target=self._run, name="tenk-tuner", daemon=True)
            self._watch.start()

    def close(self) -> None:
        """Stop working; another server may go on at once."""
        with self._lock:
            self._closed = True
            watch = self._watch
        self._wake.set()
        if watch is not None:
            watch.join()

    def _run(self) -> None:
        """The watch. Ends when no job is left, or when the server closes."""
        try:
            # Held open: the last connection that closes copies SQLite's log back, 20 ms a write.
            with self._bench.jobs.ledger.reading():
                while self._step():
                    self._wake.wait(LOOK_SECONDS)
        except Problem:  # whoever asks for a job is told the same
            return
        finally:
            for lane in self._lanes:
                lane.stop.set()
                if lane.thread is not None:
                    lane.thread.join()
        if self._closed:
            self._bench.jobs.release(self.owner)

    def _step(self) -> bool:
        """One look at everything; whether another will be needed."""
        jobs = self._bench.jobs
        with self._lock:
            self._wake.clear()
            if self._closed:
                return False
            unfinished = jobs.unfinished()
            if not unfinished and all(lane.thread is None for lane in self._lanes):
                self._watch = None
                return False
        if any(job.owner == self.owner for job in unfinished):
            jobs.beat(self.owner)
        jobs.claim_abandoned(self.owner)
        mine = [job for job in jobs.unfinished() if job.owner == self.owner]
        for lane in self._lanes:
            self._serve(lane, mine)
        return True

    def _serve(self, lane: _Lane, mine: list[Job]) -> None:
        if lane.thread is not None and not lane.thread.is_alive():
            self._settle(lane)
        elif lane.thread is not None:
            if all(job.id != lane.job for job in mine):
                lane.stop.set()
        elif job := next((job for job in mine if job.status in lane.statuses), None):
            lane.job, lane.stop, lane.error = job.id, threading.Event(), None
            # A daemon: a process that ends does not wait for it; the next server goes on.
            lane.thread = threading.Thread(
                target=self._work, args=(lane, job), name=f"tenk-{job.id}", daemon=True
            )
            lane.thread.start()

    def _work(self, lane: _Lane, job: Job) -> None:
        try:
            lane.work(self._bench, job, lane.stop)
        finally:
            lane.error = sys.exception()
            self._wake.set()

    def _settle(self, lane: _Lane) -> None:
        """Free a lane. What nobody foresaw ends the job in words, so that it is not tried for
        ever; the traceback went to the server's log."""
        assert lane.job is not None
        job, lane.thread, lane.job = lane.job, None, None
        if lane.error is not None:
            self._bench.jobs.fail(
                job,
                self.owner,
                message=f"The server broke down over this job: {lane.error!r}",
                code="server_error",
            )
        self._wake.set()


def new_owner() -> str:
    """A name for a server, which no other has."""
    return f"server-{uuid4().hex[:12]}"
