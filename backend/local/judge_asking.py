"""A question goes in; what kind of answer it asks for comes out.

Three kinds: nothing but a figure answers it, words answer it whatever figures stand among them,
or either may ("What is goodwill?", "Did revenue grow?").
"""

import re
from itertools import takewhile

from backend.quantities import periods

_PROSE = re.compile(
    r"^\W*(?:why|describe|explain|discuss|outline|define|identify|who|whom|whose|where|when|list|name"
    r"|summari[sz]e)\b"
    r"|\b(?:risks?|factors?|reasons?|causes?|caused|drivers?|policy|policies|purpose|method|approach)\b",
    re.IGNORECASE,
)
_MOVES = r"(?:gr[eo]w|r[io]se|increase|f[ea]ll|decrease|decline|drop|change)"
_FIGURE = re.compile(
    r"\bhow (?:much|many|large|big|high)\b|\bwhat (?:\w+ )?(?:percent|percentage|amount|number)\b"
    rf"|\bhow (?:fast|quickly|strongly|sharply|far)\b.*\b{_MOVES}\b",
    re.IGNORECASE,
)
_GROWTH = re.compile(
    rf"\bper\s?cent(?:age)?\b(?! of).*\b{_MOVES}|\b{_MOVES}.*\bin per\s?cent"
    r"|\bhow (?:fast|quickly)\b|\bgrowth rate\b|\brate of growth\b",
    re.IGNORECASE,
)
"""A change in per cent, which is no share of anything: "By what percentage did revenue grow?"."""
_WHAT_WAS = re.compile(r"^\W*what (?:was|were)\b", re.IGNORECASE)
_NOT_AN_AMOUNT = re.compile(
    r"\b(?:impact|effect|role|nature|outcome|status|significance|importance)\b", re.IGNORECASE
)
_NUMBER = re.compile(
    r"\b(?:no|none|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|third|quarter"
    r"|dozen|twenty|thirty|forty|fifty|hundred)\b",
    re.IGNORECASE,
)
_VERB = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|may|might|will|would|shall|should|must)"
)
_IS_VERB = re.compile(_VERB, re.IGNORECASE)
_WHAT = re.compile(r"\W*what\s", re.IGNORECASE)
NAMED = 3
"""Words after "what" that may name the thing: a verb that is no auxiliary is not told apart."""
_MANNER = re.compile(
    rf"^\W*how (?:{_VERB}\b|(?:often|soon|dependent|exposed|reliant)\b)", re.IGNORECASE
)
_WHAT_DOES = re.compile(
    r"^\W*what (?:(?:do|does|did|can|could|may|might|will|would|shall|should|must)\b"
    r"|happen(?:s|ed)?\b|(?:kind|type|sort)s?\b)",
    re.IGNORECASE,
)
_WHETHER = re.compile(
    r"^\W*(?:do|does|can|could|may|might|will|would|shall|should|must)\b", re.IGNORECASE
)
"""What somebody does as a rule, not whether a figure rose: "Does it capitalize software?"."""
_WHICH = re.compile(r"^\W*(?:\w+ )?which\b", re.IGNORECASE)
_MOVED = re.compile(
    r"\b(?:chang|mov|develop|compar|gr[eo]w|evolv|differ|f[ea]ll|r[io]se|increas|decreas|declin|trend"
    r"|perform|split|divid|distribut|allocat|br[eo]ken? down)\w*",
    re.IGNORECASE,
)
"""What a table tells by itself: how a figure moved, or how it is made up."""
_OF_MONEY = re.compile(
    r"\b(?:cost|spen[dt]|pa(?:y|id)|earn|owe|own|total|amount|report|record|generate|incur|invest|raise"
    r"|charge|hold|worth)(?:e?d)?\b",
    re.IGNORECASE,
)
"""What somebody does to an amount: "What did it spend on research?". Costs and payments are things
that one may do anything to."""
_MOST = re.compile(r"\b(?:most|least|more|less|fewe(?:r|st)|\w{3,}est|exceed\w*)\b", re.IGNORECASE)
"""A comparison, which figures decide: "Which segment earned most?"."""

_WORDED = (
    (_PROSE, None),
    (_MANNER, _MOVED),
    (_WHAT_DOES, _OF_MONEY),
    (_WHETHER, _OF_MONEY),
    (_WHICH, _MOST),
)
"""Forms of questions that words answer, each unless figures may after all."""


def asks_figure(question: str) -> bool:
    """Whether nothing but a figure answers the question: "how much", "what was X in 2023"."""
    if _FIGURE.search(question):
        return not re.match(r"\W*why\b", question, re.IGNORECASE)
    if not _WHAT_WAS.search(question) or not periods(question):
        return False
    return not _PROSE.search(question) and not _NOT_AN_AMOUNT.search(question)


def asks_growth(question: str) -> bool:
    """Whether a change in per cent is asked for, as a figure."""
    return asks_figure(question) and bool(_GROWTH.search(question))


def asks_prose(question: str) -> bool:
    """Whether words answer the question, whatever figures stand among them: "why", "who", "how
    does". The row of a table does not."""
    if asks_figure(question):
        return False
    return any(
        form.search(question) and not (unless and unless.search(question))
        for form, unless in _WORDED
    )


def asks_whether(question: str) -> bool:
    """Whether yes or no answers it, so that the question's own words may be the answer."""
    first = question.split()[:1]
    return bool(first and _IS_VERB.fullmatch(first[0].strip("\"'")))


def thing_asked(question: str) -> str:
    """What a question asks for by name: "dividend per share" of "What dividend per share did it
    pay?"; "" where it names nothing so ("What is", "How", "Did")."""
    opened = _WHAT.match(question)
    words = question[opened.end() :].split() if opened else []
    return " ".join(takewhile(lambda word: not _IS_VERB.fullmatch(word), words[:NAMED]))


def counts_in_words(text: str) -> bool:
    """Whether a number is written out, so that a figure question may have its answer there."""
    return bool(_NUMBER.search(text))
