"""A context and statements go in; a verdict for each comes out, with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.local.judge_figures import bears_out, claim
from backend.local.judge_ground import Ground, Sentence, ground, pairs
from backend.local.judge_statements import ABOUT, FIGURE, NO_FIGURE, QUOTE, figure_in
from backend.local.judge_words import share, weigh, without_citations
from backend.passages import is_refusal
from backend.quantities import quantities, same_value
from backend.terms import expand, stem_tuple, stems

QUOTED = 0.8
"""Share of a quote's weight that one sentence of the context must hold."""
IN_ORDER = 0.5
"""Share of its neighbouring words that must be neighbours there too."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the context bears a statement out."""

    statement: str
    reason: str
    holds: bool

    def as_asked(self) -> dict[str, Any]:
        """In ragas's words."""
        return {"statement": self.statement, "reason": self.reason, "verdict": int(self.holds)}


def verdicts(context: str, statements: Sequence[str]) -> list[Verdict]:
    """One verdict a statement, in order."""
    found = ground(context)
    return [_verdict(found, statement) for statement in statements]


def _verdict(context: Ground, statement: str) -> Verdict:
    if match := FIGURE.fullmatch(statement):
        holds, reason = _figure(context, match["said"], match["figure"], match["question"])
    elif NO_FIGURE.fullmatch(statement):
        holds, reason = False, "a figure was asked for"
    elif match := ABOUT.fullmatch(statement):
        holds, reason = _about(context, match["term"], match["said"])
    elif match := QUOTE.fullmatch(statement):
        holds, reason = _quote(context, match["said"])
    else:
        holds, reason = _plain(context, without_citations(statement))
    return Verdict(statement, reason, holds)


def _figure(context: Ground, said: str, text: str, question: str) -> tuple[bool, str]:
    figure = figure_in(said, text)
    if figure is None:
        return False, "the sentence holds no such figure"
    return bears_out(context, claim(said, figure), question)


def _plain(context: Ground, said: str) -> tuple[bool, str]:
    """A statement that somebody else wrote: every figure in it must hold; else it is a quote."""
    if is_refusal(said):
        return False, "a refusal states nothing"
    figures = quantities(said)
    if not figures:
        return _quote(context, said)
    judged = [bears_out(context, claim(said, figure), "") for figure in figures]
    return next((one for one in judged if not one[0]), judged[0])


def _quote(context: Ground, said: str) -> tuple[bool, str]:
    if _sources(context, said):
        return True, "a sentence says it"
    return False, "no sentence says it"


def _about(context: Ground, term: str, said: str) -> tuple[bool, str]:
    """Whether what is quoted stands in the context, and speaks of the term there."""
    sources = _sources(context, said)
    if not sources:
        return False, "no sentence says it"
    words = frozenset(stem_tuple(term))
    if any(_speaks_of(source, words, term) for source in sources):
        return True, "the sentence speaks of it"
    return False, "the sentence speaks of something else"


def _speaks_of(source: Sentence, words: frozenset[str], term: str) -> bool:
    near = source.words | frozenset(stem_tuple(source.before))
    if words <= near:
        return True
    return any(frozenset(stem_tuple(phrase)) <= source.words for phrase in expand(term))


def _sources(context: Ground, said: str) -> list[Sentence]:
    """The sentences of the context that hold a quote, or the most of it."""
    words = stems(said)
    if not words:
        return []
    weights, order = weigh(words), pairs(words)
    found = [one for one in context.sentences if _shares(one, weights, order)]
    return [one for one in found if _figures_stand(one.text, said)]


def _shares(one: Sentence, weights: dict[str, float], order: frozenset[tuple[str, str]]) -> bool:
    held = share(weights, one.words)
    together = len(order & one.pairs) / len(order) if order else 1.0
    if held >= QUOTED and together >= IN_ORDER:
        return True
    # A statement may run over several sentences; each is a source that it holds nearly whole.
    back = len(order & one.pairs) / len(one.pairs) if len(one.pairs) > 3 else 0.0
    return back >= QUOTED


def _figures_stand(source: str, said: str) -> bool:
    there = quantities(source)
    return all(
        any(same_value(figure, other) for other in there)
        for figure in quantities(said)
        if figure.text in said
    )
