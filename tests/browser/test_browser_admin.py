"""An admin who retrains, reviews and rolls back in a real browser, while a reader reads.

With a worker beside the chat, as `make chat` starts one. Screenshots go to tests/output.
"""

import shutil
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Locator, Page, expect

from backend.settings import load_settings
from backend.steering import promote
from backend.store.database import open_database, transaction
from backend.store.persons import add_person
from bot.orders import COMMANDS
from tests.browser.conftest import Watch
from tests.chatting import Running, environment, running
from tests.turning import template

PASSWORD = "correct horse"
# A lenient alpha, so that so small an exam decides: what is tried here is the page, not the rule.
SETTINGS = {
    "TENK_EXAM_SHARE": "0.3",
    "TENK_EPOCHS": "10",
    "TENK_MIN_QUESTIONS": "16",
    "TENK_LOOK_EVERY": "16",
    "TENK_MAX_QUESTIONS": "16",
    "TENK_ALPHA": "0.3",
}


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A chat over a log of 150 answers, where the untuned student answers, with its worker."""
    home = tmp_path_factory.mktemp("staffed") / "home"
    with ThreadPoolExecutor(1) as apart:  # Playwright's own loop runs in this thread
        shutil.copytree(apart.submit(template).result(), home)
    engine = open_database(f"sqlite:///{home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        held = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        add_person(session, "boss", role="admin", password=held)
        add_person(session, "ann", role="reader", password=held)
        settings = load_settings(home=home)
        promote(session, settings, "student", by="boss", reason="Something to be better than")
    engine.dispose()
    with running(home, **SETTINGS) as served, worker(home):
        yield served


@contextmanager
def worker(home: Path) -> Generator[None]:
    with (home / "worker.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "worker"],
            env=environment(home, **SETTINGS),
            cwd=home.parent,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def sign_in(page: Page, url: str, name: str, password: str = PASSWORD) -> None:
    page.goto(url)
    page.fill("#email", name)
    page.fill("#password", password)
    page.click("button[type=submit]")


def ready(page: Page) -> None:
    expect(page.locator("#upload-button")).to_be_enabled()


def order(page: Page, name: str, rest: str = "") -> None:
    """Type an order: the menu under it takes the name, then what follows is sent with it."""
    page.fill("#chat-input", f"/{name}")
    expect(page.get_by_text(COMMANDS[name].does)).to_be_visible()
    page.press("#chat-input", "Enter")
    expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    if rest:
        page.fill("#chat-input", rest)
    page.press("#chat-input", "Enter")


def ask(page: Page, text: str) -> None:
    page.fill("#chat-input", text)
    page.press("#chat-input", "Enter")


def said(page: Page, text: str) -> Locator:
    return page.locator("[data-step-type=assistant_message]").filter(has_text=text).last


def test_an_admin_retrains_leaves_comes_back_reviews_and_rolls_back_while_a_reader_reads(
    staffed: Running, watch: Watch, watch_as_another: Watch
) -> None:
    admin, ann = watch(staffed), watch_as_another(staffed)
    sign_in(admin.page, admin.url, "boss")
    sign_in(ann.page, ann.url, "ann")
    ready(ann.page)

    # the menu, and how things stand
    page = admin.page
    ready(page)
    page.fill("#chat-input", "/")
    expect(page.get_by_text("How things stand")).to_be_visible()
    admin.shot("menu")
    order(page, "status")
    expect(page.locator("[data-step-type=user_message]")).to_have_text("/status")
    expect(said(page, "Answering")).to_contain_text("local-student")
    admin.shot("status")

    # retrain, let it wait, let it go on, and close the page while it runs
    order(page, "retrain")
    expect(said(page, "asked for by boss")).to_contain_text("Curating")
    admin.shot("retrain")
    order(page, "pause", "Lunch")
    expect(said(page, "is paused:")).to_contain_text("/resume")
    expect(said(page, "asked for by boss")).to_contain_text("paused by boss in the chat")
    admin.shot("paused")
    order(page, "resume")
    expect(said(page, "asked for by boss")).to_contain_text("running")
    expect(said(page, "asked for by boss")).to_contain_text("resumed by boss in the chat")
    admin.shot("resumed")
    page.close()

    # a second window is told of the swap, and the next answer is the new model's
    swapped = ann.page.get_by_text("From the next question on")
    expect(swapped).to_have_count(1, timeout=120_000)
    ann.shot("told")
    ask(ann.page, "What was Calderwick's total revenue in fiscal 2025?")
    expect(said(ann.page, "Answered by")).to_contain_text("cycle 1")
    ann.shot("swapped")

    # back again: the verdict is there, and what to do next
    admin = watch(staffed)
    page = admin.open()
    page.get_by_role("link", name="/status").first.click()
    expect(said(page, "asked for by boss")).to_contain_text("Undo it: /rollback")
    admin.shot("verdict")

    # three examples, one of each decision
    order(page, "examples")
    for button in ("Keep", "Drop", "Correct"):
        expect(page.get_by_role("button", name=button, exact=True)).to_have_count(1)
        admin.shot(f"example-{button.lower()}")
        page.get_by_role("button", name=button, exact=True).click()
        if button == "Correct":
            expect(said(page, "Type what the answer")).to_be_visible()
            ask(page, "Total revenue was $1,234.5 million in fiscal 2025 [1].")
        expect(page.get_by_role("button", name="Undo", exact=True)).to_have_count(
            ("Keep", "Drop", "Correct").index(button) + 1
        )
    expect(said(page, "with your answer")).to_be_visible()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_have_count(1)
    page.reload()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_have_count(1)
    expect(page.get_by_role("button", name="Undo", exact=True)).to_have_count(3)
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="Undo", exact=True)).to_have_count(4)
    admin.shot("reviewed")

    # roll back: told here and in the second window
    order(page, "rollback", "Only to try it")
    expect(said(page, "answers again, from the next")).to_contain_text("local-student")
    expect(said(ann.page, "answers again")).to_contain_text("Only to try it")
    order(page, "models")
    expect(said(page, "answers now")).to_contain_text("by boss")
    admin.shot("rolled-back")

    # a reader has no menu and is refused
    ask(ann.page, "/retrain")
    expect(said(ann.page, "is for admins")).to_contain_text("nothing was done")
    ann.shot("refused")
    assert admin.errors == []
    assert admin.hosts == ann.hosts == {admin.url.removeprefix("http://")}


def test_the_sign_in_page_is_tenks_own_and_says_wrong_and_too_many_passwords(
    staffed: Running, watch: Watch
) -> None:
    page = (seen := watch(staffed)).page
    page.goto(seen.url)
    expect(page.get_by_role("heading", name="Sign in to tenk")).to_be_visible()
    picture = page.get_by_role("img", name="Image")
    expect(picture).to_have_attribute("src", "/public/cover.svg")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 700
    seen.shot("sign-in")

    sign_in(page, seen.url, "ann", "a wrong password")
    expect(page.get_by_text("do not belong together")).to_have_count(2)  # told above the form too
    for _ in range(4):
        with page.expect_response("**/login"):
            page.click("button[type=submit]")
    page.click("button[type=submit]")

    expect(page.get_by_text("too many wrong passwords. Try again in")).to_be_visible()
    expect(page.get_by_text("Too many wrong passwords were tried. Wait a little")).to_be_visible()
    expect(page.get_by_text("do not belong together. Whoever")).to_have_count(0)
    seen.shot("too-many")
    assert page.title() == "tenk"
    assert seen.hosts == {seen.url.removeprefix("http://")}
