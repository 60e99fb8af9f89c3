"""A cycle's row while the cycle runs: what it holds, what happened, how it ended.

It alone knows that a cycle which somebody has ended takes no more writing.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import DataError
from backend.flywheel.steps import LABELS, Step
from backend.records import Cycle
from backend.store import cycles
from backend.store.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session


class Cancelled(DataError):
    """Somebody ended the cycle while it ran."""


@dataclass(frozen=True)
class Record:
    """The row of one cycle. Every write raises Cancelled where the cycle has ended."""

    engine: "Engine"
    key: int

    def read(self) -> Cycle:
        """The row as it is now."""
        with transaction(self.engine) as session:
            return cycles.cycle(session, self.key)

    @contextmanager
    def writing(self) -> Generator[tuple["Session", Cycle]]:
        """One transaction on a cycle that goes on."""
        with transaction(self.engine) as session:
            row = cycles.cycle(session, self.key)
            if row.ended is not None:
                raise Cancelled(row.ended)
            yield session, row

    def require_running(self) -> None:
        """Raises Cancelled where the cycle has ended."""
        with self.writing():
            pass

    def fill(self, **columns: Any) -> None:
        """Write a step's outcome."""
        with self.writing() as (_, row):
            for name, value in columns.items():
                setattr(row, name, value)

    def note(
        self,
        kind: str,
        text: str,
        numbers: dict[str, float] | None = None,
        *,
        source: str = "",
    ) -> None:
        """Tell what happened."""
        with self.writing() as (session, _):
            cycles.add_event(session, self.key, kind, text, numbers, source=source)

    def note_once(self, kind: str, text: str, numbers: dict[str, float] | None = None) -> None:
        """Tell what a cycle that goes on after an interruption would tell again."""
        with self.writing() as (session, _):
            told = [event.text for event in cycles.events(session, self.key) if event.kind == kind]
            if text not in told:
                cycles.add_event(session, self.key, kind, text, numbers)

    def note_step(self, step: Step) -> None:
        """Tell which step begins; one that is tried again has begun."""
        self.note_once("step", LABELS[step])

    def end(self, reason: str, *, failed: bool) -> bool:
        """End the cycle, in words; false where somebody did so before."""
        with transaction(self.engine) as session:
            return cycles.end_cycle(session, self.key, reason, failed=failed)
