"""Cycles: their rows, what happened in them, and the models that came out."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from backend.errors import NotFound
from backend.records import (
    Activation,
    Candidate,
    Cycle,
    CycleEvent,
    Dataset,
    ExamQuestion,
    Score,
    Sitting,
    Slot,
    Verdict,
    now,
)


def cycles(session: Session) -> list[Cycle]:
    """All cycles, newest first."""
    return list(session.exec(select(Cycle).order_by(col(Cycle.id).desc())))


def cycle(session: Session, key: int) -> Cycle:
    """The cycle with this id. Raises NotFound."""
    row = session.get(Cycle, key)
    if row is None:
        raise NotFound("cycle", key, "tenk cycles")
    return row


def running_cycle(session: Session, slot: Slot = Slot.ANSWER) -> Cycle | None:
    """The one cycle that has not ended, if there is one."""
    found = select(Cycle).where(Cycle.slot == slot.value, col(Cycle.ended).is_(None))
    return session.exec(found.order_by(col(Cycle.id))).first()


def open_cycle(session: Session, *, by: str, tag: str, slot: Slot = Slot.ANSWER) -> Cycle:
    """The running cycle, or a new one: asking twice is one cycle."""
    row = running_cycle(session, slot)
    if row is None:
        row = Cycle(slot=slot.value, by=by, tag=tag)
        session.add(row)
        session.flush()
    return row


def end_cycle(session: Session, key: int, reason: str, *, failed: bool) -> Cycle:
    """End a cycle, in words. One that has ended keeps its first reason."""
    row = cycle(session, key)
    if row.ended is None:
        row.ended, row.failed, row.ended_at = reason, failed, now()
        session.add(row)
    return row


def add_event(
    session: Session,
    key: int,
    kind: str,
    text: str,
    numbers: dict[str, float] | None = None,
    *,
    source: str = "",
) -> CycleEvent:
    """Note what happened in a cycle, for the people who watch it."""
    row = CycleEvent(cycle=key, kind=kind, text=text, numbers=numbers or {}, source=source)
    session.add(row)
    session.flush()
    return row


def events(session: Session, key: int, *, after: int = 0) -> list[CycleEvent]:
    """What happened in a cycle since event `after`, oldest first."""
    found = select(CycleEvent).where(CycleEvent.cycle == key, col(CycleEvent.id) > after)
    return list(session.exec(found.order_by(col(CycleEvent.id))))


def dataset(session: Session, key: int) -> Dataset:
    """The dataset with this id. Raises NotFound."""
    row = session.get(Dataset, key)
    if row is None:
        raise NotFound("dataset", key, "tenk cycles")
    return row


def latest_dataset(session: Session) -> Dataset | None:
    """The dataset frozen last, if any was."""
    return session.exec(select(Dataset).order_by(col(Dataset.id).desc())).first()


def sittings(session: Session, key: int) -> list[tuple[Sitting, list[Score]]]:
    """Every answer given in a cycle's exam with its scores, in the order they were given."""
    rows = session.exec(select(Sitting).where(Sitting.cycle == key).order_by(col(Sitting.id))).all()
    scores: dict[int, list[Score]] = {}
    found = select(Score).join(Sitting, col(Score.sitting) == Sitting.id)
    for score in session.exec(found.where(Sitting.cycle == key).order_by(col(Score.id))):
        scores.setdefault(score.sitting, []).append(score)
    return [(row, scores.get(row.id or 0, [])) for row in rows]


def put_sitting(
    session: Session,
    row: Sitting,
    scores: Mapping[str, float | None],
    reasons: Mapping[str, str],
) -> Sitting:
    """Keep a sitting and its scores, in place of what was known of the same place before."""
    same = select(Sitting).where(
        Sitting.cycle == row.cycle,
        Sitting.arm == row.arm,
        Sitting.question == row.question,
        Sitting.repeat == row.repeat,
    )
    if held := session.exec(same).first():
        row.id = held.id
    row = session.merge(row)
    session.flush()
    assert row.id is not None, "a row that was flushed has an id"
    known = {one.metric: one for one in session.exec(select(Score).where(Score.sitting == row.id))}
    for metric, value in scores.items():
        score = known.get(metric) or Score(sitting=row.id, metric=metric)
        score.value, score.reason = value, reasons.get(metric, "")
        session.add(score)
    session.flush()
    return row


def quarantine(session: Session, key: int, reason: str) -> None:
    """Put an exam question aside, with the reason."""
    row = session.get(ExamQuestion, key)
    if row is None:
        raise NotFound("exam question", key, "tenk questions")
    row.state, row.reason = "quarantined", reason
    session.add(row)


def verdict(session: Session, key: int) -> Verdict:
    """The verdict with this id. Raises NotFound."""
    row = session.get(Verdict, key)
    if row is None:
        raise NotFound("verdict", key, "tenk cycles")
    return row


def candidates(session: Session, slot: Slot = Slot.ANSWER) -> list[Candidate]:
    """Models that could be active, newest first."""
    found = select(Candidate).where(Candidate.slot == slot.value)
    return list(session.exec(found.order_by(col(Candidate.id).desc())))


def activations(session: Session, slot: Slot = Slot.ANSWER) -> list[Activation]:
    """What filled the slot, newest first."""
    found = select(Activation).where(Activation.slot == slot.value)
    return list(session.exec(found.order_by(col(Activation.id).desc())))


def activate(session: Session, candidate: Candidate, *, by: str, reason: str) -> Activation:
    """Point the slot at `candidate`. Rolling back is activating the earlier one again."""
    assert candidate.id is not None, "a candidate is stored before it is activated"
    row = Activation(slot=candidate.slot, candidate=candidate.id, by=by, reason=reason)
    session.add(row)
    session.flush()
    return row


def exam_questions(session: Session, *, state: str | None = None) -> list[ExamQuestion]:
    """Exam questions, oldest first; only those in `state` where it is given."""
    found = select(ExamQuestion).order_by(col(ExamQuestion.id))
    if state is not None:
        found = found.where(ExamQuestion.state == state)
    return list(session.exec(found))


def add_exam_questions(session: Session, rows: Sequence[ExamQuestion]) -> list[ExamQuestion]:
    """Add those whose key is not known yet; returns the ones added."""
    known = set(session.exec(select(ExamQuestion.key)))
    added: list[ExamQuestion] = []
    for row in rows:
        if row.key not in known:
            known.add(row.key)
            session.add(row)
            added.append(row)
    session.flush()
    return added
