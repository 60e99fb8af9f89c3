"""HTTP on files: uploads in, file objects, pages of them and bytes out."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.types import Message as Part

from backend.local import problems
from backend.local.files import Files, too_large
from backend.local.paging import asked_page, page
from backend.local.problems import Problem

OffLoop = Callable[[Callable[[], Any]], Awaitable[Any]]
FORM_ROOM = 64 * 1024
"""Bytes that the form around a file may take."""
_PARAMETERS = frozenset(["file", "purpose"])


def file_routes(files: Files, off_loop: OffLoop) -> APIRouter:
    """The routes of `/files`."""
    router = APIRouter()

    @router.post("/files")
    async def upload(request: Request) -> dict[str, Any]:
        async with _form(request, files.limit) as form:
            upload, purpose = _asked(form)
            name = upload.filename or "file"
            kept = await off_loop(lambda: files.add(name, purpose, upload.file))
            return kept.card()

    @router.get("/files")
    async def list_files(request: Request) -> dict[str, Any]:
        query = request.query_params
        order = query.get("order") or "desc"
        if order not in ("asc", "desc"):
            raise problems.wrong_value("order", order, "'asc' and 'desc'")
        asked = asked_page(query, usual=10_000, most=10_000)
        found = [file.card() for file in files.all(query.get("purpose"))]
        return page(found if order == "desc" else found[::-1], asked)

    @router.get("/files/{name}")
    async def retrieve(name: str) -> dict[str, Any]:
        return files.find(name).card()

    @router.get("/files/{name}/content")
    async def content(name: str) -> Response:
        return FileResponse(files.path(name), media_type="application/octet-stream")

    @router.delete("/files/{name}")
    async def delete(name: str) -> dict[str, Any]:
        files.delete(name)
        return {"id": name, "object": "file", "deleted": True}

    return router


def _asked(form: FormData) -> tuple[UploadFile, str]:
    for name in form:
        if name not in _PARAMETERS:
            raise problems.unknown_parameter(name)
    upload, purpose = form.get("file"), form.get("purpose")
    if upload is None:
        raise problems.missing("file")
    if not isinstance(upload, UploadFile):
        raise problems.wrong_type("file", "a file", upload)
    if purpose is None:
        raise problems.missing("purpose")
    if not isinstance(purpose, str):
        raise problems.wrong_type("purpose", "a string", None)
    return upload, purpose


@asynccontextmanager
async def _form(request: Request, limit: int) -> AsyncGenerator[FormData]:
    """A form of at most `limit` bytes; a larger one is read to its end, and refused: a client that
    still writes would not hear the refusal."""
    seen = 0

    async def receive() -> Part:
        nonlocal seen
        part = await request.receive()
        seen += len(part.get("body", b""))
        if seen > limit + FORM_ROOM:
            raise MultiPartException("too large")
        return part

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=10) as form:
            yield form
    except ClientDisconnect:
        raise Problem(400, "The upload broke off before its end.", param="file") from None
    except HTTPException as error:
        if seen <= limit + FORM_ROOM:
            raise Problem(400, f"Could not read the form: {error.detail}") from None
        await _drain(request, seen, 4 * limit)
        raise too_large(limit) from None


async def _drain(request: Request, seen: int, most: int) -> None:
    more = True
    while more and seen < most:
        part = await request.receive()
        seen += len(part.get("body", b""))
        more = bool(part.get("more_body"))
