"""Messages and weights in, an answer out: the extractive reader itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.local.reader import phrasing
from backend.local.reader.asking import Asked, asked
from backend.local.reader.candidates import Candidate, gather
from backend.local.reader.cell_years import years_of
from backend.local.reader.evident import evident
from backend.local.reader.features import matrix_of
from backend.local.reader.following import rewrite
from backend.local.reader.listing import listed
from backend.local.reader.offices import by_name
from backend.local.reader.preferring import preferred
from backend.local.reader.prompts import Rewriting, Shown, Writing, parse
from backend.local.reader.ratios import printed, ratio, unprinted
from backend.local.reader.refusing import refusal
from backend.local.reader.task import Task
from backend.local.reader.weights import Weights, choice
from backend.local.reader.writing import write
from backend.passages import Cell
from backend.records import Message
from backend.terms import stem_tuple

NEAR = 1.0
"""A sentence from elsewhere is quoted too where its score is at most this much below the best."""
MAX_SENTENCES = 3
MAX_ITEMS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of a prompt."""

    answer: str
    chosen: Candidate | None = None  # None where no candidates were looked at: a rewriting
    candidates: tuple[Candidate, ...] = ()
    probabilities: tuple[float, ...] = ()  # of the candidates, adding up to 1


def company_stems(passages: Sequence[Shown]) -> frozenset[str]:
    """Stems of the names of the companies whose filings are shown."""
    names = dict.fromkeys(shown.company for shown in passages if shown.company)
    return frozenset(stem for name in names for stem in stem_tuple(name))


def prepare(question: str, passages: Sequence[Shown]) -> Task:
    """Everything a reader looks at before its weights come in."""
    taken = asked(question, company_stems(passages))
    evidence = gather(passages)
    return Task(taken, evidence, matrix_of(taken, evidence), evident(taken, evidence))


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
    best = choice(scores, task.allowed)
    odds = np.exp(scores - scores.max())
    return Reading(
        answer=answer(task, scores, best),
        chosen=task.evidence.candidates[preferred(task, scores, best)],
        candidates=task.evidence.candidates,
        probabilities=tuple(float(p) for p in odds / odds.sum()),
    )


def answer(task: Task, scores: NDArray[np.float64], best: int) -> str:
    """The words for the candidate at `best`, given every candidate's score.

    What a rule knows goes before it: people by name, a statement's own line, a sentence that lists.
    """
    named = by_name(task.asked, task.evidence.passages)
    if named is not None:
        return named or refusal(task.asked, task.evidence.passages)
    best = preferred(task, scores, best)
    chosen = task.evidence.candidates[best]
    if chosen.sentence is None:
        if share := printed(task.asked, task.evidence):
            return _figures(task, share)
        if computed := ratio(task.asked, task.evidence):
            return computed
    if chosen.cell is not None and not unprinted(task.asked, chosen.cell):
        return _figures(task, chosen)
    if chosen.sentence is None:
        return refusal(task.asked, task.evidence.passages)
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
    """The best sentence with those of its paragraph that go on with its matter.

    Where the question asks for more than it covers, one from elsewhere that holds the rest.
    """
    candidates = task.evidence.candidates
    if _text(task, best).endswith(":"):
        lead, *items = (_quote(task, n) for n in _list(task, best))
        return ["\n- ".join((lead, *items))]
    if len(alike := _alike(task, best)) > 1:
        return [_quote(task, number) for number in alike]
    together = _paragraph(task, best)
    at = together.index(best)
    chosen = _window(task, together, at) if task.asked.figure <= 0.5 else [best]
    if at and chosen[0] == best and refers(_text(task, best)):
        chosen = [together[at - 1], *chosen]
    if (other := _elsewhere(task, scores, chosen)) is not None:
        chosen = [*chosen, other]
    first = candidates[best].passage
    ordered = sorted(chosen, key=lambda n: (candidates[n].passage != first, n))
    return [_quote(task, n) for n in ordered]


def _window(task: Task, together: Sequence[int], at: int) -> list[int]:
    """Up to MAX_SENTENCES in a row around the one at `at` that hold most of the question.

    Among equals those that begin with it: what follows goes on with the same matter.
    """
    terms = frozenset(task.asked.terms)

    def worth(start: int) -> tuple[float, bool]:
        said = frozenset(
            word
            for n in together[start : start + MAX_SENTENCES]
            if (s := task.evidence.candidates[n].sentence)
            for word in s.words
        )
        return sum(task.evidence.weight(term) for term in terms & said), start == at

    start = max(range(max(0, at - MAX_SENTENCES + 1), at + 1), key=worth)
    return [*together[start : start + MAX_SENTENCES]]


_REFERS = re.compile(
    r"^(?:It|They|These|This|Those|Such|Each|He|She|Both|The latter)\b"
    r"|\b(?:all|these|those|the) (?:two|three|four|five|six)\b(?= (?:\w+ed|would|could|may|are|were"
    r"|is|was|have|had)\b)|\b(?:all|both|each|any|either) of (?:them|these|those)\b"
)


def refers(sentence: str) -> bool:
    """Whether a sentence speaks of what the one before it names: "all three would ..."."""
    return _REFERS.search(sentence) is not None


_COMMON = frozenset(
    re.findall(
        r"\w+",
        "the we our in on at as a an if this these those it its for to of no other any such when"
        " while because although under during from with by each all some most and or but however",
    )
)


def _alike(task: Task, best: int) -> list[int]:
    """Where a list is asked for: the sentences in a row that begin with the same word as the best.

    "ASU 2023-09 will ...", "ASU 2024-03 will ...": each is an item, though no bullet says so.
    """
    opening = _opening(task, best)
    if not listed(task.asked) or opening.lower() in _COMMON or not opening[:1].isupper():
        return [best]
    passage = task.evidence.candidates[best].passage
    first = last = best
    while first and _same(task, first - 1, passage, opening):
        first -= 1
    while _same(task, last + 1, passage, opening):
        last += 1
    return [*range(first, last + 1)][:MAX_ITEMS]


def _same(task: Task, number: int, passage: int, opening: str) -> bool:
    return task.evidence.candidates[number].passage == passage and _opening(task, number) == opening


def _opening(task: Task, number: int) -> str:
    return (_text(task, number).split() or [""])[0]


def _text(task: Task, number: int) -> str:
    sentence = task.evidence.candidates[number].sentence
    return sentence.text if sentence else ""


def _paragraph(task: Task, best: int) -> list[int]:
    """The candidates that are sentences of one paragraph, in order."""
    lead = task.evidence.candidates[best]
    assert lead.sentence is not None
    return [
        number
        for number, other in enumerate(task.evidence.candidates)
        if other.passage == lead.passage
        and other.sentence is not None
        and other.sentence.block == lead.sentence.block
    ]


def _list(task: Task, best: int) -> list[int]:
    """A sentence that announces a list, and its items."""
    lead = task.evidence.candidates[best]
    found = [best]
    for number, other in enumerate(task.evidence.candidates[best + 1 :], best + 1):
        if other.passage != lead.passage or other.sentence is None or len(found) > MAX_ITEMS:
            break
        if not other.sentence.item:
            break
        found.append(number)
    return found


def _elsewhere(task: Task, scores: NDArray[np.float64], chosen: Sequence[int]) -> int | None:
    """The best sentence that holds words of the question which those chosen do not hold."""
    candidates = task.evidence.candidates
    held = {word for n in chosen if (s := candidates[n].sentence) for word in s.words | s.topic}
    missing = set(task.asked.terms) - held
    near = [
        n
        for n, other in enumerate(candidates)
        if n not in chosen
        and other.sentence is not None
        and missing & other.sentence.words
        and scores[chosen[0]] - scores[n] <= NEAR
    ]
    return max(near, key=lambda n: scores[n], default=None)


def _quote(task: Task, number: int) -> str:
    candidate = task.evidence.candidates[number]
    assert candidate.sentence is not None
    return phrasing.quoted(
        candidate.sentence.text, task.evidence.passages[candidate.passage].number
    )
