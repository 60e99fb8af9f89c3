"""What a filing is made of: headings, paragraphs and tables, free of any layout library."""

from dataclasses import dataclass, field
from typing import Literal

Cell = float | str | None
"""A number in its column's own measure, a text as it stands, or nothing."""

Kind = Literal[
    "millions",
    "whole",
    "thousands",
    "shares",
    "shares in millions",
    "percent",
    "per share",
    "count",
    "text",
]
"""How a number is printed. The first three hold thousands of dollars, shares thousands too."""

Style = Literal["body", "bullet", "centre", "small", "right"]

DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class Column:
    head: str
    kind: Kind = "millions"
    period: str | None = None
    """The fiscal year its figures belong to, as "FY2025"; None when it is no year."""


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: tuple[Cell, ...] = ()
    look: Literal["plain", "sum", "total", "head"] = "plain"
    kind: Kind | None = None
    """Overrides the columns' kind, as a per-share row does in a table of millions."""
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unit: str = ""
    """The line under the title, as "(in millions, except per share amounts)"."""
    over: tuple[tuple[str, int], ...] = ()
    """Headings that stand over several columns: text and how many columns it covers."""
    notes: tuple[str, ...] = ()
    stub: str = ""
    """The heading of the label column."""
    currency: bool = True


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    """0 a part, 1 an item, 2 a section or note, 3 a topic, 4 a topic in italics."""
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    style: Style = "body"


@dataclass(frozen=True, slots=True)
class PageBreak:
    pass


Block = Heading | Paragraph | Table | PageBreak


@dataclass(frozen=True, slots=True)
class Landing:
    """A piece of a block as it was drawn: a long paragraph or table lands in several pieces."""

    page: int
    """1-based, counted from the cover."""
    text: str
    name: str = field(default="")
    """The table's name, the heading's level, or nothing for prose."""


def _signed(text: str, *, below_zero: bool) -> str:
    return f"({text})" if below_zero else text


def printed(value: Cell, kind: Kind) -> str:
    """The cell as it stands on paper: parentheses for a loss, an em dash for zero."""
    if value is None or isinstance(value, str):
        return value or ""
    if value == 0:
        return DASH
    size = abs(value)
    match kind:
        case "millions" | "shares in millions":
            text = f"{size / 1000:,.1f}"
        case "whole":
            text = f"{(size + 500) // 1000:,.0f}"  # a half goes up, as in accounting
        case "percent":
            text = f"{size:.1f}%"
        case "per share":
            text = f"{size:,.2f}"
        case _:
            text = f"{size:,.0f}"
    return _signed(text, below_zero=value < 0)


def absolute(value: float, kind: Kind) -> float:
    """The cell in whole units: dollars, shares, per cent."""
    return value if kind in ("percent", "per share", "count") else value * 1000
