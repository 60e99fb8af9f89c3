"""A headless Chromium with a new profile for each test, and what it was asked to load."""

import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.chatting import Running

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OUTPUT = Path(__file__).parents[1] / "output"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
def browser() -> Generator[Browser]:
    """Chromium, where this machine has one.

    Closed after this folder's tests: Playwright keeps an event loop running in the main thread,
    beside which no test that is async itself could run.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium: run tests/browser/install.sh as root, or install it yourself")
    expect.set_options(timeout=30_000)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, headless=True, args=[*QUIET])
        yield chromium
        chromium.close()


@dataclass
class Watched:
    """A page, and everything that went over the network or wrong on it."""

    page: Page
    url: str
    name: str
    asked: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    shots: int = 0

    def open(self, path: str = "/") -> Page:
        """Load a page of the chat, and wait until it can be typed into."""
        self.page.goto(self.url + path)
        expect(self.page.locator("#upload-button")).to_be_enabled()  # only when it is connected
        return self.page

    def shot(self, what: str) -> None:
        """Keep what a person sees now, for a person to look at."""
        self.shots += 1
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{self.name}-{self.shots}-{what}.png")

    @property
    def hosts(self) -> set[str]:
        """Every host that the page asked for anything."""
        return {urlsplit(url).netloc for url in self.asked if url.startswith(("http", "ws"))}


Watch = Callable[[Running], Watched]


@pytest.fixture
def watch(browser: Browser, request: pytest.FixtureRequest) -> Generator[Watch]:
    """Opens windows on a chat, all of one person."""
    yield from _windows(browser, str(request.node.name))


@pytest.fixture
def watch_as_another(browser: Browser, request: pytest.FixtureRequest) -> Generator[Watch]:
    """The same for a second person."""
    yield from _windows(browser, f"{request.node.name}-another")


def _windows(browser: Browser, name: str) -> Generator[Watch]:
    context = browser.new_context(locale="en-US", viewport={"width": 1400, "height": 900})
    short = name.removeprefix("test_")[:40] + ("-another" if name.endswith("-another") else "")

    def opened(chat: Running) -> Watched:
        page = context.new_page()
        page.set_default_timeout(30_000)
        watched = Watched(page, chat.url, short)
        page.on("request", lambda asked: watched.asked.append(asked.url))
        page.on("websocket", lambda socket: watched.asked.append(socket.url))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on(
            "console",
            lambda said: watched.errors.append(said.text) if said.type == "error" else None,
        )
        return watched

    yield opened
    context.close()
