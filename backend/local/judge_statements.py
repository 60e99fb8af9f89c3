"""A question and an answer go in; statements come out, each true or false on its own.

Verdicts are 0 or 1, so an answer that is partly right is several statements, some of which fail:
one for each figure, with the question that it must answer; and for each sentence of prose two,
that the filing says it, and that it says it to what was asked.
"""

import re
from collections.abc import Sequence

from backend.local.judge_asking import asks_figure, asks_prose, counts_in_words
from backend.local.judge_words import without_citations
from backend.passages import is_refusal, sentences
from backend.quantities import Quantity, quantities

FIGURES = 4
PARTS = 4
"""Most figures and most sentences that are judged: ragas cuts a reply at 1,024 tokens unless told
otherwise."""
LONGEST = 260
"""Letters of the answer that one statement repeats."""

FIGURE = re.compile(
    r'Asked "(?P<question>[^"]*)", the filing gives (?P<figure>.*?): (?P<said>.*)', re.DOTALL
)
NO_FIGURE = re.compile(
    r'Asked "(?P<question>[^"]*)", the filing gives no figure: (?P<said>.*)', re.S
)
REPLY = re.compile(r'To "(?P<question>[^"]*)" the filing says: (?P<said>.*)', re.DOTALL)
QUOTE = re.compile(r"The filing says: (?P<said>.*)", re.DOTALL)

_STATES = re.compile(
    r"(?:\b(?:was|were|is|are|be|of|by|to|at|total\w*|reach\w*|exceed\w*|increas\w*|decreas\w*|rose|f[ea]ll"
    r"|grew|declin\w*|recorded|reported|had|spent|paid|approximately|about|over|nearly)\s*[($-]*$)"
    r"|^\W*$|:\s*$",
    re.IGNORECASE,
)
LONG = 30
"""Words of a sentence that is there for more than its figure."""


def _is_figure(question: str, sentence: str) -> bool:
    """Whether a sentence is there for its figures: a figure was asked for, or it is short and
    says little else. Otherwise it is judged as prose, figures included."""
    figures = quantities(sentence)
    if not figures or asks_prose(question):
        return False
    if asks_figure(question):
        return True
    short = len(sentence.split()) <= LONG
    return short and any(_STATES.search(sentence[: figure.start]) for figure in figures)


def statements(question: str, answer: str) -> list[str]:
    """The statements of an answer, in its order; none for an empty one.

    A refusal is one statement, the refusal itself.
    """
    plain = without_citations(answer)
    said = sentences(plain) or [plain] * bool(plain)
    if not said or is_refusal(plain):
        return [_cut(" ".join(said))] * bool(said)
    figured = [one for one in said if _is_figure(question, one)]
    found = [line for one in figured for line in _of_figures(question, one)][:FIGURES]
    if not found and asks_figure(question) and not counts_in_words(plain):
        return [f'Asked "{_quotable(question)}", the filing gives no figure: {_cut(said[0])}']
    rest = [one for one in said if one not in figured][:PARTS]
    if not found and asks_figure(question):
        counted = [one for one in rest if counts_in_words(one)]
        return _replies(question, counted) + _quotes([one for one in rest if one not in counted])
    # Where a figure was given, that is the reply, and the rest need not be one too.
    return found + _quotes(rest) + ([] if figured else _replies(question, rest))


def _of_figures(question: str, sentence: str) -> list[str]:
    asked_with = {figure.text for figure in quantities(question)}
    shown = dict.fromkeys(figure.text for figure in quantities(sentence))
    shown = [text for text in shown if text not in asked_with] or list(shown)
    return [
        f'Asked "{_quotable(question)}", the filing gives {text}: {_around(sentence, text)}'
        for text in shown
    ]


def _quotes(said: Sequence[str]) -> list[str]:
    return [f"The filing says: {_cut(one)}" for one in said]


def _replies(question: str, said: Sequence[str]) -> list[str]:
    return [f'To "{_quotable(question)}" the filing says: {_cut(one)}' for one in said]


def figure_in(sentence: str, text: str) -> Quantity | None:
    """The figure of a sentence that is printed so."""
    return next((found for found in quantities(sentence) if found.text == text), None)


def _around(sentence: str, figure: str) -> str:
    """The sentence, or where it is long the stretch about its figure."""
    if len(sentence) <= LONGEST:
        return sentence
    at = sentence.find(figure)
    start = max(0, min(at - LONGEST // 2, len(sentence) - LONGEST))
    start = sentence.find(" ", start) + 1 if start else 0
    return _cut(sentence[start:]) if start <= at else sentence[at : at + LONGEST]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0]


def _quotable(question: str) -> str:
    return _cut(" ".join(question.replace('"', "'").split()))
