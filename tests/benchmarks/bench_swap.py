"""A swap and a rollback under 50 conversations that ask without pause, and what the teacher's
second answers cost readers.

`python -m tests.benchmarks.bench_swap` ingests the sample filing, has the teacher answer 40
questions, fine-tunes the local student on them, and then swaps from the untuned student to the
tuned one and back while 50 conversations ask. Everything runs in this process over the local API.
An answer is stamped rightly where its turn names the model that the API was really asked for, and
where that is the model which was active when the question was asked. Then three readers who
think between their questions ask the same with a tenth of second answers and with none.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from backend.assistant import Assistant
from backend.datasets import curate, to_chat_jsonl
from backend.errors import TenkError
from backend.index import Index, open_index
from backend.library import Library
from backend.local.serving import serve
from backend.models import LocalApi, Models, open_models
from backend.models.training import Trainer
from backend.records import Candidate, Message, Role, Turn, Usage
from backend.samples import SAMPLE_PDF
from backend.settings import Endpoint, Settings
from backend.store import serving as service
from backend.store.cycles import activate
from backend.store.database import open_database, transaction
from backend.store.turns import examples
from tests.benchmarks.bench_chat import ITEMS

CONVERSATIONS = 50
TAUGHT = 40
BEFORE, AFTER = 8.0, 8.0
"""Seconds of asking before and after a swap."""
READERS, BLOCK, PAIRS = 3, 20, 12
PAUSES = (0.3, 1.1)
"""Seconds that a reader thinks."""
QUESTIONS = [f"What was {item} in fiscal {year}?" for year in (2025, 2024, 2023) for item in ITEMS]

asked_for: ContextVar[list[str]] = ContextVar("asked_for")


@dataclass
class Noted:
    """The models, noting for each question which one the API was really asked for."""

    models: Models

    def endpoint(self, role: Role) -> Endpoint:
        return self.models.endpoint(role)

    def cost(self, model: str, usage: Usage) -> float | None:
        return self.models.cost(model, usage)

    async def stream(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        asked_for.set([model or ""])
        async with aclosing(self.models.stream(role, messages, model=model)) as parts:
            async for part in parts:
                yield part

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        return await self.models.complete(role, messages, model=model)


@dataclass
class House:
    """What the benchmark works with."""

    home: Path
    engine: Engine
    models: Models
    index: Index

    def assistant(self, share: float) -> Assistant:
        """One whose teacher answers this share too."""
        settings = Settings(home=self.home, base_url="local", shadow_share=share)
        return Assistant(self.engine, Noted(self.models), self.index, settings)


@dataclass
class Asked:
    """One question: when, by whom it was answered, or why not."""

    began: float
    ended: float
    turn: Turn | None
    really: str
    error: str = ""


@dataclass
class Run:
    """Everything asked around one swap."""

    old: str
    new: str
    asked: list[Asked] = field(default_factory=list[Asked])
    before: float = 0.0
    after: float = 0.0

    def told(self) -> dict[str, float]:
        """The promises in numbers."""
        answered = [one for one in self.asked if one.turn is not None]
        late = [one for one in answered if one.began >= self.after + 1.0]
        under_way = [one for one in answered if one.began < self.before < one.ended]
        return {
            "questions": len(self.asked),
            "failed": len(self.asked) - len(answered),
            "stood in for": sum(
                one.turn is not None and one.turn.instead_of is not None for one in self.asked
            ),
            "wrong stamp": sum(self._wrong(one) for one in answered),
            "under way at the swap": len(under_way),
            "asked 1 s after or later": len(late),
            "of those not by the new model": sum(one.really != self.new for one in late),
        }

    def _wrong(self, one: Asked) -> bool:
        assert one.turn is not None
        if one.turn.model != one.really:
            return True
        if one.began > self.after:
            return one.really != self.new
        return one.really not in ((self.old,) if one.began < self.before else (self.old, self.new))


async def converse(
    assistant: Assistant, name: str, going: Callable[[], bool], asked: list[Asked]
) -> None:
    """Ask without pause, in one thread, while it is going."""
    draw = random.Random(name)
    while going():
        began = time.monotonic()
        try:
            turn = await assistant.ask(draw.choice(QUESTIONS), thread=name)
        except TenkError as error:
            asked.append(Asked(began, time.monotonic(), None, "", str(error)))
        else:
            asked.append(Asked(began, time.monotonic(), turn, asked_for.get()[0]))


async def under_load(house: House, swap: Callable[[], tuple[str, str]], name: str) -> Run:
    """50 conversations around what `swap` does; it returns the old model and the new one."""
    assistant, run = house.assistant(0.0), Run("", "")
    until = time.monotonic() + 600.0
    tasks = [
        asyncio.create_task(
            converse(assistant, f"{name}-{n}", lambda: time.monotonic() < until, run.asked)
        )
        for n in range(CONVERSATIONS)
    ]
    await asyncio.sleep(BEFORE)
    run.before = time.monotonic()
    run.old, run.new = swap()
    run.after = time.monotonic()
    await asyncio.sleep(AFTER)
    until = 0.0
    await asyncio.gather(*tasks)
    return run


async def tuned(house: House) -> str:
    """The student, fine-tuned on what the teacher says; its name."""
    assistant = house.assistant(0.0)
    for n, question in enumerate(QUESTIONS[:TAUGHT]):
        await assistant.ask(question, thread=f"teach-{n}")
    with transaction(house.engine) as session:
        kept = [one.example for one in curate(examples(session)) if one.state == "kept"]
    file = house.home / "train.jsonl"
    file.write_text("".join(to_chat_jsonl(one) + "\n" for one in kept), encoding="utf-8")
    trainer = Trainer(house.models)
    sent = await trainer.upload(file)
    job = await trainer.create(
        "local-student", (sent, None), tag="bench", suffix="bench", seed=1, hyperparameters={}
    )
    while not job.ended:
        await asyncio.sleep(0.2)
        job = await trainer.job(job.id)
    assert job.model is not None, job.error
    print(f"fine-tuned {job.model} on {len(kept)} examples")
    return job.model


def put_into_service(house: House, model: str, job: str) -> None:
    """As a promotion does."""
    with transaction(house.engine) as session:
        row = Candidate(model=model, role=Role.STUDENT.value, job=job)
        session.add(row)
        session.flush()
        activate(session, row, by="bench", reason="")


async def swap_and_back(house: House, new: str) -> dict[str, dict[str, float]]:
    """What happened around a swap, and around its rollback."""
    put_into_service(house, "local-student", "none")

    def forward() -> tuple[str, str]:
        put_into_service(house, new, "bench")
        return "local-student", new

    def back() -> tuple[str, str]:
        with transaction(house.engine) as session:
            service.roll_back(session, teacher="local-teacher", by="bench", reason="")
        return new, "local-student"

    found: dict[str, dict[str, float]] = {}
    for name, act in (("swap", forward), ("rollback", back)):
        run = await under_load(house, act, name)
        found[name] = run.told()
        print(f"{name} under {CONVERSATIONS} conversations:")
        for what, number in found[name].items():
            print(f"  {what}: {number:.0f}")
        for error in {one.error for one in run.asked if one.error}:
            print(f"  {error}")
    return found


async def reader(assistant: Assistant, name: str, seconds: list[float]) -> None:
    """Somebody who thinks between questions, each in a thread of its own; the same for a name."""
    draw = random.Random(name)
    for n in range(BLOCK):
        await asyncio.sleep(draw.uniform(*PAUSES))
        start = time.perf_counter()
        await assistant.ask(draw.choice(QUESTIONS), thread=f"{name}-{n}-{start}")
        seconds.append(time.perf_counter() - start)


async def second_answers(house: House) -> float:
    """The reader's p95 with second answers over that without: the median of pairs of blocks.

    The two blocks of a pair follow each other, now the one first, now the other, so that what
    else the machine does falls on both alike.
    """
    shares = (0.0, 0.1)
    assistants = {share: house.assistant(share) for share in shares}
    every: dict[float, list[float]] = {share: [] for share in shares}
    ratios: list[float] = []
    late = 0
    await reader(assistants[0.0], "warm", [])
    for pair in range(PAIRS):
        p95: dict[float, float] = {}
        for share in shares if pair % 2 else shares[::-1]:
            seconds: list[float] = []
            await asyncio.gather(
                *(reader(assistants[share], f"{pair}-{n}", seconds) for n in range(READERS))
            )
            late += assistants[share].shadow.waiting
            await assistants[share].shadow.settled()
            p95[share] = statistics.quantiles(seconds, n=20)[-1]
            every[share] += seconds
        ratios.append(p95[0.1] / p95[0.0])
    for share in shares:
        told = 1000 * statistics.quantiles(every[share], n=20)[-1]
        median = 1000 * statistics.median(every[share])
        print(
            f"second answers {share:.0%}: {len(every[share])} questions, median {median:.0f} ms, "
            f"p95 {told:.0f} ms"
        )
    with transaction(house.engine) as session:
        asked, whole, _ = service.shadow_totals(session)
    ratio = statistics.median(ratios)
    print(
        f"p95 with over without, median of {PAIRS} pairs: {ratio:.2f} (promised 1.05), quartiles "
        f"{[round(one, 2) for one in statistics.quantiles(ratios, n=4)]}; {asked} second answers, "
        f"{whole} whole, {late} of them after their block"
    )
    return ratio


async def measure(home: Path) -> dict[str, object]:
    """Run it all."""
    settings = Settings(home=home, base_url="local")
    engine = open_database(settings.database)
    with serve(home) as local:
        models = open_models(settings, LocalApi(local.url, local.key))
        index = open_index(home, embed=models.embed, embed_model="local-embed")
        library = Library(engine=engine, index=index, home=home, settings=settings)
        await library.ingest([Path(SAMPLE_PDF)])
        house = House(home, engine, models, index)
        found: dict[str, object] = dict(await swap_and_back(house, await tuned(house)))
        found["p95 ratio"] = await second_answers(house)
        await models.close()
        index.close()
    engine.dispose()
    return found


def main() -> dict[str, object]:
    """Print what was measured beside what is promised."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
