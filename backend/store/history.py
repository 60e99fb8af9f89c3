"""What chats show again after a reload: threads, steps and elements.

Takes and gives the dictionaries that the chat's page speaks. It alone knows the order of a
thread's steps, and that nobody writes into another person's thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from backend.errors import NotYours
from backend.records import Element, Step, Thread, Turn, in_utc

Detail = dict[str, Any]

# -- threads


def thread(session: Session, key: str) -> Thread | None:
    """The thread with this id."""
    return session.get(Thread, key)


def thread_owner(session: Session, key: str) -> str | None:
    """Whose thread this is; None where nothing is known of it yet."""
    if (row := session.get(Thread, key)) is not None:
        return row.person
    asked = select(Turn.person).where(Turn.thread == key).order_by(col(Turn.id)).limit(1)
    return session.exec(asked).first()


def require_owner(session: Session, key: str, person: str | None) -> None:
    """Raise NotYours where the thread is another person's. A None person is the server itself."""
    owner = thread_owner(session, key)
    if person is not None and owner is not None and owner != person:
        raise NotYours("thread", key)


def save_thread(
    session: Session,
    key: str,
    *,
    person: str | None = None,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Thread | None:
    """Start a thread or change what is given of it. Raises NotYours.

    Without a person nothing is started: a late write must not bring back a deleted thread.
    """
    row = session.get(Thread, key)
    if row is None:
        if person is None:
            return None
        require_owner(session, key, person)
        row = Thread(id=key, person=person)
    elif person is not None and row.person != person:
        raise NotYours("thread", key)
    row.name = name or row.name
    if metadata is not None:
        row.detail = {**row.detail, "metadata": dict(metadata)}
    session.add(row)
    session.flush()
    return row


def delete_thread(session: Session, key: str) -> None:
    """Forget a conversation as the chat shows it. Its turns stay in the log."""
    for table in (Step, Element):
        for row in session.exec(select(table).where(table.thread == key)):
            session.delete(row)
    if (found := session.get(Thread, key)) is not None:
        session.delete(found)


def threads_of(
    session: Session,
    person: str,
    *,
    first: int,
    after: str | None = None,
    search: str | None = None,
    rating: int | None = None,
) -> tuple[list[Thread], bool]:
    """A person's threads, newest first, and whether more follow.

    `after` is the id of the last thread already shown; `search` is looked for in names, questions
    and answers; `rating` (+1 or -1) asks for threads with an answer rated so.
    """
    found = select(Thread).where(Thread.person == person)
    if search:
        like = f"%{_literally(search)}%"
        said = select(Turn.thread).where(
            or_(
                col(Turn.question).ilike(like, escape="\\"),
                col(Turn.answer).ilike(like, escape="\\"),
            )
        )
        named = col(Thread.name).ilike(like, escape="\\")
        found = found.where(or_(named, col(Thread.id).in_(said)))
    if rating is not None:
        rated = select(Turn.thread).where(Turn.rating == rating)
        found = found.where(col(Thread.id).in_(rated))
    if after and (last := session.get(Thread, after)) is not None:
        older = col(Thread.created_at) < last.created_at
        same = (col(Thread.created_at) == last.created_at) & (col(Thread.id) < last.id)
        found = found.where(or_(older, same))
    newest = found.order_by(col(Thread.created_at).desc(), col(Thread.id).desc())
    rows = list(session.exec(newest.limit(first + 1)))
    return rows[:first], len(rows) > first


def _literally(search: str) -> str:
    for sign in ("\\", "%", "_"):
        search = search.replace(sign, f"\\{sign}")
    return search


def moment(at: datetime) -> str:
    """A time as the page wants it."""
    return f"{in_utc(at).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


# -- what was not answered


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A reader's message whose answering has no end."""

    person: str
    thread: str
    message: Detail
    run: str | None
    """What a turn would be known by; None where answering had not begun."""
    said: list[str]
    """What was said to it so far."""
    turn: Turn | None
    """What the log holds of it all the same: it had come that far."""


def unanswered(session: Session) -> list[Unanswered]:
    """What was being answered when a chat's process ended without a word, oldest first."""
    detail: Any = Step.detail
    kind, parent = detail["type"].as_string(), detail["parentId"].as_string()
    over = select(parent).where(
        kind == "run", parent.is_not(None), detail["end"].as_string().is_not(None)
    )
    asked = select(Step).where(kind == "user_message", col(Step.id).not_in(over))
    rows = session.exec(asked).all()
    found = (_unanswered(session, row) for row in sorted(rows, key=lambda r: _shown_at(r.detail)))
    return [one for one in found if one is not None]


def _unanswered(session: Session, row: Step) -> Unanswered | None:
    if (held := session.get(Thread, row.thread)) is None:
        return None
    beside = [one.detail for one in steps_of(session, row.thread)]
    runs = [one["id"] for one in beside if one["type"] == "run" and one.get("parentId") == row.id]
    run = str(runs[-1]) if runs else None
    said = [str(one.get("output")) for one in beside if run and one.get("parentId") == run]
    logged = select(Turn).where(Turn.step == run).order_by(col(Turn.id).desc())
    turn = session.exec(logged).first() if run else None
    return Unanswered(held.person, row.thread, row.detail, run, said, turn)


# -- steps and elements


def save_step(session: Session, detail: Mapping[str, Any], *, person: str | None = None) -> Step:
    """Keep a message or step as it now is. Raises NotYours, also for an id used elsewhere."""
    key, thread_key = str(detail["id"]), str(detail["threadId"])
    require_owner(session, thread_key, person)
    row = session.get(Step, key)
    if row is None:
        last = session.exec(
            select(func.max(Step.position)).where(Step.thread == thread_key)
        ).one_or_none()
        row = Step(id=key, thread=thread_key, position=0 if last is None else last + 1)
    elif row.thread != thread_key:
        raise NotYours("message", key)
    told = {name: value for name, value in detail.items() if value is not None}
    told.pop("feedback", None)  # shown from the turn, so that there is one truth
    row.detail = {**row.detail, **told}
    session.add(row)
    session.flush()
    return row


def step(session: Session, key: str) -> Step | None:
    """The message or step with this id."""
    return session.get(Step, key)


def delete_step(session: Session, key: str, *, person: str | None = None) -> None:
    """Forget a message and what was attached to it. Raises NotYours."""
    row = session.get(Step, key)
    if row is None:
        return
    require_owner(session, row.thread, person)
    for element in elements_of(session, row.thread):
        if element.detail.get("forId") == key:
            session.delete(element)
    session.delete(row)


def steps_of(session: Session, thread: str) -> list[Step]:
    """A thread's steps in the order a reader saw them.

    What was said before the first question is stored after it, so time goes before position.
    """
    rows = session.exec(select(Step).where(Step.thread == thread))
    return sorted(rows, key=lambda row: (_shown_at(row.detail), row.position))


def _shown_at(detail: Detail) -> str:
    at = str(detail.get("createdAt") or detail.get("start") or "")
    return at.removesuffix("Z")  # "…00Z" and "…00.5Z" then compare as times do


def save_element(
    session: Session, detail: Mapping[str, Any], *, person: str | None = None
) -> Element:
    """Keep an attachment as it now is. Raises NotYours, also for an id used elsewhere."""
    key, thread_key = str(detail["id"]), str(detail["threadId"])
    require_owner(session, thread_key, person)
    row = session.get(Element, key)
    if row is None:
        row = Element(id=key, thread=thread_key)
    elif row.thread != thread_key:
        raise NotYours("attachment", key)
    row.detail = dict(detail)
    session.add(row)
    session.flush()
    return row


def element(session: Session, thread: str, key: str) -> Element | None:
    """The attachment with this id, where it stands in this thread."""
    row = session.get(Element, key)
    return row if row is not None and row.thread == thread else None


def elements_of(session: Session, thread: str) -> Sequence[Element]:
    """A thread's attachments."""
    return session.exec(select(Element).where(Element.thread == thread)).all()


def delete_element(session: Session, key: str, *, person: str | None = None) -> None:
    """Forget an attachment. Raises NotYours."""
    if (row := session.get(Element, key)) is not None:
        require_owner(session, row.thread, person)
        session.delete(row)
