"""The extractive reader behind local-teacher and local-student: messages and weights in, an answer
out. It is no language model: it picks cells and sentences, and phrases or quotes them."""

from backend.local.reader.reading import Reading, read
from backend.local.reader.training import Lesson, Plan, Step, lessons, measure, train
from backend.local.reader.weights import STUDENT_START, Weights, load_teacher

TEACHER = load_teacher()

__all__ = [
    "STUDENT_START",
    "TEACHER",
    "Lesson",
    "Plan",
    "Reading",
    "Step",
    "Weights",
    "lessons",
    "measure",
    "read",
    "train",
]
