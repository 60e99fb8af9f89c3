"""Lines that are no table in, paragraphs on one line each out."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from backend.filings.above import CLEAR
from backend.filings.lines import Line, Segment, lines_of
from backend.filings.tables import BULLET

ENDS = re.compile(r"[.!?:;][”\"’')\]]*$")


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """The text of consecutive lines. Lines of cells are read cell by cell, not across."""
    if not lines:
        return []
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    gutter = _gutter(lines)
    if gutter is not None:
        sides = (_side(lines, left, gutter), _side(lines, gutter, right + 1))
        return [text for side in sides for text in paragraphs(side)]
    pitch = _pitch(lines)
    found: list[str] = []
    for celled, run in groupby(_marked(lines), key=lambda pair: pair[0]):
        block = [line for _, line in run]
        if celled:
            found += _cells(block)
        else:
            found += _flowing(block, pitch=pitch, left=left, right=right)
    return found


def _gutter(lines: Sequence[Line]) -> float | None:
    """Where two columns of running text part, if the page is set so: hardly a word stands there."""
    if len(lines) < 10 or sum(len(line.segments) > 1 for line in lines) < 0.3 * len(lines):
        return None
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    tried = [left + (right - left) * share / 100 for share in range(38, 63)]
    crossing = [
        sum(any(word.x0 < x < word.x1 for word in line.words) for line in lines) for x in tried
    ]
    fewest = min(crossing)
    if fewest > 0.1 * len(lines):
        return None
    clear = [x for x, count in zip(tried, crossing, strict=True) if count == fewest]
    gutter = clear[len(clear) // 2]
    sides = (_side(lines, left, gutter), _side(lines, gutter, right))
    return gutter if all(map(_is_text, sides)) else None


def _side(lines: Sequence[Line], start: float, stop: float) -> list[Line]:
    """The lines of the words whose middles lie between `start` and `stop`."""
    kept = (
        [word for word in line.words if start <= (word.x0 + word.x1) / 2 < stop] for line in lines
    )
    return [line for words in kept for line in lines_of(words)]


def _is_text(column: Sequence[Line]) -> bool:
    """Whether a column holds running text."""
    return len(column) > 4 and sum(len(line.words) for line in column) > 4 * len(column)


def _marked(lines: Sequence[Line]) -> Iterator[tuple[bool, Line]]:
    """Each line with whether it is cells side by side; a line between two such is one too."""
    grid = [
        line.widest_gap >= CLEAR
        and not (BULLET.match(line.segments[0].text) and len(line.segments) == 2)
        for line in lines
    ]
    for n, line in enumerate(lines):
        between = 0 < n < len(lines) - 1 and grid[n - 1] and grid[n + 1]
        yield grid[n] or between, line


def _pitch(lines: Sequence[Line]) -> float:
    """The distance of lines within a paragraph."""
    gaps = [a.y - b.y for a, b in zip(lines, lines[1:], strict=False) if a.y > b.y]
    height = median(line.height for line in lines)
    near = [gap for gap in gaps if gap < 1.9 * height]
    return median(near) if near else 1.25 * height


def _flowing(lines: Sequence[Line], *, pitch: float, left: float, right: float) -> list[str]:
    found: list[str] = []
    last: Line | None = None
    for line in lines:
        text = line.text
        if last is None or _begins(last, line, pitch=pitch, left=left, right=right):
            found.append(text)
        else:
            found[-1] = _joined(found[-1], text)
        last = line
    return found


def _begins(last: Line, line: Line, *, pitch: float, left: float, right: float) -> bool:
    """Whether a paragraph begins with `line`."""
    width = max(right - left, 1.0)
    if last.y - line.y > 1.22 * max(pitch, 0.9 * line.height) or last.y < line.y:
        return True
    if BULLET.match(line.segments[0].text) or abs(last.height - line.height) > 1.6:
        return True
    short = last.x1 < right - 0.2 * width
    ended = ENDS.search(last.segments[-1].text) is not None
    indented = line.x0 > last.x0 + 8 and ended
    starts = line.text[:1].isupper() or line.text[:1] in "“(•"
    return indented or (short and starts and (ended or last.x1 < right - 0.4 * width))


def _cells(lines: Sequence[Line]) -> list[str]:
    """Cells side by side: two columns of prose one after the other, other grids row by row."""
    reaches = _reaches(lines)
    if len(reaches) == 2 and all(_is_text(_within(lines, reach)) for reach in reaches):
        return [text for reach in reaches for text in paragraphs(_within(lines, reach))]
    rows: list[list[str]] = []
    firsts = [reaches and line.x0 < reaches[0][1] for line in lines]
    goes_on = sum(map(bool, firsts)) < 0.8 * len(lines)
    for line, first in zip(lines, firsts, strict=True):
        if not rows or first or not goes_on:
            rows.append([""] * max(len(reaches), 1))
        for segment in line.segments:
            n = _column(segment, reaches)
            rows[-1][n] = _joined(rows[-1][n], segment.text)
    return [" | ".join(filter(None, row)) for row in rows]


def _reaches(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """From where to where each column of a grid reaches; lines across all do not count."""
    width = max(line.x1 for line in lines) - min(line.x0 for line in lines)
    found: list[tuple[float, float]] = []
    segments = [segment for line in lines for segment in line.segments]
    for segment in sorted(segments, key=lambda segment: segment.x0):
        if segment.x1 - segment.x0 > 0.6 * width:
            continue
        if found and segment.x0 < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], segment.x1))
        else:
            found.append((segment.x0, segment.x1))
    return found


def _column(segment: Segment, reaches: Sequence[tuple[float, float]]) -> int:
    starts = [n for n, reach in enumerate(reaches) if reach[0] <= segment.x0 + 1]
    return starts[-1] if starts else 0


def _within(lines: Sequence[Line], reach: tuple[float, float]) -> list[Line]:
    """The lines of one column."""
    kept = (
        (line, [part for part in line.segments if reach[0] - 1 <= part.x0 < reach[1]])
        for line in lines
    )
    return [Line(line.y, line.height, parts) for line, parts in kept if parts]


def _joined(start: str, end: str) -> str:
    return start + end if start.endswith("-") and end[:1].islower() else f"{start} {end}".strip()
