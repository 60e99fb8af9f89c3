"""What paid calls came to that no turn, sitting or training job tells of, call by call."""

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select, update

from backend.records import Expense, Usage, in_utc, now
from backend.store.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

GENERATION, EMBEDDING, CHECK, LOST = "generation", "embedding", "check", "lost"


def open_expense(session: Session, kind: str, *, subject: str, model: str) -> Expense:
    """A row for calls that belong together; nothing is spent yet."""
    row = Expense(kind=kind, subject=subject, model=model)
    session.add(row)
    session.flush()
    return row


def add_call(session: Session, key: int, usage: Usage, cost: float | None) -> None:
    """Count a call; `cost` in USD, None where its price is not known.

    One statement, so that of two who count in one moment neither is lost.
    """
    counted = update(Expense).where(col(Expense.id) == key)
    session.exec(
        counted.values(
            calls=Expense.calls + 1,
            unpriced=Expense.unpriced + int(cost is None),
            prompt_tokens=Expense.prompt_tokens + usage.prompt_tokens,
            completion_tokens=Expense.completion_tokens + usage.completion_tokens,
            cost_usd=Expense.cost_usd + (cost or 0.0),
        )
    )


def count_call(
    session: Session, kind: str, *, subject: str, model: str, usage: Usage, cost: float | None
) -> None:
    """Count a call of a kind that never ends: what came on one day for one subject is one row."""
    same = select(Expense).where(
        Expense.kind == kind, Expense.subject == subject, Expense.model == model
    )
    row = session.exec(same.order_by(col(Expense.id).desc()).limit(1)).first()
    if row is None or in_utc(row.at).date() != now().date():
        row = open_expense(session, kind, subject=subject, model=model)
    assert row.id is not None, "a row that was flushed has an id"
    add_call(session, row.id, usage, cost)


def count_check(session: Session, model: str, usage: Usage, cost: float | None) -> None:
    """Count a call that only saw whether a model answers; one that is free leaves no row."""
    if cost != 0:
        subject = "checks whether a model answers"
        count_call(session, CHECK, subject=subject, model=model, usage=usage, cost=cost)


def count_probe(engine: "Engine", model: str, usage: Usage, cost: float | None) -> None:
    """Count a look at how a role's model is doing."""
    with transaction(engine) as session:
        count_check(session, model, usage, cost)


def count_vectors(engine: "Engine", model: str, usage: Usage, cost: float | None) -> None:
    """Count a request for vectors: of filings, of questions, of the exam."""
    with transaction(engine) as session:
        count_call(session, EMBEDDING, subject="vectors", model=model, usage=usage, cost=cost)


def count_broken_off(engine: "Engine", model: str, usage: Usage, cost: float | None) -> None:
    """Count an answer that broke off: stopped, cut, withheld or too long."""
    count_lost(engine, "answers that broke off", model, usage, cost)


def count_lost(
    engine: "Engine", subject: str, model: str, usage: Usage, cost: float | None
) -> None:
    """Count a call that was paid for and came to nothing."""
    with transaction(engine) as session:
        count_call(session, LOST, subject=subject, model=model, usage=usage, cost=cost)


def expenses(session: Session) -> list[Expense]:
    """Every row, oldest first."""
    return list(session.exec(select(Expense).order_by(col(Expense.id))))
