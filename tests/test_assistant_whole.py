"""From the sample filing's PDF to logged turns, with the real parts and the local API over HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.answers import messages_for
from backend.assistant import Assistant
from backend.datasets import to_chat
from backend.errors import ConfigurationError, ProviderError
from backend.filings import read_filing
from backend.index import open_index
from backend.local.serving import serve
from backend.models import LocalApi, open_models
from backend.records import Candidate, Filing, Passage, Role
from backend.settings import Settings
from backend.store import turns
from backend.store.cycles import activate, activations
from backend.store.database import open_database, transaction
from backend.store.filings import add_filing_once

SAMPLES = Path(__file__).parents[1] / "backend" / "samples"


@dataclass(frozen=True)
class Home:
    settings: Settings
    api: LocalApi


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """The sample filing, ingested once, and the local API beside it."""
    folder = tmp_path_factory.mktemp("whole")
    settings = Settings(home=folder, base_url="local")
    with serve(folder) as served:
        api = LocalApi(url=served.url, key=served.key)
        asyncio.run(ingest_sample(settings, api))
        yield Home(settings, api)


async def ingest_sample(settings: Settings, api: LocalApi) -> None:
    [pdf] = SAMPLES.glob("*.pdf")
    read = read_filing(pdf, max_pages=500, page_timeout=60)
    models = open_models(settings, api)
    index = open_index(
        settings.home, embed=models.embed, embed_model=models.endpoint(Role.EMBED).model
    )
    filing = Filing(
        id=read.sha256[:12],
        sha256=read.sha256,
        file=read.file,
        company=read.cover.company,
        fiscal_year=read.cover.fiscal_year,
        pages=read.pages,
        chunks=len(read.chunks),
        seconds=0.0,
    )
    await index.add(filing, read.chunks)
    engine = open_database(settings.database)
    with transaction(engine) as session:
        add_filing_once(session, filing)
    engine.dispose()
    index.close()
    await models.close()


@pytest.fixture
async def assistant(home: Home) -> AsyncGenerator[Assistant, None]:
    engine = open_database(home.settings.database)
    models = open_models(home.settings, home.api)
    index = open_index(
        home.settings.home, embed=models.embed, embed_model=models.endpoint(Role.EMBED).model
    )
    yield Assistant(engine, models, index, home.settings)
    await models.close()
    index.close()
    engine.dispose()


def asked(key: str) -> dict[str, Any]:
    """One of the sample's own questions, with its gold facts and pages."""
    lines = (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").split("\n")
    return next(row for line in lines if line and (row := json.loads(line))["id"] == key)


@pytest.mark.parametrize("key", ["risk-04", "policy-08", "list-05"])
async def test_a_question_on_the_sample_filing_is_answered_with_its_page_and_logged(
    assistant: Assistant, key: str
) -> None:
    gold = asked(key)
    pieces: list[str] = []

    async def show(piece: str) -> None:
        pieces.append(piece)

    turn = await assistant.ask(gold["question"], thread=key, on_token=show)

    assert all(fact in turn.answer for fact in gold["facts"])
    cited = [turn.evidence[one["number"] - 1] for one in turn.citations]
    assert {page for one in cited for page in one["pages"]} & {*gold["pages"]}
    for one, passage in zip(turn.citations, cited, strict=True):
        assert one["page"] == passage["page"]  # a sentence may go on over the page's end
        assert one["quote"] in passage["text"]
    assert all(figure["found"] for figure in turn.figures)
    assert len(pieces) > 1
    assert (turn.model, turn.role, turn.state) == ("local-teacher", "teacher", "whole")
    assert turn.prompt_tokens > turn.completion_tokens > 0


async def test_what_was_sent_is_what_would_be_trained_on(assistant: Assistant) -> None:
    turn = await assistant.ask(asked("risk-04")["question"], thread="trained")
    assert turn.id is not None

    with transaction(assistant.engine) as session:
        example = turns.example_of_turn(session, turn.id)

    assert example is not None
    evidence = [Passage.model_validate(one) for one in turn.evidence]
    sent = [m.model_dump() for m in messages_for(turn.standalone, evidence)]
    assert to_chat(example)["messages"] == [*sent, {"role": "assistant", "content": turn.answer}]


async def test_a_follow_up_is_understood_from_what_was_asked_before(assistant: Assistant) -> None:
    first = "How much did Calderwick spend on research and development in fiscal 2025?"
    await assistant.ask(first, thread="follow")

    turn = await assistant.ask("and the year before?", thread="follow")

    assert turn.question == "and the year before?"
    assert "2024" in turn.standalone
    assert "research and development" in turn.standalone.lower()


async def test_the_untuned_student_answers_and_teaches_nobody(assistant: Assistant) -> None:
    turn = await assistant.ask(asked("risk-04")["question"], thread="student", model="student")
    assert turn.id is not None

    with transaction(assistant.engine) as session:
        assert turns.example_of_turn(session, turn.id) is None
    assert (turn.model, turn.role) == ("local-student", "student")


async def test_a_model_that_the_server_does_not_know_is_a_failed_turn(assistant: Assistant) -> None:
    with pytest.raises((ProviderError, ConfigurationError), match="no-such-model"):
        await assistant.ask(asked("risk-04")["question"], thread="gone", model="no-such-model")

    with transaction(assistant.engine) as session:
        [row] = turns.turns_of_thread(session, "gone")
        assert row.id is not None
        assert turns.example_of_turn(session, row.id) is None
    assert row.state == "failed"
    assert "no-such-model" in (row.error or "")


def serve_with(assistant: Assistant, model: str) -> None:
    with transaction(assistant.engine) as session:
        row = Candidate(model=model, role="student", job="j")
        session.add(row)
        session.flush()
        activate(session, row, by="ann", reason="")


async def test_a_tuned_model_that_its_server_has_lost_is_replaced_in_the_same_question(
    assistant: Assistant,
) -> None:
    lost = "ft:local-student:tenk::0123456789ab"
    serve_with(assistant, lost)

    turn = await assistant.ask(asked("risk-04")["question"], thread="lost")

    with transaction(assistant.engine) as session:
        failed, whole = turns.turns_of_thread(session, "lost")
        latest = activations(session)[0]
    assert (failed.model, failed.fault) == (lost, "ModelGone")
    assert (whole.id, whole.model, whole.instead_of) == (turn.id, "local-teacher", failed.id)
    assert (latest.by, latest.undoes is not None) == ("tenk", True)


async def test_what_the_student_answers_the_teacher_answers_too_over_the_same_messages(
    home: Home, assistant: Assistant
) -> None:
    serve_with(assistant, "local-student")
    keen = home.settings.model_copy(update={"shadow_share": 1.0})
    teaching = Assistant(assistant.engine, assistant.models, assistant.index, keen)

    turn = await teaching.ask(asked("risk-04")["question"], thread="shadowed")
    async with asyncio.timeout(30):
        await teaching.shadow.settled()

    with transaction(assistant.engine) as session:
        [shadow] = turns.turns_of_thread(session, f"shadow:{turn.id}")
        assert turns.example_of_turn(session, shadow.id or 0) is not None
    assert turn.model == "local-student"
    assert (shadow.model, shadow.state, shadow.messages) == (
        "local-teacher",
        "whole",
        turn.messages,
    )
    assert shadow.agrees is not None
