"""A cycle that somebody paused waits here, and its job with it, until it goes on or has ended.

It alone knows where it is safe to wait: nothing is in flight that was not stored.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from backend import finetuning
from backend.errors import ConfigurationError, JobGone, ProviderError
from backend.flywheel.recording import Record
from backend.models.training import Trainer
from backend.records import Cycle
from backend.store import cycles
from backend.store.database import transaction

GLANCE = 2.0
"""Seconds between two looks at the row."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Looks at the row of one cycle, and waits while it says so."""

    record: Record
    trainer: Trainer
    rest: Callable[[float], Awaitable[None]]

    async def hold(self) -> None:
        """Come back at once, or when the paused cycle goes on. Raises Cancelled, JobGone."""
        settled = False
        while (cycle := self.record.read()).paused:
            settled = settled or await self._hold_job(cycle)
            await self.rest(GLANCE)
        self.record.require_running()

    async def rested(self, seconds: float) -> None:
        """Rest so many seconds, and longer where the cycle is paused. Raises as `hold`."""
        await self.hold()
        while seconds > 0:
            await self.rest(min(seconds, GLANCE))
            seconds -= GLANCE
            await self.hold()

    async def _hold_job(self, cycle: Cycle) -> bool:
        """Pause the cycle's job too, where one is under way; false to try again soon."""
        if cycle.job is None or cycle.candidate is not None:
            return True
        try:
            told = await finetuning.pause(self.trainer, cycle.job)
        except JobGone:
            raise
        except (ConfigurationError, ProviderError):
            return False  # where that lasts, it is told when the cycle goes on
        if told:
            self.record.note("note", told)
        return told is not None

    async def wake(self, job: str) -> None:
        """Let a job go on that waits with its cycle no more.

        One that another hand paused at its server stays so. Raises ProviderError.
        """
        with transaction(self.record.engine) as session:
            paused = cycles.cycle(session, self.record.key).paused
            told = {event.kind for event in cycles.events(session, self.record.key)}
        if paused is None and "pause" in told:
            await self.trainer.resume(job)
            self.record.note("note", "The job goes on at its server")
