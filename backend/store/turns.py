"""Turns and the examples they become; ratings and what a person decides by hand."""

from collections.abc import Sequence

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from backend.errors import NotFound, NotYours
from backend.records import Activation, Candidate, Dataset, Example, Slot, Turn, now


def add_turn(session: Session, turn: Turn, *, example: bool) -> Turn:
    """Log a turn, with its example where it may teach."""
    session.add(turn)
    session.flush()
    if example:
        session.add(
            Example(
                source="turn",
                turn=turn.id,
                question=turn.standalone,
                answer=turn.answer,
                messages=turn.messages,
                evidence=turn.evidence,
            )
        )
        session.flush()
    return turn


def turn(session: Session, key: int) -> Turn:
    """The turn with this id. Raises NotFound."""
    row = session.get(Turn, key)
    if row is None:
        raise NotFound("turn", key, "tenk examples list")
    return row


def turn_of_step(session: Session, step: str) -> Turn | None:
    """The turn whose answer Chainlit knows by this id; of several tries, the last."""
    return session.exec(select(Turn).where(Turn.step == step).order_by(col(Turn.id).desc())).first()


def turns_of_thread(session: Session, thread: str) -> list[Turn]:
    """A conversation's turns, oldest first."""
    found = select(Turn).where(Turn.thread == thread).order_by(col(Turn.id))
    return list(session.exec(found))


def last_turns(session: Session, thread: str, *, limit: int) -> list[Turn]:
    """A conversation's last turns that have an answer to go on from, oldest first.

    A stopped answer counts where some of it was shown; a failed one does not.
    """
    found = (
        select(Turn)
        .where(Turn.thread == thread, Turn.state != "failed", Turn.answer != "")
        .order_by(col(Turn.id).desc())
        .limit(limit)
    )
    return [*reversed(session.exec(found).all())]


def owner_of_thread(session: Session, thread: str) -> str | None:
    """Who asked first in a conversation; None before its first turn."""
    first = select(Turn.person).where(Turn.thread == thread).order_by(col(Turn.id)).limit(1)
    return session.exec(first).first()


def rate(
    session: Session, key: int, rating: int | None, *, comment: str = "", person: str | None = None
) -> Turn:
    """Set what the reader made of an answer: +1, -1, or None to take it back.

    With `person`, the turn must be theirs: ratings decide what is trained on. Raises NotFound,
    NotYours.
    """
    row = turn(session, key)
    if person is not None and row.person != person:
        raise NotYours("turn", key)
    row.rating = rating
    row.comment = comment if rating is not None else ""
    session.add(row)
    return row


def examples(session: Session) -> list[tuple[Example, Turn | None]]:
    """Every example with the turn it came from, oldest first.

    What the model saw is read with the example alone: the turn holds the same, and reading both
    takes twice as long.
    """
    found = (
        select(Example, Turn)
        .join(Turn, col(Example.turn) == Turn.id, isouter=True)
        .options(defer(Turn.evidence), defer(Turn.messages))  # pyright: ignore[reportArgumentType]
        .order_by(col(Example.id))
    )
    return [(example, turn) for example, turn in session.exec(found)]


def example_of_turn(session: Session, key: int) -> Example | None:
    """The example that this turn became, if it did."""
    return session.exec(select(Example).where(Example.turn == key)).first()


def add_examples(session: Session, rows: Sequence[Example]) -> list[Example]:
    """Add generated or imported pairs."""
    session.add_all(rows)
    session.flush()
    return [*rows]


def example(session: Session, key: int) -> Example:
    """The example with this id. Raises NotFound."""
    row = session.get(Example, key)
    if row is None:
        raise NotFound("example", key, "tenk examples list")
    return row


def decide_by_hand(session: Session, key: int, decision: str | None, reason: str) -> Example:
    """Keep or drop an example by hand ("keep", "drop"), or None to let the rules decide again."""
    row = example(session, key)
    row.by_hand = decision
    row.by_hand_reason = reason
    session.add(row)
    return row


def correct(session: Session, key: int, correction: str | None) -> Example:
    """Set what is trained on in place of the answer; None takes it back. Raises NotFound."""
    row = example(session, key)
    if correction != row.correction:
        row.correction, row.corrected_at = correction, now()
    session.add(row)
    return row


def models_trained_on(session: Session, key: int) -> list[str]:
    """The models that learned from this example, oldest first."""
    return models_by_example(session).get(key, [])


def models_by_example(session: Session) -> dict[int, list[str]]:
    """Which models learned from each example, oldest first; those of no model are left out."""
    trained = select(Candidate.model, Dataset.examples).join(
        Dataset, col(Candidate.dataset) == Dataset.id
    )
    learned: dict[int, list[str]] = {}
    for model, examples in session.exec(trained.order_by(col(Candidate.id))):
        for example in examples:
            known = learned.setdefault(example, [])
            if model not in known:
                known.append(model)
    return learned


def disliked(session: Session) -> list[tuple[int, int]]:
    """Examples whose turn a reader gave a thumbs-down: (example, turn), oldest first."""
    found = (
        select(Example.id, Turn.id)
        .join(Turn, col(Example.turn) == Turn.id)
        .where(Turn.rating == -1)
        .order_by(col(Example.id))
    )
    return [(example or 0, turn or 0) for example, turn in session.exec(found)]


def candidate_named(session: Session, model: str, slot: Slot = Slot.ANSWER) -> Candidate | None:
    """The newest candidate with this model name."""
    named = (
        select(Candidate)
        .where(Candidate.slot == slot.value, Candidate.model == model)
        .order_by(col(Candidate.id).desc())
    )
    return session.exec(named).first()


def active_candidate(session: Session, slot: Slot = Slot.ANSWER) -> Candidate | None:
    """The candidate that fills the slot; None before the first activation: the teacher answers.

    Read on every question, so that a swap takes effect on the next one, in every process.
    """
    latest = (
        select(Candidate)
        .join(Activation, col(Activation.candidate) == Candidate.id)
        .where(Activation.slot == slot.value)
        .order_by(col(Activation.id).desc())
    )
    return session.exec(latest).first()
