"""A word stem goes in; how much it tells comes out. Alone knows how common words are in filings."""

from functools import cache
from pathlib import Path

from backend.terms import stems

UNKNOWN = 4.0
"""Rarity of a stem that the table does not hold: a name or a slip as often as a telling word."""
FIGURE = 2.0
"""Rarity of a number: many passages hold some, and the same digits mean different things."""

_FILLER = frozenset(
    stems(
        "company companies registrant inc corporation corp ltd plc group filing filings "
        "report reported annual form 10-K SEC fiscal year years ended end document please "
        "describe described explain provide provided mention mentioned according based "
        "information regarding detail details summarize amount number value discuss discussed "
        "state stated identify"
    )
)


@cache
def _table() -> dict[str, float]:
    lines = Path(__file__).with_name("rarity.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {stem: float(row[0]) for row in rows for stem in row[1:]}


def rarity(stem: str) -> float:
    """About .5 for words of every page to 6 for words of hardly any; ln(1 / share of passages)."""
    if stem[:1].isdigit():
        return FIGURE
    return _table().get(stem, UNKNOWN)


def is_filler(stem: str) -> bool:
    """Whether the stem says nothing about a filing's subject: "company", "10-K", "describe"."""
    return stem in _FILLER
