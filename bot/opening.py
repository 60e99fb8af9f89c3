"""Settings go in; what the chat's handlers and routes work with comes out, opened once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backend.assistant import Assistant
from backend.index import Index, open_index
from backend.library import Library
from backend.models import LocalApi, Models, open_models
from backend.records import Role
from backend.store.database import open_database
from backend.store.spending import count_broken_off, count_vectors
from bot.page import secret
from bot.signin import SignIn

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.settings import Settings


@dataclass(frozen=True)
class House:
    """What stands behind the chat."""

    settings: Settings
    engine: Engine
    models: Models
    index: Index
    assistant: Assistant
    library: Library
    sign_in: SignIn


def open_house(settings: Settings, local: LocalApi) -> House:
    """Open database, index and models; `local` is where this process serves tenk's own API."""
    engine = open_database(settings.database)
    models = open_models(
        settings,
        local,
        on_embedded=partial(count_vectors, engine),
        on_lost=partial(count_broken_off, engine),
    )
    index = open_index(
        settings.home, embed=models.embed, embed_model=settings.endpoint(Role.EMBED).model
    )
    return House(
        settings=settings,
        engine=engine,
        models=models,
        index=index,
        assistant=Assistant(engine=engine, models=models, index=index, settings=settings),
        library=Library(engine=engine, index=index, home=settings.home, settings=settings),
        sign_in=SignIn(engine, secret(settings.home)),
    )
