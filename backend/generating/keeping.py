"""Chunks in, rows kept one by one out: several drafts in flight, repeats turned away.

It alone knows what counts as asked already, and in which order drafts are kept.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from backend.datasets import Asked
from backend.errors import ProviderError
from backend.questions import Source
from backend.records import Example, ExamQuestion

Row = TypeVar("Row", ExamQuestion, Example)
Progress = Callable[[int, int, str], None]
"""Told (made, wanted, the question made last), in the event loop's thread."""

FAILURES = 3
"""Calls in a row that the teacher's server may refuse before the rest is given up."""
GIVEN_UP = 2
"""Points at which a chunk is left alone: a repeat is one, a reply without a question is two."""
REPEATED = "nearly the same question is there already"
REFUSED = "the teacher's server refused the call"


@dataclass(slots=True)
class Book:
    """What was asked before and in this run; decides what counts as a repeat."""

    other_side: Asked
    subject: str
    """What this run's calls are for."""
    expense: int | None = None
    """The row that counts them; None before the first."""
    by_filing: dict[str, Asked] = field(default_factory=dict[str, Asked])
    of_chunk: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    points: Counter[str] = field(default_factory=Counter[str])
    rejected: Counter[str] = field(default_factory=Counter[str])
    costs: list[float | None] = field(default_factory=list[float | None])

    def add(self, question: str, filing: str, origin: str | None) -> None:
        """Note a question that is kept."""
        self.by_filing.setdefault(filing, Asked(())).add(question)
        if origin:
            self.of_chunk.setdefault(origin, []).append(question)

    def reject(self, source: Source, question: str, fault: str) -> None:
        """Note a reply that was no use; the same question is not asked for again."""
        self.rejected[fault] += 1
        self.points[source.origin] += 1 if question else GIVEN_UP
        if question:
            self.of_chunk.setdefault(source.origin, []).append(question)

    def fault(self, question: str, filing: str) -> str:
        """Why a question cannot be kept: it is there, on this side of the line or the other.

        On its own side a question counts as repeated within its filing alone: of two companies
        one asks the same.
        """
        own = self.by_filing.get(filing)
        known = self.other_side.near(question) or (own is not None and own.near(question))
        return REPEATED if known else ""

    def spent(self) -> float | None:
        """USD; None where the price of one call is not known."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) if len(known) == len(self.costs) else None


@dataclass(frozen=True, slots=True)
class Draft(Generic[Row]):
    """What came of one chunk: a row to keep, or the reason why there is none."""

    row: Row | None
    question: str = ""
    fault: str = ""


@dataclass(slots=True)
class Run(Generic[Row]):
    """Drafts from one chunk after another, several in flight, until enough are kept.

    They are kept in the order of the chunks, each as soon as those before it are, so that the same
    replies give the same rows. What was made stays, whatever ends the run.
    """

    waiting: deque[Source]
    count: int
    at_once: int
    book: Book
    draft: Callable[[Source], Coroutine[Any, Any, Draft[Row]]]
    keep: Callable[[Row], bool]
    """Stores a row; false where it was there."""
    on_made: Progress | None = None
    made: list[Row] = field(default_factory=list[Row])
    _flying: deque[tuple[Source, asyncio.Task[Draft[Row]]]] = field(
        default_factory=deque[tuple[Source, asyncio.Task[Draft[Row]]]]
    )
    _refused: int = 0

    async def go(self) -> list[Row]:
        """The rows that were made; fewer than wanted where the chunks hold no more."""
        try:
            while len(self.made) < self.count:
                self._start()
                if not self._flying:
                    break
                source, task = self._flying[0]
                drafted = await self._landed(task)
                self._flying.popleft()  # only now: one that lands as the run is stopped is kept
                self._settle(source, drafted)
        finally:
            await self._close()
        return self.made

    def _start(self) -> None:
        """Begin as many drafts as may be in flight, each of another chunk, none too many."""
        while len(self._flying) < min(self.at_once, self.count - len(self.made)):
            while self.waiting and self.book.points[self.waiting[0].origin] >= GIVEN_UP:
                self.waiting.popleft()
            flying = {source.origin for source, _ in self._flying}
            if not self.waiting or self.waiting[0].origin in flying:
                return  # the next question about a chunk must know the one before it
            source = self.waiting.popleft()
            self._flying.append((source, asyncio.create_task(self.draft(source))))

    async def _landed(self, task: asyncio.Task[Draft[Row]]) -> Draft[Row]:
        try:
            drafted = await task
        except ProviderError:
            self._refused += 1
            if self._refused == FAILURES:
                raise
            return Draft(None, fault=REFUSED)
        self._refused = 0
        return drafted

    def _settle(self, source: Source, drafted: Draft[Row]) -> None:
        row, fault = drafted.row, drafted.fault
        filing = source.passage.filing
        if row is not None:
            fault = self.book.fault(row.question, filing)
        if row is None or fault or not self.keep(row):
            self.book.reject(source, drafted.question, fault or REPEATED)
            return
        self.made.append(row)
        self.book.add(row.question, filing, source.origin)
        if self.on_made is not None:
            self.on_made(len(self.made), self.count, row.question)

    async def _close(self) -> None:
        """Keep what has landed, and call off the rest."""
        for _, task in self._flying:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._flying), return_exceptions=True)
        for source, task in self._flying:
            if not task.cancelled() and task.exception() is None:
                self._settle(source, task.result())
        self._flying.clear()
