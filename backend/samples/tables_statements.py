"""The five statements and the tables of Item 7, as they are printed, from the books."""

from collections.abc import Iterable, Mapping

from backend.samples import figures, schedules
from backend.samples.blocks import Cell, Column, Kind, Row, Table
from backend.samples.figures import Series

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


def _income() -> Table:
    line = figures.income_statement

    def part(*labels: str, indent: int = 1) -> tuple[Row, ...]:
        return rows({label: line[label] for label in labels}, indent=indent)

    def total(label: str, look: str = "sum") -> Row:
        return Row(label, line[label], "total" if look == "total" else "sum")

    labels = list(line)
    body = (
        Row("Revenue:", look="head"), *part(*labels[0:3]), total("Total revenue"),
        Row("Cost of revenue:", look="head"), *part(*labels[4:7]), total("Total cost of revenue"),
        total("Gross profit"),
        Row("Operating expenses:", look="head"), *part(*labels[9:14]),
        total("Total operating expenses"), total("Operating income"),
        *part(*labels[16:19], indent=0), total("Income before income taxes"),
        *part("Provision for income taxes", indent=0), total("Net income", "total"),
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
            figures.minus(figures.hedge_gain, figures.hedge_tax), indent=1,
        ),
        Row(
            "Pension adjustments, net of tax of $0.3, $0.1 and $0.4",
            figures.minus(figures.pension_gain, figures.pension_tax), indent=1,
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
        Row("Assets", look="head"), Row("Current assets:"), *part(figures.current_assets),
        Row("Total current assets", line["Total current assets"], "sum"),
        *part(figures.long_assets), Row("Total assets", line["Total assets"], "total"),
        Row("Liabilities and shareholders\u2019 equity", look="head"),
        Row("Current liabilities:"), *part(figures.current_liabilities),
        Row("Total current liabilities", line["Total current liabilities"], "sum"),
        *part(figures.long_liabilities),
        Row("Total liabilities", line["Total liabilities"], "sum"),
        Row("Commitments and contingencies (Notes 14 and 15)"),
        Row("Shareholders\u2019 equity:"), *part(figures.equity),
        Row("Total shareholders\u2019 equity", line["Total shareholders' equity"], "sum"),
        Row(
            "Total liabilities and shareholders\u2019 equity",
            line["Total liabilities and shareholders' equity"], "total",
        ),
    )
    return Table("balance", year_columns(count=2), body, PER_SHARE_UNIT)


def _long_label(label: str) -> str:
    """Two lines of the balance sheet say more than the books' short name for them."""
    more = {
        "Accounts receivable, net":
            "Accounts receivable, net of allowances of $6.5 and $5.9, respectively",
        "Common stock":
            "Common stock, $0.01 par value; 150.0 shares authorized; 60.1 and 59.4 issued, "
            "respectively",
    }
    return more.get(label, label)


def _cash_flows() -> Table:
    line = figures.cash_flow_statement
    moves = list(figures.operating_activities)
    keep = {label: figures.operating_activities[label] for label in moves}
    body = (
        Row("Operating activities", look="head"), Row("Net income", figures.net_income),
        Row("Adjustments to reconcile net income to net cash provided by operating activities:"),
        *rows({label: keep[label] for label in moves[1:7]}, indent=1),
        Row("Changes in operating assets and liabilities, net of acquisitions:"),
        *rows({label: keep[label] for label in moves[7:]}, indent=1),
        _sum(line, "Net cash provided by operating activities"),
        Row("Investing activities", look="head"), *rows(figures.investing_activities, indent=1),
        _sum(line, "Net cash used in investing activities"),
        Row("Financing activities", look="head"), *rows(figures.financing_activities, indent=1),
        _sum(line, "Net cash used in financing activities"),
        *rows({label: line[label] for label in list(line)[-4:-1]}),
        Row("Cash and cash equivalents at end of year", figures.cash[:3], "total"),
        Row("Supplemental cash flow information", look="head"),
        Row("Cash paid for interest", figures.interest_paid, indent=1),
        Row("Cash paid for income taxes, net of refunds", figures.taxes_paid, indent=1),
        Row(
            "Right-of-use assets obtained in exchange for operating lease liabilities",
            figures.new_leases, indent=1,
        ),
    )
    return Table("cash flows", year_columns(), body, "(in millions)", STACKED)


def _sum(line: Mapping[str, Series], label: str) -> Row:
    return Row(label, line[label], "sum")


def _equity() -> Table:
    f = figures
    heads = ("Shares", "Common\nstock", "Paid-in\ncapital", "Retained\nearnings",
             "AOCI", "Treasury\nstock", "Total")
    columns = (Column("Shares", "shares in millions"), *(Column(head) for head in heads[1:]))

    def balance(date: str, at: int) -> Row:
        parts = (f.common_stock, f.paid_in_capital, f.retained_earnings, f.accumulated_oci,
                 f.treasury_stock, f.total_equity)
        cells = (f.shares_outstanding[at], *(part[at] for part in parts))
        return Row(f"Balance, {date}", cells, "total")

    def move(label: str, at: int, where: int, series: Series, shares: Series | None) -> Row:
        cells: list[Cell] = [shares[at] if shares else 0] + [0] * 6
        cells[where] = cells[6] = series[at]
        return Row(label, tuple(cells), indent=1)

    body: list[Row] = [balance("June 25, 2022", 3)]
    for at in (2, 1, 0):
        body += [
            move("Net income", at, 3, f.net_income, None),
            move("Other comprehensive income (loss)", at, 4, f.other_comprehensive_income, None),
            move("Dividends declared", at, 3, f.negative(f.dividends), None),
            move("Repurchases of common stock", at, 5, f.negative(f.repurchases),
                 f.negative(f.shares_repurchased)),
            move("Issuances under employee plans", at, 2, f.plan_proceeds,
                 f.shares_issued_under_plans),
            move("Shares withheld for taxes", at, 2, f.negative(f.withholding_paid), None),
            move("Stock-based compensation", at, 2, f.stock_compensation, None),
            balance(f.YEAR_ENDS[at], at),
        ]
    return Table("equity", columns, tuple(body), "(in millions)",
                 notes=("AOCI is accumulated other comprehensive loss. Shares are shares "
                        "outstanding.",))


# --- Item 7 -----------------------------------------------------------------------------------


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
        *year_columns(kind, 2), Column("$ Change", kind, "change"),
        Column("% Change", "percent", "change"),
    )


def _change_table(name: str, lines: Mapping[str, Series], total: str | None = None) -> Table:
    body = tuple(
        Row(label, change_cells(series), "total" if label == total else "plain")
        for label, series in lines.items()
    )
    over = (("Year Ended", 2), ("", 2))
    return Table(name, change_columns(), body, "(in millions, except percentages)", over)


def _margins() -> Table:
    line = figures.income_statement
    labels = ("Total revenue", "Total cost of revenue", "Gross profit", "Research and development",
              "Selling, general and administrative", "Amortization of acquired intangible assets",
              "Restructuring charges", "Goodwill impairment", "Operating income", "Net income")
    body = tuple(
        Row(label, tuple(_share(p, w) for p, w in zip(line[label], figures.revenue, strict=True)),
            "sum" if label in ("Gross profit", "Operating income", "Net income") else "plain")
        for label in labels
    )
    return Table("margins", year_columns("percent"), body, "(as a percentage of total revenue)",
                 STACKED)


def _segment_result(name: str, segment: str) -> Table:
    income, revenue = figures.segment_income[segment], figures.segment_revenue[segment]
    margin = tuple(_share(i, r) for i, r in zip(income, revenue, strict=True))
    table = _change_table(name, {
        "Revenue": revenue,
        "Cost of revenue": figures.segment_cost[segment],
        "Research and development": figures.segment_research[segment],
        "Selling, general and administrative": figures.segment_selling[segment],
        "Segment operating income": income,
    }, "Segment operating income")
    last = Row("Segment operating margin", (margin[0], margin[1], None, None), kind="percent")
    return Table(table.name, table.columns, (*table.rows, last), table.unit, table.over)


def _liquidity() -> Table:
    return Table("liquidity", year_columns("whole"), (
        Row("Net cash provided by operating activities", figures.cash_from_operations),
        Row("Net cash used in investing activities", figures.cash_from_investing),
        Row("Net cash used in financing activities", figures.cash_from_financing),
        Row("Free cash flow(1)", figures.free_cash_flow, "total"),
    ), "(in millions, rounded)", STACKED, notes=(
        "(1) Net cash provided by operating activities less purchases of property, plant and "
        "equipment. Free cash flow is not a measure under GAAP; see the reconciliation below.",))


def _free_cash_flow() -> Table:
    return Table("free cash flow", year_columns(), (
        Row("Net cash provided by operating activities", figures.cash_from_operations),
        Row("Less: purchases of property, plant and equipment", figures.negative(figures.capex)),
        Row("Free cash flow", figures.free_cash_flow, "total"),
    ), "(in millions)", STACKED)


def _quarters(name: str, lines: Mapping[str, Series], ends: tuple[str, ...]) -> Table:
    columns = tuple(Column(end.replace(", ", ",\n")) for end in ends)
    shown = rows(lines)
    return Table(name, columns, shown, "(in millions, unaudited)", (("Quarter Ended", 4),))


def _cover() -> list[Table]:
    identity = (
        Row("**Delaware**", ("00-4471920",)),
        Row("(State or other jurisdiction of incorporation or organization)",
            ("(I.R.S. Employer Identification No.)",)),
        Row("**4400 Harbor Mill Road, Rochester, New York**", ("14610",)),
        Row("(Address of principal executive offices)", ("(Zip Code)",)),
    )
    securities = (
        Row("Common stock, $0.01 par value", ("CDWK", "The Nasdaq Stock Market LLC")),
    )
    plain = tuple(Row(row.label.replace("**", ""), row.cells) for row in identity)
    return [
        Table("cover identity", (Column("", "text"),), plain),
        Table("cover securities", (
            Column("Trading symbol", "text"), Column("Name of each exchange on which registered",
                                                     "text"),
        ), securities, stub="Title of each class"),
    ]


def tables() -> dict[str, Table]:
    line = figures.income_statement
    expenses = {label: line[label] for label in list(line)[9:15]}
    other = {label: line[label] for label in list(line)[16:19]}
    found = [
        *_cover(),
        _income(), _comprehensive(), _balance(), _equity(), _cash_flows(), _margins(),
        _change_table("revenue change", {**figures.segment_revenue, "Total revenue": figures.revenue},
                      "Total revenue"),
        _change_table("gross profit change", {
            **{f"{k} gross profit": figures.minus(figures.revenue_by_type[k], figures.cost_by_type[k])
               for k in figures.revenue_by_type},
            "Gross profit": figures.gross_profit}, "Gross profit"),
        _change_table("expense change", expenses, "Total operating expenses"),
        _change_table("other change", other),
        *(_segment_result(f"segment {number}", segment)
          for number, segment in enumerate(figures.segment_revenue, 1)),
        _liquidity(), _free_cash_flow(),
        _quarters("quarters 2025", schedules.quarters_2025, schedules.QUARTER_ENDS_2025),
        _quarters("quarters 2024", schedules.quarters_2024,
                  ("September 23, 2023", "December 23, 2023", "March 23, 2024", "June 29, 2024")),
    ]
    return {table.name: table for table in found}
