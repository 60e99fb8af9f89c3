"""The books' figures as words a sentence can hold: {revenue_25} is "$1,284.6 million"."""

from backend.samples import figures, schedules, segments
from backend.samples.blocks import DASH, printed

_SERIES: dict[str, figures.Series] = (
    {
        name: value[:3]
        for name, value in (*vars(figures).items(), *vars(schedules).items())
        if isinstance(value, tuple)
        and len(value) >= 3
        and name != "YEARS"
        and all(isinstance(figure, int) for figure in value)
    }
    | {
        f"{kind}_{segment.split()[-1].lower()}": series
        for kind, lines in (
            ("revenue", figures.segment_revenue),
            ("income", segments.segment_income),
        )
        for segment, series in lines.items()
    }
    | {
        f"{kind}_{label.lower()}": series
        for kind, lines in (("sold", figures.revenue_by_type), ("cost", figures.cost_by_type))
        for label, series in lines.items()
    }
    | {
        "revenue_us": schedules.revenue_by_region["United States"],
        "revenue_germany": schedules.revenue_by_region["Germany"],
        "revenue_china": schedules.revenue_by_region["China"],
    }
)
_SINGLE = {
    "authorization_left": schedules.authorization_left,
    "debt_repaid_25": figures.term_loan_repaid[0] + figures.revolver_repaid[0],
    "liquid_25": figures.cash[0] + figures.investments[0],
    "purchase_first": schedules.purchase_obligations[2026],
    "purchase_total": sum(schedules.purchase_obligations.values()),
    "remaining_total": sum(schedules.remaining_obligations),
    "remaining_first": schedules.remaining_obligations[0],
    "remaining_later": schedules.remaining_obligations[1],
    "suzhou_assets": schedules.long_lived_assets["China"][0],
    "unrecognized_total": schedules.unrecognized_benefits[0],
}


def _money(thousands: int) -> str:
    return DASH if thousands == 0 else f"${abs(thousands) / 1000:,.1f} million"


def _of(series: figures.Series, name: str) -> dict[str, str]:
    now, before, earlier = series
    words = {
        f"{name}_chg": _money(now - before),
        f"{name}_chg24": _money(before - earlier),
        f"{name}_move": "increased" if now > before else "decreased",
        f"{name}_move24": "increased" if before > earlier else "decreased",
    }
    for year, figure, total in zip((25, 24, 23), series, figures.revenue, strict=True):
        words[f"{name}_{year}"] = _money(figure)
        words[f"{name}_{year}_whole"] = f"${printed(abs(figure), 'whole')} million"
        words[f"{name}_{year}_k"] = f"{abs(figure):,}"
        words[f"{name}_{year}_share"] = f"{abs(figure) / total * 100:.1f}%"
    if before:
        words[f"{name}_pct"] = f"{abs(now - before) / abs(before) * 100:.1f}%"
    if earlier:
        words[f"{name}_pct24"] = f"{abs(before - earlier) / abs(earlier) * 100:.1f}%"
    return words


def words() -> dict[str, str]:
    found = {name: _money(figure) for name, figure in _SINGLE.items()}
    found["raw_materials_25_k"] = f"{schedules.raw_materials[0]:,}"
    for name, series in _SERIES.items():
        found |= _of(series, name)
    for year, basic, diluted, dividend, rate in zip(
        (25, 24, 23),
        figures.basic_eps,
        figures.diluted_eps,
        figures.dividends_per_share,
        schedules.effective_rate,
        strict=True,
    ):
        found |= {
            f"basic_{year}": f"${basic:.2f}",
            f"diluted_{year}": f"${diluted:.2f}",
            f"dividend_{year}": f"${dividend:.2f}",
            f"tax_rate_{year}": f"{rate:.1f}%",
        }
    return found
