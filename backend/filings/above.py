"""The lines above a table's first row in, its titles, unit and column headings out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from backend.filings.columns import Bit, is_year
from backend.filings.lines import Line
from backend.filings.sections import opens_section

CLEAR = 1.5
"""A gap of so many heights sets a cell apart from prose, whose justified gaps stay below it."""
FARTHEST = 14
"""Lines above the first row that are looked at."""
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


class Zone(NamedTuple):
    """Where a table's columns can start, and where its labels do."""

    start: float
    edge: float


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above a table: its titles from line `first`, its body from line `body`."""

    first: int
    body: int
    titles: list[str]
    unit: str
    heads: list[list[Bit]]
    stub: str
    """A period named over the labels, for columns headed by years alone."""


def above(
    lines: Sequence[Line], first: int, floor: int, prose: Sequence[bool], zone: Zone
) -> Above:
    """Read the lines between `floor` and the table's first row."""
    start = _reach_up(lines, first, floor, prose)
    head_from, head_to = _head_lines(lines, range(start, first), zone)
    title_from = _titles(lines, range(start, head_from))
    units, heads, stub = _heads(lines[head_from:head_to], zone)
    titles = [line.text for line in lines[title_from:head_from]]
    found = [UNIT.search(text) for text in (*units, *titles)]
    unit = next((match.group(1) for match in found if match), "")
    named = [text for text in (UNIT.sub("", title).strip() for title in titles) if text]
    return Above(title_from, head_to, named, unit, heads, stub)


def with_stub(names: Sequence[str], stub: str) -> list[str]:
    """Headings that are years alone, with the period that stands over the labels."""
    return [f"{stub} {name}" if stub and is_year(name[:4]) else name for name in names]


def _reach_up(lines: Sequence[Line], first: int, floor: int, prose: Sequence[bool]) -> int:
    """The topmost line that may belong to the table's headings and titles."""
    start = first
    while start > floor and first - start < FARTHEST and not prose[start - 1]:
        if lines[start - 1].y - lines[start].y > 4.5 * lines[start].height:
            break
        start -= 1
    return start


def _head_lines(lines: Sequence[Line], over: range, zone: Zone) -> tuple[int, int]:
    """The lines (from, to) that hold column headings; both at the end where none does."""
    heads = [
        n
        for n in over
        if _is_head(lines[n], zone) and not _starts_row(lines[n], lines[n + 1], zone)
    ]
    if not heads:
        end = over.stop
        while end > over.start and lines[end - 1].text.endswith(":"):
            end -= 1
        return end, end
    start = stop = heads[-1]
    while start - 1 in heads:
        start -= 1
    return start, stop + 1


def _starts_row(line: Line, below: Line, zone: Zone) -> bool:
    """Whether a line with a label stands so near to the row below that it is part of it."""
    labelled = line.x0 < zone.start - 4 and not STUB.search(line.segments[0].text)
    return labelled and line.y - below.y < 0.9 * line.height


def _is_head(line: Line, zone: Zone) -> bool:
    """Whether a line above a table stands over its columns, or is its unit."""
    text = line.text
    if UNIT.fullmatch(text):
        return True
    last = line.segments[-1]
    over = (last.x0 + last.x1) / 2 > zone.start - 4
    alone = len(line.segments) == 1
    if alone and line.x0 < zone.edge + 3 and line.x0 < zone.start - 4:
        return False  # as far left as labels: a title
    sentence = text.endswith((".", ":")) and text.count(" ") > 5
    return over and not (alone and TITLE.search(text)) and not sentence and not opens_section(text)


def _titles(lines: Sequence[Line], over: range) -> int:
    """Where the titles directly above the headings start: at most three short lines."""
    start = over.stop
    while start > over.start and over.stop - start < 3:
        line = lines[start - 1]
        celled = len(line.segments) > 1 and line.widest_gap > CLEAR
        if celled or line.text.endswith(".") or opens_section(line.text):
            break
        below = lines[start] if start < len(lines) else line
        if line.y - below.y > 2.6 * line.height:
            break
        start -= 1
    return start


def _heads(lines: Sequence[Line], zone: Zone) -> tuple[list[str], list[list[Bit]], str]:
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
            if bit.middle > zone.start - 4 and bit.text:
                over.append(bit)
            elif bit.text and STUB.search(bit.text):
                stub.append(bit.text)
        heads.append(over)
    return units, heads, " ".join(stub)
