"""A context and statements go in; a verdict for each comes out, with its reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.local.judge_asking import asks_whether
from backend.local.judge_figures import FLOOR, RIVAL, bears_out, claim
from backend.local.judge_ground import Ground, Sentence, ground, pairs
from backend.local.judge_statements import FIGURE, NO_FIGURE, QUOTE, REPLY, figure_in
from backend.local.judge_words import Asked, asked, label_words, share, weigh, without_citations
from backend.passages import is_refusal
from backend.quantities import Quantity, quantities, same_value
from backend.terms import stems

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
    if NO_FIGURE.fullmatch(statement):
        holds, reason = False, "a figure was asked for"
    elif match := FIGURE.fullmatch(statement):
        holds, reason = _figure(context, match["said"], match["figure"], match["question"])
    elif match := REPLY.fullmatch(statement):
        holds, reason = _reply(context, match["said"], match["question"])
    elif match := QUOTE.fullmatch(statement):
        holds, reason = _quote(context, match["said"])
    else:
        holds, reason = _plain(context, without_citations(statement))
    return Verdict(statement, reason, holds)


def _figure(context: Ground, said: str, text: str, question: str) -> tuple[bool, str]:
    figure = figure_in(said, text)
    if figure is None:
        return False, "the sentence holds no such figure"
    holds, reason = bears_out(context, claim(said, figure), question)
    if not holds and _beside(context, said, figure, question):
        holds, reason = bears_out(context, claim(said, figure), "")
    if holds or asked(question).figure:
        return holds, reason
    # Where words may answer too, a sentence may reply whatever figures it holds.
    replies, why = _reply(context, said, question)
    return (True, why) if replies else (False, reason)


def _beside(context: Ground, said: str, figure: Quantity, question: str) -> bool:
    """Whether another figure of the sentence is what was asked: this one then need only be true
    ("revenue was $742.3 million, or 57.8% of the total")."""
    return any(
        bears_out(context, claim(said, other), question)[0]
        for other in quantities(said)
        if other.text != figure.text
    )


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


def _reply(context: Ground, said: str, question: str) -> tuple[bool, str]:
    """Whether what is quoted stands in the context where that speaks of what was asked, nearly as
    much as it does anywhere: the rule that figures are held to."""
    sources = _sources(context, said)
    if not sources:
        return False, "no sentence says it"
    if _tells_nothing(said, question):
        return False, "it says no more than was asked"
    want = asked(question)
    if not want.words:
        return True, "a sentence says it"
    best = max(_speaks_of(one, want) for one in context.sentences)
    if max(_speaks_of(one, want) for one in sources) >= max(FLOOR, RIVAL * best):
        return True, "the sentence speaks of it"
    return False, "another sentence speaks of what was asked"


_ANNOUNCES = re.compile(r"\bas follows\W*$|^(?:the )?(?:following )?tables?\b", re.IGNORECASE)


def _tells_nothing(said: str, question: str) -> bool:
    """Whether a sentence only announces a table, or repeats the question's words."""
    if _ANNOUNCES.search(said.strip()):
        return True
    return not asks_whether(question) and label_words(said) <= label_words(question)


def _speaks_of(one: Sentence, want: Asked) -> float:
    """How much of a question a sentence carries, 0 to 1, with the one before it: that often names
    what both are about."""
    words = label_words(one.text) | label_words(one.before)
    return max(share(told, words) for told in (want.words, *want.variants))


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
