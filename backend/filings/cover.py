"""A filing's text in, what its cover says about it out: who, which form, which year."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

MONTHS = {date(2000, n, 1).strftime("%B").lower(): n for n in range(1, 13)}
DATE = rf"(?P<month>{'|'.join(MONTHS)})\s+(?P<day>\d{{1,2}})\s*,?\s+(?P<year>(?:19|20)\d\d)"
PERIOD_END = re.compile(
    rf"(?i)for\s+the\s+(?:fiscal\s+|transition\s+|quarterly\s+)?(?:year|period)\s*(?:ended|ending|from)"
    rf"\s*:?\s*{DATE}"
)
ANY_END = re.compile(rf"(?i)\b(?:year|period)\s+(?:ended|ending)\s*:?\s*{DATE}")
FORM = re.compile(r"(?i)\bform\s+(10-?K(?:T|SB|405)?(?:/A)?|10-?Q(?:/A)?|20-?F(?:/A)?|40-?F)\b")
NAMED = re.compile(r"(?i)exact\s+name\s+of\s+(?:the\s+)?(?:registrant|company|issuer)")
SYMBOL = re.compile(r"(?:[A-Z]{1,5}(?:[.-][A-Z]{1,2})?)")
FISCAL = re.compile(r"(?i)\b(?:fiscal(?:\s+year)?s?|FY)\s*((?:19|20)\d\d)\b")
SUBJECT = re.compile(r"(?i)form\s+(\S+)\s+filed.*period\s+ending\s+(\d{4})-(\d\d)-(\d\d)")


@dataclass(frozen=True, slots=True)
class CoverFacts:
    """Empty or None where neither cover nor metadata tell."""

    company: str = ""
    ticker: str = ""
    form: str = ""
    fiscal_year: int | None = None
    period_end: date | None = None


def read_cover(pages: Sequence[Sequence[str]], metadata: Mapping[str, str]) -> CoverFacts:
    """What the first pages' lines say, the metadata where they are silent.

    `pages` are all pages' lines: the document's own words name its fiscal year.
    """
    front = [line for page in pages[:3] for line in page]
    text = "\n".join(front)
    form, end = _form(text), _period_end(text)
    told = SUBJECT.search(metadata.get("/Subject", ""))
    if told:
        form = form or told.group(1)
        end = end or date(int(told.group(2)), int(told.group(3)), int(told.group(4)))
    company = _company(front)
    return CoverFacts(company, _ticker(front), form, _fiscal_year(pages, end), end)


def _form(text: str) -> str:
    match = FORM.search(text)
    return re.sub(r"^(10|20|40)-?", r"\1-", match.group(1).upper()) if match else ""


def _period_end(text: str) -> date | None:
    match = PERIOD_END.search(text) or ANY_END.search(text)
    return _date(match) if match else None


def _date(match: re.Match[str]) -> date | None:
    try:
        return date(int(match["year"]), MONTHS[match["month"].lower()], int(match["day"]))
    except ValueError:
        return None


def _company(lines: Sequence[str]) -> str:
    """The line above "(Exact name of registrant ...)", without rules drawn as characters."""
    for n, line in enumerate(lines):
        if NAMED.search(line):
            for above in reversed(lines[max(0, n - 4) : n]):
                name = above.strip(" _-–—*\t")
                if re.search(r"[A-Za-z]{2}", name):
                    return _name(name)
    return ""


def _name(text: str) -> str:
    """A name set in capitals as it is written elsewhere: "Uber Technologies, Inc."."""
    text = " ".join(text.split())
    if not text.isupper():
        return text
    words = text.split()
    return " ".join(_word(word, n) for n, word in enumerate(words))


def _word(word: str, position: int) -> str:
    bare = word.strip(".,").lower()
    if bare in {"of", "and", "the", "for"} and position:
        return word.lower()
    if bare in {"plc"}:
        return word.lower()
    if bare in {
        "llc",
        "lp",
        "l.p",
        "n.v",
        "s.a",
        "u.s",
        "usa",
        "nvidia",
        "ibm",
        "amd",
        "hp",
        "jpm",
    }:
        return word.upper()
    return "-".join(part.capitalize() for part in word.split("-"))


def _ticker(lines: Sequence[str]) -> str:
    """The first trading symbol: capitals that stand alone below the heading of symbols."""
    for n, line in enumerate(lines):
        if re.search(r"(?i)(?:trading|ticker)\s+symbol|symbol\(s\)", line):
            for below in lines[n + 1 : n + 8]:
                for word in below.replace(",", " ").split():
                    if SYMBOL.fullmatch(word) and word not in _NOT_SYMBOLS:
                        return word
            break
    text = " ".join(lines)
    match = re.search(
        r"(?i:under\s+the\s+(?:trading\s+|ticker\s+)?symbol)\s+[“\"'‘]?([A-Z.]{1,6})", text
    )
    return match.group(1).strip(".") if match else ""


_NOT_SYMBOLS = {
    "A",
    "B",
    "C",
    "D",
    "I",
    "II",
    "III",
    "LLC",
    "INC",
    "NYSE",
    "NASDAQ",
    "NONE",
    "US",
    "U.S",
    "OF",
    "THE",
    "NEW",
    "YORK",
    "STOCK",
    "NOTES",
    "DUE",
    "ON",
    "N/A",
    "NA",
    "LP",
    "PLC",
    "CLASS",
    "PAR",
    "COMMON",
    "VALUE",
    "PER",
    "SHARE",
    "SHARES",
    "EACH",
    "TITLE",
    "NAME",
    "WHICH",
}


def _fiscal_year(pages: Sequence[Sequence[str]], end: date | None) -> int | None:
    """The year by the document's own name for it.

    A year that ends in the first months is named for the year before it by some companies, for
    its own by others: what the text calls fiscal most often, of the two, decides; an explicit
    "fiscal 2022 ... ended January 28, 2023" decides first.
    """
    if end is None:
        return None
    if end.month > 5:
        return end.year
    text = " ".join(line for page in pages for line in page)
    said = Counter(year for year in _named_years(text, end))
    if said:
        return said.most_common(1)[0][0]
    counts = Counter(int(match.group(1)) for match in FISCAL.finditer(text))
    return end.year - 1 if counts[end.year - 1] > 1.3 * counts[end.year] else end.year


def _named_years(text: str, end: date) -> Iterator[int]:
    """Years that the text itself ties to the day: "fiscal year 2023 ... ended January 29, 2023"."""
    day = rf"{end:%B}\s+{end.day},\s+{end.year}"
    year = r"fiscal\s+(?:year\s+)?((?:19|20)\d\d)"
    means = r"(?:ended|ending|refers? to|ends?|is|was)"
    ties = (
        rf"(?i)\b{year}\b[^.;]{{0,40}}\b{means}\b[^.;\d]{{0,60}}{day}",
        rf"(?i)\b(?:ended|ending)\s+(?:on\s+)?{day}\s*,?\s*\(?[“\"'(]*{year}",
    )
    for pattern in ties:
        for match in re.finditer(pattern, text):
            named = int(match.group(1))
            if named in (end.year - 1, end.year):
                yield named
