"""A day at tenk's: its processes, the people who read, and a till that every paid call passes.

Real processes and real sockets. The till stands between tenk and the server of its models, and
notes what each call came to by what the server says, whatever tenk writes in its books.
"""

import asyncio
import json
import random
import re
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from backend.records import Person, Secret
from backend.samples import SAMPLE_QUESTIONS
from backend.store.database import open_database, transaction
from backend.store.secrets import EXAM, SHADOW
from tests.benchmarks.bench_chat import ITEMS
from tests.chatting import Reader, Running, reader
from tests.turning import KEY

HOST = "127.0.0.1"
PASSWORD = "correct horse"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SEED = 20261120


async def until(true: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What `true` gives as soon as it gives something."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := true()):  # noqa: ASYNC110  # it is written in another process
                await asyncio.sleep(0.1)
            return found
    except TimeoutError:
        raise AssertionError(f"Not within {seconds:.0f} s: {what}") from None


# -- the till


@dataclass(frozen=True, slots=True)
class Bought:
    """One call of a model, by what went over the wire."""

    route: str
    status: int
    model: str
    words: str
    """The last message of a prompt."""
    prompt_tokens: int | None
    completion_tokens: int
    """Tokens that the server told; None in and 0 out where it told none."""


@dataclass
class Till:
    """Listens, and passes every request on to the server on the port `behind`."""

    behind: int
    bought: list[Bought] = field(default_factory=list[Bought])
    url: str = ""
    _serving: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Till"]:
        """Listening, in this loop."""
        server = await asyncio.start_server(self._come_in, HOST, 0, limit=1 << 26)
        self.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()
            for task in (left := [*self._serving]):
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await asyncio.sleep(0)  # connections are closed one turn after they were broken

    def _come_in(self, reading: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reading, back))
        self._serving.add(task)  # nothing else holds one whose client has left
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reading: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):  # one of the two ends is gone
                head = await reading.readuntil(b"\r\n\r\n")
                told = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                body = await reading.readexactly(int(told[1])) if told else b""
                reply = bytearray()
                try:
                    await self._pass_on(head, body, reply, back)
                finally:
                    self._note(head, body, bytes(reply))
        finally:
            back.transport.abort()

    async def _pass_on(
        self, head: bytes, body: bytes, reply: bytearray, back: asyncio.StreamWriter
    ) -> None:
        reading, writing = await asyncio.open_connection(HOST, self.behind)
        first, *lines = head.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        try:
            writing.write(b"\r\n".join([first, b"Connection: close", *kept]) + body)
            while part := await reading.read(1 << 16):
                reply += part
                back.write(part)
                await back.drain()
            back.write_eof()
            await back.drain()
        finally:
            writing.transport.abort()

    def _note(self, head: bytes, body: bytes, reply: bytes) -> None:
        method, path, _ = head.decode("latin-1").split(" ", 2)
        asked: dict[str, Any] = {}
        with suppress(ValueError):
            asked = json.loads(body)
        usage = _usage(reply)
        status = reply.split(b" ", 2)[1:2]
        self.bought.append(
            Bought(
                f"{method} {path.partition('?')[0]}",
                int(status[0]) if status else 0,
                str(asked.get("model", "")),
                str(asked["messages"][-1]["content"]) if asked.get("messages") else "",
                usage.get("prompt_tokens"),
                usage.get("completion_tokens", 0),
            )
        )


def _usage(reply: bytes) -> dict[str, int]:
    """What the server said of tokens, at the end of its reply; each event comes in one piece."""
    _, found, rest = reply.rpartition(b'"usage":')
    if not found or not rest.lstrip().startswith(b"{"):
        return {}
    told: dict[str, int] = json.JSONDecoder().raw_decode(rest.lstrip().decode())[0]
    return told


# -- the processes


@asynccontextmanager
async def api(home: Path, port: int, environment: dict[str, str]) -> AsyncGenerator[str]:
    """`tenk api` over this home; its address."""
    url = f"http://{HOST}:{port}/v1"
    with (home / "api.log").open("w", encoding="utf-8") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "backend.cli", "api", "--port", str(port)),
            env=environment,
            cwd=home.parent,
            stdout=log,
            stderr=log,
        )
    try:
        await until(lambda: _listens(url), "the local API listens", 30)
        yield url
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _listens(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/models", timeout=5).status_code == 200
    return False


def end(served: Running) -> int:
    """End the chat and its worker, in order; the exit status."""
    served.process.send_signal(signal.SIGTERM)
    return served.process.wait(timeout=40)


def furnish(home: Path, readers: Iterable[str]) -> None:
    """A home with people in it, and with the keys that every run of the test has."""
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        session.add(Secret(name=EXAM, value=KEY))
        session.add(Secret(name=SHADOW, value=KEY))
        held = QUICK.hash(PASSWORD)
        for name in readers:
            session.add(Person(id=f"id-{name}", name=name, role="reader", password=held))
        session.add(Person(id="id-boss", name="boss", role="admin", password=held))
    engine.dispose()


# -- the people


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody will ask."""

    text: str
    kind: str


def questions(count: int) -> list[Question]:
    """Questions of a day on the sample filing, of every kind, some of them asked twice."""
    draw = random.Random(SEED)
    lines = SAMPLE_QUESTIONS.read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    every = [Question(row["question"], row["kind"]) for row in rows]
    for year in (2025, 2024, 2023):
        for item in ITEMS:
            every.append(Question(f"What was {item} in fiscal {year}?", "figure"))
            every.append(Question(f"How much was {item} in fiscal {year}?", "figure"))
    every += draw.sample(every, count - len(every))
    draw.shuffle(every)
    return every


@dataclass(frozen=True, slots=True)
class Answered:
    """One question, as the reader saw it answered."""

    person: str
    thread: str
    question: Question
    phase: str
    run: str
    """What a rating names."""
    shown: str
    sent: datetime
    answered: datetime


@dataclass(frozen=True, slots=True)
class Thumb:
    """A rating that was taken."""

    run: str
    up: bool
    given: datetime
    taken: datetime


@dataclass
class Somebody:
    """Somebody with one page or several; the newest is where they ask."""

    name: str
    draw: random.Random
    pages: list[Reader] = field(default_factory=list[Reader])
    opened: list[datetime] = field(default_factory=list[datetime])

    @property
    def page(self) -> Reader:
        """Where they ask."""
        return self.pages[-1]

    async def open(self, url: str, stack: AsyncExitStack) -> None:
        """One page more; those before it stay open."""
        page = await stack.enter_async_context(reader(url, name=self.name, password=PASSWORD))
        self.pages.append(await page.connect())
        self.opened.append(datetime.now(UTC))

    async def ask(self, question: Question, phase: str) -> Answered:
        """Ask on the newest page, and read the answer to its end."""
        page, sent = self.page, datetime.now(UTC)
        before = len(answers(page))
        await page.ask(question.text)
        answered = datetime.now(UTC)
        assert len(answers(page)) == before + 1, (question.text, page.said())
        last = answers(page)[-1]
        return Answered(
            self.name,
            page.thread,
            question,
            phase,
            run=str(last["parentId"]),
            shown=last["output"],
            sent=sent,
            answered=answered,
        )

    async def rate(self, answer: Answered, *, up: bool) -> Thumb:
        """Give an answer a thumb."""
        given = datetime.now(UTC)
        told = await self.page.thumb(answer.run, int(up))
        assert told.status_code == 200, told.text
        return Thumb(answer.run, up, given, datetime.now(UTC))

    async def threads(self) -> list[str]:
        """The threads that they are shown."""
        asked = {"pagination": {"first": 100}, "filter": {}}
        told = await self.page.http.post("/project/threads", json=asked)
        return [one["id"] for one in told.json()["data"]]

    async def swap_lines_of(self, thread: str) -> list[str]:
        """The lines about swaps that a thread shows when it is opened again."""
        told = (await self.page.http.get(f"/project/thread/{thread}")).json()
        return [one["output"] for one in told["steps"] if _is_swap_line(one)]


def answers(page: Reader) -> list[dict[str, Any]]:
    """What the page shows inside an exchange; lines about swaps and thumbs stand beside it."""
    return [one for one in page.said() if one.get("parentId")]


def swap_lines(page: Reader) -> list[str]:
    """What the page was told of swaps, in order."""
    return [str(one["output"]) for one in page.said() if _is_swap_line(one)]


def _is_swap_line(said: dict[str, Any]) -> bool:
    told = str(said.get("output"))
    return not said.get("parentId") and told.startswith("From the next question on ")


@dataclass
class Crowd:
    """Ten readers and what they did."""

    people: Sequence[Somebody]
    questions: Sequence[Question]
    answered: list[Answered] = field(default_factory=list[Answered])
    thumbs: list[Thumb] = field(default_factory=list[Thumb])

    async def ask(self, phase: str, count: int) -> None:
        """Everybody asks so many questions, all at the same time, and rates as they like."""
        await asyncio.gather(*(self._ask(one, phase, count) for one in self.people))

    async def _ask(self, person: Somebody, phase: str, count: int) -> None:
        mine = self.questions[self.people.index(person) :: len(self.people)]
        done = sum(one.person == person.name for one in self.answered)
        for question in mine[done : done + count]:
            answer = await person.ask(question, phase)
            self.answered.append(answer)
            if person.draw.random() < 0.5:
                await self.rate(person, answer, up=not dislikes(person.draw, answer))

    async def rate(self, person: Somebody, answer: Answered, *, up: bool) -> None:
        """Give an answer a thumb."""
        self.thumbs.append(await person.rate(answer, up=up))


DISLIKED = "change"
"""The kind of question whose answers please less."""


def dislikes(draw: random.Random, answer: Answered) -> bool:
    """Whether a reader gives this answer a thumb down."""
    return draw.random() < (0.7 if answer.question.kind == DISLIKED else 0.1)
