"""Real processes to kill, what they leave behind, and how to catch one in the act of writing."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from backend.exam.sitting import plain
from backend.flywheel import LABELS, Step, next_step
from backend.records import Cycle, ExamQuestion, Score, Sitting, Turn
from backend.store import cycles
from backend.store.database import open_database, transaction
from backend.store.turns import turns_of_thread
from tests.chatting import environment
from tests.gate import Asked

T = TypeVar("T")
SLOW = 120.0
_TICK = threading.Event()


def until(
    look: Callable[[], T | None], *, why: Callable[[], str] = str, seconds: float = SLOW
) -> T:
    """What `look` gives as soon as it gives something; `why` tells what was seen if it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        _TICK.wait(0.01)
    raise AssertionError(f"Nothing came of it within {seconds:.0f} s.\n{why()}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- processes


NURSERY = """
import os, sys
from importlib import import_module

for name in sys.argv[1].split(","):
    import_module(name)
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        sys.argv = sys.argv[2:]
        module = "bot.__main__" if sys.argv[0] == "bot" else "backend.cli"
        try:
            told = import_module(module).main()
        except SystemExit as ended:
            told = ended.code
        os._exit(int(told or 0))
    print(child, flush=True)
    told = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    print(told.si_status if told.si_code == os.CLD_EXITED else -told.si_status, flush=True)
    if not sys.stdin.readline():  # its number is nobody else's before that
        break
    os.waitpid(child, 0)
os._exit(0)
"""
"""Loads what a command needs once, and then lives as that command in fork after fork: a start
costs 2 s of processor time else, which is most of what these tests would take."""


@dataclass
class Process:
    """A command of tenk's, started and killed as often as a test likes; its words are kept."""

    arguments: Sequence[str]
    loads: Sequence[str]
    """Modules that it would load by itself."""
    environment: dict[str, str]
    folder: Path
    nursery: "subprocess.Popen[str] | None" = None
    pid: int = 0
    """0: it does not run."""
    lives: int = 0

    @property
    def log(self) -> Path:
        """What it said, over all its lives."""
        return self.folder / f"{'-'.join(self.arguments[:2])}.log"

    def start(self) -> "Process":
        """Start it anew."""
        assert not self.pid, f"{self.arguments} runs already"
        if self.nursery is None:
            self.nursery = self._nursery()
        else:
            self._tell(self.nursery, "forget the last one")
        self._tell(self.nursery, "start")
        self.pid = int(self._hear(self.nursery))
        self.lives += 1
        return self

    def _nursery(self) -> "subprocess.Popen[str]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-Wignore", "-c", NURSERY, ",".join(self.loads), *self.arguments],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _tell(self, nursery: "subprocess.Popen[str]", line: str) -> None:
        assert nursery.stdin is not None
        nursery.stdin.write(f"{line}\n")
        nursery.stdin.flush()

    def _hear(self, nursery: "subprocess.Popen[str]") -> str:
        assert nursery.stdout is not None
        return nursery.stdout.readline() or f"nothing: {self.said()}"

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.nursery is not None
        assert self.pid, f"{self.arguments} does not run"
        os.kill(self.pid, signal.SIGKILL)
        self.pid = 0
        status = int(self._hear(self.nursery))
        assert status == -signal.SIGKILL, f"It had ended: {status}\n{self.said()}"

    def end(self) -> None:
        """Whatever it does: it does so no longer."""
        if self.nursery is None:
            return
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        self.pid = 0
        with self.nursery as nursery:  # closes what it hears by, and waits for its end
            assert nursery.stdin is not None
            nursery.stdin.close()
        self.nursery = None

    def said(self) -> str:
        """The end of what it said, for a failure's message."""
        words = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return f"--- {' '.join(self.arguments)}, life {self.lives}:\n{words[-4000:]}"


def children_of(pid: int) -> list[int]:
    """The processes that a process started."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            told = status.read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(told[1]) == pid:
                found.append(int(status.parent.name))
    return found


def command_of(pid: int) -> str:
    """How a process was started; empty where it is gone."""
    with suppress(OSError):
        told = Path(f"/proc/{pid}/cmdline").read_bytes()
        return told.replace(b"\0", b" ").decode()
    return ""


# -- what is left behind


@dataclass(frozen=True)
class Paid:
    """What of an exam was written down at one moment."""

    answers: frozenset[tuple[str, str]] = frozenset()
    """Model and question."""
    scores: frozenset[tuple[str, str, str]] = frozenset()
    """Metric, question and answer."""


@dataclass
class Books:
    """The rows of one home, as everybody may read them."""

    home: Path
    engine: Any = field(init=False)

    def __post_init__(self) -> None:
        self.engine = open_database(f"sqlite:///{self.database}")

    @property
    def database(self) -> Path:
        """The file."""
        return self.home / "tenk.sqlite3"

    def cycle(self) -> Cycle | None:
        """The newest cycle."""
        with transaction(self.engine) as session:
            return next(iter(cycles.cycles(session)), None)

    def step(self) -> Step:
        """What its row says is to be done next."""
        row = self.cycle()
        return Step.NOTHING if row is None else next_step(row)

    def told(self, kind: str) -> list[str]:
        """What happened in it, of one kind."""
        row = self.cycle()
        assert row is not None and row.id is not None
        with transaction(self.engine) as session:
            return [one.text for one in cycles.events(session, row.id) if one.kind == kind]

    def begun(self, step: Step) -> bool:
        """Whether this step was told to begin."""
        return self.cycle() is not None and LABELS[step] in self.told("step")

    def turns(self, thread: str) -> list[Turn]:
        """A conversation as the log has it."""
        with transaction(self.engine) as session:
            return turns_of_thread(session, thread)

    def sittings(self) -> list[tuple[Sitting, ExamQuestion, list[Score]]]:
        """Every sitting of the exam."""
        with transaction(self.engine) as session:
            asked = {one.id: one for one in cycles.exam_questions(session)}
            return [(row, asked[row.question], told) for row, told in cycles.sittings(session, 1)]

    def paid(self) -> Paid:
        """What is written down of the exam now."""
        rows = [row for row in self.sittings() if row[0].answer is not None]
        return Paid(
            frozenset((sat.model, asked.question) for sat, asked, _ in rows),
            frozenset(
                (score.metric, asked.question, plain(sat.answer or ""))
                for sat, asked, scores in rows
                for score in scores
                if score.value is not None
            ),
        )


@contextmanager
def caught_writing(
    books: Books, columns: Collection[str], *, rows: int | None = None
) -> Generator[Callable[[], bool]]:
    """Whoever sets one of these columns of a cycle is caught in its transaction: the database has
    to count `rows` rows before it, a million in about a tenth of a second, or without end. Tells
    whether somebody is caught.

    Killed then, a process has done all of a step and written nothing of it.
    """
    looked = [0.0]

    def caught() -> bool:
        now = time.monotonic()
        if now < looked[0] + 0.2:  # a look takes the lock itself
            return False
        looked[0] = now
        return _locked(books)

    some = "" if rows is None else f" LIMIT {rows}"
    counted = f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c{some})"
    _say(books, f"CREATE VIEW work AS {counted} SELECT count(*) n FROM c")
    for column in columns:
        when = f"CREATE TRIGGER caught_{column} BEFORE UPDATE OF {column} ON cycle"
        _say(books, f"{when} BEGIN SELECT n FROM work; END")
    try:
        yield caught
    finally:
        for column in columns:
            _say(books, f"DROP TRIGGER caught_{column}")
        _say(books, "DROP VIEW work")


def _say(books: Books, statement: str) -> None:
    database = sqlite3.connect(books.database, timeout=20)
    try:
        database.execute(statement)
        database.commit()
    finally:
        database.close()


def _locked(books: Books) -> bool:
    """Whether somebody holds the lock on writing, and does not give it back."""
    database = sqlite3.connect(books.database, timeout=0.2, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        database.close()
    return False


# -- what was asked


def question_of(asked: Asked) -> tuple[str, str] | None:
    """Model and question, where a model is asked to answer from evidence."""
    said = _last_words(asked)
    if "Evidence:" not in said:
        return None
    return asked.body["model"], said.rpartition("Question: ")[2].strip()


def judged_of(asked: Asked) -> tuple[str, str | None, str] | None:
    """Metric, question and answer, where the judge begins a score; a question may not be told.

    Faithfulness begins with the statements of an answer; its verdicts never come without them.
    """
    said = _last_words(asked)
    if "Now perform the same with the following input" not in said:
        return None
    told = json.loads(said.rpartition("input: ")[2].rpartition("Output:")[0])
    if "response" in told:
        return "answer_relevancy", None, told["response"]
    return ("faithfulness", told["question"], told["answer"]) if "answer" in told else None


def asked_again(asked: Asked, before: Paid, after: Paid) -> bool:
    """Whether something is asked that was written down `before`. What an answer's relevancy is
    asked for does not name the question: then all that it may be for count."""
    if (said := question_of(asked)) is not None:
        return said in before.answers
    if (told := judged_of(asked)) is None:
        return False
    metric, question, answer = told
    meant = {
        one
        for one in after.scores
        if one[0] == metric and one[2] == answer and question in (None, one[1])
    }
    return bool(meant) and meant <= before.scores


def _last_words(asked: Asked) -> str:
    if not asked.route.endswith("/chat/completions"):
        return ""
    return str(asked.body["messages"][-1]["content"])


def jobs_with(tag: str, url: str) -> list[dict[str, Any]]:
    """The fine-tuning jobs that a server knows by this tag."""
    told = httpx.get(f"{url}/fine_tuning/jobs", params={"limit": 100}, timeout=20).json()
    return [job for job in told["data"] if tag in (job["metadata"] or {}).values()]


def answers(url: str) -> bool:
    """Whether a server is there."""
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/models", timeout=5).status_code == 200
    return False


def is_up(url: str) -> bool:
    """Whether a page is served there."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).status_code < 500
    return False


def tenk_environment(home: Path, api: str, **more: str) -> dict[str, str]:
    """Of a process whose models are all at `api`, patient and in small steps."""
    settings = {
        "TENK_BASE_URL": api,
        "TENK_TEACHER_MODEL": "local-teacher",
        "TENK_STUDENT_MODEL": "local-student",
        "TENK_JUDGE_MODEL": "local-judge",
        "TENK_EMBED_MODEL": "local-embed",
        "TENK_RETRIES": "10",
        "TENK_ANSWERS_AT_ONCE": "2",
        "TENK_JUDGE_AT_ONCE": "2",
        "PYTHONUNBUFFERED": "1",
    }
    return environment(home, **(settings | more))
