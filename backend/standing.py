"""The log and the settings in, how things stand out: for a person who asks, at either door.

Reads, and changes nothing. It alone knows what a status tells, and what to do after a verdict.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean
from typing import TYPE_CHECKING, Any

from backend.cron import next_time
from backend.datasets import Curated
from backend.duty import watching_row
from backend.lessons import curated, facts
from backend.models import price
from backend.records import (
    OUT_OF_REACH,
    Candidate,
    Cycle,
    CycleEvent,
    Role,
    Score,
    Sitting,
    Verdict,
    in_utc,
    now,
)
from backend.scheduling import why_not
from backend.store import cycles
from backend.store.filings import filings
from backend.store.notices import log_totals, notices, unpriced_turns
from backend.store.schedule import last_run
from backend.store.spending import CHECK, EMBEDDING, GENERATION, LOST, expenses
from backend.store.totals import totals
from backend.store.turns import active_candidate

if TYPE_CHECKING:
    from sqlmodel import Session

    from backend.settings import Settings

MANY = 1000
"""Exam questions that nobody would write to tell two models apart."""
HELD_UP = "cycle"
"""Subject of the notice about a cycle that a server or a setting holds up."""


def standing(session: "Session", settings: "Settings") -> dict[str, Any]:
    """What a status tells; shapes as `tenk status --json` prints them."""
    running, every = cycles.running_cycle(session), curated(session, settings)
    schedule = schedule_row(session, settings, every, now())
    exam = Counter(one.state for one in cycles.exam_questions(session))
    return {
        "active": active_row(session, settings),
        "activation": activation_row(session),
        "filings": len(filings(session)),
        **log_totals(session),
        **spend_row(session, settings),
        "books": totals(session),
        "examples": example_counts(every),
        "exam": {"active": exam["active"], "quarantined": exam["quarantined"]},
        "cycle": running_row(session, running) if running else None,
        "next_run": schedule["next"],
        "schedule": schedule,
        "verdict": last_verdict(session),
        **watching_row(session),
        "warnings": [one.text for one in notices(session)],
    }


def schedule_row(
    session: "Session", settings: "Settings", every: Sequence[Curated], at: datetime
) -> dict[str, Any]:
    """The schedule after `at`: what is missing until the next run, and what became of the last.

    Times are in the zone that the schedule is read in; `next` is None where nothing is scheduled.
    """
    zone, known, last = settings.zone, facts(session, settings, every), last_run(session)
    comes = None if known.off else next_time(settings.schedule, at.astimezone(zone)).isoformat()
    if known.paused is None:  # one that goes on will have ended by then, most likely
        known = replace(known, running=None)
    return {
        "cron": settings.schedule,
        "zone": zone.key,
        "next": comes,
        "last": {
            "at": in_utc(last.at).astimezone(zone).isoformat(),
            "cycle": last.cycle,
            "reason": last.reason,
        }
        if last
        else None,
        "new_examples": known.new,
        "needed": known.needed,
        "missing": why_not(known) or None,
    }


def example_counts(every: Iterable[Curated]) -> dict[str, Any]:
    """How many are kept, and how many each rule drops, most first."""
    states = [(one.state, str(one.rule)) for one in every]
    dropped = Counter(rule for state, rule in states if state == "dropped")
    return {
        "kept": len(states) - dropped.total(),
        "dropped": dropped.total(),
        "dropped_by_rule": dict(dropped.most_common()),
    }


def spend_row(session: "Session", settings: "Settings") -> dict[str, Any]:
    """What was spent in USD, by kind: the kinds add up to `spend_usd`.

    `answers_usd` holds the teacher's second answers too, and follow-ups made to stand alone;
    `exams_usd` answers and judging; `checks_usd` calls that only see whether a model answers;
    `lost_usd` answers that broke off, by an estimate where their server tells no tokens, and
    follow-ups that nothing was found for.
    `unpriced` names what has no known price, by which the sum falls short.
    """
    exams, trained = cycles.exam_spend(session), cycles.training_usd(session)
    judging = [_judging_usd(one, settings) for one in exams]
    others = expenses(session)
    by_kind = {kind: 0.0 for kind in (GENERATION, EMBEDDING, CHECK, LOST)}
    for one in others:
        by_kind[one.kind] = by_kind.get(one.kind, 0.0) + one.cost_usd
    spend = {
        "answers_usd": log_totals(session)["spend_usd"],
        "exams_usd": sum(one.answers_usd for one in exams) + sum(usd or 0.0 for usd in judging),
        "training_usd": sum(usd or 0.0 for usd in trained.values()),
        "generation_usd": by_kind[GENERATION],
        "embeddings_usd": by_kind[EMBEDDING],
        "checks_usd": by_kind[CHECK],
        "lost_usd": by_kind[LOST],
    }
    judged = zip(exams, judging, strict=True)
    unpriced = [
        *_unpriced_answers(session, settings),
        *(f"exam of cycle {one.cycle}" for one in exams if one.unpriced),
        *(f"judging of cycle {one.cycle}" for one, usd in judged if usd is None),
        *(f"training of cycle {key}" for key, usd in trained.items() if usd is None),
        *(f"{one.unpriced} calls for {one.subject}, {one.model}" for one in others if one.unpriced),
    ]
    return {"spend_usd": sum(spend.values()), "spend": {**spend, "unpriced": sorted(unpriced)}}


def _judging_usd(one: cycles.ExamSpend, settings: "Settings") -> float | None:
    """None where the judge's price is not known."""
    rates = price(one.judge, settings.prices)
    if rates is None:
        return None
    return (one.judge_prompt_tokens * rates[0] + one.judge_completion_tokens * rates[1]) / 1e6


def _unpriced_answers(session: "Session", settings: "Settings") -> list[str]:
    """Answers whose cost is not known, of models that cost something."""
    return [
        f"{count} answers of {model}"
        for model, count in unpriced_turns(session).items()
        if price(model, settings.prices) != (0.0, 0.0)
    ]


# -- models


def active_row(session: "Session", settings: "Settings") -> dict[str, str]:
    """The model that answers the next question; the teacher before the first swap."""
    if (active := active_candidate(session)) is not None:
        return {"model": active.model, "role": active.role}
    return {"model": settings.endpoint(Role.TEACHER).model, "role": Role.TEACHER.value}


def activation_row(session: "Session") -> dict[str, Any] | None:
    """Since when, by whom and why the active model answers; None before the first swap."""
    latest = cycles.latest_activation(session)
    if latest is None:
        return None
    made = origin(session, session.get_one(Candidate, latest.candidate))
    return {
        "at": latest.at,
        "by": latest.by,
        "reason": latest.reason,
        "cycle": made.cycle,
        "gain": made.verdict.gain if made.verdict else None,
    }


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from."""

    cycle: int | None = None
    verdict: Verdict | None = None


def origin(session: "Session", candidate: Candidate) -> Origin:
    """The cycle that made a candidate, and its verdict, where there are any."""
    for row in cycles.cycles(session):
        if row.candidate == candidate.id:
            told = cycles.verdict(session, row.verdict) if row.verdict else None
            return Origin(row.id, told)
    return Origin()


def model_rows(session: "Session") -> list[dict[str, Any]]:
    """The models that could answer, newest first, and which one does, since when and why."""
    history = cycles.activations(session)
    serving = history[0] if history else None
    rows: list[dict[str, Any]] = []
    for one in cycles.candidates(session):
        made = origin(session, one)
        active = serving is not None and serving.candidate == one.id
        rows.append(
            {
                "model": one.model,
                "role": one.role,
                "active": active,
                "dataset": one.dataset,
                "since": serving.at if serving and active else None,
                "by": serving.by if serving and active else None,
                "reason": serving.reason if serving and active else None,
                "cycle": made.cycle,
                "verdict": verdict_row(made.verdict) if made.verdict else None,
            }
        )
    return rows


# -- cycles


def running_row(session: "Session", row: Cycle) -> dict[str, Any]:
    """A cycle under way: who asked for it, when, who paused it, and what it does now."""
    steps = [one for one in cycles.events(session, row.id or 0) if one.kind == "step"]
    return {
        "cycle": row.id,
        "by": row.by,
        "since": row.started_at,
        "paused": row.paused,
        "doing": steps[-1].text if steps else "",
    }


def held_up(session: "Session") -> str:
    """What the running cycle waits for; empty where nothing holds it up."""
    return next((one.text for one in notices(session) if one.subject == HELD_UP), "")


def last_verdict(session: "Session") -> dict[str, Any] | None:
    """The newest verdict, whatever it says."""
    for row in cycles.cycles(session):
        if row.verdict is not None:
            told = cycles.verdict(session, row.verdict)
            return {"cycle": row.id, **verdict_row(told), "at": told.at}
    return None


def verdict_row(told: Verdict) -> dict[str, Any]:
    """A verdict without its certificate, and what the questions that it needs would cost."""
    named = ("decision", "gain", "low", "high", "questions", "reasons", "need_more")
    return {
        **{name: getattr(told, name) for name in named},
        "need_more_usd": _need_usd(told),
        "limit": told.certificate.get("policy", {}).get("max_questions"),
    }


def _need_usd(told: Verdict) -> float | None:
    """By what this exam took for each question; None where that is not known."""
    more: dict[str, Any] = told.certificate.get("more", {})
    asked = len(more.get("questions", {})) + len(more.get("put_aside", {}))
    if not told.need_more or not asked or more.get("usd") is None:
        return None
    return told.need_more * more["usd"] / asked


def cycle_row(session: "Session", row: Cycle, *, state: str, teacher: str) -> dict[str, Any]:
    """A cycle as `tenk retrain --json` prints it."""
    told = cycles.verdict(session, row.verdict) if row.verdict else None
    candidate = session.get(Candidate, row.candidate) if row.candidate else None
    active = active_candidate(session)
    return {
        "cycle": row.id,
        "state": state,
        "paused": row.paused,
        "dataset": row.dataset,
        "job": row.job,
        "candidate": candidate.model if candidate else None,
        "verdict": verdict_row(told) if told else None,
        "judge": row.exam.get("judge"),
        "active": active.model if active else teacher,
        "ended": row.ended,
    }


def decision_words(decision: str) -> str:
    """A decision as people say it."""
    return decision.replace("_", " as ", 1)


def verdict_words(verdict: dict[str, Any]) -> str:
    """A verdict's decision and numbers in a line."""
    said = decision_words(verdict["decision"])
    on = f"on {verdict['questions']} questions"
    if verdict["gain"] is None:
        return f"{said}, {on}."
    return (
        f"{said}: gain {verdict['gain']:+.3f} [{verdict['low']:+.3f}, {verdict['high']:+.3f}] "
        f"in ragas_score {on}."
    )


def what_next(row: dict[str, Any], *, door: str = "tenk ") -> str:
    """What a person can do after the verdict of a cycle; `door` goes before a command's name."""
    verdict, key = row["verdict"], row["cycle"]
    if verdict["decision"].startswith("promote"):
        if row["active"] != row["candidate"]:
            return f"{row['active']} answers now. See every question: tenk cycle {key}"
        return f"{row['active']} answers from the next question on. Undo it: {door}rollback"
    if verdict["decision"] == "hold":
        told = f"{row['active']} stays{_after_hold(verdict, door)}"
        return f"{told} See every question: tenk cycle {key}"
    return f"{row['active']} stays. See every question: tenk cycle {key}"


def _after_hold(verdict: dict[str, Any], door: str) -> str:
    """More questions where they would decide, and better examples where they would not."""
    more, better = verdict["need_more"], "More and better examples do more: tenk examples."
    if not more:
        return f": as they score now, no number of questions would decide. {better}"
    if more > MANY:
        return (
            f": the two are about equal, and it would take {more:,} more questions to tell them "
            f"apart. {better}"
        )
    if any(reason.startswith(OUT_OF_REACH) for reason in verdict.get("reasons", ())):
        return f": as they score now, more questions would hardly show a gain. {better}"
    usd = verdict.get("need_more_usd")
    cost = f", about ${usd:.2f}" if usd else ""
    total, limit = verdict.get("questions", 0) + more, verdict.get("limit") or math.inf
    raised = f", TENK_MAX_QUESTIONS={total}" if total > limit else ""
    return (
        f". {more} more exam questions would decide{cost}: tenk questions generate --n {more}"
        f"{raised}, then {door}retrain."
    )


# -- an exam under way


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an exam has come."""

    questions: int
    """Questions that every arm has answered, or failed to."""
    means: dict[str, float]
    """The mean ragas_score of each arm so far, over what could be scored."""


def progress(sittings: Sequence[tuple[Sitting, Sequence[Score]]]) -> Progress:
    """What has been answered and scored so far; no verdict, for nobody may stop on it."""
    by_arm: dict[str, set[int]] = {}
    scores: dict[str, list[float]] = {}
    for sat, told in sittings:
        by_arm.setdefault(sat.arm, set()).add(sat.question)
        values = [one.value for one in told]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            scores.setdefault(sat.arm, []).append(_harmonic(known))
    asked = set[int].intersection(*by_arm.values()) if by_arm else set[int]()
    return Progress(len(asked), {arm: fmean(found) for arm, found in scores.items()})


def _harmonic(values: Sequence[float]) -> float:
    """The mean that ragas_score is; 0 where one value is 0."""
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


def losses(events: Iterable[CycleEvent], kind: str = "train_loss") -> list[float]:
    """A loss as it went: of what is trained on, or of what is only watched ("valid_loss")."""
    return [one.numbers[kind] for one in events if kind in one.numbers]
