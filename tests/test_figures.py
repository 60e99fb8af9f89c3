"""Figures of an answer against the evidence that it cites."""

import time

import pytest

from backend.figures import NOT_FOUND, check_figures, mark
from backend.records import CheckedFigure, Citation, Passage

INCOME = """\
Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Revenue | $26,974 | $26,914
Cost of revenue | 11,618 | 9,439
Gross profit | 15,356 | 17,475
Other income (expense), net | (48) | 107
Income tax expense (benefit) | (187) | 189
Net income | $4,368 | $9,752
Diluted earnings per share | $1.74 | $3.85"""
CASH = """\
Consolidated Statements of Cash Flows (USD in millions)
 | Fiscal 2023 | Fiscal 2022
Purchases related to property and equipment | (1,833) | (976)
Net cash provided by operating activities | 5,641 | 9,108
Gross margin | 56.9% | 64.9%"""
PROSE = (
    "As of January 29, 2023, we had 26,196 employees in 35 countries. "
    "Data Center revenue was $15.01 billion in fiscal 2023, up 41% from $10.61 billion in fiscal "
    "2022. The 2025 notes bear interest of 3.20%."
)
RETAIL = """\
Consolidated Statements of Income (USD in thousands)
 | Year ended Feb 3, 2024 | Year ended Jan 28, 2023
Net sales | 512,300 | 498,100"""


def passage(text: str, *, year: int | None = 2023, kind: str = "table") -> Passage:
    return Passage.model_validate(
        {
            "filing": "f1",
            "file": "acme.pdf",
            "company": "Acme",
            "fiscal_year": year,
            "page": 40,
            "pages": (40,),
            "section": "Item 8",
            "kind": kind,
            "text": text,
            "score": 1.0,
            "chunk": 1,
        }
    )


PASSAGES = [passage(INCOME), passage(CASH), passage(PROSE, kind="prose")]


def cited(*numbers: int) -> list[Citation]:
    return [Citation(number=n, filing="f1", file="acme.pdf", page=40, quote="") for n in numbers]


def found(answer: str, *, question: str = "") -> list[bool]:
    figures = check_figures(answer, cited(1, 2, 3), PASSAGES, question=question)
    return [figure.found for figure in figures]


@pytest.mark.parametrize(
    "answer",
    [
        "Revenue was $26,974 million in fiscal 2023 [1].",
        "Revenue was $27.0 billion in fiscal 2023 [1].",
        "Revenue was $26.97 billion for the year ended January 29, 2023 [1].",
        "Revenue was $26,974,000,000 in fiscal 2023 [1].",
        "Revenue was $26,974 million [1].",
        "In fiscal 2022, revenue was $26,914 million [1].",
        "Revenue was $26,974 million in fiscal 2023 and $26,914 million in fiscal 2022 [1].",
        "It was $26,914 million and $26,974 million in fiscal 2022 and 2023, respectively [1].",
        "In fiscal 2023 and 2022, revenue was $26,974 million and $26,914 million [1].",
        "In fiscal 2023 revenue was $26,974 million, compared with $26,914 million in 2022 [1].",
        "Revenue in fiscal 2023 rose from $26,914 million to $26,974 million [1].",
        "In fiscal 2023 it was $26,974 million; it was $26,914 million the year before [1].",
        "Between fiscal 2022 and fiscal 2023 revenue rose from $26,914 million to $26,974 million "
        "[1].",
        "Net income fell to $4,368 million in fiscal 2023 from $9,752 million in fiscal 2022 [1].",
        "Diluted earnings per share were $1.74 in fiscal 2023 [1].",
        "It earned $3.85 per diluted share in fiscal 2022 [1].",
        "Other expense, net was $48 million in fiscal 2023 [1].",
        "Other income (expense), net was $(48) million in fiscal 2023 [1].",
        "The income tax benefit was $187 million in fiscal 2023 [1].",
        "Capital expenditures were $1,833 million in fiscal 2023 [2].",
        "Gross margin was 56.9% in fiscal 2023 and 64.9% in fiscal 2022 [2].",
        "It had 26,196 employees as of January 29, 2023 [3].",
        "Data Center revenue was $15.01 billion in fiscal 2023, up 41% [3].",
        "Data Center revenue was $10.61 billion in fiscal 2022 [3].",
        "- Revenue: $26,974 million\n- Net income: $4,368 million",
    ],
)
def test_a_figure_that_the_evidence_prints_is_found(answer: str) -> None:
    checks = found(answer)

    assert checks and all(checks), checks


@pytest.mark.parametrize(
    ("answer", "checks"),
    [
        pytest.param("Revenue was $26,975 million in fiscal 2023 [1].", [False], id="value"),
        pytest.param("Revenue was $26,914 million in fiscal 2023 [1].", [False], id="period"),
        pytest.param("Revenue was $26,914 million for FY2023 [1].", [False], id="period, short"),
        pytest.param(
            "Revenue was $26,974 million for the year ended January 30, 2022 [1].",
            [False],
            id="period, by date",
        ),
        pytest.param(
            "Revenue was $26,914 million in fiscal 2023 and $26,974 million in fiscal 2022 [1].",
            [False, False],
            id="periods swapped",
        ),
        pytest.param(
            "Revenue was $26,914 million and $26,974 million in fiscal 2023 and 2022, "
            "respectively [1].",
            [False, False],
            id="order swapped",
        ),
        pytest.param("Revenue was $26,974 thousand in fiscal 2023 [1].", [False], id="scale"),
        pytest.param("Revenue was $26,974 in fiscal 2023 [1].", [False], id="no scale"),
        pytest.param("Revenue was $26.9 billion in fiscal 2023 [1].", [False], id="rounded wrong"),
        pytest.param("Revenue grew 26,974% in fiscal 2023 [1].", [False], id="unit"),
        pytest.param("Revenue was -$26,974 million in fiscal 2023 [1].", [False], id="sign"),
        pytest.param(
            "Other income, net was $48 million in fiscal 2023 [1].", [False], id="sign of a row"
        ),
        pytest.param(
            "Net income was $4,368.4 million in fiscal 2023 [1].", [False], id="more precise"
        ),
        pytest.param("Revenue was $26,974 million in fiscal 2023 [2].", [False], id="elsewhere"),
        pytest.param("Data Center revenue was $10.61 billion in fiscal 2023 [3].", [False], id="p"),
        pytest.param("Revenue was $26,974 million in fiscal 2023 [9].", [False], id="no passage"),
        pytest.param(
            "Revenue was $26,974 million [1]. Staff costs were $77 million [1].",
            [True, False],
            id="one of two",
        ),
    ],
)
def test_a_figure_that_the_evidence_does_not_hold_is_not_found(
    answer: str, checks: list[bool]
) -> None:
    assert found(answer) == checks


@pytest.mark.parametrize(
    "answer",
    [
        "Net income fell by $5,384 million, from $9,752 million in fiscal 2022 to $4,368 million "
        "in fiscal 2023 [1].",
        "Net income fell 55.2% in fiscal 2023 [1].",
        "Net income decreased 55% from fiscal 2022 to fiscal 2023 [1].",
        "Revenue increased 0.2% in fiscal 2023 [1].",
        "Cost of revenue was 43.1% of revenue in fiscal 2023 [1].",
        "Revenue less cost of revenue left $15,356 million in fiscal 2023 [1].",
        "Cost of revenue and gross profit together were $26,974 million in fiscal 2023 [1].",
        "Operating cash flow was $5,641 million [2]. Net income was $4,368 million [1]. Cash flow "
        "exceeded net income by $1,273 million [1][2].",
        "Gross margin fell by 8.0 percentage points in fiscal 2023 [2].",
        "The ratio of revenue to cost of revenue was 2.32 in fiscal 2023 [1].",
    ],
)
def test_a_figure_that_follows_from_two_cited_ones_is_found(answer: str) -> None:
    checks = found(answer)

    assert checks and all(checks), checks


@pytest.mark.parametrize(
    "answer",
    [
        "Net income fell 55.3% in fiscal 2023 [1].",
        "Net income rose 55.2% in fiscal 2023 [1].",
        "Revenue decreased 0.2% in fiscal 2023 [1].",
        "Net income fell 55.2% in fiscal 2022 [1].",
        "Cost of revenue was 35.1% of revenue in fiscal 2023 [1].",
        "Advertising grew 23.1% in fiscal 2023 [1].",
    ],
)
def test_a_result_that_does_not_follow_is_not_found(answer: str) -> None:
    assert found(answer) == [False]


def test_years_markers_list_numbers_and_names_of_sections_are_no_figures() -> None:
    answer = (
        "1. Item 7 and Note 13 of the 10-K for fiscal 2023 say so [1].\n"
        "2. So does page 42, dated January 29, 2023 [2][3]."
    )

    assert found(answer) == []


def test_the_period_that_the_question_names_counts_where_the_answer_names_none() -> None:
    question = "What was revenue in fiscal 2022?"

    assert found("Revenue was $26,974 million [1].", question=question) == [False]
    assert found("Revenue was $26,914 million [1].", question=question) == [True]


def test_a_year_that_ends_in_february_may_bear_the_number_of_the_year_before() -> None:
    shifted = [passage(RETAIL, year=2023)]

    answers = {
        "Net sales were $512.3 million in fiscal 2023 [1].": True,
        "Net sales were $498.1 million in fiscal 2022 [1].": True,
        "Net sales were $498.1 million in fiscal 2023 [1].": False,
        "Net sales were $512.3 million for the year ended February 3, 2024 [1].": True,
    }

    for answer, right in answers.items():
        assert [f.found for f in check_figures(answer, cited(1), shifted)] == [right], answer


def test_a_table_in_running_text_keeps_its_periods() -> None:
    raw = passage(
        "CONSOLIDATED STATEMENTS OF INCOME\n(In millions, except per share data)\nYear Ended\n"
        "January 29, 2023 January 30, 2022\nRevenue $ 26,974 $ 26,914\n"
        "Cost of revenue 11,618 9,439",
        kind="prose",
    )

    def check(answer: str) -> list[bool]:
        return [figure.found for figure in check_figures(answer, cited(1), [raw])]

    assert check("Revenue was $26,974 million in fiscal 2023 [1].") == [True]
    assert check("Revenue was $26,914 million in fiscal 2023 [1].") == [False]


def test_a_figure_in_the_label_of_a_row_is_found() -> None:
    leases = [passage("Leases (USD in thousands)\n | June 28, 2025\nDue within 12 months | 15,942")]

    answer = "Leases due within 12 months were $15,942 thousand as of June 28, 2025 [1]."

    assert [f.found for f in check_figures(answer, cited(1), leases)] == [True, True]


def test_an_answer_that_cites_nothing_has_no_figure_found() -> None:
    figures = check_figures("Revenue was $26,974 million in fiscal 2023.", [], PASSAGES)

    assert figures == [CheckedFigure(text="$26,974 million", found=False)]


def test_the_mark_stands_at_the_figure_that_is_not_found_and_nowhere_else() -> None:
    answer = "Revenue was $26,974 million in fiscal 2023 [1]. It spent $77 million on that [1]."

    marked = mark(answer, check_figures(answer, cited(1), PASSAGES))

    assert marked == (
        "Revenue was $26,974 million in fiscal 2023 [1]. "
        f"It spent ⚠ $77 million {NOT_FOUND} on that [1]."
    )


def test_an_answer_whose_figures_are_all_found_is_left_as_it_is() -> None:
    answer = "Revenue was $26,974 million in fiscal 2023 [1]."

    assert mark(answer, check_figures(answer, cited(1), PASSAGES)) == answer


def test_checking_a_long_answer_over_full_evidence_takes_a_few_milliseconds() -> None:
    rows = "\n".join(f"Row of item {n} | {n},{100 + n} | {n},{200 + n}" for n in range(1, 60))
    wide = [passage(INCOME + "\n" + rows) for _ in range(8)]
    answer = " ".join(f"Item {n} was $77,{n} million in fiscal 2023 [{n}]." for n in range(1, 9))
    check_figures(answer, cited(*range(1, 9)), wide)

    started = time.process_time()
    check_figures(answer, cited(*range(1, 9)), wide)
    seconds = time.process_time() - started

    assert seconds < 0.1


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Purchases of property rose by $857 million in 2023 from 2022 [2].", True),
        ("Purchases of property rose by 87.8% in 2023 from 2022 [2].", True),
        ("Purchases of property rose by $957 million in 2023 from 2022 [2].", False),
    ],
)
def test_what_was_spent_rose_though_its_printed_figures_fell(answer: str, found: bool) -> None:
    question = "How did purchases related to property and equipment change from 2022 to 2023?"

    [figure] = check_figures(answer, cited(2), PASSAGES, question=question)

    assert figure.found is found
