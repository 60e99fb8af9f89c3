"""A question in, the sections where a filing names whoever is asked for out; pure.

Officers stand in a table, directors on the signature page, the auditor under its report: none of
these holds many of a question's words, and the exhibits hold them all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.index.ranking import in_turn
from backend.records import Passage


@dataclass(frozen=True, slots=True)
class People:
    """Where to look for people besides what the question's words find, and by which words."""

    sections: tuple[str, ...]
    """Parts of sections' titles, in any case."""
    words: str


_OFFICERS = People(
    ("Signatures", "Executive Officers", "Item 1. Business", "Directors"),
    "information about our executive officers: name, age, position, title; signature, chief"
    " executive officer, chief financial officer, president, general counsel, director, chair",
)
_AUDITOR = People(
    ("Independent Registered", "Principal Account", "Exhibits and Financial Statement"),
    "we have served as the company's auditor since; our independent registered public accounting"
    " firm is LLP, PCAOB ID, auditor firm ID",
)
_DIRECTORS = People(
    ("Signatures",),
    "this report has been signed below by the following persons; signature, title, director,"
    " chair of the board, date, attorney-in-fact",
)
_FIRM = r"(?:auditors?|accountants?|account(?:ing|ancy) firm)"
_ASKED = (
    (
        re.compile(
            rf"\bwho (?:audit(?:s|ed)?|(?:is|was|are) (?:[\w.&'\u2019-]+ )*?{_FIRM})\b"
            rf"|\b(?:which|what) (?:\w+ )*?firm\b.*\baudit|\bname (?:of )?(?:[\w.&'\u2019-]+ )*?"
            rf"{_FIRM}\W*$",
            re.IGNORECASE,
        ),
        _AUDITOR,
    ),
    (
        re.compile(
            r"^\W*(?:who|name|list|give me|tell me|show me)\b.*\b(?:directors|board(?: members)?"
            r"|(?:on|of) the board(?: of directors)?)\W*$",
            re.IGNORECASE,
        ),
        _DIRECTORS,
    ),
    (
        re.compile(
            r"^\W*(?:who|name|list|(?:which|what) (?:person|people|executives?)"
            r"|what (?:is|was|are) the names?)\b.*\b(?:c[efot]o|cao|chief|presidents?|chair\w*"
            r"|counsel|treasurer|secretary|controller|officers?|directors?|executives?|board"
            r"|management team|runs|leads|heads)\b",
            re.IGNORECASE,
        ),
        _OFFICERS,
    ),
)


_MORE = re.compile(r"\band (?:what|how|why|when|where|which)\b", re.IGNORECASE)


def people_needed(question: str) -> People | None:
    """Where the people stand that a question asks for; None where it asks for none, or for more."""
    if _MORE.search(question):
        return None
    return next((where for asked, where in _ASKED if asked.search(question)), None)


MOST = 4
"""Passages that are added."""


def with_people(
    found: Sequence[Passage], named: Sequence[Passage], people: People
) -> list[Passage]:
    """Up to MOST passages that name people, in turn with what the question's words found.

    Where several sections are looked in, half of them at most come from one.
    """
    each = MOST if len(people.sections) == 1 else MOST // 2
    kept: list[Passage] = []
    for passage in named:
        if sum(passage.section == other.section for other in kept) < each:
            kept.append(passage)
    first: dict[int, Passage] = {}
    for passage in in_turn([kept[:MOST], found]):
        first.setdefault(passage.chunk, passage)
    return list(first.values())
