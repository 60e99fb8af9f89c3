"""A follow-up and the talk before it in, a question that stands alone out; knows rules alone."""

import re

from backend.local.reader.asking import WHEN, item_of
from backend.local.reader.prompts import Rewriting
from backend.quantities import Period, periods
from backend.terms import stems, synonyms

_OPENING = re.compile(
    r"^\W*(?:(?:and|so|but|ok(?:ay)?|then|also|now)\b[\s,]*)*"
    r"(?:(?:what|how)\s+about|same(?:\s+question)?(?:\s+for)?|what\s+of)?\s*",
    re.IGNORECASE,
)
_LEADS = re.compile(
    r"^\W*(?:and|but|so|ok|okay|then|also|what about|how about|same)\b", re.IGNORECASE
)
_EARLIER = re.compile(
    r"\b(?:the\s+)?(?:year|one)\s+(?:before|prior|earlier)(?:\s+that)?\b"
    r"|\b(?:the\s+)?(?:prior|previous|preceding|last)\s+(?:fiscal\s+)?year\b|\ba year earlier\b"
    r"|\bbefore that\b",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"\b(?:the\s+)?(?:year\s+after|year\s+later)(?:\s+that)?\b"
    r"|\b(?:the\s+)?(?:next|following|subsequent)\s+(?:fiscal\s+)?year\b|\bafter that\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?P<own>its|their)\b|\b(?P<it>it|they|them|this figure|that figure|this number|that number"
    r"|this amount|that amount|that change|this change|the same figure)\b"
    r"|(?<=\s)(?P<that>that|this|those|these)(?=\s*(?:\?|$|in\b|for\b|to\b|compare|change|go\b|grow"
    r"|was\b|were\b|is\b|are\b|come\b|happen))",
    re.IGNORECASE,
)
_WEAK = frozenset(
    stems("year before prior previous fiscal next following same question figure number compare")
)


def _has_own_content(text: str) -> bool:
    years = {str(period.year) for period in periods(text)}
    return any(stem not in _WEAK and stem not in years for stem in stems(text))


def _shift(question: str, by: int, answer: str) -> str:
    """The same question with its years moved; where it names none, the answer's period counts."""
    named = periods(question)
    if not named:
        told = periods(answer)
        if not told:
            return f"{question.rstrip('?. ')} in the year {'before' if by < 0 else 'after'}?"
        return _with_period(question, f"fiscal {told[0].year + by}")
    moved = question
    for period in sorted(named, key=lambda found: -found.start):
        text = question[period.start : period.end]
        moved = moved[: period.start] + _moved(text, period, by) + moved[period.end :]
    return moved


def _moved(text: str, period: Period, by: int) -> str:
    if str(period.year) in text:
        return text.replace(str(period.year), str(period.year + by))
    return text.replace(f"{period.year % 100:02d}", f"{(period.year + by) % 100:02d}")


def _with_period(question: str, period: str) -> str:
    """The question with its periods replaced by one, or with that one added."""
    named = periods(question)
    if not named:
        return f"{question.rstrip('?. ')} in {period}?"
    first = named[0]
    if len(named) == 1:
        kept = re.sub(
            r"^(?:fiscal(?:\s+years?)?|years?|FY)\s*", "", first.text, flags=re.IGNORECASE
        )
        lead = first.text[: len(first.text) - len(kept)]
        bare = re.fullmatch(r"(?:19|20)\d\d", period)
        return question.replace(first.text, f"{lead}{period}" if bare else period, 1)
    rest = re.sub(
        r"\s+(?:in|for|from|between|to|during|as of|at|on)\s*$", "", question[: first.start]
    )
    return f"{rest} in {period}?"


def _company(question: str) -> str:
    for pattern in (
        r"\b([A-Z][\w&.-]*(?:\s[A-Z][\w&.-]*)*)['\u2019]s?\s",
        r"\b(?:did|does|do|has|had|was|is|are|were)\s+([A-Z][\w&.-]*)",
    ):
        named = re.search(pattern, f" {question}")
        if named and not synonyms(named[1]):  # "R&D" and "EPS" are no companies
            return named[1]
    return ""


def _item(question: str) -> str:
    """The line item of an earlier question, without a verb behind it."""
    item = item_of(question, _company(question))
    item = re.sub(
        r"\s+(?:change|grow|increase|decrease|decline|compare|develop|fall|rise|have|report"
        r"|spend|earn|pay|record|recogni[sz]e)(?:\s.*)?$",
        "",
        item,
        flags=re.IGNORECASE,
    )
    return re.sub(r"^(?:spend on|pay for|report as|have in)\s+", "", item, flags=re.IGNORECASE)


def _replace_item(question: str, wanted: str) -> str:
    """The earlier question about another thing; its company and period stay unless named anew."""
    named = periods(wanted)
    bare = wanted
    for period in reversed(named):
        bare = re.sub(
            WHEN.format(period=re.escape(period.text)), "", bare, count=1, flags=re.IGNORECASE
        )
    bare = re.sub(r"^\W*(?:the|its|their|in|for)\s+", "", bare.strip(" ,?."), flags=re.IGNORECASE)
    old = _item(question)
    if company := _company(f"{bare} "):
        bare = re.sub(rf"^{re.escape(company)}['\u2019]s?\s*", "", bare).strip() or old
        question = question.replace(_company(question) or company, company)
    moved = question
    if old and bare and old in question:
        moved = question.replace(old, bare, 1)
    elif bare:
        company = _company(question)
        owner = f"{company}'s " if company else ""
        moved = f"What was {owner}{bare}?"
        if not named and (earlier := periods(question)):
            moved = _with_period(moved, earlier[0].text)
    return _with_period(moved, named[0].text) if named else moved


def _fill_pronouns(question: str, earlier: str) -> str:
    """The question with what "it" stands for written out, and company and period added."""
    company, item = _company(earlier), _item(earlier)
    owner = f"{company}'s " if company and company not in item else ""

    def fill(match: re.Match[str]) -> str:
        if match["own"]:
            return f"{company}'s" if company else "the company's"
        return f"{owner}{item}" if item else match[0]

    told = _PRONOUN.sub(fill, question, count=1)
    if not periods(told) and (named := periods(earlier)):
        told = _with_period(told, named[0].text)
    return told


def _why(earlier: str) -> str:
    """The reason for what was asked before: "Why did revenue change in fiscal 2023?"."""
    asked = re.match(
        r"^\W*(?:how much|by how much|how|what)\s+(did|has|have|does)\b", earlier, re.I
    )
    if asked:
        return f"Why {asked[1].lower()}{earlier[asked.end() :]}"
    company, item = _company(earlier), _item(earlier)
    named = periods(earlier)
    when = f" in {named[0].text}" if named else ""
    return f"Why did {company + chr(39) + 's ' if company else ''}{item} change{when}?"


def _compare(last: str, earlier: str) -> str:
    """The earlier item in two periods: "How did it change from fiscal 2022 to fiscal 2023?"."""
    first, other = periods(earlier), periods(_EARLIER.sub("", last))
    company, item = _company(earlier), _item(earlier)
    owned = f"{company}'s {item}" if company else item
    if other and not first:
        return _with_period(earlier, other[0].text)
    if not first:
        return f"How did {owned} change from the year before?"
    year = other[0].year if other else first[0].year - 1
    low, high = sorted((year, first[0].year))
    return f"How did {owned} change from fiscal {low} to fiscal {high}?"


_REASON = re.compile(
    r"\W*(?:and\s+|but\s+)?(?:why|how come|what (?:drove|caused|explains) (?:that|this|it))\W*",
    re.IGNORECASE,
)


def _shorter(last: str, rest: str, earlier: str, answer: str) -> str | None:
    """The earlier question, where the last one only moves its period or asks for the reason."""
    if _REASON.fullmatch(last):
        return _why(earlier)
    if re.search(r"\bcompare[sd]?\b", last, re.IGNORECASE) and _PRONOUN.search(last):
        return _compare(last, earlier)
    for pattern, by in ((_EARLIER, -1), (_LATER, 1)):
        remainder = pattern.sub(" ", rest)
        if remainder != rest and not _has_own_content(_strip_question(remainder)):
            return _shift(earlier, by, answer)
    if periods(rest) and not _has_own_content(_strip_question(rest)):
        return _with_period(earlier, _wanted_period(rest))
    return None


def rewrite(prompt: Rewriting) -> str:
    """The last question so that it can be understood alone; unchanged where it already can."""
    last = prompt.text.strip()
    if not prompt.history or not last:
        return last
    earlier, answer = prompt.history[-1]
    rest = _OPENING.sub("", last, count=1).strip()
    if told := _shorter(last, rest, earlier, answer):
        return told
    leads = bool(_LEADS.match(last)) or len(stems(last)) <= 1
    if _PRONOUN.search(last):
        told = _fill_pronouns(rest if leads and _is_sentence(rest) else last, earlier)
        return told[:1].upper() + told[1:]
    if leads and not _is_sentence(rest):
        return _replace_item(earlier, rest)
    return last


def _wanted_period(text: str) -> str:
    named = periods(text)
    return text[named[0].start : named[-1].end].strip() if len(named) > 1 else named[0].text


_ASKS = re.compile(
    r"^\W*(?:what|how|why|when|where|who|which|did|does|do|is|are|was|were|has|have|can|could|tell"
    r"|give|show|list|describe|explain)\b",
    re.IGNORECASE,
)


def _is_sentence(text: str) -> bool:
    return bool(_ASKS.match(text)) and len(text.split()) > 2


def _strip_question(text: str) -> str:
    """Without the words that ask: "what was it in" of "what was it in 2022?"."""
    text = _PRONOUN.sub(" ", text)
    return re.sub(
        r"\b(?:what|how|much|was|were|is|are|did|does|in|for|during|about|the|fiscal|year)\b",
        " ",
        text,
        flags=re.IGNORECASE,
    )
