"""The operator's door, as an operator uses it: the real command in a process of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.samples import SAMPLE_PDF, SAMPLE_QUESTIONS
from tests.strict_server import KEY, cut, strict_server

TENK = Path(sys.executable).with_name("tenk")


class Door:
    """tenk in one home, with the environment of a person who set next to nothing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TENK_", "OPENAI_"))}
        # Which sections are the exam's is drawn at random in each home; here almost none is.
        self.environment = {**kept, "TENK_HOME": str(home), "TENK_EXAM_SHARE": "1e-9"}

    def __call__(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [TENK, *words],
            cwd=self.home.parent,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )

    def json(self, *words: str) -> Any:
        result = self(*words, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the sample filing in it."""
    home = tmp_path_factory.mktemp("cli") / "home"
    Door(home).json("ingest", str(SAMPLE_PDF))
    return home


@pytest.fixture
def tenk(ingested: Path, tmp_path: Path) -> Door:
    """A copy of that home, for one test to spoil."""
    home = tmp_path / "copy"
    shutil.copytree(ingested, home)
    return Door(home)


@pytest.fixture
def bare(tmp_path: Path) -> Door:
    """A home that holds nothing yet."""
    return Door(tmp_path / "bare")


def is_one_line(result: "subprocess.CompletedProcess[str]") -> bool:
    return len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.stderr


def test_ingest_tells_what_it_read_and_knows_it_the_second_time(tenk: Door) -> None:
    [again] = tenk.json("ingest", str(SAMPLE_PDF))

    assert again["already_known"] is True
    assert again["form"] == "10-K"
    assert again["pages"] >= 60
    assert set(again) >= {"filing", "company", "fiscal_year", "chunks", "seconds"}


def test_a_bad_file_is_one_line_and_exit_1_and_the_others_still_go_in(
    bare: Door, tmp_path: Path
) -> None:
    bad = tmp_path / "letter.pdf"
    bad.write_text("Dear Sirs,", encoding="utf-8")

    result = bare("ingest", str(bad), str(SAMPLE_PDF), "--json")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "letter.pdf" in result.stderr
    assert len(json.loads(result.stdout)) == 1
    assert len(bare.json("filings")) == 1


def test_ingest_without_a_path_is_wrong_usage(bare: Door) -> None:
    result = bare("ingest")

    assert result.returncode == 2
    assert "PDF" in result.stderr


def test_filings_are_listed_and_removed_and_gone_from_search(tenk: Door) -> None:
    [filing] = tenk.json("filings")

    removed = tenk.json("filings", "remove", filing["filing"])

    assert removed["filing"] == filing["filing"]
    assert tenk.json("filings") == []
    assert tenk("search", "revenue").returncode == 1


def test_removing_an_unknown_filing_says_where_to_look(tenk: Door) -> None:
    result = tenk("filings", "remove", "nope")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "tenk filings" in result.stderr


def test_search_shows_passages_with_their_pages(tenk: Door) -> None:
    rows = tenk.json("search", "total revenue", "-k", "3")

    assert len(rows) == 3
    assert all(row["pages"] and row["pages"][0] >= 1 and row["text"] for row in rows)
    assert [row["score"] for row in rows] == sorted((r["score"] for r in rows), reverse=True)


def test_ask_answers_with_citations_and_logs_the_turn(tenk: Door) -> None:
    answer = tenk.json("ask", "What was total revenue in fiscal 2025?")

    assert answer["citations"][0]["page"] >= 1
    assert answer["citations"][0]["quote"]
    assert answer["figures"] and all(figure["found"] for figure in answer["figures"])
    assert (answer["model"], answer["role"]) == ("local-teacher", "teacher")
    assert answer["cost_usd"] == 0
    assert answer["tokens"] > 0
    [example] = tenk.json("examples")
    assert (example["turn"], example["state"]) == (answer["turn"], "kept")


def test_ask_takes_a_file_of_questions_and_prints_one_object_a_line(
    tenk: Door, tmp_path: Path
) -> None:
    file = tmp_path / "questions.jsonl"
    first = SAMPLE_QUESTIONS.read_text(encoding="utf-8").splitlines()[:3]
    file.write_text("\n".join(first), encoding="utf-8")

    result = tenk("ask", "--file", str(file), "--json")

    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["question"] for row in rows] == [json.loads(line)["question"] for line in first]
    assert [row["turn"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "named"),
    [("", "no question"), ('{"question": ', "line 1"), ('{"asked": "what?"}', "line 1")],
)
def test_a_question_file_that_cannot_be_asked_names_the_line(
    tenk: Door, tmp_path: Path, text: str, named: str
) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(text, encoding="utf-8")

    result = tenk("ask", "--file", str(file))

    assert result.returncode == 1
    assert is_one_line(result)
    assert named in result.stderr


def test_asking_before_anything_is_ingested_says_what_to_type(bare: Door) -> None:
    result = bare("ask", "What was revenue?")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "tenk ingest" in result.stderr


def test_a_thumbs_down_drops_the_example_and_thumbs_up_brings_it_back(tenk: Door) -> None:
    turn = tenk.json("ask", "What was net income in fiscal 2025?")["turn"]

    down = tenk.json("rate", str(turn), "down", "--comment", "wrong year")
    up = tenk.json("rate", str(turn), "up")

    assert (down["state"], up["state"]) == ("dropped", "kept")
    assert down["reason"]


def test_rating_a_turn_that_is_not_there_changes_nothing(tenk: Door) -> None:
    result = tenk("rate", "99", "down")

    assert result.returncode == 1
    assert is_one_line(result)


def test_examples_are_dropped_restored_and_exported_by_hand(tenk: Door, tmp_path: Path) -> None:
    for question in ("What was net income in fiscal 2025?", "What was revenue in fiscal 2024?"):
        tenk.json("ask", question)
    file = tmp_path / "train.jsonl"

    dropped = tenk.json("examples", "drop", "1", "--reason", "not ours")
    first = tenk.json("examples", "export", str(file))
    restored = tenk.json("examples", "restore", "1")
    second = tenk.json("examples", "export", str(file))

    assert (dropped["state"], restored["state"]) == ("dropped", "kept")
    assert (first["kept"], second["kept"]) == (1, 2)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [m["role"] for m in lines[0]["messages"]] == ["system", "user", "assistant"]
    assert tenk.json("examples", "show", "2")["messages"]


def test_export_into_a_folder_that_is_not_there_loses_nothing(tenk: Door, tmp_path: Path) -> None:
    result = tenk("examples", "export", str(tmp_path / "no" / "such" / "file.jsonl"))

    assert result.returncode == 1
    assert is_one_line(result)


def test_status_adds_up(tenk: Door) -> None:
    tenk.json("ask", "What was net income in fiscal 2025?")

    row = tenk.json("status")

    assert row["active"] == {"model": "local-teacher", "role": "teacher"}
    assert (row["filings"], row["turns"], row["unfinished"]) == (1, 1, 0)
    assert row["examples"]["kept"] == 1
    assert row["spend_usd"] == 0


def test_doctor_tries_every_role(bare: Door) -> None:
    rows = bare.json("doctor")

    assert [row["role"] for row in rows] == ["teacher", "student", "judge", "embed"]
    assert all(row["reachable"] for row in rows)


def test_doctor_warns_of_a_variable_that_nobody_reads(bare: Door) -> None:
    result = bare("doctor", "--json", TENK_SHEDULE="off")

    assert is_one_line(result)
    assert result.stderr.startswith("tenk: TENK_SHEDULE is set")
    assert "did you mean TENK_SCHEDULE?" in result.stderr
    assert len(json.loads(result.stdout)) == 4


def test_doctor_names_the_setting_where_no_server_answers(bare: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"  # bound, but nobody listens

        result = bare(
            "doctor", TENK_TEACHER_BASE_URL=url, TENK_TEACHER_MODEL="any", TENK_RETRIES="0"
        )

    assert result.returncode == 1
    assert "TENK_TEACHER_BASE_URL" in result.stdout
    assert "Traceback" not in result.stderr


def test_a_bad_setting_is_one_line_that_names_it(bare: Door) -> None:
    result = bare("status", TENK_PASSAGES="many")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "TENK_PASSAGES" in result.stderr


def test_the_api_is_not_opened_to_the_network_without_a_key(bare: Door) -> None:
    result = bare("api", "--host", "0.0.0.0")

    assert result.returncode == 1
    assert is_one_line(result)
    assert "TENK_API_KEY" in result.stderr


def test_the_chat_says_when_its_port_is_taken(bare: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = bare("chat", "--port", str(port))

    assert result.returncode == 1
    assert is_one_line(result)
    assert f"--port {port + 1}" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["chat"], ["ingest"], ["filings"], ["search"], ["ask"], ["rate"], ["examples"],
        ["examples", "list"], ["examples", "show"], ["examples", "drop"], ["examples", "restore"],
        ["examples", "export"], ["examples", "correct"], ["examples", "generate"],
        ["examples", "import"], ["questions"], ["questions", "list"], ["questions", "generate"],
        ["questions", "import"], ["status"], ["doctor"], ["api"], ["worker"],
    ],
)  # fmt: skip
def test_every_command_explains_itself(bare: Door, words: list[str]) -> None:
    result = bare(*words, "--help")

    assert result.returncode == 0
    assert "Usage: tenk" in result.stdout


def test_an_answer_that_breaks_off_is_in_what_was_spent(tenk: Door) -> None:
    with strict_server(chat=[cut("Revenue was")]) as server:
        tenk.environment |= {
            "TENK_TEACHER_BASE_URL": server.url,
            "TENK_TEACHER_API_KEY": KEY,
            "TENK_TEACHER_MODEL": "m",
            "TENK_PRICES": '{"m": [0, 1000000]}',
        }
        broken = tenk("ask", "What was Calderwick's revenue in 2025?")
    status = tenk.json("status")

    assert (broken.returncode, is_one_line(broken)) == (1, True)
    assert status["spend"]["lost_usd"] == status["spend_usd"] == 3  # 11 letters, 4 to a token
    assert status["spend"]["unpriced"] == []
