"""Whether the candidate replaces the active model: scorecards and a policy go in, a verdict comes
out. Pure: no clock, no chance, no model.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from backend.errors import ConfigurationError
from backend.promotion.intervals import (
    NORMAL,
    Interval,
    chance_to_show,
    interval,
    pocock_bound,
    questions_to_show,
)
from backend.promotion.scorecards import (
    Arm,
    Count,
    Scorecards,
    Sheet,
    figure_errors,
    gains,
    missing,
    refusals,
    share_of_price,
    sheet,
)
from backend.records import OUT_OF_REACH

Decision = Literal["promote", "promote_cheaper", "hold", "reject"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a candidate must show before it may answer readers. Scores are in [0, 1]."""

    alpha: float = 0.05
    """Chance of promoting a model that is no better, all looks together; one-sided."""
    min_gain: float = 0.01
    """The smallest mean gain worth a swap."""
    cheaper_share: float = 0.5
    """A cheaper model costs at most this share of the active one per answer."""
    cheaper_floor: float = -0.03
    """And surely loses less than this."""
    min_questions: int = 20
    """Below it the verdict is always hold."""
    max_questions: int = 300
    look_every: int = 20
    """Questions between two looks at the scores."""
    bound: float = 2.35
    """Normal quantile at each look. 15 looks at alpha .05 need 2.344 (`pocock_bound`)."""
    reach: float = 0.10
    """The exam stops when the chance to show a gain within the limit is below this ..."""
    hope: float = 1.0
    """... though the true gain were so many standard errors better than seen."""
    metrics: tuple[str, ...] = ("faithfulness", "answer_relevancy")
    """Their harmonic mean is the score."""

    @property
    def looks(self) -> int:
        """How often the scores may be looked at."""
        first = max(math.ceil(self.min_questions / self.look_every), 1)
        return max(math.ceil(self.max_questions / self.look_every) - first + 1, 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision with its reasons. Gains are in ragas_score, candidate minus active."""

    decision: Decision
    gain: float
    low: float
    high: float
    questions: int
    groups: int
    reasons: list[str]
    need_more: int | None = None
    """Further questions that would decide it if the trend holds; None where it is decided, or no
    number would."""
    missing: dict[str, int] = field(default_factory=dict[str, int])
    """Scores that are missing, by arm."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The exam goes on: what was seen so far, and the number of questions at the next look."""

    gain: float
    low: float
    high: float
    questions: int
    next_look: int
    chance: float
    """Of showing enough within the limit, in the candidate's favour."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the scorecards say."""

    over_active: Interval
    over_untuned: Interval | None
    figures: Count
    refused: Count
    share: float | None
    missing: dict[str, int]


def policy_for(**numbers: Any) -> Policy:
    """A policy with these numbers, its bound fitted to the looks and alpha unless given.

    Raises ConfigurationError for numbers that decide nothing.
    """
    policy = Policy(**numbers)
    expected = {
        "0 < alpha < 0.5": 0 < policy.alpha < 0.5,
        "look_every of at least 1": policy.look_every >= 1,
        "2 <= min_questions <= max_questions <= 1,000,000": (
            2 <= policy.min_questions <= policy.max_questions <= 1_000_000
        ),
        "0 <= cheaper_share <= 1": 0 <= policy.cheaper_share <= 1,
        "cheaper_floor <= 0 <= min_gain": policy.cheaper_floor <= 0 <= policy.min_gain,
        "0 < bound < 8": 0 < policy.bound < 8,
        "0 <= reach < 1": 0 <= policy.reach < 1,
        "a hope between -100 and 100": abs(policy.hope) < 100,
        "a metric in metrics": bool(policy.metrics),
    }
    if wrong := [words for words, holds in expected.items() if not holds]:
        told = " and ".join(wrong)
        found = [f"{name}={value}" for name, value in asdict(policy).items() if name in told]
        raise ConfigurationError(
            f"The numbers of the verdict cannot be: expected {told}, found {', '.join(found)}. "
            "Each is a setting of its name: TENK_MAX_QUESTIONS, say."
        )
    usual = Policy()
    if "bound" in numbers or (policy.looks, policy.alpha) == (usual.looks, usual.alpha):
        return policy
    return replace(policy, bound=pocock_bound(policy.looks, policy.alpha))


def decide(cards: Scorecards, policy: Policy) -> Verdict:
    """The verdict on what was seen. Missing scores count at their worst for the candidate."""
    return _verdict(_see(sheet(cards), policy), policy)


def _verdict(seen: _Seen, policy: Policy) -> Verdict:
    decision, reasons = _decision(seen, policy)
    gain = seen.over_active
    if lost := sum(seen.missing[arm] for arm in ("candidate", "active")):
        reasons.append(f"{lost} scores are missing and count at their worst for the candidate.")
    return Verdict(
        decision,
        gain.mean,
        gain.low,
        gain.high,
        gain.questions,
        gain.groups,
        reasons,
        _need_more(seen, policy) if decision == "hold" else None,
        seen.missing,
    )


def after_look(cards: Scorecards, policy: Policy) -> Continue | Verdict:
    """Whether the exam goes on. Call it whenever answers are in: it looks only when a look is due.

    It ends when the verdict is decided, is out of reach, or the limit is reached.
    """
    seen = _see(sheet(cards), policy)
    verdict, count = _verdict(seen, policy), seen.over_active.questions
    if count >= policy.max_questions:
        return verdict
    chance = _chance(seen, policy)
    if count >= policy.min_questions and count % policy.look_every == 0:
        if _settled(verdict, seen, policy):
            return verdict
        if chance < policy.reach:
            return _out_of_reach(verdict, chance, policy)
    due = max((count // policy.look_every + 1) * policy.look_every, policy.min_questions)
    gain = seen.over_active
    ahead = min(due, policy.max_questions)
    return Continue(gain.mean, gain.low, gain.high, count, ahead, round(chance, 4))


def conclude(cards: Scorecards, policy: Policy) -> Verdict:
    """The verdict where the exam ends here, for whatever cause."""
    told = after_look(cards, policy)
    return told if isinstance(told, Verdict) else decide(cards, policy)


# -- what was seen


def _see(held: Sheet, policy: Policy) -> _Seen:
    arms: tuple[Arm, ...] = ("candidate", "active", "untuned", "teacher")
    there: list[Arm] = [arm for arm in arms if arm in held.by_arm or arm in arms[:2]]
    untuned = None
    if "untuned" in there:
        untuned = interval(gains(held, "untuned", policy.metrics), policy.bound)
    return _Seen(
        interval(gains(held, "active", policy.metrics), policy.bound),
        untuned,
        figure_errors(held),
        refusals(held),
        share_of_price(held),
        {arm: missing(held, arm, policy.metrics) for arm in there},
    )


def _decision(seen: _Seen, policy: Policy) -> tuple[Decision, list[str]]:
    gain = seen.over_active
    if gain.questions < policy.min_questions:
        return "hold", [f"{gain.questions} of at least {policy.min_questions} exam questions."]
    if vetoes := _vetoes(seen):
        return "reject", vetoes
    if _shown(gain, policy):
        return "promote", [
            f"It scores {gain.mean:+.3f} against the active model, surely more than "
            f"{gain.low:+.3f}, on {gain.questions} questions."
        ]
    if _will_do_as_cheaper(seen, policy):
        return "promote_cheaper", [
            f"It costs {seen.share:.0%} of the active model's price per answer, beats the untuned "
            f"student, and loses surely less than {-policy.cheaper_floor:.2f} ({gain.mean:+.3f}, "
            f"lower end {gain.low:+.3f})."
        ]
    if gain.high < 0:
        return "reject", [
            f"It scores {gain.mean:+.3f} against the active model, surely less than "
            f"{gain.high:+.3f}."
        ]
    return "hold", [_why_not(gain, policy)]


def _why_not(gain: Interval, policy: Policy) -> str:
    if gain.groups < 2:
        return "All questions are about one section of one filing; that says nothing of others."
    seen = f"a gain of {gain.mean:+.3f}, which could be as low as {gain.low:+.3f}"
    if gain.low > 0:
        return f"It shows {seen}: above 0, but a swap needs {policy.min_gain:+.3f}."
    return f"It shows {seen}; a swap needs the lower end above 0."


def _vetoes(seen: _Seen) -> list[str]:
    told: list[str] = []
    if seen.figures.more:
        told.append(
            f"Its answers hold {seen.figures.candidate} figures that the evidence does not, the "
            f"active model's {seen.figures.active}."
        )
    if seen.refused.more:
        told.append(
            f"It refuses {seen.refused.candidate} answerable questions, the active model "
            f"{seen.refused.active}."
        )
    return told


def _shown(gain: Interval, policy: Policy) -> bool:
    return gain.low > 0 and gain.mean >= policy.min_gain - 1e-9


def _is_cheaper(seen: _Seen, policy: Policy) -> bool:
    return seen.share is not None and seen.share <= policy.cheaper_share


def _will_do_as_cheaper(seen: _Seen, policy: Policy) -> bool:
    if not _is_cheaper(seen, policy) or seen.over_untuned is None:
        return False
    return _shown(seen.over_untuned, policy) and seen.over_active.low > policy.cheaper_floor


# -- what lies ahead


def _settled(verdict: Verdict, seen: _Seen, policy: Policy) -> bool:
    """Whether more questions would change nothing.

    A veto that may be luck, by the sign test, is not yet a reason to stop: a single figure error
    more at the first look says little. Nor is a small sure loss, while a cheaper model may still
    show that it is small enough.
    """
    if verdict.decision in ("promote", "promote_cheaper"):
        return True
    if verdict.decision == "hold":
        return False
    if _vetoes(seen):
        nominal = 1 - NORMAL.cdf(policy.bound)
        return any(c.more and c.luck <= nominal for c in (seen.figures, seen.refused))
    return _chance_as_cheaper(seen, policy) < policy.reach


def _chance(seen: _Seen, policy: Policy) -> float:
    """Of a promotion of either kind within the limit."""
    return max(
        chance_to_show(
            seen.over_active,
            0.0,
            limit=policy.max_questions,
            bound=policy.bound,
            hope=policy.hope,
        ),
        _chance_as_cheaper(seen, policy),
    )


def _chance_as_cheaper(seen: _Seen, policy: Policy) -> float:
    if not _is_cheaper(seen, policy) or seen.over_untuned is None:
        return 0.0
    return min(
        chance_to_show(
            gain, above, limit=policy.max_questions, bound=policy.bound, hope=policy.hope
        )
        for gain, above in (
            (seen.over_active, policy.cheaper_floor),
            (seen.over_untuned, 0.0),
        )
    )


def _out_of_reach(verdict: Verdict, chance: float, policy: Policy) -> Verdict:
    reason = (
        f"{OUT_OF_REACH} {policy.max_questions} questions is {chance:.0%}, so the exam stopped "
        "here."
    )
    return replace(verdict, reasons=[*verdict.reasons, reason])


def _need_more(seen: _Seen, policy: Policy) -> int | None:
    """Further questions after which one decision or another would stand, if the trend holds."""
    gain = seen.over_active
    needs: list[int | None] = []
    if gain.mean >= policy.min_gain:
        needs.append(questions_to_show(gain, 0.0, policy.bound))
    if gain.mean < 0:
        turned = replace(gain, mean=-gain.mean)
        needs.append(questions_to_show(turned, 0.0, policy.bound))
    if _is_cheaper(seen, policy) and seen.over_untuned is not None:
        both = (
            questions_to_show(gain, policy.cheaper_floor, policy.bound),
            questions_to_show(seen.over_untuned, 0.0, policy.bound),
        )
        needs.append(None if None in both else max(need for need in both if need is not None))
    known = [need for need in needs if need is not None]
    if not known:
        return max(policy.min_questions - gain.questions, 0) or None
    return max(min(known), policy.min_questions, gain.questions + 1) - gain.questions
