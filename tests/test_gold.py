"""The local judge held to known gold: it ranks systems as their right answers do, a liar last.

Teacher, untuned student, students tuned on 3 to 200 examples and on one kind alone, and a liar
answer the sample filing's own questions over the same evidence; where the real filing is there,
single facts of NVIDIA's too, and XBRL facts whose words and year name one value, with the students
that the sample taught.
"""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.exam import Arm
from backend.samples import SAMPLE_PDF
from tests.gold import (
    NVIDIA_PDF,
    ONE_VALUE,
    Gold,
    Pair,
    Side,
    Standing,
    Told,
    drawn,
    facts_of_nvidia,
    pairs,
    samples,
    standings,
    wrongly,
    xbrl_gold,
)
from tests.hall import LIAR, TEACHER, UNTUNED, opened
from tests.test_local_learning import TAUGHT, figure_questions, prose_questions

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

EACH = 100
"""Examples of figures, and of prose."""


@dataclass(frozen=True)
class School:
    """A home with students in it, and what every system said of the sample filing."""

    home: Path
    arms: list[Arm]
    told: list[Told]


async def taught(home: Path) -> School:
    golds = [gold for gold in samples() if gold.side != "unanswerable"]
    chance = random.Random(1)
    async with opened(home, SAMPLE_PDF) as hall:
        mine = [chunk for chunk in hall.chunks() if {*chunk.pages} <= TAUGHT]
        asked = figure_questions(mine, chance), prose_questions(mine, chance)
        figures, prose = [await hall.examples(each, EACH, unlike=golds) for each in asked]
        arms = [TEACHER, UNTUNED, *await hall.students(figures, prose), LIAR]
        return School(home, arms, await hall.judged(golds, arms))


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    return asyncio.run(taught(tmp_path_factory.mktemp("school")))


@pytest.fixture(scope="module")
def sample(school: School) -> list[Told]:
    return school.told


@pytest.fixture(scope="module")
def nvidia(school: School, shared_data: Path) -> list[Told]:
    async def asked() -> list[Told]:
        async with opened(school.home, NVIDIA_PDF) as hall:
            facts = [gold for gold in xbrl_gold(hall.chunks()) if gold.kind == ONE_VALUE]
            return await hall.judged([*facts, *facts_of_nvidia()], school.arms)

    assert shared_data.is_dir()
    return asyncio.run(asked())


@pytest.fixture(params=["sample", "nvidia"])
def told(request: pytest.FixtureRequest) -> list[Told]:
    """What was said of either filing."""
    return request.getfixturevalue(request.param)


def shown(found: dict[str, Standing], wrong: list[Pair]) -> str:
    """For whoever reads a failure."""
    return "\n".join([drawn(found, "system"), *map(str, wrong)])


LEAST_PAIRS: dict[Side | None, int] = {"figures": 20, "prose": 15, None: 20}
"""So many pairs of systems gold must tell apart, or a test says little."""


@pytest.mark.parametrize("side", LEAST_PAIRS)
def test_systems_that_differ_in_gold_are_all_ranked_rightly(
    told: list[Told], side: Side | None
) -> None:
    found = standings(told, side)

    wrong = wrongly(found)

    assert found["teacher"].questions >= (50 if side == "prose" else 80)
    assert len(pairs(found)) >= LEAST_PAIRS[side]
    assert not wrong, shown(found, wrong)


@pytest.mark.parametrize("side", ["figures", "prose", None])
def test_a_liar_comes_last(told: list[Told], side: Side | None) -> None:
    found = standings(told, side)

    others = [one.ragas for name, one in found.items() if name != LIAR.name]

    assert found[LIAR.name].ragas < min(others) - 0.1, shown(found, [])
    assert found[LIAR.name].relevancy > 0.9


def test_training_raises_gold_figures_and_the_score_alike(told: list[Told]) -> None:
    found = standings(told, "figures")

    for name in ("tuned on 50", "tuned on 200"):
        assert found[name].gold > found["untuned"].gold + 0.25, shown(found, [])
        assert found[name].ragas > found["untuned"].ragas + 0.25, shown(found, [])


def test_scores_are_those_of_ragas_over_http(school: School) -> None:
    golds: list[Gold] = samples()[::20]
    arms = [*school.arms[:3], LIAR]

    async def both() -> tuple[list[Told], list[Told]]:
        async with opened(school.home, SAMPLE_PDF) as hall:
            return await hall.sat(golds, arms), await hall.judged(golds, arms)

    there, here = asyncio.run(both())

    def scored(told: list[Told]) -> dict[tuple[str, str], tuple[str, float]]:
        return {
            (one.system, one.gold.question): (said.text, round(one.sat.ragas_score or 0.0, 4))
            for one in told
            if (said := one.sat.answered)
        }

    assert len(here) == len(golds) * len(arms)
    assert scored(there) == scored(here)
