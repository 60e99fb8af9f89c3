"""The newest examples that nobody has decided on, one at a time, with buttons that decide.

It alone knows the buttons under an example. Who presses them is asked each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import chainlit as cl

from backend.conversations import mask
from backend.standing import curated
from backend.store import turns
from backend.store.database import transaction
from bot import telling
from bot.orders import refusal
from bot.saying import pdf_at, say

if TYPE_CHECKING:
    from backend.datasets import Curated
    from bot.opening import House

REVIEW = "examples"
"""Name of the buttons' action, and of the command whose rights they need."""
BUTTONS = {
    "keep": ("Keep", "Train on it, whatever the rules say"),
    "drop": ("Drop", "Never train on it"),
    "correct": ("Correct", "Type a better answer, which is trained on in its place"),
    "skip": ("Skip", "Decide later"),
}
UNDO = "undo"
DECISIONS = {"keep": "keep", "drop": "drop", UNDO: None}


def is_button(action: Mapping[str, Any]) -> bool:
    """Whether this is one of the buttons above, under an example."""
    payload = action.get("payload")
    return (
        action.get("name") == REVIEW
        and isinstance(payload, Mapping)
        and payload.get("does") in {*BUTTONS, UNDO}
        and type(payload.get("example")) is int
        and all(isinstance(action.get(name, ""), str) for name in ("id", "label", "tooltip"))
        and not set(action) - {"id", "name", "payload", "label", "tooltip", "icon", "forId"}
    )


@dataclass
class Desk:
    """What one page has before it."""

    message: cl.Message | None = None
    example: int | None = None
    correcting: bool = False
    skipped: set[int] = field(default_factory=set[int])


def desk() -> Desk:
    """This page's."""
    held = cl.user_session.get("desk")
    if not isinstance(held, Desk):
        held = Desk()
        cl.user_session.set("desk", held)
    return held


@dataclass(frozen=True)
class Reviewing:
    """The review queue, over the house that the server opened."""

    house: House

    async def begin(self) -> None:
        """Show the newest example that is not decided; what was skipped comes again."""
        await self._clear()
        cl.user_session.set("desk", Desk())
        await self._show_next()

    async def press(self, action: cl.Action) -> None:
        """A button under an example. The route before it has asked who presses."""
        person = await self._reviewer()
        does, number = str(action.payload["does"]), int(action.payload["example"])
        held = desk()
        if person is None:
            return
        if does == UNDO:
            await self._undo(number)
        elif held.example != number:
            await say(telling.ALREADY)
        elif does == "correct":
            held.correcting = True
            await say(telling.correcting_text(number))
        elif does == "skip":
            held.skipped.add(number)
            await self._clear()
            await self._show_next()
        else:
            await self._decide(number, does, f"{person} said so")

    def wants_text(self) -> bool:
        """Whether the next message is the correction of an example."""
        return desk().correcting

    def forget(self) -> None:
        """The next message is no correction."""
        desk().correcting = False

    async def correct(self, text: str) -> None:
        """Take a message as the answer that is trained on."""
        held, person = desk(), await self._reviewer()
        held.correcting = False
        number = held.example
        if person is None or number is None or not text.strip():
            return

        def change() -> None:
            with transaction(self.house.engine) as session:
                turns.correct(session, number, mask(text.strip()))
                turns.decide_by_hand(session, number, "keep", f"corrected by {person}")

        await asyncio.to_thread(change)
        await self._tell(number)
        await self._show_next()

    async def _decide(self, number: int, does: str, reason: str) -> None:
        def change() -> None:
            with transaction(self.house.engine) as session:
                turns.decide_by_hand(session, number, DECISIONS[does], reason)

        await asyncio.to_thread(change)
        await self._tell(number)
        await self._show_next()

    async def _undo(self, number: int) -> None:
        def change() -> Curated | None:
            with transaction(self.house.engine) as session:
                turns.correct(session, number, None)
                turns.decide_by_hand(session, number, None, "")
            return self._one(number)

        one = await asyncio.to_thread(change)
        if one is not None:
            await say(telling.decided_text(one, undone=True))

    async def _tell(self, number: int) -> None:
        """In place of the example, what became of it."""
        one = await asyncio.to_thread(self._one, number)
        message = desk().message
        await self._clear()
        if one is None or message is None:
            return
        message.content = telling.decided_text(one)
        message.elements = []
        message.actions = [_button(UNDO, number, "Undo", "Let the rules decide again")]
        await message.update()

    async def _clear(self) -> None:
        """Take the buttons away."""
        held = desk()
        if held.message is not None:
            await held.message.remove_actions()
        held.message = held.example = None
        held.correcting = False

    async def _show_next(self) -> None:
        held = desk()
        waiting = await asyncio.to_thread(self._waiting)
        one = next((one for one in waiting if one.example.id not in held.skipped), None)
        if one is None or one.example.id is None:
            await say(telling.nothing_left_text(len(waiting)))
            return
        number = one.example.id
        held.example = number
        held.message = await say(
            telling.example_text(one, waiting=len(waiting)),
            elements=[pdf_at(source) for source in telling.example_sources(one)],
            actions=[_button(does, number, *told) for does, told in BUTTONS.items()],
        )

    def _waiting(self) -> list[Curated]:
        """What nobody has decided, newest first; the exam's own cannot be decided."""
        with transaction(self.house.engine) as session:
            every = curated(session, self.house.settings)
        return [
            one
            for one in reversed(every)
            if one.example.by_hand is None and one.example.correction is None and one.rule != "exam"
        ]

    def _one(self, number: int) -> Curated | None:
        with transaction(self.house.engine) as session:
            every = curated(session, self.house.settings)
        return next((one for one in every if one.example.id == number), None)

    async def _reviewer(self) -> str | None:
        """The name of who acts, where they may; else they are told that they may not."""
        user = cl.context.session.user
        if not isinstance(user, cl.PersistedUser):
            return None
        role = await asyncio.to_thread(self.house.sign_in.role, user.id)
        if refused := refusal(role, REVIEW):
            await say(refused)
            return None
        return user.identifier


def _button(does: str, number: int, label: str, tooltip: str) -> cl.Action:
    payload = {"does": does, "example": number}
    return cl.Action(name=REVIEW, payload=payload, label=label, tooltip=tooltip)
