"""Commands about filings: ingest, filings, search."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.opening import House, opened
from backend.cli.printing import Json, as_json, progress, table
from backend.errors import DataError

if TYPE_CHECKING:
    from backend.library import Ingested, Refused
    from backend.records import Filing, Passage

filings_app = typer.Typer(
    help="List the filings that can be asked about, or remove one.", invoke_without_command=True
)


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the door."""
    app.command()(ingest)
    app.add_typer(filings_app, name="filings")
    app.command()(search)


def ingest(
    paths: Annotated[list[Path] | None, typer.Argument(help="PDFs, or folders of PDFs.")] = None,
    reindex: Annotated[
        bool,
        typer.Option(
            "--reindex",
            help="Embed every chunk again with the model now set; bring back what the index lost.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Read 10-K PDFs, so that they can be asked about."""
    if not paths and not reindex:
        raise typer.BadParameter("Name at least one PDF or folder, or --reindex.")
    with opened() as house:
        ingested, refused = asyncio.run(_reindex(house)) if reindex else ([], [])
        more = asyncio.run(take_in(house, paths or []))
    ingested, refused = ingested + more[0], refused + more[1]
    if json:
        as_json(ingested)
    elif paths or ingested:
        table(
            ingested,
            ["filing", "company", "form", "fiscal_year", "pages", "chunks", "seconds"],
            empty="Nothing was ingested.",
        )
    for reason in refused:
        typer.echo(f"tenk: {reason}", err=True)
    if refused:
        raise typer.Exit(1)


async def take_in(house: House, paths: list[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Ingest, showing how far it has come: (rows for the files taken in, reasons for the rest)."""
    if not paths:
        return [], []
    with progress("Reading") as bar:
        return _parted(await house.library.ingest(paths, on_progress=bar))


def _parted(results: "list[Ingested | Refused]") -> tuple[list[dict[str, Any]], list[str]]:
    from backend.library import Refused

    ingested = [asdict(one) for one in results if not isinstance(one, Refused)]
    return ingested, [f"{one.file}: {one.reason}" for one in results if isinstance(one, Refused)]


async def _reindex(house: House) -> tuple[list[dict[str, Any]], list[str]]:
    with progress("Embedding again") as bar:
        await house.index.reindex(on_progress=lambda done, total: bar(done, total, ""))
    with progress("Reading again") as bar:
        return _parted(await house.library.restore(on_progress=bar))


def filing_row(filing: "Filing") -> dict[str, Any]:
    """A filing as the commands print it."""
    return {
        "filing": filing.id,
        "file": filing.file,
        "company": filing.company,
        "ticker": filing.ticker,
        "form": filing.form,
        "fiscal_year": filing.fiscal_year,
        "period_end": filing.period_end,
        "pages": filing.pages,
        "chunks": filing.chunks,
        "notes": filing.notes,
    }


@filings_app.callback()
def list_filings(context: typer.Context, json: Json = False) -> None:
    """List the filings that can be asked about."""
    if context.invoked_subcommand is not None:
        return
    from backend.store.database import transaction
    from backend.store.filings import filings

    with opened() as house, transaction(house.engine) as session:
        rows = [filing_row(one) for one in filings(session)]
    if json:
        as_json(rows)
    else:
        shown = ["filing", "company", "form", "fiscal_year", "pages", "file"]
        table(rows, shown, empty="No filings yet. Add one: tenk ingest FILE.pdf")


@filings_app.command()
def remove(
    filing: Annotated[str, typer.Argument(help="An id that `tenk filings` lists.")],
    json: Json = False,
) -> None:
    """Take a filing out of the index. What was asked about it stays in the log."""
    with opened() as house:
        row = filing_row(house.library.remove(filing))
    if json:
        as_json(row)
    else:
        typer.echo(f"Removed {row['filing']} ({row['company'] or row['file']}).")


def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    filing: Annotated[str | None, typer.Option(help="Only in this filing.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 10,
    json: Json = False,
) -> None:
    """Show the evidence that a question would find, without asking a model to answer."""
    with opened() as house:
        passages = asyncio.run(_search(house, question, filing, k))
    rows = [passage_row(one) for one in passages]
    if json:
        as_json(rows)
        return
    for number, row in enumerate(rows, 1):
        pages = ", ".join(str(page) for page in row["pages"])
        typer.echo(f"[{number}] {row['file']}, p. {pages} - {row['section']} ({row['kind']})")
        typer.echo("    " + row["text"].replace("\n", "\n    ") + "\n")
    if not rows:
        typer.echo("Nothing found. Try other words, or see what is there: tenk filings")


async def _search(house: House, question: str, filing: str | None, limit: int) -> "list[Passage]":
    from backend.store.database import transaction
    from backend.store.filings import filing as one_filing
    from backend.store.filings import filings

    with transaction(house.engine) as session:
        if filing is not None:
            one_filing(session, filing)
        visible = filings(session)
    if not visible:
        raise DataError("No filings to search. Add one first: tenk ingest FILE.pdf")
    return await house.index.search(question, filings=visible, filing=filing, limit=limit)


def passage_row(passage: "Passage") -> dict[str, Any]:
    """A passage as the commands print it."""
    return {
        "filing": passage.filing,
        "file": passage.file,
        "pages": list(passage.pages),
        "section": passage.section,
        "kind": passage.kind,
        "score": round(passage.score, 4),
        "text": passage.text,
    }
