"""A gate between two processes that speak HTTP: it counts what passes, and holds one request until
somebody has been killed. Real sockets; each connection carries one request."""

import asyncio
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Cut = Literal["never reached", "half answered", "never answered"]
"""Where a held request stands: before the server, or behind it with half or all of its answer."""
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    life: int
    """So many kills came before it."""
    route: str
    """Method and path, without the query."""
    body: Any
    """As JSON; None where it is none."""
    moment: Any
    """What `Gate.moment` said when it came."""


@dataclass(slots=True)
class Hold:
    """One request that is to be held: the first that is wanted."""

    wanted: Callable[[Asked], bool]
    cut: Cut
    taken: Asked | None = None
    there: threading.Event = field(default_factory=threading.Event)
    """Set once the request stands where it is to be held."""
    passes: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """Listens on `port`, and speaks to the server on `behind`."""

    def __init__(self, behind: int, moment: Callable[[], Any]) -> None:
        self.behind = behind
        self.moment = moment
        self.port = 0
        self.life = 0
        self.asked: list[Asked] = []
        self.answered: list[Asked] = []
        """What was asked, and got its whole answer."""
        self._holds: list[Hold] = []
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[Any]] = set()  # asyncio itself may forget a task

    @property
    def url(self) -> str:
        """What the process before the gate is told."""
        return f"http://{HOST}:{self.port}/v1"

    def hold(self, wanted: Callable[[Asked], bool], cut: Cut) -> Hold:
        """Hold the next request that is wanted, and no further one."""
        self._holds.append(hold := Hold(wanted, cut))
        return hold

    def release(self, hold: Hold, *, passes: bool = False) -> None:
        """Let the held request go on, or break its connection."""
        self._holds.remove(hold)
        hold.passes = passes
        self._loop.call_soon_threadsafe(hold.released.set)

    @contextmanager
    def open(self) -> Generator["Gate"]:
        """Listening, in a thread of its own."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        server = self._soon(asyncio.start_server(self._serve, HOST, 0, limit=1 << 26))
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._soon(self._close(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def _soon(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        left = [*self._serving]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # connections are closed one turn after they were broken

    # -- one request

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "it serves in a task"
        self._serving.add(task)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two ends is dead: so is the connection to the other
        finally:
            writer.transport.abort()
            self._serving.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
        body = await reader.readexactly(int(told.get("content-length", 0)))
        asked = self._note(first, body)
        free = [one for one in self._holds if not one.taken]
        hold = next((one for one in free if one.wanted(asked)), None)
        if hold is None:
            await self._relay(head, body, writer, asked)
            return
        hold.taken = asked
        reply = b""
        if hold.cut != "never reached":
            reply = await self._whole(head, body)
        if hold.cut == "half answered":
            half, reply = reply[: len(reply) // 2], reply[len(reply) // 2 :]
            writer.write(half)
            await writer.drain()
        hold.there.set()
        await hold.released.wait()
        if hold.passes and reply:
            self.answered.append(asked)
            writer.write(reply)
            await _finish(writer)
        elif hold.passes:
            await self._relay(head, body, writer, asked)

    def _note(self, first: str, body: bytes) -> Asked:
        method, path, _ = first.split(" ")
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        route = f"{method} {path.partition('?')[0]}"
        asked = Asked(self.life, route, told, self.moment())
        self.asked.append(asked)
        return asked

    async def _sent(self, head: bytes, body: bytes) -> Any:
        reader, writer = await asyncio.open_connection(HOST, self.behind)
        first, _, rest = head.partition(b"\r\n")
        kept = [x for x in rest.split(b"\r\n") if not x.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([first, b"Connection: close", *kept]) + body)
        await writer.drain()
        return reader, writer

    async def _relay(
        self, head: bytes, body: bytes, back: asyncio.StreamWriter, asked: Asked
    ) -> None:
        reader, writer = await self._sent(head, body)
        reply = bytearray()
        try:
            while part := await reader.read(1 << 16):
                reply += part
                if _is_whole(reply):
                    self.answered.append(asked)
                back.write(part)
                await back.drain()
        finally:
            writer.transport.abort()
        await _finish(back)

    async def _whole(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await self._sent(head, body)
        try:
            return await reader.read()
        finally:
            writer.transport.abort()


def _is_whole(reply: bytes | bytearray) -> bool:
    """Whether a server has said all that it announced."""
    head, _, body = bytes(reply).partition(b"\r\n\r\n")
    told = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
    return len(body) == int(told) if told else body.endswith(b"0\r\n\r\n")


async def _finish(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    writer.write_eof()
