"""The student's learning curve on the sample filing: questions with known gold, over HTTP.

Examples are asked of one part of the filing (discussion and later notes) and answered by the
teacher; the exam is the sample's own questions whose gold stands elsewhere in it alone.
"""

import asyncio
import io
import json
import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from openai import OpenAI

from backend.answers import messages_for, refused
from backend.filings import read_filing
from backend.index import Index, open_index
from backend.local.serving import serve
from backend.passages import cell_tuple, sentence_tuple
from backend.records import Chunk, Filing
from backend.terms import stem_tuple
from tests.test_local_jobs import done, losses_of

SAMPLES = Path(__file__).parents[1] / "backend" / "samples"
TAUGHT = {*range(18, 27), *range(41, 56)}
"""Pages that examples are asked of; no gold of the exam stands on them."""
EACH = 100
"""Examples of figures, and of prose."""
FIGURES = ("figure", "change")
SIZES = (3, 10, 50, 200)
PROTOTYPE = {"50 examples": 0.612, "teacher": 0.656}
"""Share of figures that the first design of these models got right."""

Chat = list[dict[str, str]]


@dataclass(frozen=True)
class School:
    """The sample filing, a server, examples of both kinds, and an exam with its evidence."""

    client: OpenAI
    figures: list[Chat]
    prose: list[Chat]
    exam: list[tuple[dict[str, Any], Chat]]
    marks: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])

    def examples(self, count: int) -> list[Chat]:
        """So many, of both kinds in turn; a larger set holds the smaller ones."""
        both = [one for pair in zip(self.figures, self.prose, strict=True) for one in pair]
        return both[:count]

    def marks_of(self, model: str) -> dict[str, float]:
        """Share of the gold facts that a model's answers hold: of figures, and of prose."""
        if model not in self.marks:
            found: dict[str, list[float]] = {"figures": [], "prose": []}
            for question, asked in self.exam:
                answer = ask(self.client, model, asked)
                held = fmean(fact in answer for fact in question["facts"])
                found["figures" if question["kind"] in FIGURES else "prose"].append(held)
            self.marks[model] = {kind: fmean(shares) for kind, shares in found.items()}
        return self.marks[model]


def ask(client: OpenAI, model: str, messages: Chat) -> str:
    typed: list[Any] = [*messages]
    reply = client.chat.completions.create(model=model, messages=typed)
    return reply.choices[0].message.content or ""


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Generator[School]:
    home = tmp_path_factory.mktemp("school")
    with (
        serve(home) as served,
        OpenAI(base_url=served.url, api_key="any", max_retries=0, timeout=60) as client,
    ):
        yield opened(home, client)


def opened(home: Path, client: OpenAI) -> School:
    [pdf] = SAMPLES.glob("*.pdf")
    read = read_filing(pdf, max_pages=500, page_timeout=60)
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
    pages = [chunk for chunk in read.chunks if {*chunk.pages} <= TAUGHT]
    chance = random.Random(1)
    school = School(
        client,
        answered(client, index, filing, figure_questions(pages, chance)),
        answered(client, index, filing, prose_questions(pages, chance)),
        [(row, prompt(index, filing, row["question"])) for row in exam_questions()],
    )
    index.close()
    return school


def exam_questions() -> list[dict[str, Any]]:
    lines = (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [row for row in rows if row["facts"] and not {*row["pages"]} & TAUGHT]


def prompt(index: Index, filing: Filing, question: str) -> Chat:
    passages = asyncio.run(index.search(question, filings=[filing], limit=8))
    return [message.model_dump() for message in messages_for(question, passages)]


def answered(client: OpenAI, index: Index, filing: Filing, questions: Sequence[str]) -> list[Chat]:
    """Examples as tenk logs them; where the teacher refuses there is none."""
    found: list[Chat] = []
    for question in questions:
        asked = prompt(index, filing, question)
        answer = ask(client, "local-teacher", asked)
        if not refused(answer):
            found.append([*asked, {"role": "assistant", "content": answer}])
        if len(found) == EACH:
            return found
    raise AssertionError(f"only {len(found)} of {len(questions)} questions were answered")


def figure_questions(chunks: Sequence[Chunk], chance: random.Random) -> list[str]:
    cells = [cell for chunk in chunks for cell in cell_tuple(chunk.text) if cell.period]
    rows = {(c.row.strip(" :"), c.period) for c in cells if len(stem_tuple(c.row)) > 1}
    asked = sorted(rows, key=str)
    chance.shuffle(asked)
    forms = ("What was {} in fiscal {}?", "How much was {} in fiscal year {}?", "{} in FY{}?")
    return [chance.choice(forms).format(row[:1].lower() + row[1:], year) for row, year in asked]


def prose_questions(chunks: Sequence[Chunk], chance: random.Random) -> list[str]:
    """What somebody asks who remembers a few words of a sentence."""
    prose = [chunk for chunk in chunks if chunk.kind == "prose"]
    asked = [line for chunk in prose for line in sentence_tuple(chunk.text)]
    chance.shuffle(asked)
    questions: list[str] = []
    for sentence in asked:
        words = [word.strip(",.;:()") for word in sentence.split()]
        telling = [word for word in words if word.isalpha() and stem_tuple(word)]
        if len(telling) >= 8:
            kept = sorted(chance.sample(range(len(telling)), 5))
            about = " ".join(telling[at] for at in kept)
            questions.append(f"What does the company say about {about}?")
    return questions


def tuned(school: School, examples: Sequence[Chat], seed: int = 7) -> Any:
    """The job that trained on `examples`, succeeded."""
    lines = "\n".join(json.dumps({"messages": example}) for example in examples)
    data = ("examples.jsonl", io.BytesIO(lines.encode()))
    file = school.client.files.create(file=data, purpose="fine-tune")
    jobs = school.client.fine_tuning.jobs
    over = done(school.client, jobs.create(model="local-student", training_file=file.id, seed=seed))
    assert over.status == "succeeded", over.error
    return over


def padded(examples: Sequence[Chat]) -> list[Chat]:
    """A file takes ten examples at least: fewer are repeated, which teaches nothing more."""
    return [examples[at % len(examples)] for at in range(max(10, len(examples)))]


@pytest.fixture(scope="module")
def curve(school: School) -> dict[int, tuple[str, list[float]]]:
    """By the number of examples: the model and the loss of each epoch of its training."""
    found = {0: ("local-student", list[float]())}
    for size in SIZES:
        job = tuned(school, padded(school.examples(size)))
        found[size] = (job.fine_tuned_model, losses_of(school.client, job))
    return found


def drawn(school: School, curve: dict[int, tuple[str, list[float]]]) -> str:
    """The learning curve as a table, for whoever reads a failure."""
    models = {f"{size:>3} examples": model for size, (model, _) in curve.items()}
    rows = [
        f"{name:>12}  figures {marks['figures']:.3f}  prose {marks['prose']:.3f}"
        for name, model in (models | {"teacher": "local-teacher"}).items()
        if (marks := school.marks_of(model))
    ]
    return "\n".join(rows)


def test_the_student_learns_most_of_what_it_can_from_fifty_examples(
    school: School, curve: dict[int, tuple[str, list[float]]], record_testsuite_property: Any
) -> None:
    figures = {size: school.marks_of(model)["figures"] for size, (model, _) in curve.items()}
    prose = {size: school.marks_of(model)["prose"] for size, (model, _) in curve.items()}
    teacher = school.marks_of("local-teacher")

    table = drawn(school, curve)
    record_testsuite_property("learning curve", table)

    assert len(school.exam) > 60
    assert figures[0] < 0.4, table
    assert figures[50] > figures[0] + 0.3, table
    assert figures[200] > 0.8 * teacher["figures"], table
    assert min(prose[50], prose[200]) > 0.8 * max(prose[0], teacher["prose"]), table
    assert figures[10] > figures[0] + 0.2, table
    assert figures[50] > PROTOTYPE["50 examples"], table
    assert teacher["figures"] > PROTOTYPE["teacher"], table


def test_the_loss_falls_whatever_the_number_of_examples(
    curve: dict[int, tuple[str, list[float]]],
) -> None:
    losses = {size: losses for size, (_, losses) in curve.items() if losses}

    assert [*losses] == [*SIZES]
    assert all(fell[-1] < 0.6 * fell[0] for fell in losses.values()), losses


def test_examples_of_prose_alone_leave_figures_unlearned(
    school: School, curve: dict[int, tuple[str, list[float]]]
) -> None:
    both = school.marks_of(curve[50][0])

    alone = school.marks_of(tuned(school, school.prose[:50]).fine_tuned_model)

    assert alone["figures"] < both["figures"] - 0.2
    assert alone["prose"] > both["prose"] - 0.1


def test_examples_of_figures_alone_hurt_prose(
    school: School, curve: dict[int, tuple[str, list[float]]]
) -> None:
    both = school.marks_of(curve[200][0])

    alone = school.marks_of(tuned(school, school.figures[:100]).fine_tuned_model)

    assert alone["prose"] < both["prose"] - 0.03
    assert alone["figures"] > both["figures"] - 0.1
