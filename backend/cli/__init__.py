"""tenk: the operator's door. Each command reads settings, calls a driver and prints what came."""

import sys

import typer

from backend.cli import asking, cycles, documents, examples, questions, running, serving, users
from backend.errors import TenkError

app = typer.Typer(
    help="Ask 10-K filings in a chat, and come to own the model that answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (running, documents, asking, cycles, serving):
    room.add_to(app)
app.add_typer(examples.app, name="examples")
app.add_typer(users.app, name="users")
app.add_typer(questions.app, name="questions")


def main() -> None:
    """Run a command; a known failure is one line on stderr and exit 1, not a traceback."""
    try:
        app()
    except TenkError as error:
        typer.echo(f"tenk: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("tenk: stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        sys.exit(0)
