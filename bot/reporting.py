"""How things stand goes in, what an admin reads of it comes out. Pure.

It alone knows how a status and the list of models are worded.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from backend.datasets import dropped_words
from backend.scheduling import last_words, next_words
from backend.standing import verdict_words
from bot.render import as_typed, plain

DAYS = 7
"""Days of agreement that a status shows, the last ones."""
MANY = 8
"""Examples that a status names in one line, the last ones."""


def status_text(row: dict[str, Any]) -> str:
    """How things stand."""
    lines = [
        ("Answering", _answering(row)),
        ("Last verdict", _last_verdict(row["verdict"])),
        ("Cycle", _running(row["cycle"])),
        ("Next run", plain(next_words(row["schedule"]))),
        ("Last run", plain(last_words(row["schedule"]))),
        ("Examples", _examples(row["examples"])),
        ("Exam", _exam(row["exam"])),
        ("Log", _log(row)),
        ("Thumbs", _thumbs(row["thumbs"])),
        ("Agreement", _agreement(row["agreement"])),
        ("Spend", _spend(row)),
    ]
    told = [f"- **{name}:** {text}" for name, text in lines if text]
    warnings = [f"- ⚠ {plain(one)}" for one in row["warnings"]]
    warnings += _disliked(row["disliked_but_learned"])
    return "\n".join([*told, *(warnings or ["- No warnings."])])


def _answering(row: dict[str, Any]) -> str:
    active, since = row["active"], row["activation"]
    told = f"`{active['model']}` ({active['role']})"
    if since is None:
        return f"{told}; no model was ever swapped in"
    gain = f", gain {since['gain']:+.2f}" if since["gain"] is not None else ""
    return f"{told}, since {moment(since['at'])}, {_chosen(since['by'], since['cycle'])}{gain}"


def _chosen(by: str, cycle: int | None) -> str:
    """Who let a model answer: a person, or the verdict of the cycle that made it."""
    if by.startswith("verdict") and cycle is not None:
        return f"by the verdict of cycle {cycle}"
    return f"by {who(by)}" + (f", made by cycle {cycle}" if cycle is not None else "")


def _last_verdict(verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return "none yet"
    return f"cycle {verdict['cycle']}, {plain(verdict_words(verdict))}"


def _running(cycle: dict[str, Any] | None) -> str:
    if cycle is None:
        return "none is running; `/retrain` starts one"
    doing = plain(cycle["doing"]) or "waiting for the worker"
    if cycle["paused"]:
        by = who(cycle["paused"])
        return f"{cycle['cycle']} is paused by {by}: {doing}; `/resume` lets it go on"
    return f"{cycle['cycle']} is running: {doing}; `/retrain` shows it"


def _examples(told: dict[str, Any]) -> str:
    rules = plain(", ".join(dropped_words(told["dropped_by_rule"])))
    return f"{told['kept']} kept, {told['dropped']} dropped" + (f" ({rules})" if rules else "")


def _exam(told: dict[str, int]) -> str:
    aside = f", {told['quarantined']} put aside" if told["quarantined"] else ""
    return f"{told['active']} question{'' if told['active'] == 1 else 's'}{aside}"


def _log(row: dict[str, Any]) -> str:
    filings = f"{row['filings']} filing{'' if row['filings'] == 1 else 's'}"
    ended = f", {row['unfinished']} of them stopped, failed or lost" if row["unfinished"] else ""
    return f"{row['turns']} answer{'' if row['turns'] == 1 else 's'} from {filings}{ended}"


def _thumbs(rows: Sequence[dict[str, Any]]) -> str:
    """Each model's thumbs, on a line of its own."""
    told = [
        f"`{one['model']}` {one['up']} up, {one['down']} down "
        f"({one['share']:.0%} up, 95% interval {one['low']:.0%} to {one['high']:.0%})"
        for one in rows
        if one["share"] is not None
    ]
    return told[0] if len(told) == 1 else "".join(f"\n    - {one}" for one in told)


def _agreement(told: dict[str, Any]) -> str:
    """How often the teacher, asked again in the background, agrees; in all, and day by day."""
    if told["share"] is None:
        return ""
    first, last = told["days"][:-DAYS], told["days"][-DAYS:]
    count = sum(one["compared"] for one in first)
    agreed = sum(one["share"] * one["compared"] for one in first)
    days = [f"{one['day']} {_share(one['share'], one['compared'])}" for one in last]
    before = [f"before {_share(agreed / count, count)}"] if count else []
    return (
        f"the teacher, asked again in the background, says the same in "
        f"{_share(told['share'], told['compared'])} answer{'' if told['compared'] == 1 else 's'}"
        f"\n    - by day: {', '.join([*before, *days])}"
    )


def _share(share: float, of: int) -> str:
    return f"{share:.0%} of {of}"


def _spend(row: dict[str, Any]) -> str:
    """What was spent, and on what; what has no known price is said."""
    spend = row["spend"]
    kinds = [
        f"{name.removesuffix('_usd')} ${usd:.2f}"
        for name, usd in spend.items()
        if name != "unpriced" and usd >= 0.005
    ]
    told = f"${row['spend_usd']:.2f}" + (f" ({', '.join(kinds)})" if kinds else "")
    unpriced = ", ".join(plain(one) for one in spend["unpriced"])
    return told + (f"; not counted, as no price is known: {unpriced}" if unpriced else "")


def _disliked(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Thumbs that came too late, by the models that had learned from the answer."""
    examples: defaultdict[str, list[int]] = defaultdict(list)
    for one in rows:
        examples[", ".join(f"`{model}`" for model in one["models"])].append(one["example"])
    lines: list[str] = []
    for models, numbers in examples.items():
        more = "… " if len(numbers) > MANY else ""
        named = f"{more}{', '.join(map(str, numbers[-MANY:]))}"
        one = len(numbers) == 1
        lines.append(
            f"- ⚠ {f'Example {named}' if one else f'{len(numbers)} examples ({named})'} got a "
            f"thumb down after {models} had learned from {'it' if one else 'them'}; the next "
            "model will not."
        )
    return lines


# -- models


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
            by_hand = not row["by"].startswith("verdict")  # which gives its own reason
            why = f": {as_typed(row['reason'])}" if row["reason"] and by_hand else ""
            return f", since {moment(row['since'])}, {_chosen(row['by'], row['cycle'])}{why}" + (
                f"\n    - verdict on it: {_verdict(row)}" if row["verdict"] else ""
            )
    return ""


def _made(row: Mapping[str, Any]) -> str:
    if row["cycle"] is None:
        return ""
    return f", made by cycle {row['cycle']}" + (f": {_verdict(row)}" if row["verdict"] else "")


def _verdict(row: Mapping[str, Any]) -> str:
    return plain(verdict_words(row["verdict"]))


# -- small


def moment(at: datetime) -> str:
    """A time as status and cycles tell it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def who(by: str) -> str:
    """Somebody who decided something."""
    return "the local admin" if by == "local" else as_typed(by)
