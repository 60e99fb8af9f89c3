"""Words of a sentence in, what a question calls them out; alone knows where a clause ends and how a
company is named where it says "we"."""

import re
from dataclasses import dataclass
from random import Random

from backend.local.rarity import is_filler, rarity
from backend.quantities import periods
from backend.terms import stem_tuple

LONGEST_TOPIC = 10
TELLING = 3.0
"""Rarity that one word of a short topic needs; below it the topic is of every page."""


@dataclass(frozen=True, slots=True)
class About:
    """Who a sentence is about, and when."""

    company: str
    year: int | None

    @property
    def owned(self) -> str:
        return f"{self.company}'" if self.company.endswith("s") else f"{self.company}'s"


_ENDS = re.compile(
    r"[,;:(\u2014\u2013]|\.(?!\d)|\s+(?:that|which|who|whose|because|when|whenever|if|unless|until|where"
    r"|while|through|during|since|so|as|than|under|before|after|without|but|or to|in order|in which"
    r"|(?:and|or) (?:we|our|us|it|they|may|could|can|will|are|is|have|has|to)|based on|due to"
    r"|from time|to (?=[a-z]+\b(?! of))|is|are|was|were|may|could|can|will|would|has|have|had|such"
    r"|including|resulting|using|relat(?:ed|ing)|associated|pursuant|necessary|subject|held|worth"
    r"|concluded|totaling)\b"
)
VAGUE = re.compile(
    r"\b(?:it|its own|they|them|their|this|these|those|such|there|he|she|one|ones|same|other|others"
    r"|following|any|some|certain|many|each|both|all|no|not|and/or|thereof|herein|we|aggregate)\b",
    re.IGNORECASE,
)


_UNFIT = re.compile(
    r"^(?:at|by|on|in|for|to|as|whether|how|what|if|when|with|from|and|or|be|about|over|into)\b"
    r"|[$%]|\d$|(?<![\w-])(?!(?:19|20)\d\d\b)\d{2,}|^(?:an? |the )?(?:\w+ing|\w+est|program)$",
    re.IGNORECASE,
)
"""No thing: half a clause, or a figure that would tell the answer."""


def phrase(words: str, about: About) -> str | None:
    """A thing to ask about, cut where the clause ends; None where it says too little."""
    cut = _ENDS.split(words.strip(), maxsplit=1)[0].strip(" .'\u2019\"\u201c\u201d")
    while re.search(r"\s(?:and|or|of|in|for|to|by|on|at|with|from|the|a|an|our|into|about)$", cut):
        cut = cut.rsplit(" ", 1)[0]
    size = len(cut.split())
    if not 1 <= size <= LONGEST_TOPIC or VAGUE.search(cut) or _UNFIT.search(cut):
        return None
    worth = [rarity(one) for one in stem_tuple(cut) if one[0].isalpha() and not is_filler(one)]
    bare = re.sub(r"^(?:an?|the|our) ", "", cut, flags=re.IGNORECASE)
    tells = bool(worth) and (max(worth) >= TELLING or len(worth) > 2)
    if not tells or (" " not in bare and not bare[:1].isupper()):
        return None
    return named(cut, about)


def named(words: str, about: About) -> str:
    """Words of the company about itself, said of it: "our suppliers" -> "Acme's suppliers"."""
    for own, name in ((r"our", about.owned), (r"us", about.company), (r"we", about.company)):
        words = re.sub(rf"\b{own}\b", name, words, count=1, flags=re.IGNORECASE)
        later = {"our": "its", "us": "it", "we": "it"}[own]
        words = re.sub(rf"\b{own}\b", later, words, flags=re.IGNORECASE)
    words = re.sub(r"\bthe company(?:['\u2019]s)\b", about.owned, words, flags=re.IGNORECASE)
    return re.sub(r"\bthe company\b", about.company, words, flags=re.IGNORECASE)


def _low(words: str) -> str:
    """A sentence's opening as it stands inside one."""
    first, _, rest = words.partition(" ")
    name = re.search(r"(?:['\u2019]s|[^m]an|ese|ish)$", first)
    common = first[1:].islower() and rest[:1].islower() and not name
    return words[:1].lower() + words[1:] if common else words


_NAMES = re.compile(r"^(?:A|An|The|Our|Any|Revenue|Sales|Demand|Changes?|Interest|Cash|Goodwill)\b")
"""Words that open a subject and are no names."""


def subject(words: str, about: About) -> str | None:
    words = re.sub(r"\s(?!supply|family|assembly)(?:\w{3,}ly|also)$", "", words)
    found = phrase(words, about)
    if found is None or _ENDS.search(words) or _OPENS.match(words) or _TOLD.search(words):
        return None
    if found.startswith(about.company):
        return found
    return found[:1].lower() + found[1:] if _NAMES.match(words) else _low(found)


_TOLD = re.compile(
    r"\b(?:includes?|requires?|provides?|contains?|consists?|allows?|asserts?|reflects?|is|are|was"
    r"|were|represents?|may|could|can|will|has|have)\b"
)
"""What a subject does not hold: then it is a clause of its own."""
_OPENS = re.compile(
    r"^(?:if|when|while|although|though|in|on|as|for|at|under|during|to|by|from|with|however|further"
    r"|furthermore|moreover|additionally|also|because|since|upon|after|before|we|you|there|what"
    r"|even|despite|given|unlike|where|once|until|accordingly|therefore|thus|and|or|but)\b",
    re.IGNORECASE,
)


def do(subject: str) -> str:
    """ "does" or "do" for a subject."""
    head = re.split(r" (?:of|in|for|to|on|by|from|with|at|over|about)\b", subject)[0]
    many = re.search(r"[^s'\u2019]s$", head) and not re.search(r"(?:us|is|ness|ics)$", head)
    return "do" if many or " and " in head else "does"


def be(subject: str) -> str:
    return "are" if do(subject) == "do" else "is"


def in_time(sentence: str, about: About) -> str:
    """in fiscal 2025", where the sentence names one period; else nothing."""
    named = [one for one in periods(sentence) if one.kind != "quarter"]
    if len({one.year for one in named}) != 1:
        return ""
    text = re.sub(r"^fiscal years", "fiscal", named[0].text)
    when = (
        "on" if named[0].kind == "date" and re.search(r"[A-Za-z]{3,}\.? \d{1,2},", text) else "in"
    )
    return f" {when} {text}"


def filed(about: About, draw: Random) -> str:
    """Which filing is meant, every other time."""
    return f" in its fiscal {about.year} 10-K" if about.year and draw.random() < 0.5 else ""
