"""Text in, the figures and periods it states out; alone knows how filings print them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure as printed: `value` carries the sign, `scale` is not yet applied to it."""

    text: str
    value: float
    unit: str
    """ "USD", another currency's code, "percent", "USD per share", "shares", or "" if unknown."""
    scale: float
    """1, 1e3, 1e6 or 1e9; .01 for basis points."""
    start: int
    end: int

    @property
    def amount(self) -> float:
        """The value with its scale applied."""
        return self.value * self.scale

    @property
    def step(self) -> float:
        """One unit of the last printed digit, scale applied: 26,974 million -> 1e6."""
        digits = re.search(r"\d[\d,]*(?:\.(\d+))?", self.text)
        decimals = len(digits[1] or "") if digits else 0
        return self.scale * 10.0**-decimals


@dataclass(frozen=True, slots=True)
class Period:
    """A time that a text names. `year` is fiscal or calendar, as named."""

    year: int
    text: str
    kind: Literal["fiscal", "date", "quarter"]
    month: int | None = None
    day: int | None = None
    quarter: int | None = None
    start: int = 0
    end: int = 0


MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,6}\.?"
_YEAR = r"(?P<year>(?:19|20)\d\d)(?!\d)"
_QUARTERS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_FY = r"(?:fiscal(?:\s+years?)?|(?:for\s+)?years?|f\.?y\.?e?|cy)"

# A year may follow letters directly ("FY2021"), so no pattern starts its year with a boundary.
_PERIODS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            "quarter",
            r"(?<![a-z])(?P<ordinal>first|second|third|fourth)\s+(?:fiscal\s+)?quarters?"
            r"(?:\s+(?:of|in|for))?(?:\s+the)?(?:\s+(?:fiscal|calendar))?(?:\s+year)?(?:\s+of)?\s*"
            r",?\s*(?:fy)?'?" + _YEAR,
        ),
        ("quarter", r"(?<![a-z0-9])q(?P<number>[1-4])[\s,'-]*(?:of\s+)?(?:fy|fiscal)?\s*" + _YEAR),
        ("quarter", r"(?<![a-z0-9])q(?P<number>[1-4])\s*(?:fy)?\s*'?(?P<short>\d\d)(?![\d,.%])"),
        ("quarter", r"(?<![a-z0-9])(?P<number>[1-4])q\s*(?:fy)?'?(?P<short>\d\d)(?![\d,.%])"),
        ("date", r"(?<![a-z])" + _MONTH + r"\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+" + _YEAR),
        ("date", r"(?<![\d,.$])(?P<day>\d{1,2})\s+" + _MONTH + r",?\s+" + _YEAR),
        ("date", r"(?<![a-z])" + _MONTH + r",?\s+(?:of\s+)?" + _YEAR),
        ("date", r"(?<![\d-])" + _YEAR + r"-(?P<mm>[01]\d)-(?P<day>[0-3]\d)(?!\d)"),
        ("date", r"(?<![\d/])(?P<mm>[01]?\d)/(?P<day>[0-3]?\d)/" + _YEAR),
        ("fiscal", r"(?<![a-z])" + _FY + r"\s*'?" + _YEAR),
        (
            "fiscal",
            r"(?<![a-z])(?:fy|cy|fiscal(?:\s+year)?)\s*['\u2019]?(?P<short>\d\d)(?![\d,.%])",
        ),
        (
            "fiscal",
            r"(?<![\d,.$\u20ac\u00a3#])(?<!\$ )"
            + _YEAR
            + r"(?![,.]\d)(?!\s?%)(?!\s(?:million|billion|thousand|percent|shares|employees))",
        ),
    )
)


def _period(kind: str, match: re.Match[str]) -> Period:
    found = match.groupdict()
    year = int(found["year"]) if found.get("year") else 2000 + int(found["short"])
    month = day = quarter = None
    if found.get("month"):
        month = next(i for i, m in enumerate(MONTHS, 1) if m.startswith(found["month"][:3].lower()))
    if found.get("mm"):
        month = int(found["mm"])
    if found.get("day"):
        day = int(found["day"])
    if found.get("ordinal"):
        quarter = _QUARTERS[found["ordinal"].lower()]
    if found.get("number"):
        quarter = int(found["number"])
    text = match[0].strip(" ,-")
    named: Literal["fiscal", "date", "quarter"] = (
        "quarter" if kind == "quarter" else "date" if kind == "date" else "fiscal"
    )
    return Period(year, text, named, month, day, quarter, match.start(), match.end())


@lru_cache(maxsize=16384)
def _periods(text: str) -> tuple[Period, ...]:
    taken = bytearray(len(text))  # a mark a letter: looking back at every match is quadratic
    found: list[Period] = []
    for kind, pattern in _PERIODS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            taken[start:end] = b"\1" * (end - start)
            found.append(_period(kind, match))
    return tuple(sorted(found, key=lambda period: period.start))


def periods(text: str) -> list[Period]:
    """Every period named, in the order of the text. A bare year counts as fiscal."""
    if not any(digit in text for digit in "0123456789"):
        return []
    return list(_periods(text))


_SCALES = {
    "thousand": 1e3,
    "million": 1e6,
    "mm": 1e6,
    "mn": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "trillion": 1e12,
    "k": 1e3,
    "m": 1e6,
    "b": 1e9,
}
_CURRENCIES = {"$": "USD", "us$": "USD", "usd": "USD", "\u20ac": "EUR", "eur": "EUR"} | {
    "\u00a3": "GBP",
    "gbp": "GBP",
    "\u00a5": "JPY",
    "jpy": "JPY",
    "c$": "CAD",
    "cad": "CAD",
}
_CURRENCY = r"(?:us\$|c\$|[$\u20ac\u00a3\u00a5]|(?:usd|eur|gbp|jpy|cad)(?=\s?[\d(]))"
_NUMBER = re.compile(
    r"(?P<open>\(\s?)?(?P<minus>(?<![\w%)])[-\u2212\u2013](?=[\d.$]))?"
    r"(?:(?P<currency>" + _CURRENCY + r")\s{0,2}(?P<inner>\(\s?)?(?P<minus2>[-\u2212](?=\d))?)?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<percent>\s?%)?(?P<close>\s?\))?(?P<late>\s?%)?",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\s{0,2}(?:(?P<paren>\(in\s+)|-)?(?P<scale>thousand|million|billion|trillion|mm|mn|bn|[kmb])s?"
    r"(?![a-z])(?(paren)[^)\n]{0,40}\))",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"\s{0,2}(?:(?P<percent>%|per\s?cent\b|percentage\s+points?\b)|(?P<basis>basis\s+points?\b)"
    r"|(?P<pershare>(?:u\.?s\.?\s+)?(?:dollars\s+)?(?:per|a)\s+(?:\w+\s+){0,2}share\b)"
    r"|(?P<shares>(?:\w+\s+){0,3}?shares\b)"
    r"|(?P<dollars>(?:u\.?s\.?\s+)?dollars?\b|usd\b))",
    re.IGNORECASE,
)
# What stands before a number that only names or counts a place in a document.
_NAMED = re.compile(
    r"(?:\b(?:items?|notes?|pages?|pp?\.|parts?|sections?|exhibits?|forms?|rules?|levels?|topics?"
    r"|chapters?|nos?\.|numbers?|asu|asc|sab|sfas|ifrs|ias|phase|tier|step|schedule|article"
    r"|table|figure|volume|version|windows|directx|bullet|paragraph|question|tranche|hall|suite"
    r"|act\s+of|commission\s+file)\s*(?:no\.?\s*)?(?:\d+[\d.]*(?:,|\s+and|\s+or|\s+to)\s*)?|#\s?)$",
    re.IGNORECASE,
)


def _excluded(text: str, match: re.Match[str], scaled: bool) -> bool:
    """Whether a number is a name, a date or a mark rather than a figure."""
    start, end = match.span("digits")
    before, after = text[max(0, start - 40) : start], text[end : end + 4]
    marked = match["currency"] or match["percent"] or match["late"]
    if marked:
        return False
    if before[-1:].isalpha() or re.match(r"[A-Za-z]", after) and not scaled:
        return True
    if before.endswith("[") and after.startswith("]"):
        return True
    if re.search(r"[\w)][-\u2013/.:]$", before) or re.match(r"[-\u2011/:][\w(]", after):
        return True
    if re.match(r"\.\d", after) or re.match(r"\([a-z0-9]{1,3}\)", after):
        return True
    if _NAMED.search(before.rstrip(" ") + " " if before.endswith(" ") else before):
        return True
    bare = match["digits"]
    marker = bare.isdigit() and len(bare) < 3
    if marker and match["open"] and match["close"]:
        return bool(re.match(r"\s*[A-Za-z]", text[match.end() : match.end() + 3]))
    return False


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    end = match.end()
    scale = 1.0
    after = _AFTER.match(text, end)
    if after and (len(after["scale"]) > 1 or match["currency"]):
        scale = _SCALES[after["scale"].lower()]
        end = after.end()
    if _excluded(text, match, scale != 1.0):
        return None
    negative = bool(match["minus"] or match["minus2"])
    opened = match["open"] or match["inner"]
    if opened and match["close"]:
        negative = True
    value = float(match["digits"].replace(",", ""))
    unit = _CURRENCIES.get((match["currency"] or "").lower(), "")
    if match["percent"] or match["late"]:
        unit = "percent"
    else:
        unit, scale, end = _unit_after(text, end, unit, scale)
    start = match.start()
    if match["open"] and not match["close"]:  # "(26,974 in 2022)" is no negative figure
        start = match.end("open")
    if match["close"] and not opened:
        end = end if end > match.end() else match.start("close")
    shown = text[start:end].strip()
    start += len(text[start:end]) - len(text[start:end].lstrip())
    return Quantity(shown, -value if negative else value, unit, scale, start, start + len(shown))


def _unit_after(text: str, end: int, unit: str, scale: float) -> tuple[str, float, int]:
    """Unit, scale and end, once the words after a number are read."""
    word = _UNIT.match(text, end)
    if word is None:
        return unit, scale, end
    if word["pershare"]:
        return f"{unit or 'USD'} per share", scale, end
    if unit:
        return unit, scale, end
    if word["basis"]:
        return "percent", 0.01, word.end()
    if word["percent"]:
        return "percent", scale, word.end()
    return ("shares" if word["shares"] else "USD"), scale, end


@lru_cache(maxsize=8192)
def _quantities(text: str) -> tuple[Quantity, ...]:
    dates = bytearray(len(text))
    spans = [(period.start, period.end) for period in _periods(text)]
    for start, end in [*spans, *(match.span() for match in _DAY.finditer(text))]:
        dates[start:end] = b"\1" * (end - start)
    return tuple(_figures(text, dates))


_DAY = re.compile(
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"\s+\d{1,2}(?!\d|,\d)",
    re.IGNORECASE,
)


def _figures(text: str, dates: bytearray) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        start, end = match.span("digits")
        plain = not (match["currency"] or match["percent"] or match["late"])
        if plain and any(dates[start:end]):
            continue
        if found := _quantity(text, match):
            yield found


def quantities(text: str) -> list[Quantity]:
    """Every figure of running text, in order.

    Years, dates, [n] citations and numbers that name a place ("Item 7", "10-K") are none.
    """
    return list(_quantities(text))


_CELL = re.compile(
    r"(?P<open>\()?\s*(?P<minus>[-\u2212\u2013])?\s*(?P<currency>" + _CURRENCY + r")?\s*"
    r"(?P<inner>\()?\s*(?P<minus2>[-\u2212\u2013])?\s*(?P<digits>\d[\d,]*(?:\.\d+)?|\.\d+)"
    r"\s*(?P<percent>%)?\s*(?P<close>\))?\s*(?P<late>%|x|bps)?",
    re.IGNORECASE,
)
DASHES = frozenset(("-", "\u2013", "\u2014", "\u2212", "\u2012", "$-", "$\u2014", "$\u2013"))


@lru_cache(maxsize=65536)
def cell_quantity(text: str, unit: str = "", scale: float = 1.0) -> Quantity | None:
    """The figure of one table cell, or None. A dash is zero; `unit` and `scale` are the table's."""
    shown = text.strip()
    if shown.replace(" ", "") in DASHES or shown.replace(" ", "") in ("\u2014%", "-%", "\u2013%"):
        return Quantity(shown, 0.0, unit, scale, 0, len(shown))
    match = _CELL.fullmatch(shown)
    if match is None:
        return None
    value = float(match["digits"].replace(",", ""))
    negative = bool(match["minus"] or match["minus2"] or match["open"] or match["inner"])
    if match["percent"] or (match["late"] or "") == "%":
        unit, scale = "percent", 1.0
    elif match["currency"] and unit not in ("USD per share",):
        unit = _CURRENCIES[match["currency"].lower()]
    return Quantity(shown, -value if negative else value, unit, scale, 0, len(shown))


_IN_SCALE = re.compile(
    r"(?:\bin|\(|[$\u20ac\u00a3]|usd|eur|dollars|amounts|of)\s*(?:[a-z.$\u20ac\u00a3]+\s+){0,4}?"
    r"(?P<scale>thousands?|millions?|billions?|000s?|000['\u2019]s)\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"(?P<eur>\u20ac|\beuros?\b|\beur\b)|(?P<gbp>\u00a3|\bpounds?\b|\bgbp\b)"
    r"|(?P<jpy>\u00a5|\byen\b|\bjpy\b)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def unit_and_scale(caption: str) -> tuple[str, float]:
    """What a caption says its figures are: "(in millions)" -> ("USD", 1e6); ("", 1) if nothing."""
    lowered = caption.lower()
    exceptions = lowered.find("except")
    told = lowered if exceptions < 0 else lowered[:exceptions]
    scale, unit = 1.0, ""
    if found := _IN_SCALE.search(told):
        word = found["scale"].rstrip("s'\u2019")
        scale = 1e3 if word.startswith("000") else _SCALES[word]
        unit = "shares" if "shares" in told[max(0, found.start() - 14) : found.end()] else "USD"
    if other := _MONEY.search(told):
        unit = str(other.lastgroup).upper()
    elif "$" in told or "dollars" in told or re.search(r"\busd\b", told):
        unit = "USD"
    elif not unit and re.search(r"\(?(?:in )?(?:percent(?:ages?)?|%)\)?", told):
        unit = "percent"
    return unit, scale


def same_value(a: Quantity, b: Quantity) -> bool:
    """Whether both print one figure: equal, after scale, at the coarser one's last digit.

    Signs must agree, and units where both are known.
    """
    if a.unit and b.unit and a.unit != b.unit:
        return False
    if a.amount * b.amount < 0:
        return False
    coarse = max(a.step, b.step)
    return abs(a.amount - b.amount) <= coarse / 2 * (1 + 1e-9)
