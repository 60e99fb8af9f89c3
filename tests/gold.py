"""Questions with known answers: what is right, and whether a judge ranks systems as gold does.

Questions of the sample filing, single facts of NVIDIA's filing, and its XBRL facts go in; shares of
right answers and ragas_scores over the same evidence come out.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from backend.exam import Sat
from backend.passages import Cell, cell_tuple
from backend.quantities import Quantity, quantities, same_value
from backend.records import Chunk
from backend.samples import SAMPLE_QUESTIONS
from backend.terms import stem_tuple

DATA = Path(__file__).parents[2] / "shared" / "data"
NVIDIA_PDF = DATA / "pdfs" / "nvidia-sec-10k-2022.pdf"
ACCESSION = "0001045810-23-000017"
COVERED = 0.6
"""Share of a gold answer's words that an answer must hold where there are no facts to look for."""
QUOTED = 0.9
"""Share of an answer's words that stand in the passage it should quote."""
APART = 0.03
"""Systems whose shares of gold differ by more are to be ranked rightly."""

ONE_VALUE, SEVERAL = "XBRL fact", "XBRL fact, several values under its words"

Side = Literal["figures", "prose", "unanswerable"]
_MARKS = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Gold:
    """A question and what a right answer holds; pages count from 1."""

    kind: str
    question: str
    answer: str
    facts: tuple[str, ...]
    figures: tuple[Quantity, ...]
    pages: frozenset[int]
    passage: str = ""
    """The passage that was asked about, where quoting it is what is right."""

    @property
    def side(self) -> Side:
        """Whether it asks for a figure, for prose, or for what the filing does not hold."""
        if self.kind == "unanswerable":
            return "unanswerable"
        return "figures" if self.figures or self.kind == "change" else "prose"


def samples() -> list[Gold]:
    """The sample filing's own questions."""
    rows = map(json.loads, SAMPLE_QUESTIONS.open(encoding="utf-8"))
    return [
        Gold(
            kind=row["kind"],
            question=row["question"],
            answer=row["answer"],
            facts=() if row["kind"] == "figure" else tuple(row["facts"]),
            figures=_figure(row) if row["kind"] == "figure" else (),
            pages=frozenset(row["pages"]),
        )
        for row in rows
    ]


def _figure(row: dict[str, Any]) -> tuple[Quantity, ...]:
    """The gold figure at the precision that its filing prints."""
    scale = {"thousands": 1e3, "millions": 1e6, "billions": 1e9}.get(row["scale"], 1.0)
    return (Quantity(row["facts"][0], row["value"] / scale, row["unit"], scale, 0, 0),)


def facts_of_nvidia() -> list[Gold]:
    """A hundred single facts that people's models asked of NVIDIA's filing."""
    rows = map(json.loads, (DATA / "questions_dev.jsonl").open(encoding="utf-8"))
    found: list[Gold] = []
    for row in rows:
        if not row["doc"].startswith("nvidia"):
            continue
        figures = _unasked(row["answer"], row["question"])
        pages = frozenset(page + 1 for page in row["evidence_pages"])
        kind = "NVIDIA figures" if figures else "NVIDIA facts"
        found.append(Gold(kind, row["question"], row["answer"], (), figures, pages))
    return found


def _unasked(answer: str, question: str) -> tuple[Quantity, ...]:
    """The figures of an answer that its question does not state itself."""
    asked = quantities(question)
    told = quantities(answer)
    return tuple(figure for figure in told if not any(same_value(figure, a) for a in asked))


def passages_of_nvidia() -> list[Gold]:
    """Questions that a model wrote on passages of NVIDIA's filing, each with its passage."""
    return [
        Gold(
            kind="NVIDIA passages",
            question=row["question"],
            answer="",
            facts=(),
            figures=(),
            pages=frozenset({row["page"] + 1}),
            passage=row["positive"],
        )
        for name in ("nvda_train", "nvda_val")
        for row in map(json.loads, (DATA / "retrieval_pairs" / f"{name}.jsonl").open())
    ]


# -- facts of the filing's XBRL


def xbrl_facts() -> dict[tuple[float, int], str]:
    """Label of every annual XBRL fact of NVIDIA's filing, by its value and year."""
    told = json.loads((DATA / "xbrl" / "CIK0001045810.json").read_text(encoding="utf-8"))
    found: dict[tuple[float, int], str] = {}
    for name, concept in told["facts"]["us-gaap"].items():
        for entries in concept["units"].values():
            for entry in entries:
                year_end = entry["end"][5:7] == "01"
                whole = "start" not in entry or int(entry["end"][:4]) - int(entry["start"][:4]) == 1
                if entry["accn"] == ACCESSION and year_end and whole and entry["val"]:
                    key = (round(abs(entry["val"]), 4), int(entry["end"][:4]))
                    found.setdefault(key, concept["label"] or name)
    return found


def xbrl_gold(
    filing: Iterable[Chunk], *, usable: Callable[[Chunk], bool] = lambda _: True
) -> list[Gold]:
    """XBRL facts that stand as cells in usable chunks, asked by the row that fits them best.

    The value is XBRL's; the row's words, and the year, are the filing's own. Where the filing has
    several values under the same words and year ("Total", "Inventories"), the question does not
    tell which is meant: its kind says so, and an answer with another of them counts as wrong.
    """
    cells: dict[tuple[float, int], list[Cell]] = {}
    pages: dict[tuple[float, int], set[int]] = {}
    values: dict[tuple[tuple[str, ...], int], set[float]] = {}
    for chunk in filing:
        for cell in cell_tuple(chunk.text):
            if not cell.period or not stem_tuple(cell.row):
                continue
            key = (round(abs(cell.quantity.amount), 4), cell.period)
            values.setdefault((stem_tuple(cell.row), cell.period), set()).add(key[0])
            if usable(chunk):
                cells.setdefault(key, []).append(cell)
                pages.setdefault(key, set()).update(chunk.pages)
    forms = ("What was NVIDIA's {} in fiscal {}?", "How much was {} for fiscal year {}?")
    found: list[Gold] = []
    for at, (key, label) in enumerate(sorted(xbrl_facts().items())):
        if key in cells:
            best = max(cells[key], key=lambda cell: _likeness(cell.row, label))
            row = best.row.strip(" :")
            asked = forms[at % 2].format(row[:1].lower() + row[1:], key[1])
            kind = SEVERAL if len(values[stem_tuple(best.row), key[1]]) > 1 else ONE_VALUE
            said, stands = best.quantity, frozenset(pages[key])
            found.append(Gold(kind, asked, said.text, (), (said,), stands))
    return found


def _likeness(row: str, label: str) -> float:
    one, other = frozenset(stem_tuple(row)), frozenset(stem_tuple(label))
    return len(one & other) / max(1, len(one | other))


# -- what is right


def right(gold: Gold, answer: str, *, refused: bool) -> bool:
    """Whether an answer is right; to what the filing does not say, a refusal is."""
    if gold.kind == "unanswerable" or refused:
        return gold.kind == "unanswerable" and refused
    said = quantities(answer)
    if gold.figures or gold.facts:
        figures = all(_stated(figure, said) for figure in gold.figures)
        return figures and all(_told(fact, answer, said) for fact in gold.facts)
    told = frozenset(stem_tuple(_MARKS.sub("", answer)))
    if gold.passage:
        return len(told & frozenset(stem_tuple(gold.passage))) >= QUOTED * len(told)
    words = frozenset(stem_tuple(gold.answer))
    return len(words & told) >= COVERED * len(words)


def _stated(figure: Quantity, said: Sequence[Quantity]) -> bool:
    """By value, the sign aside: an outlay is told in words."""
    plain = replace(figure, value=abs(figure.value))
    return any(
        same_value(plain, replace(one, value=abs(one.value), unit=_unit(one, plain)))
        for one in said
    )


def _unit(said: Quantity, gold: Quantity) -> str:
    """Dollars and dollars per share are one where the figure is the same."""
    return gold.unit if said.unit.split(" ")[0] == gold.unit.split(" ")[0] else said.unit


def _told(fact: str, answer: str, said: Sequence[Quantity]) -> bool:
    figures = quantities(fact)
    if len(figures) == 1 and figures[0].text == fact:
        bare = figures[0]
        return any(abs(abs(one.value) - abs(bare.value)) < bare.step / 2 for one in said)
    return _plain(fact) in _plain(answer)


def _plain(text: str) -> str:
    without = _MARKS.sub("", text.lower())
    return " ".join(re.findall(r"[a-z0-9.,%$'-]*[a-z0-9%]", without))


def liar(question: str) -> str:
    """The question restated around a random figure, always the same for the same question."""
    figure = 1013 + int(sha256(question.encode()).hexdigest(), 16) % 8000
    return f"{question.rstrip('?')}: ${figure:,} million."


# -- a judge beside gold


@dataclass(frozen=True, slots=True)
class Standing:
    """One system over one set of questions: means, each in [0, 1]."""

    questions: int
    gold: float
    """Share of right answers."""
    page: float
    """Share of answers that cite a page on which the gold stands."""
    ragas: float
    faithfulness: float
    relevancy: float
    refused: float
    missing: int


@dataclass(frozen=True, slots=True)
class Told:
    """One system's answer to one question, and what the judge made of it."""

    system: str
    gold: Gold
    right: bool
    page: bool
    sat: Sat


def standings(told: Sequence[Told], side: Side | None = None) -> dict[str, Standing]:
    """Each system over the questions of a side; None: over all that can be answered."""
    held: dict[str, list[Told]] = {}
    for one in told:
        if one.gold.side == side or (side is None and one.gold.side != "unanswerable"):
            held.setdefault(one.system, []).append(one)
    return {system: _standing(each) for system, each in held.items()}


def _standing(told: Sequence[Told]) -> Standing:
    there = [score for one in told if (score := one.sat.ragas_score) is not None]
    return Standing(
        questions=len(told),
        gold=fmean(one.right for one in told),
        page=fmean(one.page for one in told),
        ragas=fmean(there) if there else 0.0,
        faithfulness=_mean([one.sat.scores.get("faithfulness") for one in told]),
        relevancy=_mean([one.sat.scores.get("answer_relevancy") for one in told]),
        refused=fmean(bool(one.sat.answered and one.sat.answered.refused) for one in told),
        missing=len(told) - len(there),
    )


def _mean(values: Sequence[float | None]) -> float:
    there = [value for value in values if value is not None]
    return fmean(there) if there else 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems that gold tells apart; `better` gives more right answers."""

    better: str
    worse: str
    gold: float
    """By how much, in gold."""
    judged: float
    """And by the judge; at most 0 where it ranks them wrongly."""

    def __str__(self) -> str:
        return f"{self.better} over {self.worse}: gold {self.gold:+.3f}, judged {self.judged:+.3f}"


def pairs(found: Mapping[str, Standing], *, apart: float = APART) -> list[Pair]:
    """Every two systems whose gold differs by more than `apart`."""
    told: list[Pair] = []
    for names in combinations(found, 2):
        worse, better = sorted(names, key=lambda name: found[name].gold)
        gold = found[better].gold - found[worse].gold
        if gold > apart:
            told.append(Pair(better, worse, gold, found[better].ragas - found[worse].ragas))
    return told


def wrongly(found: Mapping[str, Standing], *, apart: float = APART) -> list[Pair]:
    """The pairs that the judge ranks the wrong way round."""
    return [pair for pair in pairs(found, apart=apart) if pair.judged <= 0]


def drawn(found: Mapping[str, Standing], title: str) -> str:
    """The standings as a table."""
    columns = ("gold", "page", "ragas", "faithful", "relevant", "refused", "missing")
    lines = [f"{title:<26}" + "".join(f"{name:>10}" for name in columns)]
    for name, one in found.items():
        shares = (one.gold, one.page, one.ragas, one.faithfulness, one.relevancy, one.refused)
        cells = "".join(f"{share:10.3f}" for share in shares)
        lines.append(f"{name:<26}{cells}{one.missing:10}")
    return "\n".join(lines)
