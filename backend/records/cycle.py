"""Tables of what a cycle makes: datasets, candidates, exams, verdicts and activations.

Rows point backwards by id; each column is filled once.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.records.columns import json, moment
from backend.records.values import Slot, now


class Candidate(SQLModel, table=True):
    """A model that could be active, and where it came from."""

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    model: str  # name at its provider
    role: str  # whose settings reach it: teacher or student
    job: str | None = None
    dataset: int | None = None
    created_at: datetime = Field(default_factory=now, sa_column=moment())


class Activation(SQLModel, table=True):
    """From `at` on this candidate fills the slot. The latest row wins; rollback appends."""

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    candidate: int = Field(foreign_key="candidate.id")
    by: str  # who, or "verdict N"; "tenk" where it rolled back by itself
    reason: str = ""
    undoes: int | None = Field(default=None, unique=True)  # the activation that failed: once each
    at: datetime = Field(default_factory=now, sa_column=moment())


class ExamQuestion(SQLModel, table=True):
    """A question that can never become training data, with the evidence every arm is shown."""

    id: int | None = Field(default=None, primary_key=True)
    question: str
    key: str = Field(unique=True)  # the question normalised: asked twice is one question
    group: str = Field(index=True)  # filing and section of its evidence; scores cluster by it
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=json())  # Passages
    source: str  # generated, reader or imported
    turn: int | None = Field(default=None, foreign_key="turn.id")
    state: str = Field(default="active", index=True)  # active or quarantined
    reason: str = ""  # why it is quarantined
    origin: str | None = None  # of a generated one: the chunk that it was written from
    created_at: datetime = Field(default_factory=now, sa_column=moment())


class Dataset(SQLModel, table=True):
    """Frozen training and validation files, and the examples that made them."""

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(index=True)  # of both files' content
    train: str  # path below home
    validation: str | None = None  # path below home; None: too few examples to spare any
    examples: list[int] = Field(default_factory=list, sa_column=json())  # ids, in file order
    validation_examples: list[int] = Field(default_factory=list, sa_column=json())
    dropped: dict[str, int] = Field(default_factory=dict, sa_column=json())  # reason -> how many
    created_at: datetime = Field(default_factory=now, sa_column=moment())


class Cycle(SQLModel, table=True):
    """One pass of the flywheel. Columns fill from left to right; the first empty one is next."""

    __table_args__ = (
        Index(
            "one_running_cycle",
            "slot",
            unique=True,
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    slot: str = Field(default=Slot.ANSWER.value, index=True)
    by: str  # who asked for it, or "schedule"
    tag: str = Field(unique=True)  # goes into the job's metadata before the job exists
    dataset: int | None = Field(default=None, foreign_key="dataset.id")
    estimate_usd: float | None = None
    files: dict[str, str] = Field(default_factory=dict, sa_column=json())  # train, validation
    job: str | None = None  # the provider's id
    candidate: int | None = Field(default=None, foreign_key="candidate.id")
    exam: dict[str, Any] = Field(default_factory=dict, sa_column=json())  # its terms, fixed
    verdict: int | None = Field(default=None, foreign_key="verdict.id")
    paused: str | None = None  # by whom it is; None: it goes on, or has ended
    ended: str | None = None  # why this pass is over, in words
    failed: bool = False
    started_at: datetime = Field(default_factory=now, sa_column=moment())
    ended_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


class ScheduledRun(SQLModel, table=True):
    """A time that the schedule named, and what was decided then: once, however many workers."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, unique=True))
    cycle: int | None = Field(default=None, foreign_key="cycle.id")  # that was started then
    reason: str = ""  # why one was started, or why not


class CycleEvent(SQLModel, table=True):
    """Something that happened in a cycle: a step begun, a loss, a look at the exam."""

    id: int | None = Field(default=None, primary_key=True)
    cycle: int = Field(foreign_key="cycle.id", index=True)
    kind: str  # step, loss, look, note, estimate, trained, pause, resume
    text: str
    numbers: dict[str, float] = Field(default_factory=dict, sa_column=json())
    source: str = ""  # the provider's id of it, where it is the provider's
    at: datetime = Field(default_factory=now, sa_column=moment())


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
    reasons: list[str] = Field(default_factory=list, sa_column=json())
    certificate: dict[str, Any] = Field(default_factory=dict, sa_column=json())
    at: datetime = Field(default_factory=now, sa_column=moment())
