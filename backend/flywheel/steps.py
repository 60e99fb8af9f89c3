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
    filled = {
        Step.CURATE: cycle.dataset is not None,
        Step.ESTIMATE: cycle.estimate_usd is not None,
        Step.UPLOAD: bool(cycle.files),
        Step.SUBMIT: cycle.job is not None,
        Step.TRAIN: cycle.candidate is not None,
        Step.DRAW: bool(cycle.exam),
        Step.EXAMINE: cycle.verdict is not None,
    }
    return next((step for step, done in filled.items() if not done), Step.FINISH)
