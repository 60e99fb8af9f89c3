"""Which filings a question is about: the companies and years it names, against what is there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from backend.quantities import Period, periods
from backend.records import Filing

_LEGAL = """
ag and co companies company corp corporation de group holding holdings inc incorporated kgaa
limited llc llp lp ltd nv of plc sa se spa the trust
"""
LEGAL = frozenset(_LEGAL.split())
"""Words of a company's name that nobody says."""
_DESCRIPTIVE = """
advanced allied american applied associated atlantic bank best brands capital central city coast
commercial consolidated continental digital dollar eastern electric energy enterprise equity
express federal fifth financial first food foods general global great health home industries
insurance international johnson live materials medical micro national new north northern old
pacific power public real regions republic research retail royal services social software south
southern southwest standard state systems technologies technology texas tractor twenty union united
universal us usa valley waste water west western world
"""
DESCRIPTIVE = frozenset(_DESCRIPTIVE.split())
"""First words that are no short form of a name: others share them, or reports use them."""
_ORDINARY = """
aim all any apple are ball be big bill block box buy can car carnival cars cash cat chase compass
core cost crown data days delta discover do eagle eat fair fast five flow fold form fun gap go good
has he hub ice it key life linear loan love low main mark match move net news next now on ones
open oracle paramount path plan play pool post progressive prudential range rate roll root ross run
safe sealed see snap so square stanley stride sum target tax team trade travelers true unity visa
well wise work zoom
"""
ORDINARY = frozenset(_ORDINARY.split())
"""Words of ordinary English: a name or ticker only when written as one ("Target", "ALL")."""
OVER_TIME = re.compile(
    r"\b(over time|over the years|trends?|histor(?:y|ical|ically)|each (?:filing|year|10-k)|"
    r"every (?:filing|year)|all (?:filings|years)|across (?:the )?(?:filings|years)|"
    r"(?:all|both) 10-ks)\b",
    re.IGNORECASE,
)
SHORTEST_YEAR = timedelta(weeks=52)
COMPARED = 2
"""Years before its own that a 10-K prints beside it: income and cash flow cover three years."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The filings to search, best first, and whether the question itself named several companies.

    `words` are the words by which it named them: every page of such a filing has them, so they
    find nothing.
    """

    filings: list[Filing]
    companies_named: int
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Named:
    year: int
    day: date | None
    anchor: bool  # "as of ...": the date of the books that are asked about


def choose_filings(question: str, filings: Sequence[Filing]) -> list[Filing]:
    """The filings a question is about, most plausible first; never empty unless `filings` is.

    A company is named in full, by a short form of its name, or by its ticker; where none is named
    all companies are meant. Of each company the filing of the year named is taken; else one that
    prints the year for comparison; where no year is named the latest filing.
    """
    return choose(question, filings).filings


def choose(question: str, filings: Sequence[Filing]) -> Choice:
    """As choose_filings, with what else the question says about companies."""
    companies = _companies(filings)
    named, words = _companies_named(question, companies)
    years = _years_named(question)
    groups = [companies[key] for key in (named or companies)]
    fitting = [_of_years(group, years) for group in groups] if years else []
    found = [filing for group in fitting for filing in group]
    if not found:
        every = OVER_TIME.search(question) is not None
        found = [filing for group in groups for filing in (group if every else group[:1])]
    return Choice(found, len(named), words | _own_year(question, found))


def _own_year(question: str, found: Sequence[Filing]) -> frozenset[str]:
    """How a question names the year of the filings: "fiscal 2025", not the day it ended on."""
    told = re.findall(r"\b(?:fiscal(?: year)? |FY ?)((?:19|20)\d\d)\b", question, re.IGNORECASE)
    years = {str(filing.fiscal_year) for filing in found}
    if not told or {*told} != years:
        return frozenset()
    return frozenset({"fiscal", *told, *(f"fy{year}" for year in told)})


# -- companies


def _companies(filings: Sequence[Filing]) -> dict[str, list[Filing]]:
    """Filings by company, the latest first."""
    found: dict[str, list[Filing]] = {}
    for filing in filings:
        key = " ".join(_spoken(filing.company)) or filing.ticker.lower() or filing.id
        found.setdefault(key, []).append(filing)
    for group in found.values():
        group.sort(key=_recency, reverse=True)
    return found


def _recency(filing: Filing) -> tuple[int, date]:
    return filing.fiscal_year or 0, filing.period_end or date.min


def _tokens(text: str) -> list[tuple[str, int]]:
    """Words in lower case without a possessive, each with its place."""
    return [
        (re.sub(r"['’]s$", "", match[0].lower()), match.start())
        for match in re.finditer(r"\w+(?:['’]\w+)*", text)
    ]


def _spoken(company: str) -> list[str]:
    """A company's name as people say it: "NVIDIA CORPORATION" is ["nvidia"]."""
    words = [word for word, _ in _tokens(company)]
    while words and words[0] == "the":
        words = words[1:]
    while len(words) > 1 and words[-1] in LEGAL:
        words = words[:-1]
    return words


def _forms(group: Sequence[Filing]) -> set[tuple[str, ...]]:
    """The names of one company, as runs of words: in full, without legal form, first word."""
    forms: set[tuple[str, ...]] = set()
    for filing in group:
        spoken = _spoken(filing.company)
        forms |= {tuple(word for word, _ in _tokens(filing.company)), tuple(spoken)}
        if spoken and len(spoken[0]) > 2 and spoken[0] not in DESCRIPTIVE | LEGAL:
            forms.add((spoken[0],))
    return forms - {()}


def _companies_named(
    question: str, companies: dict[str, list[Filing]]
) -> tuple[list[str], frozenset[str]]:
    """Keys of the companies named, in the order of the question, and the words that name them."""
    tokens = _tokens(question)
    hits: list[tuple[int, int, str]] = []  # first word, last word + 1, company
    for key, group in companies.items():
        for form in _forms(group):
            hits += [(*span, key) for span in _runs(form, tokens, question)]
        for ticker in {filing.ticker for filing in group if filing.ticker}:
            hits += [(*span, key) for span in _tickers(ticker, tokens, question)]
    longest = [hit for hit in hits if not any(_inside(hit, other) for other in hits)]
    longest.sort()
    words = frozenset(tokens[n][0] for first, last, _ in longest for n in range(first, last))
    return list(dict.fromkeys(key for _, _, key in longest)), words


def _inside(hit: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    """Whether another company's name covers this one and says more."""
    return (
        hit[2] != other[2]
        and other[0] <= hit[0]
        and hit[1] <= other[1]
        and other[1] - other[0] > hit[1] - hit[0]
    )


def _runs(
    form: tuple[str, ...], tokens: list[tuple[str, int]], question: str
) -> Iterable[tuple[int, int]]:
    for first in range(len(tokens) - len(form) + 1):
        run = tokens[first : first + len(form)]
        said = tuple(word for word, _ in run) == form
        if said and (not ORDINARY.issuperset(form) or _as_a_name(run[0], question)):
            yield first, first + len(form)


def _as_a_name(token: tuple[str, int], question: str) -> bool:
    """Whether an ordinary word is written as a name; at the start capital letters say nothing."""
    word, place = token
    owner = question[place + len(word) : place + len(word) + 2].lower() in ("'s", "’s")
    return question[place].isupper() and (place > 0 or owner)


def _tickers(
    ticker: str, tokens: list[tuple[str, int]], question: str
) -> Iterable[tuple[int, int]]:
    shouted = question.isupper()
    for n, (word, place) in enumerate(tokens):
        if word != ticker.lower():
            continue
        written = question[place : place + len(ticker)]
        marked = place > 0 and question[place - 1] in "$:(" or question[place - 2 : place] == ": "
        long_enough = len(ticker) > 1 or marked
        plain = len(ticker) > 3 and word not in ORDINARY
        if long_enough and (plain or (written.isupper() and not (shouted and word in ORDINARY))):
            yield n, n + 1


# -- years


ANCHOR = re.compile(
    r"\b(?:as\s+(?:of|at)|at)\s+(?:the\s+)?(?:end\s+of\s+|year[- ]end\s+)?"
    r"(?:fiscal\s+(?:year\s+)?)?$",
    re.IGNORECASE,
)


def _years_named(question: str) -> list[_Named]:
    """The years a question names. "As of FY2021, ... in 2024?" is about the books of 2021."""
    found = [
        _Named(period.year, _day(period), bool(ANCHOR.search(question[: period.start])))
        for period in periods(question)
    ]
    return [named for named in found if named.anchor] or found


def _day(period: Period) -> date | None:
    try:
        return date(period.year, period.month, period.day) if period.month and period.day else None
    except ValueError:  # "February 30, 2023"
        return None


def _of_years(group: Sequence[Filing], named: Sequence[_Named]) -> list[Filing]:
    """Of one company: the fewest filings that print every year named, the latest first.

    A year that no filing of the company prints (one to come, say) chooses nothing.
    """
    open_years = list(named)
    chosen: list[Filing] = []
    for exact in (True, False):
        for want in sorted(open_years, key=lambda named: named.year, reverse=True):
            if any(_prints(filing, want) for filing in chosen):
                continue
            fitting = [f for f in group if (_is_of if exact else _prints)(f, want)]
            chosen += fitting[:1]
    return sorted(chosen, key=_recency, reverse=True)


def _is_of(filing: Filing, named: _Named) -> bool:
    if named.day and filing.period_end:
        return timedelta() <= filing.period_end - named.day < SHORTEST_YEAR
    return filing.fiscal_year == named.year


def _prints(filing: Filing, named: _Named) -> bool:
    """Whether the filing prints that year, as its own or beside it."""
    if _is_of(filing, named):
        return True
    return filing.fiscal_year is not None and (
        filing.fiscal_year - COMPARED <= named.year <= filing.fiscal_year
    )
