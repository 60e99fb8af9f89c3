"""What is kept and what was learned goes in; whether a scheduled cycle starts comes out. Pure.

It alone knows which examples are new, and how it is said why a cycle does not start by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one example teaches."""

    example: int
    teaches: tuple[str, ...]  # question and answer: what is equal here teaches the same
    corrected_at: datetime | None = None  # when a person last changed what it teaches


@dataclass(frozen=True, slots=True)
class Learned:
    """The dataset of the latest cycle that ordered a fine-tuning job."""

    cycle: int
    examples: frozenset[int]
    frozen_at: datetime
    made_model: bool = True


def new_examples(
    kept: Iterable[Lesson], frozen: Iterable[Lesson], learned: Learned | None
) -> frozenset[int]:
    """The kept examples that teach what the latest dataset did not.

    `frozen` are the examples of that dataset as they are today. A corrected example is new, for
    another answer was learned; the same question with the same answer, asked again, is not.

    A cycle that ended before it ordered a job neither taught nor cost anything, so what it froze
    is still new. One that ordered a job counts whatever came of it: what may have been paid for
    is not ordered again every night, with nobody looking.
    """
    if learned is None:
        return frozenset(one.example for one in kept)
    held = {one.teaches for one in frozen if not _corrected(one, learned)}
    return frozenset(
        one.example
        for one in kept
        if (
            _corrected(one, learned) if one.example in learned.examples else one.teaches not in held
        )
    )


def _corrected(one: Lesson, learned: Learned) -> bool:
    return one.corrected_at is not None and one.corrected_at > learned.frozen_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a scheduled cycle depends on."""

    new: int
    needed: int
    learned: Learned | None = None
    running: int | None = None  # the cycle under way
    paused: str | None = None  # by whom it is paused
    off: bool = False  # whether nothing is scheduled


def why_not(facts: Facts) -> str:
    """Why no cycle would start now; empty where one would."""
    if facts.off:
        return "Nothing is scheduled: TENK_SCHEDULE is off. Start a cycle by hand: tenk retrain"
    if facts.running is not None:
        if facts.paused:
            return (
                f"Cycle {facts.running} is paused by {facts.paused}, and there is one cycle at a "
                "time: resume or cancel it."
            )
        return under_way(facts.running)
    if facts.new < facts.needed:
        told = f"{found(facts)}; a scheduled cycle takes {facts.needed} (TENK_MIN_NEW_EXAMPLES)."
        return f"{told} {_no_model(facts)}".strip()
    return ""


def under_way(cycle: int) -> str:
    """There is one cycle at a time."""
    return f"Cycle {cycle} is under way, and there is one cycle at a time."


def _no_model(facts: Facts) -> str:
    """A dataset that counts as learned from although nothing came of it is worth a word."""
    if facts.learned is None or facts.learned.made_model:
        return ""
    return f"The job of cycle {facts.learned.cycle} made no model; try again: tenk retrain"


def found(facts: Facts) -> str:
    """How many examples are new, and since when."""
    plural = "" if facts.new == 1 else "s"
    if facts.learned is None:
        return f"{facts.new} kept example{plural}, and no model was trained yet"
    return f"{facts.new} new kept example{plural} since the dataset of cycle {facts.learned.cycle}"


def too_dear(usd: float | None, budget: float | None) -> str:
    """Why training at this estimate is not started by itself; empty where it may be.

    The exam comes on top of it, and may be what makes it too dear.
    """
    if budget is None:
        return ""
    if usd is None:
        return (
            f"TENK_BUDGET_USD={budget:.2f} is set, and no price is known for training the "
            "student. Set TENK_TRAINING_PRICE."
        )
    if usd <= budget:
        return ""
    return (
        f"Training would cost about ${usd:.2f}, above TENK_BUDGET_USD={budget:.2f}. Raise it, or "
        "set TENK_EPOCHS lower."
    )


# -- words, of the schedule as `tenk status --json` prints it


def next_words(row: dict[str, Any]) -> str:
    """When the next run is, and what is missing until then."""
    if row["next"] is None:
        return "never by itself: TENK_SCHEDULE is off"
    first = f"{_at(row['next'])} ({row['zone']})"
    if row["missing"] is None:
        return f"{first}; {row['new_examples']} new kept examples are enough for a cycle"
    return f"{first}. So far nothing would start: {row['missing']}"


def last_words(row: dict[str, Any]) -> str:
    """What became of the last run; empty before the first."""
    last = row["last"]
    if last is None:
        return ""
    came = "nothing started" if last["cycle"] is None else f"cycle {last['cycle']} started"
    return f"{_at(last['at'])}, {came}: {last['reason']}"


def _at(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M}"
