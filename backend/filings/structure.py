"""A PDF in, what it says of itself out: metadata, printed page numbers, outline, and the text of
a page that pdfium cannot read; alone knows pypdf."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.filings.words import Unreadable, Word

WIDTH, HEIGHT = 5.0, 10.0
"""Points that a character of laid-out text is given."""


@dataclass(frozen=True, slots=True)
class Structure:
    """`labels` are the page numbers as printed; `outline` is (0-based page, title)."""

    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    labels: tuple[str, ...] = ()
    outline: tuple[tuple[int, str], ...] = ()


def open_reader(path: Path) -> Any:
    """A pypdf reader, decrypted with the empty password where needed. Raises Unreadable."""
    from pypdf import PasswordType, PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(path)
        locked = reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if locked:
        raise Unreadable("it asks for a password", password=True)
    return reader


def structure(reader: Any) -> Structure:
    """What the reader's document says of itself; what is damaged there is left out."""
    from pypdf.errors import PyPdfError

    damage = (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
    try:
        metadata = {str(key): str(value) for key, value in (reader.metadata or {}).items()}
    except damage:
        metadata = {}
    try:
        labels = tuple(str(label) for label in reader.page_labels)
    except damage:
        labels = ()
    try:
        outline = tuple(_titles(reader, reader.outline))
    except damage:
        outline = ()
    return Structure(metadata, labels, outline)


def _titles(reader: Any, entries: Any) -> Iterator[tuple[int, str]]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _titles(reader, entry)
        elif (page := reader.get_destination_page_number(entry)) is not None:
            yield int(page), str(entry.title)


def fallback_words(reader: Any, index: int) -> list[Word]:
    """A page's words from pypdf's laid-out text, placed by row and character column.

    Raises Unreadable.
    """
    from pypdf.errors import PyPdfError

    try:
        text = reader.pages[index].extract_text(extraction_mode="layout")
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Unreadable(str(error)) from None
    return list(laid_out(str(text)))


def laid_out(text: str) -> Iterator[Word]:
    """Words of text that keeps its columns by spaces, one row of it every 12 points."""
    order = 0
    for row, line in enumerate(text.splitlines()):
        top = 780 - 12.0 * row
        for match in re.finditer(r"\S+", line):
            x0, x1 = WIDTH * match.start(), WIDTH * match.end()
            yield Word(match.group(), x0, top - HEIGHT, x1, top, order)
            order += 1
