"""The text of a table in, its cells out; alone knows what a row, a heading and a caption say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.quantities import Period, Quantity, cell_quantity, periods, unit_and_scale


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table, with everything that says what it is."""

    row: str
    column: str
    period: int | None  # the year of its column, else of its row, else the table's only one
    quantity: Quantity
    line: str  # the whole row as printed
    caption: str
    group: str = ""  # the heading row that it stands under, "" at the top
    when: str = ""  # the period as printed, "" where none is named


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    period: Period | None
    unit: str
    scale: float | None


_PER_SHARE = re.compile(r"\bper\s+(?:\w+\s+){0,3}(?:share|unit|ads)\b", re.IGNORECASE)
_SHARES = re.compile(r"\bshares\b|\bnumber of (?:options|awards|rsus|units)\b", re.IGNORECASE)
_COUNTED = re.compile(
    r"\b(?:employees|headcount|customers|stores|subscribers|connections|facilities|countries"
    r"|number of (?!shares)\w+|trips|users|riders|years?|days|months|term)\b",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\bchange\b|\bvariance\b|\bincrease\b|\bdecrease\b|\bgrowth\b|^\s*[$%]\s*$", re.IGNORECASE
)


def column_of(heading: str) -> Column:
    named = periods(heading)
    changes = bool(_CHANGE.search(heading)) and not (named and len(heading) < 12)
    unit, scale = unit_and_scale(heading)
    if _PER_SHARE.search(heading):
        unit, scale = "USD per share", 1.0
    elif _SHARES.search(heading):
        unit = "shares"
    elif "%" in heading or "percent" in heading.lower():
        unit, scale = "percent", 1.0
    known = scale if scale != 1.0 or unit in ("percent", "USD per share") else None
    return Column(heading, None if changes or not named else named[-1], unit, known)


_NO_COLUMN = Column("", None, "", None)
STACKED = 6
"""Most heading lines that are read together; more are no headings."""


@dataclass(frozen=True, slots=True)
class Table:
    caption: str
    unit: str
    scale: float
    exceptions: str  # what the caption excepts from its scale, in lower case
    period: Period | None


def table_of(caption: str) -> Table:
    unit, scale = unit_and_scale(caption)
    _, _, exceptions = caption.lower().partition("except")
    named = periods(caption)
    only = named[-1] if len({period.year for period in named}) == 1 else None
    return Table(caption, unit, scale, exceptions.partition(")")[0], only)


def _counts_shares(row: str, group: str) -> bool:
    if _SHARES.search(row) and "repurchase" not in row.lower():
        return True
    bare = row.strip(" :").lower() in ("basic", "diluted", "basic and diluted")
    return bare and bool(re.search(r"shares used|weighted", group, re.IGNORECASE))


def _per_share(row: str, group: str) -> bool:
    if _PER_SHARE.search(row):
        return not re.match(r"weighted|shares", row, re.IGNORECASE)
    return len(row) < 22 and bool(_PER_SHARE.search(group)) and not _counts_shares(row, group)


def _unit_of(table: Table, column: Column, row: str, group: str) -> tuple[str, float]:
    """Unit and scale of a cell: its row's and its column's own words go before the caption's."""
    if _per_share(row, group):
        return "USD per share", 1.0
    if row.lstrip().startswith("%") or re.search(r"\(%\)|\bas a per\s?cent|\bpercent", row):
        return "percent", 1.0
    if column.unit in ("percent", "USD per share"):
        return column.unit, column.scale or 1.0
    if column.unit == "shares" or _counts_shares(row, group):
        own = column.scale if column.unit == "shares" else None
        excepted = re.search(r"(?<!per )(?<!per-)\bshares?\b(?! price)", table.exceptions)
        return "shares", own or (1.0 if excepted else table.scale)
    if _COUNTED.search(row) and "$" not in row and table.unit in ("", "shares"):
        return "", table.scale
    return column.unit or table.unit, column.scale or table.scale


def _under(group: str) -> Period | None:
    """The period that a heading row gives the rows below it: "Year ended January 31, 2021:"."""
    named = periods(group) if len(group) < 60 else []
    return named[-1] if len({period.year for period in named}) == 1 else None


def cells_of_row(
    table: Table, columns: Sequence[Column], row: str, values: Sequence[str], *, group: str
) -> list[Cell]:
    line = " | ".join((row, *values))
    named = periods(row) if len(row) < 60 else []
    own = named[-1] if named else _under(group)
    found: list[Cell] = []
    for place, value in enumerate(values):
        column = columns[place] if place < len(columns) else _NO_COLUMN
        unit, scale = _unit_of(table, column, row, group)
        quantity = cell_quantity(value, unit, scale)
        if quantity is None:
            continue
        change = bool(_CHANGE.search(column.heading)) and column.period is None
        period = column.period or own or (None if change else table.period)
        found.append(
            Cell(
                row=row,
                column=column.heading,
                period=period.year if period else None,
                quantity=quantity,
                line=line,
                caption=table.caption,
                group=group,
                when=period.text if period else "",
            )
        )
    return found


def is_table(text: str) -> bool:
    """Whether a passage is a table as filings are indexed: caption, headings, rows with " | "."""
    lines = text.split("\n", 3)[:3]
    return len(lines) > 1 and any(line.lstrip().startswith("|") for line in lines)


def _split(line: str) -> list[str]:
    return [part.strip() for part in line.split("|")]


def table_cells(text: str) -> list[Cell]:
    lines = [line for line in text.splitlines() if line.strip()]
    table, columns, group = table_of(""), [_NO_COLUMN], ""
    found: list[Cell] = []
    stacked = 0
    for number, line in enumerate(lines):
        parts = _split(line)
        if len(parts) == 1:
            if number == 0:
                table = table_of(line.strip())
            else:
                group = parts[0]
            continue
        if not parts[0]:
            columns = _headings(columns if 0 < stacked < STACKED else [], parts[1:])
            stacked = stacked + 1 if stacked < STACKED else 1
            continue
        stacked = 0
        if not any(parts[1:]):
            group = parts[0]
            continue
        found += cells_of_row(table, columns, parts[0], parts[1:], group=group)
        if re.match(r"total\b", parts[0], re.IGNORECASE) and not _under(group):
            group = ""  # a total ends what it adds up
    return found


def _headings(above: Sequence[Column], parts: Sequence[str]) -> list[Column]:
    """Columns of one heading line; a second line under the first is read together with it."""
    if len(above) != len(parts):
        return [column_of(part) for part in parts]
    return [
        column_of(f"{old.heading} {part}".strip()) for old, part in zip(above, parts, strict=True)
    ]
