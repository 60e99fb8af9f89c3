"""What a question costs beside the model's own time, what the chat's process holds, how soon
`tenk --help` answers.

`python -m tests.benchmarks.bench_chat` asks the NVIDIA filing (the sample where it is absent) 100
questions in this process, counting the seconds spent waiting for a model apart, then 50 over the
socket of a real chat.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.assistant import Assistant
from backend.index import open_index
from backend.library import Library
from backend.local.serving import serve
from backend.models import LocalApi, Models, open_models
from backend.records import Message, Role, Usage
from backend.samples import SAMPLE_PDF
from backend.settings import Endpoint, Settings
from backend.store.database import open_database
from tests.chatting import reader, running, stock

DATA = Path(__file__).parents[3] / "shared" / "data"
NVIDIA = DATA / "pdfs" / "nvidia-sec-10k-2022.pdf"
ITEMS = [
    "total revenue",
    "net income",
    "cost of revenue",
    "gross profit",
    "research and development expenses",
    "diluted earnings per share",
    "inventories",
    "accounts receivable",
    "total assets",
    "goodwill",
    "cash flow from operating activities",
    "capital expenditures",
    "income tax expense",
    "stock-based compensation",
    "the policy on revenue recognition",
    "the risk from suppliers",
    "share repurchases",
    "deferred revenue",
    "long-term debt",
    "the number of employees",
]
QUESTIONS = [f"What was {item} in {year}?" for year in range(2021, 2026) for item in ITEMS]


@dataclass
class Timed:
    """The models, with the seconds spent waiting for them."""

    models: Models
    seconds: float = 0.0

    def endpoint(self, role: Role) -> Endpoint:
        return self.models.endpoint(role)

    def cost(self, model: str, usage: Usage) -> float | None:
        return self.models.cost(model, usage)

    async def stream(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        parts = self.models.stream(role, messages, model=model)
        while True:
            start = time.perf_counter()
            part = await anext(parts, None)
            self.seconds += time.perf_counter() - start
            if part is None:
                return
            yield part

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        start = time.perf_counter()
        reply = await self.models.complete(role, messages, model=model)
        self.seconds += time.perf_counter() - start
        return reply

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        start = time.perf_counter()
        vectors = await self.models.embed(texts)
        self.seconds += time.perf_counter() - start
        return vectors


async def overheads(home: Path, pdf: Path) -> tuple[list[float], list[float]]:
    """Milliseconds per question: everything but the models, and the models."""
    with serve(home) as local:
        settings = Settings(home=home)
        models = open_models(settings, LocalApi(local.url, local.key))
        timed = Timed(models)
        engine = open_database(settings.database)
        index = open_index(home, embed=timed.embed, embed_model="local-embed")
        await Library(engine=engine, index=index, home=home, settings=settings).ingest(
            [pdf], on_progress=lambda done, total, label: None
        )
        assistant = Assistant(engine=engine, models=timed, index=index, settings=settings)
        await assistant.ask("What was revenue?", thread="warm")  # imports, caches
        rest: list[float] = []
        spoken: list[float] = []
        for number, question in enumerate(QUESTIONS):
            timed.seconds, start = 0.0, time.perf_counter()
            await assistant.ask(question, thread=f"t{number}")
            whole = time.perf_counter() - start
            rest.append(1000 * (whole - timed.seconds))
            spoken.append(1000 * timed.seconds)
        await models.close()
        engine.dispose()
    return rest, spoken


async def chat_memory(home: Path) -> float:
    """Resident megabytes of the chat after 50 questions over the socket."""
    with running(home) as chat:
        async with reader(chat.url) as person:
            await person.connect()
            for question in QUESTIONS[:50]:
                await person.ask(question)
            return chat.memory()


def help_seconds() -> float:
    """The best of five calls: what the command costs, not what else the machine does."""
    command = [Path(sys.executable).with_name("tenk"), "--help"]

    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return time.perf_counter() - start

    return min(once() for _ in range(5))


def main() -> None:
    """Print what was measured beside what is promised."""
    pdf = NVIDIA if NVIDIA.exists() else Path(SAMPLE_PDF)
    with tempfile.TemporaryDirectory() as folder:
        rest, spoken = asyncio.run(overheads(Path(folder) / "home", pdf))
        p95 = statistics.quantiles(rest, n=20)[-1]
        print(
            f"overhead per question, {pdf.name}: median {statistics.median(rest):.1f} ms, "
            f"p95 {p95:.1f} ms (promised 50); the local models beside it: median "
            f"{statistics.median(spoken):.1f} ms"
        )
        home = Path(folder) / "chat"
        home.mkdir()
        held = asyncio.run(chat_memory(stock(home, pdf)))
        print(f"chat after 50 questions: {held:.0f} MB resident (promised 600)")
    print(f"tenk --help: {help_seconds():.2f} s (promised 0.5)")


if __name__ == "__main__":
    main()
