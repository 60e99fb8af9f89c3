"""The exam against a scripted judge over HTTP, and against tenk's own."""

import asyncio
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from openai import AsyncOpenAI

from backend.errors import ConfigurationError, DataError, ModelGone, ProviderError
from backend.exam import (
    ANSWER_RELEVANCY,
    FAITHFULNESS,
    METRICS,
    Answered,
    Arm,
    Sat,
    Terms,
    draw,
    estimate,
    judge_of,
    missing,
    ragas_score,
    sit,
    table,
)
from backend.exam.sitting import arms_in_turn
from backend.local.serving import Served, serve
from backend.models import LocalApi, Models, open_models
from backend.records import ExamQuestion, Passage, Role, Usage
from backend.settings import load_settings
from tests.fake_judge import EMBEDDER, JUDGE, KEY, FakeJudge, cosine, judging

TEXT = "Revenue was $5 million. Costs rose by a tenth"
Scripted = Callable[..., FakeJudge]
FOUR = [
    Arm("candidate", Role.STUDENT, "ft:m:x"),
    Arm("active", Role.TEACHER, "big"),
    Arm("untuned", Role.STUDENT, "m"),
    Arm("teacher", Role.TEACHER, "big-too"),
]
ONE = [FOUR[0]]


def passage(text: str = TEXT) -> dict[str, Any]:
    return Passage(
        filing="f1",
        file="f.pdf",
        company="Acme",
        fiscal_year=2023,
        page=3,
        pages=(3,),
        section="Item 7",
        kind="prose",
        text=text,
        score=1.0,
        chunk=1,
    ).model_dump()


def question(number: int, *, group: str = "f1|Item 7", text: str = "") -> ExamQuestion:
    return ExamQuestion(
        id=number,
        question=text or f"What was revenue in case {number}?",
        key=f"key {number}",
        group=group,
        evidence=[passage()],
        source="generated",
    )


def questions(count: int) -> list[ExamQuestion]:
    return [question(number) for number in range(1, count + 1)]


def said(text: str, *, refused: bool = False) -> Answered:
    return Answered(text, refused, 0, 1.5, Usage(prompt_tokens=9, completion_tokens=4), 0.25)


@dataclass
class Room:
    """The arms, as a test scripts them, and what they were asked."""

    says: Callable[[Arm, ExamQuestion], str]
    fails: dict[str, list[Exception]] = field(default_factory=dict[str, list[Exception]])
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    async def __call__(self, arm: Arm, asked: ExamQuestion) -> Answered:
        self.asked.append((arm.name, asked.id or 0))
        await asyncio.sleep(0)
        for who in (arm.name, f"{arm.name} {asked.id}"):
            if failures := self.fails.get(who):
                raise failures.pop(0)
        text = self.says(arm, asked)
        return said(text, refused="does not say" in text)


def own_words(arm: Arm, asked: ExamQuestion) -> str:
    """Half of it stands in the evidence; no two arms and questions get the same answer."""
    return f"Revenue was $5 million [1]. So says {arm.name} of {asked.id} [1]."


def models_at(server: FakeJudge, **settings: Any) -> Models:
    told: dict[str, Any] = {
        "judge_base_url": server.url,
        "judge_api_key": KEY,
        "judge_model": JUDGE,
        "embed_base_url": server.url,
        "embed_api_key": KEY,
        "embed_model": EMBEDDER,
    }
    return open_models(load_settings(**(told | settings)), None)


async def hold(
    server: FakeJudge,
    asked: Sequence[ExamQuestion],
    terms: Terms,
    *,
    room: Room | None = None,
    seconds: float = 20.0,
    done: Sequence[Sat] = (),
    told: list[Sat] | None = None,
    **settings: Any,
) -> list[Sat]:
    models = models_at(server, **settings)
    try:
        return await sit(
            asked,
            terms,
            answer=room or Room(own_words),
            judge=await judge_of(models, seconds),
            done=done,
            on_sat=(told if told is not None else []).append,
        )
    finally:
        await models.close()


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """ragas takes seconds to import: once, before any test's clock runs."""
    from backend.exam.sitting import _imported  # pyright: ignore[reportPrivateUsage]

    _imported()


@pytest.fixture(scope="module")
def running() -> Iterator[FakeJudge]:
    with judging(FakeJudge()) as server:
        yield server


@pytest.fixture
def scripted(running: FakeJudge) -> Scripted:
    return running.begin


# -- what is asked, and in which order


def test_a_run_from_the_front_is_spread_over_the_sections() -> None:
    pool = [question(n, group=f"f1|section {n % 5}") for n in range(40)]

    drawn = draw(pool, seed=7)

    assert sorted(one.id or 0 for one in drawn) == list(range(40))
    for start in range(0, 40, 5):
        assert len({one.group for one in drawn[start : start + 5]}) == 5


def test_a_large_section_does_not_crowd_out_a_small_one() -> None:
    pool = [question(n, group="large") for n in range(30)]
    pool += [question(n, group="small") for n in range(30, 33)]

    drawn = draw(pool, seed=1)

    assert [one.group for one in drawn[:6]].count("small") == 3


def test_the_draw_depends_on_the_seed_and_not_on_the_order_that_came_in() -> None:
    pool = questions(30)

    drawn = [one.id for one in draw(pool, seed=1)]

    assert [one.id for one in draw(pool[::-1], seed=1)] == drawn
    assert [one.id for one in draw(pool, seed=2)] != drawn
    assert draw([], seed=1) == []


def test_no_arm_answers_first_more_often_than_chance() -> None:
    first = [arms_in_turn(FOUR, one, 0, seed=3)[0].name for one in questions(400)]

    counts = [first.count(arm.name) for arm in FOUR]

    assert max(counts) < 140  # of 400; 100 expected, 4.6 standard errors
    assert min(counts) > 60


async def test_all_arms_of_a_question_answer_next_to_one_another(scripted: Scripted) -> None:
    room = Room(own_words)
    server = scripted()
    await hold(server, questions(6), Terms(FOUR, answers_at_once=1, at_once=4), room=room)

    blocks = [room.asked[at : at + 4] for at in range(0, 24, 4)]

    assert all(len({number for _, number in block}) == 1 for block in blocks)
    assert all({name for name, _ in block} == {arm.name for arm in FOUR} for block in blocks)
    assert len({tuple(name for name, _ in block) for block in blocks}) > 1


async def test_the_estimate_counts_the_calls_that_are_made(scripted: Scripted) -> None:
    pool, terms = questions(5), Terms(FOUR, repeats=2)
    room = Room(lambda arm, one: own_words(arm, one) + f" Take {len(room.asked)}.")
    server = scripted()
    await hold(server, pool, terms, room=room)

    told = estimate(pool, terms, judge=JUDGE, price=lambda name: (1.0, 2.0))

    assert told.calls == sum(server.calls.values())
    assert told.usd is not None
    assert told.tokens * 1e-6 < told.usd < 2 * told.tokens * 1e-6


def test_the_estimate_is_unknown_where_one_price_is() -> None:
    def price(name: str) -> tuple[float, float] | None:
        return None if name == "big-too" else (1.0, 2.0)

    told = estimate(questions(3), Terms(FOUR), judge=JUDGE, price=price)

    assert told.usd is None
    assert told.tokens > 0


def test_the_estimate_grows_with_evidence_arms_and_repeats() -> None:
    def usd(pool: list[ExamQuestion], terms: Terms) -> float:
        return estimate(pool, terms, judge=JUDGE, price=lambda name: (1.0, 2.0)).usd or 0.0

    wordy = questions(3)
    for one in wordy:
        one.evidence = [passage("x" * 9000)]

    assert usd(wordy, Terms(ONE)) > usd(questions(3), Terms(ONE)) + 3 * 2 * 3000e-6 - 1e-3
    assert usd(questions(3), Terms(FOUR)) == pytest.approx(4 * usd(questions(3), Terms(ONE)))
    assert usd(questions(3), Terms(ONE, repeats=3)) == pytest.approx(usd(questions(9), Terms(ONE)))


# -- scores


@pytest.mark.parametrize(
    ("faithful", "relevant", "expected"),
    [
        (1.0, 1.0, 1.0),
        (0.5, 1.0, 2 / 3),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 0.0),
        (None, 0.9, None),
        (0.9, None, None),
        (None, 0.0, 0.0),
        (None, None, None),
    ],
)
def test_ragas_score_is_the_harmonic_mean(
    faithful: float | None, relevant: float | None, expected: float | None
) -> None:
    assert ragas_score(faithful, relevant) == (expected and pytest.approx(expected))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_scores_are_those_that_ragas_gives_by_itself(scripted: Scripted) -> None:
    pool = questions(3)
    server = scripted()
    sats = await hold(server, pool, Terms(ONE))
    async with AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        alone = [await scored_by_ragas(client, one) for one in pool]

    assert [(s.scores[FAITHFULNESS], s.scores[ANSWER_RELEVANCY]) for s in sats] == alone
    assert alone[0][0] == 0.5
    answer = "Revenue was $5 million. So says candidate of 1."
    near = cosine(pool[0].question, f"What is said of: {answer}")
    assert alone[0][1] == pytest.approx(near)


async def scored_by_ragas(client: AsyncOpenAI, asked: ExamQuestion) -> tuple[float, float]:
    """As ragas's own documentation has it, one call after another."""
    from ragas.embeddings import OpenAIEmbeddings
    from ragas.llms import llm_factory
    from ragas.metrics.collections import AnswerRelevancy, Faithfulness

    judge: Any = llm_factory(JUDGE, client=client)
    near: Any = OpenAIEmbeddings(client=client, model=EMBEDDER)
    answer = f"Revenue was $5 million. So says candidate of {asked.id}."
    faithful = await Faithfulness(llm=judge).ascore(
        user_input=asked.question, response=answer, retrieved_contexts=[TEXT]
    )
    relevant = await AnswerRelevancy(llm=judge, embeddings=near, strictness=3).ascore(
        user_input=asked.question, response=answer
    )
    return faithful.value, relevant.value


async def test_the_judge_sees_the_evidence_as_the_arms_did_and_no_citation_marks(
    scripted: Scripted,
) -> None:
    server = scripted()
    await hold(server, questions(1), Terms(ONE))

    answer = server.inputs["statements"][0]["answer"]
    context = server.inputs["verdicts"][0]["context"]
    assert answer == "Revenue was $5 million. So says candidate of 1."
    assert context == f"Acme 10-K, fiscal 2023, Item 7\n{TEXT}"


async def test_a_refusal_scores_nothing_and_the_judge_is_not_asked(scripted: Scripted) -> None:
    room = Room(lambda arm, one: "The evidence does not say what revenue was.")
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE), room=room)

    assert sat.scores == {FAITHFULNESS: 0.0, ANSWER_RELEVANCY: 0.0}
    assert sat.ragas_score == 0.0
    assert sat.whole
    assert "refusal" in sat.reasons[FAITHFULNESS]
    assert not server.calls


async def test_an_answer_that_the_judge_finds_noncommittal_is_not_relevant(
    scripted: Scripted,
) -> None:
    room = Room(lambda arm, one: "I don't know. Revenue was $5 million.")
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE), room=room)

    assert sat.scores[ANSWER_RELEVANCY] == 0.0
    assert sat.scores[FAITHFULNESS] == 0.5


async def test_an_empty_answer_scores_nothing_without_the_judge(scripted: Scripted) -> None:
    room = Room(lambda arm, one: " [1] ")
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE), room=room)

    assert sat.ragas_score == 0.0
    assert not server.calls


async def test_arms_that_say_the_same_share_one_judging_within_a_repeat(scripted: Scripted) -> None:
    room = Room(lambda arm, one: f"Revenue was $5 million [{1 + (arm.name == 'active')}].")
    server = scripted()
    sats = await hold(server, questions(1), Terms(FOUR, repeats=2), room=room)

    assert {sat.ragas_score for sat in sats} == {sats[0].ragas_score}
    assert server.calls["statements"] == 2  # one a repeat
    assert server.calls["question"] == 6
    assert sum(sat.judging.prompt_tokens > 0 for sat in sats) <= 4


async def test_what_judging_took_is_kept_with_the_answer(scripted: Scripted) -> None:
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE))

    assert sat.judging == Usage(prompt_tokens=500, completion_tokens=50)  # five replies


# -- calls


async def test_the_judge_never_has_more_in_hand_than_allowed_and_the_line_is_kept_full(
    scripted: Scripted,
) -> None:
    server = scripted(latency=0.02, most=8)
    sats = await hold(server, questions(10), Terms(FOUR, at_once=8))

    assert all(sat.whole and sat.ragas_score for sat in sats)
    assert server.at_once == 8
    assert not server.calls["limited"]


async def test_a_questions_own_vector_is_fetched_once_for_all_arms(scripted: Scripted) -> None:
    server = scripted()
    await hold(server, questions(2), Terms(FOUR))

    assert server.calls["vectors"] == 2 + 8


async def test_broken_json_in_a_tenth_of_the_calls_costs_no_score(scripted: Scripted) -> None:
    server = scripted(broken_every=10)
    sats = await hold(server, questions(10), Terms(FOUR))

    assert all(sat.ragas_score is not None for sat in sats)
    assert sum(server.calls.values()) > 40 * 6 + 10


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("statements", "broken"),
        ("statements", "prose"),
        ("statements", "severed"),
        ("statements", 500),
        ("verdicts", {"statements": [{"statement": "a", "reason": "b", "verdict": 2}] * 2}),
        ("verdicts", {"statements": [{"statement": "a", "reason": "b", "verdict": 1}]}),
        ("question", {"question": " ", "noncommittal": 0}),
        ("question", {"question": "What?", "noncommittal": 7}),
        ("question", (429, {"retry-after-ms": "30"})),
        ("vectors", 500),
    ],
)
async def test_one_bad_reply_is_asked_for_again_and_changes_no_score(
    scripted: Scripted, kind: str, fault: Any
) -> None:
    server = scripted()
    (right,) = await hold(server, questions(1), Terms(ONE))
    server.faults[kind] = [fault]

    (sat,) = await hold(server, questions(1), Terms(ONE))

    assert not server.faults[kind]
    assert sat.scores == right.scores


async def test_a_reply_cut_by_its_length_is_asked_for_with_more_room(scripted: Scripted) -> None:
    server = scripted(faults={"statements": ["cut"]})
    (sat,) = await hold(server, questions(1), Terms(ONE))

    asked = [b for b in server.bodies if "Break down" in b["messages"][-1]["content"]]
    assert sat.scores[FAITHFULNESS] == 0.5
    assert [body["max_tokens"] for body in asked] == [4096, 8192]


async def test_a_judge_that_says_nothing_is_asked_again(scripted: Scripted) -> None:
    server = scripted(faults={"statements": ["silence"]})
    (sat,) = await hold(server, questions(1), Terms(ONE), seconds=0.5)

    assert sat.scores[FAITHFULNESS] == 0.5
    assert server.calls["statements"] == 2


async def test_a_rate_limit_holds_every_call_and_costs_no_score(scripted: Scripted) -> None:
    limits = [(429, {"retry-after-ms": "40"})] * 25  # far more than a call's tries
    server = scripted(faults={"statements": limits})
    sats = await hold(server, questions(3), Terms(FOUR))

    assert all(sat.ragas_score is not None for sat in sats)


@pytest.mark.parametrize("parameter", ["response_format", "top_p", "temperature", "max_tokens"])
async def test_a_judge_that_lacks_a_parameter_is_asked_without_it(
    scripted: Scripted, parameter: str
) -> None:
    server = scripted(rejects=[parameter])
    (sat,) = await hold(server, questions(1), Terms(ONE))

    assert sat.scores[FAITHFULNESS] == 0.5
    assert all(parameter not in body for body in server.bodies)
    assert ("max_completion_tokens" in server.bodies[0]) == (parameter == "max_tokens")


async def test_a_judge_that_takes_no_limit_at_all_is_asked_without_one(scripted: Scripted) -> None:
    server = scripted(rejects=["max_tokens", "max_completion_tokens"])

    (sat,) = await hold(server, questions(1), Terms(ONE))

    assert sat.scores[FAITHFULNESS] == 0.5


async def test_a_bad_reply_is_shown_to_the_judge_with_what_was_wrong(scripted: Scripted) -> None:
    fewer = {"statements": [{"statement": "a", "reason": "b", "verdict": 1}]}
    server = scripted(faults={"verdicts": [fewer]})

    await hold(server, questions(1), Terms(ONE))

    _, again = [
        b["messages"] for b in server.bodies if "judge the faith" in b["messages"][0]["content"]
    ]
    assert [message["role"] for message in again] == ["user", "assistant", "user"]
    assert "1 verdicts on 2 statements" in again[-1]["content"]


# -- missing scores


async def test_an_answer_without_statements_is_a_missing_score_with_its_reason(
    scripted: Scripted,
) -> None:
    empty = {"statements": [], "question": "What?", "noncommittal": 0}
    server = scripted(poison={"candidate of 1": empty})

    first, second = await hold(server, questions(2), Terms(ONE))

    assert first.scores[FAITHFULNESS] is None
    assert "NaN" in first.reasons[FAITHFULNESS]
    assert first.scores[ANSWER_RELEVANCY] is not None
    assert first.ragas_score is None
    assert second.ragas_score is not None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("broken", "JSON"),
        ("cut", "16384 tokens"),
        (400, "Scripted"),
    ],
)
async def test_a_score_that_never_comes_is_missing_and_the_others_stay(
    scripted: Scripted, fault: Any, reason: str
) -> None:
    server = scripted(poison={"candidate of 1": fault})
    sats = await hold(server, questions(2), Terms(FOUR))

    lost = [sat for sat in sats if not all(v is not None for v in sat.scores.values())]
    assert [sat.place for sat in lost] == [("candidate", 1, 0)]
    assert lost[0].scores == {FAITHFULNESS: None, ANSWER_RELEVANCY: None}
    assert reason in lost[0].reasons[FAITHFULNESS]
    assert missing(sats) == {"candidate": {lost[0].reasons[FAITHFULNESS]: 2}}


async def test_a_question_without_evidence_has_no_faithfulness(scripted: Scripted) -> None:
    bare = question(1)
    bare.evidence = []
    server = scripted()
    sat, _ = await hold(server, [bare, question(2)], Terms(ONE))

    assert sat.scores[FAITHFULNESS] is None
    assert "evidence" in sat.reasons[FAITHFULNESS]


async def test_a_vector_of_length_zero_is_a_missing_score(scripted: Scripted) -> None:
    async def nowhere(texts: Sequence[str]) -> list[list[float]]:
        return [[0.0, 0.0] if "case 1" in texts[0] else [1.0, 2.0] for _ in texts]

    server = scripted()
    models = models_at(server)
    judge = replace(await judge_of(models, 20), embed=nowhere)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        first, second = await sit(questions(2), Terms(ONE), answer=Room(own_words), judge=judge)
    await models.close()

    assert first.scores[ANSWER_RELEVANCY] is None
    assert "NaN" in first.reasons[ANSWER_RELEVANCY]
    assert second.scores[ANSWER_RELEVANCY] == pytest.approx(1.0)


async def test_an_outage_of_the_judge_stops_the_exam_and_counts_nothing_as_missing(
    scripted: Scripted,
) -> None:
    told: list[Sat] = []
    room = Room(own_words)
    server = scripted(broken_every=1)
    with pytest.raises(ProviderError, match=r"failures in a row.*asking again goes on"):
        await hold(server, questions(4), Terms(FOUR, at_once=4), room=room, told=told)
    server.broken_every = 0
    asked = len(room.asked)

    sats = await hold(server, questions(4), Terms(FOUR), room=room, done=latest(told))

    assert not any(value is None for sat in told for value in sat.scores.values())
    assert all(sat.ragas_score is not None for sat in sats)
    assert len(room.asked) - asked + len(latest(told)) == 16


def latest(told: Sequence[Sat]) -> list[Sat]:
    """As a driver's rows hold it: the last word on each place."""
    return list({sat.place: sat for sat in told}.values())


async def test_a_judge_that_never_gives_a_score_is_an_outage_however_short_the_exam(
    scripted: Scripted,
) -> None:
    server = scripted(broken_every=1)
    with pytest.raises(ProviderError, match="JSON"):
        await hold(server, questions(1), Terms(ONE))


@pytest.mark.parametrize(
    ("fault", "error"),
    [(401, ConfigurationError), (404, ConfigurationError), ("quota", ProviderError)],
)
async def test_a_judge_that_refuses_every_call_ends_the_exam_with_the_reason(
    scripted: Scripted, fault: Any, error: type[Exception]
) -> None:
    server = scripted(poison={"Revenue": fault})
    with pytest.raises(error, match="judge model judge-1"):
        await hold(server, questions(2), Terms(FOUR))

    assert server.calls["statements"] <= 16


async def test_what_judging_took_before_the_exam_stopped_is_kept(scripted: Scripted) -> None:
    told: list[Sat] = []
    server = scripted(faults={"verdicts": [401]})
    with pytest.raises(ConfigurationError):
        await hold(server, questions(1), Terms(ONE), told=told)

    before = told[-1].judging.prompt_tokens
    [sat] = await hold(server, questions(1), Terms(ONE), done=told[-1:])

    assert FAITHFULNESS not in told[-1].scores
    assert 0 < before < sat.judging.prompt_tokens
    assert sat.whole


async def test_a_judge_that_was_shut_down_ends_the_exam(scripted: Scripted) -> None:
    server = scripted()
    with pytest.raises(ModelGone, match="TENK_JUDGE_MODEL"):
        await hold(server, questions(1), Terms(ONE), judge_model="old")


# -- arms that fail


async def test_an_arm_that_fails_once_is_asked_again(scripted: Scripted) -> None:
    room = Room(own_words, fails={"candidate": [ProviderError("Busy.")]})
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE), room=room)

    assert sat.ragas_score is not None
    assert len(room.asked) == 2


async def test_an_answer_that_never_comes_is_missing_with_its_reason(scripted: Scripted) -> None:
    room = Room(own_words, fails={"candidate 1": [ProviderError("Too busy.")] * 2})
    told: list[Sat] = []
    server = scripted()
    sats = await hold(server, questions(3), Terms(ONE, answers_at_once=1), room=room, told=told)

    lost, *others = sats
    assert (lost.answered, lost.error) == (None, "Too busy.")
    assert lost.scores == {FAITHFULNESS: None, ANSWER_RELEVANCY: None}
    assert lost.reasons[FAITHFULNESS] == "No answer came: Too busy."
    assert all(sat.ragas_score is not None for sat in others)
    assert lost in told


async def test_an_arm_that_fails_all_the_time_stops_the_exam(scripted: Scripted) -> None:
    room = Room(own_words, fails={"active": [ProviderError("Down.")] * 99})
    told: list[Sat] = []
    server = scripted()
    with pytest.raises(ProviderError, match=r"12 failures in a row.*Down\."):
        await hold(server, questions(20), Terms(FOUR), room=room, told=told)

    assert not any(sat.error for sat in told)


@pytest.mark.parametrize("error", [ModelGone("Shut down."), ConfigurationError("No key.")])
async def test_a_model_shut_down_between_job_and_exam_ends_it_at_once(
    scripted: Scripted, error: Exception
) -> None:
    room = Room(own_words, fails={"candidate": [error]})
    server = scripted()
    with pytest.raises(type(error), match=str(error)):
        await hold(server, questions(5), Terms(FOUR), room=room)

    assert len(room.asked) < 20


async def test_a_bug_in_an_arm_is_not_taken_for_a_failure_of_its_provider(
    scripted: Scripted,
) -> None:
    room = Room(own_words, fails={"candidate": [KeyError("answer")]})
    server = scripted()
    with pytest.raises(KeyError):
        await hold(server, questions(2), Terms(FOUR), room=room)


# -- resuming


async def test_a_sitting_is_told_when_answered_and_after_each_score(scripted: Scripted) -> None:
    told: list[Sat] = []
    server = scripted()
    sats = await hold(server, questions(1), Terms(ONE), told=told)

    assert [len(sat.scores) for sat in told] == [0, 1, 2]
    assert all(sat.answered for sat in told)
    assert told[-1] == sats[0]


async def test_what_was_paid_for_is_never_asked_again(scripted: Scripted) -> None:
    server = scripted()
    terms = Terms(FOUR, repeats=2)
    sats = await hold(server, questions(3), terms)
    server.calls.clear()
    room, told = Room(own_words), list[Sat]()

    again = await hold(server, questions(3), terms, room=room, done=sats, told=told)

    assert again == sats
    assert not server.calls
    assert not room.asked
    assert not told


async def test_an_answer_without_scores_is_judged_and_not_asked_for_again(
    scripted: Scripted,
) -> None:
    answered = Sat("candidate", 1, 0, "ft:m:x", said(own_words(ONE[0], question(1))))
    room = Room(own_words)
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE), room=room, done=[answered])

    assert sat.ragas_score is not None
    assert not room.asked


async def test_only_the_metric_that_lacks_is_asked_for(scripted: Scripted) -> None:
    half = Sat("candidate", 1, 0, "ft:m:x", said("Costs rose.")).scored(FAITHFULNESS, 0.75)
    server = scripted()
    (sat,) = await hold(server, questions(1), Terms(ONE), done=[half])

    assert sat.scores[FAITHFULNESS] == 0.75
    assert not server.calls["statements"]
    assert server.calls["question"] == 3


async def test_a_score_given_up_stays_missing_when_the_exam_goes_on(scripted: Scripted) -> None:
    lost = Sat("candidate", 1, 0, "ft:m:x", said("Costs rose."))
    lost = lost.scored(FAITHFULNESS, None, "Why.").scored(ANSWER_RELEVANCY, 0.5)
    unanswered = Sat("candidate", 2, 0, "ft:m:x", error="Down.", scores=dict.fromkeys(METRICS))
    server = scripted()
    sats = await hold(server, questions(2), Terms(ONE), done=[lost, unanswered])

    assert sats == [lost, unanswered]
    assert not server.calls


async def test_a_score_paid_for_before_serves_an_arm_that_now_says_the_same(
    scripted: Scripted,
) -> None:
    before = Sat("active", 1, 0, "big", said("Costs rose by a tenth [1]."))
    before = before.scored(FAITHFULNESS, 0.7).scored(ANSWER_RELEVANCY, 0.6)
    room = Room(lambda arm, one: "Costs rose by a tenth.")
    server = scripted()
    sats = await hold(server, questions(1), Terms(FOUR[:2]), room=room, done=[before])

    assert {tuple(sorted(sat.scores.items())) for sat in sats} == {
        ((ANSWER_RELEVANCY, 0.6), (FAITHFULNESS, 0.7))
    }
    assert not server.calls


@pytest.mark.parametrize("cut_after", [1, 7, 30])
async def test_an_exam_cut_off_at_any_moment_goes_on_where_it_was(
    scripted: Scripted, cut_after: int
) -> None:
    kept: dict[tuple[str, int, int], Sat] = {}
    over = asyncio.Event()

    def keep(sat: Sat) -> None:
        if not over.is_set():  # what a killed process had written
            kept[sat.place] = sat
            seen.append(sat)
        if len(seen) >= cut_after:
            over.set()

    seen: list[Sat] = []
    room, terms = Room(own_words), Terms(FOUR, at_once=4)
    server = scripted(latency=0.005)
    models = models_at(server)
    judge = await judge_of(models, 20)
    first = asyncio.create_task(sit(questions(5), terms, answer=room, judge=judge, on_sat=keep))
    await over.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    answered = {sat.place for sat in kept.values()}
    room.asked.clear()
    done = list(kept.values())

    sats = await sit(questions(5), terms, answer=room, judge=judge, done=done)
    await models.close()

    assert all(sat.ragas_score is not None for sat in sats)
    assert len(room.asked) == 20 - len(answered)
    assert not {(name, number, 0) for name, number in room.asked} & answered
    for sat in done:
        now = next(one for one in sats if one.place == sat.place)
        assert now.answered == sat.answered
        assert sat.scores.items() <= now.scores.items()


@pytest.mark.parametrize("model", ["ft:m:other", ""])
async def test_scores_of_another_model_are_not_compared(scripted: Scripted, model: str) -> None:
    other = Sat("candidate", 1, 0, model, said("Costs rose."))
    server = scripted()
    with pytest.raises(DataError, match="tenk retrain"):
        await hold(server, questions(1), Terms(ONE), done=[other])


async def test_two_arms_of_one_name_are_refused(scripted: Scripted) -> None:
    server = scripted()
    with pytest.raises(DataError, match="different names"):
        await hold(server, questions(1), Terms([*ONE, *ONE]))


async def test_an_exam_of_nothing_is_nothing(scripted: Scripted) -> None:
    server = scripted()
    assert await hold(server, [], Terms(FOUR)) == []
    assert await hold(server, questions(2), Terms([])) == []


# -- the table


def test_the_table_holds_each_arms_mean_over_its_repeats() -> None:
    def sat(repeat: int, faithful: float | None, text: str) -> Sat:
        bare = Sat("candidate", 4, repeat, "ft:m:x", said(text, refused=not text))
        return bare.scored(FAITHFULNESS, faithful).scored(ANSWER_RELEVANCY, 1.0)

    rows = table([sat(1, 1.0, "b"), sat(0, 0.5, "a"), sat(2, None, "")], FOUR)

    (row,) = rows
    mark = row.marks["candidate"]
    assert (row.question, [*row.marks]) == (4, ["candidate"])
    assert mark.faithfulness == 0.75
    assert mark.ragas_score == pytest.approx((2 / 3 + 1) / 2)
    assert (mark.missing, mark.refused, mark.figure_errors) == (1, 1, 0)
    assert (mark.seconds, mark.cost) == (1.5, 0.75)
    assert mark.answers == ("a", "b", "")


def test_a_cost_that_is_partly_unknown_is_unknown() -> None:
    free = Sat("candidate", 1, 0, "m", said("a"))
    unknown = Sat("candidate", 1, 1, "m", replace(said("a"), cost=None))

    (row,) = table([free, unknown], ONE)

    assert row.marks["candidate"].cost is None


# -- ragas stays in its room


def test_the_exam_loads_ragas_only_when_one_is_held() -> None:
    code = "import sys, backend.exam; print(*{'ragas', 'pandas', 'openai'} & {*sys.modules})"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert result.stdout.split() == []


def test_ragas_tells_its_makers_nothing() -> None:
    from ragas._analytics import do_not_track  # pyright: ignore[reportUnknownVariableType]

    assert do_not_track()


# -- tenk's own judge

INCOME = """Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Revenue | $26,974 | $26,914
Cost of revenue | 11,618 | 9,439
Net income | $4,368 | $9,752"""
LOCAL = {
    "candidate": "Revenue was $26,974 million for the year ended Jan 29, 2023 [1].",
    "active": "Revenue in fiscal 2023 was $5,813 million [1].",
    "untuned": "Cost of revenue was $11,618 million for the year ended Jan 29, 2023 [1].",
    "teacher": "The evidence does not say what revenue was.",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


async def test_tenks_own_judge_puts_the_right_figure_first_and_a_liar_last(served: Served) -> None:
    asked = question(1, text="What was revenue in fiscal 2023?")
    asked.evidence = [passage(INCOME), passage("We depend on a few suppliers for our wafers.")]
    models = open_models(load_settings(), LocalApi(served.url, served.key))
    room = Room(lambda arm, one: LOCAL[arm.name])

    sats = await sit([asked], Terms(FOUR), answer=room, judge=await judge_of(models, 30))
    await models.close()

    told: Mapping[str, Sat] = {sat.arm: sat for sat in sats}
    assert told["candidate"].scores[FAITHFULNESS] == 1.0
    assert (told["candidate"].ragas_score or 0.0) > 0.9
    assert told["active"].ragas_score == told["teacher"].ragas_score == 0.0
    assert told["untuned"].ragas_score == 0.0
    assert told["candidate"].judging.prompt_tokens > 0
    assert all(math.isfinite(value or 0.0) for sat in sats for value in sat.scores.values())
