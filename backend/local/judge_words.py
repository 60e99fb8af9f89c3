"""A question or a claim goes in; the words that carry it come out, each with its weight."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from backend.local.judge_asking import asks_figure, asks_growth, thing_asked
from backend.local.rarity import is_filler, rarity
from backend.quantities import Period, Quantity, periods, quantities
from backend.terms import expand, stems, synonyms

Weights = Mapping[str, float]

CITATION = re.compile(r"\s*\[\d{1,3}\]")
_SIGN_ONLY = frozenset(
    stems(
        "increase increased decrease decreased change changed was were be million billion "
        "thousand thousands millions USD dollars percent respectively compared period ended "
        "end ending date figure table line item note much many large big spend spent earn earned "
        "make made generate incur hold held owe record come came"
    )
)
_MONTHS = frozenset(
    stems("january february march april may june july august september october november december")
)


TIME = "time"
"""What "How long" asks for: filings print years and months without a unit of their own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about."""

    words: Weights
    variants: tuple[Weights, ...]
    """The same with one phrase told in other words each time (synonyms of finance)."""
    years: frozenset[int]
    figure: bool
    """Whether nothing but a figure answers it."""
    unit: str
    """The unit of that figure, or of a time that may be one; "" where any will do."""
    directions: frozenset[str]
    """Whether it asks for an item that is itself an increase or a decrease: "decreases in"."""
    flow: bool
    """Whether it asks for a flow of cash, or for a change by that name."""
    growth: bool
    """Whether that figure is a change in per cent."""
    thing: frozenset[str]
    """Stems of the thing asked for by name ("What dividend did"), or of other words for it; none
    where the question names none, or a figure will do whatever it is of."""


def without_citations(text: str) -> str:
    """The text without its [n] markers."""
    return CITATION.sub("", text).strip()


def weigh(words: Iterable[str]) -> dict[str, float]:
    """Each word once, with its rarity."""
    return {word: rarity(word) for word in words}


def total(weights: Weights) -> float:
    """What all the words weigh together."""
    return sum(weights.values())


def share(weights: Weights, of: Iterable[str]) -> float:
    """The share of the weight that stands in `of`; 0 where there is none."""
    found = set(of)
    whole = total(weights)
    return sum(w for word, w in weights.items() if word in found) / whole if whole else 0.0


@lru_cache(maxsize=16384)
def label_words(text: str) -> frozenset[str]:
    """The words of a claim, a row or a heading that say what a figure is: no figure, no period.

    "Other" is one of them, though it is a stop word elsewhere: other assets are not assets.
    """
    rest = list(text)
    for found in (*quantities(text), *periods(text)):
        rest[found.start : found.end] = " " * (found.end - found.start)
    plain = _PAST.sub(lambda match: _PRESENT[match[0].lower()], "".join(rest))
    said = [*stems(plain), *(["other"] if _OTHER.search(text) else [])]
    return frozenset(stem for stem in said if not stem[0].isdigit() and not _is_dull(stem))


_PRESENT = {"paid": "pay", "sold": "sell", "bought": "buy", "lent": "lend", "lost": "lose"}
_PAST = re.compile(rf"\b(?:{'|'.join(_PRESENT)})\b", re.IGNORECASE)
"""Past forms that a stemmer leaves apart, and that a row prints where a question does not."""
_OTHER = re.compile(r"\bother\b", re.IGNORECASE)


def _is_dull(stem: str) -> bool:
    return is_filler(stem) or stem in _SIGN_ONLY or stem in _MONTHS


@lru_cache(maxsize=1024)
def asked(question: str) -> Asked:
    """What a question is about: its words, how else they are printed, its years and its unit."""
    words = label_words(question) - _owners(question)
    years = frozenset(period.year for period in periods(question))
    figure = asks_figure(question)
    return Asked(
        words=weigh(words),
        variants=_variants(question, words),
        years=years,
        figure=figure,
        unit=_unit_asked(question) if figure else TIME if _TIME.search(question) else "",
        directions=directions(question),
        flow=bool(_FLOW.search(question)),
        growth=asks_growth(question),
        thing=frozenset[str]() if figure else _thing(question),
    )


_FLOW = re.compile(
    r"\bcash\b|\bflows?\b|\b(?:the|a|net) changes? in\b|\bchanges in\b", re.IGNORECASE
)
_DIRECTION = re.compile(r"\b\(?(increase|decrease)s?\)? (?:\(?decreases?\)? )?in\b", re.IGNORECASE)


def directions(text: str) -> frozenset[str]:
    """Which way an item goes by its name: "Decreases in tax positions". Both where it may go
    either way: "(Increase) decrease in inventories"."""
    return frozenset(
        word[:2].lower()
        for match in _DIRECTION.finditer(text)
        for word in re.findall(r"increase|decrease", match[0], re.IGNORECASE)
    )


def _thing(question: str) -> frozenset[str]:
    named = thing_asked(question)
    return label_words(named) | {word for told in expand(named) for word in label_words(told)}


def _variants(question: str, words: frozenset[str]) -> tuple[Weights, ...]:
    found: dict[frozenset[str], None] = {}
    for key, phrases in synonyms(question):
        rest = words - set(key)
        for phrase in phrases:
            found[rest | label_words(phrase)] = None
    found.pop(words, None)
    return tuple(weigh(variant) for variant in found if variant)


_OWNER = re.compile(
    r"\b([A-Z][\w&.-]*(?:\s+[A-Z][\w&.-]*){0,3})['\u2019]s?\s"
    r"|\b(?:did|does|do|has|have|had|is|was|are|can|could|will|would|must|should|of|by|for|from|at)\s+"
    r"([A-Z][\w&.-]+)(?=[?,.]|\s+[a-z(])"
)


def _owners(question: str) -> frozenset[str]:
    """Stems of the company that a question is about ("Uber's revenue", "did Uber pay"): filings
    call themselves "we", so its name tells nothing."""
    first = question.split(" ", 1)[0]
    names = (name.removeprefix(f"{first} ") for pair in _OWNER.findall(question) for name in pair)
    return frozenset(stem for name in names if not synonyms(name) for stem in stems(name))


_TIME = re.compile(r"^\W*(?:how (?:long|old)|over what (?:period|term)s?)\b", re.IGNORECASE)
_UNITS = (
    ("USD per share", r"\bper (?:\w+ ){0,2}share\b|\beps\b"),
    (
        "percent",
        r"%|\bper\s?cent(?:age)?s?\b|\b(?:tax|interest|discount|growth) rate\b"
        r"|\bmargin\b(?! dollar)",
    ),
    (
        "shares",
        r"\b(?:how many|number of) (?:\w+ ){0,3}shares\b|\bshares (?:were |are )?outstanding\b"
        r"|\bweighted[- ]average (?:\w+[ -]){0,4}shares\b|\baverage shares\b",
    ),
    ("USD", r"(?<!by )\bhow much\b|\bdollar|\$|\bcost of\b|\bin (?:millions|thousands|billions)\b"),
)


def _unit_asked(question: str) -> str:
    lowered = question.lower()
    return next((unit for unit, pattern in _UNITS if re.search(pattern, lowered)), "")


_ATTACHED = re.compile(
    r"[\s,(]*(?:in|for|at|as of|on|during|of|through)?\s*(?:the )?(?:fiscal )?"
    r"(?:(?:year|quarter|period)s?(?: end(?:ed|ing))?)?\s*(?:on |at )?",
    re.IGNORECASE,
)


def period_of(text: str, figure: Quantity) -> Period | None:
    """The period that a figure is stated for.

    That which follows it at once ("$5 in 2023"); else its place in a list of as many periods;
    else the next one where the sentence names its figures first, the last one where it names
    its periods first.
    """
    named = periods(text)
    if len(named) < 2:
        return named[0] if named else None
    for period in named:
        between = text[figure.end : period.start]
        if period.start >= figure.end and _ATTACHED.fullmatch(between):
            return period
    starts = [other.start for other in quantities(text)]
    if len(starts) == len(named) and figure.start in starts:
        return named[starts.index(figure.start)]
    before = [period for period in named if period.end <= figure.start]
    after = [period for period in named if period.start >= figure.end]
    leads = named[0].start < min(starts, default=figure.start)
    return before[-1] if before and (leads or not after) else (after or named)[0]
