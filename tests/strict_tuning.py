"""Files and fine-tuning jobs of the strict server: refused as OpenAI refuses, failing as scripted.

A job goes one stage on at each look at it. What is wrong with a training file ends the job in
validation, with OpenAI's words and codes; what else goes wrong a test says by `Fate`s, one a job.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs

from tests.strict_server import Reply, Request, StrictServer, give, refuse

PARAMETERS = {
    "model", "training_file", "validation_file", "suffix", "seed", "hyperparameters", "method",
    "metadata", "integrations",
}  # fmt: skip
HYPERPARAMETERS = {"n_epochs": (1, 50), "batch_size": (1, 256), "learning_rate_multiplier": (0, 10)}
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
STAGES = ("validating_files", "queued", "running", "running", "succeeded")
OVER = ("succeeded", "failed", "cancelled")
ROLES = ("system", "user", "assistant", "tool", "developer")
MODERATED = (
    "invalid_training_file",
    "The job failed due to an unsafe training file. This training file was blocked because too "
    "many examples were flagged by our moderation system.",
)


@dataclass(frozen=True)
class Fate:
    """What becomes of a job: its stages in turn, the last one for ever; "gone" is a 404."""

    stages: Sequence[str] = STAGES
    error: tuple[str, str] | None = None
    """Code and message, where it fails."""
    serves: bool = True
    """Whether the new model can be called when the job has succeeded."""


MODERATION = Fate(("validating_files", "failed"), MODERATED)
FAILS_LATE = Fate(
    ("validating_files", "queued", "running", "running", "failed"),
    ("server_error", "The job failed due to an internal error."),
)
CANCELLED_THERE = Fate(("queued", "running", "cancelled"))
VANISHES = Fate(("queued", "running", "gone"))
SHUT_DOWN = Fate(serves=False)
ENDLESS = Fate(("queued", "running"))


class Refused(Exception):
    """A request that is answered by a refusal."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str = "") -> None:
        super().__init__(message)
        self.reply = refuse(status, message, code=code or None, param=param)


@dataclass
class Tuning:
    """The files and jobs of one server."""

    fates: list[Fate] = field(default_factory=list[Fate])
    lose_answers: int = 0
    """So many answers to a creation are cut off, though the job exists."""
    knows_method: bool = True
    """A server that came before `method` takes `hyperparameters` alone."""
    pauses: str = "yes"
    """Whether a job can be paused: "yes", "no" (refused), or "unknown" (no such route)."""
    tunable: Sequence[str] = ("m",)
    on_create: Callable[[], None] = lambda: None
    """Called when a job is there, before the client hears of it."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    left: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Stages that a job has before it."""
    content: dict[str, bytes] = field(default_factory=dict[str, bytes])
    turns: list[str] = field(default_factory=list[str])
    """What jobs were asked to become, paused or queued again, in order."""
    pages: int = 0
    """Lists that were asked for."""

    def reply(self, server: StrictServer, request: Request) -> Reply | None:
        """The answer to a request on these routes; None where it is on another."""
        path = request.path.removeprefix("/v1")
        for method, pattern, answer in ROUTES:
            if method == request.method and (match := re.fullmatch(pattern, path)):
                try:
                    return answer(self, server, request, *match.groups())
                except Refused as refusal:
                    return refusal.reply
        return None

    def strangers(self, count: int) -> None:
        """Jobs of somebody else's on the same account, older than any to come."""
        for number in range(count):
            self.jobs[f"ftjob-old-{number}"] = card(f"ftjob-old-{number}", {"model": "m"})
            self.left[f"ftjob-old-{number}"] = []

    def mine(self) -> list[dict[str, Any]]:
        """Jobs that a tag was given to."""
        return [job for job in self.jobs.values() if job["metadata"]]


def card(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's job object."""
    chosen = hyperparameters_of(body)
    return {
        "object": "fine_tuning.job",
        "id": name,
        "created_at": 1,
        "finished_at": None,
        "estimated_finish": None,
        "status": "validating_files",
        "model": body["model"],
        "fine_tuned_model": None,
        "training_file": body.get("training_file", "file-0"),
        "validation_file": body.get("validation_file"),
        "result_files": [],
        "trained_tokens": None,
        "error": None,
        "seed": body.get("seed", 1),
        "user_provided_suffix": body.get("suffix"),
        "metadata": body.get("metadata") or {},
        "hyperparameters": chosen,
        "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
        "organization_id": "org-1",
        "integrations": [],
    }


def hyperparameters_of(body: dict[str, Any]) -> dict[str, Any]:
    """As asked for, in either place."""
    method = body.get("method") or {}
    told = (method.get("supervised") or {}).get("hyperparameters")
    return told or body.get("hyperparameters") or {"n_epochs": "auto"}


# -- files


def upload(tuning: Tuning, _server: StrictServer, request: Request) -> Reply:
    told = form(request)
    for name in told:
        if name not in ("file", "purpose"):
            raise Refused(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in ("file", "purpose"):
        if name not in told:
            raise Refused(400, f"Missing required parameter: '{name}'.", name)
    purpose = told["purpose"][1].decode()
    if purpose not in PURPOSES:
        raise Refused(400, f"'{purpose}' is not one of {PURPOSES}.", "purpose", "invalid_value")
    filename, content = told["file"]
    if purpose == "fine-tune" and not filename.endswith(".jsonl"):
        raise Refused(400, "Invalid file format for Fine-Tuning API. Must be .jsonl", "file")
    if not content:
        raise Refused(400, "File is empty.", "file")
    name = f"file-{len(tuning.files) + 1}"
    tuning.content[name] = content
    tuning.files[name] = {
        "id": name,
        "object": "file",
        "bytes": len(content),
        "created_at": 1,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
    }
    return give(tuning.files[name])


def form(request: Request) -> dict[str, tuple[str, bytes]]:
    """Each field's file name and content."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise Refused(400, "Expected a multipart form.")
    parts = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.raw)
    found: dict[str, tuple[str, bytes]] = {}
    for part in parts.walk():
        name: Any = part.get_param("name", header="content-disposition")
        content: Any = part.get_payload(decode=True)
        if name is not None:
            found[str(name)] = (part.get_filename() or "", content)
    return found


def list_files(tuning: Tuning, _server: StrictServer, request: Request) -> Reply:
    return paged(tuning, [*tuning.files.values()][::-1], request, most=10_000)


def one_file(tuning: Tuning, _server: StrictServer, _request: Request, name: str) -> Reply:
    if name not in tuning.files:
        raise Refused(404, f"No such File object: {name}", "id")
    return give(tuning.files[name])


# -- jobs


def create(tuning: Tuning, server: StrictServer, request: Request) -> Reply:
    body = request.body
    check_parameters(tuning, body)
    check_model_and_files(tuning, body)
    name = f"ftjob-{len(tuning.jobs) + 1}"
    tuning.jobs[name] = card(name, body)
    fate = tuning.fates.pop(0) if tuning.fates else Fate()
    tuning.left[name] = [*fate.stages]
    tuning.events[name] = []
    say(tuning, name, f"Created fine-tuning job: {name}")
    if wrong := fault_of(tuning.content[body["training_file"]]):
        tuning.left[name], fate = ["validating_files", "failed"], Fate(error=wrong)
    tuning.jobs[name]["_fate"] = fate
    tuning.on_create()
    if tuning.lose_answers:
        tuning.lose_answers -= 1
        return Reply(body=b'{"object": "fine_tun', cut=True)
    return told(tuning.jobs[name])


def check_parameters(tuning: Tuning, body: dict[str, Any]) -> None:
    for name in body:
        if name not in PARAMETERS or (name == "method" and not tuning.knows_method):
            raise Refused(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in ("model", "training_file"):
        if not body.get(name):
            raise Refused(400, f"Missing required parameter: '{name}'.", name)
    suffix = body.get("suffix")
    if suffix is not None and not 1 <= len(suffix) <= 64:
        text = "Invalid 'suffix': string too long. Expected a string with maximum length 64."
        raise Refused(400, text, "suffix", "string_above_max_length")
    seed = body.get("seed")
    if seed is not None and not (type(seed) is int and 0 <= seed < 2**31):
        raise Refused(400, "Invalid 'seed'.", "seed", "invalid_type")
    check_method(body)
    check_metadata(body.get("metadata"))


def check_method(body: dict[str, Any]) -> None:
    method = body.get("method")
    if method is not None and (
        method.get("type") != "supervised" or set(method) - {"type", "supervised"}
    ):
        raise Refused(400, "Invalid value for 'method'.", "method", "invalid_value")
    for name, value in hyperparameters_of(body).items():
        if name not in HYPERPARAMETERS:
            raise Refused(400, f"Unknown parameter: 'hyperparameters.{name}'.", name)
        low, high = HYPERPARAMETERS[name]
        if value != "auto" and not low <= value <= high:
            raise Refused(400, f"Invalid 'hyperparameters.{name}': {value}.", name)


def check_metadata(told: Any) -> None:
    if told is None:
        return
    if not isinstance(told, dict) or len(told) > 16:
        raise Refused(400, "Invalid 'metadata': at most 16 properties.", "metadata")
    for key, value in told.items():
        if not isinstance(value, str) or len(str(key)) > 64 or len(value) > 512:
            raise Refused(400, f"Invalid 'metadata.{key}'.", "metadata", "invalid_type")


def check_model_and_files(tuning: Tuning, body: dict[str, Any]) -> None:
    if body["model"] not in tuning.tunable:
        text = f"Model {body['model']} is not available for fine-tuning or does not exist."
        raise Refused(400, text, "model", "model_not_available")
    for param in ("training_file", "validation_file"):
        name = body.get(param)
        if name is None:
            continue
        if name not in tuning.files:
            raise Refused(400, f"invalid {param}: {name}", param, "file_not_found")
        if tuning.files[name]["purpose"] != "fine-tune":
            raise Refused(400, f"invalid {param}: {name} has another purpose", param)


def fault_of(content: bytes) -> tuple[str, str] | None:
    """What is wrong with a training file, as the job's error tells it: code and message."""
    lines = content.decode().splitlines()
    for number, line in enumerate(lines, 1):
        if wrong := fault_of_line(line):
            text = f"The job failed due to an invalid training file. Line {number}: {wrong}"
            return "invalid_training_file", text
    if len(lines) < 10:
        text = f"Training file has {len(lines)} example(s), but must have at least 10 examples"
        return "invalid_n_examples", text
    return None


def fault_of_line(line: str) -> str:
    try:
        told: Any = json.loads(line)
        messages = told["messages"]
        roles = [message["role"] for message in messages]
        texts = [message["content"] for message in messages]
    except (ValueError, TypeError, KeyError):
        return "expected an object with 'messages', each with role and content"
    if set(roles) - set(ROLES) or roles[-1:] != ["assistant"]:
        return "the last message must be from the assistant"
    return "" if all(isinstance(text, str) and text for text in texts) else "empty content"


def told(job: dict[str, Any]) -> Reply:
    return give({name: value for name, value in job.items() if not name.startswith("_")})


def the(tuning: Tuning, name: str) -> dict[str, Any]:
    if name not in tuning.jobs:
        raise Refused(
            404, f"Could not find fine tune: {name}", "fine_tune_id", "fine_tune_not_found"
        )
    return tuning.jobs[name]


def retrieve(tuning: Tuning, server: StrictServer, _request: Request, name: str) -> Reply:
    job = the(tuning, name)
    if tuning.left[name] and job["status"] != "paused":
        go_on(tuning, server, job, tuning.left[name].pop(0))
    return told(the(tuning, name))


def go_on(tuning: Tuning, server: StrictServer, job: dict[str, Any], stage: str) -> None:
    """One stage further."""
    name, fate = job["id"], job["_fate"]
    if stage == "gone":
        del tuning.jobs[name]
        return
    job["status"] = stage
    if stage == "running":
        step = 1 + sum(event["type"] == "metrics" for event in tuning.events[name])
        say(tuning, name, f"Step {step}", {"step": step, "train_loss": 2.0 / step})
    if stage == "succeeded":
        job["fine_tuned_model"] = f"ft:{job['model']}:acme:{job['user_provided_suffix']}:{name}"
        job["trained_tokens"] = 1000
        if fate.serves:
            server.models[job["fine_tuned_model"]] = None
        say(tuning, name, "The job has successfully completed")
    if stage == "failed":
        code, message = fate.error or ("server_error", "It failed.")
        job["error"] = {"code": code, "message": message, "param": None}
        say(tuning, name, message)


def say(tuning: Tuning, name: str, message: str, data: dict[str, Any] | None = None) -> None:
    tuning.events[name].append(
        {
            "object": "fine_tuning.job.event",
            "id": f"ftevent-{name}-{len(tuning.events[name])}",
            "created_at": 1,
            "level": "info",
            "message": message,
            "type": "metrics" if data else "message",
            "data": data or {},
        }
    )


def list_jobs(tuning: Tuning, _server: StrictServer, request: Request) -> Reply:
    shown = [json.loads(told(job).body) for job in [*tuning.jobs.values()][::-1]]
    return paged(tuning, shown, request, most=100)


def list_events(tuning: Tuning, _server: StrictServer, request: Request, name: str) -> Reply:
    the(tuning, name)
    return paged(tuning, tuning.events[name][::-1], request, most=100)


def checkpoints(tuning: Tuning, _server: StrictServer, request: Request, name: str) -> Reply:
    the(tuning, name)
    return paged(tuning, [], request, most=100)


def cancel(tuning: Tuning, _server: StrictServer, _request: Request, name: str) -> Reply:
    job = the(tuning, name)
    if job["status"] in OVER:
        text = f"Job has already completed: {name}"
        raise Refused(400, text, None, "invalid_job_state")
    job["status"], tuning.left[name] = "cancelled", []
    return told(job)


def pause(tuning: Tuning, _server: StrictServer, _request: Request, name: str) -> Reply:
    return turned(tuning, name, "paused", ("queued", "running"))


def resume(tuning: Tuning, _server: StrictServer, _request: Request, name: str) -> Reply:
    return turned(tuning, name, "queued", ("paused",))


def turned(tuning: Tuning, name: str, to: str, since: Sequence[str]) -> Reply:
    if tuning.pauses == "unknown":
        return give({"detail": "Not Found"}, 404)
    job = the(tuning, name)
    tuning.turns.append(to)
    if tuning.pauses == "no" or job["status"] not in since:
        text = f"Job {name} cannot become {to} while it is {job['status']}."
        raise Refused(400, text, None, "invalid_job_state")
    job["status"] = to
    return told(job)


def paged(tuning: Tuning, rows: Sequence[dict[str, Any]], request: Request, *, most: int) -> Reply:
    """A page of a list that is newest first; unknown parameters are refused."""
    tuning.pages += 1
    query = parse_qs(request.query)
    for name in query:
        if name not in ("limit", "after", "purpose", "order"):
            raise Refused(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    limit = int(query.get("limit", ["20"])[0])
    if not 1 <= limit <= most:
        raise Refused(400, f"Invalid 'limit': {limit}.", "limit")
    ids = [row["id"] for row in rows]
    start = ids.index(query["after"][0]) + 1 if "after" in query else 0
    shown = rows[start : start + limit]
    return give({"object": "list", "data": shown, "has_more": start + limit < len(rows)})


JOB = r"/fine_tuning/jobs/([^/]+)"
ROUTES: Sequence[tuple[str, str, Callable[..., Reply]]] = (
    ("POST", r"/files", upload),
    ("GET", r"/files", list_files),
    ("GET", r"/files/([^/]+)", one_file),
    ("POST", r"/fine_tuning/jobs", create),
    ("GET", r"/fine_tuning/jobs", list_jobs),
    ("GET", JOB, retrieve),
    ("GET", JOB + "/events", list_events),
    ("GET", JOB + "/checkpoints", checkpoints),
    ("POST", JOB + "/cancel", cancel),
    ("POST", JOB + "/pause", pause),
    ("POST", JOB + "/resume", resume),
)
