"""What a server sent, taken apart: JSON goes in; pieces, vectors and cards come out.

Every reader here raises BadReply where a server that calls itself OpenAI-compatible is not.
"""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

from backend.records import Usage


class BadReply(Exception):
    """The server's reply is not what the protocol promises; the message says how."""

    def __init__(self, how: str, fault: Fault = "shape") -> None:
        super().__init__(how)
        self.fault: Fault = fault


Fault = Literal["shape", "page", "cut", "length", "filter"]
"""Not the protocol's shape; a web page; ended early; too long; withheld by a content filter."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that a server offers. `shutdown_date`: None where none is announced."""

    id: str
    shutdown_date: date | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One event of a streamed answer."""

    text: str = ""
    finish: str | None = None
    usage: Usage | None = None


LETTERS_PER_TOKEN = 4


@dataclass(slots=True)
class Heard:
    """What has come of a streamed answer."""

    letters: int = 0
    finish: str | None = None
    usage: Usage | None = None

    def take(self, part: Part) -> None:
        """One more event."""
        self.letters += len(part.text)
        self.finish = part.finish or self.finish
        self.usage = part.usage or self.usage

    def paid(self, asked: int) -> Usage | None:
        """What an answer that broke off took: as its server told, else by the letters of question
        (`asked`) and answer. None where nothing of it came."""
        if self.usage is None and self.letters:
            return Usage(
                prompt_tokens=-(-asked // LETTERS_PER_TOKEN),
                completion_tokens=-(-self.letters // LETTERS_PER_TOKEN),
            )
        return self.usage


def require_type(content_type: str, expected: str) -> None:
    """Raise BadReply unless a reply's content type is the expected one (or is not told)."""
    kind = content_type.split(";")[0].strip().lower()
    if kind and not (kind == expected or (expected.endswith("json") and kind.endswith("json"))):
        if kind == "text/html":
            raise BadReply("answered with a web page", "page")
        raise BadReply(f"answered with {kind} instead of {expected}")


def part_of(event: Any) -> Part:
    """One event of the stream, as the SDK read it. Raises BadReply."""
    try:
        choices = event.choices or []
        usage = usage_of(event.usage)
        if not choices:
            return Part(usage=usage)
        delta = choices[0].delta
        text: Any = delta.content if delta is not None else None
        finish: Any = choices[0].finish_reason
    except (AttributeError, TypeError, LookupError):
        raise BadReply("sent an event that is no piece of a chat answer") from None
    if not isinstance(text or "", str):
        raise BadReply("sent an event that is no piece of a chat answer")
    return Part(text or "", str(finish) if finish else None, usage)


def usage_of(told: Any) -> Usage | None:
    """Tokens, where the server told them."""
    prompt, completion = (
        getattr(told, name, None) for name in ("prompt_tokens", "completion_tokens")
    )
    if not isinstance(prompt, int):
        return None
    return Usage(
        prompt_tokens=prompt, completion_tokens=completion if isinstance(completion, int) else 0
    )


def usage_in(body: Any) -> Usage:
    """Tokens that a reply in JSON tells of; zero where it tells none."""
    told: Any = cast(Mapping[str, Any], body).get("usage") if isinstance(body, Mapping) else None
    prompt: Any = (
        cast(Mapping[str, Any], told).get("prompt_tokens") if isinstance(told, Mapping) else 0
    )
    return Usage(prompt_tokens=prompt if isinstance(prompt, int) else 0)


def require_whole(finish: str | None, text_seen: bool) -> None:
    """Raise BadReply unless the answer came to its own end."""
    if finish is None:
        raise BadReply("cut the answer off before its end", "cut")
    if finish == "length":
        raise BadReply("stopped the answer at its length limit, so it is not whole", "length")
    if finish == "content_filter":
        raise BadReply("withheld the answer (content filter)", "filter")
    if finish != "stop":
        raise BadReply(f"ended the answer with {finish!r} instead of a text")
    if not text_seen:
        raise BadReply("sent an empty answer")


def vectors_of(body: Any, count: int) -> list[list[float]]:
    """The vectors of one embeddings reply, in the order of the inputs. Raises BadReply."""
    rows = _rows(body)
    if len(rows) != count:
        raise BadReply(f"sent {len(rows)} vectors for {count} texts")
    places = [row.get("index") for row in rows]
    if any(place is not None for place in places):
        if sorted(place for place in places if isinstance(place, int)) != list(range(count)):
            raise BadReply("sent vectors whose numbers do not match the texts")
        rows = sorted(rows, key=lambda row: cast(int, row["index"]))
    return [_vector(row.get("embedding")) for row in rows]


def _vector(told: Any) -> list[float]:
    try:
        if isinstance(told, str):
            packed = array("f", b64decode(told, validate=True))
            if sys.byteorder == "big":
                packed.byteswap()
            vector = packed.tolist()
        else:
            vector = [float(number) for number in cast(Sequence[float], told)]
    except (BadBase64, TypeError, ValueError):
        raise BadReply("sent something else than numbers as a vector") from None
    if not vector or not math.isfinite(sum(vector)):
        raise BadReply("sent a vector that is empty or holds something that is not a number")
    return vector


def same_length(vectors: Sequence[Sequence[float]]) -> None:
    """Raise BadReply where vectors of one call differ in length."""
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        raise BadReply(f"sent vectors of different lengths ({lengths[0]} and {lengths[-1]})")


def cards_of(body: Any) -> list[ModelCard]:
    """The models that a server lists, by name. Raises BadReply."""
    found = [
        ModelCard(row["id"], _day(row.get("shutdown_date")))
        for row in _rows(body)
        if isinstance(row.get("id"), str)
    ]
    return sorted(found, key=lambda card: card.id)


def _day(told: Any) -> date | None:
    try:
        return date.fromisoformat(str(told)[:10]) if told else None
    except ValueError:
        return None


def _rows(body: Any) -> list[Mapping[str, Any]]:
    data = cast(Mapping[str, Any], body).get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, list) or not all(isinstance(r, Mapping) for r in cast(list[Any], data)):
        raise BadReply("answered without the list that the protocol promises")
    return cast(list[Mapping[str, Any]], data)


def batches(
    texts: Sequence[str], *, most: int = 256, letters: int = 100_000
) -> Iterable[Sequence[str]]:
    """`texts` in order, in runs of at most `most` texts and `letters` letters (or one text)."""
    start, held = 0, 0
    for place, text in enumerate(texts):
        if place > start and (place - start == most or held + len(text) > letters):
            yield texts[start:place]
            start, held = place, 0
        held += len(text)
    if start < len(texts):
        yield texts[start:]
