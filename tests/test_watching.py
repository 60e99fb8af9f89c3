"""How the model in service does: intervals, a test that may be looked at always, agreement."""

import random
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest

from backend.records import Turn
from backend.watching import (
    ALPHA,
    MOST_OLD,
    agreement,
    agreement_over_time,
    beside_each,
    compare,
    e_values,
    thumbs,
    wilson,
)

RUNS = 1000


# -- thumbs


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [  # from Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_the_published_interval(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-4)


def test_without_thumbs_nothing_is_known_of_the_share() -> None:
    told = thumbs("m", 0, 0)

    assert (told.share, told.low, told.high) == (None, 0.0, 1.0)


# -- the test


def simulated(new: float, old: float, *, thumbs_of_old: int, most: int, seed: int) -> list[int]:
    """After how many new thumbs each of 1,000 runs warned, a look after every one; 0: never."""
    draw = random.Random(seed)
    beside = beside_each(thumbs_of_old)
    found: list[int] = []
    for _ in range(RUNS):
        before = [draw.random() < old for _ in range(thumbs_of_old)]
        after = [draw.random() < new for _ in range(most)]
        values = e_values(after, before, beside=beside)
        found.append(next((n for n, e in enumerate(values, 1) if e >= 1 / ALPHA), 0))
    return found


@cache
def a_real_loss() -> list[int]:
    return simulated(0.7, 0.9, thumbs_of_old=400, most=100, seed=2)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("thumbs_of_old", [100, 400])
def test_where_nothing_is_worse_it_warns_in_at_most_5_percent_of_1000_runs_looks_included(
    share: float, thumbs_of_old: int
) -> None:
    warned = simulated(share, share, thumbs_of_old=thumbs_of_old, most=400, seed=1)

    assert sum(map(bool, warned)) <= 0.05 * RUNS


def test_a_model_that_pleases_more_often_is_almost_never_called_worse() -> None:
    warned = simulated(0.9, 0.7, thumbs_of_old=200, most=200, seed=3)

    assert sum(map(bool, warned)) <= 0.005 * RUNS


def test_a_fall_from_9_to_7_in_10_is_found_in_100_thumbs_nearly_always_and_mostly_in_30() -> None:
    needed = a_real_loss()

    assert sum(map(bool, needed)) >= 0.95 * RUNS
    assert sum(0 < n <= 30 for n in needed) >= 0.5 * RUNS
    assert sum(0 < n <= 80 for n in needed) >= 0.9 * RUNS


def test_a_warning_stands_although_later_thumbs_are_better() -> None:
    old = [True] * 400
    worst = [False] * 15

    told = compare(worst + [True] * 80, old)

    assert compare(worst, old).worse
    assert told.worse


def test_a_model_without_thumbs_and_one_without_a_past_are_not_judged() -> None:
    none = compare([], [True] * 300)
    no_past = compare([False] * 50, [])

    assert (none.p, none.worse, none.new) == (1.0, False, 0)
    assert (no_past.p, no_past.worse, no_past.old) == (1.0, False, 0)


def test_a_block_is_fair_where_both_are_equal_and_less_than_fair_where_the_new_one_is_better() -> (
    None
):
    for beside in range(1, MOST_OLD + 1):
        for old in (0.05, 0.3, 0.5, 0.8, 0.95):
            for new in (old, min(1.0, old + 0.04), 1.0):
                assert expected(new, old, beside) <= 1 + 1e-12


def expected(new: float, old: float, beside: int) -> float:
    """The mean e-value of one block, over all that its thumbs may be."""
    total = 0.0
    for bits in range(2 ** (beside + 1)):
        ups = [bool(bits >> place & 1) for place in range(beside + 1)]
        chance = new if ups[0] else 1 - new
        for up in ups[1:]:
            chance *= old if up else 1 - old
        total += chance * e_values(ups[:1], ups[1:], beside=beside)[0]
    return total


# -- agreement


def said(answer: str, **given: Any) -> Turn:
    fields: dict[str, Any] = {
        "thread": "t",
        "question": "q",
        "standalone": "q",
        "answer": answer,
        "model": "m",
        "role": "teacher",
    }
    return Turn(**(fields | given))


def cited(page: int) -> list[dict[str, Any]]:
    return [{"number": 1, "filing": "f1", "file": "a.pdf", "page": page, "quote": "x"}]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Revenue was $26,974 million [1].", "It was $27.0 billion [2].", True),
        ("Revenue was $26,974 million [1].", "It was $26,914 million [1].", False),
        ("Revenue was $26,974 million.", "$26,974 million, from $26,914 million.", True),
        ("It was $5 million and $6 million.", "It was $5 million and $7 million.", False),
        ("It lost $(12) million.", "It made $12 million.", False),
        ("Margin was 12.5%.", "Margin was $12.5.", False),
    ],
)
def test_answers_that_state_figures_agree_by_value(one: str, other: str, same: bool) -> None:
    assert agreement(said(one), said(other)) is same
    assert agreement(said(other), said(one)) is same


def test_the_same_figure_beats_the_same_page() -> None:
    one = said("It was $5 million [1].", citations=cited(4))
    other = said("It was $9 million [1].", citations=cited(4))

    assert not agreement(one, other)


@pytest.mark.parametrize(
    ("one", "other", "same"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_refusal_agrees_with_a_refusal_alone(one: bool, other: bool, same: bool) -> None:
    text = "Suppliers are few [1]."

    assert agreement(said(text, refused=one), said(text, refused=other)) is same


def test_prose_agrees_by_a_page_in_common_or_by_its_words() -> None:
    one = said("The company relies on few suppliers for wafers [1].", citations=cited(4))
    same_page = said("Foundries abroad make its chips [1].", citations=cited(4))
    same_words = said("It relies on few suppliers of wafers [1].", citations=cited(9))
    neither = said("Foundries abroad make its chips [1].", citations=cited(9))

    assert agreement(one, same_page)
    assert agreement(one, same_words)
    assert not agreement(one, neither)


def test_agreement_is_told_day_by_day() -> None:
    def at(day: int, hour: int) -> datetime:
        return datetime(2026, 11, day, hour, tzinfo=UTC)

    rows = [(at(2, 9), True), (at(1, 8), True), (at(2, 23), False), (at(2, 10), False)]

    assert agreement_over_time(rows) == [
        (date(2026, 11, 1), 1, 1.0),
        (date(2026, 11, 2), 3, pytest.approx(1 / 3)),
    ]
