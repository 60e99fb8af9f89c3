"""Books, texts and landings in, 150 questions with gold answers and the pages they stand on out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from backend.samples import figures
from backend.samples.blocks import Column, Kind, Landing, Row, Table, absolute, printed
from backend.samples.question_figures import CHANGES, FIGURES, Ask
from backend.samples.question_texts import LISTS, POLICIES, RISKS, UNANSWERABLE, Say

_AT_YEAR_END = (
    "balance",
    "debt",
    "inventories",
    "property",
    "pension",
    "warranty",
    "deferred taxes",
)
_REFUSAL = "The filing does not say."


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    kind: Literal["figure", "change", "policy", "risk", "list", "unanswerable"]
    question: str
    answer: str
    pages: list[int]
    """1-based pages of the PDF that hold the evidence; none when nothing does."""
    facts: list[str]
    """Every one stands on one of the pages as printed, and in a right answer."""
    value: float | None = None
    """In whole units: dollars, shares, per cent."""
    unit: str | None = None
    scale: str | None = None
    period: str | None = None
    item: str | None = None

    def row(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Found:
    """A cell, with all that its row and column say about it."""

    value: float
    kind: Kind
    column: Column
    text: str


def plain(text: str) -> str:
    """Text with the marks that typesetting changes made alike again."""
    for curly, straight in (("\u2019", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u2014", "--")):
        text = text.replace(curly, straight)
    return " ".join(text.replace("&amp;", "&").split())


def _row(table: Table, ask: Ask) -> Row:
    return [row for row in table.rows if row.label == ask.label][ask.nth]


def _cell(table: Table, ask: Ask, at: int) -> _Found:
    row, column = _row(table, ask), table.columns[at]
    kind, value = row.kind or column.kind, row.cells[at]
    assert isinstance(value, int | float), f"{ask.label} holds no figure"
    text = printed(value, kind)
    if column.period == "change":
        value = -value if ask.outlay else value
    else:
        value, text = abs(value), text.strip("()")
    return _Found(value, kind, column, text)


def _unit(kind: Kind) -> str:
    units = {"percent": "percent", "per share": "USD per share", "count": "count"}
    return units.get(kind, "shares" if kind.startswith("shares") else "USD")


def _scale(kind: Kind) -> str | None:
    if kind in ("millions", "whole", "shares in millions"):
        return "millions"
    return "thousands" if kind in ("thousands", "shares") else None


def _said(found: _Found, text: str | None = None) -> str:
    """The figure in a sentence: "$1,284.6 million"."""
    text = found.text.strip("()") if text is None else text
    money = "$" if _unit(found.kind).startswith("USD") else ""
    scale = {"millions": " million", "thousands": " thousand"}.get(_scale(found.kind) or "", "")
    tail = " shares" if _unit(found.kind) == "shares" else ""
    return f"{money}{text}{scale}{tail}"


def _when(ask: Ask, period: str) -> str:
    if period.startswith("Q"):
        return f"in the third quarter of fiscal {period[-4:]}"
    if ask.table in _AT_YEAR_END:
        return f"at {figures.YEAR_ENDS[2025 - int(period[-4:])]}"
    return f"in fiscal {period[-4:]}"


def _pages(
    landings: Sequence[Landing], ask: Ask, texts: Sequence[str], said: Sequence[str]
) -> list[int]:
    """Pages of the asked row; and when its label says it all, of its like in tables and prose."""
    own = [
        mark.page
        for mark in landings
        if mark.name == ask.table and _holds(mark.text, ask.label, texts)
    ]
    like = [
        mark.page
        for mark in landings
        if not ask.item and mark.name and _holds(mark.text, ask.label, texts)
    ]
    word = ask.label.split()[-1].lower()
    prose = [
        mark.page
        for mark in landings
        if not ask.item
        and not mark.name
        and word in mark.text
        and all(figure in mark.text for figure in said)
    ]
    return sorted({own[ask.nth], *like, *prose})


def _holds(text: str, label: str, texts: Sequence[str]) -> bool:
    return text.startswith(f"{label} ") and all(figure in text for figure in texts)


def _name(ask: Ask) -> str:
    return ask.item or ask.label


def _figure(ask: Ask, found: _Found) -> tuple[str, str]:
    period = ask.period or found.column.period or "FY2025"
    name = _name(ask)
    noun = name.split(" of ")[0].split(" for ")[0].split(",")[0]
    noun = noun.removesuffix(" paid").removesuffix(" due")
    verb = "were" if noun.endswith("s") else "was"
    answer = f"{name} {verb} {_said(found)} {_when(ask, period)}."
    return answer, period


def _moved(ask: Ask, now: _Found, before: _Found) -> str:
    change = now.value - before.value
    size = printed(abs(change), now.kind).removesuffix("%")
    size = f"{size} percentage points" if now.kind == "percent" else _said(now, size)
    verb = "increased" if change > 0 else "decreased"
    first, last = (_when(ask, found.column.period or "FY2025") for found in (before, now))
    return f"{_name(ask)} {verb} by {size}, from {_said(before)} {first} to {_said(now)} {last}."


def _from_table(
    ask: Ask, number: int, tables: Mapping[str, Table], landings: Sequence[Landing]
) -> Question:
    cells = [_cell(tables[ask.table], ask, at) for at in ask.columns]
    first = cells[0]
    texts = [cell.text.strip("()") for cell in cells]
    answer, period = _figure(ask, first)
    value, is_change = first.value, True
    if len(cells) == 2:
        answer, value = _moved(ask, first, cells[1]), first.value - cells[1].value
    elif first.column.period == "change":
        verb = "increased" if value > 0 else "decreased"
        answer, period = f"{_name(ask)} {verb} {_said(first)} in fiscal 2025.", "FY2025"
    else:
        is_change = False
    return Question(
        f"{'change' if is_change else 'figure'}-{number:02}",
        "change" if is_change else "figure",
        ask.question,
        answer,
        _pages(landings, ask, texts, [_said(c) for c in cells]),
        texts,
        round(absolute(value, first.kind), 2),
        _unit(first.kind),
        _scale(first.kind),
        period,
        _name(ask),
    )


def _prose_pages(landings: Sequence[Landing], say: Say) -> list[int]:
    """Pages of the paragraphs that hold every fact; a paragraph may run on to the next page."""
    wanted = [plain(text) for text in (*say.facts, *filter(None, [say.near]))]
    texts = [plain(mark.text) for mark in landings]
    whole = [
        mark.page
        for mark, text in zip(landings, texts, strict=True)
        if all(want in text for want in wanted)
    ]
    if whole:
        return sorted(set(whole))
    for at in range(len(texts) - 1):
        if all(want in f"{texts[at]} {texts[at + 1]}" for want in wanted):
            pieces = {landings[i].page: texts[i] for i in (at, at + 1)}
            return [
                page for page, text in pieces.items() if any(plain(f) in text for f in say.facts)
            ]
    raise LookupError(f"No paragraph of the filing holds {wanted}: mend the question or the text.")


def _from_prose(
    kind: Literal["policy", "risk", "list"], says: Sequence[Say], landings: Sequence[Landing]
) -> Iterator[Question]:
    for number, say in enumerate(says, 1):
        yield Question(
            f"{kind}-{number:02}",
            kind,
            say.question,
            say.answer,
            _prose_pages(landings, say),
            list(say.facts),
        )


def questions(tables: Mapping[str, Table], landings: Sequence[Landing]) -> Iterator[Question]:
    for asks in (FIGURES, CHANGES):
        for number, ask in enumerate(asks, 1):
            yield _from_table(ask, number, tables, landings)
    yield from _from_prose("policy", POLICIES, landings)
    yield from _from_prose("risk", RISKS, landings)
    yield from _from_prose("list", LISTS, landings)
    for number, question in enumerate(UNANSWERABLE, 1):
        yield Question(f"unanswerable-{number:02}", "unanswerable", question, _REFUSAL, [], [])
