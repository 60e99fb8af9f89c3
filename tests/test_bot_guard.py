"""Whose thread, answer and chat it is: what is forged is refused and changes nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from socketio.exceptions import ConnectionError
from sqlalchemy import Engine
from sqlmodel import Session

from backend.errors import ConfigurationError
from backend.records import Person, Turn
from backend.store import history as rows
from backend.store import persons
from backend.store.database import open_database, transaction
from backend.store.turns import turns_of_thread
from bot.page import CHECKOUT, TELLS_TWICE, inside_only, lay_out, opened_by_hand, secret
from bot.signin import NOBODY, SignIn, refuse_open_chat
from tests.chatting import Reader, Running, environment, reader, running, write_filing

SALES = "What were Meadowlark's net sales in 2024?"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def people(home: Path, **passwords: str) -> None:
    with opened(home) as session:
        for name, password in passwords.items():
            session.add(Person(id=f"id-{name}", name=name, password=QUICK.hash(password)))


def opened(home: Path) -> Any:
    return transaction(open_database(f"sqlite:///{home / 'tenk.sqlite3'}"))


@pytest.fixture(scope="module")
def guarded(stocked_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A chat that Ann and Bob sign in to."""
    home = copytree(stocked_home, tmp_path_factory.mktemp("guarded") / "home")
    people(home, ann="ann's", bob="bob's")
    with running(home) as served:
        yield served


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A chat on this machine, without sign-in and without a filing."""
    home = tmp_path_factory.mktemp("empty") / "home"
    home.mkdir()
    with running(home) as served:
        yield served


@asynccontextmanager
async def anns_answer(guarded: Running) -> AsyncGenerator[tuple[Reader, str]]:
    """Ann, who has asked, and the run that a rating of her answer names."""
    async with reader(guarded.url, name="ann", password="ann's") as ann:
        await ann.connect()
        answer = await ann.ask(SALES)
        await kept_whole(guarded, ann.thread)
        yield ann, str(answer["parentId"])


async def kept_whole(guarded: Running, thread: str) -> None:
    """Wait until the answer's run is written with its end: that comes just after the page's."""
    async with asyncio.timeout(20):
        while not all(  # noqa: ASYNC110  # the write is in another process
            detail.get("end") and detail.get("input")
            for _, detail in everything(guarded, thread)[2]
            if detail["type"] == "run" and detail["name"] == "on_message"
        ):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def bob_in(guarded: Running) -> AsyncGenerator[Reader]:
    async with reader(guarded.url, name="bob", password="bob's") as bob:
        yield bob


def turn_of(guarded: Running, thread: str) -> Turn:
    with opened(guarded.home) as session:
        return turns_of_thread(session, thread)[0]


def everything(guarded: Running, thread: str) -> list[Any]:
    """All that is kept of a thread."""

    def of(session: Session) -> list[Any]:
        row = rows.thread(session, thread)
        steps = [(step.id, step.detail) for step in rows.steps_of(session, thread)]
        elements = [(one.id, one.detail) for one in rows.elements_of(session, thread)]
        turns = [(t.id, t.rating, t.comment) for t in turns_of_thread(session, thread)]
        return [row.name if row else None, row.person if row else None, steps, elements, turns]

    with opened(guarded.home) as session:
        return of(session)


# -- ratings


async def test_a_rating_of_another_persons_answer_is_refused_and_changes_nothing(
    guarded: Running,
) -> None:
    async with anns_answer(guarded) as (ann, run), bob_in(guarded) as bob:
        before = everything(guarded, ann.thread)

        with_own = await bob.thumb(run, 0, "forged")
        with_anns_session = await bob.thumb(run, 0, "forged", session=ann.session)

        assert (with_own.status_code, with_anns_session.status_code) == (403, 403)
        assert "belongs to another person" in with_own.json()["detail"]
        assert everything(guarded, ann.thread) == before


async def test_taking_back_another_persons_rating_is_refused_and_changes_nothing(
    guarded: Running,
) -> None:
    async with anns_answer(guarded) as (ann, run), bob_in(guarded) as bob:
        await ann.thumb(run, 0, "hers")
        before = everything(guarded, ann.thread)

        told = await bob.take_back(run)

        assert told.status_code == 403
        assert everything(guarded, ann.thread) == before
        assert turn_of(guarded, ann.thread).comment == "hers"


async def test_a_rating_from_nobody_is_refused(guarded: Running) -> None:
    async with anns_answer(guarded) as (ann, run), reader(guarded.url) as nobody:
        put = await nobody.thumb(run, 0, session=ann.session)
        delete = await nobody.take_back(run)

        assert (put.status_code, delete.status_code) == (401, 401)
        assert turn_of(guarded, ann.thread).rating is None


# -- threads


async def test_another_persons_thread_cannot_be_read_renamed_or_deleted(guarded: Running) -> None:
    async with anns_answer(guarded) as (ann, _), bob_in(guarded) as bob:
        before = everything(guarded, ann.thread)
        element = ann.elements[0]["id"]
        named = {"threadId": ann.thread, "name": "Mine"}

        told = [
            await bob.http.get(f"/project/thread/{ann.thread}"),
            await bob.http.get(f"/project/thread/{ann.thread}/element/{element}"),
            await bob.http.put("/project/thread", json=named),
            await bob.http.request("DELETE", "/project/thread", json={"threadId": ann.thread}),
        ]

        assert [one.status_code for one in told] == [401] * 4
        assert everything(guarded, ann.thread) == before


async def test_ones_list_of_threads_holds_ones_own_even_when_another_person_is_named(
    guarded: Running,
) -> None:
    async with anns_answer(guarded), bob_in(guarded) as bob:
        asked = {"pagination": {"first": 50}, "filter": {"userId": "id-ann"}}

        listed = (await bob.http.post("/project/threads", json=asked)).json()

        assert {one["userId"] for one in listed["data"]} <= {"id-bob"}


async def test_an_element_of_another_persons_thread_is_not_found_under_ones_own(
    guarded: Running,
) -> None:
    async with anns_answer(guarded) as (ann, _), bob_in(guarded) as bob:
        await bob.connect()
        await bob.ask(SALES)
        element = ann.elements[0]["id"]

        told = await bob.http.get(f"/project/thread/{bob.thread}/element/{element}")

        assert told.json() is None


# -- the socket


async def test_another_persons_thread_cannot_be_opened_over_the_socket(guarded: Running) -> None:
    async with anns_answer(guarded) as (ann, _), bob_in(guarded) as bob:
        with pytest.raises(ConnectionError):
            await bob.connect(ann.thread)


async def test_another_persons_session_cannot_be_taken_over(guarded: Running) -> None:
    async with anns_answer(guarded) as (ann, _), bob_in(guarded) as bob:
        bob.session = ann.session

        with pytest.raises(ConnectionError):
            await bob.connect()


async def test_the_socket_is_closed_to_who_is_not_signed_in(guarded: Running) -> None:
    async with reader(guarded.url) as nobody:
        with pytest.raises(ConnectionError):
            await nobody.connect()


async def test_a_message_with_the_id_of_another_persons_message_does_not_overwrite_it(
    guarded: Running,
) -> None:
    async with anns_answer(guarded) as (ann, _), bob_in(guarded) as bob:
        before = everything(guarded, ann.thread)
        mine = next(key for key, one in ann.messages.items() if one["type"] == "assistant_message")
        await bob.connect()

        await bob.send("Overwritten?", id=mine, threadId=ann.thread, parentId=None)
        await bob.until(lambda: bob.ended > 1)

        assert everything(guarded, ann.thread) == before


async def test_a_thread_of_the_command_line_cannot_be_continued_in_the_chat(
    guarded: Running,
) -> None:
    with opened(guarded.home) as session:
        told: dict[str, Any] = {
            "question": "q",
            "standalone": "q",
            "answer": "secret",
            "model": "m",
        }
        session.add(Turn(thread="cli-1", role="teacher", **told))
    async with bob_in(guarded) as bob:
        await bob.connect("cli-1")

        said = await bob.ask("And the year before?")

        assert "not signed in to this conversation" in said["output"]
        assert len(_turns(guarded, "cli-1")) == 1


def _turns(guarded: Running, thread: str) -> list[Turn]:
    with opened(guarded.home) as session:
        return turns_of_thread(session, thread)


@pytest.mark.parametrize("event", ["edit_message", "message_favorite", "audio_start"])
async def test_what_is_not_offered_is_not_heard(guarded: Running, event: str) -> None:
    async with anns_answer(guarded) as (ann, _):
        before = everything(guarded, ann.thread)
        message = {**ann.said()[0], "output": "Overwritten", "metadata": {"favorite": True}}

        await ann.socket.emit(event, {"message": message})
        await ann.ask(SALES)

        assert everything(guarded, ann.thread)[2][: len(before[2])] == before[2]


async def test_anothers_session_takes_no_file_and_gives_none(
    guarded: Running, tmp_path: Path
) -> None:
    file = write_filing(tmp_path / "x.pdf")
    async with anns_answer(guarded) as (ann, _), bob_in(guarded) as bob:
        key = (await ann.upload(file)).json()["id"]

        put = await bob.upload(file, session=ann.session)
        got = await bob.http.get(f"/project/file/{key}", params={"session_id": ann.session})

        assert (put.status_code, got.status_code) == (401, 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/project/element"),
        ("DELETE", "/project/element"),
        ("PUT", "/project/thread/share"),
        ("GET", "/project/share/t"),
        ("POST", "/mcp"),
        ("POST", "/auth/jwt"),
        ("GET", "/auth/oauth/github"),
        ("GET", "/copilot/index.js"),
        ("GET", "/docs"),
        ("GET", "/docs/oauth2-redirect"),
        ("GET", "/redoc"),
        ("GET", "/openapi.json"),
    ],
)
async def test_routes_that_tenk_does_not_offer_answer_so(
    guarded: Running, method: str, path: str
) -> None:
    async with bob_in(guarded) as bob:
        told = await bob.http.request(method, path, json={})

        assert told.status_code == 404


# -- signing in


async def test_with_a_password_set_the_page_asks_for_it_and_nobody_is_the_local_admin(
    guarded: Running,
) -> None:
    async with reader(guarded.url) as nobody:
        config = (await nobody.http.get("/auth/config")).json()
        header = await nobody.http.post("/auth/header")
        wrong = await nobody.http.post("/login", data={"username": "ann", "password": "bob's"})

        assert (config["passwordAuth"], config["headerAuth"]) == (True, False)
        assert (header.status_code, wrong.status_code) == (401, 401)
        assert (await nobody.http.get("/user")).status_code == 401


async def test_the_first_admin_finds_and_rates_what_was_asked_before_anybody_signed_in(
    stocked_home: Path, tmp_path: Path
) -> None:
    home = copytree(stocked_home, tmp_path / "home")
    with running(home) as served:
        async with reader(served.url) as local:
            await local.connect()
            answer = await local.ask(SALES)
            await kept_whole(served, local.thread)
            with opened(home) as session:
                boss = persons.add_person(
                    session, "boss", role="admin", password=QUICK.hash("boss's")
                )
                taken = persons.take_over(session, boss)
            refused = await local.ask(SALES)

        async with reader(served.url, name="boss", password="boss's") as found:
            asked = {"pagination": {"first": 20}, "filter": {}}
            listed = (await found.http.post("/project/threads", json=asked)).json()["data"]
            shown = await found.resume(local.thread)
            rated = await found.thumb(answer["parentId"], 1)
            again = await found.ask("What was net income in 2024?")

    assert taken == 1 and "not signed in" in refused["output"]
    assert [one["id"] for one in listed] == [local.thread]
    assert answer["output"] in [step["output"] for step in shown["steps"]]
    assert rated.status_code == 200 and "Answered by" in again["output"]
    assert [turn.rating for turn in turns_of(home, local.thread)] == [1, None]
    assert "in save\n" not in (home / "chat.log").read_text(encoding="utf-8")


def turns_of(home: Path, thread: str) -> list[Turn]:
    with opened(home) as session:
        return turns_of_thread(session, thread)


async def test_a_cookie_is_worth_nothing_after_its_person_is_removed_or_changes_the_password(
    guarded: Running,
) -> None:
    people(guarded.home, cat="cat's", dan="dan's")
    async with (
        reader(guarded.url, name="cat", password="cat's") as cat,
        reader(guarded.url, name="dan", password="dan's") as dan,
    ):
        before = [(await one.http.get("/user")).status_code for one in (cat, dan)]
        for one in (cat, dan):
            await one.connect()
        with opened(guarded.home) as session:
            session.get_one(Person, "id-dan").role = "admin"
            session.delete(session.get_one(Person, "id-cat"))
            session.get_one(Person, "id-dan").password = QUICK.hash("another")

        after = [(await one.http.get("/user")).status_code for one in (cat, dan)]
        said = [await one.ask(asked) for one in (cat, dan) for asked in (SALES, "/models")]

        assert (before, after) == ([200, 200], [401, 401])
        assert ["not signed in" in one["output"] for one in said] == [True] * 4
        with opened(guarded.home) as session:
            assert persons.person_named(session, "cat") is None


async def test_a_page_opened_with_the_old_password_hears_nothing_of_what_is_asked_with_the_new(
    guarded: Running,
) -> None:
    people(guarded.home, gus="gus's")
    async with reader(guarded.url, name="gus", password="gus's") as old:
        await old.connect()
        await old.ask(SALES)
        await kept_whole(guarded, old.thread)
        with opened(guarded.home) as session:
            session.get_one(Person, "id-gus").password = QUICK.hash("another")
        before = set(old.messages)
        async with reader(guarded.url, name="gus", password="another") as new:
            await new.resume(old.thread)
            answer = await new.ask("What was net income in 2024?")
        refused = await old.ask("And the year before?")  # what was sent before it has come

        assert "Answered by" in answer["output"] and "not signed in" in refused["output"]
        assert answer["id"] not in set(old.messages) - before


async def test_a_cookie_that_tenk_did_not_sign_is_worth_nothing(guarded: Running) -> None:
    import jwt

    forged = jwt.encode({"identifier": "ann", "metadata": {}}, "x" * 32, algorithm="HS256")
    async with httpx.AsyncClient(base_url=guarded.url) as http:
        by_cookie = await http.get("/user", headers={"cookie": f"access_token={forged}"})
        by_header = await http.get("/user", headers={"authorization": f"Bearer {forged}"})

        assert (by_cookie.status_code, by_header.status_code) == (401, 401)


async def test_after_five_wrong_passwords_the_right_one_has_to_wait(guarded: Running) -> None:
    people(guarded.home, fay="fay's own")
    async with httpx.AsyncClient(base_url=guarded.url, timeout=30) as http:

        async def tried(password: str) -> httpx.Response:
            return await http.post("/login", data={"username": "fay", "password": password})

        wrong = [(await tried("guess")).status_code for _ in range(5)]
        told = await tried("fay's own")

        assert wrong == [401] * 5
        assert told.status_code == 429 and int(told.headers["retry-after"]) in (1, 2)
        assert "too many wrong passwords" in told.json()["detail"]


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    yield engine
    engine.dispose()


def test_a_person_without_a_password_cannot_come_in_by_guessing_what_nobody_has(
    engine: Engine,
) -> None:
    sign_in = SignIn(engine, "s" * 32)
    with transaction(engine) as session:
        session.add(Person(id="eve", name="eve"))

    assert sign_in.with_password("eve", "") is None
    assert sign_in.with_password("unknown", NOBODY) is None


def test_the_local_admin_is_gone_as_soon_as_somebody_has_a_password(engine: Engine) -> None:
    sign_in = SignIn(engine, "s" * 32)

    before = sign_in.local()
    with transaction(engine) as session:
        session.add(Person(id="eve", name="eve", password=QUICK.hash("x")))

    assert before is not None and before.role == "admin"
    assert sign_in.local() is None
    assert sign_in.role(before.id) is None
    assert sign_in.with_password("eve", "x") is not None


# -- this machine only


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "fe80::1%eth0"])
def test_an_address_that_others_reach_needs_sign_in(address: str) -> None:
    with pytest.raises(ConfigurationError, match="tenk users add"):
        refuse_open_chat(address, sign_in=False)
    refuse_open_chat(address, sign_in=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_loopback_address_needs_none(address: str) -> None:
    refuse_open_chat(address, sign_in=False)


def test_starting_on_an_open_address_without_sign_in_is_one_line_and_status_1(
    tmp_path: Path,
) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bot", "--host", "0.0.0.0", "--port", "0"],
        env=environment(tmp_path / "home"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("tenk: 0.0.0.0 can be reached by others")
    assert told.stderr.count("\n") == 1


async def test_on_an_open_address_nobody_is_let_in_once_the_last_user_is_removed(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    people(home, ann="ann's own")
    with running(home, "-m", "bot", "--host", "0.0.0.0", "--port", "0") as served:
        async with httpx.AsyncClient(base_url=served.url) as http:
            before = await http.get("/", headers={"accept": "text/html"})
            with opened(home) as session:
                persons.remove_person(session, "ann")
            # as a stranger would send it, who may write any name over the request
            page = {"accept": "text/html", "host": "localhost"}
            after = [await http.get(path, headers=page) for path in ("/", "/auth/config")]
            header = await http.post("/auth/header", headers=page)

    assert before.status_code == 200
    assert [one.status_code for one in (*after, header)] == [403] * 3
    assert "set-cookie" not in after[0].headers
    assert "tenk users add NAME --role admin" in after[0].text


async def test_without_sign_in_other_names_of_this_machine_are_not_answered_to(
    chat: Running,
) -> None:
    async with httpx.AsyncClient(base_url=chat.url) as http:
        foreign = await http.get("/", headers={"host": "rebound.example.com"})
        local = await http.get("/", headers={"host": "localhost:1"})

        assert (foreign.status_code, local.status_code) == (403, 200)


async def test_a_page_of_another_origin_cannot_change_anything_or_open_the_socket(
    chat: Running,
) -> None:
    evil = {"Origin": "http://evil.example.com"}
    async with reader(chat.url) as ann:
        post = await ann.http.post("/auth/header", headers=evil)
        put = await ann.http.put("/feedback", headers=evil, json={})
        with pytest.raises(ConnectionError):
            await ann.connect(**evil)

        assert (post.status_code, put.status_code) == (403, 403)


async def test_the_page_comes_with_a_policy_that_names_no_other_host(chat: Running) -> None:
    async with reader(chat.url) as ann:
        page = await ann.http.get("/", headers={"accept": "text/html"})

        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http" not in policy
        assert "unsafe-inline" not in policy.split("style-src")[0]
        assert "http://" not in page.text and "https://" not in page.text


async def test_the_local_api_of_the_chat_answers_only_who_has_its_key(chat: Running) -> None:
    async with reader(chat.url) as ann:
        bare = await ann.http.get("/v1/models")
        wrong = await ann.http.get("/v1/models", headers={"authorization": "Bearer x"})

        assert (bare.status_code, wrong.status_code) == (401, 401)


async def test_loading_the_page_leaves_nothing_in_the_log(chat: Running) -> None:
    before = (chat.home / "chat.log").read_text(encoding="utf-8")
    async with reader(chat.url) as ann:
        settings = await ann.http.get("/project/settings", params={"language": "en-US"})

    assert "Every claim in an answer cites the page" in settings.json()["markdown"]
    assert (chat.home / "chat.log").read_text(encoding="utf-8") == before


async def test_without_filings_the_chat_says_what_to_do(empty: Running) -> None:
    async with reader(empty.url) as ann:
        await ann.connect()
        greeting = ann.said()[0]["output"]

        answer = await ann.ask("What was revenue?")

        assert greeting == answer["output"]
        assert "Drop a 10-K as PDF here" in greeting


async def test_a_taken_port_is_one_line_and_status_1(chat: Running, tmp_path: Path) -> None:
    port = chat.url.rsplit(":", 1)[1]

    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bot", "--port", port],
        env=environment(tmp_path / "home"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.returncode == 1
    assert f"tenk chat --port {int(port) + 1}" in told.stderr and told.stderr.count("\n") == 1


# -- the page's files


def test_chainlits_page_is_laid_out_in_home_without_links_to_other_hosts(tmp_path: Path) -> None:
    root = lay_out(tmp_path)

    html = (root / ".build" / "index.html").read_text(encoding="utf-8")
    assert "https://" not in html and '<script type="module"' in html
    assert (root / ".chainlit" / "config.toml").read_bytes() == (
        CHECKOUT / ".chainlit" / "config.toml"
    ).read_bytes()
    assert not list(root.rglob("*.map"))


def test_the_page_as_installed_opens_no_citation_by_itself(tmp_path: Path) -> None:
    (script,) = (lay_out(tmp_path) / ".build" / "assets").glob("index-*.js")

    text = script.read_text(encoding="utf-8")

    assert ".props?.title||" in text
    assert opened_by_hand(text) == text  # nothing is left to change
    assert "defaultSize:50" in text
    assert not TELLS_TWICE.search(text) and "callAction(" in text


def test_laying_out_again_keeps_what_is_there_and_takes_a_changed_setting(tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    made = (root / ".build" / "index.html").stat().st_mtime_ns
    (root / ".chainlit" / "config.toml").write_text("old", encoding="utf-8")

    lay_out(tmp_path)

    assert (root / ".build" / "index.html").stat().st_mtime_ns == made
    assert "tenk" in (root / ".chainlit" / "config.toml").read_text(encoding="utf-8")


def test_uploads_of_a_running_chat_stay_when_another_starts_and_old_ones_go(
    tmp_path: Path,
) -> None:
    new, old = (lay_out(tmp_path) / ".files" / name for name in ("new", "old"))
    for folder in (new, old):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))

    lay_out(tmp_path)

    assert new.is_dir() and not old.exists()


def test_links_to_other_hosts_are_taken_out_and_own_ones_stay() -> None:
    html = '<link href="https://a.b/c"\n rel="x"/><link rel="icon" href="/favicon" />'

    assert inside_only(html) == '<link rel="icon" href="/favicon" />'


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = secret(tmp_path / "home")

    assert secret(tmp_path / "home") == first and len(first) == 64
    assert (tmp_path / "home" / "chat-secret").stat().st_mode & 0o077 == 0
