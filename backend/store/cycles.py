"""Cycles: their rows, what happened in them, and the models that came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

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


def last_ordered(session: Session, slot: Slot = Slot.ANSWER) -> Cycle | None:
    """The latest cycle that ordered a fine-tuning job, whatever came of it."""
    found = select(Cycle).where(Cycle.slot == slot.value, col(Cycle.job).is_not(None))
    return session.exec(found.order_by(col(Cycle.id).desc()).limit(1)).first()


def open_cycle(session: Session, *, by: str, tag: str, slot: Slot = Slot.ANSWER) -> Cycle:
    """The running cycle, or a new one: asking twice is one cycle."""
    row = running_cycle(session, slot)
    if row is not None:
        return row
    row = Cycle(slot=slot.value, by=by, tag=tag)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # somebody asked in the same moment, and the database knows of one only
        found = running_cycle(session, slot)
        assert found is not None, "a cycle is in the way of another only while it runs"
        return found
    return row


def end_cycle(session: Session, key: int, reason: str, *, failed: bool) -> bool:
    """End a cycle, in words; false where it had ended: it keeps its first reason.

    One statement, so that of two who end it in one moment one is told so.
    """
    cycle(session, key)
    ending = (
        update(Cycle)
        .where(col(Cycle.id) == key, col(Cycle.ended).is_(None))
        .values(ended=reason, failed=failed, ended_at=now(), paused=None)
    )
    return session.exec(ending).rowcount == 1


def pause_cycle(session: Session, key: int, by: str | None) -> bool:
    """Pause a cycle that goes on, or let a paused one go on (`by` None); false where it is not so.

    One statement, so that of two who do it in one moment one is told so.
    """
    cycle(session, key)
    before = col(Cycle.paused).is_(None) if by else col(Cycle.paused).is_not(None)
    turning = update(Cycle).where(col(Cycle.id) == key, col(Cycle.ended).is_(None), before)
    return session.exec(turning.values(paused=by)).rowcount == 1


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


GIVEN_UP = ", given up "
"""In the name of an arm: its answers in an exam that was begun anew. They stay in the books."""


def sittings(
    session: Session, key: int, *, given_up: bool = False
) -> list[tuple[Sitting, list[Score]]]:
    """Every answer given in a cycle's exam with its scores, in the order they were given.

    `given_up`: those too that were given before the exam was begun anew.
    """
    of_cycle = select(Sitting).where(Sitting.cycle == key).order_by(col(Sitting.id))
    wanted = of_cycle if given_up else of_cycle.where(~col(Sitting.arm).contains(GIVEN_UP))
    rows = session.exec(wanted).all()
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


def give_up_sittings(session: Session, key: int) -> None:
    """Make room for an exam that begins anew; what was answered so far has been paid for."""
    every = {row.arm for row, _ in sittings(session, key, given_up=True)}
    number = 1 + len({arm.partition(GIVEN_UP)[2] for arm in every} - {""})
    for row, _ in sittings(session, key):
        row.arm += f"{GIVEN_UP}{number}"
        session.add(row)


@dataclass(frozen=True, slots=True)
class ExamSpend:
    """What the exam of a cycle took so far."""

    cycle: int
    questions: int
    judge: str
    """The judge's model; empty where the cycle was not drawn."""
    answers_usd: float
    unpriced: int
    """Answers without a known price."""
    judge_prompt_tokens: int
    judge_completion_tokens: int


def exam_spend(session: Session, key: int | None = None) -> list[ExamSpend]:
    """What the exams took, oldest first: of every cycle that held one, or of cycle `key` alone."""
    answered = select(
        Sitting.cycle,
        func.count(func.distinct(col(Sitting.question))),
        func.coalesce(func.sum(col(Sitting.cost_usd)), 0.0),
        func.count(col(Sitting.answer)) - func.count(col(Sitting.cost_usd)),
    )
    judged = select(
        Sitting.cycle,
        func.sum(col(Sitting.judge_prompt_tokens)),
        func.sum(col(Sitting.judge_completion_tokens)),
    )
    tokens = {held: told for held, *told in session.exec(judged.group_by(col(Sitting.cycle)))}
    rows = session.exec(answered.group_by(col(Sitting.cycle)).order_by(col(Sitting.cycle)))
    return [
        ExamSpend(
            held,
            asked,
            str(cycle(session, held).exam.get("judge", "")),
            usd or 0.0,
            unpriced,
            *tokens[held],
        )
        for held, asked, usd, unpriced in rows
        if key in (None, held)
    ]


def training_usd(session: Session) -> dict[int, float | None]:
    """What the job of each cycle that ordered one cost: as its server counted, else as estimated.

    None where no price is known.
    """
    ordered = session.exec(select(Cycle.id).where(col(Cycle.job).is_not(None)))
    known: dict[int, float | None] = {key: None for key in ordered if key is not None}
    told = select(CycleEvent).where(col(CycleEvent.kind).in_(("estimate", "trained")))
    for event in session.exec(told.order_by(col(CycleEvent.id))):
        if event.cycle in known and "training_usd" in event.numbers:
            known[event.cycle] = event.numbers["training_usd"]
    return known


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


def latest_activation(session: Session, slot: Slot = Slot.ANSWER) -> Activation | None:
    """What fills the slot now; None before the first swap."""
    found = select(Activation).where(Activation.slot == slot.value)
    return session.exec(found.order_by(col(Activation.id).desc()).limit(1)).first()


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
