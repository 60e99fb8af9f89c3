"""The verdict over many simulated cycles with a known truth, every look included.

Gains are drawn with a known mean and spread; the scores that show them lie within [0, 1]. The
exam asks in batches and stops as `after_look` says, so these are the promises a person gets.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from backend.promotion import Asked, Card, Continue, Policy, Scorecards, after_look, policy_for

Draw = Callable[[random.Random, int], float]


@dataclass(frozen=True)
class Outcome:
    """How simulated exams ended, and after how many questions."""

    decisions: Counter[str]
    questions: float  # mean

    def share(self, decision: str) -> float:
        return self.decisions[decision] / self.decisions.total()


def normal(mean: float, spread: float = 0.25) -> Draw:
    """Independent gains, redrawn beyond what two scores can differ."""

    def draw(chance: random.Random, _question: int) -> float:
        while not -0.95 < (gain := chance.gauss(mean, spread)) < 0.95:
            pass
        return gain

    return draw


def by_section(mean: float, size: int, alike: float, spread: float = 0.25) -> Callable[[], Draw]:
    """Gains that share a part, `alike` of their variance, within sections of `size` questions."""

    def section() -> Draw:
        shared: dict[int, float] = {}
        own = normal(0.0, spread * (1 - alike) ** 0.5)

        def draw(chance: random.Random, question: int) -> float:
            part = question % (300 // size)
            if part not in shared:
                shared[part] = chance.gauss(mean, spread * alike**0.5)
            return min(max(shared[part] + own(chance, question), -0.95), 0.95)

        return draw

    return section


def skewed(chance: random.Random, _question: int) -> float:
    """Mean zero as judges give it: mostly no difference, else a verdict flipped either way."""
    kind = chance.random()
    return 0.0 if kind < 0.6 else chance.choice((-1, 1)) * chance.choice((0.02, 0.3, 0.67, 0.95))


def sit(draw: Draw, policy: Policy, seed: int, sections: int = 0) -> tuple[str, int]:
    """One exam, asked in batches until it ends: its decision, and how many questions it took."""
    chance = random.Random(seed)
    asked: list[Asked] = []
    cards: list[Card] = []
    told = after_look(Scorecards(asked, cards), policy)
    while isinstance(told, Continue):
        for n in range(len(asked), told.next_look):
            gain = draw(chance, n)
            active = chance.uniform(max(0.0, -gain), min(1.0, 1.0 - gain))
            asked.append(Asked(n, str(n % sections if sections else n)))
            cards.append(Card("active", n, 0, dict.fromkeys(policy.metrics, active)))
            cards.append(Card("candidate", n, 0, dict.fromkeys(policy.metrics, active + gain)))
        told = after_look(Scorecards(asked, cards), policy)
    return told.decision, told.questions


def simulated(
    draw: Callable[[], Draw], cycles: int, policy: Policy | None = None, sections: int = 0
) -> Outcome:
    """Many exams with the same truth, each with its own seed."""
    policy = policy or Policy()
    ends = [sit(draw(), policy, seed, sections) for seed in range(cycles)]
    return Outcome(
        Counter(decision for decision, _ in ends), sum(count for _, count in ends) / cycles
    )


def test_with_no_true_difference_at_most_one_cycle_in_twenty_promotes() -> None:
    outcome = simulated(lambda: normal(0.0), 1000)

    assert outcome.share("promote") <= 0.05


def test_with_no_true_difference_but_flipping_judges_as_few_promote() -> None:
    outcome = simulated(lambda: skewed, 500)

    assert outcome.share("promote") <= 0.05


@pytest.mark.parametrize("size", [5, 20])
def test_with_no_true_difference_questions_alike_within_sections_promote_as_few(size: int) -> None:
    outcome = simulated(by_section(0.0, size, 0.3), 300, sections=300 // size)

    assert outcome.share("promote") <= 0.05


def test_a_true_gain_of_a_tenth_is_promoted_within_150_questions_four_times_in_five() -> None:
    outcome = simulated(lambda: normal(0.10), 300, policy_for(max_questions=150))

    assert outcome.share("promote") >= 0.8


def test_a_true_gain_of_a_twentieth_is_mostly_promoted_in_the_end() -> None:
    outcome = simulated(lambda: normal(0.05), 200)

    assert outcome.share("promote") >= 0.7


def test_a_true_loss_is_not_promoted_and_soon_given_up() -> None:
    outcome = simulated(lambda: normal(-0.05), 300)

    assert outcome.share("promote") <= 0.01
    assert outcome.questions <= 60


def test_the_rule_that_the_higher_mean_wins_would_promote_half_of_what_changed_nothing() -> None:
    """What the looks and the interval are for."""
    wins = 0
    for seed in range(400):
        chance = random.Random(seed)
        wins += sum(normal(0.0)(chance, n) for n in range(40)) > 0

    assert 0.4 < wins / 400 < 0.6
