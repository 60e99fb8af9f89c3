"""The log of turns and examples: what is kept, who may change it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from backend.errors import NotFound, NotYours
from backend.records import Activation, Candidate, Example, Filing, Turn, Usage
from backend.store import database, filings, spending, turns


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = database.open_database(f"sqlite:///{tmp_path / 'home' / 'tenk.sqlite3'}")
    yield opened
    opened.dispose()


def a_turn(**given: Any) -> Turn:
    fields: dict[str, Any] = {
        "thread": "t1",
        "person": "ann",
        "question": "What was revenue?",
        "standalone": "What was Acme's revenue?",
        "messages": [{"role": "user", "content": "Evidence"}],
        "answer": "It was $5 million [1].",
        "model": "m1",
        "role": "teacher",
    }
    return Turn(**(fields | given))


def logged(engine: Engine, *, example: bool = True, **given: Any) -> int:
    with database.transaction(engine) as session:
        row = turns.add_turn(session, a_turn(**given), example=example)
        assert row.id is not None
        return row.id


def test_a_turn_that_teaches_becomes_one_example_with_the_same_messages(engine: Engine) -> None:
    key = logged(engine)

    with database.transaction(engine) as session:
        [(example, turn)] = turns.examples(session)

    assert turn is not None
    assert (example.turn, turn.id) == (key, key)
    assert example.messages == [{"role": "user", "content": "Evidence"}]
    assert example.question == "What was Acme's revenue?"


def test_a_turn_that_does_not_teach_has_no_example(engine: Engine) -> None:
    key = logged(engine, example=False, state="stopped")

    with database.transaction(engine) as session:
        assert turns.example_of_turn(session, key) is None
        assert turns.turn(session, key).state == "stopped"


def test_a_rating_by_another_person_is_refused_and_changes_nothing(engine: Engine) -> None:
    key = logged(engine)

    with (
        pytest.raises(NotYours, match="belongs to another person"),
        database.transaction(engine) as session,
    ):
        turns.rate(session, key, -1, comment="forged", person="bob")

    with database.transaction(engine) as session:
        row = turns.turn(session, key)
    assert (row.rating, row.comment) == (None, "")


def test_a_rating_taken_back_takes_its_comment_along(engine: Engine) -> None:
    key = logged(engine)

    with database.transaction(engine) as session:
        turns.rate(session, key, -1, comment="wrong year", person="ann")
    with database.transaction(engine) as session:
        turns.rate(session, key, None, person="ann")

    with database.transaction(engine) as session:
        row = turns.turn(session, key)
    assert (row.rating, row.comment) == (None, "")


def test_a_conversation_goes_on_from_its_last_answers_that_did_not_fail(engine: Engine) -> None:
    for n in range(4):
        logged(engine, answer=f"answer {n}")
    logged(engine, example=False, state="failed", answer="cut", error="gone")
    logged(engine, example=False, state="stopped", answer="half an ans")
    logged(engine, example=False, state="stopped", answer="")
    logged(engine, thread="t2", answer="elsewhere")

    with database.transaction(engine) as session:
        found = turns.last_turns(session, "t1", limit=3)

    assert [turn.answer for turn in found] == ["answer 2", "answer 3", "half an ans"]


def test_a_conversation_belongs_to_who_asked_first(engine: Engine) -> None:
    logged(engine)

    with database.transaction(engine) as session:
        assert turns.owner_of_thread(session, "t1") == "ann"
        assert turns.owner_of_thread(session, "new") is None


def test_the_latest_activation_is_the_active_one_and_a_rollback_is_another(engine: Engine) -> None:
    with database.transaction(engine) as session:
        assert turns.active_candidate(session) is None
        first, second = (Candidate(model=name, role="student") for name in ("one", "two"))
        session.add_all([first, second])
        session.flush()
        assert first.id is not None and second.id is not None
        for candidate in (first.id, second.id, first.id):
            session.add(Activation(candidate=candidate, by="ann"))
            session.flush()

    with database.transaction(engine) as session:
        active = turns.active_candidate(session)
        named = turns.candidate_named(session, "two")

    assert active is not None and active.model == "one"
    assert named is not None and named.role == "student"


def test_what_a_person_decided_and_corrected_is_kept_with_the_example(engine: Engine) -> None:
    logged(engine)

    with database.transaction(engine) as session:
        turns.decide_by_hand(session, 1, "drop", "wrong year")
        turns.correct(session, 1, "It was $6 million [1].")

    with database.transaction(engine) as session:
        row = turns.example(session, 1)
    assert (row.by_hand, row.by_hand_reason) == ("drop", "wrong year")
    assert row.correction == "It was $6 million [1]."


def test_an_imported_pair_has_no_turn(engine: Engine) -> None:
    with database.transaction(engine) as session:
        turns.add_examples(session, [Example(source="imported", question="q", answer="a")])

    with database.transaction(engine) as session:
        [(example, turn)] = turns.examples(session)
    assert (example.source, turn) == ("imported", None)


def test_a_row_that_is_not_there_is_said_with_the_command_that_lists(engine: Engine) -> None:
    with database.transaction(engine) as session:
        with pytest.raises(NotFound, match="tenk examples list"):
            turns.turn(session, 99)
        with pytest.raises(NotFound, match="tenk examples list"):
            turns.example(session, 99)
        with pytest.raises(NotFound, match="tenk filings"):
            filings.filing(session, "nope")


def test_a_filing_is_known_again_by_its_hash_until_it_is_removed(engine: Engine) -> None:
    with database.transaction(engine) as session:
        filings.add_filing_once(
            session,
            Filing(
                id="f1", sha256="abc", file="a.pdf", company="A", pages=2, chunks=3, seconds=0.1
            ),
        )

    with database.transaction(engine) as session:
        known = filings.filing_with(session, "abc")
        filings.remove_filing(session, "f1")

    assert known is not None and known.id == "f1"
    with database.transaction(engine) as session:
        assert filings.filings(session) == []


def test_an_older_database_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    old = database.open_database(url)
    with old.begin() as connection:
        connection.execute(text("ALTER TABLE turn DROP COLUMN comment"))
    old.dispose()

    engine = database.open_database(url)

    with engine.connect() as connection:
        held = {row[1] for row in connection.execute(text("PRAGMA table_info(turn)"))}
    engine.dispose()
    assert "comment" in held


def test_vectors_of_one_day_and_model_are_one_row_and_what_has_no_price_is_counted(
    engine: Engine,
) -> None:
    usage = Usage(prompt_tokens=100)
    for model, cost in (("e", 0.5), ("e", None), ("other", 0.25), ("e", 0.5)):
        spending.count_vectors(engine, model, usage, cost)
    with database.transaction(engine) as session:
        row = spending.expenses(session)[0]
        row.at = row.at - timedelta(days=1)
        session.add(row)

    spending.count_vectors(engine, "e", usage, 1.0)

    with database.transaction(engine) as session:
        rows = [(r.model, r.calls, r.unpriced, r.cost_usd) for r in spending.expenses(session)]
        tokens = [row.prompt_tokens for row in spending.expenses(session)]
    assert rows == [("e", 3, 1, 1.0), ("other", 1, 0, 0.25), ("e", 1, 0, 1.0)]
    assert tokens == [300, 100, 100]
