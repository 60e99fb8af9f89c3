"""Training a candidate: the cost before it, one job per order, and a wait that ends in words."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from backend.errors import DataError, JobGone, ModelGone, ProviderError
from backend.finetuning import (
    PATIENCE,
    Order,
    estimate,
    model_of,
    refuse_above,
    require_answer,
    submit,
    wait,
)
from backend.models.training import Job, JobEvent

ORDER = Order("base", "file-1", None, tag="cycle-7", suffix="tenk-7", seed=7, epochs=None)
RUNNING = Job("job-1", "running", None, "", "cycle-7", None)
DONE = replace(RUNNING, status="succeeded", model="ft:base:tenk-7::1")


@dataclass
class FakeServer:
    """A fine-tuning server in memory; `replies` are what looks at a job meet, in order."""

    replies: list[Job | ProviderError] = field(default_factory=list[Job | ProviderError])
    happened: list[JobEvent] = field(default_factory=list[JobEvent])
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    lose_answer: bool = False
    refuse: bool = False

    async def find(self, tag: str) -> Job | None:
        return self.jobs.get(tag)

    async def create(
        self,
        base_model: str,
        files: tuple[str, str | None],
        *,
        tag: str,
        suffix: str,
        seed: int,
        hyperparameters: Mapping[str, float],
    ) -> Job:
        if self.refuse:
            raise ProviderError("no")
        self.jobs[tag] = replace(RUNNING, id=f"job-{len(self.jobs) + 1}", tag=tag)
        if self.lose_answer:
            raise ProviderError("The connection broke.")
        return self.jobs[tag]

    async def job(self, key: str) -> Job:
        reply = self.replies.pop(0)
        if isinstance(reply, ProviderError):
            raise reply
        return reply

    async def events(self, key: str, *, seen: frozenset[str]) -> list[JobEvent]:
        return [event for event in self.happened if event.id not in seen]


async def no_rest(seconds: float) -> None:
    await asyncio.sleep(0)


async def test_an_order_given_twice_is_one_job() -> None:
    server = FakeServer()

    first, second = await submit(server, ORDER), await submit(server, ORDER)

    assert first == second
    assert len(server.jobs) == 1


async def test_a_job_whose_answer_was_lost_is_found_by_its_tag() -> None:
    server = FakeServer(lose_answer=True)

    job = await submit(server, ORDER)

    assert job.tag == ORDER.tag
    assert len(server.jobs) == 1


async def test_a_job_that_was_never_taken_is_a_failure() -> None:
    with pytest.raises(ProviderError, match="no"):
        await submit(FakeServer(refuse=True), ORDER)


async def test_waiting_shows_each_event_once_and_ends_with_the_new_model() -> None:
    loss = JobEvent("e1", "Step 1", {"train_loss": 0.5})
    server = FakeServer(replies=[RUNNING, RUNNING, DONE], happened=[loss])
    shown: list[JobEvent] = []

    job = await wait(server, "job-1", on_event=shown.append, rest=no_rest)

    assert model_of(job) == "ft:base:tenk-7::1"
    assert shown == [loss]


async def test_events_seen_before_a_restart_are_not_shown_again() -> None:
    server = FakeServer(replies=[DONE], happened=[JobEvent("e1", "old", {})])
    shown: list[JobEvent] = []

    await wait(server, "job-1", seen=frozenset({"e1"}), on_event=shown.append, rest=no_rest)

    assert shown == []


async def test_a_server_that_stumbles_is_asked_again() -> None:
    stumbles: list[Job | ProviderError] = [ProviderError("500")] * (PATIENCE - 1)
    server = FakeServer(replies=[*stumbles, DONE])

    assert await wait(server, "job-1", on_event=lambda _: None, rest=no_rest)


async def test_a_server_that_stays_silent_ends_the_wait() -> None:
    server = FakeServer(replies=[ProviderError("500")] * PATIENCE)

    with pytest.raises(ProviderError, match="500"):
        await wait(server, "job-1", on_event=lambda _: None, rest=no_rest)


async def test_a_job_that_vanished_ends_the_wait_at_once() -> None:
    server = FakeServer(replies=[JobGone("gone")])

    with pytest.raises(JobGone):
        await wait(server, "job-1", on_event=lambda _: None, rest=no_rest)


async def test_looks_grow_rarer_while_nothing_happens() -> None:
    server = FakeServer(replies=[*[RUNNING] * 30, DONE])
    rests: list[float] = []

    async def note(seconds: float) -> None:
        rests.append(seconds)

    await wait(server, "job-1", on_event=lambda _: None, rest=note)

    assert rests == sorted(rests)
    assert rests[-1] == 30.0


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (replace(RUNNING, status="failed", error="Moderation refused it"), "Moderation refused"),
        (replace(RUNNING, status="cancelled"), "cancelled at its server"),
        (replace(RUNNING, status="succeeded"), "without a model"),
    ],
)
def test_a_job_that_made_no_model_tells_the_servers_reason(ending: Job, words: str) -> None:
    with pytest.raises(DataError, match=words):
        model_of(ending)


def test_the_estimate_counts_every_epoch() -> None:
    spent = estimate("x" * 3_000_000, epochs=2, price=25.0)

    assert spent.tokens == 2_000_000
    assert spent.usd == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("examples", "epochs"), [(10, 10), (4, 25), (33, 3), (34, 3), (8_000, 3), (12_500, 2)]
)
def test_where_the_server_chooses_few_examples_are_passed_more_often(
    examples: int, epochs: int
) -> None:
    text = "xx\n" * examples

    assert estimate(text, epochs=None, price=None).tokens == examples * epochs


def test_an_estimate_above_the_budget_stops_before_it_spends() -> None:
    with pytest.raises(DataError, match=r"Nothing was uploaded.*TENK_EPOCHS"):
        refuse_above(estimate("x" * 3_000_000, epochs=2, price=25.0), 1.0, budget=50.99)


def test_a_budget_without_a_known_price_stops_too() -> None:
    with pytest.raises(DataError, match="TENK_TRAINING_PRICE"):
        refuse_above(estimate("x", epochs=1, price=None), 0.0, budget=10.0)


def test_an_exam_without_a_known_price_stops_a_budget_too() -> None:
    with pytest.raises(DataError, match="TENK_PRICES"):
        refuse_above(estimate("x", epochs=1, price=1.0), None, budget=10.0)


def test_no_budget_stops_nothing() -> None:
    refuse_above(estimate("x" * 4_000_000, epochs=2, price=25.0), None, budget=None)


async def test_a_model_that_does_not_answer_is_not_examined() -> None:
    async def call() -> None:
        raise ModelGone("404: shut down")

    with pytest.raises(DataError, match=r"ft:new does not answer.*404"):
        await require_answer(call, "ft:new", rest=no_rest)


async def test_a_server_that_fails_for_now_is_no_verdict_on_the_model() -> None:
    async def call() -> None:
        raise ProviderError("500")

    with pytest.raises(ProviderError, match="500"):
        await require_answer(call, "ft:new", rest=no_rest)
