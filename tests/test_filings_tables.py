"""Tables rebuilt from where words stand: the shapes that filings print them in."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.filings.chunks import pieces
from backend.filings.furniture import furniture
from backend.filings.lines import Line, lines_of
from backend.filings.sections import sections
from backend.filings.words import open_pdf, words
from tests.broken_pdfs import Text, prose, write_pdf

Page = Sequence[Text]


def tables(path: Path, *pages: Page) -> list[list[str]]:
    """The lines of each table chunk, after a page that only makes up a cover."""
    read = _lines(write_pdf(path / "tables.pdf", [[(40, 700, "A cover")], *pages]))
    marks = [[(0, "Item 7. Management's Discussion and Analysis")] for _ in read]
    found = [piece for page in pieces(read, marks, furniture(read)) for piece in page]
    return [piece.text.split("\n") for piece in found if piece.kind == "table"]


def _lines(path: Path) -> list[list[Line]]:
    with open_pdf(path) as document:
        return [lines_of(words(document, index)) for index in range(len(document))]


def row(y: float, label: str, *cells: str, left: float = 40) -> list[Text]:
    """A label and right-aligned cells, the first of which ends at 330, 90 points apart."""
    placed: list[Text] = [(left, y, label)] if label else []
    return placed + [(330 + 90 * n, y, f">{cell}") for n, cell in enumerate(cells) if cell]


def test_stacked_headings_join_from_the_top(tmp_path: Path) -> None:
    page = [
        (325, 700, "Year Ended"),
        *row(688, "", "January 29,", "January 30,"),
        *row(676, "", "2023", "2022"),
        *row(660, "Revenue", "26,974", "26,914"),
        *row(648, "Cost of revenue", "11,618", "9,439"),
    ]

    [table] = tables(tmp_path, page)

    assert table[1] == " | Year Ended January 29, 2023 | Year Ended January 30, 2022"
    assert table[2:] == ["Revenue | 26,974 | 26,914", "Cost of revenue | 11,618 | 9,439"]


def test_signs_in_columns_of_their_own_join_their_figure(tmp_path: Path) -> None:
    page = [
        *row(676, "", "2023", "2022"),
        (40, 660, "Net (loss) income"),
        (280, 660, "$"),
        (330, 660, ">(1,234"),
        (331, 660, ")"),
        (370, 660, "$"),
        (420, 660, ">9,752"),
        *row(648, "Margin", "12.5", "(3.1"),
        (333, 648, "%"),
        (423, 648, ")%"),
    ]

    [table] = tables(tmp_path, page)

    assert table[2:] == ["Net (loss) income | $(1,234) | $9,752", "Margin | 12.5% | (3.1)%"]


def test_unit_and_scale_go_into_the_caption(tmp_path: Path) -> None:
    page = [
        (190, 712, "CONSOLIDATED STATEMENTS OF INCOME"),
        (200, 700, "(In millions, except per share data)"),
        *row(676, "", "2023", "2022"),
        *row(660, "Revenue", "$26,974", "$26,914"),
        *row(648, "Basic", "1.76", "3.91"),
    ]

    [table] = tables(tmp_path, page)

    assert table[0] == "Consolidated Statements of Income (USD in millions, except per share data)"


def test_a_sentence_that_leads_to_a_table_is_its_caption(tmp_path: Path) -> None:
    page = [
        *prose(
            730,
            "We lease offices. " * 12 + "The maturities of leases were as follows (in thousands):",
        ),
        *row(676, "", "Operating", "Finance"),
        *row(660, "2024", "$1,250", "$96"),
        *row(648, "2025", "1,100", "14"),
        *row(636, "Thereafter", "70", "—"),
    ]

    [table] = tables(tmp_path, page)

    assert table[0] == "The maturities of leases were as follows (USD in thousands)"
    assert table[2:] == ["2024 | $1,250 | $96", "2025 | 1,100 | 14", "Thereafter | 70 | —"]


def test_a_wrapped_label_is_one_row(tmp_path: Path) -> None:
    page = [
        *row(700, "", "2023", "2022"),
        *row(680, "Accounts payable", "1,193", "1,783"),
        *row(665, "Other liabilities", "20", "30"),
        (40, 650, "Common stock, 8,000 shares authorized and"),
        *row(641, "2,466 issued and outstanding", "2", "3", left=50),
        *row(626, "Retained earnings", "10,171", "16,235"),
    ]

    [table] = tables(tmp_path, page)

    assert "Common stock, 8,000 shares authorized and 2,466 issued and outstanding | 2 | 3" in table


def test_a_label_without_cells_stays_a_row_of_its_own(tmp_path: Path) -> None:
    page = [
        *row(700, "", "2023", "2022"),
        (40, 680, "Operating expenses:"),
        *row(668, "Research and development", "7,339", "5,268", left=50),
        *row(656, "Sales and marketing", "2,440", "2,166", left=50),
    ]

    [table] = tables(tmp_path, page)

    assert table[2:] == [
        "Operating expenses:",
        "Research and development | 7,339 | 5,268",
        "Sales and marketing | 2,440 | 2,166",
    ]


def test_a_heading_over_some_columns_is_not_given_to_the_others(tmp_path: Path) -> None:
    page = [
        (340, 700, "Year Ended"),
        *row(688, "", "2023", "2022", "$ Change", "% Change"),
        *row(672, "Revenue", "15,068", "11,046", "4,022", "36%"),
        *row(660, "Graphics", "11,906", "15,868", "(3,962)", "(25)%"),
    ]

    [table] = tables(tmp_path, page)

    assert table[1] == " | Year Ended 2023 | Year Ended 2022 | $ Change | % Change"


def test_two_periods_over_pairs_of_columns_head_their_own_pair(tmp_path: Path) -> None:
    page = [
        (300, 700, "As of June 1, 2024"),
        (480, 700, "As of June 1, 2023"),
        *row(688, "", "Amount", "Value", "Amount", "Value"),
        *row(672, "Buy euros", "350", "(2)", "723", "12"),
        *row(660, "Buy yen", "10", "1", "20", "2"),
    ]

    [table] = tables(tmp_path, page)

    assert table[1] == (
        " | As of June 1, 2024 Amount | As of June 1, 2024 Value"
        " | As of June 1, 2023 Amount | As of June 1, 2023 Value"
    )


def test_a_range_is_a_cell_and_no_heading(tmp_path: Path) -> None:
    page = [
        *row(700, "", "2023", "2022"),
        *row(680, "Expected life", "0.1-2.0", "0.1-2.0"),
        *row(668, "Interest rate", "—%-4.6%", "—%-0.5%"),
        *row(656, "Dividend yield", "0.1%", "0.1%"),
    ]

    [table] = tables(tmp_path, page)

    assert table[2:] == [
        "Expected life | 0.1-2.0 | 0.1-2.0",
        "Interest rate | —%-4.6% | —%-0.5%",
        "Dividend yield | 0.1% | 0.1%",
    ]


def test_a_footnotes_mark_is_no_figure(tmp_path: Path) -> None:
    page = [
        *row(700, "", "2023", "2022"),
        *row(680, "Sales return allowance", "104 (2)", "19"),
        *row(668, "Other (1)", "7", "8"),
    ]

    [table] = tables(tmp_path, page)

    assert table[2:] == ["Sales return allowance | 104 | 19", "Other (1) | 7 | 8"]


def test_an_empty_cell_keeps_its_column(tmp_path: Path) -> None:
    page = [
        *row(700, "", "2023", "2022"),
        *row(680, "Effective rate", "2.8%", "48.0%"),
        *row(668, "Charge", "", "9"),
    ]

    [table] = tables(tmp_path, page)

    assert table[3] == "Charge |  | 9"


def test_a_table_that_goes_on_overleaf_keeps_its_headings(tmp_path: Path) -> None:
    first = [
        (190, 712, "CONSOLIDATED STATEMENTS OF CASH FLOWS"),
        (250, 700, "(In millions)"),
        *row(680, "", "2023", "2022"),
        *row(665, "Net income", "4,368", "9,752"),
        *row(653, "Depreciation", "1,544", "1,174"),
    ]
    second = [
        *row(740, "Dividends paid", "(398)", "(399)"),
        *row(728, "Repayment of debt", "—", "(1,000)"),
    ]

    [_, table] = tables(tmp_path, first, second)

    assert table[:2] == ["Consolidated Statements of Cash Flows (in millions)", " | 2023 | 2022"]


def test_new_headings_between_rows_begin_another_table(tmp_path: Path) -> None:
    page = [
        *row(700, "", "2023", "2022"),
        *row(680, "Cash", "10", "20"),
        *row(668, "Debt", "30", "40"),
        *row(640, "", "Fair Value", "Useful Life"),
        *row(620, "Trade names", "70", "5"),
        *row(608, "Technology", "1,640", "6"),
    ]

    first, second = tables(tmp_path, page)

    assert first[1:] == [" | 2023 | 2022", "Cash | 10 | 20", "Debt | 30 | 40"]
    assert second[1:] == [
        " | Fair Value | Useful Life",
        "Trade names | 70 | 5",
        "Technology | 1,640 | 6",
    ]


def test_a_long_table_is_split_and_says_again_what_it_is(tmp_path: Path) -> None:
    rows = [
        text
        for n in range(40)
        for text in row(690 - 12 * n, f"Item {chr(65 + n % 26)}{n}", str(n), "7")
    ]
    page = [(40, 728, "Holdings (in thousands)"), *row(706, "", "2023", "2022"), *rows]

    parts = tables(tmp_path, page)

    assert [part[:2] for part in parts] == [["Holdings (in thousands)", " | 2023 | 2022"]] * 2
    assert sum(len(part) - 2 for part in parts) == 40
    assert max(len(part) - 2 for part in parts) <= 25


def test_a_split_table_repeats_the_row_it_stands_under(tmp_path: Path) -> None:
    rows = [
        text
        for n in range(30)
        for text in row(680 - 12 * n, f"Part {chr(65 + n % 26)}", str(n), "7", left=50)
    ]
    page = [*row(706, "", "2023", "2022"), (40, 692, "Current assets:"), *rows]

    _, second = tables(tmp_path, page)

    assert second[2] == "Current assets:"


def test_justified_prose_with_figures_is_no_table(tmp_path: Path) -> None:
    page = prose(
        700, "In 2023 we sold 1,204 goods and in 2022 we sold 1,100 of them for $12 each. " * 8
    )

    assert tables(tmp_path, page) == []


@pytest.mark.parametrize("turn", [90, 270])
def test_a_page_lying_on_its_side_is_read_upright(turn: int, tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter, Transformation

    upright = write_pdf(tmp_path / "upright.pdf", [[*row(600, "Revenue", "26,974", "26,914")]])
    writer = PdfWriter(clone_from=PdfReader(upright))
    lying = writer.pages[0]
    # Drawn on its side, and turned back by the page's own rotation.
    if turn == 90:
        lying.add_transformation(Transformation().rotate(90).translate(tx=612))
    else:
        lying.add_transformation(Transformation().rotate(-90).translate(ty=792))
    lying.rotate(turn)
    writer.write(tmp_path / "lying.pdf")

    [read] = _lines(tmp_path / "lying.pdf")

    assert [line.text for line in read] == ["Revenue 26,974 26,914"]
    assert read[0].x0 < 60


def test_two_columns_of_prose_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [(40, 700 - 12 * n, f"the left column says this as line {n:02d} now") for n in range(12)]
    right = [(330, 700 - 12 * n, f"and the right one says that as line {n:02d}") for n in range(12)]

    read = _lines(write_pdf(tmp_path / "columns.pdf", [[*left, *right]]))
    [[piece]] = pieces(read, sections(read), furniture(read))

    assert piece.text.index("left column says this as line 11") < piece.text.index("right one")
