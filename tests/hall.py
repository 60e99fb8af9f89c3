"""A filing, and models over real HTTP: where students are taught, and systems sit beside gold.

Everything goes the way that tenk goes: search, prompt, answer, upload, job, exam.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from backend import answers, exam, figures, finetuning
from backend.datasets import Asked
from backend.exam.sitting import plain
from backend.exam.sitting import shown as shown_to_judge
from backend.index import Index, open_index
from backend.library import Library, Refused
from backend.local.embedder import embed
from backend.local.judge_questions import question_for
from backend.local.judge_statements import statements
from backend.local.judge_verdicts import verdicts
from backend.local.models import registry
from backend.local.reader.prompts import Question, parse
from backend.local.reader.reading import answer, prepare
from backend.local.reader.weights import choice
from backend.local.serving import serve
from backend.models import LocalApi, Models, open_models
from backend.models.training import Trainer
from backend.records import Chunk, ExamQuestion, Filing, Message, Passage, Role, Usage
from backend.settings import Settings
from backend.store.database import open_database, transaction
from backend.store.filings import filing as filing_of
from tests.gold import Gold, Told, liar, right

TEACHER = exam.Arm("teacher", Role.TEACHER, "local-teacher")
UNTUNED = exam.Arm("untuned", Role.STUDENT, "local-student")
LIAR = exam.Arm("liar", Role.STUDENT, "liar")
SIZES = (3, 10, 50, 200)
ALONE = 50
"""Examples of one kind alone."""
LEAST = 10
"""A file takes ten examples at least: fewer are repeated, which teaches nothing more."""

Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Hall:
    """One filing in an index, and every role served by tenk's own API."""

    home: Path
    settings: Settings
    models: Models
    index: Index
    filing: Filing

    def chunks(self) -> list[Chunk]:
        """The filing as it is indexed, in its order."""
        return [
            Chunk(pages=one.pages, section=one.section, kind=one.kind, text=one.text)
            for one in self.index.chunks_of(self.filing.id)
        ]

    async def evidence(self, question: str) -> list[Passage]:
        """As a reader's question finds it."""
        found = await self.index.search(
            question, filings=[self.filing], limit=self.settings.passages
        )
        return answers.fitted(found, budget=self.settings.evidence_tokens)

    # -- teaching

    async def examples(
        self, questions: Sequence[str], count: int, *, unlike: Sequence[Gold] = ()
    ) -> list[Chat]:
        """What the teacher answers, as tenk logs it; where it refuses there is none.

        What asks nearly the same as a question in `unlike` is passed over.
        """
        found: list[Chat] = []
        exam_questions = Asked(gold.question for gold in unlike)
        for question in questions:
            if len(found) == count:
                break
            if exam_questions.near(question):
                continue
            shown = await self.evidence(question)
            asked = answers.messages_for(question, shown)
            reply, _ = await self.models.complete(Role.TEACHER, asked)
            if shown and not answers.refused(reply):
                said = answers.finish(reply, shown, question=question).text
                whole = [*asked, Message(role="assistant", content=said)]
                found.append([one.model_dump() for one in whole])
        return found

    async def students(self, figures: Sequence[Chat], prose: Sequence[Chat]) -> list[exam.Arm]:
        """Students tuned on more and more examples of both kinds in turn, and on one kind alone."""
        both = [one for two in zip(figures, prose, strict=False) for one in two]
        sets = {f"tuned on {min(size, len(both))}": both[:size] for size in SIZES}
        sets |= {
            f"{ALONE} of prose alone": [*prose[:ALONE]],
            f"{ALONE} of figures alone": [*figures[:ALONE]],
        }
        return [
            exam.Arm(name, Role.STUDENT, await self.tuned(rows, name))
            for name, rows in sets.items()
        ]

    async def tuned(self, examples: Sequence[Chat], name: str) -> str:
        """The student that these examples make."""
        rows = [examples[at % len(examples)] for at in range(max(LEAST, len(examples)))]
        path = self.home / f"{re.sub(r'[^a-z0-9]+', '-', name)}.jsonl"
        lines = "".join(json.dumps({"messages": row}) + "\n" for row in rows)
        await asyncio.to_thread(path.write_text, lines, encoding="utf-8")
        trainer = Trainer(self.models)
        sent = await trainer.upload(path)
        order = finetuning.Order("local-student", sent, None, path.stem, "gold", 7, None)
        job = await finetuning.submit(trainer, order)
        return finetuning.model_of(
            await finetuning.wait(trainer, job.id, on_event=lambda _: None, rest=_soon)
        )

    # -- answering

    async def sat(self, golds: Sequence[Gold], arms: Sequence[exam.Arm]) -> list[Told]:
        """Each system at each question over the same evidence, scored with ragas as in an exam."""
        asked = await self._asked(golds)
        judge = await exam.judge_of(self.models, self.settings.timeout)
        sats = await exam.sit(asked, exam.Terms(arms), answer=self._answer, judge=judge)
        return [_told(golds[sat.question], sat, asked[sat.question]) for sat in sats]

    async def judged(self, golds: Sequence[Gold], arms: Sequence[exam.Arm]) -> list[Told]:
        """The same answers and scores from reader's and judge's own functions, without HTTP and
        ragas between them: a tenth of the time."""
        told: list[Told] = []
        for question, gold in zip(await self._asked(golds), golds, strict=True):
            known: dict[str, tuple[exam.Answered, dict[str, float | None]]] = {}
            replies = self._replies(question, arms)
            for arm, reply in zip(arms, replies, strict=True):
                if reply not in known:
                    said = _finished(reply, question)
                    known[reply] = said, scores_of(said, question)
                said, scores = known[reply]
                sat = exam.Sat(arm.name, question.id or 0, 0, arm.model, said, scores=scores)
                told.append(_told(gold, sat, question))
        return told

    def _replies(self, question: ExamQuestion, arms: Sequence[exam.Arm]) -> list[str]:
        """What each arm says; what all of them look at is taken apart once."""
        prompt = parse(_messages(question))
        assert isinstance(prompt, Question)
        task = prepare(prompt.text, prompt.passages)
        replies: list[str] = []
        for arm in arms:
            if arm == LIAR:
                replies.append(liar(question.question))
                continue
            weights = registry(self.home).find(arm.model).weights
            assert weights is not None, arm
            scores = task.matrix @ weights.vector
            replies.append(answer(task, scores, choice(scores, task.allowed)))
        return replies

    async def _asked(self, golds: Sequence[Gold]) -> list[ExamQuestion]:
        asked: list[ExamQuestion] = []
        for number, gold in enumerate(golds):
            found = await self.evidence(gold.question)
            asked.append(
                ExamQuestion(
                    id=number,
                    question=gold.question,
                    key=f"{number} {gold.question}",
                    group="",
                    evidence=[one.model_dump(mode="json") for one in found],
                    source="gold",
                )
            )
        return asked

    async def _answer(self, arm: exam.Arm, question: ExamQuestion) -> exam.Answered:
        if arm == LIAR:
            return _finished(liar(question.question), question)
        reply, _ = await self.models.complete(arm.role, _messages(question), model=arm.model)
        return _finished(reply, question)


def _passages(question: ExamQuestion) -> list[Passage]:
    return [Passage.model_validate(one) for one in question.evidence]


def _messages(question: ExamQuestion) -> list[Message]:
    return answers.messages_for(question.question, _passages(question))


def _finished(reply: str, question: ExamQuestion) -> exam.Answered:
    passages = _passages(question)
    done = answers.finish(reply, passages, question=question.question)
    checked = figures.check_figures(done.text, done.citations, passages, question=question.question)
    errors = sum(not figure.found for figure in checked)
    return exam.Answered(done.text, done.refused, errors, 0.0, Usage(), 0.0)


def scores_of(said: exam.Answered, question: ExamQuestion) -> dict[str, float | None]:
    """What ragas's two metrics come to with the local judge, a refusal known to score 0."""
    answer = plain(said.text)
    if said.refused or not answer:
        return dict.fromkeys(exam.METRICS, 0.0)
    context = "\n".join(shown_to_judge(question.evidence))
    told = verdicts(context, statements(question.question, answer))
    asked, answered = embed([question.question, question_for(answer)])
    return {
        exam.FAITHFULNESS: fmean(verdict.holds for verdict in told) if told else None,
        exam.ANSWER_RELEVANCY: min(1.0, max(0.0, float(asked @ answered))),
    }


async def _soon(_: float) -> None:
    await asyncio.sleep(0.05)


def _told(gold: Gold, sat: exam.Sat, question: ExamQuestion) -> Told:
    said = sat.answered
    assert said is not None, sat.error
    cited = {int(number) for number in re.findall(r"\[(\d+)\]", said.text)}
    pages = {
        page
        for number in cited
        if 0 < number <= len(question.evidence)
        for page in question.evidence[number - 1]["pages"]
    }
    good = right(gold, said.text, refused=said.refused)
    return Told(sat.arm, gold, good, not said.refused and bool(pages & gold.pages), sat)


@asynccontextmanager
async def opened(home: Path, pdf: Path) -> AsyncGenerator[Hall]:
    """A hall over one filing; all models local, whatever the environment names."""
    settings = Settings(home=home, base_url="local")
    engine = open_database(settings.database)
    with serve(home) as served:
        models = open_models(settings, LocalApi(served.url, served.key))
        name = settings.endpoint(Role.EMBED).model
        with closing(open_index(home, embed=models.embed, embed_model=name)) as index:
            library = Library(engine=engine, index=index, home=home, settings=settings)
            (taken,) = await library.ingest([pdf])
            assert not isinstance(taken, Refused), taken.reason
            with transaction(engine) as session:
                filing = filing_of(session, taken.filing)
                session.expunge(filing)
            yield Hall(home, settings, models, index, filing)
        await models.close()
    engine.dispose()
