"""What a person decides about cycles and the model that answers, at either door.

It alone knows which decisions need a reason, and what rolling back goes back to.
"""

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from backend.errors import DataError, JobGone, NotFound, ProviderError, TenkError
from backend.models.training import Trainer
from backend.records import Candidate, Cycle, Message, Role, Usage
from backend.store import cycles, serving
from backend.store.database import transaction
from backend.store.spending import count_check
from backend.store.turns import candidate_named

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.models import Models
    from backend.settings import Settings


HELLO = (Message(role="user", content="Question: Are you there?"),)
AGAIN = "tenk promote {model} --reason ..."


def ask_for_cycle(session: "Session", *, by: str) -> Cycle:
    """The one cycle: the running one, or a new one that the worker takes on."""
    return cycles.open_cycle(session, by=by, tag=f"tenk-{uuid4().hex}")


async def cancel_cycle(engine: "Engine", models: "Models", key: int, *, reason: str) -> None:
    """End a cycle, and its provider's job too: what is not trained is not paid.

    The cycle ends first, so that no job is ordered for it from then on. Raises DataError where it
    has ended before, ProviderError where its job could not be cancelled.
    """
    with transaction(engine) as session:
        ended = cycles.end_cycle(session, key, reason, failed=True)
        row = cycles.cycle(session, key)
    if not ended:
        raise DataError(f"Cycle {key} has ended: {row.ended} There is nothing to cancel.")
    if row.candidate is not None or not row.files:
        return
    trainer = Trainer(models)
    try:  # a job may be there before its id is written down
        job = await (trainer.job(row.job) if row.job else trainer.find(row.tag))
        if job is not None:
            await trainer.stop(job)
    except JobGone:
        return
    except TenkError as error:
        raise ProviderError(
            f"Cycle {key} is ended, but perhaps not its fine-tuning job, which may still cost: "
            f"{error}"
        ) from error


def pause_cycle(session: "Session", key: int, *, by: str, reason: str = "") -> None:
    """Let a cycle wait at its next safe point, and its provider's job where that can wait too.

    Whoever advances the cycle sees it within seconds. Raises DataError where it has ended or is
    paused already.
    """
    if not cycles.pause_cycle(session, key, by):
        row = cycles.cycle(session, key)
        if row.ended is None:
            raise DataError(f"Cycle {key} is paused already, by {row.paused}; nothing changed.")
        raise DataError(f"Cycle {key} has ended: {row.ended} There is nothing to pause.")
    cycles.add_event(session, key, "pause", f"Paused by {by}{f': {reason}' if reason else ''}")


def resume_cycle(session: "Session", key: int, *, by: str, reason: str = "") -> None:
    """Let a paused cycle go on. Raises DataError where it has ended or is not paused."""
    if not cycles.pause_cycle(session, key, None):
        row = cycles.cycle(session, key)
        if row.ended is None:
            raise DataError(f"Cycle {key} is not paused; nothing changed.")
        raise DataError(f"Cycle {key} has ended: {row.ended} There is nothing to resume.")
    told = f"Goes on: resumed by {by}{f': {reason}' if reason else ''}"
    cycles.add_event(session, key, "resume", told)


def promote(
    session: "Session",
    settings: "Settings",
    model: str,
    *,
    by: str,
    reason: str = "",
    again: str = AGAIN,
) -> Candidate:
    """Let a model answer from the next question on; `again`: how a reason is given at this door.

    Raises NotFound, and DataError where it answers already or its verdict speaks against it and
    no reason is given.
    """
    chosen = _allowed(session, settings, model, reason=reason, again=again)
    session.add(chosen)
    session.flush()
    cycles.activate(session, chosen, by=by, reason=reason)
    return chosen


async def promote_heard(
    engine: "Engine", models: "Models", settings: "Settings", model: str, **told: str
) -> Candidate:
    """Promote a model that has answered once, just now; `told` as `promote` takes it.

    Raises what `promote` raises, and what keeps the model from answering: then nothing changed.
    """

    def looked_up() -> Candidate:
        asked = {name: told[name] for name in ("reason", "again") if name in told}
        with transaction(engine) as session:
            return _allowed(session, settings, model, **asked)

    def promoted(usage: Usage) -> Candidate:
        with transaction(engine) as session:
            count_check(session, chosen.model, usage, models.cost(chosen.model, usage))
            return promote(session, settings, model, **told)

    chosen = await asyncio.to_thread(looked_up)
    _, usage = await models.complete(Role(chosen.role), HELLO, model=chosen.model)
    return await asyncio.to_thread(promoted, usage)


def _allowed(
    session: "Session",
    settings: "Settings",
    model: str,
    *,
    reason: str = "",
    again: str = AGAIN,
) -> Candidate:
    """The candidate of that name, perhaps not yet stored, where it may be promoted."""
    chosen = _named(session, settings, model)
    history = cycles.activations(session)
    answers = history[0].candidate == chosen.id if history else _is_teachers(settings, chosen)
    if answers:
        raise DataError(f"{chosen.model} answers already; nothing changed.")
    if not reason and (against := _against(session, chosen)):
        raise DataError(
            f"The verdict on {chosen.model} was {against} To overrule it give a reason, which "
            f"stays on the record: {again.format(model=chosen.model)}"
        )
    return chosen


def _is_teachers(settings: "Settings", chosen: Candidate) -> bool:
    """Whether it is the model that answers before the first swap."""
    teacher = settings.endpoint(Role.TEACHER).model
    return (chosen.role, chosen.model) == (Role.TEACHER.value, teacher)


def _against(session: "Session", chosen: Candidate) -> str:
    """What the newest verdict on a candidate says, where that is not to promote it."""
    for row in cycles.cycles(session):
        if row.candidate == chosen.id and row.verdict is not None:
            told = cycles.verdict(session, row.verdict)
            if not told.decision.startswith("promote"):
                return f"{told.decision}: {' '.join(told.reasons)}"
    return ""


def _named(session: "Session", settings: "Settings", model: str) -> Candidate:
    """The candidate of that name; a role's own model becomes one when it is first stored."""
    if found := candidate_named(session, model):
        return found
    for role in (Role.TEACHER, Role.STUDENT):
        name = settings.endpoint(role).model
        if model in (role.value, name):
            return candidate_named(session, name) or Candidate(model=name, role=role.value)
    raise NotFound("model", model, "tenk models")


def roll_back(session: "Session", settings: "Settings", *, by: str, reason: str = "") -> Candidate:
    """Let the model that answered before answer again. Raises DataError where there was none."""
    teacher = settings.endpoint(Role.TEACHER).model
    row = serving.roll_back(session, teacher=teacher, by=by, reason=reason)
    if row is None:
        raise DataError("No model that was swapped in answers, so there is nothing to go back to.")
    return session.get_one(Candidate, row.candidate)
