"""The nouns: the values that steps hand on, and the tables that keep them.

Values are frozen pydantic models, so that they go into JSON columns and come out again whole.
Rows point backwards by id. All times are UTC.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, Column, DateTime, UniqueConstraint
from sqlmodel import Field, SQLModel


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def _moment() -> Any:
    return Column(DateTime(timezone=True), nullable=False)


def _json() -> Any:
    return Column(JSON, nullable=False)


# -- values


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


# -- tables


class Filing(SQLModel, table=True):
    """One ingested document. Its row is written last, so what it names is searchable."""

    id: str = Field(primary_key=True)  # first 12 hex digits of sha256
    sha256: str = Field(unique=True)
    file: str  # name as the person gave it
    company: str = Field(index=True)
    ticker: str = ""
    form: str = ""
    fiscal_year: int | None = Field(default=None, index=True)
    period_end: date | None = None
    pages: int
    chunks: int
    seconds: float
    notes: list[str] = Field(default_factory=list, sa_column=_json())  # what a person should know
    ingested_at: datetime = Field(default_factory=now, sa_column=_moment())


class Person(SQLModel, table=True):
    """Somebody who uses tenk. On the loopback address there is one: the local admin."""

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str = "reader"  # reader, reviewer or admin
    password: str | None = None  # argon2 hash; None: cannot sign in with a password
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class WrongPassword(SQLModel, table=True):
    """Wrong passwords in a row, of a name, of an address, or of one name at one address."""

    subject: str = Field(primary_key=True)  # a hash of it
    wrong: int = 0
    at: datetime = Field(default_factory=now, sa_column=_moment())  # the last one


class Thread(SQLModel, table=True):
    """A conversation, owned by one person. Also holds what Chainlit keeps about it."""

    id: str = Field(primary_key=True)
    person: str = Field(index=True)  # Person.id; "cli" for the command line
    name: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Step(SQLModel, table=True):
    """A message or a step in a thread, as Chainlit shows it again after a reload."""

    id: str = Field(primary_key=True)
    thread: str = Field(index=True)
    position: int  # order of first appearance in the thread
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json())


class Element(SQLModel, table=True):
    """Something attached to a message: a PDF at a page, an uploaded file."""

    id: str = Field(primary_key=True)
    thread: str = Field(index=True)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json())


class Turn(SQLModel, table=True):
    """One exchange: what was asked, what the model saw, what it said, what the reader made of it.

    Holds everything the model saw, so it can be trained on after the index is rebuilt.
    """

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    thread: str = Field(index=True)
    person: str = Field(default="cli", index=True)
    step: str | None = Field(default=None, index=True)  # Chainlit's id, which ratings name
    question: str  # as the reader wrote it
    standalone: str  # as it was searched and asked: understood from the conversation
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())  # Passages
    messages: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())  # exact
    answer: str
    citations: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())
    figures: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())
    refused: bool = False
    model: str  # name at its provider
    role: str  # teacher or student
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None  # None: no price is known for the model
    seconds: float = 0.0
    state: str = "whole"  # whole, stopped or failed; only whole answers teach
    error: str | None = None
    rating: int | None = Field(default=None, index=True)  # +1 or -1; None until the reader says
    comment: str = ""
    asked_at: datetime = Field(default_factory=now, sa_column=_moment())


class Example(SQLModel, table=True):
    """A turn, or a generated or imported pair, as training data.

    Whether it is kept is decided from the log each time it is asked; only what a person decided
    by hand is stored here.
    """

    id: int | None = Field(default=None, primary_key=True)
    source: str  # turn, generated or imported
    turn: int | None = Field(default=None, foreign_key="turn.id", unique=True)
    question: str
    answer: str
    messages: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())  # no answer
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())
    by_hand: str | None = None  # keep or drop; None: the rules decide
    by_hand_reason: str = ""
    correction: str | None = None  # trained on in place of the answer
    origin: str | None = None  # of a generated one: the chunk that its question was written from
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Candidate(SQLModel, table=True):
    """A model that could be active, and where it came from."""

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    model: str  # name at its provider
    role: str  # whose settings reach it: teacher or student
    job: str | None = None
    dataset: int | None = None
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Activation(SQLModel, table=True):
    """From `at` on this candidate fills the slot. The latest row wins; rollback appends."""

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    candidate: int = Field(foreign_key="candidate.id")
    by: str  # who, or "verdict N"
    reason: str = ""
    at: datetime = Field(default_factory=now, sa_column=_moment())


class Notice(SQLModel, table=True):
    """Something an operator should know, until the next look finds it gone."""

    subject: str = Field(primary_key=True)
    text: str
    at: datetime = Field(default_factory=now, sa_column=_moment())


class ExamQuestion(SQLModel, table=True):
    """A question that can never become training data, with the evidence every arm is shown."""

    id: int | None = Field(default=None, primary_key=True)
    question: str
    key: str = Field(unique=True)  # the question normalised: asked twice is one question
    group: str = Field(index=True)  # filing and section of its evidence; scores cluster by it
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())  # Passages
    source: str  # generated, reader or imported
    turn: int | None = Field(default=None, foreign_key="turn.id")
    state: str = Field(default="active", index=True)  # active or quarantined
    reason: str = ""  # why it is quarantined
    origin: str | None = None  # of a generated one: the chunk that it was written from
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Dataset(SQLModel, table=True):
    """Frozen training and validation files, and the examples that made them."""

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(index=True)  # of both files' content
    train: str  # path below home
    validation: str | None = None  # path below home; None: too few examples to spare any
    examples: list[int] = Field(default_factory=list, sa_column=_json())  # ids, in file order
    validation_examples: list[int] = Field(default_factory=list, sa_column=_json())
    dropped: dict[str, int] = Field(default_factory=dict, sa_column=_json())  # reason -> how many
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Cycle(SQLModel, table=True):
    """One pass of the flywheel. Columns fill from left to right; the first empty one is next."""

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    by: str  # who asked for it, or "schedule"
    tag: str = Field(unique=True)  # goes into the job's metadata before the job exists
    dataset: int | None = Field(default=None, foreign_key="dataset.id")
    estimate_usd: float | None = None
    files: dict[str, str] = Field(default_factory=dict, sa_column=_json())  # train, validation
    job: str | None = None  # the provider's id
    candidate: int | None = Field(default=None, foreign_key="candidate.id")
    exam: dict[str, Any] = Field(default_factory=dict, sa_column=_json())  # seed, question ids
    verdict: int | None = Field(default=None, foreign_key="verdict.id")
    ended: str | None = None  # why this pass is over, in words
    failed: bool = False
    started_at: datetime = Field(default_factory=now, sa_column=_moment())
    ended_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


class CycleEvent(SQLModel, table=True):
    """Something that happened in a cycle: a step begun, a loss, a look at the exam."""

    id: int | None = Field(default=None, primary_key=True)
    cycle: int = Field(foreign_key="cycle.id", index=True)
    kind: str  # step, loss, look, note
    text: str
    numbers: dict[str, float] = Field(default_factory=dict, sa_column=_json())
    source: str = ""  # the provider's id of it, where it is the provider's
    at: datetime = Field(default_factory=now, sa_column=_moment())


class Sitting(SQLModel, table=True):
    """One arm answers one exam question in one repeat. What was paid for is never asked again."""

    __table_args__ = (UniqueConstraint("cycle", "arm", "question", "repeat"),)

    id: int | None = Field(default=None, primary_key=True)
    cycle: int = Field(foreign_key="cycle.id", index=True)
    arm: str  # candidate, active, untuned or teacher
    question: int = Field(foreign_key="examquestion.id")
    repeat: int
    model: str
    answer: str | None = None  # None: no answer came
    refused: bool = False
    figure_errors: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    judge_prompt_tokens: int = 0
    judge_completion_tokens: int = 0
    error: str | None = None


class Score(SQLModel, table=True):
    """One sitting, one metric. `value` in [0, 1]; None is a missing score, with its reason."""

    __table_args__ = (UniqueConstraint("sitting", "metric"),)

    id: int | None = Field(default=None, primary_key=True)
    sitting: int = Field(foreign_key="sitting.id", index=True)
    metric: str  # faithfulness or answer_relevancy
    value: float | None = None
    reason: str = ""


class Verdict(SQLModel, table=True):
    """What the scores say of a candidate, with the certificate that lets anybody recompute it."""

    id: int | None = Field(default=None, primary_key=True)
    cycle: int = Field(index=True)
    decision: str  # promote, promote_cheaper, hold or reject
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    questions: int
    need_more: int | None = None
    reasons: list[str] = Field(default_factory=list, sa_column=_json())
    certificate: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    at: datetime = Field(default_factory=now, sa_column=_moment())


class Secret(SQLModel, table=True):
    """A random key that all processes on one database share."""

    name: str = Field(primary_key=True)
    value: str  # hex
