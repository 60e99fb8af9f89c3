"""The log goes in; every example with its state comes out, and which of them no model learned.

It alone joins the rules of curation with what is stored; reads, and changes nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.cron import OFF
from backend.datasets import Curated, Rules, curate, exam_side, lesson, without_exam_questions
from backend.records import in_utc
from backend.scheduling import Facts, Learned, Lesson, new_examples
from backend.store import cycles
from backend.store.secrets import exam_key
from backend.store.turns import examples

if TYPE_CHECKING:
    from sqlmodel import Session

    from backend.settings import Settings


def curated(session: "Session", settings: "Settings") -> list[Curated]:
    """Every example with its state, decided again from the log as the next cycle will."""
    rows = examples(session)
    exam = [one.question for one in cycles.exam_questions(session)]
    side = exam_side(exam_key(session), share=settings.exam_share)
    return without_exam_questions(curate(rows, Rules(settings.student_context, side)), exam)


def facts(session: "Session", settings: "Settings", every: Sequence[Curated]) -> Facts:
    """What a scheduled cycle would depend on, were it due now."""
    running, known = cycles.running_cycle(session), _learned(session)
    kept = [_lesson(one) for one in every if one.state == "kept"]
    frozen = [_lesson(one) for one in every if known and one.example.id in known.examples]
    return Facts(
        new=len(new_examples(kept, frozen, known)),
        needed=settings.min_new_examples,
        learned=known,
        running=running.id if running else None,
        paused=running.paused if running else None,
        off=settings.schedule == OFF,
    )


def _learned(session: "Session") -> Learned | None:
    row = cycles.last_ordered(session)
    if row is None or row.id is None or row.dataset is None:
        return None
    held = cycles.dataset(session, row.dataset)
    return Learned(
        row.id,
        frozenset([*held.examples, *held.validation_examples]),
        in_utc(held.created_at),
        made_model=row.candidate is not None or row.ended is None,
    )


def _lesson(one: Curated) -> Lesson:
    at = one.example.corrected_at
    return Lesson(one.example.id or 0, lesson(one.example), in_utc(at) if at else None)
