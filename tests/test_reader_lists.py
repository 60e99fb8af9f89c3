"""Sentences that list, go on or only announce: what is quoted where a list is asked for."""

import pytest

from backend.local.reader.asking import asked
from backend.local.reader.listing import COUNTED, ENUMERATED, INTRODUCED, listed, lists
from backend.local.reader.reading import refers
from backend.passages import is_refusal
from tests.test_reader_lines import answer

SEGMENTS = (
    "Segment operating margin widened in each segment. The segments' policies are those of Note 1. "
    "The following tables provide financial information for our two segments:"
)


def test_segments_are_named_by_the_sentence_that_counts_them() -> None:
    named = "We have two segments, which we manage as units - Freight Lines and Harbour Services."

    told = answer("What are the segments?", ("Note 3", SEGMENTS), ("Item 1", f"So be it. {named}"))

    assert told.startswith(named[:-1])


def test_a_sentence_that_only_announces_a_table_is_no_answer() -> None:
    told = answer(
        "What are the company's segments?",
        ("Note 3", "The tables below present information by reportable segments of the company:"),
        ("Item 1", "Freight Lines and Harbour Services are our segments."),
    )

    assert "tables below" not in told


def test_nothing_of_the_question_in_it_is_no_answer() -> None:
    owed = " ".join(f"We owed ${n} million at the end of month {n}." for n in range(1, 40))

    told = answer("Who won the chess match?", ("Note 9", owed), ("Note 8", owed))

    assert is_refusal(told)


def test_items_that_begin_alike_are_all_told() -> None:
    text = (
        "ASU 2023-09 on taxes by place is a standard that we have not yet adopted.\n"
        "ASU 2024-03 asks for a breakdown of expenses by kind from fiscal 2025.\n"
        "Reclassifications. We moved some costs from one line to another."
    )

    told = answer("Which standards have not been adopted?", ("Note 1", text))

    assert "ASU 2023-09" in told
    assert "ASU 2024-03" in told
    assert "moved" not in told


@pytest.mark.parametrize(
    ("sentence", "gain"),
    [
        ("We have three segments: Alpha, Beta and Gamma.", COUNTED),
        ("Our two operating segments are Alpha Lines and Beta Lines.", COUNTED),
        ("Our segments are Alpha, Beta and Gamma.", INTRODUCED),
        ("They trade in tin, zinc and lead.", ENUMERATED),
        ("Each segment has its own margin.", 0.0),
    ],
)
def test_a_sentence_gains_by_listing_and_most_by_counting(sentence: str, gain: float) -> None:
    assert lists(sentence, "segment") == gain


@pytest.mark.parametrize(
    ("question", "noun"),
    [
        ("What are the segments?", "segment"),
        ("Which currencies does the company hedge?", "currenc"),
        ("List the products of the company.", "product"),
        ("What is revenue?", ""),
        ("How does the company hedge?", ""),
    ],
)
def test_what_is_to_be_listed_is_known(question: str, noun: str) -> None:
    assert listed(asked(question)) == noun


def test_what_refers_to_the_sentence_before_is_told_with_it() -> None:
    text = "We buy tin, zinc and lead for our batteries. A rise of all three would cost $2 million."

    assert refers("A rise of all three would cost $2 million.")
    assert not refers("Three ships were sold.")
    assert "tin, zinc and lead" in answer("What would a rise of metal prices cost?", ("7A", text))
