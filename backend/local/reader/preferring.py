"""The candidate that weighs most in, the one to answer with out: what goes before weights.

A question for a line of the statements means the statement's own row.
"""

from dataclasses import replace

from backend.local.reader.lines import as_line, line_of
from backend.local.reader.statement_rows import row_of_statement
from backend.local.reader.task import Scores, Task
from backend.terms import stem_tuple


def preferred(task: Task, scores: Scores, best: int) -> int:
    """What to answer with, given every candidate's score and the one that the scores choose.

    A reader that has learned nothing gives refusing no weight; it knows nothing of tables
    either, and its choice stands.
    """
    if scores[-1] == 0.0:
        return best
    names = frozenset(stem_tuple(" ".join(shown.company for shown in task.evidence.passages)))
    if line := line_of(task.asked.text, names):
        return row_of_statement(replace(task, asked=as_line(task.asked, line)), scores, best)
    return best
