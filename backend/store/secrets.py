"""Random keys that all processes on one database share."""

import secrets

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.records import Secret

EXAM = "exam"
SHADOW = "shadow"


def exam_key(session: Session) -> bytes:
    """The key that decides which sections belong to the exam; made once, and never changed.

    Another key would send questions that were trained on to the exam.
    """
    return _key(session, EXAM)


def shadow_key(session: Session) -> bytes:
    """The key that decides which answers the teacher gives once more."""
    return _key(session, SHADOW)


def _key(session: Session, name: str) -> bytes:
    row = session.get(Secret, name)
    if row is None:
        row = Secret(name=name, value=secrets.token_hex(32))
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # another process made it in the same moment
            row = session.get_one(Secret, name)
    return bytes.fromhex(row.value)
