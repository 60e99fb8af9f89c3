"""Which examples teach, why the others do not, and what goes into a training file."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from backend.answers import messages_for
from backend.datasets import (
    Curated,
    Rule,
    Rules,
    curate,
    dropped_words,
    exam_side,
    from_chat_jsonl,
    group_of,
    normalised,
    question_in,
    rewritten_answer,
    to_chat,
    to_chat_jsonl,
)
from backend.errors import DataError
from backend.records import Example, Passage, Turn

PASSAGE: dict[str, Any] = {
    "filing": "f1",
    "file": "acme.pdf",
    "company": "Acme",
    "fiscal_year": 2023,
    "page": 42,
    "pages": [42],
    "section": "Item 8",
    "kind": "prose",
    "text": "Revenue was $26,974 million in fiscal 2023.",
    "score": 1.0,
    "chunk": 1,
}
ANSWER = "Revenue was $26,974 million in fiscal 2023 [1]."


def row(number: int = 1, **given: Any) -> tuple[Example, Turn]:
    """A teacher's turn that teaches, and its example; `given` goes to whichever has the field."""
    question = given.pop("question", f"What was revenue, asked {number}?")
    answer = given.pop("answer", ANSWER)
    evidence = given.pop("evidence", [PASSAGE])
    turn_fields: dict[str, Any] = {
        "thread": "t1",
        "question": question,
        "standalone": question,
        "answer": answer,
        "model": "m1",
        "role": "teacher",
        "citations": [{"number": 1}],
        "figures": [{"text": "$26,974 million", "found": True}],
    }
    of_example = {key: given.pop(key) for key in [*given] if key in Example.model_fields}
    example = Example(
        id=number,
        source="turn",
        turn=number,
        question=question,
        answer=answer,
        evidence=evidence,
        messages=[
            m.model_dump()
            for m in messages_for(question, [Passage.model_validate(one) for one in evidence])
        ],
        **of_example,
    )
    return example, Turn(id=number, **(turn_fields | given))


def only(*rows: tuple[Example, Turn | None], rules: Rules | None = None) -> Curated:
    [one] = curate(rows, rules or Rules())
    return one


# -- the rules


def test_a_whole_cited_answer_of_the_teacher_teaches() -> None:
    one = only(row())

    assert (one.state, one.reason) == ("kept", "")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"rating": -1}, "a reader gave it a thumbs-down"),
        ({"rating": -1, "comment": "wrong year"}, "a reader gave it a thumbs-down: wrong year"),
        ({"state": "failed"}, "the answer is not whole: the call failed"),
        ({"state": "stopped"}, "the answer is not whole: the call stopped"),
        ({"role": "student"}, "the student gave the answer, and only the teacher's teach"),
        (
            {"answer": "The evidence does not say what revenue was."},
            "the answer refuses: it says that the evidence does not hold what was asked",
        ),
        ({"citations": []}, "the answer cites no evidence"),
        (
            {"answer": f"{ANSWER} It sails boats [no source]."},
            "a claim in the answer has no source",
        ),
        (
            {
                "figures": [
                    {"text": "$26,974 million", "found": True},
                    {"text": "$77 million", "found": False},
                ]
            },
            "the cited evidence does not hold $77 million",
        ),
        ({"by_hand": "drop"}, "dropped by hand"),
        ({"by_hand": "drop", "by_hand_reason": "dull"}, "dropped by hand: dull"),
    ],
)
def test_a_turn_that_does_not_teach_says_why(given: dict[str, Any], reason: str) -> None:
    one = only(row(**given))

    assert (one.state, one.reason) == ("dropped", reason)


def test_each_drop_names_its_rule_so_that_drops_can_be_counted() -> None:
    rows = [
        row(1, question="What was revenue?"),
        row(2, question="What was revenue?"),
        row(3, rating=-1, comment="one"),
        row(4, rating=-1, comment="other"),
        row(5, citations=[]),
        row(6, by_hand="drop"),
    ]

    assert [one.rule for one in curate(rows)] == [
        "repeat",
        None,
        "thumbs-down",
        "thumbs-down",
        "unsourced",
        "by hand",
    ]


def test_a_thumbs_up_changes_nothing() -> None:
    assert only(row(rating=1)).state == "kept"


@pytest.mark.parametrize(
    "given",
    [
        {"rating": -1},
        {"state": "stopped"},
        {"answer": "The evidence does not say."},
        {"citations": []},
        {"figures": [{"text": "$77 million", "found": False}]},
    ],
)
def test_every_rule_can_be_overruled_by_hand(given: dict[str, Any]) -> None:
    one = only(row(by_hand="keep", by_hand_reason="I checked it", **given))

    assert (one.state, one.reason) == ("kept", "kept by hand: I checked it")


def test_a_correction_teaches_in_place_of_the_answer_that_was_disliked() -> None:
    example, turn = row(rating=-1, correction="Revenue was $26,914 million in fiscal 2022 [1].")

    one = only((example, turn))

    assert one.state == "kept"
    assert to_chat(example)["messages"][-1]["content"] == example.correction


def test_an_example_too_long_for_the_student_says_how_long_it_is() -> None:
    one = only(row(evidence=[PASSAGE | {"text": "word " * 1000}]), rules=Rules(context_tokens=900))

    assert one.state == "dropped"
    assert "are too long for the student, which takes 900" in one.reason


# -- repeats


def test_of_questions_asked_twice_the_last_one_is_kept() -> None:
    rows = [row(1, question="What was revenue?"), row(2, question=" what was REVENUE ?  ")]

    first, second = curate(rows)

    assert first.reason == "the same question is asked again in example 2, which is kept"
    assert second.state == "kept"


def test_a_repeat_that_is_dropped_itself_takes_nothing_along() -> None:
    rows = [
        row(1, question="What was revenue?"),
        row(2, question="What was revenue?", rating=-1),
    ]

    first, second = curate(rows)

    assert (first.state, second.state) == ("kept", "dropped")


def test_a_repeat_that_a_person_keeps_is_the_one_that_teaches() -> None:
    rows = [
        row(1, question="What was revenue?", by_hand="keep"),
        row(2, question="What was revenue?"),
    ]

    assert [one.state for one in curate(rows)] == ["kept", "dropped"]


def test_the_same_question_about_another_filing_is_no_repeat() -> None:
    rows = [
        row(1, question="What was revenue?"),
        row(2, question="What was revenue?", evidence=[PASSAGE | {"filing": "f2"}]),
    ]

    assert [one.state for one in curate(rows)] == ["kept", "kept"]


def test_a_thumbs_down_after_an_export_counts_in_the_next_one() -> None:
    example, turn = row()

    before = only((example, turn)).state
    turn.rating = -1

    assert (before, only((example, turn)).state) == ("kept", "dropped")


def test_normalising_keeps_what_makes_questions_differ() -> None:
    assert normalised("What was  R&D, in 2023?") == normalised("what was r&d in 2023")
    assert normalised("What was revenue in 2023?") != normalised("What was revenue in 2022?")


# -- train or exam


def test_a_group_is_on_one_side_for_ever_and_about_a_fifth_on_the_exams() -> None:
    side = exam_side(b"key")
    groups = [f"f1|Note {n}" for n in range(2000)]

    on_exam = [side(group) for group in groups]

    assert on_exam == [exam_side(b"key")(group) for group in groups]
    assert 0.17 < sum(on_exam) / len(on_exam) < 0.23


def test_another_key_draws_another_line() -> None:
    groups = [f"f1|Note {n}" for n in range(200)]

    assert [*map(exam_side(b"one"), groups)] != [*map(exam_side(b"two"), groups)]


def test_an_example_of_the_exam_never_teaches() -> None:
    one = only(row(), rules=Rules(on_exam_side=lambda group: group == "f1|Item 8"))

    assert one.reason == "it belongs to the exam, so it can never be trained on"


def test_a_group_is_the_filing_and_section_of_the_first_cited_passage() -> None:
    example, turn = row(
        answer="So it was [2][1].", evidence=[PASSAGE, PASSAGE | {"section": "Note 3"}]
    )

    assert group_of(example, turn) == "f1|Note 3"


# -- chat files


def test_a_training_line_holds_the_messages_as_sent_and_the_answer_without_marks() -> None:
    example, _ = row(
        answer="It was ⚠ $77 million (not in the cited evidence) [1]. It sails [no source]."
    )

    line = to_chat_jsonl(example)

    messages = json.loads(line)["messages"]
    assert "\n" not in line
    assert messages[:-1] == example.messages
    assert messages[-1] == {"role": "assistant", "content": "It was $77 million [1]. It sails."}


def test_what_was_exported_is_imported_as_it_was() -> None:
    example, _ = row(question="What was “Größe” \u2028 in 2023?")

    [back] = from_chat_jsonl([to_chat_jsonl(example)])

    assert (back.source, back.question) == ("imported", "What was “Größe” in 2023?")
    assert (back.answer, back.messages) == (example.answer, example.messages)


def test_what_was_asked_of_two_filings_is_no_repeat_after_a_way_through_a_file() -> None:
    passages = [Passage.model_validate(PASSAGE | {"company": one}) for one in ("Acme", "Bell")]
    asked = [messages_for("What was revenue?", [one]) for one in (*passages, passages[0])]
    lines = [
        json.dumps(
            {"messages": [*(m.model_dump() for m in said), {"role": "assistant", "content": "a"}]}
        )
        for said in asked
    ]

    told = curate([(one, None) for one in from_chat_jsonl(lines)])

    assert [one.rule for one in told] == ["repeat", None, None]


GOOD = '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        "[]",
        '"text"',
        "{}",
        '{"messages": {}}',
        '{"messages": []}',
        '{"messages": ["hello"]}',
        '{"messages": [{"role": "user", "content": "q"}]}',
        '{"messages": [{"role": "assistant", "content": "a"}]}',
        '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}]}',
        '{"messages": [{"role": "user", "content": 5}, {"role": "assistant", "content": "a"}]}',
        '{"messages": [{"role": "robot", "content": "q"}, {"role": "assistant", "content": "a"}]}',
        GOOD.replace("q", "\\ud800"),
        '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        '{"messages": ' + "[" * 100_000,
    ],
)
def test_a_bad_line_is_named_by_its_number(line: str) -> None:
    with pytest.raises(DataError, match=r"^Line 3\b"):
        from_chat_jsonl([GOOD, "", line, GOOD])


def test_an_imported_answer_of_weight_0_is_dropped_and_says_so() -> None:
    line = json.loads(GOOD)
    line["messages"][-1]["weight"] = 0

    [dropped] = curate([(one, None) for one in from_chat_jsonl([json.dumps(line)])])
    [kept] = curate([(one, None) for one in from_chat_jsonl([GOOD])])

    assert (dropped.state, kept.state) == ("dropped", "kept")
    assert "weight 0" in dropped.reason


def test_the_developers_words_and_content_in_parts_are_read_as_text() -> None:
    parts = [{"type": "text", "text": "Question:"}, {"type": "text", "text": "q"}]
    asked = [{"role": "developer", "content": "d"}, {"role": "user", "content": parts}]
    line = {"messages": [*asked, {"role": "assistant", "content": "a"}]}

    [example] = from_chat_jsonl([json.dumps(line)])

    assert example.messages == [
        {"role": "system", "content": "d"},
        {"role": "user", "content": "Question:\nq"},
    ]


@pytest.mark.parametrize("lines", [[], ["", "\n", "  "], ["\ufeff"]])
def test_an_empty_file_is_refused(lines: list[str]) -> None:
    with pytest.raises(DataError, match="holds no example"):
        from_chat_jsonl(lines)


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("Evidence:\n\n[1] Acme\nText.\n\nQuestion: Why?", "Why?"),
        ("Context ...\n---\nQuery: Why\nnot?\nAnswer: ", "Why not?"),
        ("Query: a decoy\nmore text\nQuery: Why?\nAnswer:", "Why?"),
        ("New Context: x\nQuery: Why?\nOriginal Answer: Because.\nSo.", "Why?"),
        ("Just a question?", "Just a question?"),
    ],
)
def test_the_question_is_found_in_the_prompts_of_other_tools(prompt: str, question: str) -> None:
    assert question_in(prompt) == question


def test_an_imported_answer_with_a_figure_its_prompt_does_not_hold_is_dropped() -> None:
    def pair(answer: str) -> str:
        prompt = "Revenue was $26,974 million in 2023.\nQuery: What was revenue?\nAnswer: "
        messages = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": answer},
        ]
        return json.dumps({"messages": messages})

    [right] = from_chat_jsonl([pair("It was $27.0 billion.")])
    [wrong] = from_chat_jsonl([pair("It was $28.0 billion.")])

    assert only((right, None)).state == "kept"
    assert only((wrong, None)).reason == "the evidence shown does not hold $28.0 billion"


# -- the article's own training file


@pytest.fixture(scope="module")
def article(shared_data: Path) -> list[Curated]:
    text = (shared_data / "nvidia" / "gpt4_finetuning_events.jsonl").read_text(encoding="utf-8")
    imported = from_chat_jsonl(text.split("\n"))
    for number, example in enumerate(imported, 1):
        example.id = number
    return curate([(example, None) for example in imported])


def test_of_the_articles_65_examples_at_most_30_teach(article: list[Curated]) -> None:
    assert len(article) == 65
    assert 25 <= sum(one.state == "kept" for one in article) <= 30


def test_the_articles_18_refusals_are_named(article: list[Curated]) -> None:
    assert sum("refuses" in one.reason for one in article) == 18


def test_the_articles_refine_step_repeats_are_named_and_the_last_of_each_kept(
    article: list[Curated],
) -> None:
    refines = [one for one in article if rewritten_answer(one.example) is not None]
    repeats = [one for one in article if "a refine step wrote this answer again" in one.reason]
    kept = [normalised(one.example.question) for one in article if one.state == "kept"]

    assert len(refines) == 25
    assert len(repeats) == 17
    assert len(kept) == len(set(kept))
    for one in repeats:
        later = [
            other
            for other in article
            if normalised(other.example.question) == normalised(one.example.question)
        ][-1]
        assert later.state == "kept"


def test_every_rule_has_words_of_its_own() -> None:
    told = dropped_words(dict.fromkeys(get_args(Rule), 2))

    assert len(set(told)) == len(get_args(Rule))
    assert not {f"2 {rule}" for rule in get_args(Rule)} & set(told)
    assert dropped_words({"refusal": 1, "repeat": 1}) == ["1 refusal", "1 repeat"]
