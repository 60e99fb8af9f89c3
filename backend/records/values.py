"""The values that steps hand on: frozen pydantic models, which go into JSON columns and come out
again whole. All times are UTC.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

OUT_OF_REACH = "The chance to show a gain within"
"""So begins a verdict's reason where more questions would hardly have helped the candidate."""


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def in_utc(at: datetime) -> datetime:
    """A moment in UTC. SQLite hands out those it stores without their zone, and all are UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Value(BaseModel):
    """A value: equal by content, never changed."""

    model_config = ConfigDict(frozen=True)


class Role(StrEnum):
    """What a model is asked to do."""

    TEACHER = "teacher"
    STUDENT = "student"
    JUDGE = "judge"
    EMBED = "embed"


class Slot(StrEnum):
    """A place where a model is plugged in. Each slot has one active model at a time."""

    ANSWER = "answer"


ChunkKind = Literal["prose", "table"]


class Page(Value):
    """One page of a PDF. `number` counts from 1 in file order; `label` is what is printed."""

    number: int
    text: str
    label: str = ""


class Chunk(Value):
    """A passage of a filing as it is indexed. `pages` are 1-based and in order, never empty.

    The text of a table is one line of caption, then one line a row: the row label and the cells,
    separated by " | ". The caption ends with unit and scale in parentheses where they are known;
    the first line of rows holds the column headings, its first cell empty.
    """

    pages: tuple[int, ...]
    section: str
    kind: ChunkKind
    text: str


class Cover(Value):
    """What a filing says about itself. Empty or None where the cover does not tell."""

    company: str = ""
    ticker: str = ""
    form: str = ""
    fiscal_year: int | None = None
    period_end: date | None = None


class Passage(Value):
    """A chunk as evidence: found for a question, with where it stands. Best first in a list."""

    filing: str
    file: str
    company: str
    fiscal_year: int | None
    page: int  # the first page of the chunk, 1-based
    pages: tuple[int, ...]
    section: str
    kind: ChunkKind
    text: str
    score: float  # higher is better; comparable within one search only
    chunk: int  # id in the index


class Citation(Value):
    """Where a claim stands. `number` is the [n] in the answer; `page` is 1-based."""

    number: int
    filing: str
    file: str
    page: int
    quote: str


class CheckedFigure(Value):
    """A figure that an answer states, and whether its cited evidence holds it."""

    text: str
    found: bool


class Message(Value):
    """One message of a chat, in OpenAI's shape."""

    role: Literal["system", "user", "assistant"]
    content: str


class Usage(Value):
    """Tokens of one call. Zero where the server does not tell."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
