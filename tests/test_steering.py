"""What a person decides about cycles and models, and what is told of how things stand."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from backend.errors import DataError, ModelGone, NotFound
from backend.models import open_models
from backend.records import (
    OUT_OF_REACH,
    Activation,
    Candidate,
    Cycle,
    CycleEvent,
    Example,
    ExamQuestion,
    Notice,
    Score,
    Sitting,
    Turn,
    Verdict,
)
from backend.settings import Settings, load_settings
from backend.standing import cycle_row, model_rows, progress, standing, verdict_words, what_next
from backend.steering import ask_for_cycle, cancel_cycle, promote, promote_heard, roll_back
from backend.store.cycles import activations, cycles
from backend.store.database import open_database, transaction
from tests.strict_server import KEY, refuse, strict_server

LOCAL: Any = None


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Generator[Session]:
    with transaction(engine) as session:
        yield session


@pytest.fixture
def settings(own_home: Path) -> Settings:
    return load_settings(home=own_home, exam_share=1e-9)


def examined(session: Session, model: str, decision: str, **more: Any) -> Candidate:
    """A candidate that a cycle made and examined."""
    candidate = Candidate(model=model, role="student")
    session.add(candidate)
    session.flush()
    numbers: dict[str, Any] = {
        "gain": 0.04,
        "low": 0.01,
        "high": 0.07,
        "questions": 40,
        "reasons": ["So it is."],
    }
    cycle = Cycle(by="ann", tag=model, candidate=candidate.id, ended="over")
    session.add(cycle)
    session.flush()
    verdict = Verdict(cycle=cycle.id or 0, decision=decision, **{**numbers, **more})
    session.add(verdict)
    session.flush()
    cycle.verdict = verdict.id
    return candidate


def serving(session: Session) -> list[str]:
    """Who answered, newest first."""
    return [session.get_one(Candidate, one.candidate).model for one in activations(session)]


# -- promote and roll back


def test_a_model_whose_verdict_speaks_against_it_is_promoted_only_with_a_reason(
    session: Session, settings: Settings
) -> None:
    examined(session, "ft:a", "hold")

    with pytest.raises(DataError, match="was hold: So it is. To overrule it give a reason"):
        promote(session, settings, "ft:a", by="ann")
    assert activations(session) == []
    promote(session, settings, "ft:a", by="ann", reason="A demonstration")

    (latest,) = activations(session)
    assert (latest.by, latest.reason) == ("ann", "A demonstration")


@pytest.mark.parametrize("decision", ["promote", "promote_cheaper"])
def test_a_model_whose_verdict_is_to_promote_it_needs_no_reason(
    session: Session, settings: Settings, decision: str
) -> None:
    examined(session, "ft:a", decision)

    promote(session, settings, "ft:a", by="ann")

    assert serving(session) == ["ft:a"]


def test_promoting_what_answers_already_changes_nothing(
    session: Session, settings: Settings
) -> None:
    examined(session, "ft:a", "promote")
    promote(session, settings, "ft:a", by="ann")

    with pytest.raises(DataError, match="answers already"):
        promote(session, settings, "ft:a", by="ann")

    assert len(activations(session)) == 1


@pytest.mark.parametrize("name", ["teacher", "local-teacher"])
def test_the_teacher_that_answers_before_the_first_swap_is_not_promoted(
    session: Session, settings: Settings, name: str
) -> None:
    with pytest.raises(DataError, match="local-teacher answers already; nothing changed"):
        promote(session, settings, name, by="ann")

    assert activations(session) == []


async def test_a_model_that_does_not_answer_is_not_promoted_and_one_that_does_is(
    engine: Engine, own_home: Path
) -> None:
    names: dict[str, Any] = {"teacher_model": "t", "student_model": "m", "judge_model": "j"}
    gone = refuse(404, "The model `ft:a` does not exist.", code="model_not_found")
    with transaction(engine) as session:
        examined(session, "ft:a", "promote")
    with strict_server(models={"ft:a": None}, chat=[gone]) as server:
        told = load_settings(home=own_home, base_url=server.url, api_key=KEY, **names)
        models = open_models(told, None)
        with pytest.raises(ModelGone, match="ft:a"):
            await promote_heard(engine, models, told, "ft:a", by="ann")
        with transaction(engine) as session:
            meanwhile = serving(session)
        await promote_heard(engine, models, told, "ft:a", by="ann")

    with transaction(engine) as session:
        assert serving(session) == ["ft:a"]
    assert meanwhile == []


async def test_what_may_not_be_promoted_is_not_asked_to_answer(
    engine: Engine, settings: Settings
) -> None:
    with transaction(engine) as session:
        examined(session, "ft:a", "reject")

    with pytest.raises(DataError, match="give a reason"):
        await promote_heard(engine, open_models(settings, LOCAL), settings, "ft:a", by="ann")


def test_a_model_that_nobody_knows_is_not_found(session: Session, settings: Settings) -> None:
    with pytest.raises(NotFound):
        promote(session, settings, "ft:unknown", by="ann")


def test_rolling_back_the_first_swap_lets_the_teacher_answer_again(
    session: Session, settings: Settings
) -> None:
    examined(session, "ft:a", "promote")
    promote(session, settings, "ft:a", by="ann")

    told = roll_back(session, settings, by="bob", reason="Wrong years")

    assert (told.model, told.role) == ("local-teacher", "teacher")
    assert serving(session) == ["local-teacher", "ft:a"]
    assert (activations(session)[0].by, activations(session)[0].reason) == ("bob", "Wrong years")


def test_rolling_back_goes_to_the_model_before_not_to_the_same_one(
    session: Session, settings: Settings
) -> None:
    for model in ("ft:a", "ft:b"):
        examined(session, model, "promote")
        promote(session, settings, model, by="ann")

    assert roll_back(session, settings, by="ann").model == "ft:a"


def test_without_a_swap_there_is_nothing_to_roll_back(session: Session, settings: Settings) -> None:
    with pytest.raises(DataError, match="nothing to go back to"):
        roll_back(session, settings, by="ann")

    assert serving(session) == []


# -- cycles


def test_asking_for_a_cycle_twice_is_one_cycle(session: Session) -> None:
    first, second = (ask_for_cycle(session, by=who) for who in ("ann", "bob"))

    assert (first.id, second.by) == (second.id, "ann")
    assert len(cycles(session)) == 1


async def test_a_cycle_is_cancelled_once(engine: Engine, settings: Settings) -> None:
    models = open_models(settings, LOCAL)
    with transaction(engine) as session:
        key = ask_for_cycle(session, by="ann").id or 0

    await cancel_cycle(engine, models, key, reason="cancelled by ann")
    with pytest.raises(DataError, match="has ended: cancelled by ann"):
        await cancel_cycle(engine, models, key, reason="cancelled by bob")

    with transaction(engine) as session:
        (row,) = cycles(session)
        assert (row.ended, row.failed) == ("cancelled by ann", True)


# -- how things stand


def test_a_log_with_nothing_in_it_has_a_standing(session: Session, settings: Settings) -> None:
    row = standing(session, settings)

    assert row["active"] == {"model": "local-teacher", "role": "teacher"}
    assert row["examples"] == {"kept": 0, "dropped": 0, "dropped_by_rule": {}}
    assert row["exam"] == {"active": 0, "quarantined": 0}
    assert [row[name] for name in ("activation", "cycle", "verdict", "warnings")] == [
        None,
        None,
        None,
        [],
    ]


def test_a_standing_tells_model_verdict_cycle_examples_exam_and_warnings(
    session: Session, settings: Settings
) -> None:
    candidate = examined(session, "ft:a", "promote")
    session.add(Activation(candidate=candidate.id or 0, by="verdict 1"))
    running = ask_for_cycle(session, by="ann")
    for text in ("Counting", "Training"):
        session.add(CycleEvent(cycle=running.id or 0, kind="step", text=text))
    for rating in (None, -1):
        told: dict[str, Any] = {"question": f"q{rating}", "standalone": "q", "answer": "a [1]"}
        cited = [{"number": 1, "filing": "f", "file": "f", "page": 1, "quote": "a"}]
        turn = Turn(thread="t", model="m", role="teacher", rating=rating, citations=cited, **told)
        session.add(turn)
        session.flush()
        session.add(Example(source="turn", turn=turn.id, question=turn.question, answer="a [1]"))
    for number, state in enumerate(("active", "active", "quarantined")):
        key = f"k{number}"
        session.add(ExamQuestion(question="q", key=key, group="g", source="imported", state=state))
    session.add(Notice(subject="cycle", text="Held up."))
    session.flush()

    row = standing(session, settings)

    assert row["active"]["model"] == "ft:a"
    assert (row["activation"]["cycle"], row["activation"]["gain"]) == (1, 0.04)
    assert (row["verdict"]["cycle"], row["verdict"]["decision"]) == (1, "promote")
    assert (row["cycle"]["cycle"], row["cycle"]["doing"]) == (2, "Training")
    assert row["examples"] == {"kept": 1, "dropped": 1, "dropped_by_rule": {"thumbs-down": 1}}
    assert row["exam"] == {"active": 2, "quarantined": 1}
    assert row["warnings"] == ["Held up."]


def test_models_tell_which_answers_since_when_and_by_which_verdict(session: Session) -> None:
    examined(session, "ft:a", "hold")
    second = examined(session, "ft:b", "promote")
    session.add(Activation(candidate=second.id or 0, by="verdict 2"))
    session.flush()

    rows = model_rows(session)

    assert [(one["model"], one["active"], one["by"], one["cycle"]) for one in rows] == [
        ("ft:b", True, "verdict 2", 2),
        ("ft:a", False, None, 1),
    ]
    assert [one["verdict"]["decision"] for one in rows] == ["promote", "hold"]


# -- words


@pytest.mark.parametrize(
    ("decision", "active", "more", "said"),
    [
        ("promote", "ft:a", None, "Undo it: /rollback"),
        ("promote", "ft:z", None, "ft:z answers now."),
        ("hold", "local-teacher", 120, "tenk questions generate --n 120, then /retrain"),
        ("reject", "local-teacher", None, "local-teacher stays."),
        ("hold", "local-teacher", None, "More and better examples do more: tenk examples"),
    ],
)
def test_after_a_verdict_there_is_something_to_do(
    decision: str, active: str, more: int | None, said: str
) -> None:
    verdict = {"decision": decision, "need_more": more}
    row = {"cycle": 1, "candidate": "ft:a", "active": active, "verdict": verdict}

    assert said in what_next(row, door="/")


def test_where_more_questions_would_not_help_none_are_asked_for() -> None:
    reasons = ["It shows a loss.", f"{OUT_OF_REACH} 300 questions is 0%, so the exam stopped here."]
    verdict = {"decision": "hold", "need_more": 120, "questions": 40, "reasons": reasons}
    row = {"cycle": 1, "candidate": "ft:a", "active": "old", "verdict": verdict}

    said = what_next(row)

    assert "--n" not in said
    assert "more questions would hardly show a gain" in said
    assert "tenk examples" in said


def test_questions_beyond_the_limit_of_an_exam_need_a_higher_limit() -> None:
    verdict = {"decision": "hold", "need_more": 120, "questions": 300, "reasons": [], "limit": 300}
    row = {"cycle": 1, "candidate": "ft:a", "active": "old", "verdict": verdict}

    assert "--n 120, TENK_MAX_QUESTIONS=420, then tenk retrain." in what_next(row)


def test_a_verdict_in_words_has_its_gain_and_interval(session: Session) -> None:
    examined(session, "ft:a", "promote_cheaper")
    (cycle,) = cycles(session)

    row = cycle_row(session, cycle, state="done", teacher="local-teacher")

    assert verdict_words(row["verdict"]) == (
        "promote as cheaper: gain +0.040 [+0.010, +0.070] in ragas_score on 40 questions."
    )


def test_the_progress_of_an_exam_counts_questions_that_every_arm_sat() -> None:
    def sat(arm: str, question: int, *values: float | None) -> tuple[Sitting, list[Score]]:
        row = Sitting(cycle=1, arm=arm, question=question, repeat=0, model="m")
        return row, [Score(sitting=0, metric="any", value=value) for value in values]

    told = [
        sat("candidate", 1, 1.0, 0.5),
        sat("candidate", 2, 0.0, 1.0),
        sat("candidate", 3, None, 1.0),
        sat("teacher", 1, 1.0, 1.0),
    ]

    seen = progress(told)

    assert seen.questions == 1
    assert seen.means == pytest.approx({"candidate": 1 / 3, "teacher": 1.0})
    assert progress([]).questions == 0
