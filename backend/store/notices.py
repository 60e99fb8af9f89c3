"""Notices to the operator, and what the log adds up to."""

from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from backend.records import Notice, Turn


def notices(session: Session) -> list[Notice]:
    """What an operator should know, by subject."""
    return list(session.exec(select(Notice).order_by(col(Notice.subject))))


def replace_notices(session: Session, subjects: str, found: list[Notice]) -> None:
    """What was known of subjects that begin so gives way to what was found now."""
    session.exec(delete(Notice).where(col(Notice.subject).startswith(subjects)))
    session.add_all(found)


def put_notice(session: Session, subject: str, text: str) -> None:
    """Tell the operator, in place of what was told of the same subject."""
    session.merge(Notice(subject=subject, text=text))


def remove_notice(session: Session, subject: str) -> None:
    """It is no longer so. Looks first: a write would make every other one wait."""
    if session.get(Notice, subject) is not None:
        session.exec(delete(Notice).where(col(Notice.subject) == subject))


def unpriced_turns(session: Session) -> dict[str, int]:
    """By model, whole answers whose cost is not known; those that broke off are expenses."""
    found = select(Turn.model, func.count(col(Turn.id))).where(
        col(Turn.cost_usd).is_(None), Turn.state == "whole"
    )
    return dict(session.exec(found.group_by(Turn.model)).all())


def log_totals(session: Session) -> dict[str, Any]:
    """Turns, those that never became whole, and what all of them cost in USD."""
    count, spend = session.exec(
        select(func.count(col(Turn.id)), func.coalesce(func.sum(Turn.cost_usd), 0.0))
    ).one()
    whole = session.exec(select(func.count(col(Turn.id))).where(Turn.state == "whole")).one()
    return {"turns": count, "unfinished": count - whole, "spend_usd": float(spend or 0.0)}
