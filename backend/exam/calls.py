"""Calls to the judge go in, as many as there are; replies come out, a bounded number at a time.

It alone decides when a call is made again, and when it is given up.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from backend.exam.papers import Explains
from backend.models.failures import Refusal, refusal_of, wait_before_retry
from backend.records import Role

REPLIES = 4
"""Tries at one reply where the server answers, but nothing that is of use."""
SERVINGS = 6
"""Tries at one reply where the server fails or breaks the connection: about 15 seconds."""
PATIENCE = 10
"""A rate limit is waited for so many times longer than one request may take."""
T = TypeVar("T")


class Fault(Exception):
    """A try that gave nothing of use; another may. `cause`: what the SDK raised, if it did."""

    def __init__(self, reason: str, cause: Exception | None = None) -> None:
        super().__init__(reason)
        self.cause = cause


class Unscored(Exception):
    """A score that did not come after every try; the message says why."""


class Line:
    """At most `at_once` requests in flight, whoever makes them, inside `place`; `call` tries again.

    Who waits for a retry, or reads a reply, holds no place.
    """

    def __init__(self, at_once: int, timeout: float, explained: Explains) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._timeout = timeout
        self._explained = explained
        self._closed_until = 0.0  # by the loop's clock: a rate limit holds for every call

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """For one request; it ends with TimeoutError when the request takes too long."""
        async with self._places, asyncio.timeout(self._timeout):
            yield

    async def call(self, role: Role, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives, tried again where that helps.

        Raises Unscored for this one reply; TenkError where no call can succeed (key, model,
        credit).
        """
        limits, failures = 0, 0
        deadline = self._now() + PATIENCE * self._timeout
        while True:
            await self._opened()
            try:
                return await ask()
            except Fault as error:
                fault = error
            except TimeoutError:
                fault = Fault(f"The {role} model said nothing in {self._timeout:.0f} s")
            wait = self._limit(fault, limits)
            if wait is not None and self._now() + wait < deadline:
                limits += 1
                self._closed_until = max(self._closed_until, self._now() + wait)
                continue
            await asyncio.sleep(self._next(fault, failures, role))
            failures += 1

    async def _opened(self) -> None:
        """Returns when no rate limit holds any longer; it may be drawn out while one waits."""
        if (closed := self._closed_until - self._now()) > 0:
            await asyncio.sleep(closed)
            await self._opened()

    def _limit(self, fault: Fault, limits: int) -> float | None:
        """Seconds that a rate limit asks for; None where it is something else."""
        said = refusal_of(fault.cause) if fault.cause else None
        if fault.cause is None or said is None or said.status != 429:
            return None
        return wait_before_retry(fault.cause, limits)

    def _next(self, fault: Fault, failures: int, role: Role) -> float:
        """Seconds until the next try. Raises what ends it."""
        if fault.cause is None:
            return _again(f"{fault}, {REPLIES} times.", failures)
        said = refusal_of(fault.cause)
        told = self._explained(fault.cause, role)
        if said is not None and _hopeless(said):
            raise told
        wait = wait_before_retry(fault.cause, failures)
        if wait is None and said is None:  # silence: a reader would not wait again, an exam may
            return _again(str(told), failures)
        if wait is None or failures + 1 >= SERVINGS:
            raise Unscored(str(told))
        return wait

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _again(reason: str, failures: int) -> float:
    """No wait until the next try at a reply that was of no use. Raises Unscored at the last."""
    if failures + 1 >= REPLIES:
        raise Unscored(reason)
    return 0.0


def _hopeless(said: Refusal) -> bool:
    """Whether every other call will be refused too."""
    return said.status in (401, 403, 404, 410) or said.mentions("insufficient_quota")
