"""The JSON body of a fine-tuning request goes in; the job that was asked for comes out.

Checks what OpenAI's create call checks, in its wording; what it leaves to the job is checked in
`validation`.
"""

import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from backend.local import problems
from backend.local.fields import whole
from backend.local.problems import Problem

MOST_EPOCHS = 50
MOST_BATCH = 256
MOST_MULTIPLIER = 10.0
SUFFIX_LENGTH = 64
LARGEST_SEED = 2**31 - 1
_PARAMETERS = frozenset(
    ["model", "training_file", "validation_file", "suffix", "seed", "hyperparameters"]
    + ["method", "metadata", "integrations"]
)
_HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A training that was asked for. Hyperparameters are None where the server chooses."""

    model: str
    training_file: str
    seed: int
    validation_file: str | None = None
    suffix: str | None = None
    n_epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])

    def told(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


def job_request(body: dict[str, Any]) -> JobRequest:
    """The job that `body` asks for; raises Problem."""
    for name in body:
        if name not in _PARAMETERS:
            raise problems.unknown_parameter(name)
    if body.get("integrations"):
        raise Problem(400, "This server has no integrations; leave them out.", param="integrations")
    model = body.get("model")
    if model is None or model == "":
        raise problems.missing("model")
    seed = whole(body, "seed", 0, LARGEST_SEED)
    validation = None if body.get("validation_file") is None else _text(body, "validation_file")
    epochs, batch, multiplier = _hyperparameters(*_method(body))
    return JobRequest(
        model=_text(body, "model"),
        training_file=_text(body, "training_file"),
        seed=random.randrange(LARGEST_SEED) if seed is None else seed,
        validation_file=validation,
        suffix=_suffix(body),
        n_epochs=epochs,
        batch_size=batch,
        learning_rate_multiplier=multiplier,
        metadata=_metadata(body.get("metadata")),
    )


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        raise problems.missing(name)
    if not isinstance(value, str):
        raise problems.wrong_type(name, "a string", value)
    return value


def _suffix(body: dict[str, Any]) -> str | None:
    if body.get("suffix") is None:
        return None
    suffix = _text(body, "suffix")
    if not suffix:
        raise Problem(
            400,
            "Invalid 'suffix': empty string. Expected a string with minimum length 1, but got an "
            "empty string instead.",
            param="suffix",
            code="empty_string",
        )
    _short(suffix, "suffix", SUFFIX_LENGTH)
    return suffix


def _short(text: str, name: str, limit: int) -> None:
    if len(text) > limit:
        raise Problem(
            400,
            f"Invalid '{name}': string too long. Expected a string with maximum length {limit}, "
            f"but got a string with length {len(text)} instead.",
            param=name,
            code="string_above_max_length",
        )


def suffix_in_name(suffix: str | None) -> str:
    """A suffix as it stands in a model's name: letters, digits and dashes in lower case."""
    plain = re.sub(r"[^a-z0-9]+", "-", (suffix or "").lower()).strip("-")
    return plain or "personal"


# -- hyperparameters


def _method(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The hyperparameters and where they stand: in `method`, or in the older field."""
    method = body.get("method")
    if method is None:
        return _object(body.get("hyperparameters"), "hyperparameters"), "hyperparameters"
    method = _object(method, "method")
    kind = method.get("type")
    if kind is None:
        raise problems.missing("method.type")
    if kind != "supervised":
        raise problems.wrong_value("method.type", kind, "'supervised'")
    for name in method:
        if name not in ("type", "supervised"):
            raise problems.unknown_parameter(f"method.{name}")
    supervised = _object(method.get("supervised"), "method.supervised")
    for name in supervised:
        if name != "hyperparameters":
            raise problems.unknown_parameter(f"method.supervised.{name}")
    where = "method.supervised.hyperparameters"
    older = _object(body.get("hyperparameters"), "hyperparameters")
    return older | _object(supervised.get("hyperparameters"), where), where


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise problems.wrong_type(name, "an object", value)
    return cast(dict[str, Any], value)


def _hyperparameters(
    told: dict[str, Any], where: str
) -> tuple[int | None, int | None, float | None]:
    for name in told:
        if name not in _HYPERPARAMETERS:
            raise problems.unknown_parameter(f"{where}.{name}")
    epochs = _auto(told, "n_epochs", where, MOST_EPOCHS)
    batch = _auto(told, "batch_size", where, MOST_BATCH)
    return epochs, batch, _multiplier(told, where)


def _auto(told: dict[str, Any], name: str, where: str, most: int) -> int | None:
    value = told.get(name)
    if value is None or value == "auto":
        return None
    path = f"{where}.{name}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise problems.wrong_type(path, "one of 'auto' or an integer", value)
    if not 1 <= value <= most:
        raise problems.out_of_range(path, value, 1, most)
    return value


def _multiplier(told: dict[str, Any], where: str) -> float | None:
    value = told.get("learning_rate_multiplier")
    if value is None or value == "auto":
        return None
    path = f"{where}.learning_rate_multiplier"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise problems.wrong_type(path, "one of 'auto' or a decimal", value)
    if not 0 < value <= MOST_MULTIPLIER:
        low = 0 if value > MOST_MULTIPLIER else 1e-9
        raise problems.out_of_range(path, float(value), low, MOST_MULTIPLIER)
    return float(value)


# -- metadata


def _metadata(value: Any) -> dict[str, str]:
    told = _object(value, "metadata")
    if len(told) > 16:
        raise Problem(
            400,
            "Invalid 'metadata': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(told)} properties instead.",
            param="metadata",
            code="object_above_max_properties",
        )
    for key, text in told.items():
        _short(key, "metadata", 64)
        if not isinstance(text, str):
            raise problems.wrong_type(f"metadata.{key}", "a string", text)
        _short(text, f"metadata.{key}", 512)
    return cast(dict[str, str], told)
