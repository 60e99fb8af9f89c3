"""How long an exam takes against a judge of 200 ms a call that allows 16 at once.

`python -m tests.benchmarks.bench_exam` prints the exam's time as a ratio to the limit (calls x
0.2 s / 16) and beside it ragas's own, one answer after another as in the article. The judge runs
in a process of its own; a seventeenth call at once would be refused and counted.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from openai import AsyncOpenAI

from backend.exam import Answered, Arm, Sat, Terms, judge_of, sit
from backend.models import open_models
from backend.records import ExamQuestion, Passage, Role, Usage
from backend.settings import load_settings
from tests.fake_judge import EMBEDDER, JUDGE, KEY

LATENCY, AT_ONCE = 0.2, 16
QUESTIONS = 40
ONE_BY_ONE = 6
"""Answers that ragas scores alone: its time a call does not depend on how many there are."""
ARMS = [Arm(name, Role.STUDENT, name) for name in ("candidate", "active", "untuned", "teacher")]
TEXT = "Revenue was $5 million in fiscal 2023. Costs rose by a tenth. " * 15


@contextmanager
def judge() -> Generator[str]:
    """A judge in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.fake_judge", str(LATENCY), str(AT_ONCE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)


def counted(url: str) -> tuple[int, int, int]:
    """Calls it had, calls it refused, most at once."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/counted") as reply:
        told = json.load(reply)
    refused = told["calls"].pop("limited", 0)
    return sum(told["calls"].values()), refused, told["at_once"]


def question(number: int) -> ExamQuestion:
    """A question over six passages of a thousand letters."""
    shown = Passage(
        filing="f",
        file="f.pdf",
        company="Acme",
        fiscal_year=2023,
        page=3,
        pages=(3,),
        section="Item 7",
        kind="prose",
        text=TEXT,
        score=1.0,
        chunk=1,
    ).model_dump()
    asked = f"What was revenue in case {number}?"
    return ExamQuestion(
        id=number, question=asked, key=asked, group="g", evidence=[shown] * 6, source="generated"
    )


def text_of(arm: str, number: int) -> str:
    """No two answers are the same, so nothing is shared."""
    return f"Revenue was $5 million in fiscal 2023 [1]. So says {arm} of {number} [1]."


async def answer(arm: Arm, asked: ExamQuestion) -> Answered:
    """At once: it is the judging that is timed."""
    return Answered(text_of(arm.name, asked.id or 0), False, 0, 0.0, Usage(), 0.0)


async def ours(url: str, asked: Sequence[ExamQuestion]) -> tuple[float, list[Sat]]:
    """Seconds of the exam, and what came of it."""
    settings = load_settings(
        judge_base_url=url,
        judge_api_key=KEY,
        judge_model=JUDGE,
        embed_base_url=url,
        embed_api_key=KEY,
        embed_model=EMBEDDER,
    )
    models = open_models(settings, None)
    who = await judge_of(models, 60)
    start = time.perf_counter()
    sats = await sit(asked, Terms(ARMS, at_once=AT_ONCE), answer=answer, judge=who)
    seconds = time.perf_counter() - start
    await models.close()
    return seconds, sats


async def ragas_alone(url: str, count: int) -> float:
    """Seconds of ragas's own metrics, as its documentation has them, one after another."""
    from ragas.embeddings import OpenAIEmbeddings
    from ragas.llms import llm_factory
    from ragas.metrics.collections import AnswerRelevancy, Faithfulness

    async with AsyncOpenAI(base_url=url, api_key=KEY) as client:
        llm: Any = llm_factory(JUDGE, client=client)
        near: Any = OpenAIEmbeddings(client=client, model=EMBEDDER)
        faithful, relevant = Faithfulness(llm=llm), AnswerRelevancy(llm=llm, embeddings=near)
        start = time.perf_counter()
        for number in range(count):
            asked, said = question(number), text_of("ragas", number)
            await faithful.ascore(
                user_input=asked.question, response=said, retrieved_contexts=[TEXT] * 6
            )
            await relevant.ascore(user_input=asked.question, response=said)
        return time.perf_counter() - start


def main() -> None:
    """Print both columns, each against the same limit."""
    asked = [question(number) for number in range(1, QUESTIONS + 1)]
    with judge() as url:
        asyncio.run(ours(url, asked[:1]))  # imports, connections
        before = counted(url)[0]
        start = time.process_time()
        seconds, sats = asyncio.run(ours(url, asked))
        processor = time.process_time() - start
        calls, refused, at_once = counted(url)
        calls -= before
        limit = calls * LATENCY / AT_ONCE
        alone = asyncio.run(ragas_alone(url, ONE_BY_ONE))
        alone_calls = counted(url)[0] - calls - before
    assert all(sat.ragas_score is not None for sat in sats), "a score is missing"
    alone_limit = alone_calls * LATENCY / AT_ONCE
    print(f"{len(sats)} answers, {calls} calls, at most {at_once} at once, {refused} refused")
    print(f"{'':24}{'seconds':>9}{'limit':>9}{'ratio':>8}")
    print(f"{'the exam':24}{seconds:9.2f}{limit:9.2f}{seconds / limit:8.2f}   (at most 1.25)")
    print(f"{'ragas, one by one':24}{alone:9.2f}{alone_limit:9.2f}{alone / alone_limit:8.2f}")
    print(f"processor time: {processor / calls * 1000:.1f} ms a call")


if __name__ == "__main__":
    main()
