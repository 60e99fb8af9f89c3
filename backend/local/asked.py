"""A request's JSON body goes in; what was asked comes out as a value, or a Problem says why not.

Checks what OpenAI checks, in its wording, so that a client wrong there is wrong here too.
"""

import json
from dataclasses import dataclass
from typing import Any, cast

from backend.local import problems
from backend.local.fields import boolean, number, whole
from backend.local.problems import Problem
from backend.local.shapes import Shape, asked_shape
from backend.local.tokens import count, count_messages
from backend.records import Message

CONTEXT_WINDOW = 128_000
EMBED_WINDOW = 8_192
EMBED_INPUTS = 2_048
EMBED_TOTAL = 300_000
"""Tokens over all inputs of one embeddings request."""
MAX_DIMENSIONS = 4_096

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_AS_READ = {"system": "system", "developer": "system", "assistant": "assistant"}
# fmt: off
_CHAT_PARAMETERS = frozenset([
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n",
    "stop", "response_format", "tools", "tool_choice", "temperature", "top_p",
    "presence_penalty", "frequency_penalty", "seed", "user", "metadata", "store", "logit_bias",
    "logprobs", "top_logprobs", "parallel_tool_calls", "service_tier", "reasoning_effort",
    "verbosity", "modalities", "prediction", "prompt_cache_key", "prompt_cache_retention",
    "safety_identifier", "web_search_options", "audio", "functions", "function_call",
])
# fmt: on
_EMBED_PARAMETERS = frozenset(["model", "input", "dimensions", "encoding_format", "user"])
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion that was asked for."""

    model: str
    messages: tuple[Message, ...]
    prompt_tokens: int
    stream: bool = False
    include_usage: bool = False
    limit: int | None = None
    """Most tokens the answer may have."""
    choices: int = 1
    stop: tuple[str, ...] = ()
    shape: Shape | None = None
    """None: plain text."""


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """Embeddings that were asked for."""

    model: str
    texts: tuple[str, ...]
    prompt_tokens: int
    dimensions: int | None = None
    base64: bool = False


def body_of(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request's body; raises Problem.

    Strictly UTF-8, without NaN and halves of surrogate pairs: what cannot be written again would
    spoil every list that it stands in.
    """
    try:
        text = raw.decode("utf-8-sig")
        body = json.loads(text, parse_constant=_no_json)
        if "\\u" in text:
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise problems.not_json() from None
    if not isinstance(body, dict):
        raise problems.not_json()
    return cast(dict[str, Any], body)


def _no_json(constant: str) -> float:
    raise ValueError(constant)


def chat_request(body: dict[str, Any]) -> ChatRequest:
    """The chat completion that `body` asks for; raises Problem."""
    model = _model(body)
    _known(body, _CHAT_PARAMETERS)
    for name, (low, high) in _RANGES.items():
        number(body, name, low, high)
    messages = _messages(body)
    prompt_tokens = count_messages(message.content for message in messages)
    if prompt_tokens > CONTEXT_WINDOW:
        raise problems.too_long("messages", CONTEXT_WINDOW, prompt_tokens)
    stream = boolean(body, "stream")
    return ChatRequest(
        model=model,
        messages=messages,
        prompt_tokens=prompt_tokens,
        stream=stream,
        include_usage=_include_usage(body, stream),
        limit=_limit(body),
        choices=whole(body, "n", 1, 128) or 1,
        stop=_stops(body),
        shape=asked_shape(body, messages),
    )


def embeddings_request(body: dict[str, Any]) -> EmbeddingsRequest:
    """The embeddings that `body` asks for; raises Problem."""
    model = _model(body)
    _known(body, _EMBED_PARAMETERS)
    texts = _inputs(body)
    counts = [count(text) for text in texts]
    for position, found in enumerate(counts):
        if found > EMBED_WINDOW:
            raise problems.too_long(f"input[{position}]", EMBED_WINDOW, found)
    if sum(counts) > EMBED_TOTAL:
        raise Problem(
            400,
            f"Requested {sum(counts)} tokens, max {EMBED_TOTAL} tokens per request",
            param="input",
            code="max_tokens_per_request",
        )
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise problems.wrong_value("encoding_format", encoding, "'float' and 'base64'")
    return EmbeddingsRequest(
        model=model,
        texts=texts,
        prompt_tokens=sum(counts),
        dimensions=whole(body, "dimensions", 1, MAX_DIMENSIONS),
        base64=encoding == "base64",
    )


def _model(body: dict[str, Any]) -> str:
    model = body.get("model")
    if model is None or model == "":
        raise problems.no_model_named()
    if not isinstance(model, str):
        raise problems.wrong_type("model", "a string", model)
    return model


def _known(body: dict[str, Any], names: frozenset[str]) -> None:
    for name in body:
        if name not in names:
            raise problems.unknown_parameter(name)


def _limit(body: dict[str, Any]) -> int | None:
    """The answer's longest length; both of OpenAI's names for it are taken, not at once."""
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise Problem(
            400,
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            param="max_tokens",
            code="invalid_parameter_combination",
        )
    name = "max_tokens" if body.get("max_tokens") is not None else "max_completion_tokens"
    return whole(body, name, 1, 10_000_000)


def _include_usage(body: dict[str, Any], stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise problems.wrong_type("stream_options", "an object", options)
    if not stream:
        raise Problem(
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    return boolean(cast(dict[str, Any], options), "include_usage")


def _stops(body: dict[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    if stop is None:
        return ()
    stops = cast(list[Any], stop if isinstance(stop, list) else [stop])
    if len(stops) > 4:
        raise Problem(
            400,
            "Invalid 'stop': array too long. Expected an array with maximum length 4, "
            f"but got an array with length {len(stops)} instead.",
            param="stop",
            code="array_above_max_length",
        )
    for one in stops:
        if not isinstance(one, str):
            raise problems.wrong_type("stop", "a string or an array of strings", one)
    return tuple(one for one in stops if one)


def _messages(body: dict[str, Any]) -> tuple[Message, ...]:
    messages = body.get("messages")
    if messages is None:
        raise problems.missing("messages")
    if not isinstance(messages, list):
        raise problems.wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise problems.empty_array("messages")
    return tuple(_message(one, f"messages[{i}]") for i, one in enumerate(cast(list[Any], messages)))


def _message(message: Any, where: str) -> Message:
    """One message, read as system, user or assistant; a tool's result is read as a user's."""
    if not isinstance(message, dict):
        raise problems.wrong_type(where, "an object", message)
    fields = cast(dict[str, Any], message)
    role = fields.get("role")
    if role is None:
        raise problems.missing(f"{where}.role")
    if role not in _ROLES:
        supported = ", ".join(f"'{name}'" for name in _ROLES[:-1]) + f", and '{_ROLES[-1]}'"
        raise problems.wrong_value(f"{where}.role", role, supported)
    text = _content(fields, where)
    return Message.model_validate({"role": _AS_READ.get(role, "user"), "content": text})


def _content(fields: dict[str, Any], where: str) -> str:
    content = fields.get("content")
    if isinstance(content, str):
        return content
    if content is None and fields.get("tool_calls"):
        return ""
    if not isinstance(content, list):
        raise Problem(
            400,
            "Invalid value for 'content': expected a string, got "
            f"{problems.json_type(content).split()[-1]}.",
            param=f"{where}.content",
        )
    return "\n".join(
        _part(part, f"{where}.content[{i}]") for i, part in enumerate(cast(list[Any], content))
    )


def _part(part: Any, where: str) -> str:
    if not isinstance(part, dict):
        raise problems.wrong_type(where, "an object", part)
    fields = cast(dict[str, Any], part)
    text = fields.get("text")
    if fields.get("type") not in ("text", "refusal") or not isinstance(text, str):
        raise problems.wrong_value(f"{where}.type", fields.get("type"), "'text'")
    return text


def _inputs(body: dict[str, Any]) -> tuple[str, ...]:
    given = body.get("input")
    if given is None:
        raise problems.missing("input")
    texts = cast(list[Any], given if isinstance(given, list) else [given])
    if not texts:
        raise problems.empty_array("input")
    if len(texts) > EMBED_INPUTS:
        raise Problem(
            400,
            f"Invalid 'input': array too long. Expected an array with maximum length "
            f"{EMBED_INPUTS}, but got an array with length {len(texts)} instead.",
            param="input",
            code="array_above_max_length",
        )
    for position, text in enumerate(texts):
        if isinstance(text, int | list):
            raise Problem(
                400,
                "This server's models embed text, not token ids; send strings.",
                param="input",
                code="token_ids_not_supported",
            )
        if not isinstance(text, str):
            raise problems.wrong_type(f"input[{position}]", "a string", text)
        if not text:
            raise Problem(
                400, "'$.input' is invalid. An input must not be an empty string.", param="input"
            )
    return tuple(texts)
