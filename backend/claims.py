"""An answer's text in, its sentences, figures and [n] out; alone knows where in it they stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.passages import sentence_tuple
from backend.quantities import Quantity, quantities

MARKER = re.compile(r"\[(\d{1,2})\]")
NO_SOURCE = "[no source]"
_PLACE = re.compile(r"\b(?:Items?|Parts?|Notes?)\s(?:\d{1,2}[A-C]?|[IV]{1,3})\.$")
_LIST_NUMBER = re.compile(r"^[ \t>]*\d{1,3}[.)](?=\s)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or list item of an answer, at `answer[start:end]`."""

    text: str
    start: int
    end: int
    numbers: tuple[int, ...]
    """The passages it cites, in order, each once."""

    @property
    def words(self) -> str:
        """What it says, without its markers."""
        return " ".join(MARKER.sub(" ", self.text.replace(NO_SOURCE, " ")).split())


def sentences_of(answer: str) -> list[Sentence]:
    """The sentences of an answer in order; a line never shares one with the next."""
    found: list[Sentence] = []
    offset = 0
    for line in answer.split("\n"):
        for start, end in _spans(line):
            text = line[start:end]
            numbers = tuple(dict.fromkeys(int(n) for n in MARKER.findall(text)))
            found.append(Sentence(text, offset + start, offset + end, numbers))
        offset += len(line) + 1
    return found


def figures_of(answer: str) -> list[Quantity]:
    """The figures that an answer states, in order; the numbers of a list are none."""
    places = {match.end() for match in _LIST_NUMBER.finditer(answer)}
    return [q for q in quantities(answer) if not places & {q.end, q.end + 1}]


def _spans(line: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a line stands; "Item 1A. Risk Factors" is no end of one."""
    started: int | None = None
    for start, end in _split(line):
        begin = start if started is None else started
        if _PLACE.search(line[begin:end]):
            started = begin
            continue
        started = None
        yield begin, end
    if started is not None:
        yield started, len(line.rstrip())


def _split(line: str) -> Iterator[tuple[int, int]]:
    """As the splitter has it, which hands sentences on with their spaces joined."""
    cursor = 0
    for sentence in sentence_tuple(line):
        words = sentence.split()
        start = end = line.index(words[0], cursor)
        for word in words:
            end = line.index(word, end) + len(word)
        yield start, end
        cursor = end
