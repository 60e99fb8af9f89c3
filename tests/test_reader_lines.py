"""A question for a line of the statements is answered with the statement's own row."""

import pytest

from backend.local.reader import STUDENT_START, TEACHER, Weights, read
from backend.local.reader.lines import line_of
from backend.passages import is_refusal
from backend.records import Message
from backend.terms import is_line_item, spelled

INCOME = """\
Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Dec 31, 2022 | Year ended Dec 31, 2021
Total revenue | $9,000 | $8,000
Cost of revenue:
Cost of products | 2,500 | 2,200
Cost of services | 500 | 400
Total cost of revenue | 3,000 | 2,600
Research and development | 700 | 650
Selling, general and administrative expense | 1,900 | 1,700
Depreciation and amortization expense | 410 | 390
Income before income taxes | 1,200 | 1,100
Provision for income taxes | (250) | (230)
Net income per share:
Basic | $2.10 | $1.90
Diluted | $2.05 | $1.85"""
ADJUSTED = """\
Special items were as follows (USD in millions)
 | Year ended Dec 31, 2022 | Year ended Dec 31, 2021
Selling, general and administrative expense | 34 | 12
Depreciation and amortization expense | 5 | 4
Research and development | 3 | 2"""
FLOWS = """\
Consolidated Statements of Cash Flows (USD in millions)
 | Year ended Dec 31, 2022 | Year ended Dec 31, 2021
Depreciation and amortization | 415 | 395
Purchases of property and equipment | (333) | (222)
Purchases of property and equipment not yet settled | 44 | 33"""
TALK = (
    "Selling, general and administrative expense consists of pay, rent and fees of advisers. "
    "Capital expenditures are paid from cash that operations bring. "
    "Research and development expense is most of what we spend on people."
)


def answer(question: str, *passages: tuple[str, str], weights: Weights = TEACHER) -> str:
    shown = passages or (
        ("Item 7. Management's Discussion", ADJUSTED),
        ("Item 7. Management's Discussion", TALK),
        ("Item 8. Consolidated Statements of Income", INCOME),
        ("Item 8. Consolidated Statements of Cash Flows", FLOWS),
    )
    evidence = "\n\n".join(
        f"[{n}] Larkin Freight, Inc. 10-K, fiscal 2022, page {40 + n}, {section}\n{text}"
        for n, (section, text) in enumerate(shown, 1)
    )
    content = f"Evidence:\n\n{evidence}\n\nQuestion: {question}"
    return read([Message(role="user", content=content)], weights).answer


@pytest.mark.parametrize(
    ("questions", "figure"),
    [
        (
            (
                "What was SG&A?",
                "What was SG&A expense in the latest fiscal year?",
                "What were selling, general and administrative expenses?",
                "How much was spent on selling, general and administrative?",
            ),
            "$1,900 million",
        ),
        (
            (
                "What was R&D?",
                "What was research and development expense?",
                "How much did Larkin spend on R&D?",
            ),
            "$700 million",
        ),
        (("What was COGS?", "What was cost of goods sold?"), "$3,000 million"),
        (("What was diluted EPS?", "What were diluted earnings per share?"), "$2.05"),
        (("What was capex?", "What were Larkin's capital expenditures?"), "$333 million"),
        (("What was income tax expense?",), "$(250) million"),
    ],
)
def test_a_line_asked_in_short_and_in_full_is_the_statements_own_row(
    questions: tuple[str, ...], figure: str
) -> None:
    told = [answer(question) for question in questions]

    assert [figure in one for one in told] == [True] * len(questions), told


def test_depreciation_and_amortization_is_the_companys_and_no_adjustment() -> None:
    for question in ("What was D&A?", "What was depreciation and amortization in fiscal 2022?"):
        told = answer(question)
        assert "$410 million" in told or "$415 million" in told


def test_the_year_asked_is_kept() -> None:
    assert "$1,700 million" in answer("What was SG&A in fiscal 2021?")


def test_a_line_that_stands_nowhere_is_refused_and_not_described() -> None:
    assert is_refusal(answer("What was research and development expense?", ("Item 7", TALK)))


def test_a_reader_that_has_learned_nothing_knows_no_statements() -> None:
    told = answer("What was SG&A?", weights=STUDENT_START)

    assert "$1,900 million" not in told


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("What was SG&A expense in 2023?", "selling, general and administrative"),
        ("How much did the company spend on R&D in 2022?", "research and development"),
        ("What was operating income for the most recent fiscal year?", "operating income"),
        ("What was revenue in India?", ""),
        ("What was revenue of the Aurora segment?", ""),
        ("What was Acme's revenue?", "revenue"),
        ("What was the net income of Acme Freight in 2022?", "net income"),
        ("What was Aurora's revenue?", ""),
        ("What was the percentage growth of the Aurora segment's revenue in 2022?", ""),
        ("What is the policy on inventories?", ""),
        ("Describe goodwill.", ""),
        ("Why did net income fall?", ""),
        ("How did revenue change in 2022?", ""),
    ],
)
def test_a_question_for_a_line_and_nothing_more_is_known(question: str, line: str) -> None:
    assert line_of(question, frozenset(("acm", "freight"))) == line


def test_abbreviations_are_spelled_out_and_other_words_left_alone() -> None:
    assert spelled("What was SG&A and G&A?") == (
        "What was selling, general and administrative and general and administrative?"
    )
    assert spelled("keeps steps of R&Data") == "keeps steps of R&Data"
    assert is_line_item("total revenue")
    assert not is_line_item("revenue recognition")
