"""How long a whole cycle takes on the sample filing with the local models, as an operator runs it.

`python -m tests.benchmarks.bench_cycle` ingests the sample, has the teacher write and answer 200
examples and write 40 exam questions, makes one small model that is put in service, so that the
four arms are four models, and times `tenk retrain --wait`: log to verdict, every question asked.
Promised: at most 3 minutes on 2 cores.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.samples import SAMPLE_PDF

GOAL = 180.0
EXAMPLES, QUESTIONS, ARMS = 200, 40, 4
GENERATED = 235
"""Some are dropped as near an exam question or unsourced, and a tenth is watched, not learned."""
SMALL = {"TENK_EPOCHS": "1", "TENK_MIN_QUESTIONS": "2", "TENK_MAX_QUESTIONS": "2"}
WHOLE = {"TENK_MIN_QUESTIONS": "40", "TENK_MAX_QUESTIONS": "40", "TENK_LOOK_EVERY": "40"}


def tenk(home: str, *words: str, **more: str) -> tuple[Any, float]:
    """What a command prints as JSON, and the seconds it took."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("TENK_", "OPENAI_"))}
    start = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tenk")), *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env=own | {"TENK_HOME": home} | more,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"bench_cycle: tenk {' '.join(words)}: {done.stderr or done.stdout}")
    return json.loads(done.stdout), seconds


def main() -> int:
    """Print one line; 1 when the goal is missed."""
    with tempfile.TemporaryDirectory() as home:
        tenk(home, "ingest", str(SAMPLE_PDF))
        _, written = tenk(home, "questions", "generate", "--n", str(QUESTIONS), "--yes")
        _, answered = tenk(home, "examples", "generate", "--n", str(GENERATED), "--yes")
        first, _ = tenk(home, "retrain", "--wait", **SMALL)
        tenk(home, "promote", first["candidate"], "--reason", "so that four models sit the exam")
        row, seconds = tenk(home, "retrain", "--wait", **WHOLE)
        told, _ = tenk(home, "cycle", str(row["cycle"]))
    taught = next(e["text"] for e in told["events"] if "to train on" in e["text"])
    arms = len(told["questions"][0]["arms"])
    sys.stdout.write(
        f"bench_cycle: {seconds:.1f} s from log to verdict (goal: at most {GOAL:.0f}); "
        f"{taught.split(';')[0]}, {len(told['questions'])} questions, {arms} arms; "
        f"before it {QUESTIONS} questions written in {written:.1f} s, {GENERATED} examples in "
        f"{answered:.1f} s\n"
    )
    return int(seconds > GOAL or arms < ARMS)


if __name__ == "__main__":
    raise SystemExit(main())
