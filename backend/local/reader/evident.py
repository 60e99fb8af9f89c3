"""A question and its evidence in, which candidates hold what is asked at all out.

No weight can be learned or unlearned here: a figure of something else, of another place, or a
sentence without a figure or a name where one is asked, is no answer, whatever else speaks for it.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Candidate, Evidence, Parts, Sentence
from backend.local.reader.cell_features import QUARTERLY
from backend.local.reader.cell_years import own_year, years_of
from backend.local.reader.things import Thing, thing_of
from backend.local.reader.weighing import EMPTY, Scale, missing_in, scale_of, strangers
from backend.quantities import Quantity, quantities
from backend.terms import stem_tuple

HEAVY = 0.4
"""Share of a thing's weight: a word that has as much, and is not there, makes it another thing."""
Mask = NDArray[np.bool_]


def evident(asked: Asked, evidence: Evidence) -> Mask:
    """Which candidates may answer, in their order; refusing always may."""
    thing = thing_of(asked)
    found = np.ones(len(evidence.candidates), dtype=np.bool_)
    if thing == Thing():
        return found
    scale = scale_of(asked, evidence)
    reach = dict(_reaches(evidence))
    held: dict[frozenset[str], bool] = {}
    for number, candidate in enumerate(evidence.candidates[:-1]):
        words = reach[candidate.passage, candidate.place, candidate.cell is None]
        if not thing.measured and candidate.sentence is not None:
            words = candidate.sentence.words
        if candidate.cell is not None:
            words |= (
                evidence.parts[candidate.passage].rows[candidate.place].columns[candidate.column]
            )
        if words not in held:
            held[words] = _holds(asked, thing, scale, words)
        found[number] = held[words] and _answers(asked, thing, candidate)
    if thing.measured and asked.years and not _timely(asked, evidence, found):
        found[:-1] = False
    return found


def _timely(asked: Asked, evidence: Evidence, allowed: Mask) -> bool:
    """Whether any of those allowed is of a year that is asked for, and of a quarter if one is."""
    return any(
        _of_the_time(asked, evidence.candidates[number], evidence)
        for number in np.flatnonzero(allowed[:-1])
    )


def _of_the_time(asked: Asked, candidate: Candidate, evidence: Evidence) -> bool:
    shown = evidence.passages[candidate.passage]
    ours = shown.year is None or shown.year in asked.years
    cell, sentence = candidate.cell, candidate.sentence
    if cell is None:
        told = sentence.text if sentence else ""
        dated = bool(sentence and sentence.years)
        timely = bool(sentence and sentence.years & asked.years) or ours and not dated
    else:
        told = f"{cell.line} {cell.column} {cell.caption} {cell.group} {shown.section}"
        years = years_of(cell)
        timely = bool(years & asked.years) or any(str(year) in told for year in asked.years)
        timely = timely or ours and (not years or own_year(cell, shown.year))
    return timely and (not asked.quarter or bool(QUARTERLY.search(told)))


def _reaches(evidence: Evidence) -> Iterator[tuple[tuple[int, int, bool], frozenset[str]]]:
    """What each row and sentence says, with what stands above and beside it."""
    for number, (shown, parts) in enumerate(zip(evidence.passages, evidence.parts, strict=True)):
        section = frozenset(stem_tuple(shown.section))
        for place, row in enumerate(parts.rows):
            yield (number, place, False), row.label | row.around | section
        for place, sentence in enumerate(parts.sentences):
            yield (number, place, True), sentence.words | sentence.topic | _before(parts, place)


_REFERS = re.compile(
    r"(?:It|They|This|That|These|Those|Such|Each|He|She|Both|Of (?:this|these|those)|The"
    r" (?:amount|balance|increase|decrease|charge)s?)\b",
    re.IGNORECASE,
)


def _before(parts: Parts, place: int) -> frozenset[str]:
    """The sentence before one that goes on with its matter."""
    own = parts.sentences[place]
    last = parts.sentences[place - 1] if place else own
    goes_on = last.block == own.block and _REFERS.match(own.text)
    return last.words if goes_on else EMPTY


def _holds(asked: Asked, thing: Thing, scale: Scale, words: frozenset[str]) -> bool:
    """Whether words name the thing, the part and the place that are asked for."""
    lacking = missing_in(scale, words)
    whole = sum(scale.weights[term] for term in thing.item if term in scale.weights)
    if any(lacking.get(term, 0.0) >= HEAVY * whole for term in thing.item & lacking.keys()):
        return False
    if thing.part and not thing.part.isdisjoint(lacking):
        return False
    return not thing.measured or strangers(asked, words) <= 0.5


_NO = re.compile(r"\b(?:had|have|has|were|was|is|are|do|did) (?:no|not|never)\b|\bnone\b", re.I)
_SHARE = re.compile(r"%|\bper\s?cent|\bbasis points?\b|\bto (?:1|one)\b|\b\d+(?:\.\d+)?[:x]", re.I)
_COUNTED = re.compile(
    r"\b(?:one(?= [a-z])|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty"
    r"|thirty|forty|fifty|hundreds? of|thousands of|millions of)\b"
    r"(?! (?:half|third|quarter|fifth|tenth)s?\b)",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b[A-Z][\w.&\u2019'-]*(?: (?:of |and |& |de |van )?[A-Z][\w.&\u2019'-]*)*")
_TITLES = """
chief executive officer officers board directors director committee company president vice financial
operating accounting people legal technology chairman chair chairperson the our we audit
compensation common stock class united states securities exchange commission sec act form report
annual item note part inc llc ltd corporation corp ceo cfo coo cto principal senior general counsel
secretary treasurer in as at on for of and a an its this these those such each no some all any if
when while although however since under because january february march april may june july august
september october november december title signature name date by registrant services agreement
participant employee employees level program plan customer customers supplier suppliers europe asia
pacific america american americas africa china chinese japan india germany france italy spain canada
mexico brazil korea taiwan kingdom australia north south east west eastern western middle
"""
NO_NAME = frozenset(_TITLES.split())
"""Words in capitals that are no name of a person or a firm."""


_REGULAR = re.compile(
    r"\b(?:once|twice|(?:bi-?|semi-?)?annual(?:ly)?|(?:bi-?)?(?:month|week)ly|yearly|quarterly|daily"
    r"|each|every|regularly|periodic(?:ally)?|from time to time|continu(?:al|ous)(?:ly)?|always"
    r"|never)\b",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"\b(?:is|are|as|includes?|including|consists?|means?|considers?|qualif(?:y|ies))\b", re.I
)


def _answers(asked: Asked, thing: Thing, candidate: Candidate) -> bool:
    """Whether a candidate is the kind of thing that answers: a figure, a share, a name, a term."""
    if thing.often or thing.meant:
        says = _REGULAR if thing.often else _DEFINES
        return candidate.sentence is not None and bool(says.search(candidate.sentence.text))
    if candidate.cell is not None:
        money = candidate.cell.quantity.unit not in ("", "percent")
        return not thing.named and not (thing.rate and money)
    sentence = candidate.sentence
    assert sentence is not None
    if thing.named:
        return _names_one(asked, sentence)
    if not thing.measured:
        return True
    if thing.rate:
        return bool(_SHARE.search(sentence.text) or _NO.search(sentence.text))
    if thing.money and sentence.figures and not any(sentence.units):
        return False
    return bool(_told(asked, sentence) or _NO.search(sentence.text))


def _told(asked: Asked, sentence: Sentence) -> bool:
    """Whether a sentence holds a figure that the question does not, of the kind it asks for."""
    if asked.unit == "count" and _COUNTED.search(sentence.text):
        return True
    if not sentence.figures:
        return False
    own = {figure.text for figure in quantities(sentence.text) if _may_be(asked.unit, figure)}
    return bool(own - {*re.findall(r"[\w.,]*\d", asked.text)})


def _may_be(unit: str, figure: Quantity) -> bool:
    """Whether a figure may be of the unit asked: pieces are no dollars, a share no billions."""
    if unit == "count":
        return figure.unit in ("", "shares")
    return unit != "USD per share" or (figure.unit.startswith("USD") and figure.scale == 1.0)


def _names_one(asked: Asked, sentence: Sentence) -> bool:
    """Whether a sentence names a person or a firm: a word in capitals that is no title."""
    if sentence.text.endswith(":"):
        return True
    for match in _NAME.finditer(sentence.text):
        told = [word.strip(".,'\u2019").lower() for word in re.split(r"[\s&]+", match[0])]
        own = [word for word in told if word and word not in NO_NAME]
        strange = [word for word in own if not asked.every & {*stem_tuple(word)}]
        if strange and (len(own) > 1 or match.start() > 0):
            return True
    return False
