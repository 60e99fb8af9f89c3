"""What the worker takes while nothing is to do, and what a cycle costs those who ask meanwhile.

`python -m tests.benchmarks.bench_worker` takes a home with the sample filing and 150 answered
questions. First `tenk worker` runs over it alone, for half a minute, with nothing asked of it.
Then a reader asks over the socket of a real chat, in blocks with and without a cycle under way in
the worker beside it: training on all that is kept, and an exam with four arms. Chat and worker are
processes of their own, as `make chat` starts them. Promised: at most 3 % of one core and 250 MB
idle; p95 of the time to the first token at most 1.5 times that without a cycle.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from backend.store import cycles
from backend.store.database import open_database, transaction
from tests.benchmarks.bench_chat import ITEMS
from tests.chatting import Reader, environment, reader, running
from tests.turning import template

SETTLED, IDLE = 15.0, 30.0
CPU, MEMORY, RATIO = 3.0, 250.0, 1.5
PAIRS, LEAST = 3, 60
PAUSE = 0.15
"""Seconds that the reader thinks."""
QUESTIONS = [f"What was {item} in fiscal {year}?" for year in (2025, 2024, 2023) for item in ITEMS]
CYCLE = {
    "TENK_BASE_URL": "local",
    "TENK_SCHEDULE": "off",
    "TENK_EXAM_SHARE": "0.3",
    "TENK_ALPHA": "1e-6",  # no swap: the same model answers in every block
}
TICK = os.sysconf("SC_CLK_TCK")


def seconds_used(process: "subprocess.Popen[bytes]") -> float:
    """Processor seconds so far, user and system, all threads."""
    fields = (
        Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / TICK


def megabytes(process: "subprocess.Popen[bytes]") -> float:
    """Resident memory."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def worker(home: Path) -> Generator["subprocess.Popen[bytes]"]:
    """`tenk worker` over this home."""
    command = [sys.executable, "-m", "backend.cli", "worker"]
    process = subprocess.Popen(command, env=environment(home, **CYCLE), cwd=home.parent)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def idle(home: Path) -> tuple[float, float]:
    """Percent of one core, and MB."""
    with worker(home) as process:
        time.sleep(SETTLED)
        before, start = seconds_used(process), time.monotonic()
        time.sleep(IDLE)
        share = 100 * (seconds_used(process) - before) / (time.monotonic() - start)
        return share, megabytes(process)


async def first_token(page: Reader, question: str) -> float:
    """Seconds from sending a question to the first piece of its answer."""
    before, ended = len(page.tokens), page.ended
    start = time.perf_counter()
    await page.send(question)
    await page.until(lambda: len(page.tokens) > before)
    seconds = time.perf_counter() - start
    await page.until(lambda: page.ended > ended)
    return seconds


async def block(url: str, going: "asyncio.Event | None" = None) -> list[float]:
    """A page of its own; questions until the cycle has ended, or enough of them."""
    found: list[float] = []
    async with reader(url) as page:
        await page.connect()
        while len(found) < LEAST if going is None else not going.is_set():
            found.append(await first_token(page, QUESTIONS[len(found) % len(QUESTIONS)]))
            await asyncio.sleep(PAUSE)
    return found


async def beside_a_cycle(url: str, home: Path) -> list[float]:
    """The same while a cycle is under way, from its first step to its verdict."""
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        key = cycles.open_cycle(session, by="bench", tag=f"bench-{time.time()}").id or 0
    ended, began = asyncio.Event(), time.monotonic()

    async def watch() -> None:
        while not ended.is_set():
            await asyncio.sleep(0.5)
            with transaction(engine) as session:
                row = cycles.cycle(session, key)
            if row.ended is not None:
                print(f"cycle {key}: {time.monotonic() - began:.0f} s; {row.ended[:60]}")
                ended.set()

    watching = asyncio.create_task(watch())
    found = await block(url, ended)
    await watching
    engine.dispose()
    return found


def p95(seconds: list[float]) -> float:
    """Of all blocks together, in seconds."""
    return statistics.quantiles(seconds, n=20)[-1]


async def first_tokens(home: Path) -> float:
    """The ratio of the two p95, over blocks that alternate."""
    alone: list[float] = []
    beside: list[float] = []
    with running(home, TENK_BASE_URL="local", TENK_SHADOW_SHARE="0") as chat, worker(home):
        await block(chat.url)  # everything is loaded
        for _ in range(PAIRS):
            alone += await block(chat.url)
            beside += await beside_a_cycle(chat.url, home)
    for name, told in (("alone", alone), ("beside a cycle", beside)):
        print(
            f"first token {name}: {len(told)} questions, median "
            f"{1000 * statistics.median(told):.0f} ms, p95 {1000 * p95(told):.0f} ms"
        )
    return p95(beside) / p95(alone)


def measure(folder: Path) -> bool:
    """Run both; whether all promises were kept."""
    share, memory = idle(copytree(template(), folder / "idle"))
    print(
        f"worker idle: {share:.1f} % of one core (goal {CPU:.0f}), {memory:.0f} MB ({MEMORY:.0f})"
    )
    ratio = asyncio.run(first_tokens(copytree(template(), folder / "busy")))
    print(f"bench_worker: p95 of the first token beside a cycle {ratio:.2f} x (goal {RATIO})")
    return share <= CPU and memory <= MEMORY and ratio <= RATIO


def main() -> int:
    """Print what was measured beside what is promised; 1 where a promise is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        return 0 if measure(Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
