"""A cell in, the years it may stand for out; alone knows which of them is its filing's own."""

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Row
from backend.passages import Cell
from backend.quantities import Period, periods


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


def own_year(cell: Cell, filing: int | None) -> bool:
    """Whether a cell is of the year that its filing reports on, or was when that year ended.

    A year that ends in January or February may bear the number of the year before.
    """
    if filing is None or cell.period is None:
        return False
    if cell.period == filing + 1:
        when = _period_of(cell)
        return when is not None and when.month in (1, 2)
    return filing in years_of(cell)


def latest_of(row: Row, filing: int | None) -> frozenset[int]:
    """The years that are meant where none is named: the filing's own, else the row's last."""
    told = {cell.period for cell in row.cells if cell.period}
    own = {cell.period for cell in row.cells if cell.period and own_year(cell, filing)}
    if own or not told:
        return frozenset(own)
    return frozenset({max(told)} if filing is None else ())


def _another_day(asked: Asked, cell: Cell) -> bool:
    """Whether days are asked for, and the cell's is in another month of the year."""
    when = _period_of(cell)
    dated = [p for p in asked.periods if p.month]
    if when is None or when.month is None or not dated:
        return False
    return all(p.month != when.month for p in dated if p.year == when.year)


def tell_period(row: dict[str, float], asked: Asked, cell: Cell, latest: frozenset[int]) -> None:
    years = years_of(cell)
    if not asked.years:
        row["period_latest"] = float(bool(years) and cell.period in latest)
        row["period_older"] = float(bool(years) and cell.period not in latest)
        row["period_unknown"] = 0.5 * (not years)
    elif not years:
        row["period_unknown"] = 1.0
    else:
        match = bool(years & asked.years) and not _another_day(asked, cell)
        row["period_match"] = float(match)
        row["period_conflict"] = 1.0 - row["period_match"]
        when = _period_of(cell)
        dated = [p for p in asked.periods if p.month and p.day]
        if when is not None and when.day and dated:
            same = any(p.month == when.month and p.day == when.day for p in dated)
            row["date_match"] = float(same)
            row["date_conflict"] = row["period_match"] * (not same)
