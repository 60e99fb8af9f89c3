"""A day in one run: ten readers ask 300 questions of a real chat with its worker; two cycles start
by the schedule, a model is swapped in, undone by hand, chosen again, and lost; the books balance.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from backend import promotion
from backend.doctor import HELLO as doctor_hello
from backend.flywheel import LABELS, Step
from backend.flywheel.driving import HELLO as flywheel_hello
from backend.models import price
from backend.records import (
    Activation,
    Candidate,
    Cycle,
    CycleEvent,
    Dataset,
    Example,
    ScheduledRun,
    Turn,
    Verdict,
)
from backend.shadow import chosen
from backend.store.database import open_database, transaction
from bot.render import answer_text
from tests import daytime
from tests.books import balances
from tests.chatting import environment, running
from tests.daytime import Bought, Crowd, Somebody, Till, swap_lines, until
from tests.striking import free_port
from tests.turning import KEY

T = TypeVar("T", bound=SQLModel)
READERS = ("ann", "bob", "cem", "dee", "eva", "fay", "gus", "hal", "ivo", "joe")
PRICES = {
    "local-teacher": (2.5, 10.0),
    "local-student": (0.15, 0.6),
    "ft:local-student": (0.3, 1.2),
    "local-judge": (0.1, 0.5),
    "local-embed": (0.02, 0.0),
}
TRAINING_PRICE = 3.0
NEW_EXAMPLES = 50
SHARE = 0.2
SETTINGS = {
    "TENK_TEACHER_MODEL": "local-teacher",
    "TENK_STUDENT_MODEL": "local-student",
    "TENK_JUDGE_MODEL": "local-judge",
    "TENK_EMBED_MODEL": "local-embed",
    "TENK_PRICES": json.dumps(PRICES),
    "TENK_TRAINING_PRICE": str(TRAINING_PRICE),
    "TENK_SCHEDULE": "*/5 * * * * *",
    "TENK_MIN_NEW_EXAMPLES": str(NEW_EXAMPLES),
    "TENK_SHADOW_SHARE": str(SHARE),
    "TENK_EXAM_SHARE": "0.3",
    "TENK_EPOCHS": "10",
    # So small an exam decides, leniently: what is tried here is the day, not the rule.
    "TENK_MIN_QUESTIONS": "16",
    "TENK_LOOK_EVERY": "16",
    "TENK_MAX_QUESTIONS": "16",
    "TENK_ALPHA": "0.3",
    "TENK_CHEAPER_FLOOR": "-0.3",
}


@dataclass
class Day:
    """What happens on it, and what is left."""

    home: Path
    engine: Engine
    till: Till
    crowd: Crowd
    boss: Somebody
    orders: dict[str, str] = field(default_factory=dict[str, str])
    """What the boss was told."""
    lost: str = ""
    """The model that failed."""
    threads: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What each reader is shown."""
    kept: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The lines about swaps that a thread shows when it is opened again."""
    pried: list[int] = field(default_factory=list[int])
    """What came of opening others' threads: status codes."""
    jobs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: dict[str, Any] = field(default_factory=dict[str, Any])
    exit: int | None = None
    said: str = ""
    """What the processes wrote in their log."""

    @property
    def everybody(self) -> list[Somebody]:
        """The readers, and who gives orders."""
        return [*self.crowd.people, self.boss]

    def rows(self, table: type[T]) -> list[T]:
        """All of a table, oldest first."""
        with transaction(self.engine) as session:
            return list(session.exec(select(table).order_by("id")))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Generator[Day]:
    """The day, lived once; the tests look back on it."""
    home = tmp_path_factory.mktemp("day") / "home"
    home.mkdir()
    daytime.furnish(home, READERS)
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    people = [Somebody(name, random.Random(name)) for name in READERS]
    crowd = Crowd(people, daytime.questions(300))
    port = free_port()
    lived = Day(home, engine, Till(port), crowd, Somebody("boss", random.Random("boss")))
    asyncio.run(_live(lived, port))
    yield lived
    engine.dispose()


async def _live(day: Day, port: int) -> None:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(daytime.api(day.home, port, environment(day.home)))
        await stack.enter_async_context(day.till.open())
        settings = {"TENK_BASE_URL": day.till.url, **SETTINGS}
        command = ("-m", "backend.cli", "chat", "--port", str(free_port()))
        chat = running(day.home, *command, **settings)
        served = await asyncio.to_thread(stack.enter_context, chat)
        try:
            async with AsyncExitStack() as pages:
                await _pass(day, served.url, api, pages)
        finally:
            day.exit = await asyncio.to_thread(daytime.end, served)
        status = await asyncio.to_thread(_tenk, day.home, settings, "status", "--json")
        day.status = json.loads(status)
        async with httpx.AsyncClient() as http:
            told = await http.get(f"{api}/fine_tuning/jobs", timeout=20)
        day.jobs = told.json()["data"]
    day.said = (day.home / "chat.log").read_text(encoding="utf-8")


def _tenk(home: Path, settings: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", *words],
        env=environment(home, **settings),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


# -- what happens


async def _pass(day: Day, url: str, api: str, pages: AsyncExitStack) -> None:
    """From the first page that is opened to the last answer."""
    crowd = day.crowd
    await asyncio.gather(*(one.open(url, pages) for one in day.everybody))
    await crowd.ask("morning", 10)
    await until(lambda: len(day.rows(Cycle)) == 1, "the first cycle starts by the schedule", 40)
    await crowd.ask("while it trains", 1)
    await until(lambda: day.rows(Cycle)[0].ended, "the first cycle ends", 90)
    await _told(day)
    await asyncio.gather(*(one.open(url, pages) for one in crowd.people))
    await crowd.ask("swapped", 10)
    await _order(day, "/rollback Only to see that it can be undone")
    await crowd.ask("undone", 1)
    day.lost = _made(day, 1)
    await _order(day, f"/promote {day.lost} It was better")
    await _lose(day, api)
    await _order(day, "/status")
    await asyncio.gather(*(one.open(url, pages) for one in crowd.people))
    await _regret(day)
    await crowd.ask("afternoon", 6)
    await until(lambda: len(day.rows(Cycle)) == 2, "the second cycle starts by the schedule", 40)
    await until(lambda: day.rows(Cycle)[1].ended, "the second cycle ends", 90)
    await _told(day)
    await until(lambda: _answered_twice(day) >= _chosen(day), "every second answer is given", 90)
    await _pry(day)


async def _lose(day: Day, api: str) -> None:
    """The active model is taken away while everybody asks."""
    asking = asyncio.create_task(day.crowd.ask("failing", 2))
    before = len(day.crowd.answered)
    await until(lambda: len(day.crowd.answered) >= before + 8, "eight are answered")
    async with httpx.AsyncClient() as http:
        gone = await http.delete(f"{api}/models/{day.lost}", timeout=20)
    assert gone.json()["deleted"] is True
    await asking
    await _told(day)


async def _regret(day: Day) -> None:
    """Three who gave no thumb in the morning give one now, when a model has learned from it."""
    learned = set(day.rows(Dataset)[0].examples)
    taught = {one.turn for one in day.rows(Example) if one.id in learned}
    runs = {one.step for one in day.rows(Turn) if one.id in taught}
    rated = {thumb.run for thumb in day.crowd.thumbs}
    late = [one for one in day.crowd.answered if one.run in runs - rated]
    for answer in sorted(late, key=lambda one: one.question.text)[:3]:
        person = next(one for one in day.crowd.people if one.name == answer.person)
        await day.crowd.rate(person, answer, up=False)


async def _order(day: Day, text: str) -> None:
    told = await day.boss.page.ask(text)
    day.orders[text.split(" ")[0]] = told["output"]
    await _told(day)


async def _told(day: Day) -> None:
    """Every page that is open was told of every swap since it was opened."""
    swaps = day.rows(Activation)

    def every() -> bool:
        return all(
            len(swap_lines(page)) >= sum(_utc(one.at) > opened for one in swaps)
            for person in day.everybody
            for page, opened in zip(person.pages, person.opened, strict=True)
        )

    await until(every, "every open chat is told", 20)


async def _pry(day: Day) -> None:
    """Everybody looks at what they are shown, and tries the threads of the next person."""
    people = day.crowd.people
    for one in people:
        day.threads[one.name] = await one.threads()
        for page in one.pages:
            day.kept[page.thread] = await one.swap_lines_of(page.thread)
    for one, other in pairwise([*people, people[0]]):
        for thread in {page.thread for page in other.pages}:
            told = await one.page.http.get(f"/project/thread/{thread}")
            day.pried.append(told.status_code)


def _made(day: Day, cycle: int) -> str:
    """The model that a cycle made."""
    key = day.rows(Cycle)[cycle - 1].candidate
    return next(one.model for one in day.rows(Candidate) if one.id == key)


def _chosen(day: Day) -> set[int]:
    """The turns that the teacher should answer once more."""
    return {
        one.id
        for one in day.rows(Turn)
        if one.id is not None
        and one.shadow_of is None
        and (one.role, one.state) == ("student", "whole")
        and chosen(bytes.fromhex(KEY), one.id, SHARE)
    }


def _answered_twice(day: Day) -> set[int]:
    return {one.shadow_of for one in day.rows(Turn) if one.shadow_of and one.state == "whole"}


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _readers_turns(day: Day) -> list[Turn]:
    return [one for one in day.rows(Turn) if one.shadow_of is None]


# -- looking back


def test_every_question_was_answered_once_and_the_log_holds_what_the_reader_saw(day: Day) -> None:
    whole = {one.step: one for one in _readers_turns(day) if one.state == "whole"}

    assert len(day.crowd.answered) == 300
    assert whole.keys() == {one.run for one in day.crowd.answered}
    for one in day.crowd.answered:
        turn = whole[one.run]
        assert (turn.person, turn.thread) == (f"id-{one.person}", one.thread)
        assert turn.question == one.question.text
        assert one.sent <= _utc(turn.asked_at) <= one.answered
        assert one.shown == answer_text(turn)


def test_only_the_lost_model_failed_and_the_teacher_answered_in_its_place(day: Day) -> None:
    failed = {one.id: one for one in _readers_turns(day) if one.state != "whole"}
    stood_in = [one for one in _readers_turns(day) if one.instead_of is not None]

    assert 1 <= len(failed) <= len(READERS)
    assert {(one.model, one.state, one.fault) for one in failed.values()} == {
        (day.lost, "failed", "ModelGone")
    }
    assert sorted(one.id or 0 for one in failed.values()) == sorted(
        one.instead_of or 0 for one in stood_in
    )
    assert {(one.model, one.state) for one in stood_in} == {("local-teacher", "whole")}
    assert all(one.question == failed[one.instead_of].question for one in stood_in)


def test_every_answer_is_stamped_with_the_model_that_was_active(day: Day) -> None:
    asked = {one.run: one for one in day.crowd.answered}
    models = {one.id: one.model for one in day.rows(Candidate)}
    began = datetime.min.replace(tzinfo=UTC)
    swaps = [(began, "local-teacher", None)]
    swaps += [(_utc(one.at), models[one.candidate], one.id) for one in day.rows(Activation)]
    ends = [at for at, _, _ in swaps[1:]] + [datetime.max.replace(tzinfo=UTC)]
    moment = timedelta(seconds=1)  # between a row's time and its being there for all to see
    wrong: list[Any] = []
    for turn in _readers_turns(day):
        if turn.step is None or turn.instead_of is not None:
            continue
        one = asked[turn.step]
        active = [
            (model, key)
            for (start, model, key), until_ in zip(swaps, ends, strict=True)
            if start <= one.answered and one.sent - moment <= until_
        ]
        if (turn.model, turn.activation) not in active:
            wrong.append((turn.id, one.phase, turn.model, turn.activation, active))

    assert wrong == []


@pytest.mark.parametrize(("phase", "lost"), [("swapped", True), ("undone", False)])
def test_from_the_first_question_after_a_swap_on_the_other_model_answers(
    day: Day, phase: str, lost: bool
) -> None:
    runs = {one.run for one in day.crowd.answered if one.phase == phase}

    found = {one.model for one in _readers_turns(day) if one.step in runs}

    assert found == {day.lost if lost else "local-teacher"}


def test_two_cycles_started_by_the_schedule_when_enough_examples_were_new(day: Day) -> None:
    started = [one for one in day.rows(ScheduledRun) if one.cycle is not None]
    waited = [one for one in day.rows(ScheduledRun) if one.cycle is None]

    assert [one.by for one in day.rows(Cycle)] == ["schedule"] * 2
    assert [one.cycle for one in started] == [1, 2]
    for one in started:
        new = int(one.reason.split(" ")[0])
        assert NEW_EXAMPLES <= new < 2 * NEW_EXAMPLES
    assert all(one.reason for one in waited)


def test_the_swap_follows_from_the_scores_of_its_exam(day: Day) -> None:
    verdicts = day.rows(Verdict)

    assert verdicts[0].decision in ("promote", "promote_cheaper")
    assert [promotion.verify(one.certificate).ok for one in verdicts] == [True, True]
    assert [_made(day, one.cycle) for one in verdicts] == [
        one.model for one in day.rows(Candidate) if one.job is not None
    ]


def test_each_swap_and_each_way_back_is_on_the_record(day: Day) -> None:
    second = day.rows(Verdict)[1].decision.startswith("promote")
    models = {one.id: one.model for one in day.rows(Candidate)}
    told = [(models[one.candidate], one.by, one.undoes) for one in day.rows(Activation)]

    assert told == [
        (day.lost, "verdict 1", None),
        ("local-teacher", "boss in the chat", 1),
        (day.lost, "boss in the chat", None),
        ("local-teacher", "tenk", 3),
        *([(_made(day, 2), "verdict 2", None)] if second else []),
    ]
    assert f"{day.lost} was rolled back by itself" in day.orders["/status"].replace("\\", "")


def test_what_was_disliked_is_in_no_dataset_frozen_afterwards(day: Day) -> None:
    frozen = [one.at for one in day.rows(CycleEvent) if one.text == LABELS[Step.CURATE]]
    turns = {one.step: one.id for one in day.rows(Turn)}
    of_turn = {one.turn: one.id for one in day.rows(Example)}
    down = [(of_turn.get(turns[one.run]), one) for one in day.crowd.thumbs if not one.up]
    counted: list[int] = []
    for at, dataset in zip(frozen, day.rows(Dataset), strict=True):
        before = {key for key, one in down if key and one.taken < _utc(at)}
        counted.append(len(before))
        assert not before & {*dataset.examples, *dataset.validation_examples}

    assert len(counted) == 2 and 0 < counted[0] < counted[1]
    learned = {one["example"] for one in day.status["disliked_but_learned"]}
    late = {key for key, one in down if key and one.given > _utc(frozen[0])}
    assert len(learned & late) >= 3


def test_one_kind_of_question_was_disliked_more(day: Day) -> None:
    kinds = {one.run: one.question.kind for one in day.crowd.answered}
    up = Counter(kinds[one.run] for one in day.crowd.thumbs if one.up)
    down = Counter(kinds[one.run] for one in day.crowd.thumbs if not one.up)

    assert down[daytime.DISLIKED] > up[daytime.DISLIKED]
    assert down.total() < up.total()


def test_every_open_chat_was_told_of_every_swap_in_its_order(day: Day) -> None:
    models = {one.id: one.model for one in day.rows(Candidate)}
    swaps = [(_utc(one.at), models[one.candidate]) for one in day.rows(Activation)]
    for person in day.everybody:
        for page, opened in zip(person.pages, person.opened, strict=True):
            told = [line.split("`")[1] for line in swap_lines(page)]
            assert told == [model for at, model in swaps if at > opened]
            assert "http" not in " ".join(swap_lines(page))  # that is the operator's
            if person is not day.boss:  # whose first words came after the first swap
                assert day.kept[page.thread] == swap_lines(page)


def test_every_reader_sees_their_own_threads_and_nobody_elses(day: Day) -> None:
    for one in day.crowd.people:
        assert sorted(day.threads[one.name]) == sorted(page.thread for page in one.pages)
        assert len(set(day.threads[one.name])) == 3
    assert day.pried == [401] * 30


def test_the_teacher_answered_once_more_what_was_chosen_and_nothing_else(day: Day) -> None:
    twice = [one.shadow_of for one in day.rows(Turn) if one.shadow_of is not None]

    assert sorted(one or 0 for one in twice) == sorted(_chosen(day))
    assert len(twice) >= 5


def test_the_books_balance(day: Day) -> None:
    assert balances(day.status, day.engine, prices=PRICES) == []


def test_the_status_counts_what_readers_did_and_saw(day: Day) -> None:
    books = day.status["books"]
    turns, failed = books["turns"], books["turns"]["stood_in"]
    ups = sum(one.up for one in day.crowd.thumbs)
    swaps = int(day.status["verdict"]["decision"].startswith("promote"))

    assert turns["total"] == 300 + failed + turns["second_answers"]
    assert turns["by_state"] == {"whole": turns["total"] - failed, "failed": failed}
    assert turns["thumbs"] == {"up": ups, "down": len(day.crowd.thumbs) - ups}
    assert books["cycles"]["total"] == books["datasets"] == books["verdicts"]["total"] == 2
    assert books["activations"]["by_way"] == {
        "verdict": 1 + swaps,
        "rollback": 1,
        "hand": 1,
        "itself": 1,
    }


def test_every_answer_that_the_server_gave_is_a_turn_or_a_sitting(day: Day) -> None:
    books, till = day.status["books"], day.till.bought
    asked = [one for one in till if one.words.startswith("Evidence:")]
    understood = [one for one in till if one.words.startswith("Conversation:")]
    threads = sum(len(one.pages) for one in day.crowd.people)

    stamped = Counter((one.model, one.messages[-1]["content"]) for one in day.rows(Turn))
    assert not stamped - Counter((one.model, one.words) for one in asked)
    given = [one for one in asked if one.status == 200]
    assert len(given) == books["turns"]["by_state"]["whole"] + books["sittings"]["answered"]
    assert len(asked) - len(given) == books["turns"]["by_state"]["failed"]
    assert {one.status for one in asked} == {200, 404}
    assert len(understood) == 300 - threads


def test_every_dollar_that_the_server_would_charge_is_in_the_books(day: Day) -> None:
    spend = day.status["spend"]
    charged = {"answers and exams": 0.0, "embeddings": 0.0, "checks": 0.0}
    for one in day.till.bought:
        charged[_kind(one)] += _usd(one)
    trained = sum(job["trained_tokens"] for job in day.jobs) * TRAINING_PRICE / 1e6

    assert len(day.jobs) == 2
    assert all(charged.values()) and trained
    assert spend["answers_usd"] + spend["exams_usd"] == pytest.approx(charged["answers and exams"])
    assert spend["embeddings_usd"] == pytest.approx(charged["embeddings"])
    assert spend["checks_usd"] == pytest.approx(charged["checks"])
    assert spend["training_usd"] == pytest.approx(trained)
    assert day.status["spend_usd"] == pytest.approx(sum(charged.values()) + trained)
    assert spend["unpriced"] == []


def _kind(one: Bought) -> str:
    if one.route.endswith("/embeddings"):
        return "embeddings"
    hello = {message.content for message in (*flywheel_hello, *doctor_hello)}
    return "checks" if one.words in hello else "answers and exams"


def _usd(one: Bought) -> float:
    rate = price(one.model, PRICES) or (0.0, 0.0)
    return ((one.prompt_tokens or 0) * rate[0] + one.completion_tokens * rate[1]) / 1e6


def test_nothing_went_wrong_that_nobody_was_told_of(day: Day) -> None:
    lines = [line for line in day.said.splitlines() if "tenk: Schedule, " not in line]

    assert (day.exit, lines) == (0, [])
