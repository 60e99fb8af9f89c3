"""Real filings, where somebody has them: sections, pages, and figures held against their tags."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.filings import ReadFiling, read_filing
from backend.filings.words import open_pdf, words

NVIDIA = "nvidia-sec-10k-2022"


@pytest.fixture(scope="session")
def filing(shared_data: Path) -> Callable[[str], ReadFiling]:
    """Reads a filing once a session."""
    read: dict[str, ReadFiling] = {}

    def get(name: str) -> ReadFiling:
        if name not in read:
            path = shared_data / "pdfs" / f"{name}.pdf"
            read[name] = read_filing(path, max_pages=2000, page_timeout=60)
        return read[name]

    return get


@pytest.mark.parametrize(
    ("name", "company", "ticker", "year"),
    [
        (NVIDIA, "NVIDIA Corporation", "NVDA", 2023),
        ("uber_2021", "Uber Technologies, Inc.", "UBER", 2021),
        ("lyft_2021", "Lyft, Inc.", "LYFT", 2021),
        ("AMCOR_2023_10K", "Amcor plc", "AMCR", 2023),
        ("VERIZON_2022_10K", "Verizon Communications Inc.", "VZ", 2022),
        ("ACTIVISIONBLIZZARD_2019_10K", "Activision Blizzard, Inc.", "ATVI", 2019),
    ],
)
def test_the_cover_of_a_real_filing_is_read(
    name: str, company: str, ticker: str, year: int, filing: Callable[[str], ReadFiling]
) -> None:
    cover = filing(name).cover

    assert (cover.company, cover.ticker, cover.form) == (company, ticker, "10-K")
    assert cover.fiscal_year == year


@pytest.mark.parametrize(
    ("name", "least"), [(NVIDIA, 17), ("uber_2021", 20), ("VERIZON_2022_10K", 16)]
)
def test_items_statements_and_notes_are_sections(
    name: str, least: int, filing: Callable[[str], ReadFiling]
) -> None:
    sections = {chunk.section for chunk in filing(name).chunks}

    notes = {int(match.group(1)) for one in sections if (match := re.match(r"Note (\d+) ", one))}
    assert {"Item 1. Business", "Item 1A. Risk Factors"} <= sections
    assert "Item 7. Management's Discussion and Analysis" in sections
    assert "Item 8. Consolidated Statements of Cash Flows" in sections
    assert "Item 8. Consolidated Balance Sheets" in sections
    assert notes >= set(range(1, least + 1))


def test_nearly_half_of_the_nvidia_filing_is_labelled_as_exhibits(
    filing: Callable[[str], ReadFiling],
) -> None:
    chunks = filing(NVIDIA).chunks

    pages = {chunk.pages[0] for chunk in chunks if chunk.section.startswith("Exhibit ")}
    assert pages == set(range(93, 170))


@pytest.mark.parametrize("name", [NVIDIA, "VERIZON_2022_10K"])
def test_nearly_every_word_of_a_page_is_in_a_chunk_of_that_page(
    name: str, shared_data: Path, filing: Callable[[str], ReadFiling]
) -> None:
    chunks = filing(name).chunks
    shares: dict[int, float] = {}

    with open_pdf(shared_data / "pdfs" / f"{name}.pdf") as document:
        for index in range(len(document)):
            drawn = Counter(_plain(" ".join(word.text for word in words(document, index))))
            held = Counter(
                word for one in chunks if index + 1 in one.pages for word in _plain(one.text)
            )
            if drawn.total() > 20:
                shares[index + 1] = 1 - (drawn - held).total() / drawn.total()

    # Running heads, feet and page numbers are left out on purpose.
    assert sum(shares.values()) / len(shares) > 0.975
    assert {page: share for page, share in shares.items() if share < 0.85} == {}


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_chunks_are_of_the_size_of_evidence(filing: Callable[[str], ReadFiling]) -> None:
    chunks = filing(NVIDIA).chunks

    prose = [len(one.text.split()) for one in chunks if one.kind == "prose"]
    rows = [len(one.text.split("\n")) - 2 for one in chunks if one.kind == "table"]
    assert max(prose) <= 330  # 250, and the end of a sentence that a page's end cut
    assert max(rows) <= 27
    assert all(one.pages and all(0 < page <= 169 for page in one.pages) for one in chunks)


class Tagged(NamedTuple):
    """A figure that the company itself tagged in a table of its filing."""

    label: str
    text: str
    year: str


class TaggedTables(HTMLParser):
    """Reads inline XBRL: the tagged figures that stand in table rows, with their row's label."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, str] = {}
        self.found: list[tuple[list[str], str, list[str]]] = []
        self._context = ""
        self._tag = ""
        self._row: list[str] | None = None
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._tag = tag
        if tag == "xbrli:context":
            self._context = given.get("id") or ""
        elif tag == "tr":
            self._row = []
        elif tag == "td" and self._row is not None:
            self._row.append("")
        elif tag == "ix:nonfraction" and self._row is not None:
            self._text = []
            self.found.append((self._row, given.get("contextref") or "", self._text))

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""
        if tag == "tr":
            self._row = None
        elif tag == "ix:nonfraction":
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._tag in ("xbrli:instant", "xbrli:enddate"):
            self.ends[self._context] = data.strip()
        if self._text is not None:
            self._text.append(data)
        if self._row:
            self._row[-1] += data

    def tagged(self) -> Iterator[Tagged]:
        for row, context, text in self.found:
            label = next((cell.strip() for cell in row if cell.strip()), "")
            yield Tagged(label, "".join(text).strip(), self.ends.get(context, "")[:4])


def test_the_figures_that_nvidia_tagged_stand_in_their_rows(
    shared_data: Path, filing: Callable[[str], ReadFiling]
) -> None:
    parser = TaggedTables()
    parser.feed((shared_data / "xbrl" / "nvda-20230129.html").read_text(encoding="utf-8"))
    facts = [fact for fact in parser.tagged() if re.search(r"\d", fact.text)]
    cells = list(_cells(filing(NVIDIA)))

    values = {(label, figure) for label, figure, _ in cells}
    dated = {(label, figure, year) for label, figure, heading in cells for year in heading}
    held = [fact for fact in facts if (_key(fact.label), _digits(fact.text)) in values]
    right = [fact for fact in held if (_key(fact.label), _digits(fact.text), fact.year) in dated]

    # What is missing: figures within labels ("0.309% Notes"), footnoted labels; and years of
    # opening balances and of statements of equity, whose columns are headed by no year.
    assert len(facts) > 800
    assert len(held) / len(facts) > 0.93
    assert len(right) / len(held) > 0.84


def _cells(filing: ReadFiling) -> Iterator[tuple[str, str, set[str]]]:
    for chunk in filing.chunks:
        if chunk.kind == "table" and not chunk.section.startswith("Exhibit"):
            caption, heads, *rows = chunk.text.split("\n")
            headings = heads.split(" | ")
            for row in rows:
                cells = row.split(" | ")
                for n, cell in enumerate(cells[1:], 1):
                    near = f"{caption} {cells[0]} {headings[n]}"
                    yield _key(cells[0]), _digits(cell), set(re.findall(r"20\d\d", near))


def _key(label: str) -> str:
    return re.sub(r"\(\d\)$|[^a-z0-9]", "", label.lower())


def _digits(text: str) -> str:
    return re.sub(r"[^\d.]", "", text)
