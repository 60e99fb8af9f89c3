"""The index's own SQLite file: chunks, their words (FTS5) and vectors; alone knows its tables."""

import json
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ConfigurationError

APPLICATION = 0x74656E6B  # "tenk", in the file's header: this file is ours
VERSION = 1
REBUILD = "Move it away and type `tenk ingest --reindex`."

TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE document (
        filing TEXT PRIMARY KEY, generation INTEGER NOT NULL, chunks INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE chunk (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        node TEXT NOT NULL UNIQUE,
        filing TEXT NOT NULL,
        company TEXT,
        fiscal_year INTEGER,
        page INTEGER,
        kind TEXT,
        section TEXT NOT NULL,
        text TEXT NOT NULL,
        metadata TEXT NOT NULL
    )""",
    "CREATE INDEX chunk_filing ON chunk (filing)",
    "CREATE INDEX chunk_company ON chunk (company, fiscal_year)",
    "CREATE TABLE vector (chunk INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    """CREATE VIRTUAL TABLE words USING fts5(
        filing, section, text, content='chunk', content_rowid='id',
        tokenize='porter unicode61 remove_diacritics 2'
    )""",
    """CREATE TRIGGER chunk_added AFTER INSERT ON chunk BEGIN
        INSERT INTO words (rowid, filing, section, text)
        VALUES (new.id, new.filing, new.section, new.text);
    END""",
    """CREATE TRIGGER chunk_removed AFTER DELETE ON chunk BEGIN
        INSERT INTO words (words, rowid, filing, section, text)
        VALUES ('delete', old.id, old.filing, old.section, old.text);
        DELETE FROM vector WHERE chunk = old.id;
    END""",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One chunk on its way into the index. `id` is given there, and never given twice."""

    node: str
    filing: str
    text: str
    metadata: dict[str, Any]
    vector: bytes

    @property
    def columns(self) -> tuple[Any, ...]:
        """As INSERT_CHUNK takes them."""
        known = (self.metadata.get(key) for key in ("company", "fiscal_year", "page", "kind"))
        section = str(self.metadata.get("section") or "")
        return (
            *(self.node, self.filing, *known),
            *(_storable(section), _storable(self.text), json.dumps(self.metadata)),
        )


INSERT_CHUNK = """INSERT INTO chunk
    (node, filing, company, fiscal_year, page, kind, section, text, metadata)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _storable(text: str) -> str:
    """Text without what SQLite's functions stop at or UTF-8 cannot hold."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")


class IndexFile:
    """The file, open for reading; each change is one transaction on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"Expected TENK_HOME to be a folder that can be written to; {error}."
            ) from error
        with self._told():
            self._reader = self._connect()
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the reading connection. Nothing can be read after it."""
        with self._turn:
            self._reader.close()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """One state of the index, whatever others write meanwhile."""
        with self._turn, self._told():
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.execute("COMMIT")

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """One change: whole, or not at all. Others wait for it up to ten seconds."""
        with self._told(), closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA busy_timeout=10000")
            self._prepare(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Check whose file it is, and make the tables in a new one."""
        if self._is_ours(connection):
            return
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        if not self._is_ours(connection):  # else another process was first
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """False: empty. Raises ConfigurationError for another program's file, or a newer one."""
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if owner == APPLICATION and version > VERSION:
            raise ConfigurationError(
                f"{self.path} was written by a newer tenk (index version {version}; this one "
                f"reads {VERSION}). Update tenk, or move the file away and type "
                "`tenk ingest --reindex`."
            )
        if owner == APPLICATION:
            return True
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables:
            raise ConfigurationError(
                f"Expected tenk's index at {self.path}, found another program's database. {REBUILD}"
            )
        return False

    @contextmanager
    def _told(self) -> Generator[None]:
        """Say in words what SQLite says in codes."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                why = "another process has been writing to it for ten seconds. Try again."
            else:
                why = f"{error}. Check the folder's rights and free space."
            raise ConfigurationError(f"The index {self.path} cannot be used: {why}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"The index {self.path} is damaged or not an index ({error}). {REBUILD}"
            ) from error


# -- what is written


def write(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Put chunks in; a node of the same name goes."""
    connection.executemany("DELETE FROM chunk WHERE node = ?", [(row.node,) for row in rows])
    for row in rows:
        added = connection.execute(INSERT_CHUNK, row.columns)
        connection.execute("INSERT INTO vector VALUES (?, ?)", (added.lastrowid, row.vector))
    changed(connection, {row.filing for row in rows})


def remove(connection: sqlite3.Connection, filing: str) -> None:
    """Take all of a filing's chunks out."""
    connection.execute("DELETE FROM chunk WHERE filing = ?", (filing,))
    changed(connection, {filing})


def rewrite(connection: sqlite3.Connection, vectors: dict[int, bytes]) -> None:
    """Give chunks other vectors."""
    pairs = [(data, number) for number, data in vectors.items()]
    connection.executemany("UPDATE vector SET data = ? WHERE chunk = ?", pairs)
    changed(connection, set(generations(connection)))


def changed(connection: sqlite3.Connection, filings: set[str]) -> None:
    """Note that these filings are not what other processes have read."""
    now = generation(connection) + 1
    set_meta(connection, "generation", str(now))
    for filing in filings:
        connection.execute("DELETE FROM document WHERE filing = ?", (filing,))
        connection.execute(
            "INSERT INTO document SELECT filing, ?, count(*) FROM chunk WHERE filing = ? "
            "GROUP BY filing",
            (now, filing),
        )


def check_model(
    connection: sqlite3.Connection, model: str, *, dimension: int | None = None
) -> None:
    """Raises ConfigurationError when the vectors there are another model's. An empty index is
    anybody's."""
    if not generations(connection):
        return
    made, size = meta(connection, "embed_model"), meta(connection, "dimension")
    if made == model and (dimension is None or size == str(dimension)):
        return
    now = model if dimension is None else f"{model} with {dimension} numbers a text"
    raise ConfigurationError(
        f"The index was made with the embedding model {made} ({size} numbers a text), and the "
        f"settings now name {now}. Type `tenk ingest --reindex` to embed it again, or set "
        f"TENK_EMBED_MODEL={made}."
    )


def meta(connection: sqlite3.Connection, name: str) -> str | None:
    """A fact about the index as a whole: "generation", "embed_model", "dimension"."""
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return found[0] if found else None


def generation(connection: sqlite3.Connection) -> int:
    """A number that grows with each change to the index."""
    return int(meta(connection, "generation") or 0)


def set_model(connection: sqlite3.Connection, model: str, *, dimension: int) -> None:
    """Note whose vectors the index holds."""
    set_meta(connection, "embed_model", model)
    set_meta(connection, "dimension", str(dimension))


def set_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Set such a fact."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


# -- what is read


def generations(connection: sqlite3.Connection) -> dict[str, int]:
    """Each indexed filing, with a number that is another after each change to it."""
    return dict(connection.execute("SELECT filing, generation FROM document").fetchall())


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Each indexed filing, with how many chunks it has."""
    return dict(connection.execute("SELECT filing, chunks FROM document").fetchall())


def vectors_of(connection: sqlite3.Connection, filing: str) -> list[tuple[int, bytes]]:
    """Ids and packed vectors of a filing's chunks, by ascending id."""
    return connection.execute(
        "SELECT chunk.id, vector.data FROM chunk JOIN vector ON vector.chunk = chunk.id "
        "WHERE chunk.filing = ? ORDER BY chunk.id",
        (filing,),
    ).fetchall()


def match(
    connection: sqlite3.Connection,
    words: str,
    *,
    where: str,
    values: Sequence[Any],
    limit: int,
) -> list[tuple[int, float]]:
    """Ids of the chunks with these words (FTS5's query language), with BM25, best first.

    CROSS JOIN keeps SQLite from asking FTS5 anew for each chunk that `where` lets through.
    """
    return connection.execute(
        "SELECT words.rowid, -bm25(words, 0.0, 0.6, 1.0) AS score FROM words "
        f"CROSS JOIN chunk ON chunk.id = words.rowid WHERE words MATCH ? AND {where} "
        "ORDER BY score DESC, words.rowid LIMIT ?",
        (words, *values, limit),
    ).fetchall()


def places(
    connection: sqlite3.Connection, where: str, values: Sequence[Any]
) -> list[tuple[int, str]]:
    """Id and filing of the chunks that `where` lets through, in order."""
    found = connection.execute(
        f"SELECT id, filing FROM chunk WHERE {where} ORDER BY id", tuple(values)
    )
    return found.fetchall()


def chunks(
    connection: sqlite3.Connection, where: str, values: Sequence[Any]
) -> list[tuple[int, str, str, str, dict[str, Any]]]:
    """Id, node, filing, text and metadata of the chunks that `where` lets through, in order."""
    found = connection.execute(
        f"SELECT id, node, filing, text, metadata FROM chunk WHERE {where} ORDER BY id",
        tuple(values),
    )
    return [(*row[:4], json.loads(row[4])) for row in found]
