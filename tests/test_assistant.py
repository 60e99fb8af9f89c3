"""The way of a question: from the reader to the log."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from backend.answers import REWRITING, messages_for
from backend.assistant import LONGEST, Assistant
from backend.errors import (
    DataError,
    ModelGone,
    NotFound,
    NotYours,
    ProviderError,
)
from backend.lessons import curated
from backend.records import ExamQuestion, Role
from backend.settings import Settings
from backend.standing import spend_row
from backend.store.cycles import add_exam_questions
from backend.store.database import open_database, transaction
from tests.answering import (
    INCOME,
    PIECES,
    QUESTION,
    FakeIndex,
    FakeModels,
    House,
    activate,
    house_in,
    passage,
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path) as opened:
        yield opened


async def nowhere(_piece: str) -> None:
    """Takes a piece of an answer and lets it go."""


# -- a whole answer


async def test_an_answer_is_logged_whole_with_what_the_model_saw_and_cost(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1", person="ann", step="s1")

    [row] = house.logged()
    assert row.id == turn.id
    assert row.answer == "Revenue was $26,974 million in fiscal 2023 [1]."
    assert row.messages == [m.model_dump() for m in messages_for(QUESTION, [passage()])]
    assert [m.model_dump() for m in house.models.asked[0][1]] == row.messages
    assert (row.model, row.role, row.state, row.person, row.step) == (
        "the-teacher",
        "teacher",
        "whole",
        "ann",
        "s1",
    )
    assert (row.prompt_tokens, row.completion_tokens, row.cost_usd) == (100, 10, 0.25)
    assert row.citations[0]["page"] == 42
    assert row.citations[0]["quote"] == "Revenue | $26,974 | $26,914"
    assert row.figures == [{"text": "$26,974 million", "found": True}]
    assert row.seconds > 0


async def test_a_whole_answer_of_the_teacher_becomes_an_example(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1")

    [(example, _)] = house.examples()
    assert (example.turn, example.question, example.answer) == (turn.id, QUESTION, turn.answer)


async def test_the_pieces_reach_the_reader_as_they_come(house: House) -> None:
    pieces: list[str] = []

    async def show(piece: str) -> None:
        pieces.append(piece)

    await house.assistant.ask(QUESTION, thread="t1", on_token=show)

    assert pieces == PIECES


async def test_a_figure_that_the_evidence_does_not_hold_is_marked_in_answer_and_log(
    house: House,
) -> None:
    house.models.pieces = ["Revenue was $26,914 million in fiscal 2023 [1]."]

    turn = await house.assistant.ask(QUESTION, thread="t1")

    assert "⚠ $26,914 million (not in the cited evidence)" in turn.answer
    assert turn.figures == [{"text": "$26,914 million", "found": False}]


async def test_a_refusal_is_logged_as_one_and_repeats_figures_of_the_question_unmarked(
    house: House,
) -> None:
    house.models.pieces = ["The evidence does not say."]

    turn = await house.assistant.ask("Did Acme sell boats for $9 million?", thread="t1")

    assert turn.refused
    assert 'Looked for "Did Acme sell boats for $9 million?"' in turn.answer
    assert "⚠" not in turn.answer
    assert len(house.examples()) == 1  # the rules drop it; a person can overrule them


async def test_an_answer_of_blanks_alone_is_a_failure_that_was_paid_for(house: House) -> None:
    house.models.pieces = ["  ", "\n"]

    with pytest.raises(ProviderError, match="without a whole answer"):
        await house.assistant.ask(QUESTION, thread="t1")

    [row] = house.logged()
    assert (row.state, row.cost_usd, row.prompt_tokens) == ("failed", 0.25, 100)


async def test_a_cost_is_unknown_where_one_of_the_calls_has_no_price(house: House) -> None:
    house.models.price = None

    turn = await house.assistant.ask(QUESTION, thread="t1")

    assert turn.cost_usd is None


async def test_what_names_the_reader_is_neither_sent_nor_stored(house: House) -> None:
    turn = await house.assistant.ask("I am a@b.example; what was revenue?", thread="t1")

    assert turn.question == "I am [e-mail]; what was revenue?"
    assert "a@b.example" not in str(house.models.asked) + str(house.index.asked)


async def test_evidence_beyond_the_budget_is_neither_sent_nor_logged(house: House) -> None:
    house.index.passages = [passage(), passage(text="word " * 9000), passage(text="Short one.")]

    turn = await house.assistant.ask(QUESTION, thread="t1")

    assert [one["text"] for one in turn.evidence] == [INCOME, "Short one."]
    assert "word word" not in turn.messages[1]["content"]


# -- follow-ups


async def test_a_first_question_is_asked_as_it_is(house: House) -> None:
    await house.assistant.ask(QUESTION, thread="t1")

    assert len(house.models.asked) == 1
    assert house.index.asked == [(QUESTION, ["f1"], None, 8)]


async def test_a_follow_up_is_understood_from_the_conversation(house: House) -> None:
    await house.assistant.ask(QUESTION, thread="t1")

    turn = await house.assistant.ask("and the year before?", thread="t1")

    role, sent, _ = house.models.asked[1]
    assert (role, sent[0].content) == (Role.TEACHER, REWRITING)
    assert f"Reader: {QUESTION}\nAnswer: Revenue was $26,974 million" in sent[1].content
    assert (turn.question, turn.standalone) == ("and the year before?", house.models.rewritten)
    assert house.index.asked[-1][0] == house.models.rewritten
    assert f"Question: {house.models.rewritten}" in turn.messages[1]["content"]
    assert (turn.prompt_tokens, turn.completion_tokens, turn.cost_usd) == (120, 15, 0.5)


async def test_a_follow_up_that_nothing_is_found_for_costs_what_it_took_to_understand_it(
    house: House,
) -> None:
    await house.assistant.ask(QUESTION, thread="t1")
    house.index.passages = []

    with pytest.raises(DataError, match="Found no passage"):
        await house.assistant.ask("and the year before?", thread="t1")
    with pytest.raises(DataError, match="Found no passage"):
        await house.assistant.ask(QUESTION, thread="another")  # no call was made for it

    with transaction(house.engine) as session:
        spent = spend_row(session, house.assistant.settings)
    assert len(house.logged()) == 1
    assert spent["spend"]["lost_usd"] == 0.25
    assert spent["spend_usd"] == 0.5


async def test_another_conversation_lends_nothing(house: House) -> None:
    await house.assistant.ask(QUESTION, thread="t1")

    await house.assistant.ask(QUESTION, thread="t2")

    assert len(house.models.asked) == 2


async def test_a_failed_rewriting_is_a_failed_question(house: House) -> None:
    await house.assistant.ask(QUESTION, thread="t1")
    house.models.rewriting_breaks = ProviderError("The teacher is away.")

    with pytest.raises(ProviderError, match="away"):
        await house.assistant.ask("and the year before?", thread="t1")

    assert [turn.state for turn in house.logged()] == ["whole", "failed"]
    assert len(house.examples()) == 1


async def test_a_question_in_another_persons_thread_is_refused_and_not_logged(house: House) -> None:
    await house.assistant.ask(QUESTION, thread="t1", person="ann")

    with pytest.raises(NotYours):
        await house.assistant.ask("and the year before?", thread="t1", person="bob")

    assert len(house.logged()) == 1
    assert len(house.models.asked) == 1


# -- who answers


@pytest.mark.parametrize(
    ("named", "model", "role"),
    [
        ("active", "new", Role.STUDENT),
        ("teacher", "the-teacher", Role.TEACHER),
        ("student", "the-student", Role.STUDENT),
        ("old", "old", Role.STUDENT),
        ("the-teacher", "the-teacher", Role.TEACHER),
        ("somebody-elses", "somebody-elses", Role.STUDENT),
    ],
)
async def test_the_model_asked_for_answers(
    house: House, named: str, model: str, role: Role
) -> None:
    activate(house.engine, "old", "new")

    turn = await house.assistant.ask(QUESTION, thread="t1", model=named)

    assert [(asked, name) for asked, _, name in house.models.asked] == [(role, model)]
    assert (turn.model, turn.role) == (model, role)
    assert len(house.examples()) == (role is Role.TEACHER)


async def test_a_swap_is_seen_by_the_next_question(house: House) -> None:
    before = await house.assistant.ask(QUESTION, thread="t1")
    activate(house.engine, "new")

    after = await house.assistant.ask(QUESTION, thread="t2")

    assert (before.model, after.model) == ("the-teacher", "new")


# -- calls that do not end well


async def test_a_call_that_breaks_is_logged_as_failed_and_never_an_example(house: House) -> None:
    house.models.breaks = ModelGone("The model was shut down. Set TENK_TEACHER_MODEL.")

    with pytest.raises(ModelGone):
        await house.assistant.ask(QUESTION, thread="t1")

    [row] = house.logged()
    assert (row.state, row.error) == ("failed", str(house.models.breaks))
    assert row.answer == "".join(PIECES)
    assert house.examples() == []
    assert house.models.closed == 1


@pytest.mark.parametrize(("pieces", "whole"), [([], True), (["  \n"], True), (PIECES, False)])
async def test_an_answer_that_is_empty_or_cut_is_a_failure(
    house: House, pieces: list[str], whole: bool
) -> None:
    house.models.pieces, house.models.whole = pieces, whole

    with pytest.raises(ProviderError, match="without a whole answer"):
        await house.assistant.ask(QUESTION, thread="t1")

    assert [turn.state for turn in house.logged()] == ["failed"]
    assert house.examples() == []


async def test_a_stopped_answer_is_logged_as_stopped_and_its_connection_closed(
    house: House,
) -> None:
    house.models.hangs = True
    shown = asyncio.Event()

    async def show(piece: str) -> None:
        if piece == PIECES[-1]:
            shown.set()

    asking = asyncio.create_task(house.assistant.ask(QUESTION, thread="t1", on_token=show))
    async with asyncio.timeout(30):
        await shown.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    [row] = house.logged()
    assert (row.state, row.answer) == ("stopped", "".join(PIECES))
    assert house.examples() == []
    assert house.models.closed == 1


async def test_stopping_while_a_piece_is_shown_closes_the_connection_too(house: House) -> None:
    reached = asyncio.Event()

    async def stuck(_piece: str) -> None:
        reached.set()
        await asyncio.Event().wait()

    asking = asyncio.create_task(house.assistant.ask(QUESTION, thread="t1", on_token=stuck))
    async with asyncio.timeout(30):
        await reached.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert house.models.closed == 1
    assert [turn.state for turn in house.logged()] == ["stopped"]


async def test_a_search_that_fails_is_logged_as_failed(house: House) -> None:
    house.index.breaks = ProviderError("The embedder is away.")

    with pytest.raises(ProviderError, match="embedder"):
        await house.assistant.ask(QUESTION, thread="t1")

    assert [(turn.state, turn.error) for turn in house.logged()] == [
        ("failed", "The embedder is away.")
    ]


async def test_a_conversation_goes_on_after_a_failure(house: House) -> None:
    house.models.breaks = ProviderError("busy")
    with pytest.raises(ProviderError):
        await house.assistant.ask(QUESTION, thread="t1")
    house.models.breaks = None

    turn = await house.assistant.ask(QUESTION, thread="t1")

    assert turn.state == "whole"
    assert len(house.models.asked) == 2  # a failed turn is no history to understand from


# -- nothing to ask


async def test_with_no_filing_a_question_says_to_ingest_one(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    models = FakeModels()
    assistant = Assistant(engine, models, FakeIndex(), Settings())

    with pytest.raises(DataError, match="tenk ingest"):
        await assistant.ask(QUESTION, thread="t1")

    engine.dispose()
    assert models.asked == []


async def test_a_question_about_nothing_in_the_filings_is_not_sent_to_a_model(house: House) -> None:
    house.index.passages = []

    with pytest.raises(DataError, match="no passage"):
        await house.assistant.ask(QUESTION, thread="t1")

    assert (house.models.asked, house.logged()) == ([], [])


async def test_a_filing_that_is_not_there_is_said(house: House) -> None:
    with pytest.raises(NotFound, match="tenk filings"):
        await house.assistant.ask(QUESTION, thread="t1", filing="nope")


@pytest.mark.parametrize("question", ["", "  \n ", "x" * (LONGEST + 1)])
async def test_an_empty_or_endless_question_is_refused(house: House, question: str) -> None:
    with pytest.raises(DataError, match="Expected a question"):
        await house.assistant.ask(question, thread="t1")

    assert house.logged() == []


# -- ratings


async def test_a_thumbs_down_drops_the_example_there_and_then(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1", person="ann")
    assert turn.id is not None

    rated = house.assistant.rate(turn.id, -1, comment="wrong; a@b.example", person="ann")

    assert rated.example is not None
    assert (rated.example.state, rated.example.reason) == (
        "dropped",
        "a reader gave it a thumbs-down: wrong; [e-mail]",
    )
    [row] = house.logged()
    assert (row.rating, row.comment) == (-1, "wrong; [e-mail]")


@pytest.mark.parametrize("rating", [1, -1, None])
async def test_a_rating_says_of_the_exams_examples_what_every_other_door_says(
    tmp_path: Path, rating: Literal[1, -1] | None
) -> None:
    with house_in(tmp_path, exam_share=1 - 1e-9) as house:
        turn = await house.assistant.ask(QUESTION, thread="t1")
        assert turn.id is not None

        rated = house.assistant.rate(turn.id, rating)

        with transaction(house.engine) as session:
            [told] = curated(session, house.assistant.settings)
    assert rated.example is not None
    assert (rated.example.state, rated.example.rule) == ("dropped", "exam")
    assert (told.state, told.rule, told.reason) == ("dropped", "exam", rated.example.reason)


async def test_an_answer_that_asks_what_the_exam_asks_is_not_said_to_be_kept(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1")
    assert turn.id is not None
    with transaction(house.engine) as session:
        asked = ExamQuestion(question=QUESTION, key="k", group="g", source="imported")
        add_exam_questions(session, [asked])

    rated = house.assistant.rate(turn.id, 1)

    assert rated.example is not None
    assert (rated.example.state, rated.example.rule) == ("dropped", "exam")


async def test_a_rating_taken_back_restores_the_example(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1")
    assert turn.id is not None
    house.assistant.rate(turn.id, -1)

    rated = house.assistant.rate(turn.id, None)

    assert rated.example is not None
    assert rated.example.state == "kept"


async def test_a_rating_by_another_person_changes_nothing(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1", person="ann")
    assert turn.id is not None

    with pytest.raises(NotYours):
        house.assistant.rate(turn.id, -1, comment="forged", person="bob")

    [row] = house.logged()
    assert (row.rating, row.comment) == (None, "")


async def test_a_students_turn_can_be_rated_and_has_no_example(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1", model="student")
    assert turn.id is not None

    rated = house.assistant.rate(turn.id, 1)

    assert (rated.turn.rating, rated.example) == (1, None)


def test_a_rating_of_a_turn_that_is_not_there_is_said(house: House) -> None:
    with pytest.raises(NotFound):
        house.assistant.rate(99, 1)


# -- speed


async def test_all_but_the_model_takes_a_few_milliseconds_of_work(house: House) -> None:
    rows = "\n".join(f"Row {n} of it | {n},{100 + n} | {n},{200 + n}" for n in range(1, 40))
    house.index.passages = [passage(text=f"{INCOME}\n{rows}", chunk=n) for n in range(8)]
    spent: list[float] = []

    for n in range(40):
        started = time.process_time()
        await house.assistant.ask(QUESTION, thread=f"t{n}", on_token=nowhere)
        spent.append(time.process_time() - started)

    assert sorted(spent)[37] < 0.05
