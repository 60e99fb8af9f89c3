"""Questions go in; the order in which they are drawn, and what asking them costs, comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from backend.exam.papers import Terms
from backend.records import ExamQuestion, Usage

Price = tuple[float, float]
"""USD per million tokens, in and out."""


def draw(questions: Sequence[ExamQuestion], seed: int) -> list[ExamQuestion]:
    """The questions in exam order: one of each group (filing and section) in turn.

    Any run of them from the front is spread over the groups as evenly as can be, so that an exam
    that stops early has not asked about one section alone. The order depends on the seed and the
    questions themselves, not on the order they come in.
    """

    def place(*told: object) -> str:
        return sha256("\n".join(map(str, (seed, *told))).encode()).hexdigest()

    groups: dict[str, list[ExamQuestion]] = {}
    for question in sorted(questions, key=lambda one: place(one.group, one.key)):
        groups.setdefault(question.group, []).append(question)
    rounds = [
        (number, place(group), question)
        for group, held in groups.items()
        for number, question in enumerate(held)
    ]
    rounds.sort(key=lambda told: told[:2])
    return [question for _, _, question in rounds]


CALLS = 6
"""To the judge and the embedder for one answer; the question's own vector comes on top, once."""
ANSWER = 80
"""Tokens of an answer: one to three sentences."""
PROMPTS = (480, 880, 3 * 490)
"""Tokens of ragas's prompts without what is judged: statements, verdicts, three questions."""
REPLIES = (110, 260, 3 * 40)
"""Tokens of the judge's replies to them, where it does not reason aloud."""
INSTRUCTIONS = 550
"""Tokens of the instructions that an arm is given."""
LETTERS = 3
"""Letters a token, on the safe side for tables."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an exam will take, by a rough count; rather too much than too little."""

    calls: int
    """To the judge and the embedder."""
    tokens: int
    """Of arms and judge together."""
    usd: float | None
    """None: a price that counts is not known."""


def estimate(
    questions: Sequence[ExamQuestion],
    terms: Terms,
    *,
    judge: str,
    price: Callable[[str], Price | None],
) -> Estimate:
    """What the exam costs, before its first call: every answer given, and judged by itself.

    Answers that are the same or refuse cost less. Vectors are not priced: they come to less than
    a hundredth. `price` tells USD per million tokens by a model's name.
    """
    sittings = len(questions) * terms.repeats
    evidence = sum(_tokens(question) for question in questions) * terms.repeats
    asked = Usage(
        prompt_tokens=sittings * INSTRUCTIONS + evidence, completion_tokens=sittings * ANSWER
    )
    judged = Usage(
        prompt_tokens=sittings * (sum(PROMPTS) + 5 * ANSWER) + evidence,
        completion_tokens=sittings * sum(REPLIES),
    )
    paid = [_usd(asked, price(arm.model)) for arm in terms.arms]
    paid.append(_usd(judged, price(judge), len(terms.arms)))
    tokens = sum((use.prompt_tokens + use.completion_tokens) for use in (asked, judged))
    known = [usd for usd in paid if usd is not None]
    return Estimate(
        calls=sittings * len(terms.arms) * CALLS + len(questions),
        tokens=tokens * len(terms.arms),
        usd=sum(known) if len(known) == len(paid) else None,
    )


def _tokens(question: ExamQuestion) -> int:
    letters = sum(len(str(passage.get("text", ""))) + 60 for passage in question.evidence)
    return (letters + len(question.question)) // LETTERS


def _usd(use: Usage, price: Price | None, times: int = 1) -> float | None:
    if price is None:
        return None
    return times * (use.prompt_tokens * price[0] + use.completion_tokens * price[1]) / 1e6
