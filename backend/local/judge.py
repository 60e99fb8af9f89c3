"""A prompt of ragas goes in; the object that ragas asks for comes out. No language model.

It knows the three prompts of ragas 0.4's Faithfulness and AnswerRelevancy by their own words.
Each prompt is answered from what stands in it alone: statements carry the question they answer,
since the prompt that judges them does not.
"""

import json
from collections.abc import Sequence
from typing import Any, cast

from backend.local.judge_questions import question_for
from backend.local.judge_statements import statements
from backend.local.judge_verdicts import verdicts
from backend.passages import is_refusal

_BREAK_DOWN = "Break down each sentence"
_JUDGE = "judge the faithfulness"
_ASK_BACK = "identify if the answer is noncommittal"
_MARKERS = ("Now perform the same with the following input\ninput: ", "\ninput: ")


def reply(texts: Sequence[str]) -> dict[str, Any] | None:
    """The answer to the prompt in these messages, or None where it is none that is known."""
    for text in reversed(texts):
        parts = _parts(text)
        if parts is None:
            continue
        instruction, given = parts
        if _BREAK_DOWN in instruction and _strings(given, "question", "answer"):
            return {"statements": statements(given["question"], given["answer"])}
        if _JUDGE in instruction and _strings(given, "context"):
            claims = [str(claim) for claim in cast(list[Any], given.get("statements") or [])]
            judged = verdicts(given["context"], claims)
            return {"statements": [verdict.as_asked() for verdict in judged]}
        if _ASK_BACK in instruction and _strings(given, "response"):
            answer = given["response"]
            return {"question": question_for(answer), "noncommittal": int(is_refusal(answer))}
    return None


def _parts(text: str) -> tuple[str, dict[str, Any]] | None:
    """The instruction with its examples, and the input that follows them. Line breaks inside the
    input are escaped, so that no filing's text can look like the marker."""
    for marker in _MARKERS:
        at = text.rfind(marker)
        if at < 0:
            continue
        try:
            given, _ = json.JSONDecoder().raw_decode(text[at + len(marker) :].lstrip())
        except ValueError:
            return None
        return (text[:at], cast(dict[str, Any], given)) if isinstance(given, dict) else None
    return None


def _strings(given: dict[str, Any], *names: str) -> bool:
    return all(isinstance(given.get(name), str) for name in names)
