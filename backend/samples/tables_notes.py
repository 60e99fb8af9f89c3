"""The tables of Notes 2 to 8 as they are printed, from the books."""

from collections.abc import Mapping

from backend.samples import figures as f
from backend.samples import schedules as s
from backend.samples import segments
from backend.samples.blocks import Column, Row, Table
from backend.samples.series import negative
from backend.samples.tables_shapes import (
    MILLIONS,
    PERIODS,
    STACKED,
    THOUSANDS,
    future,
    in_millions,
    rows,
    summed,
    year_columns,
)


def _revenue() -> list[Table]:
    matrix: list[Row] = []
    for segment, parts in f.revenue_by_segment_and_type.items():
        matrix += [Row(f"{segment}:", look="head"), *rows(parts, indent=1)]
        matrix.append(Row(f"Total {segment}", f.segment_revenue[segment], "sum"))
    matrix.append(Row("Total revenue", f.revenue, "total"))
    deferred = {
        "Balance at beginning of year": s.deferred_revenue_opening,
        "Revenue recognized from the opening balance": negative(s.revenue_from_opening),
        "Billings and other additions, net of revenue recognized": s.deferred_billed,
        "Acquired in business combinations": s.deferred_acquired,
    }
    return [
        Table("revenue matrix", year_columns(), tuple(matrix), MILLIONS, STACKED),
        summed(
            "revenue timing",
            {
                "Transferred at a point in time": s.revenue_at_a_point,
                "Transferred over time": s.revenue_over_time,
            },
            "Total revenue",
        ),
        summed("revenue by region", s.revenue_by_region, "Total revenue"),
        summed("deferred revenue", deferred, "Balance at end of year"),
    ]


def _segment_year(at: int, period: str) -> Table:
    heads = (*(name.replace(" ", "\n") for name in f.segment_revenue), "Total")
    lines = {
        "Revenue": f.segment_revenue,
        "Cost of revenue": segments.segment_cost,
        "Research and development": segments.segment_research,
        "Selling, general and administrative": segments.segment_selling,
        "Segment operating income": segments.segment_income,
    }
    body: list[Row] = []
    for label, series in lines.items():
        cells = tuple(each[at] for each in series.values())
        look = "total" if label.startswith("Segment") else "plain"
        body.append(Row(label, (*cells, sum(cells)), look))
    columns = tuple(Column(head, period=period) for head in heads)
    over = ((f"Year Ended {f.YEAR_ENDS[at]}", 4),)
    return Table(f"segments {period}", columns, tuple(body), MILLIONS, over)


def _segments() -> list[Table]:
    reconciliation = {
        "Total segment operating income": segments.total_segment_income,
        "Unallocated corporate costs": negative(segments.corporate_costs),
        "Stock-based compensation": negative(f.stock_compensation),
        "Amortization of acquired intangible assets": negative(f.amortization),
        "Restructuring charges": negative(f.restructuring),
        "Goodwill impairment": negative(f.impairment),
    }
    return [
        *(_segment_year(at, period) for at, period in enumerate(PERIODS)),
        in_millions("segment reconciliation", reconciliation, "Operating income"),
        summed("long-lived assets", s.long_lived_assets, "Total long-lived assets"),
    ]


def _per_share() -> Table:
    return Table(
        "earnings per share",
        year_columns("shares"),
        (
            Row("Net income (in thousands)", f.net_income, kind="thousands"),
            Row("Weighted-average shares outstanding, basic", f.basic_shares),
            Row("Dilutive effect of employee equity awards", f.dilutive_shares),
            Row("Weighted-average shares outstanding, diluted", f.diluted_shares, "sum"),
            Row("Net income per share, basic", f.basic_eps, kind="per share"),
            Row("Net income per share, diluted", f.diluted_eps, kind="per share"),
            Row("Awards excluded because their effect was antidilutive", f.antidilutive_shares),
        ),
        "(shares in thousands)",
        STACKED,
    )


def _acquisitions() -> Table:
    columns = (
        Column("Kestrel Bay\n(January 2025)", period="FY2025"),
        Column("Sorrel\n(October 2023)", period="FY2024"),
    )
    labels = {
        "Accounts receivable": "Accounts receivable",
        "Property, plant and equipment": "Property, plant and equipment",
        "Intangible assets": "Identifiable intangible assets",
        "Goodwill": "Goodwill",
        "Accounts payable": "Accounts payable and accrued liabilities",
        "Deferred revenue": "Deferred revenue",
        "Deferred income tax liabilities": "Deferred income tax liabilities",
    }
    body = rows({labels[label]: series[:2] for label, series in f.acquired.items()})
    total = Row("Purchase price, net of cash acquired", f.acquisitions_paid[:2], "total")
    return Table("acquisitions", columns, (*body, total), MILLIONS)


def _goodwill() -> list[Table]:
    segments = tuple(s.goodwill_opening)
    columns = tuple(Column(name.replace(" ", "\n")) for name in (*segments, "Total"))
    level = dict(s.goodwill_opening)
    body = [Row("Balance, June 24, 2023", (*level.values(), sum(level.values())), "sum")]
    for at in (1, 0):
        for label, moves in (
            ("Acquisitions", s.goodwill_acquired),
            ("Currency translation", s.goodwill_currency),
        ):
            cells = tuple(moves[segment][at] for segment in segments)
            body.append(Row(label, (*cells, sum(cells)), indent=1))
            level = {name: level[name] + moves[name][at] for name in segments}
        look = "sum" if at else "total"
        body.append(
            Row(f"Balance, {f.YEAR_ENDS[at]}", (*level.values(), sum(level.values())), look)
        )
    return [
        Table("goodwill", columns, tuple(body), MILLIONS),
        _intangibles(),
        future(
            "future amortization",
            s.future_amortization,
            s.amortization_thereafter,
            "Total future amortization",
        ),
    ]


def _intangibles() -> Table:
    columns = tuple(
        Column(head, "thousands", period)
        for period in PERIODS[:2]
        for head in ("Gross", "Accumulated\namortization", "Net")
    )
    body: list[Row] = []
    for label, gross in s.intangibles_gross.items():
        used = s.intangibles_amortized[label]
        cells = tuple(x for at in (0, 1) for x in (gross[at], used[at], gross[at] + used[at]))
        body.append(Row(label, cells))
    sums = tuple(
        sum(c for c in column if isinstance(c, int))
        for column in zip(*(row.cells for row in body), strict=True)
    )
    return Table(
        "intangibles",
        columns,
        (*body, Row("Total", sums, "total")),
        THOUSANDS,
        tuple((date, 3) for date in f.YEAR_ENDS[:2]),
    )


def _restructuring() -> list[Table]:
    kinds = tuple(s.restructuring_opening)
    columns = tuple(
        Column(head, "thousands", "FY2025")
        for head in ("Severance\nand benefits", "Facility\nexit costs", "Other", "Total")
    )

    def row(label: str, by_kind: Mapping[str, int], look: str = "plain") -> Row:
        cells = tuple(by_kind[kind] for kind in kinds)
        return Row(label, (*cells, sum(cells)), "total" if look == "total" else "plain")

    charged = {kind: s.restructuring_by_kind[kind][0] for kind in kinds}
    end = {k: s.restructuring_opening[k] + charged[k] + s.restructuring_paid[k] for k in kinds}
    roll = Table(
        "restructuring reserve",
        columns,
        (
            row("Balance, June 29, 2024", s.restructuring_opening),
            row("Charges", charged),
            row("Cash payments", s.restructuring_paid),
            row("Balance, June 28, 2025", end, "total"),
        ),
        THOUSANDS,
    )
    return [summed("restructuring", s.restructuring_by_kind, "Total restructuring charges"), roll]


def _components() -> list[Table]:
    inventory = {
        "Raw materials and components": s.raw_materials,
        "Work in process": s.work_in_process,
        "Finished goods": s.finished_goods,
    }
    gross = summed("property", s.property_gross, "Property, plant and equipment, gross")
    last = gross.rows[-1]
    body = (
        *gross.rows[:-1],
        Row(last.label, last.cells, "sum"),
        Row("Less: accumulated depreciation", s.accumulated_depreciation),
        Row("Property, plant and equipment, net", f.property_net[:2], "total"),
    )
    return [
        summed("inventories", inventory, "Total inventories"),
        Table("property", gross.columns, body, THOUSANDS),
        summed(
            "accrued liabilities", s.accrued_other, "Total accrued and other current liabilities"
        ),
        summed("credit losses", s.credit_loss_allowance, "Balance at end of year"),
        summed("warranty", s.warranty, "Balance at end of year"),
    ]


def tables() -> dict[str, Table]:
    found = [
        *_revenue(),
        *_segments(),
        _per_share(),
        _acquisitions(),
        *_goodwill(),
        *_restructuring(),
        *_components(),
    ]
    return {table.name: table for table in found}
