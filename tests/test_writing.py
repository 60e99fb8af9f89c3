"""The local teacher writes questions from the passage's own cells and sentences, or none."""

import pytest

from backend.local.reader import TEACHER, read
from backend.local.reader.prompts import Shown, Writing, parse
from backend.local.reader.writing import Written, question_for
from backend.questions import fault_of, messages_for
from backend.records import Message

HEADER = "Acme Corporation 10-K, fiscal 2025, page 40, Item 7. Management's Discussion and Analysis"
TABLE = """Operating Expenses (USD in millions)
 | Year Ended June 28, 2025 | Year Ended June 29, 2024 | $ Change
Research and development | $171.4 | $162.8 | $8.6
Selling, general and administrative | 231.9 | 228.0 | 3.9
Restructuring charges | 12.7 | - | 12.7
Total operating expenses | $416.0 | $390.8 | $25.2"""


def asked(text: str, kind: str, *before: str) -> str:
    prompt = messages_for(
        f"[1] {HEADER}\n{text}", "figure" if kind == "figure" else "prose", before
    )
    return read(prompt, TEACHER).answer


def written(text: str, kind: str, *before: str) -> Written | None:
    shown = Shown(1, text, "Acme Corporation", 2025, "40", "Item 7")
    return question_for(Writing(shown, kind, before))


def many(text: str, kind: str, most: int = 12) -> list[Written]:
    """Questions about one passage until it holds no more."""
    found: list[Written] = []
    while len(found) < most and (one := written(text, kind, *(w.question for w in found))):
        found.append(one)
    return found


def test_the_prompt_is_taken_apart() -> None:
    prompt = parse(messages_for(f"[1] {HEADER}\n{TABLE}", "figure", ["What was it?"]))

    assert isinstance(prompt, Writing)
    assert (prompt.passage.company, prompt.passage.year) == ("Acme Corporation", 2025)
    assert prompt.passage.text == TABLE
    assert (prompt.kind, prompt.asked) == ("figure", ("What was it?",))


def test_a_figure_question_names_company_line_item_and_period_of_its_cell() -> None:
    for one in many(TABLE, "figure"):
        assert one.cell is not None
        assert "Acme" in one.question
        assert one.cell.row.lower() in one.question.lower()
        assert str(one.cell.period) in one.question


def test_the_teacher_answers_most_of_its_figure_questions_with_the_cell_they_came_from() -> None:
    found = many(TABLE, "figure", 8)

    right = 0
    for one in found:
        assert one.cell is not None
        prompt = f"Evidence:\n\n[1] {HEADER}\n{TABLE}\n\nQuestion: {one.question}"
        answer = read([Message(role="user", content=prompt)], TEACHER).answer
        right += one.cell.quantity.text.replace("$", "") in answer

    assert len(found) == 8
    assert right >= 7


def test_changes_are_asked_for_too_and_columns_of_changes_are_not() -> None:
    questions = [one.question for one in many(TABLE, "figure")]

    assert any("change" in question for question in questions)
    assert not any("$ Change" in question for question in questions)


def test_the_wording_varies() -> None:
    openings = {one.question.split(" ")[0] for one in many(TABLE, "figure")}

    assert len(openings) > 1


def test_a_dash_is_no_figure_to_ask_for() -> None:
    cells = [one.cell for one in many(TABLE, "figure", 20)]

    assert all(cell and any(map(str.isdigit, cell.quantity.text)) for cell in cells)


def test_a_row_that_stands_twice_is_not_asked_for_as_nobody_could_tell_which_is_meant() -> None:
    twice = f"{TABLE}\nRestructuring charges | 99.9 | 98.9 | 1.0"

    rows = {one.cell.row for one in many(twice, "figure", 20) if one.cell}

    assert "Restructuring charges" not in rows
    assert "Research and development" in rows


def test_what_was_asked_before_is_not_asked_again_until_nothing_is_left() -> None:
    questions = [one.question for one in many(TABLE, "figure", 40)]

    assert len(questions) == len(set(questions)) > 4
    assert asked(TABLE, "figure", *questions) == "NONE" or len(questions) == 40


def test_the_same_prompt_gives_the_same_question() -> None:
    assert asked(TABLE, "figure") == asked(TABLE, "figure")
    assert asked(TABLE, "figure").endswith("?")


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        (
            "Gross margin declined in fiscal 2025 due primarily to higher freight costs.",
            ["gross margin", "2025"],
        ),
        (
            "If we fail to retain our engineers, we could lose contracts and our revenue may fall.",
            ["if Acme fails to retain its engineers"],
        ),
        (
            "As of June 28, 2025, we had approximately 5,870 employees in more than twenty states.",
            ["How many employees", "June 28, 2025"],
        ),
        (
            "Capitalized commissions are amortized over five years, the period of benefit.",
            ["capitalized commissions", "amortized"],
        ),
        (
            "Legal fees for the Oxley Controls case were $4.2 million in fiscal 2025 in total.",
            ["legal fees for the Oxley Controls case", "2025"],
        ),
        (
            "Construction in progress consists mainly of the new enterprise resource system.",
            ["construction in progress", "consist"],
        ),
        (
            "We use contract manufacturers for circuit boards because their volumes lower prices.",
            ["Why does Acme use contract manufacturers"],
        ),
        (
            "Cyber attacks on our plants could harm our reputation and disrupt our operations.",
            ["yber attacks on Acme's plants"],
        ),
    ],
)
def test_a_prose_question_is_made_of_its_sentence(sentence: str, wanted: list[str]) -> None:
    one = written(sentence, "prose")

    assert one is not None
    assert one.sentence == sentence
    assert fault_of(one.question) is None
    lowered = one.question.lower()
    assert [words for words in wanted if words.lower() not in lowered] == [], one.question


def test_a_question_never_says_we_or_our() -> None:
    text = (
        "We depend on our suppliers of lasers. Our contracts with them run for three years. "
        "If our suppliers raise their prices, our margins could suffer. "
        "We evaluate goodwill for impairment once a year in our third quarter."
    )

    said = " ".join(one.question for one in many(text, "prose")).lower().split()

    assert said
    assert not {"we", "our", "us"} & set(said)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Results of Operations", "prose"),
        ("See Note 13 to the consolidated financial statements for a full description.", "prose"),
        ("Positions\n | Position\nJane Doe | President", "figure"),
        ("", "prose"),
    ],
)
def test_where_nothing_can_be_asked_the_reply_says_so(text: str, kind: str) -> None:
    assert asked(text, kind) == "NONE"
    assert fault_of(asked(text, kind)) is not None
