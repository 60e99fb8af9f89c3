"""A frozen dataset in, a new model's name out: what it will cost, the job, and the wait for it.

It alone knows when to look at a job again, and that a job is never created twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.errors import ConfigurationError, DataError, JobGone, ModelGone, ProviderError
from backend.models.training import Job, JobEvent

CHARACTERS_PER_TOKEN = 3
"""On the safe side for tables, whose digits take many tokens; providers count exactly, and only
after the upload."""
FIRST_WAIT = 0.2
LONGEST_WAIT = 30.0
PATIENCE = 10
"""Looks in a row that may fail before the wait is given up; the job goes on at its server."""
HELLO_WAITS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds between calls to a new model that its server does not know yet: providers say that it
can take minutes until it serves."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What training will cost: tokens over all epochs, and USD where a price is known."""

    tokens: int
    usd: float | None

    def __str__(self) -> str:
        if self.usd == 0:
            return "no cost"
        cost = "no price is known for the model" if self.usd is None else f"about ${self.usd:.2f}"
        return f"about {self.tokens:,} tokens, {cost}"


def usual_epochs(examples: int) -> int:
    """What OpenAI's "auto" chooses: three, more for few examples, fewer for very many.

    Source: OpenAI Cookbook, "Data preparation and analysis for chat model fine-tuning".
    """
    if 3 * examples < 100:
        return min(25, 100 // max(examples, 1))
    return max(1, 25_000 // examples) if 3 * examples > 25_000 else 3


def estimate(text: str, *, epochs: int | None, price: float | None) -> Estimate:
    """Count with the training file's text, one example a line, and USD per million tokens trained.

    `epochs` None: the server chooses.
    """
    passes = epochs or usual_epochs(text.count("\n"))
    tokens = -(-len(text) // CHARACTERS_PER_TOKEN) * passes
    return Estimate(tokens, None if price is None else tokens * price / 1e6)


def refuse_above(training: Estimate, exam_usd: float | None, budget: float | None) -> None:
    """Raise DataError where training and exam are above the budget, or cannot be told."""
    if budget is None:
        return
    if training.usd is None or exam_usd is None:
        unknown, setting = ("training the student", "TENK_TRAINING_PRICE")
        if training.usd is not None:
            unknown, setting = ("a model that sits or judges the exam", "TENK_PRICES")
        raise DataError(
            f"TENK_BUDGET_USD is {budget:.2f}, and no price is known for {unknown}, so the cycle "
            f"stops before it spends. Set {setting}."
        )
    total = training.usd + exam_usd
    if total > budget:
        raise DataError(
            f"Training would cost {training}, the exam at most ${exam_usd:.2f}: ${total:.2f} is "
            f"above TENK_BUDGET_USD={budget:.2f}. Nothing was uploaded. Raise the budget, or set "
            "TENK_EPOCHS or TENK_MAX_QUESTIONS lower."
        )


class Training(Protocol):
    """The student's server, as this step needs it."""

    async def find(self, tag: str) -> Job | None: ...

    async def create(
        self,
        base_model: str,
        files: tuple[str, str | None],
        *,
        tag: str,
        suffix: str,
        seed: int,
        hyperparameters: Mapping[str, float],
    ) -> Job: ...

    async def job(self, key: str) -> Job: ...

    async def events(self, key: str, *, seen: frozenset[str]) -> list[JobEvent]: ...


class Pausing(Protocol):
    """A server that may let a job wait."""

    async def job(self, key: str) -> Job: ...

    async def pause(self, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be trained. `tag` is unique to a cycle and written down before the job exists."""

    base_model: str
    training_file: str
    validation_file: str | None
    tag: str
    suffix: str
    seed: int
    epochs: int | None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None

    @property
    def hyperparameters(self) -> dict[str, float]:
        """Those that the server is not to choose, as the protocol names them."""
        told = {
            "n_epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }
        return {name: value for name, value in told.items() if value is not None}


async def submit(server: Training, order: Order) -> Job:
    """The job of this order: the one that its tag finds, else a new one.

    Where the server's answer is lost in between, the tag is looked for once more before the
    failure stands: a job that was taken is never ordered again.
    """
    if found := await server.find(order.tag):
        return found
    try:
        return await server.create(
            order.base_model,
            (order.training_file, order.validation_file),
            tag=order.tag,
            suffix=order.suffix,
            seed=order.seed,
            hyperparameters=order.hyperparameters,
        )
    except ProviderError:
        if found := await server.find(order.tag):
            return found
        raise


async def _leave_it() -> None:
    """Whoever paused a job at its server lets it go on there."""


async def wait(
    server: Training,
    key: str,
    *,
    seen: frozenset[str] = frozenset(),
    on_event: Callable[[JobEvent], None],
    on_paused: Callable[[], Awaitable[None]] = _leave_it,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Job:
    """The job, once it has made a model; events go to `on_event` as they come.

    `on_paused` is called at each look that finds the job paused. A look that fails is tried again,
    at longer and longer intervals; the job goes on meanwhile.

    Raises:
        DataError: The job failed, or was cancelled at its server; with the server's own reason.
        JobGone: The server no longer knows the job.
        ProviderError: The server did not answer PATIENCE times in a row.
    """
    failures, pause = 0, FIRST_WAIT
    while True:
        try:
            job = await _job(server, key, on_paused)
            for event in await server.events(key, seen=seen):
                seen |= {event.id}
                on_event(event)
                pause = FIRST_WAIT  # something moves: look again soon
            failures = 0
        except JobGone:
            raise
        except ProviderError:
            failures += 1
            if failures >= PATIENCE:
                raise
        else:
            if job.ended:
                model_of(job)
                return job
        await rest(pause)
        pause = min(pause * 1.5, LONGEST_WAIT)


async def _job(server: Training, key: str, on_paused: Callable[[], Awaitable[None]]) -> Job:
    job = await server.job(key)
    if job.status == "paused":
        await on_paused()
    return job


async def pause(server: Pausing, key: str) -> str | None:
    """Let a job wait, and say what became of that; empty where it waits or has ended already.

    None where it cannot wait yet: ask again. A server that cannot let it wait lets it go on
    training, and that is said. Raises JobGone, or what a look at the job raises.
    """
    if (job := await server.job(key)).ended or job.status == "paused":
        return ""
    if job.status == "validating_files":
        return None
    try:
        await server.pause(key)
    except (ConfigurationError, ProviderError) as error:
        if (now := await server.job(key)).ended or now.status == "paused":
            return ""
        return f"The job goes on training all the same: {error}"
    return "The job is paused at its server too"


def model_of(job: Job) -> str:
    """The model that an ended job made. Raises DataError with the server's own reason."""
    if job.status == "succeeded" and job.model:
        return job.model
    reason = job.error or "the server gives no reason"
    told = "was cancelled at its server" if job.status == "cancelled" else "failed"
    if job.status == "succeeded":
        told, reason = "succeeded without a model", "the server names none"
    raise DataError(
        f"The fine-tuning job {job.id} {told}: {reason}. No model was made; start another cycle "
        "when that is mended: tenk retrain"
    )


async def require_answer(
    call: Callable[[], Awaitable[object]],
    model: str,
    *,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Ask the new model once: one that cannot answer is not examined.

    A model that its server does not know is asked for again, for some minutes: it may be on its
    way. Any other failure is raised as it is, for it says nothing of the model.

    Raises DataError where the model never came.
    """
    for pause in (*HELLO_WAITS, None):
        try:
            await call()
        except ModelGone as error:
            if pause is None:
                raise DataError(
                    f"The new model {model} does not answer, so it is not examined: {error}"
                ) from error
            await rest(pause)
        else:
            return
