"""The sample filing: its books tie out, its PDF is what the script writes, its questions hold."""

import importlib.util
import json
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pypdfium2
import pytest
from pypdf import PdfReader

from backend.samples import (
    SAMPLE_PDF,
    SAMPLE_QUESTIONS,
    figures,
    schedules,
    segments,
)
from backend.samples.blocks import printed
from backend.samples.questions import plain
from backend.samples.series import minus, plus, rises

needs_reportlab = pytest.mark.skipif(
    importlib.util.find_spec("reportlab") is None or "ng" in zlib.ZLIB_RUNTIME_VERSION,
    reason="needs reportlab (make install) and the zlib that packed the committed PDF",
)


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """The text of each page, as the product reads it."""
    document = pypdfium2.PdfDocument(SAMPLE_PDF)
    return [plain(page.get_textpage().get_text_range()) for page in document]


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    lines = SAMPLE_QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [cast(dict[str, Any], json.loads(line)) for line in lines]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from backend.samples.write import write_all

    folder = tmp_path_factory.mktemp("sample")
    write_all(folder / "filing.pdf", folder / "questions.jsonl")
    return folder


# --- The books --------------------------------------------------------------------------------


def test_the_balance_sheet_balances_in_both_years() -> None:
    sheet = figures.balance_sheet

    both_sides = zip(
        sheet["Total assets"], sheet["Total liabilities and shareholders' equity"], strict=True
    )

    assert all(assets == claims for assets, claims in both_sides)


def test_the_balance_sheet_balanced_before_the_years_shown_too() -> None:
    """Were it not so in June 2022, cash flows could not lead to a balance three years later."""
    assets_but_cash = plus(
        figures.investments, figures.receivables, figures.inventories, figures.prepaid,
        figures.property_net, figures.lease_assets, figures.goodwill, figures.intangibles,
        figures.deferred_tax_asset, figures.other_assets,
    )  # fmt: skip
    owed = plus(
        figures.payables, figures.accrued_compensation, figures.accrued_liabilities,
        figures.taxes_payable, figures.deferred_revenue_current, figures.deferred_revenue_long,
        figures.lease_liabilities, figures.pension_liability, figures.deferred_tax_liability,
        figures.other_liabilities, figures.debt,
    )  # fmt: skip

    cash = minus(plus(owed, figures.total_equity), assets_but_cash)

    assert cash == figures.cash


def test_segment_revenue_sums_to_total_revenue_in_each_year() -> None:
    by_segment = plus(*figures.segment_revenue.values())

    assert by_segment == figures.income_statement["Total revenue"]


def test_revenue_by_type_by_region_and_by_time_is_the_same_revenue() -> None:
    by_type = plus(*figures.revenue_by_type.values())
    by_region = plus(*schedules.revenue_by_region.values())
    by_time = plus(schedules.revenue_over_time, schedules.revenue_at_a_point)

    assert by_type == by_region == by_time == figures.revenue


def test_the_income_statement_foots_from_revenue_to_net_income() -> None:
    line = figures.income_statement

    net = [
        line["Total revenue"][year] - line["Total cost of revenue"][year]
        - line["Total operating expenses"][year] + line["Interest expense"][year]
        + line["Interest income"][year] + line["Other (expense) income, net"][year]
        - line["Provision for income taxes"][year]
        for year in range(3)
    ]  # fmt: skip

    assert tuple(net) == line["Net income"]


def test_segment_income_less_what_is_not_allocated_is_operating_income() -> None:
    unallocated = plus(
        segments.corporate_costs, figures.stock_compensation, figures.amortization,
        figures.restructuring, figures.impairment,
    )  # fmt: skip

    operating_income = minus(segments.total_segment_income, unallocated)

    assert operating_income == figures.operating_income


def test_segment_costs_and_unallocated_costs_sum_to_each_expense_line() -> None:
    by_function = figures.stock_compensation_by_function

    cost = plus(
        *segments.segment_cost.values(), by_function["Cost of revenue"],
        figures.amortization_in_cost,
    )  # fmt: skip
    research = plus(*segments.segment_research.values(), by_function["Research and development"])

    assert (cost, research) == (figures.cost_of_revenue, figures.research)


def test_earnings_per_share_follow_from_net_income_and_shares() -> None:
    expected = [
        round(income / shares, 2)
        for income, shares in zip(figures.net_income, figures.diluted_shares, strict=True)
    ]

    assert list(figures.diluted_eps) == expected


def test_cash_flows_explain_the_change_in_cash() -> None:
    flows = plus(
        figures.cash_from_operations, figures.cash_from_investing, figures.cash_from_financing,
        figures.currency_on_cash,
    )  # fmt: skip

    assert plus(figures.cash[1:], flows) == figures.cash[:3]


def test_equity_moves_by_income_dividends_and_dealings_in_stock_alone() -> None:
    moves = minus(
        plus(
            figures.comprehensive_income, figures.stock_compensation, figures.plan_proceeds
        ),
        figures.dividends, figures.repurchases, figures.withholding_paid,
    )  # fmt: skip

    assert rises(figures.total_equity) == moves


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (sum(schedules.debt_maturities.values()), figures.debt[0] + figures.financing_fees[0]),
        (
            sum(schedules.future_amortization.values()) + schedules.amortization_thereafter,
            figures.intangibles[0],
        ),
        (
            sum(schedules.lease_payments.values())
            + schedules.lease_payments_thereafter
            - schedules.lease_interest,
            figures.lease_liabilities[0],
        ),
        (
            sum(
                level + sum(schedules.goodwill_acquired[name] + schedules.goodwill_currency[name])
                for name, level in schedules.goodwill_opening.items()
            ),
            figures.goodwill[0],
        ),
    ],
    ids=["debt", "amortization", "leases", "goodwill"],
)  # fmt: skip
def test_a_schedule_leads_to_the_balance_it_explains(parts: int, whole: int) -> None:
    assert parts == whole


def test_the_tax_reconciliation_sums_to_the_provision_in_each_year() -> None:
    reconciled = plus(*schedules.tax_reconciliation.values())
    current_and_deferred = plus(
        schedules.current_federal, schedules.current_state, schedules.current_foreign,
        schedules.deferred_federal, schedules.deferred_state, schedules.deferred_foreign,
    )  # fmt: skip

    assert reconciled == current_and_deferred == figures.income_tax


def test_four_quarters_make_the_year() -> None:
    years = {
        label: (sum(schedules.quarters_2025[label]), sum(schedules.quarters_2024[label]))
        for label in schedules.quarters_2025
    }

    assert years == {label: figures.income_statement[label][:2] for label in years}


def test_rolled_reserves_begin_a_year_where_the_year_before_ended() -> None:
    for reserve in (schedules.credit_loss_allowance, schedules.warranty):
        ends = plus(*reserve.values())

        assert ends[1:] == reserve["Balance at beginning of year"][:2]


def test_every_line_of_the_statements_prints_without_rounding() -> None:
    """Printed in millions with one decimal, the statements must foot on paper too."""
    statements = (
        figures.income_statement, figures.balance_sheet, figures.cash_flow_statement
    )  # fmt: skip

    rounded = [
        label
        for statement in statements
        for label, series in statement.items()
        if any(figure % 100 for figure in series)
    ]

    assert rounded == []


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1_284_600, "millions", "1,284.6"),
        (-21_800, "millions", "(21.8)"),
        (0, "millions", "\u2014"),
        (38_400, "thousands", "38,400"),
        (1_198_500, "whole", "1,199"),
        (7.2, "percent", "7.2%"),
        (2.58, "per share", "2.58"),
    ],
)
def test_a_figure_is_printed_as_filings_print_it(value: float, kind: Any, text: str) -> None:
    assert printed(value, kind) == text


# --- The filing -------------------------------------------------------------------------------


@needs_reportlab
def test_the_script_writes_the_committed_pdf_again_byte_for_byte(written: Path) -> None:
    again = (written / "filing.pdf").read_bytes()

    assert again == SAMPLE_PDF.read_bytes(), "run: python -m backend.samples.write"


@needs_reportlab
def test_the_script_writes_the_committed_questions_again(written: Path) -> None:
    again = (written / "questions.jsonl").read_bytes()

    assert again == SAMPLE_QUESTIONS.read_bytes(), "run: python -m backend.samples.write"


def test_the_filing_has_sixty_pages_or_more(pages: list[str]) -> None:
    assert len(pages) >= 60


def test_the_filing_is_small_enough_to_ship() -> None:
    assert SAMPLE_PDF.stat().st_size < 700_000


def test_every_item_from_1_to_16_is_in_the_outline() -> None:
    outline = PdfReader(SAMPLE_PDF).outline

    titles = " ".join(_titles(outline))

    items = [*map(str, range(1, 17)), "1A", "1B", "1C", "7A", "9A", "9B", "9C"]
    assert [item for item in items if f"Item {item}." not in titles] == []


def _titles(outline: list[Any]) -> list[str]:
    return [
        title
        for entry in outline
        for title in (_titles(cast(list[Any], entry)) if isinstance(entry, list) else [entry.title])
    ]


def test_page_labels_begin_anew_after_the_contents(pages: list[str]) -> None:
    labels = PdfReader(SAMPLE_PDF).page_labels

    first = labels.index("1")

    assert pages[first].startswith("PART I ")


def test_the_table_of_contents_names_the_page_an_item_is_on(pages: list[str]) -> None:
    labels = PdfReader(SAMPLE_PDF).page_labels
    heading = "Item 7A. Quantitative and Qualitative Disclosures About Market Risk"
    contents = next(text for text in pages if "TABLE OF CONTENTS" in text)

    label = contents.split(heading)[1].split()[0]

    assert heading in pages[labels.index(label)]


def test_a_long_statement_repeats_its_headings_on_the_next_page(pages: list[str]) -> None:
    first = next(
        i for i, text in enumerate(pages) if "Consolidated Statements of Cash Flows (in" in text
    )

    rest = pages[first + 1]

    assert rest.startswith("Year Ended June 28, 2025 June 29, 2024 June 24, 2023")
    assert "Cash and cash equivalents at end of year $ 205.4" in rest


def test_a_row_reads_label_first_and_then_years_from_left_to_right(pages: list[str]) -> None:
    row = "Research and development 171.4 162.8 156.3"

    assert any(row in text for text in pages)


def test_no_paragraph_of_the_filing_stands_twice() -> None:
    texts = [
        paragraph
        for file in sorted((SAMPLE_PDF.parent / "text").glob("*.md"))
        for paragraph in file.read_text(encoding="utf-8").split("\n\n")
        if len(paragraph) > 120
    ]

    repeated = [text for text, count in Counter(texts).items() if count > 1]

    assert repeated == []


def test_the_books_need_no_layout_library() -> None:
    code = "import sys; sys.modules['reportlab'] = None; import backend.samples.write"

    ran = subprocess.run([sys.executable, "-c", code], check=False)

    assert ran.returncode == 0


# --- The questions ----------------------------------------------------------------------------


def test_the_questions_are_of_every_kind(questions: list[dict[str, Any]]) -> None:
    kinds = Counter(question["kind"] for question in questions)

    assert kinds == {
        "figure": 60, "change": 20, "policy": 20, "risk": 15, "list": 15, "unanswerable": 20,
    }  # fmt: skip


def test_no_question_is_asked_twice(questions: list[dict[str, Any]]) -> None:
    asked = Counter(question["question"].lower() for question in questions)

    assert max(asked.values()) == 1


def test_every_answerable_question_has_its_figure_printed_on_the_page_it_names(
    questions: list[dict[str, Any]], pages: list[str]
) -> None:
    missing = [
        (question["id"], fact)
        for question in questions
        for fact in question["facts"]
        if not any(plain(fact) in pages[page - 1] for page in question["pages"])
    ]

    assert missing == []


def test_every_page_a_figure_names_holds_one_of_its_facts(
    questions: list[dict[str, Any]], pages: list[str]
) -> None:
    empty = [
        (question["id"], page)
        for question in questions
        for page in question["pages"]
        if not any(plain(fact) in pages[page - 1] for fact in question["facts"])
    ]

    assert empty == []


def test_every_gold_answer_states_its_facts(questions: list[dict[str, Any]]) -> None:
    silent = [
        (question["id"], fact)
        for question in questions
        for fact in question["facts"]
        if fact.strip("()").lower() not in question["answer"].lower()
    ]

    assert silent == []


def test_values_are_the_printed_figures_in_whole_units(questions: list[dict[str, Any]]) -> None:
    factor = {"millions": 1_000_000, "thousands": 1_000, None: 1}

    wrong = [
        question["id"]
        for question in questions
        if question["kind"] == "figure"
        and abs(
            float(question["facts"][0].replace(",", "").strip("%")) * factor[question["scale"]]
            - question["value"]
        )
        > 1e-6
    ]

    assert wrong == []


def test_unanswerable_questions_have_no_page(questions: list[dict[str, Any]]) -> None:
    pages = [q["pages"] + q["facts"] for q in questions if q["kind"] == "unanswerable"]

    assert pages == [[]] * 20
