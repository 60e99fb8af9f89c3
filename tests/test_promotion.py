"""The verdict: what promotes, what holds, what rejects; and the certificate that proves it."""

import copy
import csv
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ConfigurationError, DataError
from backend.promotion import (
    Arm,
    Asked,
    Card,
    Continue,
    Policy,
    Scorecards,
    Verdict,
    after_look,
    certificate,
    conclude,
    decide,
    pocock_bound,
    policy_for,
    verify,
)
from backend.records import OUT_OF_REACH

POLICY = Policy()
RANK = {"reject": 0, "hold": 1, "promote_cheaper": 2, "promote": 3}
Scored = Callable[[int], float | None]


def exam(
    count: int, group: Callable[[int], str] = str, repeats: int = 1, **arms: Scored
) -> Scorecards:
    """`count` questions; each arm's score of question n, in both metrics."""
    asked = [Asked(n, group(n)) for n in range(count)]
    cards = [card(name, n, score(n), r) for name, score in arms.items() for n in range(count)
             for r in range(repeats)]  # fmt: skip
    return Scorecards(asked, cards, repeats)


def card(arm: str, question: int, score: float | None, repeat: int = 0, **detail: Any) -> Card:
    scores = {"faithfulness": score, "answer_relevancy": score}
    names: dict[str, Arm] = {
        "candidate": "candidate", "active": "active", "untuned": "untuned", "teacher": "teacher"
    }  # fmt: skip
    return Card(names[arm], question, repeat, scores, **detail)


def changed(cards: Scorecards, arm: str, **detail: Any) -> Scorecards:
    told = [replace(c, **detail) if c.arm == arm else c for c in cards.cards]
    return replace(cards, cards=told)


def wavering(middle: float, width: float = 0.2) -> Scored:
    """Scores about `middle`, the same for the same question."""
    return lambda n: middle + width * (random.Random(n).random() - 0.5)


BETTER = exam(60, candidate=wavering(0.8, 0.3), active=wavering(0.6))
SAME = exam(60, candidate=wavering(0.7), active=lambda n: wavering(0.7)(n + 1000))
WORSE = exam(60, candidate=wavering(0.5, 0.3), active=wavering(0.7))


# -- the decision


def test_a_candidate_that_surely_scores_higher_is_promoted() -> None:
    verdict = decide(BETTER, POLICY)

    assert verdict.decision == "promote"
    assert 0 < verdict.low < verdict.gain < verdict.high
    assert verdict.need_more is None


def test_a_candidate_that_surely_scores_lower_is_rejected() -> None:
    assert decide(WORSE, POLICY).decision == "reject"


def test_a_difference_that_may_be_luck_is_held_with_what_would_decide_it() -> None:
    scores = [0.5 + 0.4 * math.sin(n) for n in range(60)]
    cards = exam(60, candidate=lambda n: scores[n] + 0.02, active=lambda n: scores[(n * 7) % 60])

    verdict = decide(cards, POLICY)

    assert verdict.decision == "hold"
    assert verdict.need_more is not None
    assert verdict.need_more > 0


def test_a_sure_gain_that_is_next_to_nothing_is_held() -> None:
    cards = exam(60, candidate=lambda _: 0.705, active=lambda _: 0.7)

    verdict = decide(cards, POLICY)

    assert verdict.decision == "hold"
    assert verdict.low > 0
    assert "needs +0.010" in verdict.reasons[0]


@pytest.mark.parametrize("count", [0, 1, 19])
def test_below_twenty_questions_the_verdict_is_always_hold(count: int) -> None:
    cards = exam(count, candidate=lambda _: 1.0, active=lambda _: 0.0)

    assert decide(cards, POLICY).decision == "hold"
    assert isinstance(after_look(cards, POLICY), Continue)


def test_twenty_questions_can_decide() -> None:
    cards = exam(20, candidate=lambda _: 1.0, active=lambda _: 0.0)

    assert decide(cards, POLICY).decision == "promote"


def test_questions_about_one_section_decide_nothing() -> None:
    cards = exam(60, lambda _: "Item 7", candidate=lambda _: 1.0, active=lambda _: 0.0)

    verdict = decide(cards, POLICY)

    assert verdict.decision == "hold"
    assert "one section" in verdict.reasons[0]


def test_questions_that_share_a_section_count_for_less() -> None:
    def candidate(n: int) -> float:
        return 0.7 + (0.3 if n % 6 < 3 else -0.15)

    apart = exam(60, candidate=candidate, active=lambda _: 0.7)
    together = exam(60, lambda n: str(n % 6), candidate=candidate, active=lambda _: 0.7)

    assert decide(apart, POLICY).decision == "promote"
    assert decide(together, POLICY).decision == "hold"


def test_a_score_is_the_harmonic_mean_of_both_metrics() -> None:
    asked = [Asked(n, str(n)) for n in range(20)]
    arms: Sequence[tuple[Arm, float]] = (("candidate", 1.0), ("active", 0.0))
    told = [
        Card(arm, n, 0, {"faithfulness": faithful, "answer_relevancy": 0.5})
        for n in range(20)
        for arm, faithful in arms
    ]

    assert decide(Scorecards(asked, told), POLICY).gain == pytest.approx(2 / 3)


def test_repeats_are_averaged_per_question() -> None:
    asked = [Asked(n, str(n)) for n in range(20)]
    told = [card("candidate", n, score, r) for n in range(20) for r, score in enumerate((1.0, 0.5))]
    told += [card("active", n, 0.25, r) for n in range(20) for r in range(2)]

    assert decide(Scorecards(asked, told, 2), POLICY).gain == pytest.approx(0.5)


def test_the_order_of_cards_and_questions_changes_nothing() -> None:
    mixed = list(BETTER.cards)
    random.Random(1).shuffle(mixed)
    turned = replace(BETTER, cards=mixed, asked=list(reversed(BETTER.asked)))

    assert decide(turned, POLICY) == decide(BETTER, POLICY)


@pytest.mark.parametrize(
    "cards",
    [
        replace(SAME, cards=[*SAME.cards, SAME.cards[0]]),
        replace(SAME, cards=[*SAME.cards, card("active", 999, 1.0)]),
        replace(SAME, asked=[*SAME.asked, SAME.asked[0]]),
        replace(SAME, repeats=0),
    ],
)
def test_scorecards_that_do_not_add_up_are_refused(cards: Scorecards) -> None:
    with pytest.raises(DataError):
        decide(cards, POLICY)


# -- vetoes


def test_more_figure_errors_than_the_active_model_reject_a_better_score() -> None:
    worse = [replace(c, figure_errors=int(c.arm == "candidate" and c.question < 3))
             for c in BETTER.cards]  # fmt: skip

    verdict = decide(replace(BETTER, cards=worse), POLICY)

    assert verdict.decision == "reject"
    assert "3 figures" in verdict.reasons[0]


def test_more_refusals_of_answerable_questions_reject_a_better_score() -> None:
    verdict = decide(changed(BETTER, "candidate", refused=True), POLICY)

    assert verdict.decision == "reject"
    assert "refuses 60" in verdict.reasons[0]


def test_refusing_what_cannot_be_answered_is_no_fault() -> None:
    asked = [replace(a, answerable=False) for a in BETTER.asked]

    verdict = decide(changed(replace(BETTER, asked=asked), "candidate", refused=True), POLICY)

    assert verdict.decision == "promote"


def test_as_many_errors_as_the_active_model_are_no_veto() -> None:
    cards = changed(changed(BETTER, "candidate", figure_errors=1), "active", figure_errors=1)

    assert decide(cards, POLICY).decision == "promote"


def test_an_answer_that_never_came_counts_as_a_refusal() -> None:
    there = [c for c in BETTER.cards if (c.arm, c.question) != ("candidate", 5)]

    assert decide(replace(BETTER, cards=there), POLICY).decision == "reject"


def test_one_figure_error_more_does_not_end_the_exam_early() -> None:
    one = [replace(c, figure_errors=int(c.arm == "candidate" and c.question == 0))
           for c in BETTER.cards]  # fmt: skip

    assert isinstance(after_look(replace(BETTER, cards=one), POLICY), Continue)


def test_figure_errors_beyond_luck_end_the_exam_early() -> None:
    told = after_look(changed(BETTER, "candidate", figure_errors=1), POLICY)

    assert isinstance(told, Verdict)
    assert told.decision == "reject"


# -- cheaper


def cheap(cards: Scorecards, ours: float | None, theirs: float | None) -> Scorecards:
    return changed(changed(cards, "candidate", cost=ours), "active", cost=theirs)


EQUAL = exam(
    100,
    candidate=wavering(0.7, 0.05),
    active=lambda n: wavering(0.7, 0.05)(n + 1000),
    untuned=wavering(0.4),
)


def test_a_model_as_good_at_half_the_price_is_promoted_as_cheaper() -> None:
    verdict = decide(cheap(EQUAL, 0.5, 1.0), POLICY)

    assert verdict.decision == "promote_cheaper"


@pytest.mark.parametrize(
    ("ours", "theirs"), [(0.6, 1.0), (None, 1.0), (0.1, None), (math.nan, 1.0), (0.0, 0.0)]
)
def test_a_price_that_is_not_known_to_be_half_is_not_cheaper(
    ours: float | None, theirs: float | None
) -> None:
    assert decide(cheap(EQUAL, ours, theirs), POLICY).decision == "hold"


@pytest.mark.parametrize("cost", [None, 0.0])
def test_where_neither_has_a_price_seconds_count(cost: float | None) -> None:
    timed = changed(changed(EQUAL, "candidate", seconds=0.4), "active", seconds=1.0)

    assert decide(cheap(timed, cost, cost), POLICY).decision == "promote_cheaper"


def test_a_cheap_model_that_does_not_beat_the_untuned_student_is_not_promoted() -> None:
    cards = exam(100, candidate=wavering(0.7), active=wavering(0.7), untuned=wavering(0.7))

    assert decide(cheap(cards, 0.1, 1.0), POLICY).decision == "hold"


def test_without_the_untuned_student_nothing_is_promoted_as_cheaper() -> None:
    cards = replace(EQUAL, cards=[c for c in EQUAL.cards if c.arm != "untuned"])

    assert decide(cheap(cards, 0.1, 1.0), POLICY).decision == "hold"


def test_a_cheap_model_that_may_lose_more_than_the_floor_is_not_promoted() -> None:
    cards = exam(
        100, candidate=wavering(0.66), active=wavering(0.7), untuned=wavering(0.4)
    )  # fmt: skip

    assert decide(cheap(cards, 0.1, 1.0), POLICY).decision == "reject"


def test_a_cheap_model_whose_small_loss_may_still_prove_small_is_asked_further() -> None:
    noise = [random.Random(n).gauss(-0.022, 0.03) for n in range(40)]
    cards = exam(
        40, candidate=lambda n: 0.7 + noise[n], active=lambda _: 0.7, untuned=lambda _: 0.3
    )  # fmt: skip
    dear, cheaper = cheap(cards, 1.0, 1.0), cheap(cards, 0.1, 1.0)

    assert decide(dear, POLICY).decision == decide(cheaper, POLICY).decision == "reject"
    assert isinstance(after_look(dear, POLICY), Verdict)
    assert isinstance(after_look(cheaper, POLICY), Continue)


# -- missing scores


def random_exam(seed: int) -> Scorecards:
    draw = random.Random(seed)
    count, repeats = draw.choice([20, 25, 60]), draw.choice([1, 2])
    sections = draw.choice([3, 12, count])
    lift = draw.choice([-0.1, 0.0, 0.1, 0.3])

    def scored(arm: str, n: int, r: int) -> Card:
        middle = 0.5 + (lift if arm == "candidate" else 0.0)
        scores = {
            m: draw.choice([None, math.nan, 0.0, 1.0]) if draw.random() < 0.05
            else draw.gauss(middle, draw.choice([0.01, 0.2]))
            for m in POLICY.metrics
        }  # fmt: skip
        cost = 0.1 if arm == "candidate" else 1.0
        return replace(card(arm, n, None, r, cost=cost), scores=scores)

    return Scorecards(
        [Asked(n, str(n % sections)) for n in range(count)],
        [scored(arm, n, r) for arm in ("candidate", "active", "untuned") for n in range(count)
         for r in range(repeats)],
        repeats,
    )  # fmt: skip


def with_missing(cards: Scorecards, seed: int) -> Scorecards:
    draw = random.Random(seed)
    share = draw.choice([0.01, 0.1, 0.5])

    def lose(told: Card) -> Card:
        return replace(
            told,
            scores={m: None if draw.random() < share else v for m, v in told.scores.items()},
        )

    return replace(cards, cards=[lose(c) if c.arm != "teacher" else c for c in cards.cards])


@pytest.mark.parametrize("seed", range(150))
def test_missing_scores_never_help_a_candidate(seed: int) -> None:
    whole = random_exam(seed)
    lost = with_missing(whole, seed + 1000)

    before, after = decide(whole, POLICY), decide(lost, POLICY)

    assert after.low <= before.low
    assert after.gain <= before.gain
    assert RANK[after.decision] <= max(RANK[before.decision], RANK["hold"])


def test_losing_the_one_score_that_made_the_gains_uneven_does_not_help() -> None:
    def gained(n: int) -> float | None:
        return 1.0 if n == 0 else 0.05

    whole = exam(20, candidate=gained, active=lambda _: 0.0)
    lost = exam(20, candidate=lambda n: None if n == 0 else gained(n), active=lambda _: 0.0)

    assert decide(lost, POLICY).low <= decide(whole, POLICY).low


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf])
def test_scores_that_are_not_numbers_never_promote(nothing: float | None) -> None:
    cards = exam(60, candidate=lambda _: nothing, active=lambda _: 0.0)

    verdict = decide(cards, POLICY)

    assert verdict.decision == "hold"
    assert verdict.missing["candidate"] == 120
    assert "120 scores are missing" in verdict.reasons[-1]


def test_an_active_model_that_was_not_scored_is_not_beaten() -> None:
    cards = exam(60, candidate=lambda _: 1.0, active=lambda _: math.nan)

    assert decide(cards, POLICY).decision != "promote"


# -- looks


def test_a_look_between_two_looks_decides_nothing() -> None:
    cards = exam(21, candidate=lambda _: 1.0, active=lambda _: 0.0)

    told = after_look(cards, POLICY)

    assert isinstance(told, Continue)
    assert told.next_look == 40


def test_a_sure_gain_ends_the_exam_at_the_first_look() -> None:
    told = after_look(exam(20, candidate=wavering(0.9), active=wavering(0.5)), POLICY)

    assert isinstance(told, Verdict)
    assert told.decision == "promote"


def test_a_gain_out_of_reach_ends_the_exam_and_says_so() -> None:
    noise = [random.Random(n).gauss(-0.05, 0.25) for n in range(60)]
    cards = exam(60, candidate=lambda n: 0.5 + noise[n] / 2, active=lambda n: 0.5 - noise[n] / 2)

    told = after_look(cards, POLICY)

    assert isinstance(told, Verdict)
    assert told.decision == "hold"
    assert told.reasons[-1].startswith(OUT_OF_REACH)


def test_at_the_limit_the_exam_ends_whatever_was_seen() -> None:
    assert isinstance(after_look(SAME, policy_for(max_questions=60)), Verdict)


@pytest.mark.parametrize(
    ("looks", "bound"), [(1, 1.645), (2, 1.875), (5, 2.122), (10, 2.270), (15, 2.344), (20, 2.392)]
)
def test_the_bound_is_pococks_for_the_number_of_looks(looks: int, bound: float) -> None:
    """Jennison & Turnbull, Group Sequential Methods (2000), table 2.1 at two-sided .10."""
    assert pocock_bound(looks) == pytest.approx(bound, abs=0.002)


def test_the_usual_bound_is_no_smaller_than_its_looks_need() -> None:
    assert POLICY.looks == 15
    assert POLICY.bound >= pocock_bound(POLICY.looks, POLICY.alpha)


def test_another_number_of_looks_gets_its_own_bound() -> None:
    assert policy_for(look_every=300).bound == pytest.approx(1.645, abs=0.001)
    assert policy_for(look_every=10, min_questions=20).bound > POLICY.bound


@pytest.mark.parametrize(
    "numbers",
    [{"alpha": 0}, {"min_questions": 400}, {"look_every": 0}, {"min_gain": -1}, {"metrics": ()}],
)
def test_numbers_that_decide_nothing_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        policy_for(**numbers)


def test_which_number_of_the_verdict_is_wrong_is_said() -> None:
    with pytest.raises(ConfigurationError) as told:
        policy_for(max_questions=5)

    assert "2 <= min_questions <= max_questions" in str(told.value)
    assert "found min_questions=20, max_questions=5. " in str(told.value)
    assert "TENK_MAX_QUESTIONS" in str(told.value)


# -- the article


def article(path: Path) -> Scorecards:
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    arms: Sequence[tuple[Arm, str]] = (("candidate", "tuned"), ("active", "base"))
    told = [
        Card(arm, n, 0, {m: float(row[f"{name}_{m}"]) for m in POLICY.metrics})
        for n, row in enumerate(rows)
        for arm, name in arms
    ]
    return Scorecards([Asked(n, str(n)) for n in range(len(rows))], told)


def test_the_articles_own_scores_are_held(shared_data: Path) -> None:
    verdict = decide(article(shared_data / "nvidia" / "article_ragas_scores.csv"), POLICY)

    assert verdict.decision == "hold"
    assert verdict.questions == 36
    assert verdict.gain == pytest.approx(0.042, abs=0.0005)
    assert verdict.need_more is not None


def test_one_look_at_the_articles_scores_leaves_the_lower_end_below_nothing(
    shared_data: Path,
) -> None:
    once = policy_for(look_every=300)

    verdict = decide(article(shared_data / "nvidia" / "article_ragas_scores.csv"), once)

    assert verdict.decision == "hold"
    assert -0.02 < verdict.low < -0.005


# -- the certificate

MODELS = {"candidate": "ft:local-student:1", "active": "local-teacher", "judge": "local-judge"}


def certified(cards: Scorecards) -> dict[str, Any]:
    return certificate(
        cards, POLICY, models=MODELS, seeds={"exam": 7}, dataset="ab" * 32, more={"cycle": 3}
    )


@pytest.mark.parametrize("cards", [BETTER, SAME, WORSE, cheap(EQUAL, 0.5, 1.0), random_exam(3)])
def test_a_certificate_proves_its_verdict_after_a_round_trip(cards: Scorecards) -> None:
    told = json.loads(json.dumps(certified(cards), indent=2, ensure_ascii=True))

    assert verify(told).ok
    assert told["verdict"]["decision"] == conclude(cards, POLICY).decision


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for key, item in value.items() for p in places(item, (*path, key))]
    if isinstance(value, list):
        return [p for key, item in enumerate(value) for p in places(item, (*path, key))]
    return [path]


def test_one_changed_value_anywhere_fails_it() -> None:
    whole = certified(exam(20, candidate=wavering(0.8), active=wavering(0.6)))

    for path in places(whole):
        spoilt: Any = copy.deepcopy(whole)
        held = spoilt
        for key in path[:-1]:
            held = held[key]
        held[path[-1]] = spoil(held[path[-1]])
        assert not verify(spoilt).ok, path


def test_one_changed_digit_anywhere_in_its_file_fails_it() -> None:
    text = json.dumps(certified(random_exam(3)), indent=1)
    # the last digits of long decimals are where a change could be read as the same number
    ends = [at for at in range(len(text) - 1) if text[at].isdigit() and not text[at + 1].isdigit()]

    for at in ends:
        changed = json.loads(f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}")
        assert not verify(changed).ok, text[at - 30 : at + 1]


def spoil(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1e-9 if isinstance(value, (int, float)) else f"{value}."


def resealed(told: dict[str, Any]) -> dict[str, Any]:
    """What a forger would do: fit the sum to the changed content."""
    from hashlib import sha256

    body = {k: v for k, v in told.items() if k != "sha256"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return body | {"sha256": sha256(text.encode()).hexdigest()}


def test_a_verdict_that_does_not_follow_fails_though_the_sum_fits() -> None:
    told = certified(WORSE)
    told["verdict"]["decision"] = "promote"

    found = verify(resealed(told))

    assert not found.ok
    assert "does not follow" in found.reason


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda told: told.pop("policy"),
    lambda told: told.update(format="other 2"),
    lambda told: told.update(extra=1),
    lambda told: told["scorecards"].update(repeats=0),
    lambda told: told["scorecards"].update(cards="none"),
    lambda told: told["scorecards"]["cards"].append(told["scorecards"]["cards"][0]),
    lambda told: told["scorecards"]["cards"][0]["scores"].update(faithfulness="1"),
    lambda told: told["policy"].update(metrics=[]),
    lambda told: told["policy"].update(bound=-9.0),
    lambda told: told["policy"].update(look_every=0),
    lambda told: told["policy"].update(bound=1e300),
    lambda told: told["policy"].update(max_questions=10**400),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_certificate_of_another_shape_fails_with_a_reason(
    change: Callable[[dict[str, Any]], Any],
) -> None:
    told = certified(SAME)
    change(told)

    found = verify(resealed(told))

    assert not found.ok
    assert "\n" not in found.reason


@pytest.mark.parametrize("told", [None, [], "certificate", {}, {"sha256": 1}, {"a": math.nan}])
def test_what_is_no_certificate_fails_with_a_reason(told: Any) -> None:
    assert not verify(told).ok
    assert verify(told).reason
