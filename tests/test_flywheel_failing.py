"""Cycles whose student trains at a server as strict as OpenAI's, which fails as it is told."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.errors import DataError, ModelGone, ProviderError
from backend.flywheel import Step
from backend.flywheel.recording import Record
from backend.flywheel.steps import next_step
from backend.steering import cancel_cycle
from backend.store import cycles
from backend.store.database import transaction
from tests.strict_server import KEY, Reply, StrictServer, cut, refuse, say, strict_server
from tests.strict_tuning import (
    CANCELLED_THERE,
    ENDLESS,
    FAILS_LATE,
    MODERATION,
    SHUT_DOWN,
    VANISHES,
    Fate,
    Tuning,
)
from tests.turning import Ready, Watched, ready

HELLOS = [say("Yes."), say("Yes.")]
"""Of the untuned model before the training, and of the new one after it."""

BEFORE_THE_EXAM = [Step.CURATE, Step.ESTIMATE, Step.UPLOAD, Step.SUBMIT, Step.TRAIN]


def student_at(server: StrictServer, **more: Any) -> dict[str, Any]:
    """Settings that have the student at this server, and all others local."""
    told = {"student_base_url": server.url, "student_api_key": KEY, "student_model": "m"}
    return told | {"retries": 0} | more


def advanced(it: Ready) -> Any:
    return asyncio.run(it.flywheel.advance(it.open()))


# -- the job


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (FAILS_LATE, "failed: The job failed due to an internal error"),
        (MODERATION, "unsafe training file"),
        (CANCELLED_THERE, "was cancelled at its server"),
        (VANISHES, "is gone from"),
        (SHUT_DOWN, "does not answer, so it is not examined"),
    ],
)
def test_a_job_that_makes_no_model_ends_the_cycle_in_the_servers_words(
    tmp_path: Path, fate: Fate, words: str
) -> None:
    tuning = Tuning([fate])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        row = advanced(it)

    assert row.failed
    assert words in (row.ended or "")
    assert row.candidate is None
    assert len(tuning.mine()) <= 1


def test_a_creation_whose_answer_is_lost_is_one_job(tmp_path: Path) -> None:
    tuning = Tuning([FAILS_LATE], lose_answers=1)
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        advanced(it)

    assert len(tuning.mine()) == 1


@pytest.mark.parametrize(
    ("route", "step"),
    [
        ("POST /files", Step.UPLOAD),
        ("GET /fine_tuning/jobs", Step.SUBMIT),
        ("POST /fine_tuning/jobs", Step.SUBMIT),
    ],
)
def test_a_server_that_fails_for_now_leaves_the_cycle_to_go_on(
    tmp_path: Path, route: str, step: Step
) -> None:
    tuning, broken = Tuning([FAILS_LATE]), {route: [refuse(503, "Overloaded.")] * 2}
    with (
        strict_server(tuning=tuning, script=broken) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        with pytest.raises(ProviderError, match="503"):
            advanced(it)
        held = it.cycle()
        server.script.clear()
        row = advanced(it)

    assert next_step(held) is step
    assert not held.failed
    assert row.ended
    assert len(tuning.mine()) == 1


def test_a_base_model_that_cannot_be_tuned_ends_the_cycle_before_it_is_paid(
    tmp_path: Path,
) -> None:
    tuning = Tuning(tunable=["another"])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        row = advanced(it)

    assert row.failed
    assert "Model m is not available for fine-tuning" in (row.ended or "")


def test_a_restart_shows_no_event_twice(tmp_path: Path) -> None:
    fate = Fate(("queued", "running", "running", "running", "failed"))
    with (
        strict_server(tuning=Tuning([fate])) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        server.script["GET /fine_tuning/jobs/ftjob-1"] = [refuse(503, "Overloaded.")] * 10
        with pytest.raises(ProviderError):
            advanced(it)
        server.script.clear()
        advanced(it)

        assert it.texts("loss") == ["Step 1", "Step 2", "Step 3"]


def test_a_rival_that_is_gone_holds_the_cycle_up_before_anything_is_spent(tmp_path: Path) -> None:
    tuning = Tuning()
    with (
        strict_server(models={"other": None}, tuning=tuning) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        with pytest.raises(ModelGone, match="TENK_STUDENT_MODEL"):
            advanced(it)

        assert next_step(it.cycle()) is Step.ESTIMATE
    assert tuning.files == {}


# -- step by step


def test_each_call_takes_one_step_and_tells_which_until_the_cycle_has_ended(
    tmp_path: Path,
) -> None:
    with (
        strict_server(tuning=Tuning([FAILS_LATE])) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        key = it.open()

        taken = asyncio.run(_taken(it, key))

    assert taken == [*BEFORE_THE_EXAM, Step.NOTHING, Step.NOTHING]


async def _taken(it: Ready, key: int) -> list[Step]:
    return [await it.flywheel.take_next(key) for _ in range(len(BEFORE_THE_EXAM) + 2)]


# -- cancelled by hand


def test_a_cycle_cancelled_while_it_trains_ends_and_its_job_too(tmp_path: Path) -> None:
    tuning = Tuning([ENDLESS])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        row = asyncio.run(_cancelled_when(it, lambda: bool(it.texts("loss"))))

    assert (row.ended, row.failed) == ("cancelled by hand", True)
    assert [job["status"] for job in tuning.mine()] == ["cancelled"]


async def cancel(it: Ready) -> None:
    wheel = it.flywheel.wheel
    await cancel_cycle(wheel.engine, wheel.models, 1, reason="cancelled by hand")


async def _cancelled_when(it: Ready, time_has_come: Callable[[], bool]) -> Any:
    key = it.open()
    running = asyncio.create_task(it.flywheel.advance(key))
    async with asyncio.timeout(60):
        while not time_has_come():
            await asyncio.wait([running], timeout=0.02)
        await cancel(it)
        return await running


def test_a_job_created_in_the_very_moment_of_the_cancelling_is_stopped(tmp_path: Path) -> None:
    tuning = Tuning([ENDLESS])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        tuning.on_create = lambda: _end(it)
        row = advanced(it)

    assert row.ended == "cancelled by hand"
    assert row.job is None
    assert [job["status"] for job in tuning.mine()] == ["cancelled"]


def _end(it: Ready) -> None:
    Record(it.house.engine, 1).end("cancelled by hand", failed=True)


def test_a_job_that_nobody_wrote_down_is_found_by_its_tag_and_stopped(tmp_path: Path) -> None:
    tuning = Tuning([ENDLESS], lose_answers=1)
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        server.script["GET /fine_tuning/jobs"] = [give_none(), refuse(503, "Overloaded.")]
        with pytest.raises(ProviderError):
            advanced(it)
        asyncio.run(cancel(it))

    assert [job["status"] for job in tuning.mine()] == ["cancelled"]


def give_none() -> Reply:
    return Reply(body=b'{"object": "list", "data": [], "has_more": false}')


def test_a_cycle_ends_though_its_server_cannot_be_reached(tmp_path: Path) -> None:
    tuning = Tuning([ENDLESS])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        server.script["GET /fine_tuning/jobs/ftjob-1"] = [refuse(503, "Overloaded.")] * 20
        with pytest.raises(ProviderError):
            advanced(it)
        with pytest.raises(ProviderError, match=r"ended, but perhaps not.*503"):
            asyncio.run(cancel(it))

        assert it.cycle().ended == "cancelled by hand"


def test_a_job_that_has_ended_is_no_hindrance_to_cancelling(tmp_path: Path) -> None:
    tuning = Tuning([SHUT_DOWN])
    with (
        strict_server(tuning=tuning, chat=[HELLOS[0], refuse(500, "Oops.")]) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        with pytest.raises(ProviderError, match="500"):
            advanced(it)
        asyncio.run(cancel(it))

        assert it.cycle().ended == "cancelled by hand"


def test_what_has_ended_cannot_be_cancelled(tmp_path: Path) -> None:
    with (
        strict_server(tuning=Tuning([FAILS_LATE])) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        reason = advanced(it).ended
        with pytest.raises(DataError, match="There is nothing to cancel"):
            asyncio.run(cancel(it))

        assert it.cycle().ended == reason


def test_a_cycle_cancelled_in_mid_exam_asks_no_further(tmp_path: Path) -> None:
    with ready(tmp_path, models=Watched, answers_at_once=1, judge_at_once=1) as it:
        models: Any = it.flywheel.wheel.models

        def end_at_the_fourth(count: int) -> None:
            if count == 4:
                _end(it)

        models.before = end_at_the_fourth

        row = advanced(it)

        assert row.ended == "cancelled by hand"
        assert models.count <= 6  # what was in flight came to its end
        with transaction(it.house.engine) as session:
            assert cycles.activations(session) == []
        assert row.verdict is None


# -- the exam


def test_a_candidate_shut_down_in_mid_exam_ends_the_cycle_and_is_named(tmp_path: Path) -> None:
    with (
        strict_server(tuning=Tuning(), chat=HELLOS) as server,
        ready(tmp_path, **student_at(server), models=Watched) as it,
    ):
        row = _without(it, server, "ft:m")

        assert row.failed
        assert "The exam cannot be finished, for the candidate is gone. " in (row.ended or "")
        assert "tenk retrain" in (row.ended or "")


def test_a_rival_shut_down_in_mid_exam_costs_no_training(tmp_path: Path) -> None:
    tuning = Tuning()
    with (
        strict_server(tuning=tuning, chat=HELLOS) as server,
        ready(tmp_path, **student_at(server), models=Watched) as it,
    ):
        with pytest.raises(ModelGone, match="its untuned model is gone.*not trained") as held:
            _without(it, server, "m")
        assert "rollback" not in str(held.value)
        server.models["m"] = None
        reached: Any = it.flywheel.wheel.models
        reached.before = lambda count: None  # pyright: ignore[reportUnknownLambdaType]
        row = advanced(it)

        assert row.verdict is not None
        assert len(tuning.mine()) == 1


def _without(it: Ready, server: StrictServer, name: str) -> Any:
    """The cycle, where a model is shut down with the first question of the exam."""
    models: Any = it.flywheel.wheel.models

    def shut_down(count: int) -> None:
        for one in [one for one in server.models if one == name or one.startswith(f"{name}:")]:
            del server.models[one]

    models.before = shut_down
    return advanced(it)


def test_an_arm_that_never_answers_holds_the_cycle_up_and_costs_no_score(tmp_path: Path) -> None:
    broken = [*HELLOS, *[refuse(500, "Oops.")] * 500]
    with (
        strict_server(tuning=Tuning(), chat=broken) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        with pytest.raises(ProviderError, match="500"):
            advanced(it)

        assert next_step(it.cycle()) is Step.EXAMINE
        with transaction(it.house.engine) as session:
            failed = [row for row, _ in cycles.sittings(session, 1) if row.error]
        assert failed == []
        server.script.clear()
        row = advanced(it)

    assert row.verdict is not None


def test_a_stream_cut_once_is_asked_again_and_nothing_is_missing(tmp_path: Path) -> None:
    with (
        strict_server(tuning=Tuning(), chat=[*HELLOS, cut("Reven"), cut("Fi")]) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        row = advanced(it)
        with transaction(it.house.engine) as session:
            sat = [row for row, _ in cycles.sittings(session, 1)]

    assert row.verdict is not None
    assert all(one.answer for one in sat)


# -- one at a time


def test_a_second_process_is_kept_out_until_the_first_has_done(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        with it.flywheel.alone() as first, it.flywheel.alone() as second:
            assert (bool(first), bool(second)) == (True, False)
        with it.flywheel.alone() as again:
            assert again


def test_two_who_ask_in_the_same_moment_ask_for_one_cycle(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        begin, keys = threading.Barrier(4), list[int]()

        def ask(number: int) -> None:
            begin.wait(10)
            with transaction(it.house.engine) as session:
                keys.append(cycles.open_cycle(session, by="test", tag=f"tag-{number}").id or 0)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert len(keys) == 4
        assert len(set(keys)) == 1
        with transaction(it.house.engine) as session:
            assert len(cycles.cycles(session)) == 1
