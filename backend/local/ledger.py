"""A home goes in; the database comes out in which every server on it keeps its files and jobs.

SQLite in WAL mode: several processes read and write it at once. A connection lives for one
transaction, so that threads share nothing.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.local.problems import Problem

BUSY_SECONDS = 20.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, bytes INTEGER NOT NULL,
    created INTEGER NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created INTEGER NOT NULL,
    asked TEXT NOT NULL, status TEXT NOT NULL, owner TEXT, beat REAL NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0, progress TEXT, error TEXT, model TEXT, finished INTEGER,
    estimated INTEGER, trained_tokens INTEGER, result_file TEXT, examples INTEGER);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status);
CREATE TABLE IF NOT EXISTS events (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, job TEXT NOT NULL,
    created INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, data TEXT);
CREATE INDEX IF NOT EXISTS events_by_job ON events (job, place);
CREATE TABLE IF NOT EXISTS checkpoints (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, job TEXT NOT NULL,
    created INTEGER NOT NULL, step INTEGER NOT NULL, model TEXT NOT NULL, metrics TEXT NOT NULL,
    UNIQUE (job, step));
CREATE TABLE IF NOT EXISTS steps (
    job TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL, PRIMARY KEY (job, step));
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The database of one home. Made on first use, so that opening a home writes nothing."""

    folder: Path

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self._path.exists()

    @property
    def _path(self) -> Path:
        return self.folder / "api.sqlite"

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A connection for one look."""
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A transaction: all of it, or nothing. Others' writes wait for its end."""
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous=NORMAL")
            if not _complete(connection):
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            if connection is not None:
                connection.close()
            raise Problem(
                500,
                f"The local API cannot use its database {self._path} ({error}). Make its folder "
                "writable, or move the file away: tuned models stay, files and jobs are forgotten.",
                code="database_unusable",
            ) from None
        return connection


def _complete(connection: sqlite3.Connection) -> bool:
    """Whether the schema is there: another process may just be making it."""
    told = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'steps'").fetchone()
    return bool(told[0])


def ledger(home: Path) -> Ledger:
    """The database of the servers on `home`."""
    return Ledger(home / "local")
