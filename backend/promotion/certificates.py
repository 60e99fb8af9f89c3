"""A verdict that anybody can recompute: scorecards go in, one JSON value comes out, and back.

The certificate holds every score, the policy and what was compared; its sha256 is over canonical
JSON (keys sorted, no spaces, UTF-8) without the sum itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, cast

from backend.errors import DataError, TenkError
from backend.promotion.deciding import Policy, Verdict, conclude, policy_for
from backend.promotion.scorecards import Card, Scorecards, clean

FORMAT = "tenk certificate 1"
PLACES = 10
"""Decimals of each score that a certificate holds, and that its verdict rests on."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a certificate's verdict follows from its scores, and why not."""

    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a certificate holds, read back."""

    format: str
    models: dict[str, str]
    seeds: dict[str, int]
    dataset: str
    policy: Policy
    scorecards: Scorecards
    verdict: Verdict
    more: dict[str, Any]
    sha256: str


def certificate(
    cards: Scorecards,
    policy: Policy,
    *,
    models: Mapping[str, str],
    seeds: Mapping[str, int],
    dataset: str,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The verdict of `conclude` with all it rests on.

    `models`: the name behind each arm, and the judge's; `seeds`: of whatever was drawn by chance;
    `dataset`: the sha256 of what the candidate learned from; `more`: further JSON worth keeping
    (the questions' texts, say), under the same sum.
    """
    told = Scorecards(
        list(cards.asked), [_plain(card) for card in cards.cards], repeats=cards.repeats
    )
    body: dict[str, Any] = {
        "format": FORMAT,
        "models": dict(models),
        "seeds": dict(seeds),
        "dataset": dataset,
        "policy": asdict(policy) | {"metrics": list(policy.metrics)},
        "scorecards": asdict(told),
        "verdict": asdict(conclude(told, policy)),
        "more": dict(more or {}),
    }
    body = json.loads(_canonical(body))
    return body | {"sha256": _sum(body)}


def from_text(text: str) -> Any:
    """The JSON value of a certificate's file.

    Raises DataError where it is no JSON, or where a person and a program could read it
    differently: a name that stands there twice, a number whose last digits no computer keeps.
    """
    try:
        return json.loads(text, object_pairs_hook=_named_once, parse_float=_exact)
    except (ValueError, RecursionError) as error:
        raise DataError(f"It is no JSON that tenk wrote: {error}") from None


def _named_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands in one object twice")
    return told


def _exact(digits: str) -> float:
    if repr(float(digits)) != digits:
        raise ValueError(f"the number {digits} is not written as a computer keeps it")
    return float(digits)


def verify(told: object) -> Verification:
    """Recompute the verdict from the certificate alone. Never raises: a bad file is a reason."""
    body = cast(dict[str, Any], told) if isinstance(told, dict) else {}
    if (version := body.get("format")) != FORMAT:
        found = f"found {version!r}" if version else "found none"
        return Verification(
            False, f'This is no certificate that this tenk reads: expected "{FORMAT}", {found}.'
        )
    try:
        found = _sum({name: value for name, value in body.items() if name != "sha256"})
    except (TypeError, ValueError, RecursionError):
        return Verification(False, "The certificate holds something that is not plain JSON.")
    if found != body.get("sha256"):
        return Verification(
            False,
            "The certificate was changed after it was written: its sha256 is not that of its "
            f"content, which is {found}.",
        )
    try:
        contents = _read(body)
        verdict = conclude(contents.scorecards, policy_for(**asdict(contents.policy)))
    except (TenkError, ValueError, ArithmeticError) as error:
        return Verification(False, f"The certificate cannot be read: {_reason(error)}")
    if verdict != contents.verdict:
        return Verification(
            False,
            f"The verdict does not follow: the scores say {_line(verdict)}, the certificate "
            f"{_line(contents.verdict)}.",
        )
    return Verification(
        True, f"The verdict follows from the scores: {_line(verdict)}.{_about(contents.models)}"
    )


def _about(models: Mapping[str, str]) -> str:
    """Whose scores they are; a certificate shown for another model's shows itself so."""
    candidate, active, judge = (models.get(arm) for arm in ("candidate", "active", "judge"))
    return f" It is about {candidate} against {active}, judged by {judge}."


def _reason(error: Exception) -> str:
    """The first thing that is wrong, and where."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _line(verdict: Verdict) -> str:
    ends = f"{verdict.low:+.6f} to {verdict.high:+.6f}"
    return f"{verdict.decision} at {verdict.gain:+.6f} ({ends}, {verdict.questions} questions)"


def _plain(card: Card) -> Card:
    """The card with missing scores as None, for JSON has no NaN, and numbers rounded: of two long
    decimals that differ in their last digit, both can be read as the same number, and a changed
    digit must show."""
    return Card(
        card.arm,
        card.question,
        card.repeat,
        {metric: _short(clean(value)) for metric, value in card.scores.items()},
        card.refused,
        card.figure_errors,
        _short(card.seconds),
        _short(card.cost),
    )


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, PLACES)


def _read(body: dict[str, Any]) -> Contents:
    """Raises ValueError (pydantic's too) where something is not of its type."""
    from pydantic import ConfigDict, TypeAdapter, with_config

    reader = TypeAdapter(with_config(ConfigDict(extra="forbid", strict=True))(Contents))
    return reader.validate_json(_canonical(body))


def _canonical(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _sum(body: Mapping[str, Any]) -> str:
    return sha256(_canonical(body).encode()).hexdigest()
