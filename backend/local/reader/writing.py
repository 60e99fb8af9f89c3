"""A passage in, one question that it answers out; knows rules alone, and its words are the
passage's."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from backend.local.reader import writing_prose
from backend.local.reader.phrasing import label, period
from backend.local.reader.prompts import Shown, Writing
from backend.passages import Cell, cell_tuple, is_table
from backend.quantities import periods

NOTHING = "NONE"
"""What the prompt asks to be replied where there is nothing to ask."""
LONGEST_LABEL = 12
CHANGES = 0.25
"""Share of figure questions that ask for a change where the row prints several periods."""


@dataclass(frozen=True, slots=True)
class Written:
    """A question, and the cell or the sentence that it was made from."""

    question: str
    cell: Cell | None = None
    sentence: str = ""


def write(prompt: Writing) -> str:
    """One question about the passage, or NONE where there is nothing more to ask."""
    found = question_for(prompt)
    return found.question if found else NOTHING


def question_for(prompt: Writing) -> Written | None:
    """As `write`, with what the question was made from. The same prompt gives the same."""
    text = prompt.passage.text
    draw = Random(sha256(f"{text}|{len(prompt.asked)}".encode()).digest())
    asked = frozenset(map(_plain, prompt.asked))
    if prompt.kind == "figure" and is_table(text):
        drafts = _of_cells(prompt.passage, prompt.asked, draw)
    else:
        made = writing_prose.drafts(text, company(prompt.passage), prompt.passage.year, draw)
        drafts = (Written(question, sentence=sentence) for question, sentence in made)
    return next((one for one in drafts if _plain(one.question) not in asked), None)


def _plain(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.lower()))


_SUFFIX = re.compile(
    r"(?:,? (?:incorporated|inc|corporation|corp|company|co|limited|ltd|plc|llc|l\.p|n\.v|s\.a"
    r"|holdings?|group|technologies|technology|communications|instruments|industries|international"
    r"|systems|laboratories|pharmaceuticals|software|energy|brands|stores|& sons)\.?)+$",
    re.IGNORECASE,
)


def company(shown: Shown) -> str:
    """The company as people call it: "NVIDIA" for NVIDIA Corporation."""
    return _SUFFIX.sub("", shown.company).strip(" ,") or "the company"


# -- figures


def _of_cells(shown: Shown, asked: Sequence[str], draw: Random) -> Iterable[Written]:
    """Questions for the cells that one line item and period tell from all others."""
    named: dict[tuple[str, str], list[Cell]] = {}
    for cell in cell_tuple(shown.text):
        named.setdefault((label(cell).lower(), cell.when), []).append(cell)
    alone = [found[0] for found in named.values() if len(found) == 1 and _tells(found[0])]
    draw.shuffle(alone)
    told = " ".join(asked).lower()
    # A line item that was asked for already comes after those that were not.
    for cell in sorted(alone, key=lambda one: (one.row.lower() in told, not _plain_period(one))):
        older = [one for one in alone if _earlier(one, cell)]
        if older and draw.random() < CHANGES:
            before = max(older, key=lambda one: one.period or 0)
            yield Written(_change(cell, before, shown, draw), cell)
        yield Written(_figure(cell, shown, draw), cell)


def _plain_period(cell: Cell) -> bool:
    """Whether a column or heading tells the period; rows that tell it are balances, mostly."""
    return bool(cell.when) and cell.when not in cell.row


def _tells(cell: Cell) -> bool:
    """Whether a question can name this cell: a figure under words, and no column of changes."""
    said = label(cell)
    changes = re.search(r"\bchange\b|\bincrease\b|\bdecrease\b", cell.column, re.IGNORECASE)
    return (
        any(map(str.isdigit, cell.quantity.text))
        and bool(re.search(r"[A-Za-z]{3}", said))
        and len(said.split()) <= LONGEST_LABEL
        and not (changes and cell.period is None)
        and cell.column.lower() != "age"
        and len(periods(cell.row)) < 2
    )


def _earlier(one: Cell, cell: Cell) -> bool:
    same = one.line == cell.line and label(one) == label(cell)
    return same and one.period is not None and one.period < (cell.period or 0)


def _figure(cell: Cell, shown: Shown, draw: Random) -> str:
    name, item, when = company(shown), _item(cell, shown), _when(cell, shown)
    verb = "were" if _plural(item) else "was"
    forms = [
        f"What {verb} {_owned(name)} {item} {when}?",
        f"What {verb} the {item} of {name} {when}?",
        f"What did {name} report as {item} {when}?",
        f"{_capital(when)}, what {verb} {_owned(name)} {item}?",
    ]
    if cell.quantity.unit == "USD":
        forms += [
            f"How much did {name} report for {item} {when}?",
            f"What amount of {item} did {name} report {when}?",
            f"How much {verb} {_owned(name)} {item} {when}?",
        ]
    elif cell.quantity.unit == "percent" and "rate" not in item.lower():
        forms.append(f"What percentage did {name} report for {item} {when}?")
    return _tidy(draw.choice(forms))


def _change(new: Cell, old: Cell, shown: Shown, draw: Random) -> str:
    name, item = company(shown), _item(new, shown)
    first, last = _year(old, shown), _year(new, shown)
    forms = [
        f"How much did {_owned(name)} {item} change from {first} to {last}?",
        f"By how much did {_owned(name)} {item} change between {first} and {last}?",
        f"What was the change in {_owned(name)} {item} from {first} to {last}?",
        f"How did {_owned(name)} {item} change from {first} to {last}?",
    ]
    return _tidy(draw.choice(forms))


_MEASURE = re.compile(
    r"\b(?:value|cost|gains?|loss(?:es)?|amount|shares?|price|share of|number|average|percentage"
    r"|employees|life|rate|total|age|balance|expense|income|assets?|lease|feet)\b",
    re.IGNORECASE,
)


def _item(cell: Cell, shown: Shown) -> str:
    """The line item as a question words it, with its table's matter where it needs one."""
    said = _undated(cell).replace(" ()", "")
    told = re.fullmatch(r"(?P<own>.+?) \((?P<more>[^()]+)\)", said)
    if told and len(told["own"]) > 2 and told["more"] not in cell.row:
        own, more = told["own"], told["more"].strip(" :")
        if _AMOUNT.fullmatch(more):
            return _inside(own, shown)
        measure = _MEASURE.search(more) and more != cell.group.strip(" :")
        pair = (more, own) if measure else (own, more)
        return f"{_inside(pair[0], shown)} for {_inside(pair[1], shown)}"
    item = _inside(said, shown)
    about, wide = _matter(cell, shown)
    if about and _AMOUNT.fullmatch(said):
        return about
    short = 2 if wide and not _GENERAL.match(said) else 6
    if about and len(said.split()) < short and not _shared(said, about):
        return f"{about} for {item}" if wide else f"{item} for {about}"
    return item


def _undated(cell: Cell) -> str:
    """The label without the day that its row names: "Balances, January 31, 2021" -> "Balances"."""
    said = label(cell)
    if cell.when and cell.when in cell.row and cell.when not in cell.column:
        said = re.sub(rf",?\s*(?:\b(?:at|as of|on)\s+)?{re.escape(cell.when)}", "", said)
    return said if re.search(r"[A-Za-z]{3}", said) else label(cell)


_GENERAL = re.compile(
    r"(?i)(?:balances?|total|other|additions?|deductions?|beginning|ending|less|shares|granted)\b"
)
"""Line items that many tables have; the section tells which one is meant."""
_AMOUNT = re.compile(r"(?i)(?:total )?(?:amounts?|values?)")


def _shared(said: str, about: str) -> bool:
    return bool({*re.findall(r"\w{4,}", said.lower())} & {*re.findall(r"\w{4,}", about.lower())})


_NUMBERED = re.compile(r"^(?:note|item)\s+\w+\s*[.:\u2013\u2014-]*\s*", re.IGNORECASE)
_LED = re.compile(
    r"\b(?:summary of|components? of|changes in|details of|information (?:pertaining to|about|on)"
    r"|presents?|shows?|summari[sz]es?|sets? forth|reconciliation of)\s+(?:the\s+)?(?P<about>.+?)"
    r"(?=\s+(?:(?:is|are|was|were|consists?)\b|as follows|during\b|for the\b|as of\b|by\b|at\b)"
    r"|[,:(]|$)",
    re.IGNORECASE,
)
_AS_FOLLOWS = re.compile(
    r"(?P<about>(?!the following|the table)[^.,;]{4,70}?) "
    r"(?:is|are|was|were|consists? of|changed)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"\b(?:is|are|was|were|follow\w*|table|we|has|have|below)\b", re.IGNORECASE)
_WIDE = re.compile(
    r"^(?:consolidated|business|management's|market for|properties|selected|financial statements"
    r"|exhibit|quantitative|liquidity|schedule)",
    re.IGNORECASE,
)


def _matter(cell: Cell, shown: Shown) -> tuple[str, bool]:
    """What a table is of, and whether that is the title of its whole section; "" where neither
    caption nor section tells."""
    caption = re.sub(r"\s*\([^()]*\)\s*$", "", cell.caption).strip(" :.")
    section = _NUMBERED.sub("", shown.section)
    for text in (_NUMBERED.sub("", caption), section):
        about = text
        if _SENTENCE.search(text) or len(text.split()) > 8:
            led = _AS_FOLLOWS.match(text) or _LED.search(text)
            about = led["about"] if led else ""
        about = re.sub(r"^(?:our|its)\s+", "", about.split(" - ")[-1]).strip(" :.")
        if about and len(about.split()) <= 7 and not _WIDE.match(about) and not periods(about):
            return _inside(about, shown), text == section
    return "", False


def _inside(words: str, shown: Shown) -> str:
    """A heading as it stands inside a sentence: "Total revenue" -> "total revenue"."""
    words = words.strip(" :.")
    first, _, rest = words.partition(" ")
    alone = not rest and re.search(rf"\b{re.escape(first.lower())}\b", shown.text)
    titled = re.search(r"\b[A-Z][a-z]", rest)
    if first[1:].islower() and (alone or (rest and not titled)):
        words = words[:1].lower() + words[1:]
    words = re.sub(r"(?:\s*\(\d{1,2}\))+$", "", words)
    words = re.sub(r"\b[Oo]ur\b", "its", re.sub(r"^[Tt]he\s+", "", words))
    return f'"{words}"' if _HALF.match(words) else words


_HALF = re.compile(r"(?i)^\w+ed(?:$| (?:as|at|over|in|to|by|for|on|from|with)\b)")
"""A label that is no noun: "transferred over time"."""


def _plural(item: str) -> bool:
    head = re.split(r" (?:for|of|in|from|to|on)\b| \(", item)[0].lower()
    return head.endswith("s") and not head.endswith(("ss", "sales", "gross", "is", "us"))


def _same_year(shown: Shown) -> bool:
    """Whether a fiscal year has the number of the year it ends in, as far as the table shows."""
    years = [cell.period for cell in cell_tuple(shown.text) if cell.period]
    return shown.year is not None and max(years, default=0) == shown.year


_DAY = re.compile(r"[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}")


def _when(cell: Cell, shown: Shown) -> str:
    """The period of a cell: "in fiscal 2025", "as of June 28, 2025"."""
    if not cell.when:
        return f"as given in its fiscal {shown.year} 10-K" if shown.year else "in its 10-K"
    part = re.search(r"\b(?:quarter|(?:three|six|nine) months)\b", cell.column, re.IGNORECASE)
    if part and re.match(r"[A-Za-z]{3,9}\.? \d", cell.when):
        return f"for the {part[0].lower()} ended {cell.when}"
    told = period(cell, shown)
    if re.match(r"for \d+/", told) or (cell.when in cell.row and _DAY.match(cell.when)):
        return f"as of {cell.when}"
    if told.startswith("for the year ended") and _same_year(shown):
        return f"in fiscal {cell.period}"
    told = re.sub(r"^(?:for|as of) (?=\d{4}$|fiscal|.*\bquarter)", "in ", told, flags=re.IGNORECASE)
    return re.sub(r"\bFiscal\b", "fiscal", told)


def _year(cell: Cell, shown: Shown) -> str:
    told = _when(cell, shown)
    return re.sub(r"^(?:in|as of|for) ", "", told)


def _owned(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _tidy(question: str) -> str:
    question = re.sub(r"\bthe (?=its\b)", "", question)
    return " ".join(question.split()).replace(" ,", ",").replace(" ?", "?")
