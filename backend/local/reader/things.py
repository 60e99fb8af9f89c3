"""A question for a fact in, the thing that is asked for out: what an answer cannot leave unsaid."""

import re
from dataclasses import dataclass
from functools import lru_cache

from backend.local.reader.asking import Asked, words


@dataclass(frozen=True, slots=True)
class Thing:
    """What a question for a fact asks for. Terms are stems, as in Asked."""

    item: frozenset[str] = frozenset()  # "churn rate", "employees": empty where none can be told
    part: frozenset[str] = frozenset()  # the segment, product line or contract it is asked of
    measured: bool = False  # only a figure answers
    money: bool = False  # only a sum of money, a share or per cent answers
    rate: bool = False  # only a share or per cent answers
    named: bool = False  # only a name answers: "who is the CEO"
    often: bool = False  # only how often it happens answers
    meant: bool = False  # only a sentence that says what something is answers


_STOP = (
    r"(?=\s+(?:of|for|from|in|on|by|to|at|as|per|with|within|under|due|during|between|and|or|did"
    r"|does|do|was|were|is|are|has|have|had|will|would|can|could|came|come|comes|fell|falls?|arose"
    r"|went|goes|remains?|which|that|who|used|related|associated|according|compared|before|after|excluding"
    r"|including)\b|[,;?(]|$)"
)
_NOUNS = rf"(?P<item>(?:[\w&'\u2019-]+\s+){{0,5}}?[\w&'\u2019-]+){_STOP}"
_BEGIN = (
    r"^\W*(?:(?:and|so|then|but|in|at|for|by|over|under|on|to)\s+)?"
    r"(?:(?:please\s+)?(?:tell me|give me|give|state|show me|find|report)\s+)?"
)
_BE = r"(?:was|were|is|are|will be|would be)\s+"
_THE = r"(?:the\s+|an?\s+|its\s+|their\s+|our\s+)?"
_VAGUE = (
    r"(?:(?:total|exact|overall|aggregate|approximate|full)\s+)?(?:amount|number|value"
    r"|level|balance|size|name|names)s?\s+of\s+(?:the\s+|its\s+)?"
)
_PAID = (
    r"(?:spend|spent|pay|paid|donate[ds]?|receive[ds]?|earn|incur|invest|contribute|raise|borrow)"
)
_FORMS = tuple(
    (re.compile(_BEGIN + pattern, re.IGNORECASE), measured)
    for pattern, measured in (
        (rf"how many\s+(?:of\s+(?:the\s+|its\s+)?)?{_NOUNS}", True),
        (
            rf"how much\s+(?:did|does|do|has|have|had|will)\s+(?:[\w.&'\u2019-]+\s+){{1,4}}?{_PAID}"
            rf"\s+(?:on|for|to|in|from)\s+{_THE}{_NOUNS}",
            True,
        ),
        (rf"how much\s+(?!(?:did|does|do|was|were|is|are|has|have|had|will)\b){_NOUNS}", True),
        (rf"how (?:much|large|big|high|low)\s+{_BE}{_THE}{_NOUNS}", True),
        (rf"(?:what|who)\s+{_BE}{_THE}(?:{_VAGUE})?{_NOUNS}", False),
        (rf"(?:what|which)\s+(?:{_VAGUE})?{_NOUNS}", False),
    )
)
_IS = _FORMS[4][0]
_SUMS = """
fee fees price prices pay salary salaries bonus bonuses wages compensation fare fares cost costs
expense expenses revenue revenues sales income profit profits earnings assets liabilities debt cash
goodwill inventory capital dividend dividends contributions gain gains charge charges premium
premiums rent royalties discount discounts
"""
_MONEY = frozenset(_SUMS.split())
_MEASURES = _MONEY | {
    *("rate", "rates", "ratio", "score", "scores", "emissions"),
    *("headcount", "age", "turnover", "backlog"),
}
"""What is counted in money, per cent or pieces: an answer to a question for it holds a figure."""
_IDLE = frozenset(
    words(
        "total name names three two five ten major different various main current annual overall"
        " aggregate combined consolidated net gross average amount reported new approximate exact"
        " active actual percentage percent share portion number financial main primary"
    )
)
"""Words of a thing that its answer may leave out, or that every row of totals bears otherwise."""
_TOLD = _IDLE - frozenset(words("active"))
_WIDE = re.compile(
    r"\b(?:impacts?|effects?|factors?|reasons?|causes?|results?|drivers?|roles?|purposes?"
    r"|significance|importance|nature|basis|differences?|outcomes?|changes?|variations?|increases?"
    r"|decreases?|dates?|segments?|ratings?|reasons|plans?|terms|conditions?|sources?|methods?"
    r"|approach|status|types?|kinds?|products?|services?|requirements?|said|percentages?|percent"
    r"|proportions?|portions?|marketplaces?|markets)\b",
    re.IGNORECASE,
)
"""What no sentence that tells it need name: "What was the impact of ...?" """
_AT_A_TIME = re.compile(r"\b(?:was|were|will|did)\b", re.IGNORECASE)
_DONE = re.compile(r"\s+\w+ed$")
"""What was done to a thing: "the amount authorized"."""
_PART = re.compile(
    r"\b(?:of|for|from|in|by|at|on)\s+(?:the\s+|its\s+)?(?P<part>(?:[\w&'\u2019-]+\s+){1,4}?)"
    r"(?:segment|division|business unit|subsidiary|contract|product line|brand|region|plant)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^\W*(?:who|whom)\s+(?:(?:is|are|was|were)(?! (?:\w+ )?(?:responsible|eligible|entitled"
    r"|subject|able|considered|required|covered|allowed))|serves? as|served as|acts? as)\b"
    r"|\bwhat (?:is|was|are) the names? of\b|^\W*name (?:the|its)\b",
    re.IGNORECASE,
)
_MANY = re.compile(r"\W*who (?:are|were)\b(?!.*\b(?:largest|biggest|top|main|primary)\b)", re.I)
"""Several are asked for, which may be kinds: "Who are the customers?" """
_OWNER = re.compile(r"\b(?:[A-Z][\w.&-]+ )*[\w.-]+(?:['\u2019]s|s['\u2019])\s+")
_RATE = re.compile(r"\b(?:rates?|ratios?|percentages?|discounts?|margins?)\b", re.IGNORECASE)


_OFTEN = re.compile(r"\bhow (?:often|frequently|regularly)\b", re.IGNORECASE)
_MEANT = re.compile(
    r"^\W*(?:which|what)\b.*\b(?:counts?|qualif(?:y|ies)|(?:considered|classified|treated|regarded"
    r"|defined))\s+(?:as|to be)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def thing_of(asked: Asked) -> Thing:
    """What a question for a fact asks for; an empty Thing where it asks for anything wider."""
    if _OFTEN.search(asked.text):
        return Thing(often=True)
    if _MEANT.search(asked.text):
        return Thing(meant=True)
    text = re.sub(r"\bthe the\b", "the", _OWNER.sub("the ", asked.text))
    found = next(((m, sure) for form, sure in _FORMS if (m := form.search(text))), None)
    if found is None:
        return Thing()
    match, sure = found
    if _WIDE.search(match["item"]):
        return Thing()
    terms = set(asked.terms)
    item = _DONE.sub("", match["item"])
    head = item.lower().split()[-1]
    stems = frozenset(words(item)) & terms
    sought = bool(_ROLE.search(asked.text))
    named = sought and not _MANY.match(asked.text)
    counted = head in _MEASURES
    likely = asked.figure >= 0.8 and bool(_AT_A_TIME.search(asked.text) or asked.years)
    measured = not sought and not asked.worded and (sure or counted or match.re is _IS and likely)
    if not sought and not measured:
        return Thing()
    part = _PART.search(asked.text)
    return Thing(
        item=stems - _TOLD,
        part=frozenset(words(part["part"])) & terms - _TOLD if part else frozenset(),
        measured=measured,
        money=measured and asked.unit != "count" and head in _MONEY,
        rate=measured and counted and bool(_RATE.fullmatch(head)),
        named=named,
    )
