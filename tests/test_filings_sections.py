"""Where each section of a 10-K begins, and what only looks like a beginning."""

from collections.abc import Sequence

from backend.filings.lines import Line, lines_of
from backend.filings.sections import outlined, sections, titled
from backend.filings.words import Word


def page(*texts: str, step: float = 24.0) -> list[Line]:
    """Lines `step` points apart, their words five points a letter."""
    words: list[Word] = []
    for n, text in enumerate(texts):
        x, y = 40.0, 740 - step * n
        for word in text.split():
            words.append(Word(word, x, y - 10, x + 5 * len(word), y, len(words)))
            x += 5 * len(word) + 3
    return lines_of(words)


def names(pages: Sequence[list[Line]]) -> list[list[str]]:
    return [[name for _, name in marks] for marks in sections(pages)]


FILLER = ["We say something here.", "And something more."] * 6
CONTENTS = page(
    *[f"Item {n}. Some Heading {4 + n}" for n in range(1, 9)],
    "Item 9. More 40",
    "Item 15. Exhibits 90",
)


def test_items_begin_where_their_headings_stand() -> None:
    found = names(
        [
            page("FORM 10-K"),
            CONTENTS,
            page("ITEM 1. BUSINESS", *FILLER),
            page(*FILLER, "Item 1A. Risk Factors", *FILLER[:2]),
            page(*FILLER),
        ]
    )

    assert found == [
        ["Cover"],
        ["Table of Contents"],
        ["Item 1. Business"],
        ["Item 1. Business", "Item 1A. Risk Factors"],
        ["Item 1A. Risk Factors"],
    ]


def test_a_reference_to_an_item_in_running_text_begins_nothing() -> None:
    found = names(
        [
            page("Item 7. Management’s Discussion and Analysis of Financial Condition", *FILLER),
            page("Item 8, “Financial Statements and Supplementary Data,” of this report.", *FILLER),
            page("Item 8 of this Annual Report on Form 10-K.", *FILLER),
        ]
    )

    assert found[1:] == [["Item 7. Management's Discussion and Analysis"]] * 2


def test_an_earlier_item_does_not_come_again() -> None:
    found = names(
        [
            page("Item 7A. Quantitative and Qualitative Disclosures", *FILLER),
            page("Item 1. Business"),
        ]
    )

    assert found[1] == ["Item 7A. Quantitative and Qualitative Disclosures About Market Risk"]


def statements() -> list[list[Line]]:
    return [
        page("Item 8. Financial Statements and Supplementary Data", *FILLER),
        page("CONSOLIDATED STATEMENTS OF INCOME", "(In millions)", *FILLER),
        page("CONSOLIDATED BALANCE SHEETS", *FILLER),
        page("NOTES TO THE CONSOLIDATED FINANCIAL STATEMENTS", "Note 1 - Organization", *FILLER),
        page("(Continued)", *FILLER, "Note 2 - BUSINESS COMBINATION", *FILLER[:2]),
    ]


def test_each_statement_and_each_note_is_a_section() -> None:
    found = names(statements())

    assert found[1] == ["Item 8. Consolidated Statements of Income"]
    assert found[2][-1] == "Item 8. Consolidated Balance Sheets"
    assert found[3][-1] == "Note 1 - Organization"
    assert found[4] == ["Note 1 - Organization", "Note 2 - Business Combination"]


def test_a_page_that_lists_statements_holds_none() -> None:
    index = page(
        "Item 15. Exhibits and Financial Statement Schedules",
        "Consolidated Statements of Income for the years ended January 29, 2023 54",
        "Consolidated Balance Sheets as of January 29, 2023 56",
        "Notes to the Consolidated Financial Statements 59",
    )

    assert names([*statements()[:1], index])[1][-1] == (
        "Item 15. Exhibits and Financial Statement Schedules"
    )


def test_a_note_named_in_a_sentence_begins_nothing() -> None:
    found = names([*statements(), page("Note 3 - Leases for further information.", *FILLER)])

    assert found[-1] == ["Note 2 - Business Combination"]


def test_numbered_notes_count_and_numbered_lists_do_not() -> None:
    notes = [
        page("Item 8. Financial Statements and Supplementary Data"),
        page("Notes to Consolidated Financial Statements", "1. Description of Business", *FILLER),
        page("2. Identify the contract", "3. Determine the price", "4. Allocate it", *FILLER),
        page("2. Significant Accounting Policies", *FILLER),
    ]

    found = names(notes)

    assert found[1][-1] == "Note 1 - Description of Business"
    assert found[2] == ["Note 1 - Description of Business"]
    assert found[3][-1] == "Note 2 - Significant Accounting Policies"


def test_exhibits_are_labelled_with_number_and_title() -> None:
    found = names(
        [
            page("Item 15. Exhibits and Financial Statement Schedules", *FILLER),
            page("SIGNATURES", *FILLER),
            page("Exhibit 10.26", "EXECUTIVE SEVERANCE PLAN", *FILLER),
            page("2. Term of the plan.", *FILLER),
        ]
    )

    assert found[1:] == [
        ["Signatures"],
        ["Exhibit 10.26 Executive Severance Plan"],
        ["Exhibit 10.26 Executive Severance Plan"],
    ]


def test_an_exhibit_without_a_number_begins_after_a_short_page() -> None:
    found = names(
        [
            page("Item 15. Exhibits and Financial Statement Schedules", *FILLER),
            page("SIGNATURES", *FILLER),
            page("Exhibit 4.6", "DESCRIPTION OF SECURITIES", *FILLER),
            page("An end."),
            page("2007 Equity Incentive Plan", *FILLER),
        ]
    )

    assert found[-1] == ["Exhibit 2007 Equity Incentive Plan"]


def test_words_of_an_item_in_an_exhibit_begin_nothing() -> None:
    found = names(
        [
            page("Item 15. Exhibits and Financial Statement Schedules", *FILLER),
            page("SIGNATURES", *FILLER),
            page("Exhibit 31.1", "CERTIFICATION", *FILLER),
            page("Item 16. Form 10-K Summary", "Consolidated Balance Sheets", *FILLER),
        ]
    )

    assert found[-1] == ["Exhibit 31.1 Certification"]


def test_a_document_that_is_no_filing_has_no_sections_after_its_front() -> None:
    assert names([page(*FILLER)] * 5) == [["Cover"]] * 3 + [[""]] * 2


def test_an_outline_names_sections_page_by_page() -> None:
    found = outlined([(0, "Opening"), (2, "Findings"), (2, "More")], 4)

    assert found == [[(0, "Opening")], [(0, "Opening")], [(0, "Findings")], [(0, "More")]]


def test_a_title_in_capitals_is_written_small_and_numbers_stay() -> None:
    assert titled("SCHEDULE II – VALUATION OF ACCOUNTS") == "Schedule II – Valuation of Accounts"
