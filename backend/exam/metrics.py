"""ragas's two metrics: question, answer and evidence go in; a score, or why there is none, out.

It alone imports ragas. The metrics are ragas's own; what is added stands outside them: calls
share one bounded line, the three questions of answer relevancy are asked for together, and a
reply that ragas would count wrongly (a verdict that is neither 0 nor 1, fewer verdicts than
statements, an empty question) is asked for again, and told why. ragas's own client class is not
used: it writes an id of the user into their home folder, tries again what cannot succeed, and its
instructor takes more of the processor than all the rest of a call.
"""

import asyncio
import math
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
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

STRICTNESS = 3
"""Questions written back from an answer, ragas's default."""
ROOM, ROOM_AT_MOST = 4096, 16384
"""Tokens a reply may take, twice as many after each that was cut: ragas's 1,024 are too few for
long answers, and a model that reasons spends its thoughts on the same account."""
REPEATED = 4000
"""Letters of an unreadable reply that the judge is shown again."""
DISPENSABLE = ("response_format", "top_p", "temperature", "max_tokens", "max_completion_tokens")
"""What a request can do without, or say in another way, where a server does not know it."""


@cache
def _with_known_schema(shape: type[BaseModel]) -> type[BaseModel]:
    """The same shape, which works its JSON schema out once: ragas writes it into every prompt, and
    making it took a third of an exam's own time."""
    schema = shape.model_json_schema()

    def known(*_: Any, **__: Any) -> dict[str, Any]:
        return schema

    return type(shape.__name__, (shape,), {"__module__": __name__, "model_json_schema": known})


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
        self._llm = judge.llm.with_options(max_retries=0)  # the line retries
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
        async def send(prompt: str, shape: type[BaseModel]) -> Any:
            asked = _Asked(prompt)

            async def ask() -> Any:
                reply = _read(await self._post(asked), tally)
                if reply.cut:
                    told = Fault(f"The judge's reply was cut at its limit of {asked.room} tokens")
                    asked.room = min(2 * asked.room, ROOM_AT_MOST)
                    raise told
                return asked.parsed(reply.text, shape, wrong)

            return await self._line.call(Role.JUDGE, ask)

        return send

    async def _post(self, asked: "_Asked") -> object:
        """One request, in the words that the server knows."""
        while True:
            limit = "max_completion_tokens" if "max_tokens" in self._without else "max_tokens"
            wanted: dict[str, Any] = {
                "response_format": {"type": "json_object"},
                limit: asked.room,
                "temperature": 0.01,  # this and the next are ragas's own
                "top_p": 0.1,
            }
            request = {name: part for name, part in wanted.items() if name not in self._without}
            request |= {"model": self._judge.llm_model, "messages": asked.messages}
            try:
                async with self._line.place():
                    return await self._llm.chat.completions.create(**request)
            except foreign_errors() as error:
                if not self._learns(error, request):
                    raise Fault(str(error), error) from error

    def _learns(self, error: Exception, request: Mapping[str, Any]) -> bool:
        """Whether the server named something that the next request can leave out."""
        said = refusal_of(error)
        if said is None or said.status not in (400, 422):
            return False
        named = next((part for part in DISPENSABLE if part in request and said.mentions(part)), "")
        self._without |= {named} - {""}
        return bool(named)


Send = Callable[[str, Any], Coroutine[Any, Any, Any]]


@dataclass(slots=True)
class _Asked:
    """One prompt, on its way to a reply that can be read."""

    prompt: str
    room: int = ROOM
    correction: Sequence[dict[str, str]] = ()

    @property
    def messages(self) -> list[dict[str, str]]:
        """The prompt, and what was wrong with the last reply to it."""
        return [{"role": "user", "content": self.prompt}, *self.correction]

    def parsed(self, text: str, shape: type[BaseModel], wrong: Wrong) -> BaseModel:
        """The reply as the shape asked for. Raises Fault, and says why in the next try."""
        try:
            reply = shape.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
        except ValidationError as error:
            told = self._fault(text, "The judge did not reply in the JSON that ragas asks for")
            raise told from error
        if found := wrong(reply):
            raise self._fault(text, found)
        return reply

    def _fault(self, text: str, found: str) -> Fault:
        correct = f"{found}. Reply with the corrected JSON object alone."
        self.correction = (
            {"role": "assistant", "content": text[:REPEATED]},
            {"role": "user", "content": correct},
        )
        return Fault(found)


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    cut: bool


def _read(reply: Any, tally: Tally) -> _Reply:
    """The text of a chat completion. Raises Fault where it is none."""
    try:
        tally.add(reply.usage)
        choice = reply.choices[0]
        return _Reply(str(choice.message.content or ""), choice.finish_reason == "length")
    except (AttributeError, TypeError, LookupError):
        raise Fault("The judge's reply is no chat completion") from None


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
