"""The article's run, end to end on its own filing and questions, through the commands alone.

`python -m tests.benchmarks.bench_article` takes NVIDIA's 10-K of fiscal 2023 from PDF to verdict in
a home of its own, with the keyless models: ingest, the article's 40 training questions, five thumbs
down, examples up to 200, an exam of its 40 evaluation questions and 100 generated ones, retrain,
verify. It prints seconds per step, what became of examples and questions, every arm's marks, the
verdict, whether a changed digit fails it, and how the same arms do on gold: facts of the filing's
XBRL and 100 single facts, none of them near a question that was trained on.
"""

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from backend.datasets import Asked
from backend.exam import Arm
from backend.promotion import verify
from backend.records import Role
from tests.gold import (
    DATA,
    NVIDIA_PDF,
    ONE_VALUE,
    Side,
    drawn,
    facts_of_nvidia,
    standings,
    xbrl_gold,
)
from tests.hall import TEACHER, UNTUNED, opened

TENK = Path(sys.executable).with_name("tenk")
TRAIN = DATA / "nvidia" / "train_questions.txt"
EVALUATE = DATA / "nvidia" / "eval_questions.txt"
DOWN = 5
EXAMPLES = 200
GENERATED = 100
"""Exam questions beside the article's own."""
CALLS = 3
"""Times that `examples generate` is asked for what is missing."""
DIGITS = 200
"""Digits of the certificate that are changed, one at a time."""


@dataclass
class Desk:
    """Types commands into one home, and keeps how long each took."""

    home: Path
    say: Callable[[str], object]
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Of each step: on the clock, and of the processor."""

    def type(self, step: str, *words: str, fails: bool = False) -> Any:
        """The command's JSON; a list of it where it prints a line each."""
        left_out = ("TENK_", "OPENAI_")
        clean = {name: v for name, v in os.environ.items() if not name.startswith(left_out)}
        environment = clean | {"TENK_HOME": str(self.home), "TENK_BASE_URL": "local"}
        start, before = time.perf_counter(), _processor()
        done = subprocess.run(
            [TENK, *words, "--json"], env=environment, capture_output=True, text=True, check=False
        )
        self.took(step, time.perf_counter() - start, _processor() - before)
        assert (done.returncode != 0) == fails, (words, done.stdout[-500:], done.stderr[-2000:])
        lines = [
            json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))
        ]
        return lines[0] if len(lines) == 1 else lines

    def took(self, step: str, clock: float, processor: float) -> None:
        """Add to a step's time."""
        before = self.seconds.get(step, (0.0, 0.0))
        self.seconds[step] = (before[0] + clock, before[1] + processor)


def _processor() -> float:
    """Seconds of processor time of the commands that have ended."""
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


# -- the run


def logged(desk: Desk) -> None:
    """The article's questions asked, and five answers rated down: every eighth that was given."""
    turns = desk.type("ask the 40 training questions", "ask", "--file", str(TRAIN))
    given = [turn["turn"] for turn in turns if not turn["refused"]]
    desk.say(f"asked {len(turns)}, answered {len(given)}, refused {len(turns) - len(given)}\n")
    for turn in given[:: max(1, len(given) // DOWN)][:DOWN]:
        desk.type("thumbs down", "rate", str(turn), "down", "--comment", "not what was asked")


def examined(desk: Desk) -> None:
    """The article's evaluation questions, and generated ones."""
    came = desk.type("import the 40 evaluation questions", "questions", "import", str(EVALUATE))
    told = f"imported {len(came['added'])}, already there {came['duplicates']}"
    desk.say(f"{told}, asked in examples too {came['asked_in_examples']}\n")
    desk.type("write 100 exam questions", "questions", "generate", "--n", str(GENERATED))


def stocked(desk: Desk) -> None:
    """Examples until 200 are kept, or the filing holds no more."""
    for _ in range(CALLS):
        missing = EXAMPLES - desk.type("status", "status")["examples"]["kept"]
        if missing <= 0:
            break
        step = f"write examples, up to {EXAMPLES} kept"
        desk.type(step, "examples", "generate", "--n", str(missing))


def run(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole way; the verdict's row and the cycle in full."""
    desk.type("ingest", "ingest", str(NVIDIA_PDF))
    logged(desk)
    examined(desk)
    stocked(desk)
    row = desk.type("retrain: train and sit the exam", "retrain", "--wait")
    return row, desk.type("show the cycle", "cycle", str(row["cycle"]))


# -- what came of it


def tell_examples(desk: Desk) -> None:
    """Kept and dropped by rule; questions active and put aside."""
    told = desk.type("status", "status")
    kept, dropped = told["examples"]["kept"], told["examples"]["dropped_by_rule"]
    rules = ", ".join(f"{count} {rule}" for rule, count in dropped.items()) or "none"
    desk.say(f"examples: {kept} kept; dropped: {rules}\n")
    rows = desk.type("list exam questions", "questions", "list")
    states = Counter((row["source"], row["state"], row["reason"] or "") for row in rows)
    for (source, state, reason), count in sorted(states.items()):
        desk.say(f"exam questions, {source}: {count} {state} {reason}\n")


def tell_arms(desk: Desk, cycle: dict[str, Any]) -> None:
    """Each arm's means over the questions that were asked of it and are in the verdict."""
    aside = {
        row["question"]
        for row in desk.type("list exam questions", "questions", "list")
        if row["state"] != "active"
    }
    asked = [one["arms"] for one in cycle["questions"] if one["question"] not in aside]
    head = ("questions", "faithful", "relevant", "ragas", "refused", "figure errors", "missing")
    desk.say(f"\n{'arm':<12}" + "".join(f"{name:>14}" for name in head) + "\n")
    for name in dict.fromkeys(name for arms in asked for name in arms):
        marks = [arms[name] for arms in asked if name in arms]
        means = (_mean(marks, part) for part in ("faithfulness", "answer_relevancy", "ragas_score"))
        sums = (
            sum(mark[part] for mark in marks) for part in ("refused", "figure_errors", "missing")
        )
        cells = "".join(f"{mean:14.3f}" for mean in means) + "".join(f"{one:14}" for one in sums)
        desk.say(f"{name:<12}{len(marks):14}{cells}\n")


def _mean(marks: Sequence[dict[str, Any]], part: str) -> float:
    return fmean(mark[part] for mark in marks if mark[part] is not None)


def tell_verdict(desk: Desk, row: dict[str, Any]) -> None:
    """The verdict, what `tenk verify` says of it, and of every copy with one digit changed."""
    told = row["verdict"]
    interval = f"[{told['low']:+.3f}, {told['high']:+.3f}]"
    desk.say(f"\n{told['decision']}: gain {told['gain']:+.3f} {interval}, ")
    desk.say(f"{told['questions']} questions; {' '.join(told['reasons'])}\n")
    kept = desk.home / "certificate.json"
    number = str(row["cycle"])
    good = desk.type("verify", "verify", number, "--save", str(kept))
    desk.say(f"verify: {good['ok']}, {good['reason']}\n")
    text = kept.read_text(encoding="utf-8")
    places = [at for at, letter in enumerate(text) if letter.isdigit()]
    chosen = random.Random(1).sample(places, min(DIGITS, len(places)))
    caught = sum(not _holds(_changed(text, at)) for at in chosen)
    broken = desk.home / "changed.json"
    broken.write_text(_changed(text, chosen[0]), encoding="utf-8")
    desk.type("verify a changed one", "verify", str(broken), fails=True)
    desk.say(f"one digit changed, {len(chosen)} times: {caught} fail\n")


def _changed(text: str, at: int) -> str:
    return f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}"


def _holds(text: str) -> bool:
    try:
        return verify(json.loads(text)).ok
    except json.JSONDecodeError:  # a number that now begins with 0
        return False


async def tell_gold(desk: Desk, row: dict[str, Any]) -> None:
    """Teacher, untuned and the cycle's candidate where the answers are known."""
    asked = desk.type("list examples", "examples", "list")
    taught = Asked(one["question"] for one in asked if one["state"] == "kept")
    tuned = Arm("tuned", Role.STUDENT, row["candidate"])
    start, before = time.perf_counter(), time.process_time()
    async with opened(desk.home, NVIDIA_PDF) as hall:
        every = [*xbrl_gold(hall.chunks()), *facts_of_nvidia()]
        golds = [gold for gold in every if not taught.near(gold.question)]
        told = await hall.sat(golds, [TEACHER, UNTUNED, tuned])
    took = time.perf_counter() - start, time.process_time() - before
    desk.took("the same arms on known gold", *took)
    desk.say(f"\nknown gold: {len(golds)}; left out, near an example: {len(every) - len(golds)}\n")
    sides: tuple[Side, ...] = ("figures", "prose")
    for side in sides:
        count = sum(gold.side == side for gold in golds)
        desk.say(drawn(standings(told, side), f"gold, {side}: {count}") + "\n")
    clear = [one for one in told if one.gold.kind == ONE_VALUE]
    count = sum(gold.kind == ONE_VALUE for gold in golds)
    desk.say(drawn(standings(clear), f"gold, clear facts: {count}") + "\n")


def main() -> None:
    """Run it, and print."""
    say = sys.stdout.write
    if not DATA.is_dir():
        say("bench_article: skipped, needs shared/data beside the project\n")
        return
    with tempfile.TemporaryDirectory() as home:
        desk = Desk(Path(home), say)
        row, cycle = run(desk)
        tell_examples(desk)
        tell_arms(desk, cycle)
        tell_verdict(desk, row)
        asyncio.run(tell_gold(desk, row))
        say(f"\n{'step':<40}{'seconds':>9}{'processor':>11}\n")
        for step, (clock, processor) in desk.seconds.items():
            say(f"{step:<40}{clock:9.1f}{processor:11.1f}\n")


if __name__ == "__main__":
    main()
