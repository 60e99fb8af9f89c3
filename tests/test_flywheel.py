"""A cycle from log to verdict, on the sample filing with the local models over HTTP."""

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from backend import promotion
from backend.datasets import exam_side, from_chat_jsonl, group_of, normalised
from backend.errors import ConfigurationError, ProviderError
from backend.flywheel import Flywheel, Step, Wheel
from backend.flywheel.examining import Examination
from backend.flywheel.recording import Record
from backend.flywheel.steps import COLUMNS, LABELS, next_step
from backend.models import Models
from backend.records import Candidate, Dataset, ExamQuestion, Message, Role, Usage, Verdict
from backend.store import cycles, turns
from backend.store.database import transaction
from tests.turning import KEY, Ready, house_at, ready

TUNED = "ft:local-student:tenk::"


@dataclass
class Counted:
    """The models, with a tally of who was asked what; `before` is called first."""

    inner: Models
    asked: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    before: Callable[[str], None] = lambda model: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        named = model or self.inner.endpoint(role).model
        self.before(named)
        self.asked[named, messages[-1].content] += 1
        return await self.inner.complete(role, messages, model=model)


# -- a cycle as it should go


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ready]:
    """One cycle from log to verdict."""
    usual: dict[str, Any] = {
        "batch_size": 32,
        "learning_rate_multiplier": 1.0,
    }  # what the server would choose
    with ready(tmp_path_factory.mktemp("turned"), **usual) as it:
        with transaction(it.house.engine) as session:
            evidence = next(turn for _, turn in turns.examples(session) if turn).evidence
            session.add(
                ExamQuestion(
                    question="What did the zeppelin hangar in Iceland cost in fiscal 1987?",
                    key="what did the zeppelin hangar in iceland cost in fiscal 1987",
                    group="a filing|a section of its own",  # so that it is among the first drawn
                    evidence=evidence[:1],
                    source="imported",
                )
            )
        asyncio.run(it.flywheel.advance(it.open()))
        yield it


def test_a_cycle_fills_every_column_and_ends_with_its_verdict(turned: Ready) -> None:
    row = turned.cycle()

    assert not row.failed, row.ended
    assert [getattr(row, column) for column in COLUMNS.values()].count(None) == 0
    assert next_step(row) is Step.NOTHING


def test_every_step_is_told_once_and_in_order(turned: Ready) -> None:
    assert turned.texts("step") == list(LABELS.values())


def test_the_loss_that_is_told_falls(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        told = [e.numbers["train_loss"] for e in cycles.events(session, 1) if e.kind == "loss"]

    assert len(told) == 10
    assert told[-1] < told[0]


def test_every_look_before_the_last_is_told_with_its_interval(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        verdict = cycles.verdict(session, 1)
        looks = [e for e in cycles.events(session, 1) if e.kind == "look"]

    told = [look.numbers for look in looks]
    assert [one["questions"] for one in told] == [*range(8, verdict.questions, 8)]
    assert all(one["low"] <= one["gain"] <= one["high"] for one in told)
    assert all("surely between" in look.text for look in looks)


def test_nothing_of_the_exams_side_is_in_the_training_files(turned: Ready) -> None:
    on_exam_side = exam_side(bytes.fromhex(KEY), share=turned.house.settings.exam_share)
    with transaction(turned.house.engine) as session:
        dataset = cycles.dataset(session, 1)
        rows = {example.id: (example, turn) for example, turn in turns.examples(session)}
        exam = {question.key for question in cycles.exam_questions(session)}

    taught = [rows[key] for key in (*dataset.examples, *dataset.validation_examples)]
    text = (turned.house.settings.home / dataset.train).read_text(encoding="utf-8")

    assert len(taught) > 40
    assert len(exam) > 16
    assert not [example for example, turn in taught if on_exam_side(group_of(example, turn))]
    assert not {normalised(e.question) for e in from_chat_jsonl(text.splitlines())} & exam


def test_the_job_is_trained_as_the_settings_say(turned: Ready) -> None:
    async def look() -> Any:
        client = await turned.house.models.client(Role.STUDENT)
        return await client.fine_tuning.jobs.retrieve(turned.cycle().job or "")

    job = asyncio.run(look())

    chosen = job.method.supervised.hyperparameters
    assert (chosen.n_epochs, chosen.batch_size, chosen.learning_rate_multiplier) == (10, 32, 1.0)
    assert (job.seed, job.user_provided_suffix) == (1, "tenk")
    assert job.validation_file


def test_the_candidate_answers_and_the_job_knows_the_cycle(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        [candidate] = [c for c in cycles.candidates(session) if c.model.startswith(TUNED)]

    async def ask() -> str:
        asked = [Message(role="user", content="Question: Are you there?")]
        return (await turned.house.models.complete(Role.STUDENT, asked, model=candidate.model))[0]

    assert asyncio.run(ask())
    assert candidate.job == turned.cycle().job
    assert candidate.dataset == turned.cycle().dataset


def test_who_is_active_and_teacher_answers_once_and_counts_as_both(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        sat = {row.arm for row, _ in cycles.sittings(session, 1)}
        certificate = cycles.verdict(session, 1).certificate

    cards = Counter(card["arm"] for card in certificate["scorecards"]["cards"])
    assert sat == {"candidate", "active", "untuned"}
    assert set(cards) == {"candidate", "active", "untuned", "teacher"}
    assert len(set(cards.values())) == 1


def test_the_certificate_can_be_verified_and_one_digit_spoils_it(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        told = json.loads(json.dumps(cycles.verdict(session, 1).certificate))
    changed = copy.deepcopy(told)
    card = next(c for c in changed["scorecards"]["cards"] if c["scores"]["faithfulness"])
    card["scores"]["faithfulness"] -= 0.1

    assert promotion.verify(told).ok
    assert not promotion.verify(changed).ok
    assert told["models"]["judge"] == "local-judge"
    assert told["dataset"]


def test_what_the_teacher_cannot_answer_is_put_aside_and_not_counted(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        aside = cycles.exam_questions(session, state="quarantined")
        asked = {
            a["question"] for a in cycles.verdict(session, 1).certificate["scorecards"]["asked"]
        }

    assert aside
    assert all("teacher finds no answer" in one.reason for one in aside)
    assert not asked & {one.id for one in aside}


def test_the_swap_is_as_the_verdict_says(turned: Ready) -> None:
    with transaction(turned.house.engine) as session:
        promoted = cycles.verdict(session, 1).decision.startswith("promote")
        activations = cycles.activations(session)

    assert len(activations) == int(promoted)


def test_an_ended_cycle_is_not_advanced_again(turned: Ready) -> None:
    before = turned.cycle().model_dump()

    asyncio.run(turned.flywheel.advance(1))

    assert turned.cycle().model_dump() == before


# -- killed, and gone on with


class Struck(BaseException):
    """The end of a process, which nobody catches."""


def struck_at(it: Ready, statement: str, column: str = "", *, after: int = 0) -> None:
    """The process dies when it would write this down: what was done outside is done.

    `column`: one that the statement sets; `after`: so many such statements it lives through.
    """
    left = [after]

    def strike(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        sets = text.partition(" WHERE ")[0]
        if text.startswith(statement) and (not column or f"{column}=" in sets):
            if not left[0]:
                raise Struck
            left[0] -= 1

    event.listen(it.house.engine, "before_cursor_execute", strike)
    try:
        with pytest.raises((Struck, BaseExceptionGroup)):
            asyncio.run(it.flywheel.advance(it.open()))
    finally:
        event.remove(it.house.engine, "before_cursor_execute", strike)


def asked_of(it: Ready) -> Counter[tuple[str, str]]:
    """How often each model was asked what."""
    models: Any = it.flywheel.wheel.models
    return models.asked


def jobs_of(it: Ready) -> list[Any]:
    """What the server knows of this cycle's jobs."""

    async def list_jobs() -> list[Any]:
        client = await it.house.models.client(Role.STUDENT)
        return [job async for job in client.fine_tuning.jobs.list()]

    return asyncio.run(list_jobs())


def test_a_cycle_killed_at_every_step_ends_with_one_job_and_nothing_asked_twice(
    tmp_path: Path,
) -> None:
    with ready(tmp_path, models=Counted) as it:
        key = it.open()
        for step, column in COLUMNS.items():
            struck_at(it, "UPDATE cycle SET", column)
            assert next_step(it.cycle(key)) is step
        asyncio.run(it.flywheel.advance(key))

        row = it.cycle(key)
        asked = {(m, q): n for (m, q), n in asked_of(it).items() if "Evidence" in q}
        assert not row.failed, row.ended
        assert len(jobs_of(it)) == 1
        assert set(asked.values()) == {1}
        assert it.texts("step") == list(LABELS.values())
        with transaction(it.house.engine) as session:
            promoted = cycles.verdict(session, row.verdict or 0).decision.startswith("promote")
            assert len(cycles.activations(session)) == int(promoted)
            assert len(cycles.candidates(session)) == 1


@pytest.mark.parametrize("table", ["INSERT INTO sitting", "INSERT INTO score"])
def test_an_exam_killed_on_the_way_asks_nobody_again_who_has_answered(
    tmp_path: Path, turned: Ready, table: str
) -> None:
    with ready(tmp_path, models=Counted) as it:
        for after in (3, 9):
            struck_at(it, table, after=after)
            before = scores_of(it)
            asked_of(it).clear()
        asyncio.run(it.flywheel.advance(it.open()))

        assert before
        assert not questions_asked(it) & {place[:2] for place in before}
        assert scores_of(it) == scores_of(turned)


def scores_of(it: Ready) -> dict[tuple[str, str, str], float | None]:
    """Every score that counts, by arm, question and metric."""
    with transaction(it.house.engine) as session:
        texts = {one.id: one.question for one in cycles.exam_questions(session, state="active")}
        return {
            (row.arm, texts[row.question], score.metric): score.value
            for row, scores in cycles.sittings(session, 1)
            for score in scores
            if row.question in texts
        }


def questions_asked(it: Ready) -> set[tuple[str, str]]:
    """Arm and question of every answer that was asked for in the exam."""
    arms = {"local-teacher": "active", "local-student": "untuned"}
    return {
        (arms.get(model, "candidate"), text.rpartition("Question: ")[2])
        for model, text in asked_of(it)
        if "Evidence:" in text
    }


# -- the line between training and exam


def test_numbers_that_decide_nothing_hold_the_cycle_up_before_it_spends(tmp_path: Path) -> None:
    with ready(tmp_path, max_questions=5) as it:
        with pytest.raises(ConfigurationError, match="max_questions=5"):
            asyncio.run(it.flywheel.advance(it.open()))

        assert next_step(it.cycle()) is Step.ESTIMATE


def test_an_example_that_asks_an_exam_question_is_dropped(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        question = kept_question(it)
        put_question(it, question)

        struck_at(it, "UPDATE cycle SET", "estimate_usd")

        assert question not in training_file(it).read_text(encoding="utf-8")


def test_an_exam_question_smuggled_into_the_file_is_refused_before_the_upload(
    tmp_path: Path,
) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "UPDATE cycle SET", "estimate_usd")
        with transaction(it.house.engine) as session:
            exam = cycles.exam_questions(session)[3].question
        smuggled = [
            {"role": "user", "content": f"Question: {exam}"},
            {"role": "assistant", "content": "It was $5 million [1]."},
        ]
        with training_file(it).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"messages": smuggled}) + "\n")

        row = asyncio.run(it.flywheel.advance(1))

        assert row.failed
        assert "asks an exam question" in (row.ended or "")
        assert row.files == {}
        assert asyncio.run(files_there(it)) == []


def test_a_training_file_that_was_changed_after_it_was_frozen_is_not_sent(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "UPDATE cycle SET", "estimate_usd")
        file = training_file(it)
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")

        row = asyncio.run(it.flywheel.advance(1))

        assert row.failed
        assert "no longer those that were frozen" in (row.ended or "")
        assert asyncio.run(files_there(it)) == []


def test_a_question_that_was_trained_on_meanwhile_is_not_drawn(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "UPDATE cycle SET", "candidate")
        taught = kept_question(it)
        key = put_question(it, taught)

        struck_at(it, "UPDATE cycle SET", "verdict")

        assert taught in training_file(it).read_text(encoding="utf-8")
        assert key not in it.cycle().exam["order"]
        assert len(it.cycle().exam["order"]) > 16


def kept_question(it: Ready) -> str:
    """A question that would be trained on."""
    on_exam_side = exam_side(bytes.fromhex(KEY), share=it.house.settings.exam_share)
    with transaction(it.house.engine) as session:
        rows = turns.examples(session)
    return next(
        example.question
        for example, turn in rows
        if turn and not turn.refused and not on_exam_side(group_of(example, turn))
    )


def put_question(it: Ready, question: str) -> int:
    """An exam question that somebody brings."""
    row = ExamQuestion(question=question, key=normalised(question), group="f|s", source="imported")
    with transaction(it.house.engine) as session:
        cycles.add_exam_questions(session, [row])
    return row.id or 0


def training_file(it: Ready) -> Path:
    with transaction(it.house.engine) as session:
        return it.house.settings.home / cycles.dataset(session, 1).train


def test_files_that_came_before_the_process_died_are_not_sent_again(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "UPDATE cycle SET", "files")
        before = {one.id for one in asyncio.run(files_there(it))}
        struck_at(it, "UPDATE cycle SET", "job")

        assert len(before) == 2
        assert {*it.cycle().files.values()} == before
        assert {one.id for one in asyncio.run(files_there(it))} == before


async def files_there(it: Ready) -> list[Any]:
    client = await it.house.models.client(Role.STUDENT)
    return [file async for file in client.files.list()]


# -- what is fixed before the first question


def test_nothing_that_is_changed_in_mid_exam_changes_what_is_compared(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "INSERT INTO score", after=6)
        drawn = it.cycle().exam
        with transaction(it.house.engine) as session:
            cycles.quarantine(session, drawn["order"][1], "I do not like its score")
    with ready(tmp_path, alpha=0.4, min_questions=3, look_every=3, exam_repeats=2) as it:
        row = asyncio.run(it.flywheel.advance(1))
        with transaction(it.house.engine) as session:
            certificate = cycles.verdict(session, row.verdict or 0).certificate

    asked = [one["question"] for one in certificate["scorecards"]["asked"]]
    assert drawn["order"][1] in asked
    assert certificate["policy"]["alpha"] == 0.05
    assert certificate["policy"]["min_questions"] == 8
    assert certificate["scorecards"]["repeats"] == 1


def test_another_judge_in_mid_exam_is_a_setting_to_put_back(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "INSERT INTO score", after=6)
    with ready(tmp_path, judge_model="local-other") as it:
        with pytest.raises(ConfigurationError, match="TENK_JUDGE_MODEL=local-judge"):
            asyncio.run(it.flywheel.advance(1))

        assert next_step(it.cycle()) is Step.EXAMINE


def test_another_judge_may_take_over_before_the_first_score(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        struck_at(it, "INSERT INTO score")
    with ready(tmp_path, judge_model="local-other") as it:
        with pytest.raises(ProviderError, match="local-other"):
            asyncio.run(it.flywheel.advance(1))

        assert it.cycle().exam["judge"] == "local-other"


@pytest.mark.parametrize("decision", ["promote", "promote_cheaper", "hold", "reject"])
def test_only_a_promotion_swaps(tmp_path: Path, decision: str) -> None:
    with ready(tmp_path) as it:
        candidate = examined(it, decision)

        row = asyncio.run(it.flywheel.advance(it.open()))

        with transaction(it.house.engine) as session:
            swaps = [(one.candidate, one.by) for one in cycles.activations(session)]
        promoted = decision.startswith("promote")
        assert swaps == ([(candidate, f"verdict {row.verdict}")] if promoted else [])
        assert (row.ended or "").startswith(f"{decision}: because")
        assert not row.failed


def test_a_model_activated_in_mid_exam_stays(tmp_path: Path) -> None:
    with ready(tmp_path) as it:
        examined(it, "promote")
        with transaction(it.house.engine) as session:
            other = Candidate(model="local-student", role="student")
            session.add(other)
            session.flush()
            cycles.activate(session, other, by="tenk promote", reason="")

        row = asyncio.run(it.flywheel.advance(it.open()))

        with transaction(it.house.engine) as session:
            active = turns.active_candidate(session)
        assert active is not None and active.id == other.id
        assert "local-student was activated in mid-exam" in (row.ended or "")
        assert (row.ended or "").endswith("tenk promote ft:local-student:x::1")


def examined(it: Ready, decision: str) -> int:
    """A cycle that has its verdict, against the teacher; the candidate's id."""
    key = it.open()
    arms = [
        ["candidate", "student", "ft:local-student:x::1"],
        ["active", "teacher", "local-teacher"],
        ["untuned", "student", "local-student"],
        ["teacher", "teacher", "local-teacher"],
    ]
    policy = asdict(promotion.Policy()) | {"metrics": ["faithfulness", "answer_relevancy"]}
    exam = {"seed": 1, "order": [], "arms": arms, "judge": "j", "embed": "e", "repeats": 1}
    with transaction(it.house.engine) as session:
        candidate = Candidate(model="ft:local-student:x::1", role="student")
        verdict = Verdict(cycle=key, decision=decision, questions=20, reasons=["because"])
        data = Dataset(sha256="0", train="t")
        session.add_all([candidate, verdict, data])
        session.flush()
        row = cycles.cycle(session, key)
        row.dataset, row.estimate_usd, row.files, row.job = data.id, 0.0, {"train": "f"}, "j"
        row.candidate, row.exam, row.verdict = candidate.id, exam | {"policy": policy}, verdict.id
        session.add(row)
        return candidate.id or 0


# -- before anything is spent


def test_fewer_than_ten_examples_end_in_words(tmp_path: Path) -> None:
    with house_at(tmp_path / "bare") as house:
        flywheel = Flywheel(Wheel(house.settings, house.engine, house.models))
        with transaction(house.engine) as session:
            cycles.open_cycle(session, by="test", tag="t")

        row = asyncio.run(flywheel.advance(1))

        assert row.failed
        assert "takes 10 examples or more, and 0 of 0 are kept" in (row.ended or "")


def test_without_an_exam_question_nothing_is_trained(tmp_path: Path) -> None:
    with ready(tmp_path, exam_share=1e-9) as it:
        row = asyncio.run(it.flywheel.advance(it.open()))

        assert row.failed
        assert "There are no exam questions" in (row.ended or "")
        assert row.files == {}


def test_too_few_exam_questions_are_told_before_anything_is_spent(tmp_path: Path) -> None:
    with ready(tmp_path, min_questions=200, max_questions=300) as it:
        struck_at(it, "UPDATE cycle SET", "files")

        assert any("can only be hold" in text for text in it.texts("note"))


def test_an_estimate_above_the_budget_stops_before_the_upload(tmp_path: Path) -> None:
    with ready(tmp_path, budget_usd=0.01, training_price=5.0) as it:
        row = asyncio.run(it.flywheel.advance(it.open()))

        assert row.failed
        assert "above TENK_BUDGET_USD=0.01" in (row.ended or "")
        assert asyncio.run(files_there(it)) == []


def test_the_estimate_counts_every_model_that_will_answer(tmp_path: Path) -> None:
    free = {"local-judge": (0.0, 0.0), "local-embed": (0.0, 0.0)}
    dear = {"local-student": (1000.0, 0.0)}

    def estimated(prices: dict[str, tuple[float, float]]) -> float:
        with ready(tmp_path, prices=free | prices) as it:
            struck_at(it, "UPDATE cycle SET", "files")
            record = Record(it.house.engine, it.open())
            models = it.house.models
            sum_up = Examination(it.house.settings, it.house.engine, models, record).estimate()
            return sum_up.usd or 0.0

    untuned = estimated(dear)
    both = estimated(dear | {"ft:local-student:tenk": (1000.0, 0.0)})

    assert untuned > 0
    assert both == pytest.approx(2 * untuned)
