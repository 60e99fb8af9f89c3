"""A question and its evidence in, how much of it some words hold out; alone knows what each word
of a question weighs and what may stand for it."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Evidence

EMPTY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scale:
    """The question's terms with their weights, and what else may stand for each of them."""

    weights: dict[str, float]  # of the question's terms; they add up to 1
    weight: Callable[[str], float]
    synonyms: tuple[tuple[frozenset[str], tuple[frozenset[str], ...]], ...]


def scale_of(asked: Asked, evidence: Evidence) -> Scale:
    raw = {term: evidence.weight(term) for term in asked.terms}
    total = sum(raw.values()) or 1.0
    known = set(asked.terms)
    phrases = tuple(
        (frozenset(key) & known, tuple(frozenset(other) for other in others))
        for key, others in asked.phrases
    )
    return Scale({t: w / total for t, w in raw.items()}, evidence.weight, phrases)


def found_in(scale: Scale, words: frozenset[str]) -> tuple[float, float, frozenset[str]]:
    """Share of the question's weight in `words`: as worded, and with synonyms; words used."""
    hit = {term: 1.0 for term in scale.weights if term in words}
    plain = sum(scale.weights[term] for term in hit)
    used = set(hit)
    for key, others in scale.synonyms:
        shares = [len(other & words) / len(other) for other in others]
        best = max(shares)
        if best > 0.6:
            for other, share in zip(others, shares, strict=True):
                used |= other & words if share == best else EMPTY
            hit |= {term: max(best, hit.get(term, 0.0)) for term in key}
    full = sum(scale.weights[term] * share for term, share in hit.items())
    return plain, full, frozenset(used)


def held_in(scale: Scale, words: frozenset[str]) -> float:
    """Share of the question's terms in `words`, in any wording, each counting the same."""
    hit = {term: 1.0 for term in scale.weights if term in words}
    for key, others in scale.synonyms:
        best = max(len(other & words) / len(other) for other in others)
        if best > 0.6:
            hit |= {term: max(best, hit.get(term, 0.0)) for term in key}
    return sum(hit.values()) / max(1, len(scale.weights))


def missing_in(scale: Scale, words: frozenset[str]) -> dict[str, float]:
    """Weight of each term of the question that `words` do not hold, in any wording."""
    missing = {term: w for term, w in scale.weights.items() if term not in words}
    for key, others in scale.synonyms if missing else ():
        best = max(len(other & words) / len(other) for other in others)
        if best > 0.6:
            missing |= {term: missing[term] * (1 - best) for term in key if term in missing}
    return {term: weight for term, weight in missing.items() if weight > 0}


def gap(scale: Scale, words: frozenset[str]) -> float:
    """Weight of the heaviest term of the question that `words` do not hold in any wording."""
    return max(missing_in(scale, words).values(), default=0.0)


def strangers(asked: Asked, words: frozenset[str]) -> float:
    """Share of the names asked that `words` do not hold."""
    return len(asked.names - words) / len(asked.names) if asked.names else 0.0


def precision(scale: Scale, words: frozenset[str], used: frozenset[str]) -> float:
    whole = sum(scale.weight(word) for word in words)
    return sum(scale.weight(word) for word in words & used) / whole if whole else 0.0
