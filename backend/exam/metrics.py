"""ragas's two metrics: question, answer and evidence go in; a score, or why there is none, out.

It alone imports ragas. The metrics are ragas's own; what is added stands outside them: calls
share one bounded line, the three questions of answer relevancy are asked for together, and a
reply that ragas would count wrongly (a verdict that is neither 0 nor 1, fewer verdicts than
statements, an empty question) is asked for again. ragas's own client class is not used: it writes
an id of the user into their home folder and leaves the file open.
"""

import asyncio
import logging
import math
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import instructor
from instructor.core.exceptions import IncompleteOutputException, InstructorRetryException
from pydantic import BaseModel
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics.collections import AnswerRelevancy, Faithfulness
from ragas.metrics.collections.answer_relevancy.util import AnswerRelevanceOutput
from ragas.metrics.collections.faithfulness.util import (
    NLIStatementOutput,
    StatementGeneratorOutput,
)

from backend.errors import ConfigurationError, ModelGone, TenkError
from backend.exam.calls import Fault, Line, Unscored
from backend.exam.papers import ANSWER_RELEVANCY, FAITHFULNESS, Judge
from backend.models.failures import foreign_errors, refusal_of
from backend.records import Role, Usage

# Set, never read: ragas looks at it with its first call, and would else post to its makers with
# every one of them, blocking.
os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # noqa: TID251
# It logs every reply that it could not read, to stderr; we count them.
logging.getLogger("instructor").setLevel(logging.CRITICAL)

STRICTNESS = 3
"""Questions written back from an answer, ragas's default."""
ROOMS = (4096, 8192, 16384)
"""Tokens a reply may take, more at each try that was cut: ragas's 1,024 cut long answers, and a
model that reasons spends its thoughts on the same account."""
DISPENSABLE = ("response_format", "top_p", "temperature", "max_tokens")
"""What a request can do without, or say in another way, where a server does not know it."""


@cache
def _with_known_schema(shape: type[BaseModel]) -> type[BaseModel]:
    """The same shape, which works its JSON schema out once: ragas and instructor each ask for it
    with every call, and that took half of an exam's own time."""
    schema = shape.model_json_schema()

    def known(*_: Any, **__: Any) -> dict[str, Any]:
        return deepcopy(schema)

    told = {"__doc__": shape.__doc__, "__module__": __name__, "model_json_schema": known}
    return type(shape.__name__, (shape,), told)


def _hasten(*prompts: Any) -> None:
    """Let a metric's prompts state the known schema."""
    for prompt in prompts:
        prompt.output_model = _with_known_schema(prompt.output_model)


Wrong = Callable[[Any], str | None]
"""Says what is wrong with a reply; None where nothing is."""


@dataclass(slots=True)
class Tally:
    """Tokens that one score took, tries included."""

    prompt: int = 0
    completion: int = 0

    def add(self, told: Any) -> None:
        """Count what a server told of one reply."""
        self.prompt += getattr(told, "prompt_tokens", 0) or 0
        self.completion += getattr(told, "completion_tokens", 0) or 0

    def usage(self) -> Usage:
        """As the log keeps it."""
        return Usage(prompt_tokens=self.prompt, completion_tokens=self.completion)


class Scorer:
    """Scores answers with one judge over one line of calls."""

    def __init__(self, judge: Judge, line: Line) -> None:
        self._judge = judge
        self._line = line
        self._without: set[str] = set()
        self._objects = self._client(instructor.Mode.JSON)
        self._written = self._client(instructor.Mode.MD_JSON)
        self._vectors = _Vectors(self._embed)

    async def score(
        self, metric: str, question: str, answer: str, contexts: Sequence[str], tally: Tally
    ) -> float:
        """One metric, in [0, 1]. Raises Unscored, or TenkError where nothing can be scored."""
        if metric == FAITHFULNESS:
            return await self._faithfulness(question, answer, contexts, tally)
        assert metric == ANSWER_RELEVANCY, metric
        return await self._relevancy(question, answer, tally)

    async def _faithfulness(
        self, question: str, answer: str, contexts: Sequence[str], tally: Tally
    ) -> float:
        if not contexts:
            raise Unscored("The question has no evidence to be faithful to.")
        for _ in range(2):
            metric = Faithfulness(llm=_Asker(self._asking(_Statements(), tally)))
            _hasten(metric.statement_generator_prompt, metric.nli_statement_prompt)
            told = await metric.ascore(
                user_input=question, response=answer, retrieved_contexts=[*contexts]
            )
            if not math.isnan(told.value):
                return float(told.value)
        raise Unscored("The judge found no statement in the answer, twice (NaN).")

    async def _relevancy(self, question: str, answer: str, tally: Tally) -> float:
        llm = _Ahead(self._asking(_no_question, tally), STRICTNESS)
        metric = AnswerRelevancy(llm=llm, embeddings=self._vectors, strictness=STRICTNESS)
        _hasten(metric.prompt)
        asked = metric.ascore(user_input=question, response=answer)
        early = self._vectors.aembed_text(question)  # known by the time the metric asks for it
        told: Any = (await _together([asked, early]))[0]
        value = float(told.value)
        if not math.isfinite(value):
            raise Unscored("The embedding model gave a vector of length zero (NaN).")
        return min(1.0, max(0.0, value))  # a cosine rounds past 1, or falls below 0

    # -- calls

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        async def ask() -> list[list[float]]:
            async with self._line.place():
                return await self._judge.embed(texts)

        try:
            return await self._line.call(Role.EMBED, ask)
        except (ConfigurationError, ModelGone):
            raise
        except TenkError as error:
            raise Unscored(str(error)) from error

    def _asking(self, wrong: Wrong, tally: Tally) -> "Send":
        async def send(prompt: str, shape: Any) -> Any:
            rooms = iter(ROOMS[1:])
            room = ROOMS[0]

            async def ask() -> Any:
                nonlocal room
                try:
                    return await self._once(prompt, shape, room=room, tally=tally)
                except IncompleteOutputException as error:
                    tally.add(getattr(error.last_completion, "usage", None))
                    told = Fault(f"The judge's reply was cut at its limit of {room} tokens")
                    room = next(rooms, room)
                    raise told from error

            async def checked() -> Any:
                reply = await ask()
                if found := wrong(reply):
                    raise Fault(found)
                return reply

            return await self._line.call(Role.JUDGE, checked)

        return send

    async def _once(self, prompt: str, shape: Any, *, room: int, tally: Tally) -> Any:
        """One request, once more told what was wrong with the reply; as the server knows it."""
        while True:
            without = frozenset(self._without)
            client = self._written if "response_format" in without else self._objects
            limit = "max_completion_tokens" if "max_tokens" in without else "max_tokens"
            wanted = {limit: room, "temperature": 0.01, "top_p": 0.1}  # ragas's own
            try:
                reply: Any = await client.chat.completions.create(
                    model=self._judge.llm_model,
                    messages=[{"role": "user", "content": prompt}],
                    response_model=_with_known_schema(shape),
                    max_retries=1,
                    **{name: value for name, value in wanted.items() if name not in without},
                )
            except InstructorRetryException as error:
                tally.add(error.total_usage)
                if self._learns(error.__cause__, without):
                    continue
                raise _fault(error) from error
            tally.add(getattr(getattr(reply, "_raw_response", None), "usage", None))
            return reply

    def _client(self, mode: instructor.Mode) -> Any:
        """The judge's client, made to reply in a shape; a place in the line for each request."""
        sdk = self._judge.llm.with_options(max_retries=0)

        async def create(**request: Any) -> Any:
            async with self._line.place():
                return await sdk.chat.completions.create(**request)

        patched: Any = instructor.patch(create=create, mode=mode)
        return instructor.AsyncInstructor(client=sdk, create=patched, mode=mode)

    def _learns(self, cause: BaseException | None, without: frozenset[str]) -> bool:
        """Whether the server named something that the next request can leave out."""
        said = refusal_of(cause) if cause is not None else None
        if said is None or said.status not in (400, 422):
            return False
        named = next((part for part in DISPENSABLE if said.mentions(part)), None)
        if named is None or named in without:
            return False
        self._without.add(named)
        return True


Send = Callable[[str, Any], Coroutine[Any, Any, Any]]


def _fault(error: InstructorRetryException) -> Fault:
    cause = error.__cause__
    unreadable = isinstance(cause, ValueError)  # pydantic's and json's, both
    if isinstance(cause, foreign_errors()) and not unreadable:
        return Fault(str(cause), cause)
    return Fault("The judge did not reply in the JSON that ragas asks for")


class _Statements:
    """Checks a judge's verdicts against the statements it was given."""

    def __init__(self) -> None:
        self._given = 0

    def __call__(self, reply: Any) -> str | None:
        if isinstance(reply, StatementGeneratorOutput):
            self._given = len(reply.statements)
            return None
        assert isinstance(reply, NLIStatementOutput)
        if len(reply.statements) != self._given:
            return f"The judge gave {len(reply.statements)} verdicts on {self._given} statements"
        if any(told.verdict not in (0, 1) for told in reply.statements):
            return "The judge gave a verdict that is neither 0 nor 1"
        return None


def _no_question(reply: Any) -> str | None:
    assert isinstance(reply, AnswerRelevanceOutput)
    if not reply.question.strip():
        return "The judge wrote an empty question"
    return None if reply.noncommittal in (0, 1) else "The judge was neither sure nor unsure"


class _Asker(InstructorBaseRagasLLM):
    """The model as a metric sees it."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def generate(self, prompt: str, response_model: Any) -> Any:
        raise NotImplementedError("the exam is asynchronous")

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        return await self._send(prompt, response_model)


class _Ahead(_Asker):
    """The same prompt `count` times at once, where the metric asks for them one after another."""

    def __init__(self, send: Send, count: int) -> None:
        super().__init__(send)
        self._count = count
        self._replies: list[Any] = []

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        if not self._replies:
            self._replies = await _together(
                self._send(prompt, response_model) for _ in range(self._count)
            )
        return self._replies.pop()


class _Vectors(BaseRagasEmbedding):
    """Vectors as the metric asks for them; a question's own is fetched once for all arms."""

    def __init__(self, embed: Callable[[list[str]], Coroutine[Any, Any, Any]]) -> None:
        super().__init__()
        self._embed = embed
        self._known: dict[str, list[float]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def embed_text(self, text: str, **kwargs: Any) -> list[float]:
        raise NotImplementedError("the exam is asynchronous")

    async def aembed_text(self, text: str, **kwargs: Any) -> list[float]:
        async with self._asking.setdefault(text, asyncio.Lock()):
            if text not in self._known:
                (self._known[text],) = await self._embed([text])
        return self._known[text]

    async def aembed_texts(self, texts: list[str], **kwargs: Any) -> list[list[float]]:
        unlike = list(dict.fromkeys(texts))
        found = dict(zip(unlike, await self._embed(unlike), strict=True))
        return [found[text] for text in texts]


async def _together(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """All of them at once; the first failure, once every one has ended: none is left running."""
    ends = await asyncio.gather(*calls, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return ends
