"""A question for the auditor and its evidence in, the firm's name out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.local.reader.asking import Asked
from backend.local.reader.phrasing import cited, quoted
from backend.local.reader.prompts import Shown
from backend.passages import sentence_tuple
from backend.terms import stem_tuple

_ASKED = re.compile(
    r"\bwho (?:audit(?:s|ed)|(?:is|was|are|were|serve[sd]? as|act(?:s|ed)? as) .*?\b(?:auditors?"
    r"|accountants?|account(?:ing|ancy) firm))\b"
    r"|\b(?:which|what) (?:\w+ )*?firm (?:audit(?:s|ed)|(?:is|was|serve[sd]? as) .*?\bauditor)"
    r"|\b(?:name (?:of )?|which (?:firm )?(?:is|was) )(?:the |its |their )?(?:[\w.&'\u2019-]+ )*?"
    r"(?:auditors?|accountants?|account(?:ing|ancy) firm)\W*$",
    re.IGNORECASE,
)
_IDLE = frozenset(
    stem_tuple("audit auditor auditors independent registered public accounting accountant firm"
               " external outside current name serve act book financial statement company")
)  # fmt: skip
_CAP = r"[A-Z][\w.\u2019'-]*"
_KIND = r"(?:LLP|L\.L\.P\.|LLC|AG|P\.?C\.?|P\.?A\.?|Ltd\.?|Limited|GmbH|S\.A\.?|CPAs?|& Co\.?)"
FIRM = rf"{_CAP}(?:,? (?:& |and )?{_CAP})*?,? {_KIND}(?=[\s,.;(]|$)"
_TITLE = (
    r"(?:independent (?:registered )?(?:public )?account(?:ing firm|ants?)"
    r"|(?:independent )?(?:external )?auditors?)"
)
_SAYS = (
    re.compile(
        rf"\b{_TITLE}(?: for [^.;]{{0,30}})?,? (?:is|was|are|has been)?,? ?(?P<firm>{FIRM})"
    ),
    re.compile(
        rf"(?P<firm>{FIRM})(?:,? \([^)]*\))?,? (?:(?:is|has served as|serves as|was|acts as) )?"
        rf"(?:our|an?|the|the Company[\u2019']s|its) {_TITLE}\b"
    ),
)
_GONE = re.compile(
    r"\b(?:dismiss\w*|resign\w*|former(?:ly)?|predecessor|prior|previous(?:ly)?|until"
    r"|other auditors|acquir\w*|pro forma)\b",
    re.IGNORECASE,
)
_SIGNED = re.compile(rf"/s/\s*\|?\s*(?P<firm>{FIRM})")
_REPORT = re.compile(r"independent registered|independent auditor|consent of", re.IGNORECASE)
_SINCE = re.compile(r"\bauditors?\b.{0,20}\bsince (?:at least )?(?P<year>(?:19|20)\d\d)\b")
_ID = re.compile(r"\b(?:PCAOB|Auditor Firm)(?: Firm)? ID(?: No\.?)?:? ?#?(?P<number>\d+)\b")


@dataclass(frozen=True, slots=True)
class _Found:
    rank: int
    place: int
    text: str


def audits(asked: Asked) -> bool:
    """Whether a question asks who the auditor is, and for nothing beside that."""
    return bool(_ASKED.search(asked.text)) and not frozenset(asked.terms) - _IDLE


def auditor(asked: Asked, passages: Sequence[Shown]) -> str:
    """Who audits the company, with the source; "" where no passage tells.

    A year that the filing is not of is not answered: an auditor may have changed.
    """
    found = [
        one
        for place, shown in enumerate(passages)
        if not asked.years or shown.year is None or shown.year in asked.years
        for one in _in(shown, place)
    ]
    if not found:
        return ""
    best = min(found, key=lambda one: (one.rank, one.place))
    return best.text + ("" if _ID.search(best.text) else _identity(passages))


def _in(shown: Shown, place: int) -> Iterator[_Found]:
    """What one passage says: its signature under the auditor's report, or a sentence."""
    far = 2 * bool(re.match(r"exhibit", shown.section, re.IGNORECASE))
    signed = _SIGNED.search(shown.text)
    if signed and (_REPORT.search(shown.section) or _SINCE.search(shown.text)):
        since = _SINCE.search(shown.text)
        served = f" and has been auditor since {since['year']}" if since else ""
        told = f"{_firm(signed)} signed the auditor's report{served}{cited(shown.number)}."
        yield _Found(far + (not since), place, told)
    for sentence in sentence_tuple(shown.text):
        says = next(filter(None, (one.search(sentence) for one in _SAYS)), None)
        if says and "/s/" not in sentence and not _GONE.search(sentence):
            yield _Found(far, place, quoted(sentence, shown.number))


def _firm(told: re.Match[str]) -> str:
    return " ".join(told["firm"].split())


def _identity(passages: Sequence[Shown]) -> str:
    """Its number at the board that oversees auditors, where a passage prints it."""
    for shown in passages:
        if (told := _ID.search(shown.text)) and not re.match(r"(?i)exhibit \d", shown.section):
            return f" Its PCAOB ID is {told['number']}{cited(shown.number)}."
    return ""
