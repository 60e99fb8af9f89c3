"""A question and a row of a table in, numbers about each of its cells out."""

import re
from collections.abc import Iterator

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Row
from backend.local.reader.cell_years import latest_of, tell_period
from backend.local.reader.weighing import Scale, found_in, gap, held_in, precision, strangers
from backend.passages import Cell
from backend.terms import stem_tuple

QUARTERLY = re.compile(r"\bquarter(?:s|ly)?\b|\bthree months\b|\b[1-4]q\b|\bq[1-4]\b", re.I)


def cell_features(
    asked: Asked, scale: Scale, row: Row, *, year: int | None, quarterly: bool
) -> Iterator[dict[str, float]]:
    latest = latest_of(row, year)
    own = _row_features(asked, scale, row)
    for column, cell in enumerate(row.cells):
        found = _one_cell(asked, scale, row, own, column)
        tell_period(found, asked, cell, latest)
        _quarters(found, asked, cell, quarterly=quarterly)
        yield found


def _units(row: dict[str, float], asked: Asked, cell: Cell) -> None:
    unit = cell.quantity.unit
    special = unit in ("percent", "USD per share", "shares")
    changes = "change" in cell.column.lower() or "%" in cell.column and cell.period is None
    if asked.unit == "count":
        row["unit_match"] = 0.5 * (unit in ("", "shares"))
        row["unit_conflict"] = float(unit not in ("", "shares"))
    elif asked.unit:
        row["unit_match"] = float(unit == asked.unit)
        row["unit_conflict"] = float(unit not in ("", asked.unit))
    else:
        row["unit_conflict"] = float(special and not (asked.growth and changes))
    row["change_asked"] = float(changes and asked.change)
    row["change_unasked"] = float(changes and not asked.change)
    percent = cell.quantity.unit == "percent"
    row["growth"] = float(asked.growth and changes and percent)
    row["percent_unasked"] = float(percent and asked.unit != "percent" and not asked.growth)
    row["growth_share"] = float(asked.growth and not changes and percent)
    row["nil"] = float(cell.quantity.value == 0 and not any(map(str.isdigit, cell.quantity.text)))


def _row_features(asked: Asked, scale: Scale, row: Row) -> dict[str, float]:
    """What the cells of one row share."""
    own_plain, own_full, used = found_in(scale, row.label)
    _, full, wide = found_in(scale, row.label | row.around)
    exact = precision(scale, row.label, used)
    around = row.around - row.label - _STATEMENT
    total = row.opens == "total"
    return {
        "cell": 1.0,
        "cell_figure": asked.figure,
        "cell_prose": 1.0 - asked.figure,
        "row_words": own_plain,
        "row_synonyms": own_full,
        "row_precision": exact,
        "row_exact": float(own_full > 0.99 and exact > 0.99),
        "row_changes": float(bool(_CHANGES_IN.search(row.cells[0].group))),
        "row_around": max(0.0, full - own_full),
        "row_strange": 1.0 - precision(scale, around, wide) if around else 0.0,
        "total_asked": float(total and asked.total),
        "total_unasked": float(total and not asked.total),
        "overlap": len(asked.every & (row.label | row.around)) / max(1, len(asked.every)),
        "cell_worded": float(asked.worded),
    }


_CHANGES_IN = re.compile(
    r"^(?:net )?(?:changes?|increases?|decreases?)\b.{0,25} in\b|^changes in", re.I
)
_STATEMENT = frozenset(
    stem_tuple("cash flows balance sheets income operations comprehensive earnings position")
)
"""Words of a statement's name, which no question for one of its rows need hold."""
_TOTALS = frozenset(stem_tuple("total totals consolidated combined"))


def _one_cell(
    asked: Asked, scale: Scale, row: Row, shared: dict[str, float], column: int
) -> dict[str, float]:
    found = dict(shared)
    heading = row.columns[column]
    held = row.label | row.around | heading
    found["held"] = held_in(scale, held)
    found["row_gap"] = gap(scale, held)
    found["row_names"] = strangers(asked, held)
    if heading:
        found["column_words"] = sum(
            weight for term, weight in scale.weights.items() if term in heading - row.label
        )
        named = heading - _TOTALS
        _, _, used = found_in(scale, named)
        found["column_strange"] = 1.0 - precision(scale, named, used) if named else 0.0
        found["column_total"] = float(bool(heading & _TOTALS))
    begins = "begin" in heading or "begin" in row.label
    found["beginning"] = float(begins and "begin" not in asked.every)
    _units(found, asked, row.cells[column])
    return found


def _quarters(row: dict[str, float], asked: Asked, cell: Cell, *, quarterly: bool) -> None:
    """A quarter's figure is none of the year, and the other way about."""
    told = quarterly or bool(QUARTERLY.search(f"{cell.column} {cell.caption} {cell.group}"))
    if told != asked.quarter and cell.period is not None:
        row["period_conflict"] = 1.0
        row["period_match"] = row["period_latest"] = 0.0
