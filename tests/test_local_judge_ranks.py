"""The judge against known gold: on the sample filing it ranks systems as their answers deserve."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

import pytest

from backend.filings import read_filing
from backend.local.embedder import embed
from backend.local.judge_questions import question_for
from backend.local.judge_statements import statements
from backend.local.judge_verdicts import verdicts
from backend.local.judge_words import without_citations
from backend.local.reader import STUDENT_START, TEACHER, Weights, read
from backend.passages import Cell, cells, is_refusal
from backend.quantities import Quantity, quantities, same_value
from backend.records import Message
from backend.samples import SAMPLE_PDF, SAMPLE_QUESTIONS
from backend.terms import stems

SHOWN = 6
SCALES = {1.0: "", 1e3: " thousand", 1e6: " million", 1e9: " billion"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for a figure, its gold answer, and evidence that holds it."""

    question: str
    answer: str
    gold: Quantity
    evidence: tuple[str, ...]


def signless(figure: Quantity) -> Quantity:
    return replace(figure, value=abs(figure.value))


def holds(text: str, gold: Quantity) -> bool:
    return any(same_value(signless(cell.quantity), signless(gold)) for cell in cells(text))


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    """The sample's figure questions whose gold stands in a table; evidence as a search finds it,
    and where it missed, with the table."""
    chunks = [
        chunk.text for chunk in read_filing(SAMPLE_PDF, max_pages=500, page_timeout=20).chunks
    ]
    lines = SAMPLE_QUESTIONS.read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    rows = [row for row in rows if row["kind"] == "figure"]
    near = embed([row["question"] for row in rows]) @ embed(chunks).T
    found: list[Asked] = []
    for row, scores in zip(rows, near.tolist(), strict=True):
        gold = quantities(row["answer"])[-1]
        order = sorted(range(len(chunks)), key=lambda at: -scores[at])
        words = set(stems(row["item"]))
        whole = [at for at in order if holds(chunks[at], gold) and words <= set(stems(chunks[at]))]
        if whole:
            shown = dict.fromkeys([*order[: SHOWN - 1], whole[0]])
            texts = tuple(chunks[at] for at in shown)
            found.append(Asked(row["question"], row["answer"], gold, texts))
    return found


def prompt(one: Asked) -> list[Message]:
    shown = "\n\n".join(
        f"[{number}] Calderwick Instruments 10-K, fiscal 2025, page {number}\n{text}"
        for number, text in enumerate(one.evidence, 1)
    )
    text = f"Evidence:\n\n{shown}\n\nQuestion: {one.question}"
    return [
        Message(role="system", content="Answer only from the evidence."),
        Message(role="user", content=text),
    ]


def stated(cell: Cell) -> str:
    """A cell in a reader's words."""
    figure = cell.quantity
    text = figure.text.strip("$()%")
    if figure.unit == "percent":
        return f"{cell.row} was {text}% in fiscal {cell.period}."
    sign = "$" if figure.unit.startswith("USD") else ""
    return f"{cell.row} was {sign}{text}{SCALES[figure.scale]} in fiscal {cell.period}."


def other_cell(one: Asked, *, same_row: bool) -> str:
    """Another year of the gold's row, or another row of its year; the refusal where none is."""
    for text in one.evidence:
        table = [cell for cell in cells(text) if cell.period and cell.quantity.value]
        for gold in table:
            if not same_value(signless(gold.quantity), signless(one.gold)):
                continue
            for cell in table:
                moved = (cell.row == gold.row, cell.period == gold.period)
                if moved == (same_row, not same_row) and not same_value(
                    signless(cell.quantity), signless(one.gold)
                ):
                    return stated(cell)
    return "The evidence does not say."


def rescaled(one: Asked) -> str:
    for scale, other in (("million", "billion"), ("thousand", "million"), ("%", " million")):
        if scale in one.answer:
            return one.answer.replace(scale, other)
    return one.answer.replace(one.gold.text, f"{one.gold.text} million")


def liar(one: Asked, number: int) -> str:
    return f"{one.question.rstrip('?')}: ${1013 + 617 * number % 8000:,} million."


def faithfulness(one: Asked, answer: str) -> float:
    judged = verdicts("\n".join(one.evidence), statements(one.question, answer))
    return mean(verdict.holds for verdict in judged)


def total(one: Asked, answer: str) -> float:
    """Faithfulness and answer relevancy, as the exam joins them."""
    true = faithfulness(one, answer)
    if not true or is_refusal(without_citations(answer)):
        return 0.0
    asked_for, answered = embed([one.question, question_for(answer)])
    near = float(asked_for @ answered)
    return 2 * true * near / (true + near)


@pytest.fixture(scope="module")
def systems(asked: list[Asked]) -> dict[str, list[str]]:
    return {
        "gold": [one.answer for one in asked],
        "period": [other_cell(one, same_row=True) for one in asked],
        "row": [other_cell(one, same_row=False) for one in asked],
        "scale": [rescaled(one) for one in asked],
        "liar": [liar(one, number) for number, one in enumerate(asked)],
        "refusal": ["The evidence does not say what was asked."] * len(asked),
    }


@pytest.fixture(scope="module")
def totals(asked: list[Asked], systems: dict[str, list[str]]) -> dict[str, float]:
    return {name: score(asked, answers) for name, answers in systems.items()}


def score(asked: Sequence[Asked], answers: Sequence[str]) -> float:
    return mean(total(one, answer) for one, answer in zip(asked, answers, strict=True))


def test_the_judge_is_tried_on_forty_questions_or_more(asked: list[Asked]) -> None:
    assert len(asked) >= 40


def test_gold_answers_are_borne_out_six_times_in_seven(
    asked: list[Asked], systems: dict[str, list[str]]
) -> None:
    true = [faithfulness(one, answer) for one, answer in zip(asked, systems["gold"], strict=True)]

    assert mean(true) > 6 / 7


@pytest.mark.parametrize(("wrong", "most"), [("period", 0.15), ("row", 0.15), ("scale", 0.02)])
def test_wrong_figures_are_hardly_ever_borne_out(
    asked: list[Asked], systems: dict[str, list[str]], wrong: str, most: float
) -> None:
    true = [faithfulness(one, answer) for one, answer in zip(asked, systems[wrong], strict=True)]

    assert mean(true) < most


def test_gold_comes_first_by_far(totals: dict[str, float]) -> None:
    others = [value for name, value in totals.items() if name != "gold"]

    assert totals["gold"] > max(others) + 0.4


def test_a_liar_comes_last(totals: dict[str, float]) -> None:
    assert totals["liar"] == min(totals.values())


def accuracy(asked: Sequence[Asked], answers: Sequence[str]) -> float:
    """How often an answer states the gold figure."""
    return mean(
        any(same_value(signless(figure), signless(one.gold)) for figure in quantities(answer))
        for one, answer in zip(asked, answers, strict=True)
    )


def test_readers_are_ranked_as_their_gold_is(asked: list[Asked]) -> None:
    readers: list[Weights] = [TEACHER, STUDENT_START]
    teacher, student = ([read(prompt(one), weights).answer for one in asked] for weights in readers)

    gold = accuracy(asked, teacher) - accuracy(asked, student)
    judged = score(asked, teacher) - score(asked, student)

    assert gold > 0.03
    assert judged > 0.03
