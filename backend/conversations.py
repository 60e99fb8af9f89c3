"""A question asked and its reply in, a turn for the log out; it alone knows what is masked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from backend.records import CheckedFigure, Citation, Message, Passage, Turn, Usage, now

# Other signs for a sign, one for one: the patterns below know one dash, one blank, plain digits.
_FOLDED = str.maketrans(
    dict.fromkeys("‐‑‒–—―−－﹣", "-")
    | dict.fromkeys("\t\u00a0\u2007\u2009\u202f\u3000", " ")
    | dict(zip("０１２３４５６７８９＠．＋（）", "0123456789@.+()", strict=True))
)
_AT, _DOT = r" ?[(\[{] ?at ?[)\]}] ?", r" ?[(\[{] ?dot ?[)\]}] ?"
_EMAIL = re.compile(
    r"(?<![\w.+%-])(?:[\w.+%-]{1,64}(?:['&/=~!#$*^|][\w.+%-]{1,64}){0,2}|\"[^\"\n@]{1,64}\")"
    rf"(?:@|{_AT})[\w-]{{1,63}}(?:(?:\.|{_DOT})[\w-]{{1,63}}){{0,8}}(?:\.|{_DOT})"
    r"(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_])",
    re.IGNORECASE,
)
# Not inside a figure, an amount or a longer number.
_BEFORE = r"(?<![\w$€£])(?<!\d[.,:/-])(?<![\s$€£(]-)"
_AFTER = r"(?!\w|[.-]\d| ?%| (?:thousand|million|billion|trillion|dollars|shares)\b)"
_CARD = re.compile(
    _BEFORE + r"(?P<number>(?:[3-6]\d|2[2-7])(?:[ -]?\d){11,17}"
    r"|[2-6]\d{3}(?P<between> ?[./-] ?|  )\d{4}(?P=between)\d{4}(?P=between)\d{4})" + _AFTER
)
_SSN = re.compile(
    _BEFORE + r"(?P<number>\d{3}(?P<between> ?- ?)\d{2}(?P=between)\d{4}"
    r"|(?!000|666|9)\d{3} (?!00)\d{2} (?!0000|19\d\d|20\d\d)\d{4})" + _AFTER
)
_SSN_NAMED = re.compile(
    r"\b(?:ssn|ss ?#|social security(?: number| no\.?)?|social)[^\d$]{0,15}"
    r"(?P<number>\d{3}[ .-]?\d{2}[ .-]?\d{4})" + _AFTER,
    re.IGNORECASE,
)
_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
_PHONE = re.compile(
    _BEFORE + r"(?P<number>(?:\+?1[ .-]?)?"
    r"(?:\([2-9]\d{2}\)[ .-]?[2-9]\d{2}[ .-]?\d{4}"
    r"|[2-9]\d{2}(?P<between> ?[./-] ?)[2-9]\d{2}(?P=between)\d{4}"
    r"|[2-9]\d{2}[./-][2-9]\d{2}[ .-]\d{4}"
    r"|[2-9]\d{2} {1,2}[2-9]\d{2}[ -] ?(?!(?:19|20)\d\d\b)\d{4}"
    rf"|(?!\d{{7}}000)[2-9]\d{{2}}[2-9]\d{{6}}){_EXTENSION})" + _AFTER,
    re.IGNORECASE,
)
_PHONE_ABROAD = re.compile(
    _BEFORE + r"(?P<number>(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,4}\)?){2,6}"
    rf"{_EXTENSION})" + _AFTER,
    re.IGNORECASE,
)
_PHONE_AT_HOME = re.compile(  # in countries where it begins with a nought
    _BEFORE + r"(?P<number>\(?0[1-9]\d{0,3}\)?(?P<between>[ ./-])(?!19\d\d\b|20\d\d\b)\d{2,4}"
    r"(?:(?P=between)(?!19\d\d\b|20\d\d\b)\d{2,4}){0,3})" + _AFTER
)
_PHONE_NAMED = re.compile(
    r"\b(?:(?:tele|cell|mobile)?phone|tel|mobile|mob|cell|fax|whatsapp|sms|my (?:\w{1,12} )?number"
    r"|(?:call|text|ring|reach|contact)(?: me| us)?)\b(?: number| no\b\.?)?(?: is| at| on| under)?"
    r"[ :.#=]{1,4}(?P<number>[+(]?\d[\d ()./-]{5,17}\d" + rf"{_EXTENSION})" + _AFTER,
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text with e-mail addresses, phone, social security and card numbers masked.

    Card numbers are those that pass the Luhn check. Figures stay: an amount, a number with
    commas, a date, a filing's accession number is none of these.
    """
    text = _masked(text, _EMAIL, "[e-mail]")
    text = _masked(text, _CARD, "[card number]", _passes_luhn)
    for pattern in (_SSN, _SSN_NAMED):
        text = _masked(text, pattern, "[social security number]")
    for pattern, least, most in (
        (_PHONE_ABROAD, 10, 17),
        (_PHONE_NAMED, 7, 17),
        (_PHONE_AT_HOME, 9, 11),
        (_PHONE, 10, 17),
    ):
        text = _masked(text, pattern, "[phone number]", partial(_dials, least, most))
    return text


def _masked(
    text: str, pattern: re.Pattern[str], word: str, fits: Callable[[str], bool] = bool
) -> str:
    """The text with `word` in place of each match that fits, or of its group "number"."""
    part = "number" if "number" in pattern.groupindex else 0
    while True:  # what is masked no longer hides the number that follows it
        found = [m for m in pattern.finditer(text.translate(_FOLDED)) if fits(m[part])]
        if not found:
            return text
        for match in reversed(found):
            start, end = match.span(part)
            text = f"{text[:start]}{word}{text[end:]}"


def _passes_luhn(number: str) -> bool:
    """Whether a number passes the check of ISO/IEC 7812; other long numbers stay."""
    digits = [int(digit) for digit in reversed(re.findall(r"\d", number))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return len(digits) >= 13 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _dials(least: int, most: int, number: str) -> bool:
    """Whether a number has as many digits, and is more than years in a row."""
    if not least <= len(re.findall(r"\d", number)) <= most:
        return False
    return not all(re.fullmatch(r"(?:19|20)\d\d", part) for part in re.findall(r"\d+", number))


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked what, where. `standalone` is the question as it was understood.

    `shadow_of`: the reader's turn that is asked once more, out of sight.
    """

    question: str
    standalone: str
    thread: str
    person: str = "cli"
    step: str | None = None
    shadow_of: int | None = None


@dataclass(frozen=True, slots=True)
class Replied:
    """What came back, by whom, for how much. `state`: whole, stopped or failed.

    `activation` and `cycle` tell how the model came to answer; `instead_of` the failed turn that
    it stands in for; `fault` the type of the error.
    """

    answer: str
    model: str
    role: str
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    seconds: float = 0.0
    state: str = "whole"
    error: str | None = None
    refused: bool = False
    citations: Sequence[Citation] = ()
    figures: Sequence[CheckedFigure] = ()
    activation: int | None = None
    cycle: int | None = None
    instead_of: int | None = None
    fault: str | None = None


def turn_from(
    asked: Asked, replied: Replied, *, evidence: Sequence[Passage], messages: Sequence[Message]
) -> Turn:
    """The exchange as the log keeps it, the reader's own words masked."""
    return Turn(
        thread=asked.thread,
        person=asked.person,
        step=asked.step,
        question=mask(asked.question),
        standalone=mask(asked.standalone),
        evidence=[passage.model_dump(mode="json") for passage in evidence],
        messages=[message.model_dump(mode="json") for message in messages],
        answer=replied.answer,
        citations=[citation.model_dump(mode="json") for citation in replied.citations],
        figures=[figure.model_dump(mode="json") for figure in replied.figures],
        refused=replied.refused,
        model=replied.model,
        role=replied.role,
        prompt_tokens=replied.usage.prompt_tokens,
        completion_tokens=replied.usage.completion_tokens,
        cost_usd=replied.cost_usd,
        seconds=replied.seconds,
        state=replied.state,
        error=replied.error,
        fault=replied.fault,
        activation=replied.activation,
        cycle=replied.cycle,
        instead_of=replied.instead_of,
        shadow_of=asked.shadow_of,
        asked_at=now() - timedelta(seconds=replied.seconds),  # it ends now
    )


def teaches(turn: Turn) -> bool:
    """Whether a turn becomes an example: a whole answer of the teacher.

    Refusals too: the rules that curate drop them, and a person can overrule those.
    """
    return turn.role == "teacher" and turn.state == "whole"
