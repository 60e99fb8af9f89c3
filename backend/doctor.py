"""How each role's model is doing: settings and models go in, one report a role comes out.

It alone knows what is worth a warning and what the operator should change. A probe is one short
real call a role (an answer of a word, a vector), for nothing less shows that a role works.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from backend.cron import OFF, next_time
from backend.errors import ConfigurationError, ModelGone, ProviderError, TenkError
from backend.models import FINE_TUNING_ENDS, ModelCard, Models, shutdown
from backend.records import Message, Notice, Role, Usage, now
from backend.settings import Endpoint, Settings, is_openai

SOON = 60
"""Days before a shutdown from which it is a warning."""
PATIENCE = 15.0
"""Seconds that one probe may take."""
REST = 5.0
"""Seconds that a model which has begun to speak gets to end: then it tells what it cost."""
OnCall = Callable[[str, Usage, float | None], None]
"""Told of each answer that may cost something: the model, its tokens, its USD or None where that is
not known. What vectors cost, `Models` tells."""
MODEL_OF = "model of the "
"""How the subjects of notices about models begin."""
HELLO = (Message(role="user", content="Answer with the one word: ready"),)


@dataclass(frozen=True, slots=True)
class Found:
    """What probing one role found. `failure`: why its model could not be called."""

    failure: str | None = None
    cards: list[ModelCard] | None = None  # None: the server does not list its models
    fine_tunes: bool = False
    gone: bool = False  # its server says that there is no such model


@dataclass(frozen=True, slots=True)
class RoleReport:
    """How one role is doing. `what_to_change` is empty where nothing needs to be."""

    role: Role
    url: str
    model: str
    local: bool
    reachable: bool  # the server lists its models, or the model answered
    capabilities: dict[str, bool]
    shutdown_date: date | None
    warning: str = ""
    what_to_change: str = ""
    note: str = ""
    offers: list[str] = field(default_factory=list[str])  # models that the server lists


async def examine(
    settings: Settings,
    models: Models,
    *,
    today: date | None = None,
    on_call: OnCall | None = None,
) -> list[RoleReport]:
    """Probe every role, all at once, and report in the order of `Role`. Raises no TenkError."""
    day, told = today or now().date(), on_call or _nobody
    every = (_examine(settings, models, role, today=day, on_call=told) for role in Role)
    return list(await asyncio.gather(*every))


def _nobody(_model: str, _usage: Usage, _cost: float | None) -> None:
    """Nobody counts."""


async def _examine(
    settings: Settings, models: Models, role: Role, *, today: date, on_call: OnCall
) -> RoleReport:
    try:
        endpoint = models.endpoint(role)
    except ConfigurationError as error:
        told = getattr(settings, f"{role}_base_url") or settings.base_url
        return RoleReport(role, str(told), "", False, False, {}, None, what_to_change=str(error))
    return report(endpoint, await _probe(models, role, on_call), today)


async def _probe(models: Models, role: Role, on_call: OnCall) -> Found:
    call = _call(models, role, on_call)
    cards, failure, fine_tunes = await asyncio.gather(
        _listed(models, role), call, _fine_tunes(models, role)
    )
    told = None if failure is None else str(failure)
    return Found(told, cards, fine_tunes, gone=isinstance(failure, ModelGone))


def _call(models: Models, role: Role, on_call: OnCall) -> Coroutine[Any, Any, TenkError | None]:
    if role is Role.EMBED:
        return _embed(models)
    if role is Role.JUDGE and models.endpoint(role).local:
        return _is_listed(models, role)  # it answers ragas alone, and refuses a greeting
    return _answer(models, role, on_call)


async def _is_listed(models: Models, role: Role) -> TenkError | None:
    cards, model = await _listed(models, role), models.endpoint(role).model
    if cards is None:
        return _silent(models, role)
    if model not in {card.id for card in cards}:
        return ModelGone(
            f"tenk's own API does not list the {role} model {model}; unset TENK_JUDGE_MODEL."
        )
    return None


async def _listed(models: Models, role: Role) -> list[ModelCard] | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await models.models(role)
    except (TenkError, TimeoutError):
        return None


async def _answer(models: Models, role: Role, on_call: OnCall) -> TenkError | None:
    """Why the model does not speak; None where it does, however its word ends."""
    heard: list[Usage] = []
    failure: TenkError | None = None
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            await _listen(models, role, heard=heard, patience=patience)
    except TenkError as error:
        failure = error
    except TimeoutError:
        failure = _silent(models, role)
    if not heard:
        return failure
    model = models.endpoint(role).model
    if (cost := models.cost(model, heard[-1])) != 0:
        on_call(model, heard[-1], cost)
    return None


async def _listen(
    models: Models, role: Role, *, heard: list[Usage], patience: asyncio.Timeout
) -> None:
    """Hear a greeting out: zeros as soon as the model speaks, then what the server tells."""
    async with aclosing(models.stream(role, HELLO)) as parts:
        async for part in parts:
            if isinstance(part, Usage):
                heard.append(part)
            elif not heard:
                heard.append(Usage())
                patience.reschedule(asyncio.get_running_loop().time() + REST)


async def _embed(models: Models) -> TenkError | None:
    try:
        async with asyncio.timeout(PATIENCE):
            await models.embed(["ready"])
    except TenkError as error:
        return error
    except TimeoutError:
        return _silent(models, Role.EMBED)
    return None


async def _fine_tunes(models: Models, role: Role) -> bool:
    if role is not Role.STUDENT:
        return False
    try:
        async with asyncio.timeout(PATIENCE):
            return await models.fine_tunes(role)
    except TimeoutError:
        return False


def _silent(models: Models, role: Role) -> ProviderError:
    endpoint = models.endpoint(role)
    return ProviderError(
        f"The {role} model {endpoint.model} at {endpoint.base_url} said nothing for "
        f"{PATIENCE:.0f} s; check that the server is well, or set {endpoint.variable('base_url')} "
        "to another."
    )


# -- what it means: pure


def schedule_words(settings: Settings, at: datetime) -> str:
    """When a cycle may start by itself after `at`, and what says so."""
    if settings.schedule == OFF:
        return "never by itself (TENK_SCHEDULE=off); start a cycle by hand: tenk retrain"
    comes = next_time(settings.schedule, at.astimezone(settings.zone))
    return (
        f'next at {comes:%Y-%m-%d %H:%M} ({settings.zone.key}), by TENK_SCHEDULE="'
        f'{settings.schedule}", where {settings.min_new_examples} kept examples are new '
        "(TENK_MIN_NEW_EXAMPLES)"
    )


def report(endpoint: Endpoint, found: Found, today: date) -> RoleReport:
    """What the findings mean for the operator on that day."""
    works = found.failure is None
    capabilities = {"chat": works, "streaming": works}
    if endpoint.role is Role.EMBED:
        capabilities = {"embeddings": works}
    if endpoint.role is Role.STUDENT:
        capabilities["fine_tuning"] = found.fine_tunes
    ends = _shutdown(endpoint, found.cards or [])
    warnings = [
        *([(f"{endpoint.model} is gone: its server knows it no more.", "")] if found.gone else []),
        *_about_shutdown(endpoint, ends, today),
        *(_about_fine_tuning(endpoint, found, today) if endpoint.role is Role.STUDENT else []),
    ]
    offers = [card.id for card in found.cards or []]
    changes = [found.failure + _nearest(endpoint.model, offers)] if found.failure else []
    changes += [remedy for _, remedy in warnings if remedy]
    return RoleReport(
        endpoint.role,
        endpoint.base_url or "",
        endpoint.model,
        endpoint.local,
        works or found.cards is not None,
        capabilities,
        ends,
        " ".join(warning for warning, _ in warnings),
        " ".join(changes),
        "tenk's own: no language model, for trying and testing." if endpoint.local else "",
        offers,
    )


def leaving(endpoint: Endpoint, cards: list[ModelCard], today: date) -> str:
    """A warning about the model that answers readers, where it is soon shut down; else empty.

    `endpoint` names that model, not the one of its role.
    """
    return "".join(
        f"{warning} It answers readers now: train another on a model that stays "
        f"({endpoint.variable('model')}, then tenk retrain), or go back: tenk rollback"
        for warning, _ in _about_shutdown(endpoint, _shutdown(endpoint, cards), today)
    )


def notices_after(reports: Iterable[RoleReport], known: Iterable[Notice]) -> list[Notice]:
    """What an operator should know of the models after a look at them, with what to change.

    What was known of a model stays where this time nothing was heard of it.
    """
    held = {one.subject: one.text for one in known}
    told: dict[str, str] = {}
    for one in reports:
        subject = f"{MODEL_OF}{one.role}, {one.model}"
        if one.warning:
            told[subject] = f"{one.role}: {one.warning} {one.what_to_change}".strip()
        elif not one.reachable and subject in held:
            told[subject] = held[subject]
    return [Notice(subject=subject, text=text) for subject, text in told.items()]


def _nearest(model: str, offers: list[str]) -> str:
    near = [] if model in offers else get_close_matches(model, offers, n=3)
    return f" Near that name it lists: {', '.join(near)}." if near else ""


def _shutdown(endpoint: Endpoint, cards: list[ModelCard]) -> date | None:
    """The server's own date; for OpenAI, where it tells none, the catalogue's."""
    base = endpoint.model.split(":")[1] if endpoint.model.startswith("ft:") else endpoint.model
    for card in cards:
        if card.id in (endpoint.model, base) and card.shutdown_date:
            return card.shutdown_date
    return shutdown(endpoint.model) if is_openai(endpoint.base_url or "") else None


def _about_shutdown(endpoint: Endpoint, ends: date | None, today: date) -> list[tuple[str, str]]:
    if ends is None or (days := (ends - today).days) > SOON:
        return []
    when = f"in {days} days" if days > 0 else "today" if days == 0 else f"{-days} days ago"
    verb = "is shut down" if days >= 0 else "was shut down"
    remedy = f"Set {endpoint.variable('model')} to a model that stays."
    return [(f"{endpoint.model} {verb} on {ends} ({when}).", remedy)]


def _about_fine_tuning(endpoint: Endpoint, found: Found, today: date) -> list[tuple[str, str]]:
    setting = endpoint.variable("base_url")
    if is_openai(endpoint.base_url or "") and (FINE_TUNING_ENDS - today).days <= SOON:
        ends = "ended" if today >= FINE_TUNING_ENDS else "ends"
        return [
            (
                f"OpenAI's fine-tuning {ends} for everyone on {FINE_TUNING_ENDS}, and is closed to "
                "newcomers since 2026-05-07.",
                f"Set {setting} to a server that fine-tunes, or to local.",
            )
        ]
    if found.failure is None and not found.fine_tunes and not endpoint.local:
        return [
            (
                "This server has no fine-tuning route, so the student cannot be trained there.",
                f"Set {setting} to a server that fine-tunes, or to local.",
            )
        ]
    return []
