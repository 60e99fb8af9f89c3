"""What may come over the chat's socket, and how a page that shows a thread is told of a change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainlit.server import sio
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.user import PersistedUser
from chainlit.utils import utc_now

if TYPE_CHECKING:
    from bot.signin import SignIn

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


async def tell(
    sign_in: SignIn, person: str, thread: str, event: str, data: Any, *, but: str | None = None
) -> None:
    """Send an event to each page on which this person has this thread open, but one."""
    pages = [page for page in sessions_of(person, thread) if page.id != but]
    for page in await signed_in(sign_in, pages):
        await sio.emit(event, data, to=page.socket_id)


async def signed_in(sign_in: SignIn, pages: Sequence[WebsocketSession]) -> list[WebsocketSession]:
    """Those of the pages whose cookie is still worth something: a page stays open after it is
    not."""

    def asked() -> list[WebsocketSession]:
        return [page for page in pages if sign_in.still(_id(page), page.token)]

    return await asyncio.to_thread(asked) if pages else []


def _id(page: WebsocketSession) -> str:
    return page.user.id if isinstance(page.user, PersistedUser) else ""
