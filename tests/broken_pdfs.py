"""Writes PDFs for tests: small ones that can be read, and every kind that cannot."""

import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.constants import PageLabelStyle
from reportlab.pdfgen.canvas import Canvas

Text = tuple[float, float, str]
"""x, y and what is written there."""


def write_pdf(path: Path, pages: Sequence[Sequence[Text]], *, size: float = 10) -> Path:
    """A PDF with these texts on its pages. A text that starts with ">" ends at its x."""
    canvas = Canvas(str(path), pagesize=(612, 792))
    for page in pages:
        canvas.setFont("Helvetica", size)
        for x, y, text in page:
            if text.startswith(">"):
                canvas.drawRightString(x, y, text[1:])
            else:
                canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return path


def prose(start: float, words: str, *, left: float = 40) -> list[Text]:
    """Lines of running text from `start` downwards, 12 points apart."""
    lines: list[str] = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) > 95:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [(left, start - 12 * n, line) for n, line in enumerate(lines)]


def cover(company: str, ended: str, *, more: str = "", ticker: str = "TEST") -> list[Text]:
    """A page that looks like a 10-K's first."""
    return [
        (250, 740, "UNITED STATES"),
        (180, 725, "SECURITIES AND EXCHANGE COMMISSION"),
        (270, 700, "FORM 10-K"),
        (200, 680, f"For the fiscal year ended {ended}"),
        (220, 640, company),
        (200, 625, "(Exact name of registrant as specified in its charter)"),
        (60, 600, "Title of each class"),
        (250, 600, "Trading Symbol(s)"),
        (400, 600, "Name of each exchange on which registered"),
        (60, 585, "Common Stock"),
        (270, 585, ticker),
        (400, 585, "The Nasdaq Global Select Market"),
        *prose(540, more),
    ]


def good(path: Path, company: str = "Plain Goods, Inc.") -> Path:
    """Three pages that can be read: a cover, prose, a table."""
    return write_pdf(
        path,
        [
            cover(company, "December 31, 2024"),
            [
                (40, 740, "Item 1. Business"),
                *prose(715, "We make plain goods for people who like them plain. " * 20),
            ],
            [
                (40, 740, "Item 7. Management's Discussion and Analysis"),
                (40, 715, "The following table shows our sales (in millions):"),
                (400, 690, ">2024"),
                (480, 690, ">2023"),
                (40, 675, "Sales of goods"),
                (400, 675, ">1,204"),
                (480, 675, ">1,100"),
                (40, 660, "Sales of services"),
                (400, 660, ">96"),
                (480, 660, ">(12)"),
            ],
        ],
    )


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def web_page(path: Path) -> Path:
    path.write_text("<!DOCTYPE html><html><body>10-K</body></html>", encoding="utf-8")
    return path


def truncated(path: Path) -> Path:
    whole = good(path).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def garbled(path: Path) -> Path:
    """Looks whole from outside, and is noise within."""
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\nstartxref\n99\n%%EOF\n")
    return path


def encrypted(path: Path, password: str) -> Path:
    """Encrypted with AES; it opens by itself where the password is empty."""
    writer = PdfWriter(clone_from=PdfReader(good(path)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    writer.write(path)
    return path


def scanned(path: Path) -> Path:
    """Pages with pictures and no text."""
    canvas = Canvas(str(path), pagesize=(612, 792))
    for _ in range(3):
        canvas.rect(50, 50, 500, 700, fill=1)
        canvas.showPage()
    canvas.save()
    return path


def with_blank_pages(path: Path, count: int) -> Path:
    writer = PdfWriter()
    for _ in range(count):
        writer.add_blank_page(612, 792)
    writer.write(path)
    return path


def heavy(path: Path, *, page: int = 2, drawings: int = 1_500_000) -> Path:
    """A small file in which one page takes seconds to read."""
    contents = {page: zlib.compress(b"0 0 m 9 9 l S\n" * drawings, 1)}
    pages = 3
    kids = " ".join(f"{3 + 2 * n} 0 R" for n in range(pages))
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
    ]
    for n in range(pages):
        data = contents.get(n + 1, zlib.compress(b"BT ET"))
        page_of = f"/Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * n} 0 R"
        parts.append(f"<< /Type /Page {page_of} >>".encode())
        length = f"<< /Length {len(data)} /Filter /FlateDecode >>".encode()
        parts.append(length + b"\nstream\n" + data + b"\nendstream")
    path.write_bytes(_assembled(parts))
    return path


def with_structure(path: Path) -> Path:
    """A good PDF with page labels that differ from page numbers, a title and an outline."""
    return outlined(
        good(path),
        {"Results": 2},
        subject="Form 10-K filed on 2025-02-01 for the period ending 2024-12-31",
    )


def outlined(path: Path, outline: Mapping[str, int], *, subject: str = "") -> Path:
    """The PDF at `path` once more, with an outline of titles and 0-based pages."""
    writer = PdfWriter(clone_from=PdfReader(path))
    if subject:
        writer.set_page_label(0, 0, style=PageLabelStyle.LOWERCASE_ROMAN)
        writer.set_page_label(1, 2, style=PageLabelStyle.DECIMAL, start=1)
        writer.add_metadata({"/Subject": subject})
    add: Any = writer.add_outline_item
    for title, page in outline.items():
        add(title, page)
    writer.write(path)
    return path


def _assembled(parts: Sequence[bytes]) -> bytes:
    out = BytesIO()
    out.write(b"%PDF-1.5\n")
    places: list[int] = []
    for n, part in enumerate(parts, 1):
        places.append(out.tell())
        out.write(f"{n} 0 obj\n".encode() + part + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n".encode())
    out.writelines(f"{place:010d} 00000 n \n".encode() for place in places)
    out.write(
        f"trailer << /Size {len(parts) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    )
    return out.getvalue()
