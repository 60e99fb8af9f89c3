"""Commands that start things and tell how they stand: chat, api, worker, status, doctor."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import Json, as_json, table
from backend.errors import ConfigurationError

if TYPE_CHECKING:
    from backend.doctor import RoleReport

POLITE = 10
"""How far the worker steps back behind the chat: the "nice" of POSIX, up to 19."""
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the door."""
    app.command()(chat)
    app.command()(status)
    app.command()(doctor)
    app.command()(api)
    app.command()(worker)


def chat(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Start the chat, the local API and the worker. Stop with Ctrl-C."""
    from backend.cli.processes import run_chat, wait_for_port
    from backend.store.locking import only_one

    with opened() as house:

        def ending() -> bool:
            with only_one(house.engine, house.settings.home, "chat") as free:
                return not free

        wait_for_port(host, port, ending=ending)
        ingest_sample_if_empty(house)
    raise typer.Exit(run_chat(host, port))


def ingest_sample_if_empty(house: House) -> None:
    """A chat with nothing to ask about helps nobody: start with the filing that ships with tenk."""
    from backend.cli.documents import take_in
    from backend.samples import SAMPLE_PDF
    from backend.store.database import transaction
    from backend.store.filings import filings

    with transaction(house.engine) as session:
        empty = not filings(session)
    if not empty:
        return
    typer.echo("No filings yet: reading the sample filing (of a company that does not exist) ...")
    ingested, refused = asyncio.run(take_in(house, [Path(SAMPLE_PDF)]))
    for row in ingested:
        typer.echo(f"Read {row['company']}, {row['pages']} pages, in {row['seconds']:.1f} s.")
    for reason in refused:
        typer.echo(f"tenk: {reason}", err=True)


def status(json: Json = False) -> None:
    """Say how things stand: models, cycles, examples, exam, spend, warnings."""
    from backend.standing import standing
    from backend.store.database import transaction

    with opened() as house, transaction(house.engine) as session:
        row = standing(session, house.settings)
    if json:
        as_json(row)
        return
    for name, told in status_lines(row):
        typer.echo(f"{name:<15}{told}".rstrip())


def status_lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    """A status for a person: what each line is about, and what it tells."""
    from backend.datasets import dropped_words
    from backend.standing import verdict_words

    active, since, examples = row["active"], row["activation"], row["examples"]
    cycle, verdict, exam = row["cycle"], row["verdict"], row["exam"]
    lines = [("active model", f"{active['model']} ({active['role']})")]
    if since:
        lines.append(("", f"since {since['at']:%Y-%m-%d %H:%M} UTC, by {since['by']}"))
    if verdict:
        lines.append(("last verdict", f"cycle {verdict['cycle']}: {verdict_words(verdict)}"))
    if cycle:
        told = f"{cycle['cycle']}: {cycle['doing'] or 'waiting for the worker'}"
        lines.append(("running cycle", told))
        if cycle["paused"]:
            way = f"let it go on: tenk cycle {cycle['cycle']} --resume"
            lines.append(("", f"paused by {cycle['paused']}; {way}"))
    lines += [
        ("filings", str(row["filings"])),
        ("turns", f"{row['turns']} ({row['unfinished']} stopped or failed)"),
        ("examples", f"{examples['kept']} kept, {examples['dropped']} dropped"),
        *[("", told) for told in dropped_words(examples["dropped_by_rule"])],
        ("exam", f"{exam['active']} questions, {exam['quarantined']} put aside"),
        *_schedule_lines(row["schedule"]),
        *_watching_lines(row),
        *_spend_lines(row),
        *[("warning", warning) for warning in row["warnings"]],
    ]
    return lines


def _schedule_lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    """When a cycle may start by itself, and why the last one did or did not."""
    from backend.scheduling import last_words, next_words

    last = last_words(row)
    return [("next run", next_words(row)), *([("last run", last)] if last else [])]


def _spend_lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    """What was spent in all and on what, and what of it has no known price."""
    spend = row["spend"]
    kinds = {name.removesuffix("_usd"): usd for name, usd in spend.items() if name != "unpriced"}
    return [
        ("spend", f"${row['spend_usd']:.4f}"),
        *[("", f"${usd:.4f} {kind}") for kind, usd in kinds.items() if usd],
        *[("", f"without a known price: {told}") for told in spend["unpriced"]],
    ]


def _watching_lines(row: dict[str, Any]) -> list[tuple[str, str]]:
    """What readers and the teacher make of the models that answer."""
    lines: list[tuple[str, str]] = []
    for one in row["thumbs"]:
        if one["share"] is not None:
            share = f"{one['share']:.0%} up, 95% interval {one['low']:.0%} to {one['high']:.0%}"
            lines.append(
                ("thumbs", f"{one['model']}: {one['up']} up, {one['down']} down ({share})")
            )
    agreement = row["agreement"]
    if agreement["share"] is not None:
        told = f"{agreement['share']:.0%} of {agreement['compared']} answers"
        lines.append(("agreement", f"with the teacher in {told}"))
    for one in row["disliked_but_learned"]:
        models = ", ".join(one["models"])
        lines.append(("disliked", f"example {one['example']}, after {models} learned from it"))
    return lines


def doctor(json: Json = False) -> None:
    """Try every role's server and model, and say what to change; `tenk status` knows it too."""
    from backend.doctor import schedule_words
    from backend.records import now
    from backend.settings import unknown_variables

    with opened() as house:
        reports, active = asyncio.run(_looked(house))
    rows = [asdict(one) for one in reports]
    for slip in unknown_variables():
        typer.echo(f"tenk: {slip}", err=True)
    if json:
        as_json(rows)
    else:
        table(rows, ["role", "model", "url", "reachable", "shutdown_date"], empty="")
        for row in rows:
            for line in (row["warning"], row["what_to_change"], row["note"]):
                if line:
                    typer.echo(f"{row['role']}: {line}")
        for line in active:
            typer.echo(f"readers: {line}")
        typer.echo(f"schedule: {schedule_words(house.settings, now())}")
    if not all(row["reachable"] for row in rows):
        raise typer.Exit(1)


async def _looked(house: House) -> "tuple[list[RoleReport], list[str]]":
    """Every role's report, and warnings about the model in service."""
    from backend.doctor import examine
    from backend.duty import IN_SERVICE, tell_of_models
    from backend.records import Usage
    from backend.store.spending import count_probe

    def count(model: str, usage: Usage, cost: float | None) -> None:
        count_probe(house.engine, model, usage, cost)

    reports = await examine(house.settings, house.models, on_call=count)
    try:
        engine = house.engine
    except ConfigurationError as error:  # what was found is worth telling all the same
        typer.echo(f"tenk: {error}", err=True)
        return reports, []
    told = await tell_of_models(engine, house.models, reports)
    return reports, [one.text for one in told if one.subject.startswith(IN_SERVICE)]


def api(host: Host = "127.0.0.1", port: Port = 8100) -> None:
    """Serve tenk's local OpenAI-compatible API alone."""
    from backend.cli.processes import refuse_open_api
    from backend.local.serving import run
    from backend.settings import load_settings

    settings = load_settings()
    refuse_open_api(host, settings.api_key)
    typer.echo(f"Local API: http://{host}:{port}/v1 (Ctrl-C stops it)")
    run(settings.home, host=host, port=port, key=settings.api_key or None)


def worker(
    leashed: Annotated[bool, typer.Option("--leashed", hidden=True)] = False,
) -> None:
    """Run the worker alone: what tenk does without being asked."""
    import logging
    import os
    import sys

    from backend.leash import hold_to_parent

    if leashed:
        hold_to_parent()
    os.nice(max(0, POLITE - os.nice(0)))  # where processors are few, readers who wait go first
    from backend.worker import run

    logging.basicConfig(format="tenk: %(message)s")
    logging.getLogger("tenk").setLevel(logging.INFO)  # why a scheduled cycle did not start
    with opened() as house:
        spent = asyncio.run(run(house.settings, house.engine, house.models))
    if spent:
        # as a new program the same process gives its memory back, and its parent sees nothing
        os.execv(sys.executable, [sys.executable, "-m", "backend.cli", *sys.argv[1:]])
