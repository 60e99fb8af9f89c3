"""A time that the schedule names goes in; a cycle, or why there is none, comes out and is kept.

It alone starts cycles that nobody asked for.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from backend import finetuning, scheduling
from backend.datasets import Curated, freeze
from backend.errors import ConfigurationError, DataError
from backend.lessons import curated, facts
from backend.models import training_price
from backend.records import Role, ScheduledRun, in_utc
from backend.store import cycles, schedule

if TYPE_CHECKING:
    from sqlmodel import Session

    from backend.settings import Settings

log = logging.getLogger("tenk.schedule")
BY = "schedule"


def consider(
    session: "Session", settings: "Settings", *, at: datetime, exam_usd: float | None = 0.0
) -> ScheduledRun:
    """Start the cycle that is due at `at`, or not, and say why: once for each time.

    Asked again for the same time, by whichever worker, it gives the same row and starts nothing.
    A time without a zone is UTC. `exam_usd`: what the exam may cost; None where that is not known.
    """
    moment = in_utc(at)
    if held := schedule.run_at(session, moment):
        return held
    starts, reason = _decided(session, settings, exam_usd)  # takes long, so before the lock
    row, ours = schedule.claim_run(session, moment)
    if not ours:
        return row
    if starts:
        tag = f"tenk-{uuid4().hex}"
        cycle = cycles.open_cycle(session, by=BY, tag=tag)
        if cycle.tag == tag:
            row.cycle = cycle.id
        else:  # somebody asked for one while this was decided
            reason = scheduling.under_way(cycle.id or 0)
    row.reason = reason
    session.flush()
    said = f"cycle {row.cycle} started" if row.cycle else "no cycle started"
    log.info("Schedule, %s: %s. %s", at.isoformat(), said, reason)
    return row


def pass_over(session: "Session", *, at: datetime) -> None:
    """Begin to keep the schedule after `at`: the times before it were nobody's to keep."""
    row, ours = schedule.claim_run(session, in_utc(at))
    if ours:
        row.reason = "tenk was not there yet to keep the schedule."


def _decided(session: "Session", settings: "Settings", exam_usd: float | None) -> tuple[bool, str]:
    """Whether a cycle starts, and why."""
    every = curated(session, settings)
    known = facts(session, settings, every)
    if reason := scheduling.why_not(known):
        return False, reason
    try:
        training = _training(settings, every)
        if reason := scheduling.too_dear(training.usd, settings.budget_usd):
            return False, reason
        finetuning.refuse_above(training, exam_usd, settings.budget_usd)
    except (DataError, ConfigurationError) as error:
        return False, str(error)
    return True, f"{scheduling.found(known)}."


def _training(settings: "Settings", every: Sequence[Curated]) -> finetuning.Estimate:
    """By the estimate that the cycle will make; the lines that are only watched may differ.

    Raises DataError where too few examples are kept to train on.
    """
    return finetuning.estimate(
        freeze(every, share=settings.validation_share).train,
        epochs=settings.epochs or None,
        price=training_price(settings.endpoint(Role.STUDENT).model, settings.training_price),
    )
