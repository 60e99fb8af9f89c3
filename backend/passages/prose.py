"""Running text in, its sentences out; alone knows which full stops end one."""

import re
from functools import lru_cache

_ABBREVIATIONS = frozenset(
    """
inc corp ltd co llc l.p no nos mr mrs ms dr st jr sr vs etc e.g i.e approx est dept fig vol ave
blvd jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k u.s.c s.a n.v cf al art sec para
""".split()  # noqa: SIM905
)
_STARTERS = frozenset(
    """
the we our in this these those it its as at if for on to a an although while however additionally
during under there such other no see refer many some any each all most when because since
""".split()  # noqa: SIM905
)
_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[$\u2022\u25cf]?[A-Z0-9])")


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    word = re.search(r"[\w.&]*$", text[: match.start()])
    last = (word[0] if word else "").lower().strip(".")
    following = re.match(r"\W*(\w+)", text[match.end() :])
    after = following[1] if following else ""
    starts = after.lower() in _STARTERS and after[:1].isupper()
    if last in _ABBREVIATIONS:
        return starts and last not in ("no", "nos", "vs", "e.g", "i.e", "approx", "mr", "ms", "dr")
    if len(last) == 1 and last.isalpha():
        return starts
    return not (last.isdigit() and len(last) < 3 and match.start() <= 3)


@lru_cache(maxsize=4096)
def sentence_tuple(text: str) -> tuple[str, ...]:
    """As `sentences`, cached and immutable."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n|\s*[\u2022\u25cf\u25aa]\s*", text):
        flat = " ".join(block.split())
        start = 0
        for match in _END.finditer(flat):
            if _ends_sentence(flat, match):
                found.append(flat[start : match.end()].strip())
                start = match.end()
        found.append(flat[start:].strip())
    return tuple(sentence for sentence in found if re.search(r"[A-Za-z]", sentence))


def sentences(text: str) -> list[str]:
    """The sentences of running text; "Inc.", "U.S.", "No. 5" and decimals end none."""
    return list(sentence_tuple(text))
