"""The local API's doors: models, keys, errors in OpenAI's shape; the openai SDK is the client."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openai import OpenAI

from backend.errors import ConfigurationError
from backend.local.app import create_app
from backend.local.models import LocalModel, registry, saved
from backend.local.reader import STUDENT_START
from backend.local.serving import Served, serve

MESSAGES: list[Any] = [{"role": "user", "content": "What was revenue?"}]
TUNED = "ft:local-student:acme::abc123"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=served.url, api_key="any", max_retries=0, timeout=30) as made:
        yield made


def post(served: Served, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a request that the SDK would not send."""
    request = urllib.request.Request(f"{served.url}{path}", data=body, method="POST")
    request.add_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def error_of(served: Served, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    status, reply = post(served, path, json.dumps(body).encode())
    assert set(reply) == {"error"}
    assert set(reply["error"]) == {"message", "type", "param", "code"}
    return status, reply["error"]


def tuned(home: Path, name: str = TUNED) -> LocalModel:
    model = LocalModel(name, "reader", 1_800_000_000, STUDENT_START, "local-student")
    folder = registry(home).folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tuned.json").write_text(saved(model), encoding="utf-8")
    return model


# -- models


def test_four_models_are_listed_and_none_shuts_down(client: OpenAI) -> None:
    cards = {card.id: card.model_dump() for card in client.models.list()}

    assert list(cards) == ["local-teacher", "local-student", "local-judge", "local-embed"]
    assert all(card["shutdown_date"] is None for card in cards.values())


def test_every_card_says_that_it_is_no_language_model(client: OpenAI) -> None:
    notes = [card.model_dump()["note"] for card in client.models.list()]

    assert all(note.startswith("No language model") for note in notes)


def test_one_model_can_be_retrieved(client: OpenAI) -> None:
    card = client.models.retrieve("local-judge")

    assert (card.id, card.object, card.owned_by) == ("local-judge", "model", "tenk")


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-4")

    assert caught.value.code == "model_not_found"


def test_a_tuned_model_answers_as_soon_as_its_file_is_there(tmp_path: Path) -> None:
    with serve(tmp_path) as served, OpenAI(base_url=served.url, api_key="any") as client:
        tuned(tmp_path)

        reply = client.chat.completions.create(model=TUNED, messages=MESSAGES)

    assert reply.model == TUNED


def test_a_tuned_model_can_be_deleted(tmp_path: Path) -> None:
    tuned(tmp_path)

    with serve(tmp_path) as served, OpenAI(base_url=served.url, api_key="any") as client:
        gone = client.models.delete(TUNED)
        left = [card.id for card in client.models.list()]

    assert gone.deleted
    assert TUNED not in left


def test_a_model_that_ships_cannot_be_deleted(client: OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="ships with tenk"):
        client.models.delete("local-teacher")


def test_a_broken_model_file_hides_itself_alone(tmp_path: Path) -> None:
    tuned(tmp_path)
    (registry(tmp_path).folder / "broken.json").write_text('{"id": "ft:x"', encoding="utf-8")
    (registry(tmp_path).folder / "endless.json").write_text(
        '{"id": "ft:z", "created": Infinity, "base": "b", "weights": {}}', encoding="utf-8"
    )
    (registry(tmp_path).folder / "strange.json").write_text(
        '{"id": "ft:y", "created": 1, "base": "b", "weights": {"no such feature": 1}}',
        encoding="utf-8",
    )

    listed = [model.id for model in registry(tmp_path).all()]

    assert listed[4:] == [TUNED]


@pytest.mark.parametrize("name", ["../tuned", "tuned.json", "..%2Ftuned"])
def test_a_name_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    tuned(tmp_path)

    with (
        serve(tmp_path) as served,
        OpenAI(base_url=served.url, api_key="any") as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.models.delete(name)

    assert (registry(tmp_path).folder / "tuned.json").exists()


# -- keys


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("locked"), key="tk-secret-0001") as running:
        yield running


def test_with_a_key_set_the_right_one_opens(locked: Served) -> None:
    with OpenAI(base_url=locked.url, api_key="tk-secret-0001") as client:
        listed = client.models.list()

    assert len(listed.data) == 4


def test_a_wrong_key_is_refused_without_repeating_it(locked: Served) -> None:
    with (
        OpenAI(base_url=locked.url, api_key="sk-somebody-elses-9999") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()

    assert caught.value.code == "invalid_api_key"
    assert "sk-somebody-elses" not in str(caught.value)


def test_a_missing_key_is_refused(locked: Served) -> None:
    body = json.dumps({"model": "local-teacher", "messages": MESSAGES}).encode()

    status, reply = post(locked, "/chat/completions", body)

    assert status == 401
    assert "didn't provide an API key" in reply["error"]["message"]


def test_a_key_with_strange_letters_is_refused_like_any_other(locked: Served) -> None:
    status, _ = post(locked, "/embeddings", b"{}", Authorization="Bearer k\xe9y")

    assert status == 401


# -- errors


def test_a_body_that_is_no_json_is_said_to_be_none(served: Served) -> None:
    status, reply = post(served, "/chat/completions", b'{"model": "local-')

    assert status == 400
    assert "could not parse the JSON body" in reply["error"]["message"]


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(served: Served, body: bytes) -> None:
    status, reply = post(served, "/embeddings", body)

    assert (status, reply["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "local-teacher", "messages": [{"role": "user", "content": "a \\ud800 b"}]}',
        b'{"model": "\\udfff", "messages": [{"role": "user", "content": "a"}]}',
        b'{"model": "local-teacher", "\\ud800": 1}',
        b'{"model": "local-teacher", "messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
        b'{"model": "local-teacher", "temperature": NaN, "messages": []}',
    ],
)
def test_what_is_no_json_by_the_letter_is_refused(served: Served, body: bytes) -> None:
    status, reply = post(served, "/chat/completions", body)

    assert status == 400
    assert "could not parse the JSON body" in reply["error"]["message"]


def test_an_unknown_url_is_said_in_the_same_shape(served: Served) -> None:
    status, error = error_of(served, "/completions", {"model": "local-teacher"})

    assert status == 404
    assert "Invalid URL (POST /v1/completions)" in error["message"]


def test_a_wrong_method_is_said_in_the_same_shape(served: Served) -> None:
    status, error = error_of(served, "/models", {})

    assert (status, error["type"]) == (405, "invalid_request_error")


BAD_CHATS: list[tuple[dict[str, Any], int, str | None, str | None]] = [
    ({"messages": MESSAGES}, 400, None, None),
    ({"model": 7, "messages": MESSAGES}, 400, "model", "invalid_type"),
    ({"model": "gpt-4", "messages": MESSAGES}, 404, "model", "model_not_found"),
    ({"model": "local-embed", "messages": MESSAGES}, 404, "model", None),
    ({"messages": None}, 400, "messages", "missing_required_parameter"),
    ({"messages": []}, 400, "messages", "empty_array"),
    ({"messages": "hello"}, 400, "messages", "invalid_type"),
    ({"messages": ["hello"]}, 400, "messages[0]", "invalid_type"),
    ({"messages": [{"content": "x"}]}, 400, "messages[0].role", "missing_required_parameter"),
    ({"messages": [{"role": "judge", "content": "x"}]}, 400, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": None}]}, 400, "messages[0].content", None),
    ({"messages": [{"role": "user", "content": 5}]}, 400, "messages[0].content", None),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        400,
        "messages[0].content[0].type",
        "invalid_value",
    ),
    ({"temperature": 3}, 400, "temperature", "decimal_above_max_value"),
    ({"temperature": "hot"}, 400, "temperature", "invalid_type"),
    ({"top_p": -1}, 400, "top_p", "decimal_below_min_value"),
    ({"n": 0}, 400, "n", "integer_below_min_value"),
    ({"n": True}, 400, "n", "invalid_type"),
    ({"max_tokens": 0}, 400, "max_tokens", "integer_below_min_value"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, 400, "max_tokens", None),
    ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop", "array_above_max_length"),
    ({"stop": [1]}, 400, "stop", "invalid_type"),
    ({"stream": "yes"}, 400, "stream", "invalid_type"),
    ({"stream_options": {"include_usage": True}}, 400, "stream_options", None),
    ({"stream": True, "stream_options": 1}, 400, "stream_options", "invalid_type"),
    ({"response_format": "json"}, 400, "response_format", "invalid_type"),
    ({"response_format": {"type": "xml"}}, 400, "response_format.type", "invalid_value"),
    ({"response_format": {"type": "json_object"}}, 400, "messages", None),
    ({"response_format": {"type": "json_schema"}}, 400, "response_format.json_schema", None),
    ({"tools": "all"}, 400, "tools", "invalid_type"),
    ({"tools": [{"type": "function"}]}, 400, "tools[0].function", None),
    ({"tool_choice": "required"}, 400, "tool_choice", None),
    ({"functions": [{"name": "f"}]}, 400, "functions", None),
    ({"temprature": 0}, 400, "temprature", "unknown_parameter"),
    (
        {"messages": [{"role": "user", "content": "word " * 130_000}]},
        400,
        "messages",
        "context_length_exceeded",
    ),
]


@pytest.mark.parametrize(("change", "status", "param", "code"), BAD_CHATS)
def test_a_bad_chat_request_names_what_is_wrong(
    served: Served, change: dict[str, Any], status: int, param: str | None, code: str | None
) -> None:
    whole = {"model": "local-teacher", "messages": MESSAGES}
    body = change if "model" in change or change == {"messages": MESSAGES} else whole | change

    found, error = error_of(served, "/chat/completions", body)

    assert (found, error["param"]) == (status, param)
    assert code is None or error["code"] == code


def test_every_parameter_that_openai_takes_is_taken(client: OpenAI) -> None:
    reply = client.chat.completions.create(
        model="local-teacher",
        messages=[{"role": "developer", "content": "Answer."}, *MESSAGES],
        temperature=0.01,
        top_p=0.1,
        presence_penalty=0,
        frequency_penalty=0,
        seed=7,
        user="somebody",
        logit_bias={},
        metadata={"tag": "x"},
        store=False,
    )

    assert reply.choices[0].finish_reason == "stop"


def test_a_bug_of_ours_is_said_in_the_same_shape(tmp_path: Path) -> None:
    app = create_app(tmp_path)
    app.add_api_route("/v1/fails", lambda: 1 / 0)

    with TestClient(app, raise_server_exceptions=False) as client:
        reply = client.get("/v1/fails")

    assert reply.status_code == 500
    assert reply.json()["error"]["type"] == "server_error"


def test_mounted_at_v1_it_answers_the_same(tmp_path: Path) -> None:
    outer = FastAPI()
    outer.mount("/v1", create_app(tmp_path))

    with TestClient(outer) as client:
        listed = client.get("/v1/models").json()
        lost = client.get("/v1/nowhere")

    assert len(listed["data"]) == 4
    assert "Invalid URL (GET /v1/nowhere)" in lost.json()["error"]["message"]


# -- serving


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with (
            pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}") as said,
            serve(tmp_path, port=port),
        ):
            pass

    assert "\n" not in str(said.value)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 99_999)])
def test_an_address_that_is_none_is_one_sentence(tmp_path: Path, host: str, port: int) -> None:
    with (
        pytest.raises(ConfigurationError, match="cannot listen"),
        serve(tmp_path, host=host, port=port),
    ):
        pass


def test_after_the_block_nobody_answers_and_no_thread_is_left(tmp_path: Path) -> None:
    before = threading.enumerate()
    with serve(tmp_path) as served, OpenAI(base_url=served.url, api_key="any") as client:
        client.embeddings.create(model="local-embed", input="net income")
        port = client.base_url.port or 0

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    own = [thread for thread in threading.enumerate() if thread not in before]
    for thread in own:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in own)


def test_an_address_of_every_interface_is_reached_on_the_loopback_one(tmp_path: Path) -> None:
    with (
        serve(tmp_path, host="0.0.0.0") as served,
        OpenAI(base_url=served.url, api_key="any") as client,
    ):
        listed = client.models.list()

    assert served.url.startswith("http://127.0.0.1:")
    assert listed.data


def test_two_servers_run_beside_each_other(tmp_path: Path) -> None:
    with serve(tmp_path / "a") as one, serve(tmp_path / "b") as other:
        assert one.url != other.url
