"""The context that ragas hands over goes in; its cells and sentences come out.

ragas joins passages by line breaks, so where one ends is told by the shape of the lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from backend.passages import Cell, cells, prose_of, sentences
from backend.quantities import Quantity, quantities
from backend.terms import stems

_WRAPPED = 160
"""Lines shorter than this on average are a page's own lines, not whole paragraphs."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the context, with the one before it, which often names what it is about."""

    text: str
    before: str
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    figures: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """All that a statement can stand on."""

    cells: tuple[Cell, ...]
    sentences: tuple[Sentence, ...]


@lru_cache(maxsize=256)
def ground(context: str) -> Ground:
    """The cells and sentences of a context."""
    found: list[Cell] = []
    said: list[Sentence] = []
    for block, is_table in _blocks(context):
        of_block = cells(block)
        found += of_block
        said += _worded_rows(block, of_block) if is_table else _sentences(block)
    return Ground(tuple(found), tuple(said))


def pairs(words: list[str]) -> frozenset[tuple[str, str]]:
    """Each word with the one that follows it."""
    return frozenset(pairwise(words))


def _sentence(text: str, before: str) -> Sentence:
    words = stems(text)
    return Sentence(text, before, frozenset(words), pairs(words), tuple(quantities(text)))


def _worded_rows(block: str, told: list[Cell]) -> Iterator[Sentence]:
    """Rows of a table that hold words: readers quote those as sentences."""
    lines = {cell.line for cell in told}
    for row in block.splitlines():
        text = " ".join(part.strip() for part in row.split("|"))
        if row.count("|") and " | ".join(p.strip() for p in row.split("|")) not in lines:
            yield _sentence(text.strip(), "")


def _sentences(block: str) -> Iterator[Sentence]:
    lines = [line for line in block.splitlines() if line.strip()]
    whole = sum(map(len, lines)) < _WRAPPED * len(lines)
    before = ""
    for part in [block] if whole else lines:
        for text in sentences(prose_of(part)):
            yield _sentence(text, before)
            before = text


def _blocks(context: str) -> Iterator[tuple[str, bool]]:
    """Runs of lines that are one table, or that are none."""
    lines = context.split("\n")
    start, in_table = 0, False
    for at, line in enumerate(lines):
        opens = at + 1 < len(lines) and _heading(lines[at + 1]) and not _heading(line)
        goes_on = in_table and ("|" in line or _group(lines[at : at + 5]))
        if opens and at > start or in_table and not opens and not goes_on:
            yield "\n".join(lines[start:at]), in_table
            start = at
        in_table = opens or goes_on
    yield "\n".join(lines[start:]), in_table


def _heading(line: str) -> bool:
    return line.lstrip().startswith("|")


def _group(lines: list[str]) -> bool:
    """Whether the first line, inside a table and without bars, is a heading over rows that follow,
    perhaps under more headings. A line over a line that opens with a bar is the next table."""
    for line, following in pairwise(lines):
        if len(line) > 100 or _heading(following):
            return False
        if "|" in following:
            return True
    return False
