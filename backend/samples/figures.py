"""The books of Calderwick Instruments: chosen leaves in, five statements that tie out.

Money is in thousands of dollars and shares are in thousands. Every series runs (2025, 2024, 2023);
balance sheets run (2025, 2024). Fiscal years end on the last Saturday of June. The company is
fictional: each figure is chosen here or follows from figures chosen here.
"""

from backend.samples.series import Series, balances, millions, minus, negative, plus, rises

COMPANY = "Calderwick Instruments Corporation"
SHORT_NAME = "Calderwick"
TICKER = "CDWK"
YEARS = (2025, 2024, 2023)
YEAR_ENDS = ("June 28, 2025", "June 29, 2024", "June 24, 2023")


# --- Revenue and cost -------------------------------------------------------------------------

revenue_by_segment_and_type: dict[str, dict[str, Series]] = {
    "Precision Instruments": {
        "Products": millions("731.8 709.2 752.6"),
        "Services": millions("10.5 9.7 8.8"),
    },
    "Process Software": {
        "Software": millions("301.4 255.9 215.1"),
        "Services": millions("17.3 15.3 14.4"),
    },
    "Lifecycle Services": {
        "Products": millions("38.9 36.2 34.3"),
        "Services": millions("184.7 172.2 160.5"),
    },
}
segment_revenue: dict[str, Series] = {
    segment: plus(*parts.values()) for segment, parts in revenue_by_segment_and_type.items()
}
revenue_by_type: dict[str, Series] = {
    kind: plus(*(p[kind] for p in revenue_by_segment_and_type.values() if kind in p))
    for kind in ("Products", "Software", "Services")
}
revenue = plus(*segment_revenue.values())

cost_by_type: dict[str, Series] = {
    "Products": millions("408.6 402.8 432.9"),
    "Software": millions("66.9 60.4 53.8"),
    "Services": millions("129.8 122.7 116.9"),
}
cost_of_revenue = plus(*cost_by_type.values())
gross_profit = minus(revenue, cost_of_revenue)

research = millions("171.4 162.8 156.3")
selling = millions("289.7 281.3 276.6")
amortization_in_expenses = millions("31.6 28.4 24.9")
amortization_in_cost = millions("10.6 9.8 6.3")
amortization = plus(amortization_in_expenses, amortization_in_cost)
restructuring = millions("12.7 4.9 18.6")
impairment = millions("0 0 14.2")
operating_expenses = plus(research, selling, amortization_in_expenses, restructuring, impairment)
operating_income = minus(gross_profit, operating_expenses)

interest_expense = millions("21.8 25.6 19.3")
interest_income = millions("9.4 8.1 4.2")
other_net = millions("-1.9 0.7 -2.6")
pretax_income = plus(operating_income, negative(interest_expense), interest_income, other_net)
income_tax = millions("31.9 24.6 18.1")
net_income = minus(pretax_income, income_tax)

basic_shares: Series = (48_806, 49_094, 49_487)
dilutive_shares: Series = (652, 604, 488)
diluted_shares = plus(basic_shares, dilutive_shares)
antidilutive_shares: Series = (214, 387, 531)


def _per_share(shares: Series) -> tuple[float, ...]:
    return tuple(round(n / s, 2) for n, s in zip(net_income, shares, strict=True))


basic_eps = _per_share(basic_shares)
diluted_eps = _per_share(diluted_shares)
dividends_per_share = (0.64, 0.60, 0.56)

income_statement: dict[str, Series] = {
    "Product revenue": revenue_by_type["Products"],
    "Software revenue": revenue_by_type["Software"],
    "Services revenue": revenue_by_type["Services"],
    "Total revenue": revenue,
    "Cost of products": cost_by_type["Products"],
    "Cost of software": cost_by_type["Software"],
    "Cost of services": cost_by_type["Services"],
    "Total cost of revenue": cost_of_revenue,
    "Gross profit": gross_profit,
    "Research and development": research,
    "Selling, general and administrative": selling,
    "Amortization of acquired intangible assets": amortization_in_expenses,
    "Restructuring charges": restructuring,
    "Goodwill impairment": impairment,
    "Total operating expenses": operating_expenses,
    "Operating income": operating_income,
    "Interest expense": negative(interest_expense),
    "Interest income": interest_income,
    "Other (expense) income, net": other_net,
    "Income before income taxes": pretax_income,
    "Provision for income taxes": income_tax,
    "Net income": net_income,
}

# --- Stock-based compensation ---------------------------------------------------------------

stock_compensation_by_function: dict[str, Series] = {
    "Cost of revenue": millions("4.1 3.6 3.2"),
    "Research and development": millions("11.2 10.3 9.1"),
    "Selling, general and administrative": millions("23.1 20.8 18.9"),
}
stock_compensation = plus(*stock_compensation_by_function.values())

# --- Balances that roll forward ---------------------------------------------------------------
# An acquisition brings balances that no cash flow of operations explains; exchange rates too.

acquired: dict[str, Series] = {
    "Accounts receivable": millions("2.4 4.2 0"),
    "Property, plant and equipment": millions("2.8 1.1 0"),
    "Intangible assets": millions("11.9 41.8 0"),
    "Goodwill": millions("13.1 58.9 0"),
    "Accounts payable": millions("-0.9 -1.2 0"),
    "Deferred revenue": millions("0 -5.3 0"),
    "Deferred income tax liabilities": millions("-1.7 -3.1 0"),
}
acquisitions_paid = plus(*acquired.values())

capex = millions("46.3 41.7 48.9")
depreciation = millions("40.9 38.6 36.2")
disposals = millions("0.5 0.6 0.8")
disposal_proceeds = millions("0.9 0.6 0.5")
_currency_on_property = millions("1.2 -0.4 -1.3")
property_net = balances(
    214.3,
    capex,
    negative(depreciation),
    acquired["Property, plant and equipment"],
    negative(disposals),
    _currency_on_property,
)

new_leases = millions("11.9 14.6 9.8")
lease_amortization = millions("13.8 13.1 12.4")
lease_principal_paid = millions("14.2 13.4 12.9")
lease_assets = balances(52.7, new_leases, negative(lease_amortization))
lease_liabilities = balances(57.9, new_leases, negative(lease_principal_paid))
lease_current: Series = millions("13.9 13.3 12.6")

currency_on_goodwill = millions("3.9 -1.1 -3.7")
goodwill = balances(384.6, acquired["Goodwill"], negative(impairment), currency_on_goodwill)
intangibles = balances(148.9, acquired["Intangible assets"], negative(amortization))

currency_on_cash = millions("2.1 -0.5 -1.6")
translation = plus(_currency_on_property, currency_on_goodwill, currency_on_cash)
hedge_gain = millions("-2.6 0.9 1.5")
hedge_tax = millions("-0.6 0.2 0.3")
pension_gain = millions("1.1 0.6 1.8")
pension_tax = millions("0.3 0.1 0.4")
other_comprehensive_income = plus(
    translation, minus(hedge_gain, hedge_tax), minus(pension_gain, pension_tax)
)
comprehensive_income = plus(net_income, other_comprehensive_income)

deferred_tax = millions("-6.2 -7.8 -5.1")
net_deferred_tax_asset = balances(
    2.8,
    negative(deferred_tax),
    acquired["Deferred income tax liabilities"],
    negative(hedge_tax),
    negative(pension_tax),
)
deferred_tax_liability = millions("17.8 18.9 17.2 18.6")
deferred_tax_asset = plus(net_deferred_tax_asset, deferred_tax_liability)

term_loan_repaid = millions("35.0 15.0 10.0")
revolver_borrowed = millions("0 60.0 0")
revolver_repaid = millions("35.0 25.0 0")
financing_fees_paid = millions("0 1.2 0")
financing_fees_amortized = millions("0.9 0.9 0.9")
senior_notes: Series = millions("250.0 250.0 250.0 250.0")
term_loan = balances(180.0, negative(term_loan_repaid))
revolver = balances(0.0, revolver_borrowed, negative(revolver_repaid))
financing_fees = balances(3.6, financing_fees_paid, negative(financing_fees_amortized))
debt = minus(plus(senior_notes, term_loan, revolver), financing_fees)
debt_current: Series = millions("12.5 15.0 10.0")

investments_bought = millions("58.4 51.0 44.1")
investments_matured = millions("49.7 43.6 38.9")
investments = balances(40.0, investments_bought, negative(investments_matured))

# --- Balances that are chosen (2025, 2024, 2023, 2022) ----------------------------------------

receivables = millions("226.8 211.3 204.7 196.4")
inventories = millions("165.4 172.9 187.6 158.2")
prepaid = millions("42.6 39.2 37.5 34.1")
other_assets = millions("33.9 31.7 28.4 26.8")
payables = millions("90.2 83.6 94.1 88.4")
accrued_compensation = millions("72.4 64.7 52.8 61.3")
accrued_liabilities = millions("50.8 47.3 51.9 48.6")
taxes_payable = millions("12.1 10.4 7.6 9.2")
deferred_revenue_current = millions("169.3 147.6 124.9 112.7")
deferred_revenue_long = millions("44.7 38.2 31.6 28.4")
pension_liability = millions("18.7 20.6 21.9 24.8")
other_liabilities = millions("25.9 23.1 24.3 22.6")

# --- Shares and shareholders' equity ----------------------------------------------------------

shares_issued_under_plans: Series = (704, 655, 612)
shares_repurchased: Series = (1_198, 742, 1_284)
shares_outstanding = balances(49.821, shares_issued_under_plans, negative(shares_repurchased))
repurchases = millions("85.0 40.0 62.5")
plan_proceeds = millions("18.6 14.9 12.7")
withholding_paid = millions("11.8 9.4 8.7")
dividends = tuple(
    round(each * shares / 100) * 100
    for each, shares in zip(dividends_per_share, basic_shares, strict=True)
)

common_stock = millions("0.6 0.6 0.6 0.6")
paid_in_capital = balances(512.4, stock_compensation, plan_proceeds, negative(withholding_paid))
treasury_stock = balances(-318.7, negative(repurchases))
accumulated_oci = balances(-31.4, other_comprehensive_income)
retained_earnings = balances(379.3, net_income, negative(dividends))
total_equity = plus(
    common_stock, paid_in_capital, retained_earnings, accumulated_oci, treasury_stock
)

# --- Cash flows -------------------------------------------------------------------------------

depreciation_and_amortization = plus(depreciation, amortization)
_other_noncash = plus(financing_fees_amortized, minus(disposals, disposal_proceeds))

operating_activities: dict[str, Series] = {
    "Net income": net_income,
    "Depreciation and amortization": depreciation_and_amortization,
    "Stock-based compensation": stock_compensation,
    "Goodwill impairment": impairment,
    "Noncash operating lease expense": lease_amortization,
    "Deferred income taxes": deferred_tax,
    "Other noncash items": _other_noncash,
    "Accounts receivable": minus(acquired["Accounts receivable"], rises(receivables)),
    "Inventories": negative(rises(inventories)),
    "Prepaid expenses and other current assets": minus(hedge_gain, rises(prepaid)),
    "Other assets": negative(rises(other_assets)),
    "Accounts payable": plus(rises(payables), acquired["Accounts payable"]),
    "Accrued compensation and other current liabilities": plus(
        rises(accrued_compensation), rises(accrued_liabilities)
    ),
    "Income taxes payable": rises(taxes_payable),
    "Deferred revenue": plus(
        rises(deferred_revenue_current),
        rises(deferred_revenue_long),
        acquired["Deferred revenue"],
    ),
    "Operating lease liabilities": negative(lease_principal_paid),
    "Pension and other long-term liabilities": plus(
        rises(pension_liability), pension_gain, rises(other_liabilities)
    ),
}
cash_from_operations = plus(*operating_activities.values())

investing_activities: dict[str, Series] = {
    "Purchases of property, plant and equipment": negative(capex),
    "Proceeds from sale of property, plant and equipment": disposal_proceeds,
    "Acquisitions of businesses, net of cash acquired": negative(acquisitions_paid),
    "Purchases of short-term investments": negative(investments_bought),
    "Maturities of short-term investments": investments_matured,
}
cash_from_investing = plus(*investing_activities.values())

financing_activities: dict[str, Series] = {
    "Borrowings under revolving credit facility": revolver_borrowed,
    "Repayments of revolving credit facility": negative(revolver_repaid),
    "Repayments of term loan": negative(term_loan_repaid),
    "Payment of debt issuance costs": negative(financing_fees_paid),
    "Repurchases of common stock": negative(repurchases),
    "Dividends paid": negative(dividends),
    "Proceeds from issuance of common stock under employee plans": plan_proceeds,
    "Taxes paid related to net share settlement of equity awards": negative(withholding_paid),
}
cash_from_financing = plus(*financing_activities.values())
change_in_cash = plus(
    cash_from_operations, cash_from_investing, cash_from_financing, currency_on_cash
)
cash = balances(163.7, change_in_cash)

cash_flow_statement: dict[str, Series] = {
    **operating_activities,
    "Net cash provided by operating activities": cash_from_operations,
    **investing_activities,
    "Net cash used in investing activities": cash_from_investing,
    **financing_activities,
    "Net cash used in financing activities": cash_from_financing,
    "Effect of exchange rate changes on cash": currency_on_cash,
    "Net increase (decrease) in cash and cash equivalents": change_in_cash,
    "Cash and cash equivalents at beginning of year": cash[1:],
    "Cash and cash equivalents at end of year": cash[:3],
}
interest_paid = millions("20.6 24.3 18.2")
taxes_paid = millions("36.4 29.6 24.8")
free_cash_flow = minus(cash_from_operations, capex)

# --- Balance sheet (2025, 2024) ---------------------------------------------------------------

_current_assets: dict[str, Series] = {
    "Cash and cash equivalents": cash,
    "Short-term investments": investments,
    "Accounts receivable, net": receivables,
    "Inventories": inventories,
    "Prepaid expenses and other current assets": prepaid,
}
_long_assets: dict[str, Series] = {
    "Property, plant and equipment, net": property_net,
    "Operating lease right-of-use assets": lease_assets,
    "Goodwill": goodwill,
    "Intangible assets, net": intangibles,
    "Deferred income taxes": deferred_tax_asset,
    "Other assets": other_assets,
}
_current_liabilities: dict[str, Series] = {
    "Current portion of long-term debt": debt_current,
    "Accounts payable": payables,
    "Accrued compensation and benefits": accrued_compensation,
    "Deferred revenue, current": deferred_revenue_current,
    "Operating lease liabilities, current": lease_current,
    "Income taxes payable": taxes_payable,
    "Accrued and other current liabilities": accrued_liabilities,
}
_long_liabilities: dict[str, Series] = {
    "Long-term debt, net of current portion": minus(debt[:3], debt_current),
    "Deferred revenue, noncurrent": deferred_revenue_long,
    "Operating lease liabilities, noncurrent": minus(lease_liabilities[:3], lease_current),
    "Deferred income tax liabilities": deferred_tax_liability,
    "Pension obligations": pension_liability,
    "Other long-term liabilities": other_liabilities,
}
_equity: dict[str, Series] = {
    "Common stock": common_stock,
    "Additional paid-in capital": paid_in_capital,
    "Retained earnings": retained_earnings,
    "Accumulated other comprehensive loss": accumulated_oci,
    "Treasury stock, at cost": treasury_stock,
}


def _two_years(lines: dict[str, Series]) -> dict[str, Series]:
    return {label: series[:2] for label, series in lines.items()}


current_assets, long_assets = _two_years(_current_assets), _two_years(_long_assets)
current_liabilities = _two_years(_current_liabilities)
long_liabilities, equity = _two_years(_long_liabilities), _two_years(_equity)
total_current_assets = plus(*current_assets.values())
total_assets = plus(total_current_assets, *long_assets.values())
total_current_liabilities = plus(*current_liabilities.values())
total_liabilities = plus(total_current_liabilities, *long_liabilities.values())

balance_sheet: dict[str, Series] = {
    **current_assets,
    "Total current assets": total_current_assets,
    **long_assets,
    "Total assets": total_assets,
    **current_liabilities,
    "Total current liabilities": total_current_liabilities,
    **long_liabilities,
    "Total liabilities": total_liabilities,
    **equity,
    "Total shareholders' equity": total_equity[:2],
    "Total liabilities and shareholders' equity": plus(total_liabilities, total_equity[:2]),
}
