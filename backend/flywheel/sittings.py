"""One noun into another: sittings into rows and back, and into what a verdict weighs. Pure."""

from collections.abc import Sequence
from typing import Any

from backend import exam, promotion
from backend.records import ExamQuestion, Role, Sitting, Usage


def paying(arms: Sequence[exam.Arm]) -> list[exam.Arm]:
    """One arm for each model: who is both active and teacher answers once."""
    first: dict[tuple[str, Role], exam.Arm] = {}
    for arm in arms:
        first.setdefault((arm.model, arm.role), arm)
    return list(first.values())


def sits_as(name: str, arms: Sequence[exam.Arm]) -> str:
    """The name under which an arm's model answers: its own, or that of an arm before it."""
    [wanted] = [arm for arm in arms if arm.name == name]
    return next(arm.name for arm in arms if (arm.model, arm.role) == (wanted.model, wanted.role))


def unanswerable(sats: Sequence[exam.Sat], judge: str, *, repeats: int) -> set[int]:
    """Questions that the arm called `judge` refused in every repeat."""
    refused: dict[int, int] = {}
    for sat in sats:
        if sat.arm == judge and sat.answered is not None and sat.answered.refused:
            refused[sat.question] = refused.get(sat.question, 0) + 1
    return {question for question, times in refused.items() if times == repeats}


def judged(sat: exam.Sat) -> bool:
    """Whether a judge has scored it: a refusal has its 0 without one."""
    said = sat.answered is not None and not sat.answered.refused
    return said and any(value is not None for value in sat.scores.values())


def usd_of(sats: Sequence[exam.Sat], judge: tuple[float, float] | None) -> float | None:
    """What answers and judging came to; `judge`: USD per million tokens in and out.

    None where a price is not known.
    """
    costs = [sat.answered.cost for sat in sats if sat.answered is not None]
    known = [cost for cost in costs if cost is not None]
    if judge is None or len(known) < len(costs):
        return None
    read = sum(sat.judging.prompt_tokens for sat in sats)
    written = sum(sat.judging.completion_tokens for sat in sats)
    return sum(known) + (read * judge[0] + written * judge[1]) / 1e6


def scorecards(
    asked: Sequence[ExamQuestion],
    sats: Sequence[exam.Sat],
    arms: Sequence[exam.Arm],
    *,
    repeats: int,
) -> promotion.Scorecards:
    """What the verdict takes. An arm whose model sat under another name gets that one's cards."""
    wanted = {one.id for one in asked}
    cards = [
        card_of(sat, arm.name)
        for arm in arms
        for sat in sats
        if sat.arm == sits_as(arm.name, arms) and sat.question in wanted and sat.answered
    ]
    told = [promotion.Asked(one.id or 0, one.group) for one in asked]
    return promotion.Scorecards(told, cards, repeats)


def card_of(sat: exam.Sat, arm: str) -> promotion.Card:
    """One sitting as the verdict sees it."""
    said = sat.answered
    assert said is not None, "an arm that did not answer has no card"
    return promotion.Card(
        arm=arm,  # type: ignore[arg-type]  # one of the four names above
        question=sat.question,
        repeat=sat.repeat,
        scores=dict(sat.scores),
        refused=said.refused,
        figure_errors=said.figure_errors,
        seconds=said.seconds,
        cost=said.cost,
    )


def sitting_of(cycle: int, sat: exam.Sat) -> Sitting:
    """A sitting as the database keeps it."""
    said = sat.answered
    return Sitting(
        cycle=cycle,
        arm=sat.arm,
        question=sat.question,
        repeat=sat.repeat,
        model=sat.model,
        answer=said.text if said else None,
        refused=said.refused if said else False,
        figure_errors=said.figure_errors if said else 0,
        seconds=said.seconds if said else 0.0,
        prompt_tokens=said.usage.prompt_tokens if said else 0,
        completion_tokens=said.usage.completion_tokens if said else 0,
        cost_usd=said.cost if said else None,
        judge_prompt_tokens=sat.judging.prompt_tokens,
        judge_completion_tokens=sat.judging.completion_tokens,
        error=sat.error,
    )


def sat_of(row: Sitting, scores: Sequence[Any]) -> exam.Sat:
    """The way back: what was paid for before."""
    said = None
    if row.answer is not None:
        said = exam.Answered(
            text=row.answer,
            refused=row.refused,
            figure_errors=row.figure_errors,
            seconds=row.seconds,
            usage=Usage(prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens),
            cost=row.cost_usd,
        )
    return exam.Sat(
        arm=row.arm,
        question=row.question,
        repeat=row.repeat,
        model=row.model,
        answered=said,
        error=row.error,
        scores={score.metric: score.value for score in scores},
        reasons={score.metric: score.reason for score in scores if score.reason},
        judging=Usage(
            prompt_tokens=row.judge_prompt_tokens, completion_tokens=row.judge_completion_tokens
        ),
    )
