"""The chat as its page speaks to it, over HTTP and the socket: asking, files, ratings, stopping."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from shutil import copytree

import httpx
import pytest

from backend.records import Candidate, Turn
from backend.store.cycles import activate
from backend.store.database import open_database, transaction
from backend.store.turns import turns_of_thread
from tests.chatting import Running, reader, running, write_filing
from tests.strict_server import KEY, Reply, StrictServer, cut, refuse, silence, strict_server

SALES = "What were Meadowlark's net sales in 2024?"


def turns(home: Path, thread: str) -> list[Turn]:
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    try:
        with transaction(engine) as session:
            return turns_of_thread(session, thread)
    finally:
        engine.dispose()


# -- asking


async def test_an_answer_streams_and_ends_with_its_source_and_model(chat: Running) -> None:
    async with reader(chat.url) as ann:
        await ann.connect()

        answer = await ann.ask(SALES)

        assert len(ann.tokens) > 1
        assert "512" in answer["output"]
        assert "[1]" in answer["output"] and "p. 3" in answer["output"]
        assert "`local-teacher`" in answer["output"]
        assert "no language model" in answer["output"]


async def test_a_citation_is_a_pdf_at_its_page_that_only_who_is_signed_in_may_read(
    chat: Running,
) -> None:
    async with reader(chat.url) as ann, httpx.AsyncClient(base_url=chat.url) as stranger:
        await ann.connect()
        await ann.ask(SALES)
        element = ann.elements[-1]

        part = await ann.http.get(element["url"], headers={"range": "bytes=0-3"})
        refused = await stranger.get(element["url"])

        assert (element["name"], element["display"], element["page"]) == ("[1]", "side", 3)
        assert element["props"]["title"] == "1 · Meadowlark Tools 10-K FY2024, p. 3"
        assert (part.status_code, part.content) == (206, b"%PDF")
        assert refused.status_code == 401


@pytest.mark.parametrize("name", ["000000000000", "..%2f..%2fchat-secret", "..", "*"])
async def test_a_filing_that_is_not_there_is_not_found(chat: Running, name: str) -> None:
    async with reader(chat.url) as ann:
        told = await ann.http.get(f"/filings/{name}.pdf")

        assert told.status_code == 404


async def test_a_thread_comes_back_with_answers_sources_and_order(chat: Running) -> None:
    async with reader(chat.url) as ann, reader(chat.url) as later:
        await ann.connect()
        await ann.ask(SALES)
        await ann.ask("And net income?")

        shown = await later.resume(ann.thread)

        said = [s for s in shown["steps"] if s["type"].endswith("_message")]
        assert [s["type"] for s in said] == ["user_message", "assistant_message"] * 2
        assert said[0]["output"] == SALES and "512" in said[1]["output"]
        cited = [e for e in shown["elements"] if e["forId"] == said[1]["id"]]
        assert cited and cited[0]["page"] == 3


async def test_an_open_second_page_of_the_thread_shows_a_new_answer_too(chat: Running) -> None:
    async with reader(chat.url) as ann, reader(chat.url) as other:
        await ann.connect()
        await ann.ask(SALES)
        await other.resume(ann.thread)

        answer = await ann.ask("What was operating income in 2024?")

        await other.until(lambda: answer["id"] in other.messages)


async def test_a_page_that_opens_is_not_locked_while_its_chat_starts(chat: Running) -> None:
    async with reader(chat.url) as ann:
        await ann.connect()

        assert ann.begun == 0  # each would swallow an Enter


async def test_starters_ask_about_the_filings_that_are_here(chat: Running) -> None:
    async with reader(chat.url) as ann:
        told = (await ann.http.get("/project/settings?language=en-US")).json()

        asked = [one["message"] for one in told["starters"]]
        assert asked and all("Meadowlark Tools" in one for one in asked)
        answer = await (await ann.connect()).ask(asked[0])
        assert "`local-teacher`" in answer["output"]


async def test_threads_are_listed_searched_renamed_and_deleted(chat: Running) -> None:
    async with reader(chat.url) as ann:
        await ann.connect()
        await ann.ask("What does Meadowlark say about the mill in Ohio?")

        async def found(search: str) -> list[str | None]:
            asked = {"pagination": {"first": 20}, "filter": {"search": search}}
            listed = (await ann.http.post("/project/threads", json=asked)).json()
            return [one["name"] for one in listed["data"]]

        first = await found("mill in Ohio")
        named = {"threadId": ann.thread, "name": "Steel"}
        assert (await ann.http.put("/project/thread", json=named)).status_code == 200
        second = await found("mill in Ohio")
        gone = await ann.http.request("DELETE", "/project/thread", json={"threadId": ann.thread})

        assert first == ["What does Meadowlark say about the mill in Ohio?"]
        assert second == ["Steel"]
        assert gone.status_code == 200 and await found("mill in Ohio") == []
        assert len(turns(chat.home, ann.thread)) == 1


# -- ratings


async def test_a_thumb_down_drops_the_example_says_so_and_is_shown_again(chat: Running) -> None:
    async with reader(chat.url) as ann, reader(chat.url) as later:
        await ann.connect()
        answer = await ann.ask(SALES)

        told = await ann.thumb(answer["parentId"], 0, "wrong year")
        await ann.until(lambda: "dropped from the training data" in ann.said()[-1]["output"])
        shown = await later.resume(ann.thread)

        assert told.json() == {"success": True, "feedbackId": answer["parentId"]}
        (turn,) = turns(chat.home, ann.thread)
        assert (turn.rating, turn.comment) == (-1, "wrong year")
        (run,) = [s for s in shown["steps"] if s["id"] == answer["parentId"]]
        assert run["feedback"]["value"] == 0 and run["feedback"]["comment"] == "wrong year"
        assert "dropped from the training data" in shown["steps"][-1]["output"]


async def test_a_thumb_taken_back_keeps_the_example_again_and_says_so(chat: Running) -> None:
    async with reader(chat.url) as ann:
        await ann.connect()
        answer = await ann.ask("What was Meadowlark's cost of sales in 2024?")
        await ann.thumb(answer["parentId"], 0)
        await ann.until(lambda: "dropped" in ann.said()[-1]["output"])
        note = ann.said()[-1]["id"]

        told = await ann.take_back(answer["parentId"])
        await ann.until(lambda: "taken back" in ann.messages[note]["output"])

        assert told.status_code == 200
        assert turns(chat.home, ann.thread)[0].rating is None
        assert "kept as training data" in ann.messages[note]["output"]


async def test_a_thumb_on_what_is_no_answer_is_refused(chat: Running) -> None:
    async with reader(chat.url) as ann:
        told = await ann.thumb("no-such-run", 0)

        assert told.status_code == 404


async def test_a_thumb_other_than_up_or_down_is_refused(chat: Running) -> None:
    async with reader(chat.url) as ann:
        assert (await ann.thumb("run", 7)).status_code == 422


# -- files


async def test_a_file_with_a_question_is_read_and_asked_at_once(
    chat: Running, tmp_path: Path
) -> None:
    file = write_filing(tmp_path / "heron.pdf", "Heron Saws, Inc.", sales=733)
    async with reader(chat.url) as ann:
        await ann.connect()

        answer = await ann.ask("What were net sales in 2024?", file)
        follow = await ann.ask("And operating income?")

        assert "Heron Saws" in ann.said()[0]["output"] and "is ready" in ann.said()[0]["output"]
        assert "733" in answer["output"]
        assert "Heron Saws" in follow["output"]


async def test_a_file_alone_names_its_thread_and_can_be_opened_after_a_reload(
    chat: Running, tmp_path: Path
) -> None:
    file = write_filing(tmp_path / "plover.pdf", "Plover Drills, Inc.")
    async with reader(chat.url) as ann, reader(chat.url) as later:
        await ann.connect()
        await ann.ask("", file)

        shown = await later.resume(ann.thread)

        assert shown["name"] == "plover.pdf"
        (element,) = shown["elements"]
        assert (await later.http.get(element["url"])).content.startswith(b"%PDF")


@pytest.mark.parametrize(
    ("name", "content"),
    [("page.pdf", b"<html>no pdf</html>"), ("half.pdf", b"%PDF-1.7\n1 0 obj\n<<")],
)
async def test_a_bad_file_gets_its_one_line_reason_and_its_question_no_answer(
    chat: Running, tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    async with reader(chat.url) as ann:
        await ann.connect()

        said = await ann.ask("What were net sales?", file)

        assert said["output"].startswith(f"**{name}** was not taken in: ")
        assert "\n" not in said["output"] and "Traceback" not in said["output"]
        assert turns(chat.home, ann.thread) == []


async def test_an_empty_file_and_one_that_is_no_pdf_are_refused_when_they_are_sent(
    chat: Running, tmp_path: Path
) -> None:
    empty, note = tmp_path / "empty.pdf", tmp_path / "note.txt"
    empty.write_bytes(b"")
    note.write_text("Hello", encoding="utf-8")
    async with reader(chat.url) as ann:
        await ann.connect()

        for file, kind in ((empty, "application/pdf"), (note, "text/plain")):
            told = await ann.upload(file, kind=kind)
            assert told.status_code == 400
        assert (await ann.upload(empty)).json()["detail"].startswith("empty.pdf is empty")


# -- stopping and failing


def other_model(server: StrictServer) -> dict[str, str]:
    return {
        "TENK_TEACHER_BASE_URL": server.url,
        "TENK_TEACHER_API_KEY": KEY,
        "TENK_TEACHER_MODEL": "m",
        "TENK_RETRIES": "0",
        "TENK_TIMEOUT": "20",
    }


@pytest.fixture(scope="module")
def strange(
    stocked_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[Running, StrictServer]]:
    """A chat whose teacher does as the test says."""
    home = copytree(stocked_home, tmp_path_factory.mktemp("strange") / "home")
    with (
        strict_server(models={"m": None}) as server,
        running(home, **other_model(server)) as served,
    ):
        yield served, server


def will(server: StrictServer, *replies: Reply) -> None:
    server.script["POST /chat/completions"] = [*replies]


async def test_the_stop_button_stops_and_nothing_of_it_teaches(
    strange: tuple[Running, StrictServer],
) -> None:
    served, server = strange
    will(server, silence("Net sales ", "were "))
    async with reader(served.url) as ann:
        await ann.connect()
        await ann.send(SALES)
        await ann.until(lambda: "".join(ann.tokens) == "Net sales were ")

        await ann.socket.emit("stop")
        await ann.until(lambda: not ann.working)

        assert ann.said()[-1]["output"].startswith("Net sales were …")
        assert "Stopped" in ann.said()[-1]["output"]
        (turn,) = turns(served.home, ann.thread)
        assert (turn.state, turn.answer) == ("stopped", "Net sales were ")
        assert server.left.wait(10)


async def test_a_model_that_fails_gives_one_sentence_and_the_chat_goes_on(
    strange: tuple[Running, StrictServer],
) -> None:
    served, server = strange
    will(server, refuse(500, "Oh no."))
    async with reader(served.url) as ann:
        await ann.connect()

        failed = await ann.ask(SALES)
        next_one = await ann.ask("What was net income in 2024?")

        assert "Traceback" not in failed["output"] and "\n" not in failed["output"]
        assert "TENK_TEACHER" in failed["output"]
        assert "`m`" in next_one["output"]
        assert [t.state for t in turns(served.home, ann.thread)] == ["failed", "whole"]


async def test_where_the_active_model_fails_in_mid_answer_the_one_before_answers_alone(
    stocked_home: Path, tmp_path: Path
) -> None:
    home = copytree(stocked_home, tmp_path / "copy")
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        row = Candidate(model="m", role="student", job="job-1")
        session.add(row)
        session.flush()
        activate(session, row, by="verdict 1", reason="")
    engine.dispose()
    with strict_server(models={"m": None}, chat=[cut("Half an ")]) as server:
        student = {
            name.replace("TEACHER", "STUDENT"): told for name, told in other_model(server).items()
        }
        with running(home, **student) as served:
            async with reader(served.url) as ann:
                await ann.connect()

                answer = await ann.ask(SALES)

    assert "Half an" not in answer["output"] and "512" in answer["output"]
    assert "`local-teacher`" in answer["output"] and "stood in for" in answer["output"]


async def test_a_question_too_long_to_be_one_is_answered_by_saying_so(
    strange: tuple[Running, StrictServer],
) -> None:
    served, _ = strange
    async with reader(served.url) as ann:
        await ann.connect()

        said = await ann.ask("x" * 5000)

        assert "at most 4000 characters" in said["output"]
        assert turns(served.home, ann.thread) == []


async def test_a_server_that_ends_logs_what_was_being_answered_as_stopped(
    stocked_home: Path, tmp_path: Path
) -> None:
    home = copytree(stocked_home, tmp_path / "copy")
    with (
        strict_server(models={"m": None}, chat=[silence("Net sales ")]) as server,
        running(home, **other_model(server)) as served,
    ):
        async with reader(served.url) as ann:
            await ann.connect()
            await ann.send(SALES)
            await ann.until(lambda: bool(ann.tokens))

            status = await asyncio.to_thread(served.end)

            assert status == 0
            assert [turn.state for turn in turns(home, ann.thread)] == ["stopped"]


# -- small


async def test_after_fifty_questions_the_chat_is_small_and_knows_nothing_of_the_exam(
    stocked_home: Path, tmp_path: Path
) -> None:
    told, home = tmp_path / "modules", copytree(stocked_home, tmp_path / "copy")
    script = (
        "import atexit, pathlib, sys; from bot.server import run; "
        f"atexit.register(lambda: pathlib.Path({str(told)!r}).write_text(' '.join(sys.modules))); "
        "run('127.0.0.1', 0)"
    )
    with running(home, "-c", script) as served:
        async with reader(served.url) as ann:
            await ann.connect()
            for number in range(50):
                answer = await ann.ask(f"What were Meadowlark's net sales in {2023 + number % 2}?")
                assert "Answered by" in answer["output"]
            memory = served.memory()
        status = served.end()

    loaded = {name.split(".")[0] for name in told.read_text(encoding="utf-8").split()}
    assert status == 0
    assert memory <= 600
    assert loaded & {"llama_index", "chainlit"} == {"llama_index", "chainlit"}
    assert not loaded & {"ragas", "pandas", "torch", "scipy", "pyarrow"}
