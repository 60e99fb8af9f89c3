"""HTTP goes in, HTTP comes out: the routes of tenk's own OpenAI-compatible API, and its door.

Everything that decides stands in the modules around it; this one knows FastAPI. Reading, judging
and embedding are CPU work and run in two threads, so that streams go on meanwhile. The routes of
files and fine-tuning jobs stand in `routes_files` and `routes_jobs`.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from backend.local import problems
from backend.local.asked import EmbeddingsRequest, body_of, chat_request, embeddings_request
from backend.local.embedder import DIMENSIONS, as_base64, embed
from backend.local.files import FILE_LIMIT, Files
from backend.local.jobs import Jobs
from backend.local.ledger import ledger
from backend.local.models import Registry, registry
from backend.local.problems import Problem
from backend.local.replies import Stamp, chunks, completion, embeddings, events, reply_for
from backend.local.routes_files import file_routes
from backend.local.routes_jobs import job_routes
from backend.local.speaking import said
from backend.local.tuner import Tuner, new_owner
from backend.local.tuning import Bench

T = TypeVar("T")
MOST_BYTES = 64 * 1024 * 1024
"""A larger body is refused unread."""


def create_app(home: Path, *, key: str | None = None, file_limit: int = FILE_LIMIT) -> FastAPI:
    """The API over the models in `home`; with a key, only for who sends it.

    Answers under /v1, and under the bare paths too: a server that mounts it at /v1 strips that.
    Goes on with fine-tuning jobs that a server on this home has left behind; who closes the
    server calls `app.state.tuner.close()`, so that another can go on at once.
    """
    app = FastAPI(title="tenk's local API", docs_url=None, redoc_url=None, openapi_url=None)
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="tenk-local")

    async def off_loop(work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def admit(request: Request) -> None:
        _admit(request, key)

    models, book = registry(home), ledger(home)
    bench = Bench(Jobs(book), Files(book, file_limit), models, new_owner())
    tuner = app.state.tuner = Tuner(bench)
    rooms = (
        _routes(models, off_loop),
        file_routes(bench.files, off_loop),
        job_routes(bench, tuner, _raw),
    )
    for routes in rooms:
        for prefix in ("/v1", ""):
            app.include_router(routes, prefix=prefix, dependencies=[Depends(admit)])
    tuner.look()
    app.state.threads = threads
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(Exception, _crashed)
    return app


OffLoop = Callable[[Callable[[], Any]], Any]


def _routes(models: Registry, off_loop: OffLoop) -> APIRouter:
    router = APIRouter()

    @router.get("/models")
    async def list_models() -> dict[str, Any]:
        return {"object": "list", "data": [model.card() for model in models.all()]}

    @router.get("/models/{name:path}")
    async def retrieve_model(name: str) -> dict[str, Any]:
        return models.find(name).card()

    @router.delete("/models/{name:path}")
    async def delete_model(name: str) -> dict[str, Any]:
        models.delete(name)
        return {"id": name, "object": "model", "deleted": True}

    @router.post("/chat/completions")
    async def chat(request: Request) -> Response:
        asked = chat_request(body_of(await _raw(request)))
        model = models.find(asked.model)
        reply = reply_for(asked, await off_loop(lambda: said(asked, model)))
        stamp = Stamp(f"chatcmpl-{uuid4().hex}", int(time.time()), model.id)
        if not asked.stream:
            return JSONResponse(completion(asked, reply, stamp))
        stream = _stream(events(chunks(asked, reply, stamp)))
        return StreamingResponse(stream, media_type="text/event-stream", headers=_UNBUFFERED)

    @router.post("/embeddings")
    async def embed_texts(request: Request) -> Response:
        asked = embeddings_request(body_of(await _raw(request)))
        model = models.find(asked.model)
        if model.kind != "embedder":
            raise Problem(
                403, "You are not allowed to generate embeddings from this model", param="model"
            )
        vectors = await off_loop(lambda: _vectors(asked))
        return JSONResponse(embeddings(asked, model.id, vectors))

    return router


def _vectors(asked: EmbeddingsRequest) -> Sequence[str | list[float]]:
    found = embed(asked.texts, dimensions=asked.dimensions or DIMENSIONS)
    return as_base64(found) if asked.base64 else found.tolist()


_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def _stream(lines: Any) -> AsyncIterator[str]:
    """One event after another, giving the loop a turn between them: a client that has gone is
    noticed there, and the rest is never written."""
    for line in lines:
        yield line
        await asyncio.sleep(0)


async def _raw(request: Request) -> bytes:
    """The body; raises Problem 413 where it is larger than anything this API takes."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Problem(
                413,
                f"Request too large: expected at most {MOST_BYTES} bytes.",
                code="request_too_large",
            )
        parts.append(part)
    return b"".join(parts)


def _admit(request: Request, key: str | None) -> None:
    if key is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip() if scheme.lower() == "bearer" else ""
    if not hmac.compare_digest(given.encode(), key.encode()):
        raise problems.wrong_key(given)


async def _problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return JSONResponse(problem.body, status_code=problem.status)


async def _not_routed(request: Request, error: Exception) -> Response:
    """FastAPI's own refusals (no such URL, no such method), in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    known = {
        404: problems.unknown_url(request.method, path),
        405: problems.wrong_method(request.method, path),
    }
    problem = known.get(error.status_code) or Problem(error.status_code, str(error.detail))
    return JSONResponse(problem.body, status_code=problem.status)


async def _crashed(_: Request, error: Exception) -> Response:
    """A bug of ours, in OpenAI's shape; the server logs the rest."""
    problem = Problem(
        500, f"The server had an error while processing your request ({type(error).__name__})."
    )
    return JSONResponse(problem.body, status_code=problem.status)
