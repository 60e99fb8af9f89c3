"""Cycles and models at the operator's door: real commands, each in a process of its own."""

import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.test_cli import TENK, Door, is_one_line
from tests.turning import template

NEVER = {
    "TENK_EXAM_SHARE": "0.3",
    "TENK_MIN_QUESTIONS": "8",
    "TENK_LOOK_EVERY": "8",
    "TENK_MAX_QUESTIONS": "16",
    "TENK_EPOCHS": "30",
    "TENK_ALPHA": "1e-6",
}
"""A small exam that is so hard to convince that no candidate is promoted."""
STEPS = [
    "Curating the log into a frozen dataset",
    "Counting what it will cost",
    "Sending the training files",
    "Ordering the fine-tuning job",
    "Training",
    "Drawing the exam questions",
    "Sitting the exam",
    "Acting on the verdict",
]


@dataclass(frozen=True)
class Turned:
    """A home in which one cycle has run, and what a person saw of it."""

    home: Path
    seen: "subprocess.CompletedProcess[str]"


def door(home: Path) -> Door:
    opened = Door(home)
    opened.environment.update(NEVER)
    return opened


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Turned:
    home = tmp_path_factory.mktemp("cycles") / "home"
    shutil.copytree(template(), home)
    return Turned(home, door(home)("retrain", "--wait"))


@pytest.fixture
def after(turned: Turned, tmp_path: Path) -> Door:
    """A copy of the home in which a cycle has run."""
    shutil.copytree(turned.home, tmp_path / "after")
    return door(tmp_path / "after")


@pytest.fixture
def before(tmp_path: Path) -> Door:
    """A home whose log is ready for a cycle."""
    shutil.copytree(template(), tmp_path / "before")
    return door(tmp_path / "before")


# -- retrain


def test_a_person_who_waits_sees_the_steps_and_a_falling_loss(turned: Turned) -> None:
    lines = [line[10:] for line in turned.seen.stderr.splitlines()]
    losses = [
        float(line.split("training loss=")[1].split(",")[0]) for line in lines if "loss=" in line
    ]

    assert turned.seen.returncode == 0, turned.seen.stderr
    assert [line for line in lines if not line.startswith(" ")] == STEPS
    assert 5 <= len(losses) <= 11
    assert losses[-1] < losses[0]
    assert any("That is little" in line for line in lines)


def test_the_end_is_the_verdict_in_words_its_limits_and_what_to_do(turned: Turned) -> None:
    first, *more = turned.seen.stdout.splitlines()

    assert first.split(":")[0] in ("hold", "reject")
    assert "in ragas_score on" in first
    assert any("no language model" in line for line in more)
    assert any(line.startswith("  Mean ragas_score: candidate 0.") for line in more)
    assert more[-1].startswith("local-teacher stays")
    assert "tenk " in more[-1]


def test_asking_twice_is_one_cycle_and_ending_it_is_possible_once(before: Door) -> None:
    first, second = before.json("retrain"), before.json("retrain")

    ended = before.json("cycle", "1", "--cancel")
    again = before("cycle", "1", "--cancel")

    assert (first["cycle"], second["cycle"], first["state"]) == (1, 1, "curate")
    assert (ended["state"], ended["ended"]) == ("failed", "cancelled by hand")
    assert again.returncode == 1
    assert is_one_line(again)
    assert "nothing to cancel" in again.stderr


def test_a_person_reads_what_a_cycle_is_at_in_words(before: Door) -> None:
    asked, shown = before("retrain"), before("cycle", "1")

    assert asked.stdout.startswith("Cycle 1 is at: curating the log into a frozen dataset. The wor")
    assert shown.stdout.endswith("Cycle 1 is at: curating the log into a frozen dataset.\n")


def test_a_command_killed_while_it_trains_goes_on_with_the_same_job(before: Door) -> None:
    command = [TENK, "retrain", "--wait", "--json"]
    running = subprocess.Popen(
        command,
        cwd=before.home.parent,
        env=before.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    job = until(lambda: value(before.home, "SELECT job FROM cycle"))
    running.send_signal(signal.SIGKILL)
    running.wait(30)

    row = before.json("retrain", "--wait")

    assert (row["cycle"], row["state"], row["job"]) == (1, "done", job)
    assert row["verdict"]["decision"] in ("hold", "reject")
    assert row["active"] == "local-teacher"


def value(home: Path, query: str) -> Any:
    """What a query finds in the home's database; None where it finds nothing yet."""
    with sqlite3.connect(home / "tenk.sqlite3", timeout=10) as database:
        row = database.execute(query).fetchone()
    return row[0] if row else None


def until(look: Any, seconds: float = 60) -> Any:
    pause, end = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        pause.wait(0.02)
    raise AssertionError(f"nothing came of it within {seconds} s")


def test_a_server_that_cannot_be_reached_is_told_with_the_way_on(before: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"  # bound, but nobody listens

        result = before(
            "retrain", "--wait", TENK_STUDENT_BASE_URL=url, TENK_STUDENT_MODEL="m", TENK_RETRIES="0"
        )

    *_, last = result.stderr.splitlines()
    assert result.returncode == 1
    assert last.startswith("tenk: ")
    assert "TENK_STUDENT_BASE_URL" in last
    assert last.endswith("goes on from there: tenk retrain --wait")
    assert "Traceback" not in result.stderr


def test_who_waits_reads_what_holds_up_the_worker_that_has_the_cycle(before: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        gone = {"TENK_STUDENT_BASE_URL": url, "TENK_STUDENT_MODEL": "m", "TENK_RETRIES": "0"}
        with started(before, "worker", **gone) as worker:
            before("retrain")
            until(lambda: value(before.home, "SELECT text FROM notice WHERE subject = 'cycle'"))
            with started(before, "retrain", "--wait") as waiting:
                assert waiting.stderr is not None
                held = next(line for line in waiting.stderr if "held up" in line)
                before("cycle", "1", "--cancel")
                status = waiting.wait(60)
            worker.send_signal(signal.SIGTERM)
            stopped = worker.wait(30)

    assert held.startswith("Cycle 1 is held up: ")
    assert "TENK_STUDENT_BASE_URL" in held
    assert status == 1
    assert stopped in (0, -signal.SIGTERM)  # it may be starting afresh, with nothing under way


def test_the_worker_says_why_a_scheduled_cycle_did_not_start(before: Door) -> None:
    often = {"TENK_SCHEDULE": "* * * * * *", "TENK_MIN_NEW_EXAMPLES": "5000"}
    with started(before, "worker", **often) as worker:
        assert worker.stderr is not None
        said = next(line for line in worker.stderr if "Schedule" in line)

    assert said.startswith("tenk: Schedule, ")
    assert "no cycle started" in said
    assert "a scheduled cycle takes 5000 (TENK_MIN_NEW_EXAMPLES)" in said


def test_a_worker_that_has_done_a_cycle_starts_afresh_and_gives_its_memory_back(
    before: Door,
) -> None:
    with started(before, "worker") as worker:
        before("retrain")
        maps = Path(f"/proc/{worker.pid}/maps")
        until(lambda: "/pandas/" in maps.read_text(encoding="utf-8"))  # ragas brings it
        until(lambda: value(before.home, "SELECT ended FROM cycle"))
        until(lambda: "/pandas/" not in maps.read_text(encoding="utf-8"))
        before("retrain")
        until(lambda: value(before.home, "SELECT ended FROM cycle WHERE id = 2"))
        alive = worker.poll() is None

    assert alive


@contextmanager
def started(door: Door, *words: str, **more: str) -> Generator["subprocess.Popen[str]"]:
    """A command under way; what it says is there to read, and it does not outlive the test."""
    process = subprocess.Popen(
        [TENK, *words],
        cwd=door.home.parent,
        env={**door.environment, **more},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_a_cycle_without_examples_ends_in_words_and_exit_1(tmp_path: Path) -> None:
    result = door(tmp_path / "bare")("retrain", "--wait")

    assert result.returncode == 1
    assert "takes 10 examples or more, and 0 of 0 are kept" in result.stdout
    assert "tenk examples generate" in result.stdout


def test_a_cycle_that_ended_without_a_verdict_is_shown_with_the_reason(tmp_path: Path) -> None:
    bare = door(tmp_path / "bare")
    told = bare("retrain", "--wait")

    shown = bare("cycle", "1")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.endswith(told.stdout)


# -- what was


def test_cycles_are_listed_with_what_came_of_them(after: Door) -> None:
    [row] = after.json("cycles")

    assert (row["cycle"], row["state"]) == (1, "done")
    assert row["verdict"]["decision"] in ("hold", "reject")
    assert row["candidate"].startswith("ft:local-student:tenk::")


def test_a_cycle_is_shown_in_full_with_every_question_and_how_it_ended(
    turned: Turned, after: Door
) -> None:
    row, shown = after.json("cycle", "1"), after("cycle", "1")

    text = shown.stdout
    assert (shown.returncode, shown.stderr) == (0, "")
    seen = turned.seen.stdout.removesuffix(" See every question: tenk cycle 1\n")
    assert text.rstrip("\n").endswith(seen.rstrip("\n"))
    asked = [one for one in row["questions"] if not one["put_aside"]]
    assert len(asked) == row["verdict"]["questions"]
    assert set(asked[0]["arms"]) == {"candidate", "active", "untuned"}
    assert all(one["question"] in text for one in row["questions"])
    assert [e["text"] for e in row["events"] if e["kind"] == "step"] == STEPS
    assert sum(event["kind"] == "loss" for event in row["events"]) == 30


def test_a_cycle_that_is_not_there_says_where_to_look(after: Door) -> None:
    result = after("cycle", "9")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "tenk cycles" in result.stderr


@pytest.mark.parametrize("number", ["99999999999999999999", "2147483648"])
@pytest.mark.parametrize(
    "words", [["cycle"], ["examples", "drop"], ["examples", "show"], ["rate", "up"]]
)
def test_a_number_that_no_row_can_have_is_wrong_usage(
    tmp_path: Path, words: list[str], number: str
) -> None:
    command, *more = words
    rated = [number, *more] if command == "rate" else [*more, number]

    result = door(tmp_path / "bare")(command, *rated)

    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_moments_are_told_to_programs_with_their_zone(after: Door) -> None:
    [row], event = after.json("cycles"), after.json("cycle", "1")["events"][0]

    moments = [datetime.fromisoformat(told) for told in (row["started"], event["at"])]

    assert [moment.utcoffset() for moment in moments] == [timedelta(0)] * 2


def test_the_status_counts_exam_cycle_and_spend(after: Door) -> None:
    row = after.json("status")

    assert row["exam"]["active"] > 8
    assert row["cycle"] is None
    assert row["next_run"] == row["schedule"]["next"] is not None
    assert (row["schedule"]["new_examples"], row["schedule"]["last"]) == (0, None)
    assert row["spend"]["unpriced"] == []
    kinds = [usd for name, usd in row["spend"].items() if name != "unpriced"]
    assert row["spend_usd"] == sum(kinds)
    assert len(kinds) == 7


def test_a_thumb_down_after_training_names_the_model_that_learned_from_it(after: Door) -> None:
    [model] = [row["model"] for row in after.json("models")]
    shown = [after.json("examples", "show", str(key)) for key in range(1, 6)]
    learned = next(row for row in shown if row["learned_by"])

    told = after.json("rate", str(learned["turn"]), "down", "--comment", "ask a@b.example")
    said = after("rate", str(learned["turn"]), "down")

    assert (told["learned_by"], told["state"]) == ([model], "dropped")
    assert "a@b.example" not in told["reason"]
    assert f"It was learned by {model}." in said.stdout
    assert after.json("status")["disliked_but_learned"][0]["models"] == [model]


# -- which model answers


def test_a_verdict_is_overruled_only_with_a_reason_and_rolled_back(after: Door) -> None:
    [model] = [row["model"] for row in after.json("models")]

    listed = after("models")
    silent = after("promote", model)
    said = after.json("promote", model, "--reason", "I have read its answers")
    active = [row["model"] for row in after.json("models") if row["active"]]
    back = after.json("rollback")

    assert listed.stdout.splitlines()[-1].startswith("local-teacher answers; no other")
    assert silent.returncode == 1
    assert is_one_line(silent)
    assert "give a reason" in silent.stderr
    assert (said["active"], active) == (model, [model])
    assert back["active"] == "local-teacher"


def test_a_model_that_nobody_knows_is_not_promoted(after: Door) -> None:
    result = after("promote", "gpt-99")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "tenk models" in result.stderr


def test_a_verdict_is_recomputed_from_its_file_alone_and_one_digit_spoils_it(
    after: Door, tmp_path: Path
) -> None:
    file = tmp_path / "certificate.json"
    kept = after.json("verify", "1", "--save", str(file))
    elsewhere = door(tmp_path / "elsewhere")
    text = file.read_text(encoding="utf-8")
    place = text.index('"faithfulness": 0.') + len('"faithfulness": 0.')
    digit = str((int(text[place]) + 1) % 10)
    spoiled = tmp_path / "spoiled.json"
    spoiled.write_text(text[:place] + digit + text[place + 1 :], encoding="utf-8")

    good, bad = elsewhere("verify", str(file)), elsewhere("verify", str(spoiled))

    assert kept["ok"]
    assert good.returncode == 0
    assert bad.returncode == 1
    assert "sha256" in bad.stdout
    assert not elsewhere.home.exists()


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"format": "other"}'])
def test_what_is_no_certificate_is_refused_in_words(after: Door, tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text, encoding="utf-8")

    result = after("verify", str(file))

    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "certificate" in (result.stdout + result.stderr).lower() or "sha256" in result.stdout


@pytest.mark.parametrize(
    "command", ["retrain", "cycles", "cycle", "models", "promote", "rollback", "verify"]
)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    result = Door(tmp_path / "bare")(command, "--help")

    assert result.returncode == 0
    assert f"Usage: tenk {command}" in result.stdout
