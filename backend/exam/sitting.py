"""Questions and arms go in; every answer with its scores comes out, told row by row as it comes.

What was paid for before is handed in as `done` and is not asked again. It alone decides what is
asked in which order, and when so much fails that the exam stops rather than counts it.
"""

import asyncio
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from backend.claims import MARKER, NO_SOURCE
from backend.errors import DataError, ModelGone, ProviderError, TenkError
from backend.exam.calls import Line, Unscored
from backend.exam.papers import METRICS, Answer, Answered, Arm, Judge, Sat, Terms
from backend.models import Models
from backend.records import ExamQuestion, Passage, Role, Usage

if TYPE_CHECKING:
    from backend.exam.metrics import Scorer

ANSWER_TRIES = 2
"""`Models` has retried already; once more, later, costs little beside a missing score."""
STREAK = 12
"""So many failures in a row, of one arm or of the judge, are an outage, not missing scores."""
_CITED = re.compile(rf"\s*(?:{MARKER.pattern}|{re.escape(NO_SOURCE)})")

OnSat = Callable[[Sat], None]
Place = tuple[str, int, int]


async def judge_of(models: Models, seconds: float) -> Judge:
    """The judge and the embedder that the settings name; `seconds`: TENK_TIMEOUT."""
    return Judge(
        llm=await models.client(Role.JUDGE),
        llm_model=models.endpoint(Role.JUDGE).model,
        embed=models.embed,
        explained=models.explained,
        timeout=seconds,
    )


async def sit(
    questions: Sequence[ExamQuestion],
    terms: Terms,
    *,
    answer: Answer,
    judge: Judge,
    done: Sequence[Sat] = (),
    on_sat: OnSat = lambda sat: None,
) -> list[Sat]:
    """Every arm at every question in every repeat: answered, scored, in the order asked.

    All arms of one question are asked next to one another, in an order that the seed shuffles.
    `on_sat` is told of each sitting whenever it has grown: when its answer came and after each
    score; the last word on each place is the whole one. Handing these back as `done` goes on
    where an exam was cut off.

    A refusal scores 0 in both metrics without asking the judge: ragas's relevancy of a
    noncommittal answer is 0, and so is the harmonic mean, whatever faithfulness would be. Arms
    that give the same words to the same question in the same repeat share one judging; repeats
    do not, since they are there to average the judge's own wavering.

    An answer or a score that does not come after every try is a None with its reason. Raises
    ConfigurationError and ModelGone where no further call can succeed, ProviderError where an
    arm or the judge fails STREAK times in a row or never succeeds (nothing of that is counted as
    missing: it is asked again next time), DataError where `done` is of another exam.
    """
    exam = await _Exam.opened(terms, answer=answer, judge=judge, done=done, on_sat=on_sat)
    places = [place for question in questions for place in _places(question, terms)]
    todo = iter(places)
    workers = min(len(places), terms.at_once + terms.answers_at_once)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(exam.work(todo))
    except ExceptionGroup as told:
        raise _first(told) from None
    exam.close()
    return [exam.sats[arm.name, question.id or 0, repeat] for arm, question, repeat in places]


def arms_in_turn(arms: Sequence[Arm], question: ExamQuestion, repeat: int, seed: int) -> list[Arm]:
    """The arms in the order in which they answer this question; no arm is favoured overall."""

    def turn(arm: Arm) -> str:
        told = f"{seed}\n{question.key}\n{repeat}\n{arm.name}"
        return sha256(told.encode()).hexdigest()

    return sorted(arms, key=turn)


def _places(question: ExamQuestion, terms: Terms) -> Iterator[tuple[Arm, ExamQuestion, int]]:
    for repeat in range(terms.repeats):
        for arm in arms_in_turn(terms.arms, question, repeat, terms.seed):
            yield arm, question, repeat


def shown(evidence: Sequence[Mapping[str, Any]]) -> list[str]:
    """The passages as the judge sees them: with company, year and section, as the arms saw them."""
    return [_shown(Passage.model_validate(passage)) for passage in evidence]


def _shown(passage: Passage) -> str:
    year = f", fiscal {passage.fiscal_year}" if passage.fiscal_year else ""
    section = f", {passage.section}" if passage.section else ""
    return f"{passage.company} 10-K{year}{section}".lstrip() + f"\n{passage.text.strip()}"


def plain(text: str) -> str:
    """An answer as it is judged: without the marks of its sources."""
    return _CITED.sub("", text).strip()


@dataclass(frozen=True, slots=True)
class _Judged:
    """One score, with the tokens it took."""

    value: float | None
    reason: str = ""
    usage: Usage = Usage()


@dataclass(slots=True)
class _Lane:
    """Failures in a row of one arm, or of the judge, kept back until a success or the end.

    An outage must not become a pile of missing scores that were never really asked for.
    """

    alive: bool
    row: int = 0
    error: str = ""
    held: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def came(self) -> None:
        """A success: what failed before it failed by itself."""
        self.alive, self.row = True, 0
        self.release()

    def failed(self, note: Callable[[], None], error: str, *, anew: bool = True) -> None:
        """A failure; `anew`: it was asked for, not shared. Raises ProviderError."""
        self.held.append(note)
        self.row += anew
        self.error = error
        if self.row >= STREAK:
            raise ProviderError(_outage(self.row, error))

    def close(self) -> None:
        """The end: what is left is missing. Raises ProviderError where nothing ever came."""
        if self.held and not self.alive:
            raise ProviderError(_outage(len(self.held), self.error))
        self.release()

    def release(self) -> None:
        """Tell what was kept back."""
        for note in self.held:
            note()
        self.held.clear()


def _outage(count: int, error: str) -> str:
    return (
        f"The exam stopped after {count} failures in a row; what came before is kept, and asking "
        f"again goes on from there. The last one: {error}"
    )


@dataclass(slots=True)
class _Exam:
    """One exam while it is held."""

    answer: Answer
    scorer: "Scorer"
    on_sat: OnSat
    asking: asyncio.Semaphore
    sats: dict[Place, Sat]
    judged: dict[tuple[int, int, str, str], _Judged] = field(
        default_factory=dict[tuple[int, int, str, str], _Judged]
    )
    locks: dict[tuple[int, int, str, str], asyncio.Lock] = field(
        default_factory=dict[tuple[int, int, str, str], asyncio.Lock]
    )
    arms: dict[str, _Lane] = field(default_factory=dict[str, _Lane])
    judging: _Lane = field(default_factory=lambda: _Lane(alive=False))

    @classmethod
    async def opened(
        cls, terms: Terms, *, answer: Answer, judge: Judge, done: Sequence[Sat], on_sat: OnSat
    ) -> "_Exam":
        """Ready to work; ragas is imported, off the loop."""
        _same_exam(terms, done)
        metrics = await asyncio.to_thread(_imported)
        line = Line(terms.at_once, judge.timeout, judge.explained)
        exam = cls(
            answer=answer,
            scorer=metrics.Scorer(judge, line),
            on_sat=on_sat,
            asking=asyncio.Semaphore(terms.answers_at_once),
            sats={sat.place: sat for sat in done},
        )
        for arm in terms.arms:
            came = any(sat.arm == arm.name and sat.answered for sat in done)
            exam.arms[arm.name] = _Lane(alive=came)
        for sat in done:
            exam._recall(sat)
        return exam

    def _recall(self, sat: Sat) -> None:
        """Scores paid for before, for arms that say the same."""
        if sat.answered is None or sat.answered.refused:
            return
        for metric, value in sat.scores.items():
            if value is not None:
                key = (sat.question, sat.repeat, plain(sat.answered.text), metric)
                self.judged[key] = _Judged(value)
                self.judging.alive = True

    async def work(self, todo: Iterator[tuple[Arm, ExamQuestion, int]]) -> None:
        """Take places until none is left; each is answered, then scored."""
        for arm, question, repeat in todo:
            assert question.id is not None, "a question is stored before it is asked"
            place = (arm.name, question.id, repeat)
            sat = self.sats.setdefault(place, Sat(arm.name, question.id, repeat, arm.model))
            if sat.answered is None and sat.error is None:
                await self._ask(arm, question, place)
            told = self.sats[place].answered
            if told is not None:
                await self._score(place, question, told)

    def close(self) -> None:
        """Nothing more comes: what failed last is missing."""
        for lane in (*self.arms.values(), self.judging):
            lane.close()

    def _keep(self, sat: Sat) -> None:
        self.sats[sat.place] = sat
        self.on_sat(sat)

    # -- answers

    async def _ask(self, arm: Arm, question: ExamQuestion, place: Place) -> None:
        lane = self.arms[arm.name]
        try:
            told = await self._answered(arm, question)
        except ModelGone:
            raise
        except ProviderError as error:
            said = str(error)
            lane.failed(lambda: self._keep(_unanswered(self.sats[place], said)), said)
            return
        lane.came()
        self._keep(replace(self.sats[place], answered=told))

    async def _answered(self, arm: Arm, question: ExamQuestion) -> Answered:
        for _ in range(ANSWER_TRIES - 1):
            try:
                async with self.asking:
                    return await self.answer(arm, question)
            except ModelGone:
                raise
            except ProviderError:
                continue
        async with self.asking:
            return await self.answer(arm, question)

    # -- scores

    async def _score(self, place: Place, question: ExamQuestion, told: Answered) -> None:
        left = [metric for metric in METRICS if metric not in self.sats[place].scores]
        if known := _known(told):
            for metric in left:
                self._keep(self.sats[place].scored(metric, 0.0, known))
            return
        async with asyncio.TaskGroup() as group:
            for metric in left:
                group.create_task(self._score_in(metric, place, question, plain(told.text)))

    async def _score_in(self, metric: str, place: Place, question: ExamQuestion, text: str) -> None:
        key = (place[1], place[2], text, metric)
        async with self.locks.setdefault(key, asyncio.Lock()):
            anew = key not in self.judged
            if anew:
                self.judged[key] = await self._judge(metric, question, text, place)
        told = self.judged[key]
        usage = told.usage if anew else Usage()

        def note() -> None:
            self._keep(self.sats[place].scored(metric, told.value, told.reason, usage))

        if told.value is None:
            self.judging.failed(note, told.reason, anew=anew)
            return
        if anew:
            self.judging.came()
        note()

    async def _judge(self, metric: str, question: ExamQuestion, text: str, place: Place) -> _Judged:
        """A score, or why there is none. What was paid for before the exam stops is kept."""
        from backend.exam.metrics import Tally

        tally = Tally()
        contexts = shown(question.evidence)
        try:
            value = await self.scorer.score(metric, question.question, text, contexts, tally)
        except Unscored as error:
            return _Judged(None, str(error), tally.usage())
        except BaseException:
            if any((paid := tally.usage()).model_dump().values()):
                with suppress(TenkError):  # a cycle that is over keeps nothing more
                    self._keep(self.sats[place].paid(paid))
            raise
        return _Judged(value, "", tally.usage())


def _known(told: Answered) -> str:
    """Why both scores are 0 without asking; "" where they are not known."""
    if told.refused:
        return "A refusal scores 0; the judge was not asked."
    return "" if plain(told.text) else "An empty answer scores 0; the judge was not asked."


def _unanswered(sat: Sat, error: str) -> Sat:
    scores: dict[str, float | None] = dict.fromkeys(METRICS)
    reasons = dict.fromkeys(METRICS, f"No answer came: {error}")
    return replace(sat, error=error, scores=scores, reasons=reasons)


def _same_exam(terms: Terms, done: Sequence[Sat]) -> None:
    """Scores of an earlier run under other models are never compared with this one's."""
    names = [arm.name for arm in terms.arms]
    if len(set(names)) < len(names):
        raise DataError(f"Expected arms of different names, found {', '.join(names)}.")
    models = {arm.name: arm.model for arm in terms.arms}
    for sat in done:
        if models.get(sat.arm) != sat.model:
            raise DataError(
                f"Question {sat.question} was answered by {sat.model} as {sat.arm}, which in this "
                f"exam is {models.get(sat.arm, 'nobody')}: begin another cycle with "
                "`tenk retrain`."
            )


def _first(told: ExceptionGroup[Exception]) -> Exception:
    """What went wrong: a bug before a failure that was foreseen."""
    plain: list[Exception] = []
    for error in told.exceptions:
        plain.append(_first(error) if isinstance(error, ExceptionGroup) else error)
    return next((error for error in plain if not isinstance(error, TenkError)), plain[0])


def _imported() -> Any:
    with warnings.catch_warnings():  # its dependencies warn about each other while they load
        warnings.simplefilter("ignore")
        return import_module("backend.exam.metrics")
