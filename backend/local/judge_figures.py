"""A figure, the sentence that states it and the question it answers go in; whether the context
bears it out comes out.

Two things must hold. What is stated is true: a cell (or a sentence) holds the figure, in that
unit and scale, for that period, under a label of which the claim carries at least 70 %. And it is
what was asked: the cell's label matches the question at least .9 as well as the best other one.
Words in common alone never count for a figure.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from backend.local.judge_ground import Ground, Sentence
from backend.local.judge_words import (
    Asked,
    Weights,
    asked,
    directions,
    label_words,
    period_of,
    share,
    total,
    weigh,
)
from backend.passages import Cell
from backend.quantities import Quantity, periods, quantities, same_value
from backend.terms import expand, stems

LABEL = 0.7
"""Share of a label's weight that a claim must carry."""
RIVAL = 0.9
"""How well the label must match the question, as a share of the best match in the context."""
FLOOR = 0.3
"""A best match below this is none: the context does not hold what was asked."""
OTHER_WORDS = 0.9
"""Worth of a match by other words for the thing (synonyms of finance)."""
ROW_RIVAL = 0.7
"""The same for a sentence against the best row, whose few words match more easily."""
AROUND = 0.7
"""Worth of a word found in a heading over the row rather than in it."""

_BREAK = re.compile(r"[;:,](?!\d)\s*")
_LOSS = re.compile(
    r"\b(?:loss(?:es)?|decreas\w+|declin\w+|used|outflow\w*|negative|benefit|deficit|lower|fell"
    r"|reduc\w+)\b",
    re.IGNORECASE,
)
_DOWN = frozenset(stems("decrease decreased decline declined fell fall lower dropped drop reduced"))
_MOVED = _DOWN | frozenset(
    stems("increase increased rose rise grew grow growth higher change changed moved up gained")
)
_CHANGE = re.compile(r"\b(?:change|growth|increase|decrease|variance)", re.IGNORECASE)
_FLOWS = re.compile(r"\bchanges? in\b.*\b(?:assets|liabilities|working capital)\b", re.IGNORECASE)
_PER_SHARE = re.compile(r"\bper (?:\w+ ){0,3}share\b|\beps\b", re.IGNORECASE)
_SIGNED = re.compile(r"income|profit|earnings|margin|gain|provided|cash flow", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure as an answer states it."""

    figure: Quantity
    year: int | None
    years: frozenset[int]
    """All the years its sentence names."""
    units: frozenset[str]
    """The units of all the figures of its sentence."""
    own: frozenset[str]
    """The claim's words for what the figure is."""
    words: frozenset[str]
    """The same with other words for it."""
    said: frozenset[str]
    """Every stem of the sentence."""
    parts: tuple[Quantity, ...]
    """The other figures of its sentence."""
    loss: bool
    """Whether the words say that it is a loss, a decrease or an outflow."""


def claim(sentence: str, figure: Quantity) -> Claim:
    """What a sentence states of one of its figures."""
    period = period_of(sentence, figure)
    other = {word for phrase in expand(sentence) for word in label_words(phrase)}
    own = label_words(sentence)
    return Claim(
        figure=_per_share(sentence, figure),
        year=period.year if period else None,
        years=frozenset(period.year for period in periods(sentence)),
        units=frozenset(_per_share(sentence, one).unit for one in quantities(sentence)),
        own=own,
        words=own | other,
        said=frozenset(stems(sentence)),
        parts=_parts(sentence, figure),
        loss=bool(_LOSS.search(sentence)),
    )


_DIVIDED = re.compile(r"\bdivided by\b", re.IGNORECASE)


def _parts(sentence: str, figure: Quantity) -> tuple[Quantity, ...]:
    """Dividend and divisor of a ratio that its sentence spells out."""
    if figure.unit != "percent" or not _DIVIDED.search(sentence):
        return ()
    return tuple(one for one in quantities(sentence) if one.start > figure.start)


def divided(stated: Claim) -> bool:
    """Whether a claim's figure is what its two parts give, divided one by the other: whether those
    stand in the context is said of them."""
    if len(stated.parts) != 2 or not stated.parts[1].amount:
        return False
    ratio = 100.0 * stated.parts[0].amount / stated.parts[1].amount
    return abs(stated.figure.amount - ratio) <= stated.figure.step


def _per_share(sentence: str, figure: Quantity) -> Quantity:
    """The figure, in dollars per share where the sentence says so before it ("EPS was $2.58")."""
    if figure.unit == "USD" and figure.scale == 1.0 and _PER_SHARE.search(sentence):
        return replace(figure, unit="USD per share")
    return figure


def bears_out(ground: Ground, stated: Claim, question: str) -> tuple[bool, str]:
    """Whether the context bears a claim out as the answer to a question, and why not."""
    want = asked(question)
    if not stated.own:  # "It was $5 million": what it is stands in the question
        stated = replace(stated, own=frozenset(want.words), words=_every(want))
    if want.years and stated.years and not stated.years & want.years:
        return False, "another period was asked for"
    if want.unit and not any(_unit_fits(want.unit, unit) for unit in stated.units):
        return False, "another unit was asked for"
    years = {stated.year} if stated.year is not None else set(want.years)
    rows = [cell for cell in ground.cells if _holds(cell, stated, years)]
    rows = [cell for cell in rows if cell.period or not _dated(ground, cell, years)]
    if rows:
        return _asked_for_cell(ground, rows, want)
    said = list(_said(ground, stated, years))
    if said:
        return _asked_for_sentence(ground, said, want)
    if divided(stated) and (not want.words or share(want.words, stated.own) >= FLOOR):
        return True, "its parts give it"
    moved = [pair for pair in _pairs(ground, stated) if changed(stated, *pair)]
    if moved:
        return _asked_for_cell(ground, [later for _, later in moved], want)
    return False, "no row or sentence gives it for that label and period"


def _every(want: Asked) -> frozenset[str]:
    return frozenset(word for told in (want.words, *want.variants) for word in told)


def _dated(ground: Ground, cell: Cell, years: set[int]) -> bool:
    """Whether the figures beside one without a period are of those years: then it is of none of
    them, but of all together."""
    return any(
        other.period in years and (other.caption, other.column) == (cell.caption, cell.column)
        for other in ground.cells
    )


def _unit_fits(wanted: str, found: str) -> bool:
    return found in ("", wanted) or wanted == "USD" and len(found) == 3


def _holds(cell: Cell, stated: Claim, years: set[int]) -> bool:
    """Whether a cell is the one the claim speaks of."""
    if years and cell.period is not None and cell.period not in years:
        return False
    if not _same(stated, cell):
        return False
    if share(weigh(_label(cell)), stated.words) >= LABEL:
        return True
    # What a table is called says more than anybody repeats of it.
    return not label_words(cell.row) and share(weigh(stated.own), _around(cell)) >= LABEL


def _label(cell: Cell) -> frozenset[str]:
    """What a cell's row is called; where that is a year alone, what its table is called."""
    return label_words(cell.row) or _around(cell)


def _same(stated: Claim, cell: Cell) -> bool:
    """Whether both are one value. An outflow is printed in parentheses and told without."""
    if same_value(stated.figure, cell.quantity):
        return True
    negative = cell.quantity.value < 0 < stated.figure.value
    if not negative or _SIGNED.search(cell.row) and not stated.loss:
        return False
    return same_value(stated.figure, replace(cell.quantity, value=-cell.quantity.value))


def _pairs(ground: Ground, stated: Claim) -> Iterator[tuple[Cell, Cell]]:
    """Cells of one row, earlier and later, between which a claim says that it moved."""
    if not _MOVED & stated.said:
        return
    rows: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in ground.cells:
        if cell.period is not None and share(weigh(_label(cell)), stated.words) >= LABEL:
            rows.setdefault((cell.line, cell.group, cell.caption), []).append(cell)
    for row in rows.values():
        for later in row:
            years = {stated.year} if len(stated.years) < 2 else stated.years
            yield from ((e, later) for e in row if _between(e, later, years, len(stated.years)))


def _between(earlier: Cell, later: Cell, years: Collection[int | None], named: int) -> bool:
    assert earlier.period is not None and later.period is not None
    if named > 1:
        return earlier.period < later.period and {earlier.period, later.period} <= set(years)
    return earlier.period == later.period - 1 and (later.period in years or not named)


def changed(stated: Claim, earlier: Cell, later: Cell) -> bool:
    """Whether a claim's figure is the difference of two cells, or the change in percent."""
    old, new = earlier.quantity, later.quantity
    if old.unit != new.unit or bool(stated.said & _DOWN) != (abs(new.amount) < abs(old.amount)):
        return False
    moved = abs(abs(new.amount) - abs(old.amount))
    figure, slack = stated.figure, max(old.step, new.step)
    if figure.unit in (old.unit, "") and abs(abs(figure.amount) - moved) <= slack + figure.step / 2:
        return True
    if figure.unit != "percent" or old.unit == "percent" or not old.amount:
        return False
    return abs(abs(figure.amount) - 100.0 * moved / abs(old.amount)) <= figure.step


def _asked_for_cell(ground: Ground, rows: list[Cell], want: Asked) -> tuple[bool, str]:
    if not want.words:
        return True, "the table gives it"
    if want.thing and not any(want.thing & (_label(cell) | _around(cell)) for cell in rows):
        return False, "the row is of something else"
    if want.growth and all(_is_share(cell) for cell in rows):
        return False, "a share is no growth"
    if want.directions and all(_opposed(cell, want) for cell in rows):
        return False, "the row is of the opposite"
    rows = _no_flows(ground, rows, want)
    if not rows:
        return False, "the row is of a change, not of what changed"
    rivals = [cell for cell in ground.cells if not want.years or cell.period in want.years]
    if want.growth:
        rivals = [cell for cell in rivals if not _is_share(cell)]
    best = max((match(cell, want) for cell in rivals), default=0.0)
    own = max(match(cell, want) for cell in rows)
    if own >= max(FLOOR, RIVAL * best):
        return True, "the table gives it"
    return False, "another row is what was asked for"


def _is_share(cell: Cell) -> bool:
    """Whether a cell is a level in per cent, by its heading no change."""
    percent = cell.quantity.unit == "percent"
    return percent and not _CHANGE.search(f"{cell.row} {cell.column} {cell.group}")


def _opposed(cell: Cell, want: Asked) -> bool:
    """Whether a row is of increases where decreases are asked for, or the other way round."""
    row = directions(cell.row)
    return bool(row) and row.isdisjoint(want.directions)


def _no_flows(ground: Ground, rows: list[Cell], want: Asked) -> list[Cell]:
    """Those that are not by their heading the change of what another row is the balance of."""
    balances = {(_label(cell), cell.period) for cell in ground.cells if not _is_flow(cell)}
    return [
        cell
        for cell in rows
        if want.flow or not _is_flow(cell) or (_label(cell), cell.period) not in balances
    ]


def _is_flow(cell: Cell) -> bool:
    return bool(_FLOWS.search(cell.group))


def match(cell: Cell, want: Asked) -> float:
    """How well a cell's label answers to what was asked, 0 to 1.

    The harmonic mean of how much of the question the label carries and how much of the label the
    question asks for; headings over the row help, but no word in them counts against it.
    """
    row = _label(cell)
    around = _around(cell) - row
    own = _match(row, around, want.words)
    other = max((_match(row, around, variant) for variant in want.variants), default=0.0)
    return max(own, OTHER_WORDS * other)


def _around(cell: Cell) -> frozenset[str]:
    return label_words(f"{cell.group} {cell.column} {cell.caption}")


def _match(row: frozenset[str], around: frozenset[str], words: Weights) -> float:
    carried = sum(
        weight * (1.0 if word in row else AROUND if word in around else 0.0)
        for word, weight in words.items()
    )
    return _harmonic(carried / total(words) if words else 0.0, share(weigh(row), words))


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0


def _said(ground: Ground, stated: Claim, years: set[int]) -> Iterator[tuple[Sentence, Quantity]]:
    """Sentences of the context that state the figure, for the claim's period and label."""
    for one in ground.sentences:
        for figure in quantities(one.text):
            if not same_value(stated.figure, figure):
                continue
            period = period_of(one.text, figure)
            if period is not None and years and period.year not in years:
                continue
            if share(weigh(stated.own), label_words(one.text)) >= LABEL:
                yield one, figure


def _asked_for_sentence(
    ground: Ground, said: list[tuple[Sentence, Quantity]], want: Asked
) -> tuple[bool, str]:
    if not want.words:
        return True, "a sentence gives it"
    best = max(_near(one, figure, want) for one in ground.sentences for figure in one.figures)
    own = max(_near(one, figure, want) for one, figure in said)
    rows = [match(cell, want) for cell in ground.cells if cell.period in want.years]
    rows = rows if want.figure else []
    if own >= max(FLOOR, RIVAL * best, ROW_RIVAL * max(rows, default=0.0)):
        return True, "a sentence gives it"
    return False, "something else is what was asked for"


def _near(one: Sentence, figure: Quantity, want: Asked) -> float:
    """How well what a sentence says about one of its figures answers to what was asked, 0 to 1:
    how much of the question the sentence carries, and how much of what stands beside the figure
    the question asks for."""
    words = label_words(one.text)
    if not want.figure:
        return max(share(told, words) for told in (want.words, *want.variants))
    close = label_words(_clause(one.text, figure))
    return max(
        worth * _harmonic(share(told, words), share(weigh(close), told))
        for worth, told in ((1.0, want.words), *((OTHER_WORDS, told) for told in want.variants))
    )


def _clause(text: str, figure: Quantity) -> str:
    """The clause that a figure stands in; where that says nothing but when, those before it too."""
    breaks = [match.end() for match in _BREAK.finditer(text)]
    end = next((at for at in breaks if at > figure.end), len(text))
    for start in [at for at in reversed(breaks) if at <= figure.start]:
        if label_words(text[start:end]):
            return text[start:end]
    return text[:end]
