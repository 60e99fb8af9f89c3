"""How sure a mean gain is: per-question gains go in, an interval and the chances ahead come out.

It alone knows the statistics. Everything is closed-form and seedless: the same scores give the
same interval everywhere, so that a certificate can be recomputed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Gain:
    """What the candidate gains on one question, in [-1, 1]; best is above worst where a score is
    missing."""

    group: str
    worst: float
    best: float


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean gain, and how far it can be trusted. Missing scores count at their worst."""

    mean: float
    low: float
    high: float
    spread: float  # standard deviation of one question's worth: the error times sqrt(questions)
    questions: int
    groups: int


def interval(gains: Sequence[Gain], bound: float) -> Interval:
    """Cluster-robust t-interval for the mean of paired gains.

    `bound` is the normal quantile for many groups (1.645 for a single look at 95 %, one-sided);
    with G groups the t quantile of the same tail with G - 1 degrees of freedom is used, as Pocock
    (1977) does for an unknown variance. The error is the larger of the one that treats groups as
    independent (CR1: Liang & Zeger, Biometrika 1986; Cameron & Miller, J. Human Resources 2015,
    sections II and VI; for evals: Miller, arXiv:2411.00640) and the one that treats questions so.

    A missing score lies anywhere between worst and best. The mean takes the worst; `low` is
    the least over all that lies between, so that losing a score can never raise it, not even by
    hiding an outlier that made the error large.
    """
    count, groups = len(gains), len({gain.group for gain in gains})
    if groups < 2:
        mean = math.fsum(gain.worst for gain in gains) / count if gains else 0.0
        return Interval(mean, -1.0, 1.0, math.inf, count, groups)
    mean = math.fsum(gain.worst for gain in gains) / count
    ends = (mean, math.fsum(gain.best for gain in gains) / count)
    by_group = _summed(gains)
    singly = [(1, gain.worst, gain.best) for gain in gains]
    error = max(_error(by_group, count, (mean,)), _error(singly, count, (mean,)))
    widest = error
    if ends[0] != ends[1]:
        widest = max(_error(by_group, count, ends, True), _error(singly, count, ends, True))
    reach = t_quantile(round(NORMAL.cdf(bound), 12), groups - 1)
    low, high = mean - reach * widest, mean + reach * error
    spread = widest * math.sqrt(count)
    return Interval(
        round(mean, 9),
        round(max(low, -1.0), 9),
        round(min(high, 1.0), 9),
        spread,
        count,
        groups,
    )


def _summed(gains: Sequence[Gain]) -> list[tuple[int, float, float]]:
    """Per group: how many questions, and the sums of worst and best."""
    groups: dict[str, list[float]] = {}
    for gain in gains:
        held = groups.setdefault(gain.group, [0, 0.0, 0.0])
        held[0] += 1
        held[1] += gain.worst
        held[2] += gain.best
    return [(int(n), worst, best) for n, worst, best in groups.values()]


def _error(
    sums: Sequence[tuple[int, float, float]],
    count: int,
    centres: Sequence[float],
    widest: bool = False,
) -> float:
    """Standard error of the mean from groups' sums, at their worst.

    With `widest`: no less than the error at any values between worst and best. For a fixed centre
    the squares are greatest at the ends of each group; and in the centre the sum of those greatest
    squares is convex, so the ends of its range suffice.
    """
    most = max(
        math.fsum(
            max((worst - n * centre) ** 2, (best - n * centre) ** 2)
            if widest
            else (worst - n * centre) ** 2
            for n, worst, best in sums
        )
        for centre in centres
    )
    return math.sqrt(len(sums) / (len(sums) - 1) * most) / count


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: int) -> float:
    """Student's t quantile for probability > 0.5, rounded to six digits.

    Bisection on the finite series for whole degrees of freedom (Abramowitz & Stegun 26.7.3-4).
    """
    low, high = 0.0, 1.0
    while _t_below(high, freedom) < probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_below(middle, freedom) < probability else (low, middle)
    return round(high, 6)


def _t_below(t: float, freedom: int) -> float:
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    within = math.sin(angle) * total
    if odd:
        within = (angle + within) * 2 / math.pi
    return 0.5 + within / 2


def chance_to_show(seen: Interval, above: float, *, limit: int, bound: float, hope: float) -> float:
    """The chance that the lower end exceeds `above` at `limit` questions.

    Conditional power (Lan, Simon & Halperin, Sequential Analysis 1982), in the candidate's favour:
    the true gain is taken to be `hope` standard errors better than what was seen.
    """
    ahead = limit - seen.questions
    if ahead <= 0 or not math.isfinite(seen.spread):
        return float(seen.low > above) if ahead <= 0 else 1.0
    hoped = seen.mean + hope * seen.spread / math.sqrt(seen.questions)
    expected = seen.questions * (seen.mean - above) + ahead * (hoped - above)
    needed = bound * seen.spread * math.sqrt(limit)
    if seen.spread == 0:
        return float(expected > 0)
    return NORMAL.cdf((expected - needed) / (seen.spread * math.sqrt(ahead)))


def questions_to_show(seen: Interval, above: float, bound: float) -> int | None:
    """Questions in all after which the lower end exceeds `above`, if the trend holds.

    None where the trend does not lead there.
    """
    distance = seen.mean - above
    if distance <= 0 or not math.isfinite(seen.spread):
        return None
    reach = t_quantile(round(NORMAL.cdf(bound), 12), max(seen.groups - 1, 1))
    return math.floor((reach * seen.spread / distance) ** 2) + 1


def pocock_bound(looks: int, alpha: float = 0.05) -> float:
    """The constant z that a one-sided test may use at each of `looks` equally spaced looks.

    Pocock (Biometrika 1977); Wang & Tsiatis (Biometrics 1987) with Delta = 1/2; computed by the
    recursion of Armitage, McPherson & Rowe (JRSS A 1969): the density of the sum after each look,
    cut off where the test would have stopped.
    """
    low, high = 0.0, 6.0
    for _ in range(30):
        middle = (low + high) / 2
        crossed = _crossing(looks, middle)
        low, high = (middle, high) if crossed > alpha else (low, middle)
    return round(high, 4)


def _crossing(looks: int, bound: float, points: int = 300) -> float:
    """Probability that a driftless sum exceeds bound * sqrt(k) at one look k or another."""
    import numpy as np

    nodes = np.linspace(-9.0, bound, points)
    heights = np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    for look in range(2, looks + 1):
        onward = np.linspace(-9.0 * math.sqrt(look), bound * math.sqrt(look), points)
        steps = np.exp(-((onward[:, None] - nodes[None, :]) ** 2) / 2) / math.sqrt(2 * math.pi)
        heights = steps @ _masses(nodes, heights)
        nodes = onward
    return 1 - float(_masses(nodes, heights).sum())


def _masses(nodes: Any, heights: Any) -> Any:
    """Probability at each evenly spaced node, by the trapezoid rule."""
    masses = heights * (nodes[1] - nodes[0])
    masses[[0, -1]] /= 2
    return masses
