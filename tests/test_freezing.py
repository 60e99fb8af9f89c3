"""Frozen datasets: nothing of the exam in them, the same files from the same log."""

import json

import pytest

from backend.datasets import (
    Curated,
    Rules,
    curate,
    freeze,
    from_chat_jsonl,
    refuse_exam_questions,
    without_exam_questions,
)
from backend.errors import DataError
from backend.records import Example


def kept(number: int, question: str = "") -> Curated:
    example = Example(
        id=number,
        source="generated",
        question=question or f"What was item {number} in 2025?",
        answer=f"Item {number} was {number} [1].",
        messages=[
            {"role": "system", "content": "Answer."},
            {"role": "user", "content": f"Question: {question or f'What was item {number}?'}"},
        ],
    )
    return Curated(example, "kept", "")


def test_the_same_examples_give_the_same_files() -> None:
    rows = [kept(number) for number in range(40)]

    first, second = freeze(rows, seed=7), freeze(rows, seed=7)

    assert first == second
    assert first.sha256 == second.sha256


def test_one_more_example_gives_another_dataset() -> None:
    rows = [kept(number) for number in range(40)]

    assert freeze(rows).sha256 != freeze([*rows, kept(40)]).sha256


def test_no_example_is_in_both_files_and_none_is_lost() -> None:
    frozen = freeze([kept(number) for number in range(40)], share=0.25)

    assert not set(frozen.train_examples) & set(frozen.validation_examples)
    assert sorted(frozen.train_examples + frozen.validation_examples) == list(range(40))
    assert len(frozen.validation_examples) == 10
    assert len(frozen.train.splitlines()) == 30


def test_validation_never_takes_what_training_needs() -> None:
    frozen = freeze([kept(number) for number in range(11)], share=0.5)

    assert len(frozen.train_examples) == 10


def test_too_few_examples_say_what_to_type() -> None:
    with pytest.raises(DataError, match=r"10 examples or more, and 9 of 9.*tenk examples generate"):
        freeze([kept(number) for number in range(9)])


def test_dropped_examples_are_in_no_file() -> None:
    dropped = Curated(kept(99).example, "dropped", "a reader gave it a thumbs-down")

    frozen = freeze([dropped, *(kept(number) for number in range(12))])

    assert 99 not in frozen.train_examples + frozen.validation_examples


@pytest.mark.parametrize(
    "question",
    [
        "What was Calderwick's total revenue in fiscal 2025?",
        "what was the total revenue of Calderwick in fiscal 2025",
    ],
)
def test_a_near_duplicate_of_an_exam_question_is_dropped(question: str) -> None:
    exam = ["What was total revenue of Calderwick in fiscal 2025?"]

    [one] = without_exam_questions([kept(1, question)], exam)

    assert (one.state, one.rule) == ("dropped", "exam")


def test_the_same_question_of_another_year_is_another_question() -> None:
    exam = ["What was Calderwick's total revenue in fiscal 2025?"]

    [one] = without_exam_questions(
        [kept(1, "What was Calderwick's total revenue in fiscal 2024?")], exam
    )

    assert one.state == "kept"


def test_an_exam_question_smuggled_into_an_upload_is_refused_by_its_line() -> None:
    rows = [kept(number) for number in range(12)]
    smuggled = {
        "messages": [
            {"role": "user", "content": "Question: What was total revenue in fiscal 2025?"},
            {"role": "assistant", "content": "Revenue was $742.3 million [1]."},
        ]
    }
    text = freeze(rows, share=0).train + json.dumps(smuggled) + "\n"

    with pytest.raises(DataError, match=r"Line 13.*exam question"):
        refuse_exam_questions(text, ["What was total revenue in fiscal 2025?"])


@pytest.mark.parametrize(
    "said",
    [
        ["What was total revenue in fiscal 2025?", "And what of the leases?"],
        ["Question: What was total revenue in fiscal 2025?\n\nQuestion: What of the leases?"],
        ["Much stands here of the company and its years. What was total revenue in fiscal 2025?"],
        ["Evidence of many words and of few figures\n\nQ) what was total revenue in FY2025?"],
        ["What was total rev\u200benue in fiscal ２０２５?"],
    ],
)
def test_an_exam_question_hidden_in_an_example_is_found_before_and_at_the_upload(
    said: list[str],
) -> None:
    exam = ["What was total revenue in fiscal 2025?"]
    answer = {"role": "assistant", "content": "Revenue was $742.3 million [1]."}
    messages = [one for text in said for one in ({"role": "user", "content": text}, answer)]
    line = json.dumps({"messages": messages})

    [one] = without_exam_questions(
        [Curated(example, "kept", "") for example in from_chat_jsonl([line])], exam
    )

    assert (one.state, one.rule) == ("dropped", "exam")
    with pytest.raises(DataError, match=r"Line 1 .*exam question"):
        refuse_exam_questions(line, exam)


def test_an_upload_without_exam_questions_goes_through() -> None:
    text = freeze([kept(number) for number in range(12)]).train

    refuse_exam_questions(text, ["What was total revenue in fiscal 2025?"])


def test_no_hand_overrules_the_exam() -> None:
    example = kept(1).example
    example.by_hand = "keep"

    [one] = curate([(example, None)], Rules(on_exam_side=lambda group: True))

    assert (one.state, one.rule) == ("dropped", "exam")
