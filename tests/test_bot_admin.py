"""Orders in the chat: what an admin and a reviewer may do, and that nobody else can."""

import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text
from sqlmodel import Session, select

from backend.records import Activation, Candidate, Cycle, Example, Person, Step, Turn, Verdict
from backend.store import cycles, serving
from backend.store.database import TABLES, open_database, transaction
from tests.chatting import Reader, Running, reader, running

SALES = "What were Meadowlark's net sales in 2024?"
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("password")
PEOPLE = {"ann": "reader", "rita": "reviewer", "boss": "admin"}
OWN = {"thread", "step", "element", "wrongpassword"}
"""Tables in which a chat keeps that somebody wrote something, whatever it was."""


def opened(home: Path) -> Any:
    return transaction(open_database(f"sqlite:///{home / 'tenk.sqlite3'}"))


@pytest.fixture(scope="module")
def staffed(stocked_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A chat with a reader, a reviewer and an admin."""
    home = copytree(stocked_home, tmp_path_factory.mktemp("staffed") / "home")
    with opened(home) as session:
        for name, role in PEOPLE.items():
            session.add(Person(id=f"id-{name}", name=name, role=role, password=HASHED))
    with running(home, TENK_EXAM_SHARE="1e-9") as served:
        yield served


@pytest.fixture
def swept(staffed: Running) -> Running:
    """The same, with no cycle, candidate or example left from another test."""
    with opened(staffed.home) as session:
        for name in ("cycleevent", "activation", "cycle", "verdict", "candidate", "example"):
            session.execute(text(f"DELETE FROM {name}"))
    return staffed


@asynccontextmanager
async def signed_in(served: Running, name: str) -> AsyncGenerator[Reader]:
    async with reader(served.url, name=name, password="password") as somebody:
        await somebody.connect()
        yield somebody


def every_row(home: Path) -> dict[str, list[Any]]:
    """All that is in the database, but that somebody wrote a message."""
    with opened(home) as session:
        return {
            table.name: [tuple(row) for row in session.execute(table.select())]
            for table in TABLES.sorted_tables
            if table.name not in OWN
        }


def candidate(session: Session, model: str, decision: str = "promote") -> Candidate:
    """A candidate from a cycle that has ended with a verdict."""
    row = Candidate(model=model, role="teacher", job="job-1")
    session.add(row)
    session.flush()
    cycle = Cycle(by="boss", tag=f"tag-{model}", candidate=row.id, ended=f"{decision}: so")
    session.add(cycle)
    session.flush()
    numbers: dict[str, Any] = {"gain": 0.04, "low": 0.01, "high": 0.07, "questions": 40}
    verdict = Verdict(cycle=cycle.id or 0, decision=decision, reasons=["Because."], **numbers)
    session.add(verdict)
    session.flush()
    cycle.verdict = verdict.id
    return row


def told_alone(somebody: Reader) -> list[str]:
    """What somebody was told that not every open chat was."""
    said = [one["output"] for one in somebody.said()]
    return [one for one in said if "From the next question on" not in one]


# -- who may


@pytest.mark.parametrize(
    ("name", "order"),
    [
        *(
            ("ann", f"/{order}")
            for order in ("status", "retrain", "cancel", "models", "rollback", "examples")
        ),
        ("ann", "/pause"),
        ("ann", "/resume"),
        ("rita", "/pause because"),
        ("rita", "/resume"),
        ("ann", "/promote local-teacher because"),
        ("rita", "/retrain"),
        ("rita", "/promote local-teacher because"),
        ("ann", "/nonsense"),
    ],
)
async def test_who_may_not_gets_one_polite_refusal_and_nothing_happens(
    swept: Running, name: str, order: str
) -> None:
    with opened(swept.home) as session:
        cycles.activate(session, candidate(session, "local-teacher"), by="verdict 1", reason="")
        session.add(Cycle(by="boss", tag="running"))
    async with signed_in(swept, name) as somebody:
        before = every_row(swept.home)

        said = await somebody.ask(order)

        assert every_row(swept.home) == before
        assert len(told_alone(somebody)) == 1
        if order != "/nonsense":
            assert "nothing was done" in said["output"] and "admins" in said["output"]


@pytest.mark.parametrize("chosen", ["Retrain", "retrain", "/retrain", "rollback", "examples", 7])
async def test_an_order_forged_as_chosen_from_a_menu_is_refused_too(
    swept: Running, chosen: object
) -> None:
    with opened(swept.home) as session:
        cycles.activate(session, candidate(session, "local-teacher"), by="verdict 1", reason="")
    async with signed_in(swept, "ann") as ann:
        before = every_row(swept.home)
        ended = ann.ended

        await ann.send("/retrain", command=chosen)
        await ann.until(lambda: ann.ended > ended)

        assert every_row(swept.home) == before
        (said,) = told_alone(ann)
        assert chosen == 7 or "nothing was done" in said


async def test_a_thread_begun_with_an_order_of_the_menu_is_named_by_the_order(
    swept: Running,
) -> None:
    async with signed_in(swept, "boss") as boss:
        ended = boss.ended
        await boss.send("Only to try it", command="rollback")
        await boss.until(lambda: boss.ended > ended)

        asked = {"pagination": {"first": 50}, "filter": {}}
        listed = (await boss.http.post("/project/threads", json=asked)).json()["data"]

        assert [one["name"] for one in listed if one["id"] == boss.thread] == [
            "/rollback Only to try it"
        ]


async def test_the_menu_holds_what_each_may_order(staffed: Running) -> None:
    async with (
        signed_in(staffed, "ann") as ann,
        signed_in(staffed, "rita") as rita,
        signed_in(staffed, "boss") as boss,
    ):
        assert (ann.commands, rita.commands) == ([], ["examples"])
        assert {"status", "retrain", "rollback", "promote", "cancel"} <= {*boss.commands}
        assert {"pause", "resume"} <= {*boss.commands}


async def test_a_role_taken_away_counts_at_once_on_a_page_that_is_open(swept: Running) -> None:
    with opened(swept.home) as session:
        session.add(Person(id="id-eve", name="eve", role="admin", password=HASHED))
    async with signed_in(swept, "eve") as eve:
        first = await eve.ask("/status")
        menu = eve.commands
        with opened(swept.home) as session:
            session.get_one(Person, "id-eve").role = "reader"
        before = every_row(swept.home)

        second = await eve.ask("/retrain")

        assert "Answering" in first["output"]
        assert "retrain" in menu and eve.commands == []
        assert "nothing was done" in second["output"]
        assert every_row(swept.home) == before


async def test_buttons_pressed_by_who_may_not_or_on_anothers_page_change_nothing(
    swept: Running,
) -> None:
    async with (
        signed_in(swept, "rita") as rita,
        signed_in(swept, "ann") as ann,
        reader(swept.url) as nobody,
    ):
        await ann.ask(SALES)
        await rita.ask("/examples")
        keep = next(one for one in rita.buttons.values() if one["label"] == "Keep")
        before = every_row(swept.home)

        told = [
            await ann.press(keep),
            await ann.press(keep, session=rita.session),
            await nobody.press(keep, session=rita.session),
            await rita.press(keep, session=ann.session),
            await rita.press(keep, session="no-such-page"),
            await rita.press({**keep, "name": "retrain"}),
            await rita.press({**keep, "payload": {"does": "burn", "example": 1}}),
            await rita.press({**keep, "payload": {"does": "keep", "example": "1 OR 1"}}),
            await rita.press({**keep, "payload": {"does": "undo", "example": 10**30}}),
            await rita.press({**keep, "more": "than a button has"}),
        ]

        assert [one.status_code for one in told] == [403, 403, 401, 403, 404, *[422] * 5]
        assert every_row(swept.home) == before


async def test_taking_back_what_was_never_decided_says_so(swept: Running) -> None:
    async with signed_in(swept, "rita") as rita:
        undo = {"name": "examples", "payload": {"does": "undo", "example": 999}}

        told = await rita.press({**undo, "id": "x", "label": "Undo", "tooltip": ""})
        await rita.until(lambda: rita.said())

        assert told.status_code == 200
        assert "is not open here any more" in rita.said()[-1]["output"]


# -- status, models, promote, rollback


async def test_status_and_models_tell_who_answers_and_why(swept: Running) -> None:
    with opened(swept.home) as session:
        cycles.activate(session, candidate(session, "local-teacher"), by="verdict 1", reason="")
        candidate(session, "ft:local-student:tenk::b", "hold")
    async with signed_in(swept, "boss") as boss:
        status = (await boss.ask("/status"))["output"]
        models = (await boss.ask("/models"))["output"]

        assert "**Answering:** `local-teacher`" in status and "gain +0.04" in status
        assert "hold\\: gain" not in status and "cycle 2, hold: gain +0.040" in status
        assert "none is running" in status
        assert models.startswith("- **`local-teacher`** (teacher) answers now, since 20")
        assert "by the verdict of cycle 1\n    - verdict on it: promote: gain +0.040" in models
        assert "- `ft:local-student:tenk::b` (teacher), made by cycle 2: hold" in models


async def test_promote_and_roll_back_are_recorded_with_who_and_why_and_told_in_open_chats(
    swept: Running,
) -> None:
    with opened(swept.home) as session:
        candidate(session, "local-student", "hold")
        candidate(session, "ft:local-student:gone")
    async with signed_in(swept, "boss") as boss, signed_in(swept, "ann") as ann:
        await ann.ask(SALES)

        bare = await boss.ask("/promote")
        without = await boss.ask("/promote local-student")
        gone = await boss.ask("/promote ft:local-student:gone")
        promoted = await boss.ask("/promote `local-student` A demonstration")
        await ann.until(lambda: "From the next question on" in ann.said()[-1]["output"])
        swap = ann.said()[-1]
        rolled_back = await boss.ask("/rollback Wrong years")
        await ann.until(lambda: "answers again" in ann.said()[-1]["output"])
        again = ann.said()[-1]["output"]

        assert "Name a model" in bare["output"]
        assert "To overrule it give a reason" in without["output"]
        assert without["output"].endswith("`/promote local-student your reason`")
        assert "was shut down or does not exist" in gone["output"]
        assert promoted["output"].startswith("`local-student` answers from the next")
        assert "`local-student` answers (cycle 1, gain +0.04, by boss" in swap["output"]
        assert rolled_back["output"].startswith("`local-teacher` answers again")
        assert "`local-teacher` answers again" in again and again.endswith("Wrong years")
        with opened(swept.home) as session:
            told = [(one.by, one.reason) for one in session.exec(select(Activation))]
            kept = [row.id for row in session.exec(select(Step).where(Step.thread == ann.thread))]
        assert told == [
            ("boss in the chat", "A demonstration"),
            ("boss in the chat", "Wrong years"),
        ]
        assert swap["id"] in kept
        assert len([one for one in ann.said() if "From the next" in one["output"]]) == 2


async def test_a_chat_that_has_not_begun_is_told_of_a_swap_and_keeps_nothing(
    swept: Running,
) -> None:
    async with signed_in(swept, "ann") as ann:
        with opened(swept.home) as session:
            chosen = candidate(session, "local-teacher")
            cycles.activate(session, chosen, by="verdict 1", reason="")

        await ann.until(lambda: bool(ann.said()))

        (line,) = ann.said()
        assert "(cycle 1, gain +0.04)" in line["output"]
        with opened(swept.home) as session:
            assert session.get(Step, line["id"]) is None


async def test_swaps_that_follow_each_other_at_once_are_told_one_by_one(swept: Running) -> None:
    async with signed_in(swept, "ann") as ann:
        with opened(swept.home) as session:
            chosen = candidate(session, "ft:local-teacher:a")
            cycles.activate(session, chosen, by="verdict 1", reason="")
            serving.roll_back(session, teacher="local-teacher", by="tenk", reason="It is gone.")
            cycles.activate(session, chosen, by="tenk promote", reason="It is back.")

        await ann.until(lambda: len(ann.said()) == 3)

        assert [one["output"].removeprefix("From the next question on ") for one in ann.said()] == [
            "`ft:local-teacher:a` answers (cycle 1, gain +0.04)",
            "`local-teacher` answers again; rolled back by itself",
            "`ft:local-teacher:a` answers again (cycle 1, gain +0.04, by tenk promote)",
        ]


async def test_a_swap_that_a_page_hears_of_stands_in_its_thread_already(swept: Running) -> None:
    async with signed_in(swept, "ann") as ann:
        await ann.ask(SALES)
        with opened(swept.home) as session:
            chosen = candidate(session, "ft:local-teacher:a")
            cycles.activate(session, chosen, by="verdict 1", reason="")
        with sqlite3.connect(swept.home / "tenk.sqlite3", isolation_level=None) as busy:
            busy.execute("BEGIN IMMEDIATE")  # so that nothing can be kept
            with pytest.raises(TimeoutError):
                await ann.until(lambda: "From the next" in ann.said()[-1]["output"], 3)
            busy.execute("ROLLBACK")

        await ann.until(lambda: "From the next" in ann.said()[-1]["output"])

        with opened(swept.home) as session:  # a page that is being loaded reads no more than this
            assert session.get(Step, ann.said()[-1]["id"]) is not None


async def test_what_cannot_be_done_is_said_in_a_sentence(swept: Running) -> None:
    async with signed_in(swept, "boss") as boss:
        said = [
            (await boss.ask(order))["output"]
            for order in (
                *("/rollback", "/cancel", "/pause", "/resume"),
                *("/promote nobody", "/nothing"),
            )
        ]

        reasons = (
            *("nothing to go back to", "nothing to cancel", "nothing to pause"),
            *("nothing to resume", "No model nobody. Expected one that `/models`", "There is no"),
        )
        assert all(reason in told for reason, told in zip(reasons, said, strict=True))


# -- a cycle


def event(session: Session, cycle: int, kind: str, told: str, **numbers: float) -> None:
    cycles.add_event(session, cycle, kind, told, numbers)


async def test_retrain_opens_one_cycle_and_shows_it_live_in_the_thread_and_on_return(
    swept: Running,
) -> None:
    async with signed_in(swept, "boss") as boss:
        await boss.ask("/retrain")
        await boss.ask("/retrain Twice is one cycle")
        with opened(swept.home) as session:
            (row,) = cycles.cycles(session)
            key = row.id or 0
            event(session, key, "step", "Training")
            for loss in (0.9, 0.4, 0.2):
                event(session, key, "loss", f"loss {loss}", train_loss=loss)

        await boss.until(lambda: all("0.200" in one["output"] for one in boss.said()))
        shown = boss.said()[-1]["output"]
        thread = boss.thread

    assert "▸ Training" in shown and "`█▃▁` 0.900 → 0.200" in shown
    async with reader(swept.url, name="boss", password="password") as later:
        with opened(swept.home) as session:
            event(session, key, "step", "Sitting the exam")
        resumed = await later.resume(thread)
        with opened(swept.home) as session:
            ready = candidate(session, "ft:local-student:x", "hold")
            made = session.exec(select(Cycle).where(Cycle.candidate == ready.id)).one()
            verdict, made.verdict = made.verdict, None
            row = cycles.cycle(session, key)
            row.candidate, row.verdict = ready.id, verdict
            cycles.end_cycle(session, key, "hold: so", failed=False)
        await later.until(lambda: "**Hold**" in later.said()[-1]["output"])
        ended = later.said()[-1]["output"]

    assert "▸ Sitting the exam" in resumed["steps"][-1]["output"]
    assert "gain +0.040 [+0.010, +0.070] in ragas_score on 40 questions" in ended
    assert "**Next:** `local-teacher` stays" in ended and "running" not in ended
    with opened(swept.home) as session:
        kept = session.exec(select(Step).where(Step.thread == thread)).all()
    assert ended in [row.detail.get("output") for row in kept]


async def test_a_cycle_that_no_worker_takes_says_what_to_start(swept: Running) -> None:
    async with signed_in(swept, "boss") as boss:
        said = await boss.ask("/retrain")

        assert "`tenk worker` starts one alone" in said["output"]
        assert said["parentId"] is None  # and so gets no thumbs


async def test_cancel_ends_the_running_cycle_with_who_and_why(swept: Running) -> None:
    async with signed_in(swept, "boss") as boss:
        await boss.ask("/retrain")

        said = await boss.ask("/cancel It costs too much")

        await boss.until(lambda: "Ended without a verdict" in boss.said()[0]["output"])
        with opened(swept.home) as session:
            (row,) = cycles.cycles(session)
        assert row.ended == "Cancelled by boss in the chat: It costs too much"
        assert "is cancelled" in said["output"]


async def test_pause_and_resume_are_recorded_with_who_and_why_and_shown_live(
    swept: Running,
) -> None:
    async with signed_in(swept, "boss") as boss:
        await boss.ask("/retrain")

        paused = (await boss.ask("/pause Over the weekend, call 212-555-0188"))["output"]
        await boss.until(lambda: "**paused** by boss in the chat" in boss.said()[0]["output"])
        shown = boss.said()[0]["output"]
        twice = (await boss.ask("/pause"))["output"]
        status = (await boss.ask("/status"))["output"]
        resumed = (await boss.ask("/resume"))["output"]
        await boss.until(lambda: "· running" in boss.said()[0]["output"])
        again = (await boss.ask("/resume"))["output"]

        assert paused.startswith("Cycle 1 is paused") and "`/resume`" in paused
        assert "`/resume` lets it go on, `/cancel` ends it" in shown
        assert "is paused already, by boss in the chat" in twice
        assert "1 is paused by boss in the chat" in status and "`/resume`" in status
        assert "**Cycle 1**" in resumed and "· running" in resumed  # and shown where it was resumed
        assert "is not paused" in again
        with opened(swept.home) as session:
            told = [(one.kind, one.text) for one in cycles.events(session, 1)]
        assert told == [
            ("pause", "Paused by boss in the chat: Over the weekend, call [phone number]"),
            ("resume", "Goes on: resumed by boss in the chat"),
        ]


# -- examples


def answered(session: Session) -> list[tuple[str | None, str, str | None]]:
    rows = session.exec(select(Example).order_by(Example.id))  # type: ignore[arg-type]
    return [(one.by_hand, one.by_hand_reason, one.correction) for one in rows]


async def test_a_reviewer_keeps_drops_corrects_and_takes_back_newest_first(swept: Running) -> None:
    async with signed_in(swept, "ann") as ann, signed_in(swept, "rita") as rita:
        for question in (SALES, "What was net income in 2024?", "What was operating income?"):
            await ann.ask(question)

        first = (await rita.ask("/examples"))["output"]
        kept = await rita.press("Keep")
        await rita.until(lambda: "net income" in rita.said()[-1]["output"])
        await rita.press("Drop")
        await rita.until(lambda: "512" in rita.said()[-1]["output"])
        await rita.press("Correct")
        last = await rita.ask("Net sales were $512 million; call me at 212-555-0188 [1].")
        dropped = next(one for one in rita.said() if "rita said so" in one["output"])

        assert kept.status_code == 200
        assert "operating income" in first and "3 to review" in first and "kept so far" in first
        assert "There is nothing to review" in last["output"]
        with opened(swept.home) as session:
            told = answered(session)
        assert [one[:2] for one in told] == [
            ("keep", "corrected by rita"),
            ("drop", "rita said so"),
            ("keep", "rita said so"),
        ]
        assert told[0][2] == "Net sales were $512 million; call me at [phone number] [1]."
        assert "is kept" in dropped["output"] or "is dropped" in dropped["output"]

        undo = [one for one in rita.buttons.values() if one["label"] == "Undo"]
        await rita.press(undo[1])
        await rita.until(lambda: "for the rules to decide again" in rita.said()[-1]["output"])
        with opened(swept.home) as session:
            assert answered(session)[1][0] is None


async def test_an_example_that_was_skipped_or_decided_is_not_decided_by_its_old_button(
    swept: Running,
) -> None:
    async with signed_in(swept, "ann") as ann, signed_in(swept, "rita") as rita:
        await ann.ask(SALES)
        await ann.ask("What was net income in 2024?")
        await rita.ask("/examples")
        old = next(one for one in rita.buttons.values() if one["label"] == "Drop")

        await rita.press("Skip")
        await rita.until(lambda: "512" in rita.said()[-1]["output"])
        await rita.press(old)
        await rita.until(lambda: "not open here any more" in rita.said()[-1]["output"])

        with opened(swept.home) as session:
            assert [one[0] for one in answered(session)] == [None, None]


async def test_a_question_after_correct_was_left_by_an_order_is_a_question(swept: Running) -> None:
    async with signed_in(swept, "boss") as boss:
        await boss.ask(SALES)
        await boss.ask("/examples")
        await boss.press("Correct")
        await boss.ask("/status")

        answer = await boss.ask("What was net income in 2024?")

        assert "Answered by" in answer["output"]
        with opened(swept.home) as session:
            assert all(one[2] is None for one in answered(session))
            asked = session.exec(select(Turn).where(Turn.person == "id-boss")).all()
        assert not any(turn.question.startswith("/") for turn in asked)


def labels(somebody: Reader) -> list[str]:
    return sorted(one["label"] for one in somebody.buttons.values())


async def test_a_page_loaded_again_has_its_buttons_and_they_decide(swept: Running) -> None:
    async with signed_in(swept, "ann") as ann, signed_in(swept, "rita") as rita:
        for question in (SALES, "What was net income in 2024?", "What was operating income?"):
            await ann.ask(question)
        await rita.ask("/examples")
        await rita.press("Skip")
        await rita.until(lambda: "net income" in rita.said()[-1]["output"])
        await rita.press("Keep")
        await rita.until(lambda: "512" in rita.said()[-1]["output"])
        thread = rita.thread
    async with reader(swept.url, name="rita", password="password") as again:
        await again.resume(thread)
        await again.until(lambda: "Undo" in labels(again) and "Drop" in labels(again))
        offered = labels(again)

        await again.press("Drop")
        await again.until(lambda: labels(again).count("Undo") == 2)
        undo = next(one for one in again.buttons.values() if one["payload"]["example"] == 2)
        await again.press(undo)
        await again.until(lambda: "for the rules to decide again" in again.said()[-1]["output"])

    assert offered == ["Correct", "Drop", "Keep", "Skip", "Undo"]  # none under the skipped one
    with opened(swept.home) as session:
        assert [one[0] for one in answered(session)] == ["drop", None, None]


async def test_a_correction_asked_for_before_the_page_was_loaded_again_is_taken(
    swept: Running,
) -> None:
    async with signed_in(swept, "ann") as ann, signed_in(swept, "rita") as rita:
        await ann.ask(SALES)
        await rita.ask("/examples")
        await rita.press("Correct")
        await rita.until(lambda: "Type what the answer" in rita.said()[-1]["output"])
        thread = rita.thread
    async with reader(swept.url, name="rita", password="password") as again:
        await again.resume(thread)

        await again.ask("Net sales were $512 million in 2024 [1].")

    with opened(swept.home) as session:
        told = answered(session)
    assert told == [("keep", "corrected by rita", "Net sales were $512 million in 2024 [1].")]


async def test_what_was_decided_elsewhere_is_told_and_not_decided_over(swept: Running) -> None:
    async with (
        signed_in(swept, "ann") as ann,
        signed_in(swept, "rita") as rita,
        signed_in(swept, "boss") as boss,
    ):
        await ann.ask(SALES)
        for reviewer in (rita, boss):
            await reviewer.ask("/examples")
        await rita.press("Keep")
        await rita.until(lambda: "There is nothing to review" in rita.said()[-1]["output"])
        thread = boss.thread

        async with reader(swept.url, name="boss", password="password") as again:
            shown = await again.resume(thread)
            await again.until(lambda: labels(again) == ["Undo"])
        await boss.press("Drop")
        await boss.until(lambda: labels(boss) == ["Undo"])

        with opened(swept.home) as session:
            assert answered(session) == [("keep", "rita said so", None)]
        assert "is kept as training data: rita said so" in shown["steps"][-1]["output"]
        assert any("rita said so" in one["output"] for one in boss.said())


@pytest.mark.parametrize(
    "metadata",
    [
        {"review": "open", "example": 1},
        {"review": "open"},
        {"review": "open", "example": "1"},
        {"review": ["open"], "example": 1},
        {"corrects": 1},
        "no metadata at all",
    ],
)
async def test_a_message_that_claims_to_show_an_example_gets_no_buttons(
    swept: Running, metadata: Any
) -> None:
    async with signed_in(swept, "rita") as rita:
        ended = rita.ended
        await rita.send(SALES, metadata=metadata)
        await rita.until(lambda: rita.ended > ended)
        thread = rita.thread
    async with reader(swept.url, name="rita", password="password") as again:
        await again.resume(thread)

        answer = await again.ask("What was net income in 2024?")

        assert again.buttons == {} and "Answered by" in answer["output"]


async def test_a_reviewer_no_more_finds_no_buttons_on_return(swept: Running) -> None:
    with opened(swept.home) as session:
        session.add(Person(id="id-max", name="max", role="reviewer", password=HASHED))
    async with signed_in(swept, "ann") as ann, signed_in(swept, "max") as once:
        await ann.ask(SALES)
        await once.ask("/examples")
        thread = once.thread
    with opened(swept.home) as session:
        session.get_one(Person, "id-max").role = "reader"

    async with reader(swept.url, name="max", password="password") as again:
        await again.resume(thread)

        assert again.buttons == {}
        assert "nothing was done" in (await again.ask("/examples"))["output"]
