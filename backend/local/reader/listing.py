"""A question for a list and what weighs most in, a sentence that lists out."""

import re

import numpy as np

from backend.local.reader.asking import Asked, words
from backend.local.reader.task import Scores, Task
from backend.local.reader.weighing import Scale, found_in, scale_of

_LISTED = re.compile(
    r"^\W*(?:(?:what|which|who) (?:are|were) |(?:please )?(?:list|name) |(?:what|which) )"
    r"(?:all |some )?(?:of )?(?:the |its |their |our |[\w.&-]+['\u2019]s? )?"
    r"(?P<noun>(?:[\w&'-]+ ){0,4}?[\w&'-]*[^s\W]s)"
    r"(?=\W*$|\s+(?:of|in|for|that|which|who|does|do|did|has|have|are|were|with|at|on|from|by)\b)",
    re.IGNORECASE,
)


def listed(asked: Asked) -> str:
    """The stem of what a question wants listed ("segment"); "" where it asks for no list."""
    found = _LISTED.match(asked.text)
    if not found or asked.kind != "list" or asked.figure > 0.5:
        return ""
    return (words(found["noun"].split()[-1]) or ("",))[0]


_THREE = re.compile(r",[^,.;]+,? (?:and|or) \w|;[^;]+; (?:and|or) \w")
_NAMED = r"[A-Z][\w&\u2019'-]*(?: (?:[A-Z(&][\w&)\u2019'-]*|of))*"
_TWO = re.compile(rf"[\"\u201c]?{_NAMED}[\"\u201d]?,? and [\"\u201c]?[A-Z]")
_INTRODUCES = re.compile(
    r"^[^.;]{0,60}?(?:\b(?:are|were|includ(?:e|es|ed|ing)|consist(?:s|ed)? of|compris\w+|namely"
    r"|such as)\b|[:\u2014\u2013-])",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?: [\w-]+){0,5}\W*$", re.I
)
COUNTED, INTRODUCED, ENUMERATED = 2.5, 1.5, 0.75
"""What a sentence gains where it lists: "three segments: A, B and C", "the segments are A and B",
or any list at all. A step of rank is worth 1.3, all of the question's words some 5."""
_ALIKE = 0.15
"""A sentence that lists may hold so much less of the question's weight than the chosen one."""


def sentence_that_lists(task: Task, scores: Scores, best: int, noun: str) -> int:
    scale = scale_of(task.asked, task.evidence)
    least = _held(task, scale, best) - _ALIKE
    gains = {
        int(number): float(scores[number]) + lists(sentence.text, noun)
        for number in np.flatnonzero(task.allowed[:-1])
        if (sentence := task.evidence.candidates[number].sentence) is not None
        and (number == best or _held(task, scale, int(number)) >= least)
    }
    return max(gains, key=lambda number: gains[number], default=best)


def _held(task: Task, scale: Scale, number: int) -> float:
    sentence = task.evidence.candidates[number].sentence
    return found_in(scale, sentence.words | sentence.topic)[1] if sentence else 0.0


def lists(sentence: str, noun: str) -> float:
    """What a sentence gains by listing: most where it counts what it lists."""
    for word in re.finditer(r"[A-Za-z][\w&'-]*", sentence):
        rest = sentence[word.end() :]
        if noun in words(word[0]) and (_THREE.search(rest) or _TWO.search(rest)):
            if _COUNT.search(sentence[: word.start()]):
                return COUNTED
            if _INTRODUCES.match(rest):
                return INTRODUCED
    return ENUMERATED if _THREE.search(sentence) else 0.0
