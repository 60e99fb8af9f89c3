"""Random keys that all processes on one database share."""

import secrets

from sqlmodel import Session

from backend.records import Secret

EXAM = "exam"


def exam_key(session: Session) -> bytes:
    """The key that decides which sections belong to the exam; made once, and never changed.

    Another key would send questions that were trained on to the exam.
    """
    row = session.get(Secret, EXAM)
    if row is None:
        row = Secret(name=EXAM, value=secrets.token_hex(32))
        session.add(row)
        session.flush()
    return bytes.fromhex(row.value)
