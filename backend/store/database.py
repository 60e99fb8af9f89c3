"""Opens the database and its transactions; brings an older database up to today's tables."""

import logging
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any

from pydantic_core import PydanticUndefined
from sqlalchemy import URL, Engine, Index, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import DataError as WrongValue
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateIndex
from sqlmodel import Session, col, create_engine, select

from backend.errors import ConfigurationError, ProviderError
from backend.records import Cycle, Turn
from backend.store.notices import put_notice, remove_notice

log = logging.getLogger("tenk.database")

TABLES = Turn.metadata  # every table of records shares one registry
ONE_RUNNING = "one_running_cycle"
"""The index that allows one running cycle, and the subject of a notice where there are two."""
_OURS = (IntegrityError, ProgrammingError, WrongValue)
"""What a database complains of that works: the fault lies with who asked."""
MAPPED = Turn._sa_registry  # pyright: ignore[reportPrivateUsage]  # it has no public name


def open_database(url: str) -> Engine:
    """Open the database at `url`, creating its folder and tables where they are missing.

    A column that today's tables have and an older file lacks is added with its default, and so
    is an index; nothing is removed. Raises ConfigurationError where the database cannot be used.
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
            f"{_cannot_be_used(engine, error)} Check TENK_DATABASE_URL and TENK_HOME."
        ) from error
    return engine


def _cannot_be_used(engine: Engine, error: DBAPIError) -> str:
    reason = str(error.orig).strip().splitlines()[0].rstrip(".")
    return (
        f"The database {engine.url.render_as_string(hide_password=True)} cannot be used: {reason}."
    )


@contextmanager
def outages_told(engine: Engine) -> Generator[None]:
    """What a database that is away, full or locked does to the work inside, as ProviderError."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, _OURS) and not error.connection_invalidated:
            raise
        raise ProviderError(_cannot_be_used(engine, error)) from error


def usable(engine: Engine) -> bool:
    """Whether the database answers; a file that was deleted is not made anew for that."""
    if (path := _file_of(engine)) is not None and not path.is_file():
        return False
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True


class Whereabouts:
    """Notices when the file of a SQLite database is deleted, or another one lies in its place.

    Who has it open would go on with the old one, which nobody else sees.
    """

    def __init__(self, engine: Engine) -> None:
        self._path = _file_of(engine)
        self._found = self._look()

    def moved(self) -> bool:
        """Whether the database at the address is no longer the one that was opened."""
        return self._look() != self._found

    def _look(self) -> tuple[int, int] | None:
        try:
            told = self._path.stat() if self._path else None
        except FileNotFoundError:
            return None
        return told and (told.st_dev, told.st_ino)


def _file_of(engine: Engine) -> Path | None:
    name = engine.url.database
    sqlite = engine.dialect.name == "sqlite" and name not in (None, "", ":memory:")
    return Path(name) if sqlite and name else None


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
    _add_missing_indexes(engine)


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


def let_sqlite_tell_fractions() -> None:
    """Give SQLite below 3.42 the unixepoch('subsec') that DBOS asks for from Python 3.12 on.

    There it is null, and no worker could start: a Python may be newer than its system's SQLite.
    """
    old = sqlite3.sqlite_version_info < (3, 42)
    if old and not event.contains(Engine, "connect", _tell_fractions):
        event.listen(Engine, "connect", _tell_fractions)


def _tell_fractions(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, _seconds)


def _seconds(_fractions: str) -> float:
    return round(time(), 3)


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


def _add_missing_indexes(engine: Engine) -> None:
    """Make those that an older file lacks.

    Where two cycles run at once, which one of them forbids, the operator is told in a line and
    tenk starts all the same.
    """
    for table in TABLES.sorted_tables:
        held = _indexes(engine, table.name)
        for index in table.indexes:
            if index.name in held:
                continue
            made = _made(engine, index) or index.name in _indexes(engine, table.name)
            if index.name == ONE_RUNNING:
                _tell_running(engine, allowed=made)


def _made(engine: Engine, index: Index) -> bool:
    """False where rows forbid it, or another process makes it in this moment."""
    try:
        with engine.begin() as connection:
            connection.execute(CreateIndex(index, if_not_exists=True))
    except IntegrityError:
        return False
    return True


def _indexes(engine: Engine, table: str) -> set[str | None]:
    return {index["name"] for index in inspect(engine).get_indexes(table)}


def _tell_running(engine: Engine, *, allowed: bool) -> None:
    """Which cycles run at once, to whoever looks at the terminal or the status."""
    with transaction(engine) as session:
        if allowed:
            remove_notice(session, ONE_RUNNING)
            return
        running = select(Cycle.id).where(col(Cycle.ended).is_(None)).order_by(col(Cycle.id))
        keys = list(session.exec(running))
        told = (
            f"Cycles {', '.join(map(str, keys))} run at once, which an older tenk allowed: end all "
            f"but one (tenk cycle {keys[-1]} --cancel), then start tenk again."
        )
        put_notice(session, ONE_RUNNING, told)
    log.warning(told)


@contextmanager
def transaction(engine: Engine) -> Generator[Session]:
    """A short transaction; rows stay readable after it.

    Never await inside one: SQLite has a single write lock, and the chat would wait for it while
    a model thinks.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
