"""Files become searchable whole or not at all, whatever interrupts."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident

import pytest

from backend.errors import NotFound, ProviderError
from backend.index import open_index
from backend.library import Ingested, Library, Refused
from backend.records import Chunk, Filing
from backend.settings import Settings
from backend.store.database import open_database, transaction
from backend.store.filings import add_filing_once, filings
from tests import broken_pdfs


@dataclass
class Shelf:
    """An index of ours: a dictionary, and what should happen while a filing is put in."""

    held: dict[str, list[Chunk]] = field(default_factory=dict[str, list[Chunk]])
    fails: BaseException | None = None
    waits: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    log: list[str] = field(default_factory=list[str])

    async def add(self, filing: Filing, chunks: Sequence[Chunk]) -> None:
        self.log.append(f"add {filing.id}")
        self.held[filing.id] = list(chunks)
        self.reached.set()
        if self.waits:
            await self.waits.wait()
        if self.fails:
            raise self.fails

    def remove(self, filing_id: str) -> None:
        self.log.append(f"remove {filing_id}")
        self.held.pop(filing_id, None)

    def indexed(self) -> dict[str, int]:
        return {filing: len(chunks) for filing, chunks in self.held.items()}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def library(shelf: Shelf, own_home: Path) -> Library:
    engine = open_database(f"sqlite:///{own_home / 'tenk.sqlite3'}")
    return Library(engine=engine, index=shelf, home=own_home, settings=Settings())


def seen(library: Library) -> list[str]:
    with transaction(library.engine) as session:
        return [row.id for row in filings(session)]


def kept(library: Library) -> list[str]:
    folder = library.home / "filings"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


async def test_an_ingested_file_is_a_row_its_chunks_and_a_copy(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    path = broken_pdfs.good(tmp_path / "plain.pdf")

    [one] = await library.ingest([path])

    assert isinstance(one, Ingested)
    assert (one.company, one.form, one.fiscal_year) == ("Plain Goods, Inc.", "10-K", 2024)
    assert (one.pages, one.already_known) == (3, False)
    assert one.chunks == len(shelf.held[one.filing])
    assert seen(library) == [one.filing]
    assert library.path(one.filing).read_bytes() == path.read_bytes()
    assert one.seconds > 0


async def test_the_row_tells_what_the_cover_says(library: Library, tmp_path: Path) -> None:
    await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])

    with transaction(library.engine) as session:
        [row] = filings(session)
    assert (row.file, row.ticker, row.company) == ("plain.pdf", "TEST", "Plain Goods, Inc.")
    assert str(row.period_end) == "2024-12-31"
    assert row.seconds > 0


async def test_a_second_ingest_says_already_known_and_reads_nothing(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    path = broken_pdfs.good(tmp_path / "plain.pdf")
    told: list[int] = []
    [first] = await library.ingest([path])

    [second] = await library.ingest(
        [path], on_progress=lambda done, total, label: told.append(done)
    )

    assert isinstance(first, Ingested)
    assert isinstance(second, Ingested)
    assert second.already_known
    assert second.filing == first.filing
    assert second.chunks == first.chunks
    assert shelf.log == [f"add {first.filing}"]
    assert told == []


async def test_two_files_with_the_same_content_are_one_filing(
    library: Library, tmp_path: Path
) -> None:
    path = broken_pdfs.good(tmp_path / "plain.pdf")
    twin = Path(shutil.copy(path, tmp_path / "twin.pdf"))

    found = await library.ingest([path, twin])

    assert [one.already_known for one in found if isinstance(one, Ingested)] == [False, True]
    assert len(seen(library)) == 1


async def test_bad_files_get_their_reason_and_the_others_go_in(
    library: Library, tmp_path: Path
) -> None:
    paths = [
        broken_pdfs.empty(tmp_path / "empty.pdf"),
        broken_pdfs.good(tmp_path / "good.pdf"),
        broken_pdfs.encrypted(tmp_path / "locked.pdf", "secret"),
        broken_pdfs.good(tmp_path / "other.pdf", company="Other Goods, Inc."),
        tmp_path / "missing.pdf",
    ]

    found = await library.ingest(paths)

    refused = {one.file: one.reason for one in found if isinstance(one, Refused)}
    companies = [one.company for one in found if isinstance(one, Ingested)]
    assert companies == ["Plain Goods, Inc.", "Other Goods, Inc."]
    assert list(refused) == ["empty.pdf", "locked.pdf", "missing.pdf"]
    assert not any("\n" in reason for reason in refused.values())
    assert "Nothing is there" in refused["missing.pdf"]
    assert [type(one) for one in found] == [Refused, Ingested, Refused, Ingested, Refused]


async def test_a_page_that_hangs_is_refused_and_leaves_nothing(
    library: Library, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENK_PAGE_TIMEOUT", "0.3")
    impatient = Library(library.engine, shelf, library.home, Settings())

    [one] = await impatient.ingest([broken_pdfs.heavy(tmp_path / "heavy.pdf")])

    assert isinstance(one, Refused)
    assert one.reason.startswith("Page 2 took longer than 0.3 s")
    assert (seen(library), shelf.held, kept(library)) == ([], {}, [])


async def test_a_folders_pdfs_come_sorted_from_every_depth(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    broken_pdfs.good(folder / "b.PDF", company="B Inc.")
    broken_pdfs.good(folder / "a.pdf", company="A Inc.")
    broken_pdfs.good(folder / "deep" / "c.pdf", company="C Inc.")
    broken_pdfs.empty(folder / "._a.pdf")
    (folder / "notes.txt").write_text("no filing", encoding="utf-8")

    found = await library.ingest([folder])

    assert [one.company for one in found if isinstance(one, Ingested)] == [
        "A Inc.",
        "B Inc.",
        "C Inc.",
    ]
    assert len(found) == 3


async def test_a_folder_without_a_pdf_is_refused_with_its_reason(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()

    found = await library.ingest([tmp_path / "bare"])

    assert [type(one) for one in found] == [Refused]
    assert "holds no PDF" in found[0].reason if isinstance(found[0], Refused) else False


async def test_progress_counts_pages_in_the_loops_own_thread(
    library: Library, tmp_path: Path
) -> None:
    told: list[tuple[int, int, str]] = []
    threads: set[int] = set()

    def follow(done: int, total: int, label: str) -> None:
        told.append((done, total, label))
        threads.add(get_ident())

    await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")], on_progress=follow)

    assert told == [(0, 3, "plain.pdf"), (1, 3, "plain.pdf"), (2, 3, "plain.pdf")]
    assert threads == {get_ident()}


async def test_a_failing_index_leaves_nothing_visible(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.fails = ProviderError("The embedding model does not answer.")

    with pytest.raises(ProviderError):
        await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])

    assert (seen(library), shelf.held, kept(library)) == ([], {}, [])


async def test_a_cancelled_ingest_leaves_nothing_visible(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.waits = asyncio.Event()
    task = asyncio.create_task(library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")]))
    await asyncio.wait_for(shelf.reached.wait(), timeout=30)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (seen(library), shelf.held, kept(library)) == ([], {}, [])


async def test_a_cancel_while_pages_are_read_leaves_nothing_visible(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    begun = asyncio.Event()
    ingest = library.ingest(
        [broken_pdfs.heavy(tmp_path / "heavy.pdf")],
        on_progress=lambda done, total, label: begun.set(),
    )
    task = asyncio.create_task(ingest)
    await asyncio.wait_for(begun.wait(), timeout=30)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (seen(library), shelf.log, kept(library)) == ([], [], [])


async def test_what_a_power_cut_left_is_replaced_when_the_file_comes_again(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    path = broken_pdfs.good(tmp_path / "plain.pdf")
    [first] = await library.ingest([path])
    assert isinstance(first, Ingested)
    # As if the power had gone right before the row: copy and chunks are there, torn.
    library.remove(first.filing)
    library.path(first.filing).with_suffix(".part").write_bytes(b"half")
    shelf.held[first.filing] = []

    [again] = await library.ingest([path])

    assert isinstance(again, Ingested)
    assert not again.already_known
    assert len(shelf.held[again.filing]) == again.chunks
    assert library.path(again.filing).read_bytes() == path.read_bytes()


async def test_what_an_interrupted_ingest_left_is_swept_once_it_is_old(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    folder = library.home / "filings"
    folder.mkdir(parents=True)
    old, young = folder / "aaaaaaaaaaaa.pdf", folder / "bbbbbbbbbbbb.pdf"
    for path in (old, young):
        path.write_bytes(b"half")
        shelf.held[path.stem] = []
    os.utime(old, (1, 1))

    [one] = await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])

    assert isinstance(one, Ingested)
    assert kept(library) == sorted([young.name, f"{one.filing}.pdf"])
    assert set(shelf.held) == {young.stem, one.filing}


async def test_a_filing_that_another_process_added_meanwhile_is_already_known(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.waits = asyncio.Event()
    path = broken_pdfs.good(tmp_path / "plain.pdf")
    task = asyncio.create_task(library.ingest([path]))
    await asyncio.wait_for(shelf.reached.wait(), timeout=30)
    [filing_id] = shelf.held
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with transaction(library.engine) as session:
        row = Filing(
            id=filing_id, sha256=sha256, file="x", company="", pages=3, chunks=1, seconds=1
        )
        add_filing_once(session, row)

    shelf.waits.set()
    [one] = await task

    assert isinstance(one, Ingested)
    assert one.already_known
    assert seen(library) == [filing_id]
    assert filing_id in shelf.held


async def test_who_gives_up_a_file_that_another_takes_in_takes_nothing_from_it(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.waits = asyncio.Event()
    path = broken_pdfs.good(tmp_path / "plain.pdf")
    first = asyncio.create_task(library.ingest([path]))
    await asyncio.wait_for(shelf.reached.wait(), timeout=30)
    second = asyncio.create_task(library.ingest([path]))
    await asyncio.wait({second}, timeout=2)

    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    shelf.waits.set()
    [one] = await first

    assert isinstance(one, Ingested)
    assert seen(library) == [one.filing]
    assert len(shelf.held[one.filing]) == one.chunks
    assert kept(library) == [f"{one.filing}.pdf"]


async def test_of_two_who_take_in_a_file_at_once_one_pays_and_the_other_knows_it(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    path = broken_pdfs.good(tmp_path / "plain.pdf")

    [[one], [other]] = await asyncio.gather(library.ingest([path]), library.ingest([path]))

    assert isinstance(one, Ingested)
    assert isinstance(other, Ingested)
    assert sorted([one.already_known, other.already_known]) == [False, True]
    assert shelf.log == [f"add {one.filing}"]


async def test_a_lost_copy_is_restored_by_the_next_ingest(library: Library, tmp_path: Path) -> None:
    path = broken_pdfs.good(tmp_path / "plain.pdf")
    [one] = await library.ingest([path])
    assert isinstance(one, Ingested)
    library.path(one.filing).unlink()

    await library.ingest([path])

    assert library.path(one.filing).read_bytes() == path.read_bytes()


async def test_what_the_index_lost_comes_back_from_the_copies(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    [first, _] = await library.ingest(
        [
            broken_pdfs.good(tmp_path / "plain.pdf"),
            broken_pdfs.good(tmp_path / "other.pdf", company="Other Goods, Inc."),
        ]
    )
    assert isinstance(first, Ingested)
    lost = shelf.held.pop(first.filing)

    found = await library.restore()

    assert [one.filing for one in found if isinstance(one, Ingested)] == [first.filing]
    assert shelf.held[first.filing] == lost


async def test_a_copy_that_is_gone_too_is_a_reason(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    [first] = await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])
    assert isinstance(first, Ingested)
    shelf.held.clear()
    library.path(first.filing).unlink()

    [refused] = await library.restore()

    assert isinstance(refused, Refused)
    assert "cannot be read" in refused.reason


async def test_a_removed_filing_is_gone_from_rows_index_and_disk(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    [one] = await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])
    assert isinstance(one, Ingested)

    row = library.remove(one.filing)

    assert row.company == "Plain Goods, Inc."
    assert (seen(library), shelf.held, kept(library)) == ([], {}, [])


def test_removing_what_is_not_there_names_the_command_that_lists(library: Library) -> None:
    with pytest.raises(NotFound, match="tenk filings"):
        library.remove("nosuchfiling")


async def test_a_home_that_cannot_be_written_is_a_reason(
    library: Library, shelf: Shelf, tmp_path: Path
) -> None:
    (library.home / "filings").write_bytes(b"a file where a folder should be")

    [one] = await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])

    assert isinstance(one, Refused)
    assert "cannot be kept" in one.reason
    assert (seen(library), shelf.held) == ([], {})


async def test_an_ingested_filing_is_found_by_the_real_index(
    own_home: Path, tmp_path: Path
) -> None:
    async def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[float("goods" in text.lower()), 1.0] for text in texts]

    index = open_index(own_home, embed=embed, embed_model="two-numbers")
    engine = open_database(f"sqlite:///{own_home / 'tenk.sqlite3'}")
    library = Library(engine=engine, index=index, home=own_home, settings=Settings())
    await library.ingest([broken_pdfs.good(tmp_path / "plain.pdf")])

    with transaction(engine) as session:
        rows = filings(session)
    found = await index.search("sales of goods in 2024", filings=rows, limit=3)

    assert any("Sales of goods | 1,204 | 1,100" in passage.text for passage in found)
    assert found[0].filing == rows[0].id
