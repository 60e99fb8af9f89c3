"""Chosen cells and sentences in, an answer's words out; alone knows how this reader speaks."""

import re
from collections.abc import Sequence

from backend.local.reader.prompts import Shown
from backend.passages import Cell

_SCALES = {1e3: "thousand", 1e6: "million", 1e9: "billion"}
_SIGNS = {"USD": "$", "EUR": "\u20ac", "GBP": "\u00a3", "JPY": "\u00a5"}
_GENERIC = re.compile(
    r"(?:total|other|net|basic|diluted|basic and diluted|current|non-?current|gross|balance"
    r"|beginning balance|ending balance|% of (?:net |total )?revenues?|domestic|foreign|low|high"
    r"|federal|state|\d{4}|thereafter)(?:,? net)?",
    re.IGNORECASE,
)


def cited(number: int) -> str:
    """The marker of a passage, nothing where the prompt numbers none."""
    return f" [{number}]" if number else ""


_OUTLAY = re.compile(
    r"\b(?:purchases?|payments?|repurchases?|repayments?|dividends? paid|acquisitions?"
    r"|capital expenditures?|used (?:in|for)|interest expense|less)\b",
    re.IGNORECASE,
)


def _is_outlay(row: str) -> bool:
    """Whether a row's words say that money goes out, so that its figure needs no sign.

    "Purchases of property" does; "Provided by (used in)" does not: there the sign tells which.
    """
    return bool(_OUTLAY.search(row)) and "(" not in row and "proceeds" not in row.lower()


def figure(cell: Cell) -> str:
    """A cell's figure as printed, with its sign of currency, its scale and its unit.

    Parentheses go where the row's words say the same: "purchases of $41.7 million".
    """
    quantity = cell.quantity
    printed = re.sub(r"\s+", "", quantity.text)
    if quantity.value < 0 and _is_outlay(cell.row):
        printed = re.sub(r"[()\u2212\u2013-]", "", printed)
    if not any(map(str.isdigit, printed)):
        return f'nil (printed "{printed}")'
    if quantity.unit == "percent":
        return printed if "%" in printed else f"{printed}%"
    scale = _SCALES.get(quantity.scale, "")
    if quantity.unit == "shares":
        return " ".join(filter(None, (printed, scale, "shares")))
    currency = _SIGNS.get(quantity.unit.split(" ")[0], "")
    if currency and not re.search(r"[$\u20ac\u00a3\u00a5]", printed):
        printed = currency + printed
    words = [printed, scale]
    if quantity.unit.endswith("per share") and "per share" not in label(cell).lower():
        words.append("per share")
    return " ".join(filter(None, words))


def label(cell: Cell) -> str:
    """The line item, with the heading above it where its own words say too little."""
    own = re.sub(r"(?:\s*\((?:\d{1,2}|[a-z])\))+\s*$", "", cell.row).strip(" :.")
    if _only_period(own):
        heading = _without_period(cell.column)
        matter = heading if not _SAYS_LITTLE.fullmatch(heading) else cell.group
        matter = matter or _announced(cell.caption) or heading or cell.caption
        own = re.sub(r"\s*\([^)]*\)\s*$", "", matter).strip(" :.") or own
    elif _GENERIC.fullmatch(own) and cell.group:
        group = cell.group.strip(" :")
        kinds = re.match(r"(?:basic|diluted)\b", own, re.IGNORECASE)
        own = f"{group}, {own.lower()}" if kinds else f"{own} ({group})"
    if cell.period is None or not _only_period(cell.column):
        heading = _without_period(cell.column)
        if not _SAYS_LITTLE.fullmatch(heading) and heading.lower() not in own.lower():
            own = f"{own} ({heading})"
    share = _SHARE_OF.search(cell.caption) if cell.quantity.unit == "percent" else None
    if share and not re.search(r"%|percent|margin|rate", own, re.IGNORECASE):
        own = f"{own} as a percentage of {share[1]}"
    return own[:1].upper() + own[1:]


_SAYS_LITTLE = re.compile(r"(?:amounts?)?", re.IGNORECASE)
"""A heading over figures that does not say what they are of."""
_ANNOUNCED = re.compile(
    r"(?:(?:at|as of) [^,]*, \d{4}, )?(?P<matter>.+?)(?:,? held)?(?: (?:at|as of) .*?\d)?"
    r" (?:is|are|was|were) as follows\b",
    re.IGNORECASE,
)


def _announced(caption: str) -> str:
    """What a caption says the table is of: "Principal payments due are as follows"."""
    found = _ANNOUNCED.match(caption)
    return found["matter"] if found else ""


_SHARE_OF = re.compile(
    r"\bper\s?cent(?:age)?s? of ((?:total |net |consolidated )?(?:revenues?|sales))", re.IGNORECASE
)
_PERIOD_WORDS = re.compile(
    r"\b(?:(?:for|as|at|in|on|of|the|and)\b|(?:three|six|nine|twelve)\b|fiscal|years?|months?"
    r"|quarters?|periods?|end(?:ed|ing)?|jan\w*|feb\w*|mar(?:ch)?|apr\w*|may|june?|july?|aug\w*"
    r"|sep\w*|oct\w*|nov\w*|dec\w*|\d{1,4})\b\.?|[,;()]",
    re.IGNORECASE,
)


def _only_period(heading: str) -> bool:
    return not re.search(r"[A-Za-z%$]", _PERIOD_WORDS.sub(" ", heading))


def _without_period(heading: str) -> str:
    """A heading's words beside its period: "Carrying value, December 31, 2022" -> its first two."""
    if _only_period(heading):
        return ""
    cut = re.sub(
        r"(?:,?\s*(?:\b(?:for|as of|at)\s+)?(?:the\s+)?(?:fiscal\s+)?(?:years?|months?)?\s*"
        r"(?:end(?:ed|ing)\s+)?)?"
        r"(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+\d{0,2},?\s*)?"
        r"\b(?:19|20)\d\d\b",
        "",
        heading,
        flags=re.IGNORECASE,
    )
    return " ".join(cut.split()).strip(" ,;:-")


def period(cell: Cell, shown: Shown) -> str:
    """When a cell's figure holds, as a phrase: "for the year ended January 29, 2023"."""
    if not cell.when:
        return ""
    when = cell.when
    dated = bool(re.match(r"[A-Za-z]{3}", when)) and not re.match(r"fiscal|fy|year", when, re.I)
    around = f"{cell.caption} {shown.section}".lower()
    if not dated:
        named = bool(re.match(r"(?i)fiscal|fy", when)) or not shown.year
        called = "fiscal " if not named and re.search(r"(?i)\bfiscal\b", shown.text) else ""
        return f"for {called}{when}"
    months = re.search(r"\b(three|six|nine|twelve) months\b", cell.column, re.IGNORECASE)
    if months and months[1].lower() != "twelve":
        return f"for the {months[1].lower()} months ended {when}"
    flows = re.search(r"statements? of (?!financial)|ended|cash flows?|results", around)
    if "ended" in cell.column.lower() or flows and "balance sheet" not in around:
        return f"for the year ended {when}"
    return f"as of {when}"


_HEAD = re.compile(
    r"\s+(?:of|for|from|in|on|by|to|at|per|with|under|due|related|used|provided|before|after"
    r"|attributable|as|that|which)\b|[,(:\u2013\u2014]|\s-\s",
    re.IGNORECASE,
)
_ONE = re.compile(
    r"(?:ss|us|is|ics|gross|less|series|basis|news|goods and services tax)$", re.IGNORECASE
)


def verb(item: str) -> str:
    """ "were" for an item in the plural ("Net sales", "Total assets"), else "was"."""
    head = _HEAD.split(item.strip(), maxsplit=1)[0].strip()
    last = head.split(" ")[-1]
    return "were" if last.endswith("s") and not _ONE.search(last) else "was"


def statement(cell: Cell, shown: Shown) -> str:
    """One sentence that states a cell: line item, figure, period, citation."""
    words = [label(cell), verb(label(cell)), figure(cell), period(cell, shown)]
    return f"{' '.join(filter(None, words))}{cited(shown.number)}."


def several(cells: Sequence[Cell], shown: Shown) -> str:
    """One sentence for the cells of one row, newest first as they come."""
    told = [f"{figure(cell)} {period(cell, shown)}".strip() for cell in cells]
    listed = f"{', '.join(told[:-1])} and {told[-1]}"
    return f"{label(cells[0])} {verb(label(cells[0]))} {listed}{cited(shown.number)}."


def change(new: Cell, old: Cell, shown: Shown) -> str:
    """How a row changed between two cells: both figures, the difference and per cent."""
    was, now = old.quantity, new.quantity
    difference = now.value - was.value
    if now.value < 0 and was.value < 0:  # an expense or a loss printed in parentheses
        difference = -difference
    if difference == 0:
        moved = "did not change"
    else:
        moved = f"{'increased' if difference > 0 else 'decreased'} by {_difference(new, old)}"
        if now.unit == "percent":
            moved += " percentage points"
        elif was.value * now.value > 0:
            moved += f", or {abs(difference / was.value) * 100:.1f}%"
    return (
        f"{label(new)} {moved}, from {figure(old)} {_briefly(old, shown)} to {figure(new)} "
        f"{_briefly(new, shown)}{cited(shown.number)}."
    )


def _briefly(cell: Cell, shown: Shown) -> str:
    """A period in a change: "in fiscal 2024", where that is surely its year; else as told."""
    told = period(cell, shown)
    if cell.period is None or shown.year is None or not told.startswith("for "):
        return told
    if "months" in told or cell.period not in (shown.year, shown.year - 1, shown.year - 2):
        return told
    called = re.search(r"\bfiscal\b|\bfy\b", f"{cell.column} {shown.text}", re.IGNORECASE)
    dated = re.match(r"[A-Za-z]{3}", cell.when) and not re.match(r"(?i)fiscal|fy|year", cell.when)
    return f"in {'fiscal ' if called or dated else ''}{cell.period}"


def _difference(new: Cell, old: Cell) -> str:
    decimals = max(len(cell.quantity.text.partition(".")[2].rstrip(")% ")) for cell in (new, old))
    number = f"{abs(new.quantity.value - old.quantity.value):,.{decimals}f}"
    if new.quantity.unit == "percent":
        return number
    currency = _SIGNS.get(new.quantity.unit.split(" ")[0], "")
    scale = _SCALES.get(new.quantity.scale, "")
    counted = "shares" if new.quantity.unit == "shares" else ""
    return " ".join(filter(None, (currency + number, scale, counted)))


def quoted(sentence: str, number: int) -> str:
    """A sentence of the evidence, its marker before its full stop."""
    sentence = re.sub(r"(?:;|,)(?:\s+(?:and|or))?$", "", sentence)
    if not number:
        return sentence
    ending = re.search(r"[.!?:;]?[\"'\u201d\u2019)]*$", sentence)
    at = ending.start() if ending and ending[0][:1] in (".", "!", "?", ":", ";") else len(sentence)
    closing = re.sub(r"[;,]", "", sentence[at:]) or "."
    return f"{sentence[:at]}{cited(number)}{closing}"
