"""A question in, the financial statements it has to be computed from out; pure.

Analysts ask for ratios and changes that no filing prints: the figures stand in the statements,
whose words are not the question's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.passages import sentences
from backend.terms import statements_named

INCOME, BALANCE, CASH = "income statement", "balance sheet", "cash flow statement"

Table = tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]

MEASURES: Table = tuple(
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
"""What is computed, and from which statements."""
LINES: Table = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), statements)
    for pattern, statements in (
        (
            r"(?:total |net |consolidated )?(?:revenues?|sales)|(?:top|bottom) line|turnover|"
            r"net (?:income|loss|earnings|profit)|gross profit|"
            r"(?:operating|pre-?tax) (?:income|profit|loss|expenses?|earnings)|opex|cogs|ebit|"
            r"cost of (?:goods sold|revenues?|sales|products?)|r&d|research and development|"
            r"sg&a|selling, general and administrative|sales and marketing|"
            r"general and administrative|eps|(?:earnings|income|loss) per share|"
            r"(?:income )?tax (?:expense|provision)|provision for income taxes|interest expense",
            (INCOME,),
        ),
        (
            r"total (?:assets|liabilities|equity|debt)|"
            r"(?:current|long-term) (?:assets|liabilities)|"
            r"inventor(?:y|ies)|goodwill|accounts (?:receivable|payable)|receivables|payables|"
            r"cash and (?:cash )?equivalents|deferred revenue|retained earnings|"
            r"accumulated deficit|long-term debt|pp&e|property(?:, plant,?)? and equipment|"
            r"intangible assets|(?:share|stock)holders['’]? equity|treasury stock",
            (BALANCE,),
        ),
        (
            r"depreciation(?: and amortization)?|d&a|stock-based compensation|"
            r"(?:share |stock )?(?:repurchases?|buybacks?)|dividends? paid|"
            r"purchases? of property|acquisitions?, net of cash",
            (CASH,),
        ),
    )
)
"""What the statements print, as readers call it."""
FIGURE = re.compile(
    r"\b(how much|what (?:was|were|is|are)|how did .{3,60} change|by how much|how large|how high|"
    r"compare|did .{3,60} (?:rise|fall|grow|increase|decrease|decline)|report(?:ed)?)\b",
    re.IGNORECASE,
)
"""Asks for a figure."""
TOLD = re.compile(
    r"\b(explain|why|discuss|describe|reasons?|factors?|how (?:do|does|is|are|might|could)|"
    r"significance|purpose|importan\w+|impact\w*|principles?|polic(?:y|ies))\b",
    re.IGNORECASE,
)
"""A question for words, not figures: whoever explains a margin does so in the discussion.
Looked for in the first sentence, since others say how to answer ("if not, explain why")."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Statements by the names that filings print, and how many parts of each."""

    names: list[str]
    parts: int


def statements_needed(question: str) -> Needed:
    """The statements that hold what is asked; no names where the question needs none.

    One that is named, or that a ratio is computed from, is needed whole; of one that prints the
    line asked for, the part with the line.
    """
    if any(TOLD.search(first) for first in sentences(question)[:1]):
        return Needed([], 0)
    whole = _names([question, *_of(MEASURES, question)])
    if whole or not FIGURE.search(question):
        return Needed(whole, 2)
    return Needed(_names(_of(LINES, question)), 1)


def _of(table: Table, question: str) -> list[str]:
    return [name for pattern, names in table if pattern.search(question) for name in names]


def _names(phrases: Sequence[str]) -> list[str]:
    named = [name for phrase in phrases for name in statements_named(phrase)]
    return [name for name in dict.fromkeys(named) if name.startswith("Consolidated ")]
