"""Filings in, exam questions and training examples out: joins questions, index, models and store.

It alone knows which chunks either side may draw on. Each question is stored as it comes. No
transaction is open while a model speaks.
"""

from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol

from backend import answers, datasets, figures, questions
from backend.errors import DataError
from backend.generating.keeping import Book, Draft, Progress, Row, Run
from backend.models import price
from backend.questions import Source
from backend.records import Example, ExamQuestion, Filing, Message, Passage, Role, Usage
from backend.store import cycles, spending, turns
from backend.store.database import transaction
from backend.store.filings import filing as one_filing
from backend.store.filings import filings as all_filings
from backend.store.secrets import exam_key

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from backend.settings import Endpoint, Settings

Side = Literal["exam", "training"]

ANSWER_TOKENS = 150
"""What an answer takes, for the estimate."""


class Speaks(Protocol):
    """The models, as far as generating needs them: `backend.models.Models`, or a fake."""

    def endpoint(self, role: Role) -> "Endpoint": ...

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]: ...

    def cost(self, model: str, usage: Usage) -> float | None: ...


class Finds(Protocol):
    """The index, as far as generating needs it: `backend.index.Index`, or a fake."""

    async def search(
        self, question: str, *, filings: Sequence[Filing], filing: str | None = None, limit: int = 8
    ) -> list[Passage]: ...

    def chunks_of(self, filing_id: str) -> list[Passage]: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is about to be asked, and what that will cost. Nothing is spent yet."""

    side: Side
    count: int
    sources: list[Source]
    """Chunks in order; more than `count`, as not every reply is a question."""
    filings: dict[str, Filing]
    estimate: questions.Estimate


@dataclass(frozen=True, slots=True)
class Made(Generic[Row]):
    """What came of an order."""

    rows: list[Row]
    rejected: dict[str, int]
    """Why replies were no use -> how many."""
    usd: float | None
    """None: no price is known for the teacher."""


@dataclass(slots=True)
class Imported:
    """What came of a file of exam questions."""

    added: list[ExamQuestion]
    duplicates: int
    nothing_found: list[str]
    """Questions that no passage was found for; they stay out."""
    taught: int
    """Of those added, how many an example asks too; these examples are no longer trained on."""


@dataclass(frozen=True)
class Generating:
    """Lets the teacher write questions over the filings, and answer those that teach."""

    engine: "Engine"
    models: Speaks
    index: Finds
    settings: "Settings"

    # -- before anything is spent

    def order(self, side: Side, count: int, *, filing: str | None = None) -> Order:
        """What `count` more questions would be written from, and their cost.

        Goes on where earlier calls ended. Raises NotFound for an unknown filing, and DataError
        where nothing can be asked on that side, or the estimate is above the budget.
        """
        with transaction(self.engine) as session:
            known = all_filings(session) if filing is None else [one_filing(session, filing)]
            on_exam_side = self._exam_side(session)
            asked = Counter(row.origin for row in _rows(session, side) if row.origin)
        if not known:
            raise DataError("No filing has been ingested yet. Type: tenk ingest PATH")
        chunks = [one for row in known for one in self.index.chunks_of(row.id)]
        mine = [one for one in chunks if on_exam_side(_group(one)) == (side == "exam")]
        sources = questions.spread(mine, asked=asked)
        if not sources:
            raise DataError(_nothing(side, chunks, mine, self.settings.exam_share))
        estimate = self._estimate(side, sources[:count])
        questions.refuse_above(estimate, self.settings.budget_usd)
        return Order(side, count, sources, {row.id: row for row in known}, estimate)

    def _exam_side(self, session: "Session") -> Callable[[str], bool]:
        return datasets.exam_side(exam_key(session), share=self.settings.exam_share)

    def _estimate(self, side: Side, sources: Sequence[Source]) -> questions.Estimate:
        calls: list[tuple[int, int]] = []
        sizes: list[int] = []
        for source in sources:
            shown = answers.shown(1, source.passage)
            sizes.append(answers.tokens_in(shown))
            asking = questions.messages_for(shown, source.kind)
            read = sum(answers.tokens_in(message.content) for message in asking)
            calls.append((read, questions.REPLY_TOKENS))
        if side == "training":
            usual = self.settings.passages * sum(sizes) // len(sizes)
            evidence = min(self.settings.evidence_tokens, usual)
            read = evidence + answers.tokens_in(answers.SYSTEM)
            calls += [(read, ANSWER_TOKENS)] * len(sources)
        teacher = self.models.endpoint(Role.TEACHER).model
        return questions.estimate(calls, price(teacher, self.settings.prices))

    # -- generating

    async def exam_questions(
        self, order: Order, *, on_made: Progress | None = None
    ) -> Made[ExamQuestion]:
        """Write exam questions, each kept with its evidence as soon as it is there.

        The evidence is what retrieval finds in the question's filing. Where that is not the chunk
        that the question was written from, the chunk takes the last place: the exam is of the
        model, not of retrieval, so what answers must be there for every arm.
        """
        book = self._book("exam")

        async def draft(source: Source) -> Draft[ExamQuestion]:
            question, fault = await self._question(source, book)
            if fault:
                return Draft(None, question, fault)
            found = await self._search(question, order.filings[source.passage.filing])
            evidence = _holding(source.passage, found, self.settings.evidence_tokens)
            row = ExamQuestion(
                question=question,
                key=datasets.normalised(question),
                group=_group(source.passage),
                evidence=_stored(evidence),
                source="generated",
                origin=source.origin,
            )
            return Draft(row, question)

        def keep(row: ExamQuestion) -> bool:
            with transaction(self.engine) as session:
                return bool(cycles.add_exam_questions(session, [row]))

        return await self._made(order, book, draft, keep, on_made)

    async def examples(self, order: Order, *, on_made: Progress | None = None) -> Made[Example]:
        """Write training questions and let the teacher answer them as it answers readers.

        Passages of the exam's side are passed over, so that nothing of it is ever trained on.
        """
        book = self._book("training")
        with transaction(self.engine) as session:
            on_exam_side = self._exam_side(session)

        async def draft(source: Source) -> Draft[Example]:
            question, fault = await self._question(source, book)
            if fault:
                return Draft(None, question, fault)
            filing = order.filings[source.passage.filing]
            found = await self._search(question, filing, more=self.settings.passages)
            apart = [one for one in found if not on_exam_side(_group(one))]
            return await self._answered(question, apart[: self.settings.passages], source, book)

        def keep(row: Example) -> bool:
            with transaction(self.engine) as session:
                return bool(turns.add_examples(session, [row]))

        return await self._made(order, book, draft, keep, on_made)

    def _book(self, side: Side) -> Book:
        with transaction(self.engine) as session:
            own = _rows(session, side)
            other = _rows(session, "training" if side == "exam" else "exam")
        subject = "exam questions" if side == "exam" else "training questions"
        book = Book(datasets.Asked(row.question for row in other), subject)
        for row in own:
            filing = str(row.evidence[0].get("filing", "")) if row.evidence else ""
            book.add(row.question, filing, row.origin)
        return book

    # -- one question, one answer

    async def _question(self, source: Source, book: Book) -> tuple[str, str]:
        """A question about a chunk, and what speaks against it; "" where nothing does."""
        shown = answers.shown(1, source.passage)
        asked = book.of_chunk.get(source.origin, ())
        reply = await self._complete(questions.messages_for(shown, source.kind, asked), book)
        question = questions.question_in(reply)
        fault = questions.fault_of(question)
        if question is None or fault:
            return "", fault or ""
        return question, book.fault(question, source.passage.filing)

    async def _answered(
        self, question: str, found: Sequence[Passage], source: Source, book: Book
    ) -> Draft[Example]:
        evidence = answers.fitted(found, budget=self.settings.evidence_tokens)
        if not evidence:
            return Draft(None, question, "retrieval finds nothing for the question")
        messages = answers.messages_for(question, evidence)
        reply = await self._complete(messages, book)
        if not reply.strip():
            return Draft(None, question, "the teacher gave no answer")
        row = Example(
            source="generated",
            question=question,
            answer=_finished(reply, evidence, question),
            messages=[message.model_dump() for message in messages],
            evidence=_stored(evidence),
            origin=source.origin,
        )
        return Draft(row, question)

    async def _complete(self, messages: Sequence[Message], book: Book) -> str:
        budget, spent = self.settings.budget_usd, book.spent()
        if budget is not None and spent is not None and spent > budget:
            raise DataError(
                f"${spent:.2f} is spent, above TENK_BUDGET_USD={budget:.2f}. What was made is kept."
            )
        reply, usage = await self.models.complete(Role.TEACHER, messages)
        self._count(book, self.models.endpoint(Role.TEACHER).model, usage)
        return reply

    def _count(self, book: Book, model: str, usage: Usage) -> None:
        """Note what a call cost, whatever comes of its reply: this run is a row of its own."""
        cost = self.models.cost(model, usage)
        book.costs.append(cost)
        with transaction(self.engine) as session:
            if book.expense is None:
                kind = spending.GENERATION
                row = spending.open_expense(session, kind, subject=book.subject, model=model)
                book.expense = row.id
            assert book.expense is not None, "a row that was flushed has an id"
            spending.add_call(session, book.expense, usage, cost)

    async def _search(self, question: str, filing: Filing, *, more: int = 0) -> list[Passage]:
        limit = self.settings.passages + more
        return await self.index.search(question, filings=[filing], filing=filing.id, limit=limit)

    async def _made(
        self,
        order: Order,
        book: Book,
        draft: Callable[[Source], Coroutine[Any, Any, Draft[Row]]],
        keep: Callable[[Row], bool],
        on_made: Progress | None,
    ) -> Made[Row]:
        run = Run(
            deque(order.sources),
            order.count,
            self.settings.answers_at_once,
            book,
            draft,
            keep,
            on_made,
        )
        rows = await run.go()
        return Made(rows, dict(book.rejected.most_common()), book.spent())

    # -- questions that a person wrote

    async def take_in(self, asked: Sequence[str], *, on_made: Progress | None = None) -> Imported:
        """Freeze the evidence that retrieval finds for these questions, and keep them as exam.

        They are of the exam whichever side their evidence is on: who imports them says so. An
        example that asks the same is not trained on from then on.
        """
        with transaction(self.engine) as session:
            filings = all_filings(session)
            known = datasets.Asked(row.question for row in _rows(session, "exam"))
            taught = datasets.Asked(row.question for row in _rows(session, "training"))
        if not filings:
            raise DataError("No filing has been ingested yet. Type: tenk ingest PATH")
        done = Imported([], 0, [], 0)
        for number, question in enumerate(asked, 1):
            if known.near(question):
                done.duplicates += 1
            elif row := await self._imported(question, filings):
                known.add(question)
                done.added.append(row)
                done.taught += taught.near(question)
            else:
                done.nothing_found.append(question)
            if on_made is not None:
                on_made(number, len(asked), question)
        return done

    async def _imported(self, question: str, filings: Sequence[Filing]) -> ExamQuestion | None:
        limit = self.settings.passages
        found = await self.index.search(question, filings=filings, limit=limit)
        if not found:
            return None
        evidence = answers.fitted(found, budget=self.settings.evidence_tokens)
        row = ExamQuestion(
            question=question,
            key=datasets.normalised(question),
            group=_group(evidence[0]),
            evidence=_stored(evidence),
            source="imported",
        )
        with transaction(self.engine) as session:
            cycles.add_exam_questions(session, [row])
        return row


def _rows(session: "Session", side: Side) -> list[ExamQuestion] | list[Example]:
    """What was asked on one side of the line so far."""
    if side == "exam":
        return cycles.exam_questions(session)
    return [example for example, _ in turns.examples(session)]


def _group(passage: Passage) -> str:
    return datasets.group_named(passage.filing, passage.section)


def _stored(evidence: Sequence[Passage]) -> list[dict[str, Any]]:
    return [passage.model_dump(mode="json") for passage in evidence]


def _holding(source: Passage, found: Sequence[Passage], budget: int) -> list[Passage]:
    """What was found, as far as it fits, with the chunk that answers in it: last if not found."""
    fitted = answers.fitted(found, budget=budget)
    if any(one.chunk == source.chunk for one in fitted):
        return fitted
    left = budget - answers.tokens_in(answers.shown(len(found), source))
    others = [one for one in found if one.chunk != source.chunk][: max(len(found) - 1, 0)]
    kept = answers.fitted(others, budget=left) if left > 0 else []
    while kept and sum(answers.tokens_in(answers.shown(1, one)) for one in kept) > left:
        kept.pop()
    return [*kept, source]


def _finished(reply: str, evidence: Sequence[Passage], question: str) -> str:
    """The teacher's reply as a reader would see it: cited, its figures checked and marked."""
    done = answers.finish(reply, evidence, question=question)
    checked = figures.check_figures(done.text, done.citations, evidence, question=question)
    return done.text if done.refused else figures.mark(done.text, checked)


def _nothing(side: Side, chunks: Sequence[Passage], mine: Sequence[Passage], share: float) -> str:
    """Why there is nothing to ask on a side, and what to do."""
    sections = {_group(one) for one in chunks}
    if mine and any(questions.kind_of(one) for one in mine):
        return (
            f"Everything that can be asked on the {side}'s side of these filings has been asked. "
            "Ingest another filing: tenk ingest PATH"
        )
    if side == "exam":
        return (
            f"None of the {len(sections)} sections of these filings that hold anything to ask is "
            f"on the exam's side: a secret key puts {share:.0%} of all sections there, for ever. "
            "Ingest more filings (tenk ingest PATH), or bring questions: tenk questions import FILE"
        )
    return (
        f"None of the {len(sections)} sections of these filings that hold anything to ask is on "
        "the training side. Ingest more filings: tenk ingest PATH"
    )
