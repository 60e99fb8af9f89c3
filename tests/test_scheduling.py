"""The schedule: when it comes, what is new since the last dataset, and what starts by itself."""

import logging
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend import cron
from backend.doctor import schedule_words
from backend.errors import ConfigurationError
from backend.lessons import curated
from backend.records import Cycle, Dataset, Example, ScheduledRun, Turn
from backend.scheduled import consider
from backend.scheduling import Learned, Lesson, new_examples
from backend.settings import Settings, load_settings
from backend.standing import schedule_row, standing
from backend.steering import ask_for_cycle
from backend.store import turns
from backend.store.cycles import cycles, end_cycle
from backend.store.database import open_database, transaction
from tests.postgres import database

THREE = datetime(2026, 11, 20, 3, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Engine]:
    """A log in either database."""
    url = f"sqlite:///{tmp_path / 'tenk.sqlite3'}"
    if request.param == "postgres":
        url = database(request.getfixturevalue("postgres"), f"scheduling-{uuid4().hex}")
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Generator[Session]:
    with transaction(engine) as session:
        yield session


@pytest.fixture
def settings(own_home: Path) -> Settings:
    return scheduled()


def scheduled(**more: Any) -> Settings:
    """No exam side, and few examples are enough."""
    return load_settings(**{"exam_share": 1e-9, "min_new_examples": 12, **more})


def add(session: Session, count: int, *, first: int = 0) -> list[Example]:
    """Examples that are kept, each with a question of its own."""
    names = [
        "alder",
        "birch",
        "cedar",
        "dogwood",
        "elm",
        "fir",
        "ginkgo",
        "hazel",
        "ivy",
        "juniper",
    ]
    rows = [
        Example(
            source="imported",
            question=f"Who runs the {names[n % 10]} mill number{n}?",
            answer=f"The {names[n % 10]} family runs it.",
            messages=[{"role": "user", "content": f"Question: {n}"}],
        )
        for n in range(first, first + count)
    ]
    return turns.add_examples(session, rows)


def every_example(session: Session) -> list[Example]:
    """All there are."""
    return [one for one, _ in turns.examples(session)]


def learn(session: Session, examples: list[Example], *, job: str | None = "job-1") -> Cycle:
    """A cycle that is over, and froze these."""
    held = Dataset(sha256="0", train="t", examples=[one.id or 0 for one in examples])
    session.add(held)
    session.flush()
    row = Cycle(by="ann", tag=str(held.id), dataset=held.id, job=job, ended="over")
    session.add(row)
    session.flush()
    return row


# -- when it comes


@pytest.mark.parametrize(
    ("told", "means"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("  */15   * * * *\n", "*/15 * * * *"),
        ("30 0 3 * * MON-FRI", "30 0 3 * * MON-FRI"),
        ("0 3 29 2 *", "0 3 29 2 *"),
        ("OFF", "off"),
    ],
)
def test_a_schedule_is_read_from_the_environment(
    told: str, means: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENK_SCHEDULE", told)

    assert load_settings().schedule == means


@pytest.mark.parametrize(
    "told",
    [
        "daily",
        "@daily",
        "never",
        "3",
        "0 3 * *",
        "60 3 * * *",
        "0 24 * * *",
        "0 3 * * 8",
        "*/0 * * * *",
        "0 3 30 2 *",
        "0 3 31 4,6 *",
        "0 0 3 * * * 2030",
        "R R * * *",
        "H 3 * * *",
        "0 3 1-2-3 * *",
        "½ 3 * * *",
        "9" * 400 + " 3 * * *",
        "0 3 * * *; rm",
    ],
)
def test_a_bad_schedule_is_one_line_with_what_was_expected_found_and_an_example(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENK_SCHEDULE", told)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    said = str(caught.value)
    assert said.startswith(f"TENK_SCHEDULE is {told!r}: expected ")
    assert '"0 3 * * *" (daily at 03:00)' in said and '"off"' in said
    assert "\n" not in said


def test_a_day_that_is_in_no_calendar_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENK_SCHEDULE", "0 3 30 2 *")

    with pytest.raises(ConfigurationError, match="this day is in no calendar"):
        load_settings()


def test_a_scheduled_cycle_takes_one_new_example_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENK_MIN_NEW_EXAMPLES", "0")

    with pytest.raises(ConfigurationError, match="TENK_MIN_NEW_EXAMPLES"):
        load_settings()


def times(told: str, after: datetime, count: int) -> list[str]:
    found: list[str] = []
    for _ in range(count):
        after = cron.next_time(told, after)
        found.append(after.isoformat())
    return found


def test_three_in_the_morning_stays_three_in_the_morning_when_the_clocks_change() -> None:
    spring = times("0 3 * * *", datetime(2026, 3, 28, 12, tzinfo=BERLIN), 2)
    autumn = times("0 3 * * *", datetime(2026, 10, 24, 12, tzinfo=BERLIN), 2)

    assert spring == ["2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"]
    assert autumn == ["2026-10-25T03:00:00+01:00", "2026-10-26T03:00:00+01:00"]


def test_what_is_due_in_the_missing_hour_comes_at_its_end() -> None:
    told = times("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=BERLIN), 2)

    assert told == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]


def test_what_is_due_in_the_hour_that_is_there_twice_comes_twice() -> None:
    told = times("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=BERLIN), 3)

    assert told == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_of_six_fields_the_first_is_the_seconds() -> None:
    told = times("10 0 3 * * *", datetime(2026, 11, 20, 12, tzinfo=UTC), 1)

    assert told == ["2026-11-21T03:00:10+00:00"]


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":America/New_York", "America/New_York"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("", "UTC"),
        ("Europe", "UTC"),
        ("Nowhere/At_All", "UTC"),
        ("../../etc/passwd", "UTC"),
    ],
)
def test_the_time_zone_is_what_tz_names(
    variable: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", variable)

    assert load_settings().zone.key == name


def test_without_tz_the_time_zone_is_the_machines(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")

    assert cron.local_zone(None, link).key == "Europe/Berlin"
    assert cron.local_zone(None, tmp_path / "missing").key == "UTC"


@pytest.mark.parametrize("told", ["30 2 * * *", "0 3 * * *", "*/30 * * * *"])
@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 23), datetime(2026, 10, 24, 22)])
def test_the_latest_time_and_the_next_are_neighbours_when_the_clocks_change(
    told: str, day: datetime
) -> None:
    for minutes in range(1, 8 * 60, 7):
        now = (day.replace(tzinfo=UTC) + timedelta(minutes=minutes)).astimezone(BERLIN)

        before = cron.latest_time(told, now).astimezone(UTC)

        assert before < now.astimezone(UTC)
        after = cron.next_time(told, before.astimezone(BERLIN)).astimezone(UTC)
        assert after >= now.astimezone(UTC)


# -- what is new


def lesson(number: int, says: str = "", *, corrected: datetime | None = None) -> Lesson:
    return Lesson(number, ("q", says or str(number)), corrected)


LEARNED = Learned(cycle=3, examples=frozenset({1, 2}), frozen_at=THREE)


def test_before_the_first_dataset_everything_that_is_kept_is_new() -> None:
    assert new_examples([lesson(1), lesson(2)], [], None) == {1, 2}


def test_what_the_last_dataset_held_is_not_new_and_what_came_since_is() -> None:
    kept = [lesson(1), lesson(2), lesson(3)]

    assert new_examples(kept, kept[:2], LEARNED) == {3}


def test_what_was_dropped_from_the_last_dataset_is_new_when_it_is_restored() -> None:
    assert new_examples([lesson(7)], [lesson(1)], LEARNED) == {7}


def test_an_example_that_was_corrected_since_is_new_and_one_corrected_before_is_not() -> None:
    frozen = [lesson(1, corrected=THREE + DAY), lesson(2, corrected=THREE - DAY)]

    assert new_examples(frozen, frozen, LEARNED) == {1}


def test_a_question_asked_again_is_new_only_with_another_answer() -> None:
    frozen = [lesson(1, "same"), lesson(2, "old")]
    kept = [lesson(8, "same"), lesson(9, "other")]

    assert new_examples(kept, frozen, LEARNED) == {9}


def test_the_answer_that_a_correction_now_gives_was_not_learned_from_it() -> None:
    frozen = [lesson(1, "mended", corrected=THREE + DAY)]

    assert new_examples([lesson(8, "mended")], frozen, LEARNED) == {8}


# -- what starts by itself


def test_enough_new_examples_start_a_cycle_that_the_schedule_asked_for(
    session: Session, settings: Settings
) -> None:
    add(session, 12)

    row = consider(session, settings, at=THREE)

    (cycle,) = cycles(session)
    assert (row.cycle, cycle.by, cycle.ended) == (cycle.id, "schedule", None)
    assert row.reason == "12 kept examples, and no model was trained yet."


@pytest.mark.parametrize(
    ("kept", "said"), [(0, "0 kept examples, and"), (1, "1 kept example, and")]
)
def test_too_few_new_examples_start_nothing_and_say_how_many_it_takes(
    session: Session, settings: Settings, kept: int, said: str
) -> None:
    add(session, kept)

    row = consider(session, settings, at=THREE)

    assert (row.cycle, cycles(session)) == (None, [])
    assert row.reason.startswith(said)
    assert row.reason.endswith("a scheduled cycle takes 12 (TENK_MIN_NEW_EXAMPLES).")


def test_only_what_came_since_the_last_dataset_counts(session: Session, settings: Settings) -> None:
    learned = add(session, 40)
    cycle = learn(session, learned)
    add(session, 11, first=40)

    row = consider(session, settings, at=THREE)

    assert row.cycle is None
    assert row.reason.startswith(f"11 new kept examples since the dataset of cycle {cycle.id};")


def test_a_correction_made_after_the_dataset_counts_as_new(
    either: Engine, settings: Settings
) -> None:
    with transaction(either) as session:
        keys = [one.id or 0 for one in add(session, 13)]
        turns.correct(session, keys[0], "Nobody runs the first mill.")
        learn(session, every_example(session))
    with transaction(either) as session:
        for key in keys[1:]:
            turns.correct(session, key, f"Nobody runs mill {key}.")

    with transaction(either) as session:
        row = consider(session, settings, at=THREE)

    assert row.reason == "12 new kept examples since the dataset of cycle 1."


def test_the_same_correction_given_twice_is_no_change(session: Session) -> None:
    (one,) = add(session, 1)
    first = turns.correct(session, one.id or 0, "Nobody.").corrected_at

    second = turns.correct(session, one.id or 0, "Nobody.").corrected_at

    assert first is not None and second == first
    assert turns.correct(session, one.id or 0, None).corrected_at != first


def test_a_thumb_down_after_training_makes_nothing_new(
    session: Session, settings: Settings
) -> None:
    learned = add(session, 20)
    learn(session, learned)
    said: dict[str, Any] = {"question": "q", "standalone": "q", "answer": "a"}
    turn = Turn(thread="t", model="m", role="teacher", rating=-1, **said)
    session.add(turn)
    session.flush()
    learned[0].turn = turn.id
    session.flush()

    assert consider(session, settings, at=THREE).reason.startswith("0 new kept examples")


def test_what_a_cycle_froze_that_ended_before_it_ordered_a_job_is_still_new(
    session: Session, settings: Settings
) -> None:
    learn(session, add(session, 12), job=None)

    assert consider(session, settings, at=THREE).cycle is not None


def test_a_job_that_made_no_model_is_not_ordered_again_every_night(
    session: Session, settings: Settings
) -> None:
    cycle = learn(session, add(session, 12), job="job-1")

    row = consider(session, settings, at=THREE)

    assert row.cycle is None
    assert f"The job of cycle {cycle.id} made no model; try again: tenk retrain" in row.reason


def test_a_cycle_under_way_is_not_joined_by_another(session: Session, settings: Settings) -> None:
    add(session, 12)
    running = ask_for_cycle(session, by="ann")

    row = consider(session, settings, at=THREE)

    assert (row.cycle, len(cycles(session))) == (None, 1)
    assert row.reason == f"Cycle {running.id} is under way, and there is one cycle at a time."


def test_a_paused_cycle_is_told_as_such(session: Session, settings: Settings) -> None:
    add(session, 12)
    ask_for_cycle(session, by="ann").paused = "bob"

    row = consider(session, settings, at=THREE)

    assert (row.cycle, len(cycles(session))) == (None, 1)
    assert "is paused by bob" in row.reason


def test_an_estimate_above_the_budget_starts_nothing(session: Session) -> None:
    add(session, 12)
    settings = scheduled(training_price=1e6, budget_usd=10)

    row = consider(session, settings, at=THREE)

    assert (row.cycle, cycles(session)) == (None, [])
    assert row.reason.startswith("Training would cost about $")
    assert "above TENK_BUDGET_USD=10.00" in row.reason


def test_an_estimate_within_the_budget_starts_a_cycle(session: Session) -> None:
    add(session, 12)

    assert consider(session, scheduled(training_price=1, budget_usd=10), at=THREE).cycle


def test_a_budget_without_a_known_price_starts_nothing(session: Session) -> None:
    add(session, 12)
    settings = scheduled(
        base_url="https://models.example/v1",
        **{f"{role}_model": "m" for role in ("teacher", "student", "judge", "embed")},
        budget_usd=10,
    )

    row = consider(session, settings, at=THREE)

    assert row.cycle is None
    assert "Set TENK_TRAINING_PRICE" in row.reason


def test_a_student_without_a_name_starts_nothing_and_names_the_setting(session: Session) -> None:
    add(session, 12)

    row = consider(session, scheduled(base_url="https://models.example/v1"), at=THREE)

    assert row.cycle is None
    assert "TENK_STUDENT_MODEL is not set" in row.reason


def test_fewer_examples_than_fine_tuning_takes_start_nothing(session: Session) -> None:
    add(session, 4)

    row = consider(session, scheduled(min_new_examples=2), at=THREE)

    assert row.cycle is None
    assert "Fine-tuning takes 10 examples" in row.reason


def test_with_the_schedule_off_nothing_starts(session: Session) -> None:
    add(session, 12)

    row = consider(session, scheduled(schedule="off"), at=THREE)

    assert (row.cycle, cycles(session)) == (None, [])
    assert "TENK_SCHEDULE is off" in row.reason


# -- once for each time


def test_the_same_time_twice_is_one_cycle_even_when_the_first_has_ended(
    session: Session, settings: Settings
) -> None:
    add(session, 12)
    first = consider(session, settings, at=THREE)
    end_cycle(session, first.cycle or 0, "over", failed=True)

    second = consider(session, settings, at=THREE.astimezone(BERLIN))

    assert (second.id, second.cycle, len(cycles(session))) == (first.id, first.cycle, 1)


def test_a_time_at_which_nothing_started_stays_so(session: Session, settings: Settings) -> None:
    first = consider(session, settings, at=THREE)
    add(session, 12)

    second = consider(session, settings, at=THREE)

    assert (second.id, second.cycle, second.reason) == (first.id, None, first.reason)
    assert consider(session, settings, at=THREE + DAY).cycle is not None


def test_two_workers_at_the_same_time_start_one_cycle(either: Engine, settings: Settings) -> None:
    with transaction(either) as session:
        add(session, 12)
    together = Barrier(4)

    def work(_: int) -> tuple[int | None, int | None]:
        with transaction(either) as session:
            together.wait(timeout=30)
            row = consider(session, settings, at=THREE)
            return row.id, row.cycle

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(work, range(4)))

    with transaction(either) as session:
        assert len(found) == len(cycles(session)) == 1
        assert len(session.exec(select(ScheduledRun)).all()) == 1


def test_two_times_at_once_start_one_cycle_and_the_other_is_told(
    either: Engine, settings: Settings
) -> None:
    with transaction(either) as session:
        add(session, 12)
    together = Barrier(2)

    def work(hours: int) -> str:
        with transaction(either) as session:
            together.wait(timeout=30)
            return consider(session, settings, at=THREE + timedelta(hours=hours)).reason

    with ThreadPoolExecutor(2) as pool:
        reasons = sorted(pool.map(work, range(2)))

    with transaction(either) as session:
        (cycle,) = cycles(session)
        started = [one.cycle for one in session.exec(select(ScheduledRun))]
    assert sorted(started, key=str) == [cycle.id, None]
    assert reasons[0].startswith("12 kept examples") and "is under way" in reasons[1]


def test_a_worker_that_dies_in_mid_decision_leaves_the_time_to_another(
    engine: Engine, settings: Settings
) -> None:
    class Died(Exception):
        """What a test raises in place of a kill."""

    with transaction(engine) as session:
        add(session, 12)

    with pytest.raises(Died), transaction(engine) as session:
        consider(session, settings, at=THREE)
        raise Died

    with transaction(engine) as session:
        assert cycles(session) == []
        assert consider(session, settings, at=THREE).cycle is not None


def test_the_log_says_whether_a_cycle_started_and_why(
    session: Session, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tenk.schedule")
    consider(session, settings, at=THREE)
    consider(session, settings, at=THREE)
    add(session, 12)
    consider(session, settings, at=THREE + DAY)

    first, second = caplog.messages
    assert "2026-11-20T03:00:00+00:00: no cycle started. 0 kept examples" in first
    assert "2026-11-21T03:00:00+00:00: cycle 1 started. 12 kept examples" in second


# -- how it stands


def test_the_status_tells_the_next_run_in_the_machines_time_and_what_is_missing(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    add(session, 3)
    consider(session, settings, at=THREE)

    row = standing(session, settings)

    told, last = row["schedule"], row["schedule"]["last"]
    assert row["next_run"] == told["next"]
    comes = datetime.fromisoformat(told["next"])
    assert (comes.hour, comes.minute, told["zone"]) == (3, 0, "Europe/Berlin")
    assert timedelta() < comes - datetime.now(UTC) <= timedelta(hours=25)
    assert (told["new_examples"], told["needed"]) == (3, 12)
    assert told["missing"].startswith("3 kept examples, and no model was trained yet;")
    assert (last["at"], last["cycle"]) == ("2026-11-20T04:00:00+01:00", None)
    assert last["reason"] == told["missing"]


def test_a_cycle_under_way_is_not_in_the_way_of_the_next_run_unless_it_is_paused(
    session: Session, settings: Settings
) -> None:
    add(session, 12)
    running = ask_for_cycle(session, by="ann")

    going = schedule_row(session, settings, curated(session, settings), THREE)
    running.paused = "bob"
    session.flush()
    waiting = schedule_row(session, settings, curated(session, settings), THREE)

    assert going["missing"] is None
    assert "is paused by bob" in waiting["missing"]


def test_with_the_schedule_off_there_is_no_next_run(session: Session) -> None:
    row = standing(session, scheduled(schedule="off"))

    assert (row["next_run"], row["schedule"]["next"], row["schedule"]["cron"]) == (
        None,
        None,
        "off",
    )


def test_the_doctor_says_when_a_cycle_may_start_by_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")

    assert schedule_words(settings, THREE) == (
        'next at 2026-11-21 03:00 (Europe/Berlin), by TENK_SCHEDULE="0 3 * * *", where 12 kept '
        "examples are new (TENK_MIN_NEW_EXAMPLES)"
    )
    assert "TENK_SCHEDULE=off" in schedule_words(scheduled(schedule="off"), THREE)


def test_settings_at_their_defaults_do_not_load_the_library_that_reads_schedules() -> None:
    code = "import sys; from backend.settings import load_settings; load_settings()"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}; print('croniter' in sys.modules)"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.stdout.strip() == "False", result.stderr
