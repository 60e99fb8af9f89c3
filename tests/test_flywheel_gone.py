"""A model that is gone in mid-exam: the candidate that was paid for is examined all the same."""

import asyncio
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend import promotion
from backend.errors import ConfigurationError, ModelGone
from backend.flywheel import Step, next_step
from backend.records import Candidate, Message, Role, Usage
from backend.store import cycles, serving
from backend.store.database import transaction
from tests.test_flywheel import struck_at
from tests.turning import Ready, Watched, ready

OTHER = "other"
"""Answers readers when the exam begins."""


def nobody(model: str) -> bool:
    """No model is gone."""
    return False


def every_tuned(model: str) -> bool:
    """The candidate is."""
    return model.startswith("ft:")


class Going(Watched):
    """The models, with one more that says what the teacher says, until models are gone."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.gone: Callable[[str], bool] = nobody

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        self.watch(messages)
        if model is not None and self.gone(model):
            raise ModelGone(f"The model {model} was shut down.")
        if model == OTHER:
            return await self.inner.complete(Role.TEACHER, messages)
        return await self.inner.complete(role, messages, model=model)

    def lose_other_at_the_twelfth(self, then: Callable[[], None] = lambda: None) -> None:
        """OTHER is gone from the exam's twelfth question on; `then` is done in that moment."""

        def go(count: int) -> None:
            if count == 12:
                self.gone = OTHER.__eq__
                then()

        self.before = go


def with_another_active(it: Ready) -> Any:
    """The cycle's models; OTHER answers readers."""
    with transaction(it.house.engine) as session:
        other = Candidate(model=OTHER, role="student")
        session.add(other)
        session.flush()
        cycles.activate(session, other, by="test", reason="")
    return it.flywheel.wheel.models


def roll_back(it: Ready) -> None:
    with transaction(it.house.engine) as session:
        serving.roll_back(session, teacher="local-teacher", by="test", reason="it is gone")


def tuned(it: Ready) -> list[str]:
    with transaction(it.house.engine) as session:
        return [one.model for one in cycles.candidates(session) if one.model.startswith("ft:")]


def sat(it: Ready, **more: Any) -> list[tuple[str, str]]:
    """Arm and model of every sitting."""
    with transaction(it.house.engine) as session:
        return [(row.arm, row.model) for row, _ in cycles.sittings(session, 1, **more)]


def test_the_exam_begins_anew_against_who_answers_now_and_nothing_is_trained_again(
    tmp_path: Path,
) -> None:
    with ready(tmp_path, models=Going) as it:
        models = with_another_active(it)
        models.lose_other_at_the_twelfth(partial(roll_back, it))

        row = asyncio.run(it.flywheel.advance(it.open()))

        with transaction(it.house.engine) as session:
            told = cycles.verdict(session, row.verdict or 0).certificate
        assert not row.failed
        assert len(tuned(it)) == 1
        assert promotion.verify(told).ok
        assert told["models"]["active"] == "local-teacher"
        assert told["more"]["gone"] == [OTHER]
        assert OTHER not in {model for _, model in sat(it)}
        assert len(sat(it, given_up=True)) > len(sat(it))
        assert OTHER in {model for _, model in sat(it, given_up=True)}
        assert any("begins anew against local-teacher" in text for text in it.texts("note"))


def test_where_nobody_has_its_place_the_cycle_waits_and_then_goes_on(tmp_path: Path) -> None:
    with ready(tmp_path, models=Going) as it:
        models = with_another_active(it)
        models.lose_other_at_the_twelfth()
        with pytest.raises(ModelGone, match=r"tenk rollback.*ft:local-student.*again") as held:
            asyncio.run(it.flywheel.advance(it.open()))
        waiting, kept = it.cycle(), sat(it)
        roll_back(it)
        row = asyncio.run(it.flywheel.advance(1))

        assert str(pickle.loads(pickle.dumps(held.value))) == str(held.value)  # as a worker's
        assert next_step(waiting) is Step.EXAMINE
        assert kept
        assert row.verdict is not None
        assert len(tuned(it)) == 1


def test_a_model_that_comes_back_goes_on_where_it_was(tmp_path: Path) -> None:
    with ready(tmp_path, models=Going) as it:
        models = with_another_active(it)
        models.lose_other_at_the_twelfth()
        with pytest.raises(ModelGone):
            asyncio.run(it.flywheel.advance(it.open()))
        kept, models.gone = sat(it), nobody
        row = asyncio.run(it.flywheel.advance(1))

        assert row.verdict is not None
        assert sat(it)[: len(kept)] == kept
        assert sat(it, given_up=True) == sat(it)


def test_killed_while_it_begins_anew_it_begins_anew_once(tmp_path: Path) -> None:
    with ready(tmp_path, models=Going) as it:
        models = with_another_active(it)
        models.lose_other_at_the_twelfth(partial(roll_back, it))
        struck_at(it, "UPDATE sitting SET arm")
        untouched = sat(it, given_up=True)
        row = asyncio.run(it.flywheel.advance(1))

        assert untouched and not any("given up" in arm for arm, _ in untouched)
        assert row.verdict is not None
        ends = {arm.partition("given up")[2] for arm, _ in sat(it, given_up=True)}
        assert ends == {"", " 1"}
        assert sum("begins anew" in text for text in it.texts("note")) == 1


def test_a_candidate_that_is_gone_ends_the_cycle(tmp_path: Path) -> None:
    with ready(tmp_path, models=Going) as it:
        models: Any = it.flywheel.wheel.models

        def go(count: int) -> None:
            models.gone = every_tuned

        models.before = go

        row = asyncio.run(it.flywheel.advance(it.open()))

        assert row.failed
        assert "for the candidate is gone. The model ft:local-student:tenk:" in (row.ended or "")


def test_an_exam_that_cannot_be_paid_once_more_waits_for_the_budget(tmp_path: Path) -> None:
    prices = {"local-teacher": (10.0, 10.0), OTHER: (10.0, 10.0)}
    with ready(tmp_path, models=Going, prices=prices, training_price=0.0) as it:
        with_another_active(it)
        key = it.open()
        while next_step(it.cycle()) is not Step.UPLOAD:
            asyncio.run(it.flywheel.take_next(key))
        estimate = it.cycle().estimate_usd or 0.0
    with ready(
        tmp_path, models=Going, prices=prices, training_price=0.0, budget_usd=estimate / 2
    ) as it:
        models: Any = it.flywheel.wheel.models
        models.lose_other_at_the_twelfth(partial(roll_back, it))
        with pytest.raises(ConfigurationError, match="above TENK_BUDGET_USD"):
            asyncio.run(it.flywheel.advance(key))

        assert next_step(it.cycle()) is Step.EXAMINE
    with ready(tmp_path, models=Going, prices=prices, training_price=0.0) as it:
        reached: Any = it.flywheel.wheel.models
        reached.gone = OTHER.__eq__
        assert asyncio.run(it.flywheel.advance(key)).verdict is not None


def test_a_judge_that_is_gone_gives_its_place_and_all_is_judged_anew(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "INSERT INTO score", after=6)
        with transaction(it.house.engine) as session:
            held = cycles.cycle(session, 1)
            held.exam = held.exam | {"judge": "local-judge-of-yesterday"}
            session.add(held)
        before = sat(it)

        row = asyncio.run(it.flywheel.advance(1))

        with transaction(it.house.engine) as session:
            told = cycles.verdict(session, row.verdict or 0).certificate
        assert before
        assert promotion.verify(told).ok
        assert told["models"]["judge"] == "local-judge"
        assert told["more"]["gone"] == ["local-judge-of-yesterday"]
        given_up = [arm for arm, _ in sat(it, given_up=True) if "given up" in arm]
        assert len(given_up) == len(before)
        assert len(tuned(it)) == 1
