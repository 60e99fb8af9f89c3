"""What fine-tuning brings on a real filing: gold answers by number of examples, over HTTP.

`python -m tests.benchmarks.bench_student` prints, for the NVIDIA 10-K of fiscal 2023, the share of
questions that the untuned student, the student tuned on 10, 50 and 200 examples, and the teacher
answer with the gold: figures (XBRL facts found as cells, asked by their row), prose (single facts
written by others, and questions on a passage). Examples are asked of two fifths of the pages in
blocks of four and answered by the teacher; figures and passages of the exam stand in the others.
"""

import asyncio
import io
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

from openai import OpenAI

from backend.answers import messages_for, refused
from backend.filings import read_filing
from backend.index import Index, open_index
from backend.local.serving import serve
from backend.passages import Cell, cell_tuple
from backend.quantities import quantities
from backend.records import Chunk, Filing
from backend.terms import stem_tuple

DATA = Path(__file__).parents[3] / "shared" / "data"
ACCESSION = "0001045810-23-000017"
SIZES = (10, 50, 200)
Chat = list[dict[str, str]]
Right = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Gold:
    """A question of the exam, and whether an answer to it is right."""

    kind: str
    question: str
    right: Right


@dataclass(frozen=True, slots=True)
class Room:
    """The filing's index and a client of the server."""

    index: Index
    filing: Filing
    client: OpenAI

    def prompt(self, question: str) -> Chat:
        passages = asyncio.run(self.index.search(question, filings=[self.filing], limit=8))
        return [message.model_dump() for message in messages_for(question, passages)]

    def ask(self, model: str, messages: Chat) -> str:
        typed: list[Any] = [*messages]
        reply = self.client.chat.completions.create(model=model, messages=typed)
        return reply.choices[0].message.content or ""

    def tuned(self, examples: Sequence[Chat]) -> str:
        lines = "\n".join(json.dumps({"messages": example}) for example in examples)
        data = ("examples.jsonl", io.BytesIO(lines.encode()))
        file = self.client.files.create(file=data, purpose="fine-tune")
        jobs = self.client.fine_tuning.jobs
        job = jobs.create(model="local-student", training_file=file.id, seed=7)
        while job.status in ("validating_files", "queued", "running"):
            time.sleep(0.1)
            job = jobs.retrieve(job.id)
        assert job.fine_tuned_model, job.error
        return job.fine_tuned_model


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def taught(page: int) -> bool:
    """Whether examples may be asked of a page, counted from 1."""
    return int(sha256(str((page - 1) // 4).encode()).hexdigest(), 16) % 10 < 4


# -- the exam


def facts() -> dict[tuple[float, int], str]:
    """Label of every annual XBRL fact of the filing, by its value and year."""
    told = json.loads((DATA / "xbrl" / "CIK0001045810.json").read_text(encoding="utf-8"))
    found: dict[tuple[float, int], str] = {}
    for name, concept in told["facts"]["us-gaap"].items():
        for entries in concept["units"].values():
            for entry in entries:
                year_end = entry["end"][5:7] == "01"
                whole = "start" not in entry or int(entry["end"][:4]) - int(entry["start"][:4]) == 1
                if entry["accn"] == ACCESSION and year_end and whole and entry["val"]:
                    key = (round(abs(entry["val"]), 4), int(entry["end"][:4]))
                    found.setdefault(key, concept["label"] or name)
    return found


def figure_gold(chunks: Sequence[Chunk]) -> list[Gold]:
    """XBRL facts that stand as cells on the exam's pages, asked by the row that fits them best."""
    cells: dict[tuple[float, int], list[Cell]] = {}
    for chunk in chunks:
        if not any(taught(page) for page in chunk.pages):
            for cell in cell_tuple(chunk.text):
                if cell.period and stem_tuple(cell.row):
                    key = (round(abs(cell.quantity.amount), 4), cell.period)
                    cells.setdefault(key, []).append(cell)
    forms = ("What was NVIDIA's {} in fiscal {}?", "How much was {} for fiscal year {}?")
    found: list[Gold] = []
    for at, (key, label) in enumerate(sorted(facts().items())):
        if key in cells:
            row = max(cells[key], key=lambda cell: _likeness(cell.row, label)).row.strip(" :")
            asked = forms[at % 2].format(row[:1].lower() + row[1:], key[1])
            found.append(Gold("figures", asked, _states(key[0])))
    return found


def _likeness(row: str, label: str) -> float:
    one, other = frozenset(stem_tuple(row)), frozenset(stem_tuple(label))
    return len(one & other) / max(1, len(one | other))


def _states(value: float) -> Right:
    def right(answer: str) -> bool:
        return any(
            abs(abs(figure.amount) - value) <= max(0.5 * figure.step, 1e-6)
            for figure in quantities(answer)
        )

    return right


def prose_gold(pairs: Sequence[dict[str, Any]]) -> list[Gold]:
    single = [
        Gold("prose", row["question"], _tells(row["answer"], row["question"]))
        for row in lines_of(DATA / "questions_dev.jsonl")
        if row["question_type"] == "fqa10k-single-fact"
    ]
    return single + [
        Gold("prose", pair["question"], _stands_in(pair["positive"]))
        for pair in pairs
        if not taught(pair["page"] + 1)
    ]


def _tells(gold: str, question: str) -> Right:
    """Half of what the gold answer adds to the question's words is said."""
    wanted = frozenset(stem_tuple(gold)) - frozenset(stem_tuple(question))
    return lambda answer: 2 * len(wanted & frozenset(stem_tuple(answer))) >= len(wanted)


def _stands_in(passage: str) -> Right:
    """The answer quotes the passage that was asked about."""
    held = frozenset(stem_tuple(passage))

    def right(answer: str) -> bool:
        words = frozenset(stem_tuple(re.sub(r"\[\d+\]", "", answer)))
        return len(words & held) >= 0.9 * len(words)

    return right


# -- examples


def examples(room: Room, questions: Sequence[str], count: int) -> list[Chat]:
    found: list[Chat] = []
    for question in questions:
        asked = room.prompt(question)
        answer = room.ask("local-teacher", asked)
        if len(found) < count and not refused(answer):
            found.append([*asked, {"role": "assistant", "content": answer}])
    return found


def questions_of(chunks: Sequence[Chunk], chance: random.Random) -> list[str]:
    cells = [
        cell
        for chunk in chunks
        if all(taught(page) for page in chunk.pages)
        for cell in cell_tuple(chunk.text)
    ]
    rows = sorted({(c.row.strip(" :"), c.period) for c in cells if c.period and len(c.row) < 70})
    asked = [
        f"What was {row[:1].lower() + row[1:]} in fiscal {year}?"
        for row, year in rows
        if len(stem_tuple(row)) > 1
    ]
    chance.shuffle(asked)
    return asked


def main() -> None:
    if not DATA.is_dir():
        sys.stdout.write("bench_student: skipped, needs shared/data beside the project\n")
        return
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as served:
        client = OpenAI(base_url=served.url, api_key="any", timeout=60)
        room, chunks = opened(Path(folder), client)
        for line in measured(room, chunks):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def opened(home: Path, client: OpenAI) -> tuple[Room, Sequence[Chunk]]:
    read = read_filing(DATA / "pdfs" / "nvidia-sec-10k-2022.pdf", max_pages=500, page_timeout=60)
    filing = Filing(
        id=read.sha256[:12],
        sha256=read.sha256,
        file=read.file,
        company=read.cover.company,
        fiscal_year=read.cover.fiscal_year,
        pages=read.pages,
        chunks=len(read.chunks),
        seconds=0.0,
    )

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        vectors = client.embeddings.create(model="local-embed", input=[*texts])
        return [one.embedding for one in vectors.data]

    index = open_index(home, embed=embed, embed_model="local-embed")
    asyncio.run(index.add(filing, read.chunks))
    return Room(index, filing, client), read.chunks


def measured(room: Room, chunks: Sequence[Chunk]) -> list[str]:
    chance = random.Random(5)
    pairs = [
        pair
        for name in ("nvda_train", "nvda_val")
        for pair in lines_of(DATA / "retrieval_pairs" / f"{name}.jsonl")
    ]
    exam = [*figure_gold(chunks), *prose_gold(pairs)]
    prompts = [room.prompt(gold.question) for gold in exam]
    figures = examples(room, questions_of(chunks, chance)[:140], 100)
    asked = [pair["question"] for pair in pairs if taught(pair["page"] + 1)]
    chance.shuffle(asked)
    prose = examples(room, asked[:140], 100)
    both = [one for two in zip(figures, prose, strict=False) for one in two]
    models = {"untuned": "local-student"}
    models |= {f"tuned on {min(size, len(both))}": room.tuned(both[:size]) for size in SIZES}
    models["prose alone (50)"] = room.tuned(prose[:50])
    models["figures alone (50)"] = room.tuned(figures[:50])
    models["teacher"] = "local-teacher"
    counts = {kind: sum(gold.kind == kind for gold in exam) for kind in ("figures", "prose")}
    lines = [f"student on NVIDIA's 10-K of fiscal 2023, share of gold answers of {counts}"]
    for name, model in models.items():
        marks: dict[str, list[float]] = {"figures": [], "prose": []}
        for gold, prompt in zip(exam, prompts, strict=True):
            answer = room.ask(model, prompt)
            marks[gold.kind].append(float(not refused(answer) and gold.right(answer)))
        shares = "  ".join(f"{kind} {fmean(found):.3f}" for kind, found in marks.items())
        lines.append(f"{name:>18}  {shares}")
    return lines


if __name__ == "__main__":
    main()
