"""Chats with the local API: whole and streamed answers, JSON and tools; the openai SDK asks."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from backend.local.serving import Served, serve
from backend.local.tokens import count, tokens

EVIDENCE = """Evidence:

[1] Acme Inc 10-K, fiscal 2023, page 42, Consolidated Statements of Income
Consolidated Statements of Income (USD in millions, except per share data)
 | Year ended Jan 29, 2023 | Year ended Jan 30, 2022
Revenue | $26,974 | $26,914
Cost of revenue | 11,618 | 9,439

Question: What was revenue in fiscal 2023?"""
MESSAGES: list[Any] = [
    {"role": "system", "content": "Answer only from the evidence. Cite [n]. Write JSON if asked."},
    {"role": "user", "content": EVIDENCE},
]
ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"reply": {"type": "string"}},
    "required": ["reply"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=served.url, api_key="any", max_retries=0, timeout=30) as made:
        yield made


def ask(client: OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(model="local-teacher", messages=MESSAGES, **more)


def test_the_teacher_reads_the_figure_and_cites_it(client: OpenAI) -> None:
    reply = ask(client)

    text = reply.choices[0].message.content
    assert "$26,974 million" in text
    assert "[1]" in text
    assert "26,914" not in text


def test_a_whole_answer_counts_its_tokens(client: OpenAI) -> None:
    reply = ask(client)

    assert reply.usage.completion_tokens == count(reply.choices[0].message.content)
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.prompt_tokens > 60


def test_a_stream_is_the_same_answer_in_small_pieces(client: OpenAI) -> None:
    whole = ask(client).choices[0].message.content

    chunks = list(ask(client, stream=True))

    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == whole
    assert len([piece for piece in pieces if piece]) > 5
    assert max(count(piece) for piece in pieces) <= 2


def test_a_stream_opens_with_the_role_and_ends_with_the_reason(client: OpenAI) -> None:
    chunks = list(ask(client, stream=True))

    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_tells_its_usage_last_where_that_was_asked_for(client: OpenAI) -> None:
    whole = ask(client)

    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))

    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_an_answer_longer_than_allowed_is_cut_and_says_so(client: OpenAI) -> None:
    whole = ask(client).choices[0].message.content

    reply = ask(client, max_tokens=4)

    assert reply.choices[0].finish_reason == "length"
    assert reply.choices[0].message.content == "".join(tokens(whole)[:4])
    assert reply.usage.completion_tokens == 4


def test_a_limit_that_the_answer_keeps_cuts_nothing(client: OpenAI) -> None:
    size = ask(client).usage.completion_tokens

    reply = ask(client, max_completion_tokens=size)

    assert reply.choices[0].finish_reason == "stop"


def test_an_answer_ends_before_its_first_stop_word(client: OpenAI) -> None:
    reply = ask(client, stop=["nowhere", " million"])

    assert reply.choices[0].message.content.endswith("$26,974")
    assert reply.choices[0].finish_reason == "stop"


def test_several_choices_are_each_counted(client: OpenAI) -> None:
    one = ask(client)

    three = ask(client, n=3)

    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert three.usage.completion_tokens == 3 * one.usage.completion_tokens


def test_content_in_parts_is_read_as_its_text(client: OpenAI) -> None:
    parts: list[Any] = [{"role": "user", "content": [{"type": "text", "text": EVIDENCE}]}]

    reply = client.chat.completions.create(model="local-teacher", messages=parts)

    assert "$26,974 million" in str(reply.choices[0].message.content)


def test_a_json_object_holds_the_answer(client: OpenAI) -> None:
    reply = ask(client, response_format={"type": "json_object"})

    assert "$26,974 million" in json.loads(reply.choices[0].message.content)["answer"]


def test_a_schema_with_one_string_is_filled_with_the_answer(client: OpenAI) -> None:
    schema = {"name": "said", "schema": ANSWER_SCHEMA, "strict": True}

    reply = ask(client, response_format={"type": "json_schema", "json_schema": schema})

    assert "$26,974 million" in json.loads(reply.choices[0].message.content)["reply"]


def test_a_schema_that_needs_a_language_model_is_refused(client: OpenAI) -> None:
    wants = {
        "type": "object",
        "properties": {"mood": {"type": "string"}, "score": {"type": "number"}},
        "required": ["mood", "score"],
    }
    schema = {"name": "mood", "schema": wants}

    with pytest.raises(openai.BadRequestError, match="no language model"):
        ask(client, response_format={"type": "json_schema", "json_schema": schema})


TOOLS = [{"type": "function", "function": {"name": "say", "parameters": ANSWER_SCHEMA}}]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "say"}}])
def test_a_tool_that_must_be_called_is_called_with_the_answer(client: OpenAI, choice: Any) -> None:
    reply = ask(client, tools=TOOLS, tool_choice=choice)

    call = reply.choices[0].message.tool_calls[0]
    assert call.function.name == "say"
    assert "$26,974 million" in json.loads(call.function.arguments)["reply"]
    assert reply.choices[0].message.content is None


def test_a_tool_that_may_be_called_is_not(client: OpenAI) -> None:
    reply = ask(client, tools=TOOLS, tool_choice="auto")

    assert "$26,974 million" in reply.choices[0].message.content


def test_a_tool_that_is_not_there_cannot_be_chosen(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not found in 'tools'"):
        ask(client, tools=TOOLS, tool_choice={"type": "function", "function": {"name": "sing"}})


def test_a_streamed_tool_call_adds_up_to_the_whole_one(client: OpenAI) -> None:
    whole = ask(client, tools=TOOLS, tool_choice="required").choices[0].message.tool_calls[0]

    chunks = list(ask(client, tools=TOOLS, tool_choice="required", stream=True))

    calls = [c.choices[0].delta.tool_calls[0] for c in chunks if c.choices[0].delta.tool_calls]
    assert calls[0].function.name == "say"
    assert "".join(call.function.arguments for call in calls) == whole.function.arguments


def test_the_judge_says_that_it_does_not_chat(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no language model") as caught:
        client.chat.completions.create(model="local-judge", messages=MESSAGES)

    assert caught.value.code == "unknown_prompt"


async def test_a_reader_who_leaves_in_mid_stream_disturbs_nobody(served: Served) -> None:
    long: list[Any] = [*MESSAGES[:1], {"role": "user", "content": EVIDENCE}]
    async with AsyncOpenAI(base_url=served.url, api_key="any", timeout=30) as client:
        stream = await client.chat.completions.create(
            model="local-teacher", messages=long, n=100, stream=True
        )
        async for _ in stream:
            break
        await stream.close()

        after = await client.chat.completions.create(model="local-teacher", messages=MESSAGES)

    assert after.choices[0].finish_reason == "stop"


async def test_the_loop_answers_others_while_a_heavy_request_runs(served: Served) -> None:
    texts = [f"revenue {n} of segment {n * 7} rose in {1990 + n % 40} " * 60 for n in range(400)]
    async with AsyncOpenAI(base_url=served.url, api_key="any", timeout=60) as client:
        heavy = asyncio.create_task(client.embeddings.create(model="local-embed", input=texts))
        light = asyncio.create_task(client.models.retrieve("local-embed"))

        done, _ = await asyncio.wait([heavy, light], return_when=asyncio.FIRST_COMPLETED)
        made = await heavy

    assert light in done
    assert len(made.data) == 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Revenue was $26,974 million (12.5%).",
        "A_b\n\n  c\u2026 \u00e9t\u00e9 \u0663\u0664 5\u00b2",
        " " * 9,
    ],
)
def test_the_tokens_of_a_text_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text
