"""Sentences of a filing in, questions that they answer out; alone knows which patterns of a
sentence make which question."""

import re
from collections.abc import Callable, Iterator
from random import Random
from re import Match

from backend.local.reader import clauses
from backend.local.reader.clauses import About
from backend.passages import sentence_tuple
from backend.quantities import periods

FEWEST, MOST = 9, 70
"""Words of a sentence that can answer something."""


def drafts(text: str, company: str, year: int | None, draw: Random) -> Iterator[tuple[str, str]]:
    """Questions with the sentence each was made from: what tells most before what asks broadly."""
    about = About(company, year)
    lines = [_RUN_IN.sub("", line) for line in text.splitlines()]
    told = [one for line in lines for one in sentence_tuple(line) if _says(one)]
    draw.shuffle(told)
    for patterns in (_PLAIN, _BROAD):
        for sentence in told:
            for pattern, ask in patterns:
                found = pattern.search(sentence)
                question = ask(found, sentence, about, draw) if found else None
                if question:
                    yield _tidy(question, about), sentence
                    break


_RUN_IN = re.compile(r"^[A-Z][\w &,/'\u2019-]{2,50} (?:-|\u2013|\u2014) (?=[A-Z])")
"""A heading that runs into its paragraph: "Graphics - The gross margin of ..."."""
_POINTS = re.compile(
    r"\b(?:see|refer to|incorporated (?:herein )?by reference|set forth (?:below|above)|as follows"
    r"|following table|table below|part [iv]+\b|item \d|this (?:annual )?report|form 10-k"
    r"|forward-looking|(?:described|discussed|presented|noted|mentioned) (?:above|below|in))",
    re.IGNORECASE,
)


def _says(sentence: str) -> bool:
    words = sentence.split()
    whole = sentence[:1].isupper() and sentence.rstrip("\"'\u201d)").endswith(".")
    return FEWEST <= len(words) <= MOST and whole and not _POINTS.search(sentence)


# -- questions

Ask = Callable[[Match[str], str, About, Random], str | None]
_BASE = {
    "increased": "increase", "decreased": "decrease", "declined": "decline", "grew": "grow",
    "rose": "rise", "fell": "fall", "improved": "improve", "acquired": "acquire",
    "issued": "issue", "entered into": "enter into", "sold": "sell", "repurchased": "repurchase",
    "announced": "announce", "completed": "complete", "adopted": "adopt", "borrowed": "borrow",
    "amended": "amend", "opened": "open", "closed": "close", "approved": "approve",
    "recorded": "record", "paid": "pay", "recognized": "recognize", "purchased": "purchase",
}  # fmt: skip


def _why_moved(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    subject = clauses.subject(found["subject"], about)
    if subject is None:
        return None
    moved, when = (
        _BASE[found["moved"]],
        "" if periods(subject) else clauses.in_time(sentence, about),
    )
    if not when and about.year and not periods(subject):
        when = f" in fiscal {about.year}"
    owner = "" if about.company in subject else f"{about.owned} "
    subject = re.sub(r"^the ", "", subject) if owner else subject
    forms = [
        f"Why did {owner}{subject} {moved}{when}?",
        f"What caused {owner}{subject} to {moved}{when}?",
        f"What drove the change in {owner}{subject}{when}?",
    ]
    return draw.choice(forms)


def _if_then(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    condition = found["condition"]
    vague = re.search(
        r"^(?:required|necessary|applicable|any|so|not)\b|\b(?:they|them|these|this|those|it|such|either)\b",
        condition,
    )
    if vague or len(condition.split()) > 22:
        return None
    told = clauses.named(condition, about)
    owner = "" if about.company in told else f" to {about.company}"
    told = re.sub(rf"\b{re.escape(about.company)} (?:are|were)\b", f"{about.company} is", told)
    told = re.sub(rf"\b({re.escape(about.company)} (?:\w+ly )?)([a-z]+)\b", _third, told, count=1)
    return draw.choice(
        [f"What could happen{owner} if {told}?", f"What are the consequences{owner} if {told}?"]
    )


_AS_IT_IS = re.compile(
    r"(?:\w+ed|\w*[^s]s|could|may|might|can|cannot|will|would|must|should|had|did|was|grew|fell|lost"
    r"|and|or|in|to|for|products?|business)"
)


def _third(found: Match[str]) -> str:
    """A verb that "we" had, for a company: "fail" -> "fails"."""
    verb = found[2]
    if _AS_IT_IS.fullmatch(verb):
        return found[0]
    ends = "es" if re.search(r"(?:s|sh|ch|x|z|o)$", verb) else "s"
    if re.search(r"[^aeiou]y$", verb):
        verb, ends = verb[:-1], "ies"
    return f"{found[1]}{'has' if verb == 'have' else verb + ends}"


def _risk(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    subject = clauses.subject(found["subject"], about)
    if subject is None:
        return None
    forms = [
        f"How {found['modal']} {subject} affect {about.company}?",
        f"What risks {clauses.do(subject)} {subject} pose to {about.company}?",
        f"What {found['modal']} {subject} mean for {about.owned} business?",
    ]
    return draw.choice(forms)


def _count(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    noun = clauses.phrase(found["noun"], about)
    if noun is None:
        noun = found["noun"] if re.fullmatch(r"employees|customers|patents", found["noun"]) else ""
    when = clauses.in_time(sentence, about).replace(" on ", " as of ", 1)
    verb = {"had": "have", "employed": "employ", "owned": "own", "leased": "lease"}
    said = verb.get(found["verb"], found["verb"])
    past = "did" if found["verb"] in verb else "does"
    return f"How many {noun} {past} {about.company} {said}{when}?" if noun else None


def _policy(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    thing = clauses.phrase(found["object"], about)
    if thing is None:
        return None
    forms = [
        f"How does {about.company} {found['verb']} {thing}?",
        f"What is {about.owned} policy to {found['verb']} {thing}?",
    ]
    return draw.choice(forms if found["verb"] != "estimate" else forms[:1])


def _passive(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    subject = clauses.subject(found["subject"], about)
    if subject is None:
        return None
    whose = "" if about.company in subject else f" at {about.company}"
    return f"How {found['be']} {subject} {found['done']}{whose}?"


def _consists(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    subject = clauses.subject(found["subject"], about)
    if subject is None:
        return None
    do = clauses.do(subject)
    whose = "" if about.company in subject else f" at {about.company}"
    verb = "consist of" if found["verb"].startswith(("consist", "comprise")) else "include"
    return f"What {do} {subject} {verb}{whose}?"


def _amount(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    subject = clauses.subject(found["subject"], about)
    if subject is None:
        return None
    near = found.end() + 30
    named = [] if periods(subject) else [one for one in periods(sentence) if one.start < near]
    dated = named and named[0].kind == "date" and re.search(r"\b\d{1,2},", named[0].text)
    when = f" {'as of' if dated else 'in'} {named[0].text}" if named else ""
    if not periods(sentence) and about.year:
        when = f" in fiscal {about.year}"
    whose = "" if about.company in subject else f" at {about.company}"
    be = "were" if clauses.do(subject) == "do" else "was"
    forms = [f"What {be} {subject}{whose}{when}?", f"How much {be} {subject}{whose}{when}?"]
    return draw.choice(forms)


def _does(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    forms = [f"What does {about.company} {found['verb']}{clauses.filed(about, draw)}?"]
    if found["verb"] in ("lease", "own", "operate"):
        forms.append(f"Which properties does {about.company} {found['verb']}?")
    return draw.choice(forms)


def _event(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    thing = clauses.phrase(found["object"], about)
    if thing is None:
        return None
    verb = _BASE[found["verb"]]
    forms = [f"When did {about.company} {verb} {thing}?"]
    if when := clauses.in_time(sentence, about):
        forms.append(f"What did {about.company} {verb}{when}?")
    return draw.choice(forms)


def _because(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    said = found["said"]
    past = re.match(r"(?:\w+ly )?\w+ed\b|(?:are|were|had|have|may|could|can|will|do)\b", said)
    if past or clauses.VAGUE.search(said) or len(said.split()) > 16:
        return None
    told = re.sub(r"\bwe\b", "it", re.sub(r"\bour\b", "its", said))
    return f"Why does {about.company} {told}?"


def _says_of_subject(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    subject = clauses.subject(found["subject"], about)
    return _broadly(subject, about, draw) if subject else None


def _says_of_object(found: Match[str], sentence: str, about: About, draw: Random) -> str | None:
    thing = clauses.phrase(found["object"], about)
    return _broadly(thing, about, draw) if thing and len(thing.split()) > 1 else None


def _broadly(topic: str, about: About, draw: Random) -> str:
    filed = clauses.filed(about, draw)
    topic = topic.replace(about.owned, "its", 1) if topic.startswith(about.owned) else topic
    forms = [
        f"What does {about.company} say about {topic}{filed}?",
        f"How does {about.company} describe {topic}{filed}?",
        f"What does {about.company} disclose about {topic}{filed}?",
    ]
    return draw.choice(forms)


_MODAL = r"(?P<modal>could|may|might|can)"
_HARM = (
    r"(?:also |materially |significantly |have an? |result in |lead to |cause )*(?:adverse|negative"
    r"|material|harm|impair|disrupt|damage|hurt|interrupt|expose|subject|prevent|delay|affect|impact"
    r"|bring|loss|reduce (?:our|demand|revenue)|los[es])"
)
_SUBJECT = r"^(?P<subject>[A-Z][^.;:]{3,110}?)"
_PLAIN: tuple[tuple[re.Pattern[str], Ask], ...] = (
    (
        re.compile(
            r"^(?:In [^,]{3,30}, )?(?P<subject>[A-Z][^,;:]{3,90}?) "
            r"(?P<moved>increased|decreased|declined|grew|rose|fell|improved)\b.*?\b(?:due|because"
            r"|as a result of|driven|reflect\w*|primarily|mainly|mostly|caused|came from)\b"
        ),
        _why_moved,
    ),
    (
        re.compile(
            r"^If (?P<condition>[^,;:]{12,140}), (?:then )?"
            r"[a-z].*\b(?:could|may|might|would|will)\b"
        ),
        _if_then,
    ),
    (
        re.compile(
            r"\b[Ww]e (?P<verb>had|have|employed|employ|owned|own|leased|lease|operate|hold) "
            r"(?:approximately |about |more than |over |some )?(?!\$)\d[\d,.]*"
            r"(?: million| billion)? (?P<noun>(?:[a-z-]+ ){0,3}[a-z-]+s)\b"
        ),
        _count,
    ),
    (re.compile(rf"{_SUBJECT} {_MODAL} {_HARM}"), _risk),
    (
        re.compile(
            r"^(?:(?:In|At|As of|During|For) [^,]{3,40}(?:, \d{4})?,? )?"
            r"(?P<subject>[A-Z][^,;:]{3,90}?) "
            r"(?:was|were|totaled|amounted to|came to) (?:approximately |about |only )?\$?\d[\d,.]*"
            r"(?:%| (?:million|billion|thousand)\b| per\b)?"
        ),
        _amount,
    ),
    (
        re.compile(
            r"^We (?P<verb>lease|own|sell|offer|make|manufacture|operate|hedge|provide|design"
            r"|design and manufacture|develop|insure|license|sponsor) "
            r"(?!on|in|as|at|to|for\b)(?=[^.;]*(?:,| and ))"
        ),
        _does,
    ),
    (
        re.compile(
            r"(?:^|[,;] )[Ww]e (?:also |generally |typically )?(?P<verb>recognize|record|measure"
            r"|amortize|account for|capitalize|classify|expense|estimate|determine|assess|evaluate"
            r"|test|value|translate|depreciate|present|review) (?P<object>[^;]{4,120})"
        ),
        _policy,
    ),
    (
        re.compile(
            rf"{_SUBJECT} (?P<be>is|are) (?:also |generally |initially )?(?P<done>recognized"
            r"|recorded|measured|stated|amortized|depreciated|classified|accounted for|valued"
            r"|computed|determined|expensed|capitalized|translated|tested|assessed|calculated"
            r"|estimated|evaluated|carried|reviewed)\b"
        ),
        _passive,
    ),
    (
        re.compile(
            rf"{_SUBJECT} (?P<verb>consists? (?:primarily |mainly |principally )?of|comprises?"
            r"|includes?)\b"
        ),
        _consists,
    ),
    (
        re.compile(
            r"\b(?:[Ww]e|[Tt]he [Cc]ompany) (?:also )?(?P<verb>acquired|issued|entered into|sold"
            r"|repurchased|announced|completed|adopted|borrowed|amended|opened|closed|approved"
            r"|recorded|paid|recognized|purchased) (?P<object>[^;]{4,120})"
        ),
        _event,
    ),
    (re.compile(r"^We (?P<said>[a-z]+ [^.;,]{8,120}?),? because\b"), _because),
)
"""Patterns whose question has its answer in the sentence, and in little else."""
_BROAD: tuple[tuple[re.Pattern[str], Ask], ...] = (
    (
        re.compile(
            rf"{_SUBJECT} (?:is|are|was|were|has|have|had|will|must|cannot|does|do|did|could|may"
            r"|might|can|would|requires?|required|depends?|provides?|provided|continues?|allows?"
            r"|gives?|enables?|helps?|comes?|came|remains?|began|begins?|expires?|bears?|runs?"
            r"|serves?|supports?|permits?|makes?|offers?|uses?|competes?|sells?|affects?)\b"
        ),
        _says_of_subject,
    ),
    (
        re.compile(
            r"\b(?:[Ww]e|[Tt]he [Cc]ompany) (?:(?:also|\w+ly|may|have|has|had|will|can|could|would"
            r"|might|should|must|do|did|not|and|expect to|intend to|agreed to|continue to"
            r"|believe that|believe)\s)*(?!are|were|is|was|be\b)[a-z]{3,}"
            r"(?: (?:for|on|in|with|from|against|into))? "
            r"(?P<object>(?:our |the |an? )?(?!may|will|can|could|that|likely|be\b)[^;]{6,120})"
        ),
        _says_of_object,
    ),
)
"""Patterns that only tell what a sentence is about."""


def _tidy(question: str, about: About) -> str:
    first, owned, later = question.partition(about.owned)
    if about.company in first:
        question = f"{first}{owned}{later}".replace(about.owned, "its")
    elif owned:
        question = f"{first}{owned}{later.replace(about.owned, 'its')}"
    question = re.sub(r"\b(the|its) (?:the|its|our)\b", r"\1", question)
    question = re.sub(r"\bfiscal years (?=\d{4}\?)", "fiscal ", question)
    return " ".join(question.split()).replace(" ,", ",").replace(" ?", "?")
