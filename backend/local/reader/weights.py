"""JSON in, weights out and back; alone knows how a reader's weights are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import cast

import numpy as np
from numpy.typing import NDArray

from backend.errors import DataError
from backend.local.reader.features import AT, FEATURES


@dataclass(frozen=True)
class Weights:
    """One number a feature; a feature that is not named weighs nothing."""

    values: Mapping[str, float]

    def __post_init__(self) -> None:
        if strange := sorted(set(self.values) - set(FEATURES)):
            raise DataError(
                f"Weights name features that this reader does not have: {', '.join(strange)}. "
                "They come from another version of tenk; train again."
            )
        if any(value != value or abs(value) == float("inf") for value in self.values.values()):
            raise DataError("Weights must be finite numbers; train again.")

    @cached_property
    def vector(self) -> NDArray[np.float64]:
        """The weights in the order of FEATURES."""
        found = np.zeros(len(FEATURES))
        for name, value in self.values.items():
            found[AT[name]] = value
        return found

    @classmethod
    def of(cls, vector: NDArray[np.float64]) -> "Weights":
        """Weights from numbers in the order of FEATURES."""
        return cls({name: float(value) for name, value in zip(FEATURES, vector, strict=True)})

    def to_json(self) -> str:
        """One JSON object, name to number."""
        return json.dumps({name: self.values[name] for name in FEATURES if name in self.values})

    @classmethod
    def from_json(cls, text: str) -> "Weights":
        """Read what `to_json` wrote. Raises DataError where it is something else."""
        try:
            told = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"Weights are no JSON: {error}. Train again.") from error
        if not isinstance(told, dict):
            raise DataError("Weights must be a JSON object of numbers. Train again.")
        values = cast("dict[str, object]", told)
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values.values()):
            raise DataError("Weights must be a JSON object of numbers. Train again.")
        return cls({name: float(cast("float", value)) for name, value in values.items()})


DOUBT = 1.0
"""How many times worse a wrong answer is than a refusal where an answer was there. At it the
teacher refused 2 % of the lessons held out that it could have answered, and 45 % of the others."""


def choice(scores: NDArray[np.float64], allowed: NDArray[np.bool_] | None = None) -> int:
    """The candidate to answer with, given every candidate's score; the last one refuses.

    Refusing is weighed against all answers together: several rows may hold the same answer and
    share its chances. Only those `allowed` are chosen; where there is none it refuses.
    """
    answers = np.arange(len(scores) - 1) if allowed is None else np.flatnonzero(allowed[:-1])
    odds = np.exp(scores - scores.max())
    if not len(answers) or DOUBT * odds[-1] > odds[answers].sum():
        return len(scores) - 1
    return int(answers[np.argmax(scores[answers])])


STUDENT_START = Weights({"overlap": 4.0})
"""An untuned student: it counts shared words, and knows nothing of periods, units or tables."""


def load_teacher() -> Weights:
    """The teacher's weights, which ship with tenk. `make_teacher.py` beside them wrote them."""
    text = files("backend.local.reader").joinpath("teacher.json").read_text(encoding="utf-8")
    return Weights.from_json(text)
