"""ragas's two metrics against local-judge and local-embed, over real HTTP."""

import asyncio
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from backend.local.serving import Served, serve

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

INCOME = """Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Revenue | $26,974 | $26,914
Cost of revenue | 11,618 | 9,439
Gross profit | 15,356 | 17,475
Operating expenses
Research and development | 7,339 | 5,268
Net income | $4,368 | $9,752
Diluted earnings per share | 1.74 | 3.85"""
SUPPLY = (
    "We depend on a few suppliers for our wafers. If one of them fails to deliver, our shipments "
    "would be late. We signed long-term agreements to secure supply and paid deposits for them."
)
CONTEXTS = [INCOME, SUPPLY]
QUESTION = "What was revenue in fiscal 2023?"
ANSWERS = {
    "right": "Revenue was $26,974 million for the year ended Jan 29, 2023 [1].",
    "row": "Cost of revenue was $11,618 million for the year ended Jan 29, 2023 [1].",
    "period": "Revenue was $26,914 million for the year ended Jan 30, 2022 [1].",
    "relabelled": "Revenue was $26,914 million for the year ended Jan 29, 2023 [1].",
    "unit": "Revenue was $26,974 thousand for the year ended Jan 29, 2023 [1].",
    "liar": "Revenue in fiscal 2023 was $5,813 million [1].",
    "refusal": "The evidence does not say what revenue was in fiscal 2023.",
}
Scores = dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def ragas_imported() -> None:
    """Imported once, telling nobody; its dependencies warn about each other while they load."""
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ragas.metrics.collections  # noqa: F401  # pyright: ignore[reportUnusedImport]


def metrics(client: AsyncOpenAI) -> tuple[Any, Any]:
    from ragas.embeddings import OpenAIEmbeddings
    from ragas.llms import llm_factory
    from ragas.metrics.collections import AnswerRelevancy, Faithfulness

    judge: Any = llm_factory("local-judge", client=client)
    near: Any = OpenAIEmbeddings(client=client, model="local-embed")
    return Faithfulness(llm=judge), AnswerRelevancy(llm=judge, embeddings=near, strictness=1)


async def scores(url: str, question: str, answers: dict[str, str]) -> Scores:
    """Faithfulness and answer relevancy of each answer."""
    found: Scores = {}
    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=0, timeout=30) as client:
        faithfulness, relevancy = metrics(client)
        for name, answer in answers.items():
            true = await faithfulness.ascore(
                user_input=question, response=answer, retrieved_contexts=CONTEXTS
            )
            near = await relevancy.ascore(user_input=question, response=answer)
            found[name] = (true.value, near.value)
    return found


@pytest.fixture(scope="module")
def judged(served: Served, ragas_imported: None) -> Scores:
    return asyncio.run(scores(served.url, QUESTION, ANSWERS))


def harmonic(pair: tuple[float, float]) -> float:
    return 2 * pair[0] * pair[1] / sum(pair) if sum(pair) > 0 else 0.0


def test_the_right_figure_is_faithful_and_relevant(judged: Scores) -> None:
    faithful, relevant = judged["right"]

    assert faithful == 1.0
    assert relevant > 0.9


@pytest.mark.parametrize("wrong", ["row", "period", "relabelled", "unit", "liar"])
def test_a_wrong_figure_is_not_faithful(judged: Scores, wrong: str) -> None:
    assert judged[wrong][0] == 0.0


def test_the_question_restated_around_a_random_figure_comes_last(judged: Scores) -> None:
    totals = {name: harmonic(pair) for name, pair in judged.items()}

    assert totals["right"] > 0.9
    assert totals["liar"] == min(totals.values())


def test_another_row_or_period_is_less_relevant_than_the_answer(judged: Scores) -> None:
    relevant = {name: pair[1] for name, pair in judged.items()}

    assert relevant["right"] > max(relevant["period"], relevant["row"])


def test_a_refusal_is_noncommittal_and_bears_nothing_out(judged: Scores) -> None:
    assert judged["refusal"] == (0.0, 0.0)


async def test_partial_support_is_a_share_between_none_and_all(served: Served) -> None:
    answers = {"half": f"{ANSWERS['right']} Net income was $9,999 million in fiscal 2023 [1]."}

    found = await scores(served.url, QUESTION, answers)

    assert found["half"][0] == 0.5


async def test_a_quote_that_answers_beats_one_that_does_not(served: Served) -> None:
    answers = {
        "fitting": "If one of them fails to deliver, our shipments would be late [2].",
        "beside": "We signed long-term agreements to secure supply and paid deposits for them [2].",
        "made up": "Late shipments are insured by our bank against every loss [2].",
    }

    found = await scores(served.url, "What happens when a supplier fails to deliver?", answers)

    totals = {name: harmonic(pair) for name, pair in found.items()}
    assert totals["fitting"] > totals["beside"] > totals["made up"]


@pytest.mark.parametrize("mode", ["TOOLS", "JSON", "JSON_SCHEMA", "MD_JSON"])
async def test_every_way_of_asking_for_json_is_answered(served: Served, mode: str) -> None:
    import instructor
    from ragas.llms.base import InstructorLLM
    from ragas.metrics.collections import Faithfulness

    async with AsyncOpenAI(base_url=served.url, api_key="any", max_retries=0) as client:
        patched = instructor.from_openai(client, mode=instructor.Mode[mode])
        judge: Any = InstructorLLM(client=patched, model="local-judge", provider="openai")

        found: Any = await Faithfulness(llm=judge).ascore(
            user_input=QUESTION, response=ANSWERS["right"], retrieved_contexts=CONTEXTS
        )

    assert found.value == 1.0


async def test_the_judges_reply_fits_into_what_ragas_allows(served: Served) -> None:
    many = " ".join(
        f"{label} was $26,974 million for the year ended Jan 29, 2023, which is what the table of "
        f"the consolidated statements of income gives for it in its column number {n} [1]."
        for n, label in enumerate(["Revenue", "Net revenue", "Sales", "Turnover"] * 5)
    )

    found = await scores(served.url, QUESTION, {"long": many})

    assert 0.0 <= found["long"][0] <= 1.0
