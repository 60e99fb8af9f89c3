"""The model in service: its thumbs, when somebody is warned, when it is undone, how it stands."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from backend import duty
from backend.datasets import curate
from backend.records import Activation, Candidate, Dataset, Turn, now
from backend.settings import Settings
from backend.store import serving as service
from backend.store import turns
from backend.store.cycles import activate as activate_row
from backend.store.cycles import activations
from backend.store.database import transaction
from backend.store.notices import notices
from tests.answering import QUESTION, House, activate, house_in


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path, shadow_share=0) as opened:
        yield opened


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue]


def rated(engine: Engine, *thumbs: int, **given: Any) -> None:
    """Turns of one model with these thumbs."""
    fields: dict[str, Any] = {
        "thread": "t",
        "question": "q",
        "standalone": "q",
        "answer": "a",
        "model": "the-teacher",
        "role": "teacher",
    }
    with transaction(engine) as session:
        session.add_all([Turn(**(fields | given), rating=thumb or None) for thumb in thumbs])


def swapped(engine: Engine, *new: int, old: int = 1) -> None:
    """A teacher with 300 thumbs, mostly up; a new model with these."""
    before = now() - timedelta(hours=1)
    rated(engine, *([old] * 9 + [-1]) * 30, asked_at=before)
    activate(engine, "ft-new")
    rated(engine, *new, model="ft-new", role="student", activation=1)


def active(engine: Engine) -> str:
    with transaction(engine) as session:
        found = service.serving(session)
    return found.candidate.model if found else "the teacher"


def told(engine: Engine) -> list[str]:
    with transaction(engine) as session:
        return [notice.text for notice in notices(session)]


# -- thumbs


def test_worse_thumbs_warn_and_undo_nothing(house: House) -> None:
    swapped(house.engine, *[-1, 1] * 20)

    found = duty.watch(house.engine, settings())

    assert found is not None and found.worse
    assert active(house.engine) == "ft-new"
    [text] = told(house.engine)
    assert "Readers like ft-new less" in text
    assert "20 of 40 thumbs up, against 270 of 300" in text
    assert "tenk rollback" in text


def test_where_the_setting_says_so_worse_thumbs_roll_back(house: House) -> None:
    swapped(house.engine, *[-1, 1] * 20)

    duty.watch(house.engine, settings(auto_rollback=True, teacher_model="the-teacher"))

    assert active(house.engine) == "the-teacher"
    with transaction(house.engine) as session:
        row = activations(session)[0]
    assert (row.by, row.undoes) == ("tenk", 1)
    assert "thumbs are worse: 20 of 40 thumbs up" in row.reason
    assert "rolled back by itself" in told(house.engine)[0]


def test_after_it_rolled_back_there_is_nothing_left_to_judge(house: House) -> None:
    swapped(house.engine, *[-1, 1] * 20)
    asked = settings(auto_rollback=True, teacher_model="the-teacher")
    duty.watch(house.engine, asked)

    found = duty.watch(house.engine, asked)

    assert found is None
    with transaction(house.engine) as session:
        assert len(activations(session)) == 2


@pytest.mark.parametrize("new", [[1] * 40, [1] * 9 + [-1], [], [-1]])
def test_thumbs_that_are_no_worse_or_too_few_warn_nobody(house: House, new: list[int]) -> None:
    swapped(house.engine, *new)

    found = duty.watch(house.engine, settings(auto_rollback=True))

    assert found is not None and not found.worse
    assert (active(house.engine), told(house.engine)) == ("ft-new", [])


def test_a_warning_goes_when_somebody_has_chosen_another_model(house: House) -> None:
    swapped(house.engine, *[-1, 1] * 20)
    duty.watch(house.engine, settings())
    activate(house.engine, "ft-newer")

    duty.watch(house.engine, settings())

    assert told(house.engine) == []


def test_what_was_rolled_back_is_told_until_somebody_chooses(house: House) -> None:
    swapped(house.engine, *[-1, 1] * 20)
    duty.watch(house.engine, settings(auto_rollback=True))
    duty.watch(house.engine, settings())
    before = told(house.engine)

    activate(house.engine, "ft-new")
    duty.watch(house.engine, settings())

    assert len(before) == 1
    assert told(house.engine) == []


def test_a_model_chosen_again_is_judged_by_its_new_thumbs_alone(house: House) -> None:
    swapped(house.engine, *[-1, 1] * 20)
    with transaction(house.engine) as session:
        service.roll_back(session, teacher="the-teacher", by="ann", reason="")
        activate_row(session, session.get_one(Candidate, 1), by="ann", reason="once more")

    found = duty.watch(house.engine, settings())

    assert found is not None and (found.new, found.worse) == (0, False)


def test_thumbs_on_the_old_model_after_the_swap_do_not_count_for_it(house: House) -> None:
    swapped(house.engine, *[1] * 20)
    with transaction(house.engine) as session:
        stack = service.lineage(session)
        before = service.thumbs_until(session, stack[0].at, None)
    rated(house.engine, *[-1] * 50)

    with transaction(house.engine) as session:
        after = service.thumbs_until(session, stack[0].at, None)

    assert len(before) == len(after) == 300


def test_the_teacher_is_never_judged(house: House) -> None:
    rated(house.engine, *[-1] * 50)

    assert duty.watch(house.engine, settings()) is None


# -- how it stands


def test_thumbs_are_told_per_model_with_their_interval(house: House) -> None:
    swapped(house.engine, 1, 1, -1)
    rated(house.engine, 1, shadow_of=1)  # an operator's thumb on a second answer

    with transaction(house.engine) as session:
        new, teacher = duty.thumbs_by_model(session)

    assert (new.model, new.up, new.down, new.share) == ("ft-new", 2, 1, 0.6667)
    assert 0 < new.low < 0.6667 < new.high < 1
    assert (teacher.model, teacher.up, teacher.down) == ("the-teacher", 270, 30)


def test_with_nothing_logged_there_is_nothing_to_tell(house: House) -> None:
    with transaction(house.engine) as session:
        row = duty.watching_row(session)

    assert row == {
        "thumbs": [],
        "thumbs_test": None,
        "agreement": {"share": None, "compared": 0, "days": []},
        "shadows": {"asked": 0, "whole": 0, "cost_usd": 0.0},
        "disliked_but_learned": [],
    }


def test_agreement_and_the_cost_of_second_answers_are_told_by_day(house: House) -> None:
    day = now().replace(hour=12)
    for agrees, cost in [(True, 0.25), (False, 0.25), (None, None)]:
        rated(house.engine, 0, shadow_of=1, agrees=agrees, cost_usd=cost, asked_at=day)

    with transaction(house.engine) as session:
        row = duty.watching_row(session)

    days = [{"day": day.date().isoformat(), "compared": 2, "share": 0.5}]
    assert row["agreement"] == {"share": 0.5, "compared": 2, "days": days}
    assert row["shadows"] == {"asked": 3, "whole": 2, "cost_usd": 0.5}


# -- a thumbs-down after training


async def learned(house: House) -> int:
    """A turn of the teacher whose example two models learned from; a third one only watched it."""
    turn = await house.assistant.ask(QUESTION, thread="t1")
    with transaction(house.engine) as session:
        trained = Dataset(sha256="a", train="a", examples=[1])
        watched = Dataset(sha256="b", train="b", examples=[], validation_examples=[1])
        session.add_all([trained, watched])
        session.flush()
        for model, row in (("ft-1", trained), ("ft-2", trained), ("ft-3", watched)):
            session.add(Candidate(model=model, role="student", dataset=row.id))
    assert turn.id is not None
    return turn.id


async def test_a_thumbs_down_names_the_models_that_learned_from_it_and_drops_it_from_the_next(
    house: House,
) -> None:
    key = await learned(house)
    with transaction(house.engine) as session:
        before = curate(turns.examples(session))

    result = house.assistant.rate(key, -1, comment="wrong year")

    with transaction(house.engine) as session:
        after = curate(turns.examples(session))
        row = duty.watching_row(session)
        named = turns.models_trained_on(session, 1)
    assert [one.state for one in before] == ["kept"]
    assert [(one.state, one.rule) for one in after] == [("dropped", "thumbs-down")]
    assert named == ["ft-1", "ft-2"]
    assert result.learned_by == ("ft-1", "ft-2")
    assert row["disliked_but_learned"] == [{"example": 1, "turn": key, "models": ["ft-1", "ft-2"]}]


async def test_an_example_that_no_model_learned_from_names_none(house: House) -> None:
    turn = await house.assistant.ask(QUESTION, thread="t1")
    assert turn.id is not None

    result = house.assistant.rate(turn.id, -1)

    assert result.learned_by == ()
    with transaction(house.engine) as session:
        assert turns.models_trained_on(session, 99) == []
        assert duty.watching_row(session)["disliked_but_learned"] == []


def test_the_row_of_an_activation_says_what_it_undid(house: House) -> None:
    activate(house.engine, "ft-old", "ft-new")

    with transaction(house.engine) as session:
        row = service.roll_back(session, teacher="t", by="ann", reason="worse", of=2)
        late = service.roll_back(session, teacher="t", by="bob", reason="worse", of=2)

    assert isinstance(row, Activation)
    assert (row.undoes, row.by, row.reason) == (2, "ann", "worse")
    assert late is None
