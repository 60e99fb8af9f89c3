"""What happens goes in, the words an admin, a reviewer or every open chat reads come out. Pure.

It alone knows how a cycle under way, an example and a swap are worded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.claims import MARKER
from backend.datasets import Curated
from backend.records import CycleEvent, Passage
from backend.standing import Progress, decision_words, losses, verdict_words, what_next
from bot.render import Source, as_typed, in_order, plain, short_name, source_line
from bot.reporting import moment, who

BARS = "▁▂▃▄▅▆▇█"
NOTES = 4
"""Notes of one step that are shown, the last ones."""
CURVE = 32
"""Bars of a loss curve."""
ARMS = ("candidate", "active", "untuned", "teacher")
WAITING = (
    "Waiting for the worker, which takes it on. `make chat` starts one beside the chat; "
    "`tenk worker` starts one alone."
)


# -- a cycle


@dataclass(frozen=True, slots=True)
class CycleView:
    """A cycle as it is now. `row` is what `tenk cycle --json` prints."""

    row: dict[str, Any]
    by: str
    started: datetime
    events: Sequence[CycleEvent] = ()
    progress: Progress = field(default_factory=lambda: Progress(0, {}))
    held_up: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.row["ended"] is not None


def cycle_text(view: CycleView) -> str:
    """A cycle from its first step to what to do after its verdict."""
    head = f"**Cycle {view.row['cycle']}**, asked for by {who(view.by)} at {moment(view.started)}"
    paused = view.row["paused"]
    now = f" · **paused** by {who(paused)}" if paused else " · running"
    parts = [f"{head}{'' if view.ended else now}", _steps(view)]
    if view.ended:
        parts.append(_outcome(view))
    elif paused:
        parts.append("*It waits. `/resume` lets it go on, `/cancel` ends it.*")
    else:
        parts.append(plain(view.held_up) if view.held_up else "")
        parts.append(
            "*It goes on when this page is closed. `/retrain` shows it again, `/pause` lets it "
            "wait, `/cancel` ends it.*"
        )
    return "\n\n".join(part for part in parts if part)


def _steps(view: CycleView) -> str:
    """Each step with what happened in it; the last one is under way."""
    steps: list[tuple[str, list[CycleEvent]]] = []
    for event in view.events:
        if event.kind == "step":
            steps.append((event.text, []))
        elif steps:
            steps[-1][1].append(event)
    if not steps:
        return "" if view.ended else WAITING
    lines: list[str] = []
    for at, (name, told) in enumerate(steps, start=1):
        under_way = at == len(steps) and not view.ended
        mark = "‖" if view.row["paused"] else "▸"
        lines.append(f"- {mark if under_way else '✓'} {plain(name)}")
        lines += [f"    - {text}" for text in _within(told)]
        if under_way and view.progress.means:
            lines.append(f"    - {_so_far(view.progress)}")
    return "\n".join(lines)


def _within(told: Sequence[CycleEvent]) -> list[str]:
    notes = [as_typed(one.text) for one in told if one.kind not in ("loss", "look")][-NOTES:]
    looks = [plain(one.text) for one in told if one.kind == "look"]
    curve = _curve(losses(told), losses(told, "valid_loss"))
    return [*notes, *([curve] if curve else []), *looks]


def _curve(told: Sequence[float], watched: Sequence[float]) -> str:
    """How the training loss fell, as bars between its least and its greatest value."""
    if not told:
        return ""
    step = max(1, -(-len(told) // CURVE))
    shown = [*told[::step], *([told[-1]] if (len(told) - 1) % step else [])]
    low, high = min(shown), max(shown)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    bars = "".join(BARS[round((value - low) * scale)] for value in shown)
    also = f"; on examples not trained on {watched[0]:.3f} → {watched[-1]:.3f}" if watched else ""
    return f"training loss `{bars}` {told[0]:.3f} → {told[-1]:.3f}{also}"


def _so_far(progress: Progress) -> str:
    """What has been scored; numbers that no verdict rests on yet."""
    count = progress.questions
    asked = f"{count} question{'' if count == 1 else 's'} answered by all"
    return f"{asked}; mean ragas_score so far: {_means(progress)}"


def _means(progress: Progress) -> str:
    means = [f"{arm} {progress.means[arm]:.2f}" for arm in ARMS if arm in progress.means]
    return ", ".join(means)


def _outcome(view: CycleView) -> str:
    row, verdict = view.row, view.row["verdict"]
    if verdict is None:
        return f"**Ended without a verdict:** {as_typed(str(row['ended']))}"
    first = f"**{decision_words(verdict['decision']).capitalize()}**"
    numbers = verdict_words(verdict).removeprefix(decision_words(verdict["decision"]))
    reasons = "\n".join(f"- {plain(reason)}" for reason in verdict["reasons"])
    if view.progress.means:
        reasons += f"\n- Mean ragas_score: {_means(view.progress)}."
    told = f"{first}{numbers}\n\n{reasons}\n\n**Next:** {_next(row)}"
    swapped = verdict["decision"].startswith("promote") and row["active"] != row["candidate"]
    return f"{told}\n\n{plain(str(row['ended']))}" if swapped else told


def _next(row: dict[str, Any]) -> str:
    """What to do, with names and commands in a type that the page leaves alone."""
    told = what_next(row, door="/")
    commands = ("/rollback", "/retrain", f"tenk cycle {row['cycle']}")
    more = row["verdict"]["need_more"]
    for name in (row["active"], *commands, f"tenk questions generate --n {more}"):
        told = told.replace(name, f"`{name}`")
    return told


# -- a swap


@dataclass(frozen=True, slots=True)
class Swap:
    """The active model has changed."""

    model: str
    by: str
    reason: str
    again: bool
    """Whether it answered before."""
    undoes: bool = False
    """Whether this takes another swap back."""
    cycle: int | None = None
    gain: float | None = None


def swap_line(swap: Swap) -> str:
    """What every open chat is told."""
    told = f"From the next question on `{swap.model}` answers{' again' if swap.again else ''}"
    if swap.undoes:
        why = f": {as_typed(swap.reason)}" if swap.reason else ""
        return f"{told}; rolled back by {who(swap.by)}{why}"
    made = [f"cycle {swap.cycle}"] if swap.cycle is not None else []
    made += [f"gain {swap.gain:+.2f}"] if swap.gain is not None else []
    by_hand = [] if swap.by.startswith("verdict") else [f"by {who(swap.by)}"]
    how = ", ".join([*made, *by_hand])
    return f"{told} ({how})" if how else told


# -- examples


def example_text(one: Curated, *, waiting: int) -> str:
    """An example to decide on; `waiting` counts those that nobody has decided, this one too."""
    state = "kept so far" if one.state == "kept" else f"dropped: {as_typed(one.reason)}"
    few = "the last one" if waiting == 1 else f"{waiting} to review"
    return "\n\n".join(
        [f"**Example {one.example.id}** · {state} · {few}", *_pair(one), *_sources(one)]
    )


def _pair(one: Curated) -> list[str]:
    answer = one.example.correction or one.example.answer
    order = {number: at for at, number in enumerate(_cited(one), start=1)}
    return [
        f"**Question:** {as_typed(one.example.question)}",
        f"**Answer:** {plain(in_order(answer, order))}",
    ]


def _sources(one: Curated) -> list[str]:
    lines = [source_line(source) for source in example_sources(one)]
    return ["\n".join(f"- {line}" for line in lines)] if lines else []


def _cited(one: Curated) -> list[int]:
    """The passages an example's answer cites, in the order in which it does."""
    answer = one.example.correction or one.example.answer
    numbers = dict.fromkeys(int(number) for number in MARKER.findall(answer))
    return [number for number in numbers if 0 < number <= len(one.example.evidence)]


def example_sources(one: Curated) -> list[Source]:
    """The pages that an example's answer cites."""
    found: list[Source] = []
    for at, number in enumerate(_cited(one), start=1):
        passage = Passage.model_validate(one.example.evidence[number - 1])
        year = f" FY{passage.fiscal_year}" if passage.fiscal_year else ""
        name = f"{short_name(passage.company)} 10-K{year}" if passage.company else passage.file
        found.append(
            Source(
                mark=f"[{at}]",
                title=f"{at} · {name}, p. {passage.page}",
                section=passage.section,
                filing=passage.filing,
                page=passage.page,
                quotes=(),
            )
        )
    return found


def nothing_left_text(skipped: int) -> str:
    """The end of the queue."""
    if skipped:
        these = "one that you skipped" if skipped == 1 else f"{skipped} that you skipped"
        return f"That was the last one but {these}. `/examples` shows them again."
    return "There is nothing to review: every example that could teach was decided by hand."


ALREADY = "That example is not open here any more. Type `/examples` to go on."


def decided_text(one: Curated, *, undone: bool = False) -> str:
    """What became of an example after a person's decision."""
    number = one.example.id
    state = "is kept as training data" if one.state == "kept" else "is dropped from training data"
    said = one.reason.split(" by hand: ", 1)[-1]
    why = f": {as_typed(said)}" if said else ""
    if undone:
        return f"**Example {number}** is for the rules to decide again: it {state}{why}."
    if one.example.correction is not None and one.state == "kept":
        return f"**Example {number}** {state}, with your answer: {plain(one.example.correction)}"
    return f"**Example {number}** {state}{why}. “{as_typed(one.example.question)}”"


def correcting_text(number: int) -> str:
    """What to do after pressing the button that corrects."""
    return (
        f"Type what the answer to example {number} should be, and send it; it is trained on in "
        "place of the answer. Cite passages as the answer does: [1]. `/examples` leaves it as it "
        "is."
    )
