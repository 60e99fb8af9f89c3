"""Sittings into what a verdict weighs and what was spent; the step that comes next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from backend.exam import Answered, Arm, Sat
from backend.flywheel import Step, next_step
from backend.flywheel.examining import Fixed, first_look
from backend.flywheel.sittings import (
    paying,
    sat_of,
    scorecards,
    sits_as,
    sitting_of,
    unanswerable,
    usd_of,
)
from backend.flywheel.steps import COLUMNS
from backend.promotion import Policy
from backend.records import Cycle, ExamQuestion, Role, Usage
from backend.settings import load_settings
from backend.standing import standing
from backend.store import cycles
from backend.store.database import open_database, transaction

ARMS = (
    Arm("candidate", Role.STUDENT, "ft:m:x"),
    Arm("active", Role.TEACHER, "big"),
    Arm("untuned", Role.STUDENT, "m"),
    Arm("teacher", Role.TEACHER, "big"),
)


def sat(arm: str, question: int, *, refused: bool = False, repeat: int = 0, **more: Any) -> Sat:
    fields: dict[str, Any] = {"cost": 0.01, "text": "It was $5 [1]."} | more
    said = Answered(
        fields["text"], refused, 0, 0.5, Usage(prompt_tokens=9, completion_tokens=1), fields["cost"]
    )
    judging = Usage(prompt_tokens=1_000_000, completion_tokens=500_000)
    scores = {"faithfulness": 0.5, "answer_relevancy": None}
    return Sat(arm, question, repeat, "m", said, None, scores, {"answer_relevancy": "cut"}, judging)


def question(key: int) -> ExamQuestion:
    return ExamQuestion(id=key, question="?", key=str(key), group="f|s", source="reader")


# -- arms


def test_who_is_active_and_teacher_is_paid_once() -> None:
    assert [arm.name for arm in paying(ARMS)] == ["candidate", "active", "untuned"]
    assert sits_as("teacher", ARMS) == "active"
    assert sits_as("untuned", ARMS) == "untuned"


def test_the_same_name_at_another_server_is_another_model() -> None:
    arms = [Arm("active", Role.STUDENT, "big"), Arm("teacher", Role.TEACHER, "big")]

    assert [arm.name for arm in paying(arms)] == ["active", "teacher"]


def test_cards_of_a_model_that_sits_once_count_for_both_its_names() -> None:
    sats = [sat(arm, 1) for arm in ("candidate", "active", "untuned")]

    cards = scorecards([question(1)], sats, ARMS, repeats=1).cards

    assert sorted(card.arm for card in cards) == ["active", "candidate", "teacher", "untuned"]


def test_questions_that_do_not_count_have_no_card() -> None:
    sats = [sat("candidate", 1), sat("candidate", 2)]

    cards = scorecards([question(2)], sats, ARMS, repeats=1).cards

    assert [card.question for card in cards] == [2]


def test_an_answer_that_never_came_is_no_card_and_so_counts_at_its_worst() -> None:
    lost = Sat("candidate", 1, 0, "m", None, "It failed.")

    assert scorecards([question(1)], [lost], ARMS, repeats=1).cards == []


# -- what the teacher cannot answer


def test_only_the_teachers_refusals_put_a_question_aside() -> None:
    sats = [sat("active", 1, refused=True), sat("candidate", 2, refused=True)]

    assert unanswerable(sats, "active", repeats=1) == {1}


def test_a_question_that_is_refused_in_some_repeats_stays() -> None:
    sats = [sat("active", 1, refused=True), sat("active", 1, repeat=1)]

    assert unanswerable(sats, "active", repeats=2) == set()


def test_a_question_half_asked_is_not_put_aside_yet() -> None:
    assert unanswerable([sat("active", 1, refused=True)], "active", repeats=2) == set()


# -- there and back


def test_a_sitting_comes_back_from_the_database_as_it_went(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    told = sat("candidate", 1)
    with transaction(engine) as session:
        cycle = cycles.open_cycle(session, by="t", tag="t").id or 0
        cycles.add_exam_questions(session, [question(1)])
        cycles.put_sitting(session, sitting_of(cycle, told), told.scores, told.reasons)

    with transaction(engine) as session:
        [(row, scores)] = cycles.sittings(session, cycle)
    engine.dispose()

    assert sat_of(row, scores) == told


def test_the_terms_of_an_exam_come_back_from_the_row_as_they_were_fixed() -> None:
    fixed = Fixed(7, (3, 1, 2), ARMS, "judge", "embed", 2, Policy(alpha=0.1))

    assert Fixed.of(fixed.told()) == fixed


@pytest.mark.parametrize(
    ("least", "every", "most", "first"),
    [(20, 20, 300, 20), (30, 20, 300, 40), (2, 20, 300, 20), (8, 8, 16, 8), (20, 20, 25, 20)],
)
def test_the_first_look_is_the_first_that_may_decide(
    least: int, every: int, most: int, first: int
) -> None:
    policy = Policy(min_questions=least, look_every=every, max_questions=most)

    assert first_look(policy) == first


def test_the_first_look_is_never_beyond_the_limit() -> None:
    assert first_look(Policy(min_questions=10, look_every=20, max_questions=15)) == 15


def test_the_first_empty_column_is_the_next_step() -> None:
    filled: dict[str, Any] = {
        "dataset": 1, "estimate_usd": 0.0, "files": {"train": "f"}, "job": "j", "candidate": 1,
        "exam": {"seed": 1}, "verdict": 1, "ended": "done",
    }  # fmt: skip
    row = Cycle(by="t", tag="t")

    for step, column in COLUMNS.items():
        assert next_step(row) is step
        setattr(row, column, filled[column])
    assert next_step(row) is Step.NOTHING


def test_an_ended_cycle_has_no_next_step_whatever_is_empty() -> None:
    assert next_step(Cycle(by="t", tag="t", ended="cancelled by hand")) is Step.NOTHING


# -- what was spent


def test_an_exam_costs_its_answers_and_its_judging() -> None:
    sats = [sat("candidate", 1), sat("active", 1)]

    assert usd_of(sats, (1.0, 2.0)) == pytest.approx(2 * (0.01 + 1.0 + 1.0))


def test_one_unknown_price_leaves_the_sum_unknown() -> None:
    assert usd_of([sat("candidate", 1, cost=None)], (1.0, 2.0)) is None
    assert usd_of([sat("candidate", 1)], None) is None


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'home' / 'tenk.sqlite3'}")
    yield opened
    opened.dispose()


def spent(engine: Engine, *told: Sat, judge: str = "gpt-6-luna", **training: float) -> None:
    """A cycle with its exam and its training."""
    with transaction(engine) as session:
        row = cycles.open_cycle(session, by="t", tag="t")
        row.job, row.exam = "job-1", {"judge": judge}
        session.add(row)
        cycles.add_exam_questions(session, [question(1)])
        for kind, usd in training.items():
            cycles.add_event(session, row.id or 0, kind, "", {"training_usd": usd})
        for one in told:
            cycles.put_sitting(session, sitting_of(row.id or 0, one), one.scores, one.reasons)


def test_the_status_adds_up_answers_exams_and_training(engine: Engine) -> None:
    spent(engine, sat("candidate", 1), sat("active", 1), estimate=3.0, trained=2.5)

    with transaction(engine) as session:
        row = standing(session, load_settings())

    exam = 2 * (0.01 + 1.0 * 0.10 + 0.5 * 0.50)
    assert row["spend"]["training_usd"] == 2.5  # as counted, not as estimated
    assert row["spend"]["exams_usd"] == pytest.approx(exam)
    assert row["spend_usd"] == pytest.approx(2.5 + exam)
    assert row["spend"]["unpriced"] == []


def test_what_has_no_price_is_named_where_the_sum_falls_short(engine: Engine) -> None:
    spent(engine, sat("candidate", 1, cost=None), judge="somebody-elses")

    with transaction(engine) as session:
        row = standing(session, load_settings())

    assert row["spend"]["unpriced"] == [
        "exam of cycle 1",
        "judging of cycle 1",
        "training of cycle 1",
    ]
