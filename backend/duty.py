"""The model in service: failures and thumbs in, a warning or a rollback out; how it stands.

It alone decides when a swap is undone by itself. Steps weigh, the store remembers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backend import watching
from backend.doctor import MODEL_OF, RoleReport, leaving, notices_after
from backend.errors import Busy, ConfigurationError, ModelGone, ProviderError, TenkError
from backend.records import Activation, Candidate, Notice, Role, now
from backend.store import serving as service
from backend.store import turns
from backend.store.database import transaction
from backend.store.notices import notices, put_notice, remove_notice, replace_notices

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.models import Models
    from backend.settings import Settings
    from backend.store.serving import Serving

ROLLED_BACK, FAILING, DISLIKED = "rolled back", "failing", "disliked"
"""Subjects of notices about the active model."""
IN_SERVICE = f"{MODEL_OF}readers, "
"""How the subject begins of a notice that it is soon shut down."""


# -- failures


def after_failure(
    engine: "Engine", settings: "Settings", activation: int, error: TenkError
) -> Activation | None:
    """Undo an activation whose model failed a question that another model has answered.

    At once where the model is gone, else after `rollback_after` failures in a row. A setting to
    change is told, and neither it nor a rate limit undoes anything.
    """
    if isinstance(error, ConfigurationError):
        with transaction(engine) as session:
            put_notice(session, FAILING, f"The model before answers for the active one: {error}")
        return None
    if not isinstance(error, ProviderError) or isinstance(error, Busy):
        return None
    if not isinstance(error, ModelGone):
        with transaction(engine) as session:
            count = service.failures_in_a_row(session, activation)
        if count < settings.rollback_after:
            return None
        return _undo(engine, settings, activation, f"it failed {count} times in a row: {error}")
    return _undo(engine, settings, activation, str(error))


def _undo(
    engine: "Engine", settings: "Settings", activation: int, reason: str
) -> Activation | None:
    """Roll back, once however many notice, and tell the operator."""
    teacher = settings.endpoint(Role.TEACHER).model
    with transaction(engine) as session:
        row = service.roll_back(
            session, teacher=teacher, by=service.TENK, reason=reason, of=activation
        )
        if row is None:
            return None
        undone = session.get_one(Activation, activation)
        failed = session.get_one(Candidate, undone.candidate).model
        again = session.get_one(Candidate, row.candidate).model
        remove_notice(session, FAILING)
        put_notice(
            session,
            ROLLED_BACK,
            f"{failed} was rolled back by itself, and {again} answers again: {reason} To try it "
            f'once more: tenk promote {failed} --reason "..."',
        )
    return row


# -- shutdowns


async def tell_of_models(
    engine: "Engine", models: "Models", reports: Sequence[RoleReport]
) -> list[Notice]:
    """What a look at the models found, to the operator: of each role's, and of the one in service.

    It replaces what was known before.
    """
    with transaction(engine) as session:
        active = service.serving(session)
    subject, warning = await _in_service(models, active, {one.model for one in reports})
    with transaction(engine) as session:
        known = [one for one in notices(session) if one.subject.startswith(MODEL_OF)]
        found = notices_after(reports, known)
        if warning is None:  # its server told nothing: what was known of it holds
            warning = next((one.text for one in known if one.subject == subject), "")
        found += [Notice(subject=subject, text=warning)] if warning else []
        replace_notices(session, MODEL_OF, found)
    return found


async def _in_service(
    models: "Models", active: "Serving | None", looked_at: set[str]
) -> tuple[str, str | None]:
    """Subject and text of a warning about the model in service; None where nobody can tell."""
    if active is None or active.candidate.model in looked_at:
        return "", ""
    role, model = Role(active.candidate.role), active.candidate.model
    try:
        cards = await models.models(role)
    except TenkError:
        return IN_SERVICE + model, None
    endpoint = replace(models.endpoint(role), model=model)
    return IN_SERVICE + model, leaving(endpoint, cards, now().date())


# -- thumbs


def watch(engine: "Engine", settings: "Settings") -> watching.Comparison | None:
    """Look at the active model's thumbs; warn, or undo where the settings say so.

    A notice about what is no longer so is taken away. None where the teacher answers.
    """
    with transaction(engine) as session:
        stack = service.lineage(session)
        _tidy(session, stack)
        found = _comparison(session, stack)
        if found is None or not found.worse:
            remove_notice(session, DISLIKED)
            return found
        said = _worse(session, stack, found)
        if not settings.auto_rollback:
            put_notice(
                session,
                DISLIKED,
                f"Readers like {stack[0].candidate.model} less than what answered before: {said} "
                "Go back: tenk rollback",
            )
    if settings.auto_rollback:
        _undo(engine, settings, stack[0].activation, f"its thumbs are worse: {said}")
    return found


def _tidy(session: "Session", stack: "list[Serving]") -> None:
    if stack and stack[0].by != service.TENK:  # somebody has chosen since
        remove_notice(session, ROLLED_BACK)
    if not stack or service.last_state(session, stack[0].activation) == "whole":
        remove_notice(session, FAILING)


def _comparison(session: "Session", stack: "list[Serving]") -> watching.Comparison | None:
    """The active model against the one before it; None where the teacher answers."""
    if not stack or stack[0].is_teacher:
        return None
    active, before = stack[0], stack[1] if len(stack) > 1 else None
    return watching.compare(
        service.thumbs_since(session, active.activation),
        service.thumbs_until(session, active.at, before),
    )


def _worse(session: "Session", stack: "list[Serving]", found: watching.Comparison) -> str:
    new = service.thumbs_since(session, stack[0].activation)
    before = stack[1] if len(stack) > 1 else None
    old = service.thumbs_until(session, stack[0].at, before)
    return (
        f"{sum(new)} of {len(new)} thumbs up, against {sum(old)} of {len(old)} (p = {found.p:.4f}, "
        "looked at after every thumb)."
    )


def thumbs_by_model(session: "Session") -> list[watching.Thumbs]:
    """Readers' thumbs on each model, with the interval of the share that is up."""
    return [watching.thumbs(*counts) for counts in service.thumb_counts(session)]


# -- how it stands


def watching_row(session: "Session") -> dict[str, Any]:
    """Thumbs, agreement with the teacher, and disliked examples that models learned from.

    Shapes as `tenk status --json` prints them.
    """
    found = _comparison(session, service.lineage(session))
    rows = service.compared(session)
    count, whole, usd = service.shadow_totals(session)
    learned = turns.models_by_example(session)
    return {
        "thumbs": [
            {
                "model": one.model,
                "up": one.up,
                "down": one.down,
                "share": one.share,
                "low": one.low,
                "high": one.high,
            }
            for one in thumbs_by_model(session)
        ],
        "thumbs_test": None
        if found is None
        else {"new": found.new, "old": found.old, "p": round(found.p, 4), "worse": found.worse},
        "agreement": {
            "share": round(sum(agrees for _, agrees in rows) / len(rows), 4) if rows else None,
            "compared": len(rows),
            "days": [
                {"day": day.isoformat(), "compared": n, "share": round(share, 4)}
                for day, n, share in watching.agreement_over_time(rows)
            ],
        },
        "shadows": {"asked": count, "whole": whole, "cost_usd": usd},
        "disliked_but_learned": [
            {"example": example, "turn": turn, "models": learned[example]}
            for example, turn in turns.disliked(session)
            if example in learned
        ],
    }
