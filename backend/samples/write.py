"""The books and the texts in, the sample 10-K and its questions out: python -m backend.samples.write."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.samples import SAMPLE_PDF, SAMPLE_QUESTIONS, figures, manuscript, words
from backend.samples import tables_notes as notes
from backend.samples import tables_statements as statements
from backend.samples.blocks import Block, Column, Heading, Landing, Row, Table

TITLE = f"{figures.COMPANY} - Annual Report on Form 10-K, fiscal year ended June 28, 2025"
FIRST_NUMBERED = "PART I"
"""The heading of the page that is numbered 1; cover and contents come before it."""
HEADINGS = ("0", "1", "2")


def _contents(
    name: str,
    wanted: Callable[[Heading], bool],
    blocks: Sequence[Block],
    landings: Sequence[Landing],
    front: int,
) -> Table:
    """A list of headings with the page numbers printed by the pass before."""
    pages = {landing.text: landing.page - front for landing in landings if landing.name in HEADINGS}
    rows = tuple(
        Row(block.text, (pages.get(" ".join(block.text.split()), 0),),
            "head" if block.level == 0 else "plain", indent=block.level)
        for block in blocks
        if isinstance(block, Heading) and wanted(block)
    )
    return Table(name, (Column("Page", "count"),), rows, currency=False)


def _in_contents(heading: Heading) -> bool:
    return heading.level < 2


def _in_statements(heading: Heading) -> bool:
    return heading.level == 2 and heading.text.startswith(("Report of", "Consolidated", "Note"))


def _front(landings: Sequence[Landing]) -> int:
    found = [mark.page for mark in landings if mark.text == FIRST_NUMBERED and mark.name == "0"]
    return found[0] - 1 if found else 2


LISTS: dict[str, Callable[[Heading], bool]] = {
    "contents": _in_contents,
    "statements index": _in_statements,
}


def write(pdf: Path) -> list[Landing]:
    """Write the PDF and say where everything landed; passes repeat until page numbers stand."""
    from backend.samples import layout  # reportlab is a dependency of development only

    every = statements.tables() | notes.tables()
    texts = words.words()
    landings: list[Landing] = []
    empty = {name: Table(name, (), ()) for name in LISTS}
    headings = list(manuscript.blocks(every | empty, texts))
    for _ in range(4):
        front = _front(landings)
        for name, wanted in LISTS.items():
            every[name] = _contents(name, wanted, headings, landings, front)
        before, landings = landings, layout.write_pdf(
            manuscript.blocks(every, texts),
            pdf,
            title=TITLE,
            author=figures.COMPANY,
            front=front,
        )
        if before == landings:
            break
    return landings


if __name__ == "__main__":
    sys.exit(0 if write(SAMPLE_PDF) and SAMPLE_QUESTIONS else 1)
