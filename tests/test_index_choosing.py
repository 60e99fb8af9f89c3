"""The companies and years that a question names, against the filings there are."""

from datetime import date

import pytest

from backend.index import choose_filings
from backend.index.choosing import choose
from backend.records import Filing


def filing(company: str, year: int, *, ticker: str = "", end: date | None = None) -> Filing:
    name = f"{company[:6].strip().lower()}{year}"
    return Filing(
        id=name,
        sha256=name,
        file=f"{name}.pdf",
        company=company,
        ticker=ticker,
        fiscal_year=year,
        period_end=end,
        pages=100,
        chunks=1000,
        seconds=1.0,
    )


NVIDIA = filing("NVIDIA CORPORATION", 2023, ticker="NVDA", end=date(2023, 1, 29))
VERIZON_21 = filing("VERIZON COMMUNICATIONS INC.", 2021, ticker="VZ", end=date(2021, 12, 31))
VERIZON_22 = filing("Verizon Communications Inc", 2022, ticker="VZ", end=date(2022, 12, 31))
ACTIVISION = filing("ACTIVISION BLIZZARD, INC.", 2019, ticker="ATVI", end=date(2019, 12, 31))
AMCOR = filing("Amcor plc", 2023, ticker="AMCR", end=date(2023, 6, 30))
UBER = filing("UBER TECHNOLOGIES, INC.", 2021, ticker="UBER", end=date(2021, 12, 31))
TARGET = filing("Target Corporation", 2022, ticker="TGT", end=date(2023, 1, 28))
GENERAL = filing("General Motors Company", 2022, ticker="GM", end=date(2022, 12, 31))
ALLSTATE = filing("The Allstate Corporation", 2022, ticker="ALL", end=date(2022, 12, 31))
ALL = [NVIDIA, VERIZON_21, VERIZON_22, ACTIVISION, AMCOR, UBER, TARGET, GENERAL, ALLSTATE]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What was NVIDIA's revenue?", NVIDIA),
        ("what was nvidia’s revenue", NVIDIA),
        ("What did Nvidia Corp report?", NVIDIA),
        ("Revenue of NVIDIA CORPORATION", NVIDIA),
        ("What is NVDA's gross margin?", NVIDIA),
        ("how much did nvda spend on research?", NVIDIA),
        ("Is Verizon a capital intensive business?", VERIZON_22),
        ("Does Verizon Communications pay dividends?", VERIZON_22),
        ("What does VZ say about 5G?", VERIZON_22),
        ("What is the capex of Activision?", ACTIVISION),
        ("Fixed assets of Activision Blizzard", ACTIVISION),
        ("Has AMCOR's quick ratio improved?", AMCOR),
        ("Does Target own its stores?", TARGET),
        ("What did General Motors spend on recalls?", GENERAL),
        ("Where is Allstate incorporated?", ALLSTATE),
        ("What is the combined ratio of ALL?", ALLSTATE),
    ],
)
def test_the_company_named_in_the_question_chooses_the_filing(
    question: str, expected: Filing
) -> None:
    assert choose_filings(question, ALL) == [expected]


@pytest.mark.parametrize(
    "question",
    [
        "What is the target for gross margin?",
        "How did general and administrative expenses change?",
        "List all risk factors.",
        "What technologies are named?",
        "Target dates of the projects?",
        "",
    ],
)
def test_ordinary_words_name_no_company(question: str) -> None:
    latest = {filing.id for filing in ALL} - {VERIZON_21.id}

    assert {filing.id for filing in choose_filings(question, ALL)} == latest


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How healthy was Verizon's liquidity in FY2022?", VERIZON_22),
        ("How healthy was Verizon's liquidity in FY 2021?", VERIZON_21),
        ("How healthy was Verizon's liquidity in FY21?", VERIZON_21),
        ("How healthy was Verizon's liquidity in fiscal 2021?", VERIZON_21),
        ("How healthy was Verizon in fiscal year 2021?", VERIZON_21),
        ("How healthy was Verizon in 2021?", VERIZON_21),
        ("What was Verizon's debt at December 31, 2021?", VERIZON_21),
        ("What was Verizon's debt on March 31, 2022?", VERIZON_22),
        ("What did NVIDIA owe as of January 29, 2023?", NVIDIA),
    ],
)
def test_the_year_named_chooses_among_a_companys_filings(question: str, expected: Filing) -> None:
    assert choose_filings(question, ALL) == [expected]


@pytest.mark.parametrize("year", [2022, 2021])
def test_a_year_without_its_own_filing_is_read_where_it_is_printed_for_comparison(
    year: int,
) -> None:
    assert choose_filings(f"NVIDIA's revenue in {year}?", ALL) == [NVIDIA]


def test_one_filing_that_prints_both_years_is_enough() -> None:
    question = "Has Verizon increased its debt between 2022 and the 2021 fiscal period?"

    assert choose_filings(question, ALL) == [VERIZON_22]


def test_years_too_far_apart_for_one_filing_take_two() -> None:
    old = filing("Verizon Communications Inc.", 2015, ticker="VZ")

    chosen = choose_filings("How did Verizon's debt change from 2015 to 2022?", [*ALL, old])

    assert chosen == [VERIZON_22, old]


def test_the_books_a_question_is_about_choose_not_the_years_it_looks_ahead_to() -> None:
    later = filing("Verizon Communications Inc.", 2024, ticker="VZ")
    question = "As of FY 2021, how much did Verizon expect to pay for its retirees in 2024?"

    assert choose_filings(question, [*ALL, later]) == [VERIZON_21]


def test_a_year_that_no_filing_prints_leaves_the_latest_one() -> None:
    assert choose_filings("Verizon's revenue in 2009?", ALL) == [VERIZON_22]


def test_a_date_belongs_to_the_fiscal_year_it_lies_in() -> None:
    chosen = choose_filings("Target's inventory on January 28, 2023?", ALL)

    assert chosen == [TARGET]


def test_a_year_alone_chooses_the_filings_that_print_it() -> None:
    chosen = choose_filings("What was revenue in fiscal 2019?", ALL)

    assert set(f.id for f in chosen) == {ACTIVISION.id, UBER.id, VERIZON_21.id}


def test_two_companies_named_are_both_searched_in_the_order_of_the_question() -> None:
    chosen = choose("Compare Uber with NVIDIA.", ALL)

    assert chosen.filings == [UBER, NVIDIA]
    assert chosen.companies_named == 2
    assert chosen.words == {"uber", "nvidia"}


def test_the_longer_name_wins_over_another_companys_short_one() -> None:
    freight = filing("Uber Freight Holdings, Inc.", 2021)

    chosen = choose_filings("What does Uber Freight earn?", [*ALL, freight])

    assert chosen == [freight]


def test_a_question_over_time_takes_every_filing_of_the_company() -> None:
    chosen = choose_filings("How has Verizon's debt developed over the years?", ALL)

    assert chosen == [VERIZON_22, VERIZON_21]


def test_filings_without_name_or_year_are_still_searched() -> None:
    bare = Filing(id="x", sha256="x", file="x.pdf", company="", pages=1, chunks=1, seconds=0)

    assert choose_filings("What was revenue in 2022?", [bare]) == [bare]


def test_no_filings_means_none_chosen() -> None:
    assert choose_filings("What was NVIDIA's revenue?", []) == []


def test_an_impossible_date_is_read_as_its_year() -> None:
    assert choose_filings("Verizon on February 30, 2021?", ALL) == [VERIZON_21]


def test_the_year_of_the_filing_itself_finds_nothing_in_it() -> None:
    own = choose("How many employees did Uber have in fiscal 2021?", ALL)
    other = choose("How many employees did Uber have in fiscal 2020?", ALL)
    dated = choose("How many employees did Uber have at December 31, 2021?", ALL)

    assert own.words == {"uber", "fiscal", "2021", "fy2021"}
    assert other.words == {"uber"}
    assert dated.words == {"uber"}
