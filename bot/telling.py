"""How things stand goes in, the words an admin or reviewer reads come out. Pure.

It alone knows how a cycle under way, a status, a model, an example and a swap are worded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.claims import MARKER
from backend.datasets import Curated
from backend.records import CycleEvent, Passage
from backend.standing import Progress, decision_words, losses, verdict_words, what_next
from bot.render import Source, in_order, plain, short_name, source_line

BARS = "▁▂▃▄▅▆▇█"
NOTES = 4
"""Notes of one step that are shown, the last ones."""
DAYS = 7
"""Days of agreement that a status shows."""
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
    head = f"**Cycle {view.row['cycle']}**, asked for by {_who(view.by)} at {_at(view.started)}"
    parts = [f"{head}{'' if view.ended else ' · running'}", _steps(view)]
    if view.ended:
        parts.append(_outcome(view.row))
    else:
        parts.append(plain(view.held_up) if view.held_up else "")
        parts.append(
            "*It goes on when this page is closed. `/retrain` shows it again, `/cancel` ends it.*"
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
        lines.append(f"- {'▸' if under_way else '✓'} {plain(name)}")
        lines += [f"    - {text}" for text in _within(told)]
        if under_way and view.progress.means:
            lines.append(f"    - {_so_far(view.progress)}")
    return "\n".join(lines)


def _within(told: Sequence[CycleEvent]) -> list[str]:
    notes = [plain(one.text) for one in told if one.kind not in ("loss", "look")][-NOTES:]
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
    means = [f"{arm} {progress.means[arm]:.2f}" for arm in ARMS if arm in progress.means]
    count = progress.questions
    asked = f"{count} question{'' if count == 1 else 's'} answered by all"
    return f"{asked}; mean ragas_score so far: {', '.join(means)}"


def _outcome(row: dict[str, Any]) -> str:
    verdict = row["verdict"]
    if verdict is None:
        return f"**Ended without a verdict:** {plain(str(row['ended']))}"
    first = f"**{decision_words(verdict['decision']).capitalize()}**"
    numbers = verdict_words(verdict).removeprefix(decision_words(verdict["decision"]))
    reasons = "\n".join(f"- {plain(reason)}" for reason in verdict["reasons"])
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


# -- status and models


def status_text(row: dict[str, Any]) -> str:
    """How things stand."""
    lines = [
        ("Answering", _answering(row)),
        ("Last verdict", _last_verdict(row["verdict"])),
        ("Cycle", _running(row["cycle"])),
        ("Examples", _examples(row["examples"])),
        ("Exam", _exam(row["exam"])),
        ("Log", _log(row)),
        ("Thumbs", _thumbs(row["thumbs"])),
        ("Agreement", _agreement(row["agreement"])),
        ("Spend", f"${row['spend_usd']:.2f}"),
    ]
    told = [f"- **{name}:** {text}" for name, text in lines if text]
    told += [_disliked(one) for one in row["disliked_but_learned"]]
    warnings = [f"- ⚠ {plain(one)}" for one in row["warnings"]] or ["- No warnings."]
    return "\n".join([*told, *warnings])


def _answering(row: dict[str, Any]) -> str:
    active, since = row["active"], row["activation"]
    told = f"`{active['model']}` ({active['role']})"
    if since is None:
        return f"{told}; no model was ever swapped in"
    made = f", cycle {since['cycle']}" if since["cycle"] is not None else ""
    gain = f", gain {since['gain']:+.2f}" if since["gain"] is not None else ""
    return f"{told}, since {_at(since['at'])}, by {_who(since['by'])}{made}{gain}"


def _last_verdict(verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return "none yet"
    return f"cycle {verdict['cycle']}, {plain(verdict_words(verdict))}"


def _running(cycle: dict[str, Any] | None) -> str:
    if cycle is None:
        return "none is running; `/retrain` starts one"
    doing = plain(cycle["doing"]) or "waiting for the worker"
    return f"{cycle['cycle']} is running: {doing}; `/retrain` shows it"


def _examples(told: dict[str, Any]) -> str:
    rules = ", ".join(f"{count} {plain(rule)}" for rule, count in told["dropped_by_rule"].items())
    return f"{told['kept']} kept, {told['dropped']} dropped" + (f" ({rules})" if rules else "")


def _exam(told: dict[str, int]) -> str:
    aside = f", {told['quarantined']} put aside" if told["quarantined"] else ""
    return f"{told['active']} questions{aside}"


def _log(row: dict[str, Any]) -> str:
    filings = f"{row['filings']} filing{'' if row['filings'] == 1 else 's'}"
    return f"{row['turns']} answers ({row['unfinished']} stopped or failed) from {filings}"


def _thumbs(rows: Sequence[dict[str, Any]]) -> str:
    return "; ".join(
        f"`{one['model']}` {one['up']} up, {one['down']} down "
        f"({one['share']:.0%} up, 95% interval {one['low']:.0%} to {one['high']:.0%})"
        for one in rows
        if one["share"] is not None
    )


def _agreement(told: dict[str, Any]) -> str:
    """How often the teacher, asked again in the background, agrees with the active model."""
    if told["share"] is None:
        return ""
    days = ", ".join(f"{one['day']} {one['share']:.0%}" for one in told["days"][-DAYS:])
    return f"with the teacher in {told['share']:.0%} of {told['compared']} answers ({days})"


def _disliked(told: dict[str, Any]) -> str:
    models = ", ".join(f"`{model}`" for model in told["models"])
    return f"- ⚠ Example {told['example']} got a thumb down after {models} had learned from it."


def models_text(rows: Sequence[dict[str, Any]], active: dict[str, str]) -> str:
    """The models there are, the one that answers first."""
    told = [f"- **`{active['model']}`** ({active['role']}) answers now{_since(rows)}"]
    for row in rows:
        if not row["active"]:
            told.append(f"- `{row['model']}` ({row['role']}){_made(row)}")
    if not rows:
        told.append("- No model of your own yet. `/retrain` makes one from the log.")
    return "\n".join(told)


def _since(rows: Sequence[dict[str, Any]]) -> str:
    for row in rows:
        if row["active"]:
            why = f": {plain(row['reason'])}" if row["reason"] else ""
            return f"{_made(row)}, since {_at(row['since'])}, by {_who(row['by'])}{why}"
    return ""


def _made(row: Mapping[str, Any]) -> str:
    if row["cycle"] is None:
        return ""
    verdict = row["verdict"]
    return f", cycle {row['cycle']}" + (f": {plain(verdict_words(verdict))}" if verdict else "")


# -- a swap


@dataclass(frozen=True, slots=True)
class Swap:
    """The active model has changed."""

    model: str
    by: str
    reason: str
    again: bool
    """Whether it answered before, so that this goes back."""
    cycle: int | None = None
    gain: float | None = None


def swap_line(swap: Swap) -> str:
    """What every open chat is told."""
    if swap.again:
        why = f": {plain(swap.reason)}" if swap.reason else ""
        return (
            f"From the next question on `{swap.model}` answers again; rolled back by "
            f"{_who(swap.by)}{why}"
        )
    made = [f"cycle {swap.cycle}"] if swap.cycle is not None else []
    made += [f"gain {swap.gain:+.2f}"] if swap.gain is not None else []
    by_hand = [] if swap.by.startswith("verdict") else [f"by {_who(swap.by)}"]
    told = ", ".join([*made, *by_hand])
    return f"From the next question on `{swap.model}` answers" + (f" ({told})" if told else "")


# -- examples


def example_text(one: Curated, *, waiting: int) -> str:
    """An example to decide on; `waiting` counts those that nobody has decided, this one too."""
    state = "kept so far" if one.state == "kept" else f"dropped: {plain(one.reason)}"
    few = "the last one" if waiting == 1 else f"{waiting} to review"
    return "\n\n".join(
        [f"**Example {one.example.id}** · {state} · {few}", *_pair(one), *_sources(one)]
    )


def _pair(one: Curated) -> list[str]:
    answer = one.example.correction or one.example.answer
    order = {number: at for at, number in enumerate(_cited(one), start=1)}
    return [
        f"**Question:** {plain(one.example.question)}",
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
    why = f": {plain(one.reason)}" if one.reason else ""
    if undone:
        return f"**Example {number}** is for the rules to decide again: it {state}{why}."
    if one.example.correction is not None and one.state == "kept":
        return f"**Example {number}** {state}, with your answer: {plain(one.example.correction)}"
    return f"**Example {number}** {state}{why}. “{plain(one.example.question)}”"


def correcting_text(number: int) -> str:
    """What to do after pressing the button that corrects."""
    return (
        f"Type what the answer to example {number} should be, and send it; it is trained on in "
        "place of the answer. Cite passages as the answer does: [1]. `/examples` leaves it as it "
        "is."
    )


# -- small


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _who(by: str) -> str:
    return "you, on this machine" if by == "local" else plain(by)
