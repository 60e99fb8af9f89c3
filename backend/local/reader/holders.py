"""A passage and an office in, who the passage says holds it out; alone knows how tables of
officers, signature pages and sentences name people."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.local.reader.evident import NO_NAME
from backend.local.reader.prompts import Shown
from backend.passages import sentence_tuple
from backend.terms import stem_tuple


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody and the title that a passage gives them."""

    name: str
    title: str
    rank: int  # how plainly it is said: 0 most
    sentence: str = ""  # the sentence that says so, "" where a table or a signature does


_CAP = r"[A-Z\u00c0-\u00de][\w\u2019'-]*"
_SMALL = r"(?:de|van|von|der|den|del|di|da|la|le|bin)\b"
_MORE = rf"(?:{_CAP}\.?|[\"\u201c(]{_CAP}[\"\u201d)]|{_SMALL})"
_PERSON = re.compile(rf"{_CAP}\.?(?:\s+{_MORE}){{1,6}}(?:,?\s+(?:Jr|Sr|II|III|IV)\b\.?)?")
_DAY = re.compile(r"\b(?:date:?\s*)?[A-Z][a-z]{2,8}\.? \d{1,2}, (?:19|20)\d\d\b", re.IGNORECASE)
_TITLED = re.compile(
    r"\b(?:officer|director|chair\w*|president|counsel|controller|treasurer|secretary)\b", re.I
)
_TITLE = re.compile(
    r"(?:executive|senior|chief|vice|general|president|chair|(?:managing )?director|officer|head"
    r"|corporate|company|secretary|treasurer|controller|global|group|principal|member|co-|finance)",
    re.IGNORECASE,
)
"""How a title begins: what else stands behind a comma names the part of the company it is of."""


def person(text: str) -> str:
    """The name of a person that a cell or a line consists of; "" where it is something else."""
    plain = re.sub(
        r"\s*\(\d+\)$|^\s*(?:by:?\s*)?(?:/s/)?\s*", "", text.strip(), flags=re.IGNORECASE
    )
    plain = re.sub(r"\s*\((?P<again>[^()]+ [^()]+)\)$", "", plain).strip(" ,:")
    plain = re.sub(r"^(?P<own>.{5,}) (?P=own)$", r"\g<own>", plain)
    own = [word.strip(".,'\u2019\"\u201c\u201d()").lower() for word in plain.split()]
    if not _PERSON.fullmatch(plain) or any(len(w) > 1 and w in NO_NAME for w in own):
        return ""
    return " ".join(w.title() if w.isupper() and len(w) > 3 else w for w in plain.split())


# -- signatures and rows

_SIGNED = re.compile(r"/s/|^\s*\*(?!\s*By)")
_BLOCK = 4
"""Lines that one signature takes at most."""


def _lines_of_signatures(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if _SIGNED.search(line):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
    if block:
        yield block


def signed(text: str) -> Iterator[tuple[str, str]]:
    """Who signed as what: (name, title) of each signature of a passage."""
    for block in _lines_of_signatures(text):
        first = [part.strip() for part in block[0].split("|")]
        titled = [part for part in first if _TITLED.search(part)]
        later = [] if titled else [line for line in block[1:_BLOCK] if _TITLED.search(line)]
        names = [*first, *(line.partition("|")[0] for line in block[1:_BLOCK])]
        names += [line.partition(",")[0] for line in (*first, *block[1:_BLOCK])]
        names += re.findall(r"\(([^()]+)\)", " ".join(block[1:_BLOCK]))
        known = [*filter(None, map(person, names))]
        # The last: below the signature a name stands in the case that it is written in.
        name = next((n for n in reversed(known) if n.lower() == known[0].lower()), "")
        title = _DAY.sub("", (titled or later or [""])[0])
        title = re.sub(r"\s*\([^()]*\)", "", title)
        title = re.sub(rf"^(?:/s/\s*)?{re.escape(name)}\b,?", "", title, flags=re.I).strip(" ,:")
        if name and title:
            yield name, title


def listed(text: str) -> Iterator[tuple[str, str]]:
    """Who is what by a table: (name, position) of each row that tells both."""
    for line in () if "/s/" in text else text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        name = person(parts[0]) if len(parts) > 1 else ""
        title = next((part for part in parts[1:] if _TITLED.search(part)), "")
        if name and title:
            yield name, title


# -- sentences

_BETWEEN = (
    r"(?:(?:our|the|its|company[\u2019']s|co-?founder|founder|and|as|current|interim|president"
    r"|chair\w*|vice|executive|senior|managing|director|officer|chief|operating|financial|member"
    r"|of the board(?: of directors)?|board of directors)[\s,]+){0,10}?"
)
_SERVES = (
    r"(?:\s+(?:co-)?founded [^.;]{0,60}? and)?\s+(?:who\s+)?(?:is|(?:currently )?serves as"
    r"|has (?:\w+ )?served as|acts as|became|was (?:appointed|named|elected)(?: as)?)\s+"
)
_OF = re.compile(rf"\s*(?:,\s*)?(?:of|at|for)\s+(?P<whose>(?:the\s+)?{_CAP}(?:\s+{_CAP})*)")


def _people_in(sentence: str) -> Iterator[tuple[str, int, int]]:
    """The people that a sentence names, without the titles before them: (name, start, end)."""
    for run in _PERSON.finditer(sentence):
        words = [*re.finditer(r"\S+", run[0])]
        while words and words[0][0].strip(".,'\u2019").lower() in NO_NAME:
            words.pop(0)
        own = run[0][words[0].start() :] if words else ""
        if len(words) > 1 and (name := person(own)):
            yield name, run.start() + words[0].start(), run.end()


def said(text: str, office: re.Pattern[str], company: str) -> Iterator[tuple[str, str]]:
    """Who holds an office by a sentence of a passage: (name, sentence)."""
    leads = rf"(?:,\s+(?:who (?:is|serves as|has served as)\s+)?|{_SERVES})"
    after = re.compile(rf"{leads}{_BETWEEN}(?:{office.pattern})", re.IGNORECASE)
    before = re.compile(
        rf"\b(?:our|its|the|company[\u2019']s)\s+{_BETWEEN}(?:{office.pattern}),?\s*$",
        re.IGNORECASE,
    )
    for sentence in sentence_tuple(text):
        if "/s/" in sentence or "|" in sentence or not office.search(sentence):
            continue
        for name, start, end in _people_in(sentence):
            held = after.match(sentence, end)
            if (held and _ours(sentence[held.end() :], company)) or before.search(
                sentence, 0, start
            ):
                yield name, sentence


def _ours(rest: str, company: str) -> bool:
    """Whether an office is one of the company itself, not "of Ericsson"."""
    told = _OF.match(rest)
    if told is None or not company:
        return True
    whose = frozenset(stem_tuple(told["whose"])) - _OWN
    return not whose or bool(whose & frozenset(stem_tuple(company)))


_OWN = frozenset(stem_tuple("company corporation registrant board directors"))


# -- all together


def holders(shown: Shown, office: re.Pattern[str], *, part: bool) -> list[Holder]:
    """Everybody who holds an office by one passage; `part`: of a part of the company as well."""
    far = 3 * bool(re.match(r"exhibit", shown.section, re.IGNORECASE))
    found: list[Holder] = []
    for rank, pairs in enumerate((listed(shown.text), signed(shown.text))):
        for name, title in pairs:
            fit = _fit(title, office, shown.company)
            if part and fit is None and office.search(title):
                fit = 2
            if fit is not None:
                found.append(Holder(name, _cut(title, office), far + rank + 2 * fit))
    for name, sentence in said(shown.text, office, shown.company):
        found.append(Holder(name, "", far + 2, sentence))
    return found


def _fit(title: str, office: re.Pattern[str], company: str) -> int | None:
    """How well a title names an office: 0 wholly, 1 among other words, None not at all.

    "Group Chief Executive Officer - Consumer" is another office, and so is a deputy's.
    """
    parts = [part.strip() for part in re.split(r",|;|\(|\)|/|&|\band\b", title)]
    for part, behind in zip(parts, [*parts[1:], ""], strict=True):
        told = office.match(part)
        rest = part[told.end() :] if told else ""
        if told is None or re.match(r"\s*[-\u2013\u2014]", rest) or not _ours(rest, company):
            continue
        if behind and not _TITLE.match(behind) and not _names(behind, company):
            continue
        return int(bool(rest.strip()) and not _OF.match(rest))
    return None


def _names(text: str, company: str) -> bool:
    return frozenset(stem_tuple(text)) <= frozenset(stem_tuple(company)) | _OWN


def _cut(title: str, office: re.Pattern[str]) -> str:
    """A title without the positions that a table prints behind it, one under the other."""
    told = office.search(title)
    assert told is not None
    rest = title[told.end() :]
    goes_on = re.match(r"\s*(?:$|,|;|\(|&|/|-|\u2013|\u2014|(?:and|of|for|at)\b)", rest)
    return title if goes_on else title[: told.end()]
