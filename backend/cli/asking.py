"""Commands about answers: ask, rate."""

import asyncio
import json as jsonlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import LARGEST, Json, as_json, progress
from backend.errors import DataError, TenkError

if TYPE_CHECKING:
    from backend.records import Turn


class Thumb(StrEnum):
    """What a reader makes of an answer."""

    UP = "up"
    DOWN = "down"


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the door."""
    app.command()(ask)
    app.command()(rate)


def ask(
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    filing: Annotated[str | None, typer.Option(help="Only from this filing.")] = None,
    model: Annotated[
        str, typer.Option(help="active, teacher, student, or a model's name.")
    ] = "active",
    file: Annotated[
        Path | None,
        typer.Option(help="Ask every line: plain text, or JSON lines with a `question` field."),
    ] = None,
    json: Json = False,
) -> None:
    """Ask the filings. The answer cites pages and is logged."""
    if (question is None) == (file is None):
        raise typer.BadParameter("Give one question, or --file with one question a line.")
    with opened() as house:
        if file is not None:
            work = _ask_each(house, questions_in(file), filing=filing, model=model, json=json)
        else:
            work = _ask_one(house, question or "", filing=filing, model=model, json=json)
        asyncio.run(work)


async def _ask_one(
    house: House, question: str, *, filing: str | None, model: str, json: bool
) -> None:
    turn = await _ask(house, question, filing=filing, model=model)
    if json:
        as_json(turn_row(turn))
    else:
        _show(turn)
    await house.assistant.shadow.settled()  # the teacher's own answer, where it gives one too


async def _ask(house: House, question: str, *, filing: str | None, model: str) -> "Turn":
    thread = f"cli-{uuid4().hex[:12]}"  # each question stands alone
    return await house.assistant.ask(question, thread=thread, filing=filing, model=model)


async def _ask_each(
    house: House, questions: list[str], *, filing: str | None, model: str, json: bool
) -> None:
    """One object a line as the answers come; a question that fails is a line with its error."""
    failed = 0
    with progress("Asking") as bar:
        for done, question in enumerate(questions):
            bar(done, len(questions), "Asking")
            try:
                turn = await _ask(house, question, filing=filing, model=model)
            except TenkError as error:
                failed += 1
                as_json({"question": question, "error": str(error)})
                continue
            if json:
                as_json({"question": question, **turn_row(turn)})
            else:
                typer.echo(f"\n> {question}")
                _show(turn)
    await house.assistant.shadow.settled()
    if failed:
        raise DataError(f"{failed} of {len(questions)} questions got no answer; see their lines.")


def questions_in(file: Path) -> list[str]:
    """The questions of a file, in order. Raises DataError naming the line that is not one."""
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Cannot read questions from {file}: {error}. Expected UTF-8 text."
        ) from None
    found = [
        _question_of(line, number=number, file=file)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not found:
        raise DataError(f"{file} holds no question. Expected one a line.")
    return found


def _question_of(line: str, *, number: int, file: Path) -> str:
    if not line.lstrip().startswith("{"):
        return line.strip()
    try:
        row: Any = jsonlib.loads(line)
        jsonlib.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}, line {number} is not JSON: {error}.") from None
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise DataError(f'{file}, line {number}: expected a "question" with text in it.')
    return question.strip()


def turn_row(turn: "Turn") -> dict[str, Any]:
    """A turn as `tenk ask --json` prints it."""
    shown = ("filing", "file", "page", "quote")
    return {
        "turn": turn.id,
        "answer": turn.answer,
        "model": turn.model,
        "role": turn.role,
        "citations": [{name: one[name] for name in shown} for one in turn.citations],
        "figures": turn.figures,
        "refused": turn.refused,
        "tokens": turn.prompt_tokens + turn.completion_tokens,
        "cost_usd": turn.cost_usd,
        "seconds": round(turn.seconds, 3),
    }


def _show(turn: "Turn") -> None:
    typer.echo(turn.answer)
    for one in turn.citations:
        typer.echo(f'  [{one["number"]}] {one["file"]}, p. {one["page"]}: "{one["quote"]}"')
    cost = "" if turn.cost_usd is None else f", ${turn.cost_usd:.4f}"
    typer.echo(f"  turn {turn.id}, {turn.model} ({turn.role}), {turn.seconds:.1f} s{cost}")


def rate(
    turn: Annotated[int, typer.Argument(max=LARGEST, help="The number that `tenk ask` printed.")],
    thumb: Annotated[Thumb, typer.Argument(help="up or down.")],
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    json: Json = False,
) -> None:
    """Rate an answer. A thumbs-down takes it out of the training data."""
    from backend.cli.examples import example_row, one_of_turn
    from backend.conversations import mask
    from backend.store.database import transaction
    from backend.store.turns import models_trained_on
    from backend.store.turns import rate as rate_turn

    with opened() as house:
        with transaction(house.engine) as session:
            rate_turn(session, turn, 1 if thumb is Thumb.UP else -1, comment=mask(comment))
        kept = one_of_turn(house, turn)
        with transaction(house.engine) as session:
            learned_by = models_trained_on(session, kept.example.id or 0) if kept else []
    told = example_row(kept) if kept else {"turn": turn, "example": None, "state": None}
    row: dict[str, Any] = {**told, "learned_by": learned_by}
    if json:
        as_json(row)
    elif kept is None:
        typer.echo(f"Turn {turn} is rated {thumb}. It is no example: only the teacher's teach.")
    else:
        reason = f": {row['reason']}" if row["reason"] else ""
        typer.echo(
            f"Turn {turn} is rated {thumb}. Its example {row['example']} is {row['state']}{reason}."
        )
        if learned_by:
            typer.echo(f"It was learned by {', '.join(learned_by)}.")
