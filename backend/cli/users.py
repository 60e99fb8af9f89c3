"""Commands about who may sign in to the chat: users add, list, role, password, remove."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import opened
from backend.cli.printing import Json, as_json, table
from backend.errors import DataError

if TYPE_CHECKING:
    from backend.records import Person

app = typer.Typer(help="Who may sign in to the chat, and as what.", invoke_without_command=True)
SHORTEST, LONGEST = 8, 1000
"""Characters of a password."""


class RoleName(StrEnum):
    """What somebody may do: ask; judge training data too; start cycles and swap models too."""

    READER = "reader"
    REVIEWER = "reviewer"
    ADMIN = "admin"


Name = Annotated[str, typer.Argument(help="The name to sign in with.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]


@app.callback()
def list_or_continue(context: typer.Context, json: Json = False) -> None:
    """Without a further word: the list."""
    if context.invoked_subcommand is None:
        show_all(json=json)


def user_row(row: "Person") -> dict[str, Any]:
    """A user as the commands print it; never the password, not even its hash."""
    return {"name": row.name, "role": row.role, "added": row.created_at}


@app.command("list")
def show_all(json: Json = False) -> None:
    """List everybody who may sign in."""
    from backend.store.database import transaction
    from backend.store.persons import admins, local_conversations, persons

    with opened() as house, transaction(house.engine) as session:
        rows = [user_row(row) for row in persons(session)]
        first = admins(session)[:1]
        left = local_conversations(session) if first else 0
    if json:
        as_json(rows)
        return
    table(
        rows,
        ["name", "role", "added"],
        empty="Nobody signs in: whoever opens the chat on this machine is its admin. "
        "Add somebody: tenk users add NAME --role admin",
    )
    if left:  # of a home whose first admin was added by an older tenk
        typer.echo(
            f"{left} of the conversations are from before anybody signed in, and nobody sees them. "
            f"Give them to the first admin: tenk users role {first[0].name} admin"
        )


@app.command()
def add(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What they may do.")] = RoleName.READER,
    password_stdin: FromStdin = False,
    json: Json = False,
) -> None:
    """Let somebody sign in; from the first one on everybody has to.

    The first admin takes over what was asked in the chat before.
    """
    from backend.store.database import transaction
    from backend.store.persons import add_person, admins, persons, take_over

    with opened() as house:
        held = _hashed(_password(stdin=password_stdin))
        with transaction(house.engine) as session:
            first = not persons(session)
            row = add_person(session, name, role=role.value, password=held)
            taken = take_over(session, row)
            without_admin = not admins(session)
    if json:
        as_json(user_row(row))
        return
    typer.echo(f"{row.name} may sign in as {row.role}.")
    if first:
        typer.echo("From now on everybody has to sign in; open pages ask for it when loaded again.")
    _tell_taken(row, taken)
    if without_admin:
        typer.echo(
            "Nobody who signs in is an admin yet, so nobody can start cycles, swap models or see "
            "what was asked before anybody signed in. Add one: tenk users add NAME --role admin"
        )


def _tell_taken(row: "Person", taken: int) -> None:
    if taken:
        them = "The conversation" if taken == 1 else f"The {taken} conversations"
        belong = "is" if taken == 1 else "are"
        typer.echo(f"{them} from before anybody signed in {belong} {row.name}'s now.")


@app.command()
def role(
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="What they may do from now on.")],
    json: Json = False,
) -> None:
    """Change what somebody may do, from their next question on."""
    from backend.store.database import transaction
    from backend.store.persons import set_role, take_over

    with opened() as house, transaction(house.engine) as session:
        row = set_role(session, name, role.value)
        taken = take_over(session, row)
    if json:
        as_json(user_row(row))
        return
    typer.echo(f"{row.name} is {row.role} from now on.")
    _tell_taken(row, taken)


@app.command()
def password(name: Name, password_stdin: FromStdin = False, json: Json = False) -> None:
    """Give somebody another password; where they are signed in they have to sign in again."""
    from backend.store.database import transaction
    from backend.store.persons import set_password

    with opened() as house:
        held = _hashed(_password(stdin=password_stdin))
        with transaction(house.engine) as session:
            row = set_password(session, name, held)
    as_json(user_row(row)) if json else typer.echo(f"{row.name} has another password from now on.")


@app.command()
def remove(name: Name, json: Json = False) -> None:
    """Let somebody in no more; what they asked stays in the log."""
    from backend.store.database import transaction
    from backend.store.persons import remove_person, sign_in_required

    with opened() as house, transaction(house.engine) as session:
        row = remove_person(session, name)
        session.flush()
        last = not sign_in_required(session)
    if json:
        as_json(user_row(row))
        return
    typer.echo(f"{row.name} is let in no more.")
    if last:
        typer.echo(
            "Nobody has to sign in any more: whoever opens the chat on this machine is its admin. "
            "A chat that other machines reach answers nobody until a user is added."
        )


def _password(*, stdin: bool) -> str:
    """A password, read without showing it. Raises DataError."""
    if stdin:
        line = sys.stdin.buffer.readline()
        try:
            given = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise DataError("Expected the password on stdin in UTF-8.") from None
    elif sys.stdin.isatty():
        given = str(typer.prompt("Password", hide_input=True))
        if typer.prompt("Again", hide_input=True) != given:
            raise DataError("The two passwords differ; nothing changed. Try again.")
    else:
        raise DataError(
            "Expected a terminal to ask for the password on. Without one, pipe it in: "
            "... | tenk users add NAME --password-stdin"
        )
    if not SHORTEST <= len(given) <= LONGEST:
        raise DataError(
            f"Expected a password of {SHORTEST} to {LONGEST} characters, found {len(given)}; "
            "nothing changed."
        )
    return given


def _hashed(password: str) -> str:
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)
