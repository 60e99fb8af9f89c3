"""Commands about training data: examples list, show, drop, restore, correct, generate, import,
export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import LARGEST, Json, as_json, shortened, table
from backend.cli.questions import Count, InFiling, Yes, generated, tell_rest
from backend.errors import DataError, NotFound

if TYPE_CHECKING:
    from backend.datasets import Curated
    from backend.records import Example

app = typer.Typer(
    help="The training data: what the student will learn from, and why not the rest.",
    invoke_without_command=True,
)
Number = Annotated[int, typer.Argument(max=LARGEST, help="A number that `tenk examples` lists.")]


@app.callback()
def list_or_continue(context: typer.Context, json: Json = False) -> None:
    """Without a further word: the list."""
    if context.invoked_subcommand is None:
        show_all(json=json)


def curated(house: House) -> "list[Curated]":
    """Every example with its state, decided again from the log as the next cycle will."""
    from backend.lessons import curated as decided
    from backend.store.database import transaction

    with transaction(house.engine) as session:
        return decided(session, house.settings)


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
    short = [{**row, "question": shortened(row["question"])} for row in rows]
    table(
        short,
        ["example", "state", "reason", "source", "turn", "question"],
        empty="No examples yet: every answer of the teacher becomes one. Ask something: tenk ask",
    )


@app.command()
def show(example: Number, json: Json = False) -> None:
    """Show one example whole: what the model saw and what it learns to say."""
    from backend.store.database import transaction
    from backend.store.turns import models_trained_on

    with opened() as house, transaction(house.engine) as session:
        one = _one(house, example)
        learned_by = models_trained_on(session, example)
    row: dict[str, Any] = {**example_row(one), "messages": one.example.messages}
    row["learned_by"] = learned_by
    if json:
        as_json(row)
        return
    typer.echo(
        f"Example {row['example']} ({row['source']}): {row['state']} {row['reason']}".rstrip()
    )
    for message in row["messages"]:
        typer.echo(f"\n--- {message['role']}\n{message['content']}")
    typer.echo(f"\n--- assistant\n{row['answer']}")
    if learned_by:
        typer.echo(f"\nLearned by {', '.join(learned_by)}.")


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
def correct(
    example: Number,
    answer: Annotated[str, typer.Argument(help="What the model should have said.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take a correction back.")] = False,
    json: Json = False,
) -> None:
    """Give the right answer; from then on it is trained on in place of the one given."""
    if undo == bool(answer.strip()):
        raise typer.BadParameter("Give the right answer, or --undo to take one back.")
    from backend.store.database import transaction
    from backend.store.turns import correct as correct_example

    with opened() as house:
        with transaction(house.engine) as session:
            correct_example(session, example, None if undo else answer.strip())
        row = example_row(_one(house, example))
    if json:
        as_json(row)
        return
    which = "as it was given" if undo else "as you corrected it"
    reason = f" ({row['reason']})" if row["reason"] else ""
    typer.echo(f"Example {example} now has its answer {which}; it is {row['state']}{reason}.")


@app.command()
def generate(n: Count, filing: InFiling = None, yes: Yes = False, json: Json = False) -> None:
    """Let the teacher write questions, spread over all sections but the exam's, and answer them.

    A further call goes on where this one ends.
    """
    with opened() as house:
        made = generated(house, "training", n, filing=filing, yes=yes)
        mine = {row.id for row in made.rows}
        rows = [example_row(one) for one in curated(house) if one.example.id in mine]
    if json:
        as_json(rows)
        return
    kept = sum(row["state"] == "kept" for row in rows)
    typer.echo(
        f"Made {len(rows)} examples; {kept} teach, {len(rows) - kept} are dropped: tenk examples"
    )
    tell_rest(made, n, "the training side")


@app.command("import")
def take_in(
    file: Annotated[
        Path, typer.Argument(help="Chat JSON lines, as fine-tuning APIs and LlamaIndex write them.")
    ],
    json: Json = False,
) -> None:
    """Read examples from a file, and say which of them teach. What is there already stays once."""
    from collections import Counter

    from backend.datasets import dropped_words, from_chat_jsonl
    from backend.store.database import transaction
    from backend.store.turns import add_examples, examples

    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {file}: {error}. Expected UTF-8 text.") from None
    came = from_chat_jsonl(lines)
    with opened() as house:
        with transaction(house.engine) as session:
            known = {_content(one) for one, _ in examples(session)}
            fresh = add_examples(session, [one for one in came if _content(one) not in known])
        mine = {row.id for row in fresh}
        every = [one for one in curated(house) if one.example.id in mine]
    dropped = Counter(str(one.rule) for one in every if one.state == "dropped")
    row: dict[str, Any] = {
        "file": str(file),
        "added": len(fresh),
        "already_there": len(came) - len(fresh),
        "kept": len(every) - dropped.total(),
        "dropped": dropped.total(),
        "dropped_by_rule": dict(dropped.most_common()),
        "examples": [example_row(one) for one in every],
    }
    if json:
        as_json(row)
        return
    typer.echo(
        f"Added {row['added']} examples; {row['already_there']} were there already. Of those added "
        f"{row['kept']} teach, {row['dropped']} are dropped: tenk examples"
    )
    for told in dropped_words(row["dropped_by_rule"]):
        typer.echo(f"  {told}")


def _content(example: "Example") -> str:
    """What an example teaches: prompt and answer."""
    from json import dumps

    said = [[one["role"], one["content"]] for one in example.messages]
    return dumps([said, example.answer])


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write chat JSON lines.")],
    json: Json = False,
) -> None:
    """Write the kept examples as the file that fine-tuning takes."""
    from backend.datasets import to_chat_jsonl

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
