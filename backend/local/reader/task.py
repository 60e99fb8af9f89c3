"""A question beside everything that might answer it: what a reader decides on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.local.reader.asking import Asked
from backend.local.reader.candidates import Evidence
from backend.local.reader.evident import Mask
from backend.local.reader.features import Matrix


@dataclass(frozen=True, slots=True)
class Task:
    """A question taken apart beside everything that might answer it."""

    asked: Asked
    evidence: Evidence
    matrix: Matrix  # (candidates, features)
    allowed: Mask  # (candidates,): which hold what is asked at all


Scores = NDArray[np.float64]
