"""Texts go in, unit vectors come out: words of a filing, hashed, with no model to download.

Each text is a bag of features: word stems without stop words, filler and names of companies,
weighted by the root of their rarity (both sides of a product carry it, so a shared word counts
by its rarity once); the four-letter groups of each stem, which bring spellings and endings near;
the years it names; the units it counts in. Every feature is hashed to one place and one sign, so
the dot product of two vectors is, but for collisions, the weight that the texts share.
"""

import base64
import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.local.rarity import is_filler, rarity
from backend.quantities import Period, periods
from backend.terms import stems

DIMENSIONS = 1024
LETTERS = 0.8
"""Weight of a stem's letter groups together, as a share of the stem's own."""
PERIOD = 0.8
UNIT = 0.25
"""Weights of a year and of a unit, as shares of an average stem's."""
AVERAGE = 3.0
"""The middle rarity."""

_UNITS = (
    ("percent", re.compile(r"%|\bper\s?cent\b|\bpercentages?\b", re.IGNORECASE)),
    ("dollars", re.compile(r"[$]|\bdollars?\b|\bUSD\b", re.IGNORECASE)),
    ("shares", re.compile(r"\bshares\b", re.IGNORECASE)),
    ("per share", re.compile(r"\bper\s+(?:\w+\s+)?share\b", re.IGNORECASE)),
)
_OWNER = re.compile(
    r"\b([A-Z][\w&.-]+)['\u2019]s\b|\b([A-Z]{2,}[a-z]*)\b(?=\s+(?:Inc|Corp|Ltd|plc))"
)


def embed(texts: Sequence[str], *, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """One row a text, of length 1. A text without a single word gets the first axis."""
    return np.vstack([_vector(text, dimensions) for text in texts])


def as_base64(vectors: NDArray[np.float32]) -> list[str]:
    """Each row as OpenAI sends it for "base64": little-endian float32 bytes."""
    return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]


def _vector(text: str, dimensions: int) -> NDArray[np.float32]:
    counted = _counted(text)
    if not counted:
        return _unit(np.zeros(dimensions))
    features = [_feature(name) for name in counted]
    places = np.concatenate([feature[0] for feature in features])
    values = np.concatenate([feature[1] for feature in features])
    weights = np.repeat(np.fromiter(counted.values(), float), [f[0].size for f in features])
    placed = np.bincount(places % dimensions, values * weights, minlength=dimensions)
    return _unit(placed.astype(np.float64, copy=False))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        vector[0] = length = 1.0
    return (vector / length).astype(np.float32)


def _counted(text: str) -> dict[str, float]:
    """Features and their weights. A word said again adds less each time; a name adds nothing."""
    names = {stem for owner in _OWNER.findall(text) for stem in stems(" ".join(owner))}
    named = periods(text)
    years = {str(period.year) for period in named}
    words = stems(_without(text, named))
    counts = Counter(stem for stem in words if stem not in names and not is_filler(stem))
    weights = {
        stem: math.sqrt(AVERAGE * rarity(stem)) * (1.0 + math.log(n)) for stem, n in counts.items()
    }
    weights |= {f"\x00year {year}": PERIOD * AVERAGE for year in years}
    for name, pattern in _UNITS:
        if pattern.search(text):
            weights[f"\x00unit {name}"] = UNIT * AVERAGE
    return weights


def _without(text: str, named: Sequence[Period]) -> str:
    """The text without its dates: a day and a month say less than their year, which is kept."""
    parts: list[str] = []
    start = 0
    for period in named:
        parts.append(text[start : period.start])
        start = max(start, period.end)
    return " ".join([*parts, text[start:]])


@lru_cache(maxsize=65536)
def _feature(name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where a stem and its letter groups are hashed to, and with what weight and sign."""
    groups = _letter_groups(name)
    hashes = np.array([zlib.crc32(key.encode()) for key in (name, *groups)], dtype=np.int64)
    values = np.full(hashes.size, LETTERS / math.sqrt(len(groups) or 1))
    values[0] = 1.0
    return hashes >> 1, values * np.where(hashes & 1, 1.0, -1.0)


def _letter_groups(name: str) -> list[str]:
    if name.startswith("\x00") or not name.isalpha():
        return []
    padded = f"<{name}>"
    return [f"\x01{padded[at : at + 4]}" for at in range(max(1, len(padded) - 3))]
