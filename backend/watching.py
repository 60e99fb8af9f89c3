"""Readers' thumbs and the teacher's second answers in, how the model in service does out. Pure.

It alone knows the statistics of live answers: looked at as often as one likes, their error rates
hold.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import NormalDist

from backend.claims import MARKER, NO_SOURCE, figures_of
from backend.quantities import Quantity, same_value
from backend.records import Turn
from backend.terms import stems

ALPHA = 0.05
"""Chance that thumbs which are no worse are ever called worse, all looks together."""
SAME_WORDS = 0.5
"""Share of two answers' stems, all of them counted once, that both hold when they say the same."""
MOST_OLD = 4
"""Old thumbs beside each new one, at most; more add little."""
OLD_FOR_EACH = 100
"""Old thumbs that there must be for each one that stands beside a new one."""
_OLD_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_LOSSES = (0.1, 0.2, 0.35)


# -- thumbs


@dataclass(frozen=True, slots=True)
class Thumbs:
    """Thumbs of one model: how many, the share of those up, and its 95 % interval (Wilson's).

    Without thumbs the share is None and the interval [0, 1].
    """

    model: str
    up: int
    down: int
    share: float | None
    low: float
    high: float


def thumbs(model: str, up: int, down: int) -> Thumbs:
    """The counts with their interval."""
    low, high = wilson(up, up + down)
    share = round(up / (up + down), 4) if up + down else None
    return Thumbs(model, up, down, share, round(low, 4), round(high, 4))


def wilson(hits: int, of: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, weight = hits / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / of + weight / of / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the new model's thumbs are worse than the old one's, as far as one can tell."""

    new: int
    """Thumbs of the new model that were weighed."""
    old: int
    """Thumbs of the old model that stood beside them."""
    p: float
    """An anytime-valid p-value: it may be looked at after every thumb."""
    worse: bool


def compare(new: Sequence[bool], old: Sequence[bool], *, alpha: float = ALPHA) -> Comparison:
    """Weigh the new model's thumbs against the old one's; True is a thumb up, oldest first.

    The largest e-value so far counts (Ville's inequality), so looking after every thumb, and
    for ever, warns by mistake with a chance of at most `alpha`.
    """
    beside = beside_each(len(old))
    values = e_values(new, old, beside=beside)
    p = min(1.0, 1.0 / max(values, default=1.0))
    return Comparison(len(values), len(values) * beside, p, p <= alpha)


def beside_each(old: int) -> int:
    """How many of `old` old thumbs stand beside each new one: never decided by what they say."""
    return max(1, min(MOST_OLD, old // OLD_FOR_EACH))


def e_values(new: Sequence[bool], old: Sequence[bool], *, beside: int = 1) -> list[float]:
    """After each new thumb, the evidence that new answers please less often than old ones.

    An e-process for two Bernoulli streams in blocks of one new and `beside` old thumbs: each
    block multiplies in the likelihood ratio of (new share, old share) against their weighted mean
    for both (Turner, Ly & Grünwald, "Generic E-variables for exact sequential k-sample tests that
    allow for optional stopping", J. Stat. Planning and Inference 230, 2024, theorem 1;
    arXiv:2106.02693). With the alternative's new share below its old one, a block's mean falls
    in the true new share and rises in the true old one, so what holds where both are equal holds
    wherever the new one is no worse. The alternatives are mixed over a grid, weights equal: no
    sizes of loss need be guessed, and the mean of e-processes is one.
    """
    wagers = [_wager(share - loss, share, beside) for share in _OLD_SHARES for loss in _LOSSES]
    logs = [0.0] * len(wagers)
    found: list[float] = []
    for place in range(min(len(new), len(old) // beside)):
        ups = sum(old[place * beside : (place + 1) * beside])
        logs = [log + wager[new[place]][ups] for log, wager in zip(logs, wagers, strict=True)]
        found.append(math.fsum(map(math.exp, logs)) / len(logs))
    return found


def _wager(new: float, old: float, beside: int) -> tuple[list[float], list[float]]:
    """The log factor of a block, by the new thumb (down, up) and how many old ones are up."""
    same = (new + beside * old) / (1 + beside)
    olds = [
        ups * math.log(old / same) + (beside - ups) * math.log((1 - old) / (1 - same))
        for ups in range(beside + 1)
    ]
    down, up = math.log((1 - new) / (1 - same)), math.log(new / same)
    return [down + one for one in olds], [up + one for one in olds]


# -- the teacher's second answers


def agreement(a: Turn, b: Turn) -> bool:
    """Whether two answers to one question over the same evidence say the same.

    Refusals agree with refusals. Where both state figures, each of those that the shorter list
    holds must stand in the other, at the coarser one's precision. Else they agree where they
    cite a page in common, or share at least half of their words' stems (Jaccard's measure).
    """
    if a.refused or b.refused:
        return a.refused and b.refused
    said, told = figures_of(_words(a)), figures_of(_words(b))
    if said and told:
        return _held(said, told) or _held(told, said)
    return bool(_pages(a) & _pages(b)) or _same_words(_words(a), _words(b))


def _words(turn: Turn) -> str:
    return MARKER.sub("", turn.answer.replace(NO_SOURCE, ""))


def _held(few: Sequence[Quantity], many: Sequence[Quantity]) -> bool:
    return all(any(same_value(one, other) for other in many) for one in few)


def _pages(turn: Turn) -> set[tuple[str, int]]:
    return {(str(one["filing"]), int(one["page"])) for one in turn.citations}


def _same_words(a: str, b: str) -> bool:
    said, told = set(stems(a)), set(stems(b))
    return bool(said | told) and len(said & told) >= SAME_WORDS * len(said | told)


def agreement_over_time(rows: Iterable[tuple[datetime, bool]]) -> list[tuple[date, int, float]]:
    """Day by day, oldest first: how many answers were compared, and the share that agreed."""
    days: defaultdict[date, list[bool]] = defaultdict(list)
    for at, agreed in rows:
        days[at.date()].append(agreed)
    return [(day, len(told), sum(told) / len(told)) for day, told in sorted(days.items())]
