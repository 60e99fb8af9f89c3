"""What answers in tests of the assistant: models and an index that do as they are told."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from backend.assistant import Assistant
from backend.records import (
    Activation,
    Candidate,
    Example,
    Filing,
    Message,
    Passage,
    Role,
    Turn,
    Usage,
)
from backend.settings import Endpoint, Settings
from backend.store import turns
from backend.store.database import open_database, transaction

INCOME = """\
Consolidated Statements of Income (USD in millions)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Revenue | $26,974 | $26,914
Net income | $4,368 | $9,752"""
QUESTION = "What was Acme's revenue in fiscal 2023?"
PIECES = ["Revenue was ", "$26,974 million ", "in fiscal 2023 [1]."]


def passage(text: str = INCOME, **given: Any) -> Passage:
    fields: dict[str, Any] = {
        "filing": "f1",
        "file": "acme.pdf",
        "company": "Acme Corp",
        "fiscal_year": 2023,
        "page": 42,
        "pages": (42,),
        "section": "Item 8",
        "kind": "table",
        "text": text,
        "score": 1.0,
        "chunk": 1,
    }
    return Passage.model_validate(fields | given)


@dataclass
class FakeModels:
    """Says what it was given to say; hangs, breaks or stays silent where told to.

    By model name: what it `says`, how it `fails` after its last piece (one failure a call), what
    it `waits` for after each piece.
    """

    pieces: Sequence[str] = field(default_factory=lambda: list(PIECES))
    rewritten: str = "What was Acme's revenue in fiscal 2022?"
    breaks: Exception | None = None  # after the last piece, instead of the usage
    rewriting_breaks: Exception | None = None
    hangs: bool = False  # after the last piece
    whole: bool = True
    price: float | None = 0.25
    says: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    fails: dict[str, list[Exception]] = field(default_factory=dict[str, list[Exception]])
    waits: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    local: bool = False
    asked: list[tuple[Role, list[Message], str | None]] = field(
        default_factory=list[tuple[Role, list[Message], str | None]]
    )
    closed: int = 0

    def endpoint(self, role: Role) -> Endpoint:
        return Endpoint(role, f"the-{role}", None, None, local=self.local)

    async def stream(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        self.asked.append((role, [*messages], model))
        try:
            for piece in self.says.get(model or "", self.pieces):
                yield piece
                if (gate := self.waits.get(model or "")) is not None:
                    await gate.wait()
            if failures := self.fails.get(model or ""):
                raise failures.pop(0)
            if self.hangs:
                await asyncio.Event().wait()
            if self.breaks is not None:
                raise self.breaks
            if self.whole:
                yield Usage(prompt_tokens=100, completion_tokens=10)
        finally:
            self.closed += 1

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        self.asked.append((role, [*messages], model))
        if self.rewriting_breaks is not None:
            raise self.rewriting_breaks
        return self.rewritten, Usage(prompt_tokens=20, completion_tokens=5)

    def cost(self, model: str, usage: Usage) -> float | None:
        return self.price


@dataclass
class FakeIndex:
    """Finds the same passages for every question, and remembers what it was asked."""

    passages: list[Passage] = field(default_factory=lambda: [passage()])
    breaks: Exception | None = None
    asked: list[tuple[str, list[str], str | None, int]] = field(
        default_factory=list[tuple[str, list[str], str | None, int]]
    )

    async def search(
        self, question: str, *, filings: Sequence[Filing], filing: str | None = None, limit: int = 8
    ) -> list[Passage]:
        self.asked.append((question, [one.id for one in filings], filing, limit))
        if self.breaks is not None:
            raise self.breaks
        return self.passages


@dataclass
class House:
    engine: Engine
    models: FakeModels
    index: FakeIndex
    assistant: Assistant

    def logged(self) -> list[Turn]:
        with transaction(self.engine) as session:
            return turns.turns_of_thread(session, "t1")

    def examples(self) -> list[tuple[Example, Turn | None]]:
        with transaction(self.engine) as session:
            return turns.examples(session)


@contextmanager
def house_in(folder: Path, *, add_filing: bool = True, **settings: Any) -> Generator[House]:
    """A house over a log with one filing; without `add_filing` over the log that is there."""
    engine = open_database(f"sqlite:///{folder / 'tenk.sqlite3'}")
    filing = Filing(
        id="f1", sha256="s", file="acme.pdf", company="A", pages=9, chunks=1, seconds=0.1
    )
    if add_filing:
        with transaction(engine) as session:
            session.add(filing)
    models, index = FakeModels(), FakeIndex()
    told = Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue]
        **({"teacher_model": "the-teacher", "exam_share": 1e-9} | settings),
    )
    yield House(engine, models, index, Assistant(engine, models, index, told))
    engine.dispose()


async def begun(house: House, thread: str) -> "asyncio.Task[Turn]":
    """A question under way, of whose answer the reader has seen a piece."""
    seen = asyncio.Event()

    async def shown(_piece: str) -> None:
        seen.set()

    asking = asyncio.create_task(house.assistant.ask(QUESTION, thread=thread, on_token=shown))
    async with asyncio.timeout(30):
        await seen.wait()
    return asking


def activate(engine: Engine, *names: str) -> None:
    """Put students of these names into service, one after the other."""
    with transaction(engine) as session:
        for name in names:
            candidate = turns.candidate_named(session, name) or Candidate(
                model=name, role="student", job=f"job of {name}"
            )
            session.add(candidate)
            session.flush()
            assert candidate.id is not None
            session.add(Activation(candidate=candidate.id, by="ann"))
            session.flush()
