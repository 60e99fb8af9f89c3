"""The tables of Item 7 and of the quarters as they are printed, from the books."""

from collections.abc import Mapping
from dataclasses import replace

from backend.samples import figures, schedules, segments
from backend.samples.blocks import Cell, Column, Kind, Row, Table
from backend.samples.series import Series, minus, negative
from backend.samples.tables_shapes import STACKED, rows, year_columns


def _share(part: float, whole: float) -> float:
    return round(part / whole * 100, 1)


def change_cells(series: Series) -> tuple[Cell, ...]:
    """2025, 2024, the change in dollars and in per cent."""
    now, before = series[0], series[1]
    if before == 0:
        return now, before, now - before, "n/m"
    return now, before, now - before, round((now - before) / abs(before) * 100, 1)


def change_columns(kind: Kind = "millions") -> tuple[Column, ...]:
    return (
        *year_columns(kind, 2),
        Column("$ Change", kind, "change"),
        Column("% Change", "percent", "change"),
    )


def _change_table(name: str, lines: Mapping[str, Series], total: str | None = None) -> Table:
    body = tuple(
        Row(label, change_cells(series), "total" if label == total else "plain")
        for label, series in lines.items()
    )
    over = (("Year Ended", 2), ("", 2))
    return Table(name, change_columns(), body, "(in millions, except percentages)", over)


def _earlier_change() -> Table:
    """Fiscal 2024 beside fiscal 2023, with the same labels as the table of this year's change."""
    lines = {**figures.segment_revenue, "Total revenue": figures.revenue}
    later = _change_table(
        "revenue change 2024", {label: s[1:] for label, s in lines.items()}, "Total revenue"
    )
    change = (
        Column("$ Change", period="change 2024"),
        Column("% Change", "percent", "change 2024"),
    )
    return replace(later, columns=(*year_columns()[1:], *change))


def _regions() -> Table:
    """In whole millions what Note 2 shows in thousands."""
    lines = {**schedules.revenue_by_region, "Total revenue": figures.revenue}
    table = _change_table("region change", lines, "Total revenue")
    columns = (
        *year_columns("whole", 2),
        Column("$ Change", "whole", "change"),
        Column("% Change", "percent", "change"),
    )
    return replace(table, columns=columns, unit="(in millions, rounded, except percentages)")


def _margins() -> Table:
    line = figures.income_statement
    labels = (
        "Total revenue",
        "Total cost of revenue",
        "Gross profit",
        "Research and development",
        "Selling, general and administrative",
        "Amortization of acquired intangible assets",
        "Restructuring charges",
        "Goodwill impairment",
        "Operating income",
        "Net income",
    )
    body = tuple(
        Row(
            label,
            tuple(_share(p, w) for p, w in zip(line[label], figures.revenue, strict=True)),
            "sum" if label in ("Gross profit", "Operating income", "Net income") else "plain",
        )
        for label in labels
    )
    return Table(
        "margins", year_columns("percent"), body, "(as a percentage of total revenue)", STACKED
    )


def _segment_result(name: str, segment: str) -> Table:
    income, revenue = segments.segment_income[segment], figures.segment_revenue[segment]
    margin = tuple(_share(i, r) for i, r in zip(income, revenue, strict=True))
    table = _change_table(
        name,
        {
            "Revenue": revenue,
            "Cost of revenue": segments.segment_cost[segment],
            "Research and development": segments.segment_research[segment],
            "Selling, general and administrative": segments.segment_selling[segment],
            "Segment operating income": income,
        },
        "Segment operating income",
    )
    last = Row("Segment operating margin", (margin[0], margin[1], None, None), kind="percent")
    return Table(table.name, table.columns, (*table.rows, last), table.unit, table.over)


def _liquidity() -> Table:
    return Table(
        "liquidity",
        year_columns("whole"),
        (
            Row("Net cash provided by operating activities", figures.cash_from_operations),
            Row("Net cash used in investing activities", figures.cash_from_investing),
            Row("Net cash used in financing activities", figures.cash_from_financing),
            Row("Free cash flow(1)", figures.free_cash_flow, "total"),
        ),
        "(in millions, rounded)",
        STACKED,
        notes=(
            "(1) Net cash provided by operating activities less purchases of property, plant and "
            "equipment. Free cash flow is not a measure under GAAP; see the reconciliation below.",
        ),
    )


def _free_cash_flow() -> Table:
    return Table(
        "free cash flow",
        year_columns(),
        (
            Row("Net cash provided by operating activities", figures.cash_from_operations),
            Row("Less: purchases of property, plant and equipment", negative(figures.capex)),
            Row("Free cash flow", figures.free_cash_flow, "total"),
        ),
        "(in millions)",
        STACKED,
    )


def _quarters(name: str, lines: Mapping[str, Series], ends: tuple[str, ...]) -> Table:
    columns = tuple(Column(end.replace(", ", ",\n")) for end in ends)
    shown = rows(lines)
    return Table(name, columns, shown, "(in millions, unaudited)", (("Quarter Ended", 4),))


def tables() -> dict[str, Table]:
    line = figures.income_statement
    expenses = {label: line[label] for label in list(line)[9:15]}
    other = {label: line[label] for label in list(line)[16:19]}
    found = [
        _margins(),
        _change_table(
            "revenue change",
            {**figures.segment_revenue, "Total revenue": figures.revenue},
            "Total revenue",
        ),
        _change_table(
            "gross profit change",
            {
                **{
                    f"{k} gross profit": minus(figures.revenue_by_type[k], figures.cost_by_type[k])
                    for k in figures.revenue_by_type
                },
                "Gross profit": figures.gross_profit,
            },
            "Gross profit",
        ),
        _earlier_change(),
        _regions(),
        _change_table("expense change", expenses, "Total operating expenses"),
        _change_table("other change", other),
        *(
            _segment_result(f"segment {number}", segment)
            for number, segment in enumerate(figures.segment_revenue, 1)
        ),
        _liquidity(),
        _free_cash_flow(),
        _quarters("quarters 2025", schedules.quarters_2025, schedules.QUARTER_ENDS_2025),
        _quarters(
            "quarters 2024",
            schedules.quarters_2024,
            ("September 23, 2023", "December 23, 2023", "March 23, 2024", "June 29, 2024"),
        ),
    ]
    return {table.name: table for table in found}
