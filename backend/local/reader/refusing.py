"""A question that nothing answers in, the words that say so out: what was looked for, where, and
what to do next."""

import re
from collections.abc import Sequence

from backend.local.reader.asking import Asked
from backend.local.reader.prompts import Shown

LONGEST = 200
"""Characters of a question that are quoted."""
_QUOTED = re.compile(r"[\"\u201c](?P<said>[^\"\u201c\u201d]{2,80})[\"\u201d]")
_NOUN = re.compile(
    r"^\W*(?:(?:and|so|then|but)\s+)?(?:please\s+)?(?:(?:can|could) you\s+)?"
    r"(?:(?:what|who|which)\s+(?:is|are|was|were)"
    r"|(?:tell me(?: about)?|give me|give|show me|show|find|state|list|name|report|describe))\s+"
    r"(?P<noun>[^?;:]+?)\W*$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|be|been|did|does|do|done|has|have|had|will|would|can|could|may|might"
    r"|must|should|what|who|which|where|when|why|how|if|that|there|it|them|me|you"
    r"|doing|going|like|called|named)\b"
    r"|,\s*(?:and|or|but)\b"
    r"|\b(?:of|for|from|in|on|by|to|at|with|about|as|per|due|than|expected|said)\W*$",
    re.IGNORECASE,
)
"""What no noun phrase holds: then the question is quoted as it stands."""


def sought(question: str) -> str:
    """What a question looks for, in words that fit behind "I looked for".

    A noun phrase where the question holds no more than one, or words that it quotes itself;
    else the question in quotation marks.
    """
    asked = " ".join(question.split())
    if not asked:
        return "a question"
    if quoted := _QUOTED.search(asked):
        return f'"{quoted["said"].strip(" .,?!")}"'
    plain = _NOUN.match(asked)
    noun = plain["noun"].strip(" .,!") if plain else ""
    if noun and len(noun.split()) <= 14 and not _CLAUSE.search(noun):
        return noun
    whole = asked if len(asked) <= LONGEST else asked[:LONGEST].rsplit(" ", 1)[0] + " ..."
    return f'an answer to "{whole.replace(chr(34), chr(39))}"'


def refusal(asked: Asked, passages: Sequence[Shown]) -> str:
    """That the evidence does not hold it, what was looked for where, and what to do next.

    The later sentence speaks of what a filing does not give, so that it is no claim of its own.
    """
    wanted = sought(asked.text)
    looked = f"I looked for {wanted}"
    if not passages:
        return f"The evidence does not say: {looked}, and no passage was given."
    return f"The evidence does not say: {looked} and found nothing in {_places(passages)}. " + (
        _another_year(asked, passages)
        or "If the filing uses another word for it, ask by that word; "
        "if it does not give it, another filing may."
    )


def _places(passages: Sequence[Shown]) -> str:
    sections = list(dict.fromkeys(shown.section for shown in passages if shown.section))[:3]
    pages = list(dict.fromkeys(shown.page for shown in passages if shown.page))[:4]
    return "; ".join(sections) or (f"pages {', '.join(pages)}" if pages else "the passages given")


COMPARED = 4
"""Years before its own that a filing may still tell something of."""


def _another_year(asked: Asked, passages: Sequence[Shown]) -> str:
    """What to do where the years asked lie outside of what the filings shown cover."""
    own = sorted({shown.year for shown in passages if shown.year})
    if not own or not asked.years:
        return ""
    if any(own[0] - COMPARED <= year <= own[-1] + 1 for year in asked.years):
        return ""
    filings = " and ".join(str(year) for year in own)
    years = " and ".join(str(year) for year in sorted(asked.years))
    return (
        f"If the filing for fiscal {filings} does not cover {years}, "
        "add the filing that does, and ask again."
    )
