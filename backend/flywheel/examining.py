"""A candidate and exam questions in, a stored verdict with its certificate out.

It alone joins the exam (who answers, who scores) with the rule that decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from backend import answers, exam, figures, promotion
from backend.errors import DataError
from backend.models import price
from backend.records import (
    Candidate,
    Cycle,
    ExamQuestion,
    Passage,
    Role,
    Sitting,
    Usage,
    Verdict,
)
from backend.store import cycles, turns
from backend.store.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.models import Models
    from backend.settings import Settings

CANDIDATE, ACTIVE, UNTUNED, TEACHER = "candidate", "active", "untuned", "teacher"
UNANSWERABLE = "the teacher finds no answer to it in its evidence"


@dataclass(frozen=True)
class Examination:
    """The exam of one cycle."""

    settings: "Settings"
    engine: "Engine"
    models: "Models"
    cycle: Cycle
    note: Callable[..., None]

    # -- before

    def policy(self) -> promotion.Policy:
        """The verdict's numbers, from the settings."""
        told = self.settings
        return promotion.policy_for(
            alpha=told.alpha,
            min_gain=told.min_gain,
            cheaper_share=told.cheaper_share,
            cheaper_floor=told.cheaper_floor,
            min_questions=told.min_questions,
            max_questions=told.max_questions,
            look_every=told.look_every,
        )

    def draw(self) -> dict[str, Any]:
        """The questions in the order in which they will be asked, and the seed of it."""
        with transaction(self.engine) as session:
            usable = cycles.exam_questions(session, state="active")
        if not usable:
            raise DataError(
                "There are no exam questions, so the candidate cannot be examined. Write some: "
                f"tenk questions generate --n {self.settings.min_questions}"
            )
        seed = self.cycle.id or 0
        return {"seed": seed, "order": [one.id for one in exam.draw(usable, seed)]}

    def estimate(self) -> exam.Estimate:
        """What the exam may cost at most, before the first call."""
        with transaction(self.engine) as session:
            usable = cycles.exam_questions(session, state="active")
        return exam.estimate(
            usable[: self.settings.max_questions],
            self._terms(self._paying([*self._rivals(), self._arm(CANDIDATE, self._base())])),
            judge=self.models.endpoint(Role.JUDGE).model,
            embedder=self.models.endpoint(Role.EMBED).model,
            price=lambda model: price(model, self.settings.prices),
        )

    # -- the arms

    def _base(self) -> str:
        return self.models.endpoint(Role.STUDENT).model

    def _arm(self, name: str, model: str, role: Role = Role.STUDENT) -> exam.Arm:
        return exam.Arm(name, role, model)

    def _rivals(self) -> list[exam.Arm]:
        """Everybody but the candidate."""
        teacher = self._arm(TEACHER, self.models.endpoint(Role.TEACHER).model, Role.TEACHER)
        with transaction(self.engine) as session:
            active = turns.active_candidate(session)
        serving = (
            self._arm(ACTIVE, active.model, Role(active.role))
            if active
            else self._arm(ACTIVE, teacher.model, Role.TEACHER)
        )
        return [serving, self._arm(UNTUNED, self._base()), teacher]

    def arms(self) -> list[exam.Arm]:
        """All four, fixed for the whole exam by what the cycle's row says."""
        told = self.cycle.exam.get("arms")
        if told:
            return [exam.Arm(name, Role(role), model) for name, role, model in told]
        with transaction(self.engine) as session:
            candidate = session.get_one(Candidate, self.cycle.candidate)
        return [self._arm(CANDIDATE, candidate.model), *self._rivals()]

    @staticmethod
    def _paying(arms: Sequence[exam.Arm]) -> list[exam.Arm]:
        """One arm for each model: who is both active and teacher answers once."""
        first: dict[tuple[str, Role], exam.Arm] = {}
        for arm in arms:
            first.setdefault((arm.model, arm.role), arm)
        return list(first.values())

    def _terms(self, arms: Sequence[exam.Arm]) -> exam.Terms:
        return exam.Terms(
            arms=arms,
            repeats=self.settings.exam_repeats,
            at_once=self.settings.judge_at_once,
            answers_at_once=self.settings.answers_at_once,
            seed=int(self.cycle.exam.get("seed", 0)),
        )

    # -- the exam

    async def hold(self, dataset: str) -> int:
        """Ask batch by batch until the verdict is decided; its row's id."""
        policy, arms = self.policy(), self._fixed_arms()
        order = self._questions()
        aim = max(policy.min_questions, policy.look_every)
        while True:
            asked = self._usable(order)[:aim]
            sats = await self._sit(asked, arms)
            still = self._quarantine(asked, sats)
            usable = [one for one in asked if one.id in still]
            cards = scorecards(usable, sats, arms, repeats=self.settings.exam_repeats)
            if len(usable) < len(asked) and len(self._usable(order)) > len(usable):
                continue  # others take the places of those put aside, before anybody looks
            told = promotion.after_look(cards, policy)
            if isinstance(told, promotion.Verdict) or len(usable) < aim:
                return self._conclude(cards, policy, arms, dataset=dataset, asked=usable)
            self._tell(told)
            aim = told.next_look

    def _fixed_arms(self) -> list[exam.Arm]:
        """Written down before the first question: a swap meanwhile changes no comparison."""
        arms = self.arms()
        self.cycle.exam = {
            **self.cycle.exam,
            "arms": [[arm.name, arm.role.value, arm.model] for arm in arms],
        }
        with transaction(self.engine) as session:
            cycles.cycle(session, self.cycle.id or 0).exam = self.cycle.exam
        return arms

    def _questions(self) -> list[int]:
        return [int(key) for key in self.cycle.exam["order"]]

    def _usable(self, order: Sequence[int]) -> list[ExamQuestion]:
        with transaction(self.engine) as session:
            rows = {one.id: one for one in cycles.exam_questions(session, state="active")}
        return [rows[key] for key in order if key in rows]

    async def _sit(self, asked: Sequence[ExamQuestion], arms: Sequence[exam.Arm]) -> list[exam.Sat]:
        with transaction(self.engine) as session:
            told = cycles.sittings(session, self.cycle.id or 0)
        done = [sat_of(row, scores) for row, scores in told]
        wanted = {one.id for one in asked}
        return await exam.sit(
            asked,
            self._terms(self._paying(arms)),
            answer=self._answer,
            judge=await exam.judge_of(self.models, self.settings.timeout),
            done=[sat for sat in done if sat.question in wanted],
            on_sat=self._store,
        )

    async def _answer(self, arm: exam.Arm, question: ExamQuestion) -> exam.Answered:
        """As a reader would get it: the same prompt, the same finish, over the frozen evidence."""
        passages = [Passage.model_validate(one) for one in question.evidence]
        messages = answers.messages_for(question.question, passages)
        started = monotonic()
        reply, usage = await self.models.complete(arm.role, messages, model=arm.model)
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
        with transaction(self.engine) as session:
            cycles.put_sitting(
                session, sitting_of(self.cycle.id or 0, sat), dict(sat.scores), dict(sat.reasons)
            )

    def _quarantine(self, asked: Sequence[ExamQuestion], sats: Sequence[exam.Sat]) -> set[int]:
        """Put aside what the teacher itself cannot answer; the ids of the rest.

        The teacher alone decides, so that no candidate can choose its questions.
        """
        teacher = next(arm for arm in self.arms() if arm.name == TEACHER)
        judge = next(a for a in self._paying(self.arms()) if a.model == teacher.model)
        refused = {
            sat.question
            for sat in sats
            if sat.arm == judge.name and sat.answered is not None and sat.answered.refused
        }
        with transaction(self.engine) as session:
            for question in asked:
                if question.id in refused:
                    cycles.quarantine(session, question.id or 0, UNANSWERABLE)
        return {one.id for one in asked if one.id is not None} - refused

    def _tell(self, look: promotion.Continue) -> None:
        self.note(
            self.cycle.id,
            "look",
            f"{look.questions} questions: gain {look.gain:+.3f} [{look.low:+.3f}, "
            f"{look.high:+.3f}]; next look at {look.next_look}",
            {"gain": look.gain, "low": look.low, "high": look.high, "questions": look.questions},
        )

    # -- after

    def _conclude(
        self,
        cards: promotion.Scorecards,
        policy: promotion.Policy,
        arms: Sequence[exam.Arm],
        *,
        dataset: str,
        asked: Sequence[ExamQuestion],
    ) -> int:
        verdict = promotion.conclude(cards, policy)
        certificate = promotion.certificate(
            cards,
            policy,
            models={
                **{arm.name: arm.model for arm in arms},
                "judge": self.models.endpoint(Role.JUDGE).model,
                "embed": self.models.endpoint(Role.EMBED).model,
            },
            seeds={"exam": int(self.cycle.exam["seed"]), "training": self.cycle.id or 0},
            dataset=dataset,
            more={"questions": {str(one.id): one.question for one in asked}},
        )
        row = Verdict(
            cycle=self.cycle.id or 0,
            decision=verdict.decision,
            gain=verdict.gain,
            low=verdict.low,
            high=verdict.high,
            questions=verdict.questions,
            need_more=verdict.need_more,
            reasons=verdict.reasons,
            certificate=certificate,
        )
        with transaction(self.engine) as session:
            session.add(row)
            session.flush()
            return row.id or 0


# -- one noun into another: pure


def scorecards(
    asked: Sequence[ExamQuestion],
    sats: Sequence[exam.Sat],
    arms: Sequence[exam.Arm],
    *,
    repeats: int,
) -> promotion.Scorecards:
    """What the verdict takes. An arm whose model sat under another name gets that one's cards."""
    sat_as: dict[tuple[str, Role], str] = {}
    for arm in arms:
        sat_as.setdefault((arm.model, arm.role), arm.name)
    wanted = {one.id for one in asked}
    cards = [
        card_of(sat, arm.name)
        for arm in arms
        for sat in sats
        if sat.arm == sat_as[arm.model, arm.role] and sat.question in wanted and sat.answered
    ]
    told = [promotion.Asked(one.id or 0, one.group) for one in asked]
    return promotion.Scorecards(told, cards, repeats)


def card_of(sat: exam.Sat, arm: str) -> promotion.Card:
    """One sitting as the verdict sees it."""
    said = sat.answered
    assert said is not None, "an arm that did not answer has no card"
    return promotion.Card(
        arm=arm,  # type: ignore[arg-type]  # one of the four names above
        question=sat.question,
        repeat=sat.repeat,
        scores=dict(sat.scores),
        refused=said.refused,
        figure_errors=said.figure_errors,
        seconds=said.seconds,
        cost=said.cost,
    )


def sitting_of(cycle: int, sat: exam.Sat) -> Sitting:
    """A sitting as the database keeps it."""
    said = sat.answered
    return Sitting(
        cycle=cycle,
        arm=sat.arm,
        question=sat.question,
        repeat=sat.repeat,
        model=sat.model,
        answer=said.text if said else None,
        refused=said.refused if said else False,
        figure_errors=said.figure_errors if said else 0,
        seconds=said.seconds if said else 0.0,
        prompt_tokens=said.usage.prompt_tokens if said else 0,
        completion_tokens=said.usage.completion_tokens if said else 0,
        cost_usd=said.cost if said else None,
        judge_prompt_tokens=sat.judging.prompt_tokens,
        judge_completion_tokens=sat.judging.completion_tokens,
        error=sat.error,
    )


def sat_of(row: Sitting, scores: Sequence[Any]) -> exam.Sat:
    """The way back: what was paid for before."""
    said = None
    if row.answer is not None:
        said = exam.Answered(
            text=row.answer,
            refused=row.refused,
            figure_errors=row.figure_errors,
            seconds=row.seconds,
            usage=Usage(prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens),
            cost=row.cost_usd,
        )
    return exam.Sat(
        arm=row.arm,
        question=row.question,
        repeat=row.repeat,
        model=row.model,
        answered=said,
        error=row.error,
        scores={score.metric: score.value for score in scores},
        reasons={score.metric: score.reason for score in scores if score.reason},
        judging=Usage(
            prompt_tokens=row.judge_prompt_tokens, completion_tokens=row.judge_completion_tokens
        ),
    )
