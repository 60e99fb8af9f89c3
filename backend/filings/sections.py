"""The lines of all pages in, where each section begins out; alone knows how a 10-K is divided."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.filings.lines import Line

ITEMS = {
    "1": "Business",
    "1A": "Risk Factors",
    "1B": "Unresolved Staff Comments",
    "1C": "Cybersecurity",
    "2": "Properties",
    "3": "Legal Proceedings",
    "4": "Mine Safety Disclosures",
    "5": "Market for Registrant's Common Equity",
    "6": "Selected Financial Data",
    "7": "Management's Discussion and Analysis",
    "7A": "Quantitative and Qualitative Disclosures About Market Risk",
    "8": "Financial Statements and Supplementary Data",
    "9": "Changes in and Disagreements With Accountants",
    "9A": "Controls and Procedures",
    "9B": "Other Information",
    "9C": "Disclosure Regarding Foreign Jurisdictions that Prevent Inspections",
    "10": "Directors, Executive Officers and Corporate Governance",
    "11": "Executive Compensation",
    "12": "Security Ownership of Certain Beneficial Owners and Management",
    "13": "Certain Relationships and Related Transactions, and Director Independence",
    "14": "Principal Accountant Fees and Services",
    "15": "Exhibits and Financial Statement Schedules",
    "16": "Form 10-K Summary",
}
ORDER = list(ITEMS)
COVER = "Cover"
CONTENTS = "Table of Contents"
FRONT = 3
"""Pages that a cover can fill."""
ITEM = re.compile(
    r"(?i)^(?:part\s+[iv]+\s*[,.–—-]*\s*)?item\s*(\d{1,2}[abc]?)\b\s*[.:–—-]*\s*(.*)$"
)
STATEMENT = re.compile(
    r"(?i)^(?:condensed )?(?:consolidated )?"
    r"(balance sheets?|statements? of [a-z][a-z ,'’()/&-]+?)(?:\s*\(continued\))?$"
)
NOTE = re.compile(r"(?i)^note\s+(\d{1,2})\s*[-–—.:]*\s*(\S.*)$")
NUMBERED = re.compile(r"^(\d{1,2})\.\s+([A-Z]\S*(?:\s+\S+){0,13})$")
NOTES = re.compile(r"(?i)^notes to (?:the )?(?:consolidated )?financial statements")
AUDITOR = re.compile(r"(?i)^report of independent registered public accounting firm")
LISTED = re.compile(
    r"(?i)^(?:consolidated |statements? of |balance sheets|report of |notes to |schedule )"
)
SCHEDULE = re.compile(r"(?i)^schedule\s+(i{1,3}|iv|v)\b\s*[-–—:.]*\s*(.*)$")
EXHIBIT = re.compile(r"(?i)^exhibit\s+(\d{1,3}(?:\.\d+)?[a-z]?(?:\([a-z0-9]+\))?)[*+#]*$")
CONTINUED = re.compile(r"(?i)\s*[-–—]*\s*\(?continued\)?\s*$")
SMALL = {"and", "of", "the", "in", "for", "to", "with", "on", "or", "a", "an", "by", "from"}


@dataclass(slots=True)
class _Place:
    """Where the reader of the filing stands."""

    item: int = -1
    note: int = 0
    notes: bool = False
    signed: bool = False
    exhibits: bool = False


def opens_section(text: str) -> bool:
    """Whether a line reads as the heading of an item or a note."""
    return any(pattern.match(text) for pattern in (ITEM, NOTE, NUMBERED))


def titled(text: str) -> str:
    """Capitals as a title: words of an all-capitals line, others as they are."""
    text = " ".join(text.split()).replace("’", "'")
    if not text.isupper():
        return text
    words = [
        word if "." in word.strip(".") or re.fullmatch(r"[IVX]+", word) else word.capitalize()
        for word in text.split()
    ]
    return " ".join(
        word.lower() if n and word.lower() in SMALL else _hyphens(word)
        for n, word in enumerate(words)
    )


def _hyphens(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def sections(pages: Sequence[Sequence[Line]]) -> list[list[tuple[int, str]]]:
    """For each page the lines at which a section begins, as (position, name).

    The first one stands at position 0 always: the section that the page opens in.
    """
    place = _Place()
    current = COVER
    found: list[list[tuple[int, str]]] = []
    lengths = [len(lines) for lines in pages]
    usual = sorted(lengths)[len(lengths) // 2] if lengths else 0
    for number, lines in enumerate(pages):
        if number == FRONT and current == COVER:
            current = ""
        texts = [line.text for line in lines]
        marks: list[tuple[int, str]] = []
        if place.item < 0 and _is_contents(texts):
            marks.append((0, CONTENTS))
        elif _is_index(texts):
            named = ((n, _item(texts, n, place)) for n in range(len(texts)))
            marks += [(n, name) for n, name in named if name]
        else:
            marks += list(_marks(lines, texts, place))
        if place.exhibits and not marks and number and lengths[number - 1] < 0.45 * usual:
            marks += _untold_exhibit(lines, texts)
        if not marks or marks[0][0] > 0:
            marks.insert(0, (0, current))
        current = marks[-1][1]
        found.append(marks)
    return found


def outlined(outline: Sequence[tuple[int, str]], count: int) -> list[list[tuple[int, str]]]:
    """Sections by the file's own outline, (0-based page, title) in order: for a document that is
    divided into no items."""
    found: list[list[tuple[int, str]]] = []
    current = ""
    for number in range(count):
        here = [title for page, title in outline if page == number]
        current = here[0] if here else current
        found.append([(0, current)])
        current = here[-1] if here else current
    return found


def _is_contents(texts: Sequence[str]) -> bool:
    items = [text for text in texts if ITEM.match(text)]
    return len(items) >= 8 or sum(text[-1].isdigit() for text in items) >= 4


def _is_index(texts: Sequence[str]) -> bool:
    """Whether the page lists statements instead of holding one."""
    listed = [text for text in texts if re.search(r"\s(?:F-)?\d{1,3}$", text)]
    return sum(LISTED.match(text) is not None for text in listed) >= 3


def _marks(lines: Sequence[Line], texts: Sequence[str], place: _Place) -> Iterator[tuple[int, str]]:
    for n, text in enumerate(texts):
        if len(text) > 190 or _runs_on(lines, n):
            continue
        name = _exhibit(texts, n, place) if place.signed or place.item >= 21 else None
        if name is None and not place.exhibits:
            name = _item(texts, n, place) or _statement(lines, n, place) or _note(texts, n, place)
        if name is not None:
            yield n, name


def _runs_on(lines: Sequence[Line], n: int) -> bool:
    """Whether the line goes on from a full one above: then it is no heading."""
    if n == 0:
        return False
    above, line = lines[n - 1], lines[n]
    text = above.text
    near = above.y - line.y < 1.4 * line.height
    return near and above.x1 - above.x0 > 380 and not text.isupper() and len(text) > 70


def _item(texts: Sequence[str], n: int, place: _Place) -> str | None:
    match = ITEM.match(texts[n])
    if not match:
        return None
    key = match.group(1).upper()
    if key not in ITEMS or ORDER.index(key) < place.item:
        return None
    rest = match.group(2) or (texts[n + 1] if n + 1 < len(texts) else "")
    if not _fits(rest, key) or (match.group(2) and len(texts[n]) > 175):
        return None
    if ORDER.index(key) > place.item and ORDER.index(key) > ORDER.index("8"):
        place.notes = False
    place.item = ORDER.index(key)
    if key == "6" and "reserved" in rest.lower():
        return "Item 6. [Reserved]"
    return f"Item {key}. {ITEMS[key]}"


def _fits(rest: str, key: str) -> bool:
    """Whether a heading's words are those of its item: two of its first five, or its first."""
    said = re.findall(r"[a-z]+", rest.lower().replace("’", "'"))[:6]
    if key == "6" and "reserved" in said:
        return True
    meant = [word for word in re.findall(r"[a-z]+", ITEMS[key].lower()) if word not in SMALL][:4]
    shared = [word for word in meant if any(word[:7] == other[:7] for other in said)]
    return bool(said) and rest[:1] not in ',;“"' and len(shared) >= min(2, len(meant))


def _statement(lines: Sequence[Line], n: int, place: _Place) -> str | None:
    text = lines[n].text
    if place.item < ORDER.index("8") or len(text.split()) > 14:
        return None
    if place.notes and NOTES.match(text) is None:
        return _schedule(text)
    if AUDITOR.match(text) and len(text) < 80:
        return "Item 8. Report of Independent Registered Public Accounting Firm"
    if NOTES.match(text) and len(text) < 80:
        place.notes = True
        return None if place.note else "Item 8. Notes to Consolidated Financial Statements"
    if STATEMENT.match(text) and (n < 8 or text.isupper()):
        return f"Item 8. {titled(CONTINUED.sub('', text))}"
    return _schedule(text)


def _schedule(text: str) -> str | None:
    match = SCHEDULE.match(text)
    if not match or len(text) > 110 or not re.search(r"(?i)valuation|condensed|parent", text):
        return None
    return f"Item 15. Schedule {match.group(1).upper()} - {titled(match.group(2))}"


def _note(texts: Sequence[str], n: int, place: _Place) -> str | None:
    text = CONTINUED.sub("", texts[n])
    match = NOTE.match(text)
    named = match is not None
    if match is None:
        match = NUMBERED.match(text) if place.notes else None
    if match is None or place.item < ORDER.index("8"):
        return None
    number, title = int(match.group(1)), match.group(2)
    if not (
        title[0].isupper() and len(title.split()) <= 18 and not title.endswith((".", ",", ";"))
    ):
        return None
    if number not in (place.note, place.note + 1, place.note + 2):
        return None
    if not named and (number == place.note or _is_list(texts, n, number)):
        return None
    place.note, place.notes = number, True
    return f"Note {number} - {titled(title)}"


def _is_list(texts: Sequence[str], n: int, number: int) -> bool:
    """Whether a numbered line is one of a list: the next number follows at once."""
    return any(text.startswith(f"{number + 1}. ") for text in texts[n + 1 : n + 7])


def _exhibit(texts: Sequence[str], n: int, place: _Place) -> str | None:
    text = texts[n]
    if (
        re.fullmatch(r"(?i)(?:index (?:to|of) exhibits|exhibits? index)", text)
        and not place.exhibits
    ):
        return "Item 15. Exhibit Index"
    if re.fullmatch(r"(?i)signatures?", text) and not place.exhibits:
        place.signed = True
        return "Signatures"
    match = EXHIBIT.match(text)
    if not match or n > 3 or (not place.signed and place.item < ORDER.index("15")):
        return None
    place.exhibits = True
    return f"Exhibit {match.group(1)} {_title_after(texts[n + 1 : n + 6])}".strip()


def _untold_exhibit(lines: Sequence[Line], texts: Sequence[str]) -> list[tuple[int, str]]:
    """A new document among the exhibits whose number is not printed: it opens with a title."""
    title = _title_after(texts[:3])
    first = texts[0] if texts else ""
    starts = not first[:1].islower() and not re.match(r"\(?\w{1,3}[.)]", first)
    if title and len(first.split()) <= 14 and starts and not first.endswith("."):
        return [(0, f"Exhibit {title}")]
    return []


def _title_after(texts: Sequence[str]) -> str:
    """A document's title from its first lines: those in capitals, or one short line."""
    lines = [text for text in texts if re.search(r"[A-Za-z]{3}", text) and not EXHIBIT.match(text)]
    capitals: list[str] = []
    for text in lines:
        if not text.isupper():
            break
        capitals.append(text)
    chosen = capitals[:3] or [text for text in lines[:1] if len(text) < 110]
    return titled(" ".join(chosen))[:110].strip()
