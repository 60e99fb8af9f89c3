"""Page text in, the cells of the tables in it out; alone knows how a table looks once its lines
are lost.

Tokens are taken from the right while they are figures: patterns that backtrack hang on long rows.
"""

import re
from collections.abc import Sequence

from backend.passages.tables import Cell, Column, Table, cells_of_row, table_of
from backend.quantities import DASHES, periods, unit_and_scale

_VALUE = re.compile(r"\(?[$\u20ac\u00a3]?\(?-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)\)?%?\)?%?")
_SIGNS = frozenset(("$", "%", "(", ")", ")%", "\u20ac", "\u00a3"))


def _scan(line: str) -> tuple[str, list[str]]:
    """Label and values of a line: tokens are taken from the right while they are figures."""
    tokens = line.split()
    at = len(tokens)
    while at and (
        tokens[at - 1] in _SIGNS or tokens[at - 1] in DASHES or _VALUE.fullmatch(tokens[at - 1])
    ):
        at -= 1
    values: list[str] = []
    prefix = ""
    for token in tokens[at:]:
        if token in ("$", "(", "\u20ac", "\u00a3"):
            prefix += token
        elif token in ("%", ")", ")%") and values:
            values[-1] += token
        else:
            values.append(prefix + token)
            prefix = ""
    return " ".join(tokens[:at]), values


_HEADING_PART = re.compile(
    r"(?P<change>[$%]\s*(?:of\s+)?change|change\s*(?:\(?[$%]\)?)?|(?:increase|decrease)[^\d$%]*"
    r"|(?<=\s)[$%](?=\s))",
    re.IGNORECASE,
)


def _columns_of(heading: Sequence[str]) -> list[Column]:
    """Columns that stacked heading lines name, in order: their periods and change columns."""
    text = " ".join(heading)
    named = [(period.start, period.text, period) for period in periods(text)]
    changes = [
        (match.start(), match[0].strip(), None)
        for match in _HEADING_PART.finditer(text)
        if match["change"] and "change" in match[0].lower()
    ]
    if not named:
        return []
    ordered = sorted([*named, *changes], key=lambda part: part[0])
    return [
        Column(label, period, "percent" if "%" in label else "", 1.0 if "%" in label else None)
        for _, label, period in ordered
    ]


def _fit(columns: list[Column], count: int) -> list[Column]:
    """The columns that `count` values stand under."""
    if len(columns) == count:
        return columns
    dated = [column for column in columns if column.period]
    return dated if len(dated) == count or len(dated) > count else columns


_DATED = re.compile(
    r"(?:(?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december)\s*(?:\d{1,2},?)?(?:\s*(?:19|20)\d\d)?\s*(?:and\s*)?)+",
    re.IGNORECASE,
)


def _is_heading(label: str, values: Sequence[str]) -> bool:
    if not values or _DATED.fullmatch(f"{label} {' '.join(values)}".strip()):
        return True
    years = [value for value in values if re.fullmatch(r"(?:19|20)\d\d", value)]
    return len(years) == len(values)


def _is_row(label: str, values: Sequence[str], columns: Sequence[Column]) -> bool:
    words = len(label.split())
    if not re.search(r"[A-Za-z]", label):
        return bool(re.fullmatch(r"(?:19|20)\d\d(?:\D+\d{4})?", label)) and bool(columns)
    if len(values) > 1:
        return words <= 30
    marked = re.search(r"[,$%()]|\d{2}", values[0])
    return bool(columns) and words <= 10 and bool(marked) and not label.endswith((".", ",", " of"))


def running_cells(text: str) -> list[Cell]:
    found: list[Cell] = []
    heading: list[str] = []
    table, columns, group, carried = table_of(""), list[Column](), "", ""
    for raw in text.splitlines():
        line = raw.strip()
        label, values = _scan(line)
        if not line or len(line) > 240:
            heading, carried = [], ""
            continue
        if _is_heading(label, values) or not _is_row(label, values, columns):
            heading = [*heading[-11:], line]
            carried = label if not values else ""
            continue
        table, columns, group = _take_heading(heading, table, columns, group)
        if carried and label[:1].islower() and heading:
            label = f"{carried} {label}"
        heading, carried = [], ""
        found += cells_of_row(table, _fit(columns, len(values)), label, values, group=group)
    return found


def _take_heading(
    heading: list[str], table: Table, columns: list[Column], group: str
) -> tuple[Table, list[Column], str]:
    """Table, columns and group after the lines that stood between two rows."""
    if not heading:
        return table, columns, group
    named = _columns_of([line for line in heading if len(line) < 90])
    if not named:
        return table, columns, heading[-1] if len(heading[-1]) < 90 else group
    first = next(i for i, line in enumerate(heading) if periods(line) or len(line) < 90)
    titles = [line for line in heading[first:] if unit_and_scale(line)[1] != 1.0 or line.isupper()]
    above = heading[max(0, first - 1) : first]
    caption = " ".join(dict.fromkeys([*above, *titles])) or heading[first]
    last = heading[-1]
    inner = last if not periods(last) and last not in titles else ""
    return table_of(caption), named, inner


def prose_of(text: str) -> str:
    """Page text without the lines that are rows of a table or stand alone as a number."""
    kept: list[str] = []
    for line in text.splitlines():
        label, values = _scan(line.strip())
        row = len(values) > 1 and len(line) < 240 or (values and len(label.split()) < 5)
        kept.append("" if row else line)
    return "\n".join(kept)
