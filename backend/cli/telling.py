"""What happened in a cycle goes in; the lines that a person who watches it reads come out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backend.records import CycleEvent

LINES = 10
"""About so many losses of a training are shown; all are kept."""
ARMS = ("candidate", "active", "untuned", "teacher")
"""The order in which a person compares them."""
MISSING = "missing"
LIMITS = (
    "Scored by tenk's own judge, which is no language model: it tells large differences from small "
    "ones, not right from wrong."
)


@dataclass
class Thinned:
    """Tells which events are worth a line, one after the other as they come."""

    part: int = -1
    count: int = 0

    def __call__(self, event: "CycleEvent") -> bool:
        """Whether to show it: everything but most of the losses."""
        if event.kind != "loss":
            return True
        self.count += 1
        step, total = (event.numbers.get(name, 0.0) for name in ("step", "total_steps"))
        if not total:  # nobody knows how many will come: the 1st, 2nd, 4th, 8th ...
            return self.count & (self.count - 1) == 0
        part = int(LINES * step / total)
        worth, self.part = part > self.part, max(part, self.part)
        return worth


def lines(events: "Iterable[CycleEvent]", thinned: Thinned | None = None) -> list[str]:
    """The events as a person reads them."""
    worth = thinned or Thinned()
    return [line(event) for event in events if worth(event)]


def line(event: "CycleEvent") -> str:
    """One event, in the reader's own time: steps stand out, the rest is indented."""
    from backend.records import in_utc

    moment = in_utc(event.at).astimezone()
    return f"{moment:%H:%M:%S}  " + (event.text if event.kind == "step" else f"  {event.text}")


def ending(
    row: dict[str, Any], means: "Mapping[str, float] | None" = None, *, shown: bool = False
) -> list[str]:
    """How a cycle ended: the verdict in words with its reasons, and what to do next.

    `means`: of each model's ragas_score; `shown`: every question stands above.
    """
    from backend.models import is_local
    from backend.standing import verdict_words, what_next

    verdict = row["verdict"]
    if verdict is None:
        return [f"Cycle {row['cycle']} ended without a verdict: {row['ended']}"]
    told = [verdict_words(verdict), *(f"  {reason}" for reason in verdict["reasons"])]
    if means:
        told.append(f"  Mean ragas_score: {means_words(means)}.")
    if verdict["decision"].startswith("promote") and row["active"] != row["candidate"]:
        told.append(f"  {row['ended']}")
    if row["judge"] and is_local(row["judge"]):
        told.append(f"  {LIMITS}")
    next_words = what_next(row)
    if shown:
        next_words = next_words.removesuffix(f" See every question: tenk cycle {row['cycle']}")
    return [*told, next_words]


def means_words(means: "Mapping[str, float]") -> str:
    """Each model's mean score, in a line."""
    return ", ".join(f"{arm} {means[arm]:.2f}" for arm in in_order(means))


def in_order(arms: "Iterable[str]") -> list[str]:
    """The arms' names as a person compares them; those that nobody knows come last."""
    known = [*ARMS]
    return sorted(arms, key=lambda arm: known.index(arm) if arm in known else len(known))


def interrupted_words(row: dict[str, Any]) -> str:
    """What becomes of a cycle that somebody stopped watching."""
    key = row["cycle"]
    if row["ended"]:
        return f"Cycle {key} had ended already. See it: tenk cycle {key}"
    return paused_words(key, row["paused"]) or (
        f"Cycle {key} keeps what it has done, and a worker that runs goes on with it. Look at it: "
        f"tenk cycle {key}; go on here: tenk retrain --wait; let it wait: tenk cycle {key} "
        f"--pause; end it: tenk cycle {key} --cancel"
    )


def paused_words(key: int, by: str | None) -> str:
    """By whom a cycle is paused, and what to do about it; empty where it is not."""
    if not by:
        return ""
    return (
        f"Cycle {key} is paused by {by}: what is under way is finished and kept, "
        f"nothing new is begun. Let it go on: tenk cycle {key} --resume; end it: tenk cycle {key} "
        "--cancel"
    )


def questions_lines(questions: "Sequence[dict[str, Any]]", *, under_way: bool = False) -> list[str]:
    """Every exam question with each arm's score, under a heading."""
    if not questions:
        return []
    none = "not yet" if under_way else MISSING
    told = [line for question in questions for line in question_lines(question, none)]
    return ["Exam questions in the order asked, with each model's ragas_score:", *told]


def question_lines(question: dict[str, Any], none: str = MISSING) -> list[str]:
    """One exam question with each arm's score; `none`: what is said where there is none."""
    if question["put_aside"]:
        return [f"  {question['question']}", f"    does not count: {question['put_aside']}"]
    scores = "  ".join(f"{arm} {_score(mark, none)}" for arm, mark in question["arms"].items())
    return [f"  {question['question']}", f"    {scores}"]


def _score(mark: dict[str, Any], none: str) -> str:
    value = mark["ragas_score"]
    return none if value is None else f"{value:.2f}"
