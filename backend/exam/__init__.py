"""Questions and arms go in; a scorecard per question comes out. ragas lives here, nowhere else.

ragas itself is imported when the first exam is held, not with this package.
"""

from backend.exam.drawing import Estimate, draw, estimate
from backend.exam.papers import (
    ANSWER_RELEVANCY,
    FAITHFULNESS,
    METRICS,
    Answer,
    Answered,
    Arm,
    Judge,
    Mark,
    Row,
    Sat,
    Terms,
    missing,
    ragas_score,
    table,
)
from backend.exam.sitting import judge_of, sit

__all__ = [
    "ANSWER_RELEVANCY",
    "FAITHFULNESS",
    "METRICS",
    "Answer",
    "Answered",
    "Arm",
    "Estimate",
    "Judge",
    "Mark",
    "Row",
    "Sat",
    "Terms",
    "draw",
    "estimate",
    "judge_of",
    "missing",
    "ragas_score",
    "sit",
    "table",
]
