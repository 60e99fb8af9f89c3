"""The process that reads one PDF: its path in, progress and the filing as lines of JSON out.

A page can hang or bring pdfium down, so reading happens in a process that can be killed. It
imports no table of ours: it starts in a fifth of a second.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.filings.chunks import pieces
from backend.filings.cover import read_cover
from backend.filings.furniture import furniture
from backend.filings.lines import Line, lines_of
from backend.filings.sections import CONTENTS, COVER, outlined, sections
from backend.filings.structure import Structure, fallback_words, open_reader, structure
from backend.filings.words import Unreadable, Word, open_pdf, words

FEW_WORDS = 5
"""A page with no more words than this holds no text to speak of."""


def main(arguments: list[str]) -> None:
    """Read `arguments[0]`, refusing more than `arguments[1]` pages; write messages to stdout."""
    try:
        for message in read(Path(arguments[0]), int(arguments[1])):
            _say(message)
    except Unreadable as error:
        _say({"locked" if error.password else "damaged": str(error)})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def read(path: Path, max_pages: int) -> Iterator[dict[str, Any]]:
    """Progress as {"page": n, "of": pages} before each page, then {"filing": ...}, or why not.

    Raises Unreadable.
    """
    with open_pdf(path) as document:
        count = len(document)
        if count > max_pages or not count:
            yield {"pages": count}
            return
        told, reader, notes = _structure(path)
        pages: list[list[Line]] = []
        for index in range(count):
            yield {"page": index + 1, "of": count}
            found = page_words(document, reader, index, notes)
            pages.append(lines_of(found))
    empty = [n for n, lines in enumerate(pages, 1) if _size(lines) <= FEW_WORDS]
    if len(empty) == count:
        yield {"scanned": count}
        return
    yield from _apart(pages, told, notes + _notes(told, empty, count))


def _structure(path: Path) -> tuple[Structure, Any, list[str]]:
    """pdfium has opened the file; what pypdf makes of it is welcome, and no condition."""
    try:
        reader = open_reader(path)
    except Unreadable:
        return Structure(), None, []
    return structure(reader), reader, []


def page_words(document: Any, reader: Any, index: int, notes: list[str]) -> list[Word]:
    try:
        return words(document, index)
    except Unreadable:
        if reader is None:
            raise
        notes.append(f"Page {index + 1} was read by pypdf; its tables may be less exact.")
        return fallback_words(reader, index)


def _size(lines: list[Line]) -> int:
    return sum(len(line.words) for line in lines)


def _notes(told: Structure, empty: list[int], count: int) -> list[str]:
    """What a person should know about the file."""
    found: list[str] = []
    if len(empty) > 0:
        named = ", ".join(map(str, empty[:8])) + (" ..." if len(empty) > 8 else "")
        found.append(f"{len(empty)} of {count} pages hold no text: {named}.")
    plain = [str(n) for n in range(1, count + 1)]
    differ = [n for n, label in enumerate(told.labels) if label != plain[n]]
    if differ:
        first = differ[0]
        found.append(
            f"Pages are counted from the file's first; page {first + 1} is printed as "
            f"{told.labels[first]}."
        )
    return found


def _apart(pages: list[list[Line]], told: Structure, notes: list[str]) -> Iterator[dict[str, Any]]:
    yield {"apart": 0}
    marks = sections(pages)
    if told.outline and not {name for page in marks for _, name in page} - {COVER, CONTENTS, ""}:
        marks = outlined(told.outline, len(pages))
    chunks: list[dict[str, Any]] = []
    for number, found in enumerate(pieces(pages, marks, furniture(pages)), 1):
        chunks += [asdict(piece) for piece in found]
        yield {"apart": number}
    cover = asdict(read_cover([[line.text for line in lines] for lines in pages], told.metadata))
    cover["period_end"] = cover["period_end"] and cover["period_end"].isoformat()
    yield {"filing": {"pages": len(pages), "cover": cover, "chunks": chunks, "notes": notes}}


if __name__ == "__main__":
    main(sys.argv[1:])
