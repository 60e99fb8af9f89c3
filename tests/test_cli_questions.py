"""The commands that make, bring and correct questions and examples, in a process of their own."""

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine

from backend.cli.asking import questions_in
from backend.datasets import exam_side
from backend.records import Secret
from backend.samples import SAMPLE_PDF
from backend.store.database import open_database, transaction
from backend.store.secrets import EXAM
from backend.store.turns import examples
from tests.test_cli import TENK, Door, is_one_line

KEY = b"b" * 32
"""Puts some sections of the sample on the exam's side; a home of one's own draws a key."""


class Desk(Door):
    """A door whose home has the usual share of exam sections."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        del self.environment["TENK_EXAM_SHARE"]


@dataclass(frozen=True)
class Worked:
    """A home with the sample filing in it, a known key, and what was made there."""

    home: Path
    questions: list[dict[str, Any]]
    examples: list[dict[str, Any]]
    estimate: str


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Worked:
    home = tmp_path_factory.mktemp("desk") / "home"
    tenk = Desk(home)
    tenk.json("ingest", str(SAMPLE_PDF))
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        session.add(Secret(name=EXAM, value=KEY.hex()))
    engine.dispose()
    asked = tenk("questions", "generate", "--n", "8", "--json")
    taught = tenk.json("examples", "generate", "--n", "20")
    return Worked(home, json.loads(asked.stdout), taught, asked.stderr)


@pytest.fixture
def tenk(worked: Worked, tmp_path: Path) -> Desk:
    """A copy of that home, for one test to spoil."""
    home = tmp_path / "copy"
    shutil.copytree(worked.home, home)
    return Desk(home)


@pytest.fixture
def bare(tmp_path: Path) -> Desk:
    """A home that holds nothing yet."""
    return Desk(tmp_path / "bare")


def chat_line(question: str, answer: str, evidence: str = "Revenue was $4 million in 2025.") -> str:
    told = [
        {"role": "user", "content": f"Evidence:\n\n[1] {evidence}\n\nQuestion: {question}"},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": told})


def test_exam_questions_are_listed_and_a_second_call_goes_on(worked: Worked, tenk: Desk) -> None:
    second = tenk.json("questions", "generate", "--n", "4")

    on_exam_side = exam_side(KEY)
    listed = tenk.json("questions")
    assert (len(worked.questions), len(second)) == (8, 4)
    assert listed == worked.questions + second
    assert len({row["question"] for row in listed}) == 12
    assert len({row["group"] for row in listed}) >= 4
    assert all(on_exam_side(row["group"]) for row in listed)
    assert set(listed[0]) == {"id", "state", "reason", "source", "group", "question"}
    assert all("Calderwick" in row["question"] for row in listed)


def test_most_generated_examples_teach_and_the_others_say_why_not(worked: Worked) -> None:
    kept = [row for row in worked.examples if row["state"] == "kept"]

    assert len(worked.examples) == 20
    assert len(kept) >= 15
    assert {row["source"] for row in worked.examples} == {"generated"}
    assert all(row["reason"] for row in worked.examples if row not in kept)


def test_the_two_sides_share_no_section(worked: Worked) -> None:
    sections = {row["group"].split("|", 1)[1] for row in worked.questions}

    engine = open_database(f"sqlite:///{worked.home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        shown = {one["section"] for row, _ in examples(session) for one in row.evidence}
    engine.dispose()

    assert len(shown) > 10
    assert not sections & shown


def test_the_estimate_stands_before_the_first_call_and_apart_from_the_json(
    worked: Worked,
) -> None:
    assert worked.estimate.startswith("Estimate: 8 calls")
    assert worked.estimate.strip().endswith("tokens, no cost.")


def test_an_estimate_above_the_budget_is_refused(tenk: Desk) -> None:
    prices = json.dumps({"local-teacher": [1000.0, 1000.0]})

    result = tenk("examples", "generate", "--n", "5", TENK_BUDGET_USD="0.01", TENK_PRICES=prices)

    assert result.returncode == 1
    assert is_one_line(result)
    assert "TENK_BUDGET_USD" in result.stderr
    assert len(tenk.json("examples")) == 20


def test_an_unknown_filing_and_an_empty_home_are_one_line(tenk: Desk, bare: Desk) -> None:
    for result in (
        tenk("questions", "generate", "--n", "2", "--filing", "nope"),
        bare("questions", "generate", "--n", "2"),
        bare("examples", "generate", "--n", "2"),
    ):
        assert result.returncode == 1
        assert is_one_line(result)
        assert "tenk " in result.stderr


def test_how_many_must_be_said_and_be_more_than_none(bare: Desk) -> None:
    assert bare("questions", "generate").returncode == 2
    assert bare("questions", "generate", "--n", "0").returncode == 2


def test_ctrl_c_keeps_what_was_made(tenk: Desk) -> None:
    running = subprocess.Popen(
        [TENK, "examples", "generate", "--n", "5000"],
        cwd=tenk.home.parent,
        env=tenk.environment,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert running.stderr is not None
    assert "Estimate" in running.stderr.readline()
    engine = open_database(f"sqlite:///{tenk.home / 'tenk.sqlite3'}")
    pause = Event()
    while count(engine) == 20 and running.poll() is None:
        pause.wait(0.05)  # the test's own time limit bounds this
    engine.dispose()
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]

    assert running.returncode == 130
    assert "are kept; the same command goes on" in said
    assert "Traceback" not in said
    assert len(tenk.json("examples")) > 20


def count(engine: Engine) -> int:
    with transaction(engine) as session:
        return len(examples(session))


def test_questions_are_imported_once_each_with_their_evidence(tenk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(
        "What was Calderwick's total revenue in fiscal 2025?\n"
        '{"question": "Why did Calderwick close its plant in Fairport?"}\n'
        "what was calderwick's total revenue in fiscal 2025\n",
        encoding="utf-8",
    )

    first = tenk.json("questions", "import", str(file))
    second = tenk.json("questions", "import", str(file))

    assert (len(first["added"]), first["duplicates"]) == (2, 1)
    assert (len(second["added"]), second["duplicates"]) == (0, 3)
    assert [row["source"] for row in tenk.json("questions")][8:] == ["imported", "imported"]


def test_a_bad_line_of_questions_is_named_and_nothing_is_taken(tenk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("What was revenue in 2025?\n{'question': 1}\n", encoding="utf-8")

    result = tenk("questions", "import", str(file))

    assert result.returncode == 1
    assert is_one_line(result)
    assert "line 2" in result.stderr
    assert len(tenk.json("questions")) == 8


@pytest.mark.parametrize("line", ['{"question": "What is \\ud800?"}', '{"a":' + "[" * 100_000])
def test_a_line_of_questions_that_is_no_text_is_named(
    tenk: Desk, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(line, encoding="utf-8")

    result = tenk("questions", "import", str(file))

    assert result.returncode == 1
    assert is_one_line(result)
    assert "line 1 is not JSON" in result.stderr


def test_questions_are_read_behind_a_byte_order_mark_and_around_odd_line_ends(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_bytes('\ufeff{"question": "What?"}\r\n\r\nWhy\u2028so?\n'.encode())

    assert questions_in(file) == ["What?", "Why\u2028so?"]


def test_an_example_that_asks_an_exam_question_is_not_trained_on(
    tenk: Desk, tmp_path: Path
) -> None:
    question = "What was Calderwick's total revenue in fiscal 2025?"
    lines, asked = tmp_path / "chat.jsonl", tmp_path / "mine.txt"
    lines.write_text(chat_line(question, "Revenue was $4 million [1]."), encoding="utf-8")
    asked.write_text(question, encoding="utf-8")
    before = tenk.json("examples", "import", str(lines))

    taken = tenk.json("questions", "import", str(asked))
    row = tenk.json("examples", "restore", str(before["examples"][0]["example"]))

    assert before["kept"] == 1
    assert taken["asked_in_examples"] == 1
    assert (row["state"], "exam" in row["reason"]) == ("dropped", True)


def test_examples_are_imported_once_and_say_which_of_them_teach(bare: Desk, tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    lines = [
        chat_line("What was revenue in 2025?", "Revenue was $4 million [1]."),
        chat_line("What was debt in 2025?", "The evidence does not say what debt was."),
        chat_line("What was cash in 2025?", "Cash was $99 million [1]."),
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    first = bare.json("examples", "import", str(file))
    second = bare.json("examples", "import", str(file))

    assert (first["added"], first["kept"], first["dropped"]) == (3, 1, 2)
    assert first["dropped_by_rule"] == {"refusal": 1, "unsourced": 1}
    assert (second["added"], second["already_there"]) == (0, 3)
    assert len(bare.json("examples")) == 3


def test_why_examples_are_dropped_is_told_in_words_at_every_door(
    bare: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "chat.jsonl"
    lines = [
        *[chat_line(f"What was debt in {n}?", "The evidence does not say.") for n in (2024, 2025)],
        chat_line("What was cash in 2025?", "Cash was $99 million [1]."),
        *[
            chat_line(f"What was revenue in {n}?", "It was $4 million [1].")
            for n in range(2000, 2010)
        ],
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    told = bare("examples", "import", str(file)).stdout
    status = bare("status").stdout
    bare("retrain", "--wait")
    note = bare("cycle", "1").stdout

    assert told.splitlines()[1:] == ["  2 refusals", "  1 without a source"]
    assert [line.strip() for line in status.splitlines() if line.startswith(" ")][:2] == [
        "2 refusals",
        "1 without a source",
    ]
    assert "3 dropped (2 refusals, 1 without a source)" in note


def test_the_articles_own_file_keeps_at_most_30_of_65(bare: Desk, shared_data: Path) -> None:
    file = shared_data / "nvidia" / "gpt4_finetuning_events.jsonl"

    row = bare.json("examples", "import", str(file))

    assert (row["added"], row["kept"] <= 30) == (65, True)
    assert row["dropped_by_rule"]["refusal"] == 18
    assert row["dropped_by_rule"]["repeat"] >= 17


@pytest.mark.parametrize(
    ("text", "named"),
    [("", "no example"), ("{", "Line 1"), (chat_line("What?", "So.") + "\n{}", "Line 2")],
)
def test_a_bad_line_of_examples_is_named_and_nothing_is_taken(
    bare: Desk, tmp_path: Path, text: str, named: str
) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text(text, encoding="utf-8")

    result = bare("examples", "import", str(file))

    assert result.returncode == 1
    assert is_one_line(result)
    assert named in result.stderr
    assert bare.json("examples") == []


def test_files_that_cannot_be_read_are_one_line(bare: Desk, tmp_path: Path) -> None:
    for words in (["examples", "import"], ["questions", "import"]):
        result = bare(*words, str(tmp_path / "nothing.jsonl"))

        assert result.returncode == 1
        assert is_one_line(result)


def test_a_correction_is_what_is_trained_on_until_it_is_taken_back(
    bare: Desk, tmp_path: Path
) -> None:
    file, train = tmp_path / "chat.jsonl", tmp_path / "train.jsonl"
    file.write_text(chat_line("What was cash?", "Cash was $99 million [1]."), encoding="utf-8")
    bare.json("examples", "import", str(file))

    corrected = bare.json("examples", "correct", "1", "Cash was $7 million [1].")
    bare.json("examples", "export", str(train))
    undone = bare.json("examples", "correct", "1", "--undo")

    taught = json.loads(train.read_text(encoding="utf-8"))["messages"][-1]["content"]
    assert (corrected["state"], corrected["answer"]) == ("kept", "Cash was $7 million [1].")
    assert taught == "Cash was $7 million [1]."
    assert (undone["state"], undone["answer"]) == ("dropped", "Cash was $99 million [1].")


def test_a_correction_needs_words_and_an_example(bare: Desk) -> None:
    assert bare("examples", "correct", "1").returncode == 2
    assert bare("examples", "correct", "1", "So.", "--undo").returncode == 2
    missing = bare("examples", "correct", "1", "So.")
    assert (missing.returncode, is_one_line(missing)) == (1, True)
