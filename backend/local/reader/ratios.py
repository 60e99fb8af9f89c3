"""A question for a ratio and the evidence in, two cells and their ratio out; alone knows which
rows each ratio of the trade is computed from."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Candidate, Evidence
from backend.local.reader.cell_years import latest_of, years_of
from backend.local.reader.phrasing import cited, figure, label
from backend.local.reader.prompts import Shown
from backend.passages import Cell


@dataclass(frozen=True, slots=True)
class _Ratio:
    name: str
    asked: re.Pattern[str]
    above: tuple[str, ...]  # labels that a filing may print, likeliest first
    below: tuple[str, ...]
    kind: Literal["percent", "times", "difference"] = "percent"


_REVENUE = ("total revenue", "total revenues", "revenue", "revenues", "net revenue", "net sales",
            "total net revenues", "total net sales", "net revenues", "total operating revenues",
            "sales")  # fmt: skip
_OPERATING = ("operating income", "income from operations", "operating profit",
              "operating income (loss)", "income (loss) from operations", "loss from operations",
              "operating loss")  # fmt: skip
_NET = ("net income", "net income (loss)", "net earnings", "net loss", "profit for the year")
_EQUITY = ("total shareholders' equity", "total stockholders' equity", "total equity",
           "shareholders' equity", "stockholders' equity", "total shareholders\u2019 equity",
           "total stockholders\u2019 equity")  # fmt: skip
_CASH = ("net cash provided by operating activities", "cash provided by operating activities",
         "net cash provided by (used in) operating activities",
         "net cash flows from operating activities")  # fmt: skip
_CAPEX = ("purchases of property, plant and equipment", "purchases of property and equipment",
          "capital expenditures", "purchase of property, plant and equipment",
          "purchases of property and equipment and scooter fleet",
          "purchases related to property and equipment and intangible assets",
          "additions to property, plant and equipment")  # fmt: skip


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_RATIOS = (
    _Ratio("Gross margin", _named(r"\bgross (?:profit )?margin\b"), ("gross profit",), _REVENUE),
    _Ratio("Operating margin", _named(r"\b(?:operating|ebit) margin\b"), _OPERATING, _REVENUE),
    _Ratio("Net margin", _named(r"\bnet (?:profit |income )?margin\b|\bprofit margin\b"), _NET,
           _REVENUE),
    _Ratio("The current ratio", _named(r"\bcurrent ratio\b"), ("total current assets",),
           ("total current liabilities",), "times"),
    _Ratio("Debt to equity", _named(r"\bdebt[- ]to[- ]equity\b|\bdebt/equity\b|\bgearing\b"),
           ("total debt", "long-term debt", "total long-term debt", "long-term debt, net"),
           _EQUITY, "times"),
    _Ratio("The effective tax rate", _named(r"\beffective (?:income )?tax rate\b"),
           ("income tax expense", "provision for income taxes", "income tax expense (benefit)",
            "income taxes", "provision for (benefit from) income taxes"),
           ("income before income taxes", "income before income tax",
            "income before provision for income taxes", "income (loss) before income taxes")),
    _Ratio("Free cash flow", _named(r"\bfree cash ?flows?\b|\bfcf\b"), _CASH, _CAPEX,
           "difference"),
    _Ratio("Working capital", _named(r"\bworking capital\b"), ("total current assets",),
           ("total current liabilities",), "difference"),
    _Ratio("Interest coverage", _named(r"\binterest cover(?:age)?\b"), _OPERATING,
           ("interest expense", "interest expense, net"), "times"),
    _Ratio("Return on assets", _named(r"\breturn on (?:total )?assets\b|\broa\b"), _NET,
           ("total assets",)),
    _Ratio("Return on equity", _named(r"\breturn on equity\b|\broe\b"), _NET, _EQUITY),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Placed:
    cell: Cell
    shown: Shown


def ratio(asked: Asked, evidence: Evidence) -> str | None:
    """The answer to a question for a ratio that has to be computed.

    None where none is asked, where it is printed, or where a row or a period is missing.
    """
    for known in _RATIOS:
        if not known.asked.search(asked.text):
            continue
        part = asked.names or re.search(r"\bsegments?\b", asked.text, re.IGNORECASE)
        if part or asked.why or asked.worded:
            return None
        told = [_computed(known, *pair) for pair in _pairs(known, asked, evidence)]
        return " ".join(told) or None
    return None


def printed(asked: Asked, evidence: Evidence) -> Candidate | None:
    """The cell that prints a ratio which is asked for: by its name, or "Gross profit | 52.9%".

    None where no ratio is asked for, a part of the company is meant, or none is printed.
    """
    known = next((known for known in _RATIOS if known.asked.search(asked.text)), None)
    if known is None or asked.names or asked.worded or asked.growth:
        return None
    for candidate in evidence.candidates:
        cell = candidate.cell
        if cell is None or not cell.period or not _is_printed(known, cell):
            continue
        row = evidence.parts[candidate.passage].rows[candidate.place]
        if _timely(cell, asked, latest_of(row, evidence.passages[candidate.passage].year)):
            return candidate
    return None


def _is_printed(known: _Ratio, cell: Cell) -> bool:
    if re.search(r"segment|change|increase", cell.caption, re.IGNORECASE):
        return False
    if _plain(cell) == known.name.lower().removeprefix("the "):
        return True
    share = known.kind == "percent" and cell.quantity.unit == "percent"
    return share and _plain(cell) in known.above


def _plain(cell: Cell) -> str:
    """A row's label without marks of footnotes."""
    return re.sub(r"(?:\s*\(\d\))+$", "", cell.row.lower().strip(" :.")).strip()


def unprinted(asked: Asked, cell: Cell) -> bool:
    """Whether a ratio is asked for and a cell is no more than a part of it."""
    known = next((known for known in _RATIOS if known.asked.search(asked.text)), None)
    if known is None or asked.change or cell.quantity.unit == "percent":
        return False
    return _plain(cell) in (*known.above, *known.below)


def _timely(cell: Cell, asked: Asked, latest: frozenset[int]) -> bool:
    if asked.years:
        return bool(years_of(cell) & asked.years)
    return cell.period in latest


def _pairs(known: _Ratio, asked: Asked, evidence: Evidence) -> Iterator[tuple[_Placed, _Placed]]:
    """Both cells, once a period, the newest first."""
    above = _cells(known.above, asked, evidence)
    below = _cells(known.below, asked, evidence)
    for year in sorted(above.keys() & below.keys(), reverse=True)[:3]:
        pair = next(
            ((a, b) for a in above[year] for b in below[year] if _together(a, b)),
            None,
        )
        if pair:
            yield pair


_STATEMENT = re.compile(
    r"statements? of (?:consolidated )?(?:income|operations|earnings|cash flows?|financial"
    r"|comprehensive)|balance sheets?",
    re.IGNORECASE,
)


def _together(a: _Placed, b: _Placed) -> bool:
    """Whether two cells are of one table, or of the statements of one company and filing.

    A segment's revenue beside the company's profit would give a ratio of nothing.
    """
    if a.shown == b.shown:
        return _alike(a, b) and a.cell.group == b.cell.group or _in_statement(a)
    one = (a.shown.company, a.shown.year) == (b.shown.company, b.shown.year)
    return one and _in_statement(a) and _in_statement(b) and _alike(a, b)


def _in_statement(placed: _Placed) -> bool:
    return bool(_STATEMENT.search(f"{placed.shown.section} {placed.cell.caption}"))


def _alike(a: _Placed, b: _Placed) -> bool:
    units = {a.cell.quantity.unit, b.cell.quantity.unit}
    return units <= {"USD", ""} or len(units) == 1 and "percent" not in units


def _cells(labels: Sequence[str], asked: Asked, evidence: Evidence) -> dict[int, list[_Placed]]:
    """Cells of the rows that bear one of the labels, by year; the likeliest label first."""
    found: dict[int, list[tuple[int, _Placed]]] = {}
    for shown, parts in zip(evidence.passages, evidence.parts, strict=True):
        for row in parts.rows:
            named = _plain(row.cells[0])
            if named not in labels:
                continue
            latest = latest_of(row, shown.year)
            for cell in row.cells:
                if _whole(cell) and _timely(cell, asked, latest):
                    place = (labels.index(named), _Placed(cell, shown))
                    found.setdefault(cell.period or 0, []).append(place)
    return {
        year: [placed for _, placed in sorted(places, key=lambda p: (bool(p[1].cell.group), p[0]))]
        for year, places in found.items()
    }


def _whole(cell: Cell) -> bool:
    """Whether a cell is of the whole company, in money."""
    money = cell.quantity.unit not in ("percent", "shares", "USD per share")
    return money and not re.search(r"segment|quarter|months", f"{cell.caption} {cell.column}", re.I)


def _computed(known: _Ratio, above: _Placed, below: _Placed) -> str:
    top, under = above.cell.quantity.amount, below.cell.quantity.amount
    when = _when(above)
    if known.kind == "difference":
        left = top - abs(under)
        value = _money(left, above.cell)
        joined = "less"
    else:
        value = f"{100 * top / under:.1f}%" if known.kind == "percent" else f"{top / under:.2f}"
        joined = "divided by"
    marks = cited(above.shown.number)
    if below.shown.number != above.shown.number:
        marks += cited(below.shown.number).strip()
    return (
        f"{known.name} was {value} {when}: {_low(label(above.cell))} of {figure(above.cell)} "
        f"{joined} {_low(label(below.cell))} of {figure(below.cell)}{marks}."
    )


def _low(item: str) -> str:
    return item[:1].lower() + item[1:]


def _when(placed: _Placed) -> str:
    year = placed.cell.period
    balance = re.search(r"balance sheet|financial position", f"{placed.cell.caption} "
                        f"{placed.shown.section}", re.IGNORECASE)  # fmt: skip
    return f"as of {placed.cell.when}" if balance else f"in fiscal {year}"


def _money(amount: float, like: Cell) -> str:
    """An amount in the scale and with the decimals of a cell."""
    scale = like.quantity.scale
    decimals = len(like.quantity.text.partition(".")[2].rstrip(")% "))
    word = {1e3: " thousand", 1e6: " million", 1e9: " billion"}.get(scale, "")
    return f"{'-' if amount < 0 else ''}${abs(amount) / scale:,.{decimals}f}{word}"
