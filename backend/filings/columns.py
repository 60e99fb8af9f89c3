"""Lines of a table in, its columns and their headings out; alone knows how x-positions line up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.filings.lines import NOTHING, Line, is_figure

CURRENCY = {"$", "€", "£", "¥", "US$", "C$", "A$", "R$", "CHF", "$(", "("}
RANGE = re.compile(r"\s[-–—]\s|\s+to\s+|(?<=%)[-–—](?=[\d.])|(?<=\.\d)[-–—](?=[\d.])")
LONGEST = 30
"""Characters of a cell that can still be a figure or a range."""
FOOTNOTE = re.compile(r"(?<=[\d%)—–])\s*\((?:\d|[a-z])\)$")
"""A footnote's mark after a figure; left on, it would read as one more figure."""
TAIL = {"%", ")", "%)", ")%", "pts", "bps", "pp"}
YEAR = re.compile(r"(?:19|20)\d\d(?:\s?\(\w\))?")
PERIOD = re.compile(
    r"(?i)\b(?:years?|months?|quarters?|weeks?|fiscal|ended|ending|as of|at|change|"
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"fair value|payments due|(?:19|20)\d\d)\b"
)
"""Headings that stand over several columns more often than over one."""


@dataclass(slots=True)
class Bit:
    """What stands in one cell of one line. `left` is where its figure starts, past a "$"."""

    text: str
    x0: float
    x1: float
    left: float
    figure: bool

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2


@dataclass(slots=True)
class Column:
    """A column's reach, currency signs included; `left` to `right` is that of its figures."""

    x0: float
    x1: float
    left: float
    right: float

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2


def printed(text: str) -> str:
    """A cell as printed, without the spaces that typesetting puts around its signs."""
    text = re.sub(r"([$€£¥(])\s+(?=[\d(.$—–-])", r"\1", text)
    return re.sub(r"\s+(?=%|\)(?:\s|%|$))", "", text)


def is_value(text: str) -> bool:
    """Whether a cell holds a figure, a range of figures, or the sign for none."""
    if len(text) > LONGEST or not text:
        return False
    if is_figure(text) or NOTHING.fullmatch(text.lstrip("$€£¥") or text):
        return True
    ends = RANGE.split(text)
    if len(ends) != 2 or (" to " in text and all(is_year(end.rstrip("%")) for end in ends)):
        return False
    return all(is_figure(end) or NOTHING.fullmatch(end) is not None for end in ends)


def is_year(text: str) -> bool:
    return bool(YEAR.fullmatch(text))


def bits_of(line: Line) -> list[Bit]:
    """The line's cells: currency signs join the figure after them, "%" and ")" the one before."""
    found: list[Bit] = []
    pending: tuple[str, float] | None = None
    for segment in line.segments:
        text = segment.text
        if text in CURRENCY:
            pending = (text, segment.x0)
        elif text in TAIL and found and pending is None:
            found[-1].text = printed(found[-1].text + text)
            found[-1].x1 = segment.x1
        else:
            start, x0 = pending or ("", segment.x0)
            whole = printed(f"{start} {text}".strip())
            bare = FOOTNOTE.sub("", whole)
            whole = bare if is_value(bare) else whole
            found.append(Bit(whole, x0, segment.x1, segment.x0, is_value(whole)))
            pending = None
    if pending:
        found.append(Bit(pending[0], pending[1], line.x1, pending[1], figure=False))
    return found


def columns_of(rows: Sequence[Sequence[Bit]]) -> list[Column]:
    """The columns of the rows' data cells, from left to right.

    Figures decide; text makes a column of its own only where no figures stand.
    """
    figures = _clusters([bit for row in rows for bit in row if bit.figure])
    rest = [
        bit
        for row in rows
        for bit in row
        if not bit.figure and not any(_overlap(bit, column) > 0 for column in figures)
    ]
    return sorted(figures + _clusters(rest), key=lambda column: column.left)


def _clusters(bits: list[Bit]) -> list[Column]:
    columns: list[Column] = []
    for bit in sorted(bits, key=lambda bit: bit.left):
        if columns and bit.left < columns[-1].right - 0.5:
            last = columns[-1]
            last.x0, last.x1 = min(last.x0, bit.x0), max(last.x1, bit.x1)
            last.right = max(last.right, bit.x1)
        else:
            columns.append(Column(bit.x0, bit.x1, bit.left, bit.x1))
    return columns


def _overlap(bit: Bit, column: Column) -> float:
    return min(bit.x1, column.x1) - max(bit.x0, column.x0)


def place(bit: Bit, columns: Sequence[Column]) -> int:
    """The column that a data cell stands in: the most overlap, else the nearest."""
    return max(range(len(columns)), key=lambda n: _overlap(bit, columns[n]))


def headings(lines: Sequence[Sequence[Bit]], columns: Sequence[Column]) -> list[str]:
    """Each column's heading, from lines that stand over the columns, the topmost first."""
    stacks: list[list[str]] = [[] for _ in columns]
    widened = _widened(lines, columns)
    for bits in lines:
        for bit, span in zip(bits, _spans(bits, widened), strict=True):
            for column in span:
                if bit.text not in stacks[column][-1:]:
                    stacks[column].append(bit.text)
    return [re.sub(r"(\w-) (?=\w)", r"\1", " ".join(stack)) for stack in stacks]


def _widened(lines: Sequence[Sequence[Bit]], columns: Sequence[Column]) -> list[Column]:
    """The columns with the reach of their own headings, where a line has one for each."""
    found = [Column(column.x0, column.x1, column.left, column.right) for column in columns]
    for bits in lines:
        if len(bits) == len(columns):
            for bit, column in zip(bits, found, strict=True):
                column.x0, column.x1 = min(column.x0, bit.x0), max(column.x1, bit.x1)
    return found


def _spans(bits: Sequence[Bit], columns: Sequence[Column]) -> list[range]:
    """The run of columns that each heading of one line is for.

    Runs keep their order and share no column; a heading stands over the middle of its run. Of the
    ways to lay them out the one with the least offset wins (dynamic programming over headings);
    a line that names periods should leave no column without one.
    """
    if len(bits) > len(columns):
        return [range(n, n + 1) for n in (_nearest(bit, columns) for bit in bits)]
    lonely = 6.0 if any(PERIOD.search(bit.text) for bit in bits) else 0.0
    # best[c]: the least cost, and its runs, of the headings so far when columns before c are used
    best: dict[int, tuple[float, list[range]]] = {0: (0.0, [])}
    for bit in bits:
        reached: dict[int, tuple[float, list[range]]] = {}
        for used, (cost, runs) in best.items():
            for start in range(used, len(columns)):
                for stop in range(start + 1, len(columns) + 1):
                    total = cost + lonely * (start - used) + _offset(bit, columns[start:stop])
                    if stop not in reached or total < reached[stop][0]:
                        reached[stop] = (total, [*runs, range(start, stop)])
        best = reached
    ends = ((cost + lonely * (len(columns) - used), runs) for used, (cost, runs) in best.items())
    return min(ends, key=lambda end: end[0])[1]


def _offset(bit: Bit, run: Sequence[Column]) -> float:
    middle = (run[0].x0 + run[-1].x1) / 2
    wide = 0.0 if PERIOD.search(bit.text) else 2.0 * (len(run) - 1)
    return abs(middle - bit.middle) + wide


def _nearest(bit: Bit, columns: Sequence[Column]) -> int:
    return min(range(len(columns)), key=lambda n: abs(columns[n].middle - bit.middle))
