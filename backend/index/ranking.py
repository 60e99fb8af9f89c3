"""Scores in, an order out: joins words and vectors, and weighs where a chunk stands; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from backend.index.vectors import Floats, best
from backend.records import Passage
from backend.terms import statements_named, stems

VECTOR_SHARE = 0.3
"""Chosen, as all weights here, on questions about two filings that no result is reported on: shares
from .2 to .5 are within .01 of one another there, and as good as reciprocal ranks."""

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

EXHIBIT = re.compile(r"exhibit\b(?!s and financial)|ex-\d", re.IGNORECASE)
EXHIBIT_ASKED = re.compile(
    r"\b(exhibits?|plans?|agreements?|indentures?|awards?|grants?|participants?|by-?laws|"
    r"covenants?|lenders?|borrowers?|loan|amendments?|optionees?|optionholders?|employees?|"
    r"employment|contract|section \d+(\.\d+)?|certificates?|certif\w+|subsidiar\w+|"
    r"countr\w+|residents?|notice)\b",
    re.IGNORECASE,
)
PEOPLE_ASKED = re.compile(
    r"\b(?:how many|number of|total) (?:full[- ]time )?(?:employees?|people|workers|staff)\b|"
    r"\bheadcount\b|^\W*who\b.*\b(?:c[efot]o|chief|president|chair\w*|auditors?|officers?)\b",
    re.IGNORECASE,
)
"""Asks for the company's own people: the letters and plans of an exhibit name them by the way."""
FIGURE_ASKED = re.compile(
    r"\b(how (?:much|many|large|big|high)|amounts?|totals?|percent(?:age)?|ratio|margins?|"
    r"number of|average|growth|grew|rate|turnover|per share|value of|balance|capex|eps|"
    r"increased?|decreased?|declined?|revenues?|income|expenses?|costs?|debt|cash)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Weights:
    """What a chunk's score is multiplied by, for where it stands."""

    exhibit: float = 0.8
    """In an exhibit, when the question names none: the agreements behind a 10-K are nearly half
    of its pages and repeat its words."""
    people: float = 0.6
    """In an exhibit, when the company's people are asked for."""
    figure: float = 1.1
    """A table, when a figure is asked for."""
    statement: float = 1.2
    """In the statement or Item that the question names."""


WEIGHTS = Weights()


def rank(question: str, passages: Sequence[Passage], weights: Weights = WEIGHTS) -> list[Passage]:
    """Passages in the order of their weighed scores, best first."""
    people = PEOPLE_ASKED.search(question) is not None
    exhibit = EXHIBIT_ASKED.search(question) is not None and not people
    figure = FIGURE_ASKED.search(question) is not None
    named = [_said(name) for name in statements_named(question)]

    def weighed(passage: Passage) -> Passage:
        weight = 1.0
        if EXHIBIT.match(passage.section) and not exhibit:
            weight *= weights.people if people else weights.exhibit
        if passage.kind == "table" and figure:
            weight *= weights.figure
        if named and _within(named, passage):
            weight *= weights.statement
        return passage.model_copy(update={"score": passage.score * weight})

    return sorted(map(weighed, passages), key=lambda passage: (-passage.score, passage.chunk))


def _said(name: str) -> set[str]:
    return set(stems(name)) - {"consolid"}


def _within(named: Sequence[set[str]], passage: Passage) -> bool:
    """Whether the section, or the first line of a table, which is its caption, is one named."""
    first = passage.text.partition("\n")[0] if passage.kind == "table" else ""
    here = set(stems(f"{passage.section} {first}"))
    return any(name <= here for name in named)


def with_statements(
    found: Sequence[Passage], tables: Sequence[Passage], *, parts: int
) -> list[Passage]:
    """Up to `parts` tables of each statement, in turn with what the question's words found."""
    kept: list[Passage] = []
    for table in tables:
        if sum(table.section == other.section for other in kept) < parts:
            kept.append(table)
    first: dict[int, Passage] = {}
    for passage in in_turn([found, kept]):
        first.setdefault(passage.chunk, passage)
    return list(first.values())


def in_turn(lists: Sequence[Sequence[Passage]]) -> list[Passage]:
    """The first of each list, then the second of each, and so on; scores fall with the order."""
    longest = max((len(found) for found in lists), default=0)
    mixed = [found[n] for n in range(longest) for found in lists if n < len(found)]
    scores = accumulate((passage.score for passage in mixed), min)
    return [
        passage.model_copy(update={"score": score})
        for passage, score in zip(mixed, scores, strict=True)
    ]
