"""Turns -> examples, kept or dropped with a reason -> frozen dataset."""

from backend.datasets.chat_files import (
    from_chat_jsonl,
    question_in,
    rewritten_answer,
    taught,
    to_chat,
    to_chat_jsonl,
    unmarked,
)
from backend.datasets.curation import (
    Curated,
    Rule,
    Rules,
    curate,
    exam_side,
    group_of,
    normalised,
    rule_against,
)
from backend.datasets.freezing import (
    LEAST_EXAMPLES,
    Frozen,
    dropped_by_rule,
    freeze,
    readers_exam_questions,
    refuse_exam_questions,
    size_advice,
    without_exam_questions,
)

__all__ = [
    "LEAST_EXAMPLES",
    "Curated",
    "Frozen",
    "Rule",
    "Rules",
    "curate",
    "dropped_by_rule",
    "exam_side",
    "freeze",
    "from_chat_jsonl",
    "group_of",
    "normalised",
    "question_in",
    "readers_exam_questions",
    "refuse_exam_questions",
    "rewritten_answer",
    "rule_against",
    "size_advice",
    "taught",
    "to_chat",
    "to_chat_jsonl",
    "unmarked",
    "without_exam_questions",
]
