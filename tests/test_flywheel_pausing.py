"""A cycle that is paused: where it waits, what its provider's job does, and how it goes on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backend.errors import DataError, ProviderError
from backend.flywheel import Flywheel, Step
from backend.flywheel.recording import Record
from backend.flywheel.steps import LABELS, next_step
from backend.models.training import Trainer
from backend.records import Cycle, Message, Role, Usage
from backend.steering import ask_for_cycle, cancel_cycle, pause_cycle, resume_cycle
from backend.store import cycles
from backend.store.database import open_database, transaction
from tests.strict_server import KEY, StrictServer, refuse, strict_server
from tests.strict_tuning import ENDLESS, FAILS_LATE, Fate, Tuning
from tests.turning import Ready, ready

LONG = Fate(("validating_files", *["running"] * 6, "failed"))
ENOUGH = 20
"""Looks at the row during which nothing may have happened."""


def student_at(server: StrictServer, **more: Any) -> dict[str, Any]:
    """Settings that have the student at this server, and all others local."""
    told = {"student_base_url": server.url, "student_api_key": KEY, "student_model": "m"}
    return told | {"retries": 0} | more


def pause(it: Ready, by: str = "ann") -> None:
    with transaction(it.house.engine) as session:
        pause_cycle(session, 1, by=by)


def resume(it: Ready, by: str = "ann") -> None:
    with transaction(it.house.engine) as session:
        resume_cycle(session, 1, by=by)


@dataclass
class Rests:
    """Waits for nothing; at each wait the first of `moments` acts, if it has come.

    A moment is (whether it has come, what somebody then does).
    """

    moments: list[tuple[Callable[[], bool], Callable[[], object]]]
    count: int = 0

    async def __call__(self, seconds: float) -> None:
        self.count += 1
        assert self.count < 20_000, "the cycle neither goes on nor ends"
        if self.moments and self.moments[0][0]():
            self.moments.pop(0)[1]()
        await asyncio.sleep(0)


def advanced(it: Ready, *moments: tuple[Callable[[], bool], Callable[[], object]]) -> Cycle:
    """The cycle, advanced while somebody does what `moments` say."""
    rests = Rests([*moments])
    return asyncio.run(waiting(it, rests).advance(it.open()))


def waiting(it: Ready, rests: Callable[[float], Any]) -> Flywheel:
    return Flywheel(replace(it.flywheel.wheel, rest=rests))


def after(count: int) -> Callable[[], bool]:
    """Whether so many waits have gone by since the first time it was asked."""
    seen = Counter[str]()

    def passed() -> bool:
        seen["looks"] += 1
        return seen["looks"] > count

    return passed


# -- between two steps


def test_a_paused_cycle_takes_no_step_until_it_is_resumed(tmp_path: Path) -> None:
    with (
        strict_server(tuning=Tuning([FAILS_LATE])) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        it.open()
        pause(it)
        held: list[Any] = []

        row = advanced(
            it,
            (after(ENOUGH), lambda: held.extend([it.texts("step"), len(server.requests)])),
            (after(0), lambda: resume(it)),
        )

        assert held == [[], 0]
        assert it.texts("pause") == ["Paused by ann"]
        assert it.texts("resume") == ["Goes on: resumed by ann"]
        assert it.texts("step") == [*LABELS.values()][:5]
        assert "The job failed" in (row.ended or "")


def test_a_paused_cycle_that_is_cancelled_ends(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        it.open()
        pause(it)

        row = advanced(it, (after(3), lambda: Record(it.house.engine, 1).end("no", failed=True)))

        assert (row.ended, row.paused) == ("no", None)
        assert it.texts("step") == []


def test_a_paused_cycle_is_still_the_one_running_cycle(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        key = it.open()
        pause(it)

        with transaction(it.house.engine) as session:
            again = ask_for_cycle(session, by="bob")

        assert (again.id, again.paused) == (key, "ann")


def test_one_paused_and_resumed_between_two_looks_loses_nothing(tmp_path: Path) -> None:
    with (
        strict_server(tuning=Tuning([FAILS_LATE])) as server,
        ready(tmp_path, **student_at(server)) as it,
    ):
        it.open()
        pause(it)
        resume(it)

        row = advanced(it)

    assert "The job failed" in (row.ended or "")


# -- while it trains


def training(it: Ready) -> Callable[[], bool]:
    return lambda: bool(it.texts("loss"))


def test_a_cycle_paused_while_it_trains_pauses_its_job_and_resumes_it(tmp_path: Path) -> None:
    tuning = Tuning([LONG])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        held: list[Any] = []

        def look() -> None:
            held.extend([tuning.mine()[0]["status"], it.texts("loss")])

        row = advanced(
            it,
            (training(it), lambda: pause(it)),
            (after(ENOUGH), look),
            (after(0), lambda: resume(it)),
        )
        notes = it.texts("note")

        assert held[0] == "paused"
        assert len(held[1]) < len(it.texts("loss")) == 6
    assert tuning.turns == ["paused", "queued"]
    assert "The job is paused at its server too" in notes
    assert "The job goes on at its server" in notes
    assert row.failed and "failed" in (row.ended or "")


def test_the_local_apis_own_job_waits_with_its_cycle_and_trains_on(tmp_path: Path) -> None:
    with ready(tmp_path, epochs=50) as it:
        key, seen = it.open(), list[str]()

        async def story() -> Step:
            for _ in range(4):
                await it.flywheel.take_next(key)
            pause(it)
            step = asyncio.create_task(waiting(it, short).take_next(key))
            async with asyncio.timeout(60):
                while "The job is paused at its server too" not in it.texts("note"):
                    await asyncio.wait([step], timeout=0.02)
                for _ in range(3):
                    job = await Trainer(it.house.models).job(it.cycle().job or "")
                    seen.append(job.status)
                    await asyncio.wait([step], timeout=0.1)
                resume(it)
                return await step

        taken = asyncio.run(story())

        assert seen == ["paused"] * 3
        assert taken is Step.TRAIN
        assert it.cycle().candidate is not None
        assert "The job goes on at its server" in it.texts("note")


async def short(_: float) -> None:
    """A wait that lets others work, and is over soon."""
    await asyncio.sleep(0.01)


def test_a_job_that_is_still_validated_is_paused_as_soon_as_it_can_be(tmp_path: Path) -> None:
    tuning = Tuning([LONG])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        tuning.on_create = lambda: pause(it)

        advanced(it, (lambda: "paused" in tuning.turns, lambda: resume(it)))

    assert tuning.turns == ["paused", "queued"]


@pytest.mark.parametrize(
    ("pauses", "words"), [("no", "cannot become paused"), ("unknown", "does not pause the job")]
)
def test_a_provider_that_does_not_pause_trains_on_and_the_event_says_so(
    tmp_path: Path, pauses: str, words: str
) -> None:
    tuning = Tuning([LONG], pauses=pauses)
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        row = advanced(
            it,
            (training(it), lambda: pause(it)),
            (after(ENOUGH), lambda: resume(it)),
        )
        [told] = [text for text in it.texts("note") if "goes on training all the same" in text]

    assert words in told
    assert len(tuning.turns) <= 1
    assert "failed" in (row.ended or "")


def test_a_server_that_is_away_for_a_moment_is_asked_again_to_pause(tmp_path: Path) -> None:
    tuning = Tuning([LONG])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        broken = {"GET /fine_tuning/jobs/ftjob-1": [refuse(503, "Overloaded.")] * 3}

        def pause_while_it_is_away() -> None:
            server.script.update(broken)
            pause(it)

        advanced(
            it,
            (training(it), pause_while_it_is_away),
            (lambda: "paused" in tuning.turns, lambda: resume(it)),
        )

    assert tuning.turns == ["paused", "queued"]


def test_a_job_whose_server_refuses_to_resume_it_holds_the_cycle_up(tmp_path: Path) -> None:
    tuning = Tuning([LONG])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:

        def resume_in_vain() -> None:
            tuning.pauses = "no"
            resume(it)

        with pytest.raises(ProviderError, match="does not resume the job"):
            advanced(it, (training(it), lambda: pause(it)), (after(3), resume_in_vain))
        held = next_step(it.cycle())
        tuning.pauses = "yes"
        row = advanced(it)

    assert held is Step.TRAIN
    assert "failed" in (row.ended or "")


def test_a_job_that_another_hand_paused_at_its_server_is_left_to_it(tmp_path: Path) -> None:
    tuning = Tuning([ENDLESS])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:

        def paused_there() -> None:
            tuning.mine()[0]["status"] = "paused"

        advanced(
            it,
            (training(it), paused_there),
            (after(ENOUGH), lambda: Record(it.house.engine, 1).end("no", failed=True)),
        )

    assert tuning.turns == []
    assert tuning.mine()[0]["status"] == "paused"


def test_a_job_that_vanishes_while_it_is_paused_ends_the_cycle_in_words(tmp_path: Path) -> None:
    tuning = Tuning([LONG], pauses="unknown")
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:

        def vanish() -> None:
            tuning.jobs.clear()
            pause(it)

        row = advanced(it, (training(it), vanish))

    assert "is gone from" in (row.ended or "")


def test_cancelling_a_cycle_that_is_paused_while_it_trains_cancels_its_job(tmp_path: Path) -> None:
    tuning = Tuning([ENDLESS])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        row = asyncio.run(_cancelled_while_paused(it, tuning))

    assert (row.ended, row.paused) == ("cancelled by hand", None)
    assert [job["status"] for job in tuning.mine()] == ["cancelled"]


async def _cancelled_while_paused(it: Ready, tuning: Tuning) -> Cycle:
    rests = Rests([(training(it), lambda: pause(it))])
    running = asyncio.create_task(waiting(it, rests).advance(it.open()))
    wheel = it.flywheel.wheel
    async with asyncio.timeout(60):
        while "paused" not in tuning.turns:
            await asyncio.wait([running], timeout=0.02)
        await cancel_cycle(wheel.engine, wheel.models, 1, reason="cancelled by hand")
        return await running


class Killed(BaseException):
    """The end of a process, which nobody catches."""


def killed() -> None:
    raise Killed


def test_a_process_killed_while_paused_and_started_again_is_still_paused(tmp_path: Path) -> None:
    tuning = Tuning([LONG])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        with pytest.raises(Killed):
            advanced(it, (training(it), lambda: pause(it)), (after(3), killed))
        between = (it.cycle().paused, tuning.mine()[0]["status"])
        with pytest.raises(Killed):
            advanced(it, (after(ENOUGH), killed))
        again = (it.cycle().paused, tuning.mine()[0]["status"])
        resume(it)
        row = advanced(it)

    assert between == again == ("ann", "paused")
    assert tuning.turns == ["paused", "queued"]
    assert len(tuning.mine()) == 1
    assert "failed" in (row.ended or "")


def test_one_paused_while_no_process_ran_has_its_job_paused_at_the_next_start(
    tmp_path: Path,
) -> None:
    tuning = Tuning([LONG])
    with strict_server(tuning=tuning) as server, ready(tmp_path, **student_at(server)) as it:
        with pytest.raises(Killed):
            advanced(it, (training(it), killed))
        pause(it)
        advanced(it, (lambda: "paused" in tuning.turns, lambda: resume(it)))

    assert tuning.turns == ["paused", "queued"]


# -- while it is examined


@dataclass
class Counted:
    """The models, with a tally of the exam's questions; `before` is called with each one."""

    inner: Any
    asked: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    before: Callable[[int], object] = lambda count: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        if "Evidence:" in messages[-1].content:
            self.asked[str(model), messages[-1].content] += 1
            self.before(self.asked.total())
        return await self.inner.complete(role, messages, model=model)


def sat(it: Ready) -> list[tuple[str, int, bool]]:
    """Who sat which question, and whether it is scored in full."""
    with transaction(it.house.engine) as session:
        return [
            (row.arm, row.question, len(scores) == 2) for row, scores in cycles.sittings(session, 1)
        ]


def at_the_sixth(act: Callable[[], None]) -> Callable[[int], None]:
    def before(count: int) -> None:
        if count == 6:
            act()

    return before


def test_an_exam_that_is_paused_asks_nothing_new_keeps_what_is_in_flight_and_asks_nobody_twice(
    tmp_path: Path,
) -> None:
    with ready(tmp_path, models=Counted, answers_at_once=2, judge_at_once=2) as it:
        models: Any = it.flywheel.wheel.models
        models.before = at_the_sixth(lambda: pause(it))
        held: list[Any] = []

        async def finished(_: float) -> None:
            """Somebody waits until all that is in flight is stored, and goes on then."""
            await asyncio.sleep(0.01)
            rows = sat(it)
            if (
                it.cycle().paused
                and len(rows) == models.asked.total()
                and all(scored for *_, scored in rows)
            ):
                held.append(len(rows))
                if len(held) > ENOUGH:
                    resume(it)

        row = asyncio.run(waiting(it, finished).advance(it.open()))

        assert len(held) > ENOUGH
        assert set(held) <= {6, 7}  # nothing was asked while it was paused
        assert set(models.asked.values()) == {1}
        assert row.verdict is not None


def test_an_exam_killed_while_it_is_paused_asks_nobody_again_who_has_answered(
    tmp_path: Path,
) -> None:
    with ready(tmp_path, models=Counted) as it:
        models: Any = it.flywheel.wheel.models
        models.before = at_the_sixth(lambda: pause(it))

        async def killed_when_all_is_stored(_: float) -> None:
            await asyncio.sleep(0.01)
            if it.cycle().paused and len(sat(it)) == models.asked.total():
                raise Killed

        with pytest.raises((Killed, BaseExceptionGroup)):
            asyncio.run(waiting(it, killed_when_all_is_stored).advance(it.open()))
        still = it.cycle().paused
        resume(it)
        row = asyncio.run(it.flywheel.advance(1))

        assert still == "ann"
        assert set(models.asked.values()) == {1}
        assert row.verdict is not None


# -- what cannot be done


@pytest.mark.parametrize(
    ("before", "turn", "words"),
    [
        ([pause], pause, "is paused already, by ann"),
        ([], resume, "is not paused"),
        ([pause, resume], resume, "is not paused"),
    ],
)
def test_what_is_so_already_is_said_in_a_line_and_changes_nothing(
    tmp_path: Path,
    before: list[Callable[..., None]],
    turn: Callable[..., None],
    words: str,
) -> None:
    with ready(tmp_path) as it:
        it.open()
        for earlier in before:
            earlier(it)
        held = it.cycle().model_dump()

        with pytest.raises(DataError, match=words) as told:
            turn(it, by="bob")

        assert "\n" not in str(told.value)
        assert it.cycle().model_dump() == held
        assert len(it.texts("pause")) + len(it.texts("resume")) == len(before)


@pytest.mark.parametrize(("turn", "word"), [(pause, "pause"), (resume, "resume")])
def test_what_has_ended_can_be_neither_paused_nor_resumed(
    tmp_path: Path, turn: Callable[..., None], word: str
) -> None:
    with ready(tmp_path) as it:
        it.open()
        Record(it.house.engine, 1).end("It is over.", failed=False)

        with pytest.raises(DataError, match=f"has ended: It is over. There is nothing to {word}"):
            turn(it)

        assert it.cycle().paused is None


def test_a_cycle_of_an_older_tenk_goes_on_and_can_be_paused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    older = open_database(url)
    with transaction(older) as session:
        ask_for_cycle(session, by="ann")
    with older.begin() as connection:
        connection.execute(text("ALTER TABLE cycle DROP COLUMN paused"))
    older.dispose()

    engine = open_database(url)
    with transaction(engine) as session:
        before = cycles.cycle(session, 1).paused
        pause_cycle(session, 1, by="bob")
    with transaction(engine) as session:
        after_it = cycles.cycle(session, 1).paused
    engine.dispose()

    assert (before, after_it) == (None, "bob")
