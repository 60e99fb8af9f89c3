"""A person with a 10-K and a question, in a real browser. Screenshots go to tests/output."""

import re
from collections.abc import Generator
from pathlib import Path
from shutil import copytree

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watch
from tests.chatting import Running, running, write_filing
from tests.strict_server import KEY, silence, strict_server

ASKED = "[data-step-type=user_message]"
SALES = "What were Meadowlark's net sales in 2024?"


@pytest.fixture
def own_chat(stocked_home: Path, tmp_path: Path) -> Generator[Running]:
    with running(copytree(stocked_home, tmp_path / "copy")) as served:
        yield served


def ask(page: Page, question: str) -> Locator:
    """Ask, and wait for the whole answer; each step by itself, to tell where one is lost."""
    answers, asked = page.get_by_text("Answered by"), page.locator(ASKED).filter(has_text=question)
    before, shown = answers.count(), asked.count()
    page.fill("#chat-input", question)
    expect(page.locator("#chat-submit")).to_be_enabled()  # not while a file is on its way
    page.press("#chat-input", "Enter")
    expect(asked, "Enter was pressed and the question not sent").to_have_count(shown + 1)
    expect(page.locator("#chat-input"), "It was sent and stays typed").to_have_value("")
    expect(answers, "The question was sent and not answered").to_have_count(before + 1)
    said = page.locator("[data-step-type=assistant_message]")
    return said.filter(has_text="Answered by").last


def test_open_ask_cite_thumb_down_reload_upload_and_ask_again(
    own_chat: Running, watch: Watch, tmp_path: Path
) -> None:
    seen = watch(own_chat)
    page = seen.open()
    starters = page.locator("#starters button")
    expect(starters).to_have_count(3)
    seen.shot("open")

    # tokens arrive: what is on the page grows before the answer is whole
    page.evaluate(GROWTH)
    answer = ask(page, SALES)
    expect(answer).to_contain_text("512")
    seen.shot("answer")
    grown: list[int] = page.evaluate("window.grown")
    assert len(grown) > 2, "The answer came in one piece."

    # the citation opens at its page, beside the chat
    answer.locator("a.element-link").first.click()
    panel = page.locator("aside")
    expect(page.locator("#side-view-title")).to_contain_text("Meadowlark Tools 10-K FY2024, p. 3")
    expect(panel.get_by_text("3 / 3")).to_be_visible()
    expect(panel.locator(".textLayer")).to_contain_text("Net sales")
    expect(panel.locator("canvas")).to_have_count(1)
    seen.shot("cited-page")

    # thumbs down with a comment, said in the chat
    page.locator("button.negative-feedback-off").last.click()
    page.fill("[role=dialog] textarea", "The year is wrong")
    seen.shot("comment")
    page.click("#submit-feedback")
    expect(page.get_by_text("is dropped from the training data")).to_be_visible()
    expect(page.locator("button.negative-feedback-on")).to_have_count(1)
    seen.shot("thumbs-down")

    # reload: it is all there again
    page.reload()
    expect(page.locator("button.negative-feedback-on")).to_have_count(1)
    expect(page.get_by_text("is dropped from the training data")).to_be_visible()
    expect(page.locator("aside")).to_have_count(0)
    seen.shot("reloaded")
    page.locator("a.element-link").first.click()
    expect(page.locator("aside").get_by_text("3 / 3")).to_be_visible()
    page.locator("#side-view-title button").click()

    # a second filing, asked at once
    heron = write_filing(tmp_path / "heron.pdf", "Heron Saws, Inc.", sales=733)
    page.set_input_files("#upload-button-input", heron)
    expect(page.locator("#chat-submit")).to_be_enabled()
    page.click("#chat-submit")
    expect(page.get_by_text("is ready: 3 pages")).to_be_visible()
    answer = ask(page, "What were net sales in 2024?")
    expect(answer).to_contain_text("733")
    answer.locator("a.element-link").first.click()
    expect(page.locator("#side-view-title")).to_contain_text("Heron Saws 10-K FY2024, p. 3")
    seen.shot("second-filing")

    assert seen.hosts == {seen.url.removeprefix("http://")}
    assert seen.errors == []


GROWTH = """() => {
  window.grown = [];
  new MutationObserver(() => {
    const last = [...document.querySelectorAll('[data-step-type=assistant_message]')].at(-1);
    const length = last ? last.textContent.length : 0;
    if (length && window.grown.at(-1) !== length) window.grown.push(length);
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


def test_a_thumb_taken_back_keeps_the_example_and_says_so(chat: Running, watch: Watch) -> None:
    page = watch(chat).open()
    ask(page, SALES)
    page.locator("button.negative-feedback-off").last.click()
    page.click("#submit-feedback")
    expect(page.get_by_text("is dropped from the training data")).to_be_visible()

    page.locator("button.negative-feedback-on").click()

    expect(page.get_by_text("Thumb taken back")).to_be_visible()
    expect(page.locator("button.negative-feedback-on")).to_have_count(0)
    page.reload()
    expect(page.locator("button.negative-feedback-off")).to_have_count(1)


def test_a_starter_is_a_question_with_an_answer(chat: Running, watch: Watch) -> None:
    seen = watch(chat)
    page = seen.open()

    page.locator("#starters button").first.click()

    expect(page.get_by_text("Answered by")).to_be_visible()
    expect(page.locator("a.element-link").first).to_be_visible()


def test_on_a_phone_nothing_of_the_first_page_leaves_the_window(
    chat: Running, watch: Watch
) -> None:
    seen = watch(chat)
    seen.page.set_viewport_size({"width": 320, "height": 640})

    page = seen.open()

    seen.shot("phone")
    for starter in page.locator("#starters button").all():
        box = starter.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 320


def test_a_file_dropped_on_the_page_with_a_question_is_read_and_asked(
    own_chat: Running, watch: Watch, tmp_path: Path
) -> None:
    file = write_filing(tmp_path / "plover.pdf", "Plover Drills, Inc.", sales=641)
    seen = watch(own_chat)
    page = seen.open()
    held = page.evaluate_handle(DROPPED, [file.name, list(file.read_bytes())])

    page.dispatch_event("#welcome-screen", "drop", {"dataTransfer": held})
    expect(page.get_by_text("plover.pdf").first).to_be_visible()
    answer = ask(page, "What were net sales in 2024?")

    expect(answer).to_contain_text("641")
    seen.shot("dropped")


DROPPED = """([name, bytes]) => {
  const held = new DataTransfer();
  held.items.add(new File([new Uint8Array(bytes)], name, {type: 'application/pdf'}));
  return held;
}"""


def test_a_bad_file_gets_its_reason_on_the_page(
    chat: Running, watch: Watch, tmp_path: Path
) -> None:
    file = tmp_path / "notes.pdf"
    file.write_bytes(b"Not a PDF at all")
    seen = watch(chat)
    page = seen.open()

    page.set_input_files("#upload-button-input", file)
    expect(page.locator("#chat-submit")).to_be_enabled()
    page.click("#chat-submit")

    expect(page.get_by_text("was not taken in")).to_be_visible()
    seen.shot("bad-file")
    assert page.locator("button.negative-feedback-off").count() == 0


def test_the_stop_button_stops_an_answer(stocked_home: Path, watch: Watch, tmp_path: Path) -> None:
    home = copytree(stocked_home, tmp_path / "copy")
    with strict_server(models={"m": None}, chat=[silence("Net sales ", "were ")]) as server:
        teacher = {
            "TENK_TEACHER_BASE_URL": server.url,
            "TENK_TEACHER_API_KEY": KEY,
            "TENK_TEACHER_MODEL": "m",
        }
        with running(home, **teacher) as served:
            seen = watch(served)
            page = seen.open()
            page.fill("#chat-input", SALES)
            page.press("#chat-input", "Enter")
            expect(page.get_by_text("Net sales were")).to_be_visible()
            seen.shot("streaming")

            page.click("#stop-button")

            expect(page.get_by_text("Nothing of this is kept as training data")).to_be_visible()
            expect(page.locator("#stop-button")).to_have_count(0)
            seen.shot("stopped")


def test_an_empty_library_says_what_to_do(watch: Watch, tmp_path: Path) -> None:
    home = tmp_path / "nothing"
    home.mkdir()
    with running(home) as served:
        seen = watch(served)

        page = seen.open()

        expect(page.get_by_text("Drop a 10-K as PDF here")).to_be_visible()
        seen.shot("empty")


def test_conversations_are_listed_and_opened_again(chat: Running, watch: Watch) -> None:
    seen = watch(chat)
    page = seen.open()
    ask(page, "What was Meadowlark's operating income in 2024?")
    listed = page.locator("a[id^=thread-], li[id^=thread-]").filter(has_text="operating income")
    expect(listed.first).to_be_visible()

    page.locator("#new-chat-button").click()
    expect(page.locator("#starters")).to_be_visible()
    page.get_by_role("link", name=re.compile("operating income")).first.click()

    expect(page.get_by_text("Answered by")).to_be_visible()
