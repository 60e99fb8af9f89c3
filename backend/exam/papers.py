"""The exam's nouns: who sits it, what was answered, what it scored; pure, and free of ragas."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

from backend.errors import TenkError
from backend.records import ExamQuestion, Role, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FAITHFULNESS = "faithfulness"
ANSWER_RELEVANCY = "answer_relevancy"
METRICS = (FAITHFULNESS, ANSWER_RELEVANCY)


@dataclass(frozen=True, slots=True)
class Arm:
    """One model that sits the exam: candidate, active, untuned or teacher."""

    name: str
    role: Role
    model: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What an arm said."""

    text: str
    """As the model said it: with its [n], without marks at figures that were not found."""
    refused: bool
    figure_errors: int
    seconds: float
    usage: Usage
    cost: float | None
    """USD; None: no price is known."""


@dataclass(frozen=True, slots=True)
class Sat:
    """One arm at one question in one repeat.

    A metric that is not in `scores` was not asked for yet; None is a score that did not come
    after every try, with its reason in `reasons`.
    """

    arm: str
    question: int
    repeat: int
    model: str
    answered: Answered | None = None
    """None: no answer came, or none yet."""
    error: str | None = None
    """Why no answer came."""
    scores: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    judging: Usage = Usage()
    """Tokens that judging it took; none where the score was shared or known beforehand."""

    @property
    def place(self) -> tuple[str, int, int]:
        """Arm, question and repeat: one sitting's own place in an exam."""
        return self.arm, self.question, self.repeat

    @property
    def whole(self) -> bool:
        """Whether nothing is left to ask."""
        return all(metric in self.scores for metric in METRICS)

    @property
    def ragas_score(self) -> float | None:
        """Harmonic mean of the two metrics; None where it is missing."""
        return ragas_score(*(self.scores.get(metric) for metric in METRICS))

    def scored(
        self, metric: str, value: float | None, reason: str = "", usage: Usage | None = None
    ) -> "Sat":
        """The same with one more score."""
        reasons = {**self.reasons, metric: reason} if reason else self.reasons
        scores = {**self.scores, metric: value}
        return replace(self.paid(usage or Usage()), scores=scores, reasons=reasons)

    def paid(self, more: Usage) -> "Sat":
        """The same with more tokens that judging it took."""
        judging = Usage(
            prompt_tokens=self.judging.prompt_tokens + more.prompt_tokens,
            completion_tokens=self.judging.completion_tokens + more.completion_tokens,
        )
        return replace(self, judging=judging)


@dataclass(frozen=True, slots=True)
class Terms:
    """How an exam is held."""

    arms: Sequence[Arm]
    repeats: int = 1
    at_once: int = 16
    """Calls to the judge, vectors included, that may be in flight together."""
    answers_at_once: int = 4
    """Answers of arms that may be in flight together."""
    seed: int = 0
    """Decides which arm answers first, question by question."""


class Explains(Protocol):
    """Words a library's exception for a person; `Models.explained` does."""

    def __call__(self, error: Exception, role: Role) -> TenkError: ...


@dataclass(frozen=True)
class Judge:
    """Who scores. `judge_of` makes one from the settings' models."""

    llm: "AsyncOpenAI"
    llm_model: str
    embed: Callable[[Sequence[str]], Awaitable[list[list[float]]]]
    """Vectors of texts, retried and checked; raises TenkError."""
    explained: Explains
    timeout: float
    """Seconds one request may take."""


Answer = Callable[[Arm, ExamQuestion], Awaitable[Answered]]
"""Asks an arm a question over its frozen evidence; raises TenkError."""


def ragas_score(faithfulness: float | None, answer_relevancy: float | None) -> float | None:
    """Harmonic mean, as in ragas and the article: 0 where one is 0, whatever the other is.

    None where a score that could matter is missing.
    """
    if faithfulness == 0 or answer_relevancy == 0:
        return 0.0
    if faithfulness is None or answer_relevancy is None:
        return None
    return 2 * faithfulness * answer_relevancy / (faithfulness + answer_relevancy)


@dataclass(frozen=True, slots=True)
class Mark:
    """One arm at one question, over its repeats. Scores are means of those that came."""

    faithfulness: float | None
    answer_relevancy: float | None
    ragas_score: float | None
    missing: int
    """Repeats without a ragas_score."""
    refused: int
    figure_errors: int
    seconds: float | None
    cost: float | None
    """USD of all repeats; None: no price is known, or no answer came."""
    answers: tuple[str, ...]
    """What was said, in order of the repeats; "" where no answer came."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question of the table: each arm's mark, by the arm's name."""

    question: int
    marks: Mapping[str, Mark]


def table(sats: Sequence[Sat], arms: Sequence[Arm]) -> list[Row]:
    """The per-question table, in the order in which questions were first asked."""
    held: dict[int, dict[str, list[Sat]]] = {}
    for sat in sats:
        held.setdefault(sat.question, {}).setdefault(sat.arm, []).append(sat)
    return [
        Row(question, {arm.name: _mark(told[arm.name]) for arm in arms if arm.name in told})
        for question, told in held.items()
    ]


def _mark(sats: Sequence[Sat]) -> Mark:
    ordered = sorted(sats, key=lambda sat: sat.repeat)
    said = [sat.answered for sat in ordered if sat.answered is not None]
    return Mark(
        faithfulness=_mean([sat.scores.get(FAITHFULNESS) for sat in ordered]),
        answer_relevancy=_mean([sat.scores.get(ANSWER_RELEVANCY) for sat in ordered]),
        ragas_score=_mean([sat.ragas_score for sat in ordered]),
        missing=sum(sat.ragas_score is None for sat in ordered),
        refused=sum(told.refused for told in said),
        figure_errors=sum(told.figure_errors for told in said),
        seconds=_mean([told.seconds for told in said]),
        cost=_total([told.cost for told in said]),
        answers=tuple(sat.answered.text if sat.answered else "" for sat in ordered),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def _total(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def missing(sats: Sequence[Sat]) -> dict[str, dict[str, int]]:
    """By arm, how many scores did not come, by reason."""
    counted: dict[str, dict[str, int]] = {}
    for sat in sats:
        for metric, value in sat.scores.items():
            if value is None:
                reason = sat.reasons.get(metric, "")
                of_arm = counted.setdefault(sat.arm, {})
                of_arm[reason] = of_arm.get(reason, 0) + 1
    return counted
