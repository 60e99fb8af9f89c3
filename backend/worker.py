"""What tenk does without standing in a reader's way: cycles that were asked for or are due, each
minute a look at what readers make of the active model, each day whether the models it relies on
go on. It alone decides when.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32
from zoneinfo import ZoneInfo

from backend.cron import OFF, latest_time, next_time
from backend.doctor import examine
from backend.durable import Durable, launched, put_aside_broken
from backend.duty import tell_of_models, watch
from backend.errors import ConfigurationError, DataError, ProviderError
from backend.flywheel import Flywheel, Step, Wheel
from backend.records import Notice, Role, in_utc
from backend.scheduled import consider, pass_over
from backend.standing import HELD_UP
from backend.store import schedule
from backend.store.cycles import running_cycle
from backend.store.database import (
    Whereabouts,
    let_sqlite_tell_fractions,
    outages_told,
    transaction,
    usable,
)
from backend.store.locking import Lock, only_one
from backend.store.notices import put_notice, remove_notice
from backend.store.spending import count_probe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Engine

    from backend.models import Models
    from backend.settings import Settings

log = logging.getLogger("tenk.worker")
MINUTE = 60.0
GLANCE = 2.0
"""Seconds between two looks for a cycle that was asked for or is due."""
OUTAGE = 5.0
"""Seconds between two looks for a database that is away."""
REST = 60.0
"""Seconds before a cycle that a server or a setting holds up is tried again."""
CYCLE, LOOK = "cycle", "look"


async def run(settings: "Settings", engine: "Engine", models: "Models") -> bool:
    """Work until the process is told to end; a cycle under way goes on at the next start.

    True where it was not told to end, and had better start afresh: it has done a cycle, which
    loads much that an idle worker has no use for, or the database was away and is back.
    """
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        with outages_told(engine):
            await _work(Wheel(settings, engine, models), ending)
    except ProviderError as error:
        log.warning("%s The worker goes on when that is mended.", error)
        await _mended(engine, ending)
    return not ending.is_set()


async def _work(wheel: Wheel, ending: asyncio.Event) -> None:
    async with at_work(wheel) as worker:
        tasks = [
            asyncio.create_task(_each(GLANCE, worker.glance)),
            asyncio.create_task(_each(MINUTE, worker.watch)),
        ]
        ends = [asyncio.create_task(one.wait()) for one in (ending, worker.spent)]
        try:
            await asyncio.wait([*tasks, *ends], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # a bug ends the process, for its parent to see
        finally:
            for task in (*tasks, *ends):
                task.cancel()
            await asyncio.wait([*tasks, *ends])


async def _mended(engine: "Engine", ending: asyncio.Event) -> None:
    """Wait until the database is back, or the process is told to end."""
    while not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), OUTAGE)
        if usable(engine):  # no thread for it: DBOS has taken those of the loop with it
            return


async def _each(seconds: float, work: "Callable[[], Awaitable[object]]") -> None:
    while True:
        await work()
        await asyncio.sleep(seconds)


@asynccontextmanager
async def at_work(wheel: Wheel) -> "AsyncGenerator[Worker]":
    """A worker whose work goes on in the next one, or in another, where this process ends."""
    engine, settings = wheel.engine, wheel.settings

    def alone(kind: str) -> AbstractContextManager[Lock]:
        if kind == CYCLE:
            return Flywheel(wheel).alone()
        return only_one(engine, settings.home, kind)

    worked = asyncio.Event()

    async def take(name: str) -> bool:
        more = await turn(wheel, int(name))
        if not more:
            worked.set()
        return more

    async def look_once(_name: str) -> bool:
        await look(settings, engine, wheel.models)
        return False

    url = engine.url.render_as_string(hide_password=False)
    if engine.dialect.name == "sqlite":  # apart from the log: each writes when it likes
        file = settings.home / "worker.sqlite3"
        put_aside_broken(file)
        let_sqlite_tell_fractions()
        url = f"sqlite:///{file}"
    clock, place = Clock(settings.schedule, settings.zone), Whereabouts(engine)
    async with launched(url, {CYCLE: take, LOOK: look_once}, alone=alone) as durable:
        yield Worker(wheel, durable, clock, place, worked)


@dataclass(frozen=True)
class Worker:
    """Looks for what there is to do, and sees to it that somebody does it."""

    wheel: Wheel
    durable: Durable
    clock: "Clock"
    place: Whereabouts
    worked: asyncio.Event
    """Set when a cycle came to its end in this process."""
    spent: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when that was so, and nothing else is to do."""

    async def glance(self) -> None:
        """Begin what is due, and go on with what a worker that died has left.

        Raises ProviderError where the log is another than the one that was opened.
        """
        if self.place.moved():
            raise ProviderError(f"The log {self.wheel.engine.url.database} is gone or replaced.")
        if self.clock.rings(now := datetime.now(UTC)):
            await asyncio.to_thread(self.keep_schedule, now)
        await self.ensure_cycle()

    async def watch(self) -> None:
        """Look at the model in service, and once a day at all of them."""
        settings = self.wheel.settings
        await asyncio.to_thread(watch, self.wheel.engine, settings)
        await self.durable.ensure(LOOK, f"{datetime.now(UTC):%Y-%m-%d}-{_fingerprint(settings)}")

    def keep_schedule(self, now: datetime) -> None:
        """Decide what is due by the schedule, once over all workers."""
        settings = self.wheel.settings
        with transaction(self.wheel.engine) as session:
            last = schedule.last_run(session)
        decided = in_utc(last.at) if last else None
        at = due(settings.schedule, decided, now.astimezone(settings.zone))
        if at is None:
            return
        exam_usd = self._exam_usd()
        with transaction(self.wheel.engine) as session:
            if last is None:  # nobody expects what was due before tenk first ran to be made up for
                pass_over(session, at=at)
            else:
                consider(session, settings, at=at, exam_usd=exam_usd)

    def _exam_usd(self) -> float | None:
        """What the exam may cost; nothing where it cannot be held, which the cycle tells."""
        try:
            return Flywheel(self.wheel).exam_usd()
        except (DataError, ConfigurationError):
            return 0.0

    async def ensure_cycle(self) -> None:
        """See to it that the cycle that was asked for is under way, here or elsewhere."""
        with transaction(self.wheel.engine) as session:
            waiting = running_cycle(session)
            if waiting is None:
                remove_notice(session, HELD_UP)
        if waiting is None:
            if self.worked.is_set():
                self.spent.set()
            return
        if fault := await self.durable.ensure(CYCLE, str(waiting.id), more=True):
            _tell(
                self.wheel,
                f"Cycle {waiting.id} broke on a fault of tenk's own ({fault}). It is tried again "
                f"when the worker is started again; to end it: tenk cycle {waiting.id} --cancel",
            )


@dataclass
class Clock:
    """Rings when the next time of the schedule has come; at first at once, for what was missed."""

    cron: str
    zone: ZoneInfo
    between: tuple[datetime, datetime] | None = None
    """When it rang last, and when it rings next."""

    def rings(self, now: datetime) -> bool:
        """Whether it is time. By the clock on the wall: a machine that slept has missed nothing,
        and one whose clock was wrong and is put back need not wait for the wrong time."""
        if self.cron == OFF or (self.between and self.between[0] <= now < self.between[1]):
            return False
        self.between = now, next_time(self.cron, now.astimezone(self.zone))
        return True


def due(cron: str, last: datetime | None, now: datetime) -> datetime | None:
    """The latest time the expression named, where nothing was decided at it or since (`last`).

    What was missed while no worker ran is made up for once, however often it was missed. A
    decision that lies ahead was made by a clock that was wrong, and keeps nothing from its time.
    """
    if cron == OFF:
        return None
    at = latest_time(cron, now)
    return at if last is None or last < at or last > now else None


async def turn(wheel: Wheel, key: int) -> bool:
    """Take the next step of a cycle; whether there may be another.

    What holds it up is put where the operator looks, and it is tried again later.
    """
    flywheel = Flywheel(wheel)
    while True:
        try:
            with outages_told(wheel.engine):
                step = await flywheel.take_next(key)
                with transaction(wheel.engine) as session:
                    remove_notice(session, HELD_UP)
        except (ProviderError, ConfigurationError) as error:
            _tell(wheel, f"Cycle {key} is held up: {error}")
        else:
            return step is not Step.NOTHING
        await _rest(wheel, key)


def _tell(wheel: Wheel, text: str) -> None:
    """What the running cycle waits for, to the operator."""
    try:
        with outages_told(wheel.engine), transaction(wheel.engine) as session:
            put_notice(session, HELD_UP, text)
    except ProviderError:  # the database itself is away, which the log tells
        log.warning(text)


async def _rest(wheel: Wheel, key: int) -> None:
    """Before another try; no longer than somebody lets the cycle go on."""
    for _ in range(int(REST / GLANCE)):
        await wheel.rest(GLANCE)
        with suppress(ProviderError), outages_told(wheel.engine):
            with transaction(wheel.engine) as session:
                waiting = running_cycle(session)
            if waiting is None or waiting.id != key:
                return


def _fingerprint(settings: "Settings") -> str:
    """Another one for other models: what was found of those says nothing of these."""
    names = [f"{role}_{part}" for role in Role for part in ("model", "base_url")]
    told = [getattr(settings, name) for name in ("base_url", "openai_base_url", *names)]
    return f"{crc32(repr(told).encode()):08x}"


async def look(settings: "Settings", engine: "Engine", models: "Models") -> list[Notice]:
    """Try every role's model; what an operator should know replaces what was known before."""
    reports = await examine(settings, models, on_call=partial(count_probe, engine))
    return await tell_of_models(engine, models, reports)
