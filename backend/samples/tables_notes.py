"""The tables of the notes and of the other items, as they are printed, from the books."""

from collections.abc import Iterable, Mapping
from functools import partial

from backend.samples import figures as f
from backend.samples import schedules as s
from backend.samples.blocks import Cell, Column, Kind, Row, Table
from backend.samples.figures import Series, minus, plus
from backend.samples.tables_statements import PERIODS, STACKED, rows, year_columns

THOUSANDS = "(in thousands)"
MILLIONS = "(in millions)"


def _summed(
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


_in_millions = partial(_summed, kind="millions", unit=MILLIONS)


def _revenue() -> list[Table]:
    matrix: list[Row] = []
    for segment, parts in f.revenue_by_segment_and_type.items():
        matrix += [Row(f"{segment}:", look="head"), *rows(parts, indent=1)]
        matrix.append(Row(f"Total {segment}", f.segment_revenue[segment], "sum"))
    matrix.append(Row("Total revenue", f.revenue, "total"))
    deferred = {
        "Balance at beginning of year": s.deferred_revenue_opening,
        "Revenue recognized from the opening balance": f.negative(s.revenue_from_opening),
        "Billings and other additions, net of revenue recognized": s.deferred_billed,
        "Acquired in business combinations": s.deferred_acquired,
    }
    return [
        Table("revenue matrix", year_columns(), tuple(matrix), MILLIONS, STACKED),
        _summed("revenue timing", {
            "Transferred at a point in time": s.revenue_at_a_point,
            "Transferred over time": s.revenue_over_time,
        }, "Total revenue"),
        _summed("revenue by region", s.revenue_by_region, "Total revenue"),
        _summed("deferred revenue", deferred, "Balance at end of year"),
    ]


def _segments() -> list[Table]:
    found: list[Table] = []
    for at, period in enumerate(PERIODS):
        columns = (
            Column("Precision\nInstruments"), Column("Process\nSoftware"),
            Column("Lifecycle\nServices"), Column("Total"),
        )
        columns = tuple(Column(c.head, c.kind, period) for c in columns)
        lines = {
            "Revenue": f.segment_revenue, "Cost of revenue": f.segment_cost,
            "Research and development": f.segment_research,
            "Selling, general and administrative": f.segment_selling,
            "Segment operating income": f.segment_income,
        }
        body = tuple(
            Row(label, (*(v[at] for v in series.values()), sum(v[at] for v in series.values())),
                "total" if label.startswith("Segment") else "plain")
            for label, series in lines.items()
        )
        found.append(Table(f"segments {period}", columns, body, MILLIONS,
                           ((f"Year Ended {f.YEAR_ENDS[at]}", 4),)))
    reconciliation = {
        "Total segment operating income": f.total_segment_income,
        "Unallocated corporate costs": f.negative(f.corporate_costs),
        "Stock-based compensation": f.negative(f.stock_compensation),
        "Amortization of acquired intangible assets": f.negative(f.amortization),
        "Restructuring charges": f.negative(f.restructuring),
        "Goodwill impairment": f.negative(f.impairment),
    }
    return [
        *found,
        _in_millions("segment reconciliation", reconciliation, "Operating income"),
        _summed("long-lived assets", s.long_lived_assets, "Total long-lived assets"),
    ]


def _per_share() -> Table:
    return Table("earnings per share", year_columns("shares"), (
        Row("Net income (in thousands)", f.net_income, kind="thousands"),
        Row("Weighted-average shares outstanding, basic", f.basic_shares),
        Row("Dilutive effect of employee equity awards", f.dilutive_shares),
        Row("Weighted-average shares outstanding, diluted", f.diluted_shares, "sum"),
        Row("Net income per share, basic", f.basic_eps, kind="per share"),
        Row("Net income per share, diluted", f.diluted_eps, kind="per share"),
        Row("Awards excluded because their effect was antidilutive", f.antidilutive_shares),
    ), "(shares in thousands)", STACKED)


def _acquisitions() -> Table:
    columns = (Column("Kestrel Bay\n(January 2025)", period="FY2025"),
               Column("Sorrel\n(October 2023)", period="FY2024"))
    labels = {
        "Accounts receivable": "Accounts receivable",
        "Property, plant and equipment": "Property, plant and equipment",
        "Intangible assets": "Identifiable intangible assets", "Goodwill": "Goodwill",
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
        for label, moves in (("Acquisitions", s.goodwill_acquired),
                             ("Currency translation", s.goodwill_currency)):
            cells = tuple(moves[segment][at] for segment in segments)
            body.append(Row(label, (*cells, sum(cells)), indent=1))
            level = {name: level[name] + moves[name][at] for name in segments}
        look = "sum" if at else "total"
        body.append(Row(f"Balance, {f.YEAR_ENDS[at]}", (*level.values(), sum(level.values())), look))
    return [Table("goodwill", columns, tuple(body), MILLIONS), _intangibles(), _future("future amortization", s.future_amortization, s.amortization_thereafter, "Total future amortization")]


def _intangibles() -> Table:
    columns = tuple(
        Column(head, "thousands", period) for period in PERIODS[:2] for head in
        ("Gross", "Accumulated\namortization", "Net"))
    body: list[Row] = []
    for label, gross in s.intangibles_gross.items():
        used = s.intangibles_amortized[label]
        cells = tuple(x for at in (0, 1) for x in (gross[at], used[at], gross[at] + used[at]))
        body.append(Row(label, cells))
    sums = tuple(sum(c for c in column if isinstance(c, int)) for column in
                 zip(*(row.cells for row in body), strict=True))
    return Table("intangibles", columns, (*body, Row("Total", sums, "total")), THOUSANDS,
                 tuple((date, 3) for date in f.YEAR_ENDS[:2]))


def _future(
    name: str, years: Mapping[int, int], later: int, total: str, more: tuple[Row, ...] = ()
) -> Table:
    body = [Row(str(year), (amount,)) for year, amount in years.items()]
    if later:
        body.append(Row("Thereafter", (later,)))
    look = "sum" if more else "total"
    body.append(Row(total, (sum(years.values()) + later,), look))
    return Table(name, (Column("Amount", "thousands"),), (*body, *more), THOUSANDS,
                 stub="Fiscal year")


def _restructuring() -> list[Table]:
    kinds = tuple(s.restructuring_opening)
    columns = tuple(Column(head, "thousands", "FY2025") for head in
                    ("Severance\nand benefits", "Facility\nexit costs", "Other", "Total"))

    def row(label: str, by_kind: Mapping[str, int], look: str = "plain") -> Row:
        cells = tuple(by_kind[kind] for kind in kinds)
        return Row(label, (*cells, sum(cells)), "total" if look == "total" else "plain")

    charged = {kind: s.restructuring_by_kind[kind][0] for kind in kinds}
    end = {k: s.restructuring_opening[k] + charged[k] + s.restructuring_paid[k] for k in kinds}
    roll = Table("restructuring reserve", columns, (
        row("Balance, June 29, 2024", s.restructuring_opening), row("Charges", charged),
        row("Cash payments", s.restructuring_paid), row("Balance, June 28, 2025", end, "total"),
    ), THOUSANDS)
    return [_summed("restructuring", s.restructuring_by_kind, "Total restructuring charges"), roll]


def _components() -> list[Table]:
    inventory = {"Raw materials and components": s.raw_materials,
                 "Work in process": s.work_in_process, "Finished goods": s.finished_goods}
    gross = _summed("property", s.property_gross, "Property, plant and equipment, gross")
    last = gross.rows[-1]
    body = (
        *gross.rows[:-1], Row(last.label, last.cells, "sum"),
        Row("Less: accumulated depreciation", s.accumulated_depreciation),
        Row("Property, plant and equipment, net", f.property_net[:2], "total"),
    )
    return [
        _summed("inventories", inventory, "Total inventories"),
        Table("property", gross.columns, body, THOUSANDS),
        _summed("accrued liabilities", s.accrued_other, "Total accrued and other current liabilities"),
        _summed("credit losses", s.credit_loss_allowance, "Balance at end of year"),
        _summed("warranty", s.warranty, "Balance at end of year"),
    ]


def _fair_value() -> Table:
    heads = ("Level 1", "Level 2", "Level 3", "Total")
    body = tuple(Row(label, (*v, sum(v))) for label, v in s.fair_values.items())
    return Table("fair value", tuple(Column(h, period="FY2025") for h in heads), body, MILLIONS,
                 (("June 28, 2025", 4),))


def _debt() -> list[Table]:
    body = (
        Row("4.15% senior notes due December 2029", f.senior_notes[:2]),
        Row("Term loan due October 2028", f.term_loan[:2]),
        Row("Revolving credit facility", f.revolver[:2]),
        Row("Less: unamortized debt issuance costs", f.negative(f.financing_fees[:2])),
        Row("Total debt, net", f.debt[:2], "sum"),
        Row("Less: current portion", f.negative(f.debt_current[:2])),
        Row("Long-term debt, net of current portion", minus(f.debt[:2], f.debt_current[:2]),
            "total"),
    )
    return [Table("debt", year_columns(count=2), body, MILLIONS),
            _future("debt maturities", s.debt_maturities, 0, "Total principal payments")]


def _leases() -> list[Table]:
    more = (
        Row("Less: imputed interest", (-s.lease_interest,)),
        Row("Present value of operating lease liabilities", (f.lease_liabilities[0],), "sum"),
        Row("Less: current portion", (-f.lease_current[0],)),
        Row("Operating lease liabilities, noncurrent", (f.lease_liabilities[0] - f.lease_current[0],),
            "total"),
    )
    return [
        _summed("lease cost", s.lease_cost, "Total lease cost"),
        _future("lease maturities", s.lease_payments, s.lease_payments_thereafter,
                "Total lease payments", more),
        Table("lease terms", year_columns("text", 2), (
            Row("Weighted-average remaining lease term", ("4.9 years", "5.2 years")),
            Row("Weighted-average discount rate", ("5.1%", "4.8%")),
        ), currency=False),
    ]


def _taxes() -> list[Table]:
    def block(head: str, lines: dict[str, Series]) -> list[Row]:
        return [Row(head, look="head"), *rows(lines, indent=1),
                Row(f"Total {head[:-1].lower()}", plus(*lines.values()), "sum")]

    provision = (
        *block("Current:", {"Federal": s.current_federal, "State": s.current_state,
                            "Foreign": s.current_foreign}),
        *block("Deferred:", {"Federal": s.deferred_federal, "State": s.deferred_state,
                             "Foreign": s.deferred_foreign}),
        Row("Provision for income taxes", f.income_tax, "total"),
    )
    rate = Row("Effective tax rate", s.effective_rate, kind="percent")
    reconciled = _summed("tax reconciliation", s.tax_reconciliation, "Provision for income taxes")
    benefits = {"Balance at beginning of year": s.unrecognized_benefits[1:],
                **s.unrecognized_movements}
    return [
        _summed("pretax income", {"United States": s.pretax_domestic, "Foreign": s.pretax_foreign},
                "Income before income taxes"),
        Table("tax provision", year_columns("thousands"), provision, THOUSANDS, STACKED),
        Table("tax reconciliation", reconciled.columns, (*reconciled.rows, rate), THOUSANDS, STACKED),
        _deferred(),
        _summed("unrecognized benefits", benefits, "Balance at end of year"),
    ]


def _deferred() -> Table:
    gross = plus(*s.deferred_tax_assets.values())
    assets = plus(gross, s.valuation_allowance)
    owed = plus(*s.deferred_tax_liabilities.values())
    return Table("deferred taxes", year_columns("thousands", 2), (
        Row("Deferred tax assets:", look="head"), *rows(s.deferred_tax_assets, indent=1),
        Row("Gross deferred tax assets", gross, "sum"),
        Row("Valuation allowance", s.valuation_allowance),
        Row("Total deferred tax assets", assets, "sum"),
        Row("Deferred tax liabilities:", look="head"), *rows(s.deferred_tax_liabilities, indent=1),
        Row("Total deferred tax liabilities", owed, "sum"),
        Row("Net deferred tax assets", plus(assets, owed), "total"),
    ), THOUSANDS)


def _compensation() -> list[Table]:
    def activity(name: str, lines: dict[str, tuple[int, float]], end: str, price: str) -> Table:
        body = tuple(Row(label, cells) for label, cells in lines.items())
        last = Row(end, s.closing_award(lines), "total")
        columns = (Column("Shares", "shares", "FY2025"), Column(price, "per share", "FY2025"))
        return Table(name, columns, (*body, last), "(shares in thousands)")

    return [
        _summed("compensation by award", s.compensation_by_award, "Total stock-based compensation"),
        _in_millions("compensation by function", f.stock_compensation_by_function,
                     "Total stock-based compensation"),
        activity("options", s.options, "Outstanding at June 28, 2025",
                 "Weighted-average\nexercise price"),
        activity("restricted units", s.restricted_units, "Nonvested at June 28, 2025",
                 "Weighted-average\ngrant-date fair value"),
    ]


def _equity() -> list[Table]:
    opening, move = s.accumulated_opening, s.accumulated_movement
    heads = ("Currency\ntranslation", "Cash flow\nhedges", "Pension", "Total")
    end = {key: opening[key] + move[key] for key in opening}
    body = tuple(
        Row(label, (*by.values(), sum(by.values())), "total" if "2025" in label else "plain")
        for label, by in (("Balance, June 29, 2024", opening),
                          ("Other comprehensive income (loss), net of tax", move),
                          ("Balance, June 28, 2025", end))
    )
    accumulated = Table("accumulated", tuple(Column(h, period="FY2025") for h in heads), body,
                        MILLIONS)
    bought = tuple(Row(label, (shares, price, shares))
                   for label, (shares, price) in s.quarterly_purchases.items())
    total = sum(shares for shares, _ in s.quarterly_purchases.values())
    spent = sum(shares * price for shares, price in s.quarterly_purchases.values())
    columns = (Column("Total shares\npurchased", "count"), Column("Average price\nper share", "per share"),
               Column("As part of\nannounced program", "count"))
    return [accumulated, Table("issuer purchases", columns, (
        *bought, Row("Total", (total, round(spent / total, 2), total), "total")), stub="Period",
        currency=False)]


def _pension() -> Table:
    return Table("pension", year_columns("thousands", 2), (
        *rows(s.pension_obligation), Row("Benefit obligation at end of year", s.obligation_at_end, "sum"),
        *rows(s.pension_assets), Row("Fair value of plan assets at end of year", s.plan_assets_at_end, "sum"),
        Row("Net pension liability recognized", f.pension_liability[:2], "total"),
    ), THOUSANDS)


def _obligations() -> Table:
    leases = sum(s.lease_payments.values()) + s.lease_payments_thereafter

    def row(label: str, first: int, total: int, look: str = "plain") -> Row:
        cells: tuple[Cell, ...] = (total, first, total - first)
        return Row(label, cells, "total" if look == "total" else "plain")

    parts = [
        row("Debt principal", s.debt_maturities[2026], sum(s.debt_maturities.values())),
        row("Operating lease payments", s.lease_payments[2026], leases),
        row("Purchase obligations", s.purchase_obligations[2026],
            sum(s.purchase_obligations.values())),
    ]
    first, total = (sum(c for c in (p.cells[at] for p in parts) if isinstance(c, int))
                    for at in (1, 0))
    columns = (Column("Total"), Column("Within\n12 months"), Column("After\n12 months"))
    return Table("obligations", columns, (*parts, row("Total", first, total, "total")), MILLIONS)


def _adjusted() -> Table:
    lines = {
        "Operating income": f.operating_income,
        "Amortization of acquired intangible assets": f.amortization,
        "Restructuring charges": f.restructuring, "Goodwill impairment": f.impairment,
    }
    return _in_millions("adjusted operating income", lines, "Adjusted operating income")


def tables() -> dict[str, Table]:
    found = [
        *_revenue(), *_segments(), _per_share(), _acquisitions(), *_goodwill(), *_restructuring(),
        *_components(), _fair_value(), *_debt(), *_leases(), *_taxes(), *_compensation(),
        *_equity(), _pension(), _obligations(), _adjusted(),
    ]
    return {table.name: table for table in found}
