"""A question and its evidence in, one row of numbers a candidate out; alone knows what each means.

Every feature lies between 0 and 1, so that weights can be compared and learn at one rate.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Candidate, Evidence, Row, Sentence
from backend.passages import Cell
from backend.quantities import Period, periods
from backend.terms import statements_named, stem_tuple

FEATURES = (
    "overlap",  # share of the question's words found, each counting the same
    # -- cells
    "cell",
    "cell_figure",
    "cell_prose",
    "row_words",
    "row_synonyms",
    "row_precision",
    "row_exact",
    "row_around",
    "row_strange",  # how much of the heading above and the caption was not asked for
    "primary",  # stands in one of the statements
    "column_words",
    "column_strange",
    "column_total",  # a column of totals
    "beginning",  # what a period began with, where the question does not ask for that
    "period_match",
    "period_conflict",
    "period_unknown",
    "period_latest",
    "date_match",
    "date_conflict",  # the year is right, the day is another
    "change_asked",
    "change_unasked",
    "unit_match",
    "unit_conflict",
    "total_asked",
    "total_unasked",
    "nil",
    "statement",
    # -- sentences
    "sentence_figure",
    "sentence_words",
    "sentence_synonyms",
    "sentence_precision",
    "sentence_pairs",
    "sentence_number",
    "sentence_unit",
    "sentence_period",
    "sentence_other_period",
    "sentence_reason",
    "sentence_short",
    "sentence_long",
    "sentence_unfinished",  # a heading, or an item of a list
    "sentence_neighbours",
    "sentence_names",  # names or defines: "consists of", "include", "is defined as"
    # -- both
    "section_words",
    "rank",
    "filing_year",
    # -- refusing
    "refuse",
    "refuse_prose",
    "refuse_found",
    "refuse_found_period",
    "refuse_no_period",
    "refuse_missing",  # how much of the question stands nowhere in the evidence
)
AT = {name: place for place, name in enumerate(FEATURES)}
Matrix = NDArray[np.float64]
_EMPTY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Scale:
    """The question's terms with their weights, and what else may stand for each of them."""

    weights: dict[str, float]  # of the question's terms; they add up to 1
    weight: Callable[[str], float]
    synonyms: tuple[tuple[frozenset[str], tuple[frozenset[str], ...]], ...]


def _scale(asked: Asked, evidence: Evidence) -> _Scale:
    raw = {term: evidence.weight(term) for term in asked.terms}
    total = sum(raw.values()) or 1.0
    known = set(asked.terms)
    phrases = tuple(
        (frozenset(key) & known, tuple(frozenset(other) for other in others))
        for key, others in asked.phrases
    )
    return _Scale({t: w / total for t, w in raw.items()}, evidence.weight, phrases)


def _found(scale: _Scale, words: frozenset[str]) -> tuple[float, float, frozenset[str]]:
    """Share of the question's weight in `words`: as worded, and with synonyms; words used."""
    hit = {term: 1.0 for term in scale.weights if term in words}
    plain = sum(scale.weights[term] for term in hit)
    used = set(hit)
    for key, others in scale.synonyms:
        shares = [len(other & words) / len(other) for other in others]
        best = max(shares)
        if best > 0.6:
            for other, share in zip(others, shares, strict=True):
                used |= other & words if share == best else _EMPTY
            hit |= {term: max(best, hit.get(term, 0.0)) for term in key}
    full = sum(scale.weights[term] * share for term, share in hit.items())
    return plain, full, frozenset(used)


def _precision(scale: _Scale, words: frozenset[str], used: frozenset[str]) -> float:
    whole = sum(scale.weight(word) for word in words)
    return sum(scale.weight(word) for word in words & used) / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class _Place:
    """What the candidates of one passage share."""

    rank: float
    section: frozenset[str]
    year: int | None
    statement: float  # 1 where the question names the statement that this is
    primary: float  # 1 where it is a statement at all


_PRIMARY = re.compile(
    r"\b(?:statements? of (?:consolidated )?(?:income|operations|earnings|cash flows?|financial"
    r"|comprehensive|(?:share|stock)holders)|balance sheets?|income statements?)",
    re.IGNORECASE,
)


def _places(asked: Asked, evidence: Evidence) -> list[_Place]:
    named = [frozenset(stem_tuple(name)) for name in statements_named(asked.text)]
    found: list[_Place] = []
    for number, (shown, parts) in enumerate(zip(evidence.passages, evidence.parts, strict=True)):
        section = frozenset(stem_tuple(shown.section))
        caption = parts.rows[0].around if parts.rows else _EMPTY
        match = max(
            (len(name & (section | caption)) / len(name) for name in named if name), default=0.0
        )
        first = parts.rows[0].cells[0].caption if parts.rows else ""
        primary = bool(parts.rows and _PRIMARY.search(f"{shown.section} {first}"))
        found.append(
            _Place(1.0 / (1 + number), section, shown.year, float(match > 0.7), float(primary))
        )
    return found


def _period_of(cell: Cell) -> Period | None:
    named = periods(cell.when)
    return named[-1] if named else None


def years_of(cell: Cell) -> frozenset[int]:
    """The fiscal years a cell's period may stand for: a year that ends on 1 January is the last."""
    if cell.period is None:
        return frozenset()
    when = _period_of(cell)
    if when and when.month == 1 and (when.day or 31) <= 7:
        return frozenset((cell.period, cell.period - 1))
    return frozenset((cell.period,))


def _periods(row: dict[str, float], asked: Asked, cell: Cell, latest: int) -> None:
    years = years_of(cell)
    if not asked.years:
        row["period_latest"] = float(bool(years) and max(years) >= latest)
        row["period_unknown"] = 0.5 * (not years)
    elif not years:
        row["period_unknown"] = 1.0
    else:
        row["period_match"] = float(bool(years & asked.years))
        row["period_conflict"] = 1.0 - row["period_match"]
        when = _period_of(cell)
        dated = [p for p in asked.periods if p.month and p.day]
        if when is not None and when.day and dated:
            same = any(p.month == when.month and p.day == when.day for p in dated)
            row["date_match"] = float(same)
            row["date_conflict"] = row["period_match"] * (not same)


def _units(row: dict[str, float], asked: Asked, cell: Cell) -> None:
    unit = cell.quantity.unit
    special = unit in ("percent", "USD per share", "shares")
    if asked.unit == "count":
        row["unit_match"] = 0.5 * (unit in ("", "shares"))
        row["unit_conflict"] = float(unit in ("percent", "USD per share"))
    elif asked.unit:
        row["unit_match"] = float(unit == asked.unit)
        row["unit_conflict"] = float(unit not in ("", asked.unit))
    else:
        row["unit_conflict"] = float(special)
    changes = "change" in cell.column.lower() or "%" in cell.column and cell.period is None
    row["change_asked"] = float(changes and asked.change)
    row["change_unasked"] = float(changes and not asked.change)
    row["nil"] = float(cell.quantity.value == 0 and not any(map(str.isdigit, cell.quantity.text)))


def _row_features(asked: Asked, scale: _Scale, row: Row) -> dict[str, float]:
    """What the cells of one row share."""
    own_plain, own_full, used = _found(scale, row.label)
    _, full, wide = _found(scale, row.label | row.around)
    precision = _precision(scale, row.label, used)
    around = row.around - row.label
    total = row.opens == "total"
    return {
        "cell": 1.0,
        "cell_figure": asked.figure,
        "cell_prose": 1.0 - asked.figure,
        "row_words": own_plain,
        "row_synonyms": own_full,
        "row_precision": precision,
        "row_exact": float(own_full > 0.99 and precision > 0.99),
        "row_around": max(0.0, full - own_full),
        "row_strange": 1.0 - _precision(scale, around, wide) if around else 0.0,
        "total_asked": float(total and asked.total),
        "total_unasked": float(total and not asked.total),
        "overlap": len(asked.every & (row.label | row.around)) / max(1, len(asked.every)),
    }


_TOTALS = frozenset(stem_tuple("total totals consolidated combined"))


def _cell_features(
    asked: Asked, scale: _Scale, row: Row, shared: dict[str, float], column: int, latest: int
) -> dict[str, float]:
    found = dict(shared)
    heading = row.columns[column]
    if heading:
        found["column_words"] = sum(
            weight for term, weight in scale.weights.items() if term in heading - row.label
        )
        named = heading - _TOTALS
        _, _, used = _found(scale, named)
        found["column_strange"] = 1.0 - _precision(scale, named, used) if named else 0.0
        found["column_total"] = float(bool(heading & _TOTALS))
    begins = "begin" in heading or "begin" in row.label
    found["beginning"] = float(begins and "begin" not in asked.every)
    _periods(found, asked, row.cells[column], latest)
    _units(found, asked, row.cells[column])
    return found


_REASONS = frozenset(
    stem_tuple(
        "due driven primarily result reflecting reflects attributable because offset partially"
    )
)


_NAMING = re.compile(
    r"\b(?:includ(?:e|es|ed|ing)|consist(?:s|ed)? of|compris\w+|such as|defined as|refers? to|means"
    r"|is an?|are an?|primarily|principal\w*)\b",
    re.IGNORECASE,
)


def _sentence_features(
    asked: Asked, scale: _Scale, sentence: Sentence, around: frozenset[str]
) -> dict[str, float]:
    plain, full, used = _found(scale, sentence.words)
    _, beside, _ = _found(scale, sentence.words | around)
    pairs = set(zip(asked.terms, asked.terms[1:], strict=False))
    held = set(zip(sentence.stems, sentence.stems[1:], strict=False))
    found = {
        "sentence_figure": asked.figure,
        "sentence_words": plain,
        "sentence_synonyms": full,
        "sentence_precision": _precision(scale, sentence.words, used),
        "sentence_pairs": len(pairs & held) / max(1, len(pairs)),
        "sentence_number": asked.figure * bool(sentence.figures),
        "sentence_unit": asked.figure * (asked.unit in sentence.units if asked.unit else 0.0),
        "sentence_names": (1 - asked.figure) * bool(_NAMING.search(sentence.text)),
        "sentence_reason": float(asked.why and bool(sentence.words & _REASONS)),
        "sentence_short": float(len(sentence.stems) < 5),
        "sentence_long": min(1.0, len(sentence.stems) / 60),
        "sentence_unfinished": float(sentence.text[-1] not in '.!?\u201d"'),
        "sentence_neighbours": max(0.0, beside - full),
        "overlap": len(asked.every & sentence.words) / max(1, len(asked.every)),
    }
    if asked.years and sentence.years:
        found["sentence_period"] = float(bool(asked.years & sentence.years))
        found["sentence_other_period"] = 1.0 - found["sentence_period"]
    return found


def _shared(asked: Asked, scale: _Scale, place: _Place) -> dict[str, float]:
    found = {
        "section_words": _found(scale, place.section)[1],
        "rank": place.rank,
        "statement": place.statement,
        "primary": place.primary,
    }
    if asked.years and place.year is not None:
        ahead = place.year - max(asked.years)
        found["filing_year"] = 1.0 if ahead == 0 else 0.5 if 0 < ahead <= 2 else 0.0
    return found


def _around(sentences: Sequence[Sentence], place: int) -> frozenset[str]:
    before = sentences[place - 1].words if place else _EMPTY
    after = sentences[place + 1].words if place + 1 < len(sentences) else _EMPTY
    return before | after


def _rows(asked: Asked, evidence: Evidence) -> Iterable[dict[str, float]]:
    scale = _scale(asked, evidence)
    for place, parts in zip(_places(asked, evidence), evidence.parts, strict=True):
        shared = _shared(asked, scale, place)
        for row in parts.rows:
            latest = max((cell.period or 0 for cell in row.cells), default=0)
            own = _row_features(asked, scale, row)
            for column in range(len(row.cells)):
                yield shared | _cell_features(asked, scale, row, own, column, latest)
        for number, sentence in enumerate(parts.sentences):
            around = _around(parts.sentences, number)
            own = _sentence_features(asked, scale, sentence, around)
            yield shared | own


def _missing(asked: Asked, evidence: Evidence) -> float:
    """Share of the question's weight that no row and no sentence holds, in any wording."""
    scale = _scale(asked, evidence)
    everything = frozenset(evidence.counts)
    around = [row.around for parts in evidence.parts for row in parts.rows]
    return 1.0 - _found(scale, everything.union(*around))[1] if asked.terms else 0.0


def _refusing(matrix: Matrix, candidates: Sequence[Candidate], asked: Asked) -> None:
    """Fill the last row, which refuses: it stands against the best that was found."""
    row = matrix[-1]
    row[AT["refuse"]] = 1.0
    if len(candidates) == 1:
        return
    others = matrix[:-1]
    covered = np.maximum(
        others[:, AT["row_synonyms"]] + others[:, AT["row_around"]] + others[:, AT["column_words"]],
        others[:, AT["sentence_synonyms"]] + others[:, AT["sentence_neighbours"]],
    )
    if asked.figure > 0.5:  # words without a figure are no sign that there is one
        covered = covered * np.maximum(others[:, AT["cell"]], others[:, AT["sentence_number"]] > 0)
    timely = others[:, AT["period_match"]] + others[:, AT["sentence_period"]]
    row[AT["refuse_found"]] = min(1.0, float(covered.max()))
    row[AT["refuse_prose"]] = 1.0 - asked.figure
    if asked.years:
        row[AT["refuse_found_period"]] = min(1.0, float((covered * timely).max()))
        row[AT["refuse_no_period"]] = float(timely.max() == 0)


def matrix_of(asked: Asked, evidence: Evidence) -> Matrix:
    """Features of every candidate: shape (candidates, FEATURES), refusing last."""
    matrix = np.zeros((len(evidence.candidates), len(FEATURES)))
    for number, row in enumerate(_rows(asked, evidence)):
        for name, value in row.items():
            matrix[number, AT[name]] = value
    _refusing(matrix, evidence.candidates, asked)
    matrix[-1, AT["refuse_missing"]] = _missing(asked, evidence)
    return matrix
