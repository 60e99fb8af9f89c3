"""Commands about cycles: retrain, cycles, cycle."""

import asyncio
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import LARGEST, Bar, Json, as_json, progress, shortened, table
from backend.cli.telling import (
    Thinned,
    ending,
    in_order,
    interrupted_words,
    line,
    lines,
    means_words,
    paused_words,
    questions_lines,
)
from backend.errors import ConfigurationError, ProviderError, TenkError

if TYPE_CHECKING:
    from backend.records import Cycle
    from backend.standing import Progress

LOOK_AGAIN = 0.5
"""Seconds between two looks at what a cycle has done since."""
Number = Annotated[int, typer.Argument(max=LARGEST, help="A number that `tenk cycles` lists.")]


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
        row, means = cycle_row(house, key), exam_progress(house, key).means
    if json:
        as_json(row)
    elif row["ended"]:  # waited for, or a worker was as quick as that
        _echo(ending(row, means))
    else:
        typer.echo(
            paused_words(key, row["paused"])
            or f"Cycle {key} {doing(row['state'])}. The worker takes it on (`make chat` starts "
            f"one; `tenk worker` is one alone). Watch it: tenk cycle {key}, or tenk retrain --wait"
        )
    if wait and row["state"] == "failed":
        raise typer.Exit(1)


def _wait(house: House, key: int, *, quiet: bool) -> None:
    """Returns when the cycle has ended. Raises, with the way on, what holds it up."""
    try:
        asyncio.run(_go_on(house, key, quiet=quiet))
    except KeyboardInterrupt:
        typer.echo(interrupted_words(cycle_row(house, key)), err=True)
        raise
    except (ConfigurationError, ProviderError) as error:
        raise with_the_way_on(error, key) from error


def with_the_way_on(error: "ConfigurationError | ProviderError", key: int) -> TenkError:
    """What holds a cycle up, and how it goes on."""
    kind = ConfigurationError if isinstance(error, ConfigurationError) else ProviderError
    return kind(
        f"{error} Cycle {key} keeps what it has done, and goes on from there: tenk retrain --wait"
    )


def _echo(told_lines: list[str]) -> None:
    for told in told_lines:
        typer.echo(told)


async def _go_on(house: House, key: int, *, quiet: bool) -> None:
    """Advance the cycle here, or watch the process that does."""
    from backend.flywheel import Flywheel, Wheel

    flywheel = Flywheel(Wheel(house.settings, house.engine, house.models))
    shown = asyncio.create_task(_show_events(house, key, quiet=quiet))
    bar = asyncio.create_task(_show_exam(house, key, quiet=quiet))
    try:
        while not shown.done():
            with flywheel.alone() as alone:  # where another process dies, this one goes on
                if alone:
                    await alone.during(flywheel.advance(key))
            await asyncio.wait([shown], timeout=LOOK_AGAIN)
        await shown
    finally:
        shown.cancel()
        bar.cancel()
        await asyncio.wait([bar])  # it leaves the terminal as it was


async def _show_events(house: House, key: int, *, quiet: bool) -> None:
    """What happens, and what the cycle waits for, on stderr until it has ended."""
    from backend.standing import held_up
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import events
    from backend.store.database import transaction

    last, worth, told = 0, Thinned(), ""
    while True:
        with transaction(house.engine) as session:
            fresh = events(session, key, after=last)
            row = one_cycle(session, key)
            held = paused_words(key, row.paused) or held_up(session)
        for event in fresh:
            last = event.id or last
            if not quiet and worth(event):
                typer.echo(line(event), err=True)
        if held not in ("", told) and not quiet:
            typer.echo(held, err=True)
        told = held
        if row.ended is not None:
            return
        await asyncio.sleep(LOOK_AGAIN)


async def _show_exam(house: House, key: int, *, quiet: bool) -> None:
    """How far the exam is, on a terminal: between two looks it says nothing for minutes."""
    from backend.store.cycles import cycle as one_cycle
    from backend.store.database import transaction

    def row() -> "Cycle":
        with transaction(house.engine) as session:
            return one_cycle(session, key)

    if quiet or not sys.stderr.isatty():
        return
    with ExitStack() as shown:
        bar: Bar | None = None
        while (now := row()).verdict is None and now.ended is None:
            if now.exam:
                bar = bar or shown.enter_context(progress("Exam"))
                seen = exam_progress(house, key)
                total = min(len(now.exam["order"]), now.exam["policy"]["max_questions"])
                bar(seen.questions, total, f"Exam: {means_words(seen.means)}".rstrip(": "))
            await asyncio.sleep(2 * LOOK_AGAIN)


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
    """Where a cycle stands, in a word: its next step, paused, done or failed."""
    from backend.flywheel import next_step

    if row.ended is None:
        return "paused" if row.paused else next_step(row).value
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
    short = [
        {
            **row,
            "verdict": (row["verdict"] or {}).get("decision"),
            "ended": shortened(row["ended"] or ""),
        }
        for row in rows
    ]
    table(
        short,
        ["cycle", "state", "candidate", "verdict", "started", "ended"],
        empty="No cycle yet. Start one: tenk retrain --wait",
    )


def cycle(
    number: Number,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it now.")] = False,
    pause: Annotated[
        bool, typer.Option("--pause", help="Let it wait, and its training where that can wait.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on.")] = False,
    json: Json = False,
) -> None:
    """Show one cycle in full: what happened, every question's scores, the verdict."""
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import events
    from backend.store.database import transaction

    turns = {"--cancel": cancel, "--pause": pause, "--resume": resume}
    asked = [name for name, wanted in turns.items() if wanted]
    if len(asked) > 1:
        raise typer.BadParameter(f"{' and '.join(asked)} contradict each other: choose one.")
    with opened() as house:
        if asked:
            _turn(house, number, asked[0])
        with transaction(house.engine) as session:
            one_cycle(session, number)
            told = events(session, number)
        row, questions = cycle_row(house, number), question_rows(house, number)
        means = exam_progress(house, number).means
    if json:
        happened = [{"at": e.at, "kind": e.kind, "text": e.text, **e.numbers} for e in told]
        as_json({**row, "events": happened, "questions": questions})
        return
    _echo([*lines(told), *questions_lines(questions, under_way=not row["ended"])])
    _echo(ending(row, means, shown=True) if row["ended"] else [_standing(row)])


def _standing(row: dict[str, Any]) -> str:
    """What a cycle that has not ended waits for or does, in a line."""
    key = row["cycle"]
    return paused_words(key, row["paused"]) or f"Cycle {key} {doing(row['state'])}."


def _turn(house: House, key: int, how: str) -> None:
    """End a cycle, let it wait, or let it go on."""
    from backend.steering import cancel_cycle, pause_cycle, resume_cycle
    from backend.store.database import transaction

    if how == "--cancel":
        reason = "cancelled by hand"
        asyncio.run(cancel_cycle(house.engine, house.models, key, reason=reason))
        return
    turn = pause_cycle if how == "--pause" else resume_cycle
    with transaction(house.engine) as session:
        turn(session, key, by=f"tenk cycle {how}")


def doing(state: str) -> str:
    """What a cycle that has not ended does next, for a person."""
    from backend.flywheel import LABELS, Step

    label = LABELS[Step(state)]
    return f"is at: {label[0].lower()}{label[1:]}"


def exam_progress(house: House, key: int) -> "Progress":
    """How far the exam of a cycle has come, or came, over the questions that count."""
    from backend.standing import progress as so_far
    from backend.store.cycles import cycle as one_cycle
    from backend.store.cycles import sittings
    from backend.store.cycles import verdict as one_verdict
    from backend.store.database import transaction

    with transaction(house.engine) as session:
        decided = one_cycle(session, key).verdict
        more = one_verdict(session, decided).certificate.get("more", {}) if decided else {}
        aside = more.get("put_aside", {})
        told = [one for one in sittings(session, key) if str(one[0].question) not in aside]
    return so_far(told)


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
    arms = [Arm(name, Role.STUDENT, "") for name in in_order({sat.arm for sat in sats})]
    return [
        {
            "question": texts.get(row.question, ""),
            "put_aside": more.get("put_aside", {}).get(str(row.question)),
            "arms": {name: asdict(mark) for name, mark in row.marks.items()},
        }
        for row in table(sats, arms)
    ]
