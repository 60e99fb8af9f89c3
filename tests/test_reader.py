"""The extractive reader: what it reads, says, refuses and learns."""

import random
import re
import time
from collections.abc import Sequence

import pytest

from backend.answers import finish
from backend.errors import DataError
from backend.figures import check_figures
from backend.local.reader import (
    STUDENT_START,
    TEACHER,
    Plan,
    Step,
    Weights,
    lessons,
    read,
    train,
)
from backend.local.reader.phrasing import verb
from backend.local.reader.refusing import sought
from backend.passages import is_refusal
from backend.records import CheckedFigure, Citation, Message, Passage

INCOME = """\
Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022 | Year ended Jan 31, 2021
Revenue | $26,974 | $26,914 | $16,675
Cost of revenue | 11,618 | 9,439 | 6,279
Operating expenses:
Research and development | 7,339 | 5,268 | 3,924
Sales, general and administrative | 2,440 | 2,166 | 1,940
Interest expense | (262) | (236) | (184)
Net income per share:
Diluted | 1.74 | 3.85 | 1.73"""
RISKS = (
    "We depend on foundries to manufacture our semiconductor wafers. "
    "Their capacity is limited, and other customers compete with us for it. "
    "Competition for skilled people is intense in every place where we have offices."
)
PURCHASES = """\
Consolidated Statements of Cash Flows (USD in millions)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Purchases related to property and equipment and intangible assets | (1,833) | (976)
Dividends paid | (398) | (399)"""
MATURITIES = """\
Future principal payments on the Notes (USD in thousands)
 | Principal due
2024 | 12,500
2025 | 250,000"""


PROFIT = """\
Consolidated Statements of Income (USD in millions)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Revenue | $1,200 | $1,000
Operating income | 252 | 200"""
POLICIES = (
    "Basis of Presentation. The statements are prepared in accordance with accounting principles "
    "generally accepted in the United States, and include the accounts of all subsidiaries that we "
    "control, after balances and transactions between them have been taken out.\n"
    "Inventories. They are stated at the lower of cost and net realizable value. Cost is "
    "determined by the first-in, first-out method.\n"
    "Goodwill. We test goodwill for impairment once a year."
)


def checked(told: str, *passages: tuple[str, str]) -> list[CheckedFigure]:
    """The figures of an answer, looked up in the passages that it cites."""
    shown = passages or (("", INCOME), ("", RISKS), ("", PURCHASES))
    evidence = [
        Passage(
            filing="f",
            file="f.pdf",
            company="NVIDIA",
            fiscal_year=2023,
            page=n,
            pages=(n,),
            section=section,
            kind="table",
            text=text,
            score=1.0,
            chunk=n,
        )
        for n, (section, text) in enumerate(shown, 1)
    ]
    cited = [
        Citation(number=int(n), filing="f", file="f.pdf", page=int(n), quote="")
        for n in dict.fromkeys(re.findall(r"\[(\d)\]", told))
    ]
    return check_figures(told, cited, evidence)


def prompt(question: str, *passages: tuple[str, str]) -> list[Message]:
    shown = passages or (
        ("Consolidated Statements of Income", INCOME),
        ("Item 1A. Risk Factors", RISKS),
        ("Consolidated Statements of Cash Flows", PURCHASES),
    )
    evidence = "\n\n".join(
        f"[{n}] NVIDIA Corporation 10-K, fiscal 2023, page {40 + n}, {section}\n{text}"
        for n, (section, text) in enumerate(shown, 1)
    )
    return [
        Message(role="system", content="Answer from the evidence alone."),
        Message(role="user", content=f"Evidence:\n\n{evidence}\n\nQuestion: {question}"),
    ]


def answer(question: str, *passages: tuple[str, str], weights: Weights = TEACHER) -> str:
    return read(prompt(question, *passages), weights).answer


# -- answers


def test_a_figure_is_answered_with_its_line_item_period_unit_and_scale() -> None:
    assert (
        answer("What was NVIDIA's revenue in fiscal 2022?")
        == "Revenue was $26,914 million for the year ended Jan 30, 2022 [1]."
    )


def test_a_figure_per_share_has_no_scale() -> None:
    assert answer("What were diluted earnings per share in fiscal 2023?") == (
        "Net income per share, diluted was $1.74 for the year ended Jan 29, 2023 [1]."
    )


def test_a_synonym_of_finance_finds_its_row() -> None:
    assert "$1,833 million" in answer("What was capex in fiscal 2023?")
    assert "$26,974 million" in answer("What was the top line in FY2023?")


def test_a_row_labelled_by_its_year_is_found_by_its_table() -> None:
    told = answer("How much principal falls due in fiscal 2025?", ("Note 12 - Debt", MATURITIES))

    assert told == "Principal due was $250,000 thousand for 2025 [1]."


def test_a_change_is_computed_from_both_cells() -> None:
    assert answer("How did cost of revenue change from fiscal 2022 to fiscal 2023?") == (
        "Cost of revenue increased by $2,179 million, or 23.1%, from $9,439 million in fiscal "
        "2022 to $11,618 million in fiscal 2023 [1]."
    )


def test_an_expense_in_parentheses_grows_by_its_size() -> None:
    assert answer("How much did interest expense increase in fiscal 2023?").startswith(
        "Interest expense increased by $26 million, or 11.0%, from $236 million in fiscal 2022"
    )


def test_a_question_without_a_period_means_the_filings_own_year() -> None:
    oldest_first = """\
Selected data (USD in millions, except per share data)
 | 2021 | 2022 | 2023 | 2024 (forecast)
Revenue | $16,675 | $26,914 | $26,974 | $30,000"""

    assert "$26,974 million" in answer("What was revenue?", ("Selected Data", oldest_first))
    assert "1.74" in answer("what was diluted EPS")


def test_an_item_in_the_plural_were_what_it_was() -> None:
    assert [verb(item) for item in ("Net sales", "Total assets", "Earnings per share, basic")] == [
        "were"
    ] * 3
    assert [verb(item) for item in ("Revenue", "Cost of sales", "Goodwill", "Net loss")] == [
        "was"
    ] * 4


def test_an_outlay_that_grows_needs_no_parentheses() -> None:
    told = answer("How much did capex increase in fiscal 2023?")

    assert "by $857 million, or 87.8%, from $976 million in fiscal 2022 to $1,833 million" in told
    assert all(figure.found for figure in checked(told))


def test_a_sign_that_only_parentheses_tell_is_kept() -> None:
    flows = "Cash flows (USD in millions)\n | 2023\nNet cash provided by (used in) financing | (50)"

    told = answer("What was net cash from financing in 2023?", ("Cash Flows", flows))

    assert "$(50) million" in told


def test_a_ratio_is_computed_from_two_rows_of_the_evidence() -> None:
    told = answer("What was the operating margin in fiscal 2022?", ("Income", PROFIT))

    assert told == (
        "Operating margin was 20.0% in fiscal 2022: operating income of $200 million divided by "
        "revenue of $1,000 million [1]."
    )
    assert all(figure.found for figure in checked(told, ("Income", PROFIT)))


def test_a_ratio_that_is_printed_is_not_computed() -> None:
    text = f"{PROFIT}\nOperating margin | 21% | 20%"

    assert answer("What was the operating margin in fiscal 2023?", ("Income", text)).startswith(
        "Operating margin was 21% for the year ended Jan 29, 2023"
    )


def test_a_printed_free_cash_flow_goes_before_its_parts() -> None:
    text = (
        "Liquidity (USD in millions)\n | 2023 | 2022\n"
        "Net cash provided by operating activities | 9 | 8\n"
        "Purchases of property and equipment | (2) | (3)\nFree cash flow (1) | 7 | 5"
    )

    assert "was $7 million" in answer("What was free cash flow in fiscal 2023?", ("Item 7", text))


def test_a_ratio_of_which_a_part_is_missing_is_refused() -> None:
    text = "Balance Sheets (USD in millions)\n | 2023 | 2022\nTotal current assets | 9 | 8"

    assert is_refusal(answer("What was the current ratio in fiscal 2023?", ("Item 8", text)))


def test_no_ratio_is_computed_from_a_segments_revenue() -> None:
    profit = "\n".join(line for line in PROFIT.splitlines() if not line.startswith("Revenue"))
    segment = "Instruments segment (USD in millions)\n | 2023 | 2022\nRevenue | 300 | 250"

    told = answer(
        "What was the operating margin in fiscal 2022?", ("Income", profit), ("Note 3", segment)
    )

    assert "%" not in told


def test_a_heading_is_never_the_answer() -> None:
    told = answer("What is the policy on inventories?", ("Note 1", POLICIES))

    assert told.startswith("They are stated at the lower of cost and net realizable value [1].")


@pytest.mark.parametrize(
    "question",
    ["What is the policy on goodwill?", "How is goodwill accounted for?", "Describe goodwill."],
)
def test_a_short_question_finds_the_text_under_its_heading(question: str) -> None:
    assert "impairment once a year" in answer(question, ("Note 1", POLICIES), ("Item 1A", RISKS))


def test_a_question_for_words_is_not_answered_with_a_figure() -> None:
    table = "Inventories (USD in millions)\n | 2023 | 2022\nTotal inventories | 5,159 | 2,605"

    told = answer("How are inventories valued?", ("Note 9", table), ("Note 1", POLICIES))

    assert "lower of cost" in told


def test_a_list_is_quoted_with_its_items() -> None:
    text = (
        "Our current competitors include:\n\u2022 suppliers of chips; and\n\u2022 cloud companies"
    )

    told = answer("Who are the current competitors?", ("Item 1", text))

    assert "suppliers of chips" in told
    assert "cloud companies" in told


def test_a_count_in_words_answers_how_many() -> None:
    text = (
        "We depend on suppliers in many places. Six of our components come from a single source, "
        "and a second source is hard to find."
    )

    told = answer("How many components come from a single source?", ("Item 1A", text))

    assert told.startswith("Six of our components")


def test_dollars_are_never_the_answer_to_how_many() -> None:
    plans = (
        "Stock-based compensation (USD in thousands)\n"
        " | Year ended Jan 29, 2023 | Year ended Jan 30, 2022\n"
        "Employee stock purchase plan | 2,274 | 2,048"
    )
    people = "At January 29, 2023 we had 26,196 employees, compared with 22,473 a year before."

    told = answer("How many employees did the company have?", ("prose", people), ("table", plans))

    assert "26,196 employees" in told


def test_a_place_that_the_evidence_does_not_name_is_refused() -> None:
    assert is_refusal(answer("What was revenue in India in fiscal 2023?"))
    assert is_refusal(answer("What was revenue of the Aurora segment in fiscal 2022?"))


@pytest.mark.parametrize(
    "question",
    [
        "What fees did the auditor receive in fiscal 2023?",
        "How many stores does the company operate?",
        "What were Scope 1 emissions in fiscal 2023?",
        "What is the name of the largest customer?",
        "Who is the largest shareholder?",
        "What was revenue of the Aurora segment in fiscal 2022?",
        "What is the average age of employees?",
    ],
)
@pytest.mark.parametrize("weights", [TEACHER, STUDENT_START], ids=["teacher", "student"])
def test_what_the_evidence_does_not_hold_is_refused_whatever_the_weights(
    question: str, weights: Weights
) -> None:
    told = (
        "Our auditor is Hale & Moss LLP (PCAOB ID 42). "
        "Customers in many places buy from us, and our largest market is Europe. "
        "Employees may buy shares at a price that is set twice a year."
    )

    assert is_refusal(answer(question, ("Income", INCOME), ("Item 1", told), weights=weights))


@pytest.mark.parametrize(
    "question",
    ["What was revenue in fiscal 2012?", "What was revenue in the first quarter of fiscal 2024?"],
)
def test_a_year_that_the_evidence_does_not_hold_is_refused_by_an_untuned_student(
    question: str,
) -> None:
    assert is_refusal(answer(question, weights=STUDENT_START))


def test_pieces_are_not_counted_in_dollars() -> None:
    told = "Plans for employees cost $20 million, and 2% of employees took part in a new one."

    for weights in (TEACHER, STUDENT_START):
        assert is_refusal(
            answer("How many employees are there?", ("Note 9", told), weights=weights)
        )


def test_a_name_is_told_where_one_is_asked() -> None:
    told = (
        "Our Chief People Officer reports to the Chief Executive Officer and to the Board. "
        "We depend on Dana Hollis, our Chief Executive Officer, who has led us since 2011."
    )

    assert answer("Who is the CEO?", ("Item 1A", told)).startswith("We depend on Dana Hollis")


def test_how_often_is_answered_by_how_often_alone() -> None:
    once = (
        "In the third quarter of fiscal 2023 a test of goodwill for impairment took $14.2 million."
    )
    often = "We test it for impairment yearly, on the first day of our eleventh fiscal month."
    question = "How often is goodwill tested for impairment?"

    found = answer(question, ("Item 7", once), ("Note 7, Goodwill", often))
    alone = answer(question, ("Item 7", once))

    assert found.startswith("We test it for impairment yearly")
    assert is_refusal(alone)


def test_what_counts_as_something_is_answered_by_what_it_is_and_by_no_amount_of_it() -> None:
    amount = "We had $266.7 million of cash, cash equivalents and short-term investments."
    meant = "Investments with a maturity of three months or less when bought are cash equivalents."
    question = "Which investments count as cash equivalents?"

    found = answer(question, ("Item 7", amount), ("Note 1", meant))

    assert "three months or less" in found
    assert "266.7" not in found


def test_commas_in_a_companys_name_hide_neither_year_nor_section() -> None:
    text = "Selected data (USD in millions)\n | 2023 | 2022\nRevenue | $70 | $60"
    shown = f"[1] Larkin Freight, Inc. 10-K, fiscal 2022, page 9, Item 6, Data\n{text}"
    content = f"Evidence:\n\n{shown}\n\nQuestion: What was revenue?"

    told = read([Message(role="user", content=content)], TEACHER).answer

    assert "$60 million" in told


def test_a_quarter_is_not_answered_with_the_year() -> None:
    told = answer("What was revenue in the first quarter of fiscal 2023?")

    assert "26,974" not in told


def test_two_years_asked_are_two_figures_told() -> None:
    told = answer("What was research and development expense in 2023 and 2022?")

    assert "$7,339 million" in told
    assert "$5,268 million" in told


def test_prose_is_quoted_with_its_passage() -> None:
    assert answer("Why does NVIDIA depend on foundries?").startswith(
        "We depend on foundries to manufacture our semiconductor wafers [2]."
    )


def test_the_reader_refuses_a_question_its_evidence_does_not_hold() -> None:
    told = answer("What was the goodwill impairment in fiscal 2019?")

    assert is_refusal(told)
    assert "I looked for the goodwill impairment in fiscal 2019 and found nothing in" in told
    assert "Consolidated Statements of Income" in told


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What was the churn rate?", "the churn rate"),
        ("Who is the largest shareholder?", "the largest shareholder"),
        ("Tell me about the space program", "the space program"),
        ("Who won the race?", 'an answer to "Who won the race?"'),
        ("How many moons does Jupiter have?", 'an answer to "How many moons does Jupiter have?"'),
        ("What was said of it in 2023?", 'an answer to "What was said of it in 2023?"'),
        ('What is meant by "gross value"?', '"gross value"'),
        ("  What was\n revenue?", "revenue"),
    ],
)
def test_a_refusal_says_in_good_english_what_was_looked_for(question: str, wanted: str) -> None:
    assert sought(question) == wanted


def test_a_refusal_says_what_to_do_next_and_claims_nothing_that_needs_a_source() -> None:
    told = answer("How many moons does Jupiter have?")
    other = answer("What was the goodwill impairment in fiscal 2012?")

    assert "If the filing uses another word for it, ask by that word" in told
    assert "If the filing for fiscal 2023 does not cover 2012, add the filing that does" in other
    for one in (told, other):
        assert is_refusal(one)
        assert finish(one, [], question="").text == one


def test_a_refusal_without_passages_names_no_place() -> None:
    told = read([Message(role="user", content="What was revenue?")], TEACHER).answer

    assert told == "The evidence does not say: I looked for revenue, and no passage was given."


@pytest.mark.parametrize(
    "content",
    ["", "What was revenue?", "Evidence:\n\nQuestion: What was revenue?", "Evidence:\n\n[1]"],
)
def test_a_prompt_without_evidence_is_refused(content: str) -> None:
    assert is_refusal(read([Message(role="user", content=content)], TEACHER).answer)
    assert is_refusal(read([], TEACHER).answer)


def test_a_bracketed_number_inside_a_passage_starts_no_passage() -> None:
    text = "[7] a footnote of its own\nRevenue is recognized when control of the goods passes."

    told = answer("When is revenue recognized?", ("Note 1", text))

    assert "when control of the goods passes [1]" in told


def test_llamaindexs_prompt_is_read_and_answered_without_markers() -> None:
    content = (
        "Context information is below.\n---------------------\npage_label: 53\n"
        f"file_name: a.pdf\n\n{INCOME}\n---------------------\n"
        "Given the context information and not prior knowledge, answer the query.\n"
        "Query: What was revenue in fiscal 2023?\nAnswer: "
    )

    told = read([Message(role="user", content=content)], TEACHER).answer

    assert told == "Revenue was $26,974 million for the year ended Jan 29, 2023."


def test_the_untuned_student_takes_the_wrong_period_where_the_teacher_does_not() -> None:
    question = "What was cost of revenue in fiscal 2021?"

    assert "$6,279 million" in answer(question)
    assert "$6,279 million" not in answer(question, weights=STUDENT_START)


def test_probabilities_add_up_and_name_the_choice() -> None:
    reading = read(prompt("What was revenue in fiscal 2023?"), TEACHER)

    assert sum(reading.probabilities) == pytest.approx(1)
    best = reading.probabilities.index(max(reading.probabilities))
    assert reading.candidates[best] == reading.chosen


def test_eight_passages_are_read_in_thirty_milliseconds() -> None:
    passages = [(f"Note {n}", f"{INCOME}\nRow {n} | 1 | 2 | 3") for n in range(6)]
    passages += [("Item 1A", RISKS + f" Sentence {n} is here to be read." * 12) for n in range(2)]
    messages = prompt("What was revenue in fiscal 2022?", *passages)
    read(messages, TEACHER)

    spent: list[float] = []
    for year in (2021, 2022, 2023) * 3:
        asked = prompt(f"What was cost of revenue in {year}?", *passages)
        start = time.process_time()
        read(asked, TEACHER)
        spent.append(time.process_time() - start)

    assert min(spent) < 0.03


# -- follow-ups

FIRST = ("What was NVIDIA's revenue in fiscal 2023?", "Revenue was $26,974 million for 2023 [1].")


def rewritten(question: str, *history: tuple[str, str]) -> str:
    told = "\n".join(f"Reader: {asked}\nAnswer: {said}" for asked, said in history)
    system = "Rewrite the last question so that it can be understood alone. Take company, item ..."
    content = f"Conversation:\n{told}\n\nLast question: {question}"
    messages = [Message(role="system", content=system), Message(role="user", content=content)]
    return read(messages, TEACHER).answer


@pytest.mark.parametrize(
    ("follow_up", "wanted"),
    [
        ("and the year before?", "What was NVIDIA's revenue in fiscal 2022?"),
        ("And for 2021?", "What was NVIDIA's revenue in fiscal 2021?"),
        ("What was it in fiscal 2021?", "What was NVIDIA's revenue in fiscal 2021?"),
        (
            "what about operating expenses?",
            "What was NVIDIA's operating expenses in fiscal 2023?",
        ),
        ("and R&D?", "What was NVIDIA's R&D in fiscal 2023?"),
        ("And cost of revenue in 2022?", "What was NVIDIA's cost of revenue in fiscal 2022?"),
        ("and Uber's revenue in 2021?", "What was Uber's revenue in fiscal 2021?"),
        ("Why did it increase?", "Why did NVIDIA's revenue increase in fiscal 2023?"),
        ("why?", "Why did NVIDIA's revenue change in fiscal 2023?"),
        (
            "How does that compare with the prior year?",
            "How did NVIDIA's revenue change from fiscal 2022 to fiscal 2023?",
        ),
    ],
)
def test_a_follow_up_is_understood_from_the_question_before(follow_up: str, wanted: str) -> None:
    assert rewritten(follow_up, FIRST) == wanted


@pytest.mark.parametrize(
    "question",
    ["What are the company's main competitors?", "Describe the risks of export controls.", ""],
)
def test_a_question_that_stands_alone_is_not_touched(question: str) -> None:
    assert rewritten(question, FIRST) == question


def test_a_first_question_is_not_touched() -> None:
    assert rewritten("and the year before?") == "and the year before?"


# -- learning: a made-up company whose tables and sentences are drawn by chance

ITEMS = """Product revenue,Service revenue,Cost of products,Cost of services,Marketing expense
Warehouse rent,Insurance premiums,Freight charges,Royalty income,Licence fees
Pension contributions,Travel expense,Legal fees,Utility charges,Training expense""".replace(
    "\n", ","
).split(",")
MATTERS = """fire at the foundry,loss of a large customer,shortage of copper,strike of drivers
theft of drawings,delay of approvals,flood of the harbour,failure of the billing system
change of tariffs,fall of the renminbi""".replace("\n", ",").split(",")


def world(chance: random.Random) -> tuple[tuple[str, str], ...]:
    """Two tables and a passage of prose; figures are drawn anew each time."""
    tables: list[tuple[str, str]] = []
    for part in (ITEMS[:8], ITEMS[8:]):
        rows = [
            f"{item} | " + " | ".join(f"{chance.randint(1000, 99999):,}" for _ in range(3))
            for item in chance.sample(part, len(part))
        ]
        head = " | 2021 | 2022 | 2023"
        tables.append(("Results", "\n".join(["Results (USD in millions)", head, *rows])))
    said = " ".join(
        f"A {matter} could {chance.choice(('harm', 'delay', 'weaken'))} what we do for "
        f"{chance.choice(('months', 'years', 'weeks'))}."
        for matter in chance.sample(MATTERS, len(MATTERS))
    )
    return (*tables, ("Risk Factors", said))


def example(chance: random.Random, *, figure: bool) -> tuple[list[Message], str]:
    """A prompt and the answer that is right by construction."""
    passages = world(chance)
    if figure:
        item, year = chance.choice(ITEMS), chance.choice((2021, 2022, 2023))
        question = f"What was {item.lower()} in fiscal {year}?"
        row = next(
            line for _, text in passages for line in text.splitlines() if line.startswith(item)
        )
        number = row.split(" | ")[year - 2020]
        was = verb(item)
        return prompt(question, *passages), f"{item} {was} ${number} million for {year} [1]."
    matter = chance.choice(MATTERS)
    question = f"How could a {matter} hurt the business?"
    said = next(s for s in passages[2][1].split(". ") if matter in s).rstrip(".")
    return prompt(question, *passages), f"{said} [3]."


def chats(count: int, *, seed: int, figures: float) -> list[list[Message]]:
    chance = random.Random(seed)
    made = [example(chance, figure=n < count * figures) for n in range(count)]
    return [[*asked, Message(role="assistant", content=said)] for asked, said in made]


def right(weights: Weights, *, figure: bool) -> float:
    """Share of right answers on questions that no training draws."""
    chance = random.Random(99)
    asked = [example(chance, figure=figure) for _ in range(40)]
    wanted = [said.rpartition(" [")[0] for _, said in asked]
    told = [read(messages, weights).answer for messages, _ in asked]
    return sum(w in t for w, t in zip(wanted, told, strict=True)) / len(asked)


def learned(examples: Sequence[Sequence[Message]], seed: int = 1) -> Step:
    *_, last = train(examples, seed=seed)
    return last


@pytest.fixture(scope="module")
def fifty() -> Step:
    return learned(chats(50, seed=5, figures=0.5))


def test_training_on_fifty_examples_makes_the_student_choose_right_cells(fifty: Step) -> None:
    assert right(STUDENT_START, figure=True) < 0.5
    assert right(fifty.weights, figure=True) > 0.9
    assert right(fifty.weights, figure=False) > 0.9


def test_loss_falls_in_training_and_in_validation() -> None:
    held = chats(10, seed=6, figures=0.5)

    steps = list(train(chats(20, seed=5, figures=0.5), seed=1, validation=held))

    first, last = steps[0], steps[-1]
    assert last.train_loss < first.train_loss / 2
    assert first.valid_loss is not None
    assert last.valid_loss is not None
    assert last.valid_loss < first.valid_loss
    assert last.valid_accuracy == 1.0


def test_the_same_seed_gives_the_same_weights(fifty: Step) -> None:
    again = learned(chats(50, seed=5, figures=0.5))
    other = learned(chats(50, seed=5, figures=0.5), seed=2)

    assert again.weights == fifty.weights
    assert other.weights != fifty.weights


def test_prose_alone_hurts_figures(fifty: Step) -> None:
    prose = learned(chats(50, seed=5, figures=0.0))

    assert right(prose.weights, figure=False) > 0.9
    assert right(prose.weights, figure=True) < right(fifty.weights, figure=True) - 0.3


def test_a_refusal_is_learned_as_a_choice_of_its_own() -> None:
    asked = prompt("What was the goodwill impairment in fiscal 2019?")
    said = Message(role="assistant", content="The evidence does not say; I looked for goodwill.")

    (taught,) = lessons([[*asked, said]])

    assert taught.used.nonzero()[0].tolist() == [len(taught.used) - 1]


def test_the_readers_own_answers_are_recovered_as_what_it_chose() -> None:
    for question in (
        "What was cost of revenue in fiscal 2021?",
        "How much did interest expense increase in fiscal 2023?",
        "Why does NVIDIA depend on foundries?",
    ):
        reading = read(prompt(question), TEACHER)
        said = Message(role="assistant", content=reading.answer)

        (taught,) = lessons([[*prompt(question), said]])

        assert reading.chosen is not None
        assert taught.used[reading.candidates.index(reading.chosen)]
        assert taught.used.sum() <= 3


def test_an_answer_in_a_models_own_words_is_traced_to_its_sentence() -> None:
    said = "The company depends on foundries, which manufacture its semiconductor wafers [2]."
    question = prompt("Why does NVIDIA depend on foundries?")

    (taught,) = lessons([[*question, Message(role="assistant", content=said)]])

    chosen = read(question, TEACHER).candidates[int(taught.used.argmax())]
    assert chosen.sentence is not None
    assert chosen.sentence.text.startswith("We depend on foundries")


def test_an_answer_from_nowhere_teaches_nothing() -> None:
    said = Message(role="assistant", content="Bananas are yellow, curved and sweet when ripe.")

    assert lessons([[*prompt("What was revenue in fiscal 2023?"), said]]) == []


def test_training_on_nothing_says_what_is_missing() -> None:
    with pytest.raises(DataError, match="No example teaches anything"):
        next(train([], seed=1))


@pytest.mark.parametrize("last", [[], [Message(role="assistant", content="  ")]])
def test_an_example_without_an_answer_is_refused(last: list[Message]) -> None:
    with pytest.raises(DataError, match="must end with a message of the assistant"):
        next(train([[*prompt("What was revenue?"), *last]], seed=1))


def test_few_epochs_give_few_steps() -> None:
    plan = Plan(epochs=2, batch=4)

    steps = list(train(chats(6, seed=5, figures=0.5), seed=1, plan=plan))

    assert [(step.number, step.epoch) for step in steps] == [(1, 1), (2, 1), (3, 2), (4, 2)]


# -- weights


def test_weights_survive_json() -> None:
    assert Weights.from_json(TEACHER.to_json()) == TEACHER


@pytest.mark.parametrize(
    "text",
    ["", "[1]", '{"cell": "much"}', '{"cell": true}', '{"unheard_of": 1}', '{"cell": NaN}'],
)
def test_weights_that_are_none_are_refused_in_words(text: str) -> None:
    with pytest.raises(DataError, match="(?i)weights"):
        Weights.from_json(text)
