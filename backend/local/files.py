"""Uploads go in, file objects and their bytes come out; alone knows where files lie."""

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from backend.local.ledger import Ledger
from backend.local.problems import Problem, wrong_value

FILE_LIMIT = 512 * 1024 * 1024
"""Bytes that one file may have, as OpenAI's."""
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
RESULTS = "fine-tune-results"
_SLICE = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is known of a file."""

    id: str
    bytes: int
    created: int
    filename: str
    purpose: str

    def card(self) -> dict[str, Any]:
        """OpenAI's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one home."""

    ledger: Ledger
    limit: int = FILE_LIMIT

    def add(self, filename: str, purpose: str, source: IO[bytes]) -> StoredFile:
        """Keep an upload; raises Problem where OpenAI would not take it."""
        if purpose not in PURPOSES:
            raise wrong_value("purpose", purpose, ", ".join(f"'{one}'" for one in PURPOSES))
        if purpose == "fine-tune" and not filename.lower().endswith(".jsonl"):
            raise Problem(
                400, "Invalid file format for Fine-Tuning API. Must be .jsonl", param="file"
            )
        return self._keep(filename, purpose, iter(lambda: source.read(_SLICE), b""))

    def add_result(self, filename: str, text: str) -> StoredFile:
        """Keep what a job wrote."""
        return self._keep(filename, RESULTS, [text.encode()])

    def _keep(self, filename: str, purpose: str, parts: Iterable[bytes]) -> StoredFile:
        name = f"file-{uuid4().hex[:24]}"
        part = self._path(f"{name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            size = self._write(part, parts)
            part.replace(self._path(name))
        finally:
            part.unlink(missing_ok=True)
        kept = StoredFile(name, size, int(time.time()), filename, purpose)
        with self.ledger.writing() as told:
            told.execute(
                "INSERT INTO files (id, bytes, created, filename, purpose) VALUES (?, ?, ?, ?, ?)",
                (kept.id, kept.bytes, kept.created, kept.filename, kept.purpose),
            )
        return kept

    def _write(self, path: Path, parts: Iterable[bytes]) -> int:
        size = 0
        with path.open("wb") as target:
            for part in parts:
                size += len(part)
                if size > self.limit:
                    raise too_large(self.limit)
                target.write(part)
        if not size:
            raise Problem(400, "File is empty.", param="file", code="empty_file")
        return size

    def find(self, name: str) -> StoredFile:
        """The file of that id; raises Problem 404."""
        found = self.known(name)
        if found is None:
            raise unknown_file(name)
        return found

    def known(self, name: str) -> StoredFile | None:
        """The file of that id, or None."""
        with self.ledger.reading() as told:
            row = told.execute("SELECT * FROM files WHERE id = ?", (name,)).fetchone()
        return _stored(row) if row else None

    def all(self, purpose: str | None = None) -> list[StoredFile]:
        """Every file, newest first."""
        with self.ledger.reading() as told:
            rows = told.execute("SELECT * FROM files ORDER BY place DESC").fetchall()
        return [one for row in rows if (one := _stored(row)).purpose == (purpose or one.purpose)]

    def path(self, name: str) -> Path:
        """Where the bytes lie; raises Problem 404 where no such file is known."""
        return self._path(self.find(name).id)

    def delete(self, name: str) -> None:
        """Forget a file; raises Problem 404."""
        with self.ledger.writing() as told:
            gone = told.execute("DELETE FROM files WHERE id = ?", (name,)).rowcount
        if not gone:
            raise unknown_file(name)
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.ledger.folder / "files" / name


def _stored(row: sqlite3.Row) -> StoredFile:
    return StoredFile(row["id"], row["bytes"], row["created"], row["filename"], row["purpose"])


def unknown_file(name: str) -> Problem:
    """No such file."""
    return Problem(404, f"No such File object: {name}", param="id")


def too_large(limit: int) -> Problem:
    """More bytes than one file may have."""
    shown = f"{limit // 1024**2} MB" if limit >= 1024**2 else f"{limit} bytes"
    return Problem(
        413,
        f"The file is too large: this server takes at most {shown} a file. Split it.",
        param="file",
        code="file_too_large",
    )
