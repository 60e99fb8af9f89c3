"""A scripted judge for tests, strict as OpenAI's API is, over real HTTP.

It answers ragas's prompts by rules a test can compute: an answer's sentences are its statements,
a statement holds where the context holds it word for word, and the question an answer answers is
"What is said of: ANSWER". What goes wrong is scripted by kind of call: a list of faults, used up
one a call. As a program of its own it serves the benchmark: `python -m tests.fake_judge 0.2 16`
prints its address.
"""

import asyncio
import json
import math
import socket
import sys
import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

KEY = "judge-key"
JUDGE, EMBEDDER = "judge-1", "embed-1"
CHAT = {"model", "messages", "response_format", "temperature", "top_p"}
LIMITS = {"max_tokens", "max_completion_tokens"}
KINDS = {
    "Break down each sentence": "statements",
    "judge the faithfulness": "verdicts",
    "identify if the answer is noncommittal": "question",
}
REFUSALS = ("does not say", "don't know")
DIMENSIONS = 64

Fault = str | int | tuple[int, Mapping[str, str]] | dict[str, Any]
"""A name ("broken", "prose", "cut", "silence", "severed", "quota"), a status, a status with
headers, or the object that the judge replies with."""


@dataclass
class FakeJudge:
    """The server while it runs."""

    latency: float = 0.0
    most: int = 10_000
    """Requests beyond so many at once are refused with 429."""
    broken_every: int = 0
    """Each such chat call gives broken JSON; 0: none."""
    rejects: Sequence[str] = ()
    faults: dict[str, list[Fault]] = field(default_factory=dict[str, list[Fault]])
    poison: dict[str, Fault] = field(default_factory=dict[str, Fault])
    """The same for every chat call whose input holds a text."""
    url: str = ""
    calls: Counter[str] = field(default_factory=Counter[str])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    inputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    at_once: int = 0
    _in_hand: int = 0
    _chats: int = 0

    def begin(self, **told: Any) -> "FakeJudge":
        """Forget what was, and go on as a judge of these terms."""
        fresh = FakeJudge(**told, url=self.url)
        fresh._in_hand = self._in_hand
        vars(self).update(vars(fresh))
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        self._in_hand += 1
        self.at_once = max(self.at_once, self._in_hand)
        try:
            reply = await self._reply(Request(scope, receive))
            if reply is None:  # severed: uvicorn closes a connection that got no reply
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b'{"id', "more_body": True})
                return
            await reply(scope, receive, send)
        finally:
            self._in_hand -= 1

    async def _reply(self, request: Request) -> Response | None:
        if request.url.path == "/v1/counted":
            return JSONResponse({"calls": self.calls, "at_once": self.at_once})
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refuse(401, "Incorrect API key provided.", code="invalid_api_key")
        if self._in_hand > self.most:
            self.calls["limited"] += 1
            return refuse(429, "Rate limit reached.", code="rate_limit_exceeded")
        body: dict[str, Any] = await request.json()
        if request.url.path == "/v1/embeddings":
            return await self._embed(body)
        assert request.url.path == "/v1/chat/completions", request.url.path
        return await self._chat(body, request)

    async def _chat(self, body: dict[str, Any], request: Request) -> Response | None:
        if wrong := self._malformed(body, JUDGE):
            return wrong
        self.bodies.append(body)
        prompt = next(m["content"] for m in body["messages"] if m["role"] == "user")
        kind = next(kind for told, kind in KINDS.items() if told in prompt)
        self.calls[kind] += 1
        self._chats += 1
        told = prompt.rsplit("input: ", 1)[1].rsplit("\nOutput:", 1)[0]
        given: dict[str, Any] = json.loads(told)
        self.inputs.setdefault(kind, []).append(given)
        await asyncio.sleep(self.latency)
        if self.broken_every and self._chats % self.broken_every == 0:
            return say('{"statements": [oops')
        fault = next((fault for text, fault in self.poison.items() if text in told), None)
        if fault is None and (script := self.faults.get(kind)):
            fault = script.pop(0)
        if fault == "silence":
            while (await request.receive())["type"] != "http.disconnect":
                continue
        return say(proper(kind, given)) if fault is None else scripted(fault)

    def _malformed(self, body: dict[str, Any], model: str) -> Response | None:
        for name in body:
            if name not in CHAT | LIMITS:
                return refuse(400, f"Unknown parameter: '{name}'.", code="unknown_parameter")
            if name in self.rejects:
                text = f"Unsupported parameter: '{name}' is not supported with this model."
                return refuse(400, text, code="unsupported_parameter")
        if body.get("model") != model:
            text = (
                f"The model `{body.get('model')}` does not exist or you do not have access to it."
            )
            return refuse(404, text, code="model_not_found")
        if "response_format" in body and "json" not in json.dumps(body["messages"]).lower():
            return refuse(400, "'messages' must contain the word 'json' in some form.")
        return None

    async def _embed(self, body: dict[str, Any]) -> Response:
        if body.get("model") != EMBEDDER:
            return refuse(404, "No such model.", code="model_not_found")
        self.calls["vectors"] += 1
        await asyncio.sleep(self.latency)
        script = self.faults.get("vectors")
        if script and isinstance(fault := script.pop(0), int):
            return refuse(fault, "Scripted.")
        texts: list[str] = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [
            {"object": "embedding", "index": place, "embedding": vector(text)}
            for place, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return JSONResponse({"object": "list", "data": data, "model": EMBEDDER, "usage": usage})


def scripted(fault: Fault) -> Response | None:
    """What goes wrong."""
    if isinstance(fault, dict):
        return say(json.dumps(fault))
    if isinstance(fault, tuple):
        return refuse(fault[0], "Scripted.", headers=fault[1])
    if isinstance(fault, int):
        return refuse(fault, "Scripted.")
    if fault == "quota":
        return refuse(429, "You exceeded your quota.", code="insufficient_quota")
    if fault == "cut":
        return say('{"statements": ["a', finish="length")
    if fault == "severed":
        return None
    return say("Sure! Here you are." if fault == "prose" else '{"statements": [oops')


def proper(kind: str, given: dict[str, Any]) -> str:
    """What this judge thinks."""
    if kind == "statements":
        return json.dumps({"statements": statements(given["answer"])})
    if kind == "verdicts":
        judged = [
            {"statement": said, "reason": "-", "verdict": int(said in given["context"])}
            for said in given["statements"]
        ]
        return json.dumps({"statements": judged})
    evades = any(told in given["response"] for told in REFUSALS)
    asked = f"What is said of: {given['response']}"
    return json.dumps({"question": asked, "noncommittal": int(evades)})


def statements(answer: str) -> list[str]:
    """The sentences of an answer, without their full stops."""
    return [said.strip(" .") for said in answer.split(". ") if said.strip(" .")]


def vector(text: str) -> list[float]:
    """Counts of words, hashed."""
    found = [0.0] * DIMENSIONS
    for word in text.lower().replace("?", " ").replace(".", " ").split():
        found[crc32(word.encode()) % DIMENSIONS] += 1.0
    return found


def cosine(one: str, other: str) -> float:
    """How near this judge's embedder puts two texts."""
    a, b = vector(one), vector(other)
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def say(content: str, finish: str = "stop") -> Response:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}}
    return JSONResponse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": JUDGE,
            "choices": [{**choice, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
    )


def refuse(
    status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error in OpenAI's shape."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers=dict(headers or {}))


@contextmanager
def judging(judge: FakeJudge) -> Generator[FakeJudge]:
    """The judge on a free loopback port, in a thread."""
    # Named as TCP, or asyncio leaves Nagle's wait on: 40 ms on each answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    judge.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    config = uvicorn.Config(
        judge, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield judge
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()


if __name__ == "__main__":
    with judging(FakeJudge(latency=float(sys.argv[1]), most=int(sys.argv[2]))) as running:
        print(running.url, flush=True)
        sys.stdin.read()
