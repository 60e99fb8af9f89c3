"""Fixtures that every test may ask for; no test reads a developer's own home or keys."""

import os
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.chatting import Running

os.environ["CHAINLIT_APP_ROOT"] = tempfile.mkdtemp(prefix="tenk-tests-")
os.environ["CHAINLIT_ENV_FILE"] = "no.env"  # importing chainlit writes there, and reads .env
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # as in a shell's background job: Ctrl-C would be ignored by whatever a test starts, too
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test gets an empty home, and no key or model name from outside."""
    for name in [*os.environ]:
        if name.startswith("TENK_") or name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("TENK_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real filings and questions, beside the project where somebody has them."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real filings in {SHARED.parent.name}/{SHARED.name} beside the project")
    return SHARED


@pytest.fixture(scope="session")
def stocked_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a filing of three pages in it. Copy it; nothing may run over it."""
    from tests.chatting import stock, write_filing

    place = tmp_path_factory.mktemp("stocked")
    return stock(place / "home", write_filing(place / "meadowlark.pdf"))


@pytest.fixture(scope="session")
def chat(stocked_home: Path, tmp_path_factory: pytest.TempPathFactory) -> "Generator[Running]":
    """A chat on this machine, without sign-in, over a home with that filing."""
    from tests.chatting import running

    home = copytree(stocked_home, tmp_path_factory.mktemp("chat") / "home")
    with running(home) as served:
        yield served


@pytest.fixture(scope="session")
def postgres() -> Generator[str]:
    """The URL of a PostgreSQL server of our own; skips where its programs are not installed."""
    from tests.postgres import running as served

    # not under pytest's own folder, which each start of pytest closes to other users
    with tempfile.TemporaryDirectory(prefix="tenk-postgres-") as folder:
        with served(Path(folder)) as url:
            yield url
