"""Messages and weights in, an answer out: the extractive reader itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.local.reader import phrasing
from backend.local.reader.asking import Asked, asked
from backend.local.reader.candidates import Candidate, Evidence, gather
from backend.local.reader.features import Matrix, matrix_of, years_of
from backend.local.reader.following import rewrite
from backend.local.reader.prompts import Rewriting, Shown, Writing, parse
from backend.local.reader.weights import Weights
from backend.local.reader.writing import write
from backend.passages import Cell
from backend.records import Message
from backend.terms import stem_tuple

NEAR = 1.6
"""A further sentence is quoted where its score is at most this much below the best one's."""
FOLLOWING = 2.0
"""What the sentence after the best one gains: it often holds the detail."""
HEADING = 13
"""A sentence of fewer words may be a heading or a risk's title, and is quoted with what follows."""
MAX_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of a prompt."""

    answer: str
    chosen: Candidate | None = None  # None where no candidates were looked at: a rewriting
    candidates: tuple[Candidate, ...] = ()
    probabilities: tuple[float, ...] = ()  # of the candidates, adding up to 1


@dataclass(frozen=True, slots=True)
class Task:
    """A question taken apart beside everything that might answer it."""

    asked: Asked
    evidence: Evidence
    matrix: Matrix  # (candidates, features)


def company_stems(passages: Sequence[Shown]) -> frozenset[str]:
    """Stems of the names of the companies whose filings are shown."""
    names = dict.fromkeys(shown.company for shown in passages if shown.company)
    return frozenset(stem for name in names for stem in stem_tuple(name))


def prepare(question: str, passages: Sequence[Shown]) -> Task:
    """Everything a reader looks at before its weights come in."""
    taken = asked(question, company_stems(passages))
    evidence = gather(passages)
    return Task(taken, evidence, matrix_of(taken, evidence))


def read(messages: Sequence[Message], weights: Weights) -> Reading:
    """Answer a prompt: the candidate that weighs most, in words of this reader's own.

    A prompt that asks for a question, or for a follow-up to be rewritten, is answered by rule;
    weights play no part.
    """
    prompt = parse(messages)
    if isinstance(prompt, Rewriting):
        return Reading(rewrite(prompt))
    if isinstance(prompt, Writing):
        return Reading(write(prompt))
    task = prepare(prompt.text, prompt.passages)
    scores = task.matrix @ weights.vector
    best = int(np.argmax(scores))
    odds = np.exp(scores - scores.max())
    return Reading(
        answer=answer(task, scores, best),
        chosen=task.evidence.candidates[best],
        candidates=task.evidence.candidates,
        probabilities=tuple(float(p) for p in odds / odds.sum()),
    )


def answer(task: Task, scores: NDArray[np.float64], best: int) -> str:
    """The words for the candidate at `best`, given every candidate's score."""
    chosen = task.evidence.candidates[best]
    if chosen.cell is not None:
        return _figures(task, chosen)
    if chosen.sentence is None:
        return phrasing.refusal(task.asked, task.evidence.passages)
    return " ".join(_quotes(task, scores, best))


def _figures(task: Task, chosen: Candidate) -> str:
    """The chosen cell, with its neighbours in the row where several periods or a change count."""
    assert chosen.cell is not None
    shown = task.evidence.passages[chosen.passage]
    row = task.evidence.parts[chosen.passage].rows[chosen.place].cells
    dated = _one_a_period(row, chosen.cell)
    wanted = [cell for cell in dated if years_of(cell) & task.asked.years]
    if task.asked.change and (pair := _pair(chosen.cell, dated, task.asked)):
        return phrasing.change(*pair, shown)
    if len(task.asked.years) > 1 and len(wanted) > 1:
        return phrasing.several(wanted, shown)
    return phrasing.statement(chosen.cell, shown)


def _one_a_period(row: Sequence[Cell], chosen: Cell) -> list[Cell]:
    """The cells of a row that differ from the chosen one by their period alone, newest first."""
    heading = phrasing.label(chosen)
    found: dict[int, Cell] = {}
    for cell in row:
        if cell.period is not None and phrasing.label(cell) == heading:
            found.setdefault(cell.period, cell)
    return [found[year] for year in sorted(found, reverse=True)]


def _pair(chosen: Cell, dated: Sequence[Cell], asked_: Asked) -> tuple[Cell, Cell] | None:
    """The newer and the older cell of the change that is asked, None where one is missing."""
    if chosen.period is None:
        return None
    wanted = [cell for cell in dated if years_of(cell) & asked_.years]
    if len(wanted) > 1:
        return wanted[0], wanted[-1]
    newest = wanted[0] if wanted else chosen
    older = [cell for cell in dated if (cell.period or 0) < (newest.period or 0)]
    return (newest, older[0]) if older else None


def _quotes(task: Task, scores: NDArray[np.float64], best: int) -> list[str]:
    """The best sentence and, unless a figure is asked for, those near it in score.

    What follows the best sentence has an advantage: it goes on with the same matter. A heading
    is never left alone.
    """
    candidates = task.evidence.candidates
    lead = candidates[best]
    assert lead.sentence is not None
    heading = len(lead.sentence.text.split()) < HEADING
    limit = 1 + heading if task.asked.figure > 0.5 else MAX_SENTENCES
    worth: dict[int, float] = {}
    said = {lead.sentence.text}
    for number, candidate in enumerate(candidates):
        if candidate.sentence is None or candidate.sentence.text in said:
            continue
        ahead = candidate.place - lead.place if candidate.passage == lead.passage else 0
        worth[number] = float(scores[number]) + FOLLOWING * (0 < ahead <= 1 + heading)
    nearest = sorted(worth, key=lambda n: -worth[n])[: limit - 1]
    near = [n for n in nearest if scores[best] - worth[n] <= NEAR + FOLLOWING * heading]
    ordered = sorted(near, key=lambda n: (candidates[n].passage != lead.passage, n))
    return [_quote(task, candidates[n]) for n in (best, *ordered)]


def _quote(task: Task, candidate: Candidate) -> str:
    assert candidate.sentence is not None
    return phrasing.quoted(
        candidate.sentence.text, task.evidence.passages[candidate.passage].number
    )
