"""Offline: logged turns in, perhaps a better active model out. Joins the steps of a cycle."""

from backend.flywheel.driving import Flywheel, Wheel
from backend.flywheel.steps import LABELS, Step, next_step

__all__ = ["LABELS", "Flywheel", "Step", "Wheel", "next_step"]
