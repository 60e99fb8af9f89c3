"""The newest examples that nobody has decided on, one at a time, with buttons that decide.

It alone knows the buttons under an example, and how they come back on a page that is loaded again:
the page forgets them, so each message says in its metadata which example it shows. Who presses
them is asked each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import chainlit as cl
from chainlit.step import StepDict

from backend.conversations import mask
from backend.errors import NotFound
from backend.lessons import curated
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
TAKES_BACK = ("Undo", "Let the rules decide again")
OPEN, DECIDED, LEFT = "open", "decided", "left"
"""What a message about an example is: with buttons, with its decision, or passed by."""


def is_button(action: Mapping[str, Any]) -> bool:
    """Whether this is one of the buttons above, under an example."""
    payload = action.get("payload")
    return (
        action.get("name") == REVIEW
        and isinstance(payload, Mapping)
        and payload.get("does") in {*BUTTONS, UNDO}
        and type(payload.get("example")) is int
        and 0 < payload["example"] < 2**31
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

    async def resume(self, thread: Mapping[str, Any]) -> None:
        """Bring back the buttons of a thread that is opened again, where they still decide."""
        shown = [step for step in thread["steps"] if _shows_example(step)]
        if not shown or await self._reviewer(quiet=True) is None:
            return
        every = await asyncio.to_thread(self._by_number)
        for step in shown:
            one = every.get(step["metadata"]["example"])
            if one is not None and step["metadata"]["review"] == OPEN and decided(one):
                message = _message(step)
                await self._close(message, one)  # meanwhile, at another door
                step["output"], step["metadata"] = message.content, message.metadata
            elif one is not None and step["metadata"]["review"] == DECIDED and decided(one):
                await _offer(_message(step), {UNDO: TAKES_BACK})
        last = shown[-1]["metadata"]
        one = every.get(last["example"])
        if one is not None and last["review"] == OPEN and not decided(one):
            message, number = _message(shown[-1]), int(last["example"])
            held = Desk(message, number, correcting=_asked_for(number, thread["steps"]))
            cl.user_session.set("desk", held)
            await _offer(message, BUTTONS)

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
            await say(telling.correcting_text(number), metadata={"corrects": number})
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

    async def _decide(self, number: int, decision: str, reason: str) -> None:
        def change() -> None:
            with transaction(self.house.engine) as session:
                if turns.example(session, number).by_hand is None:  # else told what it was
                    turns.decide_by_hand(session, number, decision, reason)

        await asyncio.to_thread(change)
        await self._tell(number)
        await self._show_next()

    async def _undo(self, number: int) -> None:
        def change() -> Curated | None:
            with transaction(self.house.engine) as session:
                turns.correct(session, number, None)
                turns.decide_by_hand(session, number, None, "")
            return self._one(number)

        try:
            one = await asyncio.to_thread(change)
        except NotFound:
            one = None
        await say(telling.decided_text(one, undone=True) if one else telling.ALREADY)

    async def _tell(self, number: int) -> None:
        """In place of the example, what became of it."""
        one = await asyncio.to_thread(self._one, number)
        message = desk().message
        cl.user_session.set("desk", Desk(skipped=desk().skipped))
        if one is not None and message is not None:
            await self._close(message, one)

    async def _close(self, message: cl.Message, one: Curated) -> None:
        """Let a message tell a decision, and offer to take it back."""
        await message.remove_actions()
        message.content, message.elements, message.actions = telling.decided_text(one), [], []
        message.metadata = {"example": one.example.id, "review": DECIDED}
        await message.update()
        await _offer(message, {UNDO: TAKES_BACK})

    async def _clear(self) -> None:
        """Take the buttons away, on a page that is loaded again too."""
        held = desk()
        if held.message is not None:
            await held.message.remove_actions()
            held.message.metadata = {"example": held.example, "review": LEFT}
            held.message.elements = []  # those that are shown stay
            held.message.actions = []
            await held.message.update()
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
            metadata={"example": number, "review": OPEN},
        )
        await _offer(held.message, BUTTONS)

    def _waiting(self) -> list[Curated]:
        """What nobody has decided, newest first; the exam's own cannot be decided."""
        with transaction(self.house.engine) as session:
            every = curated(session, self.house.settings)
        return [one for one in reversed(every) if not decided(one) and one.rule != "exam"]

    def _by_number(self) -> dict[int | None, Curated]:
        with transaction(self.house.engine) as session:
            return {one.example.id: one for one in curated(session, self.house.settings)}

    def _one(self, number: int) -> Curated | None:
        return self._by_number().get(number)

    async def _reviewer(self, *, quiet: bool = False) -> str | None:
        """The name of who acts, where they may; else they are told that they may not."""
        user = cl.context.session.user
        if not isinstance(user, cl.PersistedUser):
            return None
        role = await asyncio.to_thread(self.house.sign_in.role, user.id)
        if refused := refusal(role, REVIEW):
            if not quiet:
                await say(refused)
            return None
        return user.identifier


def decided(one: Curated) -> bool:
    """Whether a person has said what becomes of an example."""
    return one.example.by_hand is not None or one.example.correction is not None


def _metadata(step: Mapping[str, Any]) -> Mapping[str, Any]:
    told = step.get("metadata")
    return told if isinstance(told, Mapping) else {}  # a page may have sent anything


def _shows_example(step: Mapping[str, Any]) -> bool:
    told = _metadata(step)
    return (
        step["type"] == "assistant_message"
        and told.get("review") in (OPEN, DECIDED, LEFT)
        and type(told.get("example")) is int
    )


def _asked_for(number: int, steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a better answer to this example was asked for last, and nothing was sent since."""
    asked = False
    for step in steps:
        if step["type"] == "user_message":
            asked = False
        elif _metadata(step).get("corrects") == number:
            asked = True
    return asked


def _message(step: Mapping[str, Any]) -> cl.Message:
    """A message about an example, as the thread keeps it."""
    message = cl.Message.from_dict(StepDict(**step))
    message.wait_for_answer = True
    return message


async def _offer(message: cl.Message, buttons: Mapping[str, tuple[str, str]]) -> None:
    """Put buttons under a message about an example, in place of those that are there."""
    assert message.metadata is not None, "each says which example it shows"
    for does, (label, tooltip) in buttons.items():
        payload = {"does": does, "example": message.metadata["example"]}
        button = cl.Action(name=REVIEW, payload=payload, label=label, tooltip=tooltip)
        # The same each time: a page that lost its connection alone still shows them.
        button.id = str(uuid5(NAMESPACE_URL, f"tenk:{message.id}:{does}"))
        button.forId = message.id
        await button.remove()
        await button.send(message.id)
        message.actions.append(button)
