"""A page of an open PDF in, its words with their places out; alone knows pypdfium2."""

import ctypes
import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

WORD = re.compile(r"[^\s\ufffe]+\ufffe?")
PASSWORD_ERROR = 4
"""FPDF_ERR_PASSWORD in pdfium's public header."""


class Word(NamedTuple):
    """A word as drawn. Points, y grows upwards, as a reader holds the page; `order` is pdfium's."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    order: int


class Unreadable(Exception):
    """pdfium refuses the file or the page; `password` tells whether it asks for one."""

    def __init__(self, reason: str, *, password: bool = False) -> None:
        super().__init__(reason)
        self.password = password


@contextmanager
def open_pdf(path: Path) -> Generator[Any]:
    """The PDF at `path`, for `words`; an empty password is tried. Raises Unreadable."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        needs = getattr(error, "err_code", None) == PASSWORD_ERROR or "password" in str(error)
        raise Unreadable(str(error), password=needs) from None
    with closing(document):
        yield document


def words(document: Any, index: int) -> list[Word]:
    """The words of the page at `index` (0-based), in pdfium's order. Raises Unreadable."""
    import pypdfium2

    try:
        with closing(document[index]) as page, closing(page.get_textpage()) as textpage:
            found = list(_words(textpage))
            turned = int(page.get_rotation()) % 360 or _lying(found)
            width, height = page.get_mediabox()[2:]
    except (pypdfium2.PdfiumError, IndexError) as error:
        raise Unreadable(str(error)) from None
    return [_turn(word, turned, width, height) for word in found] if turned else found


def _words(textpage: Any) -> Iterator[Word]:
    """Two boxes a word, the first character's and the last one's: a third of the calls of all."""
    import pypdfium2.raw as raw

    text = _text(textpage)
    box_of, page, box = raw.FPDFText_GetLooseCharBox, textpage.raw, raw.FS_RECTF()
    place = ctypes.byref(box)
    for order, match in enumerate(WORD.finditer(text)):
        if not box_of(page, match.start(), place):
            continue
        x0, y0, x1, y1 = box.left, box.bottom, box.right, box.top
        if match.end() - match.start() > 1 and box_of(page, match.end() - 1, place):
            x0, y0 = min(x0, box.left), min(y0, box.bottom)
            x1, y1 = max(x1, box.right), max(y1, box.top)
        yield Word(match.group().replace("\ufffe", "-"), x0, y0, x1, y1, order)


def _text(textpage: Any) -> str:
    """The page's text, one position a character, so that positions name boxes too."""
    import pypdfium2.raw as raw

    count = textpage.count_chars()
    text: str = textpage.get_text_range()
    if len(text) == count:
        return text
    code_of, page = raw.FPDFText_GetUnicode, textpage.raw
    codes = (code_of(page, position) for position in range(count))
    return "".join("\ufffe" if code == 2 else chr(code or 32) for code in codes)


def _lying(found: list[Word]) -> int:
    """The turn that sets a page upright whose words stand on end although the page does not."""
    long = [word for word in found if len(word.text) > 3]
    standing = [word for word in long if word.y1 - word.y0 > 1.5 * (word.x1 - word.x0)]
    return 90 if long and len(standing) > 0.7 * len(long) else 0


def _turn(word: Word, degrees: int, width: float, height: float) -> Word:
    text, x0, y0, x1, y1, order = word
    if degrees == 90:
        return Word(text, y0, width - x1, y1, width - x0, order)
    if degrees == 180:
        return Word(text, width - x1, height - y1, width - x0, height - y0, order)
    return Word(text, height - y1, x0, height - y0, x1, order)
