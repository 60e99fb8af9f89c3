"""The tables of Notes 9 to 18 and of Items 5 and 7 on debt and stock, from the books."""

from backend.samples import figures as f
from backend.samples import schedules as s
from backend.samples.blocks import Cell, Column, Row, Table
from backend.samples.series import Series, minus, negative, plus
from backend.samples.tables_shapes import (
    MILLIONS,
    STACKED,
    THOUSANDS,
    future,
    in_millions,
    rows,
    summed,
    year_columns,
)


def _fair_value() -> Table:
    heads = ("Level 1", "Level 2", "Level 3", "Total")
    body = tuple(Row(label, (*v, sum(v))) for label, v in s.fair_values.items())
    return Table(
        "fair value",
        tuple(Column(h, period="FY2025") for h in heads),
        body,
        MILLIONS,
        (("June 28, 2025", 4),),
    )


def _debt() -> list[Table]:
    body = (
        Row("4.15% senior notes due December 2029", f.senior_notes[:2]),
        Row("Term loan due October 2028", f.term_loan[:2]),
        Row("Revolving credit facility", f.revolver[:2]),
        Row("Less: unamortized debt issuance costs", negative(f.financing_fees[:2])),
        Row("Total debt, net", f.debt[:2], "sum"),
        Row("Less: current portion", negative(f.debt_current[:2])),
        Row(
            "Long-term debt, net of current portion", minus(f.debt[:2], f.debt_current[:2]), "total"
        ),
    )
    return [
        Table("debt", year_columns(count=2), body, MILLIONS),
        future("debt maturities", s.debt_maturities, 0, "Total principal payments"),
    ]


def _leases() -> list[Table]:
    more = (
        Row("Less: imputed interest", (-s.lease_interest,)),
        Row("Present value of operating lease liabilities", (f.lease_liabilities[0],), "sum"),
        Row("Less: current portion", (-f.lease_current[0],)),
        Row(
            "Operating lease liabilities, noncurrent",
            (f.lease_liabilities[0] - f.lease_current[0],),
            "total",
        ),
    )
    return [
        summed("lease cost", s.lease_cost, "Total lease cost"),
        future(
            "lease maturities",
            s.lease_payments,
            s.lease_payments_thereafter,
            "Total lease payments",
            more,
        ),
        Table(
            "lease terms",
            year_columns("text", 2),
            (
                Row("Weighted-average remaining lease term", ("4.9 years", "5.2 years")),
                Row("Weighted-average discount rate", ("5.1%", "4.8%")),
            ),
            currency=False,
        ),
    ]


def _tax_lines(head: str, federal: Series, state: Series, foreign: Series) -> list[Row]:
    return [
        Row(head, look="head"),
        *rows({"Federal": federal, "State": state, "Foreign": foreign}, indent=1),
        Row(f"Total {head[:-1].lower()}", plus(federal, state, foreign), "sum"),
    ]


def _taxes() -> list[Table]:
    provision = (
        *_tax_lines("Current:", s.current_federal, s.current_state, s.current_foreign),
        *_tax_lines("Deferred:", s.deferred_federal, s.deferred_state, s.deferred_foreign),
        Row("Provision for income taxes", f.income_tax, "total"),
    )
    rate = Row("Effective tax rate", s.effective_rate, kind="percent")
    reconciled = summed("tax reconciliation", s.tax_reconciliation, "Provision for income taxes")
    benefits = {
        "Balance at beginning of year": s.unrecognized_benefits[1:],
        **s.unrecognized_movements,
    }
    return [
        summed(
            "pretax income",
            {"United States": s.pretax_domestic, "Foreign": s.pretax_foreign},
            "Income before income taxes",
        ),
        Table("tax provision", year_columns("thousands"), provision, THOUSANDS, STACKED),
        Table(
            "tax reconciliation", reconciled.columns, (*reconciled.rows, rate), THOUSANDS, STACKED
        ),
        _deferred(),
        summed("unrecognized benefits", benefits, "Balance at end of year"),
    ]


def _deferred() -> Table:
    gross = plus(*s.deferred_tax_assets.values())
    assets = plus(gross, s.valuation_allowance)
    owed = plus(*s.deferred_tax_liabilities.values())
    return Table(
        "deferred taxes",
        year_columns("thousands", 2),
        (
            Row("Deferred tax assets:", look="head"),
            *rows(s.deferred_tax_assets, indent=1),
            Row("Gross deferred tax assets", gross, "sum"),
            Row("Valuation allowance", s.valuation_allowance),
            Row("Total deferred tax assets", assets, "sum"),
            Row("Deferred tax liabilities:", look="head"),
            *rows(s.deferred_tax_liabilities, indent=1),
            Row("Total deferred tax liabilities", owed, "sum"),
            Row("Net deferred tax assets", plus(assets, owed), "total"),
        ),
        THOUSANDS,
    )


def _compensation() -> list[Table]:
    def activity(name: str, lines: dict[str, tuple[int, float]], end: str, price: str) -> Table:
        body = tuple(Row(label, cells) for label, cells in lines.items())
        last = Row(end, s.closing_award(lines), "total")
        columns = (Column("Shares", "shares", "FY2025"), Column(price, "per share", "FY2025"))
        return Table(name, columns, (*body, last), "(shares in thousands)")

    return [
        summed("compensation by award", s.compensation_by_award, "Total stock-based compensation"),
        in_millions(
            "compensation by function",
            f.stock_compensation_by_function,
            "Total stock-based compensation",
        ),
        activity(
            "options", s.options, "Outstanding at June 28, 2025", "Weighted-average\nexercise price"
        ),
        activity(
            "restricted units",
            s.restricted_units,
            "Nonvested at June 28, 2025",
            "Weighted-average\ngrant-date fair value",
        ),
    ]


def _equity() -> list[Table]:
    opening, move = s.accumulated_opening, s.accumulated_movement
    heads = ("Currency\ntranslation", "Cash flow\nhedges", "Pension", "Total")
    end = {key: opening[key] + move[key] for key in opening}
    body = tuple(
        Row(label, (*by.values(), sum(by.values())), "total" if "2025" in label else "plain")
        for label, by in (
            ("Balance, June 29, 2024", opening),
            ("Other comprehensive income (loss), net of tax", move),
            ("Balance, June 28, 2025", end),
        )
    )
    accumulated = Table(
        "accumulated", tuple(Column(h, period="FY2025") for h in heads), body, MILLIONS
    )
    bought = tuple(
        Row(label, (shares, price, shares))
        for label, (shares, price) in s.quarterly_purchases.items()
    )
    total = sum(shares for shares, _ in s.quarterly_purchases.values())
    spent = sum(shares * price for shares, price in s.quarterly_purchases.values())
    columns = (
        Column("Total shares\npurchased", "count"),
        Column("Average price\nper share", "per share"),
        Column("As part of\nannounced program", "count"),
    )
    return [
        accumulated,
        Table(
            "issuer purchases",
            columns,
            (*bought, Row("Total", (total, round(spent / total, 2), total), "total")),
            stub="Period",
            currency=False,
        ),
    ]


def _pension() -> Table:
    return Table(
        "pension",
        year_columns("thousands", 2),
        (
            *rows(s.pension_obligation),
            Row("Benefit obligation at end of year", s.obligation_at_end, "sum"),
            *rows(s.pension_assets),
            Row("Fair value of plan assets at end of year", s.plan_assets_at_end, "sum"),
            Row("Net pension liability recognized", f.pension_liability[:2], "total"),
        ),
        THOUSANDS,
    )


def _obligations() -> Table:
    leases = sum(s.lease_payments.values()) + s.lease_payments_thereafter

    def row(label: str, first: int, total: int, look: str = "plain") -> Row:
        cells: tuple[Cell, ...] = (total, first, total - first)
        return Row(label, cells, "total" if look == "total" else "plain")

    parts = [
        row("Debt principal", s.debt_maturities[2026], sum(s.debt_maturities.values())),
        row("Operating lease payments", s.lease_payments[2026], leases),
        row(
            "Purchase obligations",
            s.purchase_obligations[2026],
            sum(s.purchase_obligations.values()),
        ),
    ]
    first, total = (
        sum(c for c in (p.cells[at] for p in parts) if isinstance(c, int)) for at in (1, 0)
    )
    columns = (Column("Total"), Column("Within\n12 months"), Column("After\n12 months"))
    return Table("obligations", columns, (*parts, row("Total", first, total, "total")), MILLIONS)


def _adjusted() -> Table:
    lines = {
        "Operating income": f.operating_income,
        "Amortization of acquired intangible assets": f.amortization,
        "Restructuring charges": f.restructuring,
        "Goodwill impairment": f.impairment,
    }
    return in_millions("adjusted operating income", lines, "Adjusted operating income")


def tables() -> dict[str, Table]:
    found = [
        _fair_value(),
        *_debt(),
        *_leases(),
        *_taxes(),
        *_compensation(),
        *_equity(),
        _pension(),
        _obligations(),
        _adjusted(),
    ]
    return {table.name: table for table in found}
