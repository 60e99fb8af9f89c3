"""A cycle's row in, the one thing to do next out: the first empty column. Pure."""

from enum import StrEnum

from backend.records import Cycle


class Step(StrEnum):
    """What a cycle does, in order; each fills a column, so that repeating one changes nothing."""

    CURATE = "curate"
    ESTIMATE = "estimate"
    UPLOAD = "upload"
    SUBMIT = "submit"
    TRAIN = "train"
    DRAW = "draw"
    EXAMINE = "examine"
    FINISH = "finish"
    NOTHING = "nothing"


COLUMNS = {
    Step.CURATE: "dataset",
    Step.ESTIMATE: "estimate_usd",
    Step.UPLOAD: "files",
    Step.SUBMIT: "job",
    Step.TRAIN: "candidate",
    Step.DRAW: "exam",
    Step.EXAMINE: "verdict",
    Step.FINISH: "ended",
}
"""What a step fills in the cycle's row."""

LABELS = {
    Step.CURATE: "Curating the log into a frozen dataset",
    Step.ESTIMATE: "Counting what it will cost",
    Step.UPLOAD: "Sending the training files",
    Step.SUBMIT: "Ordering the fine-tuning job",
    Step.TRAIN: "Training",
    Step.DRAW: "Drawing the exam questions",
    Step.EXAMINE: "Sitting the exam",
    Step.FINISH: "Acting on the verdict",
}


def next_step(cycle: Cycle) -> Step:
    """The one thing to do next."""
    if cycle.ended is not None:
        return Step.NOTHING
    empty = (step for step, column in COLUMNS.items() if getattr(cycle, column) in (None, {}))
    return next(empty, Step.NOTHING)
