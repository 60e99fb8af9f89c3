"""Filings in, lessons on the figures of their tables out: asked rightly, or of what is missing."""

import random
from collections.abc import Iterator

from backend.local.reader.asking import words
from backend.local.reader.candidates import Candidate, Sentence
from backend.local.reader.cell_years import own_year
from backend.local.reader.shelves import Shelf, refused, taught
from backend.local.reader.training import Lesson
from backend.passages import Cell, cell_tuple
from backend.quantities import quantities, same_value
from backend.terms import stem_tuple, synonyms

_FIGURE_FORMS = (
    "What was {item} in fiscal {year}?",
    "What was {owner} {item} for {year}?",
    "How much was {item} in fiscal year {year}?",
    "What were {owner} {item} in FY{year}?",
    "{item} {year}?",
    "What is the {item} as of year end {year}?",
    "What was the {item} reported for the year ended {when}?",
    "What was {item} as of {when}?",
    "How did {item} change from {before} to {year}?",
    "How much did {item} grow in {year}?",
    "What is {item}?",
    "What was {owner} {item}?",
    "How much was {item}?",
)


def _reworded(item: str, chance: random.Random) -> str:
    """A row's label, sometimes with a synonym in place of its words."""
    for key, others in synonyms(item):
        whole = len(key) >= len(stem_tuple(item)) - 1
        if whole and others and chance.random() < 0.8:
            return chance.choice(others)
    return item


def _with_unit(item: str, cell: Cell) -> str:
    """As people name such a figure, where the label does not."""
    unit = cell.quantity.unit
    if unit == "USD per share" and "per share" not in item:
        return f"{item} per share"
    if unit == "shares" and "share" not in item:
        return f"number of shares, {item}"
    if unit == "percent" and not any(word in item for word in ("%", "percent", "rate", "margin")):
        return f"{item} in percent"
    return item


def _twins(cell: Cell, other: Cell) -> bool:
    same = cell.row == other.row and cell.column == other.column and cell.group == other.group
    return same or (
        stem_tuple(cell.row) == stem_tuple(other.row)
        and cell.period == other.period
        and cell.quantity.amount == other.quantity.amount
    )


def _states(cell: Cell, sentence: Sentence) -> bool:
    """Whether a sentence says in prose what a cell holds."""
    label = frozenset(words(cell.row))
    if len(label & sentence.words) < 0.6 * len(label) or cell.period not in sentence.years:
        return False
    return any(same_value(figure, cell.quantity) for figure in quantities(sentence.text))


def _plain_cells(shelf: Shelf) -> list[Cell]:
    """Cells that their row and period alone tell apart from every other cell of the filing."""
    found: dict[tuple[object, ...], list[Cell]] = {}
    for shown in shelf.passages:
        for cell in cell_tuple(shown.text):
            if cell.period and len(words(cell.row)) >= 2 and len(cell.row) < 80:
                found.setdefault((words(cell.row), cell.period), []).append(cell)
    return [same[0] for same in found.values() if len({c.quantity.amount for c in same}) == 1]


def cell_lessons(
    shelf: Shelf, owner: str, count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """Questions for figures of a filing's tables."""
    asked = _plain_cells(shelf)
    chance.shuffle(asked)
    filing = shelf.passages[0].year
    for cell in asked[:count]:
        label = cell.row.strip(" :")
        item = _reworded(label[:1].lower() + label[1:], chance)
        if cell.group and chance.random() < 0.25:
            item = f"{item} ({cell.group.strip(' :').lower()})"
        item = _with_unit(item, cell)
        year = cell.period or 0
        own = own_year(cell, filing)
        form = chance.choice([f for f in _FIGURE_FORMS if own or "year}" in f or "{when}" in f])
        question = form.format(item=item, year=year, when=cell.when, owner=owner, before=year - 1)
        changes = "{before}" in form or "grow" in form

        def right(c: Candidate, _: int, wanted: Cell = cell, both: bool = changes) -> bool:
            if c.cell is None:
                return c.sentence is not None and _states(wanted, c.sentence)
            return _twins(wanted, c.cell) or (
                both
                and c.cell.row == wanted.row
                and c.cell.group == wanted.group
                and c.cell.period == (wanted.period or 0) - 1
            )

        yield taught(shelf, question, right, chance=chance, kind="figure")


_PLACES = """India|Japan|Brazil|Germany|Mexico|France|Poland|Vietnam|Egypt|Norway|Chile|Nigeria
Ohio|Florida|Oregon|Utah|Montana""".replace("\n", "|").split("|")
_NAMES = """Aurora|Keystone|Halcyon|Marlow|Northwind|Bluebird|Cobalt|Juniper|Corvus|Vanguard
Osprey|Larkspur|Redwood|Zephyr""".replace("\n", "|").split("|")
_ESTRANGED = (
    "What was {item} in {place} in fiscal {year}?",
    "How much {item} came from {place} in {year}?",
    "What was {item} of the {name} segment in fiscal {year}?",
    "What was the {item} of {name} in fiscal {year}?",
    "How much {item} did {name} account for in {year}?",
    "What {item} is forecast for fiscal {later}?",
    "What was {item} in fiscal {earlier}?",
    "What was {item} in the first quarter of fiscal {later}?",
)
"""Questions for a part or a time that the filing tells nothing of."""


def estranged_lessons(shelf: Shelf, count: int, chance: random.Random) -> Iterator[Lesson | None]:
    """Figures that the filing has, asked for a place, a name or a year that it has not."""
    asked = _plain_cells(shelf)
    known = frozenset(word for shown in shelf.passages for word in words(shown.text))
    places = [one for one in _PLACES if not known & {*words(one)}]
    names = [one for one in _NAMES if not known & {*words(one)}]
    for cell in chance.sample(asked, min(count, len(asked))):
        year = cell.period or 0
        question = chance.choice(_ESTRANGED).format(
            item=_reworded(cell.row.strip(" :").lower(), chance),
            place=chance.choice(places),
            name=chance.choice(names),
            year=year,
            later=year + 9,
            earlier=year - 15,
        )
        yield refused(shelf, question)


def strange_lessons(
    shelf: Shelf, other: Shelf, count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """Another filing's figures asked of this one, where it has no such row: refusing is right."""
    known = {frozenset(words(c.row)) for shown in shelf.passages for c in cell_tuple(shown.text)}
    asked = [cell for cell in _plain_cells(other) if frozenset(words(cell.row)) not in known]
    for cell in chance.sample(asked, min(count, len(asked))):
        question = f"What was {cell.row.strip(' :').lower()} in fiscal {cell.period}?"
        yield refused(shelf, question)
