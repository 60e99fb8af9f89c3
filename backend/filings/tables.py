"""The lines of a page in, its tables out: caption, headings and rows, and which lines they took."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from backend.filings.above import CLEAR, STUB, UNIT, Zone, above, with_stub
from backend.filings.columns import Bit, Column, bits_of, columns_of, headings, is_year
from backend.filings.lines import Line
from backend.filings.rows import Row, rows_of

BULLET = re.compile(r"^[•▪◦●○■–·*o]$")
DATED = re.compile(r"(?i)\b(?:ended|as of|at)\b.*\b(?:19|20)\d\d$")
LEAD = re.compile(
    r"(?i)(?:\b(?:follow|summari|table|presents|consist)|(?:millions|thousands)\)).*:$"
)
"""A line that announces another table."""


@dataclass(slots=True)
class Table:
    """A table as read. `first` and `last` are the positions of its lines on the page."""

    caption: str
    unit: str
    heads: list[str]
    rows: list[Row]
    first: int
    last: int
    columns: list[Column] = field(default_factory=list)


def tables_of(lines: Sequence[Line], before: Table | None = None) -> list[Table]:
    """The tables among a page's lines. `before`, the last one of the page before, lends its
    headings to a table that goes on without any."""
    if not lines:
        return []
    bits = [bits_of(line) for line in lines]
    left = min(line.x0 for line in lines)
    prose = _prose(lines, bits)
    rows = [n for n in range(len(lines)) if not prose[n] and _is_row(lines[n], bits[n], left)]
    _spare_labels(lines, bits, rows, prose)
    found: list[Table] = []
    floor = 0
    for first, last in _regions(lines, bits, rows, prose):
        table = _table(lines, bits, (floor, first, last), prose)
        if not any(table.heads):
            _lend_headings(table, found[-1] if found else before)
        found.append(table)
        floor = table.last + 1
    return found


def _lend_headings(table: Table, earlier: Table | None) -> None:
    if earlier is None or len(earlier.columns) != len(table.columns):
        return
    pairs = zip(earlier.columns, table.columns, strict=True)
    if all(abs(one.right - other.right) < 15 for one, other in pairs):
        table.heads = list(earlier.heads)
        table.unit = table.unit or earlier.unit
        table.caption = table.caption or earlier.caption


def _prose(lines: Sequence[Line], bits: Sequence[Sequence[Bit]]) -> list[bool]:
    """Which lines are running text: long ones without a clear gap, and what runs on from them."""
    wide = max(line.x1 for line in lines) - min(line.x0 for line in lines)
    found: list[bool] = []
    for n, line in enumerate(lines):
        text = line.text
        whole = line.widest_gap < CLEAR or BULLET.match(line.segments[0].text) is not None
        long = whole and line.x1 - line.x0 > 0.6 * wide and text.count(" ") > 7
        runs_on = (
            n > 0
            and found[-1]
            and whole
            and lines[n - 1].y - line.y < 1.35 * line.height
            and lines[n - 1].x1 - lines[n - 1].x0 > 0.75 * wide
            and abs(line.x0 - lines[n - 1].x0) < 40
            and not _all_figures(bits[n])
        )
        found.append(long or runs_on)
    return found


def _spare_labels(
    lines: Sequence[Line], bits: Sequence[list[Bit]], rows: Sequence[int], prose: list[bool]
) -> None:
    """Take long labels out of `prose`: lines near a row that end before its figures start."""
    zones = {row: min(bit.x0 for bit in _data(bits[row])) for row in rows}
    for n, line in enumerate(lines):
        if not prose[n] or (n and prose[n - 1]) or line.text.endswith((".", "following:")):
            continue
        near = [zones[row] for row in range(n - 2, n + 4) if row in zones]
        if len(near) > 1 and line.x1 < min(near) and len(line.segments) == 1:
            prose[n] = False


def _all_figures(bits: Sequence[Bit]) -> bool:
    return all(bit.figure for bit in bits)


def _is_row(line: Line, bits: Sequence[Bit], left: float) -> bool:
    """Whether figures stand clear of a label, or alone in the right half of the page."""
    if _year_heads(bits) or BULLET.match(bits[0].text):
        return False
    if bits[0].figure and len(bits) == 1:
        return bits[0].x0 > left + 150 and line.y > 60 and not is_year(bits[0].text)
    for before, bit in pairwise(bits):
        if bit.figure and bit.left - before.x1 > CLEAR * line.height:
            return True
    return bits[0].figure and all(bit.figure for bit in bits) and not _all_years(bits)


def _all_years(bits: Sequence[Bit]) -> bool:
    return all(is_year(bit.text) for bit in bits)


def _year_heads(bits: Sequence[Bit]) -> bool:
    """Whether the line holds headings: its only figures are years, in a row."""
    figures = [bit for bit in bits if bit.figure]
    if not figures or not _all_years(figures):
        return False
    if len(figures) > 1:
        return True
    label = bits[0].text
    return bits[0].figure or bool(UNIT.search(label) or STUB.search(label)) or len(bits) > 2


def _regions(
    lines: Sequence[Line], bits: Sequence[list[Bit]], rows: Sequence[int], prose: Sequence[bool]
) -> list[tuple[int, int]]:
    """The first and last row of each table: prose, or headings after a row, begin a new one."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found:
            first, last = found[-1]
            between = range(last + 1, row)
            zone = min(bit.x0 for bit in _data(bits[last]))
            zone = max(zone - 60, min(zone, bits[last][0].x1 + 2))
            if not (
                any(prose[n] for n in between)
                or len(between) > 8
                or any(LEAD.search(lines[n].text) for n in between)
                or any(_heads_anew(lines[n], bits[n], zone) for n in between)
            ):
                found[-1] = (first, row)
                continue
        found.append((row, row))
    return found


def _heads_anew(line: Line, bits: Sequence[Bit], zone: float) -> bool:
    """Whether a line between two rows holds the headings of another table."""
    over = [bit for bit in bits if bit.middle > zone - 5]
    dated = over == list(bits) and DATED.search(line.text) is not None
    return len(over) > 1 or (len(over) == 1 and (dated or _year_heads(bits)))


def _table(
    lines: Sequence[Line],
    bits: Sequence[list[Bit]],
    span: tuple[int, int, int],
    prose: Sequence[bool],
) -> Table:
    """Build the table whose rows stand from `span[1]` to `span[2]`, no line above `span[0]`."""
    floor, first, last = span
    rows = [_data(bits[n]) for n in range(first, last + 1)]
    columns = columns_of([row for row in rows if any(bit.figure for bit in row)])
    zone = _zone(bits[first : last + 1], columns)
    over = above(lines, first, floor, prose, zone)
    end = _reach_down(lines, bits, last, prose)
    body = [(lines[n], bits[n]) for n in range(over.body, end + 1)]
    return Table(
        caption=" - ".join(over.titles),
        unit=over.unit,
        heads=with_stub(headings(over.heads, columns), over.stub),
        rows=rows_of(body, columns, zone.start),
        first=over.first,
        last=end,
        columns=columns,
    )


def _zone(rows: Sequence[Sequence[Bit]], columns: Sequence[Column]) -> Zone:
    """Headings can start at the columns' left end, or where the labels beside figures end."""
    left = min(column.x0 for column in columns)
    labels = [row[0].x1 for row in rows if len(row) > 1 and not row[0].figure]
    return Zone(min(left, max(labels, default=left) + 2), min(row[0].x0 for row in rows))


def _data(bits: Sequence[Bit]) -> list[Bit]:
    """The cells of a row without its label."""
    labelled = len(bits) > 1 and (not bits[0].figure or bits[1].x0 - bits[0].x1 > 40)
    return list(bits[1:] if labelled or not bits[0].figure else bits)


def _reach_down(
    lines: Sequence[Line], bits: Sequence[list[Bit]], last: int, prose: Sequence[bool]
) -> int:
    """The last line: what is wrapped may end below the last row."""
    after = last + 1
    if after >= len(lines) or prose[after] or len(lines[after].segments) > 1:
        return last
    here, below = lines[last], lines[after]
    gap = here.y - below.y
    label = gap < 1.15 * below.height and below.text[0].islower() and here.x0 < below.x0 + 5
    worded = [bit for bit in bits[last][1:] if not bit.figure]
    cell = gap < 1.35 * below.height and any(abs(bit.x0 - below.x0) < 3 for bit in worded)
    return after if cell or (label and below.x0 <= here.x0 + 15) else last
