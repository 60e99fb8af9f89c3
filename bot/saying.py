"""Words and sources go in, messages on the page come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import chainlit as cl
from chainlit.utils import utc_now

from bot import render

if TYPE_CHECKING:
    from bot.render import Source


@dataclass
class Reply:
    """One answer as it grows on the page."""

    message: cl.Message = field(default_factory=lambda: cl.Message(""))
    stopped: Callable[[str], str] = render.stopped_text
    """What is said when it is stopped here."""

    async def piece(self, text: str) -> None:
        """Show the next piece."""
        self.message.created_at = self.message.created_at or utc_now()
        await self.message.stream_token(text)

    async def restart(self) -> None:
        """Take away what a model said before it failed: another one answers."""
        await self.message.stream_token(" ", is_sequence=True)  # "" would be ignored

    async def ends(
        self, text: str, *, rateable: bool = False, elements: Sequence[Any] = ()
    ) -> None:
        """Show and keep the whole."""
        self.message.content = text
        self.message.elements = [*elements]
        self.message.wait_for_answer = not rateable  # what is no answer gets no thumbs
        if self.message.created_at is None:
            await self.message.send()
        else:
            await self.message.update()


async def say(
    text: str, *, elements: Sequence[Any] = (), metadata: dict[str, Any] | None = None
) -> cl.Message:
    """Show and keep something that is no answer, and so gets no thumbs."""
    message = cl.Message(text, elements=[*elements], metadata=metadata)
    message.parent_id = None  # beside the exchange: where there are buttons, thumbs come with them
    message.wait_for_answer = True
    await message.send()
    return message


def pdf_at(source: Source) -> cl.Pdf:
    """A cited page, opened beside the chat by a click on its number."""
    element = cl.Pdf(
        name=source.mark, url=f"/filings/{source.filing}.pdf", page=source.page, display="side"
    )
    element.props = {"title": source.title}
    return element
