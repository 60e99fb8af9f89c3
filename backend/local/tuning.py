"""A job goes in; its checks, its training and its model come out, step by step into the ledger.

Alone knows what a job does and in which order. Runs in a thread that `tuner` looks after; at every
example and every step it asks whether it should go on.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from threading import Event
from typing import Any

from backend.errors import DataError, TenkError
from backend.local.asked_job import JobRequest
from backend.local.files import Files
from backend.local.jobs import Job, Jobs
from backend.local.models import LocalModel, Registry
from backend.local.problems import Problem
from backend.local.reader.features import FEATURES
from backend.local.reader.training import RATE, Lesson, Plan, Reached, Step, fit, lesson
from backend.local.reader.weights import Weights
from backend.local.validation import Example, Unfit, examples_in

AUTO_EPOCHS = 50
AUTO_BATCH = 32
PACE = "tenk_seconds_per_epoch"
"""Key of a job's metadata: an epoch then takes at least so many seconds, to be watched."""
CHECKPOINTS = 3
"""Models kept of a job, spread evenly over its epochs; the last is the job's own model."""
_CSV_COLUMNS = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")
_CSV_FIELDS = (
    "step",
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
)


class Halted(TenkError):
    """The job was cancelled, paused or taken over, or the server stops."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a job is done with, and who does it."""

    jobs: Jobs
    files: Files
    models: Registry
    owner: str


def plan_of(asked: JobRequest) -> Plan:
    """The settings of a training, the server's own where the request leaves them to it."""
    return Plan(
        epochs=asked.n_epochs or AUTO_EPOCHS,
        rate=RATE * (asked.learning_rate_multiplier or 1.0),
        batch=asked.batch_size or AUTO_BATCH,
    )


def check(bench: Bench, job: Job, stop: Event) -> None:
    """Validate a job's files: it is queued, or has failed with the reason."""
    try:
        taught = _examples(bench, job.asked.training_file, "training_file", stop)
        if job.asked.validation_file is not None:
            _examples(bench, job.asked.validation_file, "validation_file", stop)
    except Halted:
        return
    except Unfit as unfit:
        _fail(bench, job, unfit)
        return
    tokens = sum(example.tokens for example in taught) * plan_of(job.asked).epochs
    said = "Files validated, moving job to queued state"
    columns = {"trained_tokens": tokens, "examples": len(taught)}
    bench.jobs.advance(job.id, bench.owner, "queued", said, **columns)


def tune(bench: Bench, job: Job, stop: Event) -> None:
    """Train a queued job, or go on with a running one: its model serves, or it has failed."""
    try:
        said = () if job.status == "running" else ("Fine-tuning job started",)
        if bench.jobs.advance(job.id, bench.owner, "running", *said):
            _train(bench, job, stop)
    except Halted:
        return
    except Unfit as unfit:
        _fail(bench, job, unfit)
    except OSError as error:
        unfit = Unfit(f"The server could not write the model: {error}", code="server_error")
        _fail(bench, job, unfit)


def _fail(bench: Bench, job: Job, unfit: Unfit) -> None:
    bench.jobs.fail(job.id, bench.owner, message=str(unfit), code=unfit.code, param=unfit.param)


def _examples(bench: Bench, name: str, param: str, stop: Event) -> list[Example]:
    try:
        path = bench.files.path(name)
        return examples_in(path, param, go_on=lambda: _go_on(stop))
    except (Problem, OSError):
        raise Unfit(
            f"The file {name} is gone: it was deleted before the job was done with it.",
            code=f"invalid_{param}",
            param=param,
        ) from None


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise Halted("The job is no longer this server's.")


def _lessons(examples: Sequence[Example], stop: Event) -> Iterator[Lesson]:
    for example in examples:
        _go_on(stop)
        found = lesson(example.messages) if example.learned else None
        if found is not None:
            yield found


def _train(bench: Bench, job: Job, stop: Event) -> None:
    base = _base(bench, job)
    examples = _examples(bench, job.asked.training_file, "training_file", stop)
    taught = [*_lessons(examples, stop)]
    held: list[Lesson] = []
    if job.asked.validation_file is not None:
        file = job.asked.validation_file
        held = [*_lessons(_examples(bench, file, "validation_file", stop), stop)]
    if taught and len(taught) < len(examples) and job.progress is None:
        said = (
            f"{len(examples) - len(taught)} of {len(examples)} examples teach nothing: their "
            "answers have weight 0, or neither quote a sentence nor state a figure of their own "
            "evidence"
        )
        bench.jobs.say(job.id, said, "warn")
    assert base.weights is not None
    steps = fit(
        taught,
        seed=job.asked.seed,
        plan=plan_of(job.asked),
        start=base.weights,
        held=held,
        since=_since(job),
    )
    try:
        _finish(bench, job, _last_weights(bench, job, steps, stop))
    except DataError as error:
        raise Unfit(str(error), code="invalid_training_file", param="training_file") from None


def _base(bench: Bench, job: Job) -> LocalModel:
    try:
        return bench.models.tunable(job.asked.model)
    except Problem as problem:
        raise Unfit(str(problem), code="model_not_available", param="model") from None


def _since(job: Job) -> Reached | None:
    if job.progress is None:
        return None
    told: dict[str, Any] = job.progress
    weights, mean, square = (tuple(told[name]) for name in ("weights", "mean", "square"))
    if len(weights) != len(FEATURES):
        return None  # another version of the reader wrote it: begin again
    return Reached(told["epoch"], told["number"], weights, mean, square)


def _last_weights(bench: Bench, job: Job, steps: Iterator[Step], stop: Event) -> Weights:
    """Takes every step, writing down each epoch; raises Halted where it should not go on."""
    plan = plan_of(job.asked)
    marks = {round(plan.epochs * part / CHECKPOINTS) for part in range(1, CHECKPOINTS)}
    since = _since(job)
    reached = _weights(since) if since else None
    begun = epoch_began = time.monotonic()
    waiting: list[dict[str, Any]] = []
    for step in steps:
        _go_on(stop)
        waiting.append(metrics(step))
        if step.reached is None:
            continue
        reached = step.weights
        _linger(job, epoch_began, stop)
        pace = (time.monotonic() - begun) / (step.epoch - (since.epoch if since else 0))
        if not bench.jobs.keep_epoch(
            job.id,
            bench.owner,
            progress=asdict(step.reached),
            steps=waiting,
            event=_told(step, plan.epochs, waiting),
            estimated=int(time.time() + pace * (plan.epochs - step.epoch)) + 1,
        ):
            raise Halted("The job is no longer this server's.")
        if step.epoch in marks and step.epoch < plan.epochs:
            _keep_checkpoint(bench, job, step)
        waiting, epoch_began = [], time.monotonic()
    assert reached is not None  # a plan has at least one epoch
    return reached


def _weights(since: Reached) -> Weights:
    return Weights(dict(zip(FEATURES, since.weights, strict=True)))


def _linger(job: Job, began: float, stop: Event) -> None:
    """Waits until the epoch is as old as the job's metadata asks for."""
    try:
        wanted = min(float(job.asked.metadata.get(PACE, "0")), 60.0)
    except ValueError:
        return
    stop.wait(max(0.0, began + wanted - time.monotonic()))
    _go_on(stop)


def metrics(step: Step) -> dict[str, Any]:
    """A step in OpenAI's fields. A "token" is here what the reader picks, a cell or a sentence:
    accuracy is the share of examples whose best candidate is one that the answer used."""
    return {
        "step": step.number,
        "train_loss": _rounded(step.train_loss),
        "train_mean_token_accuracy": _rounded(step.train_accuracy),
        "valid_loss": _rounded(step.valid_loss),
        "valid_mean_token_accuracy": _rounded(step.valid_accuracy),
        "full_valid_loss": _rounded(step.valid_loss),
        "full_valid_mean_token_accuracy": _rounded(step.valid_accuracy),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def _told(step: Step, epochs: int, waiting: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """An epoch's event: its words and its numbers, the losses as means over the epoch."""
    total = step.number // step.epoch * epochs
    loss = fmean(one["train_loss"] for one in waiting)
    hits = fmean(one["train_mean_token_accuracy"] for one in waiting)
    said = f"Step {step.number}/{total}, epoch {step.epoch}/{epochs}: training loss={loss:.4f}"
    if step.valid_loss is not None:
        said += f", validation loss={step.valid_loss:.4f}"
    data = metrics(step) | {
        "train_loss": round(loss, 5),
        "train_mean_token_accuracy": round(hits, 5),
        "total_steps": total,
        "epoch": step.epoch,
        "n_epochs": epochs,
    }
    return said, data


def _keep_checkpoint(bench: Bench, job: Job, step: Step) -> None:
    name = f"{job.model_name}:ckpt-step-{step.number}"
    bench.models.keep(_model(job, name, step.weights))
    bench.jobs.checkpoint(job.id, metrics(step), name)


def _model(job: Job, name: str, weights: Weights) -> LocalModel:
    return LocalModel(name, "reader", int(time.time()), weights, base=job.asked.model)


def _finish(bench: Bench, job: Job, weights: Weights) -> None:
    """The model serves before the job says that it succeeded."""
    steps = bench.jobs.steps(job.id)
    name = job.model_name
    bench.models.keep(_model(job, name, weights))
    result = bench.files.add_result("step_metrics.csv", csv_of(steps))
    done = bench.jobs.succeed(
        job.id, bench.owner, model=name, result_file=result.id, last=steps[-1]
    )
    if not done:
        bench.models.forget(name)
        bench.files.delete(result.id)


def csv_of(steps: Sequence[dict[str, Any]]) -> str:
    """The result file, in OpenAI's columns; empty where a step was not validated."""
    rows = [[step[field] for field in _CSV_FIELDS] for step in steps]
    lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
    return "\n".join([",".join(_CSV_COLUMNS), *lines]) + "\n"
