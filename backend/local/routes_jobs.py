"""HTTP on fine-tuning: requests in, job objects, their events and their checkpoints out."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request

from backend.local import problems
from backend.local.asked import body_of
from backend.local.asked_job import JobRequest, job_request
from backend.local.files import Files
from backend.local.jobs import Job, Jobs
from backend.local.models import Registry
from backend.local.paging import asked_page, page
from backend.local.problems import Problem
from backend.local.tuner import Tuner
from backend.local.tuning import Bench, plan_of

Raw = Callable[[Request], Awaitable[bytes]]


def job_routes(bench: Bench, tuner: Tuner, raw: Raw) -> APIRouter:
    """The routes of `/fine_tuning/jobs`. Whoever asks here also makes this server look whether
    another has left its jobs behind."""
    router = APIRouter(prefix="/fine_tuning/jobs")
    jobs = bench.jobs

    @router.post("")
    async def create(request: Request) -> dict[str, Any]:
        asked = job_request(body_of(await raw(request)))
        _known(asked, bench.files, bench.models)
        job = jobs.create(asked, owner=tuner.owner)
        tuner.look()
        return card(job)

    turns = {
        "cancel": jobs.cancel,
        "pause": jobs.pause,
        "resume": partial(jobs.resume, owner=tuner.owner),
    }

    @router.post("/{name}/{turn}")
    async def turn_job(name: str, turn: str, request: Request) -> dict[str, Any]:
        if turn not in turns:
            raise problems.unknown_url(request.method, request.url.path)
        turned = turns[turn](name)
        tuner.look()
        return card(turned)

    _add_looks(router, jobs, tuner)
    return router


def _add_looks(router: APIRouter, jobs: Jobs, tuner: Tuner) -> None:
    """What changes nothing: jobs, their events, their checkpoints."""

    @router.get("")
    async def list_jobs(request: Request) -> dict[str, Any]:
        tuner.look()
        asked = asked_page(request.query_params, usual=20, most=100)
        wanted = _wanted(request.query_params)
        found = [job for job in jobs.all() if _fits(job.asked.metadata, wanted)]
        return page([card(job) for job in found], asked)

    @router.get("/{name}")
    async def retrieve(name: str) -> dict[str, Any]:
        tuner.look()
        return card(jobs.find(name))

    @router.get("/{name}/events")
    async def events(name: str, request: Request) -> dict[str, Any]:
        tuner.look()
        return page(jobs.events(name), asked_page(request.query_params, usual=20, most=1000))

    @router.get("/{name}/checkpoints")
    async def checkpoints(name: str, request: Request) -> dict[str, Any]:
        tuner.look()
        return page(jobs.checkpoints(name), asked_page(request.query_params, usual=10, most=100))


def _known(asked: JobRequest, files: Files, models: Registry) -> None:
    """Raises Problem where the model or a file is none that a job can be made of."""
    models.tunable(asked.model)
    named = {"training_file": asked.training_file, "validation_file": asked.validation_file}
    for param, name in named.items():
        if name is None:
            continue
        file = files.known(name)
        if file is None:
            raise Problem(400, f"invalid {param}: {name}", param=param)
        if file.purpose != "fine-tune":
            raise Problem(
                400,
                f"invalid {param}: {name} was uploaded with purpose '{file.purpose}'; expected "
                "'fine-tune'",
                param=param,
            )


def _wanted(query: Mapping[str, str]) -> dict[str, str] | None:
    """The metadata that a list is asked for: `metadata[key]=value`; None: jobs without any."""
    if query.get("metadata") == "null":
        return None
    keys = [key for key in query if key.startswith("metadata[") and key.endswith("]")]
    return {key[len("metadata[") : -1]: query[key] for key in keys}


def _fits(metadata: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    if wanted is None:
        return not metadata
    return all(metadata.get(key) == value for key, value in wanted.items())


def card(job: Job) -> dict[str, Any]:
    """OpenAI's job object."""
    asked = job.asked
    chosen = _hyperparameters(job)
    return {
        "object": "fine_tuning.job",
        "id": job.id,
        "created_at": job.created,
        "finished_at": job.finished,
        "estimated_finish": job.estimated,
        "status": job.status,
        "model": asked.model,
        "fine_tuned_model": job.model,
        "training_file": asked.training_file,
        "validation_file": asked.validation_file,
        "result_files": [job.result_file] if job.result_file else [],
        "trained_tokens": job.trained_tokens if job.status == "succeeded" else None,
        "error": job.error,
        "seed": asked.seed,
        "user_provided_suffix": asked.suffix,
        "metadata": asked.metadata,
        "hyperparameters": chosen,
        "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
        "organization_id": "org-local",
        "integrations": [],
    }


def _hyperparameters(job: Job) -> dict[str, Any]:
    """As asked, until the files are checked; then what they have come to."""
    asked, plan = job.asked, plan_of(job.asked)
    known = job.examples is not None
    return {
        "n_epochs": plan.epochs if known else asked.n_epochs or "auto",
        "batch_size": plan.batch if known else asked.batch_size or "auto",
        "learning_rate_multiplier": asked.learning_rate_multiplier or (1.0 if known else "auto"),
    }
