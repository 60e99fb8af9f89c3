"""What is an order and for whom; how cycles, swaps and examples read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.datasets import Curated
from backend.records import CycleEvent, Example
from backend.standing import Progress
from bot import reporting, telling
from bot.orders import COMMANDS, Order, allowed, order_of, refusal

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


# -- orders


@pytest.mark.parametrize(
    ("chosen", "text", "order"),
    [
        (None, "/status", Order("status")),
        (None, "  /Rollback  wrong years ", Order("rollback", "wrong years")),
        (None, "/promote ft:a::b\nbecause", Order("promote", "ft:a::b\nbecause")),
        ("status", "", Order("status")),
        ("promote", "ft:a because", Order("promote", "ft:a because")),
        ("status", "/status", Order("status")),
        ("status", "/retrain", Order("status", "/retrain")),
        (None, "What was revenue?", None),
        (None, "/10-K of 2023", None),
        (None, "/", Order("")),
        (None, "//", Order("")),
        (None, "/ status", Order("status")),
        (None, "/home/me/file.pdf", None),
        (None, "and/or", None),
        (None, "", None),
        ("", "What was revenue?", None),
    ],
)
def test_an_order_is_chosen_or_typed_after_a_slash(
    chosen: str | None, text: str, order: Order | None
) -> None:
    assert order_of(chosen, text) == order


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("role", [None, "reader", "reviewer", "admin", "root"])
def test_each_order_is_for_admins_and_examples_for_reviewers_too(
    role: str | None, name: str
) -> None:
    may = role == "admin" or (role == "reviewer" and name == "examples")

    assert (refusal(role, name) is None) == may
    assert (name in [one.name for one in allowed(role)]) == may


def test_an_unknown_order_names_those_that_there_are() -> None:
    assert "`/examples`" in str(refusal("reviewer", "example"))
    assert "/retrain" not in str(refusal("reviewer", "example"))
    assert "slash" in str(refusal("reader", "example"))
    assert "There is no `/`." in str(refusal("admin", ""))


# -- a cycle


def cycle(*events: tuple[str, str], ended: str | None = None, **more: Any) -> telling.CycleView:
    row: Any = {"cycle": 3, "active": "local-teacher", "candidate": None, "verdict": None}
    row["paused"] = more.pop("paused", None)
    told = [CycleEvent(cycle=3, kind=kind, text=text) for kind, text in events]
    row |= more.pop("row", {})
    return telling.CycleView({**row, "ended": ended}, by="ann", started=NOON, events=told, **more)


def test_a_running_cycle_marks_the_step_under_way_and_says_that_the_page_may_be_closed() -> None:
    shown = telling.cycle_text(
        cycle(("step", "Curating"), ("note", "96 examples:all"), ("step", "Training"))
    )

    assert shown.startswith("**Cycle 3**, asked for by ann at 2026-11-20 12:00 UTC · running")
    assert "- ✓ Curating\n    - 96 examples\\:all\n- ▸ Training" in shown
    assert "goes on when this page is closed" in shown


def test_many_losses_are_one_curve_and_the_last_notes_stand() -> None:
    notes = [("note", f"note {number}") for number in range(9)]
    events = [("step", "Training"), *notes]
    view = cycle(*events)
    losses = [
        CycleEvent(cycle=3, kind="loss", text="", numbers={"train_loss": 1 - number / 100})
        for number in range(100)
    ]
    view = telling.CycleView(view.row, by="ann", started=NOON, events=[*view.events, *losses])

    shown = telling.cycle_text(view)

    assert "note 8" in shown and "note 4" not in shown
    assert "1.000 → 0.010" in shown and shown.count("training loss") == 1
    curve = shown.split("`")[1]
    assert len(curve) <= telling.CURVE + 1 and (curve[0], curve[-1]) == ("█", "▁")


def test_one_loss_is_no_division_by_nothing() -> None:
    event = CycleEvent(cycle=3, kind="loss", text="", numbers={"train_loss": 0.5})
    view = telling.CycleView(
        cycle().row,
        by="ann",
        started=NOON,
        events=[CycleEvent(cycle=3, kind="step", text="T"), event],
    )

    assert "`▁` 0.500 → 0.500" in telling.cycle_text(view)


def test_an_exam_under_way_shows_means_so_far_and_looks() -> None:
    shown = telling.cycle_text(
        cycle(
            ("step", "Sitting the exam"),
            ("look", "20 questions: gain +0.050"),
            progress=Progress(24, {"teacher": 0.7, "candidate": 0.612}),
        )
    )

    assert "24 questions answered by all" in shown
    assert "candidate 0.61, teacher 0.70" in shown
    assert "20 questions: gain +0.050" in shown


def test_a_cycle_that_is_held_up_says_why() -> None:
    shown = telling.cycle_text(cycle(("step", "Training"), held_up="Cycle 3 is held up: 401."))

    assert "held up: 401" in shown


def test_a_paused_cycle_says_by_whom_and_how_it_goes_on() -> None:
    shown = telling.cycle_text(cycle(("step", "Training"), paused="bob in the chat"))

    assert " · **paused** by bob in the chat" in shown and "running" not in shown
    assert "‖ Training" in shown
    assert "`/resume` lets it go on" in shown


def test_a_status_says_by_whom_its_cycle_is_paused_and_how_it_goes_on() -> None:
    row = {"cycle": 4, "by": "ann", "since": NOON, "doing": "Training", "paused": "bob"}

    shown = reporting.status_text(status(cycle=row))

    assert "4 is paused by bob: Training; `/resume` lets it go on" in shown


def test_a_cycle_that_failed_says_why_and_what_was_done() -> None:
    shown = telling.cycle_text(cycle(("step", "Curating"), ended="Only 4 examples. Ask more."))

    assert shown.endswith("**Ended without a verdict:** Only 4 examples. Ask more.")
    assert "▸" not in shown and "running" not in shown


def test_a_verdict_stands_with_its_reasons_and_what_to_do_next() -> None:
    verdict = {
        "decision": "promote_cheaper",
        "gain": 0.01,
        "low": -0.02,
        "high": 0.04,
        "questions": 60,
        "reasons": ["It costs a tenth."],
        "need_more": None,
    }
    row = {"verdict": verdict, "active": "ft:a::b", "candidate": "ft:a::b"}

    scored = Progress(60, {"active": 0.6, "candidate": 0.612})

    shown = telling.cycle_text(cycle(("step", "Acting"), ended="promote", row=row, progress=scored))

    assert "- Mean ragas_score: candidate 0.61, active 0.60.\n" in shown
    assert "so far" not in shown
    assert "**Promote as cheaper**: gain +0.010 [-0.020, +0.040] in ragas_score on 60" in shown
    assert "- It costs a tenth." in shown
    assert "`ft:a::b` answers from the next question on. Undo it: `/rollback`" in shown


# -- status


def schedule(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "cron": "0 3 * * *",
        "zone": "Europe/Berlin",
        "next": "2026-11-21T03:00:00+01:00",
        "last": None,
        "new_examples": 63,
        "needed": 50,
        "missing": None,
    }
    return {**told, **more}


def status(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "active": {"model": "local-teacher", "role": "teacher"},
        "activation": None,
        "verdict": None,
        "cycle": None,
        "schedule": schedule(),
        "examples": {"kept": 3, "dropped": 2, "dropped_by_rule": {"thumbs-down": 2}},
        "exam": {"active": 40, "quarantined": 4},
        "turns": 5,
        "unfinished": 1,
        "filings": 1,
        "spend_usd": 1.234,
        "spend": {"answers_usd": 0.5, "exams_usd": 0.734, "checks_usd": 0.0, "unpriced": []},
        "thumbs": [],
        "agreement": {"share": None, "compared": 0, "days": []},
        "disliked_but_learned": [],
        "warnings": [],
    }
    return {**told, **more}


def test_a_status_without_cycles_says_what_there_is_and_how_to_begin() -> None:
    shown = reporting.status_text(status())

    assert shown.splitlines() == [
        "- **Answering:** `local-teacher` (teacher); no model was ever swapped in",
        "- **Last verdict:** none yet",
        "- **Cycle:** none is running; `/retrain` starts one",
        "- **Next run:** 2026-11-21 03:00 (Europe/Berlin); 63 new kept examples are enough for a "
        "cycle",
        "- **Examples:** 3 kept, 2 dropped (2 with a thumb down)",
        "- **Exam:** 40 questions, 4 put aside",
        "- **Log:** 5 answers from 1 filing, 1 of them stopped, failed or lost",
        "- **Spend:** $1.23 (answers $0.50, exams $0.73)",
        "- No warnings.",
    ]


def test_a_status_counts_one_of_a_thing_as_one() -> None:
    shown = reporting.status_text(
        status(turns=1, unfinished=0, exam={"active": 1, "quarantined": 0})
    )

    assert "- **Exam:** 1 question\n" in shown
    assert "- **Log:** 1 answer from 1 filing\n" in shown


def test_a_status_tells_cycle_thumbs_agreement_and_what_to_worry_about() -> None:
    shown = reporting.status_text(
        status(
            cycle={"cycle": 4, "by": "ann", "since": NOON, "doing": "Training", "paused": None},
            thumbs=[
                {"model": "m", "up": 3, "down": 1, "share": 0.75, "low": 0.3, "high": 0.95},
                {"model": "none", "up": 0, "down": 0, "share": None, "low": 0.0, "high": 1.0},
            ],
            agreement={
                "share": 0.9,
                "compared": 20,
                "days": [{"day": "2026-11-20", "compared": 20, "share": 0.9}],
            },
            disliked_but_learned=[{"example": 7, "turn": 9, "models": ["ft:a::b"]}],
            warnings=["teacher: shuts down on 2026-12-01"],
        )
    )

    assert "4 is running: Training; `/retrain` shows it" in shown
    assert "`m` 3 up, 1 down (75% up, 95% interval 30% to 95%)" in shown
    assert "`none`" not in shown
    assert "says the same in 90% of 20 answers\n    - by day: 2026-11-20 90% of 20\n" in shown
    assert "Example 7 got a thumb down after `ft:a::b` had learned from it; the next" in shown
    assert "⚠ teacher: shuts down on 2026-12-01" in shown


def test_agreement_is_told_over_time_the_last_days_each_and_all_before_together() -> None:
    days = [
        {"day": f"2026-11-{day:02}", "compared": 10, "share": 0.5 if day < 5 else 0.9}
        for day in range(1, 12)
    ]

    shown = reporting.status_text(
        status(agreement={"share": 0.7545, "compared": 110, "days": days})
    )

    assert "says the same in 75% of 110 answers" in shown
    assert "- by day: before 50% of 40, 2026-11-05 90% of 10, " in shown
    assert shown.count("90% of 10") == 7


def test_dropped_examples_are_counted_in_words() -> None:
    rules = {"exam": 9, "refusal": 2, "repeat": 1, "too long": 1, "unheard of": 1}
    told = {"kept": 1, "dropped": 14, "dropped_by_rule": rules}

    shown = reporting.status_text(status(examples=told))

    reasons = "9 for the exam alone, 2 refusals, 1 repeat, 1 too long for the student, 1 unheard of"
    assert f"1 kept, 14 dropped ({reasons})" in shown


def test_what_was_learned_and_disliked_is_told_once_for_each_set_of_models() -> None:
    rows = [{"example": one, "turn": one, "models": ["a", "b"]} for one in range(1, 12)]

    shown = reporting.status_text(status(disliked_but_learned=rows))

    assert shown.count("had learned from") == 1 and "No warnings" not in shown
    assert "11 examples (… 4, 5, 6, 7, 8, 9, 10, 11) got a thumb down after `a`, `b`" in shown


def test_what_has_no_known_price_is_told_beside_what_was_spent() -> None:
    spend = {"answers_usd": 0.0, "unpriced": ["3 answers of m:x"]}

    shown = reporting.status_text(status(spend_usd=0.0, spend=spend))

    assert "**Spend:** $0.00; not counted, as no price is known: 3 answers of m\\:x" in shown


@pytest.mark.parametrize(
    ("by", "cycle", "told"),
    [
        ("verdict 4", 3, "by the verdict of cycle 3, gain +0.10"),
        ("boss in the chat", 3, "by boss in the chat, made by cycle 3, gain +0.10"),
        ("local", None, "by the local admin, gain +0.10"),
    ],
)
def test_a_status_tells_who_let_the_model_answer(by: str, cycle: int | None, told: str) -> None:
    since = {"at": NOON, "by": by, "reason": "", "cycle": cycle, "gain": 0.1}

    shown = reporting.status_text(status(activation=since))

    assert shown.splitlines()[0].endswith(f"UTC, {told}")


def test_a_status_says_what_is_missing_until_the_next_run_and_why_the_last_did_nothing() -> None:
    few = "12 new kept examples since the dataset of cycle 3; a scheduled cycle takes 50."
    last = {"at": "2026-11-20T03:00:00+01:00", "cycle": None, "reason": "Cycle 4 is under way."}

    shown = reporting.status_text(status(schedule=schedule(missing=few, last=last)))

    assert f"03:00 (Europe/Berlin). So far nothing would start: {few}" in shown
    assert "**Last run:** 2026-11-20 03:00, nothing started: Cycle 4 is under way." in shown


def test_a_status_says_which_cycle_the_schedule_started() -> None:
    last = {"at": "2026-11-20T03:00:00+01:00", "cycle": 4, "reason": "63 new kept examples."}

    shown = reporting.status_text(status(schedule=schedule(last=last)))

    assert "2026-11-20 03:00, cycle 4 started: 63 new kept examples." in shown


def test_a_status_without_a_schedule_says_that_nothing_comes_by_itself() -> None:
    shown = reporting.status_text(status(schedule=schedule(cron="off", next=None)))

    assert "**Next run:** never by itself: TENK_SCHEDULE is off" in shown


# -- swaps


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"by": "verdict 3", "cycle": 3, "gain": 0.041},
            "From the next question on `ft:a::b` answers (cycle 3, gain +0.04)",
        ),
        (
            {"by": "ann in the chat", "reason": "why", "cycle": None},
            "From the next question on `ft:a::b` answers (by ann in the chat)",
        ),
        (
            {"by": "al", "again": True, "undoes": True, "reason": "See:it"},
            "From the next question on `ft:a::b` answers again; rolled back by al: See\\:it",
        ),
        (
            {"by": "al", "again": True, "reason": "It was better", "cycle": 3},
            "From the next question on `ft:a::b` answers again (cycle 3, by al)",
        ),
    ],
)
def test_a_swap_is_one_line(more: dict[str, Any], line: str) -> None:
    told: dict[str, Any] = {"model": "ft:a::b", "reason": "", "again": False, **more}

    assert telling.swap_line(telling.Swap(**told)) == line


# -- examples


def test_names_reasons_and_questions_bring_no_links_into_what_others_read() -> None:
    link, shown = "[a](http://d.example)", "\\[a\\](http\\://d.example)"
    swap = telling.Swap(model="m", by=f"{link} in the chat", reason=link, again=True, undoes=True)
    asked = example(question=link, correction=None)

    told = [
        telling.swap_line(swap),
        telling.example_text(asked, waiting=1),
        telling.decided_text(asked),
        telling.cycle_text(cycle(("step", "Training"), ("note", f"paused: {link}"), ended=link)),
    ]

    assert [text.count(shown) for text in told] == [2, 1, 1, 2]
    assert not any(link in text for text in told)


def example(state: Any = "kept", reason: str = "", **more: Any) -> Curated:
    told: dict[str, Any] = {
        "id": 12,
        "source": "turn",
        "question": "q?",
        "answer": "a [2] b [1][2]",
    }
    evidence: Any = [
        {
            "filing": "f",
            "file": "t.pdf",
            "company": "Meadowlark Tools, Inc.",
            "fiscal_year": 2024,
            "page": page,
            "pages": [page],
            "section": "Income",
            "kind": "table",
            "text": "",
            "score": 1.0,
            "chunk": page,
        }
        for page in (41, 42)
    ]
    return Curated(Example(**{**told, "evidence": evidence, **more}), state, reason)


def test_an_example_shows_its_state_its_pair_and_pages_numbered_as_they_come() -> None:
    shown = telling.example_text(example("dropped", "it refuses"), waiting=7)

    assert shown.startswith("**Example 12** · dropped: it refuses · 7 to review")
    assert "**Answer:** a [1] b [2][1]" in shown
    assert "- [1] Meadowlark Tools 10-K FY2024, p. 42, Income" in shown
    assert [(one.mark, one.page) for one in telling.example_sources(example())] == [
        ("[1]", 42),
        ("[2]", 41),
    ]


def test_an_imported_example_without_evidence_has_no_pages() -> None:
    assert telling.example_sources(example(evidence=[])) == []


def test_a_decision_says_what_became_of_the_example() -> None:
    corrected = example("kept", "kept by hand", correction="b [1]")

    assert "is kept as training data, with your answer: b [1]" in telling.decided_text(corrected)
    assert "is dropped from training data: dropped by hand" in telling.decided_text(
        example("dropped", "dropped by hand")
    )
    assert "the rules to decide again: it is kept" in telling.decided_text(example(), undone=True)


def test_the_end_of_the_queue_says_what_was_skipped() -> None:
    assert "nothing to review" in telling.nothing_left_text(0)
    assert "2 that you skipped" in telling.nothing_left_text(2)
