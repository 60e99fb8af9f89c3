"""Settings -> the drivers a command needs, opened on first use and closed at the end.

Where a role has no server of its own, tenk's local API is started in a thread beside the command,
so that a command reaches every model in the same way as the chat does.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.assistant import Assistant
    from backend.index import Index
    from backend.library import Library
    from backend.models import Models
    from backend.settings import Settings


@dataclass(frozen=True)
class House:
    """Everything a command may need; each part is opened when it is first asked for."""

    settings: "Settings"
    closing: ExitStack = field(repr=False)

    @cached_property
    def engine(self) -> "Engine":
        """The database."""
        from backend.store.database import open_database

        engine = open_database(self.settings.database)
        self.closing.callback(engine.dispose)
        return engine

    @cached_property
    def models(self) -> "Models":
        """Clients by role; starts the local API where a role needs it."""
        from backend.models import LocalApi, open_models
        from backend.records import Role, Usage
        from backend.store.spending import count_broken_off, count_vectors

        local = None
        if any(self.settings.endpoint(role).local for role in Role):
            from backend.local.serving import serve

            running = self.closing.enter_context(serve(self.settings.home))
            local = LocalApi(url=running.url, key=running.key)

        def count(model: str, usage: Usage, cost: float | None) -> None:
            count_vectors(self.engine, model, usage, cost)

        def lose(model: str, usage: Usage, cost: float | None) -> None:
            count_broken_off(self.engine, model, usage, cost)

        return open_models(self.settings, local, on_embedded=count, on_lost=lose)

    @cached_property
    def index(self) -> "Index":
        """The searchable chunks."""
        from backend.index import open_index
        from backend.records import Role

        name = self.settings.endpoint(Role.EMBED).model
        return open_index(self.settings.home, embed=self.models.embed, embed_model=name)

    @cached_property
    def library(self) -> "Library":
        """Files in, searchable filings out."""
        from backend.library import Library

        def warm() -> None:
            self.index.warm()
            self.models.warm()

        return Library(
            engine=self.engine,
            index=self.index,
            home=self.settings.home,
            settings=self.settings,
            warm=warm,
        )

    @cached_property
    def assistant(self) -> "Assistant":
        """Questions in, logged answers out."""
        from backend.assistant import Assistant

        return Assistant(
            engine=self.engine, models=self.models, index=self.index, settings=self.settings
        )


@contextmanager
def opened() -> Generator[House]:
    """The house for one command."""
    from backend.settings import load_settings

    with ExitStack() as closing:
        yield House(load_settings(), closing)
