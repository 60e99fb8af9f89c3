"""What becomes of a message that a killed chat was answering."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from backend.records import Turn
from backend.store import history, persons
from backend.store.database import open_database, transaction
from backend.store.turns import add_turn, turns_of_thread
from bot.losing import tell_what_was_lost
from bot.render import lost_text, stopped_text

ME = persons.LOCAL_ADMIN
AT = "2026-11-20T10:00:0{}.000Z"


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    yield engine
    engine.dispose()


def ask(
    engine: Engine, text: str, *, number: int = 1, began: bool = True, end: str | None = None
) -> None:
    """A reader's message, and the run that answers it, which has an end or none."""
    message = {"id": f"m{number}", "type": "user_message", "output": text}
    run = {"id": f"r{number}", "type": "run", "parentId": f"m{number}", "end": end}
    with transaction(engine) as session:
        history.save_thread(session, "t", person=ME)
        for step in [message, run][: 1 + began]:
            at = AT.format(number)
            history.save_step(session, {**step, "threadId": "t", "createdAt": at}, person=ME)


def log(engine: Engine, **more: Any) -> None:
    told: dict[str, Any] = {"question": "q", "standalone": "q", "model": "m", "role": "teacher"}
    told |= {"answer": "It is."}
    with transaction(engine) as session:
        add_turn(session, Turn(thread="t", person=ME, step="r1", **(told | more)), example=False)


def shown(engine: Engine) -> list[tuple[str, str]]:
    """What a page shows, in order."""
    with transaction(engine) as session:
        steps = [one.detail for one in history.steps_of(session, "t")]
    return [(one["type"], one["output"]) for one in steps if one["type"] != "run"]


def states(engine: Engine) -> list[tuple[str, str]]:
    with transaction(engine) as session:
        return [(turn.question, turn.state) for turn in turns_of_thread(session, "t")]


@pytest.mark.parametrize("began", [True, False])
def test_a_question_without_an_answer_is_said_to_be_lost_once(engine: Engine, began: bool) -> None:
    ask(engine, "What was revenue?", began=began)

    tell_what_was_lost(engine)
    tell_what_was_lost(engine)

    assert shown(engine) == [
        ("user_message", "What was revenue?"),
        ("assistant_message", lost_text()),
    ]
    assert states(engine) == [("What was revenue?", "lost")]


def test_what_was_answered_stays_as_it_is(engine: Engine) -> None:
    ask(engine, "What was revenue?", end=AT.format(2))

    tell_what_was_lost(engine)

    assert shown(engine) == [("user_message", "What was revenue?")]
    assert states(engine) == []


def test_an_answer_that_the_log_holds_and_the_page_does_not_is_shown_whole(engine: Engine) -> None:
    ask(engine, "What was revenue?")
    log(engine)

    tell_what_was_lost(engine)

    [_, (kind, text)] = shown(engine)
    assert kind == "assistant_message"
    assert text.startswith("It is.") and "`m`" in text
    assert states(engine) == [("q", "whole")]


def test_a_stopped_answer_is_said_to_be_stopped(engine: Engine) -> None:
    ask(engine, "What was revenue?")
    log(engine, state="stopped", answer="It")

    tell_what_was_lost(engine)

    assert shown(engine)[1:] == [("assistant_message", stopped_text("It"))]


def test_what_was_shown_whole_is_not_shown_again(engine: Engine) -> None:
    ask(engine, "What was revenue?")
    log(engine, state="stopped", answer="It")
    said = {"id": "a", "type": "assistant_message", "parentId": "r1", "output": stopped_text("It")}
    with transaction(engine) as session:
        more = {"threadId": "t", "createdAt": AT.format(2)}
        history.save_step(session, {**said, **more}, person=ME)

    tell_what_was_lost(engine)

    assert shown(engine)[1:] == [("assistant_message", stopped_text("It"))]


@pytest.mark.parametrize("text", ["/status", "", "  "])
def test_an_order_or_a_file_alone_is_said_to_be_lost_and_is_no_turn(
    engine: Engine, text: str
) -> None:
    ask(engine, text)

    tell_what_was_lost(engine)

    assert shown(engine)[1:] == [("assistant_message", lost_text())]
    assert states(engine) == []


def test_a_lost_answer_stands_under_its_own_question(engine: Engine) -> None:
    ask(engine, "first")
    ask(engine, "second", number=3, end=AT.format(4))

    tell_what_was_lost(engine)

    assert [text for _, text in shown(engine)] == ["first", lost_text(), "second"]
