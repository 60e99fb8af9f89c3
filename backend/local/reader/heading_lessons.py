"""Filings in, lessons out whose questions name no more than a heading of the text."""

import random
from collections.abc import Iterator

from backend.local.reader.asking import FILLER, words
from backend.local.reader.candidates import Candidate
from backend.local.reader.people_lessons import PLACES
from backend.local.reader.shelves import SHOWN, Shelf, taught
from backend.local.reader.training import Lesson
from backend.passages import is_table, paragraph_tuple

_POLICY = (
    "What is {owner} policy on {matter}?",
    "What is the company's accounting policy for {matter}?",
    "How does the company account for {matter}?",
    "Describe the accounting policy on {matter}.",
)
_RISK = (
    "What are the risks of {matter}?",
    "What risks does {matter} pose?",
    "How could {matter} hurt the company?",
)
_PLAIN = (
    "Describe {owner} {matter}.",
    "What does the filing say about {matter}?",
    "What is said about {matter}?",
    "Tell me about {owner} {matter}.",
)
_LONGEST = 6
_GENERAL = frozenset(words("overview general other introduction summary basis contents index"))


def _forms(section: str) -> tuple[str, ...]:
    if section.startswith("Note"):
        return _POLICY
    return _RISK if "Risk Factors" in section else _PLAIN


def _headed(shelf: Shelf) -> Iterator[tuple[int, str, str]]:
    """Place of a passage, a heading in it, and the first sentence under that."""
    for place, shown in enumerate(shelf.passages):
        if is_table(shown.text) or shown.section.startswith(("Exhibit", "Signatures")):
            continue
        told = ""
        for paragraph in paragraph_tuple(shown.text):
            heading = (paragraph.opening or paragraph.heading).strip(" .")
            own = frozenset(words(heading)) - FILLER - _GENERAL
            if heading != told and own and len(heading.split()) <= _LONGEST:
                told = heading
                if len(paragraph.sentences[0].split()) > 8:
                    yield place, heading, paragraph.sentences[0]


def heading_lessons(
    shelf: Shelf, owner: str, count: int, chance: random.Random
) -> Iterator[Lesson | None]:
    """Short questions, as people type them; the text under the heading answers them."""
    headed = list(_headed(shelf))
    for home, heading, said in chance.sample(headed, min(count, len(headed))):
        form = chance.choice(_forms(shelf.passages[home].section))
        question = form.format(owner=owner, matter=heading.lower())

        def right(c: Candidate, place: int, own: int = home, first: str = said) -> bool:
            return c.sentence is not None and place == own and c.sentence.text == first

        found = [place for place in shelf.ranking.top(question, SHOWN) if place != home]
        found.insert(chance.choices(range(len(PLACES)), PLACES)[0], home)
        yield taught(shelf, question, right, chance=chance, kind="prose", found=found)
