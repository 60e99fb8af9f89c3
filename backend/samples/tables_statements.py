"""The cover's tables and the five statements as they are printed, from the books."""

from collections.abc import Mapping

from backend.samples import figures
from backend.samples.blocks import Cell, Column, Row, Table
from backend.samples.series import Series, minus, negative
from backend.samples.tables_shapes import PER_SHARE_UNIT, STACKED, rows, year_columns


def _income() -> Table:
    line = figures.income_statement

    def part(*labels: str, indent: int = 1) -> tuple[Row, ...]:
        return rows({label: line[label] for label in labels}, indent=indent)

    def total(label: str, look: str = "sum") -> Row:
        return Row(label, line[label], "total" if look == "total" else "sum")

    labels = list(line)
    body = (
        Row("Revenue:", look="head"),
        *part(*labels[0:3]),
        total("Total revenue"),
        Row("Cost of revenue:", look="head"),
        *part(*labels[4:7]),
        total("Total cost of revenue"),
        total("Gross profit"),
        Row("Operating expenses:", look="head"),
        *part(*labels[9:14]),
        total("Total operating expenses"),
        total("Operating income"),
        *part(*labels[16:19], indent=0),
        total("Income before income taxes"),
        *part("Provision for income taxes", indent=0),
        total("Net income", "total"),
        Row("Net income per share:", look="head"),
        Row("Basic", figures.basic_eps, kind="per share", indent=1),
        Row("Diluted", figures.diluted_eps, kind="per share", indent=1),
        Row("Weighted-average shares outstanding:", look="head"),
        Row("Basic", figures.basic_shares, kind="shares in millions", indent=1),
        Row("Diluted", figures.diluted_shares, kind="shares in millions", indent=1),
        Row("Cash dividends declared per share", figures.dividends_per_share, kind="per share"),
    )
    return Table("income", year_columns(), body, PER_SHARE_UNIT, STACKED)


def _comprehensive() -> Table:
    body = (
        Row("Net income", figures.net_income),
        Row("Other comprehensive income (loss), net of tax:", look="head"),
        Row("Foreign currency translation adjustments", figures.translation, indent=1),
        Row(
            "Change in unrealized (losses) gains on cash flow hedges, net of tax of "
            "$(0.6), $0.2 and $0.3",
            minus(figures.hedge_gain, figures.hedge_tax),
            indent=1,
        ),
        Row(
            "Pension adjustments, net of tax of $0.3, $0.1 and $0.4",
            minus(figures.pension_gain, figures.pension_tax),
            indent=1,
        ),
        Row("Total other comprehensive income (loss)", figures.other_comprehensive_income, "sum"),
        Row("Comprehensive income", figures.comprehensive_income, "total"),
    )
    return Table("comprehensive", year_columns(), body, "(in millions)", STACKED)


def _balance() -> Table:
    line = figures.balance_sheet

    def part(lines: Mapping[str, Series]) -> tuple[Row, ...]:
        return rows({_long_label(label): series for label, series in lines.items()}, indent=1)

    body = (
        Row("Assets", look="head"),
        Row("Current assets:"),
        *part(figures.current_assets),
        Row("Total current assets", line["Total current assets"], "sum"),
        *part(figures.long_assets),
        Row("Total assets", line["Total assets"], "total"),
        Row("Liabilities and shareholders\u2019 equity", look="head"),
        Row("Current liabilities:"),
        *part(figures.current_liabilities),
        Row("Total current liabilities", line["Total current liabilities"], "sum"),
        *part(figures.long_liabilities),
        Row("Total liabilities", line["Total liabilities"], "sum"),
        Row("Commitments and contingencies (Notes 14 and 15)"),
        Row("Shareholders\u2019 equity:"),
        *part(figures.equity),
        Row("Total shareholders\u2019 equity", line["Total shareholders' equity"], "sum"),
        Row(
            "Total liabilities and shareholders\u2019 equity",
            line["Total liabilities and shareholders' equity"],
            "total",
        ),
    )
    return Table("balance", year_columns(count=2), body, PER_SHARE_UNIT)


def _long_label(label: str) -> str:
    """Two lines of the balance sheet say more than the books' short name for them."""
    more = {
        "Accounts receivable, net": (
            "Accounts receivable, net of allowances of $6.5 and $5.9, respectively"
        ),
        "Common stock": (
            "Common stock, $0.01 par value; 150.0 shares authorized; 60.1 and 59.4 issued, "
            "respectively"
        ),
    }
    return more.get(label, label)


def _cash_flows() -> Table:
    line = figures.cash_flow_statement
    moves = list(figures.operating_activities)
    keep = {label: figures.operating_activities[label] for label in moves}
    body = (
        Row("Operating activities", look="head"),
        Row("Net income", figures.net_income),
        Row("Adjustments to reconcile net income to net cash provided by operating activities:"),
        *rows({label: keep[label] for label in moves[1:7]}, indent=1),
        Row("Changes in operating assets and liabilities, net of acquisitions:"),
        *rows({label: keep[label] for label in moves[7:]}, indent=1),
        _sum(line, "Net cash provided by operating activities"),
        Row("Investing activities", look="head"),
        *rows(figures.investing_activities, indent=1),
        _sum(line, "Net cash used in investing activities"),
        Row("Financing activities", look="head"),
        *rows(figures.financing_activities, indent=1),
        _sum(line, "Net cash used in financing activities"),
        *rows({label: line[label] for label in list(line)[-4:-1]}),
        Row("Cash and cash equivalents at end of year", figures.cash[:3], "total"),
        Row("Supplemental cash flow information", look="head"),
        Row("Cash paid for interest", figures.interest_paid, indent=1),
        Row("Cash paid for income taxes, net of refunds", figures.taxes_paid, indent=1),
        Row(
            "Right-of-use assets obtained in exchange for operating lease liabilities",
            figures.new_leases,
            indent=1,
        ),
    )
    return Table("cash flows", year_columns(), body, "(in millions)", STACKED)


def _sum(line: Mapping[str, Series], label: str) -> Row:
    return Row(label, line[label], "sum")


_EQUITY_HEADS = (
    "Common\nstock", "Paid-in\ncapital", "Retained\nearnings", "AOCI", "Treasury\nstock", "Total"
)  # fmt: skip


def _equity_balance(date: str, at: int) -> Row:
    f = figures
    parts = (*(f.common_stock, f.paid_in_capital, f.retained_earnings), f.accumulated_oci)
    cells = (
        f.shares_outstanding[at],
        *(part[at] for part in (*parts, f.treasury_stock, f.total_equity)),
    )
    return Row(f"Balance, {date}", cells, "total")


def _equity_moves() -> tuple[tuple[str, int, Series, Series | None], ...]:
    """Label, which column it moves, by how much, and by how many shares."""
    f, sold = figures, figures.shares_issued_under_plans
    bought = negative(f.shares_repurchased)
    return (
        ("Net income", 3, f.net_income, None),
        ("Other comprehensive income (loss)", 4, f.other_comprehensive_income, None),
        ("Dividends declared", 3, negative(f.dividends), None),
        ("Repurchases of common stock", 5, negative(f.repurchases), bought),
        ("Issuances under employee plans", 2, f.plan_proceeds, sold),
        ("Shares withheld for taxes", 2, negative(f.withholding_paid), None),
        ("Stock-based compensation", 2, f.stock_compensation, None),
    )


def _equity() -> Table:
    body: list[Row] = [_equity_balance("June 25, 2022", 3)]
    for at in (2, 1, 0):
        for label, where, series, shares in _equity_moves():
            cells: list[Cell] = [shares[at] if shares else 0, 0, 0, 0, 0, 0, 0]
            cells[where] = cells[6] = series[at]
            body.append(Row(label, tuple(cells), indent=1))
        body.append(_equity_balance(figures.YEAR_ENDS[at], at))
    shares_column = Column("Shares", "shares in millions")
    return Table(
        "equity",
        (shares_column, *(Column(head) for head in _EQUITY_HEADS)),
        tuple(body),
        "(in millions)",
        notes=("AOCI is accumulated other comprehensive loss. Shares are shares outstanding.",),
    )


def _cover() -> list[Table]:
    identity = (
        Row("**Delaware**", ("00-4471920",)),
        Row(
            "(State or other jurisdiction of incorporation or organization)",
            ("(I.R.S. Employer Identification No.)",),
        ),
        Row("**4400 Harbor Mill Road, Rochester, New York**", ("14610",)),
        Row("(Address of principal executive offices)", ("(Zip Code)",)),
    )
    securities = (Row("Common stock, $0.01 par value", ("CDWK", "The Nasdaq Stock Market LLC")),)
    plain = tuple(Row(row.label.replace("**", ""), row.cells) for row in identity)
    return [
        Table("cover identity", (Column("", "text"),), plain),
        Table(
            "cover securities",
            (
                Column("Trading symbol", "text"),
                Column("Name of each exchange\non which registered", "text"),
            ),
            securities,
            stub="Title of each class",
        ),
    ]


def tables() -> dict[str, Table]:
    found = [*_cover(), _income(), _comprehensive(), _balance(), _equity(), _cash_flows()]
    return {table.name: table for table in found}
