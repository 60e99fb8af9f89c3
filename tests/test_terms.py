"""Words of finance: stems, synonyms, statements."""

import pytest

from backend.terms import expand, statements_named, stems


def test_stems_drop_stop_words_and_endings() -> None:
    assert stems("What were the repurchases of shares?") == ["repurchas", "share"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("stock-based", ["stock", "base"]),
        ("FY21", ["fy", "2021"]),
        ("26,974", ["26974"]),
        ("SG&A", ["sg&a"]),
        ("U.S. revenue", ["unit", "state", "revenu"]),
        ("NVIDIA's A100", ["nvidia", "a100"]),
        ("10-K", ["10k"]),
        ("", []),
        ("?!", []),
    ],
)
def test_hyphens_digits_and_abbreviations_become_plain_words(text: str, wanted: list[str]) -> None:
    assert stems(text) == wanted


@pytest.mark.parametrize(
    ("question", "phrase"),
    [
        ("What was capex?", "purchases of property and equipment"),
        ("How did the top line develop?", "revenue"),
        ("the bottom line", "net income"),
        ("SG&A", "selling, general and administrative"),
        ("R&D expense", "research and development"),
        ("buybacks in 2023", "repurchases of common stock"),
        ("headcount", "employees"),
        ("free cash flow", "net cash provided by operating activities"),
        ("AR at year end", "accounts receivable"),
        ("the RPO", "remaining performance obligations"),
        ("effective tax rate", "effective income tax rate"),
        ("diluted EPS", "net income per share diluted"),
    ],
)
def test_a_synonym_leads_to_what_filings_print(question: str, phrase: str) -> None:
    assert phrase in expand(question)


def test_a_word_of_no_trade_has_no_synonyms() -> None:
    assert expand("Which volcano erupted?") == []


def test_the_longest_phrase_alone_is_expanded() -> None:
    assert "comprehensive income" not in expand("What was net income?")
    assert "cash and cash equivalents" not in expand("What was free cash flow?")


def test_a_named_statement_gives_its_sections() -> None:
    assert statements_named("according to the balance sheet")[0] == "Consolidated Balance Sheets"
    assert statements_named("per the cash flow statement") == [
        "Consolidated Statements of Cash Flows"
    ]
    assert statements_named("What was revenue?") == []
