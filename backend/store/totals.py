"""What the tables add up to, so that whoever counts them by hand comes to the same."""

from collections import Counter
from typing import Any

from sqlmodel import Session, col, func, select

from backend.records import (
    Activation,
    Candidate,
    Cycle,
    Dataset,
    Example,
    ExamQuestion,
    Score,
    Sitting,
    Turn,
    Verdict,
)
from backend.store.serving import TENK


def totals(session: Session) -> dict[str, Any]:
    """Rows of every noun by what became of them; shapes as `tenk status --json` prints them."""
    return {
        "turns": _turns(session),
        "examples": {
            "total": _count(session, Example.id),
            "by_source": _by(session, Example.source),
        },
        "exam_questions": {
            "total": _count(session, ExamQuestion.id),
            "by_state": _by(session, ExamQuestion.state),
            "by_source": _by(session, ExamQuestion.source),
        },
        "datasets": _count(session, Dataset.id),
        "candidates": _count(session, Candidate.id),
        "cycles": _cycles(session),
        "sittings": {
            "total": _count(session, Sitting.id),
            "answered": _count(session, Sitting.answer),
            "unanswered": _count(session, Sitting.error),
        },
        "scores": {
            "total": (every := _count(session, Score.id)),
            "scored": (scored := _count(session, Score.value)),
            "missing": every - scored,
        },
        "verdicts": {
            "total": _count(session, Verdict.id),
            "by_decision": _by(session, Verdict.decision),
        },
        "activations": _activations(session),
    }


def _count(session: Session, column: Any) -> int:
    """Rows in which the column is filled."""
    return session.exec(select(func.count(column))).one()


def _by(session: Session, column: Any) -> dict[str, int]:
    found = select(column, func.count()).group_by(column).order_by(column)
    return {str(value): count for value, count in session.exec(found)}


def _turns(session: Session) -> dict[str, Any]:
    rated = _by(session, Turn.rating)
    return {
        "total": _count(session, Turn.id),
        "by_state": _by(session, Turn.state),
        "by_role": _by(session, Turn.role),
        "by_model": _by(session, Turn.model),
        "second_answers": _count(session, Turn.shadow_of),
        "stood_in": _count(session, Turn.instead_of),
        "thumbs": {"up": rated.get("1", 0), "down": rated.get("-1", 0)},
    }


def _cycles(session: Session) -> dict[str, Any]:
    told = select(Cycle, Verdict.decision).join(
        Verdict, col(Cycle.verdict) == Verdict.id, isouter=True
    )
    outcomes = Counter(outcome(row, decision) for row, decision in session.exec(told))
    return {"total": outcomes.total(), "by_outcome": dict(sorted(outcomes.items()))}


def outcome(row: Cycle, decision: str | None) -> str:
    """What became of a cycle in a word: running, cancelled, failed, or its verdict's decision."""
    if row.ended is None:
        return "running"
    if row.failed or decision is None:
        return "cancelled" if row.ended.lower().startswith("cancelled") else "failed"
    return decision


def _activations(session: Session) -> dict[str, Any]:
    ways = Counter(way(row) for row in session.exec(select(Activation)))
    return {"total": ways.total(), "by_way": dict(sorted(ways.items()))}


def way(row: Activation) -> str:
    """How a model came to answer: by a verdict, by hand, by a rollback, or by itself."""
    if row.undoes is not None:
        return "itself" if row.by == TENK else "rollback"
    return "verdict" if row.by.startswith("verdict ") else "hand"
