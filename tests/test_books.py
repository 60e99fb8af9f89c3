"""The books of a home balance, and whatever is changed behind their back shows."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from backend.cli.opening import House
from backend.generating import Generating
from backend.records import Role, Usage
from backend.settings import Settings
from backend.standing import standing
from backend.steering import promote, roll_back
from backend.store import cycles
from backend.store.database import open_database, transaction
from backend.store.spending import count_broken_off
from tests.books import balances
from tests.postgres import database, pour
from tests.turning import QUICK, ready

PRICES = {
    "local-teacher": (1.0, 2.0),
    "local-student": (0.1, 0.2),
    "local-judge": (0.5, 0.5),
    "local-embed": (0.02, 0.0),
}
"""So that the local models cost something."""
LOST = "SELECT max(id) FROM"


@dataclass(frozen=True)
class Kept:
    """A home that has lived through a cycle, and what a status said of it."""

    file: Path
    settings: Settings
    status: dict[str, Any]


def told(engine: Engine, settings: Settings) -> dict[str, Any]:
    """A status as it comes out of `tenk status --json`."""
    with transaction(engine) as session:
        return json.loads(json.dumps(standing(session, settings), default=str))


async def live(house: House) -> None:
    """Generated questions, a swap by hand, an answer of the new model and of the teacher, a thumb
    down, and the way back."""
    drive = Generating(house.engine, house.models, house.index, house.settings)
    await drive.exam_questions(drive.order("exam", 2))
    await drive.examples(drive.order("training", 2))
    with transaction(house.engine) as session:
        [tuned] = [one for one in cycles.candidates(session) if one.job]
        if active := cycles.latest_activation(session):
            assert active.candidate == tuned.id
        else:
            promote(session, house.settings, tuned.model, by="ann", reason="to try it")
    turn = await house.assistant.ask("What was total net sales in fiscal 2025?", thread="new")
    await house.assistant.shadow.settled()
    assert turn.role == Role.STUDENT
    house.assistant.rate(1, -1, comment="wrong year")
    with transaction(house.engine) as session:
        roll_back(session, house.settings, by="ann", reason="it was a try")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("books")
    more: dict[str, Any] = {"prices": PRICES, "training_price": 3.0, "shadow_share": 1.0}
    with ready(folder, **(QUICK | more)) as it:
        asyncio.run(it.flywheel.advance(it.open()))
        asyncio.run(live(it.house))
        settings = it.house.settings
        status = told(it.house.engine, settings)
    return Kept(folder / "ready" / "tenk.sqlite3", settings, status)


@pytest.fixture
def engine(kept: Kept, tmp_path: Path) -> Engine:
    """The home's database, to do with as one likes."""
    shutil.copy(kept.file, tmp_path / "books.sqlite3")
    return open_database(f"sqlite:///{tmp_path / 'books.sqlite3'}")


def test_the_books_of_a_home_that_lived_through_a_cycle_balance(kept: Kept, engine: Engine) -> None:
    found = balances(kept.status, engine, prices=PRICES)

    assert found == []
    spend = kept.status["spend"]
    kinds = ("exams", "training", "generation", "embeddings", "checks")
    assert all(spend[f"{kind}_usd"] > 0 for kind in kinds)
    assert kept.status["books"]["turns"]["second_answers"] == 1
    assert kept.status["books"]["activations"]["by_way"]["rollback"] == 1
    assert kept.status["examples"]["dropped_by_rule"]["thumbs-down"] == 1


def test_the_same_books_balance_in_postgresql(kept: Kept, engine: Engine, postgres: str) -> None:
    elsewhere = open_database(database(postgres, "books"))
    pour(engine, elsewhere)

    status = told(elsewhere, kept.settings)

    assert balances(status, elsewhere, prices=PRICES) == []
    assert status["books"] == kept.status["books"]
    assert status["spend_usd"] == pytest.approx(kept.status["spend_usd"])
    elsewhere.dispose()


def test_answers_that_broke_off_are_in_the_balance(kept: Kept, engine: Engine) -> None:
    count_broken_off(engine, "m", Usage(prompt_tokens=5, completion_tokens=3), 0.5)

    status = told(engine, kept.settings)

    assert balances(status, engine, prices=PRICES) == []
    assert status["spend_usd"] == pytest.approx(kept.status["spend_usd"] + 0.5)


def test_an_empty_home_balances(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")

    assert balances(told(engine, Settings()), engine) == []


BEHIND = {
    "a turn lost": ("DELETE FROM turn WHERE id = 5", "turns"),
    "a turn cut off": ("UPDATE turn SET state = 'stopped' WHERE id = 5", "by_state"),
    "a thumb given": ("UPDATE turn SET rating = -1 WHERE id = 5", "thumbs.down"),
    "an example lost": (f"DELETE FROM example WHERE id = ({LOST} example)", "kept and dropped"),
    "a question put aside": ("UPDATE examquestion SET state = 'quarantined'", "exam.active"),
    "a score lost": (f"DELETE FROM score WHERE id = ({LOST} score)", "scores.total"),
    "a score missing": ("UPDATE score SET value = NULL WHERE id = 1", "scores.missing"),
    "a sitting lost": ("DELETE FROM sitting WHERE id = 1", "sittings.total"),
    "a dataset more": (
        "INSERT INTO dataset (sha256, train, examples, validation_examples, dropped, created_at) "
        "SELECT sha256, train, examples, validation_examples, dropped, created_at FROM dataset",
        "books.datasets",
    ),
    "a cycle failed": ("UPDATE cycle SET failed = 1", "by_outcome"),
    "a cycle running": ("UPDATE cycle SET ended = NULL", "running cycles"),
    "an activation lost": (
        f"DELETE FROM activation WHERE id = ({LOST} activation)",
        "activations.total",
    ),
    "an activation by a verdict": ("UPDATE activation SET by = 'verdict 1'", "by_way"),
    "a verdict turned round": ("UPDATE verdict SET decision = 'never'", "by_decision"),
    "a dollar on an answer": ("UPDATE turn SET cost_usd = 1 WHERE id = 5", "answers_usd"),
    "a dollar on the exam": ("UPDATE sitting SET cost_usd = 1 WHERE id = 1", "exams_usd"),
    "a token of the judge": (
        "UPDATE sitting SET judge_prompt_tokens = judge_prompt_tokens + 1 WHERE id = 1",
        "exams_usd",
    ),
    "a dollar on generating": ("UPDATE expense SET cost_usd = cost_usd + 1", "generation_usd"),
    "a price forgotten": (
        "UPDATE sitting SET cost_usd = NULL WHERE id = 1",
        "the status names nothing",
    ),
    "a job never told": ("DELETE FROM cycleevent", "training_usd"),
    "a filing lost": ("DELETE FROM filing", "filings"),
}


@pytest.mark.parametrize(("sql", "word"), BEHIND.values(), ids=BEHIND.keys())
def test_what_changes_behind_a_status_is_found(
    kept: Kept, engine: Engine, sql: str, word: str
) -> None:
    alter(engine, sql)

    found = balances(kept.status, engine, prices=PRICES)

    assert any(word in line for line in found), found


WRONG = {
    "a teacher's answer that taught nothing": (
        f"DELETE FROM example WHERE id = ({LOST} example WHERE source = 'turn')",
        "without an example",
    ),
    "an example of a stopped answer": (
        "UPDATE turn SET state = 'stopped' WHERE id = 5",
        "of no whole answer",
    ),
    "an answer under another's name": (
        "UPDATE turn SET model = 'x' WHERE activation IS NOT NULL",
        "answered by another model",
    ),
    "an answer of nobody": ("UPDATE turn SET activation = 99 WHERE id = 5", "that is not there"),
    "an answer of another cycle": ("UPDATE turn SET cycle = 1 WHERE id = 5", "did not make"),
    "a stand-in for what was whole": ("UPDATE turn SET instead_of = 4 WHERE id = 5", "instead_of"),
    "a second answer to nothing": ("UPDATE turn SET shadow_of = 999 WHERE id = 5", "shadow_of"),
    "a sitting with one score": (f"DELETE FROM score WHERE id = ({LOST} score)", "both of their"),
    "a score of no sitting": ("UPDATE score SET sitting = 9999 WHERE id = 1", "of no sitting"),
    "a score gone without a word": (
        "UPDATE score SET value = NULL, reason = '' WHERE id = 1",
        "without a reason",
    ),
    "a sitting of no question": ("UPDATE sitting SET question = 9999 WHERE id = 1", "no question"),
    "a sitting without an end": (
        "UPDATE sitting SET answer = NULL WHERE id = 1",
        "neither answered",
    ),
    "a score changed after the verdict": (
        "UPDATE score SET value = 0.123 WHERE id = (SELECT min(id) FROM score "
        "WHERE value IS NOT NULL)",
        "its certificate and the scores differ",
    ),
    "a line trained on twice": (
        "UPDATE dataset SET validation_examples = examples",
        "an example twice",
    ),
    "a line that nobody logged": ("UPDATE dataset SET examples = '[9999]'", "not in the log"),
    "a line that the exam asks": (
        "UPDATE examquestion SET turn = (SELECT turn FROM example WHERE id = "
        "(SELECT json_extract(examples, '$[0]') FROM dataset))",
        "that the exam asks",
    ),
    "a dataset of no cycle": ("UPDATE cycle SET dataset = NULL", "datasets that belong"),
    "a model of no cycle": ("UPDATE cycle SET candidate = NULL", "trained models"),
    "a job ordered twice": (
        "INSERT INTO cycle (slot, by, tag, files, exam, failed, ended, started_at, job) "
        "SELECT slot, by, 'again', files, exam, 1, 'x', started_at, job FROM cycle",
        "two cycles ordered",
    ),
    "an activation of no model": (
        "UPDATE activation SET candidate = 99 WHERE id = 1",
        "of no model",
    ),
    "an activation that nothing decided": (
        "UPDATE activation SET by = 'verdict 7'",
        "does not follow",
    ),
    "a verdict to promote that was forgotten": (
        "UPDATE verdict SET decision = 'promote'",
        "nothing came of it",
    ),
    "a rollback of nothing": (
        "UPDATE activation SET undoes = 99 WHERE undoes IS NOT NULL",
        "rollbacks of no activation",
    ),
    "money of a kind that is not told": ("UPDATE expense SET kind = 'bribes'", "of a kind"),
}


@pytest.mark.parametrize(("sql", "word"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_belong_together_is_found_whatever_the_status_says(
    kept: Kept, engine: Engine, sql: str, word: str
) -> None:
    alter(engine, sql)

    found = balances(told(engine, kept.settings), engine, prices=PRICES)

    assert any(word in line for line in found), found


def alter(engine: Engine, sql: str) -> None:
    """Change the tables as no part of tenk would."""
    with engine.connect() as connection:
        connection.execute(text("PRAGMA foreign_keys=OFF"))
        connection.commit()
        connection.execute(text(sql))
        connection.commit()


LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a total above its kinds": lambda row: row.update(spend_usd=row["spend_usd"] + 1),
    "a rule too many": lambda row: row["examples"]["dropped_by_rule"].update({"mood": 1}),
    "another model in service": lambda row: row["active"].update(model="gpt-9"),
    "a kind of money left out": lambda row: row["spend"].pop("generation_usd"),
    "a model's turns left out": lambda row: row["books"]["turns"]["by_model"].popitem(),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_status_that_lies_is_found_out(
    kept: Kept, engine: Engine, lie: Callable[[dict[str, Any]], None]
) -> None:
    status = json.loads(json.dumps(kept.status))
    lie(status)

    assert balances(status, engine, prices=PRICES) != []
