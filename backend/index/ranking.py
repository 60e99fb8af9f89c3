"""Scores in, an order out: joins words and vectors, and weighs where a chunk stands; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.index.vectors import Floats, best
from backend.records import Passage

VECTOR_SHARE = 0.4

Scored = list[tuple[int, float]]


def fuse(
    words: Scored,
    ids: NDArray[np.int64],
    cosines: Floats,
    *,
    wide: int,
    share: float | None = None,
) -> Scored:
    """Lexical and vector scores as one, best first.

    Each is brought to 0..1 over the candidates (the best `wide` of either kind); `share` is the
    vector's weight. A candidate without any word asked has 0 there.
    """
    share = VECTOR_SHARE if share is None else share
    top = words[0][1] if words else 1.0
    lexical = {number: score / top for number, score in words} if top > 0 else {}
    near = dict(zip(ids.tolist(), cosines.tolist(), strict=True))
    candidates = [n for n in {**lexical, **dict(best(ids, cosines, wide))} if n in near]
    if not candidates:
        return []
    low = min(near[n] for n in candidates)
    span = max(near[n] for n in candidates) - low or 1.0
    scores = {
        n: (1 - share) * lexical.get(n, 0.0) + share * (near[n] - low) / span for n in candidates
    }
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


CANDIDATES = 60
"""Chunks whose place in the filing is weighed."""


@dataclass(frozen=True, slots=True)
class Weights:
    exhibit: float = 1.0
    figure: float = 1.0
    statement: float = 1.0


EXHIBIT_ASKED = re.compile(
    r"\b(exhibits?|plans?|agreements?|indentures?|awards?|grants?|participants?|covenants?|bylaws?|"
    r"certificates?|lenders?|borrowers?|amendments?|option holders?|lease)\b",
    re.IGNORECASE,
)
WEIGHTS = Weights()


def rank(question: str, passages: Sequence[Passage], weights: Weights = WEIGHTS) -> list[Passage]:
    return sorted(passages, key=lambda p: -p.score)


def in_turn(lists: Sequence[Sequence[Passage]]) -> list[Passage]:
    """The first of each list, then the second of each, and so on."""
    longest = max((len(found) for found in lists), default=0)
    return [found[n] for n in range(longest) for found in lists if n < len(found)]
