"""Text goes in, tokens come out: the units in which this server counts, cuts and streams.

A token is up to seven letters with the blank before them, up to three digits, one other sign, or
a run of white space. On English prose that is within a tenth or so of what tiktoken counts, and
it needs no vocabulary. The tokens of a text, joined, are the text.
"""

import re
from collections.abc import Iterable

_TOKEN = re.compile(r" ?[^\W\d_]{1,7}| ?\d{1,3}| ?[^\w\s]|_|\s+")
PER_MESSAGE = 3
"""Tokens that a message costs beside its text, as OpenAI counts them."""


def tokens(text: str) -> list[str]:
    """The tokens of `text`, in order; joined they give `text` back."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens `text` has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def count_messages(texts: Iterable[str]) -> int:
    """How many tokens a chat of these messages has."""
    return PER_MESSAGE + sum(PER_MESSAGE + count(text) for text in texts)
