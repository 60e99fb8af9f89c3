"""The candidate that weighs most in, the one to answer with out: what goes before weights.

A question for a line of the statements means the statement's own row, and a question for a list
means a sentence that lists.
"""

import re
from dataclasses import replace

from backend.local.reader.asking import words
from backend.local.reader.lines import as_line, line_of
from backend.local.reader.listing import listed, sentence_that_lists
from backend.local.reader.statement_rows import row_of_statement
from backend.local.reader.task import Scores, Task
from backend.local.reader.weighing import found_in, scale_of
from backend.local.reader.weights import choice
from backend.terms import stem_tuple


def preferred(task: Task, scores: Scores, best: int) -> int:
    """What to answer with, given every candidate's score and the one that the scores choose.

    A reader that has learned nothing gives refusing no weight; it knows nothing of tables and
    lists either, and its choice stands.
    """
    if scores[-1] == 0.0:
        return best
    best = _said(task, scores, best)
    names = frozenset(stem_tuple(" ".join(shown.company for shown in task.evidence.passages)))
    if line := line_of(task.asked.text, names):
        return row_of_statement(replace(task, asked=as_line(task.asked, line)), scores, best)
    if (noun := listed(task.asked)) and task.evidence.candidates[best].sentence is not None:
        return sentence_that_lists(task, scores, best, noun)
    return best


# -- what says nothing of the question

_ANNOUNCES = re.compile(
    r"^(?:\W*\(\w{1,3}\))?\W*(?:the|this|these) (?:(?:following|accompanying) )?"
    r"(?:tables?|charts?|schedules?)\b"
    r"|\b(?:presented|shown|set forth|summari[sz]ed|outlined|listed) (?:in the (?:following )?"
    r"tables? )?below(?: \([^)]*\))?\W*$|\bas follows(?: \([^)]*\))?\W*$|:$",
    re.IGNORECASE,
)


def _said(task: Task, scores: Scores, best: int) -> int:
    """The choice again without what only announces a table or holds no word of the question."""
    last = len(scores) - 1
    if best == last or _says(task, best):
        return best
    left = task.allowed.copy()
    left[:-1] &= [_says(task, number) for number in range(last)]
    return choice(scores, left)


def _says(task: Task, number: int) -> bool:
    one = task.evidence.candidates[number]
    if one.sentence is None:
        return True
    parts = task.evidence.parts[one.passage]
    later = parts.sentences[one.place + 1 :]
    if _ANNOUNCES.search(one.sentence.text) and not (later and later[0].item):
        return False
    section = frozenset(words(task.evidence.passages[one.passage].section))
    near = [s.words for s in parts.sentences if s.block == one.sentence.block]
    said = frozenset[str]().union(section, one.sentence.topic, *near)
    scale = scale_of(task.asked, task.evidence)
    return not scale.weights or found_in(scale, said)[1] > 0
