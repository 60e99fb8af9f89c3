"""A question in, what it looks for out: words, synonyms, periods, kind, unit, line item."""

import re
from dataclasses import dataclass
from functools import lru_cache

from backend.quantities import Period, periods
from backend.terms import stem_tuple, stems, synonyms

_TELLING = re.compile(r"\b(?:other|before|after|less)\b", re.IGNORECASE)


_VERBS = """
build built|buy bought|choose chose chosen|drive drove driven|fall fell fallen|grow grew grown
hold held|lead led|lend lent|lose lost|meet met|pay paid|rise rose risen|sell sold|spend spent
seek sought|withdraw withdrew withdrawn|withhold withheld|write wrote written
"""
_STEMS = {
    form: stem_tuple(verb)[0]
    for verb, *forms in (line.split() for line in _VERBS.strip().replace("\n", "|").split("|"))
    for form in stem_tuple(" ".join(forms))
}
"""Past forms that no ending gives away; all others the stemmer knows."""


@lru_cache(maxsize=32768)
def words(text: str) -> tuple[str, ...]:
    """Stems, and the stop words that tell rows of a table apart ("Other assets")."""
    found = tuple(_STEMS.get(stem, stem) for stem in stem_tuple(text))
    return found + tuple(dict.fromkeys(w.lower() for w in _TELLING.findall(text)))


FILLER = frozenset(
    stems(
        "company corporation amount amounts value values figure reported report reports recorded"
        " million millions billion thousand thousands dollars usd fiscal year years ended end fy cy"
        " quarter period date december january february march april june july august september"
        " october november annual filing 10-k according based give much many number state describe"
        " list provide explain does did discuss mention mentioned specific described outlined text"
        " compared compare previous prior record recorded related respectively during following"
    )
)
MOVING = frozenset(
    stems(
        "grow growth increase decrease decline change drop fall rise improve difference percent"
        " percentage percents compare develop move dollars rate spend earn make come incur"
        " experience go hold owe carry carrying see take bring generate receive use run stand"
        " fast size"
    )
)
"""Words that ask for a change, or only join a figure to who has it: no row is labelled by them."""
_PROSE = re.compile(
    r"^\W*(?:why|who|where|describe|explain|list|name|discuss|does|do|did|is|are|was|were|has|have"
    r"|can|could|will|should|in what way|what (?:kind|kinds|type|types|factors?|risks?|steps"
    r"|measures|methods?|policy|policies|reasons?|caused|drove|products?|services?|competit\w+"
    r"|strateg\w+|events?|actions?|challenges?|impact|effects?|happen\w*|could|may|might|would"
    r"|does|do|did|are some|are the (?:main|key|primary|principal))"
    r"|(?:what )?(?:was|were|is|are) (?:the|some) (?:[\w-]+,? ){0,3}(?:factors?|reasons?|causes?"
    r"|drivers?|purposes?|effects?|roles?|nature|basis|focus|objectives?|goals?|responsibilit\w+"
    r"|components|features|consequences|assumptions|terms|conditions)\b|how (?:long|often)"
    r"|which|when|how (?:does|do|is|are|might|may|could|can|would|has|have|was|were|did))\b"
    r"|\b(?:policy|policies|accounting treatment|recogni[sz]e[sd]?|purpose|method|criteria)\b",
    re.IGNORECASE,
)
ASKING = frozenset(
    stems(
        "policy policies risk risks main major key primary principal kind type treatment account"
        " accounting face threat factor"
    )
)
"""Words that say what kind of text is wanted, rather than what about."""
_WORDED = re.compile(
    r"^\W*(?:why|who|describe|explain|discuss|how (?:does|do|is|are|might|may|could|can|would|long"
    r"|often)|what (?:kinds?|types?|factors?|risks?|steps|measures|methods?|polic|reasons?|caused"
    r"|drove|strateg|challenges?|could|may|might|would|happen|does|do))"
    r"|\b(?:policy|policies|accounting treatment)\b"
    r"|\bwhat (?:was|were|is|are) (?:the|some) (?:[\w-]+,? ){0,3}(?:factors?|reasons?|causes?"
    r"|drivers?|purposes?|roles?|nature|risks?)\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"\b(?:over|from|than|to|with|and|vs\.?)?\s*(?:the\s+)?(?:year|period|quarter)s?\s+"
    r"(?:before|earlier|after)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\bhow (?:much|many|large|big|high|low)\b|\bwhat (?:was|were|is|are) (?:the |its |their )?"
    r"(?:total|amount|value|number|balance|percentage|net|gross|aggregate|average|rate)\b"
    r"|\bwhat (?:amount|percentage|percent|number|portion|share)\b|\b(?:total|net|amount of"
    r"|number of|percentage of|balance of|value of)\b|\bin (?:millions|thousands|billions)\b"
    r"|\bper share\b|\beps\b",
    re.IGNORECASE,
)
_WHAT_WAS = re.compile(
    r"\bwhat (?:was|were|is|are)\b|\bgive (?:me )?the\b|\b(?:state|report|find)\b", re.IGNORECASE
)
_PERCENT = re.compile(
    r"%|\bper\s?cent(?:age)?\b|\b(?:effective |statutory |tax |interest |discount |growth )rates?\b"
    r"|\bmargin\b|\bproportion\b|\bas a share of\b",
    re.IGNORECASE,
)
_PER_SHARE = re.compile(r"\bper (?:\w+ )?share\b|\beps\b|\bdps\b", re.IGNORECASE)
_SHARES = re.compile(
    r"\b(?:how many|number of)\b.{0,40}\bshares\b|\bshares (?:outstanding|used|issued)\b"
    r"|\bshare count\b|\bweighted.average\b.{0,30}\bshares\b",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\bhow many\b|\bnumber of\b|\bheadcount\b|\bemployees\b(?=\s+(?:did|does|at|were))",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\b(?:grow|grew|growth|increase[sd]?|decrease[sd]?|decline[sd]?|change[sd]?|drop(?:ped)?"
    r"|fell|fall|rose|rise|improve[sd]?|difference|compare[sd]?|yoy|year.over.year)\b",
    re.IGNORECASE,
)
_WHY = re.compile(
    r"\bwhy\b|\breasons?\b|\bcaused?\b|\bdrove\b|\bdrivers?\b|\bdriven\b|\bdue to\b|\bexplain\b"
    r"|\battribut",
    re.IGNORECASE,
)
_KINDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("time", r"^\W*(?:when|how (?:long|often))\b|\bover what period\b|\bwhat (?:date|year)\b"),
        ("person", r"^\W*(?:who|whom)\b|\bwhich (?:officer|director|person|firm|auditor)s?\b"),
        ("place", r"^\W*where\b|\bin (?:which|what) (?:countr|cit|state|place|region)\w*"),
        ("count", r"\bhow many\b|\bnumber of\b|\bhow dependent\b"),
        (
            "account",
            r"\bpolic(?:y|ies)\b|^\W*(?:how|when) (?:is|are|does|do)\b.{0,60}?\b(?:recogni[sz]"
            r"|account|record|measur|valu|carri|classif|treat|state|amorti|depreciat|capitali|translat|test"
            r"|defer|expens|written)\w*|^\W*does\b.{0,40}\bcapitali[sz]e|\bmethods?\b",
        ),
        ("risk", r"\brisks?\b|\bthreat\w*|\bwhat (?:could|might|would|happens)\b|\bexposed\b"
         r"|\b(?:could|might|may) .{0,40}\b(?:harm|affect|hurt|reduce|discourage)"),
        ("list", r"\b(?:which|list|name|what (?:are|were|kinds?|types?|products?|services?))\b"),
    )
)  # fmt: skip
_MANY = re.compile(
    r"\b(?:list|factors|risks|products|services|types|kinds|components|reasons|competitors|segments"
    r"|examples|measures|steps|challenges|strategies|policies|principal|main|key|describe|discuss"
    r"|how (?:does|do|could|might|may|can)|what are)\b|^\W*(?:why|name)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart. Terms are stems without filler, periods and the company's name."""

    text: str
    terms: tuple[str, ...]
    every: frozenset[str]  # all stems, as counting words sees them
    phrases: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]
    periods: tuple[Period, ...]
    years: frozenset[int]
    figure: float  # 0 to 1: how plainly it asks for a figure
    worded: bool  # plainly asks for words: why, who, describe, which policy
    kind: str  # what an answer must hold: "time", "person", "place" ...; "" if anything may do
    unit: str  # "percent", "USD per share", "shares", "count" or "" where it does not tell
    names: frozenset[str]  # terms written as names: places, people, products
    quarter: bool  # asks for a quarter
    change: bool
    growth: bool  # asks for a change in per cent
    why: bool
    many: bool  # asks for a list, a policy, risks: more than one sentence may answer
    total: bool


_THING = re.compile(
    r"^\W*(?:in )?what (?!revenue|sales|income|profit|expense|cost|cash|debt|tax|dividend|amount)"
    r"[\w-]+(?: [\w-]+){0,2} (?:did|does|do|has|have|had)\b",
    re.IGNORECASE,
)


def _figure(text: str, when: bool) -> float:
    if re.search(r"^\W*how (?:did|has|have)\b", text, re.IGNORECASE) and _CHANGE.search(text):
        return 0.6
    if re.search(r"\bhow (?:much|many|large|high)\b", text, re.IGNORECASE):
        return 1.0
    if _PROSE.search(text):
        return 0.15 if _FIGURE.search(text) and when else 0.0
    strong, mild = bool(_FIGURE.search(text)), bool(_WHAT_WAS.search(text))
    if not strong and _THING.search(text):  # "What position did she take in 2018?"
        return 0.2
    return min(1.0, 0.5 * strong + 0.3 * mild + 0.5 * when)


_GROWTH = re.compile(
    r"\b(?:by |in )?what (?:percentage|percent)\b|\bhow fast\b|\bin per\s?cent\b"
    r"|\b(?:growth rate|(?:percentage|percent|%)(?:age)? (?:change|growth|increase|decrease"
    r"|decline))\b|\byear.over.year\b|\byoy\b",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"\bas an? (?:percentage|percent|share) of\b|\bmargins?\b|\brates?\b", re.IGNORECASE
)
_QUARTER = re.compile(r"\bquarters?\b|\bthree months\b", re.IGNORECASE)


def _names(text: str, terms: tuple[str, ...]) -> frozenset[str]:
    """Terms written as names. A question's first word and acronyms of the trade are none."""
    found: set[str] = set()
    for match in re.finditer(r"(?<=[\w,;] )[A-Z][\w-]+", text):
        if not synonyms(match[0]):
            found.update(words(match[0]))
    return frozenset(found & set(terms))


def _unit(text: str) -> str:
    for unit, pattern in (
        ("USD per share", _PER_SHARE),
        ("percent", _PERCENT),
        ("shares", _SHARES),
        ("count", _COUNT),
    ):
        if pattern.search(text):
            return unit
    return ""


@lru_cache(maxsize=1024)
def asked(text: str, companies: frozenset[str] = frozenset()) -> Asked:
    """Take a question apart; `companies` are the stems of names that say nothing here."""
    named = tuple(periods(text))
    years = {period.year for period in named}
    every = words(_BEFORE.sub(" ", text))
    figure = _figure(text, bool(named))
    skip = FILLER | companies | {str(year) for year in years}
    every_term = [term for term in every if term not in skip and not _is_day(term, named)]
    idle = MOVING if figure > 0.5 else ASKING
    plain = [term for term in every_term if term not in idle]
    terms = tuple(dict.fromkeys(plain or every_term))
    phrases = tuple(
        (tuple(_STEMS.get(stem, stem) for stem in key), tuple(words(phrase) for phrase in others))
        for key, others in synonyms(text)
        if others and not (set(key) <= companies) and set(key) & set(terms)
    )
    growth = bool(_CHANGE.search(text) and _GROWTH.search(text) and not _RATE.search(text))
    return Asked(
        text=text,
        terms=terms,
        every=frozenset(every),
        phrases=phrases,
        periods=named,
        years=frozenset(years),
        figure=figure,
        worded=figure < 0.5 and bool(_WORDED.search(text)),
        kind=next((kind for kind, pattern in _KINDS if pattern.search(text)), ""),
        unit="" if growth else _unit(text),
        names=_names(text, terms),
        quarter=bool(_QUARTER.search(text)) or any(p.kind == "quarter" for p in named),
        change=bool(_CHANGE.search(text)),
        growth=growth,
        why=bool(_WHY.search(text)),
        many=bool(_MANY.search(text)),
        total=bool(re.search(r"\btotal\b|\boverall\b|\baltogether\b", text, re.IGNORECASE)),
    )


def _is_day(term: str, named: tuple[Period, ...]) -> bool:
    return term.isdigit() and any(period.day == int(term) for period in named)


# -- the line item, in the question's own words

WHEN = (
    r"(?:\s*,?\s*(?:\(?(?:in|for|during|as of|at|on|through|by|of)\s+)?"
    r"(?:the\s+)?(?:end of\s+)?(?:the\s+)?"
    r"(?:(?:fiscal\s+|financial\s+)?(?:years?|period|quarter|date)\s+"
    r"(?:ended\s+|ending\s+|of\s+)?)?(?:{period})\)?)"
)
"""A period with the words that lead to it; fill in `period`, escaped."""
_LEAD = re.compile(
    r"^\W*(?:and\s+|so\s+|then\s+|but\s+)?(?:please\s+)?(?:(?:can|could) you\s+)?"
    r"(?:by (?:how (?:much|many \w+)|what (?:percentage|percent|amount))\s+|how fast\s+"
    r"|compare\s+)?"
    r"(?:(?:tell me|give me|give|state|show me|find|report|list|describe|explain|discuss)\s+)?"
    r"(?:(?:what|which|how much|how many|how|why|when|where|who)\s+)?"
    r"(?:(?:was|were|is|are|did|does|do|has|have|had|will|would|can|could)\s+)?"
    r"(?:there\s+)?"
    r"(?:(?:the\s+)?(?:company|filing)\s+(?:say|disclose|state|mention|describe)s?\s+"
    r"(?:about|on|regarding)\s+)?(?:the\s+(?=\w))?(?:amount of\s+|value of\s+|number of\s+)?",
    re.IGNORECASE,
)


def item_of(text: str, company: str = "") -> str:
    """The thing a question asks about, as it words it: "What was capex in 2023?" -> "capex"."""
    rest = text.strip().rstrip("?.! ")
    for period in sorted(periods(rest), key=lambda p: -p.start):
        pattern = WHEN.format(period=re.escape(period.text))
        rest = re.sub(pattern, "", rest, count=1, flags=re.IGNORECASE)
    rest = _LEAD.sub("", rest, count=1)
    if company:
        first = re.escape(company.split()[0].rstrip(","))
        rest = re.sub(rf"\b{first}\w*(?:['\u2019]s?)?\s*", "", rest, flags=re.IGNORECASE)
    rest = re.sub(
        r"^(?:(?:the|our|their|its)\s+)?(?:company|corporation|firm)(?:['\u2019]s)?\s+",
        "",
        rest,
        flags=re.IGNORECASE,
    )
    rest = re.sub(
        r"^(?:spend on|spent on|pay for|pay in|earn from|charge for|report (?:for|as)|have in)\s+",
        "",
        rest,
        flags=re.IGNORECASE,
    )
    rest = re.sub(r"^(?:its|their|his|the|a|an)\s+", "", rest, flags=re.IGNORECASE)
    return rest.strip(" ,;:?")
