"""What a cover says: who, which form, which year, by the document's own words."""

from datetime import date

import pytest

from backend.filings.cover import read_cover

COVER = [
    "UNITED STATES",
    "FORM 10-K",
    "For the fiscal year ended January 29, 2023",
    "NVIDIA CORPORATION",
    "(Exact name of registrant as specified in its charter)",
    "Title of each class Trading Symbol(s) Name of each exchange on which registered",
    "Common Stock, $0.001 par value per share NVDA The Nasdaq Global Select Market",
]


def cover_with(ended: str, *body: str, company: str = "Shop, Inc.") -> list[list[str]]:
    page = ["FORM 10-K", f"For the fiscal year ended {ended}", company]
    return [[*page, "(Exact name of registrant as specified in its charter)"], [*body]]


def test_company_ticker_form_and_period_end_stand_on_the_cover() -> None:
    cover = read_cover([COVER], {})

    assert (cover.company, cover.ticker, cover.form) == ("NVIDIA Corporation", "NVDA", "10-K")
    assert cover.period_end == date(2023, 1, 29)


def test_a_year_that_the_text_names_after_its_end_keeps_that_name() -> None:
    pages = cover_with(
        "January 29, 2023", "Revenue for fiscal year 2023 rose. Fiscal year 2023 was."
    )

    assert read_cover(pages, {}).fiscal_year == 2023


def test_a_year_that_the_text_names_after_its_start_keeps_that_name() -> None:
    pages = cover_with(
        "January 28, 2023",
        *["In fiscal 2022 sales rose. Compared with fiscal 2021, fiscal 2022 was good."] * 5,
        "We expect more in fiscal 2023.",
    )

    assert read_cover(pages, {}).fiscal_year == 2022


def test_a_sentence_that_ties_year_and_day_decides_against_mere_mentions() -> None:
    pages = cover_with(
        "January 28, 2023",
        "Fiscal 2022 refers to the 52 weeks ended January 28, 2023.",
        *["Our plans for fiscal 2023 are many; fiscal 2023 will be hard."] * 9,
    )

    assert read_cover(pages, {}).fiscal_year == 2022


@pytest.mark.parametrize(
    ("ended", "year"),
    [("June 30, 2023", 2023), ("September 28, 2024", 2024), ("December 31, 2021", 2021)],
)
def test_a_year_that_ends_later_is_named_after_its_end(ended: str, year: int) -> None:
    assert read_cover(cover_with(ended), {}).fiscal_year == year


def test_metadata_speak_where_the_cover_is_silent() -> None:
    told = {"/Subject": "Form 10-K filed on 2023-02-24 for the period ending 2023-01-29"}

    cover = read_cover([["A report"]], told)

    assert (cover.form, cover.period_end) == ("10-K", date(2023, 1, 29))


def test_a_text_that_is_no_filing_leaves_everything_open() -> None:
    cover = read_cover([["A recipe for bread", "Flour, water, salt"]], {})

    assert (cover.company, cover.ticker, cover.form) == ("", "", "")
    assert cover.fiscal_year is None
    assert cover.period_end is None


def test_a_day_that_no_calendar_has_is_no_period_end() -> None:
    assert read_cover(cover_with("February 31, 2023"), {}).period_end is None


def test_an_amended_form_keeps_its_mark() -> None:
    assert read_cover([["FORM 10-K/A", "Amendment No. 1"]], {}).form == "10-K/A"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("UBER TECHNOLOGIES, INC.", "Uber Technologies, Inc."),
        ("AMCOR PLC", "Amcor plc"),
        ("Verizon Communications Inc.", "Verizon Communications Inc."),
    ],
)
def test_a_name_in_capitals_is_written_as_a_name(printed: str, name: str) -> None:
    pages = cover_with("December 31, 2021", company=printed)

    assert read_cover(pages, {}).company == name
