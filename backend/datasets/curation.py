"""Logged examples in, which of them teach and why the others do not out.

It alone knows the rules of curation. Everything is decided again from the log each time, so a
thumbs-down after an export still counts in the next.
"""

import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.claims import MARKER, NO_SOURCE, figures_of
from backend.datasets.chat_files import (
    asked_in,
    filing_in,
    rewritten_answer,
    taught,
    unmarked,
)
from backend.passages import cell_tuple, is_refusal
from backend.quantities import Quantity, quantities, same_value
from backend.records import Example, Turn

Rule = Literal[
    "by hand", "not whole", "thumbs-down", "refusal", "unsourced", "too long", "exam", "repeat"
]

WORDS: dict[str, str] = {
    "by hand": "dropped by hand",
    "not whole": "not finished",
    "thumbs-down": "with a thumb down",
    "refusal": "refusals",
    "unsourced": "without a source",
    "too long": "too long for the student",
    "exam": "for the exam alone",
    "repeat": "repeats",
}
"""Why examples are dropped, after how many."""
EXAM_REASON = "it belongs to the exam, so it can never be trained on"


@dataclass(frozen=True, slots=True)
class Curated:
    """An example, whether it teaches, and why or why not, for a person to read."""

    example: Example
    state: Literal["kept", "dropped"]
    reason: str
    rule: Rule | None = None
    """The rule that decided, for counting; None where none had to."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may differ between students and operators."""

    context_tokens: int = 16_000
    """What the student can read and write at once."""
    on_exam_side: Callable[[str], bool] | None = None
    """Whether a group (filing and section) belongs to the exam; None: there is no exam yet."""


def curate(rows: Sequence[tuple[Example, Turn | None]], rules: Rules = Rules()) -> list[Curated]:
    """Each example with its state, in the order given (the log's: oldest first).

    What a person decided by hand overrules every rule. Of repeats the last one that otherwise
    teaches is kept, or the one that a person kept.
    """
    decided = [
        rule_against(example, turn, rules) or Curated(example, "kept", "") for example, turn in rows
    ]
    chosen: dict[tuple[str, str], Curated] = {}
    for one in decided:
        key = _sameness(one.example)
        before = chosen.get(key)
        if one.state == "kept" and not (before and _by_hand(before) and not _by_hand(one)):
            chosen[key] = one
    return [_unless_repeated(one, chosen.get(_sameness(one.example))) for one in decided]


def dropped_words(by_rule: Mapping[str, int]) -> list[str]:
    """How many examples each rule dropped, as people say it: "2 refusals", "1 repeat"."""
    return [f"{count} {_words(rule, count)}" for rule, count in by_rule.items()]


def _words(rule: str, count: int) -> str:
    said = WORDS.get(rule, rule)
    return said.removesuffix("s") if count == 1 and rule in ("refusal", "repeat") else said


def _by_hand(one: Curated) -> bool:
    return one.example.by_hand == "keep"


def _unless_repeated(one: Curated, chosen: Curated | None) -> Curated:
    if one.state == "dropped" or chosen is None or chosen is one or _by_hand(one):
        return one
    other = f"example {chosen.example.id}" if chosen.example.id else "a later example"
    if rewritten_answer(chosen.example) is not None:
        reason = f"a refine step wrote this answer again in {other}, which is kept"
    else:
        reason = f"the same question is asked again in {other}, which is kept"
    return Curated(one.example, "dropped", reason, "repeat")


def rule_against(example: Example, turn: Turn | None, rules: Rules = Rules()) -> Curated | None:
    """What decides an example whatever the others are: a person, or a rule that drops it.

    None where nothing speaks against it, so that only a repeat can. The exam's rule comes first,
    and no hand overrules it: a student that has seen an exam question cannot be examined on it.
    """
    if rules.on_exam_side is not None and rules.on_exam_side(group_of(example, turn)):
        return Curated(example, "dropped", EXAM_REASON, "exam")
    if example.by_hand == "keep":
        return Curated(example, "kept", _hand("kept", example), "by hand")
    if example.by_hand == "drop":
        return Curated(example, "dropped", _hand("dropped", example), "by hand")
    for rule, reason in _reasons(example, turn, rules):
        if reason is not None:
            return Curated(example, "dropped", reason, rule)
    return None


def _hand(decision: str, example: Example) -> str:
    why = f": {example.by_hand_reason}" if example.by_hand_reason else ""
    return f"{decision} by hand{why}"


def _reasons(
    example: Example, turn: Turn | None, rules: Rules
) -> Iterator[tuple[Rule, str | None]]:
    """Why an example does not teach, in the order in which a person would ask."""
    if turn is not None:
        yield "not whole", _not_whole(turn)
    if turn is not None and example.correction is None:
        yield "thumbs-down", _disliked(turn)
    yield "refusal", _refuses(example)
    if example.correction is None:
        yield "unsourced", _unsourced(example, turn)
    yield "too long", _too_long(example, rules.context_tokens)


def _refuses(example: Example) -> str | None:
    if not is_refusal(MARKER.sub("", taught(example))):
        return None
    return "the answer refuses: it says that the evidence does not hold what was asked"


def _not_whole(turn: Turn) -> str | None:
    if turn.role != "teacher":
        return f"the {turn.role} gave the answer, and only the teacher's teach"
    return None if turn.state == "whole" else f"the answer is not whole: the call {turn.state}"


def _disliked(turn: Turn) -> str | None:
    if turn.rating != -1:
        return None
    said = f": {turn.comment}" if turn.comment else ""
    return f"a reader gave it a thumbs-down{said}"


def _unsourced(example: Example, turn: Turn | None) -> str | None:
    if turn is None:
        if example.source == "generated":
            return _unclaimed(example.answer)  # its figures were checked, computed ones too
        missing = _figures_missing(example)
        where = "the evidence shown does not hold"
    else:
        if not turn.citations:
            return "the answer cites no evidence"
        if NO_SOURCE in turn.answer:
            return "a claim in the answer has no source"
        missing = [str(figure["text"]) for figure in turn.figures if not figure["found"]]
        where = "the cited evidence does not hold"
    return f"{where} {', '.join(dict.fromkeys(missing))}" if missing else None


def _unclaimed(answer: str) -> str | None:
    """What speaks against a generated answer, whose turn was not logged, in its own words."""
    if not MARKER.search(answer):
        return "the answer cites no evidence"
    if NO_SOURCE in answer:
        return "a claim in the answer has no source"
    if unmarked(answer) != answer:
        return "a figure in the answer is not in the evidence it cites"
    return None


def _figures_missing(example: Example) -> list[str]:
    """Figures of the answer that stand nowhere in what the model was shown."""
    answer = figures_of(example.answer)
    if not answer:
        return []
    shown = _evidence_text(example)
    held = [*quantities(shown), *(cell.quantity for cell in cell_tuple(shown))]
    return [figure.text for figure in answer if not any(_stands(figure, h) for h in held)]


def _stands(said: Quantity, held: Quantity) -> bool:
    return same_value(said, held) or (held.scale == 1.0 and said.value == held.value)


def _too_long(example: Example, limit: int) -> str | None:
    text = sum(len(str(message["content"])) for message in example.messages)
    tokens = (text + len(taught(example))) // 4
    if tokens <= limit:
        return None
    return f"about {tokens} tokens are too long for the student, which takes {limit}"


# -- what is the same, and what belongs together


def normalised(question: str) -> str:
    """A question without case, punctuation and spacing: asked twice, it is the same."""
    return " ".join(re.findall(r"[\w%$&]+", question.casefold()))


def _sameness(example: Example) -> tuple[str, str]:
    """Question and filing: the same question about another filing is another question.

    An imported example has no evidence of its own, and its prompt tells of which filing it is.
    """
    if example.evidence:
        return normalised(example.question), str(example.evidence[0].get("filing", ""))
    return normalised(example.question), filing_in(example.messages)


def lesson(example: Example) -> tuple[str, str, str]:
    """What an example teaches: question, filing and answer. Equal where it teaches the same."""
    return (*_sameness(example), taught(example))


def group_of(example: Example, turn: Turn | None) -> str:
    """The filing and the section of the first cited passage, else of the best one shown."""
    cited = MARKER.search(example.answer) if turn is None or turn.citations else None
    place = int(cited[1]) - 1 if cited else 0
    shown = example.evidence
    if not shown:
        return ""
    passage = shown[place if place < len(shown) else 0]
    return group_named(str(passage.get("filing", "")), str(passage.get("section", "")))


def group_named(filing: str, section: str) -> str:
    """The group of what stands in this section of this filing."""
    return f"{filing}|{section}"


def exam_side(key: bytes, *, share: float = 0.2) -> Callable[[str], bool]:
    """Which groups belong to the exam: a share of them, by a keyed hash, for ever.

    Keyed, so that nobody can choose a question's side; hashed rather than drawn, so that a group
    stays on its side as the log grows.
    """

    def on_exam_side(group: str) -> bool:
        digest = hmac.digest(key, group.encode(), "sha256")
        return bool(group) and int.from_bytes(digest[:8], "big") / 2**64 < share

    return on_exam_side


def _evidence_text(example: Example) -> str:
    """What the model was shown, without the question; a refine step was shown an answer too."""
    if example.evidence:
        return "\n".join(str(passage["text"]) for passage in example.evidence)
    prompt = "\n".join(str(m["content"]) for m in example.messages if m["role"] == "user")
    found = asked_in(prompt)
    return f"{prompt[: found.start()]}\n{found['original'] or ''}" if found else prompt
