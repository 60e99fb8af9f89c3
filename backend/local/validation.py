"""A training file goes in; its chats come out, or the reason why the job fails, with the line.

Pure but for reading the file. The rules are those of OpenAI's chat format.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from backend.errors import TenkError
from backend.local.asked import CONTEXT_WINDOW
from backend.local.tokens import count_messages
from backend.records import Message

FEWEST = 10
ROLES = ("system", "user", "assistant", "tool", "function", "developer")
_READ_AS = {"system": "system", "developer": "system", "assistant": "assistant"}
_KEYS = frozenset(["messages", "tools", "parallel_tool_calls", "functions", "metadata"])
_MESSAGE_KEYS = frozenset(
    ["role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"]
)
_SHOWN = 40
"""Characters of a line that is no JSON, shown as a hint."""


class Unfit(TenkError):
    """A job cannot be done, as its `error` field tells it."""

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class Example:
    """One chat of a file."""

    line: int
    messages: tuple[Message, ...]
    tokens: int
    learned: bool = True
    """False where the answer, the last message, has weight 0."""


def examples_in(
    path: Path, param: str, *, go_on: Callable[[], None] = lambda: None
) -> list[Example]:
    """Every chat of a file. `param` is the field of the job that named it. Raises Unfit.

    `go_on` is called at each line; what it raises ends the reading.
    """
    found: list[Example] = []
    try:
        with path.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                go_on()
                text = _decoded(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw, number)
                if text.strip():
                    found.append(_example(text, number))
    except _Bad as bad:
        name = param.replace("_", " ")
        raise Unfit(
            f"The job failed due to an invalid {name}. {bad}", code=f"invalid_{param}", param=param
        ) from None
    fewest = FEWEST if param == "training_file" else 1
    if len(found) < fewest:
        name = "Training" if param == "training_file" else "Validation"
        raise Unfit(
            f"{name} file has {len(found)} example(s), but must have at least {fewest} "
            f"example{'s' if fewest > 1 else ''}",
            code="invalid_n_examples",
            param=param,
        )
    if not any(example.learned for example in found):
        raise Unfit(
            f"The job failed due to an invalid {param.replace('_', ' ')}. Every example's answer "
            "has weight 0, so there is nothing to learn.",
            code=f"invalid_{param}",
            param=param,
        )
    return found


class _Bad(Exception):
    """What is wrong with a line."""


def _decoded(raw: bytes, number: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _Bad(f"Invalid file format. Line {number} is not encoded in UTF-8.") from None


def _example(text: str, number: int) -> Example:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        hint = text.strip()[:_SHOWN]
        raise _Bad(
            "Expected file to have JSONL format, where every line is a valid JSON dictionary. "
            f'Line {number} is not a dictionary (HINT: line starts with: "{hint}...").'
        )
    fields = cast(dict[str, Any], told)
    where = f"Invalid file format. Line {number}"
    for key in fields:
        if key not in _KEYS:
            raise _Bad(f'{where}: unexpected key "{key}".')
    messages = _messages(fields.get("messages"), where)
    tokens = count_messages(message.content for message in messages)
    if tokens > CONTEXT_WINDOW:
        raise _Bad(
            f"{where}: the example has {tokens} tokens, but may have at most {CONTEXT_WINDOW}."
        )
    return Example(number, messages, tokens, fields["messages"][-1].get("weight", 1) != 0)


def _messages(told: Any, where: str) -> tuple[Message, ...]:
    if told is None:
        raise _Bad(f'{where}: missing key "messages".')
    if not isinstance(told, list) or not told:
        raise _Bad(f'{where}: "messages" must be an array that is not empty.')
    found = tuple(
        _message(one, f"{where}, message {n}") for n, one in enumerate(cast(list[Any], told), 1)
    )
    if found[-1].role != "assistant":
        raise _Bad(f"{where}: the last message must be from the assistant.")
    if not any(message.role == "user" for message in found):
        raise _Bad(f"{where}: expected at least one message from the user.")
    if not found[-1].content.strip():
        raise _Bad(f"{where}: the last message, from the assistant, is empty.")
    return found


def _message(told: Any, where: str) -> Message:
    if not isinstance(told, dict):
        raise _Bad(f"{where}: expected an object.")
    fields = cast(dict[str, Any], told)
    for key in fields:
        if key not in _MESSAGE_KEYS:
            raise _Bad(f'{where}: unexpected key "{key}".')
    role = fields.get("role")
    if role not in ROLES:
        known = ", ".join(f'"{one}"' for one in ROLES)
        raise _Bad(f'{where}, key "role": expected one of {known}, but got {json.dumps(role)}.')
    if fields.get("weight", 1) not in (0, 1):
        raise _Bad(f'{where}, key "weight": expected 0 or 1.')
    content = "\n".join(_texts(fields.get("content"), fields, where))
    return Message.model_validate({"role": _READ_AS.get(str(role), "user"), "content": content})


def _texts(content: Any, fields: dict[str, Any], where: str) -> Iterator[str]:
    if content is None and (fields.get("tool_calls") or fields.get("function_call")):
        return
    parts = cast(list[Any], content) if isinstance(content, list) else [content]
    for part in parts:
        text = cast(dict[str, Any], part).get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            raise _Bad(f'{where}, key "content": expected a string.')
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise _Bad(f'{where}, key "content": half of a surrogate pair is no Unicode text.')
        yield text
