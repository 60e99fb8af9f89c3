"""What the log keeps of an exchange, and what of the reader's words it never sees."""

from datetime import timedelta

import pytest

from backend.conversations import Asked, Replied, mask, teaches, turn_from
from backend.records import CheckedFigure, Citation, Message, Passage, Usage, now


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Mail ann.lee+10k@mail.example.co.uk the answer", "Mail [e-mail] the answer"),
        ("Call (415) 555-2671 please", "Call [phone number] please"),
        ("Call 415-555-2671 please", "Call [phone number] please"),
        ("My number 415.555.2671, thanks", "My number [phone number], thanks"),
        ("+1 415 555 2671 is mine", "[phone number] is mine"),
        ("I am on +44 20 7946 0958.", "I am on [phone number]."),
        ("or 415 555 2671?", "or [phone number]?"),
        ("phone: 4155552671", "phone: [phone number]"),
        ("tel 555-2671", "tel [phone number]"),
        ("my ssn is 123-45-6789", "my ssn is [social security number]"),
        ("SSN 123456789", "SSN [social security number]"),
        ("social security number: 123 45 6789", "social security number: [social security number]"),
        ("card 4111 1111 1111 1111 expired", "card [card number] expired"),
        ("card 4111-1111-1111-1111.", "card [card number]."),
        ("378282246310005", "[card number]"),
        (
            "a@b.example and 212-555-0187, 5555555555554444",
            "[e-mail] and [phone number], [card number]",
        ),
        # as people really write them: labels without a blank, other signs, lists
        ("ssn:123-45-6789 tel:415-555-2671", "ssn:[social security number] tel:[phone number]"),
        ("cc:4111111111111111", "cc:[card number]"),
        (
            "call 4155552671 or reach me on 555-2671",
            "call [phone number] or reach me on [phone number]",
        ),
        ("I am 4155552671", "I am [phone number]"),
        ("415 555-2671, (415)-555-2671", "[phone number], [phone number]"),
        ("415-555-2671/415-555-2672,415-555-2673", "[phone number]/[phone number],[phone number]"),
        ("415-555-2671x23, 415-555-2671 ext. 23", "[phone number], [phone number]"),
        ("415—555—2671 and ４１５-５５５-２６７１", "[phone number] and [phone number]"),
        (
            "020 7946 0958, 0049 30 901820, 01 42 68 53 00",
            "[phone number], [phone number], [phone number]",
        ),
        ("123 45 6789 or 123−45−6789", "[social security number] or [social security number]"),
        ("987-65-4321", "[social security number]"),
        ("2223003122003222", "[card number]"),
        ("4111.1111.1111.1111, 4111–1111–1111–1111", "[card number], [card number]"),
        ("4111\u00a01111\u00a01111\u00a01111", "[card number]"),
        ("o'brien@acme.com, müller@exämple.de, 用户@例子.公司", "[e-mail], [e-mail], [e-mail]"),
        ("jane (at) acme [dot] com", "[e-mail]"),
    ],
)
def test_what_names_a_person_is_masked(said: str, kept: str) -> None:
    assert mask(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "Why did revenue rise from $26,914 to $26,974 million in fiscal 2023?",
        "Is 1,234,567,890 shares right?",
        "Is $4155552671 the figure?",
        "Is $415-555-2671 a range?",
        "Was it $1,234,567,890,123,456?",
        "Was it 4155552671 dollars?",
        "Net income 4,368 9,752 4,332 in 2023 2022 2021",
        "Between 2021-2022 and 2022-2023",
        "Accession 0001045810-23-000017, CIK 0001045810, IRS 94-3177549",
        "The year ended 2023-01-29 or 01/29/2023",
        "Pages 100-1234 of the 10-K, Item 7A, Note 12",
        "What is 4111111111111112?",
        "Growth of 12.5% to 225 436 2019",
        "A change of +26,974 and of +12.5%",
        "Section 162(m), Rule 10b5-1, ASC 606-10-50-13",
        "Call options at 120.50-135.75, fax revenue",
        "Text of Item 1A in 2023",
        "See note @ page 12",
        "Mobile 2022-2023 revenue, cell 2021 2022",
        "Is net income 4368000000 right?",
        "Net income 3,415 555 2671 and 123 45 2021",
        "ASC 842-20-50-1, ASU 2016-13, file 001-37845, 95051-1234",
        "2022–2023 – a change of 5 %, 01.29.2023",
    ],
)
def test_figures_and_references_are_never_taken_for_a_person(said: str) -> None:
    assert mask(said) == said


def test_a_card_number_that_fails_the_luhn_check_stays() -> None:
    assert mask("order 4111 1111 1111 1112") == "order 4111 1111 1111 1112"


def test_masking_a_very_long_question_takes_no_time_to_speak_of() -> None:
    hostile = "1 " * 20_000 + "a@" * 20_000 + "+1 " * 5_000 + "(" * 5_000

    masked = mask(hostile)

    assert "[card number]" not in masked
    assert mask("415-555-2671," * 300) == "[phone number]," * 300


PASSAGE = Passage(
    filing="f1",
    file="acme.pdf",
    company="Acme",
    fiscal_year=2023,
    page=3,
    pages=(3, 4),
    section="Item 7",
    kind="prose",
    text="Revenue was $5 million.",
    score=1.0,
    chunk=7,
)


def test_a_turn_holds_everything_the_model_saw_and_what_it_cost() -> None:
    asked = Asked("and 2022? I am a@b.example", "What was revenue in 2022?", "t1", "ann", "s1")
    replied = Replied(
        "It was $5 million [1].",
        "m1",
        "teacher",
        usage=Usage(prompt_tokens=9, completion_tokens=4),
        cost_usd=0.5,
        seconds=1.5,
        citations=[Citation(number=1, filing="f1", file="acme.pdf", page=3, quote="Revenue ...")],
        figures=[CheckedFigure(text="$5 million", found=True)],
    )

    turn = turn_from(
        asked, replied, evidence=[PASSAGE], messages=[Message(role="user", content="Evidence")]
    )

    assert turn.question == "and 2022? I am [e-mail]"
    assert turn.messages == [{"role": "user", "content": "Evidence"}]
    assert turn.evidence[0]["pages"] == [3, 4]
    assert (turn.prompt_tokens, turn.completion_tokens, turn.cost_usd, turn.seconds) == (
        9,
        4,
        0.5,
        1.5,
    )
    assert turn.citations[0]["page"] == 3
    assert turn.figures == [{"text": "$5 million", "found": True}]


def test_a_turn_says_when_it_was_asked_not_when_its_answer_ended() -> None:
    before = now()

    turn = turn_from(
        Asked("q", "q", "t1"), Replied("a", "m", "teacher", seconds=90.0), evidence=[], messages=[]
    )

    assert before <= turn.asked_at + timedelta(seconds=90) <= now()


@pytest.mark.parametrize(
    ("role", "state", "teaching"),
    [
        ("teacher", "whole", True),
        ("teacher", "stopped", False),
        ("teacher", "failed", False),
        ("student", "whole", False),
    ],
)
def test_only_a_whole_answer_of_the_teacher_teaches(role: str, state: str, teaching: bool) -> None:
    turn = turn_from(
        Asked("q", "q", "t"), Replied("a", "m", role, state=state), evidence=[], messages=[]
    )

    assert teaches(turn) is teaching
