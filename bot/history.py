"""Chainlit's data layer over our one database: what a chat keeps, and what it shows again.

It alone translates between Chainlit's dictionaries and our rows. Errors are raised, not swallowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from chainlit.context import context_var
from chainlit.data.base import BaseDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element, ElementDict
from chainlit.step import StepDict
from chainlit.types import (
    Feedback,
    PageInfo,
    PaginatedResponse,
    Pagination,
    ThreadDict,
    ThreadFilter,
)
from chainlit.user import PersistedUser, User

from backend import records
from backend.conversations import mask
from backend.errors import DataError
from backend.store import history as rows
from backend.store import persons
from backend.store.database import transaction
from backend.store.turns import turns_of_thread

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

T = TypeVar("T")


def as_user(person: records.Person) -> PersistedUser:
    """A person as Chainlit knows them: `identifier` is the name they sign in with."""
    local = person.id == persons.LOCAL_ADMIN
    return PersistedUser(
        id=person.id,
        createdAt=rows.moment(person.created_at),
        identifier=person.name,
        display_name="You, on this machine" if local else person.name,
        metadata={"role": person.role},
    )


def as_thread(
    row: records.Thread, person: records.Person | None, session: Session | None = None
) -> ThreadDict:
    """A thread for the page; with a session, with everything in it."""
    steps, elements = _content(session, row.id) if session is not None else ([], [])
    return ThreadDict(
        id=row.id,
        createdAt=rows.moment(row.created_at),
        name=row.name or None,
        userId=row.person,
        userIdentifier=person.name if person else None,
        tags=None,
        metadata=row.detail.get("metadata") or {},
        steps=steps,
        elements=elements,
    )


def _content(session: Session, thread: str) -> tuple[list[StepDict], list[ElementDict]]:
    rated = {
        turn.step: turn
        for turn in turns_of_thread(session, thread)
        if turn.step is not None and turn.rating is not None
    }
    steps: list[Any] = []
    for row in rows.steps_of(session, thread):
        detail = dict(row.detail)
        if (turn := rated.get(row.id)) is not None:
            detail["feedback"] = {
                "id": row.id,
                "forId": row.id,
                "value": 1 if turn.rating == 1 else 0,
                "comment": turn.comment or None,
            }
        steps.append(detail)
    elements: list[Any] = [dict(row.detail) for row in rows.elements_of(session, thread)]
    return steps, elements


def acting() -> str | None:
    """The person at the other end of the socket; None in HTTP routes, which ask for the owner."""
    context = context_var.get(None)
    user = context.session.user if context is not None else None
    return user.id if isinstance(user, PersistedUser) else None


def masked(step: StepDict) -> dict[str, Any]:
    """A step as it may be stored: without e-mail addresses and the like in the reader's words."""
    detail: dict[str, Any] = {**step}
    if step.get("type") in ("user_message", "run"):
        for part in ("input", "output"):
            if isinstance(said := detail.get(part), str):
                detail[part] = mask(said)
    return detail


class History(BaseDataLayer):
    """One thread does all its database work, in the order in which Chainlit asked for it.

    Chainlit starts writes as tasks of their own and waits for none, so their order is all that
    keeps an update behind its message; and a busy database must not hold the event loop.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    async def _do(self, work: Callable[[Session], T]) -> T:
        def done() -> T:
            with transaction(self._engine) as session:
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(self._worker, done)

    # -- persons: Chainlit may look them up, only `tenk users` makes them

    async def get_user(self, identifier: str) -> PersistedUser | None:
        found = await self._do(lambda session: persons.person_named(session, identifier))
        return as_user(found) if found else None

    async def create_user(self, user: User) -> PersistedUser | None:
        return await self.get_user(user.identifier)

    # -- ratings: our own route takes them, because these two are not told who asks

    async def upsert_feedback(self, feedback: Feedback) -> str:
        raise DataError(f"A rating of {feedback.forId} came by a way that does not tell whose.")

    async def delete_feedback(self, feedback_id: str) -> bool:
        raise DataError(f"Taking back {feedback_id} came by a way that does not tell whose.")

    # -- threads

    async def get_thread_author(self, thread_id: str) -> str:
        def author(session: Session) -> str:
            row = rows.thread(session, thread_id)
            person = persons.person(session, row.person) if row else None
            return person.name if person else ""

        return await self._do(author)

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        def whole(session: Session) -> ThreadDict | None:
            row = rows.thread(session, thread_id)
            return as_thread(row, persons.person(session, row.person), session) if row else None

        return await self._do(whole)

    async def list_threads(
        self, pagination: Pagination, filters: ThreadFilter
    ) -> PaginatedResponse[ThreadDict]:
        if filters.userId is None:
            raise DataError("Threads are listed for one person, and none was named.")
        person, rating = filters.userId, filters.feedback

        def page(session: Session) -> PaginatedResponse[ThreadDict]:
            found, more = rows.threads_of(
                session,
                person,
                first=pagination.first,
                after=pagination.cursor,
                search=filters.search,
                rating=None if rating is None else (1 if rating == 1 else -1),
            )
            owner = persons.person(session, person)
            ends = (found[0].id, found[-1].id) if found else (None, None)
            info = PageInfo(hasNextPage=more, startCursor=ends[0], endCursor=ends[1])
            return PaginatedResponse(pageInfo=info, data=[as_thread(row, owner) for row in found])

        return await self._do(page)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        person = acting()

        def save(session: Session) -> None:
            if name is None and user_id is None and _anothers(session, thread_id, person):
                return  # a page that closes after its thread was taken over
            rows.require_owner(session, thread_id, person)
            rows.save_thread(
                session, thread_id, person=user_id, name=short(name), metadata=metadata
            )

        await self._do(save)

    async def delete_thread(self, thread_id: str) -> None:
        await self._do(lambda session: rows.delete_thread(session, thread_id))

    # -- steps and elements

    @queue_until_user_message()
    async def create_step(self, step_dict: StepDict) -> None:
        person, detail = acting(), masked(step_dict)
        await self._do(lambda session: rows.save_step(session, detail, person=person))

    async def keep_question(self, step_dict: StepDict, person: str) -> None:
        """Return when a reader's message is kept. Chainlit would answer it before that, and a chat
        that is killed then would not know what it owed."""
        detail = masked(step_dict)

        def save(session: Session) -> None:
            rows.save_thread(session, detail["threadId"], person=person)
            rows.save_step(session, detail, person=person)

        await self._do(save)

    @queue_until_user_message()
    async def update_step(self, step_dict: StepDict) -> None:
        person, detail = acting(), masked(step_dict)
        await self._do(lambda session: rows.save_step(session, detail, person=person))

    @queue_until_user_message()
    async def delete_step(self, step_id: str) -> None:
        person = acting()
        await self._do(lambda session: rows.delete_step(session, step_id, person=person))

    @queue_until_user_message()
    async def create_element(self, element: Element) -> None:
        """Keep what can be shown again: a file of the running session alone is gone after it."""
        if not element.url:
            return
        person, detail = acting(), {**element.to_dict()}
        await self._do(lambda session: rows.save_element(session, detail, person=person))

    async def get_element(self, thread_id: str, element_id: str) -> ElementDict | None:
        found = await self._do(lambda session: rows.element(session, thread_id, element_id))
        return ElementDict(**found.detail) if found else None

    @queue_until_user_message()
    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        person = acting()
        await self._do(lambda session: rows.delete_element(session, element_id, person=person))

    # -- what we do not offer

    async def build_debug_url(self) -> str:
        return ""

    async def get_favorite_steps(self, user_id: str) -> list[StepDict]:
        return []

    async def close(self) -> None:
        """Wait for the writes already asked for."""
        await asyncio.to_thread(self._worker.shutdown)


def _anothers(session: Session, thread: str, person: str | None) -> bool:
    return person is not None and rows.thread_owner(session, thread) not in (None, person)


def short(name: str | None) -> str | None:
    """A thread's name: the first question, on one line, as long as the list can show."""
    if name is None:
        return None
    line = mask(" ".join(name.split()))
    return line if len(line) <= 120 else f"{line[:119]}…"
