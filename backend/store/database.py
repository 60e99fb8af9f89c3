"""Opens the database and its transactions; brings an older database up to today's tables."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, create_engine

from backend.records import Turn

TABLES = Turn.metadata  # every table of records shares one registry


def open_database(url: str) -> Engine:
    """Open the database at `url`, creating its folder and tables where they are missing.

    A column that today's tables have and an older file lacks is added, empty; nothing is removed.
    """
    sqlite = make_url(url).get_backend_name() == "sqlite"
    if sqlite and (path := make_url(url).database) and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=QueuePool, pool_pre_ping=not sqlite)
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    TABLES.create_all(engine)
    _add_missing_columns(engine)
    return engine


_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",  # a killed process loses nothing; FULL costs a reader 10 ms a question
    "foreign_keys=ON",
    "busy_timeout=10000",
)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _add_missing_columns(engine: Engine) -> None:
    found = inspect(engine)
    with engine.begin() as connection:
        for table in TABLES.sorted_tables:
            held = {column["name"] for column in found.get_columns(table.name)}
            for column in table.columns:
                if column.name not in held:
                    kind = column.type.compile(engine.dialect)
                    connection.execute(
                        text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')
                    )


@contextmanager
def transaction(engine: Engine) -> Generator[Session]:
    """A short transaction; rows stay readable after it.

    Never await inside one: SQLite has a single write lock, and the chat would wait for it while
    a model thinks.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
