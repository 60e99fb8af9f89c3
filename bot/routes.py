"""Our own HTTP routes, before Chainlit's of the same address: ratings, buttons, filings, uploads.

Chainlit's own take a rating from whoever is signed in; these ask whose answer it is. What Chainlit
offers and tenk does not is answered with 404.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import NAMESPACE_URL, uuid5

from chainlit import server as chainlit_server
from chainlit.auth import get_configuration
from chainlit.server import UserParam
from chainlit.session import WebsocketSession
from chainlit.types import CallActionRequest, DeleteFeedbackRequest, UpdateFeedbackRequest
from chainlit.user import PersistedUser
from fastapi import APIRouter, Depends, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.security import OAuth2PasswordRequestForm

from backend.errors import NotFound, NotYours
from backend.store import history as rows
from backend.store.database import transaction
from backend.store.filings import filing
from backend.store.turns import turn_of_step
from bot.orders import refusal
from bot.render import rating_note
from bot.reviewing import REVIEW, is_button
from bot.wire import note, tell

if TYPE_CHECKING:
    from bot.opening import House

LONGEST_COMMENT = 4000
NOT_OFFERED = (
    ("/filings/{rest:path}", ("GET",)),
    ("/project/element", ("PUT", "DELETE")),
    ("/project/thread/share", ("PUT",)),
    ("/project/share/{thread}", ("GET",)),
    ("/mcp", ("POST", "DELETE")),
    ("/auth/jwt", ("POST",)),
    ("/auth/oauth/{rest:path}", ("GET", "POST")),
    ("/copilot/{rest:path}", ("GET",)),
    ("/docs{rest:path}", ("GET",)),
    ("/redoc", ("GET",)),
    ("/openapi.json", ("GET",)),
)


def routes(house: House) -> APIRouter:
    """The routes over this house."""
    router = APIRouter()
    _for_signing_in(router, house)
    _for_ratings(router, house)
    _for_buttons(router, house)
    _for_files(router, house)
    for path, methods in NOT_OFFERED:
        router.add_api_route(path, _not_offered, methods=[*methods])
    return router


def _for_signing_in(router: APIRouter, house: House) -> None:
    @router.get("/auth/config")
    async def how_to_sign_in() -> dict[str, Any]:
        required = house.sign_in.required()
        return {**get_configuration(), "passwordAuth": required, "headerAuth": not required}

    @router.post("/login")
    async def sign_in(
        request: Request, response: Response, given: Annotated[OAuth2PasswordRequestForm, Depends()]
    ) -> Response:
        name, address = given.username, request.client.host if request.client else ""
        if wait := ceil(await asyncio.to_thread(house.sign_in.begin, name, address)):
            told = f"too many wrong passwords. Try again in {_duration(wait)}"
            raise HTTPException(429, told, headers={"retry-after": str(wait)})
        try:
            told = await chainlit_server.login(request, response, given)
        except HTTPException as refusal:
            if refusal.status_code != 401:
                raise
            raise HTTPException(401, "that name and password do not belong together") from None
        await asyncio.to_thread(house.sign_in.end, name, address)
        return told


def _duration(seconds: int) -> str:
    if seconds > 90:
        return f"{ceil(seconds / 60)} minutes"
    return "a second" if seconds == 1 else f"{seconds} seconds"


def _for_ratings(router: APIRouter, house: House) -> None:
    @router.put("/feedback")
    async def take_rating(update: UpdateFeedbackRequest, user: UserParam) -> dict[str, Any]:
        given = update.feedback
        comment = (given.comment or "").strip()[:LONGEST_COMMENT]
        await _rate(house, _person(user), given.forId, 1 if given.value else -1, comment)
        return {"success": True, "feedbackId": given.forId}

    @router.delete("/feedback")
    async def take_back(payload: DeleteFeedbackRequest, user: UserParam) -> dict[str, Any]:
        await _rate(house, _person(user), payload.feedbackId, None, "")
        return {"success": True}


def _for_buttons(router: APIRouter, house: House) -> None:
    @router.post("/project/action")
    async def press(pressed: CallActionRequest, user: UserParam) -> Response:
        """Chainlit's own asks neither what somebody may do nor whether the page is there."""
        person = _person(user)
        session = WebsocketSession.get_by_id(pressed.sessionId)
        if session is None:
            raise HTTPException(404, "That page is not open any more. Load it again.")
        if not isinstance(session.user, PersistedUser) or session.user.id != person:
            raise HTTPException(403, "That page is another person's; nothing was done.")
        role = await asyncio.to_thread(house.sign_in.role, person)
        if refused := refusal(role, REVIEW):
            raise HTTPException(403, refused.replace("`", ""))  # shown as it is, not as markdown
        if not is_button(pressed.action):
            raise HTTPException(422, "There is no such button.")
        return await chainlit_server.call_action(pressed, user)


def _for_files(router: APIRouter, house: House) -> None:
    @router.get("/filings/{key}.pdf")
    async def pdf(key: str, user: UserParam) -> Response:
        _person(user)
        return await asyncio.to_thread(_pdf, house, key)

    @router.post("/project/file")
    async def upload(
        user: UserParam, session_id: str, file: UploadFile, ask_parent_id: str | None = None
    ) -> Response:
        if file.size == 0:
            raise HTTPException(400, f"{file.filename} is empty (0 bytes). Expected a PDF.")
        return await chainlit_server.upload_file(user, session_id, file, ask_parent_id)


async def _not_offered() -> Response:
    return JSONResponse({"detail": "tenk does not offer this."}, status_code=404)


def _person(user: Any) -> str:
    if not isinstance(user, PersistedUser):
        raise HTTPException(401, "Sign in first.")
    return user.id


# -- ratings


async def _rate(
    house: House, person: str, step: str, rating: Literal[1, -1] | None, comment: str
) -> None:
    """Rate one's own answer, and say in its thread what that did to the training data."""
    try:
        told = await asyncio.to_thread(
            _rated, house, person=person, step=step, rating=rating, comment=comment
        )
    except NotYours as refusal:
        raise HTTPException(403, str(refusal)) from None
    except NotFound as unknown:
        raise HTTPException(404, str(unknown)) from None
    if told is not None:
        await tell(house.sign_in, person, told.thread, told.event, told.message)


@dataclass(frozen=True, slots=True)
class Note:
    """A message about a rating, for the thread it was given in."""

    thread: str
    event: str
    message: dict[str, Any]


def _rated(
    house: House, *, person: str, step: str, rating: Literal[1, -1] | None, comment: str
) -> Note | None:
    with transaction(house.engine) as session:
        turn = turn_of_step(session, step)
    if turn is None or turn.id is None:
        raise NotFound("answer", step, "the conversation")
    rated = house.assistant.rate(turn.id, rating, comment=comment, person=person)
    key = str(uuid5(NAMESPACE_URL, f"tenk:rating:{step}"))
    with transaction(house.engine) as session:
        known = rows.step(session, key)
        if rating != -1 and known is None:
            return None  # the thumb itself says enough
        told = rating_note(rating, turn.question, rated.example, rated.learned_by)
        message = note(key, turn.thread, told)
        if known is not None:
            message["createdAt"] = known.detail["createdAt"]
        rows.save_step(session, message, person=person)
    return Note(turn.thread, "update_message" if known else "new_message", message)


# -- filings

_ID = re.compile(r"[0-9a-f]{6,64}")


def _pdf(house: House, key: str) -> Response:
    """A filing for who is signed in; the page asks for it piece by piece."""
    file = house.settings.home / "filings" / f"{key}.pdf"
    if not _ID.fullmatch(key) or not file.is_file():
        raise HTTPException(404, "No such filing.")
    try:
        with transaction(house.engine) as session:
            name = filing(session, key).file
    except NotFound as unknown:
        raise HTTPException(404, str(unknown)) from None
    return FileResponse(
        file,
        media_type="application/pdf",
        filename=name,
        content_disposition_type="inline",
        # The page's own policy would keep the browser from showing it in a window of its own.
        headers={"content-security-policy": "frame-ancestors 'self'"},
    )
