"""Question files and chunks of filings in, teacher.json out: how the teacher's weights were made.

    python -m backend.local.reader.make_teacher DATA CHUNKS... > teacher.json

DATA is a folder with TAT-QA (`tatqa_dev.json`, `tatqa_test_gold.json`) and
`financial_qa_10k_train.jsonl`; each of CHUNKS is one filing as JSON lines of {company,
fiscal_year, page, section, kind, text}, and beside it may lie `NAME.pairs.jsonl` of {question,
positive, found}, where `found` holds the lines that search found; `tests/lessons.py` writes them
from the filings. teacher.json is what this writes, to the digit: the same files give the same
weights, whatever the hash seed, and no figure is edited afterwards.

The teacher in this folder learned from both, and from the 10-Ks of Uber and Lyft (2021), Verizon
(2022), Amcor (2023) and Activision Blizzard (2019). Nothing of the filings and questions that tenk
is examined on went in.

Lessons: people's questions on tables and text (TAT-QA); facts with their sentence among others of
the same company; cells asked by their row and period, reworded by synonyms, among what BM25 finds
in the filing; questions with the passage they were asked of; short questions that name no more
than a heading. From one in ten what answers it is taken away, and some figures are asked for a
place, a name or a year that the filing has not: there refusing is right. They carry their right
candidates, so no answer is parsed.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.local.reader.cell_lessons import cell_lessons, estranged_lessons, strange_lessons
from backend.local.reader.features import AT
from backend.local.reader.heading_lessons import heading_lessons
from backend.local.reader.people_lessons import fact_lessons, pair_lessons, tat_lessons
from backend.local.reader.prompts import Shown
from backend.local.reader.shelves import Shelf
from backend.local.reader.training import Lesson, Plan, fit, measure
from backend.local.reader.weights import Weights, choice
from backend.passages import is_table

BEGIN = Weights(
    {
        "cell_worded": -8.0,
        "growth_share": -4.0,
        "percent_unasked": -2.0,
        "row_changes": -2.0,
        "sentence_bare": -2.0,
        "sentence_refers": -2.0,
        "exhibit": -2.0,
        "kind_person": 2.0,
    }
)
"""What is known beforehand, and rare in the lessons: a question for words has no figure for an
answer, one for growth no share, a row of changes is no balance; a name answers who."""


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
    yield from strange_lessons(shelf, _shelf(other), count // 10, chance)
    yield from estranged_lessons(shelf, count // 8, chance)
    pairs = path.with_name(f"{path.stem}.pairs.jsonl")
    if pairs.exists():
        yield from pair_lessons(shelf, _lines(pairs), chance)
    yield from heading_lessons(shelf, owner, count // 6, chance)


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
    tables = [p for path in chunks for p in _shelf(path).passages if is_table(p.text)]
    made += fact_lessons(_lines(data / "financial_qa_10k_train.jsonl"), tables, 2500, chance)
    good = [one for one in made if one is not None]
    for one in good:  # bare words in common are for a student to begin with: rows have synonyms
        one.matrix[:, AT["overlap"]] = 0.0
    chance.shuffle(good)
    held, learned = good[: len(good) // 10], good[len(good) // 10 :]
    plan = Plan(epochs=25, rate=0.05, pull=0.0005, batch=64)
    *_, last = fit(learned, seed=10, plan=plan, start=BEGIN)
    loss, right = measure(held, last.weights)
    sys.stderr.write(f"{len(learned)} lessons; held out: loss {loss:.3f}, right {right:.3f}\n")
    sys.stderr.write(_refusing(held, last.weights))
    return Weights({name: round(value, 3) for name, value in last.weights.values.items()})


def _refusing(held: Sequence[Lesson], weights: Weights) -> str:
    """How often refusing is right and wrong."""
    told = [
        (one.used[-1], choice(one.matrix @ weights.vector, one.allowed) == len(one.used) - 1)
        for one in held
    ]
    gone = [said for right, said in told if right]
    there = [said for right, said in told if not right]
    return (
        f"refused {sum(gone)} of {len(gone)} whose answer is not there, "
        f"{sum(there)} of {len(there)} whose answer is\n"
    )


if __name__ == "__main__":
    sys.stdout.write(
        main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]).to_json() + "\n"
    )
