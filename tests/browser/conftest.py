"""A headless Chromium with a new profile for each test, and what it was asked to load."""

import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

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
    said: list[str] = field(default_factory=list[str])
    log: Path = Path()
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

    def tells(self) -> str:
        """What a person who looks for the cause of a failure asks for first."""
        try:
            shown = self.page.inner_text("body", timeout=5_000)
            typed = self.page.input_value("#chat-input", timeout=1_000)
        except PlaywrightError as error:
            shown, typed = f"({error})", ""
        logged = self.log.read_text(encoding="utf-8") if self.log.is_file() else "(none)"
        parts = {
            f"Page {self.page.url}": shown,
            "Typed and not sent": typed,
            "Console": "\n".join(self.said[-20:]),
            "End of chat.log": "\n".join(logged.splitlines()[-40:]),
        }
        return "\n".join(f"-- {name}\n{text}" for name, text in parts.items())

    @property
    def hosts(self) -> set[str]:
        """Every host that the page asked for anything."""
        return {urlsplit(url).netloc for url in self.asked if url.startswith(("http", "ws"))}


Watch = Callable[[Running], Watched]


WINDOWS = pytest.StashKey[list[Watched]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows each window's text and console, and the end of the chat's log."""
    report = yield
    if report.when == "call" and report.failed:
        for window in item.stash.get(WINDOWS, []):
            report.sections.append((f"Window {window.name}", window.tells()))
    return report


@pytest.fixture
def watch(browser: Browser, request: pytest.FixtureRequest) -> Generator[Watch]:
    """Opens windows on a chat, all of one person."""
    yield from _windows(browser, request.node, "")


@pytest.fixture
def watch_as_another(browser: Browser, request: pytest.FixtureRequest) -> Generator[Watch]:
    """The same for a second person."""
    yield from _windows(browser, request.node, "-another")


def _windows(browser: Browser, test: pytest.Item, whose: str) -> Generator[Watch]:
    context = browser.new_context(locale="en-US", viewport={"width": 1400, "height": 900})
    short = test.name.removeprefix("test_")[:40] + whose
    windows = test.stash.setdefault(WINDOWS, [])

    def opened(chat: Running) -> Watched:
        page = context.new_page()
        page.set_default_timeout(30_000)
        watched = Watched(page, chat.url, short, log=chat.home / "chat.log")
        windows.append(watched)
        page.on("request", lambda asked: watched.asked.append(asked.url))
        page.on("websocket", lambda socket: watched.asked.append(socket.url))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("console", lambda said: watched.said.append(f"{said.type}: {said.text}"))
        page.on(
            "console",
            lambda said: watched.errors.append(said.text) if said.type == "error" else None,
        )
        return watched

    yield opened
    context.close()
