"""Online: a reader's question in, a logged answer out; joins the steps that answer.

Gather (two short reads), act (search, stream), apply (one write). No transaction is open while a
model speaks.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Literal, Protocol

from backend import answers, figures
from backend.claims import figures_of
from backend.conversations import Asked, Replied, mask, teaches, turn_from
from backend.datasets import Curated, curate, rule_against
from backend.errors import DataError, NotYours, ProviderError, TenkError
from backend.records import Filing, Message, Passage, Role, Turn, Usage
from backend.store import turns
from backend.store.database import transaction
from backend.store.filings import filing as filing_of
from backend.store.filings import filings as all_filings

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.settings import Endpoint, Settings

HISTORY = 3
"""Earlier exchanges that a follow-up is understood from."""
LONGEST = 4000
"""Characters of a question; a longer one is a pasted page rather than a question."""

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


class Finds(Protocol):
    """The index, as far as an answer needs it: `backend.index.Index`, or a fake."""

    async def search(
        self, question: str, *, filings: Sequence[Filing], filing: str | None = None, limit: int = 8
    ) -> list[Passage]: ...


@dataclass(frozen=True, slots=True)
class Answerer:
    """The model that answers, and whose settings reach it."""

    model: str
    role: Role


@dataclass(slots=True)
class _Draft:
    """An answer in the making: what is known when it ends, however it ends."""

    asked: Asked
    answerer: Answerer
    filings: list[Filing]
    filing: str | None
    history: list[tuple[str, str]]
    started: float
    evidence: list[Passage] = field(default_factory=list[Passage])
    messages: list[Message] = field(default_factory=list[Message])
    pieces: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)
    costs: list[float | None] = field(default_factory=list[float | None])

    @property
    def cost_usd(self) -> float | None:
        """The sum; None where the price of one call is not known."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) if known and len(known) == len(self.costs) else None


@dataclass(frozen=True, slots=True)
class Rated:
    """A turn after its rating, and its example where it has one."""

    turn: Turn
    example: Curated | None


@dataclass(frozen=True)
class Assistant:
    """Answers questions with the model that is active now, and logs every turn."""

    engine: "Engine"
    models: Speaks
    index: Finds
    settings: "Settings"

    async def ask(
        self,
        question: str,
        *,
        thread: str,
        person: str = "cli",
        filing: str | None = None,
        model: str = "active",
        step: str | None = None,
        on_token: OnToken | None = None,
    ) -> Turn:
        """Answer a question, and log the turn.

        Raw pieces of the answer go to `on_token` as they arrive; the turn holds the finished
        answer, with its citations and marks. A call that is cancelled is logged as stopped, one
        that fails as failed; neither is an example, and both are raised again. Raises DataError,
        NotFound or NotYours where there is nothing to ask; these are not logged.
        """
        asked = Asked(_question(question), "", thread, person, step)
        draft = self._gather(asked, filing=filing, model=model)
        try:
            await self._understand(draft)
            await self._search(draft)
            await self._answer(draft, on_token)
        except asyncio.CancelledError:
            self._log(draft, state="stopped", error="Stopped before the answer was whole.")
            raise
        except DataError:
            raise
        except TenkError as error:
            self._log(draft, state="failed", error=str(error))
            raise
        return self._log(draft)

    def rate(
        self,
        turn: int,
        rating: Literal[1, -1] | None,
        *,
        comment: str = "",
        person: str | None = None,
    ) -> Rated:
        """Record what the reader made of an answer; None takes it back.

        Tells whether the turn's example is kept after that. With `person`, the turn must be
        theirs. Raises NotFound, NotYours.
        """
        if rating not in (1, -1, None):
            raise DataError(f"Expected a rating of 1 or -1, found {rating}.")
        with transaction(self.engine) as session:
            row = turns.rate(session, turn, rating, comment=mask(comment), person=person)
            session.flush()
            return Rated(row, _example_now(session, row))

    # -- gather

    def _gather(self, asked: Asked, *, filing: str | None, model: str) -> _Draft:
        with transaction(self.engine) as session:
            filings = all_filings(session)
            if not filings:
                raise DataError(
                    "No filing has been ingested yet, so there is nothing to answer from. "
                    "Type: tenk ingest PATH"
                )
            if filing is not None:
                filing_of(session, filing)
            owner = turns.owner_of_thread(session, asked.thread)
            if owner not in (None, asked.person):
                raise NotYours("thread", asked.thread)
            before = turns.last_turns(session, asked.thread, limit=HISTORY)
            answerer = self._answerer(session, model)
        return _Draft(
            asked=replace(asked, standalone=asked.question),
            answerer=answerer,
            filings=filings,
            filing=filing,
            history=[(turn.standalone, turn.answer) for turn in before],
            started=monotonic(),
        )

    def _answerer(self, session: "Session", model: str) -> Answerer:
        """Who answers: the active model, a role's own, or one named.

        A model that tenk knows only by the name given is reached as the student is: its answers
        never teach.
        """
        if model in (Role.TEACHER, Role.STUDENT):
            return Answerer(self.models.endpoint(Role(model)).model, Role(model))
        if model == "active":
            candidate = turns.active_candidate(session)
            if candidate is None:
                return Answerer(self.models.endpoint(Role.TEACHER).model, Role.TEACHER)
        else:
            candidate = turns.candidate_named(session, model)
        if candidate is not None:
            return Answerer(candidate.model, Role(candidate.role))
        is_teacher = model == self.models.endpoint(Role.TEACHER).model
        return Answerer(model, Role.TEACHER if is_teacher else Role.STUDENT)

    # -- act

    async def _understand(self, draft: _Draft) -> None:
        """Make a follow-up a question that can be understood alone."""
        if not draft.history:
            return
        question = draft.asked.question
        messages = answers.rewriting_messages(draft.history, question)
        reply, usage = await self.models.complete(Role.TEACHER, messages)
        self._spend(draft, self.models.endpoint(Role.TEACHER).model, usage)
        draft.asked = replace(draft.asked, standalone=answers.standalone(reply, question))

    async def _search(self, draft: _Draft) -> None:
        found = await self.index.search(
            draft.asked.standalone,
            filings=draft.filings,
            filing=draft.filing,
            limit=self.settings.passages,
        )
        if not found:
            raise DataError(
                f'Found no passage about "{draft.asked.standalone}" in the filings ingested. '
                "Type `tenk filings` to see them, `tenk ingest PATH` to add one, or "
                "`tenk ingest --reindex` where the index was lost."
            )
        draft.evidence = answers.fitted(found, budget=self.settings.evidence_tokens)
        draft.messages = answers.messages_for(draft.asked.standalone, draft.evidence)

    async def _answer(self, draft: _Draft, on_token: OnToken | None) -> None:
        usage: Usage | None = None
        told = self.models.stream(draft.answerer.role, draft.messages, model=draft.answerer.model)
        async with _closing(told) as parts:
            async for part in parts:
                if isinstance(part, Usage):
                    usage = part
                    continue
                draft.pieces.append(part)
                if on_token is not None:
                    await on_token(part)
        if usage is None or not "".join(draft.pieces).strip():
            raise ProviderError(
                f"The {draft.answerer.role} model {draft.answerer.model} ended without a whole "
                "answer. Ask again; if it stays so, type `tenk doctor`."
            )
        self._spend(draft, draft.answerer.model, usage)

    def _spend(self, draft: _Draft, model: str, usage: Usage) -> None:
        draft.costs.append(self.models.cost(model, usage))
        draft.usage = Usage(
            prompt_tokens=draft.usage.prompt_tokens + usage.prompt_tokens,
            completion_tokens=draft.usage.completion_tokens + usage.completion_tokens,
        )

    # -- apply

    def _log(self, draft: _Draft, *, state: str = "whole", error: str | None = None) -> Turn:
        replied = Replied(
            answer="".join(draft.pieces),
            model=draft.answerer.model,
            role=draft.answerer.role.value,
            usage=draft.usage,
            cost_usd=draft.cost_usd,
            state=state,
            error=error,
        )
        if state == "whole":
            replied = finished(replied, draft.evidence, draft.asked.standalone)
        turn = turn_from(
            draft.asked,
            replace(replied, seconds=monotonic() - draft.started),
            evidence=draft.evidence,
            messages=draft.messages,
        )
        with transaction(self.engine) as session:
            return turns.add_turn(session, turn, example=teaches(turn))


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


def _question(text: str) -> str:
    """The reader's question as it may be stored and sent. Raises DataError."""
    question = mask(text.strip())
    if not question:
        raise DataError("Expected a question, found nothing. Type what you want to know.")
    if len(question) > LONGEST:
        raise DataError(
            f"Expected a question of at most {LONGEST} characters, found {len(question)}. "
            "Ask about one thing at a time; to ask a document, ingest it."
        )
    return question


def _example_now(session: "Session", turn: Turn) -> Curated | None:
    """The example of a turn, with what becomes of it after the rating just given."""
    assert turn.id is not None
    example = turns.example_of_turn(session, turn.id)
    if example is None:
        return None
    if (own := rule_against(example, turn)) is not None:  # no other example has a say in it
        return own
    every = curate(turns.examples(session))
    return next((one for one in every if one.example.id == example.id), None)


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
