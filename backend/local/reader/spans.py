"""An example's answer and its evidence in, the candidates the answer rests on out."""

import re
from collections.abc import Sequence
from functools import lru_cache

from backend.local.reader.candidates import Candidate, Evidence
from backend.local.reader.cell_years import years_of
from backend.passages import is_refusal, sentence_tuple
from backend.quantities import Quantity, cell_quantity, periods, quantities
from backend.terms import stem_tuple

SHORTEST_QUOTE = 5
"""Words that a sentence needs to count as quoted when the answer holds all of it."""
_MARKER = re.compile(r"\s*\[\d+\]")


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def spans(answer: str, evidence: Evidence) -> list[int]:
    """Indexes of the candidates that an answer used; empty where none can be told.

    A refusal is the last candidate. Otherwise a quoted sentence counts first, then cells whose
    figure the answer states with their label and period, then sentences that it words anew.
    """
    candidates = evidence.candidates
    if is_refusal(answer):
        return [len(candidates) - 1]
    said = _MARKER.sub("", answer)
    for recovered in (_quoted(said, candidates), _stated(said, candidates)):
        if recovered:
            return recovered
    return _reworded(said, candidates)


def _quoted(answer: str, candidates: Sequence[Candidate]) -> list[int]:
    plain = f" {_plain(answer)} "
    found: list[int] = []
    for number, candidate in enumerate(candidates):
        if candidate.sentence is None:
            continue
        own = _plain(candidate.sentence.text)
        if len(own.split()) >= SHORTEST_QUOTE and f" {own} " in plain:
            found.append(number)
    return found


def _same_figure(stated: Quantity, cell: Quantity) -> bool:
    """Whether an answer's figure may be a cell's: scales count only where the answer has one."""
    if stated.unit and cell.unit and stated.unit.split(" ")[0] != cell.unit.split(" ")[0]:
        return False
    bare = abs(abs(stated.value) - abs(cell.value)) < 1e-9
    if bare and (stated.scale in (1.0, cell.scale) or cell.scale == 1.0):
        return True
    coarse = max(stated.step, cell.step)
    return abs(abs(stated.amount) - abs(cell.amount)) <= coarse / 2 and stated.scale != 1.0


def _label_share(candidate: Candidate, words: frozenset[str]) -> float:
    assert candidate.cell is not None
    label = frozenset(stem_tuple(candidate.cell.row)) or frozenset(stem_tuple(candidate.cell.group))
    return len(label & words) / len(label) if label else 0.0


def _support(candidate: Candidate, sentence: str, stated: Sequence[Quantity]) -> float:
    """How well a sentence states a cell: 0 where the figure, the label or the period differs."""
    assert candidate.cell is not None
    if not any(_same_figure(figure, candidate.cell.quantity) for figure in stated):
        return 0.0
    years = {period.year for period in periods(sentence)}
    own = years_of(candidate.cell)
    if years and own and not years & own:
        return 0.0
    words = frozenset(stem_tuple(sentence))
    label = _label_share(candidate, words)
    heading = frozenset(stem_tuple(candidate.cell.column))
    column = len(heading & words) / len(heading) if heading else 0.0
    return label + 0.4 * bool(years & own) + 0.2 * column if label >= 0.5 else 0.0


def _figures_of(sentence: str) -> list[Quantity]:
    found = quantities(sentence)
    if 'nil (printed "' in sentence and (nil := cell_quantity("-")):
        found.append(nil)
    return found


def _stated(answer: str, candidates: Sequence[Candidate]) -> list[int]:
    found: list[int] = []
    for sentence in sentence_tuple(answer):
        stated = _figures_of(sentence)
        if not stated:
            continue
        support = {
            number: _support(candidate, sentence, stated)
            for number, candidate in enumerate(candidates)
            if candidate.cell is not None
        }
        best = max(support.values(), default=0.0)
        if best > 0:
            found += [n for n, value in support.items() if value >= best - 0.05]
    return sorted(set(found))


def _grams(text: str) -> frozenset[tuple[str, ...]]:
    words = stem_tuple(text)
    return frozenset(zip(words, words[1:], strict=False))


def _reworded(answer: str, candidates: Sequence[Candidate]) -> list[int]:
    """Sentences that share many word pairs with the answer, or nearly all its words."""
    pairs, words = _grams(answer), frozenset(stem_tuple(answer))
    if len(words) < 3:
        return []
    shares: dict[int, float] = {}
    for number, candidate in enumerate(candidates):
        if candidate.sentence is None:
            continue
        own = frozenset(zip(candidate.sentence.stems, candidate.sentence.stems[1:], strict=False))
        together = len(pairs & own) / max(1, min(len(pairs), len(own)))
        shares[number] = together + len(words & candidate.sentence.words) / len(words)
    best = max(shares.values(), default=0.0)
    return [n for n, share in shares.items() if share >= 0.85 * best] if best >= 0.75 else []
