"""What changes without a reader's doing goes in, the open pages that show it come out changed: a
cycle's progress in the thread that asked for it, and the one line after each swap.

It reads rows that other processes write, and runs nothing. A look that fails is logged, and the
next one tries again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from chainlit.server import sio

from backend import standing
from backend.records import Candidate, Role
from backend.store import cycles
from backend.store import history as rows
from backend.store.database import transaction
from backend.store.serving import TENK
from bot import telling
from bot.orders import refusal
from bot.wire import note, open_pages, signed_in, tell

if TYPE_CHECKING:
    from backend.records import Activation
    from bot.opening import House

log = logging.getLogger("tenk.chat")
EVERY = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True)
class Following:
    """Keeps pages up with the database, in tasks of this process."""

    house: House
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """What is followed, by the message that shows it."""

    def begin(self) -> None:
        """Watch for swaps until `end`. Needs a running event loop."""
        self._keep("swaps", self._swaps())

    async def end(self) -> None:
        """Follow nothing any more."""
        for task in (held := [*self.tasks.values()]):
            task.cancel()
        if held:
            await asyncio.wait(held)

    def _keep(self, key: str, work: Any) -> None:
        if key in self.tasks:
            work.close()
            return
        task = asyncio.create_task(work)
        self.tasks[key] = task
        task.add_done_callback(lambda _: self.tasks.pop(key, None))

    # -- a cycle

    async def show(self, cycle: int, *, thread: str, person: str) -> None:
        """Show a cycle in a thread, and how it goes on."""
        text, ended = await asyncio.to_thread(self._cycle_text, cycle)
        message = note(str(uuid4()), thread, text, cycle=cycle, ended=ended)
        await asyncio.to_thread(self._save, message, person)
        await tell(self.house.sign_in, person, thread, "new_message", message)
        if not ended:
            self._keep(message["id"], self._follow(message, person))

    async def resume(self, thread: dict[str, Any], person: str) -> None:
        """Bring the cycles in a thread that is opened again up to date, and follow them on."""
        for step in thread["steps"]:
            shown = step.get("metadata")
            if not isinstance(shown, Mapping):
                continue  # a page may have sent anything
            if shown.get("cycle") is None or shown.get("ended"):
                continue
            if not await asyncio.to_thread(self._may, person):
                return
            message = {**step, "threadId": thread["id"]}
            ended = await self._look(message, person)
            step["output"], step["metadata"] = message["output"], message["metadata"]
            if not ended:
                self._keep(message["id"], self._follow(message, person))

    async def _follow(self, message: dict[str, Any], person: str) -> None:
        async def look() -> bool:
            return not await asyncio.to_thread(self._may, person) or await self._look(
                message, person
            )

        await _again_and_again(look)

    async def _look(self, message: dict[str, Any], person: str) -> bool:
        """Bring a message up to date, on every page that shows it; whether its cycle has ended."""
        cycle = int(message["metadata"]["cycle"])
        text, ended = await asyncio.to_thread(self._cycle_text, cycle)
        if text == message["output"] and ended == message["metadata"]["ended"]:
            return ended
        if not await asyncio.to_thread(self._still_there, message["threadId"]):
            return True
        message["output"], message["metadata"] = text, {"cycle": cycle, "ended": ended}
        await asyncio.to_thread(self._save, message, person)
        await tell(self.house.sign_in, person, message["threadId"], "update_message", message)
        return ended

    def _may(self, person: str) -> bool:
        return refusal(self.house.sign_in.role(person), "retrain") is None

    def _still_there(self, thread: str) -> bool:
        with transaction(self.house.engine) as session:
            return rows.thread(session, thread) is not None

    def _save(self, message: dict[str, Any], person: str) -> None:
        with transaction(self.house.engine) as session:
            rows.save_step(session, message, person=person)

    def _cycle_text(self, key: int) -> tuple[str, bool]:
        view = self._view(key)
        return telling.cycle_text(view), view.ended

    def _view(self, key: int) -> telling.CycleView:
        teacher = self.house.settings.endpoint(Role.TEACHER).model
        with transaction(self.house.engine) as session:
            row = cycles.cycle(session, key)
            told = cycles.events(session, key)
            sittings = cycles.sittings(session, key) if row.candidate is not None else []
            made = cycles.verdict(session, row.verdict) if row.verdict else None
            aside = made.certificate.get("more", {}).get("put_aside", {}) if made else {}
            counted = [one for one in sittings if str(one[0].question) not in aside]
            return telling.CycleView(
                row=standing.cycle_row(session, row, state="", teacher=teacher),
                by=row.by,
                started=row.started_at,
                events=told,
                progress=standing.progress(counted),
                held_up=standing.held_up(session),
            )

    # -- swaps

    async def _swaps(self) -> None:
        known = await asyncio.to_thread(self._latest)

        async def look() -> bool:
            nonlocal known
            for one in await asyncio.to_thread(self._since, known):
                await self.tell_everybody(one)
                known = one  # where that failed, the next look tells it
            return False

        await _again_and_again(look)

    def _latest(self) -> Activation | None:
        with transaction(self.house.engine) as session:
            return cycles.latest_activation(session)

    def _since(self, known: Activation | None) -> list[Activation]:
        """The swaps after this one, oldest first; two may come between two looks."""
        latest = self._latest()
        if latest is None or (known is not None and not _is_after(known, latest)):
            return []
        with transaction(self.house.engine) as session:
            every = cycles.activations(session)
        return [one for one in reversed(every) if known is None or _is_after(known, one)]

    async def tell_everybody(self, activation: Activation) -> None:
        """Tell every open chat that the active model has changed, in one line that stays."""
        text = await asyncio.to_thread(self._swap_line, activation)
        pages = await signed_in(self.house.sign_in, open_pages())
        told: dict[str, dict[str, Any]] = {}
        for page in pages:
            key = str(uuid5(NAMESPACE_URL, f"tenk:swap:{activation.id}:{page.thread_id}"))
            told.setdefault(page.thread_id, note(key, page.thread_id, text))
        # Kept first: a page that is being loaded finds it there, whatever it hears.
        await asyncio.to_thread(self._keep_where_begun, [*told.values()])
        for page in pages:
            await sio.emit("new_message", told[page.thread_id], to=page.socket_id)

    def _keep_where_begun(self, messages: list[dict[str, Any]]) -> None:
        """In a conversation that has not begun there is nothing to keep."""
        with transaction(self.house.engine) as session:
            for message in messages:
                if rows.thread(session, message["threadId"]) is not None:
                    rows.save_step(session, message)

    def _swap_line(self, activation: Activation) -> str:
        with transaction(self.house.engine) as session:
            chosen = session.get_one(Candidate, activation.candidate)
            every = cycles.activations(session)
            earlier = [one for one in every if (one.id or 0) < (activation.id or 0)]
            made = standing.origin(session, chosen)
        before = {one.candidate for one in earlier}
        teacher = chosen.role == Role.TEACHER.value and bool(before)  # it answered at first
        by_itself = activation.by == TENK  # why is for who can mend it, and in their status
        return telling.swap_line(
            telling.Swap(
                model=chosen.model,
                by="itself" if by_itself else activation.by,
                reason="" if by_itself else activation.reason,
                again=activation.undoes is not None or chosen.id in before or teacher,
                undoes=activation.undoes is not None,
                cycle=made.cycle,
                gain=made.verdict.gain if made.verdict else None,
            )
        )


def _is_after(known: Activation, one: Activation) -> bool:
    """By number; by time where numbers began anew, and two machines' clocks may differ."""
    return (one.id or 0) > (known.id or 0) or one.at > known.at


async def _again_and_again(look: Callable[[], Awaitable[bool]]) -> None:
    """Look every so often until a look says that it was the last one."""
    while True:
        await asyncio.sleep(EVERY)
        looking = asyncio.ensure_future(look())
        try:
            await asyncio.wait({looking})
        finally:
            looking.cancel()  # where this is cancelled itself
        if (error := looking.exception()) is not None:
            log.error("A look at what has changed failed.", exc_info=error)
        elif looking.result():
            return
