"""Examples in, weights out step by step; alone knows how a reader learns.

Gradient descent (Adam) on the marginal cross-entropy of a softmax over every candidate of an
example: -log of the sum of the probabilities of those that the example's answer used. L2 pulls
towards the weights it began with. The same examples, seed and settings give the same weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import DataError
from backend.local.reader.features import Matrix
from backend.local.reader.prompts import Question, parse
from backend.local.reader.reading import prepare
from backend.local.reader.spans import spans
from backend.local.reader.weights import STUDENT_START, Weights, choice
from backend.records import Message

EPOCHS = 60
RATE = 0.15
PULL = 0.02
"""L2 towards the start, times the squared distance, per example."""
BATCH = 32


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example as the trainer sees it."""

    matrix: Matrix  # (candidates, features)
    used: NDArray[np.bool_]  # (candidates,), at least one true
    allowed: NDArray[np.bool_] | None = None  # (candidates,): None where all may be chosen


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of one training. `rate` multiplies the step of Adam, `batch` counts examples."""

    epochs: int = EPOCHS
    rate: float = RATE
    pull: float = PULL
    batch: int = BATCH


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a training stands after an epoch: from here it goes on as if it had never stopped."""

    epoch: int
    number: int
    weights: tuple[float, ...]
    mean: tuple[float, ...]
    square: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of descent did. Losses are means over examples, in nats.

    The validation's numbers are there at the last step of each epoch, else None.
    """

    number: int
    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float | None
    valid_accuracy: float | None
    weights: Weights
    reached: Reached | None = None
    """At the last step of each epoch."""


def lesson(example: Sequence[Message]) -> Lesson | None:
    """One example, its last message being the answer; None where the answer's spans are unknown.

    Raises DataError where the example does not end in the assistant's words.
    """
    if not example or example[-1].role != "assistant" or not example[-1].content.strip():
        raise DataError("An example must end with a message of the assistant that is not empty.")
    prompt = parse(example[:-1])
    if not isinstance(prompt, Question) or not prompt.passages:
        return None
    task = prepare(prompt.text, prompt.passages)
    found = spans(example[-1].content, task.evidence)
    if not found:
        return None
    used = np.zeros(len(task.matrix), dtype=np.bool_)
    used[found] = True
    return Lesson(task.matrix, used)


def lessons(examples: Sequence[Sequence[Message]]) -> list[Lesson]:
    """Every example that teaches something, in order."""
    return [found for found in map(lesson, examples) if found is not None]


_NEVER = -1e9
"""The score of a candidate that may not be chosen: no chance, and no gradient."""


def _loss(taught: Lesson, weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], bool]:
    """Loss, its gradient, and whether the best candidate is one of those used."""
    scores = taught.matrix @ weights
    if taught.allowed is not None:
        scores = np.where(taught.allowed, scores, _NEVER)
    odds = np.exp(scores - scores.max())
    chances = odds / odds.sum()
    mass = max(float(chances[taught.used].sum()), 1e-12)
    wanted = np.where(taught.used, chances, 0.0) / mass
    gradient = taught.matrix.T @ (chances - wanted)
    return -float(np.log(mass)), gradient, bool(taught.used[choice(scores)])


def measure(taught: Sequence[Lesson], weights: Weights) -> tuple[float, float]:
    """Mean loss and share of examples whose best candidate is right."""
    told = [_loss(one, weights.vector) for one in taught]
    return sum(t[0] for t in told) / len(told), sum(t[2] for t in told) / len(told)


def train(
    examples: Sequence[Sequence[Message]],
    *,
    seed: int,
    plan: Plan | None = None,
    start: Weights = STUDENT_START,
    validation: Sequence[Sequence[Message]] = (),
) -> Iterator[Step]:
    """Learn from chats that end in an answer; the last step holds the final weights.

    Raises DataError at the first step where no example's answer can be found in its evidence.
    """
    return fit(lessons(examples), seed=seed, plan=plan, start=start, held=lessons(validation))


def fit(
    taught: Sequence[Lesson],
    *,
    seed: int,
    plan: Plan | None = None,
    start: Weights = STUDENT_START,
    held: Sequence[Lesson] = (),
    since: Reached | None = None,
) -> Iterator[Step]:
    """As `train`, from lessons; with `since`, from where an earlier run of the same stood."""
    plan = plan or Plan()
    if not taught:
        raise DataError(
            "No example teaches anything: no answer quotes a sentence or states a figure of its "
            "own evidence. Check that the examples hold their evidence and end in the answer."
        )
    order = np.random.default_rng(seed)
    begun = start.vector
    at = since or Reached(0, 0, tuple(begun), (0.0,) * len(begun), (0.0,) * len(begun))
    weights, mean, square = np.array(at.weights), np.array(at.mean), np.array(at.square)
    number = at.number
    for epoch in range(1, plan.epochs + 1):
        shuffled = order.permutation(len(taught))
        if epoch <= at.epoch:
            continue
        batches = [shuffled[at : at + plan.batch] for at in range(0, len(taught), plan.batch)]
        for place, batch in enumerate(batches, 1):
            number += 1
            told = [_loss(taught[int(one)], weights) for one in batch]
            gradient = np.mean([t[1] for t in told], axis=0) + plan.pull * (weights - begun)
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            pace = plan.rate / (1 - 0.9**number)
            weights = weights - pace * mean / (np.sqrt(square / (1 - 0.999**number)) + 1e-8)
            last = place == len(batches)
            valid = measure(held, Weights.of(weights)) if held and last else (None, None)
            loss = sum(t[0] for t in told) / len(told)
            hits = sum(t[2] for t in told) / len(told)
            stood = _reached(epoch, number, weights, mean, square) if last else None
            yield Step(number, epoch, loss, hits, *valid, Weights.of(weights), stood)


def _reached(epoch: int, number: int, *vectors: NDArray[np.float64]) -> Reached:
    weights, mean, square = (tuple(float(x) for x in vector) for vector in vectors)
    return Reached(epoch, number, weights, mean, square)
