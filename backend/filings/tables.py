"""The lines of a page in, its tables out: caption, headings and rows, and which lines they took."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from backend.filings.columns import (
    Bit,
    Column,
    bits_of,
    columns_of,
    headings,
    is_year,
    place,
)
from backend.filings.lines import Line
from backend.filings.sections import opens_section

CLEAR = 1.5
"""A gap of so many heights sets a cell apart from prose, whose justified gaps stay below it."""
UNIT = re.compile(
    r"(?i)[(\[]\s*([^()]*?\b(?:millions|thousands|billions|dollars|percentages?|"
    r"amounts? in|unaudited)\b[^()]*)[)\]]"
)
STUB = re.compile(
    r"(?i)\b(?:ended|ending|as of|at|fiscal|years?|december|january|june|september)\b"
)
TITLE = re.compile(
    r"(?i)\b(?:consolidated|statements? of|balance sheets?|schedule|corporation|inc\.|plc|"
    r"subsidiaries|note \d+)"
)
BULLET = re.compile(r"^[•▪◦●○■–·*o]$")
DATED = re.compile(r"(?i)\b(?:ended|as of|at)\b.*\b(?:19|20)\d\d$")
LEAD = re.compile(
    r"(?i)(?:\b(?:follow|summari|table|presents|consist)|(?:millions|thousands)\)).*:$"
)
"""A line that announces another table."""
OPEN_END = re.compile(r"(?:,|\b(?:and|or|of|to|the|for|in|by|from|with|a|an))$")


@dataclass(slots=True)
class Row:
    """One row: its label, and a cell a column, empty where nothing stands."""

    label: str
    cells: list[str]


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


@dataclass(slots=True)
class _Entry:
    """A line of a table's body while labels are being put together."""

    line: Line
    label: str
    bits: list[Bit]
    top: float
    bottom: float


def tables_of(lines: Sequence[Line], before: Table | None = None) -> list[Table]:
    """The tables among a page's lines. `before`, the last one of the page before, lends its
    headings to a table that goes on without any."""
    if not lines:
        return []
    bits = [bits_of(line) for line in lines]
    left = min(line.x0 for line in lines)
    prose = _prose(lines)
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


def _prose(lines: Sequence[Line]) -> list[bool]:
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
            and not _all_figures(bits_of(line))
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
            zone = min(bit.x0 for bit in bits[last] if bit.figure)
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
    start = _reach_up(lines, first, floor, prose)
    head_from, head_to = _head_lines(lines, bits, range(start, first), zone)
    title_from = _titles(lines, bits, range(start, head_from), zone)
    end = _reach_down(lines, bits, last, prose)
    units, heads, stub = _heads(lines[head_from:head_to], zone)
    names = headings(heads, columns)
    if stub:
        names = [f"{stub} {name}" if is_year(name[:4]) else name for name in names]
    titles = [line.text for line in lines[title_from:head_from]]
    found = [UNIT.search(text) for text in (*units, *titles)]
    unit = next((match.group(1) for match in found if match), "")
    caption = " - ".join(filter(None, (UNIT.sub("", text).strip() for text in titles)))
    body = _joined([_entry(lines[n], bits[n], zone) for n in range(head_to, end + 1)])
    return Table(caption, unit, names, _rows(body, columns), title_from, end, columns)


def _zone(rows: Sequence[Sequence[Bit]], columns: Sequence[Column]) -> float:
    """Where headings can start: the columns' left end, or where labels beside figures end."""
    left = min(column.x0 for column in columns)
    labels = [row[0].x1 for row in rows if len(row) > 1 and not row[0].figure]
    return min(left, max(labels, default=left) + 2)


def _data(bits: Sequence[Bit]) -> list[Bit]:
    """The cells of a row without its label."""
    labelled = len(bits) > 1 and (not bits[0].figure or bits[1].x0 - bits[0].x1 > 40)
    return list(bits[1:] if labelled or not bits[0].figure else bits)


def _reach_up(lines: Sequence[Line], first: int, floor: int, prose: Sequence[bool]) -> int:
    """The topmost line that may belong to the table's headings and titles."""
    start = first
    while start > floor and first - start < 14 and not prose[start - 1]:
        if lines[start - 1].y - lines[start].y > 4.5 * lines[start].height:
            break
        start -= 1
    return start


def _head_lines(
    lines: Sequence[Line], bits: Sequence[list[Bit]], above: range, zone: float
) -> tuple[int, int]:
    """The lines (from, to) that hold column headings; both at the end where none does."""
    heads = [
        n
        for n in above
        if _is_head(lines[n], zone) and not _starts_row(lines[n], lines[n + 1], zone)
    ]
    if not heads:
        end = above.stop
        while end > above.start and lines[end - 1].text.endswith(":"):
            end -= 1
        return end, end
    start = stop = heads[-1]
    while start - 1 in heads:
        start -= 1
    return start, stop + 1


def _starts_row(line: Line, below: Line, zone: float) -> bool:
    """Whether a line with a label stands so near to the row below that it is part of it."""
    labelled = line.x0 < zone - 4 and not STUB.search(line.segments[0].text)
    return labelled and line.y - below.y < 0.9 * line.height


def _is_head(line: Line, zone: float) -> bool:
    """Whether a line above a table stands over its columns, or is its unit."""
    text = line.text
    if UNIT.fullmatch(text):
        return True
    last = line.segments[-1]
    over = (last.x0 + last.x1) / 2 > zone - 4
    alone = len(line.segments) == 1
    sentence = text.endswith((".", ":")) and text.count(" ") > 5
    return over and not (alone and TITLE.search(text)) and not sentence and not opens_section(text)


def _titles(lines: Sequence[Line], bits: Sequence[list[Bit]], above: range, zone: float) -> int:
    """Where the titles directly above the headings start: at most three short lines."""
    start = above.stop
    while start > above.start and above.stop - start < 3:
        line = lines[start - 1]
        celled = len(line.segments) > 1 and line.widest_gap > CLEAR
        if celled or line.text.endswith(".") or opens_section(line.text):
            break
        below = lines[start] if start < len(lines) else line
        if line.y - below.y > 2.6 * line.height:
            break
        start -= 1
    return start


def _heads(lines: Sequence[Line], zone: float) -> tuple[list[str], list[list[Bit]], str]:
    """Units, the bits over the columns line by line, and a period named over the labels."""
    units: list[str] = []
    heads: list[list[Bit]] = []
    stub: list[str] = []
    for line in lines:
        over: list[Bit] = []
        for segment in line.segments:
            text = segment.text
            bit = Bit(text, segment.x0, segment.x1, segment.x0, figure=False)
            if UNIT.search(text):
                units.append(text)
                bit.text = UNIT.sub("", text).strip()
            if bit.middle > zone - 4 and bit.text:
                over.append(bit)
            elif bit.text and STUB.search(bit.text):
                stub.append(bit.text)
        heads.append(over)
    return units, heads, " ".join(stub)


def _reach_down(
    lines: Sequence[Line], bits: Sequence[list[Bit]], last: int, prose: Sequence[bool]
) -> int:
    """The last line: a label's wrapped end may stand below the last row."""
    after = last + 1
    if after >= len(lines) or prose[after] or len(lines[after].segments) > 1:
        return last
    here, below = lines[last], lines[after]
    near = here.y - below.y < 1.15 * below.height and below.x0 <= here.x0 + 15
    starts_low = below.text[0].islower() and here.x0 < below.x0 + 5
    return after if near and starts_low else last


def _entry(line: Line, bits: Sequence[Bit], zone: float) -> _Entry:
    """A body line apart: label and data cells."""
    first = bits[0]
    labelled = not first.figure or len(bits) > 1 and first.x1 < zone
    stands_in_zone = first.x0 > zone - 3
    if not labelled or stands_in_zone:
        return _Entry(line, "", list(bits), line.y, line.y)
    return _Entry(line, first.text, list(bits[1:]), line.y, line.y)


def _joined(entries: Sequence[_Entry]) -> list[_Entry]:
    """Put wrapped labels together: parts of one row stand nearer than rows do."""
    gaps = [a.line.y - b.line.y for a, b in pairwise(entries) if a.bits and b.bits]
    pitch = median(gaps) if gaps else 1.3 * entries[0].line.height
    found: list[_Entry] = []
    for n, entry in enumerate(entries):
        last = found[-1] if found else None
        if last is None or not _one_row(last, entry, pitch, entries[n + 1 : n + 2]):
            found.append(entry)
            continue
        last.label = f"{last.label} {entry.label}".strip()
        last.bits = last.bits + entry.bits
        last.bottom = entry.line.y
    return found


def _one_row(upper: _Entry, lower: _Entry, pitch: float, after: Sequence[_Entry]) -> bool:
    gap = upper.bottom - lower.top
    near = gap < 0.83 * pitch
    if upper.bits and lower.bits:
        worded = not any(bit.figure for bit in upper.bits) or _wrapped_words(lower)
        return near and (gap < 0.3 * pitch or (worded and not lower.label[:1].isupper()))
    if not upper.bits and upper.label.endswith(":") and lower.label[:1].isupper():
        return False
    if upper.bits:  # a label alone, below a row: its end, or the start of the next one
        closer = not after or gap < 0.95 * (lower.bottom - after[0].top) or not after[0].bits
        return lower.label[:1].islower() and (near or gap < 1.1 * pitch) or near and closer
    goes_on = lower.label[:1].islower() or lower.label[:1] == "("
    says_so = OPEN_END.search(upper.label) is not None or goes_on
    return near or (says_so and gap < 1.15 * pitch) or (not lower.label and gap < pitch)


def _wrapped_words(entry: _Entry) -> bool:
    """Whether a line only ends the wording of cells above it."""
    return not entry.label and not any(bit.figure for bit in entry.bits)


def _rows(entries: Sequence[_Entry], columns: Sequence[Column]) -> list[Row]:
    rows: list[Row] = []
    for entry in entries:
        alone = entry.bits[0] if len(entry.bits) == 1 and not entry.label else None
        if alone and not alone.figure and alone.x0 < columns[0].x0 - 4:
            rows.append(Row(alone.text, []))  # a heading of rows, centred over the table
            continue
        cells = [""] * len(columns)
        for bit in entry.bits:
            n = place(bit, columns)
            cells[n] = f"{cells[n]} {bit.text}".strip()
        rows.append(Row(entry.label, cells if any(cells) else []))
    return rows
