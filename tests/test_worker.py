"""What the worker does by itself: the cycle that was asked for, and a look at the models."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backend.flywheel import Step
from backend.flywheel.recording import Record
from backend.flywheel.steps import next_step
from backend.models import open_models
from backend.settings import load_settings
from backend.store.database import open_database, transaction
from backend.store.notices import notices, put_notice
from backend.worker import REST, look, turn
from tests.strict_server import KEY, StrictServer, refuse, strict_server
from tests.strict_tuning import FAILS_LATE, Tuning
from tests.turning import Ready, ready


@pytest.fixture
def server() -> Generator[StrictServer]:
    with strict_server(tuning=Tuning([FAILS_LATE])) as running:
        yield running


@pytest.fixture
def it(tmp_path: Path, server: StrictServer) -> Generator[Ready]:
    student: dict[str, Any] = {
        "student_base_url": server.url,
        "student_api_key": KEY,
        "student_model": "m",
    }
    with ready(tmp_path, retries=0, **student) as opened:
        yield opened


def told(it: Ready) -> list[str]:
    with transaction(it.house.engine) as session:
        return [one.text for one in notices(session)]


async def test_a_cycle_that_was_asked_for_is_taken_to_its_end(it: Ready) -> None:
    it.open()

    took = await turn(it.flywheel.wheel)

    assert took
    assert "failed: The job failed" in (it.cycle().ended or "")
    assert told(it) == []


async def test_where_nobody_asked_nothing_is_done(it: Ready, server: StrictServer) -> None:
    assert not await turn(it.flywheel.wheel)
    assert server.requests == []


async def test_what_holds_a_cycle_up_is_told_until_it_goes_on(
    it: Ready, server: StrictServer
) -> None:
    server.script["POST /files"] = [refuse(503, "Overloaded.")] * 2
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    wheel = type(it.flywheel.wheel)(it.house.settings, it.house.engine, it.house.models, rest)
    it.open()
    await turn(wheel)
    [held] = told(it)
    waits = next_step(it.cycle())
    server.script.clear()
    await turn(wheel)

    assert held.startswith("Cycle 1 is held up:")
    assert "503" in held
    assert waits is Step.UPLOAD
    assert rests[0] == REST
    assert told(it) == []


async def test_a_held_up_cycle_that_somebody_ends_is_no_longer_told_of(it: Ready) -> None:
    key = it.open()
    with transaction(it.house.engine) as session:
        put_notice(session, "cycle", "Cycle 1 is held up: no.")
    Record(it.house.engine, key).end("cancelled by hand", failed=True)

    await turn(it.flywheel.wheel)

    assert told(it) == []


async def test_a_cycle_that_another_process_advances_is_left_to_it(
    it: Ready, server: StrictServer
) -> None:
    it.open()

    with it.flywheel.alone():
        took = await turn(it.flywheel.wheel)

    assert not took
    assert next_step(it.cycle()) is Step.CURATE
    assert server.requests == []


async def test_a_model_that_goes_soon_is_told_and_one_that_stays_no_longer(
    tmp_path: Path,
) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    names: dict[str, Any] = {f"{role}_model": "m" for role in ("teacher", "student", "judge")}
    with strict_server(models={"m": "2020-01-01", "e": None}) as server:
        settings = load_settings(base_url=server.url, api_key=KEY, embed_model="e", **names)
        models = open_models(settings, None)
        await look(settings, engine, models)
        with transaction(engine) as session:
            before = [one.subject for one in notices(session)]
        server.models["m"] = None
        await look(settings, engine, models)
        with transaction(engine) as session:
            after = [one.subject for one in notices(session)]
    engine.dispose()

    assert {f"model of the {role}" for role in ("teacher", "judge")} <= {*before}
    assert not {f"model of the {role}" for role in ("teacher", "judge")} & {*after}
