"""An answer's text goes in; OpenAI's completion objects come out, whole or in pieces.

Alone knows how an answer is cut (stop words, length) and how it is spelled on the wire.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.local.asked import ChatRequest, EmbeddingsRequest
from backend.local.tokens import count, tokens

FINGERPRINT = "fp_tenk_local"
PIECE = 2
"""Tokens in one piece of a stream."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back for every choice: the models here always answer the same."""

    text: str
    tokens: int
    finish: Literal["stop", "length"]
    tool: str | None = None
    """The function whose arguments the text is."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every object of one call carries."""

    id: str
    created: int
    model: str


def reply_for(request: ChatRequest, text: str) -> Reply:
    """`text` cut at the first stop word, then at the longest length that was asked for."""
    tool = request.shape.tool if request.shape is not None else None
    ends = [at for stop in request.stop if (at := text.find(stop)) >= 0]
    text = text[: min(ends)] if ends else text
    if request.limit is None or count(text) <= request.limit:
        return Reply(text, count(text), "stop", tool)
    return Reply("".join(tokens(text)[: request.limit]), request.limit, "length", tool)


def usage(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    """Tokens of the call, in this server's own units (see tokens)."""
    written = reply.tokens * request.choices
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": request.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def completion(request: ChatRequest, reply: Reply, stamp: Stamp) -> dict[str, Any]:
    """A whole `chat.completion`."""
    choices = [
        {
            "index": index,
            "message": _message(reply, f"{stamp.id}-{index}"),
            "logprobs": None,
            "finish_reason": reply.finish,
        }
        for index in range(request.choices)
    ]
    return {
        "id": stamp.id,
        "object": "chat.completion",
        "created": stamp.created,
        "model": stamp.model,
        "choices": choices,
        "usage": usage(request, reply),
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def chunks(request: ChatRequest, reply: Reply, stamp: Stamp) -> Iterator[dict[str, Any]]:
    """The `chat.completion.chunk`s of a stream: the role, the text, the end, the usage."""
    for index in range(request.choices):
        for delta in _deltas(reply, f"{stamp.id}-{index}"):
            yield _chunk(request, stamp, index=index, delta=delta)
        yield _chunk(request, stamp, index=index, finish=reply.finish)
    if request.include_usage:
        yield _head(stamp) | {"choices": [], "usage": usage(request, reply)}


def events(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Server-sent events, closed as OpenAI closes them."""
    for one in objects:
        yield f"data: {json.dumps(one, ensure_ascii=False)}\n\n"
    yield "data: [DONE]\n\n"


def embeddings(
    request: EmbeddingsRequest, model: str, vectors: Sequence[str | list[float]]
) -> dict[str, Any]:
    """A list of embeddings, in the order of the texts and in the encoding that was asked for."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": request.prompt_tokens, "total_tokens": request.prompt_tokens},
    }


def _message(reply: Reply, call: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool is None:
        return message | {"annotations": []}
    function = {"name": reply.tool, "arguments": reply.text}
    tool_call = {"id": f"call_{call}", "type": "function", "function": function}
    return message | {"content": None, "tool_calls": [tool_call]}


def _deltas(reply: Reply, call: str) -> Iterator[dict[str, Any]]:
    pieces = _pieces(reply.text)
    if reply.tool is None:
        yield {"role": "assistant", "content": "", "refusal": None}
        yield from ({"content": piece} for piece in pieces)
        return
    opening = {"name": reply.tool, "arguments": ""}
    first = {"index": 0, "id": f"call_{call}", "type": "function", "function": opening}
    yield {"role": "assistant", "content": None, "tool_calls": [first]}
    for piece in pieces:
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    found = tokens(text)
    for start in range(0, len(found), PIECE):
        yield "".join(found[start : start + PIECE])


def _chunk(
    request: ChatRequest,
    stamp: Stamp,
    *,
    index: int,
    delta: dict[str, Any] | None = None,
    finish: str | None = None,
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    chunk = _head(stamp) | {"choices": [choice]}
    return chunk | {"usage": None} if request.include_usage else chunk


def _head(stamp: Stamp) -> dict[str, Any]:
    return {
        "id": stamp.id,
        "object": "chat.completion.chunk",
        "created": stamp.created,
        "model": stamp.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }
