"""Figures and periods, as filings print them."""

import time

import pytest

from backend.quantities import (
    Quantity,
    cell_quantity,
    periods,
    quantities,
    same_value,
    unit_and_scale,
)


def only(text: str) -> Quantity:
    (found,) = quantities(text)
    return found


@pytest.mark.parametrize(
    ("text", "value", "unit", "scale"),
    [
        ("$1.2 billion", 1.2, "USD", 1e9),
        ("$ 26,974 million", 26974.0, "USD", 1e6),
        ("12.5%", 12.5, "percent", 1.0),
        ("7.5 percent", 7.5, "percent", 1.0),
        ("25 basis points", 25.0, "percent", 0.01),
        ("(1,234)", -1234.0, "", 1.0),
        ("$(31)", -31.0, "USD", 1.0),
        ("($31)", -31.0, "USD", 1.0),
        ("\u22123.2 million", -3.2, "", 1e6),
        ("$0.04 per share", 0.04, "USD per share", 1.0),
        ("1.2 billion shares", 1.2, "shares", 1e9),
        ("26,974 (in millions)", 26974.0, "", 1e6),
    ],
)
def test_a_printed_figure_keeps_its_value_sign_unit_and_scale(
    text: str, value: float, unit: str, scale: float
) -> None:
    found = only(f"It was {text} then")

    assert (found.value, found.unit, found.scale) == (value, unit, scale)


@pytest.mark.parametrize(
    "text",
    [
        "in fiscal 2023 and FY2021",
        "on January 29, 2023",
        "it said so [1][12]",
        "see Item 7, Note 3 and page 42 of the Form 10-K",
        "Section 404(a) and Rule 10b-5",
        "the A100 and the H100",
        "a 52-week year",
        "(1) first and (2) second",
        "",
    ],
)
def test_years_dates_citations_and_places_are_no_figures(text: str) -> None:
    assert quantities(text) == []


def test_offsets_point_at_the_printed_text() -> None:
    text = "Revenue was $26,974 million, up from $(31) and 12.5% of (2,554)."

    found = quantities(text)

    assert [text[q.start : q.end] for q in found] == [q.text for q in found]
    assert len(found) == 4


def test_a_range_is_two_positive_figures() -> None:
    assert [q.value for q in quantities("between 2.0%-3.5%")] == [2.0, 3.5]


@pytest.mark.parametrize(
    ("text", "year", "kind"),
    [
        ("fiscal 2023", 2023, "fiscal"),
        ("FY2021", 2021, "fiscal"),
        ("FY 21", 2021, "fiscal"),
        ("FY'22", 2022, "fiscal"),
        ("January 29, 2023", 2023, "date"),
        ("Jan. 29, 2023", 2023, "date"),
        ("12/31/2022", 2022, "date"),
        ("2023-01-29", 2023, "date"),
        ("2023", 2023, "fiscal"),
        ("fourth quarter of fiscal year 2022", 2022, "quarter"),
        ("Q4 2023", 2023, "quarter"),
        ("4Q22", 2022, "quarter"),
    ],
)
def test_a_period_is_found_however_it_is_written(text: str, year: int, kind: str) -> None:
    (found,) = periods(f"revenue in {text} rose")

    assert (found.year, found.kind) == (year, kind)


def test_several_years_are_found_in_order() -> None:
    assert [p.year for p in periods("fiscal years 2023, 2022 and 2021")] == [2023, 2022, 2021]


def test_a_date_keeps_its_month_and_day() -> None:
    (found,) = periods("as of January 29, 2023")

    assert (found.month, found.day) == (1, 29)


@pytest.mark.parametrize("text", ["$2,023", "$ 2023", "2,023.5", "2023%", "may 12 be", ""])
def test_an_amount_is_no_period(text: str) -> None:
    assert periods(text) == []


@pytest.mark.parametrize(
    ("caption", "unit", "scale"),
    [
        ("(in millions, except per share data)", "USD", 1e6),
        ("Income (USD in millions)", "USD", 1e6),
        ("($ in thousands)", "USD", 1e3),
        ("(shares in thousands)", "shares", 1e3),
        ("(In thousands of euros)", "EUR", 1e3),
        ("($000)", "USD", 1e3),
        ("in percentages", "percent", 1.0),
        ("Executive officers", "", 1.0),
        ("", "", 1.0),
    ],
)
def test_a_caption_tells_unit_and_scale(caption: str, unit: str, scale: float) -> None:
    assert unit_and_scale(caption) == (unit, scale)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("$26,974 million", "$27.0 billion", True),
        ("$26,974 million", "$26.974 billion", True),
        ("$26,974 million", "$26,914 million", False),
        ("$26,974 million", "$26,974", False),
        ("(31)", "31", False),
        ("12.5%", "$12.5", False),
        ("12.5%", "12.46%", True),
        ("12.5", "$12.5", True),
    ],
)
def test_figures_are_the_same_at_the_coarser_ones_precision(a: str, b: str, same: bool) -> None:
    assert same_value(only(a), only(b)) is same


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("(0.12)", -0.12, "USD"),
        ("(5)%", -5.0, "percent"),
        ("\u2014", 0.0, "USD"),
        ("$ (1,234)", -1234.0, "USD"),
    ],
)
def test_a_cell_takes_its_tables_unit_unless_it_prints_its_own(
    text: str, value: float, unit: str
) -> None:
    found = cell_quantity(text, "USD", 1e6)

    assert found is not None
    assert (found.value, found.unit) == (value, unit)


@pytest.mark.parametrize("text", ["n/a", "Delaware", "", "12 of 13"])
def test_words_in_a_cell_are_no_figure(text: str) -> None:
    assert cell_quantity(text) is None


def test_a_megabyte_of_digits_and_brackets_is_read_in_bounded_time() -> None:
    text = "($ 1,234 (5) % \u2014 " * 5000

    start = time.process_time()
    quantities(text)
    periods(text)

    assert time.process_time() - start < 5


def test_thousands_of_years_and_figures_are_read_one_pass_each() -> None:
    years = " ".join("fiscal 2021, 2022" for _ in range(60_000))
    figures = "in 2021 it was $5 and 6,000 " * 30_000

    assert len(periods(years)) == 120_000
    assert len(quantities(figures)) == 60_000
