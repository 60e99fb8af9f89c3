"""Lines that are no table in, paragraphs on one line each out."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from backend.filings.lines import Line
from backend.filings.tables import BULLET, CLEAR
from backend.filings.words import Word

ENDS = re.compile(r"[.!?:;][”\"’')\]]*$")


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """The text of consecutive lines. Lines of cells are read cell by cell, not across."""
    if not lines:
        return []
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    pitch = _pitch(lines)
    found: list[str] = []
    for celled, run in groupby(_marked(lines), key=lambda pair: pair[0]):
        block = [line for _, line in run]
        if celled:
            found += _cells(block)
        else:
            found += _flowing(block, pitch=pitch, left=left, right=right)
    return found


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
        elif found[-1].endswith("-") and text[:1].islower():
            found[-1] += text
        else:
            found[-1] += " " + text
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
    """Lines of a grid in the order they were typeset, which goes cell by cell."""
    found: list[str] = []
    cell: list[Word] = []
    top = 0.0
    for word in sorted((word for line in lines for word in line.words), key=lambda w: w.order):
        height = word.y1 - word.y0
        if cell and _same_cell(cell, word, height):
            found[-1] += (
                "" if found[-1].endswith("-") and word.text[:1].islower() else " "
            ) + word.text
            cell.append(word)
            continue
        if cell and abs(top - word.y0) < 0.6 * height:
            found[-1] += " | " + word.text
        else:
            found.append(word.text)
            top = word.y0
        cell = [word]
    return found


def _same_cell(cell: Sequence[Word], word: Word, height: float) -> bool:
    last = cell[-1]
    if abs(last.y0 - word.y0) < 0.5 * height:
        return -height < word.x0 - last.x1 < 0.9 * height
    below = 0 < last.y0 - word.y0 < 1.7 * height
    return below and word.x0 < max(w.x1 for w in cell) and word.x0 >= min(w.x0 for w in cell) - 12
