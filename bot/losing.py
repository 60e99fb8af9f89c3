"""What a chat's process left unanswered when it was killed goes in; it comes out said to be lost,
in the log and in its thread, or shown whole where the log holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from backend.records import Role, Turn
from backend.store import history as rows
from backend.store import turns
from backend.store.database import transaction
from bot import render
from bot.orders import order_of
from bot.wire import note

if TYPE_CHECKING:
    from sqlalchemy import Engine

ERROR = "The process that answered ended before the answer was whole."


def tell_what_was_lost(engine: Engine) -> None:
    """Say of each message that was being answered what became of it. Only while no chat runs."""
    with transaction(engine) as session:
        for one in rows.unanswered(session):
            run = one.run or str(uuid5(NAMESPACE_URL, f"tenk:run:{one.message['id']}"))
            if one.turn is None and (turn := lost_turn(one, run)) is not None:
                turns.add_turn(session, turn, example=False)
            text = lost_text(one.turn)
            if text not in one.said:
                message = _message(one, run, text)
                rows.save_step(session, message, person=one.person)
            rows.save_step(session, _ended(one, run), person=one.person)


def _message(one: rows.Unanswered, run: str, text: str) -> dict[str, Any]:
    """Beneath the question; what became whole can be rated there as any answer."""
    key = str(uuid5(NAMESPACE_URL, f"tenk:lost:{run}"))
    message = {**note(key, one.thread, text), "createdAt": one.message["createdAt"]}
    whole = one.turn is not None and one.turn.state == "whole"
    return {**message, "parentId": run} if whole else message


def _ended(one: rows.Unanswered, run: str) -> dict[str, Any]:
    """The run that answered, at its end: it is told of once."""
    at, asked = one.message["createdAt"], one.message["id"]
    whole = {"name": "on_message", "type": "run", "parentId": asked, "start": at, "createdAt": at}
    return {"id": run, "threadId": one.thread, "end": at} | ({} if one.run else whole)


def lost_turn(one: rows.Unanswered, run: str) -> Turn | None:
    """A question as the log keeps it, with no answer; None where it was no question."""
    question = str(one.message.get("output") or "").strip()
    if not question or order_of(one.message.get("command"), question) is not None:
        return None
    return Turn(
        thread=one.thread,
        person=one.person,
        step=run,
        question=question,
        standalone=question,
        answer="",
        model="",
        role=Role.TEACHER.value,
        state="lost",
        error=ERROR,
    )


def lost_text(turn: Turn | None) -> str:
    """What the reader finds where the answer would be."""
    if turn is None or turn.state == "lost":
        return render.lost_text()
    if turn.state == "whole":
        return render.answer_text(turn)
    if turn.state == "stopped":
        return render.stopped_text(turn.answer)
    return render.failed_text(turn.answer, turn.error or "")
