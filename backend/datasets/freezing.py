"""Examples that teach in, frozen training and validation files out; exam questions never in them.

It alone knows what counts as the same question on both sides of the line.
"""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from backend.datasets.chat_files import from_chat_jsonl, questions_in, to_chat_jsonl
from backend.datasets.curation import EXAM_REASON, Curated, group_of, normalised
from backend.errors import DataError
from backend.records import Example, ExamQuestion, Turn
from backend.terms import stem_tuple

LEAST_EXAMPLES = 10
"""What fine-tuning APIs ask for at least."""
FIELD_ADVICE = 1000
"""What practitioners advise; OpenAI's least is 10."""
NEAR = 0.8
"""Words in common (Jaccard) from which two questions are one, where their figures agree."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The two files of a dataset, as text, and the ids of the examples in each, in file order."""

    train: str
    validation: str
    train_examples: tuple[int, ...]
    validation_examples: tuple[int, ...]

    @property
    def sha256(self) -> str:
        """Of both files: the same examples give the same name."""
        return fingerprint(self.train, self.validation)


def fingerprint(train: str, validation: str) -> str:
    """The sha256 of both files' text; a file that is not there is empty."""
    return sha256(f"{train}\0{validation}".encode()).hexdigest()


class Asked:
    """Exam questions, ready to be compared with many others."""

    def __init__(self, questions: Iterable[str]) -> None:
        self._by_figures: dict[frozenset[str], list[frozenset[str]]] = {}
        for question in questions:
            self.add(question)

    def add(self, question: str) -> None:
        """One more."""
        words, figures = _words(question)
        self._by_figures.setdefault(figures, []).append(words)

    def near(self, question: str) -> bool:
        """Whether one of them asks nearly the same, of the same years."""
        words, figures = _words(question)
        return any(
            len(words & held) >= NEAR * len(words | held)
            for held in self._by_figures.get(figures, ())
        )


_YEAR = {"fy": "fiscal", "year": "fiscal"}


def _words(question: str) -> tuple[frozenset[str], frozenset[str]]:
    """Stems and those of figures, however the letters are written and the year is named."""
    plain = re.sub(
        r"[\u00ad\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", question)
    )
    stems = frozenset(_YEAR.get(stem, stem) for stem in stem_tuple(plain))
    return stems, frozenset(stem for stem in stems if stem[0].isdigit())


def without_exam_questions(curated: Sequence[Curated], exam: Sequence[str]) -> list[Curated]:
    """The same examples, with those dropped that ask nearly what an exam question asks."""
    asked = Asked(exam)
    return [
        replace(
            one, state="dropped", reason=f"{EXAM_REASON}: nearly the same question", rule="exam"
        )
        if one.state == "kept" and _near_in(one.example, asked)
        else one
        for one in curated
    ]


def _near_in(example: Example, asked: Asked) -> str | None:
    """The first question anywhere in an example that is nearly one of those asked."""
    every = [example.question, *questions_in(example.messages)]
    return next((question for question in dict.fromkeys(every) if asked.near(question)), None)


def freeze(curated: Sequence[Curated], *, share: float = 0.1, seed: int = 0) -> Frozen:
    """Part the kept examples into the two files. The same examples and seed give the same files.

    Args:
        curated: All examples; only kept ones go in.
        share: Of them for validation, in [0, 0.5]; none where fewer than LEAST_EXAMPLES would be
            left to train on.
        seed: Of the draw.

    Raises:
        DataError: Too few examples are kept to train on.
    """
    kept = [one for one in curated if one.state == "kept"]
    if len(kept) < LEAST_EXAMPLES:
        raise DataError(
            f"Fine-tuning takes {LEAST_EXAMPLES} examples or more, and {len(kept)} of "
            f"{len(curated)} are kept. Ask more questions, or let the teacher answer generated "
            f"ones: tenk examples generate --n {2 * LEAST_EXAMPLES}"
        )
    spare = min(round(share * len(kept)), len(kept) - LEAST_EXAMPLES)
    held_out = set(random.Random(seed).sample(range(len(kept)), spare))
    train = [one for place, one in enumerate(kept) if place not in held_out]
    validation = [one for place, one in enumerate(kept) if place in held_out]
    return Frozen(_lines(train), _lines(validation), _ids(train), _ids(validation))


def _lines(curated: Sequence[Curated]) -> str:
    return "".join(to_chat_jsonl(one.example) + "\n" for one in curated)


def _ids(curated: Sequence[Curated]) -> tuple[int, ...]:
    return tuple(one.example.id or 0 for one in curated)


def refuse_exam_questions(text: str, exam: Sequence[str]) -> None:
    """Raise DataError where a file that is about to be uploaded holds an exam question.

    The last gate before a file leaves: it reads the file itself, whoever made it.
    """
    asked = Asked(exam)
    for number, example in enumerate(from_chat_jsonl(text.split("\n")), 1):
        if question := _near_in(example, asked):
            raise DataError(
                f"Line {number} of the training file asks an exam question: "
                f"{question!r}. Nothing was uploaded. Take the line out: a model that has "
                "seen the exam cannot be examined."
            )


def dropped_by_rule(curated: Sequence[Curated]) -> dict[str, int]:
    """How many examples each rule dropped, most first."""
    return dict(Counter(str(one.rule) for one in curated if one.state == "dropped").most_common())


def size_advice(count: int) -> str:
    """What a person should know of a dataset of this size."""
    if count >= FIELD_ADVICE:
        return ""
    return (
        f"That is little: APIs take {LEAST_EXAMPLES}, the field advises {FIELD_ADVICE:,}, and a "
        "file of 65 has made a model worse."
    )


def readers_exam_questions(
    rows: Sequence[tuple[Example, Turn | None]], on_exam_side: Callable[[str], bool]
) -> list[ExamQuestion]:
    """Readers' questions whose evidence is on the exam's side, liked or not.

    Testing liked answers alone would grade the active model on its own best work.
    """
    found: list[ExamQuestion] = []
    for example, turn in rows:
        group = group_of(example, turn)
        if turn is None or turn.state != "whole" or not on_exam_side(group):
            continue
        key = normalised(example.question)
        found.append(
            ExamQuestion(
                question=example.question,
                key=key,
                group=group,
                evidence=example.evidence,
                source="reader",
                turn=turn.id,
            )
        )
    return found
