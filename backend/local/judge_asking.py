"""A question goes in; what kind of answer it asks for comes out."""

import re

from backend.quantities import periods

_PROSE = re.compile(
    r"^\W*(?:why|describe|explain|who|whom|where|list|name|summari[sz]e)\b"
    r"|\b(?:risks?|factors?|reasons?|causes?|caused|drivers?|policy|policies|purpose|method|approach)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\bhow (?:much|many|large|big|high)\b|\bwhat (?:\w+ )?(?:percent|percentage|amount|number)\b",
    re.IGNORECASE,
)
_WHAT_WAS = re.compile(r"^\W*what (?:was|were)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\b(?:no|none|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|third|quarter"
    r"|dozen|twenty|thirty|forty|fifty|hundred)\b",
    re.IGNORECASE,
)


def asks_figure(question: str) -> bool:
    """Whether nothing but a figure answers the question: "how much", "what was X in 2023"."""
    if _FIGURE.search(question):
        return not re.match(r"\W*why\b", question, re.IGNORECASE)
    dated = _WHAT_WAS.search(question) and periods(question)
    return bool(dated) and not _PROSE.search(question)


def asks_prose(question: str) -> bool:
    """Whether words answer the question, whatever figures stand among them: "why", "who"."""
    return bool(_PROSE.search(question)) and not asks_figure(question)


def counts_in_words(text: str) -> bool:
    """Whether a number is written out, so that a figure question may have its answer there."""
    return bool(_NUMBER.search(text))
