"""Commands about training data: examples list, show, drop, restore, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import Json, as_json, table
from backend.errors import NotFound

if TYPE_CHECKING:
    from backend.datasets import Curated

app = typer.Typer(
    help="The training data: what the student will learn from, and why not the rest.",
    invoke_without_command=True,
)
Number = Annotated[int, typer.Argument(help="A number that `tenk examples` lists.")]


@app.callback()
def list_or_continue(context: typer.Context, json: Json = False) -> None:
    """Without a further word: the list."""
    if context.invoked_subcommand is None:
        show_all(json=json)


def curated(house: House) -> "list[Curated]":
    """Every example with its state, decided again from the log."""
    from backend.datasets import curate
    from backend.store.database import transaction
    from backend.store.turns import examples

    with transaction(house.engine) as session:
        return curate(examples(session))


def one_of_turn(house: House, turn: int) -> "Curated | None":
    """The example that a turn became, if it became one."""
    return next((one for one in curated(house) if one.example.turn == turn), None)


def _one(house: House, number: int) -> "Curated":
    found = next((one for one in curated(house) if one.example.id == number), None)
    if found is None:
        raise NotFound("example", number, "tenk examples")
    return found


def example_row(one: "Curated") -> dict[str, Any]:
    """An example as the commands print it."""
    return {
        "example": one.example.id,
        "state": one.state,
        "reason": one.reason,
        "source": one.example.source,
        "question": one.example.question,
        "answer": one.example.correction or one.example.answer,
        "turn": one.example.turn,
    }


@app.command("list")
def show_all(json: Json = False) -> None:
    """List every example, kept or dropped, with the reason."""
    with opened() as house:
        rows = [example_row(one) for one in curated(house)]
    if json:
        as_json(rows)
        return
    short = [{**row, "question": _shortened(row["question"])} for row in rows]
    table(
        short,
        ["example", "state", "reason", "source", "turn", "question"],
        empty="No examples yet: every answer of the teacher becomes one. Ask something: tenk ask",
    )


def _shortened(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


@app.command()
def show(example: Number, json: Json = False) -> None:
    """Show one example whole: what the model saw and what it learns to say."""
    with opened() as house:
        one = _one(house, example)
    row = {**example_row(one), "messages": one.example.messages}
    if json:
        as_json(row)
        return
    typer.echo(
        f"Example {row['example']} ({row['source']}): {row['state']} {row['reason']}".rstrip()
    )
    for message in row["messages"]:
        typer.echo(f"\n--- {message['role']}\n{message['content']}")
    typer.echo(f"\n--- assistant\n{row['answer']}")


def _decide(example: int, decision: str, reason: str, json: bool) -> None:
    from backend.store.database import transaction
    from backend.store.turns import decide_by_hand

    with opened() as house:
        with transaction(house.engine) as session:
            decide_by_hand(session, example, decision, reason)
        row = example_row(_one(house, example))
    if json:
        as_json(row)
    else:
        typer.echo(f"Example {example} is {row['state']}: {row['reason'] or 'by hand'}.")


@app.command()
def drop(
    example: Number,
    reason: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    json: Json = False,
) -> None:
    """Take an example out of the training data by hand."""
    _decide(example, "drop", reason, json)


@app.command()
def restore(
    example: Number,
    reason: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    json: Json = False,
) -> None:
    """Keep an example by hand, whatever the rules say."""
    _decide(example, "keep", reason, json)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write chat JSON lines.")],
    json: Json = False,
) -> None:
    """Write the kept examples as the file that fine-tuning takes."""
    from backend.datasets import to_chat_jsonl
    from backend.errors import DataError

    with opened() as house:
        every = curated(house)
    kept = [one for one in every if one.state == "kept"]
    lines = "".join(to_chat_jsonl(one.example) + "\n" for one in kept)
    draft = file.with_name(file.name + ".part")
    try:
        draft.write_text(lines, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise DataError(
            f"Cannot write {file}: {error.strerror}. Name a file in a folder that exists."
        ) from None
    row = {"file": str(file), "kept": len(kept), "dropped": len(every) - len(kept)}
    if json:
        as_json(row)
    else:
        typer.echo(f"Wrote {row['kept']} examples to {file}; {row['dropped']} are dropped.")
