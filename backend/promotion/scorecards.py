"""What the exam saw: scored answers go in; gains per question, counts and prices come out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from backend.errors import DataError
from backend.promotion.intervals import Gain

Arm = Literal["candidate", "active", "untuned", "teacher"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An exam question that was put to the arms. `group`: the filing's section it is about."""

    question: int
    group: str
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """One arm's answer to one question in one repeat. No card: no answer came.

    A score lies in [0, 1]; None, NaN or absent is missing.
    """

    arm: Arm
    question: int
    repeat: int
    scores: Mapping[str, float | None]
    refused: bool = False
    figure_errors: int = 0
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Scorecards:
    """All answers to all questions asked so far, each arm `repeats` times."""

    asked: Sequence[Asked]
    cards: Sequence[Card]
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cards in order: what each arm has for each question. Raises DataError where one has too
    many."""

    asked: Sequence[Asked]
    repeats: int
    by_arm: Mapping[str, Mapping[int, list[Card]]] = field(
        default_factory=dict[str, Mapping[int, list[Card]]]
    )

    def of(self, arm: Arm, question: int) -> list[Card]:
        """The arm's answers to the question, at most as many as repeats."""
        return self.by_arm.get(arm, {}).get(question, [])


def sheet(cards: Scorecards) -> Sheet:
    """Cards by arm and question. Raises DataError for one too many, or one nobody asked for."""
    by_arm: dict[str, dict[int, list[Card]]] = {}
    known = {asked.question for asked in cards.asked}
    if len(known) != len(cards.asked) or cards.repeats < 1:
        raise DataError("Each exam question counts once, in one repeat or more.")
    for card in cards.cards:
        held = by_arm.setdefault(card.arm, {}).setdefault(card.question, [])
        held.append(card)
        if len(held) > cards.repeats or card.question not in known:
            raise DataError(
                f"Question {card.question} has an answer of the {card.arm} that was not asked for: "
                f"expected {cards.repeats} a question. Sit the exam again."
            )
    return Sheet(cards.asked, cards.repeats, by_arm)


def gains(held: Sheet, rival: Arm, metrics: Sequence[str]) -> list[Gain]:
    """What the candidate gains over `rival` on each question, in the order asked.

    A question's score is the mean over repeats of the harmonic mean of the metrics (ragas_score).
    """
    found: list[Gain] = []
    for asked in held.asked:
        ours = _score(held.of("candidate", asked.question), held.repeats, metrics)
        theirs = _score(held.of(rival, asked.question), held.repeats, metrics)
        found.append(Gain(asked.group, ours[0] - theirs[1], ours[1] - theirs[0]))
    return found


def _score(cards: Sequence[Card], repeats: int, metrics: Sequence[str]) -> tuple[float, float]:
    """The least and the most that an arm's score of one question can be."""
    least, most = 0.0, float(repeats - len(cards))  # an answer that is not there may be anything
    for card in cards:
        values = [clean(card.scores.get(metric)) for metric in metrics]
        if None in values:
            most += harmonic([1.0 if value is None else value for value in values])
        else:
            score = harmonic([value for value in values if value is not None])
            least, most = least + score, most + score
    return least / repeats, most / repeats


def clean(value: float | None) -> float | None:
    """A score within [0, 1] (cosines stray a hair beyond), or None where it is missing."""
    if value is None or not math.isfinite(value):
        return None
    return min(max(float(value), 0.0), 1.0)


def harmonic(values: Sequence[float]) -> float:
    """The harmonic mean; 0 where one value is 0."""
    return len(values) / math.fsum(1 / value for value in values) if all(values) else 0.0


def missing(held: Sheet, arm: Arm, metrics: Sequence[str]) -> int:
    """How many of the arm's scores are missing."""
    there = sum(
        clean(card.scores.get(metric)) is not None
        for cards in held.by_arm.get(arm, {}).values()
        for card in cards
        for metric in metrics
    )
    return len(held.asked) * held.repeats * len(metrics) - there


@dataclass(frozen=True, slots=True)
class Count:
    """How often candidate and active model did something bad, and on how many questions one did
    it more often than the other."""

    candidate: int
    active: int
    candidate_worse: int
    active_worse: int

    @property
    def more(self) -> bool:
        """Whether the candidate did it more often."""
        return self.candidate > self.active

    @property
    def luck(self) -> float:
        """The chance of a tally as bad as this if both do it equally often: the exact sign test
        (McNemar, Psychometrika 1947; binomial form)."""
        of = self.candidate_worse + self.active_worse
        ways = sum(math.comb(of, k) for k in range(self.candidate_worse, of + 1))
        return ways / 2**of


def figure_errors(held: Sheet) -> Count:
    """Figures that the cited evidence does not hold. An answer the candidate lacks counts as one
    error; one that the active model lacks, as none."""
    return _count(held, [(a, True) for a in held.asked])


def refusals(held: Sheet) -> Count:
    """Refusals of answerable questions; an answer the candidate lacks is one."""
    return _count(held, [(a, False) for a in held.asked if a.answerable])


def _count(held: Sheet, asked: Sequence[tuple[Asked, bool]]) -> Count:
    ours, theirs, worse, better = 0, 0, 0, 0
    for question, figures in asked:
        candidate, active = (held.of(arm, question.question) for arm in ("candidate", "active"))
        mine = held.repeats - len(candidate) + sum(_bad(card, figures) for card in candidate)
        other = sum(_bad(card, figures) for card in active)
        ours, theirs = ours + mine, theirs + other
        worse, better = worse + (mine > other), better + (mine < other)
    return Count(ours, theirs, worse, better)


def _bad(card: Card, figures: bool) -> int:
    return card.figure_errors if figures else int(card.refused)


def share_of_price(held: Sheet) -> float | None:
    """What a candidate's answer costs, as a share of the active model's; None where unknown.

    In USD where both have a price for every answer and one of them is not free, else in seconds
    where neither has one.
    """
    ours, theirs = (_mean(held, arm, "cost") for arm in ("candidate", "active"))
    if (ours or 0.0) == (theirs or 0.0) == 0.0:
        ours, theirs = (_mean(held, arm, "seconds") for arm in ("candidate", "active"))
    if ours is None or theirs is None or theirs <= 0:
        return None
    return ours / theirs


def _mean(held: Sheet, arm: Arm, what: Literal["cost", "seconds"]) -> float | None:
    told = [
        card.cost if what == "cost" else card.seconds
        for cards in held.by_arm.get(arm, {}).values()
        for card in cards
    ]
    known = [value for value in told if value is not None and math.isfinite(value) and value >= 0]
    return math.fsum(known) / len(known) if known and len(known) == len(told) else None
