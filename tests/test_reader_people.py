"""Who runs, directs and audits a company: tables of officers, signature pages, sentences."""

import pytest

from backend.local.reader import STUDENT_START, TEACHER, Weights, read
from backend.passages import is_refusal
from backend.records import Message

OFFICERS = """\
Information about our executive officers
 | Age | Position | Held since
Mara A. Lindqvist | 51 | Chair, President and Chief Executive Officer | 2019
Tom\u00e1s Ferreira-Costa | 47 | Executive Vice President and Chief Financial Officer | 2021
Wendy Okafor | 55 | Executive Vice President and Group CEO - Harbour Consumer | 2020"""
SIGNATURES = """\
Signature | Title | Date
/s/ MARA A. LINDQVIST | Chief Executive Officer and Director | March 3, 2023
Mara A. Lindqvist
/s/ Tom\u00e1s Ferreira-Costa | March 3, 2023
Tom\u00e1s Ferreira-Costa
Chief Financial Officer
/s/ Ines de la Torre | Director | March 3, 2023
Ines de la Torre
* | Director | March 3, 2023
Paul McCabe, Jr."""
SHIFTED = """\
Signature | Title President, Chief Executive Officer and Director | Date
/s/ MARA A. LINDQVIST | (Principal Executive Officer) | March 3, 2023
Mara A. Lindqvist
Executive Vice President and Chief Financial Officer
/s/ TOM\u00c1S FERREIRA-COSTA | (Principal Financial Officer) | March 3, 2023"""
CONTRACT = (
    "The Services will be provided to the Company's CEO, and any of his delegees, as the CEO deems "
    "fit. Orrin Blake, Chief Executive Officer, signs this Agreement."
)
CONTROLS = (
    "Our Chief Executive Officer and Chief Financial Officer have evaluated our controls. "
    "Directors are elected each year by our shareholders."
)
REPORT = """\
/s/ Gannet, Moss & Hale LLP
Leeds, Maine
March 3, 2023
We have served as the Company's auditor since 2011."""
REPORT_OF = "Item 8. Report of Independent Registered Public Accounting Firm"


def answer(question: str, *passages: tuple[str, str], weights: Weights = TEACHER) -> str:
    evidence = "\n\n".join(
        f"[{n}] Harbour Freight Lines, Inc. 10-K, fiscal 2022, page {40 + n}, {section}\n{text}"
        for n, (section, text) in enumerate(passages, 1)
    )
    content = f"Evidence:\n\n{evidence}\n\nQuestion: {question}"
    return read([Message(role="user", content=content)], weights).answer


@pytest.mark.parametrize("weights", [TEACHER, STUDENT_START], ids=["teacher", "student"])
@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Who is the CEO?", "Mara A. Lindqvist is Chair, President and Chief Executive Officer"),
        ("Who runs the company?", "Mara A. Lindqvist is Chair, President"),
        (
            "Who is Harbour's chief financial officer?",
            "Tom\u00e1s Ferreira-Costa is Executive Vice President and Chief Financial Officer",
        ),
        ("Who is the CEO of Harbour Consumer?", "Wendy Okafor is Executive Vice President"),
        ("Who is the chairman of the board?", "Mara A. Lindqvist is Chair"),
    ],
)
def test_an_officer_is_named_from_the_table_whatever_stands_before_it(
    question: str, told: str, weights: Weights
) -> None:
    passages = (("Exhibit 10.16 Agreement", CONTRACT), ("Item 1", OFFICERS), ("Item 9A", CONTROLS))

    found = answer(question, *passages, weights=weights)

    assert found.startswith(told)
    assert found.endswith("[2].")


def test_a_signature_page_names_officers_by_the_title_beside_or_below_the_name() -> None:
    shown = (("Item 9A", CONTROLS), ("Signatures", SIGNATURES))

    assert answer("Who is the CEO?", *shown) == (
        "Mara A. Lindqvist is Chief Executive Officer and Director [2]."
    )
    assert answer("Who is the CFO?", *shown) == (
        "Tom\u00e1s Ferreira-Costa is Chief Financial Officer [2]."
    )


def test_a_title_that_stands_above_the_next_signature_is_not_given_to_the_one_before() -> None:
    told = answer("Who is the chief financial officer?", ("Signatures", SHIFTED))

    assert is_refusal(told)


@pytest.mark.parametrize(
    "sentence",
    [
        "We depend on Mara Lindqvist, our co-founder, Chief Executive Officer and chair.",
        "We depend on our key people, including our Chief Executive Officer, Mara Lindqvist.",
        "Mara Lindqvist is the Chair and Chief Executive Officer of Harbour.",
        "Mara Lindqvist founded Harbour in 1993 and has served as our President, Chief Executive "
        "Officer and director since then.",
        "Ms. Lindqvist became Chief Executive Officer in July 2019.",
    ],
)
def test_a_sentence_that_puts_a_name_beside_the_office_is_quoted(sentence: str) -> None:
    told = answer("Who is the CEO?", ("Item 9A", CONTROLS), ("Item 1A", f"It is so. {sentence}"))

    assert told == f"{sentence[:-1]} [2]."


@pytest.mark.parametrize(
    "sentence",
    [
        "Before that, Mr. Blake served for six years as Chief Executive Officer of Norland.",
        "Orrin Blake is Chief Executive Officer of Norland Shipping, a customer.",
        "The chief operating decision maker is our Chief Executive Officer.",
        "Orrin Blake reports to our Chief Executive Officer.",
        "Each Harbour Affiliate must notify its Chief Executive Officer.",
    ],
)
def test_who_held_the_office_elsewhere_or_reports_to_it_is_no_answer(sentence: str) -> None:
    assert is_refusal(answer("Who is the CEO?", ("Item 1", sentence)))


def test_officers_of_another_year_are_not_told() -> None:
    assert is_refusal(answer("Who was the CEO in 2009?", ("Item 1", OFFICERS)))


def test_what_only_speaks_of_an_office_is_read_as_before() -> None:
    text = "The Chief People Officer reports to the Chief Executive Officer once a month."

    assert answer("Who reports to the CEO?", ("Item 1", text)).startswith("The Chief People")


def test_all_officers_are_listed_with_their_titles() -> None:
    told = answer("Who are the executive officers?", ("Item 9A", CONTROLS), ("Item 1", OFFICERS))

    assert told.splitlines()[0] == "The executive officers are:"
    assert len(told.splitlines()) == 4
    assert "- Mara A. Lindqvist, Chair, President and Chief Executive Officer [2]." in told


@pytest.mark.parametrize("question", ["List the directors.", "Who sits on the board of directors?"])
def test_directors_are_those_who_signed_as_such(question: str) -> None:
    told = answer(question, ("Item 9A", CONTROLS), ("Signatures", SIGNATURES))

    assert told == (
        "These directors signed the report: Mara A. Lindqvist, Ines de la Torre and "
        "Paul McCabe, Jr. [2]."
    )


# -- the auditor


@pytest.mark.parametrize(
    "question",
    [
        "Who audits the company?",
        "Who is the independent auditor?",
        "Who is Harbour's auditor?",
        "Which accounting firm audits Harbour?",
        "Who is the independent registered public accounting firm?",
    ],
)
@pytest.mark.parametrize("weights", [TEACHER, STUDENT_START], ids=["teacher", "student"])
def test_the_auditor_is_who_signed_the_report(question: str, weights: Weights) -> None:
    taxes = "We are under audit by the tax authorities of several states."

    told = answer(question, ("Note 9 - Taxes", taxes), (REPORT_OF, REPORT), weights=weights)

    assert told == (
        "Gannet, Moss & Hale LLP signed the auditor's report and has been auditor since 2011 [2]."
    )


def test_the_number_of_the_audit_firm_is_told_where_it_is_printed() -> None:
    index = "Report of Independent Registered Public Accounting Firm (PCAOB ID: 4711) | 48"

    told = answer("Who audits the company?", (REPORT_OF, REPORT), ("Item 15. Exhibits", index))

    assert told.endswith("Its PCAOB ID is 4711 [2].")


def test_a_sentence_that_names_the_auditor_is_quoted() -> None:
    said = "Our independent registered public accounting firm is Gannet & Hale LLP, Leeds, Maine."

    assert answer("Who is the auditor?", ("Item 14", said)) == f"{said[:-1]} [1]."


@pytest.mark.parametrize(
    "sentence",
    [
        "We dismissed Old & Gray LLP, our independent registered public accounting firm.",
        "The audit committee appoints the independent auditor.",
        "/s/ Brass & Bell LLP",
    ],
)
def test_a_firm_that_left_or_signed_something_else_is_no_auditor(sentence: str) -> None:
    assert is_refusal(answer("Who audits the company?", ("Exhibit 5.1 Opinion", sentence)))
