"""Files of the local API: uploads, lists, bytes and refusals; the openai SDK is the client."""

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi.testclient import TestClient
from openai import OpenAI

from backend.local.app import create_app
from backend.local.routes_files import FORM_ROOM
from backend.local.serving import Served, serve

LINE = b'{"messages": [{"role": "user", "content": "?"}]}\n'
LIMIT = 2_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=served.url, api_key="any", max_retries=0, timeout=30) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[TestClient]:
    """A server that takes small files only."""
    app = create_app(tmp_path, file_limit=LIMIT)
    with TestClient(app) as made:
        yield made
    app.state.tuner.close()


def upload(client: OpenAI, data: bytes = LINE, name: str = "train.jsonl", **more: Any) -> Any:
    purpose = more.get("purpose", "fine-tune")
    return client.files.create(file=(name, io.BytesIO(data)), purpose=purpose)


def error(caught: pytest.ExceptionInfo[openai.APIStatusError]) -> dict[str, Any]:
    assert isinstance(caught.value.body, dict)
    return caught.value.body


def test_an_upload_is_told_as_openai_tells_it(client: OpenAI) -> None:
    file = upload(client, LINE * 3)

    assert file.id.startswith("file-")
    assert (file.object, file.purpose, file.status) == ("file", "fine-tune", "processed")
    assert (file.filename, file.bytes) == ("train.jsonl", 3 * len(LINE))


def test_a_file_comes_back_byte_for_byte(client: OpenAI) -> None:
    data = bytes(range(256)) * 5_000  # more than is held in memory on the way

    file = upload(client, data, "data.bin", purpose="user_data")

    assert client.files.content(file.id).read() == data
    assert client.files.retrieve(file.id) == file


def test_a_deleted_file_is_gone(client: OpenAI) -> None:
    file = upload(client)

    gone = client.files.delete(file.id)

    assert (gone.id, gone.deleted) == (file.id, True)
    assert file.id not in [one.id for one in client.files.list()]
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


@pytest.mark.parametrize("call", ["retrieve", "content", "delete"])
@pytest.mark.parametrize("name", ["file-nowhere", "../models/x.json"])
def test_an_unknown_file_is_not_found_whatever_is_asked_of_it(
    client: OpenAI, call: str, name: str
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        getattr(client.files, call)(name)

    assert "No such File object" in str(error(caught)["message"]) or "Invalid URL" in str(
        error(caught)["message"]
    )


def test_a_list_is_newest_first_and_pages_on(client: OpenAI) -> None:
    names = [upload(client, name=f"{n}.jsonl").id for n in range(5)]

    first = client.files.list(limit=2)
    paged = [one.id for one in client.files.list(limit=2)]  # the SDK follows the pages

    assert [one.id for one in first.data] == names[:2:-1]
    assert first.has_more
    assert paged[:5] == names[::-1]
    assert len(paged) == len(set(paged))


def test_a_list_can_be_oldest_first_and_of_one_purpose(client: OpenAI) -> None:
    upload(client, name="a.jsonl")
    other = upload(client, name="a.txt", purpose="assistants")

    found = list(client.files.list(purpose="assistants"))
    oldest = [one.created_at for one in client.files.list(order="asc")]

    assert other.id in [one.id for one in found]
    assert {one.purpose for one in found} == {"assistants"}
    assert oldest == sorted(oldest)


def test_an_unknown_place_in_a_list_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.list(after="file-nowhere")

    assert error(caught)["param"] == "after"


@pytest.mark.parametrize("limit", [0, 10_001])
def test_a_page_of_no_size_is_refused(client: OpenAI, limit: int) -> None:
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.files.list(limit=limit)


@pytest.mark.parametrize("limit", ["many", "--3", "9" * 5000, "٣"])
def test_a_page_whose_size_is_no_number_is_refused(client: OpenAI, limit: str) -> None:
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.files.list(extra_query={"limit": limit})


@pytest.mark.parametrize("name", ["train.txt", "train", "train.json", "train.csv"])
def test_training_data_that_is_no_jsonl_is_refused_at_once(client: OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, name=name)

    told = str(error(caught)["message"])
    assert told == "Invalid file format for Fine-Tuning API. Must be .jsonl"


def test_an_unknown_purpose_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, purpose="fun")

    assert error(caught)["param"] == "purpose"
    assert "'fine-tune'" in str(error(caught)["message"])


def test_an_empty_file_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, b"")

    assert error(caught)["code"] == "empty_file"


def test_a_name_with_a_path_never_leaves_the_folder(client: OpenAI) -> None:
    file = upload(client, name="../../../escape.jsonl")

    assert client.files.content(file.id).read() == LINE


def post(small: TestClient, size: int, purpose: str = "fine-tune") -> tuple[int, dict[str, Any]]:
    files = {"file": ("t.jsonl", b"x" * size)}
    reply = small.post("/v1/files", files=files, data={"purpose": purpose})
    return reply.status_code, reply.json()


def test_a_file_at_the_limit_is_taken(small: TestClient) -> None:
    status, told = post(small, LIMIT)

    assert (status, told["bytes"]) == (200, LIMIT)


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + FORM_ROOM + 1, 3 * FORM_ROOM])
def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    small: TestClient, tmp_path: Path, size: int
) -> None:
    status, told = post(small, size)

    assert (status, told["error"]["code"]) == (413, "file_too_large")
    assert f"{LIMIT} bytes" in told["error"]["message"]
    assert small.get("/v1/files").json()["data"] == []
    assert not [*(tmp_path / "local").rglob("file-*")]


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"data": {"purpose": "fine-tune"}}, "file"),
        ({"files": {"file": ("t.jsonl", LINE)}}, "purpose"),
        ({"files": {"file": ("t.jsonl", LINE)}, "data": {"purpose": "batch", "x": "1"}}, "x"),
        ({"data": {"file": "text", "purpose": "fine-tune"}}, "file"),
        ({"json": {"purpose": "fine-tune"}}, "file"),
    ],
)
def test_a_form_that_lacks_something_is_told_what(
    small: TestClient, sent: dict[str, Any], param: str
) -> None:
    reply = small.post("/v1/files", **sent)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b"])
def test_a_broken_form_is_a_refusal_not_a_crash(small: TestClient, kind: str) -> None:
    reply = small.post("/v1/files", content=b"--b\r\nnonsense", headers={"Content-Type": kind})

    assert reply.status_code == 400
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


def test_files_need_the_key_where_there_is_one(tmp_path: Path) -> None:
    with TestClient(create_app(tmp_path, key="sesame")) as guarded:
        refused = guarded.get("/v1/files").status_code
        let_in = guarded.get("/v1/files", headers={"Authorization": "Bearer sesame"}).status_code

    assert (refused, let_in) == (401, 200)


def test_an_upload_that_breaks_off_leaves_nothing_and_the_server_goes_on(tmp_path: Path) -> None:
    with serve(tmp_path) as running:
        address = running.url.removeprefix("http://").removesuffix("/v1")
        host, port = address.split(":")
        head = (
            f"POST /v1/files HTTP/1.1\r\nHost: {address}\r\nContent-Length: 4000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="t.jsonl"\r\n\r\n'
        )
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(head.encode() + b"x" * 2_000_000)
        with OpenAI(base_url=running.url, api_key="any", max_retries=0, timeout=30) as client:
            found = [*client.files.list()]

    assert found == []


def test_a_broken_database_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "api.sqlite").write_bytes(b"no database at all, sorry" * 100)

    with (
        serve(tmp_path) as running,
        OpenAI(base_url=running.url, api_key="any", max_retries=0, timeout=30) as client,
    ):
        with pytest.raises(openai.InternalServerError, match=r"api\.sqlite") as caught:
            client.files.list()
        models = [*client.models.list()]

    assert error(caught)["code"] == "database_unusable"
    assert models
