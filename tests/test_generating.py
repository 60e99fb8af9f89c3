"""Questions and examples are made, kept apart and kept, whatever interrupts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from backend.datasets import Rules, curate, exam_side
from backend.errors import DataError, NotFound, ProviderError
from backend.generating import Generating
from backend.records import (
    Example,
    ExamQuestion,
    Filing,
    Message,
    Passage,
    Role,
    Secret,
    Usage,
)
from backend.settings import Endpoint, Settings
from backend.standing import standing
from backend.store.cycles import add_exam_questions, exam_questions
from backend.store.database import open_database, transaction
from backend.store.filings import add_filing_once
from backend.store.secrets import EXAM
from backend.store.spending import expenses
from backend.store.turns import add_examples, examples

KEY = b"b" * 32
SECTIONS = [f"Note {n} - Matter {n}" for n in range(1, 31)]
ON_EXAM_SIDE = exam_side(KEY, share=0.2)
WORDS = "amber birch cedar delta ember fjord grove heath inlet joker".split()  # noqa: SIM905


def text_of(number: int) -> str:
    """Words that no other chunk has, so that no two questions are nearly the same."""
    name = " ".join(f"{WORDS[int(digit)]}{number}" for digit in f"{number:03d}")
    return f"The {name} policy is kept by us in every year that we report on here. " * 5


def chunk(number: int, section: str) -> Passage:
    return Passage(
        filing="acme",
        file="acme.pdf",
        company="Acme Corporation",
        fiscal_year=2025,
        page=number,
        pages=(number,),
        section=section,
        kind="prose",
        text=text_of(number),
        score=0.0,
        chunk=number,
    )


CHUNKS = [chunk(n * 10 + m, section) for n, section in enumerate(SECTIONS, 1) for m in range(3)]


@dataclass
class Shelf:
    """An index of ours: the chunks of one filing; finds those that share a word first."""

    chunks: list[Passage] = field(default_factory=lambda: list(CHUNKS))
    hides: bool = False
    """Whether a search never finds the chunk that was asked about."""
    searched: list[str] = field(default_factory=list[str])

    def chunks_of(self, filing_id: str) -> list[Passage]:
        return [one for one in self.chunks if one.filing == filing_id]

    async def search(
        self, question: str, *, filings: Sequence[Filing], filing: str | None = None, limit: int = 8
    ) -> list[Passage]:
        self.searched.append(question)
        words = {word for word in question.split() if any(map(str.isdigit, word))}
        held = {one.chunk: bool(words & set(one.text.split())) for one in self.chunks}
        if self.hides:
            return [one for one in self.chunks if not held[one.chunk]][:limit]
        return sorted(self.chunks, key=lambda one: not held[one.chunk])[:limit]


@dataclass
class Teacher:
    """Models of ours: a question made of the passage's words, an answer that cites."""

    price: float | None = 0.0
    """USD of one call; None where it is not known."""
    replies: list[str] = field(default_factory=list[str])
    """Said in place of the first questions."""
    fails: list[Exception] = field(default_factory=list[Exception])
    stops_after: int | None = None
    """Calls after which none is answered any more."""
    answer: str = "It is kept in every year [1]."
    calls: int = 0
    flying: int = 0
    most: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def endpoint(self, role: Role) -> Endpoint:
        return Endpoint(role, "local-teacher", None, None, local=True)

    def cost(self, model: str, usage: Usage) -> float | None:
        return self.price

    async def complete(
        self, role: Role, messages: Sequence[Message], *, model: str | None = None
    ) -> tuple[str, Usage]:
        self.calls += 1
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            if self.stops_after is not None and self.calls > self.stops_after:
                self.reached.set()
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            if self.fails:
                raise self.fails.pop(0)
            return self.said(messages), Usage(prompt_tokens=10, completion_tokens=5)
        finally:
            self.flying -= 1

    def said(self, messages: Sequence[Message]) -> str:
        if not messages[0].content.startswith("Write one question that the passage answers."):
            return self.answer
        if self.replies:
            return self.replies.pop(0)
        asked = messages[1].content
        words = asked.split("The ", 1)[1].split(" policy")[0]
        again = asked.count("\n- ")
        return f"{['How', 'Why', 'When'][again % 3]} is {words} policy kept at Acme{again}?"


@pytest.fixture
def engine(own_home: Path) -> Engine:
    engine = open_database(f"sqlite:///{own_home / 'tenk.sqlite3'}")
    with transaction(engine) as session:
        session.add(Secret(name=EXAM, value=KEY.hex()))
        filing = Filing(
            id="acme", sha256="a" * 64, file="acme.pdf", company="Acme Corporation",
            pages=400, chunks=len(CHUNKS), seconds=1.0,
        )  # fmt: skip
        add_filing_once(session, filing)
    return engine


def drive(
    engine: Engine,
    teacher: Teacher | None = None,
    shelf: Shelf | None = None,
    **settings: float,
) -> Generating:
    return Generating(
        engine=engine,
        models=teacher or Teacher(),
        index=shelf or Shelf(),
        settings=Settings(**settings),  # pyright: ignore[reportArgumentType]
    )


async def exam(driver: Generating, count: int) -> list[ExamQuestion]:
    return (await driver.exam_questions(driver.order("exam", count))).rows


async def training(driver: Generating, count: int) -> list[Example]:
    return (await driver.examples(driver.order("training", count))).rows


def stored(engine: Engine) -> tuple[list[ExamQuestion], list[Example]]:
    with transaction(engine) as session:
        return exam_questions(session), [example for example, _ in examples(session)]


# -- the two sides


async def test_exam_questions_come_from_the_exams_side_alone(engine: Engine) -> None:
    rows = await exam(drive(engine), 12)

    assert len(rows) == 12
    assert all(ON_EXAM_SIDE(row.group) for row in rows)
    assert all(row.source == "generated" and row.state == "active" for row in rows)


async def test_training_questions_come_from_the_other_side_alone(engine: Engine) -> None:
    rows = await training(drive(engine), 20)

    groups = {f"{one['filing']}|{one['section']}" for row in rows for one in row.evidence}
    assert len(rows) == 20
    assert not any(map(ON_EXAM_SIDE, groups))


async def test_generated_examples_are_kept_by_curation(engine: Engine) -> None:
    rows = await training(drive(engine), 8)

    curated = curate([(row, None) for row in rows], Rules(on_exam_side=ON_EXAM_SIDE))

    assert {one.state for one in curated} == {"kept"}
    assert all(row.source == "generated" and row.turn is None for row in rows)


async def test_an_answer_without_a_source_is_stored_but_does_not_teach(engine: Engine) -> None:
    teacher = Teacher(answer="Revenue was $123,456 million in fiscal 2019.")

    [row] = await training(drive(engine, teacher), 1)

    [one] = curate([(row, None)])
    assert (one.state, one.rule) == ("dropped", "unsourced")


async def test_a_figure_that_no_evidence_holds_is_marked_and_does_not_teach(
    engine: Engine,
) -> None:
    teacher = Teacher(answer="It was $123,456 million in fiscal 2019 [1].")

    [row] = await training(drive(engine, teacher), 1)

    [one] = curate([(row, None)])
    assert "⚠" in row.answer
    assert (one.state, one.rule) == ("dropped", "unsourced")


async def test_an_example_holds_the_very_prompt_that_readers_are_answered_with(
    engine: Engine,
) -> None:
    [row] = await training(drive(engine), 1)

    system, user = row.messages
    assert system["content"].startswith("You answer questions about SEC 10-K filings")
    assert user["content"].endswith(f"Question: {row.question}")
    assert len(row.evidence) == Settings().passages


async def test_an_exam_question_near_a_training_question_is_turned_away(engine: Engine) -> None:
    question = "How does Acme account for its amber leases in fiscal 2025?"
    with transaction(engine) as session:
        add_examples(session, [Example(source="turn", question=question, answer="So [1].")])
    teacher = Teacher(replies=[question.replace("How does", "How did")])

    made = await drive(engine, teacher).exam_questions(drive(engine).order("exam", 3))

    assert question not in {row.question for row in made.rows}
    assert sum(made.rejected.values()) == 1
    assert len(made.rows) == 3


async def test_a_training_question_near_an_exam_question_costs_no_answer(engine: Engine) -> None:
    question = "How does Acme account for its amber leases in fiscal 2025?"
    with transaction(engine) as session:
        add_exam_questions(
            session, [ExamQuestion(question=question, key="k", group="g", source="imported")]
        )
    teacher = Teacher(replies=[question])

    made = await drive(engine, teacher).examples(drive(engine).order("training", 2))

    assert [row.question for row in made.rows if row.question == question] == []
    assert teacher.calls == 3 + 2  # three questions, two answers


async def test_a_filing_with_nothing_on_the_exams_side_is_said_plainly(engine: Engine) -> None:
    shelf = Shelf([one for one in CHUNKS if not ON_EXAM_SIDE(f"acme|{one.section}")])

    with pytest.raises(DataError, match="on the exam's side.*tenk ingest"):
        drive(engine, shelf=shelf).order("exam", 10)


def test_no_filing_and_an_unknown_filing_are_said_plainly(engine: Engine, tmp_path: Path) -> None:
    empty = open_database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    with pytest.raises(DataError, match="tenk ingest"):
        drive(empty).order("exam", 10)
    with pytest.raises(NotFound, match="tenk filings"):
        drive(engine).order("exam", 10, filing="nope")


# -- the evidence of the exam


async def test_the_chunk_a_question_was_written_from_is_in_its_evidence_once(
    engine: Engine,
) -> None:
    for hides in (False, True):
        rows = await exam(drive(engine, shelf=Shelf(hides=hides)), 3)

        for row in rows:
            words = row.question.split()[2]
            holding = [one for one in row.evidence if words in one["text"]]
            assert len(holding) == 1
            assert len(row.evidence) == Settings().passages


async def test_a_chunk_that_retrieval_misses_takes_the_last_place(engine: Engine) -> None:
    [row] = await exam(drive(engine, shelf=Shelf(hides=True)), 1)

    assert row.question.split()[2] in row.evidence[-1]["text"]


async def test_the_evidence_fits_the_budget_even_where_the_chunk_is_put_in(
    engine: Engine,
) -> None:
    rows = await exam(drive(engine, shelf=Shelf(hides=True), evidence_tokens=500), 3)

    for row in rows:
        assert sum(len(one["text"]) for one in row.evidence) // 3 <= 500
        assert row.question.split()[2] in row.evidence[-1]["text"]


# -- spread, order, going on


async def test_questions_are_spread_over_all_sections_of_a_side(engine: Engine) -> None:
    sections = [section for section in SECTIONS if not ON_EXAM_SIDE(f"acme|{section}")]

    rows = await training(drive(engine), len(sections))

    first = {row.origin for row in rows}
    assert len(first) == len(sections)
    cited = {row.evidence[0]["section"] for row in rows}
    assert len(cited) == len(sections)


async def test_a_second_call_goes_on_where_the_first_ended(engine: Engine) -> None:
    first = await exam(drive(engine), 6)

    second = await exam(drive(engine), 6)

    assert not {row.origin for row in first} & {row.origin for row in second}
    assert len({row.key for row in (*first, *second)}) == 12


async def test_a_chunk_that_comes_again_is_asked_something_else(engine: Engine) -> None:
    side = [one for one in CHUNKS if ON_EXAM_SIDE(f"acme|{one.section}")][:1]
    long = side[0].model_copy(update={"text": side[0].text * 3})

    made = await drive(engine, shelf=Shelf([long])).exam_questions(
        drive(engine, shelf=Shelf([long])).order("exam", 4)
    )

    assert len({row.key for row in made.rows}) == len(made.rows) > 1
    assert len({row.origin for row in made.rows}) == 1


async def test_several_are_in_flight_but_never_more_than_the_setting(engine: Engine) -> None:
    teacher = Teacher()

    await exam(drive(engine, teacher, answers_at_once=3), 12)

    assert teacher.most == 3


async def test_no_more_is_asked_than_is_wanted(engine: Engine) -> None:
    teacher = Teacher()

    await exam(drive(engine, teacher, answers_at_once=8), 5)

    assert teacher.calls == 5


async def test_a_useless_reply_is_counted_and_the_next_chunk_is_asked(engine: Engine) -> None:
    teacher = Teacher(replies=["NONE", "What does the passage say about Acme?"])

    made = await drive(engine, teacher).exam_questions(drive(engine).order("exam", 4))

    assert len(made.rows) == 4
    assert sum(made.rejected.values()) == 2
    assert "the reply holds no question" in made.rejected


async def test_fewer_are_made_where_the_side_holds_no_more(engine: Engine) -> None:
    rows = await exam(drive(engine, Teacher(replies=["NONE"] * 1000)), 5)

    assert rows == []


# -- what interrupts


async def test_what_was_made_is_kept_when_it_is_stopped(engine: Engine) -> None:
    teacher = Teacher(stops_after=5)
    driver = drive(engine, teacher)
    fifth = asyncio.Event()  # what the sixth call comes before is the loop's matter

    def look(made: int, _wanted: int, _question: str) -> None:
        if made == 5:
            fifth.set()

    working = asyncio.create_task(driver.exam_questions(driver.order("exam", 12), on_made=look))
    await asyncio.wait_for(fifth.wait(), 10)

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    kept, _ = stored(engine)
    assert len(kept) == 5
    assert len(await exam(drive(engine), 7)) == 7


async def test_each_question_is_stored_before_the_next_is_told(engine: Engine) -> None:
    driver = drive(engine)
    seen: list[int] = []

    def look(_made: int, _wanted: int, _question: str) -> None:
        seen.append(len(stored(engine)[0]))

    await driver.exam_questions(driver.order("exam", 4), on_made=look)

    assert seen == [1, 2, 3, 4]


async def test_one_refused_call_costs_one_question_and_three_in_a_row_end_the_run(
    engine: Engine,
) -> None:
    once = await exam(drive(engine, Teacher(fails=[ProviderError("no")])), 4)
    always = Teacher(fails=[ProviderError(f"no {n}") for n in range(50)])

    with pytest.raises(ProviderError):
        await exam(drive(engine, always), 4)

    assert len(once) == 4
    assert len(stored(engine)[0]) == 4


async def test_spending_ends_at_the_budget_and_what_was_made_is_kept(engine: Engine) -> None:
    driver = drive(engine, Teacher(price=0.4), budget_usd=1.0, answers_at_once=1)

    with pytest.raises(DataError, match="TENK_BUDGET_USD"):
        await exam(driver, 10)

    assert len(stored(engine)[0]) == 3


async def test_each_run_is_a_row_with_its_calls_and_counts_in_what_was_spent(
    engine: Engine,
) -> None:
    await exam(drive(engine, Teacher(price=0.4)), 3)
    await training(drive(engine, Teacher(price=0.1, answer=" ")), 2)  # none is kept, all are paid

    with transaction(engine) as session:
        first, second = expenses(session)
        spend = standing(session, Settings())["spend"]

    assert (first.subject, first.calls, first.prompt_tokens) == ("exam questions", 3, 30)
    assert (second.subject, second.completion_tokens) == ("training questions", 5 * second.calls)
    assert second.calls >= 4
    assert spend["generation_usd"] == pytest.approx(3 * 0.4 + 0.1 * second.calls)
    assert spend["unpriced"] == []


async def test_what_was_spent_until_a_run_broke_off_is_counted(engine: Engine) -> None:
    teacher = Teacher(price=0.4, stops_after=2)
    run = asyncio.create_task(exam(drive(engine, teacher), 10))
    await teacher.reached.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)

    with transaction(engine) as session:
        [row] = expenses(session)

    assert (row.calls, row.cost_usd) == (2, pytest.approx(0.8))


async def test_generating_without_a_known_price_is_named(engine: Engine) -> None:
    await exam(drive(engine, Teacher(price=None)), 2)

    with transaction(engine) as session:
        spend = standing(session, Settings())["spend"]

    assert spend["generation_usd"] == 0
    assert spend["unpriced"] == ["2 calls for exam questions, local-teacher"]


def test_an_estimate_above_the_budget_stops_before_the_first_call(engine: Engine) -> None:
    teacher = Teacher()
    settings = Settings(budget_usd=0.001, prices={"local-teacher": (1000.0, 1000.0)})
    driver = Generating(engine=engine, models=teacher, index=Shelf(), settings=settings)

    with pytest.raises(DataError, match="Nothing was spent"):
        driver.order("training", 10)

    assert teacher.calls == 0


def test_answers_are_in_the_estimate_of_examples(engine: Engine) -> None:
    questions = drive(engine).order("exam", 10).estimate
    both = drive(engine).order("training", 10).estimate

    assert (questions.calls, both.calls) == (10, 20)
    assert both.tokens > 2 * questions.tokens
    assert questions.usd == 0


# -- questions that a person wrote


async def test_imported_questions_freeze_what_retrieval_finds_now(engine: Engine) -> None:
    question = f"How is the {text_of(21)[4:30]} policy kept?"

    came = await drive(engine).take_in([question])

    [row] = came.added
    best = row.evidence[0]
    assert (row.source, row.state, row.question) == ("imported", "active", question)
    assert row.group == f"{best['filing']}|{best['section']}"
    assert stored(engine)[0][0].evidence == row.evidence


async def test_a_question_imported_twice_is_counted_as_a_duplicate(engine: Engine) -> None:
    asked = ["What is the amber policy of Acme?", "what is the  amber policy of Acme"]

    first = await drive(engine).take_in(asked)
    second = await drive(engine).take_in(asked)

    assert (len(first.added), first.duplicates) == (1, 1)
    assert (len(second.added), second.duplicates) == (0, 2)


async def test_an_imported_question_that_examples_ask_too_is_said(engine: Engine) -> None:
    question = "How does Acme account for its amber leases in fiscal 2025?"
    with transaction(engine) as session:
        add_examples(session, [Example(source="turn", question=question, answer="So [1].")])

    came = await drive(engine).take_in([question])

    assert (len(came.added), came.taught) == (1, 1)


async def test_an_imported_question_without_evidence_stays_out(engine: Engine) -> None:
    came = await drive(engine, shelf=Shelf([])).take_in(["What is the policy of Zenith?"])

    assert (came.added, came.nothing_found) == ([], ["What is the policy of Zenith?"])
