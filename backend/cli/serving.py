"""Commands about the models that answer: models, promote, rollback, verify."""

import asyncio
import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.opening import opened
from backend.cli.printing import LARGEST, Json, as_json, table
from backend.errors import DataError, NotFound


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the door."""
    app.command()(models)
    app.command()(promote)
    app.command()(rollback)
    app.command()(verify)


def models(json: Json = False) -> None:
    """List the models that could answer, and which one does, since when and why."""
    from backend.standing import active_row, model_rows
    from backend.store.database import transaction

    with opened() as house, transaction(house.engine) as session:
        rows, active = model_rows(session), active_row(session, house.settings)
    if json:
        as_json(rows)
        return
    short = [
        {
            **row,
            "active": "yes" if row["active"] else "",
            "verdict": row["verdict"]["decision"] if row["verdict"] else None,
        }
        for row in rows
    ]
    table(
        short,
        ["model", "role", "active", "since", "by", "cycle", "verdict"],
        empty="No model of your own yet; the teacher answers. Make one: tenk retrain --wait",
    )
    if rows and not any(row["active"] for row in rows):
        typer.echo(f"{active['model']} answers; no other was ever swapped in.")


def promote(
    model: Annotated[str, typer.Argument(help="A name that `tenk models` lists, or a role's.")],
    reason: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    json: Json = False,
) -> None:
    """Let a model answer from the next question on, by hand, where it answers one now."""
    from backend.steering import promote_heard

    with opened() as house:
        told = {"by": "tenk promote", "reason": reason}
        chosen = asyncio.run(
            promote_heard(house.engine, house.models, house.settings, model, **told)
        )
        row = {"active": chosen.model, "role": chosen.role, "reason": reason}
    if json:
        as_json(row)
    else:
        typer.echo(f"{chosen.model} answers from the next question on. Undo it: tenk rollback")


def rollback(
    reason: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    json: Json = False,
) -> None:
    """Let the model that answered before answer again."""
    from backend.steering import roll_back
    from backend.store.database import transaction

    with opened() as house:
        with transaction(house.engine) as session:
            chosen = roll_back(session, house.settings, by="tenk rollback", reason=reason)
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
        _save(told, save)
    found = verify_certificate(told)
    if json:
        as_json({"ok": found.ok, "reason": found.reason})
    else:
        typer.echo(found.reason)
    if not found.ok:
        raise typer.Exit(1)


def _save(told: Any, file: Path) -> None:
    draft = file.with_name(file.name + ".part")
    try:
        draft.write_text(jsonlib.dumps(told, indent=1), encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise DataError(
            f"Cannot write {file}: {error.strerror}. Name a file in a folder that exists."
        ) from None


def _certificate(name: str) -> Any:
    from backend.promotion import from_text

    if name.isdecimal() and not Path(name).exists():
        return _stored_certificate(int(name))
    try:
        return from_text(Path(name).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, DataError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"Cannot read a certificate from {name!r}: {why}. Expected the JSON file that "
            "`tenk verify CYCLE --save FILE` writes."
        ) from None


def _stored_certificate(key: int) -> Any:
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import verdict as one_verdict
    from backend.store.database import transaction

    if key > LARGEST:
        raise NotFound("cycle", key, "tenk cycles")
    with opened() as house, transaction(house.engine) as session:
        row = one_cycle(session, key)
        if row.verdict is None:
            raise DataError(f"Cycle {key} has no verdict yet, so there is no certificate.")
        return one_verdict(session, row.verdict).certificate
