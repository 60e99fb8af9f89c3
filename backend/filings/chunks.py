"""Pages apart into sections, paragraphs and tables in, pieces of the size of evidence out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
ANNOUNCES = re.compile(r"(?i)\b(?:follow(?:s|ing)|table|below|summari[sz]es?)\b")
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
    paragraphs: list[str] = field(default_factory=list[str])


def pieces(
    pages: Sequence[Sequence[Line]],
    marks: Sequence[Sequence[tuple[int, str]]],
    passing: Sequence[set[int]],
) -> Iterator[list[Piece]]:
    """The pieces page by page. `marks` are sections' beginnings, `passing` lines left out."""
    before: Table | None = None
    told = _Told()
    held: list[Piece] = []
    for number, lines in enumerate(pages, 1):
        kept = [n for n in range(len(lines)) if n not in passing[number - 1]]
        blocks = _blocks(lines, kept, marks[number - 1], before)
        before = blocks[-1].table if blocks else None
        found: list[Piece] = []
        for block in blocks:
            if block.table:
                _name(block.table, block.section, told)
                found += _table_pieces(block.table, number, block.section)
            else:
                found += _prose_pieces(block.paragraphs, number, block.section)
            told = _tell(block, told)
        _carry_over(held, found)
        if held:
            yield held
        held = found
    yield held


@dataclass(frozen=True, slots=True)
class _Told:
    """What was read last: a table or else the words that lead to one, and the last heading."""

    section: str = ""
    table: Table | None = None
    lead: str = ""
    heading: str = ""


def _tell(block: _Block, told: _Told) -> _Told:
    heading = told.heading if told.section == block.section else ""
    if block.table:
        return _Told(block.section, table=block.table, heading=heading)
    headings = [text for text in block.paragraphs if _is_heading(text)]
    heading = headings[-1] if headings else heading
    return _Told(block.section, lead=_lead(block.paragraphs), heading=heading)


def _name(table: Table, section: str, told: _Told) -> None:
    """Caption and unit: the table's own; else the words before it; else, where another table
    stands right before, that one's; else the last heading, else the section."""
    parts = [part for part in table.caption.split(" - ") if part and not NOT_NAMES.search(part)]
    own = " - ".join(titled(part) for part in parts)
    said = UNIT.search(told.lead)
    lead = UNIT.sub("", told.lead)
    table.unit = table.unit or (said.group(1) if said else "")
    same = told.table if told.section == section else None
    announced = ANNOUNCES.search(lead) is not None or lead.rstrip().endswith(":")
    if own and (len(own.split()) > 2 or not announced):
        table.caption = own
    elif lead:
        table.caption = f"{own} {lead}".strip()
    elif same:
        table.caption, table.unit = same.caption, table.unit or same.unit
    else:
        table.caption = (told.heading if told.section == section else "") or section or "Table"


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
    """The words that lead to a table: the sentence that announces it, or a heading."""
    if not found:
        return ""
    last = found[-1]
    if _is_heading(last):
        return last
    sentences = SENTENCE.split(last)
    if last.endswith(":"):
        return sentences[-1] if len(sentences[-1]) < 400 else ""
    for sentence in reversed(sentences):
        if ANNOUNCES.search(sentence) and len(sentence) < 400:
            return sentence
    return ""


# -- tables


def _table_pieces(table: Table, page: int, section: str) -> Iterator[Piece]:
    if section in (CONTENTS, COVER) or _lists_pages(table):
        rows = [" ".join(filter(None, [row.label, *row.cells])) for row in table.rows]
        heads = " ".join(filter(None, table.heads))
        yield Piece(
            (page,), section, "prose", "\n".join(filter(None, [table.caption, heads, *rows]))
        )
        return
    head = f"{_caption(table)}\n | {' | '.join(map(_clean, table.heads))}"
    for lines in _shares([_row(row) for row in table.rows], _parents(table.rows)):
        yield Piece((page,), section, "table", "\n".join([head, *lines]))


def _parents(rows: Sequence[Row]) -> list[str]:
    """For each row the line without cells that it stands under, if it does."""
    found: list[str] = []
    parent = ""
    for row in rows:
        found.append(parent if row.cells else "")
        if not row.cells:
            parent = _row(row) if len(row.label.split()) <= 15 else ""
        elif row.label.lower().startswith(("total", "net cash")):
            parent = ""
    return found


def _shares(lines: Sequence[str], parents: Sequence[str]) -> Iterator[list[str]]:
    """A long table in about equal parts; one that begins under a parent row repeats it."""
    count = max(-(-len(lines) // MOST_ROWS), -(-sum(map(len, lines)) // MOST_CHARACTERS))
    size = -(-len(lines) // max(count, 1))
    for start in range(0, len(lines), max(size, 1)):
        again = [parents[start]] if start and parents[start] else []
        yield [*again, *lines[start : start + size]]


def _lists_pages(table: Table) -> bool:
    """Whether the table is an index: one column of page numbers that never fall."""
    cells = [cell for row in table.rows for cell in row.cells]
    if len(table.columns) != 1 or len(cells) < 4 or not all(map(PAGE.fullmatch, cells)):
        return False
    numbers = [int(cell.rsplit("-", 1)[-1]) for cell in cells]
    worded = all(re.search(r"[A-Za-z]{4}", row.label) for row in table.rows if row.cells)
    return worded and numbers == sorted(numbers)


def _row(row: Row) -> str:
    label = _clean(row.label)
    return " | ".join([label or "(no label)", *map(_clean, row.cells)]) if row.cells else label


def _clean(text: str) -> str:
    return text.replace("|", "/")


def _caption(table: Table) -> str:
    """What the table is, then unit and scale in parentheses."""
    text = re.sub(r"[\s:.]*$", "", re.sub(r"\s+([:,.])", r"\1", table.caption))
    return _clean(f"{text} ({_unit(table.unit, table)})" if table.unit else text)


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
