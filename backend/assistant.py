"""Online: a reader's question in, a logged answer out; joins the steps that answer.

Gather (two short reads), act (search, stream), apply (one write). No transaction is open while a
model speaks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from backend import answers, duty
from backend.conversations import Asked, mask, teaches
from backend.datasets import Curated, Rules, exam_side, rule_against
from backend.drafts import Answerer, Draft, OnToken, Speaks, finished, speak, turn_of
from backend.errors import DataError, ModelGone, NotYours, TenkError
from backend.lessons import curated
from backend.records import Filing, Passage, Role, Turn
from backend.shadow import Shadow
from backend.store import serving as service
from backend.store import turns
from backend.store.database import transaction
from backend.store.filings import filing as filing_of
from backend.store.filings import filings as all_filings
from backend.store.secrets import exam_key
from backend.store.spending import count_lost

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.settings import Settings

__all__ = ["HISTORY", "LONGEST", "Assistant", "Finds", "Rated", "Speaks", "finished"]

HISTORY = 3
"""Earlier exchanges that a follow-up is understood from."""
LONGEST = 4000
"""Characters of a question; a longer one is a pasted page rather than a question."""

OnRestart = Callable[[], Awaitable[None]]


class Finds(Protocol):
    """The index, as far as an answer needs it: `backend.index.Index`, or a fake."""

    async def search(
        self, question: str, *, filings: Sequence[Filing], filing: str | None = None, limit: int = 8
    ) -> list[Passage]: ...


@dataclass(slots=True)
class _Screen:
    """Where the reader sees the answer grow; nothing is shown there twice."""

    on_token: OnToken | None
    on_restart: OnRestart | None
    shown: bool = False

    async def show(self, piece: str) -> None:
        if self.on_token is not None:
            self.shown = True
            await self.on_token(piece)

    async def start_over(self) -> None:
        """Another model begins again. A screen that cannot be cleared shows no more of it."""
        if not self.shown:
            return
        self.shown = False
        if self.on_restart is None:
            self.on_token = None
        else:
            await self.on_restart()


@dataclass(slots=True)
class _Asking:
    """A question on its way, and who has failed it."""

    draft: Draft
    screen: _Screen
    filings: list[Filing]
    filing: str | None
    history: list[tuple[str, str]]
    of_active: bool
    failed: list[tuple[Answerer, TenkError]] = field(
        default_factory=list[tuple[Answerer, TenkError]]
    )


@dataclass(frozen=True, slots=True)
class Rated:
    """A turn after its rating, and its example where it has one."""

    turn: Turn
    example: Curated | None
    learned_by: tuple[str, ...] = ()
    """The models that were trained on it."""


@dataclass(frozen=True)
class Assistant:
    """Answers questions with the model that is active now, and logs every turn."""

    engine: "Engine"
    models: Speaks
    index: Finds
    settings: "Settings"

    @cached_property
    def shadow(self) -> Shadow:
        """The teacher's second answers; `await assistant.shadow.end()` before the loop ends."""
        return Shadow(self.engine, self.models, self.settings)

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
        on_restart: OnRestart | None = None,
    ) -> Turn:
        """Answer a question, and log the turn.

        Raw pieces of the answer go to `on_token` as they arrive; the turn holds the finished
        answer, with its citations and marks. Where the active model fails, the one before it
        answers the same question: pieces shown until then are void, `on_restart` is called for
        them to be taken away, and the pieces start over. Without `on_restart` no more of them
        come: the turn has the whole. The turn names the model that really answered; each failed
        try is a turn of its own.

        A call that is cancelled is logged as stopped, one that fails as failed; neither is an
        example, and both are raised again. Raises DataError, NotFound or NotYours where there is
        nothing to ask; these are not logged.
        """
        asked = Asked(_question(question), "", thread, person, step)
        asking = self._gather(asked, _Screen(on_token, on_restart), filing=filing, model=model)
        with self.shadow.reader():
            turn = await self._answered(asking)
        if asking.of_active:
            self.shadow.consider(turn)
        return turn

    async def _answered(self, asking: _Asking) -> Turn:
        """The first answer that becomes whole, of the active model or of those before it."""
        while True:
            try:
                await self._try(asking)
                break
            except asyncio.CancelledError:
                why = "Stopped before the answer was whole."
                self._log(turn_of(asking.draft, state="stopped", error=why))
                raise
            except DataError:
                self._count_lost(asking.draft)  # it is not logged, so no turn tells of it
                raise
            except TenkError as error:
                if not self._hand_on(asking, error):
                    raise
        turn = self._log(turn_of(asking.draft))
        for answerer, error in asking.failed:
            self._weigh(answerer, error)
        return turn

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
            example = _example_now(session, self.settings, row)
            key = example.example.id if example else None
            learned_by = turns.models_trained_on(session, key) if key else []
            return Rated(row, example, tuple(learned_by))

    # -- gather

    def _gather(self, asked: Asked, screen: _Screen, *, filing: str | None, model: str) -> _Asking:
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
        return _Asking(
            Draft(replace(asked, standalone=asked.question), answerer),
            screen,
            filings=filings,
            filing=filing,
            history=[(turn.standalone, turn.answer) for turn in before],
            of_active=model == "active",
        )

    def _answerer(self, session: "Session", model: str) -> Answerer:
        """Who answers: the active model, a role's own, or one named.

        A model that tenk knows only by the name given is reached as the student is: its answers
        never teach.
        """
        if model == "active":
            active = service.serving(session)
            return self._teacher() if active is None else self._in_service(active)
        if model in (Role.TEACHER, Role.STUDENT):
            return Answerer(self.models.endpoint(Role(model)).model, Role(model))
        candidate = turns.candidate_named(session, model)
        if candidate is not None:
            cycle = service.cycle_of(session, candidate)
            return Answerer(candidate.model, Role(candidate.role), cycle=cycle)
        is_teacher = model == self.models.endpoint(Role.TEACHER).model
        return Answerer(model, Role.TEACHER if is_teacher else Role.STUDENT)

    def _teacher(self) -> Answerer:
        return Answerer(self.models.endpoint(Role.TEACHER).model, Role.TEACHER)

    def _in_service(self, one: service.Serving) -> Answerer:
        """The teacher is whoever the settings name now; a tuned model is the one it was."""
        if one.is_teacher:
            return replace(self._teacher(), activation=one.activation)
        candidate = one.candidate
        return Answerer(candidate.model, Role(candidate.role), one.activation, one.cycle)

    # -- act

    async def _try(self, asking: _Asking) -> None:
        draft = asking.draft
        if not draft.messages:
            await self._understand(asking)
            await self._search(asking)
        else:
            await asking.screen.start_over()
        await speak(self.models, draft, asking.screen.show)

    async def _understand(self, asking: _Asking) -> None:
        """Make a follow-up a question that can be understood alone."""
        if not asking.history:
            return
        draft, question = asking.draft, asking.draft.asked.question
        messages = answers.rewriting_messages(asking.history, question)
        reply, usage = await self.models.complete(Role.TEACHER, messages)
        draft.spend(usage, self.models.cost(self.models.endpoint(Role.TEACHER).model, usage))
        draft.asked = replace(draft.asked, standalone=answers.standalone(reply, question))

    async def _search(self, asking: _Asking) -> None:
        draft = asking.draft
        found = await self.index.search(
            draft.asked.standalone,
            filings=asking.filings,
            filing=asking.filing,
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

    # -- where the active model fails

    def _hand_on(self, asking: _Asking, error: TenkError) -> bool:
        """Log a failed try, and let another model have the question; whether there is one."""
        draft = asking.draft
        following = self._next(asking) if asking.of_active and draft.messages else None
        turn = turn_of(draft, state="failed", error=error)
        if following is not None:
            turn.step = None  # the page knows the answer that comes, not this one
        key = self._log(turn).id
        if following is None:
            return False
        asking.failed.append((draft.answerer, error))
        if isinstance(error, ModelGone):
            self._weigh(draft.answerer, error)  # at once: others are asking it too
        asking.draft = draft.by(following, instead_of=draft.instead_of or key)
        return True

    def _next(self, asking: _Asking) -> Answerer | None:
        """Who stands in: what answers now, else what answered before, at last the teacher."""
        if asking.draft.answerer.activation is None:
            return None
        tried = [answerer for answerer, _ in asking.failed] + [asking.draft.answerer]
        known = {(one.model, one.role) for one in tried}
        with transaction(self.engine) as session:
            stack = service.lineage(session)
        every = [*map(self._in_service, stack), self._teacher()]
        return next((one for one in every if (one.model, one.role) not in known), None)

    def _weigh(self, answerer: Answerer, error: TenkError) -> None:
        if answerer.activation is not None:
            duty.after_failure(self.engine, self.settings, answerer.activation, error)

    # -- apply

    def _count_lost(self, draft: Draft) -> None:
        """Making a follow-up stand alone may have cost something that no turn will tell."""
        if any(cost != 0 for cost in draft.costs):
            model, subject = self._teacher().model, "follow-ups that nothing was found for"
            count_lost(self.engine, subject, model, draft.usage, draft.cost_usd)

    def _log(self, turn: Turn) -> Turn:
        with transaction(self.engine) as session:
            return turns.add_turn(session, turn, example=teaches(turn))


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


def _example_now(session: "Session", settings: "Settings", turn: Turn) -> Curated | None:
    """The example of a turn, with what becomes of it after the rating just given.

    The same as every other door says, for it is decided by the same rules.
    """
    assert turn.id is not None
    example = turns.example_of_turn(session, turn.id)
    if example is None:
        return None
    side = exam_side(exam_key(session), share=settings.exam_share)
    own = rule_against(example, turn, Rules(settings.student_context, side))
    if own is not None and own.state == "dropped":  # no other example has a say in it
        return own
    return next(one for one in curated(session, settings) if one.example.id == example.id)
