"""A text in, its words out: stems, synonyms of finance, statements named; alone knows the trade's
vocabulary."""

import re
from functools import lru_cache
from importlib.resources import files

import Stemmer

_STOP = frozenset(
    """
a about above after again all also am an and any are as at be because been before being below
between both but by can could did do does doing down during each either etc few for from further
had has have having he her here hers him his how however i if in into is it its itself just me more
most my no nor not of off on once only or other our ours out over own per please same shall she
should so some such tell than that the their theirs them then there these they this those through
to too under until up upon us very was we were what when where which while who whom whose why will
with within would you your yours
""".split()  # noqa: SIM905
)
_TOKEN = re.compile(
    r"[a-z]{1,2}&[a-z](?:&[a-z])*(?![a-z])|[a-z]+\d+[a-z0-9]*|[a-z]+(?:['\u2019][a-z]+)?"
    r"|\d+(?:[,.]\d+)*[a-z]{0,2}"
)
_YEARED = re.compile(r"(fye?|cy|q)(\d{2,4})")
_UNITED_STATES = re.compile(r"\bU\.?S\.?(?:A\.?)?(?=[\s,;:)'\u2019-]|$)")
_stemmer = Stemmer.Stemmer("english")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The Snowball stem of one lower-case word."""
    return _stemmer.stemWord(word)


def _words(text: str) -> list[str]:
    lowered = _UNITED_STATES.sub("united states", text).lower()
    lowered = lowered.replace("10-k", "10k").replace("10-q", "10q").replace("401(k)", "401k")
    found: list[str] = []
    for token in _TOKEN.findall(lowered):
        if yeared := _YEARED.fullmatch(token):
            found += [yeared[1], yeared[2] if len(yeared[2]) == 4 else f"20{yeared[2]}"]
        else:
            found.append(re.sub(r"['\u2019](?:s|t|re|ve|ll|d)?$", "", token).replace(",", ""))
    return found


@lru_cache(maxsize=32768)
def stem_tuple(text: str) -> tuple[str, ...]:
    """As `stems`, cached and immutable."""
    return tuple(stem(word) for word in _words(text) if word and word not in _STOP)


def stems(text: str) -> list[str]:
    """The words of a text as search sees them: lower case, no stop words, Snowball stems.

    Hyphens part words ("stock-based" -> stock, base), "FY21" gives fy and 2021, thousands commas
    go.
    """
    return list(stem_tuple(text))


def _parse(line: str) -> tuple[list[str], list[str]]:
    asked, arrow, printed = line.partition("->")
    triggers = [phrase.strip() for phrase in asked.split("|")]
    targets = [phrase.strip() for phrase in printed.split("|")] if arrow else []
    return triggers, [*targets, *(t for t in triggers if t not in targets)]


@lru_cache(maxsize=1)
def _triggers() -> dict[tuple[str, ...], list[str]]:
    """Stems of what may be asked -> the phrases to look for, most likely printed first."""
    table: dict[tuple[str, ...], list[str]] = {}
    text = files("backend").joinpath("synonyms.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        triggers, phrases = _parse(line)
        for trigger in triggers:
            known = table.setdefault(stem_tuple(trigger), [])
            known += [phrase for phrase in phrases if phrase not in known]
    table.pop((), None)
    return table


@lru_cache(maxsize=4096)
def synonyms(question: str) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """What of a question has synonyms: stems of the phrase asked, and other phrases for it."""
    asked = stem_tuple(re.sub(r"\b([ar])/([rp])\b", r"\1\2", question, flags=re.IGNORECASE))
    table = _triggers()
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    start = 0
    while start < len(asked):
        for length in range(min(7, len(asked) - start), 0, -1):  # the longest phrase alone counts
            key = asked[start : start + length]
            if key in table:
                found.append((key, tuple(p for p in table[key] if stem_tuple(p) != key)))
                start += length - 1
                break
        start += 1
    return tuple(found)


def expand(question: str) -> list[str]:
    """Other phrases a filing may use for what is asked: "capex" -> "purchases of property ..."."""
    return list(dict.fromkeys(p for _, phrases in synonyms(question) for p in phrases))


_STATEMENTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), names)
    for pattern, names in (
        (
            r"balance\s+sheets?|statements?\s+of\s+(?:the\s+)?financial\s+(?:position|condition)",
            ("Consolidated Balance Sheets", "Consolidated Statements of Financial Position"),
        ),
        (
            r"income\s+statements?|(?:profit\s+and\s+loss|p\s?&\s?l)(?:\s+(?:statement|account))?"
            r"|statements?\s+of\s+(?:consolidated\s+)?(?:income|operations|earnings)",
            (
                "Consolidated Statements of Income",
                "Consolidated Statements of Operations",
                "Consolidated Statements of Earnings",
            ),
        ),
        (
            r"cash\s?-?flows?\s+statements?|statements?\s+of\s+(?:consolidated\s+)?cash\s?flows?",
            ("Consolidated Statements of Cash Flows",),
        ),
        (
            r"statements?\s+of\s+(?:other\s+)?comprehensive\s+(?:income|loss)",
            ("Consolidated Statements of Comprehensive Income",),
        ),
        (
            r"statements?\s+of\s+(?:changes\s+in\s+)?(?:share|stock)?(?:holders['\u2019]?\s+)?equity",
            (
                "Consolidated Statements of Shareholders' Equity",
                "Consolidated Statements of Stockholders' Equity",
            ),
        ),
        (r"\bmd\s?&\s?a\b|management['\u2019]?s\s+discussion", ("Item 7",)),
        (r"\brisk\s+factors?\b", ("Item 1A",)),
        (r"\blegal\s+proceedings?\b", ("Item 3",)),
    )
)


def statements_named(question: str) -> list[str]:
    """Names of the sections a question asks to read: "balance sheet" -> the balance sheets."""
    named: list[str] = []
    for pattern, names in _STATEMENTS:
        if pattern.search(question):
            named += names
    return named


_LINES = """
(?:gross |operating |service |product |subscription |advertising )?(?:revenues?|sales)
top ?line|turnover|bottom ?line|cogs|opex|ebit(?:da)?|eps|dps|pp&e|capex
d&a|r&d|sg&a|g&a|s&m|sbc|fcf
costs? of (?:goods sold|revenues?|sales|(?:products?|services?|goods)(?: sold)?)
gross (?:profit|margin dollars)
operating (?:income|profit|loss|expenses?|costs|earnings)
(?:income|loss|profit) from operations
research (?:and|&) development|product development|technology and development
(?:selling|sales),? general,? (?:and|&) administrative|general (?:and|&) administrative
(?:sales|selling) (?:and|&) marketing|marketing|advertising
interest (?:income|expense)|income tax(?:es)?|tax|provision for income taxes
pre-?tax (?:income|profit|earnings|loss)
(?:income|profit|loss|earnings) before (?:income )?tax(?:es)?
income|profit|loss|earnings
(?:basic |diluted )?(?:eps|(?:income|earnings|loss|profit) per (?:common |ordinary )?share)
dividends?(?: paid| declared| per share)?
assets|liabilities|debt|(?:(?:share|stock)holders[\u2019']? )?equity|working capital
(?:current|long-term|short-term|non-?current) (?:assets|liabilities|debt)
cash(?: and (?:cash )?equivalents)?|marketable securities
inventor(?:y|ies)|goodwill|(?:trade |accounts )?(?:receivables?|payables?)
deferred revenue|unearned revenue|retained earnings|accumulated deficit|treasury stock|backlog
property,?(?: plant,?)? (?:and|&) equipment|intangible assets|intangibles
capital (?:expenditures?|spending|investments?)
depreciation(?: (?:and|&) amortization)?|amortization
(?:stock|share|equity)-based compensation
free cash flow|(?:operating|investing|financing) cash flow|cash(?: flow)? from operations
(?:share |stock )?(?:repurchases|buybacks)
"""
_LINE_ITEM = re.compile(
    r"(?:(?:total|net|consolidated|reported|annual|full[- ]year|overall|company|group) )*"
    rf"(?:{'|'.join(_LINES.split(chr(10))[1:-1])})"
    r"(?:,? (?:expenses?|expenditures?|costs?|spending|spend|charges?|figure|total|net|amount))?",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def is_line_item(phrase: str) -> bool:
    """Whether a phrase is the name of a line of the financial statements, as analysts say it.

    "SG&A", "cost of goods sold" and "net income" are; "the SG&A of Europe" is not.
    """
    return _LINE_ITEM.fullmatch(" ".join(phrase.split())) is not None


_SPELLED = {
    "sg&a": "selling, general and administrative",
    "g&a": "general and administrative",
    "s&m": "sales and marketing",
    "r&d": "research and development",
    "d&a": "depreciation and amortization",
    "pp&e": "property and equipment",
    "cogs": "cost of goods sold",
    "eps": "earnings per share",
    "capex": "capital expenditures",
    "opex": "operating expenses",
    "fcf": "free cash flow",
    "sbc": "stock-based compensation",
}
_SHORT = re.compile(rf"(?<![\w&])(?:{'|'.join(_SPELLED)})(?![\w&])", re.IGNORECASE)


def spelled(text: str) -> str:
    """A text with the abbreviations of statement lines written out: "SG&A", "capex", "EPS"."""
    return _SHORT.sub(lambda found: _SPELLED[found[0].lower()], text)
