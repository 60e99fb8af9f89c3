"""What may come over the chat's socket, and how a page that shows a thread is told of a change."""

from __future__ import annotations

from typing import Any

from chainlit.server import sio
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.user import PersistedUser
from chainlit.utils import utc_now

OFFERED = {
    "connect",
    "connection_successful",
    "clear_session",
    "disconnect",
    "client_message",
    "stop",
}
"""Chainlit listens for more (editing, audio, favourites); what we do not offer is not heard."""


def listen_only() -> None:
    """Take away the listeners of what is not offered."""
    for heard in sio.handlers.values():
        for event in set(heard) - OFFERED:
            del heard[event]


def note(key: str, thread: str, text: str, **metadata: Any) -> dict[str, Any]:
    """A message that nobody asked for, as the page takes it and the history keeps it."""
    return {
        "id": key,
        "threadId": thread,
        "type": "assistant_message",
        "name": "tenk",
        "parentId": None,  # beside the exchange: inside it, it would take the thumbs over
        "createdAt": utc_now(),
        "input": "",
        "output": text,
        "streaming": False,
        "isError": False,
        "waitForAnswer": False,
        "metadata": metadata,
    }


def open_pages() -> list[WebsocketSession]:
    """The pages that somebody has open now."""
    return [
        session
        for session in [*ws_sessions_id.values()]
        if isinstance(session.user, PersistedUser)
        and sio.manager.is_connected(session.socket_id, "/")
    ]


def sessions_of(person: str, thread: str | None = None) -> list[WebsocketSession]:
    """A person's open pages, of one thread where it is given."""
    return [
        session
        for session in [*ws_sessions_id.values()]
        if isinstance(session.user, PersistedUser)
        and session.user.id == person
        and thread in (None, session.thread_id)
    ]


async def tell(person: str, thread: str, event: str, data: Any, *, but: str | None = None) -> None:
    """Send an event to each page on which this person has this thread open, but one."""
    for session in sessions_of(person, thread):
        if session.id != but:
            await sio.emit(event, data, to=session.socket_id)
