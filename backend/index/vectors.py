"""Vectors as bytes, and many of them as a matrix to search exactly; alone knows their form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BYTES = 2
"""Of one number, as packed."""


def fault(vectors: Sequence[Sequence[float]], expected: int) -> str | None:
    """What is wrong with vectors that should be `expected` in number and alike in length."""
    sizes = sorted({len(vector) for vector in vectors})
    if len(vectors) != expected:
        return f"{len(vectors)}"
    if len(sizes) > 1 or 0 in sizes:
        return f"lengths {sizes}"
    return None if np.isfinite(np.asarray(vectors, np.float32)).all() else "NaN or infinity"


def pack(vector: Sequence[float]) -> bytes:
    """A vector as bytes: scaled to length 1, in half precision, which moves a cosine by < 0.001."""
    return unit(vector).astype(np.float16).tobytes()


def unit(vector: Sequence[float]) -> Floats:
    """A vector scaled to length 1; all zeros stay."""
    values = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(values))
    return values / length if length else values


@dataclass(frozen=True, slots=True)
class Matrix:
    """The vectors of one document: `rows` is len(ids) x dimension, by ascending id."""

    ids: NDArray[np.int64]
    rows: Floats


def matrix(ids: Sequence[int], blobs: Sequence[bytes]) -> Matrix:
    """Vectors as packed by `pack`, all of one dimension, ready to search."""
    halves = np.frombuffer(b"".join(blobs), np.float16)
    shape = (len(ids), len(halves) // max(len(ids), 1))
    return Matrix(np.asarray(ids, np.int64), halves.reshape(shape).astype(np.float32))


def cosines(matrix: Matrix, query: Floats) -> Floats:
    """The cosine of each row with a query of length 1.

    Not by `@`: its threads wait for one another on a busy machine, 6 ms for what takes 0.3.
    """
    return np.einsum("ij,j->i", matrix.rows, query)


def best(ids: NDArray[np.int64], scores: Floats, limit: int) -> list[tuple[int, float]]:
    """The highest scores with their ids, best first; of equals the lower id first."""
    if len(ids) > limit:
        kept = np.argpartition(-scores, limit - 1)[:limit]
        ids, scores = ids[kept], scores[kept]
    order = np.lexsort((ids, -scores))
    return [(int(ids[n]), float(scores[n])) for n in order]
