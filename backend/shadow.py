"""The teacher goes on teaching after a swap: a reader's turn in, the teacher's own answer logged.

It alone knows which answers are given twice, and that readers never wait for it.
"""

import asyncio
import hmac
import logging
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from backend.conversations import Asked, teaches
from backend.drafts import Answerer, Draft, Speaks, speak, turn_of
from backend.errors import TenkError
from backend.records import Message, Passage, Role, Turn
from backend.store import turns
from backend.store.database import transaction
from backend.store.secrets import shadow_key
from backend.watching import agreement

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.settings import Settings

log = logging.getLogger("tenk.shadow")

AT_ONCE = 2
"""Second answers in flight together; one where the teacher shares this machine."""
MOST_WAITING = 200
"""Turns that may wait; beyond it they are dropped, and counted."""
QUIET = 0.3
"""Seconds without a reader before a teacher on this machine is asked."""
PATIENCE = 60.0
"""Seconds after which it is asked although readers keep coming."""
GLANCE = 0.05
PERSON = "tenk:shadow"
"""Whose these turns are: nobody's who can sign in."""


def chosen(key: bytes, turn: int, share: float) -> bool:
    """Whether the teacher answers this turn too: a share of them, by a keyed hash of the id.

    Hashed rather than drawn, so that the same turn is chosen wherever and whenever it is asked.
    """
    digest = hmac.digest(key, str(turn).encode(), "sha256")
    return int.from_bytes(digest[:8], "big") / 2**64 < share


@dataclass
class Shadow:
    """Asks the teacher in the background what a tuned model has answered; logs and compares."""

    engine: "Engine"
    models: Speaks
    settings: "Settings"
    dropped: int = 0
    """Turns that were chosen and never asked, since the process began."""
    _readers: int = 0
    _quiet_since: float = 0.0
    _waiting: deque[Turn] = field(default_factory=deque[Turn])
    _working: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    @cached_property
    def _key(self) -> bytes:
        with transaction(self.engine) as session:
            return shadow_key(session)

    @contextmanager
    def reader(self) -> Generator[None]:
        """A reader waits for an answer as long as this is open."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            self._quiet_since = monotonic()

    def consider(self, turn: Turn) -> bool:
        """Let the teacher answer this turn too, where it is chosen. Returns at once."""
        share = self.settings.shadow_share
        if not share or turn.role == Role.TEACHER or turn.state != "whole":
            return False
        if turn.id is None or not chosen(self._key, turn.id, share):
            return False
        if len(self._waiting) >= MOST_WAITING:
            self._drop(1)
            return False
        self._waiting.append(turn)
        self._working = {task for task in self._working if not task.done()}
        if len(self._working) < (1 if self._beside_us() else AT_ONCE):
            task = asyncio.get_running_loop().create_task(self._work())
            task.add_done_callback(self._ended)
            self._working.add(task)
        return True

    @property
    def waiting(self) -> int:
        """Turns that were chosen and are not yet asked."""
        return len(self._waiting)

    async def settled(self) -> None:
        """Wait until nothing is waiting or under way."""
        while working := {task for task in self._working if not task.done()}:
            await asyncio.wait(working)

    async def end(self) -> int:
        """Stop; says in the log how many of those chosen were never asked, and returns it."""
        before = self.dropped
        self._drop_waiting()
        working = {task for task in self._working if not task.done()}
        for task in working:
            task.cancel()
        if working:
            await asyncio.wait(working)
        return self.dropped - before

    def _drop(self, count: int) -> None:
        if count:
            self.dropped += count
            log.warning("Second answers of the teacher never asked for: %d", count)

    def _drop_waiting(self) -> None:
        self._drop(len(self._waiting))
        self._waiting.clear()

    def _beside_us(self) -> bool:
        return self.models.endpoint(Role.TEACHER).local

    async def _work(self) -> None:
        while self._waiting:
            await self._readers_gone()
            if self._waiting:  # another task may have taken it
                await self._answer(self._waiting.popleft())

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """What still waits when the loop ends is never asked; a bug is told, not hidden."""
        if task.cancelled():
            self._drop_waiting()
        elif (error := task.exception()) is not None:
            log.error("A second answer of the teacher was lost.", exc_info=error)

    async def _readers_gone(self) -> None:
        """A teacher on this machine would take the readers' time: wait for a pause."""
        if not self._beside_us():
            return
        for _ in range(round(PATIENCE / GLANCE)):
            if not self._readers and monotonic() - self._quiet_since >= QUIET:
                return
            await asyncio.sleep(GLANCE)

    async def _answer(self, reader: Turn) -> None:
        """The same question over the same evidence, to the teacher, in nobody's conversation."""
        asked = Asked(
            question=reader.question,
            standalone=reader.standalone,
            thread=f"shadow:{reader.id}",
            person=PERSON,
            shadow_of=reader.id,
        )
        teacher = Answerer(self.models.endpoint(Role.TEACHER).model, Role.TEACHER)
        draft = Draft(
            asked,
            teacher,
            evidence=[Passage.model_validate(one) for one in reader.evidence],
            messages=[Message.model_validate(one) for one in reader.messages],
        )
        try:
            await speak(self.models, draft, _nobody)
        except asyncio.CancelledError:
            self._log(draft, reader, state="stopped", error="Stopped: the process ended.")
            raise
        except TenkError as error:
            self._log(draft, reader, state="failed", error=error)
            return
        await asyncio.to_thread(self._log, draft, reader)  # readers' pieces go on meanwhile

    def _log(
        self,
        draft: Draft,
        reader: Turn,
        *,
        state: str = "whole",
        error: TenkError | str | None = None,
    ) -> None:
        turn = turn_of(draft, state=state, error=error)
        if state == "whole":
            turn.agrees = agreement(reader, turn)
        with transaction(self.engine) as session:
            turns.add_turn(session, turn, example=teaches(turn))


async def _nobody(_piece: str) -> None:
    """Nobody reads along."""
