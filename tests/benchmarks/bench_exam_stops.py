"""Judge calls until the exam stops, against a fixed exam of 300 questions, over simulated cycles.

Promised: at most a third on average where the true difference is .10 or more, or -.05 or less.
"""

import sys

from backend.promotion import Policy
from tests.test_promotion_simulated import Outcome, normal, simulated

CYCLES = 400
ARMS = 4
CALLS = 7
"""Per answer: faithfulness 2 chat calls; answer relevancy 3 and 2 for embeddings."""
PROMISED = (0.10, 0.15, -0.05, -0.10)


def line(gain: float, outcome: Outcome) -> str:
    """One row of the table."""
    share = outcome.questions / Policy().max_questions
    kinds = " ".join(f"{outcome.share(kind):9.1%}" for kind in ("promote", "hold", "reject"))
    calls = outcome.questions * ARMS * CALLS
    return f"{gain:+10.2f} {outcome.questions:10.1f} {calls:12.0f} {share:8.2f} {kinds}"


def main() -> int:
    """Print the table; 1 where a promise is not kept."""
    fixed = Policy().max_questions * ARMS * CALLS
    sys.stdout.write(
        f"{CYCLES} simulated cycles a row, paired sd .25; a fixed exam takes {fixed} judge calls\n"
        " true gain  questions  judge calls    share   promote      hold    reject\n"
    )
    kept = True
    for gain in (0.15, 0.10, 0.05, 0.0, -0.05, -0.10):
        outcome = simulated(lambda gain=gain: normal(gain), CYCLES)
        sys.stdout.write(line(gain, outcome) + "\n")
        kept &= gain not in PROMISED or outcome.questions / Policy().max_questions <= 1 / 3
    sys.stdout.write("at most a third where promised: " + ("yes\n" if kept else "NO\n"))
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
