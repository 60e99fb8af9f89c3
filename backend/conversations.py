"""A question asked and its reply in, a turn for the log out; it alone knows what is masked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from re import Match

from backend.records import CheckedFigure, Citation, Message, Passage, Turn, Usage, now

_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}\b"
)
_BEFORE = r"(?<![\w$€£.,:/-])"  # not inside a figure, an amount or a longer number
_AFTER = r"(?!\w|[.,:/-]?\d|\s?%|\s(?:thousand|million|billion|trillion|dollars|shares)\b)"
_CARD = re.compile(_BEFORE + r"[3-6]\d(?:[ -]?\d){11,17}" + _AFTER)
_SSN = re.compile(
    _BEFORE + r"(?!000|666|9)\d{3}(?P<between>[-‐‑–])(?!00)\d{2}(?P=between)(?!0000)\d{4}" + _AFTER
)
_SSN_NAMED = re.compile(
    r"(?P<name>\b(?:ssn|social security(?: number| no\.?)?|social)\b[^\d$]{0,15})"
    r"(?!000|666|9)\d{3} ?(?!00)\d{2} ?(?!0000)\d{4}" + _AFTER,
    re.IGNORECASE,
)
_PHONE = re.compile(
    _BEFORE + r"(?:\+?1[ .-]?)?"
    r"(?:\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]?\d{4}"
    r"|[2-9]\d{2}(?P<between>[.‐‑–-])[2-9]\d{2}(?P=between)\d{4}"
    r"|[2-9]\d{2} [2-9]\d{2} (?!(?:19|20)\d\d\b)\d{4})" + _AFTER
)
_PHONE_ABROAD = re.compile(_BEFORE + r"\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,6}" + _AFTER)
_PHONE_NAMED = re.compile(
    r"(?P<name>\b(?:phone|telephone|tel|mobile|cell|fax|call(?: me)?|text(?: me)?|whatsapp)\b"
    r"(?: number| no\.?)?(?: is| at| on)?[ :.]{1,3})"
    r"[+(]?\d[\d ().-]{5,17}\d" + _AFTER,
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text with e-mail addresses, phone, social security and card numbers masked.

    Card numbers are those that pass the Luhn check. Figures stay: an amount, a number with
    commas, a date, a filing's accession number is none of these.
    """
    masked = _EMAIL.sub("[e-mail]", text)
    masked = _CARD.sub(_card, masked)
    masked = _SSN.sub("[social security number]", masked)
    masked = _SSN_NAMED.sub(r"\g<name>[social security number]", masked)
    masked = _PHONE_ABROAD.sub(_phone_abroad, masked)
    masked = _PHONE_NAMED.sub(_phone_named, masked)
    return _PHONE.sub("[phone number]", masked)


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _card(match: Match[str]) -> str:
    """Mask what passes the check of ISO/IEC 7812 (Luhn); other long numbers stay."""
    digits = [int(digit) for digit in reversed(_digits(match[0]))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    valid = len(digits) >= 13 and (sum(digits[::2]) + sum(doubled)) % 10 == 0
    return "[card number]" if valid else match[0]


def _phone_abroad(match: Match[str]) -> str:
    return "[phone number]" if 10 <= len(_digits(match[0])) <= 15 else match[0]


def _phone_named(match: Match[str]) -> str:
    number = match[0][len(match["name"]) :]
    return f"{match['name']}[phone number]" if len(_digits(number)) >= 7 else match[0]


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
