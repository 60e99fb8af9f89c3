"""Takes a cycle from log to verdict, step by step; each step's outcome is a column of its row.

Kill it at any moment and advance the same cycle again: it goes on where it was.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backend import datasets, exam, finetuning
from backend.errors import DataError, JobGone
from backend.flywheel.examining import ACTIVE, Examination, active_arm
from backend.flywheel.fixing import Fixed
from backend.flywheel.pausing import Pause
from backend.flywheel.recording import Cancelled, Record
from backend.flywheel.sittings import paying
from backend.flywheel.steps import Step, next_step
from backend.models import training_price
from backend.models.training import Job, JobEvent, Trainer
from backend.records import Candidate, Cycle, Dataset, Message, Role, Verdict
from backend.store import cycles, spending, turns
from backend.store.database import transaction
from backend.store.locking import Lock, only_one
from backend.store.secrets import exam_key

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.models import Models
    from backend.settings import Settings

HELLO = [Message(role="user", content="Question: Are you there?")]
PROMOTIONS = ("promote", "promote_cheaper")


@dataclass(frozen=True)
class Wheel:
    """What the flywheel works with. `rest` waits so many seconds."""

    settings: "Settings"
    engine: "Engine"
    models: "Models"
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep

    @property
    def home(self) -> Path:
        """Where the datasets lie."""
        return self.settings.home


@dataclass(frozen=True)
class Flywheel:
    """Advances cycles. One process at a time: `alone` keeps a second one out."""

    wheel: Wheel

    async def advance(self, key: int) -> Cycle:
        """Take steps until the cycle has ended. Raises what `take_next` raises."""
        while await self.take_next(key) is not Step.NOTHING:
            pass
        return Record(self.wheel.engine, key).read()

    async def take_next(self, key: int) -> Step:
        """Take the one next step, and tell which it was: NOTHING where the cycle has ended.

        While the cycle is paused it waits, before the step or at a safe point inside it. What the
        records forbid ends the cycle, in words. A setting to change or a server that does not
        answer is raised and leaves the cycle where it is: take the step again later.
        """
        record = Record(self.wheel.engine, key)
        step = next_step(record.read())
        try:
            await self._pause(record).hold()
            cycle = record.read()
            if (step := next_step(cycle)) is not Step.NOTHING:
                record.note_step(step)
                await self._take(step, cycle, record)
        except Cancelled:
            return Step.NOTHING
        except (DataError, JobGone) as reason:
            record.end(str(reason), failed=True)
        return step

    def alone(self) -> AbstractContextManager[Lock]:
        """Whether this process may advance cycles; false while another one does."""
        return only_one(self.wheel.engine, self.wheel.home, "cycle")

    def exam_usd(self) -> float | None:
        """What an exam may cost at most, were it drawn now; None where a price is not known.

        Raises what keeps it from being held.
        """
        return self._exam(Record(self.wheel.engine, 0)).estimate().usd  # it has no cycle yet

    # -- the steps

    async def _take(self, step: Step, cycle: Cycle, record: Record) -> None:
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
        await steps[step](cycle, record)

    async def _curate(self, cycle: Cycle, record: Record) -> None:
        with transaction(self.wheel.engine) as session:
            rows = turns.examples(session)
            side = datasets.exam_side(exam_key(session), share=self.wheel.settings.exam_share)
            cycles.add_exam_questions(session, datasets.readers_exam_questions(rows, side))
            asked = [one.question for one in cycles.exam_questions(session)]
        rules = datasets.Rules(self.wheel.settings.student_context, side)
        curated = datasets.without_exam_questions(datasets.curate(rows, rules), asked)
        share = self.wheel.settings.validation_share
        frozen = datasets.freeze(curated, share=share, seed=record.key)
        dropped = datasets.dropped_by_rule(curated)
        row = self._written(frozen, dropped)
        with record.writing() as (session, held):
            session.add(row)
            session.flush()
            held.dataset = row.id
            count = len(frozen.train_examples)
            text = (
                f"{count} examples to train on, {len(frozen.validation_examples)} to watch"
                f"{_dropped(dropped)}. {datasets.size_advice(count)}"
            )
            cycles.add_event(session, record.key, "note", text.strip())

    def _written(self, frozen: datasets.Frozen, dropped: dict[str, int]) -> Dataset:
        """The files below home, and their row, not yet stored."""
        folder = Path("datasets") / frozen.sha256[:12]
        (self.wheel.home / folder).mkdir(parents=True, exist_ok=True)
        for name, text in (("train", frozen.train), ("validation", frozen.validation)):
            if text:
                draft = self.wheel.home / folder / f"{name}.part"
                draft.write_text(text, encoding="utf-8")
                draft.replace(self.wheel.home / folder / f"{name}.jsonl")
        return Dataset(
            sha256=frozen.sha256,
            train=str(folder / "train.jsonl"),
            validation=str(folder / "validation.jsonl") if frozen.validation else None,
            examples=list(frozen.train_examples),
            validation_examples=list(frozen.validation_examples),
            dropped=dropped,
        )

    def _dataset(self, cycle: Cycle) -> Dataset:
        assert cycle.dataset is not None, "a cycle is curated before it trains"
        with transaction(self.wheel.engine) as session:
            return cycles.dataset(session, cycle.dataset)

    def _text(self, path: str | None) -> str:
        """A file of the dataset; empty where there is none. Raises DataError where it is lost."""
        try:
            return (self.wheel.home / path).read_text(encoding="utf-8") if path else ""
        except FileNotFoundError:
            raise DataError(
                f"The training file {self.wheel.home / str(path)} is gone. Nothing was sent; start "
                "another cycle: tenk retrain"
            ) from None

    async def _estimate(self, cycle: Cycle, record: Record) -> None:
        """What training and exam will cost together, before anything is spent.

        Who sits beside the candidate must answer now: training is for nothing without them.
        """
        settings = self.wheel.settings
        training = finetuning.estimate(
            self._text(self._dataset(cycle).train),
            epochs=settings.epochs or None,
            price=self._training_price(),
        )
        sitting = self._exam(record).estimate()
        finetuning.refuse_above(training, sitting.usd, settings.budget_usd)
        for arm in paying(self._exam(record).rivals()):
            await self._hello(arm.role, arm.model)
        known = {"training_usd": training.usd, "exam_usd": sitting.usd}
        numbers = {name: usd for name, usd in known.items() if usd is not None}
        with record.writing() as (session, row):
            row.estimate_usd = sum(numbers.values())
            text = f"Training: {training}. The exam: {_estimated(sitting)}."
            cycles.add_event(session, record.key, "estimate", text, numbers)
            if advice := self._too_few(session):
                cycles.add_event(session, record.key, "note", advice)

    async def _hello(self, role: Role, model: str) -> None:
        """Let a model answer once, for money; raises what keeps it from answering."""
        _, usage = await self.wheel.models.complete(role, HELLO, model=model)
        cost = self.wheel.models.cost(model, usage)
        with transaction(self.wheel.engine) as session:
            spending.count_check(session, model, usage, cost)

    def _training_price(self) -> float | None:
        base = self.wheel.models.endpoint(Role.STUDENT).model
        return training_price(base, self.wheel.settings.training_price)

    def _too_few(self, session: "Session") -> str:
        """A warning where the verdict is known before anything is spent."""
        count = len(cycles.exam_questions(session, state="active"))
        least = self.wheel.settings.min_questions
        if count >= least:
            return ""
        return (
            f"With {count} exam questions the verdict can only be hold; it takes {least}: "
            f"tenk questions generate --n {least - count}"
        )

    async def _upload(self, cycle: Cycle, record: Record) -> None:
        dataset = self._dataset(cycle)
        with transaction(self.wheel.engine) as session:
            asked = [one.question for one in cycles.exam_questions(session)]
        paths = {"train": dataset.train, "validation": dataset.validation}
        texts = {name: self._text(path) for name, path in paths.items()}
        for text in filter(None, texts.values()):
            datasets.refuse_exam_questions(text, asked)
        if datasets.fingerprint(texts["train"], texts["validation"]) != dataset.sha256:
            raise DataError(
                f"The training files in {(self.wheel.home / dataset.train).parent} are no longer "
                "those that were frozen. Nothing was sent; start another cycle: tenk retrain"
            )
        trainer = Trainer(self.wheel.models)
        record.fill(
            files={
                name: await trainer.upload(self.wheel.home / path, name=f"{cycle.tag}-{name}.jsonl")
                for name, path in paths.items()
                if path is not None
            }
        )

    async def _submit(self, cycle: Cycle, record: Record) -> None:
        settings, trainer = self.wheel.settings, Trainer(self.wheel.models)
        order = finetuning.Order(
            base_model=self.wheel.models.endpoint(Role.STUDENT).model,
            training_file=cycle.files["train"],
            validation_file=cycle.files.get("validation"),
            tag=cycle.tag,
            suffix=settings.suffix,
            seed=record.key,
            epochs=settings.epochs or None,
            batch_size=settings.batch_size or None,
            learning_rate_multiplier=settings.learning_rate_multiplier or None,
        )
        job = await finetuning.submit(trainer, order)
        try:
            record.fill(job=job.id)
        except Cancelled:  # in the very moment: nobody else knows of this job
            await trainer.stop(job)
            raise
        record.note("note", f"Job {job.id} on {order.base_model}")

    async def _train(self, cycle: Cycle, record: Record) -> None:
        assert cycle.job is not None, "a job is ordered before it is waited for"
        with transaction(self.wheel.engine) as session:
            told = cycles.events(session, record.key)
        seen = frozenset(event.source for event in told if event.source)

        def show(event: JobEvent) -> None:
            kind = "loss" if "train_loss" in event.numbers else "note"
            record.note(kind, event.text, event.numbers, source=event.id)

        pause = self._pause(record)
        job = await finetuning.wait(
            pause.trainer,
            cycle.job,
            seen=seen,
            on_event=show,
            on_paused=partial(pause.wake, cycle.job),
            rest=pause.rested,
        )
        model = finetuning.model_of(job)
        await finetuning.require_answer(
            lambda: self._hello(Role.STUDENT, model),
            model,
            rest=pause.rested,
        )
        with record.writing() as (session, row):
            role = Role.STUDENT.value
            made = Candidate(model=model, role=role, job=cycle.job, dataset=cycle.dataset)
            session.add(made)
            session.flush()
            row.candidate = made.id
            self._note_trained(session, record.key, job)

    def _note_trained(self, session: "Session", key: int, job: Job) -> None:
        """What the training came to, where the server counts."""
        price = self._training_price()
        if job.trained_tokens is None:
            return
        numbers = {"trained_tokens": float(job.trained_tokens)}
        if price is not None:
            numbers["training_usd"] = job.trained_tokens * price / 1e6
        text = f"{job.model} answers; {job.trained_tokens:,} tokens were trained"
        cycles.add_event(session, key, "trained", text, numbers)

    def _exam(self, record: Record) -> Examination:
        return Examination(
            self.wheel.settings,
            self.wheel.engine,
            self.wheel.models,
            record,
            safe_point=self._pause(record).hold,
        )

    def _pause(self, record: Record) -> Pause:
        return Pause(record, Trainer(self.wheel.models), self.wheel.rest)

    async def _draw(self, cycle: Cycle, record: Record) -> None:
        dataset = self._dataset(cycle)
        frozen = {*dataset.examples, *dataset.validation_examples}
        with transaction(self.wheel.engine) as session:
            rows = turns.examples(session)
        taught = datasets.Asked(one.question for one, _ in rows if one.id in frozen)
        record.fill(exam=self._exam(record).draw(cycle, taught.near))

    async def _examine(self, cycle: Cycle, record: Record) -> None:
        verdict = await self._exam(record).hold(cycle, dataset=self._dataset(cycle).sha256)
        with record.writing() as (session, row):
            session.add(verdict)
            session.flush()
            row.verdict = verdict.id

    async def _finish(self, cycle: Cycle, record: Record) -> None:
        """Swap where the verdict says so, and end the cycle: one transaction, so never twice."""
        assert cycle.verdict is not None, "a cycle has its verdict before it is acted on"
        compared = next(arm for arm in Fixed.of(cycle.exam).arms if arm.name == ACTIVE)
        teacher = self.wheel.models.endpoint(Role.TEACHER).model
        with transaction(self.wheel.engine) as session:
            now = active_arm(session, teacher)
            verdict = cycles.verdict(session, cycle.verdict)
            swaps = verdict.decision in PROMOTIONS
            reason = f"{verdict.decision}: {' '.join(verdict.reasons)}"
            if swaps and now != compared:
                reason += (
                    f" But {now.model} was activated in mid-exam, and it was compared with "
                    f"{compared.model}: nothing was swapped. Let the candidate answer all the "
                    f"same: tenk promote {self._name(session, cycle)}"
                )
            ended = cycles.end_cycle(session, record.key, reason, failed=False)
            if ended and swaps and now == compared:
                self._swap(session, cycle, verdict)

    @staticmethod
    def _name(session: "Session", cycle: Cycle) -> str:
        return session.get_one(Candidate, cycle.candidate).model

    @staticmethod
    def _swap(session: "Session", cycle: Cycle, verdict: Verdict) -> None:
        candidate = session.get_one(Candidate, cycle.candidate)
        by = f"verdict {verdict.id}"
        cycles.activate(session, candidate, by=by, reason=" ".join(verdict.reasons))


def _dropped(rules: dict[str, int]) -> str:
    if not rules:
        return ""
    return f"; {sum(rules.values())} dropped ({', '.join(datasets.dropped_words(rules))})"


def _estimated(spent: exam.Estimate) -> str:
    cost = "no price is known for a model" if spent.usd is None else f"about ${spent.usd:.2f}"
    return f"at most {spent.calls:,} calls to the judge, {'no cost' if spent.usd == 0 else cost}"
