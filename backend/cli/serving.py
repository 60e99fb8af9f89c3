"""Commands about the models that answer: models, promote, rollback, verify."""

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import Json, as_json, table
from backend.errors import DataError, NotFound

if TYPE_CHECKING:
    from backend.records import Candidate


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the door."""
    app.command()(models)
    app.command()(promote)
    app.command()(rollback)
    app.command()(verify)


def models(json: Json = False) -> None:
    """List the models that could answer, and which one does, since when and why."""
    from backend.store.cycles import activations, candidates
    from backend.store.database import transaction

    with opened() as house, transaction(house.engine) as session:
        known, history = candidates(session), activations(session)
    serving = history[0] if history else None
    rows: list[dict[str, Any]] = [
        {
            "model": one.model,
            "role": one.role,
            "active": serving is not None and serving.candidate == one.id,
            "dataset": one.dataset,
            "since": serving.at if serving and serving.candidate == one.id else None,
            "by": serving.by if serving and serving.candidate == one.id else None,
        }
        for one in known
    ]
    if json:
        as_json(rows)
        return
    table(
        rows,
        ["model", "role", "active", "since", "by", "dataset"],
        empty="No model of your own yet; the teacher answers. Make one: tenk retrain --wait",
    )


def promote(
    model: Annotated[str, typer.Argument(help="A name that `tenk models` lists, or a role's.")],
    reason: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    json: Json = False,
) -> None:
    """Let a model answer from the next question on, by hand."""
    from backend.store.cycles import activate, cycles, verdict
    from backend.store.database import transaction

    with opened() as house:
        with transaction(house.engine) as session:
            chosen = _named(house, session, model)
            against = [
                told
                for row in cycles(session)
                if row.candidate == chosen.id and row.verdict is not None
                for told in [verdict(session, row.verdict)]
                if not told.decision.startswith("promote")
            ]
            if against and not reason:
                raise DataError(
                    f"The verdict on {model} was {against[0].decision}: "
                    f"{' '.join(against[0].reasons)} To overrule it say why: "
                    f"tenk promote {model} --reason ..."
                )
            activate(session, chosen, by="tenk promote", reason=reason)
        row = {"active": chosen.model, "role": chosen.role, "reason": reason}
    if json:
        as_json(row)
    else:
        typer.echo(f"{chosen.model} answers from the next question on. Undo it: tenk rollback")


def _named(house: House, session: Any, model: str) -> "Candidate":
    """The candidate of that name; a role's own model becomes one when it is first promoted."""
    from backend.records import Candidate, Role
    from backend.store.turns import candidate_named

    if found := candidate_named(session, model):
        return found
    for role in (Role.TEACHER, Role.STUDENT):
        if model in (role, house.settings.endpoint(role).model):
            name = house.settings.endpoint(role).model
            row = candidate_named(session, name) or Candidate(model=name, role=role.value)
            session.add(row)
            session.flush()
            return row
    raise NotFound("model", model, "tenk models")


def rollback(
    reason: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    json: Json = False,
) -> None:
    """Let the model that answered before answer again."""
    from backend.records import Candidate, Role
    from backend.store.cycles import activate, activations
    from backend.store.database import transaction

    with opened() as house:
        with transaction(house.engine) as session:
            history = activations(session)
            if not history:
                raise DataError("No model was ever swapped in, so there is nothing to go back to.")
            before = next(
                (one.candidate for one in history if one.candidate != history[0].candidate), None
            )
            chosen = (
                session.get_one(Candidate, before)
                if before is not None
                else _named(house, session, Role.TEACHER.value)
            )
            activate(session, chosen, by="tenk rollback", reason=reason)
        row = {"active": chosen.model, "role": chosen.role, "reason": reason}
    if json:
        as_json(row)
    else:
        typer.echo(f"{chosen.model} answers again, from the next question on.")


def verify(
    certificate: Annotated[
        str, typer.Argument(help="A certificate's file, or the number of a cycle to take it from.")
    ],
    save: Annotated[
        Path | None, typer.Option(help="Write the cycle's certificate to this file first.")
    ] = None,
    json: Json = False,
) -> None:
    """Recompute a verdict from its certificate alone."""
    from backend.promotion import verify as verify_certificate

    told = _certificate(certificate)
    if save is not None:
        save.write_text(jsonlib.dumps(told, indent=1), encoding="utf-8")
    found = verify_certificate(told)
    if json:
        as_json({"ok": found.ok, "reason": found.reason})
    else:
        typer.echo(found.reason)
    if not found.ok:
        raise typer.Exit(1)


def _certificate(name: str) -> Any:
    if name.isdigit() and not Path(name).exists():
        return _stored_certificate(int(name))
    try:
        return jsonlib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"Cannot read a certificate from {name}: {error}. Expected the JSON file that "
            "`tenk verify CYCLE --save FILE` writes."
        ) from None


def _stored_certificate(key: int) -> Any:
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import verdict as one_verdict
    from backend.store.database import transaction

    with opened() as house, transaction(house.engine) as session:
        row = one_cycle(session, key)
        if row.verdict is None:
            raise DataError(f"Cycle {key} has no verdict yet, so there is no certificate.")
        return one_verdict(session, row.verdict).certificate
