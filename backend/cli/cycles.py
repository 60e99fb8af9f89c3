"""Commands about cycles: retrain, cycles, cycle."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import Json, as_json, table
from backend.cli.telling import Thinned, ending, line, lines, question_lines
from backend.errors import ConfigurationError, ProviderError

if TYPE_CHECKING:
    from backend.records import Cycle

LOOK_AGAIN = 0.5
"""Seconds between two looks at what a cycle has done since."""
Number = Annotated[int, typer.Argument(help="A number that `tenk cycles` lists.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the door."""
    app.command()(retrain)
    app.command()(cycles)
    app.command()(cycle)


def retrain(
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay, show how it goes, and tell the verdict.")
    ] = False,
    json: Json = False,
) -> None:
    """Turn the log into a candidate, examine it, and swap to it where it scores higher.

    A cycle that was interrupted goes on where it was; asking twice is one cycle.
    """
    from backend.steering import ask_for_cycle
    from backend.store.database import transaction

    with opened() as house:
        with transaction(house.engine) as session:
            key = ask_for_cycle(session, by="tenk retrain").id or 0
        if wait:
            _wait(house, key, quiet=json)
        row = cycle_row(house, key)
    if json:
        as_json(row)
    elif wait:
        _echo(ending(row))
    else:
        typer.echo(
            f"Cycle {key} is {row['state']}. The worker takes it on (`make chat` starts one; "
            f"`tenk worker` is one alone). Watch it: tenk cycle {key}, or tenk retrain --wait"
        )
    if wait and row["state"] == "failed":
        raise typer.Exit(1)


def _wait(house: House, key: int, *, quiet: bool) -> None:
    """Returns when the cycle has ended. Raises, with the way on, what holds it up."""
    try:
        asyncio.run(_go_on(house, key, quiet=quiet))
    except KeyboardInterrupt:
        typer.echo(
            f"Cycle {key} keeps what it has done: go on with tenk retrain --wait, or end it with "
            f"tenk cycle {key} --cancel",
            err=True,
        )
        raise
    except (ConfigurationError, ProviderError) as error:
        raise type(error)(
            f"{error} Cycle {key} keeps what it has done, and goes on from there: "
            "tenk retrain --wait"
        ) from error


def _echo(told_lines: list[str]) -> None:
    for told in told_lines:
        typer.echo(told)


async def _go_on(house: House, key: int, *, quiet: bool) -> None:
    """Advance the cycle here, or watch the process that does."""
    from backend.flywheel import Flywheel, Wheel

    flywheel = Flywheel(Wheel(house.settings, house.engine, house.models))
    shown = asyncio.create_task(_show_events(house, key, quiet=quiet))
    try:
        while not shown.done():
            with flywheel.alone() as alone:  # where another process dies, this one goes on
                if alone:
                    await flywheel.advance(key)
            await asyncio.wait([shown], timeout=LOOK_AGAIN)
        await shown
    finally:
        shown.cancel()


async def _show_events(house: House, key: int, *, quiet: bool) -> None:
    """What happens, line by line on stderr, until the cycle has ended."""
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import events
    from backend.store.database import transaction

    last, worth = 0, Thinned()
    while True:
        with transaction(house.engine) as session:
            fresh = events(session, key, after=last)
            ended = one_cycle(session, key).ended is not None
        for event in fresh:
            last = event.id or last
            if not quiet and worth(event):
                typer.echo(line(event), err=True)
        if ended:
            return
        await asyncio.sleep(LOOK_AGAIN)


def cycle_row(house: House, key: int) -> dict[str, Any]:
    """A cycle as `tenk retrain --json` prints it."""
    from backend.records import Role
    from backend.standing import cycle_row as told
    from backend.store.cycles import cycle as one_cycle
    from backend.store.database import transaction

    teacher = house.settings.endpoint(Role.TEACHER).model
    with transaction(house.engine) as session:
        row = one_cycle(session, key)
        return told(session, row, state=state_of(row), teacher=teacher)


def state_of(row: "Cycle") -> str:
    """Where a cycle stands, in a word: its next step, done or failed."""
    from backend.flywheel import next_step

    if row.ended is None:
        return next_step(row).value
    return "failed" if row.failed else "done"


def cycles(json: Json = False) -> None:
    """List the cycles, newest first."""
    from backend.store.cycles import cycles as every_cycle
    from backend.store.database import transaction

    with opened() as house:
        with transaction(house.engine) as session:
            keys = [(row.id or 0, row.started_at) for row in every_cycle(session)]
        rows: list[dict[str, Any]] = [{**cycle_row(house, key), "started": at} for key, at in keys]
    if json:
        as_json(rows)
        return
    short = [{**row, "verdict": (row["verdict"] or {}).get("decision")} for row in rows]
    table(
        short,
        ["cycle", "state", "candidate", "verdict", "started", "ended"],
        empty="No cycle yet. Start one: tenk retrain --wait",
    )


def cycle(
    number: Number,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it now.")] = False,
    json: Json = False,
) -> None:
    """Show one cycle in full: what happened, every question's scores, the verdict."""
    from backend.steering import cancel_cycle
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import events
    from backend.store.database import transaction

    with opened() as house:
        if cancel:
            reason = "cancelled by hand"
            asyncio.run(cancel_cycle(house.engine, house.models, number, reason=reason))
        with transaction(house.engine) as session:
            one_cycle(session, number)
            told = events(session, number)
        row, questions = cycle_row(house, number), question_rows(house, number)
    if json:
        happened = [{"at": e.at, "kind": e.kind, "text": e.text, **e.numbers} for e in told]
        as_json({**row, "events": happened, "questions": questions})
        return
    _echo(lines(told))
    for question in questions:
        _echo(question_lines(question))
    _echo(ending(row) if row["ended"] else [f"Cycle {number} goes on: {row['state']}."])


def question_rows(house: House, key: int) -> list[dict[str, Any]]:
    """Every exam question of a cycle with each arm's answers and scores, in the order asked."""
    from dataclasses import asdict

    from backend.exam import Arm, table
    from backend.flywheel.sittings import sat_of
    from backend.records import Role
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import exam_questions, sittings
    from backend.store.cycles import verdict as one_verdict
    from backend.store.database import transaction

    with transaction(house.engine) as session:
        told, decided = sittings(session, key), one_cycle(session, key).verdict
        texts = {one.id: one.question for one in exam_questions(session)}
        more = one_verdict(session, decided).certificate.get("more", {}) if decided else {}
    sats = [sat_of(row, scores) for row, scores in told]
    arms = [Arm(name, Role.STUDENT, "") for name in dict.fromkeys(sat.arm for sat in sats)]
    return [
        {
            "question": texts.get(row.question, ""),
            "put_aside": more.get("put_aside", {}).get(str(row.question)),
            "arms": {name: asdict(mark) for name, mark in row.marks.items()},
        }
        for row in table(sats, arms)
    ]
