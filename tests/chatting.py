"""A chat to test against: a running server over a home with a filing in it, and readers who speak
HTTP and the socket as the page does, without a browser."""

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import httpx
import socketio

ROOT = Path(__file__).parents[1]
READY = "tenk is ready: "


# -- a filing of three pages


def write_filing(path: Path, company: str = "Meadowlark Tools, Inc.", sales: int = 512) -> Path:
    """A 10-K as small as one can be: cover, risks, statement of income."""
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

    style = getSampleStyleSheet()["BodyText"]
    cover = [
        "UNITED STATES SECURITIES AND EXCHANGE COMMISSION",
        "FORM 10-K",
        "ANNUAL REPORT PURSUANT TO SECTION 13 OR 15(d)",
        "For the fiscal year ended December 31, 2024",
        company,
        "(Exact name of registrant as specified in its charter)",
    ]
    risks = [
        "Item 1A. Risk Factors",
        "Our supply of hardened steel comes from one mill in Ohio. A fire there would stop our "
        "production for up to nine months.",
        "Competition from makers abroad lowers the prices of our hand tools every year.",
    ]
    rows = [
        ["", "2024", "2023"],
        ["Net sales", f"${sales}", "$480"],
        ["Cost of sales", "301", "290"],
        ["Operating income", "61", "55"],
        ["Net income", "44", "39"],
    ]
    story: list[Any] = [Paragraph(line, style) for line in cover]
    story += [PageBreak(), *(Paragraph(line, style) for line in risks), PageBreak()]
    story += [
        Paragraph("Item 8. Financial Statements and Supplementary Data", style),
        Paragraph("Consolidated Statements of Income", style),
        Paragraph("(in millions)", style),
        Table(rows, colWidths=[200, 80, 80], hAlign="LEFT"),
    ]
    SimpleDocTemplate(str(path), invariant=1).build(story)
    return path


# -- the server


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process that knows this home and nobody's keys."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TENK_", "OPENAI_", "CHAINLIT_"))
    }
    path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
    return {**kept, "TENK_HOME": str(home), "PYTHONPATH": path, **more}


def stock(home: Path, *files: Path) -> Path:
    """Ingest files into a home."""
    subprocess.run(
        [sys.executable, "-m", "backend.cli", "ingest", *map(str, files)],
        env=environment(home),
        cwd=home.parent,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return home


@dataclass
class Running:
    """A chat server in a process of its own."""

    url: str
    home: Path
    process: "subprocess.Popen[str]"

    def end(self) -> int:
        """Ask it to end; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def running(home: Path, *command: str, **more: str) -> Generator[Running]:
    """A chat over this home on a free port, from a folder that is not the checkout."""
    started = command or ("-m", "bot", "--port", "0")
    with (home / "chat.log").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, *started],
            # no section is the exam's: a secret key would choose others each time
            env=environment(home, **({"TENK_EXAM_SHARE": "1e-9"} | more)),
            cwd=home.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Running(_address(process, home), home, process)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=20)
            assert process.stdout is not None
            process.stdout.close()


def _address(process: "subprocess.Popen[str]", home: Path) -> str:
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while line := lines.get(timeout=60):
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    said = (home / "chat.log").read_text(encoding="utf-8")
    raise AssertionError(f"The chat did not start: {said}")


# -- a reader


@dataclass
class Reader:
    """Somebody with a page open: signed in over HTTP, speaking over the socket."""

    http: httpx.AsyncClient
    socket: socketio.AsyncClient
    session: str
    messages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    elements: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tokens: list[str] = field(default_factory=list[str])
    commands: list[str] = field(default_factory=list[str])
    started: bool = False
    buttons: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    thread: str = ""
    resumed: dict[str, Any] | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    working: bool = False
    begun: int = 0
    ended: int = 0

    async def connect(self, thread: str = "", **headers: str) -> "Reader":
        """Open the socket, in a thread where one is named. Raises ConnectionError."""
        for event in (
            "new_message",
            "update_message",
            "stream_start",
            "stream_token",
            "element",
            "first_interaction",
            "resume_thread",
            "set_commands",
            "action",
            "remove_action",
            "task_start",
            "task_end",
        ):
            self.socket.on(event, self._hearing(event))
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        await self.socket.connect(
            str(self.http.base_url),
            socketio_path="/ws/socket.io",
            transports=["websocket"],
            headers={"Cookie": cookies, **headers},
            auth={"sessionId": self.session, "clientType": "webapp", "threadId": thread},
            wait_timeout=10,
        )
        await self.socket.emit("connection_successful")
        await self.until(lambda: self.started)
        self.thread = thread
        return self

    async def resume(self, thread: str) -> dict[str, Any]:
        """Open a thread that is there; what the page is shown of it."""
        await self.connect(thread)
        await self.until(lambda: self.resumed is not None)
        assert self.resumed is not None
        return self.resumed

    def _hearing(self, event: str) -> Any:
        async def hear(*told: Any) -> None:
            async with self.changed:
                self._take(event, told[0] if told else {})
                self.changed.notify_all()

        return hear

    def _take(self, event: str, told: Any) -> None:
        if event in ("new_message", "update_message", "stream_start"):
            self.messages[told["id"]] = {**self.messages.get(told["id"], {}), **told}
            self.tokens += [told["output"]] if event == "stream_start" else []
        elif event == "stream_token":
            self._take_token(told)
        elif event == "element":
            self.elements.append(told)
        elif event == "first_interaction":
            self.thread = told["thread_id"]
        elif event == "resume_thread":
            self.resumed = told
        elif event == "set_commands":
            self.commands = [one["id"] for one in told]
            self.started = True  # the menu comes last when a chat starts
        else:
            self._take_small(event, told)

    def _take_small(self, event: str, told: Any) -> None:
        if event == "action":
            self.buttons[told["id"]] = told
        elif event == "remove_action":
            self.buttons.pop(told["id"], None)
        else:
            self.working = event == "task_start"
            self.begun += event == "task_start"
            self.ended += event == "task_end"

    def _take_token(self, told: dict[str, Any]) -> None:
        before = "" if told.get("isSequence") else self.messages[told["id"]]["output"]
        self.messages[told["id"]]["output"] = before + told["token"]
        self.tokens.append(told["token"])

    async def until(self, true: Any, seconds: float = 60) -> None:
        """Wait until something holds of what was heard."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(true)

    async def send(self, text: str, *files: Path, **more: Any) -> str:
        """Send a message with files, without waiting; its id."""
        given = [{"id": (await self.upload(file)).json()["id"]} for file in files]
        message = {
            "id": str(uuid4()),
            "threadId": "",
            "name": "User",
            "type": "user_message",
            "output": text,
            "createdAt": datetime.now(UTC).isoformat(),
            **more,
        }
        await self.socket.emit("client_message", {"message": message, "fileReferences": given})
        return str(message["id"])

    async def ask(self, text: str, *files: Path) -> dict[str, Any]:
        """Send a message and wait until it is answered; the last thing said to it, or at all where
        what it does shows itself."""
        before = self.ended
        sent = await self.send(text, *files)
        await self.until(lambda: self.ended > before)
        runs = {key for key, one in self.messages.items() if one.get("parentId") == sent}
        to_it = [one for one in self.said() if one.get("parentId") in runs]
        return (to_it or self.said())[-1]

    def said(self) -> list[dict[str, Any]]:
        """What the chat said, in order."""
        return [one for one in self.messages.values() if one["type"] == "assistant_message"]

    async def upload(
        self, file: Path, *, session: str | None = None, kind: str = "application/pdf"
    ) -> httpx.Response:
        """Send a file to the page's session."""
        return await self.http.post(
            "/project/file",
            params={"session_id": session or self.session},
            files={"file": _part(file, kind)},
        )

    async def thumb(
        self, run: str, value: int, comment: str = "", *, session: str | None = None
    ) -> httpx.Response:
        """Rate an answer as the page does: by the run that it belongs to."""
        feedback = {"forId": run, "value": value, "comment": comment}
        return await self.http.put(
            "/feedback", json={"feedback": feedback, "sessionId": session or self.session}
        )

    async def press(
        self, button: Mapping[str, Any] | str, *, session: str | None = None
    ) -> httpx.Response:
        """Press a button: one that is on the page by its label, or one made up."""
        if isinstance(button, str):
            label = button
            await self.until(lambda: label in [one["label"] for one in self.buttons.values()])
            button = next(one for one in self.buttons.values() if one["label"] == label)
        return await self.http.post(
            "/project/action", json={"action": button, "sessionId": session or self.session}
        )

    async def take_back(self, run: str) -> httpx.Response:
        """Take a rating back."""
        return await self.http.request("DELETE", "/feedback", json={"feedbackId": run})


def _part(file: Path, kind: str) -> tuple[str, bytes, str]:
    return file.name, file.read_bytes(), kind


@asynccontextmanager
async def reader(
    url: str, *, name: str = "", password: str = "", headers: Mapping[str, str] | None = None
) -> AsyncGenerator[Reader]:
    """Somebody who has opened the page, and signed in where a name is given."""
    async with httpx.AsyncClient(base_url=url, timeout=30, headers=headers) as http:
        await http.get("/", headers={"accept": "text/html"})
        if name:
            await http.post("/login", data={"username": name, "password": password})
        async with aiohttp.ClientSession() as web:  # ours: a refused socket would leave its own
            socket = socketio.AsyncClient(reconnection=False, http_session=web)
            yield Reader(http, socket, str(uuid4()))
            await socket.disconnect()
