"""Filings: the rows that make a document visible."""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend.errors import NotFound
from backend.records import Filing


def filings(session: Session) -> list[Filing]:
    """All filings, in the order they came in."""
    return list(session.exec(select(Filing).order_by(col(Filing.ingested_at))))


def filing(session: Session, key: str) -> Filing:
    """The filing with this id. Raises NotFound."""
    row = session.get(Filing, key)
    if row is None:
        raise NotFound("filing", key, "tenk filings")
    return row


def filing_with(session: Session, sha256: str) -> Filing | None:
    """The filing whose file has this sha256, if it is known."""
    return session.exec(select(Filing).where(Filing.sha256 == sha256)).first()


def add_filing_once(session: Session, row: Filing) -> bool:
    """Make a document visible, unless another process has done so meanwhile: false then.

    The caller has indexed it before.
    """
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def remove_filing(session: Session, key: str) -> Filing:
    """Take a document out of sight. Raises NotFound. Turns about it stay in the log."""
    row = filing(session, key)
    session.delete(row)
    return row
