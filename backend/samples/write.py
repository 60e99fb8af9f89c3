"""Books and texts in, the sample 10-K and its questions out: python -m backend.samples.write."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.samples import (
    SAMPLE_PDF,
    SAMPLE_QUESTIONS,
    figures,
    manuscript,
    questions,
    tables_discussion,
    tables_notes,
    tables_notes_later,
    tables_statements,
    words,
)
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
        Row(
            block.text,
            (pages.get(" ".join(block.text.split()), 0),),
            "head" if block.level == 0 else "plain",
            indent=block.level,
        )
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


def write(pdf: Path) -> tuple[dict[str, Table], list[Landing]]:
    """Write the PDF; passes repeat until page numbers stand.

    Returns:
        The tables by name, and where everything landed.
    """
    from backend.samples import layout  # reportlab is a dependency of development only

    every = (
        tables_statements.tables()
        | tables_discussion.tables()
        | tables_notes.tables()
        | tables_notes_later.tables()
    )
    texts = words.words()
    landings: list[Landing] = []
    empty = {name: Table(name, (), ()) for name in LISTS}
    headings = list(manuscript.blocks(every | empty, texts))
    for _ in range(4):
        front = _front(landings)
        for name, wanted in LISTS.items():
            every[name] = _contents(name, wanted, headings, landings, front)
        before, landings = (
            landings,
            layout.write_pdf(
                manuscript.blocks(every, texts),
                pdf,
                title=TITLE,
                author=figures.COMPANY,
                front=front,
            ),
        )
        if before == landings:
            break
    return every, landings


def write_all(pdf: Path, questions_file: Path) -> None:
    every, landings = write(pdf)
    lines = [
        json.dumps(each.row(), ensure_ascii=False) for each in questions.questions(every, landings)
    ]
    questions_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_all(SAMPLE_PDF, SAMPLE_QUESTIONS)
