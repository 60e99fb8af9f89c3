"""What is known of models by name: prices and shutdown dates. A name goes in, facts come out.

Prices change and are a provider's own: `TENK_PRICES` overrides them. Sources: third-party lists
of October 2026 for what is sold today; OpenAI's last published fine-tuning prices for the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from backend.records import Usage

FINE_TUNING_ENDS = date(2027, 1, 6)
"""OpenAI's fine-tuning ends for everyone; newcomers have been turned away since 2026-05-07."""
_OCTOBER = date(2026, 10, 23)
_JANUARY = date(2027, 1, 14)


@dataclass(frozen=True, slots=True)
class Entry:
    """One family of models. Prices in USD per million tokens; None where none is known."""

    price: tuple[float, float] | None
    """Tokens in, tokens out."""
    tuned_price: tuple[float, float] | None = None
    """The same for a fine-tuned model of this family."""
    training: float | None = None
    """Per million tokens trained, each epoch counted."""
    shutdown: date | None = None


FAMILIES: dict[str, Entry] = {
    "gpt-6.1-sol": Entry((2.0, 10.0)),
    "gpt-6.1-terra": Entry((1.0, 5.0)),
    "gpt-6-luna": Entry((0.10, 0.50)),
    "gpt-4.1": Entry((2.0, 8.0), (3.0, 12.0), 25.0, _JANUARY),
    "gpt-4.1-mini": Entry((0.40, 1.60), (0.80, 3.20), 5.0, _JANUARY),
    "gpt-4.1-nano": Entry((0.10, 0.40), (0.20, 0.80), 1.5, _JANUARY),
    "gpt-4o": Entry((2.50, 10.0), (3.75, 15.0), 25.0, _JANUARY),
    "gpt-4o-mini": Entry((0.15, 0.60), (0.30, 1.20), 3.0, _JANUARY),
    "gpt-4-turbo": Entry((10.0, 30.0), shutdown=_OCTOBER),
    "gpt-4": Entry((30.0, 60.0), shutdown=_OCTOBER),
    "gpt-3.5-turbo": Entry((0.50, 1.50), (3.0, 6.0), 8.0, _OCTOBER),
    "text-embedding-3-small": Entry((0.02, 0.0)),
    "text-embedding-3-large": Entry((0.13, 0.0)),
}
_LOCAL = Entry((0.0, 0.0), (0.0, 0.0), 0.0)
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4}|preview|latest)$")


def is_local(model: str) -> bool:
    """Whether the name is one of tenk's own models, fine-tuned ones included."""
    return family(model).startswith("local-")


def is_tuned(model: str) -> bool:
    """Whether the name is a fine-tuned model's, as OpenAI and tenk's own API write them."""
    return model.startswith("ft:")


def family(model: str) -> str:
    """The name without what marks a fine-tune or a snapshot.

    "ft:gpt-4.1-mini-2025-04-14:acme::abc" is of the family "gpt-4.1-mini".
    """
    name = model.split(":")[1] if is_tuned(model) else model
    while (shorter := _SNAPSHOT.sub("", name)) != name:
        name = shorter
    return name


def entry(model: str) -> Entry | None:
    """What is known of the model's family; None where nothing is."""
    name = family(model)
    return _LOCAL if name.startswith("local-") else FAMILIES.get(name)


def price(
    model: str, overrides: Mapping[str, tuple[float, float]] | None = None
) -> tuple[float, float] | None:
    """USD per million tokens in and out; None where no price is known.

    An override counts for the name itself or for its family; for a fine-tuned model that is "ft:"
    before the family it was tuned from, for nobody knows its whole name before it is made.
    """
    told = overrides or {}
    kin = f"ft:{family(model)}" if is_tuned(model) else family(model)
    for name in (model, kin):
        if name in told:
            return told[name]
    known = entry(model)
    if known is None:
        return None
    return known.tuned_price if is_tuned(model) else known.price


def training_price(model: str, override: float | None = None) -> float | None:
    """USD per million tokens trained, each epoch counted; None where no price is known."""
    if override is not None:
        return override
    known = entry(model)
    return known.training if known else None


def shutdown(model: str) -> date | None:
    """When OpenAI shuts the model down, as far as it was known in October 2026."""
    known = entry(model)
    return known.shutdown if known else None


def cost_of(
    model: str, usage: Usage, overrides: Mapping[str, tuple[float, float]] | None = None
) -> float | None:
    """USD of one call; None where no price is known, or the server told no tokens."""
    known = price(model, overrides)
    if known is None:
        return None
    tokens = (usage.prompt_tokens, usage.completion_tokens)
    if any(known) and not any(tokens):
        return None
    return (tokens[0] * known[0] + tokens[1] * known[1]) / 1e6
