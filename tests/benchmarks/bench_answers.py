"""How often the keyless models answer rightly, through the whole way: search, prompt, answer.

`python tests/benchmarks/bench_answers.py` asks local-teacher and the untuned local-student the 150
questions of the sample filing and, where the file lies beside the project, 100 questions on
NVIDIA's filing, and prints the share of right answers by kind. With `--show` it prints each wrong
answer of the teacher too. Neither model was trained on either filing.

Right is an answer that states every figure and every phrase of the gold facts; where none are
given, one whose words hold 60 % of the gold answer's. On a question that the filing does not
answer, refusing is right.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.assistant import Assistant
from backend.index import open_index
from backend.library import Library, Refused
from backend.local.serving import serve
from backend.models import LocalApi, open_models
from backend.quantities import Quantity, quantities, same_value
from backend.records import Role, Turn
from backend.settings import Settings
from backend.store.database import open_database
from backend.terms import stems

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "backend" / "samples"
DATA = ROOT.parent / "shared" / "data"
MODELS = (Role.TEACHER, Role.STUDENT)
COVERED = 0.6
"""Share of a gold answer's words that an answer must hold where there are no facts to look for."""
FIRST = 5


@dataclass(frozen=True, slots=True)
class Gold:
    """A question and what a right answer holds; pages count from 1."""

    kind: str
    question: str
    answer: str
    facts: tuple[str, ...]
    figures: tuple[Quantity, ...]
    pages: frozenset[int]


def samples() -> list[Gold]:
    """The sample filing's own questions."""
    rows = map(json.loads, (SAMPLES / "questions.jsonl").open(encoding="utf-8"))
    return [
        Gold(
            kind=row["kind"],
            question=row["question"],
            answer=row["answer"],
            facts=() if row["kind"] == "figure" else tuple(row["facts"]),
            figures=_figure(row) if row["kind"] == "figure" else (),
            pages=frozenset(row["pages"]),
        )
        for row in rows
    ]


def _figure(row: dict[str, Any]) -> tuple[Quantity, ...]:
    """The gold figure at the precision that its filing prints."""
    scale = {"thousands": 1e3, "millions": 1e6, "billions": 1e9}.get(row["scale"], 1.0)
    return (Quantity(row["facts"][0], row["value"] / scale, row["unit"], scale, 0, 0),)


def facts_of_nvidia() -> list[Gold]:
    """A hundred single facts that people's models asked of NVIDIA's filing."""
    rows = map(json.loads, (DATA / "questions_dev.jsonl").open(encoding="utf-8"))
    found: list[Gold] = []
    for row in rows:
        if not row["doc"].startswith("nvidia"):
            continue
        figures = _unasked(row["answer"], row["question"])
        pages = frozenset(page + 1 for page in row["evidence_pages"])
        kind = "NVIDIA figures" if figures else "NVIDIA facts"
        found.append(Gold(kind, row["question"], row["answer"], (), figures, pages))
    return found


def _unasked(answer: str, question: str) -> tuple[Quantity, ...]:
    """The figures of an answer that its question does not state itself."""
    asked = quantities(question)
    told = quantities(answer)
    return tuple(figure for figure in told if not any(same_value(figure, a) for a in asked))


# -- what is right


def right(gold: Gold, turn: Turn) -> bool:
    """Whether a turn answers its question."""
    if gold.kind == "unanswerable" or turn.refused:
        return gold.kind == "unanswerable" and turn.refused
    said = quantities(turn.answer)
    if gold.figures or gold.facts:
        figures = all(_stated(figure, said) for figure in gold.figures)
        return figures and all(_told(fact, turn.answer, said) for fact in gold.facts)
    words = frozenset(stems(gold.answer))
    return len(words & frozenset(stems(turn.answer))) >= COVERED * len(words)


def _stated(figure: Quantity, said: Sequence[Quantity]) -> bool:
    """By value, the sign aside: an outlay is told in words."""
    plain = replace(figure, value=abs(figure.value))
    return any(
        same_value(plain, replace(one, value=abs(one.value), unit=_unit(one, plain)))
        for one in said
    )


def _unit(said: Quantity, gold: Quantity) -> str:
    """Dollars and dollars per share are one where the figure is the same."""
    return gold.unit if said.unit.split(" ")[0] == gold.unit.split(" ")[0] else said.unit


def _told(fact: str, answer: str, said: Sequence[Quantity]) -> bool:
    figures = quantities(fact)
    if len(figures) == 1 and figures[0].text == fact:
        bare = figures[0]
        return any(abs(abs(one.value) - abs(bare.value)) < bare.step / 2 for one in said)
    return _plain(fact) in _plain(answer)


def _plain(text: str) -> str:
    without = re.sub(r"\s*\[\d+\]", "", text.lower())
    return " ".join(re.findall(r"[a-z0-9.,%$'-]*[a-z0-9%]", without))


# -- the whole way


@contextmanager
def opened(home: Path) -> Generator[tuple[Library, Assistant]]:
    """The drivers over an empty home, all models local, whatever the environment names."""
    settings = Settings(home=home, base_url="local")
    engine = open_database(settings.database)
    with serve(home) as served:
        models = open_models(settings, LocalApi(served.url, served.key))
        name = settings.endpoint(Role.EMBED).model
        index = open_index(home, embed=models.embed, embed_model=name)
        yield (
            Library(engine=engine, index=index, home=home, settings=settings),
            Assistant(engine=engine, models=models, index=index, settings=settings),
        )
        index.close()
    engine.dispose()


async def asked(
    path: Path, golds: Sequence[Gold], *, say: Callable[[str], object] | None
) -> dict[str, dict[str, tuple[int, int]]]:
    """Per model and kind: how many were right, of how many; "page" counts evidence."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as home, opened(Path(home)) as (library, assistant):
        (taken,) = await library.ingest([path])
        if isinstance(taken, Refused):
            raise SystemExit(f"{path.name}: {taken.reason}")
        for model in MODELS:
            for number, gold in enumerate(golds):
                turn = await assistant.ask(gold.question, thread=f"{model}-{number}", model=model)
                told = found[model]
                told[gold.kind].append(right(gold, turn))
                _note_pages(told, gold, turn)
                if say and model is Role.TEACHER and not told[gold.kind][-1]:
                    say(f"\n{gold.kind}: {gold.question}\n  gold {gold.answer} {gold.facts}")
                    say(f"\n  said {turn.answer}\n")
    return {m: {k: (sum(v), len(v)) for k, v in kinds.items()} for m, kinds in found.items()}


def _note_pages(told: dict[str, list[bool]], gold: Gold, turn: Turn) -> None:
    """Whether a gold page was among the evidence's first, and among those cited."""
    if not gold.pages:
        return
    shown = [frozenset(one["pages"]) for one in turn.evidence[:FIRST]]
    group = "NVIDIA" if gold.kind.startswith("NVIDIA") else "sample"
    told[f"{group}: gold page in the first {FIRST}"].append(any(p & gold.pages for p in shown))
    if not turn.refused:
        pages = {page for cited in turn.citations for page in _pages_of(cited, turn)}
        told[f"{group}: answers citing a gold page"].append(bool(pages & gold.pages))
    told[f"{group}: refused, though it is there"].append(turn.refused)


def _pages_of(cited: dict[str, Any], turn: Turn) -> list[int]:
    return turn.evidence[cited["number"] - 1]["pages"]


async def run(say: Callable[[str], object], *, show: bool = False) -> dict[str, dict[str, float]]:
    """Print the table; returns shares by model and kind."""
    sets = [(SAMPLES / "calderwick-10k-2025.pdf", samples())]
    if (DATA / "questions_dev.jsonl").exists():
        sets.append((DATA / "pdfs" / "nvidia-sec-10k-2022.pdf", facts_of_nvidia()))
    counts: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for path, golds in sets:
        for model, kinds in (await asked(path, golds, say=say if show else None)).items():
            counts[model] |= kinds
    say(f"\n{'':40}{'local-teacher':>18}{'untuned student':>18}\n")
    for kind in counts[Role.TEACHER]:
        cells = "".join(_cell(*counts[model].get(kind, (0, 0))) for model in MODELS)
        say(f"{kind:40}{cells}\n")
    if len(sets) == 1:
        say("NVIDIA's questions: skipped, no real filings beside the project.\n")
    return {m: {k: r / n for k, (r, n) in kinds.items()} for m, kinds in counts.items()}


def _cell(good: int, of: int) -> str:
    return f"{good:7}/{of:<4}{good / max(1, of):6.2f}"


def main() -> dict[str, dict[str, float]]:
    """Run it."""
    return asyncio.run(run(sys.stdout.write, show="--show" in sys.argv[1:]))


if __name__ == "__main__":
    main()
