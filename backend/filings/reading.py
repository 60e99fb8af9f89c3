"""The path of a PDF in, the filing it holds out: cover, pages, chunks, or the one-line reason."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from backend.errors import BadFile

if TYPE_CHECKING:
    from backend.records import Chunk, Cover

START = 30.0
"""Seconds that the reading process may take to start and open the file."""
TAIL = 4096
"""Bytes at the end of a whole PDF that hold its end mark."""
RUN = (
    "import sys; sys.path[:] = {path!r}; from backend.filings.child import main; main(sys.argv[1:])"
)


@dataclass(frozen=True, slots=True)
class ReadFiling:
    """A filing as read. `notes` are what a person should know about the file."""

    sha256: str
    file: str
    cover: Cover
    pages: int
    chunks: list[Chunk]
    notes: list[str]


def read_filing(
    path: Path,
    *,
    max_pages: int,
    page_timeout: float,
    on_page: Callable[[int, int], None] | None = None,
) -> ReadFiling:
    """Read the PDF at `path`. Blocks: call it in a thread where others wait.

    `on_page` is told the page about to be read, from 1, and how many there are; what it raises
    ends the reading. `page_timeout` are the seconds that one page may take. Raises BadFile, whose
    text is the reason without the file's name.
    """
    sha256 = check(path)
    with _reader(path, max_pages) as messages:
        told = _follow(messages, max_pages, page_timeout, on_page or _nobody)
    return _filing(path, sha256, told)


def check(path: Path) -> str:
    """The file's sha256, if it can be a PDF at all. Raises BadFile, as `read_filing` does."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(
            f"It cannot be opened: {error.strerror}. Check the path and who may read it."
        ) from None
    if not data:
        raise BadFile("It is empty: expected a PDF, found 0 bytes. Fetch the file again.")
    if b"%PDF-" not in data[:1024]:
        raise BadFile(
            f"It is not a PDF: expected it to start with %PDF-, found {_kind(data)}. "
            "Print or export the filing as a PDF, and ingest that."
        )
    if b"%%EOF" not in data[-TAIL:] and b"startxref" not in data[-TAIL:]:
        raise BadFile(
            f"It is truncated: expected %%EOF at its end, found none in "
            f"{len(data):,} bytes. Fetch the file again."
        )
    return hashlib.sha256(data).hexdigest()


def _kind(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a web page"
    if start.startswith(b"pk\x03\x04"):
        return "a zip or Office file"
    return repr(data[:8].decode("latin-1"))


def _nobody(_page: int, _pages: int) -> None:
    """Nobody follows the progress."""


@contextmanager
def _reader(path: Path, max_pages: int) -> Generator[SimpleQueue[str | None]]:
    """A process that reads the file, and its messages line by line; None when it has ended."""
    code = RUN.format(path=[entry for entry in sys.path if entry] + [_root()])
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path.resolve()), str(max_pages)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    messages: SimpleQueue[str | None] = SimpleQueue()

    def pump() -> None:
        for line in process.stdout or ():
            messages.put(line)
        messages.put(None)

    listener = Thread(target=pump, daemon=True)
    listener.start()
    try:
        yield messages
    finally:
        process.kill()
        process.wait()
        listener.join()
        if process.stdout:
            process.stdout.close()


def _root() -> str:
    return str(Path(__file__).resolve().parents[2])


def _follow(
    messages: SimpleQueue[str | None],
    max_pages: int,
    page_timeout: float,
    on_page: Callable[[int, int], None],
) -> dict[str, Any]:
    """Wait for the filing. Raises BadFile when the process gives it up, dies, or hangs."""
    page, patience = 0, max(START, page_timeout)
    while True:
        try:
            line = messages.get(timeout=patience)
        except Empty:
            raise BadFile(_hung(page, patience)) from None
        if line is None:
            raise BadFile(_died(page))
        message: dict[str, Any] = json.loads(line)
        if "filing" in message:
            return message["filing"]
        if "page" in message:
            page, patience = int(message["page"]), page_timeout
            on_page(page, int(message["of"]))
        elif "apart" in message:
            patience = max(START, page_timeout)
        else:
            raise BadFile(_reason(message, max_pages))


def _hung(page: int, seconds: float) -> str:
    what = f"Page {page}" if page else "Opening it"
    return (
        f"{what} took longer than {seconds:g} s, so it was given up. Ingest the file without that "
        "page, or raise TENK_PAGE_TIMEOUT."
    )


def _died(page: int) -> str:
    where = f"at page {page}" if page else "while opening it"
    return (
        f"It is damaged: reading it ended abruptly {where}. Expected a readable PDF; "
        "print it to a new PDF, and ingest that."
    )


def _reason(message: dict[str, Any], max_pages: int) -> str:
    if "locked" in message:
        return (
            "It is locked: expected a PDF that opens without a password, found one that asks "
            "for it. Save an unlocked copy, and ingest that."
        )
    if "scanned" in message:
        return (
            f"It holds no text: expected a PDF with text, found {message['scanned']} pages of "
            "images. Run text recognition (OCR) over it, and ingest the result."
        )
    if message.get("pages") == 0:
        return "It has no pages. Expected a filing; fetch the file again."
    if "pages" in message:
        return (
            f"It has {message['pages']:,} pages: expected at most {max_pages:,}. Split it, or "
            "raise TENK_MAX_PAGES."
        )
    return (
        "It is damaged or truncated: expected a readable PDF, found "
        f"'{message.get('damaged', 'nothing')}'. Fetch the file again."
    )


def _filing(path: Path, sha256: str, told: dict[str, Any]) -> ReadFiling:
    from backend.records import Chunk, Cover  # brings the tables' library: half a second

    return ReadFiling(
        sha256=sha256,
        file=path.name,
        cover=Cover.model_validate(told["cover"]),
        pages=int(told["pages"]),
        chunks=[Chunk.model_validate(chunk) for chunk in told["chunks"]],
        notes=[str(note) for note in told["notes"]],
    )
