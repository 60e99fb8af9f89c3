"""A question for a line of the statements and what weighs most in, the statement's own row out."""

import re

import numpy as np

from backend.local.reader.asking import words
from backend.local.reader.cell_years import years_of
from backend.local.reader.features import AT
from backend.local.reader.task import Scores, Task
from backend.local.reader.weighing import Scale, found_in, precision, scale_of

_STATEMENT = re.compile(
    r"\W*(?:item 8\W+)?(?:condensed )?(?:consolidated )?(?:balance sheets?|income statements?"
    r"|statements? of (?:consolidated )?(?:net )?(?:income|operations|earnings|loss|cash flows?"
    r"|financial|comprehensive|(?:share|stock)holders))",
    re.IGNORECASE,
)


def _in_statement(task: Task, number: int) -> bool:
    """Whether a candidate is a cell of a statement itself, and not of a table about one."""
    chosen = task.evidence.candidates[number]
    if chosen.cell is None:
        return False
    section = task.evidence.passages[chosen.passage].section
    return bool(_STATEMENT.match(section) or _STATEMENT.match(chosen.cell.caption))


_NAMES_IT = 0.5
"""Share of a row's own words that are the line's: "Deferred revenue" is no revenue."""
_ADDED = frozenset(words("total net expense expenses"))
"""What a row's label may say beside the line's name."""
_BESIDE = re.compile(
    r"\b(?:not yet|accrued|unpaid|non-?cash|payable|change in|before|after|tax)"
    r"|^\W*(?:other|less)\b",
    re.IGNORECASE,
)
"""Rows that tell another thing in the same words: what was left out, or is there before tax."""


_WITH = re.compile(r",? (?:exclusive|including|inclusive|net of|less)\b", re.IGNORECASE)
"""Where a row's label goes on with what is in it: "receivable, net of allowances of $3"."""


def row_of_statement(task: Task, scores: Scores, best: int) -> int:
    """The statement's cell of the line that is asked for, in place of what was chosen elsewhere.

    Segments, parents and adjustments are printed under the words of the whole company's line.
    """
    scale = scale_of(task.asked, task.evidence)
    chosen = _named(task, scale, best)
    fit = {
        int(number): named
        for number in np.flatnonzero(task.allowed[:-1])
        if _in_statement(task, int(number))
        and _is_itself(task, int(number))
        and (number == best or _of_the_time(task, int(number), best))
        and (named := _named(task, scale, int(number))) >= max(_NAMES_IT, chosen - 0.05)
    }
    nearest = max(fit.values(), default=0.0) - 0.2
    if best in fit and fit[best] >= nearest:
        return best
    if fit or _names_most(task, scale, best):
        near = [number for number, named in fit.items() if named >= nearest]
        return max(near, key=lambda number: float(scores[number]), default=best)
    return len(scores) - 1


_MOST = 0.6
"""Share of a line's weight that a row or a sentence has to hold to speak of it."""


def _names_most(task: Task, scale: Scale, number: int) -> bool:
    one = task.evidence.candidates[number]
    if one.refuses:
        return False
    if one.sentence is not None and not one.sentence.figures:
        return False
    if one.sentence is not None:
        return found_in(scale, one.sentence.words | one.sentence.topic)[1] >= _MOST
    row = task.evidence.parts[one.passage].rows[one.place]
    return found_in(scale, row.label | row.around | row.columns[one.column])[1] >= _MOST


def _named(task: Task, scale: Scale, number: int) -> float:
    """How much of a cell's label is the name of the line asked for; 0 where it is not all there."""
    candidate = task.evidence.candidates[number]
    if candidate.cell is None:
        return 0.0
    label = task.evidence.parts[candidate.passage].rows[candidate.place].label - _ADDED
    own = _WITH.split(re.sub(r"\([^)]*\)", "", candidate.cell.row))[0]
    head = frozenset(words(own)) & label
    _, full, used = found_in(scale, head or label)
    least = _MOST if len(scale.weights) > 2 else 0.99
    return full * precision(scale, head or label, used) if full > least else 0.0


def _is_itself(task: Task, number: int) -> bool:
    """Whether a cell is of the unit asked for, and its row no other thing in the same words."""
    cell = task.evidence.candidates[number].cell
    assert cell is not None
    asked = task.asked.text.lower()
    beside = any(found[0].lower() not in asked for found in _BESIDE.finditer(cell.row))
    changes = task.matrix[number, AT["row_changes"]] > 0
    return not beside and not changes and task.asked.unit in ("", cell.quantity.unit)


def _of_the_time(task: Task, number: int, best: int) -> bool:
    """Whether a cell is of the period of the chosen one, or asked for where no cell was chosen.

    Which period is meant is for weights to tell.
    """
    cell, chosen = task.evidence.candidates[number].cell, task.evidence.candidates[best].cell
    assert cell is not None
    wanted = years_of(chosen) if chosen else task.asked.years
    return not wanted or not years_of(cell) or bool(wanted & years_of(cell))
