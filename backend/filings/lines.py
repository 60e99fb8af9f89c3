"""Words with places in, the visual lines of the page out, each cut into segments at wide gaps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from backend.filings.words import Word

FIGURE = re.compile(
    r"[(\[]?[-−–+]?(?:US|C|A|R)?[$€£¥]?\(?[-−–]?"  # what stands before the digits
    r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
    r"[)\]]?[%x]?\)?(?:\(\w\))?"
)
NOTHING = re.compile(r"[-–—−]+%?|[Nn]/?[AaMm]\.?|n\.m\.|\*+|[-–—−]+\s%")
MARK = re.compile(r"\(\w\)|\*+")
"""A footnote's mark."""
SPACE = 0.62
"""Gaps wider than this share of the line's height part two segments."""


@dataclass
class Segment:
    """Words that stand together on a line; not changed once its line is made."""

    words: list[Word]
    x0: float
    x1: float

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass
class Line:
    """One visual line. `y` is its middle, `height` its font's; segments from left to right."""

    y: float
    height: float
    segments: list[Segment] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def x0(self) -> float:
        return self.segments[0].x0

    @property
    def x1(self) -> float:
        return self.segments[-1].x1

    @cached_property
    def widest_gap(self) -> float:
        """In heights of the line."""
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return max(((b.x0 - a.x1) / self.height for a, b in pairs), default=0.0)

    @cached_property
    def words(self) -> list[Word]:
        return [word for segment in self.segments for word in segment.words]


def is_figure(text: str) -> bool:
    """Whether a word is a printed figure, a year included."""
    return bool(FIGURE.fullmatch(text))


def lines_of(found: Sequence[Word]) -> list[Line]:
    """The lines from top to bottom. Words share a line when their middles nearly do."""
    rows: list[tuple[float, float, list[Word]]] = []
    for word in sorted(found, key=lambda word: -(word.y0 + word.y1)):
        middle, height = (word.y0 + word.y1) / 2, max(word.y1 - word.y0, 1.0)
        if rows and rows[-1][0] - middle < 0.42 * max(height, rows[-1][1]):
            rows[-1][2].append(word)
        else:
            rows.append((middle, height, [word]))
    return [_line(row) for _, _, row in rows]


def _line(row: list[Word]) -> Line:
    row.sort(key=lambda word: word.x0)
    height = max(_middle([word.y1 - word.y0 for word in row]), 1.0)
    line = Line(_middle([(word.y0 + word.y1) / 2 for word in row]), height)
    last: Word | None = None
    for word in row:
        if last is not None and word.text == last.text and word.x0 - last.x0 < 1.0:
            continue  # bold print made by drawing a word twice
        if last is None or _parts(last, word, height):
            line.segments.append(Segment([word], word.x0, word.x1))
        else:
            line.segments[-1].words.append(word)
            line.segments[-1].x1 = max(line.segments[-1].x1, word.x1)
        last = word
    return line


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _parts(left: Word, right: Word, height: float) -> bool:
    gap = (right.x0 - left.x1) / height
    if gap > SPACE:
        return True
    # Neighbouring columns can stand as close as words do.
    both = (
        not left.text[-1].isalpha()
        and is_figure(left.text)
        and (is_figure(right.text) or right.text in "$€£¥")
    )
    return both and not (MARK.fullmatch(right.text) and gap < 0.5)
