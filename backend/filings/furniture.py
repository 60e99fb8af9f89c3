"""The lines of all pages in, which of them are running heads, feet and page numbers out."""

import re
from collections import Counter
from collections.abc import Sequence

from backend.filings.lines import Line

NUMBER = re.compile(
    r"(?i)^(?:page\s+)?(?:[-–—]\s*)?(?:[A-Z]{1,2}-)?(?:\d{1,4}|[ivxl]{1,6})(?:\s*[-–—])?$"
)
HEADING = re.compile(
    r"\b(?:ended|as of|millions|thousands|months|total|january|february|march|april|may|june|july|"
    r"august|september|october|november|december)\b"
)
"""Words of column headings, which may well stand at the top of many pages."""
HEAD, FOOT = 4, 3
"""How many lines at the top and bottom of a page can be furniture."""


def furniture(pages: Sequence[Sequence[Line]]) -> list[set[int]]:
    """For each page the positions of lines that only serve turning pages."""
    seen = Counter(key for lines in pages for key in {_key(lines[n]) for n in _edges(lines)})
    seen = Counter({key: n for key, n in seen.items() if key and not HEADING.search(key)})
    often = max(5, len(pages) // 20)
    return [
        {n for n in _edges(lines) if seen[_key(lines[n])] >= often or _is_page_number(lines, n)}
        for lines in pages
    ]


def _edges(lines: Sequence[Line]) -> list[int]:
    count = len(lines)
    return sorted({*range(min(HEAD, count)), *range(max(count - FOOT, 0), count)})


def _key(line: Line) -> str:
    """A line without its numbers, which differ from page to page; nothing is left of years."""
    return re.sub(r"[\d\W_]+", " ", line.text.lower()).strip()


def _is_page_number(lines: Sequence[Line], n: int) -> bool:
    last = n >= len(lines) - 2
    return (last or n == 0) and NUMBER.match(lines[n].text) is not None
