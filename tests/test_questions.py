"""Which chunks are asked about, in which order, and which replies are questions."""

from collections import Counter

import pytest

from backend.errors import DataError
from backend.questions import (
    Estimate,
    estimate,
    fault_of,
    kind_of,
    messages_for,
    origin,
    question_in,
    refuse_above,
    room,
    spread,
)
from backend.records import ChunkKind, Passage

ROWS = "\n".join(f"Item {n} of the business | ${n},{n}00 | {n},{n}50" for n in range(1, 7))
TABLE = f"Balances (USD in millions)\n | June 28, 2025 | June 29, 2024\n{ROWS}"
PROSE = "We make instruments that measure gases in plants, and sell them to those who run plants. "


def passage(
    section: str, number: int = 0, *, kind: ChunkKind = "prose", filing: str = "f", text: str = ""
) -> Passage:
    said = text or (
        f"{TABLE}\nRow {number} | 1 | 2" if kind == "table" else f"{number} {PROSE * 4}"
    )
    return Passage(
        filing=filing,
        file="acme.pdf",
        company="Acme Corporation",
        fiscal_year=2025,
        page=1,
        pages=(1,),
        section=section,
        kind=kind,
        text=said,
        score=0.0,
        chunk=number,
    )


def sections_of(found: list[str]) -> int:
    return len(set(found))


# -- what to ask about


def test_every_section_comes_before_any_comes_twice() -> None:
    chunks = [passage(f"Note {n}", n * 100 + m) for n in range(8) for m in range(12)]

    order = [one.passage.section for one in spread(chunks, asked={})]

    assert sections_of(order[:8]) == 8
    assert sections_of(order[8:16]) == 8


def test_a_long_section_crowds_out_no_short_one() -> None:
    chunks = [passage("Item 1A. Risk Factors", n) for n in range(200)]
    chunks += [passage(f"Note {n}", 1000 + n) for n in range(9)]

    order = [one.passage.section for one in spread(chunks, asked={})]

    assert sections_of(order[:10]) == 10


def test_figures_and_prose_take_turns() -> None:
    chunks = [passage(f"Note {n}", n, kind="table") for n in range(10)]
    chunks += [passage(f"Note {n}", 100 + n) for n in range(10)]

    order = [one.kind for one in spread(chunks, asked={})][:20]

    assert order == ["figure", "prose"] * 10


def test_filings_take_turns() -> None:
    chunks = [passage(f"Note {n}", n, filing=f) for f in ("a", "b", "c") for n in range(9)]

    order = [one.passage.filing for one in spread(chunks, asked={})]

    assert Counter(order[:9]) == {"a": 3, "b": 3, "c": 3}


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    chunks = [passage(f"Note {n}", n) for n in range(30)]

    first, again = spread(chunks, asked={}, seed=1), spread(chunks[::-1], asked={}, seed=1)

    assert first == again
    assert first != spread(chunks, asked={}, seed=2)


def test_what_was_asked_before_comes_again_only_after_everything_else() -> None:
    chunks = [passage(f"Note {n}", n) for n in range(12)]
    before = {origin(one) for one in chunks[:7]}

    order = [one.origin for one in spread(chunks, asked=dict.fromkeys(before, 1))]

    assert not before & set(order[:5])
    assert set(order[:5]) == {origin(one) for one in chunks[7:]}


def test_a_chunk_that_bears_no_more_questions_does_not_come_again() -> None:
    chunk = passage("Note 1")
    known = {origin(chunk): room(chunk, "prose")}

    assert spread([chunk], asked=known) == []


def test_exhibits_are_a_small_share_however_long_they_are() -> None:
    chunks = [passage("Exhibit 10.1 Equity Incentive Plan", n) for n in range(500)]
    chunks += [passage(f"Note {n}", 1000 + n) for n in range(100)]

    order = [one.passage.section for one in spread(chunks, asked={})]

    share = sum(section.startswith("Exhibit") for section in order) / len(order)
    assert 0 < share <= 0.05


@pytest.mark.parametrize(
    "section",
    [
        "Cover",
        "Table of Contents",
        "Signatures",
        "Item 15. Exhibit Index",
        "Item 15. Exhibits and Financial Statement Schedules",
        "Item 16. Form 10-K Summary",
        "Item 6. [Reserved]",
        "Item 8. Report of Independent Registered Public Accounting Firm",
        "Exhibit 31.1 Certification",
        "Exhibit 23.1 Consent of Independent Registered Public Accounting Firm",
    ],
)
def test_nothing_is_asked_about_boilerplate(section: str) -> None:
    assert kind_of(passage(section)) is None


@pytest.mark.parametrize(
    "section", ["Item 1. Business", "Item 15. Schedule II - Valuation", "Note 3 - Leases", ""]
)
def test_what_has_substance_is_asked_about(section: str) -> None:
    assert kind_of(passage(section)) == "prose"


def test_references_to_other_documents_and_headings_are_passed_over() -> None:
    elsewhere = "The information is incorporated by reference to our proxy statement. " * 4

    assert kind_of(passage("Item 11", text=elsewhere)) is None
    assert kind_of(passage("Item 7", text="Results of Operations")) is None


def test_a_table_of_words_is_asked_about_as_prose() -> None:
    words = "Officers\n | Position\n" + "\n".join(
        f"Name {n} | Chief of something" for n in "abcdef"
    )

    assert kind_of(passage("Item 1", kind="table", text=words)) == "prose"


def test_a_chunk_keeps_its_origin_when_it_is_indexed_again() -> None:
    assert origin(passage("Note 1", 3)) == origin(
        passage("Note 1", 3).model_copy(update={"chunk": 99})
    )
    assert origin(passage("Note 1", 3)) != origin(passage("Note 1", 4))


# -- the prompt and the reply


def test_the_prompt_shows_the_passage_its_kind_and_what_was_asked_before() -> None:
    system, user = messages_for("[1] Acme 10-K\nText", "figure", ["What was revenue?"])

    assert system.content.startswith("Write one question that the passage answers.")
    assert user.content == (
        "Passage:\n\n[1] Acme 10-K\nText\n\nKind: figure\n\nAsked before:\n- What was revenue?"
    )


@pytest.mark.parametrize(
    "reply",
    [
        "What was Acme's revenue in fiscal 2025?",
        '"What was Acme\'s revenue in fiscal 2025?"',
        "1. What was Acme's revenue in fiscal 2025?",
        "Sure! Here is one: What was Acme's revenue in fiscal 2025?",
        "**Question:** What was Acme's revenue in fiscal 2025?",
        "Here is a question.\n\nQuestion 1: What was Acme's revenue in fiscal 2025?\n\nAnswer: $4.",
        "  What was Acme's   revenue in fiscal 2025? It was $4 million.",
    ],
)
def test_the_question_is_found_in_what_models_write_around_it(reply: str) -> None:
    assert question_in(reply) == "What was Acme's revenue in fiscal 2025?"


def test_figures_that_open_a_question_are_no_numbering() -> None:
    assert question_in("In 2025, what was Acme's revenue?") == "In 2025, what was Acme's revenue?"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "NONE",
        "Revenue was $4 million.",
        "Why?",
        "According to the passage, what was Acme's revenue?",
        "What does the table show about Acme's revenue in fiscal 2025?",
        "What was Acme's revenue as described above in fiscal 2025?",
        "What was Acme's revenue in fiscal 2025 [1]?",
        "What was Acme's revenue? And what was its income in 2025?",
        f"What was {'very ' * 60}high at Acme in 2025?",
    ],
)
def test_a_reply_that_cannot_be_put_to_anybody_is_rejected(reply: str) -> None:
    assert fault_of(question_in(reply)) is not None


@pytest.mark.parametrize(
    "question",
    [
        "What was Acme's revenue in fiscal 2025?",
        "Why did Acme's gross margin decline in fiscal 2025?",
        "What risks do Acme's suppliers in China pose to it?",
        "How does Acme account for Section 382 limitations?",
    ],
)
def test_a_question_that_stands_alone_is_taken(question: str) -> None:
    assert fault_of(question) is None


# -- what it costs


def test_the_estimate_prices_what_is_read_and_what_is_written() -> None:
    told = estimate([(1_000_000, 100_000), (1_000_000, 100_000)], (1.0, 5.0))

    assert told == Estimate(calls=2, tokens=2_200_000, usd=3.0)
    assert "$3.00" in str(told)


@pytest.mark.parametrize(
    ("usd", "said"),
    [(3.0, "about $3.00"), (0.004, "about $0.004"), (0.0, "no cost"), (None, "no price is known")],
)
def test_an_estimate_never_calls_a_fraction_of_a_cent_nothing(usd: float | None, said: str) -> None:
    assert f"2 calls, 2,000 tokens, {said}" in str(Estimate(2, 2_000, usd))


def test_an_estimate_above_the_budget_is_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match=r"\$3\.00.*TENK_BUDGET_USD=2\.00"):
        refuse_above(Estimate(2, 2_000_000, 3.0), 2.0)


def test_a_budget_cannot_be_kept_where_no_price_is_known() -> None:
    with pytest.raises(DataError, match="TENK_PRICES"):
        refuse_above(Estimate(2, 2_000_000, None), 2.0)


def test_without_a_budget_nothing_is_refused() -> None:
    refuse_above(Estimate(2, 2_000_000, None), None)
    refuse_above(Estimate(2, 2_000_000, 9.0), 9.0)
