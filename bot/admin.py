"""Orders of admins and reviewers: each is refused or carried out, and answered in the chat."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import chainlit as cl

from backend import standing, steering
from backend.conversations import mask
from backend.errors import DataError, TenkError
from backend.store import cycles, persons
from backend.store.database import transaction
from bot import reporting
from bot.orders import Order, allowed, refusal
from bot.render import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlmodel import Session

    from bot.following import Following
    from bot.opening import House
    from bot.reviewing import Reviewing


@dataclass(frozen=True, slots=True)
class Given:
    """An order, by whom and where."""

    order: Order
    person: str
    name: str
    thread: str

    @property
    def by(self) -> str:
        """How the record names who decided."""
        return f"{self.name} in the chat"


@dataclass(frozen=True)
class Admin:
    """Carries out orders, over the house that the server opened."""

    house: House
    following: Following
    reviewing: Reviewing

    async def offer(self) -> None:
        """Put what this person may order into the page's menu."""
        user = cl.context.session.user
        person = user.id if isinstance(user, cl.PersistedUser) else ""
        role = await asyncio.to_thread(self.house.sign_in.role, person)
        await cl.context.emitter.set_commands(
            [
                {
                    "id": one.name,
                    "description": one.does,
                    "icon": one.icon,
                    "button": False,
                    "persistent": False,
                    "selected": False,
                }
                for one in allowed(role)
            ]
        )

    async def carry_out(self, order: Order, *, person: str, thread: str) -> str:
        """What to answer; empty where the answer shows itself. Asks the database who may."""
        role, name = await asyncio.to_thread(self._who, person)
        if refused := refusal(role, order.name):
            await self.offer()  # the menu is of the role that the page was opened in
            return refused
        carry: dict[str, Callable[[Given], Awaitable[str]]] = {
            "status": self._status,
            "retrain": self._retrain,
            "pause": self._pause,
            "resume": self._resume,
            "cancel": self._cancel,
            "models": self._models,
            "promote": self._promote,
            "rollback": self._roll_back,
            "examples": self._examples,
        }
        try:
            return await carry[order.name](Given(order, person, name, thread))
        except TenkError as error:
            return plain(str(error).replace("`tenk models`", "`/models`"))  # of this door

    def _who(self, person: str) -> tuple[str | None, str]:
        with transaction(self.house.engine) as session:
            row = persons.person(session, person)
        return self.house.sign_in.role(person), row.name if row else ""

    async def _status(self, _: Given) -> str:
        def told() -> str:
            with transaction(self.house.engine) as session:
                return reporting.status_text(standing.standing(session, self.house.settings))

        return await asyncio.to_thread(told)

    async def _models(self, _: Given) -> str:
        def told() -> str:
            with transaction(self.house.engine) as session:
                active = standing.active_row(session, self.house.settings)
                return reporting.models_text(standing.model_rows(session), active)

        return await asyncio.to_thread(told)

    async def _retrain(self, given: Given) -> str:
        def opened() -> int:
            with transaction(self.house.engine) as session:
                return steering.ask_for_cycle(session, by=given.name).id or 0

        cycle = await asyncio.to_thread(opened)
        await self.following.show(cycle, thread=given.thread, person=given.person)
        return ""

    def _running(self, session: Session, to: str) -> int:
        """The cycle under way. Raises DataError where there is none `to` do something with."""
        row = cycles.running_cycle(session)
        if row is None or row.id is None:
            raise DataError(f"No cycle is running, so there is nothing to {to}.")
        return row.id

    async def _pause(self, given: Given) -> str:
        def done() -> int:
            with transaction(self.house.engine) as session:
                key = self._running(session, "pause")
                steering.pause_cycle(session, key, by=given.by, reason=mask(given.order.rest))
                return key

        return (
            f"Cycle {await asyncio.to_thread(done)} is paused: what is under way is finished and "
            "kept, nothing new is begun. `/resume` lets it go on."
        )

    async def _resume(self, given: Given) -> str:
        def done() -> int:
            with transaction(self.house.engine) as session:
                key = self._running(session, "resume")
                steering.resume_cycle(session, key, by=given.by, reason=mask(given.order.rest))
                return key

        cycle = await asyncio.to_thread(done)
        await self.following.show(cycle, thread=given.thread, person=given.person)
        return ""

    async def _cancel(self, given: Given) -> str:
        def running() -> int:
            with transaction(self.house.engine) as session:
                return self._running(session, "cancel")

        key = await asyncio.to_thread(running)
        why = f": {mask(given.order.rest)}" if given.order.rest else "."
        await steering.cancel_cycle(
            self.house.engine, self.house.models, key, reason=f"Cancelled by {given.by}{why}"
        )
        return f"Cycle {key} is cancelled. The model that answers stays."

    async def _promote(self, given: Given) -> str:
        model, _, reason = given.order.rest.partition(" ")
        if not model:
            return "Name a model that `/models` lists: `/promote MODEL reason`"

        chosen = await steering.promote_heard(
            self.house.engine,
            self.house.models,
            self.house.settings,
            model.strip("`"),
            by=given.by,
            reason=mask(reason.strip()),
            again="`/promote {model} your reason`",
        )
        return f"`{chosen.model}` answers from the next question on. Undo it: `/rollback`"

    async def _roll_back(self, given: Given) -> str:
        def done() -> str:
            with transaction(self.house.engine) as session:
                reason = mask(given.order.rest)
                return steering.roll_back(
                    session, self.house.settings, by=given.by, reason=reason
                ).model

        return f"`{await asyncio.to_thread(done)}` answers again, from the next question on."

    async def _examples(self, _: Given) -> str:
        await self.reviewing.begin()
        return ""
