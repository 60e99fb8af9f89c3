"""What was decided at the times that the schedule named."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from backend.records import ScheduledRun


def run_at(session: Session, at: datetime) -> ScheduledRun | None:
    """What was decided at that time (UTC); None where nothing was."""
    return session.exec(select(ScheduledRun).where(ScheduledRun.at == at)).first()


def last_run(session: Session) -> ScheduledRun | None:
    """The latest time that the schedule named."""
    return session.exec(select(ScheduledRun).order_by(col(ScheduledRun.at).desc()).limit(1)).first()


def claim_run(session: Session, at: datetime) -> tuple[ScheduledRun, bool]:
    """The row of that time (UTC), and whether it is ours to fill: one session's alone.

    Another session that claims the same time waits until this one's transaction has ended.
    """
    # SQLite's one write lock first: with it nobody else can claim the time after we looked, and
    # the savepoint below lies within a transaction, so that leaving it commits nothing.
    session.exec(update(ScheduledRun).where(col(ScheduledRun.at) == at).values(at=at))
    if held := run_at(session, at):
        return held, False
    row = ScheduledRun(at=at)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        held = run_at(session, at)
        assert held is not None, "only a row of the same time is in the way of another"
        return held, False
    return row, True
