"""What a person reads of a cycle: few of many losses, the verdict in words, what to do next."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from backend.cli.cycles import with_the_way_on
from backend.cli.telling import (
    LIMITS,
    Thinned,
    ending,
    interrupted_words,
    line,
    lines,
    means_words,
    question_lines,
    questions_lines,
)
from backend.errors import ConfigurationError, ModelGone, ProviderError, TenkError
from backend.exam import Arm
from backend.flywheel.examining import RivalGone
from backend.records import CycleEvent, Role

MOMENT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def event(kind: str, text: str = "", **numbers: float) -> CycleEvent:
    return CycleEvent(cycle=1, kind=kind, text=text, numbers=numbers, at=MOMENT)


def losses(count: int, total: int | None) -> list[CycleEvent]:
    more = {} if total is None else {"total_steps": float(total)}
    return [event("loss", f"step {n}", step=float(n), **more) for n in range(1, count + 1)]


def test_the_same_moment_is_the_same_time_from_sqlite_and_from_postgresql() -> None:
    from_sqlite, from_postgresql = event("step", "Training"), event("step", "Training")
    from_sqlite.at = MOMENT.replace(tzinfo=None)
    from_postgresql.at = MOMENT.astimezone(timezone(timedelta(hours=5)))

    assert line(from_sqlite) == line(from_postgresql) == line(event("step", "Training"))


@pytest.mark.parametrize("count", [30, 60, 300, 2000])
def test_of_many_losses_about_ten_are_shown_the_first_and_the_last_among_them(count: int) -> None:
    shown = lines(losses(count, count))

    assert 9 <= len(shown) <= 11
    assert shown[0].endswith("step 1")
    assert shown[-1].endswith(f"step {count}")


def test_of_few_losses_every_one_is_shown() -> None:
    assert len(lines(losses(8, 8))) == 8


def test_where_nobody_knows_how_many_come_they_are_shown_ever_more_rarely() -> None:
    shown = lines(losses(1000, None))

    assert [int(one.rsplit(" ", 1)[1]) for one in shown] == [2**n for n in range(10)]


def test_everything_but_losses_is_shown() -> None:
    told = [event("step", "Training"), event("note", "hm"), event("look", "20 questions")]

    assert len(lines(told)) == 3


def test_a_losses_place_is_remembered_over_several_looks() -> None:
    every, worth = losses(100, 100), Thinned()

    first, second = lines(every[:50], worth), lines(every[50:], worth)

    assert len(first) + len(second) == len(lines(every))


def test_steps_stand_out_and_the_time_is_the_readers_own() -> None:
    local = MOMENT.astimezone().strftime("%H:%M:%S")

    assert line(event("step", "Training")) == f"{local}  Training"
    assert line(event("note", "hm")) == f"{local}    hm"


def row(decision: str, **more: Any) -> dict[str, Any]:
    verdict: dict[str, Any] = {
        "decision": decision,
        "gain": 0.05,
        "low": -0.01,
        "high": 0.11,
        "questions": 40,
        "reasons": ["Because."],
        "need_more": None,
        "need_more_usd": None,
    }
    told = {"cycle": 3, "candidate": "ft:new", "active": "old", "judge": "gpt-6-luna", "ended": "e"}
    return {**told, "verdict": verdict | more}


def test_a_hold_says_how_many_questions_more_at_what_cost_and_what_to_type() -> None:
    told = ending(row("hold", need_more=120, need_more_usd=3.4))

    assert told[0] == "hold: gain +0.050 [-0.010, +0.110] in ragas_score on 40 questions."
    assert "  Because." in told
    assert "120 more exam questions" in told[-1]
    assert "about $3.40" in told[-1]
    assert "tenk questions generate --n 120" in told[-1]


def test_a_hold_that_no_number_of_questions_would_end_asks_for_none() -> None:
    told = ending(row("hold", need_more=638_781, need_more_usd=0.0))

    assert "about equal" in told[-1]
    assert "--n" not in told[-1]


def test_a_promotion_says_how_to_go_back() -> None:
    told = ending({**row("promote_cheaper"), "active": "ft:new"})

    assert told[0].startswith("promote as cheaper:")
    assert told[-1].endswith("Undo it: tenk rollback")


def test_a_promotion_that_swapped_nothing_says_why() -> None:
    told = ending({**row("promote"), "ended": "promote: But other was activated in mid-exam."})

    assert any("activated in mid-exam" in one for one in told)
    assert told[-1].startswith("old answers now")


def test_scores_of_tenks_own_judge_stand_beside_their_limits() -> None:
    local = ending({**row("reject"), "judge": "local-judge"})
    real = ending(row("reject"))

    assert any(LIMITS in one for one in local)
    assert not any(LIMITS in one for one in real)


def test_a_cycle_without_a_verdict_says_why() -> None:
    told = ending({**row("hold"), "verdict": None, "ended": "The job failed: no."})

    assert told == ["Cycle 3 ended without a verdict: The job failed: no."]


def test_a_missing_score_and_a_question_put_aside_are_said_to_be_so() -> None:
    arms = {"candidate": {"ragas_score": None}, "active": {"ragas_score": 0.5}}
    asked = {"question": "Revenue?", "arms": arms, "put_aside": None}

    assert question_lines(asked)[1] == "    candidate missing  active 0.50"
    assert question_lines({**asked, "put_aside": "no answer"})[1].endswith("no answer")


def test_models_are_told_in_the_order_in_which_a_person_compares_them() -> None:
    arms = {"untuned": 0.3, "other": 0.1, "active": 0.5, "teacher": 0.6, "candidate": 0.75}

    said = means_words(arms)

    assert said == "candidate 0.75, active 0.50, untuned 0.30, teacher 0.60, other 0.10"
    assert f"  Mean ragas_score: {said}." in ending(row("hold"), arms)


def test_who_sees_every_question_is_not_sent_to_see_them() -> None:
    there, elsewhere = ending(row("reject"), shown=True), ending(row("reject"))

    assert elsewhere[-1] == "old stays. See every question: tenk cycle 3"
    assert there[-1] == "old stays."


def test_questions_have_a_heading_and_without_any_there_is_none() -> None:
    asked = {"question": "Revenue?", "arms": {"active": {"ragas_score": 0.5}}, "put_aside": None}

    heading, *told = questions_lines([asked])

    assert "ragas_score" in heading
    assert told == question_lines(asked)
    assert questions_lines([]) == []


def test_who_stops_watching_learns_what_becomes_of_the_cycle() -> None:
    told = {"cycle": 3, "paused": None, "ended": None}

    assert "go on here: tenk retrain --wait" in interrupted_words(told)
    assert "paused by ann" in interrupted_words({**told, "paused": "ann"})
    ended = interrupted_words({**told, "ended": "hold: because"})
    assert ended == "Cycle 3 had ended already. See it: tenk cycle 3"  # nothing starts another


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (RivalGone(Arm("active", Role.STUDENT, "m"), ModelGone("It is gone.")), ProviderError),
        (ConfigurationError("It is gone."), ConfigurationError),
    ],
)
def test_what_holds_a_cycle_up_is_told_with_the_way_on(
    error: ConfigurationError | ProviderError, family: type[TenkError]
) -> None:
    told = with_the_way_on(error, 3)

    assert type(told) is family
    assert str(told).startswith("It is gone. Cycle 3 keeps what it has done")
    assert str(told).endswith("tenk retrain --wait")


def test_a_score_that_is_yet_to_come_is_not_called_missing() -> None:
    asked = {"question": "Revenue?", "arms": {"active": {"ragas_score": None}}, "put_aside": None}

    assert questions_lines([asked])[-1] == "    active missing"
    assert questions_lines([asked], under_way=True)[-1] == "    active not yet"
