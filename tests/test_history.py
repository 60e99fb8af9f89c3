"""What a chat keeps in the database, and that nobody writes into another person's thread."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chainlit.types import Feedback, Pagination, ThreadFilter
from sqlalchemy import Engine

from backend.errors import DataError, NotYours
from backend.records import Person, Thread, Turn
from backend.store import history as rows
from backend.store import persons
from backend.store.database import open_database, transaction
from backend.store.turns import add_turn, rate
from bot.history import History, masked


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        persons.local_admin(session)
        session.add(Person(id="ann", name="ann@example.com"))
        session.add(Person(id="bob", name="bob@example.com"))
    yield engine
    engine.dispose()


@pytest.fixture
def history(engine: Engine) -> History:
    return History(engine)


def step(key: str, at: str = "2026-11-20T10:00:00.000Z", **more: Any) -> dict[str, Any]:
    return {"id": key, "threadId": "t", "type": "user_message", "createdAt": at, **more}


def asked(engine: Engine, **more: Any) -> int:
    told: dict[str, Any] = {
        "thread": "t",
        "person": "ann",
        "step": "run",
        "question": "What was revenue?",
        "standalone": "What was revenue?",
        "answer": "$5 million [1].",
        "model": "local-teacher",
        "role": "teacher",
        **more,
    }
    with transaction(engine) as session:
        key = add_turn(session, Turn(**told), example=True).id
    assert key is not None
    return key


async def test_a_thread_comes_back_with_its_steps_in_the_order_the_reader_saw_them(
    engine: Engine, history: History
) -> None:
    await history.update_thread("t", name="What was\n revenue?", user_id="ann")
    with transaction(engine) as session:
        rows.save_step(session, step("question", "2026-11-20T10:00:01.500Z"))
        rows.save_step(session, step("answer", "2026-11-20T10:00:02Z"))
        rows.save_step(session, step("welcome", "2026-11-20T10:00:01Z"))

    thread = await history.get_thread("t")

    assert thread is not None
    assert thread["name"] == "What was revenue?"
    assert thread["userIdentifier"] == "ann@example.com"
    assert [s.get("id") for s in thread["steps"]] == ["welcome", "question", "answer"]


async def test_steps_of_the_same_moment_keep_the_order_in_which_they_came(
    engine: Engine, history: History
) -> None:
    await history.update_thread("t", user_id="ann")
    with transaction(engine) as session:
        for key in ("c", "a", "b"):
            rows.save_step(session, step(key))

    thread = await history.get_thread("t")

    assert thread is not None
    assert [s.get("id") for s in thread["steps"]] == ["c", "a", "b"]


def test_an_update_without_a_time_keeps_the_time_of_the_message(engine: Engine) -> None:
    with transaction(engine) as session:
        rows.save_step(session, step("m", output="one"))
        row = rows.save_step(session, {"id": "m", "threadId": "t", "createdAt": None, "output": ""})

    assert row.detail["createdAt"] == "2026-11-20T10:00:00.000Z"
    assert row.detail["output"] == ""
    assert row.position == 0


def test_personal_numbers_in_a_readers_words_are_masked_before_they_are_kept() -> None:
    said = "I am ann@example.com: what was revenue?"
    user, run, answer = (
        masked({"type": kind, "input": said, "output": said})
        for kind in ("user_message", "run", "assistant_message")
    )

    assert "ann@example.com" not in f"{user} {run}"
    assert answer["output"] == said


async def test_a_threads_name_is_masked_and_cut(engine: Engine, history: History) -> None:
    await history.update_thread("t", name=f"Write to ann@example.com {'on ' * 90}", user_id="ann")

    thread = await history.get_thread("t")

    assert thread is not None and thread["name"] is not None
    assert "ann@" not in thread["name"] and len(thread["name"]) == 120


async def test_a_rating_is_shown_again_on_the_run_it_was_given_to(
    engine: Engine, history: History
) -> None:
    await history.update_thread("t", user_id="ann")
    key = asked(engine)
    with transaction(engine) as session:
        rows.save_step(session, step("run", type="run"))
        rate(session, key, -1, comment="wrong year", person="ann")

    thread = await history.get_thread("t")

    assert thread is not None
    assert thread["steps"][0].get("feedback") == {
        "id": "run",
        "forId": "run",
        "value": 0,
        "comment": "wrong year",
    }


async def test_a_rating_taken_back_is_not_shown(engine: Engine, history: History) -> None:
    await history.update_thread("t", user_id="ann")
    key = asked(engine)
    with transaction(engine) as session:
        rows.save_step(session, step("run", type="run", feedback={"value": 0}))
        rate(session, key, -1, person="ann")
        rate(session, key, None, person="ann")

    thread = await history.get_thread("t")

    assert thread is not None
    assert "feedback" not in thread["steps"][0]


async def test_chainlits_own_way_of_rating_is_refused(history: History) -> None:
    with pytest.raises(DataError, match="does not tell whose"):
        await history.upsert_feedback(Feedback(forId="run", value=0))
    with pytest.raises(DataError, match="does not tell whose"):
        await history.delete_feedback("run")


def test_a_step_in_another_persons_thread_is_refused_and_changes_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        rows.save_thread(session, "t", person="ann")
        rows.save_step(session, step("m", output="ann's"))

    with pytest.raises(NotYours), transaction(engine) as session:
        rows.save_step(session, step("m", output="bob's"), person="bob")
    with pytest.raises(NotYours), transaction(engine) as session:
        rows.delete_step(session, "m", person="bob")

    with transaction(engine) as session:
        assert [row.detail["output"] for row in rows.steps_of(session, "t")] == ["ann's"]


def test_a_message_id_of_another_thread_cannot_be_used_to_overwrite_it(engine: Engine) -> None:
    with transaction(engine) as session:
        rows.save_thread(session, "t", person="ann")
        rows.save_thread(session, "mine", person="bob")
        rows.save_step(session, step("m", output="ann's"))

    with pytest.raises(NotYours), transaction(engine) as session:
        rows.save_step(session, {**step("m", output="bob's"), "threadId": "mine"}, person="bob")

    with transaction(engine) as session:
        assert rows.steps_of(session, "t")[0].detail["output"] == "ann's"


def test_an_element_of_another_person_cannot_be_overwritten_or_deleted(engine: Engine) -> None:
    pdf = {"id": "e", "threadId": "t", "name": "[1]", "url": "/filings/a.pdf"}
    with transaction(engine) as session:
        rows.save_thread(session, "t", person="ann")
        rows.save_element(session, pdf)

    with pytest.raises(NotYours), transaction(engine) as session:
        rows.save_element(session, {**pdf, "url": "/other"}, person="bob")
    with pytest.raises(NotYours), transaction(engine) as session:
        rows.save_element(session, {**pdf, "threadId": "mine"}, person="bob")
    with pytest.raises(NotYours), transaction(engine) as session:
        rows.delete_element(session, "e", person="bob")

    with transaction(engine) as session:
        found = rows.element(session, "t", "e")
        assert found is not None and found.detail == pdf
        assert rows.element(session, "mine", "e") is None


def test_a_thread_of_the_command_line_belongs_to_nobody_in_the_chat(engine: Engine) -> None:
    asked(engine, thread="cli-1", person="cli", step=None)

    with pytest.raises(NotYours), transaction(engine) as session:
        rows.require_owner(session, "cli-1", "ann")


def test_a_thread_cannot_be_taken_over_by_starting_it_again(engine: Engine) -> None:
    with transaction(engine) as session:
        rows.save_thread(session, "t", person="ann", name="Ann's")

    with pytest.raises(NotYours), transaction(engine) as session:
        rows.save_thread(session, "t", person="bob", name="Bob's")


async def test_a_deleted_thread_is_gone_and_its_turns_stay_in_the_log(
    engine: Engine, history: History
) -> None:
    await history.update_thread("t", name="Revenue", user_id="ann")
    key = asked(engine)
    with transaction(engine) as session:
        rows.save_step(session, step("m"))
        rows.save_element(session, {"id": "e", "threadId": "t", "url": "/filings/a.pdf"})

    await history.delete_thread("t")
    await history.update_thread("t", metadata={"late": True})

    assert await history.get_thread("t") is None
    with transaction(engine) as session:
        assert rows.steps_of(session, "t") == []
        assert list(rows.elements_of(session, "t")) == []
        assert session.get(Turn, key) is not None


def test_deleting_a_message_deletes_what_was_attached_to_it(engine: Engine) -> None:
    with transaction(engine) as session:
        rows.save_step(session, step("m"))
        rows.save_element(session, {"id": "e", "threadId": "t", "forId": "m"})
        rows.save_element(session, {"id": "f", "threadId": "t", "forId": "n"})
        rows.delete_step(session, "m")

    with transaction(engine) as session:
        assert [row.id for row in rows.elements_of(session, "t")] == ["f"]


async def test_threads_come_newest_first_page_by_page_and_only_ones_own(
    engine: Engine, history: History
) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    with transaction(engine) as session:
        for n in range(5):
            at = start + timedelta(minutes=n // 2)  # two of a moment: the id decides
            session.add(Thread(id=f"t{n}", person="ann", name=f"n{n}", created_at=at))
        session.add(Thread(id="b", person="bob"))

    seen: list[str] = []
    cursor, more = None, True
    while more:
        page = await history.list_threads(
            Pagination(first=2, cursor=cursor), ThreadFilter(userId="ann")
        )
        seen += [thread["id"] for thread in page.data]
        cursor, more = page.pageInfo.endCursor, page.pageInfo.hasNextPage

    assert seen == ["t4", "t3", "t2", "t1", "t0"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("REVENUE", ["t"]), ("margin", ["u"]), ("100%", ["u"]), ("1%", []), ("' or 1=1 --", [])],
)
async def test_threads_are_searched_by_name_question_and_answer_literally(
    engine: Engine, history: History, search: str, found: list[str]
) -> None:
    await history.update_thread("t", user_id="ann")
    await history.update_thread("u", name="Gross margin", user_id="ann")
    asked(engine)
    asked(engine, thread="u", question="How much?", answer="100% of it.")

    page = await history.list_threads(
        Pagination(first=9), ThreadFilter(userId="ann", search=search)
    )

    assert [thread["id"] for thread in page.data] == found


async def test_threads_are_found_by_a_thumb_down_as_well_as_up(
    engine: Engine, history: History
) -> None:
    for thread, rating in (("t", -1), ("u", 1), ("v", None)):
        await history.update_thread(thread, user_id="ann")
        asked(engine, thread=thread, rating=rating)

    down = await history.list_threads(Pagination(first=9), ThreadFilter(userId="ann", feedback=0))
    up = await history.list_threads(Pagination(first=9), ThreadFilter(userId="ann", feedback=1))

    assert [thread["id"] for thread in down.data] == ["t"]
    assert [thread["id"] for thread in up.data] == ["u"]


async def test_threads_of_nobody_in_particular_are_not_listed(history: History) -> None:
    with pytest.raises(DataError):
        await history.list_threads(Pagination(first=9), ThreadFilter())


async def test_a_person_is_never_made_by_signing_in(history: History) -> None:
    from chainlit.user import User

    assert await history.create_user(User(identifier="eve")) is None
    assert await history.get_user("eve") is None
    ann = await history.get_user("ann@example.com")
    assert ann is not None and (ann.id, ann.metadata) == ("ann", {"role": "reader"})


def test_sign_in_is_required_as_soon_as_somebody_has_a_password(engine: Engine) -> None:
    with transaction(engine) as session:
        before = persons.sign_in_required(session)
        session.add(Person(id="eve", name="eve", password="$argon2id$..."))
        session.flush()
        after = persons.sign_in_required(session)

    assert (before, after) == (False, True)
