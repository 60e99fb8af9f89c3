"""Takes a cycle from log to verdict, step by step; each step's outcome is a column of its row.

Kill it at any moment and advance the same cycle again: it goes on where it was.
"""

import fcntl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend import datasets, finetuning
from backend.errors import ConfigurationError, DataError, JobGone
from backend.flywheel.examining import Examination
from backend.flywheel.steps import LABELS, Step, next_step
from backend.models import training_price
from backend.models.training import JobEvent, Trainer
from backend.records import Candidate, Cycle, Dataset, Message, Role
from backend.store import cycles, turns
from backend.store.database import transaction
from backend.store.secrets import exam_key

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.models import Models
    from backend.settings import Settings

HELLO = [Message(role="user", content="Question: Are you there?")]
PROMOTIONS = ("promote", "promote_cheaper")


class Cancelled(DataError):
    """Somebody ended the cycle while it ran."""


@dataclass(frozen=True)
class Wheel:
    """What the flywheel works with."""

    settings: "Settings"
    engine: "Engine"
    models: "Models"

    @property
    def home(self) -> Path:
        """Where the datasets lie."""
        return self.settings.home


@dataclass(frozen=True)
class Flywheel:
    """Advances cycles. One process at a time: `alone` keeps a second one out."""

    wheel: Wheel

    async def advance(self, key: int) -> Cycle:
        """Take steps until the cycle has ended.

        What the records forbid ends the cycle, in words. A setting to change or a server that
        does not answer is raised and leaves the cycle where it is: advance it again later.
        """
        while True:
            cycle = self._read(key)
            step = next_step(cycle)
            if step is Step.NOTHING:
                return cycle
            self._note(key, "step", LABELS[step])
            try:
                await self._take(step, cycle)
            except Cancelled:
                continue
            except (DataError, JobGone) as reason:
                self._end(key, str(reason), failed=True)

    @contextmanager
    def alone(self) -> Generator[bool]:
        """Whether this process may advance cycles; false while another one does."""
        self.wheel.home.mkdir(parents=True, exist_ok=True)
        with (self.wheel.home / "cycle.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    # -- the row

    def _read(self, key: int) -> Cycle:
        with transaction(self.wheel.engine) as session:
            return cycles.cycle(session, key)

    def _fill(self, key: int, **columns: Any) -> None:
        """Write a step's outcome. Raises Cancelled where somebody ended the cycle meanwhile."""
        with transaction(self.wheel.engine) as session:
            row = cycles.cycle(session, key)
            if row.ended is not None:
                raise Cancelled(row.ended)
            for name, value in columns.items():
                setattr(row, name, value)
            session.add(row)

    def _note(
        self, key: int, kind: str, text: str, numbers: dict[str, float] | None = None
    ) -> None:
        with transaction(self.wheel.engine) as session:
            if cycles.cycle(session, key).ended is None:
                cycles.add_event(session, key, kind, text, numbers)

    def _end(self, key: int, reason: str, *, failed: bool) -> None:
        with transaction(self.wheel.engine) as session:
            cycles.end_cycle(session, key, reason, failed=failed)

    # -- the steps

    async def _take(self, step: Step, cycle: Cycle) -> None:
        steps = {
            Step.CURATE: self._curate,
            Step.ESTIMATE: self._estimate,
            Step.UPLOAD: self._upload,
            Step.SUBMIT: self._submit,
            Step.TRAIN: self._train,
            Step.DRAW: self._draw,
            Step.EXAMINE: self._examine,
            Step.FINISH: self._finish,
        }
        await steps[step](cycle)

    async def _curate(self, cycle: Cycle) -> None:
        key = _id(cycle)
        with transaction(self.wheel.engine) as session:
            rows = turns.examples(session)
            side = datasets.exam_side(exam_key(session), share=self.wheel.settings.exam_share)
            cycles.add_exam_questions(session, datasets.readers_exam_questions(rows, side))
            exam = [one.question for one in cycles.exam_questions(session)]
        rules = datasets.Rules(self.wheel.settings.student_context, side)
        curated = datasets.without_exam_questions(datasets.curate(rows, rules), exam)
        frozen = datasets.freeze(curated, share=self.wheel.settings.validation_share, seed=key)
        row = self._keep(frozen, datasets.dropped_by_rule(curated))
        count = len(frozen.train_examples)
        self._fill(key, dataset=row.id)
        self._note(
            key,
            "note",
            f"{count} examples to train on, {len(frozen.validation_examples)} to watch; "
            f"{len(curated) - len(frozen.train_examples + frozen.validation_examples)} dropped. "
            f"{datasets.size_advice(count)}",
        )

    def _keep(self, frozen: datasets.Frozen, dropped: dict[str, int]) -> Dataset:
        folder = Path("datasets") / frozen.sha256[:12]
        (self.wheel.home / folder).mkdir(parents=True, exist_ok=True)
        for name, text in (("train", frozen.train), ("validation", frozen.validation)):
            if text:
                draft = self.wheel.home / folder / f"{name}.part"
                draft.write_text(text, encoding="utf-8")
                draft.replace(self.wheel.home / folder / f"{name}.jsonl")
        with transaction(self.wheel.engine) as session:
            row = Dataset(
                sha256=frozen.sha256,
                train=str(folder / "train.jsonl"),
                validation=str(folder / "validation.jsonl") if frozen.validation else None,
                examples=list(frozen.train_examples),
                validation_examples=list(frozen.validation_examples),
                dropped=dropped,
            )
            session.add(row)
            session.flush()
            return row

    def _dataset(self, cycle: Cycle) -> Dataset:
        assert cycle.dataset is not None, "a cycle is curated before it trains"
        with transaction(self.wheel.engine) as session:
            return cycles.dataset(session, cycle.dataset)

    async def _estimate(self, cycle: Cycle) -> None:
        """What training and exam will cost together, before anything is spent."""
        settings = self.wheel.settings
        text = (self.wheel.home / self._dataset(cycle).train).read_text(encoding="utf-8")
        base = self.wheel.models.endpoint(Role.STUDENT).model
        price = training_price(base, settings.training_price)
        training = finetuning.estimate(text, epochs=settings.epochs or None, price=price)
        exam = self._exam(cycle).estimate()
        finetuning.refuse_above(training, exam.usd, settings.budget_usd)
        known = [usd for usd in (training.usd, exam.usd) if usd is not None]
        self._fill(_id(cycle), estimate_usd=sum(known))
        self._note(_id(cycle), "note", f"Training: {training}. {exam}")

    async def _upload(self, cycle: Cycle) -> None:
        dataset = self._dataset(cycle)
        with transaction(self.wheel.engine) as session:
            exam = [one.question for one in cycles.exam_questions(session)]
        trainer, files = Trainer(self.wheel.models), dict[str, str]()
        for name, path in (("train", dataset.train), ("validation", dataset.validation)):
            if path is not None:
                file = self.wheel.home / path
                datasets.refuse_exam_questions(file.read_text(encoding="utf-8"), exam)
                files[name] = await trainer.upload(file)
        self._fill(_id(cycle), files=files)

    async def _submit(self, cycle: Cycle) -> None:
        settings = self.wheel.settings
        order = finetuning.Order(
            base_model=self.wheel.models.endpoint(Role.STUDENT).model,
            training_file=cycle.files["train"],
            validation_file=cycle.files.get("validation"),
            tag=cycle.tag,
            suffix=settings.suffix,
            seed=_id(cycle),
            epochs=settings.epochs or None,
        )
        job = await finetuning.submit(Trainer(self.wheel.models), order)
        self._fill(_id(cycle), job=job.id)
        self._note(_id(cycle), "note", f"Job {job.id} on {order.base_model}.")

    async def _train(self, cycle: Cycle) -> None:
        key, trainer = _id(cycle), Trainer(self.wheel.models)
        assert cycle.job is not None, "a job is ordered before it is waited for"
        with transaction(self.wheel.engine) as session:
            told = cycles.events(session, key)
        seen = frozenset(event.source for event in told if event.source)

        def show(event: JobEvent) -> None:
            self._show(key, event)

        model = await finetuning.wait(trainer, cycle.job, seen=seen, on_event=show)
        await finetuning.require_answer(
            lambda: self.wheel.models.complete(Role.STUDENT, HELLO, model=model), model
        )
        with transaction(self.wheel.engine) as session:
            row = turns.candidate_named(session, model)
            if row is None:
                role = Role.STUDENT.value
                row = Candidate(model=model, role=role, job=cycle.job, dataset=cycle.dataset)
                session.add(row)
                session.flush()
        self._fill(key, candidate=row.id)

    def _show(self, key: int, event: JobEvent) -> None:
        kind = "loss" if "train_loss" in event.numbers else "note"
        with transaction(self.wheel.engine) as session:
            if cycles.cycle(session, key).ended is not None:
                raise Cancelled("ended while it trained")
            cycles.add_event(session, key, kind, event.text, event.numbers, source=event.id)

    def _exam(self, cycle: Cycle) -> Examination:
        note: Callable[..., None] = self._note
        return Examination(self.wheel.settings, self.wheel.engine, self.wheel.models, cycle, note)

    async def _draw(self, cycle: Cycle) -> None:
        self._fill(_id(cycle), exam=self._exam(cycle).draw())

    async def _examine(self, cycle: Cycle) -> None:
        verdict = await self._exam(cycle).hold(self._dataset(cycle).sha256)
        self._fill(_id(cycle), verdict=verdict)

    async def _finish(self, cycle: Cycle) -> None:
        """Swap where the verdict says so, and end the cycle: one transaction, so never twice."""
        if cycle.verdict is None or cycle.candidate is None:
            raise ConfigurationError(f"Cycle {cycle.id} has no verdict to act on.")
        with transaction(self.wheel.engine) as session:
            verdict = cycles.verdict(session, cycle.verdict)
            reason = f"{verdict.decision}: {' '.join(verdict.reasons)}"
            if verdict.decision in PROMOTIONS and cycles.cycle(session, _id(cycle)).ended is None:
                candidate = session.get_one(Candidate, cycle.candidate)
                by = f"verdict {verdict.id}"
                cycles.activate(session, candidate, by=by, reason=" ".join(verdict.reasons))
            cycles.end_cycle(session, _id(cycle), reason, failed=False)


def _id(cycle: Cycle) -> int:
    assert cycle.id is not None, "a cycle is stored before it is advanced"
    return cycle.id
