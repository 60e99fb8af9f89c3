"""Chainlit's handlers: take what the reader did, ask the assistant, show what came back."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chainlit as cl
from chainlit.config import config
from chainlit.data import get_data_layer
from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.utils import wrap_user_function

from backend.errors import Stopped
from backend.index.choosing import choose
from backend.library import Ingested, Refused
from backend.store import history as rows
from backend.store.database import transaction
from backend.store.filings import filings
from bot import render
from bot.history import History, as_user, short
from bot.orders import order_of
from bot.reviewing import REVIEW
from bot.saying import Reply, pdf_at, say
from bot.signin import stamp
from bot.wire import tell

if TYPE_CHECKING:
    from backend.records import Filing, Person, Turn
    from bot.admin import Admin
    from bot.opening import House
    from bot.orders import Order

log = logging.getLogger("tenk.chat")
SHOWN_EVERY = 0.25
"""Seconds between two looks at how far a file has been read."""


@dataclass(frozen=True)
class Chat:
    """The handlers, over the house that the server opened."""

    house: House
    admin: Admin
    running: dict[str, set[asyncio.Task[None]]] = field(default_factory=dict)
    """What is being answered, by page."""
    offered: dict[str, list[render.Starter]] = field(default_factory=dict)
    """Starters already made, by the filings they were made from."""

    # -- coming in

    async def sign_in(self, name: str, password: str) -> cl.User | None:
        """Somebody's name and password, from the sign-in page."""
        person = await asyncio.to_thread(self.house.sign_in.with_password, name, password)
        return ticket(person) if person else None

    async def come_in(self, headers: Any) -> cl.User | None:
        """On this machine, while nobody has a password: the local admin."""
        person = await asyncio.to_thread(self.house.sign_in.local)
        return ticket(person) if person else None

    async def starters(self, user: cl.User | None) -> list[cl.Starter]:
        """Questions that the filings here can answer."""
        if user is None:
            return []
        made = await asyncio.to_thread(self._starters)
        return [cl.Starter(label=one.label, message=one.message) for one in made]

    def _starters(self) -> list[render.Starter]:
        newest = self._filings()[-4:][::-1]
        key = " ".join(one.id for one in newest)
        if key not in self.offered:
            chunks = [(one, self.house.index.chunks_of(one.id)) for one in newest]
            self.offered.clear()
            self.offered[key] = render.starters(chunks)
        return self.offered[key]

    def _filings(self) -> list[Filing]:
        with transaction(self.house.engine) as session:
            return filings(session)

    async def start(self) -> None:
        """An empty library is said, with what to do."""
        if not await asyncio.to_thread(self._filings):
            await say(render.EMPTY)
        await self.admin.offer()

    async def resume(self, thread: Any) -> None:
        """Chainlit shows the thread again by itself, after this."""
        await self.admin.offer()
        person = cl.context.session.user
        if isinstance(person, cl.PersistedUser):
            await self.admin.following.resume(thread, person.id)
            await self.admin.reviewing.resume(thread)

    # -- a message

    async def answer(self, message: cl.Message) -> None:
        """Take in the files of a message, then answer its question."""
        reply = Reply()
        work = asyncio.create_task(self._work(message, reply))
        page = cl.context.session.id
        self.running.setdefault(page, set()).add(work)
        await asyncio.wait({work})
        self.running[page].discard(work)
        if not self.running[page]:
            del self.running[page]
        said = reply.message.content
        if work.cancelled() or isinstance(work.exception(), Stopped):
            await reply.ends(reply.stopped(said))
        elif (error := work.exception()) is not None:
            log.error("A message was not answered.", exc_info=error)
            await reply.ends(render.failed_text(said, render.error_sentence(error)))

    async def stop(self, page: str) -> None:
        """The stop button: end what this page waits for."""
        await self._end(self.running.get(page, set()))

    async def stop_all(self) -> None:
        """End everything that is being answered."""
        await self._end({work for tasks in self.running.values() for work in tasks})

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        for work in tasks:
            work.cancel()
        if tasks:
            await asyncio.wait(set(tasks), timeout=5)

    async def _work(self, message: cl.Message, reply: Reply) -> None:
        person = cl.context.session.user
        thread = cl.context.session.thread_id
        if not isinstance(person, cl.PersistedUser):
            await reply.ends(render.NOT_IN)
            return
        token = cl.context.session.token
        if not await asyncio.to_thread(self._may, person.id, token, thread):
            await reply.ends(render.NOT_IN)
            return
        if isinstance(history := get_data_layer(), History):
            await history.keep_question(message.to_dict(), person.id)
        order = order_of(message.command, message.content)
        if order is not None or self.admin.reviewing.wants_text():
            await self._obey(order, message, reply)
            return
        uploads = [one for one in message.elements if one.path]
        taken = await self._take_in(uploads, reply) if uploads else []
        question = message.content.strip()
        if not await asyncio.to_thread(self._filings) and not uploads:
            await reply.ends(render.EMPTY)
            return
        if not question:
            await self._name_thread(", ".join(one.name for one in uploads))
            return
        if uploads and not taken:
            return  # its refusal is said; to answer from other filings would mislead
        filing = await asyncio.to_thread(self._focus, question, taken)
        turn = await self.house.assistant.ask(
            question,
            thread=thread,
            person=person.id,
            filing=filing,
            step=_run_id(),
            on_token=reply.piece,
            on_restart=reply.restart,
        )
        await self._show(reply, turn)

    async def _obey(self, order: Order | None, message: cl.Message, reply: Reply) -> None:
        """Carry out an order, or take the text that a button asked for."""
        if order is None:
            await self.admin.reviewing.correct(message.content)
            return
        self.admin.reviewing.forget()
        if message.command:  # from the menu: shown, and found again, as if it had been typed
            typed, message.command = message.content, ""
            message.content = f"/{order.name} {order.rest}".strip()
            await message.update()
            await self._name_thread(message.content, instead_of=typed)
        session = cl.context.session
        assert isinstance(session.user, cl.PersistedUser), "who is nobody was turned away before"
        told = await self.admin.carry_out(order, person=session.user.id, thread=session.thread_id)
        if told:
            await reply.ends(told)

    def _may(self, person: str, token: str | None, thread: str) -> bool:
        if not self.house.sign_in.still(person, token):
            return False
        with transaction(self.house.engine) as session:
            return rows.thread_owner(session, thread) in (None, person)

    def _focus(self, question: str, taken: list[str]) -> str | None:
        """The filing that is meant: one just added, until a question names a company itself."""
        if len(taken) == 1:
            cl.user_session.set("filing", taken[0])
            return taken[0]
        here = self._filings()
        focus = cl.user_session.get("filing")
        if choose(question, here).companies_named or focus not in [one.id for one in here]:
            cl.user_session.set("filing", None)
            return None
        return focus

    async def _show(self, reply: Reply, turn: Turn) -> None:
        elements = [pdf_at(source) for source in render.sources(turn)]
        await reply.ends(render.answer_text(turn), rateable=True, elements=elements)
        shown = reply.message.to_dict()
        session = cl.context.session
        for event, data in [("new_message", shown), *(("element", e.to_dict()) for e in elements)]:
            await tell(self.house.sign_in, turn.person, turn.thread, event, data, but=session.id)

    # -- files

    async def _take_in(self, uploads: Sequence[Any], reply: Reply) -> list[str]:
        """Make uploaded PDFs searchable, showing how far that is; the ids of those that are."""
        report = Reply()
        reply.stopped = render.reading_stopped_text
        results = await self._read(uploads, report)
        reply.stopped = render.stopped_text
        lines: list[str] = []
        for upload, result in zip(uploads, results, strict=True):
            if isinstance(result, Ingested):
                await self._keep(upload, result.filing)
            lines.append(await asyncio.to_thread(self._outcome, upload.name, result))
        await report.ends("\n\n".join(lines))
        ids = [one.filing for one in results if isinstance(one, Ingested)]
        cl.user_session.set("filing", ids[-1] if len(ids) == 1 else None)
        return ids

    async def _read(self, uploads: Sequence[Any], report: Reply) -> list[Ingested | Refused]:
        """Ingest uploads; a report of what is stopped or fails is taken away again."""
        so_far = Progress(render.reading_line(uploads[0].name, 0, 0))
        await report.ends(so_far.line)
        shown = asyncio.create_task(_keep_showing(report.message, so_far))
        whole = False
        try:
            with tempfile.TemporaryDirectory(dir=self.house.settings.home) as folder:
                paths = await asyncio.to_thread(_under_their_names, uploads, Path(folder))
                results = await self.house.library.ingest(paths, on_progress=so_far.goes_on)
            whole = True
            return results
        finally:
            shown.cancel()
            if not whole:
                await report.message.remove()

    def _outcome(self, name: str, result: Ingested | Refused) -> str:
        if isinstance(result, Refused):
            return render.refused_line(name, result.reason)
        row = next((one for one in self._filings() if one.id == result.filing), None)
        return render.ingest_line(
            row, file=name, seconds=result.seconds, already_known=result.already_known
        )

    async def _keep(self, upload: Any, filing: str) -> None:
        """Let the reader's own message show its file again after a reload."""
        upload.url = f"/filings/{filing}.pdf"
        if (history := get_data_layer()) is not None:
            await history.create_element(upload)

    async def _name_thread(self, name: str, *, instead_of: str = "") -> None:
        """A thread begun without words of the reader's is found by what it began with; one named
        after what was typed behind an order of the menu, by the order."""
        history = get_data_layer()
        session = cl.context.session
        if history is None or not name:
            return
        thread = await history.get_thread(session.thread_id)
        if thread is not None and thread["name"] in (None, short(instead_of)):
            await history.update_thread(session.thread_id, name=name)
            told = {"interaction": name, "thread_id": session.thread_id}
            await cl.context.emitter.emit("first_interaction", told)


@dataclass
class Progress:
    """How far reading has come; written from the reading thread, shown by the page's."""

    line: str

    def goes_on(self, done: int, total: int, label: str) -> None:
        """What the library calls."""
        self.line = render.reading_line(label, done, total)


async def _keep_showing(message: cl.Message, progress: Progress) -> None:
    while True:
        await asyncio.sleep(SHOWN_EVERY)
        if message.content != progress.line:
            message.content = progress.line
            await cl.context.emitter.update_step(message.to_dict())


def _under_their_names(uploads: Sequence[Any], folder: Path) -> list[Path]:
    """The uploads once more, under the names the person gave them."""
    paths: list[Path] = []
    for number, upload in enumerate(uploads):
        place = folder / str(number) / (Path(upload.name).name or "upload.pdf")
        place.parent.mkdir()
        os.link(upload.path, place)
        paths.append(place)
    return paths


def _run_id() -> str | None:
    """What a rating of this answer will name."""
    run = cl.context.current_run
    return run.id if run is not None else None


def ticket(person: Person) -> cl.User:
    """What a sign-in cookie says of a person."""
    user = as_user(person)
    return cl.User(
        identifier=person.name,
        display_name=user.display_name,
        metadata={**user.metadata, "stamp": stamp(person)},
    )


def register(chat: Chat, data_layer: Any) -> None:
    """Hang the handlers on Chainlit."""
    cl.data_layer(lambda: data_layer)
    cl.password_auth_callback(chat.sign_in)
    cl.header_auth_callback(chat.come_in)
    cl.set_starters(chat.starters)
    # Chainlit's own would lock the page meanwhile, and an Enter into a page just opened be lost.
    config.code.on_chat_start = wrap_user_function(chat.start)
    cl.on_chat_resume(chat.resume)
    cl.on_message(chat.answer)
    cl.action_callback(REVIEW)(chat.admin.reviewing.press)

    async def stop(sid: str) -> None:
        if (session := WebsocketSession.get(sid)) is not None:
            await chat.stop(session.id)

    sio.on("stop", stop)
