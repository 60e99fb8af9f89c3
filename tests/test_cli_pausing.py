"""Letting a cycle wait at the operator's door: real commands, each in a process of its own."""

import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.steering import ask_for_cycle, pause_cycle
from backend.store.database import transaction
from tests.test_cli import TENK, Door, is_one_line
from tests.test_cli_cycles import door, until, value
from tests.test_flywheel import examined
from tests.turning import house_at, ready, template


@pytest.fixture
def before(tmp_path: Path) -> Door:
    """A home whose log is ready for a cycle."""
    shutil.copytree(template(), tmp_path / "before")
    return door(tmp_path / "before")


def waiting(before: Door) -> "subprocess.Popen[str]":
    """Somebody who waits for a cycle."""
    return subprocess.Popen(
        [TENK, "retrain", "--wait"],
        cwd=before.home.parent,
        env=before.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def asked_for(home: Path, *, paused: bool = True) -> None:
    """A cycle that somebody asked for, and ann paused."""
    with house_at(home) as house, transaction(house.engine) as session:
        key = ask_for_cycle(session, by="ann").id or 0
        if paused:
            pause_cycle(session, key, by="ann")


@dataclass(frozen=True)
class Interrupted:
    """A command that waited for a paused cycle, saw it go on, and then got Ctrl-C."""

    home: Path
    returncode: int
    said: str


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    home = tmp_path_factory.mktemp("interrupted") / "home"
    shutil.copytree(template(), home)
    asked_for(home)
    running = waiting(door(home))
    until(lambda: (home / "cycle.lock").exists())
    door(home)("cycle", "1", "--resume")
    until(lambda: value(home, "SELECT job FROM cycle"))
    running.send_signal(signal.SIGINT)
    return Interrupted(home, running.wait(60), running.communicate()[1])


def test_a_cycle_paused_under_a_person_who_waits_goes_on_under_them(
    interrupted: Interrupted,
) -> None:
    lines = [line[10:].strip() for line in interrupted.said.splitlines()]

    assert "Cycle 1 is paused by ann" in interrupted.said
    assert "tenk cycle 1 --resume" in interrupted.said
    at = lines.index("Goes on: resumed by tenk cycle --resume")
    assert lines[at + 1] == "Curating the log into a frozen dataset"


def test_ctrl_c_while_a_person_waits_says_how_to_watch_hold_or_end_what_is_kept(
    interrupted: Interrupted,
) -> None:
    lines = [line for line in interrupted.said.splitlines() if line.startswith("Cycle 1 keeps")]

    assert interrupted.returncode == 130
    assert "Traceback" not in interrupted.said
    assert len(lines) == 1
    for way in ("tenk retrain --wait", "tenk cycle 1 --pause", "tenk cycle 1 --cancel"):
        assert way in lines[0]
    assert value(interrupted.home, "SELECT count(*) FROM cycle WHERE ended IS NULL") == 1


def test_ctrl_c_under_a_paused_cycle_says_that_it_waits_and_how_it_goes_on(before: Door) -> None:
    asked_for(before.home)
    running = waiting(before)
    until(lambda: (before.home / "cycle.lock").exists())
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]

    assert running.returncode == 130
    assert "Cycle 1 is paused by ann" in said
    assert "a worker that runs goes on" not in said


def test_a_cycle_is_paused_once_and_told_so_until_it_goes_on(before: Door) -> None:
    asked_for(before.home, paused=False)

    paused = before.json("cycle", "1", "--pause")
    twice = before("cycle", "1", "--pause")
    said = [before("status").stdout, before("retrain").stdout]
    resumed = before.json("cycle", "1", "--resume")

    assert (paused["state"], paused["paused"]) == ("paused", "tenk cycle --pause")
    for text in said:
        assert "paused by tenk cycle --pause" in text
        assert "tenk cycle 1 --resume" in text
    assert (resumed["state"], resumed["paused"]) == ("curate", None)
    assert [event["text"] for event in resumed["events"]] == [
        "Paused by tenk cycle --pause",
        "Goes on: resumed by tenk cycle --resume",
    ]
    assert twice.returncode == 1
    assert is_one_line(twice) and "paused already" in twice.stderr


@pytest.mark.parametrize("flags", [("--pause", "--resume"), ("--cancel", "--pause", "--resume")])
def test_what_contradicts_itself_is_wrong_usage_and_opens_nothing(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    nowhere = door(tmp_path / "bare")

    result = nowhere("cycle", "1", *flags)

    assert result.returncode == 2
    assert "contradict each other" in " ".join(result.stderr.replace("│", " ").split())
    assert not nowhere.home.exists()


@pytest.mark.parametrize("flag", ["--pause", "--resume", "--cancel"])
def test_a_cycle_that_is_not_there_can_be_turned_in_no_way(tmp_path: Path, flag: str) -> None:
    result = door(tmp_path / "bare")("cycle", "9", flag)

    assert result.returncode == 1
    assert is_one_line(result)
    assert "tenk cycles" in result.stderr


def test_a_refusal_to_promote_names_the_option_that_gives_the_reason(before: Door) -> None:
    shutil.copytree(before.home, before.home.parent / "ready")
    with ready(before.home.parent) as it:
        examined(it, "hold")

    result = Door(before.home.parent / "ready")("promote", "ft:local-student:x::1")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "tenk promote ft:local-student:x::1 --reason ..." in result.stderr
