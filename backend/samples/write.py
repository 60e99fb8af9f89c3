"""The books and the texts in, the sample 10-K and its questions out: python -m backend.samples.write."""

import sys
from collections.abc import Sequence
from pathlib import Path

from backend.samples import SAMPLE_PDF, SAMPLE_QUESTIONS, figures, manuscript, words
from backend.samples import tables_statements as statements
from backend.samples.blocks import Block, Column, Heading, Landing, Row, Table

TITLE = f"{figures.COMPANY} - Annual Report on Form 10-K, fiscal year ended June 28, 2025"
FIRST_NUMBERED = "PART I"
"""The heading of the page that is numbered 1; cover and contents come before it."""


def _contents(landings: Sequence[Landing], front: int, blocks: Sequence[Block]) -> Table:
    """The table of contents, with the printed page numbers of the pass before."""
    pages = {landing.text: landing.page - front for landing in landings if landing.name in "01"}
    rows = tuple(
        Row(block.text, (pages.get(" ".join(block.text.split()), 0),),
            "head" if block.level == 0 else "plain", indent=block.level)
        for block in blocks
        if isinstance(block, Heading) and block.level < 2
    )
    return Table("contents", (Column("Page", "count"),), rows, currency=False)


def _front(landings: Sequence[Landing]) -> int:
    found = [mark.page for mark in landings if mark.text == FIRST_NUMBERED and mark.name == "0"]
    return found[0] - 1 if found else 2


def write(pdf: Path) -> list[Landing]:
    """Write the PDF and say where everything landed; passes repeat until page numbers stand."""
    from backend.samples import layout  # reportlab is a dependency of development only

    every = statements.tables()
    texts = words.words()
    landings: list[Landing] = []
    for _ in range(4):
        front = _front(landings)
        every["contents"] = Table("contents", (), ())
        headings = list(manuscript.blocks(every, texts))
        every["contents"] = _contents(landings, front, headings)
        before, landings = landings, layout.write_pdf(
            manuscript.blocks(every, texts), pdf,
            title=TITLE, author=figures.COMPANY, front=front,
        )
        if before == landings:
            break
    return landings


if __name__ == "__main__":
    sys.exit(0 if write(SAMPLE_PDF) and SAMPLE_QUESTIONS else 1)
