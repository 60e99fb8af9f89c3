"""Passages taken apart: cells, sentences, refusals."""

import json
import time
from pathlib import Path

import pytest

from backend.passages import Cell, cells, is_refusal, paragraph_tuple, sentences

INCOME = """\
Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022 | % Change
Revenue | $26,974 | $26,914 | \u2014%
Cost of revenue | 11,618 | 9,439 | 23%
Loss per share | (0.12) | -
Weighted average shares used in per share computation:
Basic | 2,487 | 2,496
Net income per share:
Diluted | 1.74 | 3.85"""


def cell(text: str, row: str, at: int = 0) -> Cell:
    return [found for found in cells(text) if found.row == row][at]


def test_a_cell_knows_its_row_column_period_unit_and_scale() -> None:
    found = cell(INCOME, "Cost of revenue", 1)

    assert found.period == 2022
    assert found.column == "Year ended Jan 30, 2022"
    assert found.quantity.amount == 9_439_000_000
    assert found.quantity.unit == "USD"
    assert found.line == "Cost of revenue | 11,618 | 9,439 | 23%"


def test_per_share_rows_are_an_exception_to_the_scale() -> None:
    assert cell(INCOME, "Loss per share").quantity.amount == -0.12
    assert cell(INCOME, "Diluted").quantity.unit == "USD per share"
    assert cell(INCOME, "Diluted").quantity.scale == 1.0


def test_share_counts_are_shares_in_the_captions_scale() -> None:
    assert cell(INCOME, "Basic").quantity.unit == "shares"
    assert cell(INCOME, "Basic").quantity.amount == 2_487_000_000


def test_a_change_column_has_no_period_and_is_percent() -> None:
    found = cell(INCOME, "Cost of revenue", 2)

    assert found.period is None
    assert found.quantity.unit == "percent"


def test_a_heading_row_groups_the_rows_below_it() -> None:
    assert cell(INCOME, "Diluted").group == "Net income per share:"


def test_rows_labelled_by_year_give_their_cells_the_period() -> None:
    text = "Future payments (USD in thousands)\n | Amount\n2024 | 1,097\n2025 | 1,066"

    assert [(c.period, c.quantity.amount) for c in cells(text)] == [
        (2024, 1_097_000),
        (2025, 1_066_000),
    ]


def test_a_heading_row_with_a_year_gives_it_to_the_rows_below() -> None:
    text = "Segments (USD in millions)\n | A | B\nYear ended January 31, 2021:\nRevenue | 5 | 6"

    assert [c.period for c in cells(text)] == [2021, 2021]


def test_headings_repeated_in_the_middle_replace_the_columns() -> None:
    text = "T (in millions)\n | 2023 | 2022\nA | 1 | 2\n | 2021 | 2020\nB | 3 | 4"

    assert [c.period for c in cells(text)] == [2023, 2022, 2021, 2020]


PAGE = """\
CONSOLIDATED STATEMENTS OF CASH FLOWS
(In millions)
Year Ended
January 29,
2023
January 30,
2022
Cash flows from operating activities:
Net income $ 4,368 $ 9,752
Losses (gains) on investments in
non-affiliates, net 45 (100)
Repayment of debt \u2014 (1,000)
See accompanying notes to the consolidated financial statements.
58"""


def test_running_text_of_a_table_gives_the_same_cells() -> None:
    found = cell(PAGE, "Net income", 1)

    assert found.period == 2022
    assert found.quantity.amount == 9_752_000_000
    assert cell(PAGE, "Repayment of debt").quantity.value == 0


def test_a_wrapped_label_in_running_text_is_joined() -> None:
    label = "Losses (gains) on investments in non-affiliates, net"

    assert [c.quantity.value for c in cells(PAGE) if c.row == label] == [45, -100]


def test_change_columns_between_stacked_headings_keep_their_place() -> None:
    text = (
        "Year Ended\nJanuary 29,\n2023\nJanuary 30,\n2022\n$\nChange\n%\nChange\n"
        "($ in millions)\nInterest income $ 267 $ 29 $ 238 821 %"
    )

    assert [c.period for c in cells(text)] == [2023, 2022, None, None]
    assert cells(text)[3].quantity.unit == "percent"


def test_prose_that_ends_in_a_figure_is_no_row() -> None:
    assert cells("Automotive revenue grew in fiscal year 2023 to $903 million.") == []
    assert cells("") == []


def test_a_long_row_of_figures_is_read_in_bounded_time() -> None:
    text = "Year Ended 2023 2022\n" + "Total of everything " + "$ 1,234 (5) % " * 4000

    start = time.process_time()
    cells(text)
    cells("\n".join(["A row of words and 1 2 3"] * 3000))

    assert time.process_time() - start < 5


def test_thousands_of_heading_lines_are_read_one_pass_each() -> None:
    text = "\n".join(["Table", *["| 2021 | 2022"] * 40_000, "Revenue | 5 | 6"])

    assert [(c.period, c.quantity.value) for c in cells(text)] == [(2021, 5.0), (2022, 6.0)]


NOTE = (
    "Manufacturing and Supply\n"
    "We assemble instruments in Rochester. The plant in Fairport will close by December 2025, and "
    "its work will move to Rochester, where a second hall has been built for it and for the stores "
    "that were rented until now.\n"
    "Inventories. Inventories are stated at the lower of cost and net realizable value. Cost is "
    "determined by the first-in, first-out method.\n"
    "We compete on:\n\u2022 price; and\n\u2022 delivery times in Europe"
)


def test_a_heading_is_told_apart_from_the_text_under_it() -> None:
    found = paragraph_tuple(NOTE)

    assert found[0].heading == "Manufacturing and Supply"
    assert found[0].sentences[0] == "We assemble instruments in Rochester."
    assert sentences(NOTE)[:2] == [
        "Manufacturing and Supply",
        "We assemble instruments in Rochester.",
    ]


def test_a_heading_that_runs_into_the_text_is_no_sentence_of_it() -> None:
    found = paragraph_tuple(NOTE)[1]

    assert found.opening == "Inventories."
    assert found.sentences[0].startswith("Inventories are stated at the lower of cost")


def test_items_of_a_list_are_paragraphs_of_their_own() -> None:
    assert [(p.sentences[0], p.item) for p in paragraph_tuple(NOTE)[2:]] == [
        ("We compete on:", False),
        ("price; and", True),
        ("delivery times in Europe", True),
    ]


def test_lines_wrapped_by_a_page_are_joined_into_sentences() -> None:
    text = (
        "Revenue Recognition\nWe derive our revenue from product sales, including hardware and\n"
        "Systems that we build. It is recognized when control passes to the customer of the goods."
    )

    assert sentences(text) == [
        "Revenue Recognition",
        "We derive our revenue from product sales, including hardware and Systems that we build.",
        "It is recognized when control passes to the customer of the goods.",
    ]


def test_abbreviations_and_decimals_end_no_sentence() -> None:
    text = "Apple Inc. The U.S. market, No. 5, grew 5.2%. We sold it to Foo Corp. in 2022. Done."

    assert sentences(text) == [
        "Apple Inc.",
        "The U.S. market, No. 5, grew 5.2%.",
        "We sold it to Foo Corp. in 2022.",
        "Done.",
    ]


def test_bullets_and_empty_lines_part_sentences() -> None:
    assert sentences("risks such as \u2022 fire \u2022 floods\n\nNext one.") == [
        "risks such as",
        "fire",
        "floods",
        "Next one.",
    ]
    assert sentences("  \n 12 \n") == []


@pytest.mark.parametrize(
    "answer",
    [
        "The evidence does not say; I looked for goodwill, fiscal 2019 in Note 5.",
        "The context does not provide specific information on write-downs.",
        "I'm sorry, but I cannot find that in the filing.",
        "There is no mention of dividends in the provided documents.",
        "Based on the provided context, there is no specific information about Amcor.",
        "This information is not disclosed.",
        "It cannot be determined from the evidence.",
    ],
)
def test_a_refusal_is_known_in_any_models_words(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Revenue was $26,974 million for fiscal 2023 [1]. The evidence does not say why.",
        "We do not manufacture the semiconductors that we sell [2].",
        "Certain components are not available from other suppliers [1].",
        "Amcor does not have an improving gross margin.",
        "",
    ],
)
def test_an_answer_that_says_something_is_no_refusal(answer: str) -> None:
    assert not is_refusal(answer)


def test_the_articles_refusals_are_told_from_its_answers(shared_data: Path) -> None:
    path = shared_data / "nvidia" / "gpt4_finetuning_events.jsonl"
    answers = [
        json.loads(line)["messages"][-1]["content"]
        for line in path.read_text(encoding="utf-8").splitlines()
    ]

    wrong = [a for a in answers if is_refusal(a) != ("does not provide" in a)]

    assert wrong == []
    assert sum(map(is_refusal, answers)) == 18
