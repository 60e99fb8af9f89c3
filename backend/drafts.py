"""An answer in the making: a prompt and a model in, a turn for the log out.

It alone knows what an answer needs from the models, and what is done to it before it is logged.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from backend import answers, figures
from backend.claims import figures_of
from backend.conversations import Asked, Replied, turn_from
from backend.errors import ProviderError, TenkError
from backend.records import Message, Passage, Role, Turn, Usage

if TYPE_CHECKING:
    from backend.settings import Endpoint

OnToken = Callable[[str], Awaitable[None]]


class Speaks(Protocol):
    """The models, as far as an answer needs them: `backend.models.Models`, or a fake."""

    def endpoint(self, role: Role) -> "Endpoint": ...

    def stream(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> AsyncIterator[str | Usage]: ...

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]: ...

    def cost(self, model: str, usage: Usage) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Answerer:
    """The model that answers, whose settings reach it, and how it came to answer."""

    model: str
    role: Role
    activation: int | None = None
    """The activation that chose it; None: asked for by name, or no swap has been made."""
    cycle: int | None = None
    """The cycle that made it, where one did."""


@dataclass(slots=True)
class Draft:
    """What is known of an answer when it ends, however it ends."""

    asked: Asked
    answerer: Answerer
    started: float = field(default_factory=monotonic)
    evidence: list[Passage] = field(default_factory=list[Passage])
    messages: list[Message] = field(default_factory=list[Message])
    pieces: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)
    costs: list[float | None] = field(default_factory=list[float | None])
    instead_of: int | None = None

    @property
    def cost_usd(self) -> float | None:
        """The sum; None where the price of one call is not known."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) if known and len(known) == len(self.costs) else None

    def spend(self, usage: Usage, cost: float | None) -> None:
        """Count a call."""
        self.costs.append(cost)
        self.usage = Usage(
            prompt_tokens=self.usage.prompt_tokens + usage.prompt_tokens,
            completion_tokens=self.usage.completion_tokens + usage.completion_tokens,
        )

    def by(self, answerer: Answerer, *, instead_of: int | None) -> "Draft":
        """The same question to another model; what was spent so far stays with this draft."""
        return Draft(
            asked=self.asked,
            answerer=answerer,
            started=self.started,
            evidence=self.evidence,
            messages=self.messages,
            instead_of=instead_of,
        )


async def speak(models: Speaks, draft: Draft, on_token: OnToken) -> None:
    """Let the model answer, piece by piece. Raises typed errors of one sentence."""
    usage: Usage | None = None
    answerer = draft.answerer
    told = models.stream(answerer.role, draft.messages, model=answerer.model)
    async with _closing(told) as parts:
        async for part in parts:
            if isinstance(part, Usage):
                usage = part
                continue
            draft.pieces.append(part)
            await on_token(part)
    if usage is not None:
        draft.spend(usage, models.cost(answerer.model, usage))
    if usage is None or not "".join(draft.pieces).strip():
        raise ProviderError(
            f"The {answerer.role} model {answerer.model} ended without a whole "
            "answer. Ask again; if it stays so, type `tenk doctor`."
        )


def turn_of(draft: Draft, *, state: str = "whole", error: TenkError | str | None = None) -> Turn:
    """The draft as the log keeps it; a whole answer with its citations and marks."""
    answerer = draft.answerer
    replied = Replied(
        answer="".join(draft.pieces),
        model=answerer.model,
        role=answerer.role.value,
        usage=draft.usage,
        cost_usd=draft.cost_usd,
        state=state,
        error=None if error is None else str(error),
        fault=type(error).__name__ if isinstance(error, TenkError) else None,
        activation=answerer.activation,
        cycle=answerer.cycle,
        instead_of=draft.instead_of,
    )
    if state == "whole":
        replied = finished(replied, draft.evidence, draft.asked.standalone)
    replied = replace(replied, seconds=monotonic() - draft.started)
    return turn_from(draft.asked, replied, evidence=draft.evidence, messages=draft.messages)


def finished(replied: Replied, evidence: Sequence[Passage], question: str) -> Replied:
    """The reply with its citations, its figures checked, and what is not found marked."""
    done = answers.finish(replied.answer, evidence, question=question)
    checked = figures.check_figures(done.text, done.citations, evidence, question=question)
    # A refusal may repeat a figure of the question, and states nothing by it.
    asked = {figure.text for figure in figures_of(question)} if done.refused else frozenset[str]()
    marked = [
        figure.model_copy(update={"found": True}) if figure.text in asked else figure
        for figure in checked
    ]
    return replace(
        replied,
        answer=figures.mark(done.text, marked),
        citations=done.citations,
        figures=[figure for figure in checked if figure.text not in asked],
        refused=done.refused,
    )


@asynccontextmanager
async def _closing(
    parts: AsyncIterator[str | Usage],
) -> AsyncGenerator[AsyncIterator[str | Usage], None]:
    """Close the stream, and with it the connection, however the loop over it ends."""
    try:
        yield parts
    finally:
        if isinstance(parts, AsyncGenerator):
            await parts.aclose()
