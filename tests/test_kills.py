"""kill -9 of every process at every step of a cycle; then it is started again, and all is well.

The points are found from the steps themselves: a step is struck at its first calls, where it makes
any, and while its outcome is being written, so that a new step is covered by itself.
"""

import asyncio
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backend.doctor import HELLO
from backend.flywheel import LABELS, Step
from backend.flywheel.steps import COLUMNS
from backend.records import Cycle, Turn
from backend.settings import variable_of
from backend.steering import ask_for_cycle
from backend.store import cycles
from backend.store.database import transaction
from bot.page import lay_out, secret
from bot.render import lost_text
from tests.chatting import reader
from tests.gate import Asked, Cut, Gate, Hold
from tests.striking import (
    Books,
    Paid,
    Process,
    answers,
    asked_again,
    caught_writing,
    children_of,
    command_of,
    free_port,
    is_up,
    jobs_with,
    judged_of,
    question_of,
    tenk_environment,
    until,
)
from tests.turning import QUICK, template

SMALL = {variable_of(name): str(told) for name, told in (QUICK | {"max_questions": 8}).items()}
"""An exam of eight questions."""
AT_ONCE = 2
"""Answers, and calls to the judge, in flight together."""
MORE = 6
"""Scores that an exam comes to between two kills."""
SOME = 3_000_000
"""Rows that a worker has to count when it writes a step's outcome: about a second."""
CUTS: list[Cut] = ["never reached", "half answered", "never answered"]
NEVER = "What was net income in fiscal 2024?"
"""A question that no killed chat has answered; no other process asks it."""
ORDERED = "POST /v1/fine_tuning/jobs never answered"
"""The server has the job, and nobody knows of it."""
WRITING = "writing"
"""Killed with the work of a step done, and its outcome in a transaction that never ends."""


@dataclass(frozen=True)
class Struck:
    """One kill."""

    step: Step
    where: str
    paid: Paid
    """What was written down when it was over."""


@dataclass
class Stage:
    """A home ready for a cycle, the API in a process of its own, and a gate before it."""

    books: Books
    api: Process
    gate: Gate
    struck: list[Struck] = field(default_factory=list[Struck])

    @property
    def api_url(self) -> str:
        """Past the gate."""
        return f"http://127.0.0.1:{self.gate.behind}/v1"

    def worker(self) -> Process:
        """A worker that knows this home, and the API behind the gate."""
        known = tenk_environment(self.books.home, self.gate.url, **SMALL)
        loads = ("backend.worker", "openai", "backend.exam.metrics")
        return Process(["tenk", "worker"], loads, known, self.books.home.parent)

    def start_api(self) -> None:
        """Start it where it does not run, and wait until it answers."""
        if not self.api.pid:
            self.api.start()
        until(lambda: answers(self.api_url), why=self.api.said)

    def ask_for_cycle(self) -> None:
        """As every door does."""
        with transaction(self.books.engine) as session:
            ask_for_cycle(session, by="test")

    def note(self, step: Step, hold: Hold) -> None:
        """Somebody was killed; who waits for them learns that they are gone."""
        where = WRITING
        if hold.taken and hold.there.is_set():
            where = f"{hold.taken.route} {hold.cut}"
        self.struck.append(Struck(step, where, self.books.paid()))
        self.gate.life += 1
        self.gate.release(hold)

    def ended(self, *watched: Process) -> Cycle:
        """The cycle, once it has ended."""

        def look() -> Cycle | None:
            row = self.books.cycle()
            return row if row is not None and row.ended is not None else None

        return until(look, why=lambda: "\n".join(one.said() for one in (self.api, *watched)))


@contextmanager
def staged(folder: Path) -> Generator[Stage]:
    """Everything but who is to be killed."""
    home, port = folder / "home", free_port()
    shutil.copytree(template(), home)
    books = Books(home)
    with Gate(port, books.step).open() as gate:
        known = tenk_environment(home, "local")
        api = Process(
            ["tenk", "api", "--port", str(port)], ["backend.local.serving"], known, folder
        )
        stage = Stage(books, api, gate)
        stage.start_api()
        try:
            yield stage
        finally:
            api.end()
            books.engine.dispose()


def is_work(asked: Asked) -> bool:
    """Whether a request is the cycle's, not the daily look at who is there."""
    if asked.route.startswith("GET") and asked.route.endswith(("/models", "/jobs")):
        return "fine_tuning" in asked.route and asked.moment is not Step.ESTIMATE
    return str(HELLO[0].content) not in str(asked.body) and "'ready'" not in str(asked.body)


# -- the worker


def strike_the_worker(stage: Stage, worker: Process, step: Step) -> None:
    """Kill it wherever a step can be cut; each time the row says that the step is to be done."""
    with caught_writing(stage.books, [COLUMNS[step]]) as caught:
        for wanted, cut in cuts(stage, step):
            hold = stage.gate.hold(wanted, cut)
            worker.start()
            until(lambda hold=hold: hold.there.is_set() or caught(), why=worker.said)
            worker.kill()
            stage.note(step, hold)
            assert stage.books.step() is step
            if not hold.there.is_set():
                return


def cuts(stage: Stage, step: Step) -> Generator[tuple[Callable[[Asked], bool], Cut]]:
    """Where a step that calls the API can be cut: at its first call, at the first that changes
    something there, at the first after more scores were written down; at last at none."""

    def calls(asked: Asked) -> bool:
        return asked.moment is step and is_work(asked)

    def changes(asked: Asked) -> bool:
        return calls(asked) and asked.route.startswith("POST")

    yield calls, "never reached"
    yield changes, "never answered"
    before = len(stage.books.paid().scores)
    yield (
        lambda one: calls(one) and len(stage.books.paid().scores) >= before + MORE,
        "never reached",
    )
    yield lambda _: False, "never reached"


@dataclass(frozen=True)
class Went:
    """How it ended."""

    stage: Stage
    row: Cycle


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Generator[Went]:
    """A cycle whose worker was killed at every step."""
    with staged(tmp_path_factory.mktemp("worker")) as stage:
        worker = stage.worker()
        try:
            stage.ask_for_cycle()
            for step in COLUMNS:
                strike_the_worker(stage, worker, step)
            worker.start()
            yield Went(stage, stage.ended(worker))
        finally:
            worker.end()


def test_a_worker_killed_at_every_step_brings_the_cycle_to_its_end(worked: Went) -> None:
    struck = worked.stage.struck

    assert worked.stage.books.told("step") == list(LABELS.values())
    assert {one.step for one in struck} == {*COLUMNS}
    assert {one.step for one in struck if one.where == WRITING} == {*COLUMNS}
    assert len(struck) >= 12
    assert {"POST /v1/files never answered", ORDERED} <= {one.where for one in struck}


def test_it_has_ordered_one_job_and_acted_on_one_verdict(worked: Went) -> None:
    whole(worked)


def whole(went: Went) -> None:
    """What holds of every cycle, whoever died over it."""
    row, books = went.row, went.stage.books
    assert not row.failed, row.ended
    with transaction(books.engine) as session:
        verdict = cycles.verdict(session, row.verdict or 0)
        assert len(cycles.cycles(session)) == 1
        assert len(cycles.candidates(session)) == 1
        swaps = cycles.activations(session)
    assert len(jobs_with(row.tag, went.stage.api_url)) == 1
    assert len(swaps) == int(verdict.decision.startswith("promote"))


def test_what_is_written_down_is_never_asked_again_and_what_was_in_flight_alone_is(
    worked: Went,
) -> None:
    stage, after = worked.stage, worked.stage.books.paid()
    known = [Paid(), *(one.paid for one in stage.struck)]

    again = [one for one in stage.gate.asked if asked_again(one, known[one.life], after)]
    lost = [in_flight(stage, life) for life in range(len(stage.struck))]

    assert len({len(one.scores) for one in known}) > 2, "it was struck in mid-exam"
    assert [one for one in stage.gate.asked if asked_again(one, after, after)], "it would be seen"
    assert again == []
    assert max(answers for answers, _ in lost) <= AT_ONCE
    assert max(scores for _, scores in lost) <= 2 * (AT_ONCE + AT_ONCE), "two metrics a sitting"


def in_flight(stage: Stage, life: int) -> tuple[int, int]:
    """Answers and scores that were asked for in a life, and not written down when it was over."""
    asked = [one for one in stage.gate.asked if one.life == life]
    paid = stage.struck[life].paid
    answered = {told for one in asked if (told := question_of(one))} - paid.answers
    judged = {told for one in asked if (told := judged_of(one))}
    kept = {(metric, answer) for metric, _, answer in paid.scores}
    return len(answered), len({told for told in judged if (told[0], told[2]) not in kept})


# -- the API


def over(stage: Stage, step: Step, caught: Callable[[], bool]) -> bool:
    """Whether a step is being written down, or is over already."""
    now = stage.books.step()
    return stage.books.begun(step) and (now is not step or caught())


def strike_the_api(stage: Stage, step: Step, caught: Callable[[], bool]) -> None:
    """Kill it wherever a step of the worker's can be cut, and while the worker writes."""
    for wanted, cut in cuts(stage, step):
        hold = stage.gate.hold(wanted, cut)
        stage.start_api()
        until(
            lambda hold=hold: hold.there.is_set() or over(stage, step, caught), why=stage.api.said
        )
        stage.api.kill()
        stage.note(step, hold)
        if not hold.there.is_set():
            return


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Went]:
    """A cycle whose API was killed at every step, while the worker lived."""
    with staged(tmp_path_factory.mktemp("api")) as stage:
        worker = stage.worker()
        try:
            with caught_writing(stage.books, COLUMNS.values(), rows=SOME) as caught:
                stage.ask_for_cycle()
                worker.start()
                for step in COLUMNS:
                    strike_the_api(stage, step, caught)
            stage.start_api()
            yield Went(stage, stage.ended(worker))
        finally:
            worker.end()


def test_a_cycle_whose_api_is_killed_at_every_step_ends_with_one_job(served: Went) -> None:
    struck = served.stage.struck

    assert {one.step for one in struck} == {*COLUMNS}
    assert len(struck) >= 12
    assert ORDERED in {one.where for one in struck}
    assert served.stage.books.told("step") == list(LABELS.values())
    whole(served)


def test_nobody_who_has_answered_is_asked_again_where_the_api_is_killed(served: Went) -> None:
    answered = served.stage.gate.answered
    said = Counter(told for one in answered if (told := question_of(one)))
    judged = Counter(told for one in answered if (told := judged_of(one)) and told[1])

    assert len(said) >= 8 and set(said.values()) == {1}
    assert len(judged) >= 8 and set(judged.values()) == {1}


# -- the chat


def chat_of(stage: Stage) -> Process:
    """`python -m bot`, as `tenk chat` starts it."""
    home, port = stage.books.home, free_port()
    page = {"CHAINLIT_APP_ROOT": str(lay_out(home)), "CHAINLIT_AUTH_SECRET": secret(home)}
    known = tenk_environment(home, stage.gate.url, CHAINLIT_ENV_FILE="none.env", **page)
    loads = ("chainlit.server", "openai", "backend.index.llama", "bot.server", "bot.app")
    return Process(["bot", "--port", str(port)], loads, known, home.parent)


@dataclass(frozen=True)
class Lost:
    """A conversation that a kill cut short, as it was found again."""

    cut: Cut
    turns: list[Turn]
    shown: list[dict[str, Any]]
    """What the reader's page is given."""
    cited: str
    """The answer before it, as it was shown then."""


async def lose_an_answer(stage: Stage, chat: Process, cut: Cut) -> Lost:
    """Ask twice, kill the chat over the second answer, start it again and come back."""
    url = f"http://127.0.0.1:{chat.arguments[-1]}"
    async with reader(url) as ann:
        await ann.connect()
        answered = await ann.ask("What was revenue in fiscal 2024?")
        hold = stage.gate.hold(lambda one: NEVER in str(one.body), cut)
        await ann.send(NEVER)
        await asyncio.to_thread(until, hold.there.is_set, why=chat.said)
        chat.kill()
        stage.gate.release(hold)
        thread = ann.thread
    start_chat(chat)
    async with reader(url) as ann:
        shown = await ann.resume(thread)
    return Lost(cut, stage.books.turns(thread), shown["steps"], answered["output"])


def start_chat(chat: Process) -> None:
    chat.start()
    until(lambda: is_up(f"http://127.0.0.1:{chat.arguments[-1]}"), why=chat.said)


def strike_the_chat(
    stage: Stage, chat: Process, worker: Process, step: Step, caught: Callable[[], bool]
) -> Lost:
    """Kill it over an answer while the worker is in the midst of a step."""
    cut = CUTS[len(stage.struck) % len(CUTS)]
    wanted, _ = next(cuts(stage, step))
    hold = stage.gate.hold(wanted, "never reached")
    if not worker.pid:
        worker.start()
    until(lambda: hold.there.is_set() or over(stage, step, caught), why=worker.said)
    lost = asyncio.run(lose_an_answer(stage, chat, cut))
    stage.struck.append(Struck(step, cut, Paid()))
    stage.gate.release(hold, passes=True)
    return lost


@pytest.fixture(scope="module")
def chatted(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[tuple[Went, list[Lost]]]:
    """A cycle during which the chat was killed at every step, each time over an answer."""
    with staged(tmp_path_factory.mktemp("chat")) as stage:
        chat, worker = chat_of(stage), stage.worker()
        try:
            start_chat(chat)
            with caught_writing(stage.books, COLUMNS.values(), rows=SOME) as caught:
                stage.ask_for_cycle()
                lost = [strike_the_chat(stage, chat, worker, step, caught) for step in COLUMNS]
            yield Went(stage, stage.ended(worker)), lost
        finally:
            chat.end()
            worker.end()


def test_a_cycle_does_not_care_that_the_chat_is_killed_at_every_step(
    chatted: tuple[Went, list[Lost]],
) -> None:
    went, _ = chatted

    assert [one.step for one in went.stage.struck] == [*COLUMNS]
    assert {one.where for one in went.stage.struck} == {*CUTS}
    assert went.stage.books.told("step") == list(LABELS.values())
    whole(went)


def test_the_answer_that_a_killed_chat_owed_is_said_to_be_lost_in_log_and_page(
    chatted: tuple[Went, list[Lost]],
) -> None:
    _, lost = chatted

    for one in lost:
        said = [step["output"] for step in one.shown if step["type"] == "assistant_message"]
        assert said == [one.cited, lost_text()], one.cut
        assert [turn.state for turn in one.turns] == ["whole", "lost"], one.cut
        assert [turn.question for turn in one.turns][1] == NEVER
        assert one.turns[1].answer == ""


# -- the parent of both


@dataclass
class Family:
    """`tenk chat` with its children, all of them real."""

    stage: Stage
    parent: Process
    port: int
    known: set[int] = field(default_factory=set[int])

    def start(self) -> None:
        """Start it, and wait until both children are there, and none of an earlier parent's."""
        before = {*self.orphans()}
        self.parent.start()
        until(lambda: self.child("worker") and self.child("bot"), why=self.said)
        until(lambda: not before & {*self.orphans()}, why=self.said)

    def child(self, name: str) -> int:
        """The child that runs this; 0 where there is none."""
        mine = {pid: command_of(pid) for pid in children_of(self.parent.pid)}
        self.known |= {pid for pid, command in mine.items() if "--leashed" in command}
        return next((pid for pid, command in mine.items() if f" {name} --leashed" in command), 0)

    def orphans(self) -> list[int]:
        """Children that still run."""
        return [pid for pid in self.known if "--leashed" in command_of(pid)]

    def said(self) -> str:
        """What all of them said."""
        return self.parent.said()


@contextmanager
def family(stage: Stage) -> Generator[Family]:
    """None of it is left at the end."""
    home, port = stage.books.home, free_port()
    known = tenk_environment(home, stage.gate.url, **SMALL)
    loads = ("backend.cli.processes", "backend.store.database", "backend.samples")
    arguments = ["tenk", "chat", "--port", str(port)]
    it = Family(stage, Process(arguments, loads, known, home.parent), port)
    try:
        yield it
    finally:
        it.parent.end()
        for pid in it.orphans():
            os.kill(pid, signal.SIGKILL)


def strike_the_parent(it: Family, step: Step, caught: Callable[[], bool]) -> None:
    """Kill it while its worker is in the midst of a step, its children left to themselves."""
    wanted, cut = next(cuts(it.stage, step))
    hold = it.stage.gate.hold(wanted, cut)
    it.start()
    until(lambda: hold.there.is_set() or over(it.stage, step, caught), why=it.said)
    it.parent.kill()
    it.stage.note(step, hold)


@pytest.fixture(scope="module")
def parented(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Went, Family]]:
    """A cycle at each step of which `tenk chat` was killed, and started again on the same port."""
    with staged(tmp_path_factory.mktemp("parent")) as stage, family(stage) as it:
        with caught_writing(stage.books, COLUMNS.values(), rows=SOME) as caught:
            stage.ask_for_cycle()
            for step in COLUMNS:
                strike_the_parent(it, step, caught)
        it.start()
        yield Went(stage, stage.ended(it.parent)), it


def test_a_chat_whose_parent_is_killed_at_every_step_leaves_nothing_in_the_next_ones_way(
    parented: tuple[Went, Family],
) -> None:
    went, it = parented

    assert [one.step for one in went.stage.struck] == [*COLUMNS]
    assert it.parent.lives == len(COLUMNS) + 1
    assert went.stage.books.told("step") == list(LABELS.values())
    whole(went)
    until(lambda: is_up(f"http://127.0.0.1:{it.port}"), why=it.said)


def test_a_worker_that_is_killed_is_started_again_by_its_parent(
    parented: tuple[Went, Family],
) -> None:
    _, it = parented
    killed = it.child("worker")

    os.kill(killed, signal.SIGKILL)

    again = until(lambda: it.child("worker") if it.child("worker") != killed else 0, why=it.said)
    assert again not in (0, killed)
    assert it.child("bot")


def test_a_parent_ends_its_children_when_the_chat_is_killed(
    parented: tuple[Went, Family],
) -> None:
    _, it = parented
    it.child("worker")

    os.kill(it.child("bot"), signal.SIGKILL)

    until(lambda: not it.orphans(), why=it.said)
