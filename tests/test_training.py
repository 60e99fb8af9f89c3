"""Files and jobs over HTTP, against a server as strict as OpenAI's that fails as it is told."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ConfigurationError, DataError, JobGone, ModelGone, ProviderError
from backend.finetuning import Order, model_of, require_answer, submit, wait
from backend.models import Models, open_models
from backend.models.training import Job, JobEvent, Trainer
from backend.records import Message, Role
from backend.settings import load_settings
from tests.strict_server import KEY, Reply, StrictServer, cut, refuse, strict_server
from tests.strict_tuning import (
    CANCELLED_THERE,
    ENDLESS,
    FAILS_LATE,
    MODERATED,
    MODERATION,
    SHUT_DOWN,
    VANISHES,
    Fate,
    Tuning,
)

HELLO = [Message(role="user", content="Are you there?")]
LINE = {
    "messages": [{"role": "user", "content": "Revenue?"}, {"role": "assistant", "content": "$5."}]
}
LIMITED = refuse(429, "Rate limit reached.", code="rate_limit_exceeded", retry_after="0")
CREATION = "POST /fine_tuning/jobs"


def models_at(server: StrictServer, **settings: Any) -> Models:
    told: dict[str, Any] = {"base_url": server.url, "api_key": KEY, "timeout": 10}
    names = {f"{role}_model": "m" for role in ("teacher", "student", "judge", "embed")}
    return open_models(load_settings(**(told | names | settings)), None)


def trainer_at(server: StrictServer, **settings: Any) -> Trainer:
    return Trainer(models_at(server, **settings))


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(count: int = 12, name: str = "train.jsonl") -> Path:
        path = tmp_path / name
        path.write_text((json.dumps(LINE) + "\n") * count, encoding="utf-8")
        return path

    return write


async def test_a_file_that_came_whole_before_is_not_sent_again(file: Callable[..., Path]) -> None:
    tuning = Tuning()
    with strict_server(tuning=tuning) as server:
        trainer = trainer_at(server)
        first = await trainer.upload(file(12), name="tag-train.jsonl")
        again = await trainer.upload(file(12), name="tag-train.jsonl")
        other = await trainer.upload(file(12), name="tag-validation.jsonl")
        grown = await trainer.upload(file(13), name="tag-train.jsonl")

    assert first == again
    assert len({first, other, grown}) == len(tuning.files) == 3


async def test_a_server_that_lists_no_files_takes_them_all_the_same(
    file: Callable[..., Path],
) -> None:
    lists = [refuse(404, "Not Found"), refuse(405, "Method Not Allowed")]
    with strict_server(tuning=Tuning(), script={"GET /files": lists}) as server:
        sent = [await trainer_at(server).upload(file(), name="tag-train.jsonl") for _ in lists]

    assert sent == ["file-1", "file-2"]


async def ordered(trainer: Trainer, path: Path, **more: Any) -> Job:
    """A job on a file, as a cycle orders it."""
    name = await trainer.upload(path)
    fields: dict[str, Any] = {
        "base_model": "m",
        "training_file": name,
        "validation_file": None,
        "tag": "cycle-7",
        "suffix": "tenk",
        "seed": 7,
        "epochs": None,
    }
    return await submit(trainer, Order(**(fields | more)))


async def ended(trainer: Trainer, job: Job, shown: list[JobEvent] | None = None) -> str:
    """The new model's name, without the rests between the looks."""
    events: list[JobEvent] = [] if shown is None else shown
    return model_of(await wait(trainer, job.id, on_event=events.append, rest=no_rest))


async def no_rest(seconds: float) -> None:
    await asyncio.sleep(0)


# -- what is sent


async def test_a_file_goes_from_disk_to_a_model_that_answers(file: Callable[..., Path]) -> None:
    shown: list[JobEvent] = []

    with strict_server(tuning=Tuning()) as server:
        trainer = trainer_at(server)
        model = await ended(trainer, await ordered(trainer, file()), shown)
        answer, _ = await trainer.models.complete(Role.STUDENT, HELLO, model=model)

    assert model == "ft:m:acme:tenk:ftjob-1"
    assert answer == "Fine, thanks."
    losses = [event.numbers["train_loss"] for event in shown if event.numbers]
    assert losses == [2.0, 1.0]


async def test_the_upload_carries_the_file_byte_for_byte_and_says_what_it_is_for(
    file: Callable[..., Path],
) -> None:
    tuning = Tuning()

    with strict_server(tuning=tuning) as server:
        name = await trainer_at(server).upload(file())

    assert tuning.content[name] == file().read_bytes()
    assert tuning.files[name]["purpose"] == "fine-tune"
    assert tuning.files[name]["filename"] == "train.jsonl"


@pytest.mark.parametrize(
    ("chosen", "sent"),
    [
        ({}, {"n_epochs": "auto"}),
        ({"epochs": 4}, {"n_epochs": 4}),
        (
            {"epochs": 4, "batch_size": 8, "learning_rate_multiplier": 0.5},
            {"n_epochs": 4, "batch_size": 8, "learning_rate_multiplier": 0.5},
        ),
    ],
)
async def test_the_order_names_method_seed_suffix_files_and_tag(
    file: Callable[..., Path], chosen: dict[str, Any], sent: dict[str, Any]
) -> None:
    with strict_server(tuning=Tuning()) as server:
        trainer = trainer_at(server)
        held = await trainer.upload(file(3, "validation.jsonl"))
        await ordered(trainer, file(), validation_file=held, **chosen)

    assert server.sent("/fine_tuning/jobs")[-1] == {
        "model": "m",
        "training_file": "file-2",
        "validation_file": "file-1",
        "suffix": "tenk",
        "seed": 7,
        "metadata": {"tenk_tag": "cycle-7"},
        "method": {"type": "supervised", "supervised": {"hyperparameters": sent}},
    }


async def test_a_server_that_does_not_know_the_method_is_asked_the_older_way(
    file: Callable[..., Path],
) -> None:
    with strict_server(tuning=Tuning(knows_method=False)) as server:
        await ordered(trainer_at(server), file(), epochs=3)

    sent = server.sent("/fine_tuning/jobs")[-1]
    assert "method" not in sent
    assert sent["hyperparameters"] == {"n_epochs": 3}


# -- never two jobs


async def test_an_order_given_again_is_the_job_that_is_there(file: Callable[..., Path]) -> None:
    tuning = Tuning()

    with strict_server(tuning=tuning) as server:
        first = await ordered(trainer_at(server), file())
        second = await ordered(trainer_at(server), file())

    assert first.id == second.id
    assert len(tuning.mine()) == 1


async def test_a_job_far_back_among_other_peoples_is_found(file: Callable[..., Path]) -> None:
    tuning = Tuning()

    with strict_server(tuning=tuning) as server:
        trainer = trainer_at(server)
        first = await ordered(trainer, file())
        tuning.strangers(250)
        tuning.pages = 0
        found = await trainer.find("cycle-7")

    assert found is not None and found.id == first.id
    assert tuning.pages == 3


async def test_a_tag_that_nobody_used_finds_nothing() -> None:
    tuning = Tuning()
    tuning.strangers(101)

    with strict_server(tuning=tuning) as server:
        found = await trainer_at(server).find("cycle-7")

    assert found is None


async def test_an_answer_lost_after_the_job_exists_is_still_one_job(
    file: Callable[..., Path],
) -> None:
    tuning = Tuning(lose_answers=1)

    with strict_server(tuning=tuning) as server:
        job = await ordered(trainer_at(server), file())

    assert job.tag == "cycle-7"
    assert len(tuning.mine()) == 1


async def test_a_creation_that_fails_is_not_tried_again_by_the_sdk(
    file: Callable[..., Path],
) -> None:
    broken = {CREATION: [refuse(500, "Internal error.")]}

    with strict_server(tuning=Tuning(), script=broken) as server:
        with pytest.raises(ProviderError, match="500"):
            await ordered(trainer_at(server), file())

    assert len(server.sent("/fine_tuning/jobs")) == 3  # two looks for the tag and one creation


# -- what goes wrong


async def test_a_rate_limit_on_the_way_is_waited_for(file: Callable[..., Path]) -> None:
    limits = {"POST /files": [LIMITED], "GET /fine_tuning/jobs": [LIMITED]}
    limits |= {"GET /fine_tuning/jobs/ftjob-1": [LIMITED, LIMITED]}

    with strict_server(tuning=Tuning(), script=limits) as server:
        trainer = trainer_at(server)
        model = await ended(trainer, await ordered(trainer, file()))

    assert model == "ft:m:acme:tenk:ftjob-1"


async def test_a_rate_limit_on_the_creation_leaves_the_order_for_later(
    file: Callable[..., Path],
) -> None:
    tuning = Tuning()

    with strict_server(tuning=tuning, script={CREATION: [LIMITED]}) as server:
        with pytest.raises(ProviderError, match="429"):
            await ordered(trainer_at(server), file())
        await ordered(trainer_at(server), file())

    assert len(tuning.mine()) == 1


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (FAILS_LATE, "failed: The job failed due to an internal error"),
        (MODERATION, f"failed: {MODERATED[1][:60]}"),
        (CANCELLED_THERE, "was cancelled at its server"),
    ],
)
async def test_a_job_that_makes_no_model_ends_in_the_servers_own_words(
    file: Callable[..., Path], fate: Fate, words: str
) -> None:
    with strict_server(tuning=Tuning([fate])) as server:
        trainer = trainer_at(server)
        with pytest.raises(DataError, match=words):
            await ended(trainer, await ordered(trainer, file()))


async def test_a_job_that_vanishes_is_gone_in_words(file: Callable[..., Path]) -> None:
    with strict_server(tuning=Tuning([VANISHES])) as server:
        trainer = trainer_at(server)
        with pytest.raises(JobGone, match=r"ftjob-1 is gone.*Could not find fine tune"):
            await ended(trainer, await ordered(trainer, file()))


async def test_too_few_examples_are_the_servers_to_refuse(file: Callable[..., Path]) -> None:
    with strict_server(tuning=Tuning()) as server:
        trainer = trainer_at(server)
        with pytest.raises(DataError, match="has 9 example"):
            await ended(trainer, await ordered(trainer, file(9)))


async def test_a_malformed_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text((json.dumps(LINE) + "\n") * 10 + '{"messages": []}\n', encoding="utf-8")

    with strict_server(tuning=Tuning()) as server:
        trainer = trainer_at(server)
        with pytest.raises(DataError, match="Line 11"):
            await ended(trainer, await ordered(trainer, path))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"suffix": "s" * 65}, "suffix.*too long"),
        ({"epochs": 51}, "n_epochs"),
        ({"seed": -1}, "seed"),
        ({"base_model": "other"}, "not available for fine-tuning"),
        ({"training_file": "file-9"}, "invalid training_file: file-9"),
    ],
)
async def test_an_order_that_the_server_does_not_take_is_refused_in_its_words(
    file: Callable[..., Path], more: dict[str, Any], words: str
) -> None:
    tuning = Tuning()

    with strict_server(tuning=tuning) as server:
        with pytest.raises(DataError, match=f"does not take the job.*{words}"):
            await ordered(trainer_at(server), file(), **more)

    assert tuning.mine() == []


async def test_a_file_that_the_server_does_not_take_is_refused_in_its_words(
    file: Callable[..., Path],
) -> None:
    with strict_server(tuning=Tuning()) as server:
        with pytest.raises(DataError, match=r"does not take the file.*Must be \.jsonl"):
            await trainer_at(server).upload(file(12, "train.txt"))


async def test_a_server_without_fine_tuning_names_the_setting() -> None:
    with strict_server() as server:
        with pytest.raises(ConfigurationError, match="TENK_STUDENT_BASE_URL"):
            await trainer_at(server).find("cycle-7")


async def test_a_wrong_key_names_the_setting() -> None:
    with strict_server(tuning=Tuning()) as server:
        with pytest.raises(ConfigurationError, match="TENK_STUDENT_API_KEY"):
            await trainer_at(server, api_key="wrong").find("cycle-7")


async def test_a_job_is_cancelled_once(file: Callable[..., Path]) -> None:
    with strict_server(tuning=Tuning([ENDLESS])) as server:
        trainer = trainer_at(server)
        job = await ordered(trainer, file())
        cancelled = await trainer.cancel(job.id)
        with pytest.raises(ProviderError, match="already completed"):
            await trainer.cancel(job.id)

    assert cancelled.status == "cancelled"


async def test_events_beyond_a_page_come_whole_and_in_order(file: Callable[..., Path]) -> None:
    fate = Fate(("queued", *["running"] * 230, "succeeded"))
    tuning = Tuning([fate])

    with strict_server(tuning=tuning) as server:
        trainer = trainer_at(server)
        job = await ordered(trainer, file())
        for _ in fate.stages:
            await trainer.job(job.id)
        events = await trainer.events(job.id, seen=frozenset())
        rest = await trainer.events(job.id, seen=frozenset(event.id for event in events[:-5]))

    steps = [event.numbers["step"] for event in events if event.numbers]
    assert steps == [float(step) for step in range(1, 231)]
    assert rest == events[-5:]


# -- the new model


async def test_a_model_that_comes_late_is_waited_for(file: Callable[..., Path]) -> None:
    tuning = Tuning([SHUT_DOWN])

    with strict_server(tuning=tuning) as server:
        trainer = trainer_at(server)
        model = await ended(trainer, await ordered(trainer, file()))

        async def rest(seconds: float) -> None:
            server.models[model] = None  # its server has loaded it by now

        await require_answer(hello(trainer, model), model, rest=rest)

    assert len(server.sent("/chat/completions")) == 2


async def test_a_model_that_never_comes_is_not_examined(file: Callable[..., Path]) -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    with strict_server(tuning=Tuning([SHUT_DOWN])) as server:
        trainer = trainer_at(server)
        model = await ended(trainer, await ordered(trainer, file()))
        with pytest.raises(DataError, match="does not answer, so it is not examined"):
            await require_answer(hello(trainer, model), model, rest=rest)

    assert sum(rests) >= 300


@pytest.mark.parametrize(
    "replies", [[refuse(500, "Oops.")] * 4, [cut("Fi")], [refuse(429, "Slow down.")] * 4]
)
async def test_a_bad_moment_of_the_server_says_nothing_of_the_model(
    replies: Sequence[Reply],
) -> None:
    with strict_server(chat=replies) as server:
        trainer = trainer_at(server, retries=0)
        with pytest.raises(ProviderError) as caught:
            await require_answer(hello(trainer, "m"), "m", rest=no_rest)

    assert not isinstance(caught.value, ModelGone)


def hello(trainer: Trainer, model: str) -> Callable[[], Any]:
    return lambda: trainer.models.complete(Role.STUDENT, HELLO, model=model)
