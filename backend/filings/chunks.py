"""Pages apart into sections, paragraphs and tables in, pieces of the size of evidence out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.filings.above import UNIT
from backend.filings.lines import Line
from backend.filings.paragraphs import ENDS, paragraphs
from backend.filings.rows import Row
from backend.filings.sections import CONTENTS, COVER, titled
from backend.filings.tables import Table, tables_of

MOST_WORDS = 240
"""Of a piece of prose."""
FEW_WORDS = 90
"""A heading begins a new piece once the one before it has so many words."""
MOST_ROWS = 25
MOST_CHARACTERS = 3000
"""Of a piece of a table."""
TAIL_WORDS = 70
"""How much of a sentence cut by the page's end is carried over to its start."""
SENTENCE = re.compile(r"(?<=[.!?;])[”\"’)]*\s+(?=[A-Z“\"(•$])")
WORDED = ("Item 15. Exhibit", "Signatures")
"""Sections whose grids hold words: what looks like a figure there is an exhibit's number."""
PAGE = re.compile(r"(?:[A-Z]-)?\d{1,3}")
NOT_NAMES = re.compile(
    r"(?i)\b(?:and subsidiaries|corporation|, inc\.?|\bplc|company)\s*(?:\([a-z ]+\))?$"
)


@dataclass(slots=True)
class Piece:
    """A chunk in the making. `pages` count from 1."""

    pages: tuple[int, ...]
    section: str
    kind: Literal["prose", "table"]
    text: str


@dataclass(slots=True)
class _Block:
    """What stands on a page, in order: a table, or paragraphs."""

    section: str
    table: Table | None = None
    paragraphs: list[str] | None = None


def pieces(
    pages: Sequence[Sequence[Line]],
    marks: Sequence[Sequence[tuple[int, str]]],
    passing: Sequence[set[int]],
) -> Iterator[list[Piece]]:
    """The pieces page by page. `marks` are sections' beginnings, `passing` lines left out."""
    before: Table | None = None
    last: _Block | None = None
    lead = ""
    held: list[Piece] = []
    for number, lines in enumerate(pages, 1):
        kept = [n for n in range(len(lines)) if n not in passing[number - 1]]
        blocks = _blocks(lines, kept, marks[number - 1], before)
        tables = [block.table for block in blocks if block.table]
        before = tables[-1] if tables and blocks[-1].table else None
        found: list[Piece] = []
        for block in blocks:
            if block.table:
                last = _go_on(block, last, lead)
                found += _table_pieces(block.table, number, block.section, lead)
                lead = ""
            elif block.paragraphs:
                found += _prose_pieces(block.paragraphs, number, block.section)
                lead = _lead(block.paragraphs)
        _carry_over(held, found)
        if held:
            yield held
        held = found
    yield held


def _go_on(block: _Block, last: _Block | None, lead: str) -> _Block:
    """A table that nothing names goes on with what the one before it in its section was."""
    table, named = block.table, last.table if last else None
    goes_on = last is not None and last.section == block.section and not lead
    if table and named and goes_on and not table.caption:
        table.caption, table.unit = named.caption, table.unit or named.unit
    if table and not table.caption:
        found = UNIT.search(lead)
        table.unit = table.unit or (found.group(1) if found else "")
        table.caption = UNIT.sub("", lead)
    return block


def _blocks(
    lines: Sequence[Line],
    kept: Sequence[int],
    marks: Sequence[tuple[int, str]],
    before: Table | None,
) -> list[_Block]:
    body = [lines[n] for n in kept]
    found: list[_Block] = []
    start = 0
    worded = any(_section(marks, n).startswith(WORDED) for n in (*kept[:1], *kept[-1:]))
    tables = [] if worded else tables_of(body, before)
    for table in tables:
        found += _prose_blocks(body, kept, range(start, table.first), marks)
        found.append(_Block(_section(marks, kept[table.last]), table=table))
        start = table.last + 1
    found += _prose_blocks(body, kept, range(start, len(body)), marks)
    return found


def _prose_blocks(
    body: Sequence[Line], kept: Sequence[int], span: range, marks: Sequence[tuple[int, str]]
) -> Iterator[_Block]:
    """The lines of `span`, cut where a section begins."""
    run: list[Line] = []
    section = ""
    for n in span:
        here = _section(marks, kept[n])
        if run and here != section:
            yield _Block(section, paragraphs=paragraphs(run))
            run = []
        section = here
        run.append(body[n])
    if run:
        yield _Block(section, paragraphs=paragraphs(run))


def _section(marks: Sequence[tuple[int, str]], position: int) -> str:
    return [name for start, name in marks if start <= position][-1]


def _lead(found: Sequence[str]) -> str:
    """The words that lead to a table: the last sentence that announces it, or a heading."""
    if not found:
        return ""
    last = found[-1]
    if last.endswith(":") or re.search(r"(?i)\b(?:following|as follows|table|below)\b", last):
        sentence = SENTENCE.split(last)[-1]
        return sentence if len(sentence) < 320 else ""
    return last if len(last.split()) <= 14 and not last.endswith(".") else ""


# -- tables


def _table_pieces(table: Table, page: int, section: str, lead: str) -> Iterator[Piece]:
    if section in (CONTENTS, COVER) or _lists_pages(table):
        rows = [" ".join(filter(None, [row.label, *row.cells])) for row in table.rows]
        heads = " ".join(filter(None, table.heads))
        yield Piece(
            (page,), section, "prose", "\n".join(filter(None, [table.caption, heads, *rows]))
        )
        return
    head = f"{_caption(table, section, lead)}\n | {' | '.join(map(_clean, table.heads))}"
    lines: list[str] = []
    parent = ""
    for row in table.rows:
        if lines and (len(lines) >= MOST_ROWS or _long(lines)):
            yield Piece((page,), section, "table", "\n".join([head, *lines]))
            lines = [parent] if parent else []
        lines.append(_row(row))
        if not row.cells:
            parent = lines[-1] if lines[-1].endswith(":") else ""
        elif row.label.lower().startswith("total"):
            parent = ""
    if lines:
        yield Piece((page,), section, "table", "\n".join([head, *lines]))


def _lists_pages(table: Table) -> bool:
    """Whether the table is an index: one column of page numbers that never fall."""
    cells = [cell for row in table.rows for cell in row.cells]
    if len(table.columns) != 1 or len(cells) < 4 or not all(map(PAGE.fullmatch, cells)):
        return False
    numbers = [int(cell.rsplit("-", 1)[-1]) for cell in cells]
    worded = all(re.search(r"[A-Za-z]{4}", row.label) for row in table.rows if row.cells)
    return worded and numbers == sorted(numbers)


def _long(lines: Sequence[str]) -> bool:
    return sum(map(len, lines)) > MOST_CHARACTERS


def _row(row: Row) -> str:
    label = _clean(row.label)
    return " | ".join([label or "(no label)", *map(_clean, row.cells)]) if row.cells else label


def _clean(text: str) -> str:
    return text.replace("|", "/")


def _caption(table: Table, section: str, lead: str) -> str:
    """What the table is, then unit and scale in parentheses."""
    parts = [part for part in table.caption.split(" - ") if part and not NOT_NAMES.search(part)]
    said = UNIT.search(lead)
    unit = table.unit or (said.group(1) if said else "")
    named = " - ".join(titled(part) for part in parts)
    if len(named.split()) <= 2 and lead and lead != table.caption:
        named = f"{named} {UNIT.sub('', lead)}".strip()
    text = re.sub(r"\s*:?\s*$", "", re.sub(r"\s+([:,.])", r"\1", named or section))
    return _clean(f"{text} ({_unit(unit, table)})" if unit else text)


def _unit(unit: str, table: Table) -> str:
    """Unit and scale in one form: "USD in millions, except per share data"."""
    unit = " ".join(unit.split())
    unit = re.sub(
        r"(?i)^(?:u\.?s\.? )?(?:dollars|\$|dollar amounts|amounts|tabular amounts)\s+in",
        "USD in",
        unit,
    )
    unit = unit[:1].lower() + unit[1:] if unit[:3] != "USD" else unit
    dollars = any("$" in cell for row in table.rows for cell in row.cells)
    if dollars and re.match(r"in (?:millions|thousands|billions)", unit):
        return f"USD {unit}"
    return unit


# -- prose


def _prose_pieces(found: Sequence[str], page: int, section: str) -> Iterator[Piece]:
    """Paragraphs packed up to the most words; a heading stays with what it heads."""
    lines: list[str] = []
    for part in _fitting(found):
        count = sum(len(line.split()) for line in lines)
        heading = _is_heading(part)
        full = count + len(part.split()) > MOST_WORDS or (heading and count > FEW_WORDS)
        if lines and full:
            carried = _trailing_headings(lines)
            rest = lines[: len(lines) - len(carried)]
            if rest:
                yield Piece((page,), section, "prose", "\n".join(rest))
                lines = carried
        lines.append(part)
    if lines:
        yield Piece((page,), section, "prose", "\n".join(lines))


def _is_heading(text: str) -> bool:
    return len(text.split()) <= 14 and not ENDS.search(text) and not text.startswith("•")


def _trailing_headings(lines: Sequence[str]) -> list[str]:
    start = len(lines)
    while start and _is_heading(lines[start - 1]):
        start -= 1
    return list(lines[start:])


def _fitting(found: Sequence[str]) -> Iterator[str]:
    """Paragraphs, the longest ones cut between sentences."""
    for text in found:
        words = 0
        part: list[str] = []
        for sentence in SENTENCE.split(text) if len(text.split()) > MOST_WORDS else [text]:
            size = len(sentence.split())
            if part and words + size > MOST_WORDS:
                yield " ".join(part)
                part, words = [], 0
            part.append(sentence)
            words += size
        yield " ".join(part)


def _carry_over(held: list[Piece], found: Sequence[Piece]) -> None:
    """Finish a sentence that the page's end cuts, so that it can be quoted whole."""
    if not held or not found:
        return
    last, first = held[-1], found[0]
    if last.kind != "prose" or first.kind != "prose" or last.section != first.section:
        return
    start = first.text.split("\n", 1)[0]
    if ENDS.search(last.text) or start[:1].isupper() or _is_heading(last.text.rsplit("\n", 1)[-1]):
        return
    tail = SENTENCE.split(start)[0]
    if len(tail.split()) <= TAIL_WORDS:
        last.text = f"{last.text} {tail}"
        last.pages = (*last.pages, *first.pages)
