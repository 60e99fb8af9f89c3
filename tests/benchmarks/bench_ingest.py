"""How long `tenk ingest` takes until a filing is searchable, against pypdf's text extraction alone.

`python -m tests.benchmarks.bench_ingest` runs the two in turn, so that a busy machine slows both,
and prints the ratio of their medians. The command counts whole, from its start to its end; pypdf
counts from opening the file to its last page's text, its import left out.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILING = Path(__file__).parents[3] / "shared" / "data" / "pdfs" / "nvidia-sec-10k-2022.pdf"
ROUNDS = 3
GOAL = 0.6
PYPDF = """
import sys, time
from pypdf import PdfReader
start = time.perf_counter()
sum(len(page.extract_text()) for page in PdfReader(sys.argv[1]).pages)
print(time.perf_counter() - start)
"""


def main() -> int:
    """Print one line; 1 when the goal is missed, 0 when it is met or cannot be measured."""
    if not FILING.is_file():
        _say(f"bench_ingest: skipped, {FILING.name} is not beside the project")
        return 0
    plain: list[float] = []
    whole: list[float] = []
    for _ in range(ROUNDS):
        plain.append(_pypdf())
        whole.append(_ingest())
    ratio = statistics.median(whole) / statistics.median(plain)
    _say(
        f"bench_ingest: {ratio:.2f} of pypdf's time (goal: at most {GOAL}); "
        f"tenk ingest {statistics.median(whole):.1f} s, "
        f"pypdf's extraction alone {statistics.median(plain):.1f} s, median of {ROUNDS}"
    )
    return int(ratio > GOAL)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _pypdf() -> float:
    done = subprocess.run(
        [sys.executable, "-c", PYPDF, str(FILING)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _ingest() -> float:
    """Seconds of the command, in a home of its own, with no key: the local embedder serves."""
    command = [str(Path(sys.executable).with_name("tenk")), "ingest", str(FILING), "--json"]
    with tempfile.TemporaryDirectory() as home:
        own = {name: value for name, value in os.environ.items() if not _configures(name)}
        start = time.perf_counter()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            cwd=home,
            env=own | {"TENK_HOME": home},
        )
        seconds = time.perf_counter() - start
    [row] = json.loads(done.stdout)
    assert row["pages"] == 169
    assert not row["already_known"]
    return seconds


def _configures(name: str) -> bool:
    return name.startswith(("TENK_", "OPENAI_"))


if __name__ == "__main__":
    raise SystemExit(main())
