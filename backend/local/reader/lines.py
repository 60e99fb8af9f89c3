"""A question in, the line of the financial statements that it asks for out."""

import re
from dataclasses import replace
from functools import lru_cache

from backend.local.reader.asking import Asked, asked, item_of, words
from backend.terms import is_line_item, spelled, stem_tuple

_LATEST = re.compile(
    r"\s*,?\s*\b(?:(?:in|for|of|during|at|over)\s+)?(?:(?:the|its|their)\s+)?(?:end of\s+)?"
    r"(?:the\s+)?(?:latest|most recent(?:ly)?|last reported|current)\s+(?:(?:reported|reporting"
    r"|completed|fiscal|financial|full)\s+)*(?:year|period)(?:[- ]end)?\b",
    re.IGNORECASE,
)
"""The filing's own year, which is meant where none is named."""
_ASKED = re.compile(
    r"^\W*(?:(?:and|so|then)\s+)?(?:please\s+)?(?:(?:can|could) you\s+)?(?:(?:what|how much)"
    r"(?:\s+(?:was|were|is|are)|['\u2019]s)|give me|tell me|show me|state|find)\b",
    re.IGNORECASE,
)
_SPENT = re.compile(
    r"^\W*how much (?:(?:was|were) spent on|(?:did|does|has) (?:\w+ ){1,4}?(?:spend|spent) on)\s+",
    re.IGNORECASE,
)
_NAME = r"(?-i:[A-Z])[\w.&-]*(?:,? (?-i:[A-Z&])[\w.&-]*)*"
_OWNER = re.compile(
    rf"^(?:the )?(?P<owner>{_NAME})(?:['\u2019]s|(?<=s)['\u2019])\s+", re.IGNORECASE
)
_OF = re.compile(rf"\s+(?:of|for|at)\s+(?:the )?(?P<owner>company|{_NAME})\W*$", re.IGNORECASE)
"""Whose line it is: "Acme's", "of Acme"."""
_END = r"(?:expenses?|expenditures?|spending|spend|charges?|figure|costs?)"
"""What may stand behind the name of a line and says no more: "SG&A expense"."""


@lru_cache(maxsize=1024)
def line_of(question: str, companies: frozenset[str] = frozenset()) -> str:
    """The line that a question asks for, spelled out; "" where it asks for more, or another thing.

    "What was SG&A expense in 2023?" -> "selling, general and administrative". `companies` are the
    stems of the companies' names: what is a segment's or a person's is no line of theirs.
    """
    text = _LATEST.sub("", _SPENT.sub("What was ", spelled(question)))
    if not _ASKED.match(text):
        return ""
    line = re.sub(r"(?:\s+(?:and|or|to|from|between))+$", "", item_of(text))
    for owned in (_OWNER, _OF):
        if (found := owned.search(line)) and _known(found["owner"], companies):
            line = f"{line[: found.start()]} {line[found.end() :]}".strip()
    if not is_line_item(line):
        return ""
    short = re.sub(rf"\W+{_END}$", "", line, flags=re.IGNORECASE)
    return short if is_line_item(short) else line


def _known(owner: str, companies: frozenset[str]) -> bool:
    return owner.lower() == "company" or {*stem_tuple(owner)} <= companies


def as_line(asked_: Asked, line: str) -> Asked:
    """The question as it asks for a line alone: its terms are the line's."""
    terms = tuple(dict.fromkeys(words(line)))
    return replace(asked_, text=spelled(asked_.text), terms=terms, phrases=asked(line).phrases)
