"""What tenk does without being asked: each day, look whether the models it relies on go on.

Cycles of training join it here.
"""

import asyncio
import signal
from typing import TYPE_CHECKING

from backend.doctor import examine
from backend.records import Notice
from backend.store.database import transaction
from backend.store.notices import replace_notices

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.models import Models
    from backend.settings import Settings

DAY = 24 * 60 * 60.0


async def run(
    settings: "Settings", engine: "Engine", models: "Models", *, every: float = DAY
) -> None:
    """Look now, and again `every` so many seconds, until the process is told to end."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    while not ending.is_set():
        await look(settings, engine, models)
        try:
            async with asyncio.timeout(every):
                await ending.wait()
        except TimeoutError:
            continue


async def look(settings: "Settings", engine: "Engine", models: "Models") -> list[Notice]:
    """Try every role's model; what an operator should know replaces what was known before."""
    reports = await examine(settings, models)
    found = [
        Notice(subject=f"model of the {one.role}", text=f"{one.role}: {one.warning}")
        for one in reports
        if one.warning
    ]
    with transaction(engine) as session:
        replace_notices(session, found)
    return found
