"""The index, from chunks to passages: through its own door, with a small embedder of our own."""

import asyncio
import math
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend.errors import ConfigurationError, DataError, NotFound, ProviderError
from backend.index import Index, open_index
from backend.records import Chunk, Filing
from backend.terms import stems

SIZE = 256


async def embed(texts: Sequence[str]) -> list[list[float]]:
    """Bags of hashed stems."""
    return [bag(text, SIZE) for text in texts]


async def embed_smaller(texts: Sequence[str]) -> list[list[float]]:
    return [bag(text, SIZE // 2) for text in texts]


def bag(text: str, size: int) -> list[float]:
    counts = [0.0] * size
    for stem in stems(text):
        counts[zlib.crc32(stem.encode()) % size] += 1.0
    length = math.sqrt(sum(count * count for count in counts)) or 1.0
    return [count / length for count in counts]


def filing(company: str = "Granite Works Inc", year: int = 2023, *, key: str = "aa") -> Filing:
    return Filing(
        id=(key * 6)[:12],
        sha256=key * 32,
        file=f"{key}.pdf",
        company=company,
        fiscal_year=year,
        pages=100,
        chunks=5,
        seconds=1.0,
    )


def prose(text: str, page: int, section: str = "Item 7") -> Chunk:
    return Chunk(pages=(page,), section=section, kind="prose", text=text)


def table(text: str, page: int, section: str) -> Chunk:
    return Chunk(pages=(page,), section=section, kind="table", text=text)


CASH_FLOWS = table(
    "Consolidated Statements of Cash Flows (USD in millions)\n"
    " | Fiscal 2023 | Fiscal 2022\n"
    "Net cash provided by operating activities | 640 | 598\n"
    "Purchases of property and equipment | (183) | (97)",
    61,
    "Consolidated Statements of Cash Flows",
)
BALANCE = table(
    "Consolidated Balance Sheets (USD in millions)\n"
    " | Fiscal 2023 | Fiscal 2022\n"
    "Total current assets | 2,310 | 2,040\n"
    "Inventories | 410 | 377",
    59,
    "Consolidated Balance Sheets",
)
CHUNKS = [
    prose("We quarry and sell dimension stone to builders in nine countries.", 4, "Item 1"),
    prose("A strike at our largest quarry could interrupt deliveries.", 15, "Item 1A"),
    prose("Gross margin widened because of lower freight rates.", 41),
    BALANCE,
    CASH_FLOWS,
    prose("Our auditors issued an opinion on internal control.", 58, "Item 9A"),
]
GRANITE = filing()


@pytest.fixture
def index(own_home: Path) -> Iterator[Index]:
    made = open_index(own_home, embed=embed, embed_model="bags")
    yield made
    made.close()


async def test_a_question_brings_back_the_passage_that_answers_it(index: Index) -> None:
    await index.add(GRANITE, CHUNKS)

    found = await index.search("Why did the gross margin widen?", filings=[GRANITE])

    best = found[0]
    assert best.text == CHUNKS[2].text
    assert (best.filing, best.file, best.company) == (GRANITE.id, "aa.pdf", "Granite Works Inc")
    assert (best.page, best.pages, best.section, best.kind) == (41, (41,), "Item 7", "prose")


async def test_passages_come_best_first_and_no_more_than_asked_for(index: Index) -> None:
    await index.add(GRANITE, CHUNKS)

    found = await index.search("quarry stone strike margin", filings=[GRANITE], limit=3)

    assert len(found) == 3
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


async def test_capex_finds_purchases_of_property_and_equipment(index: Index) -> None:
    await index.add(GRANITE, CHUNKS)

    found = await index.search("What was capex?", filings=[GRANITE])

    assert found[0].text == CASH_FLOWS.text


async def test_a_statement_named_in_the_question_comes_first(index: Index) -> None:
    notes = prose("The balance sheet sheet balance of inventories rose.", 80, "Note 4")
    await index.add(GRANITE, [notes, *CHUNKS])

    found = await index.search(
        "What inventories does the balance sheet show?", filings=[GRANITE], limit=2
    )

    assert BALANCE.text in [passage.text for passage in found]


async def test_the_company_named_is_searched_and_no_other(index: Index) -> None:
    other = filing("Slate Brothers Corp", key="bb")
    await index.add(GRANITE, CHUNKS)
    await index.add(other, CHUNKS)

    found = await index.search("What is the gross margin of Slate?", filings=[GRANITE, other])

    assert {passage.filing for passage in found} == {other.id}


async def test_two_companies_compared_both_have_passages_near_the_top(index: Index) -> None:
    other = filing("Slate Brothers Corp", key="bb")
    await index.add(GRANITE, [prose(f"Gross margin, gross margin {n}.", n) for n in range(1, 20)])
    await index.add(other, CHUNKS)

    found = await index.search(
        "Compare the gross margin of Granite with that of Slate.",
        filings=[GRANITE, other],
        limit=4,
    )

    assert [p.filing for p in found] == [GRANITE.id, other.id, GRANITE.id, other.id]


async def test_a_filing_asked_for_by_id_is_searched_whatever_the_question_names(
    index: Index,
) -> None:
    other = filing("Slate Brothers Corp", key="bb")
    await index.add(GRANITE, CHUNKS)
    await index.add(other, CHUNKS)

    found = await index.search("Slate's gross margin?", filings=[GRANITE, other], filing=GRANITE.id)

    assert {passage.filing for passage in found} == {GRANITE.id}


async def test_a_filing_that_is_not_visible_cannot_be_asked_for(index: Index) -> None:
    with pytest.raises(NotFound, match="tenk filings"):
        await index.search("margin?", filings=[GRANITE], filing="no such id")


async def test_leftovers_of_an_interrupted_ingest_never_show(index: Index) -> None:
    unfinished = filing("Slate Brothers Corp", key="bb")
    await index.add(unfinished, CHUNKS)

    found = await index.search("gross margin of Slate", filings=[GRANITE])

    assert found == []


async def test_adding_a_filing_again_replaces_what_was_there(index: Index) -> None:
    await index.add(GRANITE, CHUNKS)

    await index.add(GRANITE, [prose("Marble is now our main product.", 3)])

    assert [chunk.text for chunk in index.chunks_of(GRANITE.id)] == [
        "Marble is now our main product."
    ]
    assert await index.search("gross margin freight", filings=[GRANITE], limit=1) != []
    assert index.indexed() == {GRANITE.id: 1}


async def test_removing_a_filing_leaves_no_row_behind(index: Index, own_home: Path) -> None:
    await index.add(GRANITE, CHUNKS)

    index.remove(GRANITE.id)

    with sqlite3.connect(own_home / "index.sqlite3") as file:
        for name in ("chunk", "vector", "document"):
            assert file.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,)
        words = "SELECT count(*) FROM words WHERE words MATCH 'margin OR quarry'"
        assert file.execute(words).fetchone() == (0,)
    file.close()
    assert await index.search("gross margin", filings=[GRANITE]) == []


def test_removing_what_is_not_there_changes_nothing(index: Index) -> None:
    index.remove("nothing")

    assert index.indexed() == {}


async def test_chunks_come_back_in_the_filings_order_with_the_ids_that_searches_give(
    index: Index,
) -> None:
    await index.add(GRANITE, CHUNKS)

    chunks = index.chunks_of(GRANITE.id)
    found = await index.search("strike", filings=[GRANITE], limit=1)

    assert [chunk.text for chunk in chunks] == [chunk.text for chunk in CHUNKS]
    assert found[0].chunk in {chunk.chunk for chunk in chunks if "strike" in chunk.text}


async def test_an_index_that_was_closed_is_searched_again_without_embedding_its_chunks(
    own_home: Path, index: Index
) -> None:
    await index.add(GRANITE, CHUNKS)
    index.close()
    asked: list[str] = []

    async def counting(texts: Sequence[str]) -> list[list[float]]:
        asked.extend(texts)
        return await embed(texts)

    again = open_index(own_home, embed=counting, embed_model="bags")
    found = await again.search("gross margin", filings=[GRANITE])
    again.close()

    assert found[0].text == CHUNKS[2].text
    assert asked == ["gross margin"]


ADDS_FROM_ANOTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_index import CHUNKS, embed, filing
from backend.index import open_index

index = open_index(Path(sys.argv[1]), embed=embed, embed_model="bags")
asyncio.run(index.add(filing("Slate Brothers Corp", key="bb"), CHUNKS))
"""


async def test_a_second_process_sees_what_the_first_added(index: Index, own_home: Path) -> None:
    await index.add(GRANITE, CHUNKS)
    other = filing("Slate Brothers Corp", key="bb")
    before = await index.search("gross margin of Slate", filings=[GRANITE, other])

    command = [sys.executable, "-c", ADDS_FROM_ANOTHER_PROCESS, own_home, Path(__file__).parent]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    after = await index.search("gross margin of Slate", filings=[GRANITE, other])

    assert before == []
    assert after[0].text == CHUNKS[2].text


async def test_a_filing_that_another_opener_changed_is_read_anew(
    index: Index, own_home: Path
) -> None:
    second = open_index(own_home, embed=embed, embed_model="bags")
    await index.add(GRANITE, CHUNKS)
    await second.search("gross margin", filings=[GRANITE])

    await index.add(GRANITE, [prose("Marble is now our main product.", 3)])
    found = await second.search("marble product", filings=[GRANITE])
    second.close()

    assert [passage.text for passage in found] == ["Marble is now our main product."]


async def test_a_reader_sees_all_of_a_change_or_nothing_of_it(index: Index) -> None:
    old = [prose(f"gross margin old {n}", n) for n in range(1, 30)]
    new = [prose(f"gross margin new {n}", n) for n in range(1, 30)]
    await index.add(GRANITE, old)

    async def change() -> None:
        for chunks in (new, old, new, old, new):
            await index.add(GRANITE, chunks)

    changing = asyncio.create_task(change())
    seen: list[set[str]] = []
    while not changing.done():
        found = await index.search("gross margin", filings=[GRANITE], limit=20)
        seen.append({passage.text.split()[2] for passage in found})
    await changing

    assert len(seen) > 1
    assert all(kinds in ({"old"}, {"new"}) for kinds in seen)


async def test_a_failed_embedding_leaves_the_old_chunks_searchable(
    own_home: Path, index: Index
) -> None:
    await index.add(GRANITE, CHUNKS)

    async def broken(texts: Sequence[str]) -> list[list[float]]:
        raise ProviderError("The server is down.")

    failing = open_index(own_home, embed=broken, embed_model="bags")
    with pytest.raises(ProviderError):
        await failing.add(GRANITE, [prose("new", 1)])
    failing.close()

    assert len(index.chunks_of(GRANITE.id)) == len(CHUNKS)


async def test_another_embedding_model_is_refused_with_what_to_do(
    own_home: Path, index: Index
) -> None:
    await index.add(GRANITE, CHUNKS)
    other = open_index(own_home, embed=embed_smaller, embed_model="small bags")

    with pytest.raises(ConfigurationError, match="tenk ingest --reindex"):
        await other.search("gross margin", filings=[GRANITE])
    with pytest.raises(ConfigurationError, match="TENK_EMBED_MODEL=bags"):
        await other.add(filing(key="bb"), CHUNKS)
    other.close()


async def test_a_model_that_changed_its_dimension_under_the_same_name_is_refused(
    own_home: Path, index: Index
) -> None:
    await index.add(GRANITE, CHUNKS)
    other = open_index(own_home, embed=embed_smaller, embed_model="bags")

    with pytest.raises(ConfigurationError, match="128 numbers"):
        await other.search("gross margin", filings=[GRANITE])
    with pytest.raises(ConfigurationError, match="128 numbers"):
        await other.add(filing(key="bb"), CHUNKS)
    other.close()


async def test_after_reindex_the_new_model_searches_the_same_chunks(
    own_home: Path, index: Index
) -> None:
    await index.add(GRANITE, CHUNKS)
    ids = [chunk.chunk for chunk in index.chunks_of(GRANITE.id)]
    other = open_index(own_home, embed=embed_smaller, embed_model="small bags")
    told: list[tuple[int, int]] = []

    count = await other.reindex(on_progress=lambda done, total: told.append((done, total)))
    found = await other.search("gross margin", filings=[GRANITE])
    after = [chunk.chunk for chunk in other.chunks_of(GRANITE.id)]
    other.close()

    assert count == len(CHUNKS)
    assert told == [(len(CHUNKS), len(CHUNKS))]
    assert found[0].text == CHUNKS[2].text
    assert after == ids
    with pytest.raises(ConfigurationError, match="small bags"):
        await index.search("gross margin", filings=[GRANITE])


async def test_what_is_added_while_reindexing_is_embedded_too(own_home: Path, index: Index) -> None:
    await index.add(GRANITE, CHUNKS)
    late = filing("Slate Brothers Corp", key="bb")

    async def slow(texts: Sequence[str]) -> list[list[float]]:
        if late.id not in index.indexed():
            await index.add(late, [prose("Marble is our product.", 3)])
        return await embed_smaller(texts)

    other = open_index(own_home, embed=slow, embed_model="small bags")
    count = await other.reindex()
    found = await other.search("marble", filings=[late])
    other.close()

    assert count == len(CHUNKS) + 1
    assert [passage.text for passage in found] == ["Marble is our product."]


async def test_an_empty_index_belongs_to_whichever_model_comes_first(
    own_home: Path, index: Index
) -> None:
    await index.add(GRANITE, CHUNKS)
    index.remove(GRANITE.id)
    other = open_index(own_home, embed=embed_smaller, embed_model="small bags")

    await other.add(GRANITE, CHUNKS)
    found = await other.search("gross margin", filings=[GRANITE])
    other.close()

    assert found[0].text == CHUNKS[2].text


@pytest.mark.parametrize(
    "vectors", [[], [[1.0], [1.0, 2.0]], [[], []], [[1.0]]], ids=["none", "uneven", "empty", "few"]
)
async def test_an_embedding_server_that_answers_nonsense_is_said_to_be_at_fault(
    own_home: Path, vectors: list[list[float]]
) -> None:
    async def nonsense(texts: Sequence[str]) -> list[list[float]]:
        return vectors

    index = open_index(own_home, embed=nonsense, embed_model="odd")
    with pytest.raises(ProviderError, match="embedding model odd"):
        await index.add(GRANITE, CHUNKS[:2])
    index.close()


async def test_vectors_that_are_no_numbers_are_refused(own_home: Path) -> None:
    async def nonsense(texts: Sequence[str]) -> list[list[float]]:
        return [[math.nan, 1.0] for _ in texts]

    index = open_index(own_home, embed=nonsense, embed_model="odd")
    with pytest.raises(ProviderError, match="NaN"):
        await index.add(GRANITE, CHUNKS[:2])
    index.close()


@pytest.mark.parametrize(
    "question",
    [
        'margin" OR "',
        "NEAR(margin, 3) AND NOT *",
        "section : margin ^ { } -",
        "what is the",
        "€£ ½ 收入 \x00 \ud800 ؟",
        "margin " * 500,
    ],
)
async def test_no_question_breaks_the_search(index: Index, question: str) -> None:
    await index.add(GRANITE, CHUNKS)

    found = await index.search(question, filings=[GRANITE])

    assert 0 < len(found) <= 8


@pytest.mark.parametrize("question", ["", "   \n"])
async def test_an_empty_question_finds_nothing(index: Index, question: str) -> None:
    await index.add(GRANITE, CHUNKS)

    assert await index.search(question, filings=[GRANITE]) == []


async def test_no_passages_asked_for_is_refused(index: Index) -> None:
    with pytest.raises(DataError, match="at least 1"):
        await index.search("margin", filings=[GRANITE], limit=0)


async def test_text_that_no_file_can_hold_is_stored_readably(index: Index) -> None:
    await index.add(GRANITE, [prose("Broken \x00 zero and \ud83d half", 1)])

    found = await index.search("broken zero half", filings=[GRANITE])

    assert found[0].text == "Broken   zero and ? half"


async def test_a_filing_without_chunks_finds_nothing(index: Index) -> None:
    await index.add(GRANITE, [])

    assert await index.search("margin", filings=[GRANITE]) == []
    assert index.indexed() == {}


async def test_a_filing_seen_again_without_chunks_loses_the_old_ones(index: Index) -> None:
    await index.add(GRANITE, CHUNKS)

    await index.add(GRANITE, [])

    assert index.chunks_of(GRANITE.id) == []


def test_a_damaged_index_says_so_and_what_to_do(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "index.sqlite3").write_bytes(b"not a database at all" * 1000)

    with pytest.raises(ConfigurationError, match="damaged.*tenk ingest --reindex"):
        open_index(own_home, embed=embed, embed_model="bags")


async def test_an_index_damaged_in_the_middle_says_so_when_it_is_read(own_home: Path) -> None:
    index = open_index(own_home, embed=embed, embed_model="bags")
    await index.add(GRANITE, [prose(f"margin {n} " * 200, n) for n in range(1, 60)])
    index.close()
    file = own_home / "index.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))

    with pytest.raises(ConfigurationError, match="damaged"):
        again = open_index(own_home, embed=embed, embed_model="bags")
        again.chunks_of(GRANITE.id)


def test_another_programs_database_is_left_alone(own_home: Path) -> None:
    own_home.mkdir()
    with sqlite3.connect(own_home / "index.sqlite3") as file:
        file.execute("CREATE TABLE precious (x)")
    file.close()
    before = (own_home / "index.sqlite3").read_bytes()

    with pytest.raises(ConfigurationError, match="another program"):
        open_index(own_home, embed=embed, embed_model="bags")

    assert (own_home / "index.sqlite3").read_bytes() == before


def test_an_index_of_a_newer_tenk_is_left_alone(own_home: Path) -> None:
    open_index(own_home, embed=embed, embed_model="bags").close()
    with sqlite3.connect(own_home / "index.sqlite3") as file:
        file.execute("PRAGMA user_version=99")
    file.close()

    with pytest.raises(ConfigurationError, match="newer tenk"):
        open_index(own_home, embed=embed, embed_model="bags")


def test_a_home_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="home"):
        open_index(tmp_path / "home", embed=embed, embed_model="bags")


IMPORTS = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import backend.index
assert not {"llama_index", "openai", "nltk"} & set(sys.modules), "too early"
from test_index import CHUNKS, GRANITE, embed
index = backend.index.open_index(Path(sys.argv[1]), embed=embed, embed_model="bags")
asyncio.run(index.add(GRANITE, CHUNKS))
asyncio.run(index.search("gross margin", filings=[GRANITE]))
print(",".join({name.partition(".")[0] for name in sys.modules}))
"""


def test_searching_loads_none_of_the_heavy_libraries_of_the_exam(own_home: Path) -> None:
    command = [sys.executable, "-c", IMPORTS, own_home, Path(__file__).parent]

    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)

    loaded = set(said.stdout.strip().split(","))
    assert "llama_index" in loaded
    assert not loaded & {"pandas", "torch", "scipy", "pyarrow", "ragas", "langchain_core"}
