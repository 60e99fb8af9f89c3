"""How fast a question finds its passages, and how often the right page: on real filings.

`python tests/benchmarks/bench_search.py` prints milliseconds per question without the embedding
call, and the share of questions with a gold page among the first 1, 5 and 8 passages: within the
filing, and over all filings in one index where the question alone has to choose.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.filings import read_filing
from backend.index import Index, open_index
from backend.local.embedder import embed as embed_locally
from backend.records import Filing, Passage

DATA = Path(__file__).parents[3] / "shared" / "data"
NVIDIA = "nvidia-sec-10k-2022"
FIRST = (1, 5, 8)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the pages that answer it, counted from 1."""

    text: str
    doc: str
    pages: frozenset[int]


@dataclass(slots=True)
class Embedder:
    """The local embedding model, with the seconds it took: no part of a search's overhead."""

    seconds: float = 0.0

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        start = time.perf_counter()
        made: list[list[float]] = embed_locally(texts).tolist()
        self.seconds += time.perf_counter() - start
        return made


@dataclass(slots=True)
class House:
    """An index of real filings, and the rows that make them visible."""

    index: Index
    embedder: Embedder
    filings: dict[str, Filing] = field(default_factory=dict[str, Filing])


def questions(name: str) -> list[Asked]:
    """A file of questions; its pages count from 0."""
    path = DATA / name
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.open(encoding="utf-8")]
    return [
        Asked(
            row["question"],
            row["doc"],
            frozenset(page + 1 for page in row.get("evidence_pages", [row.get("page")])),
        )
        for row in rows
    ]


def sets() -> dict[str, list[Asked]]:
    """The questions, none of which was used to choose a weight (those of `train` were)."""
    dev = questions("questions_dev.jsonl")
    return {
        "NVIDIA, 100 facts": [asked for asked in dev if asked.doc == NVIDIA],
        "FinanceBench, 11": [asked for asked in dev if asked.doc != NVIDIA],
        "nvda_val": questions("retrieval_pairs/nvda_val.jsonl"),
        "uber_val": questions("retrieval_pairs/uber_val.jsonl"),
        "nvda_train": questions("retrieval_pairs/nvda_train.jsonl"),
        "lyft_train": questions("retrieval_pairs/lyft_train.jsonl"),
    }


async def ingest(house: House, path: Path) -> int:
    """Read and index one file; returns how many chunks it has."""
    read = read_filing(path, max_pages=2000, page_timeout=20.0)
    filing = Filing(
        id=read.sha256[:12],
        sha256=read.sha256,
        file=path.name,
        **read.cover.model_dump(),
        pages=read.pages,
        chunks=len(read.chunks),
        seconds=0.0,
    )
    await house.index.add(filing, read.chunks)
    house.filings[path.stem] = filing
    return len(read.chunks)


async def search(house: House, asked: Asked, *, routed: bool) -> tuple[list[Passage], float]:
    """Passages, and the seconds it took without embedding the question."""
    filings = list(house.filings.values()) if routed else [house.filings[asked.doc]]
    embedded, start = house.embedder.seconds, time.perf_counter()
    found = await house.index.search(asked.text, filings=filings)
    return found, time.perf_counter() - start - (house.embedder.seconds - embedded)


def hit(passages: Sequence[Passage], asked: Asked, filing: Filing) -> bool:
    """Whether one of the passages stands on a gold page."""
    return any(p.filing == filing.id and asked.pages.intersection(p.pages) for p in passages)


async def measure(
    house: House, asked: Sequence[Asked], *, routed: bool
) -> tuple[list[float], list[float]]:
    """Share of questions with a gold page among the first 1, 5, 8 passages; seconds of each."""
    found = [await search(house, one, routed=routed) for one in asked]
    shares = [
        statistics.fmean(
            hit(passages[:first], one, house.filings[one.doc])
            for one, (passages, _) in zip(asked, found, strict=True)
        )
        for first in FIRST
    ]
    return shares, [seconds for _, seconds in found]


@contextmanager
def opened() -> Generator[House]:
    """An empty index that is gone afterwards."""
    with tempfile.TemporaryDirectory() as home:
        embedder = Embedder()
        index = open_index(Path(home), embed=embedder, embed_model="local-embed")
        yield House(index, embedder)
        index.close()


async def run(say: Callable[[str], object]) -> dict[str, float]:
    """Print the tables; returns p50 and p95 in milliseconds on the NVIDIA filing."""
    with opened() as house:
        for path in sorted((DATA / "pdfs").glob("*.pdf")):
            count = await ingest(house, path)
            say(f"{path.stem}: {count} chunks\n")
        by_name = sets()
        warm = by_name["NVIDIA, 100 facts"]
        await measure(house, warm[:5], routed=False)
        times_of = f"{'p50 ms':>9}{'p95':>7}{'of all':>9}"
        say(f"\n{'':20}{'within the filing':>24}{'all, routed':>24}{times_of}\n")
        times: dict[str, float] = {}
        for name, asked in by_name.items():
            within, seconds = await measure(house, asked, routed=False)
            routed, among_all = await measure(house, asked, routed=True)
            cuts = statistics.quantiles([1000 * s for s in seconds], n=20)
            slow = statistics.quantiles([1000 * s for s in among_all], n=20)[18]
            cells = "".join(f"{share:8.3f}" for share in (*within, *routed))
            say(f"{name:20}{cells}{cuts[9]:9.1f}{cuts[18]:7.1f}{slow:9.1f}\n")
            if asked is warm:
                times = {"p50": cuts[9], "p95": cuts[18]}
    return times


def main() -> dict[str, float]:
    """Run it, or say why not."""
    if not DATA.is_dir():
        sys.stdout.write("bench_search: skipped, no real filings beside the project.\n")
        return {}
    return asyncio.run(run(sys.stdout.write))


if __name__ == "__main__":
    main()
