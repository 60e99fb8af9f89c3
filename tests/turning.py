"""A home whose log is ready for a cycle: the sample filing, its questions asked of the teacher."""

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backend.cli.opening import House
from backend.flywheel import Flywheel, Wheel
from backend.models import Models
from backend.records import Cycle, Message, Role, Secret, Usage
from backend.samples import SAMPLE_PDF, SAMPLE_QUESTIONS
from backend.settings import load_settings
from backend.store import cycles
from backend.store.database import transaction
from backend.store.secrets import EXAM

ASKED = 150
KEY = "1d" * 32
"""Of the hash that parts training from exam: fixed, so that a test knows what it gets."""
QUICK: dict[str, Any] = {
    "exam_share": 0.3,
    "min_questions": 8,
    "look_every": 8,
    "max_questions": 16,
    "epochs": 10,
}
"""A cycle with a small exam and a short training, for tests that ask for neither."""


def sample_questions() -> list[str]:
    """The sample's own questions, of every kind in turn."""
    lines = SAMPLE_QUESTIONS.read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [row["question"] for row in sorted(rows, key=lambda row: row["id"].split("-")[1])]


@contextmanager
def house_at(home: Path, **settings: Any) -> Generator[House]:
    """Everything a command has, in one home."""
    with ExitStack() as closing:
        yield House(load_settings(home=home, base_url="local", **settings), closing)


@cache
def template() -> Path:
    """The home, made once; tests copy it."""
    folder = Path(tempfile.mkdtemp(prefix="tenk-turning-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    home = folder / "home"
    with house_at(home) as house:
        with transaction(house.engine) as session:
            session.add(Secret(name=EXAM, value=KEY))
        asyncio.run(_filled(house))
    return home


async def _filled(house: House) -> None:
    await house.library.ingest([Path(SAMPLE_PDF)])
    for number, question in enumerate(sample_questions()[:ASKED]):
        await house.assistant.ask(question, thread=f"t{number}")


@dataclass(frozen=True)
class Ready:
    """A home of one's own, and what turns its wheel."""

    house: House
    flywheel: Flywheel

    def open(self) -> int:
        """A cycle that was asked for; the running one where there is one."""
        with transaction(self.house.engine) as session:
            return cycles.open_cycle(session, by="test", tag="tag-of-this-cycle").id or 0

    def cycle(self, key: int = 1) -> Cycle:
        """The row as it is now."""
        with transaction(self.house.engine) as session:
            return cycles.cycle(session, key)

    def texts(self, kind: str, key: int = 1) -> list[str]:
        """What happened, of one kind."""
        with transaction(self.house.engine) as session:
            return [one.text for one in cycles.events(session, key) if one.kind == kind]


class Watched:
    """The models; `before` is called with each question of the exam that goes out."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.before: Callable[[int], None] = lambda count: None
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        self.watch(messages)
        return await self.inner.complete(role, messages, model=model)

    def watch(self, messages: Sequence[Message]) -> None:
        """Count what is a question of the exam, and tell of it."""
        if "Evidence:" in messages[-1].content:
            self.count += 1
            self.before(self.count)


@contextmanager
def ready(
    folder: Path, *, models: Callable[[Models], Any] | None = None, **settings: Any
) -> Generator[Ready]:
    """A copy of the home, with settings that make a cycle quick unless told otherwise.

    `models`: makes what stands between the flywheel and the models.
    """
    home = folder / "ready"
    if not home.exists():
        shutil.copytree(template(), home)
    with house_at(home, **(QUICK | settings)) as house:
        reached = models(house.models) if models else house.models
        wheel = Wheel(house.settings, house.engine, reached, rest=no_rest)
        yield Ready(house, Flywheel(wheel))


async def no_rest(seconds: float) -> None:
    """Gives way to others, and waits for nothing."""
    await asyncio.sleep(0)
