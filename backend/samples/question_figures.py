"""Which cells of the filing's tables are asked for, and in an analyst's words; data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that cells of one row answer."""

    question: str
    table: str
    label: str
    columns: tuple[int, ...] = (0,)
    """One cell is the answer; of two, the first less the second is."""
    item: str = ""
    """What to call the row where its label alone says too little."""
    nth: int = 0
    """Which row of that label, for labels that stand in a table more than once."""
    period: str = ""
    outlay: bool = False
    """The row is printed below zero, so that its change has the other sign."""


_SGA = "Selling, general and administrative"
_CAPEX = "Purchases of property, plant and equipment"
_CFO = "Net cash provided by operating activities"

FIGURES = (
    Ask("What was Calderwick's total revenue in fiscal 2025?", "income", "Total revenue"),
    Ask("What was the top line in fiscal 2023?", "income", "Total revenue", (2,)),
    Ask(
        "How much product revenue did the company report for fiscal 2024?",
        "income",
        "Product revenue",
        (1,),
    ),
    Ask(
        "Calderwick software revenue FY2025, as shown in the statements of income?",
        "income",
        "Software revenue",
    ),
    Ask(
        "What did Calderwick earn from services on the face of the income statement in 2024?",
        "income",
        "Services revenue",
        (1,),
    ),
    Ask("What was the cost of products in fiscal 2025?", "income", "Cost of products"),
    Ask("What was total cost of revenue in fiscal 2025?", "income", "Total cost of revenue"),
    Ask("How much gross profit did Calderwick make in fiscal 2025?", "income", "Gross profit"),
    Ask("What was R&D expense in FY2025?", "income", "Research and development"),
    Ask("How much did the company spend on SG&A in fiscal 2024?", "income", _SGA, (1,)),
    Ask(
        "What did Calderwick charge for restructuring in fiscal 2025?",
        "income",
        "Restructuring charges",
    ),
    Ask(
        "How large was the goodwill impairment in fiscal 2023?",
        "income",
        "Goodwill impairment",
        (2,),
    ),
    Ask(
        "What was operating income for the year ended June 28, 2025?", "income", "Operating income"
    ),
    Ask(
        "What were Calderwick's total operating expenses in fiscal 2024?",
        "income",
        "Total operating expenses",
        (1,),
    ),
    Ask(
        "How much interest expense did the company incur in fiscal 2024?",
        "income",
        "Interest expense",
        (1,),
    ),
    Ask(
        "What was Calderwick's pre-tax income in fiscal 2025?",
        "income",
        "Income before income taxes",
    ),
    Ask("What was the bottom line for fiscal 2025?", "income", "Net income"),
    Ask(
        "What were diluted earnings per share in fiscal 2025?",
        "earnings per share",
        "Net income per share, diluted",
    ),
    Ask(
        "What was basic EPS in fiscal 2023?",
        "earnings per share",
        "Net income per share, basic",
        (2,),
    ),
    Ask(
        "How many diluted weighted-average shares were outstanding in fiscal 2025?",
        "earnings per share",
        "Weighted-average shares outstanding, diluted",
    ),
    Ask(
        "What dividend per share did Calderwick declare in fiscal 2024?",
        "income",
        "Cash dividends declared per share",
        (1,),
    ),
    Ask("What was comprehensive income in fiscal 2025?", "comprehensive", "Comprehensive income"),
    Ask(
        "How much cash and cash equivalents did Calderwick hold at June 28, 2025?",
        "balance",
        "Cash and cash equivalents",
    ),
    Ask("What were inventories at the end of fiscal 2024?", "balance", "Inventories", (1,)),
    Ask("What were total current assets at June 28, 2025?", "balance", "Total current assets"),
    Ask("What were Calderwick's total assets at June 28, 2025?", "balance", "Total assets"),
    Ask(
        "How much current deferred revenue was on the balance sheet at June 28, 2025?",
        "balance",
        "Deferred revenue, current",
    ),
    Ask(
        "What was noncurrent deferred revenue at June 28, 2025?",
        "balance",
        "Deferred revenue, noncurrent",
    ),
    Ask(
        "What were total current liabilities at June 29, 2024?",
        "balance",
        "Total current liabilities",
        (1,),
    ),
    Ask(
        "What did Calderwick owe in total liabilities at fiscal year-end 2025?",
        "balance",
        "Total liabilities",
    ),
    Ask(
        "What was total shareholders' equity at June 28, 2025?",
        "balance",
        "Total shareholders\u2019 equity",
    ),
    Ask(
        "What was the balance of retained earnings at June 28, 2025?",
        "balance",
        "Retained earnings",
    ),
    Ask("What was the carrying amount of goodwill at June 28, 2025?", "balance", "Goodwill"),
    Ask("How much cash did operations generate in fiscal 2025?", "cash flows", _CFO),
    Ask("What was capex in fiscal 2025?", "cash flows", _CAPEX),
    Ask(
        "How much did Calderwick pay for acquisitions, net of cash acquired, in fiscal 2024?",
        "cash flows",
        "Acquisitions of businesses, net of cash acquired",
        (1,),
    ),
    Ask(
        "How much was spent on buybacks in fiscal 2025?",
        "cash flows",
        "Repurchases of common stock",
    ),
    Ask("What were dividends paid in fiscal 2023?", "cash flows", "Dividends paid", (2,)),
    Ask(
        "What was depreciation and amortization in fiscal 2025?",
        "cash flows",
        "Depreciation and amortization",
    ),
    Ask(
        "How much cash did the company pay for income taxes in fiscal 2025?",
        "cash flows",
        "Cash paid for income taxes, net of refunds",
    ),
    Ask("What was free cash flow in fiscal 2024?", "free cash flow", "Free cash flow", (1,)),
    Ask(
        "What was the revenue of the Precision Instruments segment in fiscal 2025?",
        "revenue matrix",
        "Total Precision Instruments",
        item="Revenue of the Precision Instruments segment",
    ),
    Ask(
        "What was segment operating income of Process Software in fiscal 2025?",
        "segments FY2025",
        "Segment operating income",
        (1,),
        item="Segment operating income of Process Software",
    ),
    Ask(
        "What was cost of revenue for Lifecycle Services in fiscal 2024?",
        "segments FY2024",
        "Cost of revenue",
        (2,),
        item="Cost of revenue of Lifecycle Services",
    ),
    Ask(
        "How much revenue came from customers in China in fiscal 2025?",
        "revenue by region",
        "China",
        item="Revenue in China",
    ),
    Ask(
        "What revenue did Calderwick have in Germany in fiscal 2023?",
        "revenue by region",
        "Germany",
        (2,),
        item="Revenue in Germany",
    ),
    Ask(
        "How much revenue was transferred over time in fiscal 2025?",
        "revenue timing",
        "Transferred over time",
        item="Revenue transferred over time",
    ),
    Ask(
        "What amortization of intangible assets is expected for fiscal 2027?",
        "future amortization",
        "2027",
        item="Expected amortization of intangible assets",
        period="FY2027",
    ),
    Ask(
        "How much debt principal falls due in fiscal 2030?",
        "debt maturities",
        "2030",
        item="Debt principal due",
        period="FY2030",
    ),
    Ask(
        "What were unamortized debt issuance costs at June 28, 2025?",
        "debt",
        "Less: unamortized debt issuance costs",
        item="Unamortized debt issuance costs",
    ),
    Ask(
        "What operating lease payments are due in fiscal 2026?",
        "lease maturities",
        "2026",
        item="Operating lease payments due",
        period="FY2026",
    ),
    Ask("What was total lease cost in fiscal 2025?", "lease cost", "Total lease cost"),
    Ask(
        "What was the effective tax rate in fiscal 2025?",
        "tax reconciliation",
        "Effective tax rate",
    ),
    Ask(
        "What was current federal income tax in fiscal 2025?",
        "tax provision",
        "Federal",
        item="Current federal income tax",
    ),
    Ask("What were finished goods inventories at June 28, 2025?", "inventories", "Finished goods"),
    Ask(
        "What was accumulated depreciation at the end of fiscal 2025?",
        "property",
        "Less: accumulated depreciation",
        item="Accumulated depreciation",
    ),
    Ask(
        "How much stock-based compensation expense came from restricted stock units in FY2025?",
        "compensation by award",
        "Restricted stock units",
        item="Stock-based compensation for restricted stock units",
    ),
    Ask(
        "What was the product warranty liability at June 28, 2025?",
        "warranty",
        "Balance at end of year",
        item="The product warranty liability",
    ),
    Ask(
        "What was the pension benefit obligation at the end of fiscal 2025?",
        "pension",
        "Benefit obligation at end of year",
    ),
    Ask(
        "What was net income in the quarter ended March 29, 2025?",
        "quarters 2025",
        "Net income",
        (2,),
        period="Q3 FY2025",
    ),
)

CHANGES = (
    Ask(
        "By what percentage did Calderwick's revenue grow in fiscal 2025?",
        "revenue change",
        "Total revenue",
        (3,),
    ),
    Ask(
        "How much did Process Software revenue increase in dollars in fiscal 2025?",
        "revenue change",
        "Process Software",
        (2,),
        item="Revenue of Process Software",
    ),
    Ask(
        "What was the percentage growth of the Lifecycle Services segment's revenue in 2025?",
        "revenue change",
        "Lifecycle Services",
        (3,),
        item="Revenue of Lifecycle Services",
    ),
    Ask(
        "How much did gross profit change from fiscal 2024 to fiscal 2025, in dollars?",
        "gross profit change",
        "Gross profit",
        (2,),
    ),
    Ask(
        "By what percent did software gross profit rise in fiscal 2025?",
        "gross profit change",
        "Software gross profit",
        (3,),
    ),
    Ask("How fast did SG&A grow in percent in fiscal 2025?", "expense change", _SGA, (3,)),
    Ask(
        "By how many dollars did R&D spending increase in fiscal 2025?",
        "expense change",
        "Research and development",
        (2,),
    ),
    Ask(
        "What was the percentage change in interest expense in fiscal 2025?",
        "other change",
        "Interest expense",
        (3,),
        outlay=True,
    ),
    Ask(
        "How did segment operating income of Precision Instruments change in percent in FY2025?",
        "segment 1",
        "Segment operating income",
        (3,),
        item="Segment operating income of Precision Instruments",
    ),
    Ask(
        "By how much did selling, general and administrative expense of Precision Instruments "
        "fall in fiscal 2025?",
        "segment 1",
        _SGA,
        (2,),
        item="Selling, general and administrative expense of Precision Instruments",
    ),
    Ask(
        "How did gross margin as a percentage of revenue move between fiscal 2024 and 2025?",
        "margins",
        "Gross profit",
        (0, 1),
        item="Gross profit as a percentage of revenue",
    ),
    Ask(
        "Compare Calderwick's operating margin in fiscal 2025 with fiscal 2023.",
        "margins",
        "Operating income",
        (0, 2),
        item="Operating income as a percentage of revenue",
    ),
    Ask("How did inventories change during fiscal 2025?", "balance", "Inventories", (0, 1)),
    Ask(
        "Did total assets increase or decrease in fiscal 2025, and by how much?",
        "balance",
        "Total assets",
        (0, 1),
    ),
    Ask(
        "How did cash from operations change from fiscal 2023 to fiscal 2024?",
        "cash flows",
        _CFO,
        (1, 2),
    ),
    Ask(
        "By how much did capital expenditures rise in fiscal 2025 over the year before?",
        "cash flows",
        _CAPEX,
        (0, 1),
    ),
    Ask(
        "How did net income develop between fiscal 2023 and fiscal 2025?",
        "income",
        "Net income",
        (0, 2),
    ),
    Ask(
        "By how much did revenue in China fall in fiscal 2025?",
        "revenue by region",
        "China",
        (0, 1),
        item="Revenue in China",
    ),
    Ask(
        "Compare the segment operating margin of Process Software in fiscal 2025 and 2024.",
        "segment 2",
        "Segment operating margin",
        (0, 1),
        item="Segment operating margin of Process Software",
    ),
    Ask("How did total debt, net, change over fiscal 2025?", "debt", "Total debt, net", (0, 1)),
)
