"""Question files in, lessons out: facts, questions with their passage, and TAT-QA."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.local.reader.candidates import Candidate
from backend.local.reader.cell_years import years_of
from backend.local.reader.prompts import Shown
from backend.local.reader.shelves import SHOWN, Shelf, taught
from backend.local.reader.training import Lesson
from backend.terms import stem_tuple

PLACES = (0.75, 0.13, 0.04, 0.03, 0.02, 0.02, 0.01)
"""How often search has the passage that answers in each place: measured on Uber's and Lyft's."""
TABLES = 80
"""Tables of filings among the contexts of one company: figures that answer no question there."""
TELLING = 9
"""Different words that a sentence needs to answer a question in prose: headings do not."""


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

        found = pair.get("found", ())
        yield taught(shelf, str(pair["question"]), right, chance=chance, kind="prose", found=found)


def fact_lessons(
    rows: Sequence[Mapping[str, str]], tables: Sequence[Shown], count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """One fact with its short context among the contexts of the same company, and some tables."""
    by_company: dict[str, list[str]] = {}
    for row in rows:
        known = by_company.setdefault(row["ticker"], [])
        if row["context"] not in known:
            known.append(row["context"])
    shelves = {
        ticker: Shelf.of(
            [Shown(1, text, company=ticker, year=2023) for text in texts]
            + chance.sample(tables, TABLES)
        )
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

        found = [place for place in shelf.ranking.top(row["question"], SHOWN) if place != own]
        found.insert(chance.choices(range(len(PLACES)), PLACES)[0], own)
        yield taught(shelf, row["question"], right, chance=chance, kind="prose", found=found)


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
