"""Rows -> what a command prints: JSON alone on stdout for programs, short text for people."""

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Protocol

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON alone on stdout.")]
LARGEST = 2**31 - 1
"""The greatest number that a row can have in either database."""


def as_json(value: object) -> None:
    """One JSON document on stdout, in UTF-8, whatever the terminal's locale."""
    text = json.dumps(value, ensure_ascii=False, default=_plain, indent=None)
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def _plain(value: object) -> str:
    """What JSON has no word for: moments as ISO 8601 in UTC, whichever database they come from."""
    if isinstance(value, datetime):
        from backend.records import in_utc

        return in_utc(value).isoformat()
    return str(value)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Rows as columns for a person; `empty` says what to type where there are none."""
    if not rows:
        typer.echo(empty)
        return
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [[name.replace("_", " ") for name in columns], *cells]:
        texts = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        typer.echo("  ".join(texts).rstrip())


def shortened(text: str, width: int = 60) -> str:
    """At most so many letters of it, for a table."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        from backend.records import in_utc

        return f"{in_utc(value):%Y-%m-%d %H:%M} UTC"
    return " ".join(str(value).split())


class Bar(Protocol):
    """Shows how far long work has come."""

    def __call__(self, done: int, total: int, label: str) -> None: ...


@contextmanager
def progress(title: str) -> Generator[Bar]:
    """A progress bar on stderr where that is a terminal, and silence where it is not."""
    if not sys.stderr.isatty():
        yield lambda done, total, label: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as shown:
        task = shown.add_task(title, total=None)

        def move(done: int, total: int, label: str) -> None:
            shown.update(task, completed=done, total=total, description=label or title)

        yield move
