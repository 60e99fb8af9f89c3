"""What fine-tuning brings, by known gold, and whether the local judge ranks systems as gold does.

`python -m tests.benchmarks.bench_student` prints, for the sample filing and for NVIDIA's 10-K of
fiscal 2023, the share of questions that the teacher, the untuned student, students tuned on 3, 10,
50 and 200 examples, students of one-sided examples and a liar answer with the gold, figures and
prose apart, each beside its ragas_score by the local judge over the same evidence; then every two
systems more than .03 apart in gold that the judge ranks the wrong way round.

Examples are asked of some of the pages and answered by the teacher. Of NVIDIA's filing, XBRL facts
and passages of the exam stand on the other pages; nothing that nearly asks an exam question is an
example. Answers and scores come from reader's and judge's own functions; one question in forty is
asked over HTTP and scored by ragas itself too, and the largest difference is printed.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from backend.exam import Arm
from backend.records import Chunk, Role
from backend.samples import SAMPLE_PDF
from tests.gold import (
    DATA,
    NVIDIA_PDF,
    ONE_VALUE,
    Gold,
    Side,
    Told,
    drawn,
    facts_of_nvidia,
    pairs,
    passages_of_nvidia,
    samples,
    standings,
    wrongly,
    xbrl_gold,
)
from tests.hall import LIAR, TEACHER, UNTUNED, Chat, Hall, opened
from tests.test_local_learning import TAUGHT, figure_questions, prose_questions

EACH = 100
"""Examples of figures, and of prose."""
CHECKED = 40
"""One answer in so many is scored by ragas too."""


@dataclass(frozen=True, slots=True)
class School:
    """What is asked for examples, of figures and of prose, and the exam."""

    figures: list[str]
    prose: list[str]
    exam: list[Gold]


def taught(page: int) -> bool:
    """Whether examples may be asked of a page of NVIDIA's, counted from 1: in blocks of four."""
    return int(sha256(str((page - 1) // 4).encode()).hexdigest(), 16) % 10 < 4


def school_of_sample(chunks: Sequence[Chunk]) -> School:
    """Examples from the discussion and the later notes; the sample's own questions."""
    chance = random.Random(1)
    mine = [chunk for chunk in chunks if {*chunk.pages} <= TAUGHT]
    return School(figure_questions(mine, chance), prose_questions(mine, chance), samples())


def school_of_nvidia(chunks: Sequence[Chunk]) -> School:
    """Examples from two fifths of the pages; XBRL facts, single facts and passages of others."""
    chance = random.Random(5)
    mine = [chunk for chunk in chunks if all(taught(page) for page in chunk.pages)]
    on_passages = passages_of_nvidia()
    prose = [gold.question for gold in on_passages if all(map(taught, gold.pages))]
    chance.shuffle(prose)
    exam = [
        *xbrl_gold(chunks, usable=lambda chunk: not any(map(taught, chunk.pages))),
        *facts_of_nvidia(),
        *(gold for gold in on_passages if not any(map(taught, gold.pages))),
    ]
    return School(figure_questions(mine, chance), prose, exam)


async def told(hall: Hall, school: School) -> list[Told]:
    """Every system at the school's exam."""
    arms = [TEACHER, UNTUNED, *await hall.students(*await lessons(hall, school)), LIAR]
    return await hall.judged(school.exam, arms)


async def lessons(hall: Hall, school: School) -> tuple[list[Chat], list[Chat]]:
    """Examples of figures and of prose, none of them near a question of the exam."""
    figures = await hall.examples(school.figures, EACH, unlike=school.exam)
    return figures, await hall.examples(school.prose, EACH, unlike=school.exam)


def reported(every: Sequence[Told], filing: str) -> list[str]:
    """The tables, and what the judge ranks wrongly."""
    lines: list[str] = []
    sides: tuple[Side | None, ...] = ("figures", "prose", None)
    for side in sides:
        found = standings(every, side)
        name = side or "both"
        count = next(iter(found.values())).questions
        wrong = wrongly(found)
        of = len(pairs(found))
        lines.append("\n" + drawn(found, f"{filing}: {name}, {count}"))
        lines.append(f"  of {of} pairs more than .03 apart in gold, ranked wrongly: {len(wrong)}")
        lines += [f"    {pair}" for pair in wrong]
    clear = standings([one for one in every if one.gold.kind == ONE_VALUE])
    if clear:
        count = next(iter(clear.values())).questions
        title = f"{filing}: clear figures, {count}"
        lines.append("\n" + drawn(clear, title) + "\n  facts whose words and year name one value")
    refused = standings(every, "unanswerable")
    if refused:
        shares = ", ".join(f"{name} {one.gold:.2f}" for name, one in refused.items())
        lines.append(f"\n{filing}: what it does not say is refused: {shares}")
    return lines


async def apart_from_ragas(hall: Hall, every: Sequence[Told]) -> float:
    """The largest difference to what the same systems score over HTTP, with ragas itself."""
    worst = 0.0
    for one in every[::CHECKED]:
        arm = Arm(one.system, Role.STUDENT, one.sat.model)
        [there] = await hall.sat([one.gold], [LIAR if one.system == LIAR.name else arm])
        worst = max(worst, abs((one.sat.ragas_score or 0.0) - (there.sat.ragas_score or 0.0)))
    return worst


async def run(
    say: Callable[[str], object],
    pdf: Path,
    filing: str,
    school_of: Callable[[Sequence[Chunk]], School],
) -> None:
    """One filing's tables."""
    with tempfile.TemporaryDirectory() as home:
        async with opened(Path(home), pdf) as hall:
            school = school_of(hall.chunks())
            every = await told(hall, school)
            for line in reported(every, filing):
                say(f"{line}\n")
            worst = await apart_from_ragas(hall, every)
            say(f"largest difference to ragas itself, one answer in {CHECKED}: {worst:.4f}\n")


def main() -> None:
    """Both filings."""
    say = sys.stdout.write
    asyncio.run(run(say, SAMPLE_PDF, "sample", school_of_sample))
    if DATA.is_dir():
        asyncio.run(run(say, NVIDIA_PDF, "NVIDIA", school_of_nvidia))
    else:
        say("NVIDIA: skipped, needs shared/data beside the project\n")


if __name__ == "__main__":
    main()
