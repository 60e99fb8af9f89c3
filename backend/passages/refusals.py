"""An answer in, whether it refuses out; alone knows how models say that they do not know."""

import re

from backend.passages.prose import sentences
from backend.quantities import quantities

_SOURCE = (
    r"(?:evidence|context|passages?|excerpts?|documents?|texts?|filings?|reports?|information"
    r"|sources?|data|materials?|10-k|statements?)"
)
_GIVES = (
    r"(?:say|provide|contain|include|mention|specify|give|state|disclose|address|report|offer"
    r"|indicate|show|reveal|describe|explain|discuss|answer|cover|detail|list|present"
    r"|supply|note|identify|tell)"
)
_NOT = r"(?:not|n['\u2019]t)"
_REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_SOURCE}\b[^.]{{0,60}}?\b(?:does|do|did)\s?{_NOT}\s+(?:\w+ly\s+)?{_GIVES}",
        rf"\b(?:is|are|was|were|has been)\s?{_NOT}\s+(?:\w+ly\s+)?(?:mentioned|provided|specified"
        r"|stated|disclosed|answered)\b",
        rf"\b(?:is|are|was|were)\s?{_NOT}\s+(?:\w+ly\s+)?(?:available|given|included|found|present"
        rf"|contained|described|addressed|discussed|detailed|listed|reported)\b[^.]{{0,60}}"
        rf"\b(?:in|from|within|by) (?:the|this|these|any|your)\b[^.]{{0,20}}\b{_SOURCE}\b",
        r"\bthere (?:is|are|was|were) no (?:\w+ ){0,2}"
        r"(?:information|mention|data|evidence|details?)\b",
        r"\bno (?:\w+ )?(?:information|mention|data|evidence|details?|figures?)\b[^.]{0,120}"
        r"\b(?:is|are|was|were) (?:provided|given|available|found|included)\b",
        r"\b(?:i|we)(?:['\u2019]m| am| are)?\s(?:(?:sorry|apologi[sz]e)\b|(?:can(?:not|['\u2019]t)"
        r"|could(?: not|n['\u2019]t)|unable to|do(?: not|n['\u2019]t))\s+(?:\w+ly\s+)?(?:find"
        r"|answer|determine|know|have (?:the|any|enough|access|real-time)|provide|locate|tell"
        r"|calculate|compute|assist))",
        r"\b(?:unable|impossible|not possible|not able) to (?:\w+ly\s+)?(?:find|answer|determine"
        r"|provide|say|tell|calculate|compute|ascertain|locate|conclude)",
        r"\b(?:cannot|can['\u2019]t|could not|can not) be (?:\w+ly\s+)?(?:determined|answered"
        r"|calculated|computed|ascertained|inferred|verified) (?:from|based|with|given|using)\b",
        r"\b(?:not enough|insufficient) (?:information|data|context|details?|evidence)\b",
    )
)


def is_refusal(answer: str) -> bool:
    """Whether an answer says that its evidence does not hold what was asked, in any words.

    The opening decides. Further sentences count only where the answer neither cites nor states a
    figure: an answer that says something and then names a gap is no refusal.
    """
    said = sentences(answer.strip()) or [answer]
    tells = any(found.unit or abs(found.value) >= 1000 for found in quantities(answer))
    opening = 1 if tells or re.search(r"\[\d+\]", answer) else len(said)
    return any(pattern.search(part) for part in said[:opening] for pattern in _REFUSALS)
