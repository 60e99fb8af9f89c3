"""A question and its evidence in, one row of numbers a candidate out; alone knows what each means.

Every feature lies between 0 and 1, so that weights can be compared and learn at one rate.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Candidate, Evidence, Parts
from backend.local.reader.cell_features import QUARTERLY, cell_features
from backend.local.reader.sentence_features import sentence_features
from backend.local.reader.weighing import EMPTY, Scale, found_in, scale_of, strangers
from backend.terms import statements_named, stem_tuple

FEATURES = (
    "overlap",  # share of the question's words found, each counting the same
    "held",  # as overlap, synonyms and headings included, and nothing that only asks
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
    "row_changes",  # stands under "Changes in assets and liabilities": no balance
    "row_gap",  # weight of the heaviest word asked that row, heading and caption do not hold
    "row_names",  # share of the names asked (places, people, products) that it does not hold
    "primary",  # stands in one of the statements
    "column_words",
    "column_strange",
    "column_total",  # a column of totals
    "beginning",  # what a period began with, where the question does not ask for that
    "period_match",
    "period_conflict",
    "period_unknown",
    "period_latest",  # none is asked, and it is the filing's own year
    "period_older",  # none is asked, and it is another year
    "date_match",
    "date_conflict",  # the year is right, the day is another
    "change_asked",
    "change_unasked",
    "growth",  # a column of changes in per cent, which the question asks for
    "percent_unasked",
    "growth_share",  # growth is asked, and it is a share of something at one time
    "cell_worded",  # words are asked for: no figure can answer
    "unit_match",
    "unit_conflict",
    "total_asked",
    "total_unasked",
    "nil",
    "statement",
    # -- sentences
    "sentence_figure",
    "sentence_overlap",  # as overlap
    "sentence_words",
    "sentence_synonyms",
    "sentence_precision",
    "sentence_pairs",
    "sentence_number",
    "sentence_bare",  # a figure is asked, and it holds none
    "sentence_count",  # a count is asked, and it holds one
    "sentence_moves",  # a change is asked, and it tells one in figures
    "sentence_unit",
    "sentence_period",
    "sentence_other_period",
    "sentence_reason",
    "sentence_short",
    "sentence_long",
    "sentence_unfinished",  # a heading, or an item of a list
    "sentence_neighbours",
    "sentence_names",  # names or defines: "consists of", "include", "is defined as"
    "sentence_refers",  # only says where something stands
    "kind_time",  # holds what such a question asks for, in the order of ANSWERS
    "kind_person",
    "kind_place",
    "kind_count",
    "kind_account",
    "kind_risk",
    "kind_list",
    "kind_other",  # does not hold it
    "sentence_topic",  # what the heading above it adds
    "sentence_ahead",  # what the next sentence of its paragraph adds
    "sentence_gap",  # as row_gap, the heading included
    "sentence_strangers",  # as row_names
    "sentence_opens",  # the first of its paragraph
    "sentence_item",  # an item of a list
    "sentence_older",  # no period is asked, and it names years, but not the filing's own
    # -- both
    "section_words",
    "passage_words",  # how much of the question its whole passage holds
    "rank",
    "filing_year",
    "exhibit",  # stands in an exhibit: a contract's words, not the company's
    # -- refusing
    "refuse",
    "refuse_prose",
    "refuse_no_period",
    "refuse_missing",  # how much of the question stands nowhere in the evidence
    "refuse_gap",  # the smallest gap of all candidates
    "refuse_names",  # share of the names asked that stand nowhere in the evidence
    "refuse_figure_gap",  # as refuse_gap, where a figure is asked and only such count
)
AT = {name: place for place, name in enumerate(FEATURES)}
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Place:
    """What the candidates of one passage share."""

    rank: float
    section: frozenset[str]
    year: int | None
    statement: float  # 1 where the question names the statement that this is
    primary: float  # 1 where it is a statement at all
    quarterly: bool
    held: float  # share of the question's weight that the whole passage holds


_PRIMARY = re.compile(
    r"\b(?:statements? of (?:consolidated )?(?:income|operations|earnings|cash flows?|financial"
    r"|comprehensive|(?:share|stock)holders)|balance sheets?|income statements?)",
    re.IGNORECASE,
)


def _everything(parts: Parts) -> frozenset[str]:
    around = [row.around for row in parts.rows]
    return frozenset(parts.counts).union(*around, *(one.topic for one in parts.sentences))


def _places(asked: Asked, scale: Scale, evidence: Evidence) -> list[_Place]:
    named = [frozenset(stem_tuple(name)) for name in statements_named(asked.text)]
    found: list[_Place] = []
    for number, (shown, parts) in enumerate(zip(evidence.passages, evidence.parts, strict=True)):
        section = frozenset(stem_tuple(shown.section))
        caption = parts.rows[0].around if parts.rows else EMPTY
        match = max(
            (len(name & (section | caption)) / len(name) for name in named if name), default=0.0
        )
        first = parts.rows[0].cells[0].caption if parts.rows else ""
        primary = bool(parts.rows and _PRIMARY.search(f"{shown.section} {first}"))
        found.append(
            _Place(
                rank=1.0 / (1 + number),
                section=section,
                year=shown.year,
                statement=float(match > 0.7),
                primary=float(primary),
                quarterly=bool(QUARTERLY.search(f"{shown.section} {first}")),
                held=found_in(scale, _everything(parts) | section)[1],
            )
        )
    return found


_EXHIBIT = frozenset(stem_tuple("exhibit exhibits signatures"))


def _shared(asked: Asked, scale: Scale, place: _Place) -> dict[str, float]:
    found = {
        "section_words": found_in(scale, place.section)[1],
        "passage_words": place.held,
        "exhibit": float(bool(place.section & _EXHIBIT)),
        "rank": place.rank,
        "statement": place.statement,
        "primary": place.primary,
    }
    if asked.years and place.year is not None:
        ahead = place.year - max(asked.years)
        found["filing_year"] = 1.0 if ahead == 0 else 0.5 if 0 < ahead <= 2 else 0.0
    return found


def _rows(asked: Asked, evidence: Evidence) -> Iterator[dict[str, float]]:
    scale = scale_of(asked, evidence)
    for place, parts in zip(_places(asked, scale, evidence), evidence.parts, strict=True):
        shared = _shared(asked, scale, place)
        for row in parts.rows:
            for found in cell_features(
                asked, scale, row, year=place.year, quarterly=place.quarterly
            ):
                yield shared | found
        for found in sentence_features(asked, scale, parts.sentences, year=place.year):
            yield shared | found


def _missing(asked: Asked, evidence: Evidence) -> float:
    """Share of the question's weight that no row and no sentence holds, in any wording."""
    scale = scale_of(asked, evidence)
    return 1.0 - found_in(scale, _all_words(evidence))[1] if asked.terms else 0.0


def _all_words(evidence: Evidence) -> frozenset[str]:
    sections = [frozenset(stem_tuple(shown.section)) for shown in evidence.passages]
    return EMPTY.union(*sections, *map(_everything, evidence.parts))


def _refusing(matrix: Matrix, candidates: Sequence[Candidate], asked: Asked) -> None:
    """Fill the last row, which refuses: it stands against the best that was found."""
    row = matrix[-1]
    row[AT["refuse"]] = 1.0
    row[AT["refuse_prose"]] = 1.0 - asked.figure
    if len(candidates) == 1:
        return
    others = matrix[:-1]
    cells = others[:, AT["cell"]] > 0
    gaps = np.where(cells, others[:, AT["row_gap"]], others[:, AT["sentence_gap"]])
    row[AT["refuse_gap"]] = float(gaps.min())
    figures = cells | (others[:, AT["sentence_number"]] > 0)
    if asked.figure > 0.5:  # words without a figure are no sign that there is one
        row[AT["refuse_figure_gap"]] = float(gaps[figures].min()) if figures.any() else 1.0
    if asked.years:
        timely = others[:, AT["period_match"]] + others[:, AT["sentence_period"]]
        row[AT["refuse_no_period"]] = float(timely.max() == 0)


def matrix_of(asked: Asked, evidence: Evidence) -> Matrix:
    """Features of every candidate: shape (candidates, FEATURES), refusing last."""
    matrix = np.zeros((len(evidence.candidates), len(FEATURES)))
    for number, row in enumerate(_rows(asked, evidence)):
        for name, value in row.items():
            matrix[number, AT[name]] = value
    _refusing(matrix, evidence.candidates, asked)
    matrix[-1, AT["refuse_missing"]] = _missing(asked, evidence)
    matrix[-1, AT["refuse_names"]] = strangers(asked, _all_words(evidence))
    return matrix
