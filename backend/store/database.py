"""Opens the database and its transactions; brings an older database up to today's tables."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined
from sqlalchemy import URL, Engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, create_engine

from backend.errors import ConfigurationError
from backend.records import Turn

TABLES = Turn.metadata  # every table of records shares one registry
MAPPED = Turn._sa_registry  # pyright: ignore[reportPrivateUsage]  # it has no public name


def open_database(url: str) -> Engine:
    """Open the database at `url`, creating its folder and tables where they are missing.

    A column that today's tables have and an older file lacks is added with its default; nothing
    is removed. Raises ConfigurationError where the database cannot be used.
    """
    told = _address(url)
    sqlite = told.get_backend_name() == "sqlite"
    if sqlite and told.database and told.database != ":memory:":
        Path(told.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(told, poolclass=QueuePool, pool_pre_ping=not sqlite)
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    try:
        _bring_up_to_date(engine)
    except DBAPIError as error:
        raise ConfigurationError(
            f"The database {told.render_as_string(hide_password=True)} cannot be used: "
            f"{str(error.orig).strip().splitlines()[0]}. Check TENK_DATABASE_URL and TENK_HOME."
        ) from error
    return engine


def _address(url: str) -> URL:
    """The address with the driver that tenk ships. Raises ConfigurationError."""
    try:
        told = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            f"TENK_DATABASE_URL is {url!r}; expected sqlite:///FILE or postgresql://HOST/NAME."
        ) from None
    if told.drivername in ("postgresql", "postgres"):
        told = told.set(drivername="postgresql+psycopg")
    if told.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"TENK_DATABASE_URL names {told.drivername}; expected sqlite or postgresql."
        )
    return told


def _bring_up_to_date(engine: Engine) -> None:
    try:
        TABLES.create_all(engine)
    except DBAPIError:  # another process made a table between our look and our making it
        TABLES.create_all(engine)
    _add_missing_columns(engine)


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
    models = {str(mapper.local_table): mapper.class_ for mapper in MAPPED.mappers}
    with engine.begin() as connection:
        for table in TABLES.sorted_tables:
            held = {column["name"] for column in found.get_columns(table.name)}
            for column in table.columns:
                if column.name in held:
                    continue
                kind = column.type.compile(engine.dialect)
                connection.execute(
                    text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')
                )
                field = models[table.name].model_fields[column.name]
                default = field.get_default(call_default_factory=True)
                if default is not PydanticUndefined and default is not None:
                    connection.execute(table.update().values({column.name: default}))


@contextmanager
def transaction(engine: Engine) -> Generator[Session]:
    """A short transaction; rows stay readable after it.

    Never await inside one: SQLite has a single write lock, and the chat would wait for it while
    a model thinks.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
