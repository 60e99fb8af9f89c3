"""The shapes that many of the filing's tables share: years across, sums below, years down."""

from collections.abc import Iterable, Mapping
from functools import partial

from backend.samples import figures
from backend.samples.blocks import Column, Kind, Row, Table

PERIODS = ("FY2025", "FY2024", "FY2023")
STACKED = (("Year Ended", 3),)
PER_SHARE_UNIT = "(in millions, except per share amounts)"


def year_columns(kind: Kind = "millions", count: int = 3) -> tuple[Column, ...]:
    """One column a fiscal year, headed by its date in two lines."""
    return tuple(
        Column(date.replace(", ", ",\n"), kind, period)
        for date, period in list(zip(figures.YEAR_ENDS, PERIODS, strict=True))[:count]
    )


def rows(lines: Mapping[str, Iterable[float]], *, indent: int = 0) -> tuple[Row, ...]:
    return tuple(Row(label, tuple(series), indent=indent) for label, series in lines.items())


THOUSANDS = "(in thousands)"
MILLIONS = "(in millions)"


def summed(
    name: str,
    lines: Mapping[str, Iterable[float]],
    total: str,
    *,
    kind: Kind = "thousands",
    unit: str = THOUSANDS,
) -> Table:
    """A table of years whose last row is the sum of the others."""
    body = {label: tuple(series) for label, series in lines.items()}
    sums = tuple(sum(column) for column in zip(*body.values(), strict=True))
    columns = year_columns(kind, len(sums))
    over = STACKED if len(sums) == 3 else ()
    return Table(name, columns, (*rows(body), Row(total, sums, "total")), unit, over)


in_millions = partial(summed, kind="millions", unit=MILLIONS)


def future(
    name: str, years: Mapping[int, int], later: int, total: str, more: tuple[Row, ...] = ()
) -> Table:
    body = [Row(str(year), (amount,)) for year, amount in years.items()]
    if later:
        body.append(Row("Thereafter", (later,)))
    look = "sum" if more else "total"
    body.append(Row(total, (sum(years.values()) + later,), look))
    return Table(
        name, (Column("Amount", "thousands"),), (*body, *more), THOUSANDS, stub="Fiscal year"
    )
