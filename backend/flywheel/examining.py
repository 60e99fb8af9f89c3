"""A candidate and exam questions in, a verdict with its certificate out.

It alone joins the exam (who answers, who scores) with the rule that decides.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from backend import answers, exam, figures, promotion
from backend.errors import ConfigurationError, DataError, ModelGone, TenkError
from backend.flywheel.fixing import Fixed
from backend.flywheel.recording import Record
from backend.flywheel.sittings import (
    judged,
    paying,
    sat_of,
    scorecards,
    sits_as,
    sitting_of,
    unanswerable,
    usd_of,
)
from backend.models import price
from backend.records import Candidate, Cycle, ExamQuestion, Message, Passage, Role, Verdict
from backend.store import cycles, spending, turns
from backend.store.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.models import Models
    from backend.settings import Settings

CANDIDATE, ACTIVE, UNTUNED, TEACHER = "candidate", "active", "untuned", "teacher"
UNANSWERABLE = "the teacher finds no answer to it in its evidence"


def policy_of(settings: "Settings") -> promotion.Policy:
    """The verdict's numbers, from the settings."""
    return promotion.policy_for(
        alpha=settings.alpha,
        min_gain=settings.min_gain,
        cheaper_share=settings.cheaper_share,
        cheaper_floor=settings.cheaper_floor,
        min_questions=settings.min_questions,
        max_questions=settings.max_questions,
        look_every=settings.look_every,
    )


def active_arm(session: "Session", teacher: str) -> exam.Arm:
    """The model that answers readers now: the teacher's, before the first activation."""
    active = turns.active_candidate(session)
    if active is None:
        return exam.Arm(ACTIVE, Role.TEACHER, teacher)
    return exam.Arm(ACTIVE, Role(active.role), active.model)


def first_look(policy: promotion.Policy) -> int:
    """Questions at the first look that may decide."""
    due = -(-policy.min_questions // policy.look_every) * policy.look_every
    return min(due, policy.max_questions)


class RivalGone(ModelGone):
    """The model of an arm beside the candidate is gone, and the comparison cannot be finished."""

    def __init__(self, arm: exam.Arm, error: ModelGone) -> None:
        super().__init__(str(error))
        self.arm = arm


async def nothing_to_wait_for() -> None:
    """Always a safe point."""


@dataclass(frozen=True)
class Examination:
    """The exam of one cycle. `safe_point` comes back when the next question may be asked."""

    settings: "Settings"
    engine: "Engine"
    models: "Models"
    record: Record
    safe_point: Callable[[], Awaitable[None]] = nothing_to_wait_for

    # -- before

    def estimate(self) -> exam.Estimate:
        """What the exam may take at most, before anything is spent.

        Raises DataError where there is nothing to ask, ConfigurationError where the numbers of the
        verdict decide nothing: training would be for nothing.
        """
        policy_of(self.settings)
        base = self._model(Role.STUDENT)
        tuned = exam.Arm(CANDIDATE, Role.STUDENT, f"ft:{base}:{self.settings.suffix}")
        return exam.estimate(
            self._active_questions()[: self.settings.max_questions],
            exam.Terms(paying([tuned, *self.rivals()]), repeats=self.settings.exam_repeats),
            judge=self._model(Role.JUDGE),
            price=lambda model: (
                price(model, self.settings.prices)
                or (price(base, self.settings.prices) if model == tuned.model else None)
            ),
        )

    def draw(self, cycle: Cycle, taught: Callable[[str], bool]) -> dict[str, Any]:
        """All that is fixed before the first question; what was trained on is not asked."""
        usable = [one for one in self._active_questions() if not taught(one.question)]
        if not usable:
            raise DataError(
                "Every exam question asks nearly what a line of the training file asks, so the "
                f"candidate cannot be examined. {self._write_some()}"
            )
        with transaction(self.engine) as session:
            candidate = session.get_one(Candidate, cycle.candidate)
        seed = cycle.id or 0
        return Fixed(
            seed=seed,
            order=tuple(one.id or 0 for one in exam.draw(usable, seed)),
            arms=(exam.Arm(CANDIDATE, Role.STUDENT, candidate.model), *self.rivals()),
            judge=self._model(Role.JUDGE),
            embed=self._model(Role.EMBED),
            repeats=self.settings.exam_repeats,
            policy=policy_of(self.settings),
        ).told()

    def _active_questions(self) -> list[ExamQuestion]:
        with transaction(self.engine) as session:
            usable = cycles.exam_questions(session, state="active")
        if not usable:
            raise DataError(
                f"There are no exam questions, so no candidate can be examined. "
                f"{self._write_some()}"
            )
        return usable

    def _write_some(self) -> str:
        return f"Write some: tenk questions generate --n {self.settings.min_questions}"

    def _model(self, role: Role) -> str:
        return self.models.endpoint(role).model

    def rivals(self) -> list[exam.Arm]:
        """Everybody but the candidate; one model may be several of them."""
        untuned = exam.Arm(UNTUNED, Role.STUDENT, self._model(Role.STUDENT))
        teacher = exam.Arm(TEACHER, Role.TEACHER, self._model(Role.TEACHER))
        with transaction(self.engine) as session:
            return [active_arm(session, teacher.model), untuned, teacher]

    # -- the exam

    async def hold(self, cycle: Cycle, *, dataset: str) -> Verdict:
        """Ask batch by batch until the verdict is decided; its row, not yet stored.

        What the teacher itself cannot answer gives its place to the next question before anybody
        looks at the scores: the teacher alone decides, so no candidate can choose its questions.

        Where a rival's model is gone the exam begins anew against whoever has its place now: the
        same questions in the same order, every answer and score fresh, for scores of two runs are
        never compared. The candidate, which was paid for, is examined all the same. Raises
        ModelGone where nobody has its place yet.
        """
        fixed = await self._under_one_judge(Fixed.of(cycle.exam))
        while True:
            try:
                return await self._held(fixed, dataset=dataset)
            except RivalGone as gone:
                fixed = self._anew(fixed, gone)

    async def _held(self, fixed: Fixed, *, dataset: str) -> Verdict:
        drawn, teacher = self._drawn(fixed), sits_as(TEACHER, fixed.arms)
        aim = first_look(fixed.policy)
        while True:
            aside = unanswerable(self._sat(), teacher, repeats=fixed.repeats)
            self._put_aside(aside)
            asked = [one for one in drawn if one.id not in aside][:aim]
            sats = await self._sit(asked, fixed)
            if unanswerable(sats, teacher, repeats=fixed.repeats):
                continue
            cards = scorecards(asked, sats, fixed.arms, repeats=fixed.repeats)
            told = promotion.after_look(cards, fixed.policy) if asked else None
            if not isinstance(told, promotion.Continue) or len(asked) + len(aside) >= len(drawn):
                return self._verdict(cards, fixed, asked, aside=aside, dataset=dataset)
            self._tell(told)
            aim = told.next_look

    async def _under_one_judge(self, fixed: Fixed) -> Fixed:
        """Scores of two judges are never compared: another may take over before the first one, or
        where the judge is gone, and then the exam begins anew."""
        now = replace(fixed, judge=self._model(Role.JUDGE), embed=self._model(Role.EMBED))
        if now == fixed:
            return fixed
        if not any(judged(sat) for sat in self._sat()):
            self.record.fill(exam=now.told())
            return now
        if fixed.judge != now.judge and await self._judge_is_gone(fixed.judge):
            text = f"{fixed.judge}, the judge, is gone: the exam begins anew under {now.judge}"
            return self._begin(replace(now, gone=(*fixed.gone, fixed.judge)), text)
        raise ConfigurationError(
            f"The exam of cycle {self.record.key} began with {fixed.judge} as judge and "
            f"{fixed.embed} as embed, and now they are {now.judge} and {now.embed}: their scores "
            f"cannot be compared. Set TENK_JUDGE_MODEL={fixed.judge} and "
            f"TENK_EMBED_MODEL={fixed.embed} until the verdict, or end the cycle: "
            f"tenk cycle {self.record.key} --cancel"
        )

    async def _judge_is_gone(self, model: str) -> bool:
        """Whether its server says so; whoever can still ask a judge may not choose another."""
        asked = [Message(role="user", content="Question: Are you there?")]
        try:
            _, usage = await self.models.complete(Role.JUDGE, asked, model=model)
        except ModelGone:
            return True
        except TenkError:  # a judge may refuse small talk; one out of reach is not known to be gone
            return False
        with transaction(self.engine) as session:
            spending.count_check(session, model, usage, self.models.cost(model, usage))
        return False

    def _anew(self, fixed: Fixed, gone: RivalGone) -> Fixed:
        """The same exam without the model that is gone, with nothing answered yet."""
        arms, lost = (fixed.arms[0], *self.rivals()), gone.arm
        if (lost.model, lost.role) in {(arm.model, arm.role) for arm in arms}:
            swapped_in = lost.name == ACTIVE and lost.role is not Role.TEACHER
            remedy = "Let another answer: tenk rollback, or tenk promote MODEL. "
            raise ModelGone(
                f"The exam waits, for its {lost.name} model is gone. {gone} "
                f"{remedy if swapped_in else ''}Then it begins anew with {fixed.arms[0].model}, "
                "which is not trained again."
            ) from gone
        now = next(arm.model for arm in arms if arm.name == lost.name)
        text = f"{lost.model}, the {lost.name} model, is gone: the exam begins anew against {now}"
        return self._begin(replace(fixed, arms=arms, gone=(*fixed.gone, lost.model)), text)

    def _begin(self, anew: Fixed, text: str) -> Fixed:
        """These terms, with nothing answered yet; what was, stays in the books."""
        self._refuse_above_budget()
        with self.record.writing() as (session, row):
            cycles.give_up_sittings(session, self.record.key)
            row.exam = anew.told()
            cycles.add_event(session, self.record.key, "note", text)
        return anew

    def _refuse_above_budget(self) -> None:
        """Raise ConfigurationError where the exam cannot be paid once more."""
        budget, more = self.settings.budget_usd, self.estimate().usd
        if budget is None:
            return
        key = self.record.key
        with transaction(self.engine) as session:
            told = cycles.sittings(session, key, given_up=True)
            training = cycles.training_usd(session).get(key)
        judge = price(self._model(Role.JUDGE), self.settings.prices)
        spent = usd_of([sat_of(row, scores) for row, scores in told], judge)
        total = (training or 0.0) + (spent or 0.0) + (more or 0.0)
        if total > budget:
            raise ConfigurationError(
                f"The exam must begin anew, for a model that sat it is gone. That would bring "
                f"cycle {key} to at most ${total:.2f}, above TENK_BUDGET_USD={budget:.2f}. Raise "
                f"the budget, or end the cycle: tenk cycle {key} --cancel"
            )

    def _drawn(self, fixed: Fixed) -> list[ExamQuestion]:
        with transaction(self.engine) as session:
            rows = {one.id: one for one in cycles.exam_questions(session)}
        return [rows[key] for key in fixed.order if key in rows]

    def _sat(self) -> list[exam.Sat]:
        """What was paid for before."""
        with transaction(self.engine) as session:
            told = cycles.sittings(session, self.record.key)
        return [sat_of(row, scores) for row, scores in told]

    async def _sit(self, asked: Sequence[ExamQuestion], fixed: Fixed) -> list[exam.Sat]:
        wanted = {one.id for one in asked}
        return await exam.sit(
            asked,
            exam.Terms(
                paying(fixed.arms),
                repeats=fixed.repeats,
                at_once=self.settings.judge_at_once,
                answers_at_once=self.settings.answers_at_once,
                seed=fixed.seed,
            ),
            answer=self._answer,
            judge=await exam.judge_of(self.models, self.settings.timeout),
            done=[sat for sat in self._sat() if sat.question in wanted],
            on_sat=self._store,
        )

    async def _answer(self, arm: exam.Arm, question: ExamQuestion) -> exam.Answered:
        """As a reader would get it: the same prompt, the same finish, over the frozen evidence.

        Raises DataError where the candidate is gone, RivalGone where another arm's model is.
        """
        await self.safe_point()
        passages = [Passage.model_validate(one) for one in question.evidence]
        messages = answers.messages_for(question.question, passages)
        started = monotonic()
        try:
            reply, usage = await self.models.complete(arm.role, messages, model=arm.model)
        except ModelGone as error:
            if arm.name != CANDIDATE:
                raise RivalGone(arm, error) from error
            raise DataError(
                f"The exam cannot be finished, for the candidate is gone. {error} Start another "
                "cycle: tenk retrain"
            ) from error
        seconds = monotonic() - started
        finished = answers.finish(reply, passages, question=question.question)
        checked = figures.check_figures(
            finished.text, finished.citations, passages, question=question.question
        )
        return exam.Answered(
            text=finished.text,
            refused=finished.refused,
            figure_errors=sum(not figure.found for figure in checked),
            seconds=seconds,
            usage=usage,
            cost=self.models.cost(arm.model, usage),
        )

    def _store(self, sat: exam.Sat) -> None:
        row = sitting_of(self.record.key, sat)
        with self.record.writing() as (session, _):
            cycles.put_sitting(session, row, dict(sat.scores), dict(sat.reasons))

    def _put_aside(self, questions: set[int]) -> None:
        with self.record.writing() as (session, _):
            for row in cycles.exam_questions(session, state="active"):
                if row.id in questions:
                    cycles.quarantine(session, row.id, UNANSWERABLE)

    def _tell(self, look: promotion.Continue) -> None:
        self.record.note_once(
            "look",
            f"{look.questions} questions: gain {look.gain:+.3f}, surely between {look.low:+.3f} "
            f"and {look.high:+.3f}; on to {look.next_look}",
            {"gain": look.gain, "low": look.low, "high": look.high, "questions": look.questions},
        )

    # -- after

    def _verdict(
        self,
        cards: promotion.Scorecards,
        fixed: Fixed,
        asked: Sequence[ExamQuestion],
        *,
        aside: set[int],
        dataset: str,
    ) -> Verdict:
        if not asked:
            raise DataError(
                f"The teacher can answer none of the {len(aside)} exam questions from their "
                f"evidence, so there is nothing to compare. {self._write_some()}"
            )
        verdict = promotion.conclude(cards, fixed.policy)
        models = {arm.name: arm.model for arm in fixed.arms}
        certificate = promotion.certificate(
            cards,
            fixed.policy,
            models=models | {"judge": fixed.judge, "embed": fixed.embed},
            seeds={"exam": fixed.seed, "training": self.record.key},
            dataset=dataset,
            more={
                "questions": {str(one.id): one.question for one in asked},
                "put_aside": {str(key): UNANSWERABLE for key in sorted(aside)},
                "usd": usd_of(self._sat(), price(fixed.judge, self.settings.prices)),
                **({"gone": list(fixed.gone)} if fixed.gone else {}),
            },
        )
        return Verdict(
            cycle=self.record.key,
            decision=verdict.decision,
            gain=verdict.gain,
            low=verdict.low,
            high=verdict.high,
            questions=verdict.questions,
            need_more=verdict.need_more,
            reasons=verdict.reasons,
            certificate=certificate,
        )
