"""Where people are looked for: questions that ask for them, and the passages that are added."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from backend.index import open_index
from backend.index.people import MOST, People, people_needed, with_people
from backend.records import Chunk, Filing
from tests.test_index_ranking import passage


@pytest.mark.parametrize(
    ("question", "section"),
    [
        ("Who is the CEO?", "Executive Officers"),
        ("Who is Harbour's chief financial officer?", "Signatures"),
        ("Name the general counsel.", "Executive Officers"),
        ("Who are the executive officers?", "Item 1. Business"),
        ("List the directors.", "Signatures"),
        ("Who sits on the board of directors?", "Signatures"),
        ("Who audits the company?", "Independent Registered"),
        ("Which accounting firm audits Harbour?", "Independent Registered"),
        ("Who is the company's independent auditor?", "Principal Account"),
    ],
)
def test_people_are_looked_for_where_filings_name_them(question: str, section: str) -> None:
    needed = people_needed(question)

    assert needed is not None
    assert section in needed.sections


@pytest.mark.parametrize(
    "question",
    [
        "What was revenue?",
        "How many directors are independent?",
        "What are the critical audit matters?",
        "Who are the competitors?",
        "Why did the CEO leave?",
        "When was the audit finished?",
        "Who is the CEO, and what does the letter say of him?",
    ],
)
def test_other_questions_bring_no_people(question: str) -> None:
    assert people_needed(question) is None


def test_people_stand_in_turn_with_what_words_found_and_no_section_fills_their_places() -> None:
    people = People(("Signatures", "Item 1"), "")
    found = [passage(n, 1.0 - n / 100) for n in range(1, 7)]
    named = [passage(10 + n, 0.5, "Signatures") for n in range(5)] + [passage(20, 0.1, "Item 1")]

    mixed = with_people(found, named, people)
    alone = with_people(found, named, People(("Signatures",), ""))

    assert [one.chunk for one in mixed] == [10, 1, 11, 2, 20, 3, 4, 5, 6]
    assert sum(one.section == "Signatures" for one in alone) == MOST


def test_the_officers_table_is_found_behind_contracts_that_name_the_office(tmp_path: Path) -> None:
    async def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]

    contract = "The CEO may end this agreement; notice goes to the CEO. The CEO, the CEO."
    chunks = [
        Chunk(pages=(n,), section=f"Exhibit 10.{n} Agreement", kind="prose", text=contract)
        for n in range(1, 12)
    ]
    table = "Officers\n | Age | Position\nMara Lindqvist | 51 | Chief Executive Officer"
    where = "Item 10. Directors, Executive Officers and Corporate Governance"
    chunks.append(Chunk(pages=(20,), section=where, kind="table", text=table))
    filing = Filing(
        id="f1", sha256="s", file="a.pdf", company="Harbour", pages=20, chunks=12, seconds=0.1
    )

    async def first() -> str:
        with closing(open_index(tmp_path, embed=embed, embed_model="m")) as index:
            await index.add(filing, chunks)
            found = await index.search("Who is the CEO?", filings=[filing])
            return found[0].text

    assert asyncio.run(first()) == table
