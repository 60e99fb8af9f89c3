"""The filing's texts, with the books' figures set in, as blocks.

A text file is paragraphs parted by blank lines. `=`, `#`, `##`, `###`, `####` open a part, an item,
a section, a topic and a topic in italics; `- ` a bullet; `@table NAME`, `@page`, `@centre TEXT`,
`@right TEXT` and `@small TEXT` are what they say. Lines that open with `|` are a table of texts,
headings first. `**bold**` and `*italics*` work, and `{revenue_25}`
is a figure of the books (see words.py).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from backend.samples.blocks import Block, Column, Heading, PageBreak, Paragraph, Row, Style, Table

TEXTS = Path(__file__).with_name("text")
_LEVELS = {"=": 0, "#": 1, "##": 2, "###": 3, "####": 4}
_STYLES: dict[str, Style] = {
    "@centre": "centre",
    "@right": "right",
    "@small": "small",
    "-": "bullet",
}
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_ITALICS = re.compile(r"(?<!\*)\*([^*]+?)\*(?!\*)")


def styled(text: str) -> str:
    """The layout's markup, from the few marks the texts use."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("--", "\u2014")
    text = text.replace("'", "\u2019")
    text = re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text)
    return _ITALICS.sub(r"<i>\1</i>", _BOLD.sub(r"<b>\1</b>", text))


def _grid(source: str) -> Table:
    lines = [
        [styled(cell.strip()) for cell in line.strip().strip("|").split("|")]
        for line in source.splitlines()
    ]
    stub, *heads = lines[0]
    rows = tuple(Row(label, tuple(cells)) for label, *cells in lines[1:])
    return Table(f"grid {stub}", tuple(Column(head, "text") for head in heads), rows, stub=stub)


def _block(source: str, tables: Mapping[str, Table]) -> Block:
    if source.startswith("|"):
        return _grid(source)
    source = " ".join(source.split())
    mark, _, rest = source.partition(" ")
    if mark in _LEVELS:
        return Heading(_LEVELS[mark], styled(rest))
    if mark == "@table":
        return tables[rest]
    if mark == "@page":
        return PageBreak()
    style = _STYLES.get(mark, "body")
    return Paragraph(styled(source if style == "body" else rest), style)


def blocks(tables: Mapping[str, Table], words: Mapping[str, str]) -> Iterator[Block]:
    """Every block of the filing, in the order of the files' names."""
    for file in sorted(TEXTS.glob("*.md")):
        text = file.read_text(encoding="utf-8").format_map(words)
        for source in re.split(r"\n\s*\n|\n(?=- |@)", text.strip()):
            yield _block(source, tables)
