"""The teacher goes on teaching: which answers it gives too, and that no reader notices."""

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from backend.assistant import Assistant
from backend.datasets import curate
from backend.errors import ProviderError
from backend.records import Turn
from backend.settings import Settings
from backend.shadow import MOST_WAITING, chosen
from backend.store.database import transaction
from backend.store.history import thread_owner
from backend.store.turns import examples
from tests.answering import PIECES, QUESTION, House, activate, begun, house_in


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path, shadow_share=1) as opened:
        activate(opened.engine, "ft-new")
        yield opened


def shadows(house: House) -> list[Turn]:
    with transaction(house.engine) as session:
        return [row for row in session.exec(select(Turn)) if row.shadow_of is not None]


async def ask(house: House, thread: str = "t1") -> Turn:
    return await house.assistant.ask(QUESTION, thread=thread, person="ann", step="s1")


async def answered_too(house: House) -> list[Turn]:
    async with asyncio.timeout(30):
        await house.assistant.shadow.settled()
    return shadows(house)


# -- which


def test_a_share_is_chosen_and_always_the_same() -> None:
    first = [chosen(b"k", turn, 0.1) for turn in range(5000)]
    again = [chosen(b"k", turn, 0.1) for turn in range(5000)]
    another = [chosen(b"other", turn, 0.1) for turn in range(5000)]

    assert first == again
    assert first != another
    assert 0.085 < sum(first) / 5000 < 0.115
    assert not any(chosen(b"k", turn, 0.0) for turn in range(500))
    assert all(chosen(b"k", turn, 1.0) for turn in range(500))


def test_who_is_chosen_at_a_small_share_is_chosen_at_a_larger_one() -> None:
    small = {turn for turn in range(2000) if chosen(b"k", turn, 0.1)}
    large = {turn for turn in range(2000) if chosen(b"k", turn, 0.3)}

    assert small < large


async def test_the_teachers_own_answers_and_those_asked_by_name_are_not_answered_twice(
    house: House,
) -> None:
    await house.assistant.ask(QUESTION, thread="a", model="teacher")
    await house.assistant.ask(QUESTION, thread="b", model="student")
    await house.assistant.ask(QUESTION, thread="c", model="ft-new")

    assert await answered_too(house) == []


async def test_where_the_teacher_stood_in_it_is_not_asked_again(house: House) -> None:
    house.models.fails = {"ft-new": [ProviderError("500")]}

    turn = await ask(house)

    assert turn.role == "teacher"
    assert await answered_too(house) == []


async def test_a_question_that_nobody_answered_is_not_asked_again(house: House) -> None:
    house.models.breaks = ProviderError("No network.")
    with pytest.raises(ProviderError):
        await ask(house)

    assert await answered_too(house) == []


async def test_with_a_share_of_nothing_the_teacher_rests(tmp_path: Path) -> None:
    with house_in(tmp_path, shadow_share=0) as house:
        activate(house.engine, "ft-new")
        await ask(house)

        assert await answered_too(house) == []


# -- what is logged


async def test_the_second_answer_is_logged_for_the_same_messages_and_teaches(house: House) -> None:
    turn = await ask(house)

    [shadow] = await answered_too(house)

    assert (shadow.shadow_of, shadow.model, shadow.role) == (turn.id, "the-teacher", "teacher")
    assert shadow.messages == turn.messages
    assert shadow.evidence == turn.evidence
    assert (shadow.state, shadow.rating, shadow.cost_usd) == ("whole", None, 0.25)
    assert (shadow.activation, shadow.cycle, shadow.instead_of) == (None, None, None)
    with transaction(house.engine) as session:
        [kept] = curate(examples(session))
    assert (kept.example.turn, kept.state) == (shadow.id, "kept")


async def test_what_named_the_reader_is_masked_there_too(house: House) -> None:
    await house.assistant.ask("I am a@b.example; what was revenue?", thread="t1")

    [shadow] = await answered_too(house)

    assert shadow.question == "I am [e-mail]; what was revenue?"
    assert "a@b.example" not in str(shadow.model_dump())


async def test_the_reader_sees_one_turn_and_goes_on_from_it_alone(house: House) -> None:
    await ask(house)
    [shadow] = await answered_too(house)

    assert [row.model for row in house.logged()] == ["ft-new"]
    assert shadow.step is None
    with transaction(house.engine) as session:
        assert thread_owner(session, shadow.thread) not in (None, "ann")


@pytest.mark.parametrize(
    ("students", "agrees"),
    [(PIECES, True), (["Revenue was $26,914 million in fiscal 2023 [1]."], False)],
)
async def test_the_two_answers_are_compared(
    house: House, students: list[str], agrees: bool
) -> None:
    house.models.says = {"ft-new": students}

    await ask(house)

    [shadow] = await answered_too(house)
    assert shadow.agrees is agrees


async def test_a_second_answer_that_fails_is_a_failed_turn_that_teaches_nobody(
    house: House,
) -> None:
    house.models.fails = {"the-teacher": [ProviderError("The teacher is away.")]}

    turn = await ask(house)

    [shadow] = await answered_too(house)
    assert turn.state == "whole"
    assert (shadow.state, shadow.error) == ("failed", "The teacher is away.")
    assert (shadow.agrees, house.examples()) == (None, [])


# -- never in the way


async def test_the_readers_answer_does_not_wait_for_the_teacher(house: House) -> None:
    house.models.waits = {"the-teacher": asyncio.Event()}

    async with asyncio.timeout(30):
        turns = [await ask(house, f"t{n}") for n in range(6)]

    assert {turn.model for turn in turns} == {"ft-new"}
    assert shadows(house) == []
    house.models.waits["the-teacher"].set()
    assert len(await answered_too(house)) == 6


async def test_the_teacher_is_asked_for_two_at_once_at_most(house: House) -> None:
    house.models.waits = {"the-teacher": asyncio.Event()}
    for n in range(6):
        await ask(house, f"t{n}")
    for _ in range(50):
        await asyncio.sleep(0)

    asked = [name for _, _, name in house.models.asked if name == "the-teacher"]

    assert len(asked) == 2
    house.models.waits["the-teacher"].set()
    assert len(await answered_too(house)) == 6


async def test_a_teacher_on_this_machine_waits_until_no_reader_does(house: House) -> None:
    house.models.local = True
    house.models.waits = {"ft-new": asyncio.Event()}
    house.models.waits["ft-new"].set()
    await ask(house, "a")
    house.models.waits["ft-new"].clear()
    reading = await begun(house, "b")
    await asyncio.wait([reading], timeout=0.5)
    during = [name for _, _, name in house.models.asked if name == "the-teacher"]
    house.models.waits["ft-new"].set()
    await reading

    assert during == []
    assert len(await answered_too(house)) == 2


async def test_what_waits_when_the_process_ends_is_counted_and_said(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.models.waits = {"the-teacher": asyncio.Event()}
    for n in range(5):
        await ask(house, f"t{n}")
    for _ in range(50):
        await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING, logger="tenk.shadow"):
        dropped = await house.assistant.shadow.end()

    assert (dropped, house.assistant.shadow.dropped) == (3, 3)
    assert "never asked for: 3" in caplog.text
    assert [row.state for row in shadows(house)] == ["stopped", "stopped"]
    assert house.examples() == []


def test_a_loop_that_ends_without_a_word_drops_them_aloud_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.models.waits = {"the-teacher": asyncio.Event()}

    with caplog.at_level(logging.WARNING, logger="tenk.shadow"):
        asyncio.run(_ask_and_leave(house))

    said = re.search(r"never asked for: (\d)", caplog.text)
    assert said is not None
    assert int(said[1]) + len(shadows(house)) == 3
    assert {row.state for row in shadows(house)} <= {"stopped"}


async def _ask_and_leave(house: House) -> None:
    for n in range(3):
        await ask(house, f"t{n}")


async def test_more_than_can_wait_are_dropped_and_counted(house: House) -> None:
    house.models.waits = {"the-teacher": asyncio.Event()}
    turn = await ask(house)
    shadow = house.assistant.shadow
    for _ in range(50):
        await asyncio.sleep(0)

    taken = [shadow.consider(turn) for _ in range(MOST_WAITING + 3)]

    assert taken.count(False) == shadow.dropped
    assert shadow.dropped >= 3
    await shadow.end()


async def test_the_same_turns_are_chosen_in_every_process(tmp_path: Path) -> None:
    with house_in(tmp_path, shadow_share=0.3) as house:
        activate(house.engine, "ft-new")
        turns = [await ask(house, f"t{n}") for n in range(30)]
        first = {row.shadow_of for row in await answered_too(house)}

        again = Assistant(house.engine, house.models, house.index, house.assistant.settings)
        chosen_again = {turn.id for turn in turns if again.shadow.consider(turn)}
        await again.shadow.end()

    assert first == chosen_again
    assert 0 < len(first) < 30


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="shadow_share"):
        Settings(shadow_share=share)
