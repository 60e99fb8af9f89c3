"""The lines of a table's body in, its rows out: labels put together, cells in their columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from backend.filings.columns import Bit, Column, place
from backend.filings.lines import Line

OPEN_END = re.compile(r"(?:,|\b(?:and|or|of|to|the|for|in|by|from|with|a|an))$")


@dataclass(slots=True)
class Row:
    """One row: its label, and a cell a column, empty where nothing stands."""

    label: str
    cells: list[str]


def rows_of(
    lines: Sequence[tuple[Line, Sequence[Bit]]], columns: Sequence[Column], start: float
) -> list[Row]:
    """The rows of a body's lines; `start` is where columns can start, labels stand left of it."""
    return _rows(_joined([_entry(line, bits, start) for line, bits in lines]), columns)


@dataclass(slots=True)
class _Entry:
    """A line of a table's body while labels are being put together."""

    line: Line
    label: str
    bits: list[Bit]
    top: float
    bottom: float

    @property
    def figures(self) -> bool:
        """Whether it holds any."""
        return any(bit.figure for bit in self.bits)


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
    gaps = [a.line.y - b.line.y for a, b in pairwise(entries) if a.figures and b.figures]
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
    if upper.bits and _wrapped_words(lower):
        return gap < 1.35 * lower.line.height
    if upper.bits and lower.bits:
        worded = not upper.figures
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
    return bool(entry.bits) and not entry.label and not entry.figures


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
