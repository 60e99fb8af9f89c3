"""Who answers readers: the model in service, those before it, how it does, how a swap is undone."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select, update

from backend.records import Activation, Candidate, Cycle, Role, Slot, Turn

TENK = "tenk"
"""Who rolled back, where nobody did by hand."""
_MODELS_FAULT = ("ProviderError", "Stopped", "ModelGone")
_LOOK_BACK = 100


@dataclass(frozen=True, slots=True)
class Serving:
    """A model that answers, or answered, because of an activation."""

    activation: int
    at: datetime
    by: str
    candidate: Candidate
    cycle: int | None
    """The cycle that made the model, where one did."""

    @property
    def is_teacher(self) -> bool:
        """Whether this is the teacher as it came, whatever model the settings name for it now."""
        return self.candidate.role == Role.TEACHER and self.candidate.job is None


def serving(session: Session, slot: Slot = Slot.ANSWER) -> Serving | None:
    """What answers now; None before the first activation: the teacher.

    Read on every question, so that a swap takes effect on the next one, in every process.
    """
    found = _activated(slot).order_by(col(Activation.id).desc(), col(Cycle.id).desc()).limit(1)
    row = session.exec(found).first()
    return None if row is None else _told(*row)


def lineage(session: Session, slot: Slot = Slot.ANSWER) -> list[Serving]:
    """What answers now, then what a rollback goes back to, and so on; below them the teacher.

    What was undone is no longer there, so that nobody goes back to what failed.
    """
    rows = session.exec(_activated(slot).order_by(col(Activation.id), col(Cycle.id)))
    every = {row[0].id: _told(*row) for row in rows}
    stack: list[Serving] = []
    for one in every.values():
        if _goes_back(one, stack):
            del stack[-2:]  # what is undone, and what answers again under a new activation
        elif stack and stack[-1].candidate.id == one.candidate.id:
            del stack[-1]  # chosen once more
        stack.append(one)
    return stack[::-1]


def _goes_back(one: Serving, stack: list[Serving]) -> bool:
    """Whether this is the model that answered before the last one, by whatever command."""
    if len(stack) < 2:
        return bool(stack) and one.is_teacher
    return stack[-2].candidate.id == one.candidate.id


def _activated(slot: Slot) -> Any:
    return (
        select(Activation, Candidate, Cycle.id)
        .join(Candidate, col(Activation.candidate) == Candidate.id)
        .join(Cycle, col(Cycle.candidate) == Candidate.id, isouter=True)
        .where(Activation.slot == slot.value)
    )


def _told(activation: Activation, candidate: Candidate, cycle: int | None) -> Serving:
    assert activation.id is not None, "a row that was read has an id"
    return Serving(activation.id, activation.at, activation.by, candidate, cycle)


def cycle_of(session: Session, candidate: Candidate) -> int | None:
    """The cycle that made this model, where one did."""
    found = select(Cycle.id).where(Cycle.candidate == candidate.id)
    return session.exec(found.order_by(col(Cycle.id).desc())).first()


def roll_back(
    session: Session, *, teacher: str, by: str, reason: str, of: int | None = None
) -> Activation | None:
    """Let the model before answer again; below the first there is the model `teacher`.

    With `of`, only while that activation is the one in service, so that of two who undo it only
    one does. None where there is nothing to undo.
    """
    # Takes the write lock: what is read next stays true until the end of the transaction.
    latest = select(func.max(Activation.id)).scalar_subquery()
    session.exec(update(Activation).where(col(Activation.id) == latest).values(by=Activation.by))
    stack = lineage(session)
    if not stack or of not in (None, stack[0].activation):
        return None
    if len(stack) == 1 and stack[0].is_teacher:
        return None
    before = stack[1].candidate if len(stack) > 1 else _teacher(session, teacher)
    assert before.id is not None
    row = Activation(candidate=before.id, by=by, reason=reason, undoes=stack[0].activation)
    session.add(row)
    session.flush()
    return row


def _teacher(session: Session, model: str) -> Candidate:
    known = select(Candidate).where(
        Candidate.model == model,
        Candidate.role == Role.TEACHER.value,
        col(Candidate.job).is_(None),
    )
    row = session.exec(known).first()
    if row is None:
        row = Candidate(model=model, role=Role.TEACHER.value)
        session.add(row)
        session.flush()
    return row


# -- how it does


def failures_in_a_row(session: Session, activation: int) -> int:
    """Questions that the activated model failed since its last whole answer, in every process.

    Counted where another model answered the same question: what keeps every model from answering
    (a network, a server) is no fault of this one. A rate limit, a setting, a stop are none either.
    """
    found = (
        select(Turn.id, Turn.state, Turn.fault)
        .where(Turn.activation == activation, col(Turn.instead_of).is_(None))
        .order_by(col(Turn.id).desc())
        .limit(_LOOK_BACK)
    )
    failed: list[int] = []
    for key, state, fault in session.exec(found):
        if state == "whole":
            break
        if state == "failed" and fault in _MODELS_FAULT and key is not None:
            failed.append(key)
    answered = select(func.count(col(Turn.id))).where(
        col(Turn.instead_of).in_(failed), Turn.state == "whole"
    )
    return session.exec(answered).one()


def last_state(session: Session, activation: int) -> str | None:
    """How the newest call of the activated model ended."""
    found = select(Turn.state).where(Turn.activation == activation)
    return session.exec(found.order_by(col(Turn.id).desc()).limit(1)).first()


def thumb_counts(session: Session) -> list[tuple[str, int, int]]:
    """Each model that readers rated, by name, with thumbs up and down."""
    rated = select(Turn.model, Turn.rating, func.count(col(Turn.id))).where(
        col(Turn.rating).is_not(None), col(Turn.shadow_of).is_(None)
    )
    up: Counter[str] = Counter()
    down: Counter[str] = Counter()
    for model, rating, count in session.exec(rated.group_by(Turn.model, col(Turn.rating))):
        (up if rating == 1 else down)[model] += count
    return [(model, up[model], down[model]) for model in sorted(up | down)]


def thumbs_since(session: Session, activation: int) -> list[bool]:
    """Thumbs on what an activated model answered, oldest answer first; True is up."""
    found = select(Turn.rating).where(Turn.activation == activation, col(Turn.rating).is_not(None))
    return [rating == 1 for rating in session.exec(found.order_by(col(Turn.id)))]


def thumbs_until(session: Session, at: datetime, before: Serving | None) -> list[bool]:
    """Thumbs on what the model before (None: the teacher) answered until `at`; True is up."""
    teachers = before is None or before.is_teacher
    found = select(Turn.rating).where(
        Turn.role == Role.TEACHER.value
        if before is None or teachers
        else Turn.model == before.candidate.model,
        col(Turn.rating).is_not(None),
        col(Turn.shadow_of).is_(None),
        col(Turn.asked_at) < at,
    )
    return [rating == 1 for rating in session.exec(found.order_by(col(Turn.id)))]


# -- the teacher's second answers


def compared(session: Session) -> list[tuple[datetime, bool]]:
    """When the teacher answered a reader's question once more, and whether the two agree."""
    found = select(Turn.asked_at, Turn.agrees).where(col(Turn.agrees).is_not(None))
    return [(at, bool(agrees)) for at, agrees in session.exec(found.order_by(col(Turn.id)))]


def shadow_totals(session: Session) -> tuple[int, int, float]:
    """The teacher's second answers: how many, how many of them whole, what all cost in USD."""
    every = select(
        func.count(col(Turn.id)),
        func.count(col(Turn.agrees)),
        func.coalesce(func.sum(Turn.cost_usd), 0.0),
    ).where(col(Turn.shadow_of).is_not(None))
    count, whole, usd = session.exec(every).one()
    return count, whole, float(usd or 0)
