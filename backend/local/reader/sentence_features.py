"""A question and a passage's sentences in, numbers about each of them out; alone knows what an
answer in words looks like."""

import re
from collections.abc import Iterator, Sequence

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Sentence
from backend.local.reader.weighing import EMPTY, Scale, found_in, gap, held_in, precision, strangers
from backend.terms import stem_tuple


def sentence_features(
    asked: Asked, scale: Scale, sentences: Sequence[Sentence], *, year: int | None
) -> Iterator[dict[str, float]]:
    for number, sentence in enumerate(sentences):
        around, ahead = _around(sentences, number)
        found = _one_sentence(asked, scale, sentence, around)
        if ahead:
            more = found_in(scale, sentence.words | ahead)[1]
            found["sentence_ahead"] = max(0.0, more - found_in(scale, sentence.words)[1])
        if year and sentence.years and not asked.years:
            found["sentence_older"] = float(year not in sentence.years)
        yield found


def _around(sentences: Sequence[Sentence], place: int) -> tuple[frozenset[str], frozenset[str]]:
    """Words of the sentences beside one in its paragraph, and of the next alone."""
    own = sentences[place]
    near = [*sentences[max(0, place - 1) : place], *sentences[place + 1 : place + 2]]
    before = [one.words for one in near if one.block == own.block]
    after = sentences[place + 1 : place + 2]
    ahead = after[0].words if after and after[0].block == own.block else EMPTY
    return EMPTY.union(*before), ahead


_REASONS = frozenset(
    stem_tuple(
        "due driven primarily result reflecting reflects attributable because offset partially"
    )
)


_COUNTS = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty"
    r"|fifty|hundred|thousands?|millions?|half|third|quarter|dozen"
)
ANSWERS = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in (
        (
            "time",
            rf"\b(?:\d+|{_COUNTS})[\s-]+(?:hours?|days?|weeks?|months?|quarters?|years?)\b"
            r"|\b(?:19|20)\d\d\b|\b(?:when|upon|once|until|annually|yearly|quarterly|monthly"
            r"|evenly|over the|at the time)\b",
        ),
        (
            "person",
            r"(?-i:\b[A-Z][\w.&-]+(?: [A-Z][\w.&-]*)+)|\b(?:mr|ms|mrs)\.|\bofficer\b|\bdirector",
        ),
        ("place", r"\b(?:in|at|from|near|of|to|on|under) (?:the )?(?-i:[A-Z])|\bwebsite\b"),
        ("count", rf"\d|\b(?:{_COUNTS})\b"),
        (
            "account",
            r"\b(?:recogni[sz]ed?|recorded?|stated|measured?|carried|expensed?|capitali[sz]ed?"
            r"|amorti[sz]ed?|depreciated?|classif(?:y|ied)|translated?|valued|accounted|deferred"
            r"|estimated?|tested|written|write|charged|included? in|designated?|treat(?:ed)?)\b",
        ),
        (
            "risk",
            r"\b(?:could|may|might|would|can|risks?|adverse\w*|harm\w*|fail\w*|loss(?:es)?|disrupt\w*"
            r"|depend\w*|unable|cannot|delay\w*|decline\w*|fall|damages?|penalt\w+)\b",
        ),
        ("list", r",[^,]+,? (?:and|or) |:|;|\b(?:includ\w+|consist\w*|compris\w+|such as|among)\b"),
    )
}
_REFERS = re.compile(
    r"^(?:please )?(?:see|refer to)\b|\bincorporated (?:herein )?by reference\b"
    r"|\b(?:set forth|described|discussed|included|contained) (?:below|above|in|under|elsewhere)"
    r"[^.]{0,30}\b(?:item|note|part|section|report|statements)\b|^\d+\.\d+[+*]*:",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"\b(?:{_COUNTS})\b", re.IGNORECASE)
_NAMING = re.compile(
    r"\b(?:includ(?:e|es|ed|ing)|consist(?:s|ed)? of|compris\w+|such as|defined as|refers? to|means"
    r"|is an?|are an?|primarily|principal\w*)\b",
    re.IGNORECASE,
)


_MOVES = re.compile(
    r"\b(?:increas|decreas|grew|grow|rose|rise|fell|fall|declin|up|down|higher|lower)\w*", re.I
)


def _moves(sentence: Sentence) -> bool:
    return bool(_MOVES.search(sentence.text))


def _numbers(asked: Asked, sentence: Sentence) -> bool:
    """Whether a sentence holds a figure; where a count is asked, "six components" holds one."""
    counted = asked.unit == "count" and _NUMBERED.search(sentence.text)
    return bool(sentence.figures or counted)


def _one_sentence(
    asked: Asked, scale: Scale, sentence: Sentence, around: frozenset[str]
) -> dict[str, float]:
    plain, full, used = found_in(scale, sentence.words)
    under = sentence.words | sentence.topic
    _, beside, _ = found_in(scale, sentence.words | around)
    overlap = len(asked.every & sentence.words) / max(1, len(asked.every))
    pairs = set(zip(asked.terms, asked.terms[1:], strict=False))
    held = set(zip(sentence.stems, sentence.stems[1:], strict=False))
    found = {
        "sentence_figure": asked.figure * (0.4 if asked.unit == "count" else 1.0),
        "sentence_overlap": overlap,
        "sentence_words": plain,
        "sentence_synonyms": full,
        "sentence_precision": precision(scale, sentence.words, used),
        "sentence_pairs": len(pairs & held) / max(1, len(pairs)),
        "sentence_number": asked.figure * _numbers(asked, sentence),
        "sentence_bare": asked.figure * (not _numbers(asked, sentence)),
        "sentence_count": float(asked.unit == "count" and _numbers(asked, sentence)),
        "sentence_moves": float(asked.change and sentence.figures > 0 and _moves(sentence)),
        "sentence_unit": asked.figure * (asked.unit in sentence.units if asked.unit else 0.0),
        "sentence_names": (1 - asked.figure) * bool(_NAMING.search(sentence.text)),
        "sentence_refers": float(bool(_REFERS.search(sentence.text))),
        "sentence_reason": float(asked.why and bool(sentence.words & _REASONS)),
        "sentence_short": float(len(sentence.stems) < 5),
        "sentence_long": min(1.0, len(sentence.stems) / 60),
        "sentence_unfinished": float(sentence.text[-1] not in '.!?\u201d"'),
        "sentence_neighbours": max(0.0, beside - full),
        "sentence_topic": max(0.0, found_in(scale, under)[1] - full),
        "held": held_in(scale, under),
        "sentence_gap": gap(scale, under),
        "sentence_strangers": strangers(asked, under | around),
        "sentence_opens": float(sentence.opens),
        "sentence_item": float(sentence.item),
        "overlap": overlap,
    }
    if asked.kind:
        holds = bool(ANSWERS[asked.kind].search(sentence.text))
        found[f"kind_{asked.kind}" if holds else "kind_other"] = 1.0
    if asked.years and sentence.years:
        found["sentence_period"] = float(bool(asked.years & sentence.years))
        found["sentence_other_period"] = 1.0 - found["sentence_period"]
    return found
