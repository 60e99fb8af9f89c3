"""What tenk does without standing in a reader's way: cycles that were asked for, each minute a
look at what readers make of the active model, each day whether the models it relies on go on.
"""

import asyncio
import signal
from typing import TYPE_CHECKING

from backend.doctor import examine
from backend.duty import watch
from backend.errors import ConfigurationError, ProviderError
from backend.flywheel import Flywheel, Wheel
from backend.records import Notice
from backend.standing import HELD_UP
from backend.store.cycles import running_cycle
from backend.store.database import transaction
from backend.store.notices import put_notice, remove_notice, replace_notices

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Engine

    from backend.models import Models
    from backend.settings import Settings

DAY = 24 * 60 * 60.0
MINUTE = 60.0
GLANCE = 2.0
"""Seconds between two looks for a cycle that was asked for."""
REST = 60.0
"""Seconds before a cycle that a server or a setting holds up is tried again."""
MODEL_OF = "model of the "


async def run(settings: "Settings", engine: "Engine", models: "Models") -> None:
    """Work until the process is told to end; a cycle under way goes on at the next start."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    wheel = Wheel(settings, engine, models)
    tasks = [
        asyncio.create_task(_each(DAY, lambda: look(settings, engine, models))),
        asyncio.create_task(_each(GLANCE, lambda: turn(wheel))),
        asyncio.create_task(_each(MINUTE, lambda: asyncio.to_thread(watch, engine, settings))),
    ]
    ended = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait([*tasks, ended], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()  # a bug ends the process, for its parent to see
    finally:
        for task in (*tasks, ended):
            task.cancel()
        await asyncio.wait([*tasks, ended])


async def _each(seconds: float, work: "Callable[[], Awaitable[object]]") -> None:
    while True:
        await work()
        await asyncio.sleep(seconds)


async def turn(wheel: Wheel) -> bool:
    """Take the cycle that was asked for as far as it goes; whether there was one to take.

    What holds it up is put where the operator looks, and it is tried again later.
    """
    with transaction(wheel.engine) as session:
        waiting = running_cycle(session)
        if waiting is None:
            remove_notice(session, HELD_UP)
    if waiting is None:
        return False
    flywheel = Flywheel(wheel)
    with flywheel.alone() as alone:
        if not alone:
            return False
        try:
            await flywheel.advance(waiting.id or 0)
        except (ProviderError, ConfigurationError) as error:
            with transaction(wheel.engine) as session:
                put_notice(session, HELD_UP, f"Cycle {waiting.id} is held up: {error}")
        else:
            with transaction(wheel.engine) as session:
                remove_notice(session, HELD_UP)
            return True
    await wheel.rest(REST)
    return True


async def look(settings: "Settings", engine: "Engine", models: "Models") -> list[Notice]:
    """Try every role's model; what an operator should know replaces what was known before."""
    reports = await examine(settings, models)
    found = [
        Notice(subject=f"{MODEL_OF}{one.role}", text=f"{one.role}: {one.warning}")
        for one in reports
        if one.warning
    ]
    with transaction(engine) as session:
        replace_notices(session, MODEL_OF, found)
    return found
