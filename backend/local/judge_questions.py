"""An answer goes in; the question that it answers comes out.

For a figure that is what the sentence says the figure is, and when; for prose the answer itself,
since any word left out would be a choice that a language model makes and this does not.
"""

import re

from backend.local.judge_words import period_of, without_citations
from backend.passages import sentences
from backend.quantities import Period, Quantity, periods, quantities

LONGEST = 600
_LINK = re.compile(
    r"\b(?:year|quarter|ended|was|were|is|are|amounted to|totall?ed|came to|stood at|of|at"
    r"|approximately|about|or|and|to|by|from|for|in|as of|the|our|we|had|reported)\b",
    re.IGNORECASE,
)
_MOVED = re.compile(r"\b(?:increas|decreas|declin|grew|rose|fell|chang)\w*", re.IGNORECASE)


def question_for(answer: str) -> str:
    """The question; never empty."""
    plain = without_citations(answer)
    said = sentences(plain) or [plain]
    first = said[0]
    figures = quantities(first)
    if figures and _states(first, figures):
        return _of_figure(first, figures)
    return f"What does it say: {' '.join(said)[:LONGEST].strip()}?"


def _states(sentence: str, figures: list[Quantity]) -> bool:
    """Whether the sentence is there for its figure: short, or opening with what the figure is."""
    return len(sentence.split()) <= 30 or figures[0].start > len(sentence) // 2


def _of_figure(sentence: str, figures: list[Quantity]) -> str:
    period = _asked_period(sentence, figures[0])
    rest = list(sentence.rstrip(". "))
    for found in (*figures, *periods(sentence)):
        stop = min(found.end, len(rest))
        if found.start < stop:
            rest[found.start : stop] = " " * (stop - found.start)
    if moved := _CHANGED.match(sentence):
        label = _trimmed(_plain("".join(rest[: moved.end("label")])))
        when = f" in {period.text}" if period else ""
        how = "By what percentage" if figures[0].unit == "percent" else "How much"
        return f"{how} did {label} {_WAYS[moved['way'][:3].lower()]}{when}?"
    label = _trimmed(_plain("".join(rest)))
    return f"What was {label} in {period.text}?" if period else f"What was {label}?"


_CHANGED = re.compile(
    r"(?P<label>[^,;.]*?(?:,[^,;.]*?){0,3})\s(?:was |were |did not |has |have )?"
    r"(?P<way>increase|decrease|decline|grew|grow|rose|fell|change)d?,?\s(?:by|from|to|of|[$\d(])",
    re.IGNORECASE,
)
_WAYS = {
    "inc": "increase",
    "dec": "decrease",
    "gre": "grow",
    "gro": "grow",
    "ros": "rise",
    "fel": "fall",
    "cha": "change",
}


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[(),;:|]|\s-\s", " ", text).split())


def _asked_period(sentence: str, figure: Quantity) -> Period | None:
    """The period a sentence is about: its figure's, or the last one where something moved."""
    named = periods(sentence)
    if len({period.year for period in named}) > 1 and _MOVED.search(sentence):
        return max(named, key=lambda period: period.year)
    return period_of(sentence, figure)


def _trimmed(label: str) -> str:
    """The label without the verbs and small words that hang at its ends."""
    words = label.split()
    while words and _LINK.fullmatch(words[-1]):
        words.pop()
    while words and _LINK.fullmatch(words[0]):
        words.pop(0)
    return " ".join(words) or label
