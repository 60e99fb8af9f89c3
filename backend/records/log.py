"""Tables of what people do: filings, conversations, answers and the examples they become.

Rows point backwards by id.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, DateTime
from sqlmodel import Field, SQLModel

from backend.records.columns import json, moment
from backend.records.values import Slot, now


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
    notes: list[str] = Field(default_factory=list, sa_column=json())  # what a person should know
    ingested_at: datetime = Field(default_factory=now, sa_column=moment())


class Person(SQLModel, table=True):
    """Somebody who uses tenk. On the loopback address there is one: the local admin."""

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str = "reader"  # reader, reviewer or admin
    password: str | None = None  # argon2 hash; None: cannot sign in with a password
    created_at: datetime = Field(default_factory=now, sa_column=moment())


class WrongPassword(SQLModel, table=True):
    """Wrong passwords in a row, of a name, of an address, or of one name at one address."""

    subject: str = Field(primary_key=True)  # a hash of it
    wrong: int = 0
    at: datetime = Field(default_factory=now, sa_column=moment())  # the last one


class Thread(SQLModel, table=True):
    """A conversation, owned by one person. Also holds what Chainlit keeps about it."""

    id: str = Field(primary_key=True)
    person: str = Field(index=True)  # Person.id; "cli" for the command line
    name: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json())
    created_at: datetime = Field(default_factory=now, sa_column=moment())


class Step(SQLModel, table=True):
    """A message or a step in a thread, as Chainlit shows it again after a reload."""

    id: str = Field(primary_key=True)
    thread: str = Field(index=True)
    position: int  # order of first appearance in the thread
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json())


class Element(SQLModel, table=True):
    """Something attached to a message: a PDF at a page, an uploaded file."""

    id: str = Field(primary_key=True)
    thread: str = Field(index=True)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json())


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
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())  # Passages
    messages: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())  # exact
    answer: str
    citations: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())
    figures: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())
    refused: bool = False
    model: str  # name at its provider
    role: str  # teacher or student
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None  # None: no price is known for the model
    seconds: float = 0.0
    state: str = "whole"  # whole, stopped, failed or lost; only whole answers teach
    error: str | None = None
    fault: str | None = None  # the type of the error, where the call failed
    activation: int | None = Field(default=None, index=True)  # that chose the model; None: asked
    # for by name, or before the first swap
    cycle: int | None = None  # that made the model; None: no cycle of ours did
    instead_of: int | None = None  # the failed turn for which another model stood in here
    shadow_of: int | None = Field(default=None, index=True)  # the reader's turn that the teacher
    # answers once more in the background; no reader sees this one
    agrees: bool | None = None  # whether it agrees with the turn it shadows
    rating: int | None = Field(default=None, index=True)  # +1 or -1; None until the reader says
    comment: str = ""
    asked_at: datetime = Field(default_factory=now, sa_column=moment())


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
    messages: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())  # no answer
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())
    by_hand: str | None = None  # keep or drop; None: the rules decide
    by_hand_reason: str = ""
    correction: str | None = None  # trained on in place of the answer
    corrected_at: datetime | None = Field(  # when the correction was last set or taken back
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    origin: str | None = None  # of a generated one: the chunk that its question was written from
    created_at: datetime = Field(default_factory=now, sa_column=moment())


class Notice(SQLModel, table=True):
    """Something an operator should know, until the next look finds it gone."""

    subject: str = Field(primary_key=True)
    text: str
    at: datetime = Field(default_factory=now, sa_column=moment())


class Expense(SQLModel, table=True):
    """What paid calls came to that no turn, sitting or training job tells of."""

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(index=True)  # generation, embedding or check
    subject: str  # what the calls were for
    model: str
    calls: int = 0
    unpriced: int = 0  # calls whose price is not known; the rest makes cost_usd
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    at: datetime = Field(default_factory=now, sa_column=moment())  # of the first call


class Secret(SQLModel, table=True):
    """A random key that all processes on one database share."""

    name: str = Field(primary_key=True)
    value: str  # hex
