"""Commands about the exam: questions list, generate, import."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from backend.cli.asking import questions_in
from backend.cli.opening import House, opened
from backend.cli.printing import Json, as_json, progress, table
from backend.errors import DataError, TenkError

if TYPE_CHECKING:
    from backend.generating import Generating, Made, Order
    from backend.records import Example, ExamQuestion

app = typer.Typer(
    help="The exam: questions that are never trained on, with the evidence every model is shown.",
    invoke_without_command=True,
)
Count = Annotated[int, typer.Option("--n", "-n", min=1, max=100_000, help="How many.")]
InFiling = Annotated[str | None, typer.Option(help="Only over this filing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money is spent.")]


@app.callback()
def list_or_continue(context: typer.Context, json: Json = False) -> None:
    """Without a further word: the list."""
    if context.invoked_subcommand is None:
        show_all(json=json)


def question_row(row: "ExamQuestion") -> dict[str, Any]:
    """An exam question as the commands print it."""
    return {
        "id": row.id,
        "state": row.state,
        "reason": row.reason,
        "source": row.source,
        "group": row.group,
        "question": row.question,
    }


@app.command("list")
def show_all(json: Json = False) -> None:
    """List every exam question, active or put aside, with the reason."""
    from backend.store.cycles import exam_questions
    from backend.store.database import transaction

    with opened() as house, transaction(house.engine) as session:
        rows = [question_row(one) for one in exam_questions(session)]
    if json:
        as_json(rows)
        return
    table(
        rows,
        ["id", "state", "reason", "source", "group", "question"],
        empty="No exam questions yet. Let the teacher write some: tenk questions generate --n 60",
    )


@app.command()
def generate(n: Count, filing: InFiling = None, yes: Yes = False, json: Json = False) -> None:
    """Let the teacher write exam questions, spread over all sections on the exam's side.

    A further call goes on where this one ends.
    """
    with opened() as house:
        made = generated(house, "exam", n, filing=filing, yes=yes)
    rows = [question_row(one) for one in made.rows]
    if json:
        as_json(rows)
        return
    sections = len({row["group"] for row in rows})
    typer.echo(f"Made {len(rows)} exam questions over {sections} sections. See: tenk questions")
    tell_rest(made, n, "the exam's side")


def generated(
    house: House, side: Literal["exam", "training"], n: int, *, filing: str | None, yes: bool
) -> "Made[Any]":
    """Estimate, ask where it costs, and make; what was made is kept whatever interrupts."""
    drive = generating(house)
    order = drive.order(side, n, filing=filing)
    _agree(order, yes=yes)
    done = 0
    with progress("Writing") as bar:

        def move(made: int, wanted: int, _question: str) -> None:
            nonlocal done
            done = made
            bar(made, wanted, "Writing")

        bar(0, n, "Writing")
        work = drive.exam_questions if side == "exam" else drive.examples
        try:
            made: Made[Any] = asyncio.run(work(order, on_made=move))
        except TenkError as error:
            error.args = (f"{error} {_kept(done, n)}",)
            raise
        except KeyboardInterrupt:
            typer.echo(_kept(done, n), err=True)
            raise
    if not made.rows:
        raise DataError(f"Nothing was made: {_reasons(made) or 'there is nothing to ask about'}.")
    return made


def generating(house: House) -> "Generating":
    """The driver that writes questions."""
    from backend.generating import Generating

    return Generating(
        engine=house.engine, models=house.models, index=house.index, settings=house.settings
    )


def _kept(done: int, wanted: int) -> str:
    return f"{done} of {wanted} were made and are kept; the same command goes on from there."


def _agree(order: "Order", *, yes: bool) -> None:
    """Say what it will cost before the first call, and ask where a person is there to answer."""
    free = order.estimate.usd == 0
    rest = "" if free else "; replies that are of no use come on top"
    typer.echo(f"Estimate: {order.estimate}{rest}.", err=True)
    if not (yes or free) and sys.stdin.isatty() and sys.stderr.isatty():
        typer.confirm("Go on?", abort=True, err=True)


def tell_rest(made: "Made[ExamQuestion] | Made[Example]", wanted: int, where: str) -> None:
    """What else a person should know of what was made."""
    if len(made.rows) < wanted:
        typer.echo(
            f"That is {wanted - len(made.rows)} fewer than asked for: {where} of these filings "
            "holds no more. Ingest another: tenk ingest PATH"
        )
    if made.rejected:
        typer.echo(f"Not kept: {_reasons(made)}.")
    if made.usd:
        typer.echo(f"It cost ${made.usd:.4f}.")


def _reasons(made: "Made[ExamQuestion] | Made[Example]") -> str:
    return "; ".join(f"{count} x {reason}" for reason, count in made.rejected.items())


@app.command("import")
def take_in(
    file: Annotated[
        Path, typer.Argument(help="One a line: plain text, or JSON lines with a `question` field.")
    ],
    json: Json = False,
) -> None:
    """Bring your own exam questions; the evidence that is found for them now is kept for ever."""
    asked = questions_in(file)
    with opened() as house, progress("Finding evidence") as bar:
        came = asyncio.run(
            generating(house).take_in(
                asked, on_made=lambda done, total, _: bar(done, total, "Finding evidence")
            )
        )
    row = {
        "file": str(file),
        "added": [question_row(one) for one in came.added],
        "duplicates": came.duplicates,
        "nothing_found": came.nothing_found,
        "asked_in_examples": came.taught,
    }
    if json:
        as_json(row)
    else:
        typer.echo(f"Added {len(came.added)} exam questions; {came.duplicates} were there already.")
        if came.taught:
            typer.echo(
                f"{came.taught} of them are asked in examples too, which are no longer trained on."
            )
    for question in came.nothing_found:
        typer.echo(f"tenk: found no evidence, left out: {question}", err=True)
    if came.nothing_found:
        raise typer.Exit(1)
