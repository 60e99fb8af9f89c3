"""Running text in, its paragraphs and sentences out; alone knows which full stops end one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_ABBREVIATIONS = frozenset(
    """
inc corp ltd co llc l.p no nos mr mrs ms dr st jr sr vs etc e.g i.e approx est dept fig vol ave
blvd jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k u.s.c s.a n.v cf al art sec para
""".split()  # noqa: SIM905
)
_STARTERS = frozenset(
    """
the we our in this these those it its as at if for on to a an although while however additionally
during under there such other no see refer many some any each all most when because since
""".split()  # noqa: SIM905
)
_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[$\u2022\u25cf]?[A-Z0-9])")
_WORD_AFTER = re.compile(r"\W*(\w+)")
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that go together, and what they stand under. Headings are none of them."""

    heading: str
    """The line above; "" if there is none."""
    sentences: tuple[str, ...]
    opening: str = ""
    """A heading that runs into the text: "Inventories."."""
    item: bool = False
    """Whether it is an item of a list."""


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    start = match.start()
    word = re.search(r"[\w.&]*$", text[max(0, start - _LONGEST_WORD) : start])
    last = (word[0] if word else "").lower().strip(".")
    following = _WORD_AFTER.match(text, match.end())
    after = following[1] if following else ""
    starts = after.lower() in _STARTERS and after[:1].isupper()
    if last in _ABBREVIATIONS:
        return starts and last not in ("no", "nos", "vs", "e.g", "i.e", "approx", "mr", "ms", "dr")
    if len(last) == 1 and last.isalpha():
        return starts
    return not (last.isdigit() and len(last) < 3 and match.start() <= 3)


def _split(block: str) -> Iterator[str]:
    flat = " ".join(block.split())
    start = 0
    for match in _END.finditer(flat):
        if _ends_sentence(flat, match):
            yield flat[start : match.end()].strip()
            start = match.end()
    yield flat[start:].strip()


# -- lines: which of them are headings

UNWRAPPED = 200
"""A line longer than this shows that a text has one line a paragraph."""
_BULLET = re.compile(r"\s*[\u2022\u25cf\u25aa]\s*")
_DANGLING = re.compile(
    r"(?:^|\s)(?:a|an|and|as|at|by|for|from|in|is|are|of|on|or|our|than|that|the|their|to|was|we"
    r"|were|which|will|with)$|[,;:\u2013\u2014-]$",
    re.IGNORECASE,
)
_STOPPED = re.compile(r"[.!?:;][\"'\u201d\u2019)\]]*$")


def is_heading(line: str) -> bool:
    """Whether a line reads as a heading: a few words, none of them ends a sentence."""
    few = 0 < len(line.split()) <= 14 and len(line) < 110
    opens = line[:1].isupper() or line[:1].isdigit()
    return few and opens and not _STOPPED.search(line) and not _DANGLING.search(line)


def _blocks(text: str) -> Iterator[tuple[str, bool, bool]]:
    """The parts of a text that no sentence crosses: (words, is a heading, is an item)."""
    for part in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        widest = max(map(len, lines), default=0)
        joined: list[str] = []
        for number, line in enumerate(lines):
            joined.append(line)
            following = lines[number + 1] if number + 1 < len(lines) else ""
            if _ends_block(line, following, widest, alone=len(joined) == 1):
                yield from _items(" ".join(joined), bool(following))
                joined = []
        if joined:
            yield from _items(" ".join(joined), last=False)


def _ends_block(line: str, following: str, widest: int, *, alone: bool) -> bool:
    """Whether a new paragraph begins behind a line. In wrapped text only a heading shows it."""
    if widest > UNWRAPPED or _BULLET.match(following):
        return True
    opens = following[:1].isupper() or following[:1].isdigit()
    if (
        opens
        and _STOPPED.search(line)
        and line.split()[-1].lower().strip(".") not in _ABBREVIATIONS
    ):
        return True
    return alone and opens and len(line) < 0.7 * widest and is_heading(line)


def _items(block: str, last: bool) -> Iterator[tuple[str, bool, bool]]:
    first, *rest = _BULLET.split(block)
    if first:
        yield first, last and not rest and is_heading(first), False
    for item in rest:
        yield item, False, True


_VERB = re.compile(
    r"\b(?:we|is|are|was|were|be|been|has|have|had|may|might|can|cannot|could|will|would|must"
    r"|should|do|does|did)\b",
    re.IGNORECASE,
)


def _runs_in(sentences: list[str]) -> bool:
    """Whether the first sentence is a heading that runs into the text: "Inventories. They ..."."""
    first = sentences[0]
    few = len(first.split()) <= 7 and first.endswith(".") and not re.search(r"\d\d|[$%]", first)
    return len(sentences) > 1 and few and not _VERB.search(first)


@lru_cache(maxsize=4096)
def paragraph_tuple(text: str) -> tuple[Paragraph, ...]:
    """The paragraphs of running text with the headings they stand under."""
    found: list[Paragraph] = []
    heading = ""
    for block, heads, item in _blocks(text):
        if heads:
            heading = block
            continue
        said = [sentence for sentence in _split(block) if re.search(r"[A-Za-z]", sentence)]
        opening = said.pop(0) if said and not item and _runs_in(said) else ""
        if said:
            found.append(Paragraph(heading, tuple(said), opening, item))
    return tuple(found)


@lru_cache(maxsize=4096)
def sentence_tuple(text: str) -> tuple[str, ...]:
    """As `sentences`, cached and immutable."""
    found = [sentence for block, _, _ in _blocks(text) for sentence in _split(block)]
    return tuple(sentence for sentence in found if re.search(r"[A-Za-z]", sentence))


def sentences(text: str) -> list[str]:
    """The sentences of running text, headings on their own.

    "Inc.", "U.S.", "No. 5" and decimals end none.
    """
    return list(sentence_tuple(text))
