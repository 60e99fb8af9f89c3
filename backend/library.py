"""Files in, searchable filings out; alone knows in which order a filing comes to be seen.

The copy of the PDF comes first, its chunks next, its row last: a filing is visible with its row,
and whatever was interrupted before that is replaced when the file comes again, or swept away.
"""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from time import perf_counter, time
from typing import TYPE_CHECKING, Protocol

from backend.errors import BadFile
from backend.filings import ReadFiling, check, read_filing
from backend.records import Chunk, Filing
from backend.settings import Settings
from backend.store.database import transaction
from backend.store.filings import (
    add_filing_once,
    filing_with,
    filings,
    remove_filing,
)
from backend.store.locking import only_one

if TYPE_CHECKING:
    from sqlalchemy import Engine

ABANDONED = 3600.0
"""Seconds after which a copy without a row belongs to no ingest that still runs."""
GLANCE = 0.1
"""Seconds between two looks whether another process has done with a filing."""

Progress = Callable[[int, int, str], None]
"""Told (pages read, pages, name of the file), in the event loop's thread."""


class Chunks(Protocol):
    """Where chunks become searchable."""

    async def add(self, filing: Filing, chunks: Sequence[Chunk]) -> None: ...

    def remove(self, filing_id: str) -> None: ...

    def indexed(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Ingested:
    """A file that can be asked about now."""

    filing: str
    company: str
    form: str
    fiscal_year: int | None
    pages: int
    chunks: int
    seconds: float
    already_known: bool
    notes: list[str] = field(default_factory=list[str])
    """What a person should know about the file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A file or folder that stays out, and the one-line reason, which does not repeat its name."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Library:
    """The filings that can be asked about: their rows, chunks and files."""

    engine: "Engine"
    index: Chunks
    home: Path
    settings: Settings
    warm: Callable[[], None] = lambda: None
    """Loads what indexing needs, in a thread of its own while the first file is read."""

    async def ingest(
        self, paths: Sequence[Path], *, on_progress: Progress | None = None
    ) -> list[Ingested | Refused]:
        """Take in PDFs and folders of PDFs, one after the other: a result for each file.

        A file that is named itself gives exactly one result, in the order given. Raises
        ProviderError when the embedding model fails; what is in by then stays.
        """
        self._sweep()
        found: list[Ingested | Refused] = []
        for path in paths:
            for one in await asyncio.to_thread(_files, path):
                if isinstance(one, Refused):
                    found.append(one)
                else:
                    found.append(await self._ingest_file(one, on_progress or _nobody))
        return found

    async def restore(self, *, on_progress: Progress | None = None) -> list[Ingested | Refused]:
        """Index again what the index has lost, from the copies in home; a result for each filing.

        Raises ProviderError when the embedding model fails.
        """
        with transaction(self.engine) as session:
            rows = filings(session)
        held, found = self.index.indexed(), list[Ingested | Refused]()
        for row in rows:
            if row.id in held:
                continue
            start = perf_counter()
            try:
                read = await self._read(self.path(row.id), on_progress or _nobody)
            except BadFile as reason:
                found.append(Refused(row.file, f"Its copy in home cannot be read. {reason}"))
                continue
            await self.index.add(row, read.chunks)
            found.append(_told(row, perf_counter() - start, already_known=True))
        return found

    def remove(self, filing_id: str) -> Filing:
        """Take a filing out of sight, then out of the index, then its file. Raises NotFound."""
        with transaction(self.engine) as session:
            row = remove_filing(session, filing_id)
        self._clear(filing_id)
        return row

    def path(self, filing_id: str) -> Path:
        """Where the copy of a filing's PDF is."""
        return self.home / "filings" / f"{filing_id}.pdf"

    async def _ingest_file(self, path: Path, on_progress: Progress) -> Ingested | Refused:
        start = perf_counter()
        try:
            sha256 = await asyncio.to_thread(check, path)
            known = self._known(sha256)
            if known:
                self._keep(path, known.id)
                return _told(known, perf_counter() - start, already_known=True)
            read = await self._read(path, on_progress)
            return await self._add(path, read, start)
        except BadFile as reason:
            return Refused(path.name, str(reason))
        except OSError as error:
            return Refused(
                path.name,
                f"It cannot be kept in {self.home}: {error.strerror}. Make room there, or set "
                "TENK_HOME to another folder.",
            )

    def _known(self, sha256: str) -> Filing | None:
        with transaction(self.engine) as session:
            return filing_with(session, sha256)

    async def _read(self, path: Path, on_progress: Progress) -> ReadFiling:
        """Read in a thread; when this is cancelled, the reading ends at its next page."""
        loop, ended = asyncio.get_running_loop(), Event()

        def on_page(page: int, pages: int) -> None:
            if ended.is_set():
                raise BadFile("It was stopped.")
            loop.call_soon_threadsafe(on_progress, page - 1, pages, path.name)

        reading = partial(
            read_filing,
            path,
            max_pages=self.settings.max_pages,
            page_timeout=self.settings.page_timeout,
            on_page=on_page,
        )
        try:
            read, _ = await asyncio.gather(asyncio.to_thread(reading), asyncio.to_thread(self.warm))
            return read
        finally:
            ended.set()

    async def _add(self, path: Path, read: ReadFiling, start: float) -> Ingested:
        row = _row(read, file=path.name)
        async with self._alone(row.id):
            if known := self._known(read.sha256):  # whoever had it before has shown it
                self._keep(path, known.id)
                return _told(known, perf_counter() - start, already_known=True)
            seen = False
            try:
                self._keep(path, row.id)
                await self.index.add(row, read.chunks)
                row.seconds = perf_counter() - start
                with transaction(self.engine) as session:
                    seen = add_filing_once(session, row)
            finally:
                if not seen and self._known(read.sha256) is None:
                    self._clear(row.id)
            return _told(row, perf_counter() - start, already_known=not seen)

    @asynccontextmanager
    async def _alone(self, filing_id: str) -> AsyncGenerator[None]:
        """Nobody else takes in or clears this filing meanwhile, in whatever process.

        One that gives up would else take away the chunks that another is about to show.
        """
        while True:
            with only_one(self.engine, self.home, _lock(filing_id)) as alone:
                if alone:
                    yield
                    return
            await asyncio.sleep(GLANCE)

    def _keep(self, path: Path, filing_id: str) -> None:
        """Copy the PDF into home, whole or not at all."""
        target = self.path(filing_id)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(".part")
        shutil.copyfile(path, half)
        half.replace(target)

    def _clear(self, filing_id: str) -> None:
        self.index.remove(filing_id)
        for suffix in (".pdf", ".part"):
            self.path(filing_id).with_suffix(suffix).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Clear what ingests left behind that a kill or a power cut interrupted."""
        folder = self.home / "filings"
        if not folder.is_dir():
            return
        with transaction(self.engine) as session:
            seen = {row.id for row in filings(session)}
        for left in folder.iterdir():
            with suppress(FileNotFoundError):  # another process sweeps too
                old = time() - left.stat().st_mtime > ABANDONED
                if left.suffix in (".pdf", ".part") and left.stem not in seen and old:
                    with only_one(self.engine, self.home, _lock(left.stem)) as alone:
                        if alone:
                            self._clear(left.stem)


def _lock(filing_id: str) -> str:
    """Few enough that their files need no sweeping, many enough that filings seldom share one."""
    return f"ingest-{filing_id[0]}"


def _nobody(_done: int, _total: int, _label: str) -> None:
    """Nobody follows the progress."""


def _files(path: Path) -> list[Path | Refused]:
    """The file itself, or a folder's PDFs at any depth, sorted; hidden ones are left out."""
    name = path.name or str(path)
    if not path.exists():
        return [Refused(name, f"Nothing is there: expected a PDF or a folder at {path}.")]
    if not path.is_dir():
        return [path]
    inside = sorted(
        one
        for one in path.rglob("*")
        if one.suffix.lower() == ".pdf" and one.is_file() and not one.name.startswith(".")
    )
    return [*inside] or [
        Refused(name, "It holds no PDF: expected files that end in .pdf, there or further down.")
    ]


def _row(read: ReadFiling, *, file: str) -> Filing:
    cover = read.cover
    return Filing(
        id=read.sha256[:12],
        sha256=read.sha256,
        file=file,
        company=cover.company,
        ticker=cover.ticker,
        form=cover.form,
        fiscal_year=cover.fiscal_year,
        period_end=cover.period_end,
        pages=read.pages,
        chunks=len(read.chunks),
        seconds=0.0,
        notes=read.notes,
    )


def _told(row: Filing, seconds: float, *, already_known: bool) -> Ingested:
    return Ingested(
        filing=row.id,
        company=row.company,
        form=row.form,
        fiscal_year=row.fiscal_year,
        pages=row.pages,
        chunks=row.chunks,
        seconds=round(seconds, 3),
        already_known=already_known,
        notes=list(row.notes),
    )
