"""A scripted OpenAI-compatible server for tests, as strict as OpenAI's, over real HTTP.

Each route has a list of replies, used up one a request; after the last one the server answers
properly. A test says what goes wrong by the replies it passes, and reads what was sent from
`server.requests`. A route is one entry in `ROUTES`: its path, its check and its proper reply.
"""

import asyncio
import base64
import json
import socket
import struct
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

KEY = "test-key"
CHAT_PARAMETERS = {
    "model",
    "messages",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "response_format",
    "tools",
    "tool_choice",
    "seed",
    "n",
    "stop",
    "metadata",
    "store",
}
EMBEDDING_PARAMETERS = {"model", "input", "encoding_format", "dimensions", "user"}


@dataclass(frozen=True)
class Reply:
    """What the server does with one request. Made by the functions below."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    events: Sequence[bytes] = ()  # sent one by one, as server-sent events
    cut: bool = False  # the connection is closed before the reply is whole
    hang: bool = False  # nothing more is sent until the client goes away


def refuse(
    status: int, message: str, *, code: str | None = None, param: str | None = None, **headers: str
) -> Reply:
    """An error in OpenAI's shape; headers as `retry_after="1"`."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": error}).encode(), headers=named)


def give(body: Any, status: int = 200) -> Reply:
    """Any JSON."""
    return Reply(status, json.dumps(body).encode())


def page(status: int = 200) -> Reply:
    """A web page, as a wrong address or a proxy gives."""
    return Reply(status, b"<html><body>Welcome</body></html>", "text/html; charset=utf-8")


def text(body: str, kind: str = "application/json") -> Reply:
    """A body as it stands, JSON or not."""
    return Reply(body=body.encode(), kind=kind)


def silence(*pieces: str) -> Reply:
    """Nothing at all, or a few pieces and then nothing."""
    events = [_event(_chunk({"content": piece})) for piece in pieces]
    return Reply(kind="text/event-stream", events=events, hang=True)


def cut(*pieces: str) -> Reply:
    """A stream whose connection breaks after these pieces."""
    events = [_event(_chunk({"content": piece})) for piece in pieces]
    return Reply(kind="text/event-stream", events=events, cut=True)


def say(
    *pieces: str,
    finish: str | None = "stop",
    usage: tuple[int, int] | None = (7, 3),
    then: Sequence[Any] = (),
) -> Reply:
    """A streamed answer; `then`: further events, as JSON, before the end."""
    events = [_event(_chunk({"role": "assistant", "content": ""}))]
    events += [_event(_chunk({"content": piece})) for piece in pieces]
    events += [_event(item) for item in then]
    if finish:
        events.append(_event(_chunk({}, finish)))
    if usage:
        counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        events.append(_event(_chunk(None, usage=counted | {"total_tokens": sum(usage)})))
    return Reply(kind="text/event-stream", events=[*events, b"data: [DONE]\n\n"])


def vectors(*rows: Sequence[float], order: Sequence[int] | None = None) -> Reply:
    """An embeddings reply as lists of numbers; `order`: the index each row is given."""
    places = range(len(rows)) if order is None else order
    data = [
        {"object": "embedding", "index": place, "embedding": list(row)}
        for place, row in zip(places, rows, strict=True)
    ]
    return give({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1}})


def _chunk(
    delta: dict[str, Any] | None, finish: str | None = None, usage: Any = None
) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        "usage": usage,
    }


def _event(body: Any) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    raw: bytes = b""


class Tunes(Protocol):
    """What answers the routes of files and fine-tuning: `tests.strict_tuning.Tuning`."""

    def reply(self, server: "StrictServer", request: Request) -> Reply | None: ...


@dataclass
class StrictServer:
    """The server while it runs."""

    models: dict[str, str | None]  # name: shutdown date
    key: str | None
    rejects: Sequence[str]
    script: dict[str, list[Reply]]
    tuning: Tunes | None = None
    url: str = ""
    requests: list[Request] = field(default_factory=list[Request])
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away from a reply that was not whole."""
    at_once: int = 0
    """The most requests that were in hand together."""
    _in_hand: int = 0

    def sent(self, path: str) -> list[dict[str, Any]]:
        """The bodies that came in on a route, in order."""
        return [request.body for request in self.requests if request.path == f"/v1{path}"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        self._in_hand += 1
        self.at_once = max(self.at_once, self._in_hand)
        try:
            request = await _read(scope, receive)
            self.requests.append(request)
            await self._send(self._reply(request), receive, send)
        finally:
            self._in_hand -= 1

    def _reply(self, request: Request) -> Reply:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return refuse(401, "Incorrect API key provided.", code="invalid_api_key")
        route = request.path.removeprefix("/v1")
        if scripted := self.script.get(f"{request.method} {route}"):
            return scripted.pop(0)
        if self.tuning and (told := self.tuning.reply(self, request)):
            return told
        known = ROUTES.get(f"{request.method} {route}")
        if known is None:
            return give({"detail": "Not Found"}, 404)
        return known(self, request.body)

    async def _send(self, reply: Reply, receive: Receive, send: Send) -> None:
        headers = {"content-type": reply.kind, **reply.headers}
        if reply.hang and not reply.events:
            await self._until_left(receive)
            return
        start = {"type": "http.response.start", "status": reply.status}
        told = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({**start, "headers": told})
        for event in reply.events or [reply.body]:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        if reply.hang:
            await self._until_left(receive)
        if not (reply.cut or reply.hang):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.left.set()


async def _read(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    told = json.loads(body) if body and "json" in headers.get("content-type", "") else {}
    query = scope["query_string"].decode()
    return Request(scope["method"], scope["path"], query, headers, told, body)


# -- the routes: what OpenAI would check, and what it would answer


def _chat(server: StrictServer, body: dict[str, Any]) -> Reply:
    wrong = _unknown(server, body, CHAT_PARAMETERS) or _no_model(server, body)
    if wrong:
        return wrong
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return refuse(400, "Missing required parameter: 'messages'.", param="messages")
    for place, message in enumerate(messages):
        if message.get("role") not in ("system", "developer", "user", "assistant", "tool"):
            return refuse(400, f"Invalid value for messages[{place}].role.", param="messages")
        if not isinstance(message.get("content"), str):
            return refuse(400, f"Invalid type for messages[{place}].content.", param="messages")
    if "stream_options" in body and not body.get("stream"):
        return refuse(400, "stream_options is only allowed with stream.", param="stream_options")
    with_usage = bool(body.get("stream_options", {}).get("include_usage"))
    if body.get("stream"):
        return say("Fine", ", thanks.", usage=(7, 3) if with_usage else None)
    answer = {"role": "assistant", "content": "Fine, thanks."}
    return give(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    )


def _embeddings(server: StrictServer, body: dict[str, Any]) -> Reply:
    wrong = _unknown(server, body, EMBEDDING_PARAMETERS) or _no_model(server, body)
    if wrong:
        return wrong
    told: Any = body.get("input")
    texts: list[Any] = told if isinstance(told, list) else [told]
    if not texts or len(texts) > 2048 or not all(isinstance(t, str) and t for t in texts):
        return refuse(400, "'$.input' is invalid.", param="input")
    rows = [(float(len(words)), 1.0, 0.5) for words in texts]
    if body.get("encoding_format") != "base64":
        return vectors(*rows)
    data = [
        {
            "object": "embedding",
            "index": place,
            "embedding": base64.b64encode(struct.pack("<3f", *row)).decode(),
        }
        for place, row in enumerate(rows)
    ]
    return give({"object": "list", "data": data, "model": body["model"], "usage": {}})


def _models(server: StrictServer, _body: dict[str, Any]) -> Reply:
    data = [
        {"id": name, "object": "model", "created": 1, "owned_by": "test", "shutdown_date": day}
        for name, day in server.models.items()
    ]
    return give({"object": "list", "data": data})


def _unknown(server: StrictServer, body: dict[str, Any], known: set[str]) -> Reply | None:
    for name in body:
        if name not in known:
            return refuse(400, f"Unknown parameter: '{name}'.", param=name)
        if name in server.rejects:
            code = "unsupported_parameter"
            return refuse(400, f"Unsupported parameter: '{name}'.", code=code, param=name)
    return None


def _no_model(server: StrictServer, body: dict[str, Any]) -> Reply | None:
    name = body.get("model")
    if name in server.models:
        return None
    message = f"The model `{name}` does not exist or you do not have access to it."
    return refuse(404, message, code="model_not_found")


ROUTES: dict[str, Callable[[StrictServer, dict[str, Any]], Reply]] = {
    "POST /chat/completions": _chat,
    "POST /embeddings": _embeddings,
    "GET /models": _models,
}
NAMES = {"chat": "POST /chat/completions", "embed": "POST /embeddings", "list": "GET /models"}


@contextmanager
def strict_server(
    *,
    models: Mapping[str, str | None] | None = None,
    key: str | None = KEY,
    rejects: Sequence[str] = (),
    script: Mapping[str, Sequence[Reply]] | None = None,
    tuning: Tunes | None = None,
    **routes: Sequence[Reply],
) -> Generator[StrictServer]:
    """Run a server on a free loopback port.

    `chat`, `embed` and `list` are the replies of those routes; `script` those of any route
    ("GET /fine_tuning/jobs"). `rejects` are parameters that it does not support. Without `tuning`
    it has no files and no fine-tuning.
    """
    replies = {NAMES[name]: list(told) for name, told in routes.items()}
    replies |= {name: list(told) for name, told in (script or {}).items()}
    known: dict[str, str | None] = dict(models or {"m": None, "e": None})
    app = StrictServer(known, key, rejects, replies, tuning)
    listening = socket.create_server(("127.0.0.1", 0))  # takes connections from here on
    app.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(_serve(app, listening, over),), daemon=True
    )
    thread.start()
    try:
        yield app
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


async def _serve(app: StrictServer, listening: socket.socket, over: asyncio.Event) -> None:
    """uvicorn's protocol without its server, which takes 0.2 s to stop."""
    config = uvicorn.Config(app, log_level="critical", lifespan="off")
    config.load()
    state = ServerState()
    protocol: Any = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), sock=listening
    )
    await over.wait()
    server.close()
    for connection in list(state.connections):
        connection.transport.abort()  # type: ignore[union-attr]
    for task in state.tasks:
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
    await asyncio.sleep(0)  # the aborted connections close on the loop's next turn
