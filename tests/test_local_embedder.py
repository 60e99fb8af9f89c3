"""local-embed over HTTP and by itself: what is near, what is far, what is refused."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from openai import OpenAI

from backend.local.embedder import DIMENSIONS, embed
from backend.local.serving import Served, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=served.url, api_key="any", max_retries=0, timeout=60) as made:
        yield made


def closeness(one: str, other: str) -> float:
    vectors = embed([one, other])
    return float(vectors[0] @ vectors[1])


def make(client: OpenAI, **more: Any) -> Any:
    return client.embeddings.create(model="local-embed", **more)


# -- over HTTP


def test_each_text_gets_a_vector_of_length_one_in_order(client: OpenAI) -> None:
    made = make(client, input=["net income", "goodwill impairment"])

    lengths = [np.linalg.norm(one.embedding) for one in made.data]
    assert [one.index for one in made.data] == [0, 1]
    assert lengths == pytest.approx([1.0, 1.0], abs=1e-5)
    assert {len(one.embedding) for one in made.data} == {DIMENSIONS}


def test_floats_and_base64_are_the_same_numbers(client: OpenAI) -> None:
    floats = make(client, input="net income", encoding_format="float").data[0].embedding
    encoded = make(client, input="net income", encoding_format="base64").data[0].embedding

    assert np.frombuffer(base64.b64decode(encoded), "<f4").tolist() == floats


def test_one_text_alone_is_taken(client: OpenAI) -> None:
    made = make(client, input="net income")

    assert len(made.data) == 1
    assert made.usage.total_tokens == 2


@pytest.mark.parametrize("size", [64, 256, 2048])
def test_as_many_dimensions_come_as_were_asked_for(client: OpenAI, size: int) -> None:
    made = make(client, input="net income", dimensions=size)

    assert len(made.data[0].embedding) == size


BAD: list[tuple[dict[str, Any], str]] = [
    ({"input": []}, "empty array"),
    ({"input": ""}, "empty string"),
    ({"input": ["a", ""]}, "empty string"),
    ({"input": [1, 2]}, "not token ids"),
    ({"input": [[1, 2]]}, "not token ids"),
    ({"input": [{"text": "a"}]}, "expected a string"),
    ({"input": "word " * 9000}, "maximum context length is 8192"),
    ({"input": ["a"] * 2049}, "maximum length 2048"),
    ({"input": ["word " * 8000] * 40}, "max 300000 tokens"),
    ({"input": "a", "dimensions": 0}, "integer below minimum"),
    ({"input": "a", "dimensions": 5000}, "integer above maximum"),
    ({"input": "a", "extra_body": {"encoding_format": "int8"}}, "Supported values"),
]


@pytest.mark.parametrize(("request_", "said"), BAD, ids=[said for _, said in BAD])
def test_a_bad_request_is_told_why(client: OpenAI, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(openai.BadRequestError, match=said):
        make(client, **request_)


def test_a_model_that_chats_does_not_embed(client: OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="not allowed to generate embeddings"):
        client.embeddings.create(model="local-teacher", input="net income")


# -- what is near


def test_other_endings_of_a_word_are_nearer_than_other_words() -> None:
    same = closeness("impairments of goodwill", "goodwill impairment")
    other = closeness("impairments of goodwill", "depreciation of equipment")

    assert same > 0.9 > 0.3 > other


def test_the_asked_year_is_nearer_than_another() -> None:
    right = closeness("net income in fiscal 2023", "net income for 2023")
    wrong = closeness("net income in fiscal 2023", "net income for 2021")

    assert right > wrong + 0.05


def test_a_rare_word_in_common_counts_for_more_than_a_usual_one() -> None:
    question = "which covenants apply to operating agreements"

    rare = closeness(question, "the covenants were kept")
    usual = closeness(question, "the operating results were kept")

    assert rare > usual


def test_words_that_only_ask_tell_nothing() -> None:
    bare = closeness(
        "goodwill impairment", "Please describe the goodwill impairment of the company"
    )

    assert bare > 0.99


def test_the_name_of_the_company_asked_about_tells_nothing() -> None:
    named = closeness("What was Calderwick's goodwill?", "goodwill")

    assert named > 0.99


def test_a_text_without_a_word_still_has_a_direction() -> None:
    vectors = embed(["", "?!", "the of and"])

    assert np.linalg.norm(vectors, axis=1).tolist() == [1.0, 1.0, 1.0]


def test_the_same_text_gives_the_same_vector_in_another_process() -> None:
    vector = embed(["Revenue was $26,974 million in fiscal 2023."])[0]

    assert float(vector[:8] @ np.arange(8)) == pytest.approx(KNOWN, abs=1e-6)


KNOWN = -0.25493353605270386
"""Stored indexes stand on this: when it changes, say so, and let every home be indexed again."""


def test_the_right_page_is_usually_among_the_first_five(shared_data: Path) -> None:
    file = shared_data / "retrieval_pairs" / "nvda_val.jsonl"
    pairs = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    chunks = list(dict.fromkeys(pair["positive"] for pair in pairs))

    scores = embed([pair["question"] for pair in pairs]) @ embed(chunks).T

    best = np.argsort(-scores, axis=1)[:, :5].tolist()
    hits = [
        chunks.index(pair["positive"]) in found for pair, found in zip(pairs, best, strict=True)
    ]
    assert np.mean(hits) > 0.9
