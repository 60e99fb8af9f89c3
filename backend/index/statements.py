"""A question in, the financial statements it has to be computed from out; pure.

Analysts ask for ratios and changes that no filing prints: the figures stand in the statements,
whose words are not the question's.
"""

import re

from backend.passages import sentences
from backend.terms import statements_named

INCOME, BALANCE, CASH = "income statement", "balance sheet", "cash flow statement"

MEASURES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), statements)
    for pattern, statements in (
        (
            r"(?:quick|current|cash|acid[- ]test|liquidity|leverage|debt|solvency) ratios?|"
            r"acid[- ]test|working capital|net debt|debt[- ]to[- ]equity|gearing|"
            r"liquidity (?:profile|position)|book value|net assets|capital structure",
            (BALANCE,),
        ),
        (
            r"(?:fixed[- ]|total[- ])?asset turnover|capital[- ](?:intensive|intensity)|"
            r"return on (?:total |net |average )?(?:assets|equity|invested capital|capital|sales)|"
            r"ro[ae]|roic|(?:receivables?|inventory|payables?) turnover|cash conversion cycle|"
            r"d[sip]o|days (?:sales|payables?|inventory)(?: outstanding)?",
            (INCOME, BALANCE),
        ),
        (
            r"(?:gross|operating|net|profit|pre-?tax)(?: profit| income)? margins?|"
            r"effective tax rates?|interest coverage|cost structure|"
            r"(?:as a )?(?:%|percent(?:age)?) of (?:total |net )?(?:revenues?|sales)",
            (INCOME,),
        ),
        (
            r"capex|capital expenditures?|free cash flows?|fcf|"
            r"(?:payout|dividend) ratios?|cash (?:used|generated|provided)|"
            r"cash flows? (?:from|used|provided)|(?:operating|investing|financing) cash flows?",
            (CASH,),
        ),
        (r"fcf margin|payout ratio|capital[- ](?:intensive|intensity)", (INCOME, CASH)),
    )
)
TOLD = re.compile(
    r"\b(explain|why|discuss|describe|reasons?|factors?|how (?:do|does|is|are|did|might|could|has)|"
    r"significance|purpose|importan\w+|impact\w*|principles?|polic(?:y|ies))\b",
    re.IGNORECASE,
)
"""A question for words, not figures: whoever explains a margin does so in the discussion.
Looked for in the first sentence, since others say how to answer ("if not, explain why")."""


def statements_needed(question: str) -> list[str]:
    """Names of the statements as filings print them; empty where the question needs none."""
    phrases = [question]
    for pattern, statements in MEASURES:
        if pattern.search(question):
            phrases += statements
    if any(TOLD.search(first) for first in sentences(question)[:1]):
        return []
    named = [name for phrase in phrases for name in statements_named(phrase)]
    return [name for name in dict.fromkeys(named) if name.startswith("Consolidated ")]
