"""Reading a PDF whole: what comes out of good files, and the one line about each bad one."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pypdfium2
import pytest

from backend.errors import BadFile
from backend.filings import ReadFiling, child, read_filing
from backend.filings.structure import open_reader, structure
from tests import broken_pdfs


def read(path: Path, *, max_pages: int = 100, page_timeout: float = 20.0) -> ReadFiling:
    return read_filing(path, max_pages=max_pages, page_timeout=page_timeout)


def reason(path: Path, *, max_pages: int = 100, page_timeout: float = 20.0) -> str:
    with pytest.raises(BadFile) as caught:
        read(path, max_pages=max_pages, page_timeout=page_timeout)
    return str(caught.value)


def test_a_filing_is_read_with_its_cover_pages_and_chunks(tmp_path: Path) -> None:
    filing = read(broken_pdfs.good(tmp_path / "plain.pdf"))

    assert filing.file == "plain.pdf"
    assert filing.cover.company == "Plain Goods, Inc."
    assert filing.cover.ticker == "TEST"
    assert filing.cover.form == "10-K"
    assert filing.cover.fiscal_year == 2024
    assert filing.pages == 3
    assert {page for chunk in filing.chunks for page in chunk.pages} == {1, 2, 3}
    assert re.fullmatch(r"[0-9a-f]{64}", filing.sha256)


def test_a_table_keeps_label_headings_unit_and_scale(tmp_path: Path) -> None:
    filing = read(broken_pdfs.good(tmp_path / "plain.pdf"))

    table = next(chunk for chunk in filing.chunks if chunk.kind == "table")
    assert table.pages == (3,)
    assert table.section == "Item 7. Management's Discussion and Analysis"
    assert table.text.split("\n") == [
        "The following table shows our sales (in millions)",
        " | 2024 | 2023",
        "Sales of goods | 1,204 | 1,100",
        "Sales of services | 96 | (12)",
    ]


def test_progress_names_each_page_before_it_is_read(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    read_filing(
        broken_pdfs.good(tmp_path / "plain.pdf"),
        max_pages=100,
        page_timeout=20,
        on_page=lambda page, pages: told.append((page, pages)),
    )

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_progress_raises_ends_the_reading(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(page: int, pages: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        read_filing(
            broken_pdfs.good(tmp_path / "plain.pdf"), max_pages=100, page_timeout=20, on_page=stop
        )


def test_an_empty_password_opens_by_itself(tmp_path: Path) -> None:
    filing = read(broken_pdfs.encrypted(tmp_path / "open.pdf", ""))

    assert filing.cover.company == "Plain Goods, Inc."


def test_printed_page_numbers_that_differ_are_a_note(tmp_path: Path) -> None:
    filing = read(broken_pdfs.with_structure(tmp_path / "labels.pdf"))

    assert filing.notes == ["Pages are counted from the file's first; page 1 is printed as i."]


def test_metadata_labels_and_outline_are_read(tmp_path: Path) -> None:
    told = structure(open_reader(broken_pdfs.with_structure(tmp_path / "labels.pdf")))

    assert told.labels == ("i", "1", "2")
    assert told.outline == ((2, "Results"),)
    assert "period ending 2024-12-31" in told.metadata["/Subject"]


def test_a_document_without_items_is_divided_by_its_outline(tmp_path: Path) -> None:
    pages = [broken_pdfs.prose(700, f"This is page {n} of a report. " * 8) for n in range(3)]
    plain = broken_pdfs.write_pdf(tmp_path / "report.pdf", pages)
    broken_pdfs.outlined(plain, {"Opening": 0, "Findings": 1})

    filing = read(plain)

    assert [chunk.section for chunk in filing.chunks] == ["Opening", "Findings", "Findings"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken_pdfs.empty, ["0 bytes", "Fetch"]),
        (broken_pdfs.web_page, ["not a PDF", "%PDF-", "a web page", "export"]),
        (broken_pdfs.truncated, ["truncated", "%%EOF", "Fetch"]),
        (broken_pdfs.garbled, ["damaged", "Fetch"]),
        (broken_pdfs.scanned, ["no text", "3 pages of images", "OCR"]),
        (partial(broken_pdfs.encrypted, password="secret"), ["locked", "password", "unlocked"]),
    ],
    ids=["empty", "web page", "truncated", "garbled", "scanned", "locked"],
)
def test_a_bad_file_gives_one_line_of_what_was_expected_found_and_to_do(
    make: Callable[[Path], Path], words: list[str], tmp_path: Path
) -> None:
    said = reason(make(tmp_path / "bad.pdf"))

    assert "\n" not in said
    assert [word for word in words if word not in said] == []


def test_too_many_pages_are_refused_by_their_count(tmp_path: Path) -> None:
    said = reason(broken_pdfs.with_blank_pages(tmp_path / "long.pdf", 5000), max_pages=2000)

    assert said.startswith("It has 5,000 pages: expected at most 2,000.")
    assert "TENK_MAX_PAGES" in said


def test_a_page_that_takes_too_long_is_named_and_given_up(tmp_path: Path) -> None:
    heavy = broken_pdfs.heavy(tmp_path / "heavy.pdf", page=2)

    said = reason(heavy, page_timeout=0.3)

    assert said.startswith("Page 2 took longer than 0.3 s")
    assert "TENK_PAGE_TIMEOUT" in said


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    said = reason(tmp_path / "nowhere.pdf")

    assert "cannot be opened" in said


def test_a_pdf_without_a_page_is_refused(tmp_path: Path) -> None:
    said = reason(broken_pdfs.with_blank_pages(tmp_path / "none.pdf", 0))

    assert "no pages" in said or "damaged" in said


class Unloadable:
    """A document whose pages pdfium cannot load."""

    def __getitem__(self, index: int) -> object:
        raise pypdfium2.PdfiumError("Failed to load page.")


def test_a_page_that_pdfium_cannot_load_is_read_by_pypdf_with_a_note(tmp_path: Path) -> None:
    reader = open_reader(broken_pdfs.good(tmp_path / "plain.pdf"))
    notes: list[str] = []

    found = child.page_words(Unloadable(), reader, 2, notes)

    lines = {line.text for line in child.lines_of(found)}
    assert "Sales of goods 1,204 1,100" in lines
    assert notes == ["Page 3 was read by pypdf; its tables may be less exact."]


def test_a_page_without_text_is_a_note(tmp_path: Path) -> None:
    path = broken_pdfs.write_pdf(
        tmp_path / "gap.pdf", [broken_pdfs.prose(700, "Words of a page. " * 10), []]
    )

    filing = read(path)

    assert filing.pages == 2
    assert filing.notes == ["1 of 2 pages hold no text: 2."]
