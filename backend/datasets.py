"""Logged examples in, which of them teach and why the others do not out; chat files in and out.

It alone knows the rules of curation. Everything is decided again from the log each time, so a
thumbs-down after an export still counts in the next.
"""

import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from backend.claims import MARKER, NO_SOURCE, figures_of
from backend.errors import DataError
from backend.passages import cell_tuple, is_refusal
from backend.quantities import Quantity, quantities, same_value
from backend.records import Example, Turn

Rule = Literal[
    "by hand", "not whole", "thumbs-down", "refusal", "unsourced", "too long", "exam", "repeat"
]


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

    None where nothing speaks against it, so that only a repeat can.
    """
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
    if rules.on_exam_side is not None and rules.on_exam_side(group_of(example, turn)):
        yield "exam", "it belongs to the exam, so it can never be trained on"


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


def taught(example: Example) -> str:
    """The answer that is trained on: a person's correction, else the answer without our marks."""
    return example.correction or unmarked(example.answer)


_MARKED = re.compile(r"⚠ (.+?) \(not in the cited evidence\)")


def unmarked(answer: str) -> str:
    """The answer without the marks that are there for the reader."""
    return _MARKED.sub(r"\1", answer.replace(f" {NO_SOURCE}", ""))


# -- what is the same, and what belongs together


def normalised(question: str) -> str:
    """A question without case, punctuation and spacing: asked twice, it is the same."""
    return " ".join(re.findall(r"[\w%$&]+", question.casefold()))


def _sameness(example: Example) -> tuple[str, str]:
    """Question and filing: the same question about another filing is another question."""
    filing = str(example.evidence[0].get("filing", "")) if example.evidence else ""
    return normalised(example.question), filing


def group_of(example: Example, turn: Turn | None) -> str:
    """The filing and the section of the first cited passage, else of the best one shown."""
    cited = MARKER.search(example.answer) if turn is None or turn.citations else None
    place = int(cited[1]) - 1 if cited else 0
    shown = example.evidence
    if not shown:
        return ""
    passage = shown[place if place < len(shown) else 0]
    return f"{passage.get('filing', '')}|{passage.get('section', '')}"


def exam_side(key: bytes, *, share: float = 0.2) -> Callable[[str], bool]:
    """Which groups belong to the exam: a share of them, by a keyed hash, for ever.

    Keyed, so that nobody can choose a question's side; hashed rather than drawn, so that a group
    stays on its side as the log grows.
    """

    def on_exam_side(group: str) -> bool:
        digest = hmac.digest(key, group.encode(), "sha256")
        return bool(group) and int.from_bytes(digest[:8], "big") / 2**64 < share

    return on_exam_side


# -- chat files


def to_chat(example: Example) -> dict[str, list[dict[str, str]]]:
    """The example as fine-tuning takes it: the exact messages, then the answer to learn."""
    sent = [{"role": str(m["role"]), "content": str(m["content"])} for m in example.messages]
    return {"messages": [*sent, {"role": "assistant", "content": taught(example)}]}


def to_chat_jsonl(example: Example) -> str:
    """As `to_chat`, on one line without its end."""
    return json.dumps(to_chat(example), ensure_ascii=False)


def from_chat_jsonl(lines: Iterable[str]) -> list[Example]:
    """Examples out of a chat file, ours or another tool's ("finetuning_events.jsonl").

    Raises DataError naming the line that is none.
    """
    found = [
        _imported(line, number) for number, line in enumerate(lines, 1) if line.strip("\ufeff \r\n")
    ]
    if not found:
        raise DataError("The file holds no example. Expected one JSON object a line.")
    return found


_ROLES = ("system", "user", "assistant")


def _imported(line: str, number: int) -> Example:
    *asked, answer = _messages(line, number)
    users = [message["content"] for message in asked if message["role"] == "user"]
    if not users or answer["role"] != "assistant":
        raise DataError(
            f"Line {number}: expected a message of the user, and the last one of the assistant."
        )
    return Example(
        source="imported",
        question=question_in(users[-1]),
        answer=answer["content"],
        messages=asked,
        evidence=[],
    )


def _messages(line: str, number: int) -> list[dict[str, str]]:
    try:
        row: Any = json.loads(line.strip("\ufeff"))
    except ValueError as error:
        raise DataError(f"Line {number} is not JSON: {error}.") from None
    given: Any = cast(Mapping[str, Any], row).get("messages") if isinstance(row, dict) else None
    if not isinstance(given, list) or not given:
        raise DataError(f'Line {number}: expected an object with a list of "messages".')
    return [_message(message, number) for message in cast(list[Any], given)]


def _message(given: Any, number: int) -> dict[str, str]:
    told: Mapping[str, Any] = cast(dict[str, Any], given) if isinstance(given, dict) else {}
    role, content = told.get("role"), told.get("content")
    if role not in _ROLES or not isinstance(content, str) or not content.strip():
        raise DataError(
            f"Line {number}: expected each message to have a role ({', '.join(_ROLES)}) and "
            f"content with text in it, found {json.dumps(given, ensure_ascii=False)[:80]}."
        )
    return {"role": str(role), "content": content}


_ASKED = re.compile(
    r"^(?:Question|Query):[ \t]*(?P<question>.+?)\s*"
    r"(?:^(?:Original Answer:(?P<original>.*)|(?:New |Refined )?Answer:\s*))?\Z",
    re.MULTILINE | re.DOTALL,
)
_HEAD = re.compile(r"^(?:Question|Query):", re.MULTILINE)


def _asked(prompt: str) -> re.Match[str] | None:
    """The question at the end of a prompt; the last head counts, as evidence may hold others."""
    heads = [match.start() for match in _HEAD.finditer(prompt)]
    return _ASKED.match(prompt, heads[-1]) if heads else None


def question_in(prompt: str) -> str:
    """The question of a prompt, tenk's or LlamaIndex's; the whole prompt where none is marked."""
    found = _asked(prompt)
    return " ".join((found["question"] if found else prompt).split())


def rewritten_answer(example: Example) -> str | None:
    """The answer that a refine step was given to write again; None where it was no such step."""
    prompt = str(example.messages[-1]["content"]) if example.messages else ""
    found = _asked(prompt)
    return found["original"].strip() if found and found["original"] is not None else None


def _evidence_text(example: Example) -> str:
    """What the model was shown, without the question; a refine step was shown an answer too."""
    if example.evidence:
        return "\n".join(str(passage["text"]) for passage in example.evidence)
    prompt = "\n".join(str(m["content"]) for m in example.messages if m["role"] == "user")
    found = _asked(prompt)
    return f"{prompt[: found.start()]}\n{found['original'] or ''}" if found else prompt
