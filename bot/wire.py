"""What may come over the chat's socket, and how a page that shows a thread is told of a change."""

from __future__ import annotations

from typing import Any

from chainlit.server import sio
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.user import PersistedUser

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
