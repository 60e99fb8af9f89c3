"""Filings and question files in, what `make_teacher` reads out: the lines of each, and the pairs.

    python -m tests.lessons OUT

writes NAME.jsonl into OUT for each filing that the teacher learned from, and NAME.pairs.jsonl where
there are questions with their passage, each with the lines that tenk's own search finds. Then

    python -m backend.local.reader.make_teacher DATA/train OUT/{uber_2021,lyft_2021,\\
    VERIZON_2022_10K,AMCOR_2023_10K,ACTIVISIONBLIZZARD_2019_10K}.jsonl

writes the teacher.json that ships with tenk, to the digit (some six minutes for both).
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from backend.filings import ReadFiling, read_filing
from backend.index import open_index
from backend.local.embedder import embed
from backend.records import Filing
from tests.gold import DATA

FILINGS = {
    "uber_2021": "uber_val",
    "lyft_2021": "lyft_train",
    "VERIZON_2022_10K": None,
    "AMCOR_2023_10K": None,
    "ACTIVISIONBLIZZARD_2019_10K": None,
}
"""Each with the file of its pairs."""
FOUND = 8
"""Lines that search finds for a question."""


def _written(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def lines(read: ReadFiling) -> list[dict[str, Any]]:
    """A filing as the reader sees it, one passage a line."""
    cover = {"company": read.cover.company, "fiscal_year": read.cover.fiscal_year}
    return [
        cover | {"page": one.pages[0], "section": one.section, "kind": one.kind, "text": one.text}
        for one in read.chunks
    ]


async def paired(read: ReadFiling, pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each pair with the lines that search finds for its question, best first."""
    filing = Filing(
        id=read.sha256[:12],
        sha256=read.sha256,
        file=read.file,
        **read.cover.model_dump(),
        pages=read.pages,
        chunks=len(read.chunks),
        seconds=0.0,
    )
    place = {one.text: number for number, one in enumerate(read.chunks)}

    async def vectors(texts: Sequence[str]) -> list[list[float]]:
        return embed(texts).tolist()

    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as home:
        opened = open_index(Path(home), embed=vectors, embed_model="local-embed")
        with closing(opened) as index:
            await index.add(filing, read.chunks)
            for pair in pairs:
                hits = await index.search(pair["question"], filings=[filing], limit=FOUND)
                there = [place[one.text] for one in hits if one.text in place]
                found.append(pair | {"found": there})
    return found


def main(out: Path) -> None:
    """Write all of them."""
    out.mkdir(parents=True, exist_ok=True)
    for name, pairs in FILINGS.items():
        read = read_filing(DATA / "pdfs" / f"{name}.pdf", max_pages=500, page_timeout=60)
        _written(out / f"{name}.jsonl", lines(read))
        if pairs:
            told = (DATA / "retrieval_pairs" / f"{pairs}.jsonl").read_text(encoding="utf-8")
            rows = [json.loads(line) for line in told.splitlines()]
            _written(out / f"{name}.pairs.jsonl", asyncio.run(paired(read, rows)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
