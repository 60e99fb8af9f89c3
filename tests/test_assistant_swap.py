"""A swap under readers: who answers, what happens when that one fails, what is undone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import duty
from backend.errors import (
    Busy,
    ConfigurationError,
    ModelGone,
    ProviderError,
    Stopped,
    TenkError,
)
from backend.records import Activation, Candidate, Cycle, Notice, Turn
from backend.store import serving as service
from backend.store.cycles import activate as activate_row
from backend.store.cycles import activations
from backend.store.database import transaction
from backend.store.notices import notices
from tests.answering import PIECES, QUESTION, House, activate, begun, house_in

GONE = ModelGone("ft-new was shut down; choose another.")
BROKEN = ProviderError("ft-new failed on its side (500: Oops); try again later.")
SILENT = Stopped("ft-new said nothing in the time that TENK_TIMEOUT allows.")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path, shadow_share=0) as opened:
        yield opened


class Page:
    """What a reader sees of an answer while it comes."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.restarts = 0

    async def piece(self, text: str) -> None:
        self.pieces.append(text)

    async def restart(self) -> None:
        self.restarts += 1
        self.pieces.clear()


def history(house: House) -> list[tuple[str, str]]:
    """Who was put into service by whom, newest first."""
    with transaction(house.engine) as session:
        return [
            (session.get_one(Candidate, row.candidate).model, row.by)
            for row in activations(session)
        ]


def told(house: House) -> list[Notice]:
    with transaction(house.engine) as session:
        return notices(session)


async def ask(house: House, thread: str = "t1") -> Turn:
    return await house.assistant.ask(QUESTION, thread=thread)


# -- who answers


async def test_streams_under_way_finish_on_the_old_model_and_the_next_question_has_the_new(
    house: House,
) -> None:
    activate(house.engine, "ft-old")
    house.models.waits = {"ft-old": asyncio.Event()}
    house.models.says = {"ft-old": PIECES, "ft-new": ["New: $26,974 million [1]."]}
    first = await begun(house, "a")
    activate(house.engine, "ft-new")
    second = await ask(house, "b")
    house.models.waits["ft-old"].set()

    assert (await first).model == "ft-old"
    assert (await first).answer.startswith("Revenue was")
    assert second.model == "ft-new"
    assert second.answer.startswith("New")


async def test_a_rollback_is_seen_by_the_next_question_and_not_by_the_one_under_way(
    house: House,
) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.waits = {"ft-new": asyncio.Event()}
    first = await begun(house, "a")
    with transaction(house.engine) as session:
        service.roll_back(session, teacher="the-teacher", by="ann", reason="worse")
    second = await ask(house, "b")
    house.models.waits["ft-new"].set()

    assert ((await first).model, second.model) == ("ft-new", "ft-old")


async def test_an_answer_is_stamped_with_its_model_its_activation_and_the_cycle_that_made_it(
    house: House,
) -> None:
    activate(house.engine, "ft-new")
    with transaction(house.engine) as session:
        session.add(Cycle(id=7, by="ann", tag="t", candidate=1, ended="promote"))

    active = await ask(house, "a")
    named = await house.assistant.ask(QUESTION, thread="b", model="ft-new")
    teachers = await house.assistant.ask(QUESTION, thread="c", model="teacher")

    assert (active.model, active.cycle, active.activation) == ("ft-new", 7, 1)
    assert (named.model, named.cycle, named.activation) == ("ft-new", 7, None)
    assert (teachers.cycle, teachers.activation) == (None, None)


async def test_after_a_rollback_to_the_teacher_the_settings_name_the_teacher(house: House) -> None:
    activate(house.engine, "ft-new")
    with transaction(house.engine) as session:
        service.roll_back(session, teacher="last-years-teacher", by="ann", reason="")

    turn = await ask(house)

    assert (turn.model, turn.role) == ("the-teacher", "teacher")
    assert len(house.examples()) == 1


# -- where it fails


@pytest.mark.parametrize("error", [GONE, BROKEN, SILENT, Busy("429"), ConfigurationError("401")])
async def test_a_question_that_the_active_model_fails_is_answered_by_the_one_before(
    house: House, error: TenkError
) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.fails = {"ft-new": [error]}

    turn = await house.assistant.ask(QUESTION, thread="t1", step="s1")

    failed, whole = house.logged()
    assert (turn.id, turn.model, turn.state) == (whole.id, "ft-old", "whole")
    assert (failed.model, failed.state, failed.error) == ("ft-new", "failed", str(error))
    assert failed.fault == type(error).__name__
    assert (whole.instead_of, failed.step, whole.step) == (failed.id, None, "s1")
    assert house.examples() == []


async def test_before_the_first_tuned_model_the_teacher_stands_in_and_its_answer_teaches(
    house: House,
) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN]}

    turn = await ask(house)

    assert (turn.model, turn.role, turn.cycle) == ("the-teacher", "teacher", None)
    assert [example.turn for example, _ in house.examples()] == [turn.id]


async def test_where_the_one_before_fails_too_the_teacher_answers(house: House) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.fails = {"ft-new": [BROKEN], "ft-old": [BROKEN]}

    turn = await ask(house)

    assert [(row.model, row.state) for row in house.logged()] == [
        ("ft-new", "failed"),
        ("ft-old", "failed"),
        ("the-teacher", "whole"),
    ]
    assert turn.instead_of == house.logged()[0].id


async def test_where_every_model_fails_the_last_error_is_raised_and_nothing_is_undone(
    house: House,
) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN] * 4, "the-teacher": [ProviderError("No network.")] * 4}

    for n in range(4):
        with pytest.raises(ProviderError, match="No network"):
            await ask(house, f"t{n}")

    assert history(house) == [("ft-new", "ann")]


@pytest.mark.parametrize("model", ["ft-new", "student"])
async def test_nobody_stands_in_for_a_model_that_was_asked_for_by_name(
    house: House, model: str
) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN], "the-student": [BROKEN]}

    with pytest.raises(ProviderError):
        await house.assistant.ask(QUESTION, thread="t1", model=model)

    assert len(house.logged()) == 1


async def test_a_failed_search_is_no_fault_of_the_model(house: House) -> None:
    activate(house.engine, "ft-new")
    house.index.breaks = ProviderError("The embedder is away.")

    for n in range(4):
        with pytest.raises(ProviderError, match="embedder"):
            await ask(house, f"t{n}")

    assert house.models.asked == []
    assert history(house) == [("ft-new", "ann")]


async def test_what_was_shown_of_a_failed_answer_is_taken_away_and_nothing_is_shown_twice(
    house: House,
) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN]}
    house.models.says = {"ft-new": ["Half an "], "the-teacher": PIECES}
    page = Page()

    await house.assistant.ask(QUESTION, thread="t1", on_token=page.piece, on_restart=page.restart)

    assert (page.pieces, page.restarts) == (PIECES, 1)


async def test_a_page_that_cannot_clear_gets_no_second_answer_behind_half_a_first(
    house: House,
) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN]}
    house.models.says = {"ft-new": ["Half an "], "the-teacher": PIECES}
    page = Page()

    turn = await house.assistant.ask(QUESTION, thread="t1", on_token=page.piece)

    assert page.pieces == ["Half an "]
    assert turn.answer == "Revenue was $26,974 million in fiscal 2023 [1]."


async def test_where_nothing_was_shown_yet_nothing_is_taken_away(house: House) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [GONE]}
    house.models.says = {"ft-new": []}
    page = Page()

    await house.assistant.ask(QUESTION, thread="t1", on_token=page.piece, on_restart=page.restart)

    assert (page.pieces, page.restarts) == (PIECES, 0)


async def test_stopping_while_another_stands_in_is_logged_as_stopped(house: House) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN]}
    house.models.says = {"ft-new": []}
    house.models.waits = {"the-teacher": asyncio.Event()}
    asking = await begun(house, "t1")
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [row.state for row in house.logged()] == ["failed", "stopped"]
    assert house.examples() == []


# -- what is undone


async def test_a_model_that_is_gone_is_rolled_back_at_once_and_the_operator_told(
    house: House,
) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.fails = {"ft-new": [GONE]}

    await ask(house)

    assert history(house)[0] == ("ft-old", "tenk")
    [notice] = told(house)
    assert "ft-new was rolled back by itself, and ft-old answers again" in notice.text
    assert str(GONE) in notice.text
    with transaction(house.engine) as session:
        [row] = [one for one in activations(session) if one.by == "tenk"]
        assert (row.undoes, row.reason) == (2, str(GONE))


async def test_failures_in_a_row_roll_back_at_the_third(house: House) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN, SILENT, BROKEN]}

    before: list[int] = []
    for n in range(3):
        before.append(len(history(house)))
        await ask(house, f"t{n}")

    assert before == [1, 1, 1]
    assert history(house) == [("the-teacher", "tenk"), ("ft-new", "ann")]
    assert "failed 3 times in a row" in told(house)[0].text


async def test_an_answer_in_between_begins_the_count_anew(house: House) -> None:
    activate(house.engine, "ft-new")

    for n in range(3):
        house.models.fails = {"ft-new": [BROKEN, BROKEN]}
        await ask(house, f"a{n}")
        await ask(house, f"b{n}")
        await ask(house, f"c{n}")

    assert history(house) == [("ft-new", "ann")]


async def test_failures_in_another_process_count_too(house: House, tmp_path: Path) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [BROKEN, BROKEN]}
    await ask(house, "t0")
    await ask(house, "t1")

    with house_in(tmp_path, shadow_share=0, add_filing=False) as other:
        other.models.fails = {"ft-new": [BROKEN]}
        await ask(other, "t2")

    assert history(house)[0] == ("the-teacher", "tenk")


@pytest.mark.parametrize("error", [Busy("429: slow down."), ConfigurationError("401: bad key.")])
async def test_a_rate_limit_and_a_bad_key_never_roll_back(house: House, error: TenkError) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [error] * 5}

    for n in range(5):
        await ask(house, f"t{n}")

    assert history(house) == [("ft-new", "ann")]


async def test_a_bad_key_is_told_until_the_model_answers_again(house: House) -> None:
    activate(house.engine, "ft-new")
    house.models.fails = {"ft-new": [ConfigurationError("Set TENK_STUDENT_API_KEY.")]}
    await ask(house, "a")
    during = [notice.text for notice in told(house)]

    await ask(house, "b")
    duty.watch(house.engine, house.assistant.settings)

    assert len(during) == 1 and "TENK_STUDENT_API_KEY" in during[0]
    assert told(house) == []


async def test_many_who_fail_in_one_moment_roll_back_once(house: House) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.fails = {"ft-new": [GONE] * 20}

    answers = await asyncio.gather(*(ask(house, f"t{n}") for n in range(20)))

    assert {turn.model for turn in answers} == {"ft-old"}
    assert [row for row in history(house) if row[1] == "tenk"] == [("ft-old", "tenk")]


async def test_one_that_failed_late_does_not_undo_what_was_chosen_meanwhile(house: House) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.waits = {"ft-new": asyncio.Event()}
    house.models.fails = {"ft-new": [GONE]}
    late = await begun(house, "a")
    activate(house.engine, "ft-newest")
    house.models.waits["ft-new"].set()

    assert (await late).model == "ft-newest"
    assert history(house)[0] == ("ft-newest", "ann")


async def test_nobody_goes_back_to_what_was_undone(house: House) -> None:
    activate(house.engine, "ft-old", "ft-new")
    house.models.fails = {"ft-new": [GONE], "ft-old": [GONE, GONE]}

    first = await ask(house, "a")
    second = await ask(house, "b")

    assert (first.model, second.model) == ("the-teacher", "the-teacher")
    assert [model for model, _ in history(house)][:2] == ["the-teacher", "ft-old"]
    assert "ft-new" not in [model for model, _ in history(house)][:2]


async def test_a_rollback_by_hand_is_a_way_back_by_whatever_command(house: House) -> None:
    activate(house.engine, "ft-old", "ft-new")
    with transaction(house.engine) as session:
        old = session.get_one(Candidate, 1)
        activate_row(session, old, by="tenk rollback", reason="")
        stack = [one.candidate.model for one in service.lineage(session)]

    assert stack == ["ft-old"]


def test_with_nothing_to_undo_nothing_is_rolled_back(house: House) -> None:
    with transaction(house.engine) as session:
        assert service.roll_back(session, teacher="t", by="ann", reason="") is None

    activate(house.engine, "ft-new")
    with transaction(house.engine) as session:
        first = service.roll_back(session, teacher="t", by="ann", reason="")
        again = service.roll_back(session, teacher="t", by="ann", reason="")

    assert isinstance(first, Activation)
    assert again is None
