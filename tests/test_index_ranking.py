"""Where a chunk stands and which statements a question needs: pure decisions."""

import numpy as np
import pytest

from backend.index import ranking, vectors, wording
from backend.index.ranking import fuse, in_turn, rank, with_statements
from backend.index.statements import statements_needed
from backend.records import Chunk, ChunkKind, Passage

INCOME, BALANCE, CASH = "Statements of Income", "Balance Sheets", "Statements of Cash Flows"


def passage(
    number: int, score: float, section: str = "Item 7", kind: ChunkKind = "prose", text: str = "x"
) -> Passage:
    where = Chunk(pages=(number,), section=section, kind=kind, text=text)
    return Passage(
        filing="f",
        file="f.pdf",
        company="C",
        fiscal_year=2023,
        page=number,
        score=score,
        chunk=number,
        **where.model_dump(),
    )


def order(passages: list[Passage]) -> list[int]:
    return [found.chunk for found in passages]


def test_an_exhibit_ranks_below_the_report_that_says_as_much() -> None:
    found = [passage(1, 1.0, "Exhibit 10.1 Plan"), passage(2, 0.9)]

    assert order(rank("What are the risks of supply?", found)) == [2, 1]


@pytest.mark.parametrize(
    "question",
    [
        "What does the equity incentive plan say about forfeiture?",
        "What does Exhibit 10.1 say?",
        "When does the credit agreement end?",
        "Who are the lenders?",
    ],
)
def test_an_exhibit_keeps_its_place_when_the_question_is_about_one(question: str) -> None:
    found = [passage(1, 1.0, "Exhibit 10.1 Plan"), passage(2, 0.9)]

    assert order(rank(question, found)) == [1, 2]


@pytest.mark.parametrize(
    "question",
    ["Who is the CEO?", "Who is the chief financial officer?", "How many employees are there?"],
)
def test_a_letter_in_an_exhibit_does_not_tell_who_runs_the_company(question: str) -> None:
    found = [passage(1, 1.0, "Exhibit 10.13 Employment Agreement"), passage(2, 0.7)]

    assert order(rank(question, found)) == [2, 1]


def test_the_item_that_lists_the_exhibits_is_no_exhibit() -> None:
    found = [passage(1, 1.0, "Item 15. Exhibits and Financial Statement Schedules")]

    assert rank("What was spent on research?", found)[0].score == 1.0


def test_a_table_ranks_above_prose_that_says_as_much_when_a_figure_is_asked() -> None:
    found = [passage(1, 1.0), passage(2, 0.95, kind="table")]

    assert order(rank("How much revenue was there?", found)) == [2, 1]
    assert order(rank("What does the company make?", found)) == [1, 2]


def test_a_section_named_ranks_above_others_that_say_as_much() -> None:
    found = [passage(1, 1.0), passage(2, 0.9, "Item 1A. Risk Factors")]

    assert order(rank("Which risk factors name suppliers?", found)) == [2, 1]


def test_a_tables_caption_names_its_statement_where_the_section_does_not() -> None:
    table = passage(2, 0.9, "Item 8", "table", "Consolidated Balance Sheets (USD)\n | 2023")

    assert order(rank("What is on the balance sheet?", [passage(1, 1.0), table])) == [2, 1]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is on the balance sheet?", {BALANCE}),
        ("Calculate it from the statement of income and the cash flow statement.", {INCOME, CASH}),
        ("Has the quick ratio improved between FY2023 and FY2022?", {BALANCE}),
        ("Has its quick ratio improved? If not useful, explain why.", {BALANCE}),
        ("What is the fixed asset turnover ratio?", {INCOME, BALANCE}),
        ("Is it a capital intensive business?", {INCOME, BALANCE, CASH}),
        ("What was the gross margin in 2022?", {INCOME}),
        ("What is the 3 year average of capex as a % of revenue?", {INCOME, CASH}),
        ("How much did the company spend on SG&A?", {INCOME}),
        ("What was the bottom line for fiscal 2025?", {INCOME}),
        ("What were total assets at year end?", {BALANCE}),
        ("How did inventories change during 2022?", {BALANCE}),
        ("How much was paid for share repurchases?", {CASH}),
    ],
)
def test_what_is_computed_or_printed_in_statements_needs_them(
    question: str, expected: set[str]
) -> None:
    needed = {name.removeprefix("Consolidated ") for name in statements_needed(question).names}

    assert needed & {INCOME, BALANCE, CASH} == expected


@pytest.mark.parametrize(
    "question",
    [
        "Why did the gross margin fall?",
        "Explain how revenue is recognized.",
        "Which risks does the company name?",
        "Who audits the company?",
        "",
        "€£",
    ],
)
def test_a_question_for_words_needs_no_statement(question: str) -> None:
    assert statements_needed(question).names == []


def test_statements_take_turns_with_what_the_words_found() -> None:
    found = [passage(1, 0.9), passage(2, 0.8), passage(3, 0.7)]
    tables = [passage(n, 0.5, "Balance Sheets", "table") for n in (7, 8, 9)]

    mixed = with_statements(found, tables, parts=2)

    assert order(mixed) == [1, 7, 2, 8, 3]
    assert [p.score for p in mixed] == sorted((p.score for p in mixed), reverse=True)


def test_a_statement_that_the_words_found_too_stands_there_once_at_its_better_place() -> None:
    statement = passage(7, 0.9, "Balance Sheets", "table")

    mixed = with_statements([statement, passage(1, 0.8)], [statement], parts=2)

    assert order(mixed) == [7, 1]


def test_lists_of_unequal_length_take_turns_until_the_longest_ends() -> None:
    assert order(in_turn([[passage(1, 1.0)], [passage(2, 1.0), passage(3, 0.5)], []])) == [1, 2, 3]
    assert in_turn([]) == []


IDS = np.array([1, 2, 3], np.int64)


def test_words_and_vectors_agreeing_beat_either_alone() -> None:
    cosines = np.array([0.9, 0.85, 0.1], np.float32)

    found = fuse([(3, 5.0), (2, 4.5)], IDS, cosines, wide=3)

    assert found[0][0] == 2


def test_without_words_the_vectors_decide_and_the_other_way_round() -> None:
    level = np.array([0.5, 0.5, 0.5], np.float32)

    by_vector = fuse([], IDS, np.array([0.1, 0.9, 0.5], np.float32), wide=3)
    by_words = fuse([(3, 2.0), (1, 1.0)], IDS, level, wide=3)

    assert [number for number, _ in by_vector] == [2, 3, 1]
    assert [number for number, _ in by_words] == [3, 1, 2]


def test_nothing_to_fuse_gives_nothing() -> None:
    nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)

    assert fuse([], *nothing, wide=5) == []


def test_the_best_are_the_highest_and_of_equals_the_first() -> None:
    scores = np.array([0.5, 0.9, 0.5], np.float32)

    assert [number for number, _ in vectors.best(IDS, scores, 2)] == [2, 1]
    assert vectors.best(IDS, scores, 9) == vectors.best(IDS, scores, 3)


def test_a_packed_vector_keeps_its_direction() -> None:
    rng = np.random.default_rng(7)
    one, other = rng.normal(size=(2, 1024)).tolist()

    held = vectors.matrix([1, 2], [vectors.pack(one), vectors.pack(other)])

    exact = float(np.dot(vectors.unit(one), vectors.unit(other)))
    cosines = vectors.cosines(held, vectors.unit(one))
    assert abs(float(cosines[0]) - 1.0) < 1e-3
    assert abs(float(cosines[1]) - exact) < 1e-3


def test_a_vector_of_zeros_is_near_nothing() -> None:
    held = vectors.matrix([1], [vectors.pack([0.0, 0.0])])

    assert vectors.cosines(held, vectors.unit([1.0, 1.0])).tolist() == [0.0]


def test_asking_words_and_company_names_are_not_looked_for() -> None:
    words = wording.words_of("What was NVIDIA's R&D spend in 2023?", passing_over=["nvidia"])

    assert words == ["r&d", "spend", "2023"]


def test_a_words_parts_are_looked_for_together() -> None:
    assert wording.any_of(["r&d", 'a"b']) == '"r&d" OR "a b"'


def test_weights_only_reorder_what_was_found() -> None:
    found = [passage(n, 1.0 / n, "Exhibit 1" if n % 2 else "Item 7") for n in range(1, 9)]

    ranked = rank("What was revenue?", found, ranking.Weights(exhibit=0.1))

    assert sorted(order(ranked)) == list(range(1, 9))
