"""Chat files of fine-tuning: examples go in and lines come out, and the other way round.

It alone knows the shapes of prompts in files, ours and other tools'.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from backend.claims import NO_SOURCE
from backend.errors import DataError
from backend.records import Example


def taught(example: Example) -> str:
    """The answer that is trained on: a person's correction, else the answer without our marks."""
    return example.correction or unmarked(example.answer)


_MARKED = re.compile(r"⚠ (.+?) \(not in the cited evidence\)")


def unmarked(answer: str) -> str:
    """The answer without the marks that are there for the reader."""
    return _MARKED.sub(r"\1", answer.replace(f" {NO_SOURCE}", ""))


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
UNWEIGHED = "the file gives its answer weight 0"


def _imported(line: str, number: int) -> Example:
    given = _given(line, number)
    *asked, answer = (_message(message, number) for message in given)
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
        by_hand="drop" if (unweighed := given[-1].get("weight") == 0) else None,
        by_hand_reason=UNWEIGHED if unweighed else "",
    )


def _given(line: str, number: int) -> list[Any]:
    try:
        row: Any = json.loads(line.strip("\ufeff"))
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair cannot be stored
    except (ValueError, RecursionError) as error:
        raise DataError(f"Line {number} is not JSON: {error}.") from None
    given: Any = cast(Mapping[str, Any], row).get("messages") if isinstance(row, dict) else None
    if not isinstance(given, list) or not given:
        raise DataError(f'Line {number}: expected an object with a list of "messages".')
    return cast(list[Any], given)


def _message(given: Any, number: int) -> dict[str, str]:
    told: Mapping[str, Any] = cast(dict[str, Any], given) if isinstance(given, dict) else {}
    role, content = told.get("role"), _text(told.get("content"))
    if role == "developer":
        role = "system"  # its newer name
    if role not in _ROLES or not isinstance(content, str) or not content.strip():
        raise DataError(
            f"Line {number}: expected each message to have a role ({', '.join(_ROLES)}) and "
            f"content with text in it, found {json.dumps(given, ensure_ascii=False)[:80]}."
        )
    return {"role": str(role), "content": content}


def _text(content: Any) -> Any:
    """Content that comes in parts of text, as one text; anything else as it is."""
    if not isinstance(content, list):
        return content
    parts = [part.get("text") for part in cast(list[Any], content) if isinstance(part, dict)]
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts) if len(texts) == len(cast(list[Any], content)) else content


_ASKED = re.compile(
    r"^(?:Question|Query):[ \t]*(?P<question>.+?)\s*"
    r"(?:^(?:Original Answer:(?P<original>.*)|(?:New |Refined )?Answer:\s*))?\Z",
    re.MULTILINE | re.DOTALL,
)
_HEAD = re.compile(r"^(?:Question|Query):", re.MULTILINE)


def asked_in(prompt: str) -> re.Match[str] | None:
    """The question at the end of a prompt; the last head counts, as evidence may hold others."""
    heads = [match.start() for match in _HEAD.finditer(prompt)]
    return _ASKED.match(prompt, heads[-1]) if heads else None


def question_in(prompt: str) -> str:
    """The question of a prompt, tenk's or LlamaIndex's; the whole prompt where none is marked."""
    found = asked_in(prompt)
    return " ".join((found["question"] if found else prompt).split())


_FILING = re.compile(r"^\[1\] (.+?), page \d", re.MULTILINE)


def filing_in(messages: Sequence[Mapping[str, Any]]) -> str:
    """The company and year over the first passage of a prompt of tenk's; empty for any other."""
    found = _FILING.search(str(messages[-1]["content"])) if messages else None
    return found[1] if found else ""


def questions_in(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every question that stands in what was said to the model, earlier turns included: what its
    prompts mark as one, and whatever ends with a question mark."""
    said = [str(one["content"]) for one in messages if one["role"] != "assistant"]
    found = [question_in(prompt) for prompt in said]
    for line in "\n".join(said).split("\n"):
        for asked in line.split("?")[:-1]:
            found += [
                asked,
                *(asked.rsplit(end, 1)[1] for end in (". ", ": ", ") ") if end in asked),
            ]
    return found


def rewritten_answer(example: Example) -> str | None:
    """The answer that a refine step was given to write again; None where it was no such step."""
    prompt = str(example.messages[-1]["content"]) if example.messages else ""
    found = asked_in(prompt)
    return found["original"].strip() if found and found["original"] is not None else None
