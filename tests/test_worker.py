"""What the worker does by itself: the cycle that was asked for, and a look at the models."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from backend.flywheel import LABELS, Step
from backend.flywheel.recording import Record
from backend.flywheel.steps import next_step
from backend.models import open_models
from backend.records import Candidate, ExamQuestion
from backend.settings import Settings, load_settings
from backend.standing import standing
from backend.store import cycles
from backend.store.database import open_database, transaction
from backend.store.notices import notices
from backend.worker import Clock, Worker, at_work, due, look, turn
from tests.strict_server import KEY, StrictServer, give, refuse, strict_server
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


@asynccontextmanager
async def working(it: Ready, **changed: Any) -> AsyncGenerator[Worker]:
    async with at_work(replace(it.flywheel.wheel, **changed)) as worker:
        yield worker


async def until(true: Callable[[], object], worker: Worker) -> None:
    """Look again and again, as a worker does, until it is so."""
    async with asyncio.timeout(60):
        while not true():
            await worker.ensure_cycle()
            await asyncio.sleep(0.05)


async def test_a_cycle_that_was_asked_for_is_taken_to_its_end(it: Ready) -> None:
    it.open()

    async with working(it) as worker:
        await until(lambda: it.cycle().ended, worker)
        await worker.ensure_cycle()

    assert "failed: The job failed" in (it.cycle().ended or "")
    assert told(it) == []


async def test_where_nobody_asked_nothing_is_done(it: Ready, server: StrictServer) -> None:
    async with working(it) as worker:
        await worker.ensure_cycle()

    assert server.requests == []


async def test_a_cycle_goes_on_in_the_next_worker_where_the_last_one_ended(
    it: Ready, server: StrictServer
) -> None:
    server.script["POST /files"] = [refuse(503, "Overloaded.")] * 2
    it.open()

    async with working(it, rest=for_ever) as worker:
        await until(lambda: told(it), worker)
    waits = next_step(it.cycle())
    server.script.clear()
    async with working(it) as worker:
        await until(lambda: it.cycle().ended, worker)

    assert waits is Step.UPLOAD
    assert it.texts("step").count(LABELS[Step.CURATE]) == 1
    assert "failed: The job failed" in (it.cycle().ended or "")


async def for_ever(seconds: float) -> None:
    await asyncio.Event().wait()


async def test_what_holds_a_cycle_up_is_told_until_it_goes_on(
    it: Ready, server: StrictServer
) -> None:
    server.script["POST /files"] = [refuse(503, "Overloaded.")] * 2
    notices_at_rest: list[str] = []

    async def rest(seconds: float) -> None:
        notices_at_rest.extend(told(it))
        server.script.clear()

    key = it.open()
    wheel = replace(it.flywheel.wheel, rest=rest)
    while next_step(it.cycle()) is not Step.SUBMIT:
        await turn(wheel, key)

    assert notices_at_rest[0].startswith("Cycle 1 is held up:")
    assert "503" in notices_at_rest[0]
    assert told(it) == []


async def test_a_held_up_cycle_that_somebody_ends_is_no_longer_waited_for_nor_told_of(
    it: Ready, server: StrictServer
) -> None:
    server.script["POST /files"] = [refuse(503, "Overloaded.")] * 9
    key, rests = it.open(), list[float]()

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        Record(it.house.engine, key).end("cancelled by hand", failed=True)

    wheel = replace(it.flywheel.wheel, rest=rest)
    while await turn(wheel, key):
        pass
    async with working(it) as worker:
        await worker.ensure_cycle()

    assert len(rests) == 1
    assert told(it) == []


async def test_a_cycle_that_another_process_advances_is_left_to_it_and_gone_on_with_after_it(
    it: Ready, server: StrictServer
) -> None:
    it.open()

    async with working(it) as worker:
        with it.flywheel.alone():
            for _ in range(5):
                await worker.ensure_cycle()
                await asyncio.sleep(0.05)
            meanwhile = next_step(it.cycle()), list(server.requests)
        await until(lambda: it.cycle().ended, worker)

    assert meanwhile == (Step.CURATE, [])
    assert it.cycle().failed


async def test_a_fault_of_ours_is_told_and_the_cycle_tried_once_more_in_each_process(
    it: Ready,
) -> None:
    tries = list[int]()

    class Broken:
        def __getattr__(self, name: str) -> Any:
            tries.append(1)
            raise ZeroDivisionError("a fault")

    key = it.open()
    models: Any = Broken()
    async with working(it, models=models) as worker:
        await until(lambda: told(it), worker)
        begun = len(tries)
        for _ in range(5):
            await worker.ensure_cycle()
    [text] = told(it)
    async with working(it) as worker:
        await until(lambda: it.cycle().ended, worker)
        await worker.ensure_cycle()

    assert begun == len(tries) == 2
    assert text.startswith(f"Cycle {key} broke on a fault of tenk's own (ZeroDivisionError: a")
    assert f"tenk cycle {key} --cancel" in text
    assert told(it) == []


async def test_a_log_that_was_put_back_is_gone_on_with_though_its_cycle_was_done_before(
    it: Ready,
) -> None:
    key = it.open()
    async with working(it) as worker:
        await until(lambda: it.cycle().ended, worker)
    with transaction(it.house.engine) as session:
        row = cycles.cycle(session, key)
        row.ended, row.failed, row.job = None, False, None
    async with working(it) as worker:
        await until(lambda: it.cycle().ended, worker)

    assert it.texts("step").count(LABELS[Step.SUBMIT]) == 1
    assert it.cycle().job is not None


async def test_a_worker_whose_lock_is_lost_ends_what_it_does_and_then_goes_on(
    it: Ready, server: StrictServer
) -> None:
    server.script["POST /files"] = [refuse(503, "Overloaded.")] * 2
    it.open()
    ends = list[str]()

    async def rest(seconds: float) -> None:
        if ends:
            return
        (it.house.settings.home / "cycle.lock").unlink()
        server.script.clear()
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(next_step(it.cycle()))

    async with working(it, rest=rest) as worker:
        await until(lambda: it.cycle().ended, worker)

    assert ends == [Step.UPLOAD]
    assert "failed: The job failed" in (it.cycle().ended or "")


async def test_records_of_work_that_cannot_be_read_are_put_aside_and_begun_anew(
    it: Ready,
) -> None:
    it.open()
    file = it.house.settings.home / "worker.sqlite3"
    file.write_bytes(b"no database" * 1000)

    async with working(it) as worker:
        await until(lambda: it.cycle().ended, worker)

    assert file.with_name("worker.sqlite3.broken").read_bytes().startswith(b"no database")
    assert "failed: The job failed" in (it.cycle().ended or "")


# -- the schedule


BERLIN = ZoneInfo("Europe/Berlin")


def test_what_is_due_is_the_latest_time_that_nothing_was_decided_at() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    today = datetime(2026, 11, 20, 3, tzinfo=BERLIN)

    assert due("0 3 * * *", None, now) == today
    assert due("0 3 * * *", datetime(2026, 11, 1, tzinfo=BERLIN), now) == today
    assert due("0 3 * * *", today, now) is None
    assert due("0 3 * * *", datetime(2026, 11, 20, 2, tzinfo=UTC), now) is None
    assert due("off", None, now) is None


def test_the_clock_rings_at_the_start_and_then_at_each_time_of_the_schedule() -> None:
    clock = Clock("0 3 * * *", BERLIN)
    times = [
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        datetime(2026, 11, 20, 12, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 1, 59, tzinfo=UTC),
        datetime(2026, 11, 21, 2, 0, tzinfo=UTC),
        datetime(2026, 11, 21, 2, 1, tzinfo=UTC),
        datetime(2026, 11, 25, 2, 1, tzinfo=UTC),
    ]

    assert [clock.rings(at) for at in times] == [True, False, False, True, False, True]
    assert not Clock("off", BERLIN).rings(times[0])


def test_a_clock_that_is_put_back_from_the_future_silences_no_schedule() -> None:
    clock, day = Clock("0 3 * * *", BERLIN), timedelta(days=1)
    wrong, right = datetime(2031, 1, 1, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC)

    assert clock.rings(wrong)
    assert clock.rings(right)
    assert not clock.rings(right + timedelta(minutes=1))
    assert clock.rings(right + day)
    assert due("0 3 * * *", wrong, right.astimezone(BERLIN)) is not None


async def test_a_time_that_was_decided_is_decided_once_though_a_later_one_stands_too(
    it: Ready,
) -> None:
    settings = it.house.settings.model_copy(update={"min_new_examples": 5})
    right = datetime(2026, 11, 20, 12, tzinfo=UTC)

    async with working(it, settings=settings) as worker:
        worker.keep_schedule(datetime(2031, 1, 1, tzinfo=UTC))
        for _ in range(2):
            worker.keep_schedule(right)
            await until(lambda: it.cycle().ended, worker)

    with transaction(it.house.engine) as session:
        assert len(cycles.cycles(session)) == 1


async def test_what_was_due_before_tenk_first_ran_is_not_made_up_for(it: Ready) -> None:
    settings = it.house.settings.model_copy(update={"min_new_examples": 5})

    async with working(it, settings=settings) as worker:
        worker.keep_schedule(datetime(2026, 11, 20, 23, tzinfo=UTC))

    with transaction(it.house.engine) as session:
        row = standing(session, settings)["schedule"]["last"]
        assert cycles.running_cycle(session) is None
    assert row["reason"] == "tenk was not there yet to keep the schedule."


async def test_a_budget_that_training_fits_and_the_exam_does_not_starts_nothing(
    it: Ready,
) -> None:
    free: dict[str, Any] = {name: (0.0, 0.0) for name in ("m", "local-judge", "local-embed")}
    told = {"budget_usd": 1.0, "training_price": 0.001, "min_new_examples": 5}
    night, reasons = datetime(2026, 11, 20, 23, tzinfo=UTC), list[str]()
    with transaction(it.house.engine) as session:
        question = ExamQuestion(question="Revenue in 2024?", key="k", group="g", source="imported")
        cycles.add_exam_questions(session, [question])

    for judge in ((1e6, 0.0), (0.0, 0.0)):
        prices = {**free, "local-judge": judge}
        settings = it.house.settings.model_copy(update={**told, "prices": prices})
        async with working(it, settings=settings) as worker:
            worker.keep_schedule(night - timedelta(days=1))
            worker.keep_schedule(night)
            with transaction(it.house.engine) as session:
                reasons.append(standing(session, settings)["schedule"]["last"]["reason"])
        night += timedelta(days=1)

    assert "the exam at most $" in reasons[0] and "above TENK_BUDGET_USD=1.00" in reasons[0]
    assert reasons[1].endswith("and no model was trained yet.")
    assert it.cycle().by == "schedule"


async def test_a_cycle_starts_by_the_schedule_once_and_is_taken_to_its_end(it: Ready) -> None:
    settings = it.house.settings.model_copy(update={"min_new_examples": 5})
    night = datetime(2026, 11, 20, 23, tzinfo=UTC)

    async with working(it, settings=settings) as worker:
        worker.keep_schedule(night - timedelta(days=1))
        worker.keep_schedule(night)
        worker.keep_schedule(night)
        await until(lambda: it.cycle().ended, worker)
        worker.keep_schedule(night)

    assert it.cycle().by == "schedule"
    with transaction(it.house.engine) as session:
        assert len(cycles.cycles(session)) == 1


# -- the models


@dataclass(frozen=True)
class Watched:
    """A log, and models of a server that lists what a test says."""

    server: StrictServer
    engine: Engine
    settings: Settings

    async def look(self) -> None:
        await look(self.settings, self.engine, open_models(self.settings, None))

    def warnings(self) -> str:
        with transaction(self.engine) as session:
            return "\n".join(standing(session, self.settings)["warnings"])


@pytest.fixture
def watched(tmp_path: Path) -> Generator[Watched]:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    names: dict[str, Any] = {"teacher_model": "t", "student_model": "s", "judge_model": "j"}
    jobs = {"GET /fine_tuning/jobs": [give({"object": "list", "data": []})] * 9}
    with strict_server(models=dict.fromkeys("tsje"), script=jobs) as server:
        told = {"base_url": server.url, "api_key": KEY, "embed_model": "e", "retries": 0}
        yield Watched(server, engine, load_settings(**names, **told))
    engine.dispose()


def in_days(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=days)}"


async def test_a_model_that_goes_within_sixty_days_is_told_with_what_to_change(
    watched: Watched,
) -> None:
    watched.server.models |= {"t": in_days(60), "s": in_days(61), "j": in_days(-3)}
    await watched.look()
    before = watched.warnings().splitlines()
    watched.server.models |= {"t": None, "j": None}
    await watched.look()

    assert before == [
        f"judge: j was shut down on {in_days(-3)} (3 days ago). Set TENK_JUDGE_MODEL to a model "
        "that stays.",
        f"teacher: t is shut down on {in_days(60)} (in 60 days). Set TENK_TEACHER_MODEL to a model "
        "that stays.",
    ]
    assert watched.warnings() == ""


async def test_a_model_that_is_gone_is_told_with_what_to_change(watched: Watched) -> None:
    gone = refuse(404, "The model `t` does not exist.", code="model_not_found")
    watched.server.script["POST /chat/completions"] = [gone] * 3
    await watched.look()

    for role in ("teacher", "student", "judge"):
        assert f"{role}: " in watched.warnings()
        assert f"set TENK_{role.upper()}_MODEL to one that `tenk doctor` lists" in (
            watched.warnings()
        )


async def test_a_server_that_is_away_takes_no_warning_back(watched: Watched) -> None:
    watched.server.models["t"] = in_days(10)
    await watched.look()
    before = watched.warnings()
    away = watched.settings.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    await replace(watched, settings=away).look()
    while_away = watched.warnings()
    other = away.model_copy(update={"teacher_model": "another"})
    await replace(watched, settings=other).look()

    assert "t is shut down" in before
    assert while_away == before
    assert watched.warnings() == ""


async def test_the_model_in_service_is_looked_at_though_no_role_names_it(
    watched: Watched,
) -> None:
    with transaction(watched.engine) as session:
        old = Candidate(model="ft:old:tenk::1", role="student", job="job-1")
        session.add(old)
        session.flush()
        cycles.activate(session, old, by="a test", reason="")
    watched.server.models |= {"old": in_days(5)}
    await watched.look()
    before = watched.warnings()
    away = watched.settings.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    await replace(watched, settings=away).look()
    while_away = watched.warnings()
    watched.server.models["old"] = None
    await watched.look()

    assert before.startswith(f"ft:old:tenk::1 is shut down on {in_days(5)} (in 5 days).")
    assert "tenk retrain" in before and "tenk rollback" in before
    assert while_away == before
    assert watched.warnings() == ""


async def test_what_looking_at_the_models_costs_is_in_the_books(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    names: dict[str, Any] = {f"{role}_model": "m" for role in ("teacher", "student", "judge")}
    told: dict[str, Any] = {**names, "embed_model": "e", "prices": {"m": (1.0, 2.0)}}
    with strict_server() as server:
        settings = load_settings(base_url=server.url, api_key=KEY, **told)
        await look(settings, engine, open_models(settings, None))
        await look(settings, engine, open_models(settings, None))
        with transaction(engine) as session:
            spend = standing(session, settings)["spend"]
    engine.dispose()

    assert spend["checks_usd"] == pytest.approx(2 * 3 * 13e-6)
    assert spend["unpriced"] == []
