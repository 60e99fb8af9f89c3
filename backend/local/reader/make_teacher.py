"""Question files and chunks of filings in, teacher.json out: how the teacher's weights were made.

    python -m backend.local.reader.make_teacher DATA CHUNKS... > teacher.json

DATA is a folder with TAT-QA (`tatqa_dev.json`, `tatqa_test_gold.json`) and
`financial_qa_10k_train.jsonl`; each of CHUNKS is one filing as JSON lines of {company,
fiscal_year, page, section, kind, text}, and beside it may lie `NAME.pairs.jsonl` of {question,
positive}. The teacher in this folder learned from both, and from the 10-Ks of Uber and Lyft
(2021), Verizon (2022), Amcor (2023) and Activision Blizzard (2019). Nothing of the filings and
questions that tenk is examined on went in.

Lessons: people's questions on tables and text (TAT-QA); facts with their sentence among others of
the same company; cells asked by their row and period, reworded by synonyms, among what BM25 finds
in the filing; questions with the passage they were asked of. From one in fifteen what answers it
is taken away: there refusing is right. They carry their right candidates, so no answer is parsed.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from backend.local.reader.asking import words
from backend.local.reader.candidates import Candidate, Sentence
from backend.local.reader.features import years_of
from backend.local.reader.prompts import Shown
from backend.local.reader.reading import prepare
from backend.local.reader.training import Lesson, Plan, fit, measure
from backend.local.reader.weights import Weights
from backend.passages import Cell, cell_tuple
from backend.quantities import quantities, same_value
from backend.terms import stem_tuple, synonyms

SHOWN = 8
TELLING = 9
"""Different words that a sentence needs to answer a question in prose: headings do not."""
REFUSALS = {"figure": 1 / 15, "prose": 1 / 40}
"""Share of lessons whose answer is taken away; readers' prose questions are rarely unanswerable."""
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
) -> Lesson | None:
    """One lesson; `must` are passages shown whether found or not. None where nothing is right."""
    found = shelf.ranking.top(question, SHOWN)
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
    return Lesson(task.matrix, used) if used.any() else None


# -- cells asked by their row

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
    for cell in asked[:count]:
        label = cell.row.strip(" :")
        item = _reworded(label[:1].lower() + label[1:], chance)
        if cell.group and chance.random() < 0.25:
            item = f"{item} ({cell.group.strip(' :').lower()})"
        item = _with_unit(item, cell)
        year = cell.period or 0
        form = chance.choice(_FIGURE_FORMS)
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


# -- questions with the passage they were asked of


def strange_lessons(
    shelf: Shelf, other: Shelf, count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """Another filing's figures asked of this one, where it has no such row: refusing is right."""
    known = {frozenset(words(c.row)) for shown in shelf.passages for c in cell_tuple(shown.text)}
    asked = [cell for cell in _plain_cells(other) if frozenset(words(cell.row)) not in known]
    for cell in chance.sample(asked, min(count, len(asked))):
        question = f"What was {cell.row.strip(' :').lower()} in fiscal {cell.period}?"
        found = shelf.ranking.top(question, SHOWN)
        task = prepare(question, [shelf.passages[place] for place in found])
        used = np.zeros(len(task.matrix), dtype=np.bool_)
        used[-1] = True
        yield Lesson(task.matrix, used)


def pair_lessons(
    shelf: Shelf, pairs: Sequence[Mapping[str, Any]], chance: random.Random
) -> Iterator[Lesson | None]:
    """Any sentence of the passage that was asked about counts, if it touches the question."""
    for pair in pairs:
        words = frozenset(stem_tuple(str(pair["positive"])))
        asked = frozenset(stem_tuple(str(pair["question"])))

        def right(
            c: Candidate, _: int, held: frozenset[str] = words, wanted: frozenset[str] = asked
        ) -> bool:
            own = c.sentence.words if c.sentence else frozenset[str]()
            if len(own) < TELLING:
                return False
            return len(own & held) >= 0.9 * len(own) > 0 and len(own & wanted) >= 0.3 * len(wanted)

        yield taught(shelf, str(pair["question"]), right, chance=chance, kind="prose")


def fact_lessons(
    rows: Sequence[Mapping[str, str]], count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """One fact with its short context among the contexts of the same company."""
    by_company: dict[str, list[str]] = {}
    for row in rows:
        known = by_company.setdefault(row["ticker"], [])
        if row["context"] not in known:
            known.append(row["context"])
    shelves = {
        ticker: Shelf.of([Shown(1, text, company=ticker, year=2023) for text in texts])
        for ticker, texts in by_company.items()
    }
    for row in chance.sample(list(rows), min(count, len(rows))):
        shelf = shelves[row["ticker"]]
        own = by_company[row["ticker"]].index(row["context"])
        said = frozenset(stem_tuple(row["answer"])) - frozenset(stem_tuple(row["question"]))

        def right(c: Candidate, place: int, wanted: frozenset[str] = said, home: int = own) -> bool:
            if c.sentence is None or place != home:
                return False
            return len(c.sentence.words & wanted) >= 0.5 * len(wanted) > 0

        yield taught(shelf, row["question"], right, chance=chance, kind="prose", must=[own])


# -- TAT-QA


def _table_text(rows: Sequence[Sequence[str]], caption: str) -> str:
    cut = next(
        (i for i, row in enumerate(rows) if row[0].strip() and any(x.strip() for x in row[1:])), 1
    )
    heads = [" ".join(filter(None, (row[at].strip() for row in rows[:cut])))
             for at in range(1, len(rows[0]))]  # fmt: skip
    lines = [" | ".join("".join(cell.split("\n")).strip() for cell in row) for row in rows[cut:]]
    return "\n".join((caption, " | " + " | ".join(heads), *lines))


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit() or c == ".")


def _wanted_digits(question: Mapping[str, Any]) -> set[str]:
    """Figures that answer a TAT-QA question, or that its sum is computed from."""
    if question["answer_type"] == "arithmetic":
        if len(question["derivation"]) > 40:
            return set()
        parts = "".join(c if c.isdigit() or c in "., " else " " for c in question["derivation"])
        return {_digits(part) for part in parts.split() if len(_digits(part)) > 2} - {"100"}
    answers = question["answer"] if isinstance(question["answer"], list) else [question["answer"]]
    return {_digits(str(a)) for a in answers if _digits(str(a)) and len(str(a)) < 20}


def tat_lessons(
    contexts: Sequence[Mapping[str, Any]], count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """People's questions over a table and its paragraphs, among others of the same file."""
    passages: list[Shown] = []
    homes: list[list[int]] = []
    for context in contexts:
        own = [_table_text(context["table"]["table"], "Table")]
        own += [paragraph["text"] for paragraph in context["paragraphs"]]
        homes.append(list(range(len(passages), len(passages) + len(own))))
        passages += [Shown(1, text) for text in own]
    shelf = Shelf.of(passages)
    asked = [
        (question, home)
        for context, home in zip(contexts, homes, strict=True)
        for question in context["questions"]
        if question["answer_type"] in ("span", "multi-span", "arithmetic")
    ]
    chance.shuffle(asked)
    for question, home in asked[:count]:
        digits = _wanted_digits(question)
        spans = [" ".join(stem_tuple(str(a))) for a in question["answer"]] if isinstance(
            question["answer"], list) else []  # fmt: skip
        long = [span for span in spans if len(span.split()) > 1]
        years = {int(y) for y in ("2015", "2016", "2017", "2018", "2019", "2020")
                 if y in question["question"]}  # fmt: skip

        def right(
            c: Candidate, place: int, held: set[str] = digits, said: list[str] = long,
            own: list[int] = home, when: set[int] = years,
        ) -> bool:  # fmt: skip
            if place not in own:
                return False
            if c.cell is not None:
                timely = not when or not years_of(c.cell) or bool(when & years_of(c.cell))
                return timely and _digits(c.cell.quantity.text) in held
            text = " ".join(c.sentence.stems) if c.sentence else ""
            return any(span in text for span in said)

        kind = "figure" if digits else "prose"
        yield taught(shelf, question["question"], right, chance=chance, kind=kind, must=home[:4])


# -- all of it


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _shelf(path: Path) -> Shelf:
    return Shelf.of(
        [
            Shown(1, r["text"], r["company"], r["fiscal_year"], str(r["page"]), r["section"])
            for r in _lines(path)
        ]
    )


def filing_lessons(
    path: Path, other: Path, count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """Cells and paired questions of one filing, and questions that belong to another."""
    shelf = _shelf(path)
    owner = f"{shelf.passages[0].company.split()[0].strip(',')}'s"
    yield from cell_lessons(shelf, owner, count, chance)
    yield from strange_lessons(shelf, _shelf(other), count // 12, chance)
    pairs = path.with_name(f"{path.stem}.pairs.jsonl")
    if pairs.exists():
        yield from pair_lessons(shelf, chance.sample(_lines(pairs), count), chance)


def main(data: Path, chunks: Sequence[Path]) -> Weights:
    """Train the teacher. Deterministic: the same files give the same weights."""
    chance = random.Random(10)
    made: list[Lesson | None] = []
    for path, other in zip(chunks, [*chunks[1:], chunks[0]], strict=True):
        made += filing_lessons(path, other, 350, chance)
    contexts = [
        context
        for name in ("tatqa_dev.json", "tatqa_test_gold.json")
        for context in json.loads((data / name).read_text(encoding="utf-8"))
    ]
    made += tat_lessons(contexts, 1200, chance)
    made += fact_lessons(_lines(data / "financial_qa_10k_train.jsonl"), 1500, chance)
    good = [one for one in made if one is not None]
    chance.shuffle(good)
    held, learned = good[: len(good) // 10], good[len(good) // 10 :]
    plan = Plan(epochs=25, rate=0.05, pull=0.0005, batch=64)
    *_, last = fit(learned, seed=10, plan=plan, start=Weights({}))
    loss, right = measure(held, last.weights)
    sys.stderr.write(f"{len(learned)} lessons; held out: loss {loss:.3f}, right {right:.3f}\n")
    return Weights({name: round(value, 3) for name, value in last.weights.values.items()})


if __name__ == "__main__":
    sys.stdout.write(
        main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]).to_json() + "\n"
    )
