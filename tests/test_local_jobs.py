"""Fine-tuning jobs of the local API, from create to a model that answers; kills included."""

import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from backend.answers import messages_for
from backend.local.asked_job import JobRequest
from backend.local.files import Files
from backend.local.jobs import MOST_DEATHS, STALE_SECONDS, Job, Jobs
from backend.local.ledger import ledger
from backend.local.models import registry
from backend.local.serving import Served, serve
from backend.local.tuning import PACE
from backend.records import Passage

OVER = ("succeeded", "failed", "cancelled")
WAIT = 30.0
ROWS = ("Revenue", "Cost of revenue", "Gross profit", "Research and development")


def passage(number: int) -> Passage:
    rows = "\n".join(
        f"{row} | ${100 * at + number} | ${90 * at + number}" for at, row in enumerate(ROWS, 1)
    )
    return Passage(
        filing="f",
        file="f.pdf",
        company="Acme Inc",
        fiscal_year=2023,
        page=1,
        pages=(1,),
        section="Consolidated Statements of Income",
        kind="table",
        text=f"Consolidated Statements of Income (USD in millions)\n | 2023 | 2022\n{rows}",
        score=1.0,
        chunk=1,
    )


def example(number: int) -> dict[str, Any]:
    """A chat as tenk logs it, whose answer states one cell of its evidence."""
    at = number % len(ROWS)
    item = ROWS[at]
    asked = messages_for(f"What was {item.lower()} in fiscal 2023?", [passage(number)])
    figure = 100 * (at + 1) + number
    answer = {"role": "assistant", "content": f"{item} was ${figure} million in fiscal 2023 [1]."}
    return {"messages": [*(message.model_dump() for message in asked), answer]}


def jsonl(*rows: object) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


GOOD = [example(number) for number in range(12)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serve(home) as running:
        yield running


@contextmanager
def client_of(url: str) -> Generator[OpenAI]:
    with OpenAI(base_url=url, api_key="any", max_retries=0, timeout=30) as made:
        yield made


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with client_of(served.url) as made:
        yield made


def upload(client: OpenAI, data: bytes) -> str:
    return client.files.create(file=("t.jsonl", io.BytesIO(data)), purpose="fine-tune").id


def start(client: OpenAI, file: str | None = None, **more: Any) -> Any:
    asked: dict[str, Any] = {
        "model": "local-student",
        "seed": 7,
        "hyperparameters": {"n_epochs": 4},
    }
    file = file or upload(client, jsonl(*GOOD))
    return client.fine_tuning.jobs.create(training_file=file, **(asked | more))


def until(look: Callable[[], Any], seconds: float = WAIT) -> Any:
    """What `look` finds, as soon as it is true; fails after so many seconds."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        pause.wait(0.02)
    raise AssertionError(f"nothing came of it within {seconds} s")


def done(client: OpenAI, job: Any) -> Any:
    """The job when it is over."""

    def over() -> Any:
        found = client.fine_tuning.jobs.retrieve(job.id)
        return found if found.status in OVER else None

    return until(over)


def said(client: OpenAI, job: Any) -> list[str]:
    """Messages of a job, oldest first."""
    return [event.message for event in client.fine_tuning.jobs.list_events(job.id)][::-1]


def losses_of(client: OpenAI, job: Any) -> list[float]:
    """The training loss of each epoch."""
    events: list[Any] = list(client.fine_tuning.jobs.list_events(job.id))
    return [event.data["train_loss"] for event in events[::-1] if event.type == "metrics"]


def weights(home: Path, model: str) -> dict[str, float]:
    found = registry(home).find(model).weights
    assert found is not None
    return dict(found.values)


def answer(client: OpenAI, model: str) -> str:
    reply = client.chat.completions.create(model=model, messages=example(3)["messages"][:-1])
    return reply.choices[0].message.content or ""


# -- the way of a job


def test_a_job_goes_from_files_to_a_model_that_answers(client: OpenAI) -> None:
    held = upload(client, jsonl(*GOOD[:3]))

    job = start(client, validation_file=held, suffix="My Filing!", metadata={"tenk_tag": "c-1"})
    over = done(client, job)

    assert job.status == "validating_files"
    assert (over.status, over.error) == ("succeeded", None)
    assert over.fine_tuned_model == f"ft:local-student:my-filing::{job.id.removeprefix('ftjob-')}"
    assert over.finished_at >= over.created_at
    assert over.metadata == {"tenk_tag": "c-1"}
    assert over.hyperparameters.n_epochs == over.method.supervised.hyperparameters.n_epochs == 4
    assert over.trained_tokens > 4 * 12 * 100
    assert "[1]" in answer(client, over.fine_tuned_model)
    assert over.fine_tuned_model in [model.id for model in client.models.list()]


def test_its_events_tell_the_steps_and_a_falling_loss(client: OpenAI) -> None:
    job = start(client, hyperparameters={"n_epochs": 8})
    done(client, job)

    events = list(client.fine_tuning.jobs.list_events(job.id))[::-1]

    plain = [event.message for event in events if event.type == "message"]
    assert plain[:4] == [
        f"Created fine-tuning job: {job.id}",
        f"Validating training file: {job.training_file}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
    ]
    assert plain[-1] == "The job has successfully completed"
    losses = losses_of(client, job)
    assert len(losses) == 8
    assert losses[-1] < losses[0] / 2


def test_events_page_backwards_without_gap_or_repeat(client: OpenAI) -> None:
    job = start(client)
    done(client, job)

    whole = client.fine_tuning.jobs.list_events(job.id, limit=100)
    paged = [event.id for event in client.fine_tuning.jobs.list_events(job.id, limit=3)]

    assert not whole.has_more
    assert paged == [event.id for event in whole.data]
    assert len(paged) == len(set(paged)) > 6


def test_the_result_file_holds_every_step(client: OpenAI) -> None:
    held = upload(client, jsonl(*GOOD[:2]))
    job = start(client, validation_file=held, hyperparameters={"n_epochs": 3, "batch_size": 5})
    [result] = done(client, job).result_files

    text = client.files.content(result).text
    kept = client.files.retrieve(result)

    header, *rows = text.splitlines()
    assert header == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert [row.split(",")[0] for row in rows] == [str(n) for n in range(1, 10)]
    validated = [row for row in rows if row.split(",")[3]]
    assert len(validated) == 3  # at the end of each epoch
    assert (kept.purpose, kept.filename) == ("fine-tune-results", "step_metrics.csv")


def test_checkpoints_can_be_called_and_the_last_is_the_model(client: OpenAI) -> None:
    job = start(client, hyperparameters={"n_epochs": 6})
    over = done(client, job)

    points = client.fine_tuning.jobs.checkpoints.list(job.id).data

    assert [point.step_number for point in points] == [6, 4, 2]
    assert points[0].fine_tuned_model_checkpoint == over.fine_tuned_model
    assert points[-1].fine_tuned_model_checkpoint.endswith(":ckpt-step-2")
    assert all("[1]" in answer(client, one.fine_tuned_model_checkpoint) for one in points)


def test_a_deleted_model_answers_no_more(client: OpenAI) -> None:
    over = done(client, start(client))

    gone = client.models.delete(over.fine_tuned_model)

    assert gone.deleted
    with pytest.raises(openai.NotFoundError):
        answer(client, over.fine_tuned_model)


def test_the_same_seed_and_files_give_the_same_weights(client: OpenAI, home: Path) -> None:
    file = upload(client, jsonl(*GOOD))
    batches = {"n_epochs": 3, "batch_size": 4}

    first, second, other = (
        done(client, start(client, file, seed=seed, hyperparameters=batches)).fine_tuned_model
        for seed in (1, 1, 2)
    )

    assert weights(home, first) == weights(home, second)
    assert weights(home, first) != weights(home, other)


def test_a_job_without_a_seed_tells_the_one_it_took(client: OpenAI, home: Path) -> None:
    file = upload(client, jsonl(*GOOD))
    first = done(client, start(client, file, seed=None))

    again = done(client, start(client, file, seed=first.seed))

    assert weights(home, first.fine_tuned_model) == weights(home, again.fine_tuned_model)


def test_a_tuned_model_can_be_tuned_further(client: OpenAI, home: Path) -> None:
    first = done(client, start(client))

    job = start(client, model=first.fine_tuned_model)
    further = done(client, job)

    assert further.fine_tuned_model.startswith("ft:local-student:personal::")
    assert losses_of(client, job)[0] < losses_of(client, first)[0]
    assert weights(home, further.fine_tuned_model) != weights(home, first.fine_tuned_model)


def test_hyperparameters_are_taken_from_method_too_and_settle_when_the_files_are_checked(
    client: OpenAI,
) -> None:
    method: Any = {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 0.5}},
    }

    job = start(client, method=method, hyperparameters=openai.omit)
    over = done(client, job)

    assert job.hyperparameters.batch_size == "auto"
    chosen = over.hyperparameters
    assert (chosen.n_epochs, chosen.learning_rate_multiplier) == (2, 0.5)
    assert isinstance(chosen.batch_size, int)


def test_jobs_are_listed_newest_first_and_found_by_their_tag(client: OpenAI) -> None:
    tagged = start(client, metadata={"tenk_tag": "c-77", "more": "x"})
    plain = start(client)

    newest = client.fine_tuning.jobs.list(limit=2)
    found = client.fine_tuning.jobs.list(metadata={"tenk_tag": "c-77"}).data
    other = client.fine_tuning.jobs.list(metadata={"tenk_tag": "c-78"}).data

    assert [job.id for job in newest.data] == [plain.id, tagged.id]
    assert newest.has_more
    assert ([job.id for job in found], other) == ([tagged.id], [])


# -- what the create call refuses


@pytest.mark.parametrize(
    ("more", "param", "words"),
    [
        ({"model": "gpt-9"}, "model", "Model gpt-9 is not available for fine-tuning or does not"),
        ({"model": "local-teacher"}, "model", "is not available for fine-tuning"),
        ({"training_file": "file-no"}, "training_file", "invalid training_file: file-no"),
        ({"validation_file": "file-no"}, "validation_file", "invalid validation_file: file-no"),
        ({"suffix": "s" * 65}, "suffix", "maximum length 64, but got a string with length 65"),
        ({"suffix": ""}, "suffix", "empty string"),
        ({"seed": -1}, "seed", "below minimum"),
        ({"seed": "x"}, "seed", "expected an integer"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", ">= 1"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs", "<= 50"),
        ({"hyperparameters": {"n_epochs": 2.5}}, "hyperparameters.n_epochs", "'auto' or an int"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs", "'auto'"),
        ({"hyperparameters": {"batch_size": 257}}, "hyperparameters.batch_size", "<= 256"),
        (
            {"hyperparameters": {"learning_rate_multiplier": 0}},
            "hyperparameters.learning_rate_multiplier",
            "below minimum",
        ),
        (
            {"hyperparameters": {"learning_rate_multiplier": 11}},
            "hyperparameters.learning_rate_multiplier",
            "above maximum",
        ),
        ({"hyperparameters": {"speed": 1}}, "hyperparameters.speed", "Unknown parameter"),
        ({"method": {"type": "dpo"}}, "method.type", "'supervised'"),
        ({"method": {}}, "method.type", "Missing"),
        (
            {"method": {"type": "supervised", "supervised": {"epochs": 3}}},
            "method.supervised.epochs",
            "Unknown parameter",
        ),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "at most 16 properties"),
        ({"metadata": {"k" * 65: ""}}, "metadata", "maximum length 64"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "maximum length 512"),
        ({"metadata": {"k": 1}}, "metadata.k", "expected a string"),
        ({"integrations": [{"type": "wandb"}]}, "integrations", "no integrations"),
        ({"extra_body": {"colour": "red"}}, "colour", "Unknown parameter: 'colour'"),
    ],
)
def test_a_wrong_request_makes_no_job_and_says_which_field(
    client: OpenAI, more: dict[str, Any], param: str, words: str
) -> None:
    more = {**more}
    asked = {"file": more.pop("training_file")} if "training_file" in more else {}
    before = [job.id for job in client.fine_tuning.jobs.list(limit=1).data]

    with pytest.raises(openai.BadRequestError) as caught:
        start(client, **asked, **more)

    assert isinstance(caught.value.body, dict)
    assert caught.value.body["param"] == param
    assert words in str(caught.value.body["message"])
    assert [job.id for job in client.fine_tuning.jobs.list(limit=1).data] == before


@pytest.mark.parametrize("field", ["suffix", "training_file", "validation_file", "model"])
def test_a_request_with_half_a_letter_makes_no_job_and_spoils_no_list(
    served: Served, client: OpenAI, field: str
) -> None:
    asked = {"model": "local-student", "training_file": upload(client, jsonl(*GOOD))}
    body = json.dumps(asked | {field: "\ud800"})

    refused = httpx.post(f"{served.url}/fine_tuning/jobs", content=body)

    assert refused.status_code == 400
    assert "could not parse the JSON body" in refused.json()["error"]["message"]
    assert client.fine_tuning.jobs.list().data is not None


@pytest.mark.parametrize("missing", ["model", "training_file"])
def test_a_request_without_model_or_file_is_refused(client: OpenAI, missing: str) -> None:
    body = {"model": "local-student", "training_file": "file-1"}
    del body[missing]

    with pytest.raises(openai.BadRequestError, match=f"Missing required parameter: '{missing}'"):
        client.post("/fine_tuning/jobs", body=body, cast_to=object)


def test_a_file_of_another_purpose_is_refused(client: OpenAI) -> None:
    data = ("t.jsonl", io.BytesIO(jsonl(*GOOD)))
    file = client.files.create(file=data, purpose="batch")

    with pytest.raises(openai.BadRequestError, match="purpose 'batch'; expected 'fine-tune'"):
        start(client, file.id)


@pytest.mark.parametrize("path", ["", "/events", "/checkpoints"])
def test_an_unknown_job_is_not_found(client: OpenAI, path: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.get(f"/fine_tuning/jobs/ftjob-no{path}", cast_to=object)

    assert isinstance(caught.value.body, dict)
    assert caught.value.body["code"] == "fine_tune_not_found"


@pytest.mark.parametrize("turn", ["cancel", "pause", "resume"])
def test_an_unknown_job_cannot_be_turned(client: OpenAI, turn: str) -> None:
    with pytest.raises(openai.NotFoundError):
        getattr(client.fine_tuning.jobs, turn)("ftjob-no")


# -- what the job itself refuses


def changed(**more: Any) -> dict[str, Any]:
    """An example whose answer is changed."""
    asked, last = GOOD[0]["messages"][:-1], GOOD[0]["messages"][-1]
    return {"messages": [*asked, last | more]}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{oops", 'Line 4 is not a dictionary (HINT: line starts with: "{oops...")'),
        ("[1]", "Line 4 is not a dictionary"),
        ("[" * 100_000, "Line 4 is not a dictionary"),
        ({"prompt": "a", "completion": "b"}, 'Line 4: unexpected key "prompt"'),
        ({}, 'Line 4: missing key "messages"'),
        ({"messages": []}, "Line 4"),
        ({"messages": ["hello"]}, "Line 4, message 1: expected an object"),
        (changed(role="robot"), 'Line 4, message 3, key "role"'),
        (changed(role=None), 'Line 4, message 3, key "role"'),
        (changed(role="user"), "Line 4: the last message must be from the assistant"),
        (changed(content=7), 'Line 4, message 3, key "content": expected a string'),
        (changed(content=None), 'Line 4, message 3, key "content"'),
        (changed(content="  "), "Line 4: the last message, from the assistant, is empty"),
        (changed(weight=2), 'Line 4, message 3, key "weight"'),
        (changed(mood="glad"), 'Line 4, message 3: unexpected key "mood"'),
        (changed(content="\ud800"), "half of a surrogate pair"),
        ({"messages": GOOD[0]["messages"][-1:]}, "Line 4: expected at least one message from the"),
        (changed(content="word " * 130_000), "Line 4: the example has"),
    ],
)
def test_a_malformed_line_fails_the_job_and_is_named_by_its_number(
    client: OpenAI, bad: object, words: str
) -> None:
    job = start(client, upload(client, jsonl(*GOOD[:3], bad, *GOOD[4:])))

    over = done(client, job)

    assert over.status == "failed"
    assert (over.error.code, over.error.param) == ("invalid_training_file", "training_file")
    assert words in over.error.message
    assert over.fine_tuned_model is None
    assert said(client, job)[-1] == over.error.message


def test_a_line_that_is_no_utf_8_fails_the_job(client: OpenAI) -> None:
    job = start(client, upload(client, jsonl(*GOOD) + b'\n{"messages": "\xff"}'))

    over = done(client, job)

    assert "Line 13 is not encoded in UTF-8" in over.error.message


def test_a_byte_order_mark_and_blank_lines_do_no_harm(client: OpenAI) -> None:
    data = b"\xef\xbb\xbf" + jsonl(*GOOD[:5], "", *GOOD[5:]) + b"\r\n\r\n"

    over = done(client, start(client, upload(client, data)))

    assert over.status == "succeeded"


def test_nine_examples_are_too_few_in_openais_words(client: OpenAI) -> None:
    over = done(client, start(client, upload(client, jsonl(*GOOD[:9]))))

    assert over.status == "failed"
    assert over.error.code == "invalid_n_examples"
    assert over.error.message == (
        "Training file has 9 example(s), but must have at least 10 examples"
    )


def test_a_bad_validation_file_fails_the_job_as_its_own(client: OpenAI) -> None:
    held = upload(client, jsonl(GOOD[0], "{"))

    over = done(client, start(client, validation_file=held))

    assert over.error.param == "validation_file"
    assert "Line 2" in over.error.message


def test_examples_that_teach_nothing_fail_the_job(client: OpenAI) -> None:
    lost = [changed(content="Purple elephants dance on Tuesdays, they say.") for _ in range(12)]

    over = done(client, start(client, upload(client, jsonl(*lost))))

    assert over.status == "failed"
    assert "No example teaches anything" in over.error.message


def test_examples_that_teach_nothing_beside_others_are_counted_in_a_warning(
    client: OpenAI,
) -> None:
    lost = changed(content="Purple elephants dance on Tuesdays, they say.")
    job = start(client, upload(client, jsonl(*GOOD, lost)))

    over = done(client, job)

    assert over.status == "succeeded"
    warned = [e for e in client.fine_tuning.jobs.list_events(job.id) if e.level == "warn"]
    assert warned[0].message.startswith("1 of 13 examples teach nothing")


def test_an_answer_of_weight_0_is_not_learned(client: OpenAI, home: Path) -> None:
    unweighed = [changed(content="Cost of revenue was $200 million [1].", weight=0)] * 20
    weighed = [
        {"messages": [*one["messages"][:-1], one["messages"][-1] | {"weight": 1}]} for one in GOOD
    ]

    plain = done(client, start(client))
    mixed = done(client, start(client, upload(client, jsonl(*weighed, *unweighed))))

    assert weights(home, mixed.fine_tuned_model) == weights(home, plain.fine_tuned_model)
    warned = [e for e in client.fine_tuning.jobs.list_events(mixed.id) if e.level == "warn"]
    assert warned[0].message.startswith("20 of 32 examples teach nothing")


def test_a_file_whose_every_answer_weighs_0_fails_the_job(client: OpenAI) -> None:
    over = done(client, start(client, upload(client, jsonl(*[changed(weight=0)] * 12))))

    assert (over.status, over.error.code) == ("failed", "invalid_training_file")
    assert "weight 0" in over.error.message


def test_a_file_deleted_under_way_fails_the_job(client: OpenAI) -> None:
    slow = start(client, metadata={PACE: "30"})  # keeps the one trainer busy
    file = upload(client, jsonl(*GOOD))
    job = start(client, file)
    until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "queued")

    client.files.delete(file)
    client.fine_tuning.jobs.cancel(slow.id)
    over = done(client, job)

    assert over.status == "failed"
    assert f"{file} is gone" in over.error.message


def test_a_disk_that_refuses_the_model_fails_the_job_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "models").write_text("in the way", encoding="utf-8")

    with serve(tmp_path) as served, client_of(served.url) as client:
        over = done(client, start(client))

    assert over.status == "failed"
    assert over.error.code == "server_error"
    assert "could not write the model" in over.error.message


# -- cancel, pause, resume


def begun(client: OpenAI, job: Any, epochs: int = 1) -> bool:
    """Whether so many epochs are done."""
    return sum(message.startswith("Step ") for message in said(client, job)) >= epochs


def test_cancelling_takes_less_than_a_second_and_leaves_no_model(client: OpenAI) -> None:
    job = start(client, metadata={PACE: "30"})
    until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "running")

    asked = time.monotonic()
    cancelled = client.fine_tuning.jobs.cancel(job.id)
    over = done(client, start(client))  # the trainer is free again
    took = time.monotonic() - asked

    assert cancelled.status == "cancelled"
    assert client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model is None
    assert over.status == "succeeded"
    assert took < 5  # a whole further job included
    assert f"{job.id.removeprefix('ftjob-')}" not in str([m.id for m in client.models.list()])


@pytest.mark.parametrize("turn", ["cancel", "pause", "resume"])
def test_a_finished_job_cannot_be_turned(client: OpenAI, turn: str) -> None:
    over = done(client, start(client))

    with pytest.raises(openai.BadRequestError, match=f"Job has already completed: {over.id}"):
        getattr(client.fine_tuning.jobs, turn)(over.id)


def test_a_paused_job_waits_and_then_ends_as_if_it_had_never_paused(
    client: OpenAI, home: Path
) -> None:
    file = upload(client, jsonl(*GOOD))
    plain = done(client, start(client, file, hyperparameters={"n_epochs": 5, "batch_size": 4}))
    job = start(
        client,
        file,
        hyperparameters={"n_epochs": 5, "batch_size": 4},
        metadata={PACE: "0.2"},
    )
    until(lambda: begun(client, job))

    paused = client.fine_tuning.jobs.pause(job.id)
    resumed = client.fine_tuning.jobs.resume(job.id)
    over = done(client, job)

    assert (paused.status, resumed.status) == ("paused", "queued")
    assert weights(home, over.fine_tuned_model) == weights(home, plain.fine_tuned_model)
    steps = [message.split("/")[0] for message in said(client, job) if message.startswith("Step ")]
    assert steps == [f"Step {number}" for number in (3, 6, 9, 12, 15)]


def test_only_a_paused_job_can_be_resumed(client: OpenAI) -> None:
    job = start(client, metadata={PACE: "30"})
    until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "running")

    with pytest.raises(openai.BadRequestError, match="cannot be resumed while it is running"):
        client.fine_tuning.jobs.resume(job.id)
    client.fine_tuning.jobs.cancel(job.id)


# -- servers that die


@contextmanager
def api_process(home: Path) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """What `tenk api` runs, in a process that can be killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import sys; from pathlib import Path; from backend.local.serving import run; "
        "run(Path(sys.argv[1]), '127.0.0.1', int(sys.argv[2]), None)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(home), str(port)])
    url = f"http://127.0.0.1:{port}/v1"
    try:
        with client_of(url) as client:
            until(lambda: _answers(client))
        yield url, process
    finally:
        process.kill()
        process.wait(10)


def _answers(client: OpenAI) -> bool:
    try:
        return bool(client.models.list().data)
    except openai.APIConnectionError:
        return False


def test_a_job_of_a_killed_server_goes_on_in_another_to_the_same_weights(tmp_path: Path) -> None:
    hyper = {"n_epochs": 6, "batch_size": 4}
    with api_process(tmp_path) as (url, process), client_of(url) as client:
        file = upload(client, jsonl(*GOOD))
        plain = done(client, start(client, file, hyperparameters=hyper))
        job = start(client, file, hyperparameters=hyper, metadata={PACE: "0.4"})
        until(lambda: begun(client, job, 2))
        process.kill()
        process.wait(10)

    with api_process(tmp_path) as (url, _), client_of(url) as client:
        over = done(client, job)
        told = said(client, job)

    assert over.status == "succeeded"
    assert weights(tmp_path, over.fine_tuned_model) == weights(tmp_path, plain.fine_tuned_model)
    steps = [message.split("/")[0] for message in told if message.startswith("Step ")]
    assert steps == [f"Step {number}" for number in (3, 6, 9, 12, 15, 18)]  # none twice
    [warning] = [message for message in told if "died" in message]
    assert "goes on from epoch" in warning


def test_a_server_already_running_takes_over_when_it_is_asked(tmp_path: Path) -> None:
    with api_process(tmp_path) as (doomed, process), serve(tmp_path) as other:
        with client_of(doomed) as client:
            job = start(client, metadata={PACE: "0.3"})
            until(lambda: begun(client, job))
            process.kill()
            process.wait(10)
        with client_of(other.url) as client:
            over = done(client, job)

    assert over.status == "succeeded"


def test_a_server_that_stops_in_good_order_hands_its_job_on_at_once(tmp_path: Path) -> None:
    with serve(tmp_path) as first, client_of(first.url) as client:
        job = start(client, metadata={PACE: "0.3"})
        until(lambda: begun(client, job))

    stopped = time.monotonic()
    with serve(tmp_path) as second, client_of(second.url) as client:
        until(lambda: begun(client, job, 2))
        took = time.monotonic() - stopped
        over = done(client, job)
        told = said(client, job)

    assert took < STALE_SECONDS
    assert over.status == "succeeded"
    assert any("was stopped; another goes on" in message for message in told)


def test_a_server_that_is_told_to_end_hands_its_job_on_in_good_order(tmp_path: Path) -> None:
    with api_process(tmp_path) as (url, process), client_of(url) as client:
        job = start(client, metadata={PACE: "0.3"})
        until(lambda: begun(client, job))
        process.terminate()
        process.wait(30)

    with serve(tmp_path) as second, client_of(second.url) as client:
        over = done(client, job)
        told = said(client, job)

    assert process.returncode == 0
    assert over.status == "succeeded"
    assert any("was stopped; another goes on" in message for message in told)


def test_two_servers_on_one_home_never_run_a_job_twice(tmp_path: Path) -> None:
    with (
        serve(tmp_path) as first,
        serve(tmp_path) as second,
        client_of(first.url) as one,
        client_of(second.url) as two,
    ):
        file = upload(one, jsonl(*GOOD))
        jobs = [start(client, file) for client in (one, two, one, two)]
        overs = [done(client, job) for client, job in zip((two, one, one, two), jobs, strict=True)]
        told = [said(one, job) for job in jobs]

    assert [over.status for over in overs] == ["succeeded"] * 4
    for messages in told:
        assert messages.count("Fine-tuning job started") == 1
        assert sum(message.startswith("Step ") for message in messages) == 4


def abandoned(home: Path) -> tuple[Jobs, Job]:
    """A job whose server died long ago."""
    book = ledger(home)
    file = Files(book).add("t.jsonl", "fine-tune", io.BytesIO(jsonl(*GOOD)))
    jobs = Jobs(book)
    job = jobs.create(JobRequest("local-student", file.id, 7), owner="dead")
    forget_heart(jobs)
    return jobs, job


def forget_heart(jobs: Jobs) -> None:
    with jobs.ledger.writing() as told:
        told.execute("UPDATE jobs SET beat = 0")


def test_of_many_servers_that_find_a_job_one_gets_it(tmp_path: Path) -> None:
    jobs, job = abandoned(tmp_path)
    won: list[str] = []
    gate = threading.Barrier(8)

    def claim(owner: str) -> None:
        gate.wait()
        won.extend(owner for _ in jobs.claim_abandoned(owner))

    threads = [threading.Thread(target=claim, args=(f"server-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert won == [jobs.find(job.id).owner]


def test_a_server_that_lost_its_job_can_no_longer_change_it(tmp_path: Path) -> None:
    jobs, job = abandoned(tmp_path)
    jobs.claim_abandoned("heir")

    late = jobs.succeed(job.id, "dead", model="ft:x", result_file="file-x", last={"step": 1})

    assert not late
    assert not jobs.fail(job.id, "dead", message="too late", code="x")
    assert jobs.find(job.id).status == "validating_files"


def test_a_job_that_kills_its_servers_is_given_up_with_the_reason(tmp_path: Path) -> None:
    jobs, job = abandoned(tmp_path)

    for number in range(MOST_DEATHS):
        jobs.claim_abandoned(f"server-{number}")
        forget_heart(jobs)

    found = jobs.find(job.id)
    assert found.status == "failed"
    assert found.error is not None
    assert f"{MOST_DEATHS} servers died" in found.error["message"]


def test_servers_that_die_while_a_job_waits_are_not_held_against_it(tmp_path: Path) -> None:
    jobs, job = abandoned(tmp_path)
    jobs.claim_abandoned("first")
    jobs.advance(job.id, "first", "queued")
    forget_heart(jobs)

    for number in range(2 * MOST_DEATHS):
        jobs.claim_abandoned(f"server-{number}")
        forget_heart(jobs)

    assert jobs.find(job.id).status == "queued"
    assert jobs.find(job.id).error is None


def test_a_server_that_dies_after_an_epoch_is_not_held_against_the_job(tmp_path: Path) -> None:
    jobs, job = abandoned(tmp_path)

    for number in range(2 * MOST_DEATHS):
        jobs.claim_abandoned(f"server-{number}")
        jobs.keep_epoch(
            job.id,
            f"server-{number}",
            progress={"epoch": number},
            steps=[{"step": number}],
            event=("Step", {}),
            estimated=0,
        )
        forget_heart(jobs)

    assert jobs.find(job.id).error is None


def test_a_home_where_nothing_was_tuned_holds_no_database(tmp_path: Path) -> None:
    with serve(tmp_path) as served, client_of(served.url) as client:
        client.models.list()

    assert not [*tmp_path.rglob("*.sqlite")]
