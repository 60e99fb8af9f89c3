"""A question for an officer or the auditor and its evidence in, the answer by name out.

No weight decides here: a title stands beside a name or it does not.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from backend.local.reader.asking import Asked
from backend.local.reader.auditors import auditor, audits
from backend.local.reader.holders import Holder, holders, listed, signed
from backend.local.reader.phrasing import cited, quoted
from backend.local.reader.prompts import Shown
from backend.terms import stem_tuple

_OFFICES = tuple(
    (re.compile(rf"\b(?:{asked})\b", re.IGNORECASE), re.compile(held, re.IGNORECASE))
    for asked, held in (
        (
            r"ceo|chief executive(?: officer)?|(?:runs|leads|heads) (?:the company|it)",
            r"\b(?:chief executive officer|ceo)\b",
        ),
        (
            r"cfo|(?:chief )?finan(?:ce|cial) (?:officer|chief)",
            r"\b(?:chief financ(?:e|ial) officer|cfo)\b",
        ),
        (r"coo|chief operat(?:ing|ions) officer", r"\b(?:chief operat(?:ing|ions) officer|coo)\b"),
        (r"cto|chief technology officer", r"\b(?:chief technology officer|cto)\b"),
        (r"cao|chief accounting officer", r"\bchief accounting officer\b"),
        (r"chief legal officer|clo", r"\bchief legal officer\b"),
        (r"general counsel", r"\bgeneral counsel\b"),
        (r"controller", r"\b(?:corporate )?controller\b"),
        (r"treasurer", r"\btreasurer\b"),
        (r"secretary", r"\b(?:corporate )?secretary\b"),
        (
            r"(?:chair(?:man|woman|person)?)",
            r"\b(?:executive )?chair(?:man|woman|person)?(?: of (?:the|our) board"
            r"(?: of directors)?)?\b",
        ),
        (r"(?<!vice )(?<!vice-)president", r"(?<!vice )(?<!vice-)\bpresident\b"),
    )
)
"""What is asked, and the words of a title that answer it; the first that fits counts."""
_CHIEF = re.compile(r"\bchief (?:[a-z&]+ ){1,3}?officer\b", re.IGNORECASE)
_WHO = re.compile(
    r"^\W*(?:who|which (?:person|executive)) (?:currently |now )?(?:is|was|are|were|serves? as"
    r"|served as|acts? as|works as|runs|leads|heads)\b|\bwhat (?:is|was) the name of\b"
    r"|^\W*name the\b",
    re.IGNORECASE,
)
_IDLE = frozenset(
    stem_tuple("current present name serve act work board director hold position office role run"
               " lead head it executive officer person company")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Office:
    """An office that a question asks for, and what else its title has to hold."""

    held: re.Pattern[str]
    more: frozenset[str]  # stems: "Consumer" of "CEO of the Consumer group"


def office_of(asked: Asked) -> Office | None:
    """The office whose holder is asked for, None where the question is another."""
    if not _WHO.search(asked.text):
        return None
    for question, held in _OFFICES:
        if told := question.search(asked.text):
            return Office(held, _beside(asked, told[0]))
    if told := _CHIEF.search(asked.text):
        return Office(
            re.compile(rf"\b{re.escape(told[0])}\b", re.IGNORECASE), _beside(asked, told[0])
        )
    return None


def _beside(asked: Asked, said: str) -> frozenset[str]:
    return frozenset(asked.terms) - frozenset(stem_tuple(said)) - _IDLE


def by_name(asked: Asked, passages: Sequence[Shown]) -> str | None:
    """Who holds the office that is asked for, or audits the company, with the source.

    None where the question asks for nobody of the kind, or for more than that; "" where no
    passage tells. A year that the filing is not of is not answered: its officers are those of its
    own time.
    """
    if audits(asked):
        return auditor(asked, passages)
    if (told := _SEVERAL.search(asked.text)) and not frozenset(asked.terms) - _IDLE - _SEATS:
        return (_directors if told["board"] else _officers)(asked, passages)
    office = office_of(asked)
    if office is None:
        return None
    found = [
        (one.rank, place, one)
        for place, shown in enumerate(passages)
        if not asked.years or shown.year is None or shown.year in asked.years
        for one in holders(shown, office.held, part=bool(office.more))
        if office.more <= {*stem_tuple(f"{one.title} {one.sentence}")}
    ]
    if not found:
        return None if office.more else ""
    _, place, best = min(found, key=lambda told: told[:2])
    return _told(best, passages[place])


_SEVERAL = re.compile(
    r"^\W*(?:who (?:are|were|is|sits?|serves?)|list|name|(?:what|which) (?:are|were) the names? of"
    r"|(?:can you )?(?:give|tell|show) me)\b.*\b(?:(?P<board>directors"
    r"|board(?: of directors)?(?: members)?)|(?:executive )?officers|executives"
    r"|management(?: team)?|leadership(?: team)?)\W*$",
    re.IGNORECASE,
)
_SEATS = frozenset(
    stem_tuple("directors board members sit serve management team leadership executives officers")
)
_DIRECTOR = re.compile(r"(?<!managing )\bdirector\b(?! of)|\bchair\w*", re.IGNORECASE)
_OFFICER = re.compile(r"\b(?:officer|president|counsel|controller|treasurer|secretary)\b", re.I)
Pairs = Callable[[str], Iterable[tuple[str, str]]]


def _everybody(
    asked: Asked, passages: Sequence[Shown], pairs: Pairs, wanted: re.Pattern[str]
) -> dict[str, tuple[str, int]]:
    """Each name with its title and the number of its passage; exhibits name others."""
    found: dict[str, tuple[str, int]] = {}
    for shown in sorted(passages, key=lambda one: (one.section, _first_page(one))):
        timely = not asked.years or shown.year is None or shown.year in asked.years
        if timely and not re.match(r"exhibit", shown.section, re.IGNORECASE):
            for name, title in pairs(shown.text):
                if wanted.search(title):
                    found.setdefault(name, (title, shown.number))
    return found


def _first_page(shown: Shown) -> int:
    return int((re.findall(r"\d+", shown.page) or ["0"])[0])


def _directors(asked: Asked, passages: Sequence[Shown]) -> str | None:
    """The directors who signed the report; None where the passages hold no signatures."""
    found = _everybody(asked, passages, signed, _DIRECTOR)
    if len(found) < 2:
        return None
    *names, last = found
    marks = "".join(dict.fromkeys(cited(number).strip() for _, number in found.values()))
    told = f"These directors signed the report: {', '.join(names)} and {last} {marks}"
    return f"{told.rstrip()}."


def _officers(asked: Asked, passages: Sequence[Shown]) -> str | None:
    """The officers by their table, or by their signatures; None where neither is there."""
    for pairs in (listed, signed):
        found = _everybody(asked, passages, pairs, _OFFICER)
        if len(found) > 1:
            items = (f"{name}, {title}{cited(n)}." for name, (title, n) in found.items())
            return "\n- ".join(("The executive officers are:", *items))
    return None


def _told(one: Holder, shown: Shown) -> str:
    if one.sentence:
        return quoted(one.sentence, shown.number)
    return f"{one.name} is {one.title}{cited(shown.number)}."
