"""Reaches the models by role: messages or texts go in; pieces, vectors and usage come out.

It alone decides when a call is tried again; what a server does not know of the protocol is
remembered and left out the next time.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from backend.errors import ConfigurationError, TenkError
from backend.models import catalogue
from backend.models.connections import Connections
from backend.models.failures import (
    Call,
    explain,
    foreign_errors,
    unsupported,
    wait_before_retry,
)
from backend.models.replies import (
    BadReply,
    Heard,
    ModelCard,
    Part,
    batches,
    cards_of,
    part_of,
    require_type,
    require_whole,
    same_length,
    usage_in,
    vectors_of,
)
from backend.records import Message, Role, Usage
from backend.settings import Endpoint, Settings, is_openai

if TYPE_CHECKING:
    from openai import AsyncOpenAI

AT_ONCE = 2
"""Requests for vectors in flight together."""
INGEST_PATIENCE = 5
"""A long run of texts may wait for a rate limit so many times longer than a reader."""
T = TypeVar("T")
OnPaid = Callable[[str, Usage, float | None], None]
"""Told, in a thread of its own, of something that may cost: the model, its tokens, its USD or None
where no price is known. Nobody else hears of it."""


@dataclass(frozen=True, slots=True)
class LocalApi:
    """Where the door started tenk's own API ("http://127.0.0.1:PORT/v1")."""

    url: str
    key: str | None


@dataclass(slots=True)
class _Tries:
    """How often a call may be tried, and until when by the loop's clock."""

    most: int
    deadline: float
    made: int = 0

    def wait(self, error: BaseException) -> float | None:
        """Seconds until the next try; None where there is none in time."""
        told = wait_before_retry(error, self.made) if self.made < self.most else None
        if told is None or asyncio.get_running_loop().time() + told >= self.deadline:
            return None
        self.made += 1
        return told


class Models:
    """Every model by its role. Safe to share between tasks, and between event loops.

    Every call raises typed errors of one sentence: ConfigurationError (key, address, length),
    ModelGone, Stopped (silence), ProviderError (the rest). A rate limit, a server's failure or a
    broken connection is tried again, Retry-After honoured, as long as all of it together stays
    within TENK_TIMEOUT: a reader waits for it.
    """

    def __init__(
        self,
        settings: Settings,
        local: LocalApi | None,
        on_embedded: OnPaid | None = None,
        on_lost: OnPaid | None = None,
    ) -> None:
        self._settings = settings
        self._on_embedded = on_embedded
        self._on_lost = on_lost
        self._local = local
        self._connections = Connections(settings.timeout)
        self._unknown: dict[tuple[str | None, str], set[str]] = {}

    def endpoint(self, role: Role) -> Endpoint:
        """How the role is reached, with the address of tenk's own API filled in."""
        told = self._settings.endpoint(role)
        if not told.local:
            return told
        if self._local is None:
            raise ConfigurationError(
                f"The {role} model is tenk's own, and its API is not running: start `tenk api`, or "
                f"set {told.variable('base_url')} to another."
            )
        return replace(told, base_url=self._local.url, api_key=self._local.key)

    async def client(self, role: Role) -> "AsyncOpenAI":
        """The SDK's client for the role, with the SDK's own retries: for files, jobs and the exam.

        What it raises is the SDK's; `explained` words it.
        """
        client = await self._connections.client(self.endpoint(role))
        return client.with_options(max_retries=self._settings.retries)

    def explained(self, error: Exception, role: Role, *, model: str | None = None) -> TenkError:
        """An exception of the SDK's, in tenk's words and types."""
        return explain(error, self._call(role, model))

    async def stream(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        """The answer piece by piece, then one Usage (zero where the server does not tell).

        An answer that is cut off, at a length limit or withheld raises after its last piece: who
        got the Usage has a whole answer. Cancelling the task closes the connection; who breaks
        out of the loop early wraps it in `contextlib.aclosing`.
        """
        call, tries = self._call(role, model), self._tries()
        while True:
            request = self._request(call, messages)
            spoken = False
            try:
                async with aclosing(self._answer(call, request, tries.deadline)) as parts:
                    async for part in parts:
                        spoken = True
                        yield part
                return
            except foreign_errors() as error:
                wait = None if spoken else self._next_try(error, call, request, tries)
                if wait is None:
                    raise explain(error, call) from error
            await asyncio.sleep(wait)

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        """The whole answer, and its usage."""
        pieces: list[str] = []
        usage = Usage()
        async with aclosing(self.stream(role, messages, model=model)) as parts:
            async for part in parts:
                if isinstance(part, Usage):
                    usage = part
                else:
                    pieces.append(part)
        return "".join(pieces), usage

    def warm(self) -> None:
        """Load the SDK, so that the first call need not wait for it."""
        import openai

        assert openai

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order, all of one length. An empty text counts as a space."""
        call = self._call(Role.EMBED, None)
        runs = list(batches([text or " " for text in texts]))
        found: list[list[list[float]]] = [[] for _ in runs]
        waiting = iter(enumerate(runs))  # shared: each run is taken by one worker

        async def work() -> None:
            for place, run in waiting:
                try:
                    found[place] = await self._vectors(call, run, len(runs) == 1)
                except TenkError:
                    list(waiting)  # nobody begins another; what is in flight ends by itself
                    raise

        ends = await asyncio.gather(*(work() for _ in range(AT_ONCE)), return_exceptions=True)
        for failure in filter(None, ends):
            raise failure
        vectors = [vector for run in found for vector in run]
        try:
            same_length(vectors)
        except BadReply as error:
            raise explain(error, call) from error
        return vectors

    async def models(self, role: Role) -> list[ModelCard]:
        """What the role's server lists, by name; dates that OpenAI leaves out, as known here."""
        call = self._call(role, None)

        async def ask(_body: Mapping[str, Any]) -> list[ModelCard]:
            return cards_of(await self._json(call, "/models"))

        cards = await self._retried(call, dict, ask)
        if not is_openai(call.endpoint.base_url or ""):
            return cards
        return [
            replace(card, shutdown_date=card.shutdown_date or catalogue.shutdown(card.id))
            for card in cards
        ]

    async def fine_tunes(self, role: Role) -> bool:
        """Whether the role's server answers the fine-tuning route."""
        try:
            await self._json(self._call(role, None), "/fine_tuning/jobs?limit=1")
        except foreign_errors():
            return False
        return True

    def cost(self, model: str, usage: Usage) -> float | None:
        """USD of one call; None where no price is known. tenk's own models cost nothing."""
        return catalogue.cost_of(model, usage, self._settings.prices)

    async def close(self) -> None:
        """Close this loop's connections. Where the loop itself ends they are closed anyway."""
        await self._connections.close()

    # -- one call

    def _call(self, role: Role, model: str | None) -> Call:
        endpoint = self.endpoint(role)
        return Call(endpoint, model or endpoint.model)

    def _tries(self, patience: int = 1) -> _Tries:
        now = asyncio.get_running_loop().time()
        return _Tries(self._settings.retries, now + patience * self._settings.timeout)

    def _known(self, call: Call, optional: Mapping[str, Any]) -> dict[str, Any]:
        """What of `optional` the server knows, as far as it has said."""
        unknown = self._unknown.get((call.endpoint.base_url, call.model), set())
        return {name: value for name, value in optional.items() if name not in unknown}

    def _request(self, call: Call, messages: Sequence[Message]) -> dict[str, Any]:
        optional = {"temperature": 0, "stream_options": {"include_usage": True}}
        if limit := self._settings.max_tokens:
            known = self._known(call, {"max_tokens": limit})
            optional |= known or {"max_completion_tokens": limit}
        return {
            "model": call.model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            **self._known(call, optional),
        }

    def _next_try(
        self, error: BaseException, call: Call, request: Mapping[str, Any], tries: _Tries
    ) -> float | None:
        """Seconds until the next try; None where the error stands."""
        if part := unsupported(error, request):
            self._unknown.setdefault((call.endpoint.base_url, call.model), set()).add(part)
            return 0.0
        return tries.wait(error)

    async def _answer(
        self, call: Call, request: dict[str, Any], deadline: float
    ) -> AsyncGenerator[str | Usage, None]:
        """One try at an answer. One that breaks off, on whichever side, is told as lost: its server
        has read the question and written so far, and nobody gets its Usage."""
        heard, whole = Heard(), False
        try:
            async with aclosing(self._parts(call, request, deadline)) as parts:
                async for part in parts:
                    heard.take(part)
                    if part.text:
                        yield part.text
            require_whole(heard.finish, bool(heard.letters))
            whole = True
        finally:
            asked = sum(len(message["content"]) for message in request["messages"])
            if not whole and (usage := heard.paid(asked)) is not None:
                await self._count(self._on_lost, call.model, usage)
        yield heard.usage or Usage()

    async def _parts(
        self, call: Call, request: dict[str, Any], deadline: float
    ) -> AsyncGenerator[Part, None]:
        """The events of one try; the first by `deadline`, each next in TENK_TIMEOUT."""
        client = await self._connections.client(call.endpoint)
        async with asyncio.timeout_at(deadline):
            stream = await client.chat.completions.create(**request, stream=True)
        async with stream:
            require_type(stream.response.headers.get("content-type", ""), "text/event-stream")
            events = aiter(stream)
            while True:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events, None)
                if event is None:
                    return
                deadline = asyncio.get_running_loop().time() + self._settings.timeout
                yield part_of(event)

    async def _vectors(self, call: Call, run: Sequence[str], alone: bool) -> list[list[float]]:
        def request() -> dict[str, Any]:
            optional = self._known(call, {"encoding_format": "base64"})
            return {"model": call.model, "input": list(run), **optional}

        async def ask(body: Mapping[str, Any]) -> list[list[float]]:
            reply = await self._json(call, "/embeddings", body)
            await self._count(self._on_embedded, call.model, usage_in(reply))
            return vectors_of(reply, len(run))

        return await self._retried(call, request, ask, 1 if alone else INGEST_PATIENCE)

    async def _count(self, told: OnPaid | None, model: str, usage: Usage) -> None:
        cost = self.cost(model, usage)
        if told is not None and cost != 0:
            await asyncio.to_thread(told, model, usage, cost)

    async def _json(self, call: Call, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request for JSON, once."""
        import httpx

        client = await self._connections.client(call.endpoint)
        async with asyncio.timeout(self._settings.timeout):
            if body is None:
                reply = await client.get(path, cast_to=httpx.Response)
            else:
                reply = await client.post(path, body=body, cast_to=httpx.Response)
        require_type(reply.headers.get("content-type", ""), "application/json")
        return reply.json()

    async def _retried(
        self,
        call: Call,
        request: Callable[[], dict[str, Any]],
        ask: Callable[[Mapping[str, Any]], Awaitable[T]],
        patience: int = 1,
    ) -> T:
        """What `ask` gives for a request, tried again where that helps."""
        tries = self._tries(patience)
        while True:
            body = request()
            try:
                return await ask(body)
            except foreign_errors() as error:
                wait = self._next_try(error, call, body, tries)
                if wait is None:
                    raise explain(error, call) from error
            await asyncio.sleep(wait)


def open_models(
    settings: Settings,
    local: LocalApi | None,
    *,
    on_embedded: OnPaid | None = None,
    on_lost: OnPaid | None = None,
) -> Models:
    """The models that `settings` name; `local` is where tenk's own API runs, if it does.

    `on_embedded` hears of each request for vectors, `on_lost` of each answer that broke off.
    """
    return Models(settings, local, on_embedded, on_lost)
