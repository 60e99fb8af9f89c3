"""Passages in, everything in them that could answer out: cells, sentences, and refusing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

from backend.local.rarity import rarity
from backend.local.reader.asking import words
from backend.local.reader.prompts import Shown
from backend.passages import Cell, Paragraph, cell_tuple, is_table, paragraph_tuple, prose_of
from backend.quantities import periods, quantities
from backend.terms import stem_tuple

MAX_WORDS = 140
"""A longer "sentence" is a list or a table that lost its lines; it is not quoted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table and its cells."""

    label: frozenset[str]
    around: frozenset[str]  # group, caption
    cells: tuple[Cell, ...]
    columns: tuple[frozenset[str], ...]  # words of each cell's heading, periods left out
    opens: str  # first word of the label


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or a row of a table that holds words."""

    text: str
    stems: tuple[str, ...]
    words: frozenset[str]  # with those of a heading that runs into its paragraph
    years: frozenset[int]
    units: frozenset[str]
    figures: int
    topic: frozenset[str]  # words of the heading that it stands under
    block: int  # sentences of one paragraph share it
    opens: bool  # whether it is the first of its paragraph
    item: bool  # whether it is an item of a list


@dataclass(frozen=True, slots=True)
class Parts:
    """What one passage's text holds."""

    rows: tuple[Row, ...]
    sentences: tuple[Sentence, ...]
    counts: Counter[str]  # in how many rows and sentences each stem stands


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible answer. Exactly one of `cell` and `sentence` is set, or neither: refusing."""

    passage: int
    place: int  # index of its row or sentence in the passage
    cell: Cell | None = None
    sentence: Sentence | None = None
    column: int = 0

    @property
    def refuses(self) -> bool:
        """Whether this is the choice to say that the evidence does not tell."""
        return self.cell is None and self.sentence is None


_HEADING_FILLER = frozenset(
    stem_tuple(
        "year ended fiscal months twelve three nine six december january february march april may"
        " june july august september october november as of at end the"
        " jan feb mar apr jun jul aug sep sept oct nov dec"
    )
)


def _heading_words(cell: Cell) -> frozenset[str]:
    return frozenset(w for w in words(cell.column) if w not in _HEADING_FILLER and not w.isdigit())


def _label(label: str, cell: Cell) -> frozenset[str]:
    """What a row is about. A row labelled by a year alone is about its table's matter."""
    own = frozenset(word for word in words(label) if not word.isdigit())
    if own - _HEADING_FILLER:
        return frozenset(words(label))
    return frozenset(words(f"{cell.caption} {cell.column}")) - _CAPTION_FILLER


_CAPTION_FILLER = frozenset(
    stem_tuple(
        "in millions thousands usd dollars except share per data amounts consolidated statements"
        " statement table year ended fiscal note continued december january june september follow"
    )
)


def _rows(text: str) -> tuple[Row, ...]:
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cell_tuple(text):
        groups.setdefault((cell.row, cell.group, cell.line), []).append(cell)
    return tuple(
        Row(
            label=_label(label, found[0]),
            around=frozenset(words(f"{group} {found[0].caption}")) - _CAPTION_FILLER,
            cells=tuple(found),
            columns=tuple(_heading_words(cell) for cell in found),
            opens=(label.split() or [""])[0].lower(),
        )
        for (label, group, _), found in groups.items()
    )


def _sentences(paragraphs: Sequence[Paragraph]) -> Iterator[Sentence]:
    """Every sentence that can be quoted. Headings are none: they only tell what follows."""
    for block, paragraph in enumerate(paragraphs):
        topic = frozenset(words(paragraph.heading))
        opening = words(paragraph.opening)
        fewest = 1 if paragraph.item else 3
        for place, text in enumerate(paragraph.sentences):
            if not fewest <= len(text.split()) <= MAX_WORDS:
                continue
            said = words(text)
            found = quantities(text)
            yield Sentence(
                text=text,
                stems=said,
                words=frozenset((*opening, *said)),
                years=frozenset(period.year for period in periods(text)),
                units=frozenset(quantity.unit for quantity in found),
                figures=len(found),
                topic=topic,
                block=block,
                opens=place == 0,
                item=paragraph.item,
            )


def _worded_rows(text: str) -> Iterator[Paragraph]:
    """Rows of a table that hold words rather than figures: "Name | Age | Position"."""
    told = {cell.line for cell in cell_tuple(text)}
    lines = text.splitlines()
    caption = lines[0] if lines and "|" not in lines[0] else ""
    for line in lines:
        parts = [part.strip() for part in line.split("|")]
        if len(parts) > 1 and parts[0] and any(parts[1:]) and " | ".join(parts) not in told:
            row = f"{parts[0]}: {', '.join(part for part in parts[1:] if part)}"
            yield Paragraph(caption, (row,), item=True)


def _told(text: str) -> list[Paragraph]:
    """What a passage says in words: paragraphs, then rows of words."""
    if is_table(text):
        return [*_worded_rows(text)]
    running = "\n".join("" if " | " in line else line for line in prose_of(text).splitlines())
    return [*paragraph_tuple(running), *_worded_rows(text)]


@lru_cache(maxsize=4096)
def parts_of(text: str) -> Parts:
    """The rows and sentences of a passage; read once, since passages come again and again."""
    rows = _rows(text)
    found = tuple(_sentences(_told(text)))
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.label)
    for sentence in found:
        counts.update(sentence.words)
    return Parts(rows, found, counts)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Passages with their parts, every candidate (refusing comes last), and words' weights."""

    passages: tuple[Shown, ...]
    parts: tuple[Parts, ...]
    candidates: tuple[Candidate, ...]
    counts: Counter[str]
    size: int

    def weight(self, term: str) -> float:
        """How much a stem tells: its rarity in filings and within the evidence; at least .3.

        Within the evidence alone the word that was searched for would seem common.
        """
        here = log((self.size + 1.0) / (self.counts.get(term, 0) + 0.5))
        return max(0.3, (here + rarity(term)) / 2)


def gather(passages: Sequence[Shown]) -> Evidence:
    """Every candidate of the passages, in their order."""
    parts = tuple(parts_of(passage.text) for passage in passages)
    counts: Counter[str] = Counter()
    found: list[Candidate] = []
    for number, part in enumerate(parts):
        counts.update(part.counts)
        for place, row in enumerate(part.rows):
            found += [
                Candidate(number, place, cell=cell, column=at) for at, cell in enumerate(row.cells)
            ]
        found += [
            Candidate(number, place, sentence=sentence)
            for place, sentence in enumerate(part.sentences)
        ]
    size = sum(len(part.rows) + len(part.sentences) for part in parts)
    return Evidence(tuple(passages), parts, (*found, Candidate(-1, -1)), counts, size)
