"""The books behind the notes: each schedule sums to a line of the statements in figures.py.

Thousands of dollars, (2025, 2024, 2023) unless a name says otherwise.
"""

from backend.samples import figures
from backend.samples.series import Series, minus, negative, plus

# --- Income taxes -----------------------------------------------------------------------------

pretax_foreign: Series = (46_712, 38_065, 29_347)
pretax_domestic = minus(figures.pretax_income, pretax_foreign)

current_federal: Series = (21_847, 18_126, 12_904)
current_state: Series = (4_216, 3_388, 2_517)
current_foreign = minus(figures.income_tax, figures.deferred_tax, current_federal, current_state)
deferred_federal: Series = (-4_871, -6_214, -4_132)
deferred_state: Series = (-713, -902, -588)
deferred_foreign = minus(figures.deferred_tax, deferred_federal, deferred_state)

statutory_tax: Series = tuple(round(income * 0.21) for income in figures.pretax_income)
_reconciling: dict[str, Series] = {
    "Tax at U.S. federal statutory rate of 21%": statutory_tax,
    "State income taxes, net of federal benefit": (2_874, 2_131, 1_417),
    "Foreign rate differential": (1_962, 1_688, 1_204),
    "Research and development tax credits": (-5_418, -4_873, -4_316),
    "Foreign-derived intangible income deduction": (-3_207, -2_241, -1_118),
    "Stock-based compensation": (-1_146, -412, 286),
    "Nondeductible executive compensation": (1_583, 1_377, 1_195),
    "Nondeductible goodwill impairment": (0, 0, 2_982),
    "Change in valuation allowance": (1_021, 1_342, 876),
}
tax_reconciliation: dict[str, Series] = _reconciling | {
    "Other, net": minus(figures.income_tax, *_reconciling.values())
}
effective_rate = tuple(
    round(tax / income * 100, 1)
    for tax, income in zip(figures.income_tax, figures.pretax_income, strict=True)
)

_assets: dict[str, Series] = {  # (2025, 2024)
    "Capitalized research and development": (31_846, 26_417),
    "Accrued compensation and benefits": (11_392, 10_268),
    "Stock-based compensation": (8_714, 7_906),
    "Deferred revenue": (14_187, 12_361),
    "Operating lease liabilities": (12_621, 13_159),
    "Inventory reserves": (6_438, 7_127),
    "Net operating loss and credit carryforwards": (13_905, 12_877),
    "Pension obligations": (4_112, 4_536),
}
valuation_allowance: Series = (-8_264, -7_243)
_liabilities: dict[str, Series] = {
    "Intangible assets and goodwill": (-52_418, -50_142),
    "Property, plant and equipment": (-16_227, -15_904),
    "Operating lease right-of-use assets": (-11_680, -12_126),
}
deferred_tax_assets = _assets | {
    "Other": minus(
        figures.net_deferred_tax_asset[:2],
        *_assets.values(),
        valuation_allowance,
        *_liabilities.values(),
    )
}
deferred_tax_liabilities = _liabilities
unrecognized_benefits_opening = 14_862  # June 25, 2022
unrecognized_movements: dict[str, Series] = {
    "Increases for positions taken in the current year": (2_418, 2_106, 1_873),
    "Increases for positions taken in prior years": (364, 512, 291),
    "Decreases for positions taken in prior years": (-587, -208, -446),
    "Settlements with tax authorities": (-1_240, 0, -318),
    "Lapse of statutes of limitations": (-976, -1_054, -883),
}
_benefits = [unrecognized_benefits_opening]
for _movement in reversed(plus(*unrecognized_movements.values())):
    _benefits.insert(0, _benefits[0] + _movement)
unrecognized_benefits: Series = tuple(_benefits)  # (2025, 2024, 2023, 2022)

# --- Stock-based compensation by award --------------------------------------------------------

_awards: dict[str, Series] = {
    "Restricted stock units": (24_318, 21_746, 19_283),
    "Performance stock units": (8_947, 7_812, 6_574),
    "Stock options": (2_861, 3_094, 3_427),
}
compensation_by_award = _awards | {
    "Employee stock purchase plan": minus(figures.stock_compensation, *_awards.values())
}

# --- Revenue by place and by time -------------------------------------------------------------

_regions: dict[str, Series] = {
    "Germany": (148_316, 141_927, 138_405),
    "China": (121_742, 132_869, 154_218),
    "Rest of Europe, Middle East and Africa": (187_455, 171_308, 163_962),
    "Rest of Asia Pacific": (156_890, 144_716, 139_577),
    "Canada and Latin America": (66_283, 61_194, 58_731),
}
revenue_by_region = {
    "United States": minus(figures.revenue, *_regions.values()),
} | _regions
revenue_over_time: Series = (436_218, 378_064, 330_587)
revenue_at_a_point = minus(figures.revenue, revenue_over_time)
long_lived_assets: dict[str, Series] = {  # property and lease assets, (2025, 2024)
    "United States": minus(
        plus(figures.property_net[:2], figures.lease_assets[:2]),
        (41_630, 39_874),
        (28_417, 27_956),
        (33_208, 35_119),
    ),
    "Germany": (41_630, 39_874),
    "China": (28_417, 27_956),
    "Other countries": (33_208, 35_119),
}
deferred_revenue_opening = plus(
    figures.deferred_revenue_current[1:], figures.deferred_revenue_long[1:]
)
revenue_from_opening: Series = (143_906, 121_758, 109_314)
deferred_acquired: Series = (0, 5_300, 0)
deferred_billed = minus(
    plus(figures.deferred_revenue_current[:3], figures.deferred_revenue_long[:3]),
    deferred_revenue_opening,
    negative(revenue_from_opening),
    deferred_acquired,
)

# --- Balance sheet details (2025, 2024) -------------------------------------------------------

raw_materials: Series = (71_463, 78_926)
work_in_process: Series = (32_917, 34_448)
finished_goods = minus(figures.inventories[:2], raw_materials, work_in_process)

property_gross: dict[str, Series] = {
    "Land": (18_430, 18_430),
    "Buildings and improvements": (162_875, 157_340),
    "Machinery and equipment": (261_946, 247_118),
    "Computer equipment and software": (88_214, 81_657),
    "Construction in progress": (17_362, 14_905),
}
accumulated_depreciation = minus(figures.property_net[:2], *property_gross.values())

credit_loss_allowance: dict[str, Series] = {
    "Balance at beginning of year": (5_914, 5_286, 4_817),
    "Provision for expected credit losses": (1_873, 1_642, 1_390),
    "Write-offs, net of recoveries": (-1_346, -1_028, -877),
    "Currency translation and other": (62, 14, -44),
}
warranty: dict[str, Series] = {
    "Balance at beginning of year": (9_627, 10_344, 9_871),
    "Accruals for warranties issued": (7_218, 6_905, 8_112),
    "Changes in estimates for earlier warranties": (-481, -836, 307),
    "Settlements made": (-6_972, -6_786, -7_946),
}
intangibles_gross: dict[str, Series] = {
    "Developed technology": (168_420, 163_180),
    "Customer relationships": (141_760, 136_240),
    "Trade names and other": (31_940, 30_800),
}
_amortized: dict[str, Series] = {
    "Developed technology": (-129_316, -112_874),
    "Customer relationships": (-96_208, -76_539),
}
intangibles_amortized = _amortized | {
    "Trade names and other": minus(
        figures.intangibles[:2], *intangibles_gross.values(), *_amortized.values()
    )
}
future_amortization = {2026: 31_264, 2027: 22_817, 2028: 15_946, 2029: 9_738, 2030: 5_481}
amortization_thereafter = figures.intangibles[0] - sum(future_amortization.values())

goodwill_opening: dict[str, int] = {  # June 24, 2023
    "Precision Instruments": 156_400,
    "Process Software": 148_700,
    "Lifecycle Services": figures.goodwill[2] - 156_400 - 148_700,
}
goodwill_acquired: dict[str, Series] = {
    "Precision Instruments": (0, 0),
    "Process Software": (0, figures.acquired["Goodwill"][1]),
    "Lifecycle Services": (figures.acquired["Goodwill"][0], 0),
}
goodwill_currency: dict[str, Series] = {
    "Precision Instruments": (2_100, -700),
    "Process Software": (1_300, -300),
    "Lifecycle Services": (500, -100),
}

# --- Leases and debt --------------------------------------------------------------------------

lease_cost: dict[str, Series] = {
    "Operating lease cost": (16_148, 15_306, 14_417),
    "Short-term lease cost": (1_284, 1_097, 1_163),
    "Variable lease cost": (3_926, 3_618, 3_402),
}
lease_payments = {2026: 15_942, 2027: 13_386, 2028: 10_724, 2029: 7_815, 2030: 5_203}
lease_payments_thereafter = 7_614
lease_interest = (
    sum(lease_payments.values()) + lease_payments_thereafter - figures.lease_liabilities[0]
)
debt_maturities = {2026: 12_500, 2027: 12_500, 2028: 15_000, 2029: 80_000, 2030: 250_000}

# --- Restructuring (2025 roll-forward by plan and kind) ----------------------------------------

restructuring_by_kind: dict[str, Series] = {
    "Severance and benefits": (8_346, 3_512, 14_087),
    "Facility exit costs": (3_118, 964, 3_276),
    "Other": (1_236, 424, 1_237),
}
restructuring_opening = {"Severance and benefits": 1_874, "Facility exit costs": 512, "Other": 96}
restructuring_paid = {
    "Severance and benefits": -6_437,
    "Facility exit costs": -1_749,
    "Other": -1_188,
}

# --- Quarters (first to third; the fourth is what remains) -------------------------------------

QUARTER_ENDS_2025 = ("September 28, 2024", "December 28, 2024", "March 29, 2025", "June 28, 2025")


def _four_quarters(year: int, first: Series) -> Series:
    return (*first, year - sum(first))


quarters_2025: dict[str, Series] = {
    "Total revenue": _four_quarters(figures.revenue[0], (298_400, 316_700, 321_900)),
    "Gross profit": _four_quarters(figures.gross_profit[0], (155_600, 167_100, 170_900)),
    "Operating income": _four_quarters(figures.operating_income[0], (34_200, 42_600, 45_800)),
    "Net income": _four_quarters(figures.net_income[0], (24_600, 31_300, 33_700)),
}
quarters_2024: dict[str, Series] = {
    "Total revenue": _four_quarters(figures.revenue[1], (284_300, 291_600, 297_800)),
    "Gross profit": _four_quarters(figures.gross_profit[1], (143_900, 148_700, 152_600)),
    "Operating income": _four_quarters(figures.operating_income[1], (27_900, 31_800, 35_700)),
    "Net income": _four_quarters(figures.net_income[1], (18_700, 21_900, 24_800)),
}

# --- Pension ----------------------------------------------------------------------------------

pension_obligation: dict[str, Series] = {  # (2025, 2024)
    "Benefit obligation at beginning of year": (78_346, 77_918),
    "Service cost": (1_124, 1_208),
    "Interest cost": (3_687, 3_592),
    "Actuarial gain": (-1_842, -1_107),
    "Benefits paid": (-3_468, -3_321),
    "Currency translation": (2_416, 56),
}
obligation_at_end = plus(*pension_obligation.values())
_pension_assets: dict[str, Series] = {
    "Fair value of plan assets at beginning of year": (57_746, 56_018),
    "Actual return on plan assets": (2_914, 2_468),
    "Employer contributions": (2_985, 2_731),
    "Benefits paid": (-3_468, -3_321),
}
plan_assets_at_end = minus(obligation_at_end, figures.pension_liability[:2])
pension_assets = _pension_assets | {
    "Currency translation": minus(plan_assets_at_end, *_pension_assets.values())
}
retirement_contributions: Series = (14_286, 13_417, 12_908)  # 401(k) match
advertising: Series = (6_318, 5_947, 6_104)

# --- Equity awards (thousands of shares, dollars a share) --------------------------------------

options: dict[str, tuple[int, float]] = {
    "Outstanding at June 29, 2024": (1_146, 47.82),
    "Granted": (138, 66.15),
    "Exercised": (-287, 41.36),
    "Forfeited or expired": (-34, 55.20),
}
restricted_units: dict[str, tuple[int, float]] = {
    "Nonvested at June 29, 2024": (1_012, 52.64),
    "Granted": (486, 67.38),
    "Vested": (-441, 51.07),
    "Forfeited": (-63, 56.92),
}


def closing_award(activity: dict[str, tuple[int, float]]) -> tuple[int, float]:
    """Awards at the end of the year, and their average price or value."""
    count = sum(shares for shares, _ in activity.values())
    return count, round(sum(s * price for s, price in activity.values()) / count, 2)


# --- Accumulated other comprehensive loss, 2025 -------------------------------------------------

accumulated_opening = {"Currency": -27_400, "Hedges": 1_900, "Pension": -10_700}
accumulated_movement = {
    "Currency": figures.translation[0],
    "Hedges": figures.hedge_gain[0] - figures.hedge_tax[0],
    "Pension": figures.pension_gain[0] - figures.pension_tax[0],
}

# --- Fair value (2025), commitments and repurchases ---------------------------------------------

fair_values: dict[str, tuple[int, int, int]] = {  # level 1, 2, 3
    "Money market funds": (84_600, 0, 0),
    "U.S. Treasury securities": (38_400, 0, 0),
    "Corporate debt securities": (0, figures.investments[0] - 38_400, 0),
    "Foreign currency forward contracts, assets": (0, 1_700, 0),
    "Contingent consideration, liability": (0, 0, -3_400),
}
purchase_obligations = {2026: 74_300, 2027: 29_600, 2028: 14_800}
repurchase_authorization = 300_000
repurchased_before_2025 = 27_500
authorization_left = repurchase_authorization - repurchased_before_2025 - figures.repurchases[0]
quarterly_purchases: dict[str, tuple[int, float]] = {  # shares, average price
    "March 30, 2025 to April 26, 2025": (96_412, 66.18),
    "April 27, 2025 to May 24, 2025": (118_730, 70.44),
    "May 25, 2025 to June 28, 2025": (101_255, 73.02),
}
remaining_obligations: Series = (338_500, 174_100)  # within a year, later
accrued_items: dict[str, Series] = {  # (2025, 2024)
    "Product warranty": (9_392, 9_627),
    "Restructuring": (5_808, 2_482),
    "Customer deposits": (14_736, 13_285),
    "Accrued professional fees": (5_914, 5_377),
    "Sales and value added taxes": (6_842, 6_104),
}
accrued_other = accrued_items | {
    "Other": minus(figures.accrued_liabilities[:2], *accrued_items.values())
}
