"""Passages and a question in, one lesson for the teacher out: what is shown, and what is right."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from backend.local.reader.candidates import Candidate
from backend.local.reader.prompts import Shown
from backend.local.reader.reading import prepare
from backend.local.reader.training import Lesson
from backend.terms import stem_tuple

SHOWN = 8
REFUSALS = {"figure": 1 / 10, "prose": 1 / 12}
"""Share of lessons whose answer is taken away."""
Right = Callable[[Candidate, int], bool]  # a candidate and the index of its passage among all


class Ranking:
    """BM25 over texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(stem_tuple(text)) for text in texts]
        self.lengths = [sum(count.values()) for count in counts]
        self.mean = sum(self.lengths) / max(1, len(texts))
        self.found: dict[str, list[tuple[int, int]]] = {}
        for place, count in enumerate(counts):
            for term, times in count.items():
                self.found.setdefault(term, []).append((place, times))

    def top(self, question: str, limit: int) -> list[int]:
        """Indexes of the texts that fit a question best."""
        scores: Counter[int] = Counter()
        for term in set(stem_tuple(question)):
            hits = self.found.get(term, [])
            rarity = log(1 + (len(self.lengths) - len(hits) + 0.5) / (len(hits) + 0.5))
            for place, times in hits:
                norm = times + 1.2 * (0.25 + 0.75 * self.lengths[place] / self.mean)
                scores[place] += rarity * times * 2.2 / norm  # pyright: ignore[reportArgumentType]
        return [place for place, _ in scores.most_common(limit)]


@dataclass(frozen=True)
class Shelf:
    """Passages that questions are asked over."""

    passages: tuple[Shown, ...]
    ranking: Ranking

    @classmethod
    def of(cls, passages: Sequence[Shown]) -> "Shelf":
        return cls(tuple(passages), Ranking([p.text for p in passages]))


def taught(
    shelf: Shelf,
    question: str,
    right: Right,
    *,
    chance: random.Random,
    kind: str,
    must: Sequence[int] = (),
    found: Sequence[int] = (),
) -> Lesson | None:
    """One lesson; `must` are passages shown whether found or not. None where nothing is right."""
    found = [*found] or shelf.ranking.top(question, SHOWN)
    missing = [place for place in must if place not in found]
    for place in missing:
        found.insert(chance.randrange(min(4, len(found) + 1)), place)
    found = found[:SHOWN]
    task = prepare(question, [shelf.passages[place] for place in found])
    used = np.array(
        [not c.refuses and right(c, found[c.passage]) for c in task.evidence.candidates]
    )
    if used.any() and chance.random() < REFUSALS[kind]:
        bad = {c.passage for c, u in zip(task.evidence.candidates, used, strict=True) if u}
        kept = [place for number, place in enumerate(found) if number not in bad]
        task = prepare(question, [shelf.passages[place] for place in kept])
        used = np.zeros(len(task.matrix), dtype=np.bool_)
        used[-1] = True
    return Lesson(task.matrix, used, task.allowed) if (used & task.allowed).any() else None


def refused(shelf: Shelf, question: str) -> Lesson:
    """A lesson where refusing is right."""
    found = shelf.ranking.top(question, SHOWN)
    task = prepare(question, [shelf.passages[place] for place in found])
    used = np.zeros(len(task.matrix), dtype=np.bool_)
    used[-1] = True
    return Lesson(task.matrix, used, task.allowed)
