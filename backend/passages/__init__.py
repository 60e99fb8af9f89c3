"""A passage's text in, its table cells or sentences out; alone knows how both are written."""

from functools import lru_cache

from backend.passages.prose import Paragraph, paragraph_tuple, sentence_tuple, sentences
from backend.passages.refusals import is_refusal
from backend.passages.running import prose_of, running_cells
from backend.passages.tables import Cell, is_table, table_cells

__all__ = [
    "Cell",
    "Paragraph",
    "cell_tuple",
    "cells",
    "is_refusal",
    "is_table",
    "paragraph_tuple",
    "prose_of",
    "sentence_tuple",
    "sentences",
]


@lru_cache(maxsize=2048)
def cell_tuple(text: str) -> tuple[Cell, ...]:
    """As `cells`, cached and immutable."""
    return tuple(table_cells(text) if is_table(text) else running_cells(text))


def cells(text: str) -> list[Cell]:
    """Every figure of the tables in a passage, row by row.

    A passage indexed as a table is read by its bars; other text is searched for lines that end
    in figures.
    """
    return list(cell_tuple(text))
