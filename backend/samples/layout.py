"""Blocks in, a PDF out, and on which page each block landed; the only module that has reportlab."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard, cast

from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_RIGHT
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Frame,
    KeepTogether,
    PageTemplate,
    Spacer,
)
from reportlab.platypus import PageBreak as NewPage
from reportlab.platypus import Paragraph as Text
from reportlab.platypus import Table as Grid

from backend.samples.blocks import (
    Block,
    Column,
    Heading,
    Landing,
    PageBreak,
    Paragraph,
    Row,
    Table,
    printed,
)

MARGIN = 74.0
WIDTH = LETTER[0] - 2 * MARGIN
SHADE = "#e6eef5"
LONG_TABLE = 26
"""Rows from which a table may be split over two pages, its headings repeated."""


def _style(name: str, **more: Any) -> ParagraphStyle:
    settings: dict[str, Any] = {"fontName": "Times-Roman", "fontSize": 11, "leading": 15.4}
    return ParagraphStyle(name, **(settings | more))


STYLES = {
    "body": _style("body", alignment=TA_JUSTIFY, spaceAfter=9),
    "bullet": _style("bullet", alignment=TA_JUSTIFY, leftIndent=26, bulletIndent=12, spaceAfter=5),
    "centre": _style("centre", fontSize=10, leading=13, alignment=TA_CENTER, spaceAfter=4),
    "right": _style("right", alignment=TA_RIGHT, spaceAfter=7),
    "small": _style("small", fontSize=8.5, leading=10.5, spaceAfter=3),
    "0": _style(
        "0", fontName="Times-Bold", fontSize=14, leading=18, alignment=TA_CENTER, spaceAfter=10
    ),
    "1": _style("1", fontName="Times-Bold", fontSize=12.5, leading=16, spaceAfter=9),
    "2": _style("2", fontName="Times-Bold", fontSize=11, leading=14.5, spaceBefore=6, spaceAfter=7),
    "3": _style(
        "3", fontName="Times-BoldItalic", fontSize=10.5, leading=14, spaceBefore=3, spaceAfter=6
    ),
    "4": _style(
        "4", fontName="Times-Italic", fontSize=10.5, leading=14, spaceBefore=2, spaceAfter=5
    ),
}
CELL = _style("cell", fontSize=9.2, leading=10.8, leftIndent=8, firstLineIndent=-8)
CELL_TEXT = _style("cell text", fontSize=9.2, leading=10.8)
CELL_RIGHT = _style("cell right", fontSize=9.2, leading=10.8, alignment=TA_RIGHT)


@dataclass(slots=True)
class Ledger:
    """Where everything landed in the pass now being drawn."""

    landings: list[Landing] = field(default_factory=list[Landing])

    def note(self, page: int, text: str, name: str = "") -> None:
        self.landings.append(Landing(page, " ".join(text.split()), name))


def _words(flowable: Any) -> str:
    """The text of a drawn paragraph, or of the piece of it that stands on this page."""
    lines: list[str] = []
    for line in flowable.blPara.lines:
        parts = line[1] if isinstance(line, tuple) else [word.text for word in line.words]
        lines.append((" " if isinstance(line, tuple) else "").join(parts))
    return " ".join(lines)


class LandedText(Text):
    """A paragraph that writes down the page it was drawn on."""

    ledger: Ledger
    name: str = ""

    def draw(self) -> None:
        self.ledger.note(self.canv.getPageNumber(), _words(self), self.name)
        if self.name in ("0", "1", "2"):
            self._bookmark(int(self.name))
        Text.draw(self)

    def _bookmark(self, level: int) -> None:
        title = " ".join(_words(self).split())
        key = f"{self.canv.getPageNumber()}-{title}"
        self.canv.bookmarkHorizontal(key, 0, self.height)
        self.canv.addOutlineEntry(title, key, level, closed=level > 0)

    def split(self, availWidth: float, availHeight: float) -> list[Any]:
        pieces: list[Any] = list(Text.split(self, availWidth, availHeight))
        for piece in pieces:
            piece.ledger, piece.name = self.ledger, self.name
        return pieces


class LandedGrid(Grid):
    """A table that writes down the page each of its rows was drawn on."""

    ledger: Ledger
    name: str = ""

    def draw(self) -> None:
        for cells in cast(Any, self)._cellvalues:
            text = " ".join(filter(None, (_cell_words(cell) for cell in cells)))
            self.ledger.note(self.canv.getPageNumber(), text, self.name)
        Grid.draw(self)

    def split(self, availWidth: float, availHeight: float) -> list[Any]:
        pieces: list[Any] = list(Grid.split(self, availWidth, availHeight))
        for piece in pieces:
            piece.ledger, piece.name = self.ledger, self.name
        return pieces


def _cell_words(cell: Any) -> str:
    if isinstance(cell, tuple | list):
        return " ".join(_cell_words(part) for part in cell)
    return cell.replace("\n", " ") if isinstance(cell, str) else _words(cell)


def _text(block: Paragraph | Heading, ledger: Ledger) -> LandedText:
    style = STYLES[str(block.level) if isinstance(block, Heading) else block.style]
    bullet = "\u2022" if style.name == "bullet" else None
    flowable = LandedText(block.text, style, bulletText=bullet)
    flowable.ledger = ledger
    flowable.name = style.name if isinstance(block, Heading) else ""
    flowable.keepWithNext = isinstance(block, Heading)
    return flowable


# --- Tables: a label column, then for each column a narrow one for "$" and one for the figure --


def _head_rows(table: Table) -> list[list[Any]]:
    heads: list[Any] = [table.stub]
    for column in table.columns:
        heads += ["", column.head] if column.kind != "text" else [column.head, ""]
    if not table.over:
        return [heads]
    over: list[Any] = [""]
    for text, width in table.over:
        over += [text] + [""] * (2 * width - 1)
    return [over, heads]


def _row(row: Row, columns: Sequence[Column], *, dollars: bool) -> list[Any]:
    bold = row.look in ("total", "head")
    label = f"<b>{row.label}</b>" if bold else row.label
    indent = 8 + 9 * row.indent
    cells: list[Any] = [Text(label, CELL.clone(f"cell{indent}", leftIndent=indent))]
    for column, value in zip(columns, row.cells or (None,) * len(columns), strict=True):
        kind = row.kind or column.kind
        if kind == "text":
            cells += [Text(str(value or ""), CELL_TEXT), ""]
            continue
        money = kind in ("millions", "whole", "thousands", "per share")
        sign = "$" if dollars and money and isinstance(value, int | float) else ""
        cells += [sign, printed(value, kind)]
    return cells


def _wants_dollars(table: Table, position: int) -> bool:
    """The first row with figures and every total carry the dollar sign, as filings do."""
    row = table.rows[position]
    first = next(i for i, each in enumerate(table.rows) if each.cells)
    return table.currency and (position == first or row.look == "total" or row.kind == "per share")


def _rules(table: Table, heads: int) -> list[tuple[Any, ...]]:
    dense = len(table.rows) >= LONG_TABLE
    rules: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), "Times-Roman", 9.2, 10.8),
        ("FONT", (0, 0), (-1, heads - 1), "Times-Bold", 8.6, 10),
        ("ALIGN", (1, 0), (-1, heads - 1), "CENTER"),
        ("ALIGN", (1, heads), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.2 if dense else 1.6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.7 if dense else 2.4),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]
    for position, row in enumerate(table.rows):
        rules += _row_rules(table, position + heads, row)
    return rules + _head_rules(table, heads)


def _row_rules(table: Table, line: int, row: Row) -> list[tuple[Any, ...]]:
    rules: list[tuple[Any, ...]] = []
    if line % 2 == 0:
        rules.append(("BACKGROUND", (0, line), (-1, line), colors.HexColor(SHADE)))
    for index, column in enumerate(table.columns):
        left, right = 2 * index + 1, 2 * index + 2
        if (row.kind or column.kind) == "text":
            rules += [
                ("SPAN", (left, line), (right, line)),
                ("VALIGN", (0, line), (-1, line), "TOP"),
            ]
        elif row.look in ("sum", "total"):
            rules.append(("LINEABOVE", (left, line), (right, line), 0.5, colors.black))
        if row.look == "total" and column.kind != "text":
            rules += [
                ("FONT", (left, line), (right, line), "Times-Bold", 9.2, 10.8),
                ("LINEBELOW", (left, line), (right, line), 0.5, colors.black, 0, None, None, 2, 1),
            ]
    return rules


def _head_rules(table: Table, heads: int) -> list[tuple[Any, ...]]:
    rules: list[tuple[Any, ...]] = []
    for index, column in enumerate(table.columns):
        left, right = 2 * index + 1, 2 * index + 2
        if column.kind == "text":
            rules.append(("SPAN", (left, heads - 1), (right, heads - 1)))
            rules.append(("ALIGN", (left, heads - 1), (right, heads - 1), "LEFT"))
        if column.head:
            rules.append(("LINEBELOW", (left, heads - 1), (right, heads - 1), 0.6, colors.black))
    left = 1
    for text, width in table.over:
        right = left + 2 * width - 1
        rules.append(("SPAN", (left, 0), (right, 0)))
        if text:
            rules.append(("LINEBELOW", (left, 0), (right, 0), 0.6, colors.black))
        left = right + 1
    return rules


_LABEL_SHARE = {"cover identity": 0.55, "grid Measure": 0.46, "grid Exhibit": 0.12}
"""Of a table of texts, the part of its width that the labels take."""


def _widths(table: Table) -> list[float]:
    count = len(table.columns)
    if any(column.kind == "text" for column in table.columns):
        label = _LABEL_SHARE.get(table.name, 0.34 if count > 1 else 0.3)
        each = WIDTH * (1 - label) / count
        return [WIDTH * label] + [10, each - 10] * count
    figure = min(72.0, (WIDTH - 150) / count - 11)
    return [WIDTH - count * (figure + 11)] + [11, figure] * count


def _table(table: Table, ledger: Ledger) -> list[Any]:
    heads = _head_rows(table)
    lines = [
        _row(row, table.columns, dollars=_wants_dollars(table, position))
        for position, row in enumerate(table.rows)
    ]
    grid = LandedGrid(heads + lines, colWidths=_widths(table), repeatRows=len(heads), spaceAfter=4)
    grid.setStyle(_rules(table, len(heads)))
    grid.ledger, grid.name = ledger, table.name
    above = [_text(Paragraph(table.unit, "centre"), ledger)] if table.unit else []
    below = [_text(Paragraph(note, "small"), ledger) for note in table.notes]
    for text in above:
        text.keepWithNext = True
    parts: list[Any] = [*above, grid, *below, Spacer(0, 8)]
    return parts


# --- The document -----------------------------------------------------------------------------


def _leads(block: Block) -> TypeGuard[Heading | Paragraph]:
    """Whether the block should stand on one page with the table that follows it."""
    return isinstance(block, Heading) or (isinstance(block, Paragraph) and len(block.text) < 240)


def _set(block: Block, ledger: Ledger) -> list[Any]:
    match block:
        case PageBreak():
            return [NewPage()]
        case Table():
            return _table(block, ledger)
        case Heading():
            return [CondPageBreak(80), _text(block, ledger)]
        case Paragraph():
            return [_text(block, ledger)]


def _story(blocks: Iterable[Block], ledger: Ledger) -> list[Any]:
    story: list[Any] = []
    leading: list[Heading | Paragraph] = []
    for block in blocks:
        if isinstance(block, Table) and len(block.rows) < LONG_TABLE:
            lead = [_text(each, ledger) for each in leading]
            story.append(KeepTogether([*lead, *_table(block, ledger)]))
            leading = []
            continue
        if leading and not (isinstance(leading[-1], Heading) and _leads(block)):
            story += [each for before in leading for each in _set(before, ledger)]
            leading = []
        if _leads(block):
            leading.append(block)
        else:
            story += _set(block, ledger)
    return story + [each for before in leading for each in _set(before, ledger)]


def _footer(front: int, name: str) -> Any:
    """Draws page numbers; the cover has none, the contents a roman one, then 1 and on."""

    def draw(canvas: Any, _: Any) -> None:
        page = canvas.getPageNumber()
        if page <= front:
            canvas.addPageLabel(page - 1, style="ROMAN_LOWER", start=page)
        else:
            canvas.addPageLabel(page - 1, style="ARABIC", start=page - front)
        if page == 1:
            return
        canvas.setFont("Times-Roman", 8.5)
        canvas.drawCentredString(
            LETTER[0] / 2, 34, "i" * page if page <= front else str(page - front)
        )
        canvas.drawRightString(LETTER[0] - MARGIN, 34, name)

    return draw


def write_pdf(
    blocks: Iterable[Block], path: Path, *, title: str, author: str, front: int
) -> list[Landing]:
    """Write the PDF and say where everything landed.

    Args:
        front: Pages before the one numbered 1.
    """
    rl_config.invariant = 1  # no clock and no random id in the file: same input, same bytes
    ledger = Ledger()
    document = BaseDocTemplate(
        str(path),
        pagesize=LETTER,
        title=title,
        author=author,
        subject="Form 10-K",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(MARGIN, 60, WIDTH, LETTER[1] - 60 - 62, 0, 0, 0, 0)
    footer = _footer(front, author)
    document.addPageTemplates([PageTemplate("page", [frame], onPageEnd=footer)])
    document.build(_story(blocks, ledger))
    return ledger.landings
