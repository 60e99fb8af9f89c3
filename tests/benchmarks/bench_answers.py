"""How often the keyless models answer rightly, through the whole way: search, prompt, answer.

`python -m tests.benchmarks.bench_answers` asks local-teacher and the untuned local-student the 150
questions of the sample filing and, where the file lies beside the project, 100 questions on
NVIDIA's filing, and prints the share of right answers by kind. With `--show` it prints each wrong
answer of the teacher too. Neither model was trained on either filing.

Right is an answer that states every figure and every phrase of the gold facts; where none are
given, one whose words hold 60 % of the gold answer's. On a question that the filing does not
answer, refusing is right.
"""

import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.assistant import Assistant
from backend.index import open_index
from backend.library import Library, Refused
from backend.local.serving import serve
from backend.models import LocalApi, open_models
from backend.records import Role, Turn
from backend.settings import Settings
from backend.store.database import open_database
from tests.gold import Gold, facts_of_nvidia, right, samples

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "backend" / "samples"
DATA = ROOT.parent / "shared" / "data"
MODELS = (Role.TEACHER, Role.STUDENT)
FIRST = 5


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
                told[gold.kind].append(right(gold, turn.answer, refused=turn.refused))
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
