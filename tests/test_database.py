"""Opening a database: SQLite and PostgreSQL alike, new, old or unusable."""

import socket
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from backend.errors import ConfigurationError
from backend.records import Cycle, Turn
from backend.store.cycles import cycles, end_cycle
from backend.store.database import TABLES, open_database, transaction
from backend.store.notices import notices
from backend.store.turns import add_turn, examples, rate
from tests.postgres import database


def turn() -> Turn:
    return Turn(
        thread="t", question="q", standalone="q", answer="a [1].", model="m", role="teacher"
    )


def test_a_new_database_has_every_table(own_home: Path) -> None:
    engine = open_database(f"sqlite:///{own_home}/deep/down/tenk.sqlite3")

    assert set(inspect(engine).get_table_names()) == set(TABLES.tables)
    engine.dispose()


def test_an_older_file_gets_its_missing_columns_with_their_defaults(own_home: Path) -> None:
    url = f"sqlite:///{own_home}/tenk.sqlite3"
    engine = open_database(url)
    with transaction(engine) as session:
        add_turn(session, turn(), example=True)
    with engine.begin() as connection:
        for column in ("citations", "comment", "refused", "error"):
            connection.execute(text(f"ALTER TABLE turn DROP COLUMN {column}"))
    engine.dispose()

    engine = open_database(url)

    with transaction(engine) as session:
        [(_, row)] = examples(session)
    assert row is not None
    assert (row.citations, row.comment, row.refused, row.error) == ([], "", False, None)
    assert row.answer == "a [1]."
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, own_home: Path) -> str:
    """Of a database that nobody has opened yet."""
    if request.param == "postgresql":
        return database(request.getfixturevalue("postgres"), f"t{uuid4().hex}")
    return f"sqlite:///{own_home}/tenk.sqlite3"


def older(url: str, *running: str) -> None:
    """A database whose tenk knew nothing of indexes, in which these cycles run."""
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX one_running_cycle"))
        connection.execute(text("DROP INDEX ix_turn_activation"))
    with transaction(engine) as session:
        session.add_all([Cycle(by="test", tag=tag) for tag in running])
    engine.dispose()


def indexes(engine: Engine, table: str) -> set[str | None]:
    return {one["name"] for one in inspect(engine).get_indexes(table)}


def test_an_older_database_gets_the_index_that_allows_one_running_cycle(url: str) -> None:
    older(url, "first")

    engine = open_database(url)

    assert "one_running_cycle" in indexes(engine, "cycle")
    assert "ix_turn_activation" in indexes(engine, "turn")
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.add(Cycle(by="test", tag="second"))
    engine.dispose()


def test_two_cycles_that_run_at_once_are_told_in_a_line_until_one_is_ended(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    older(url, "first", "second")

    engine = open_database(url)  # starts all the same
    with transaction(engine) as session:
        [told] = notices(session)
        keys = [one.id for one in cycles(session)]
        end_cycle(session, keys[0] or 0, "cancelled by hand", failed=True)
    engine.dispose()
    [line] = [one.getMessage() for one in caplog.records if one.name == "tenk.database"]
    engine = open_database(url)

    assert line == told.text
    assert f"Cycles {keys[1]}, {keys[0]} run at once" in line
    assert f"tenk cycle {keys[0]} --cancel" in line
    assert "\n" not in line
    with transaction(engine) as session:
        assert notices(session) == []
    assert "one_running_cycle" in indexes(engine, "cycle")
    engine.dispose()


def test_a_file_that_is_no_database_is_told_in_one_sentence(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "tenk.sqlite3").write_text("Dear Sirs, " * 100, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="TENK_DATABASE_URL and TENK_HOME"):
        open_database(f"sqlite:///{own_home}/tenk.sqlite3")


@pytest.mark.parametrize("url", ["mysql://host/name", "not an address"])
def test_an_address_of_another_kind_says_what_was_expected(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected sqlite.* or postgresql"):
        open_database(url)


def test_a_password_is_never_in_the_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://me:secret@127.0.0.1:{taken.getsockname()[1]}/tenk"

        with pytest.raises(ConfigurationError) as told:
            open_database(url)

    assert "secret" not in str(told.value)


def test_postgresql_holds_the_log_as_sqlite_does(postgres: str) -> None:
    engine = open_database(postgres)

    with transaction(engine) as session:
        key = add_turn(session, turn(), example=True).id
    with transaction(engine) as session:
        rate(session, key or 0, -1, comment="wrong")
    with transaction(engine) as session:
        [(example, row)] = examples(session)

    assert row is not None
    assert (example.turn, row.rating, row.comment) == (key, -1, "wrong")
    assert set(inspect(engine).get_table_names()) >= set(TABLES.tables)
    engine.dispose()
