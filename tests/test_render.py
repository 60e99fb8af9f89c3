"""What a reader sees: answers with their sources, notes about ratings, files, starters."""

from typing import Any

import pytest

from backend.datasets import Curated
from backend.errors import ConfigurationError
from backend.records import Citation, Example, Filing, Passage, Turn
from bot import render

INCOME = """\
Consolidated Statements of Income (USD in millions)
 | 2024 | 2023
Net sales | $512 | $480
Operating income | 61 | 55"""


def passage(**more: Any) -> Passage:
    told: dict[str, Any] = {
        "filing": "abc123",
        "file": "tools.pdf",
        "company": "MEADOWLARK TOOLS, INC.",
        "fiscal_year": 2024,
        "page": 42,
        "pages": (42,),
        "section": "Statements of Income",
        "kind": "table",
        "text": INCOME,
        "score": 1.0,
        "chunk": 7,
    }
    return Passage(**{**told, **more})


def turn(**more: Any) -> Turn:
    cited = Citation(
        number=1, filing="abc123", file="tools.pdf", page=42, quote="Net sales | $512 | $480"
    )
    told: dict[str, Any] = {
        "thread": "t",
        "question": "What were net sales?",
        "standalone": "What were net sales?",
        "answer": "Net sales were $512 million [1].",
        "evidence": [passage().model_dump(mode="json")],
        "citations": [cited.model_dump(mode="json")],
        "model": "local-teacher",
        "role": "teacher",
        "seconds": 1.26,
    }
    return Turn(**{**told, **more})


ASKED = "Net sales\nin 2024?"


def filing(**more: Any) -> Filing:
    told: dict[str, Any] = {
        "id": "abc123",
        "sha256": "abc123",
        "file": "tools.pdf",
        "company": "Meadowlark Tools, Inc.",
        "form": "10-K",
        "fiscal_year": 2024,
        "pages": 80,
        "chunks": 200,
        "seconds": 3.0,
        "notes": [],
    }
    return Filing(**{**told, **more})


# -- answers


def test_an_answer_shows_its_text_its_sources_with_quotes_and_its_model() -> None:
    shown = render.answer_text(turn())

    assert shown == (
        "Net sales were $512 million [1].\n\n"
        "**Sources**\n\n"
        "- [1] Meadowlark Tools 10-K FY2024, p. 42, Statements of Income: "
        "“Net sales · $512 · $480”\n\n"
        "*Answered by* `local-teacher` *(teacher) in 1.3 s.* *It ships with tenk and is no "
        "language model: it finds and quotes, and works out changes and ratios.*"
    )


def test_a_tuned_model_of_tenks_own_is_said_to_be_trained_here() -> None:
    line = render.model_line(turn(model="ft:local-student:tenk::b", role="student", cycle=2))

    assert "*(student, cycle 2) in 1.3 s.*" in line
    assert "*It was trained here from one that ships with tenk, and is no language" in line


def test_a_number_cited_for_two_claims_is_one_source_with_both_quotes() -> None:
    cited = [
        {"number": 1, "filing": "abc123", "file": "t.pdf", "page": 42, "quote": quote}
        for quote in ("Net sales | $512", "Operating income | 61", "Net sales | $512")
    ]

    (source,) = render.sources(turn(citations=cited))

    assert source.mark == "[1]"
    assert source.title == "1 · Meadowlark Tools 10-K FY2024, p. 42"
    assert source.quotes == ("Net sales | $512", "Operating income | 61")


def test_citations_are_numbered_in_the_order_in_which_the_answer_uses_them() -> None:
    cited = [
        {"number": number, "filing": "abc123", "file": "t.pdf", "page": 40 + number, "quote": ""}
        for number in (2, 3, 7)
    ]
    evidence = [passage().model_dump(mode="json") for _ in range(7)]
    told = turn(
        answer="Sales rose [7][2]. Costs fell [2]. See the list [9].",
        citations=cited,
        evidence=evidence,
    )

    shown = render.answer_text(told)

    assert shown.startswith("Sales rose [1][2]. Costs fell [2]. See the list [9].")
    assert [(one.mark, one.page) for one in render.sources(told)] == [
        ("[1]", 47),
        ("[2]", 42),
        ("[3]", 43),
    ]
    assert told.answer.startswith("Sales rose [7][2].")


def test_the_line_of_a_fine_tuned_model_names_the_cycle_it_came_from() -> None:
    line = render.model_line(turn(model="ft:local-student:tenk::c7", role="student", cycle=7))

    assert "`ft:local-student:tenk::c7` *(student, cycle 7)" in line


def test_an_answer_given_in_place_of_a_model_that_failed_says_so() -> None:
    assert "stood in for the active model, which failed" in render.model_line(turn(instead_of=7))


def test_a_source_without_a_known_company_goes_by_its_file() -> None:
    nameless = passage(company="", fiscal_year=None).model_dump(mode="json")

    (source,) = render.sources(turn(evidence=[nameless]))

    assert source.title == "1 · tools.pdf, p. 42"


def test_an_answer_without_citations_shows_no_sources() -> None:
    shown = render.answer_text(turn(answer="The evidence does not say.", citations=[]))

    assert "Sources" not in shown


def test_a_fine_tuned_local_model_is_said_to_be_no_language_model_and_keeps_its_colons() -> None:
    line = render.model_line(turn(model="ft:local-student:tenk::c7", role="student", seconds=0.01))

    assert "`ft:local-student:tenk::c7`" in line
    assert "under 0.1 s" in line
    assert "no language model" in line


def test_a_real_language_model_is_not_called_something_else() -> None:
    assert "no language model" not in render.model_line(turn(model="gpt-6.1-terra"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("about ~5% to ~6%", r"about \~5% to \~6%"),
        ("See:NVIDIA at 10:30", r"See\:NVIDIA at 10:30"),
        ("the model `ft:a::b`", "the model `ft:a::b`"),
        ("$5 million (0.12)", "$5 million (0.12)"),
        (r"already \~ escaped", r"already \~ escaped"),
    ],
)
def test_signs_that_the_page_would_swallow_are_kept(text: str, shown: str) -> None:
    assert render.plain(text) == shown


def test_a_stopped_answer_keeps_what_came_and_says_that_it_teaches_nothing() -> None:
    assert render.stopped_text("Net sales were") == (
        "Net sales were …\n\n*Stopped. Nothing of this is kept as training data.*"
    )
    assert render.stopped_text(" ") == "*Stopped. Nothing of this is kept as training data.*"


def test_a_known_error_is_its_own_sentence_and_an_unknown_one_is_not_told() -> None:
    assert render.error_sentence(ConfigurationError("Set TENK_API_KEY.")) == "Set TENK_API_KEY."
    assert "secret" not in render.error_sentence(KeyError("secret"))


# -- ratings


def example(state: Any, reason: str = "") -> Curated:
    return Curated(Example(id=12, source="turn", question="q", answer="a"), state, reason)


def test_a_thumb_down_says_which_example_is_dropped_and_how_to_take_it_back() -> None:
    note = render.rating_note(-1, ASKED, example("dropped", "the reader did not like it"))

    assert note.startswith("Thumbs down noted. Example 12")
    assert "is dropped from the training data: the reader did not like it." in note
    assert "Press the thumb again" in note


def test_a_thumb_down_names_the_models_that_learned_from_the_answer_before() -> None:
    told = ["ft:local-student:tenk::1", "ft:local-student:tenk::2"]

    down = render.rating_note(-1, ASKED, example("dropped", "disliked"), told)
    up = render.rating_note(1, ASKED, example("kept"), told)

    assert (
        "`ft:local-student:tenk::1`, `ft:local-student:tenk::2` learned from it before; the next "
        "one will not." in down
    )
    assert "learned" not in up


def test_a_thumb_down_on_what_the_exam_keeps_apart_promises_nothing_for_taking_it_back() -> None:
    kept_apart = Curated(
        Example(id=12, source="turn", question="q", answer="a"), "dropped", "of the exam", "exam"
    )

    note = render.rating_note(-1, ASKED, kept_apart)

    assert "is dropped from the training data: of the exam." in note
    assert "Press the thumb again" not in note


def test_a_thumb_taken_back_says_that_the_example_is_kept_again() -> None:
    assert render.rating_note(None, ASKED, example("kept")) == (
        "Thumb taken back. Example 12, made from the answer to “Net sales in 2024?”, is kept as "
        "training data."
    )


def test_a_thumb_down_on_an_answer_that_teaches_nothing_claims_to_drop_nothing() -> None:
    told = render.rating_note(-1, ASKED, None)
    assert told.startswith("Thumbs down noted. It counts when the model that answered is compared.")
    assert render.rating_note(None, ASKED, None) == (
        "Thumb taken back. The answer to “Net sales in 2024?” is not trained on either way."
    )


def test_a_long_question_is_named_in_short_and_in_signs_that_the_page_leaves_alone() -> None:
    note = render.rating_note(-1, "What of item:one " * 20, None)

    assert "What of item\\:one What of" in note and len(note) < 240 and " …”" in note


def test_a_persons_own_words_are_shown_as_they_typed_them_on_one_line() -> None:
    assert render.as_typed("a *b* [c](http://d.example)\n\n# e `f` <g> | ~h~ &lt; \\ i_j") == (
        "a \\*b\\* \\[c\\](http\\://d.example) \\# e \\`f\\` \\<g\\> \\| \\~h\\~ \\&lt; \\\\ i\\_j"
    )


def test_a_rated_question_brings_no_link_of_its_own_into_the_note() -> None:
    note = render.rating_note(-1, "Is [this](http://d.example) *it*?", None)

    assert "“Is \\[this\\](http\\://d.example) \\*it\\*?”" in note


# -- files


def test_a_file_that_is_ready_is_named_by_company_form_and_year_with_its_notes() -> None:
    line = render.ingest_line(
        filing(notes=["Page 7 has no text."]), file="x.pdf", seconds=3.21, already_known=False
    )

    assert line == (
        "**Meadowlark Tools, Inc. 10-K for fiscal 2024** is ready: 80 pages in 3.2 s. "
        "Ask about it.\n  - Page 7 has no text."
    )


def test_a_file_that_is_known_already_says_so() -> None:
    line = render.ingest_line(filing(), file="x.pdf", seconds=0.0, already_known=True)

    assert line.startswith("**Meadowlark Tools, Inc. 10-K for fiscal 2024** is here already")


def test_a_file_that_says_nothing_of_itself_goes_by_its_name() -> None:
    line = render.ingest_line(filing(company=""), file="x.pdf", seconds=1, already_known=False)

    assert line.startswith("**x.pdf** is ready")


def test_a_refused_file_is_named_with_its_reason() -> None:
    assert render.refused_line("x.pdf", "It is no PDF.") == (
        "**x.pdf** was not taken in: It is no PDF."
    )


# -- starters


def chunks() -> list[Passage]:
    return [
        passage(),
        passage(section="Item 1A. Risk Factors", kind="prose", text="Our supply may fail."),
        passage(section="Item 1A. Risk Factors", kind="prose", text="One supplier makes it."),
        passage(section="Item 1A. Risk Factors", kind="prose", text="Climate may change."),
        passage(section="Note 5. Goodwill", kind="prose", text="Goodwill is tested."),
    ]


def test_starters_ask_for_what_the_filing_holds() -> None:
    asked = [one.message for one in render.starters([(filing(), chunks())])]

    assert asked == [
        "What were Meadowlark Tools' net sales in fiscal 2024?",
        "How did Meadowlark Tools' operating income change from fiscal 2023 to fiscal 2024?",
        "What risks does Meadowlark Tools see from supply chain?",
        "How does Meadowlark Tools test goodwill for impairment?",
    ]


def test_a_figure_that_no_table_holds_for_the_year_is_not_offered() -> None:
    asked = [one.message for one in render.starters([(filing(fiscal_year=2025), chunks())])]

    assert not any("net sales" in one or "operating income" in one for one in asked)


def test_several_filings_take_turns_and_no_question_comes_twice() -> None:
    other = filing(id="def", company="Acorn Corp")

    asked = [one.message for one in render.starters([(filing(), chunks()), (other, chunks())])]

    assert len(asked) == len(set(asked)) == 4
    assert sum("Acorn" in one for one in asked) == 2


def test_a_filing_of_which_nothing_is_known_offers_nothing() -> None:
    assert render.starters([(filing(fiscal_year=None), [])]) == []


@pytest.mark.parametrize(
    ("company", "said"),
    [
        ("NVIDIA CORPORATION", "NVIDIA"),
        ("UBER TECHNOLOGIES, INC.", "Uber Technologies"),
        ("Amcor plc", "Amcor"),
        ("3M Co", "3M"),
        ("AT&T Inc.", "AT&T"),
    ],
)
def test_a_company_goes_by_the_name_that_people_say(company: str, said: str) -> None:
    assert render.short_name(company) == said
