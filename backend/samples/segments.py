"""What each segment earned: its revenue less its own costs, and what no segment bears.

Thousands of dollars, (2025, 2024, 2023).
"""

from backend.samples import figures
from backend.samples.series import Series, millions, minus, plus

corporate_costs = millions("47.9 46.2 44.8")


def _by_segment(total: Series, software: str, services: str) -> dict[str, Series]:
    """Two segments as chosen; Precision Instruments bears the rest of the total."""
    return {
        "Precision Instruments": minus(total, millions(software), millions(services)),
        "Process Software": millions(software),
        "Lifecycle Services": millions(services),
    }


_compensation_cost, _compensation_research, _compensation_selling = (
    figures.stock_compensation_by_function.values()
)
segment_cost = _by_segment(
    minus(figures.cost_of_revenue, _compensation_cost, figures.amortization_in_cost),
    "69.8 62.7 57.2",
    "138.4 131.5 125.2",
)
segment_research = _by_segment(
    minus(figures.research, _compensation_research), "74.6 66.3 58.7", "4.8 4.5 4.1"
)
segment_selling = _by_segment(
    minus(figures.selling, _compensation_selling, corporate_costs),
    "88.3 79.8 71.4",
    "29.6 28.1 27.3",
)
segment_income: dict[str, Series] = {
    segment: minus(
        figures.segment_revenue[segment],
        segment_cost[segment],
        segment_research[segment],
        segment_selling[segment],
    )
    for segment in figures.segment_revenue
}
total_segment_income = plus(*segment_income.values())
