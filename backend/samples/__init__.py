"""A fictional company's 10-K that ships with tenk, and questions on it with gold answers."""

from pathlib import Path

SAMPLE_PDF = Path(__file__).with_name("calderwick-10k-2025.pdf")
SAMPLE_QUESTIONS = Path(__file__).with_name("questions.jsonl")
