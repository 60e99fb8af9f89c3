"""Requests go in, jobs with their events and checkpoints come out; alone knows who has a job.

A job that is not finished has an owner, the server that works on it, whose heartbeat stands in its
row. Where that is stale, any server on the same home may claim it: one UPDATE, so only one does.
Every write of a worker names it as the owner and changes nothing where it has lost the job.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import uuid4

from backend.local.asked_job import JobRequest, suffix_in_name
from backend.local.ledger import Ledger
from backend.local.problems import Problem
from backend.settings import LOCAL_MODELS, Role

Status = Literal[
    "validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"
]
Level = Literal["info", "warn", "error"]
UNFINISHED: tuple[Status, ...] = ("validating_files", "queued", "running")
STALE_SECONDS = 4.0
"""An owner whose heart has not beaten for so long is dead."""
MOST_DEATHS = 3
"""So many servers may die over one job without an epoch done; then it is what kills them."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row."""

    id: str
    created: int
    asked: JobRequest
    status: Status
    owner: str | None
    deaths: int
    progress: dict[str, Any] | None
    error: dict[str, Any] | None
    model: str | None
    finished: int | None
    estimated: int | None
    trained_tokens: int | None
    result_file: str | None
    examples: int | None

    @property
    def model_name(self) -> str:
        """What its model will be called."""
        root = LOCAL_MODELS[Role.STUDENT]
        return f"ft:{root}:{suffix_in_name(self.asked.suffix)}::{self.id.removeprefix('ftjob-')}"


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one home."""

    ledger: Ledger

    # -- what a client does

    def create(self, asked: JobRequest, *, owner: str) -> Job:
        """A new job, which `owner` will work on."""
        name = f"ftjob-{uuid4().hex[:12]}"
        with self.ledger.writing() as told:
            told.execute(
                "INSERT INTO jobs (id, created, asked, status, owner, beat) VALUES (?,?,?,?,?,?)",
                (name, _now(), json.dumps(asked.told()), UNFINISHED[0], owner, time.time()),
            )
            _say(told, name, f"Created fine-tuning job: {name}")
            _say(told, name, f"Validating training file: {asked.training_file}")
        return self.find(name)

    def find(self, name: str) -> Job:
        """The job of that id; raises Problem 404."""
        with self.ledger.reading() as told:
            row = told.execute("SELECT * FROM jobs WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise Problem(
                404,
                f"Could not find fine tune: {name}",
                param="fine_tune_id",
                code="fine_tune_not_found",
            )
        return _job(row)

    def all(self) -> list[Job]:
        """Every job, newest first."""
        return self._where("1 ORDER BY place DESC")

    def cancel(self, name: str) -> Job:
        """Raises Problem where the job is over."""
        return self._turn(name, "cancelled", (*UNFINISHED, "paused"), "Fine-tuning job cancelled")

    def pause(self, name: str) -> Job:
        """Raises Problem where the job is not under way."""
        return self._turn(name, "paused", UNFINISHED[1:], "Fine-tuning job paused")

    def resume(self, name: str, *, owner: str) -> Job:
        """Go on with a paused job, which `owner` will work on; raises Problem for others."""
        return self._turn(name, "queued", ("paused",), "Fine-tuning job resumed", owner=owner)

    def _turn(
        self, name: str, to: Status, since: Sequence[Status], said: str, *, owner: str | None = None
    ) -> Job:
        job = self.find(name)
        finished = _now() if to == "cancelled" else None
        with self.ledger.writing() as told:
            done = told.execute(
                "UPDATE jobs SET status = ?, owner = ?, beat = ?, finished = ?, estimated = NULL "
                f"WHERE id = ? AND status IN ({_marks(since)})",
                (to, owner, time.time(), finished, name, *since),
            ).rowcount
            if done:
                _say(told, name, said)
        if not done:
            raise _wrong_moment(job, to)
        return self.find(name)

    # -- what a server does

    def beat(self, owner: str) -> None:
        """Say that `owner` lives, in every job of its own."""
        with self.ledger.writing() as told:
            told.execute(
                f"UPDATE jobs SET beat = ? WHERE owner = ? AND status IN ({_marks(UNFINISHED)})",
                (time.time(), owner, *UNFINISHED),
            )

    def release(self, owner: str) -> None:
        """Leave every job to whichever server looks next."""
        with self.ledger.writing() as told:
            told.execute("UPDATE jobs SET owner = NULL WHERE owner = ?", (owner,))

    def unfinished(self) -> list[Job]:
        """Jobs that somebody must work on, oldest first."""
        return self._where(
            f"status IN ({_marks(UNFINISHED)}) ORDER BY place", parameters=UNFINISHED
        )

    def claim_abandoned(self, owner: str) -> list[Job]:
        """Jobs whose server has died or stopped, now this one's. One that has killed too many
        fails instead."""
        stale = time.time() - STALE_SECONDS
        left = self._where(
            f"status IN ({_marks(UNFINISHED)}) AND (owner IS NULL OR beat < ?) ORDER BY place",
            parameters=(*UNFINISHED, stale),
        )
        return [taken for job in left if (taken := self._claim(job, owner, stale)) is not None]

    def _claim(self, job: Job, owner: str, stale: float) -> Job | None:
        died = job.owner is not None
        suspect = died and job.status != "queued"  # one that only waits kills nobody
        with self.ledger.writing() as told:
            mine = told.execute(
                "UPDATE jobs SET owner = ?, beat = ?, deaths = deaths + ? WHERE id = ? "
                f"AND status IN ({_marks(UNFINISHED)}) AND (owner IS NULL OR beat < ?)",
                (owner, time.time(), int(suspect), job.id, *UNFINISHED, stale),
            ).rowcount
            if mine:
                why = "died" if died else "was stopped"
                place = f"epoch {job.progress['epoch']}" if job.progress else "the beginning"
                said = f"The server that had this job {why}; another goes on from {place}"
                _say(told, job.id, said, "warn")
        if not mine:
            return None
        if job.deaths + suspect >= MOST_DEATHS:
            self.fail(
                job.id,
                owner,
                message=f"{MOST_DEATHS} servers died while they worked on this job, so it was "
                "given up. Look at their logs; a smaller training file may help.",
                code="server_error",
            )
            return None
        return self.find(job.id)

    def held(self, name: str, owner: str) -> bool:
        """Whether `owner` is still to work on a job."""
        job = self.find(name)
        return job.owner == owner and job.status in UNFINISHED

    def advance(self, name: str, owner: str, to: Status, *said: str, **columns: Any) -> bool:
        """Move a job on, with events; False where it is no longer `owner`'s."""
        told_columns = {"status": to, **columns}
        if to == "failed":
            told_columns |= {"owner": None, "finished": _now(), "estimated": None}
        with self.ledger.writing() as told:
            done = _update(told, name, owner, told_columns)
            for message in said if done else ():
                _say(told, name, message, "error" if to == "failed" else "info")
        return done

    def fail(
        self, name: str, owner: str, *, message: str, code: str, param: str | None = None
    ) -> bool:
        """End a job with the reason; False where it is no longer `owner`'s."""
        error = json.dumps({"code": code, "message": message, "param": param})
        return self.advance(name, owner, "failed", message, error=error)

    def succeed(
        self, name: str, owner: str, *, model: str, result_file: str, last: dict[str, Any]
    ) -> bool:
        """End a job with its model; False where it is no longer `owner`'s."""
        columns = {"status": "succeeded", "owner": None, "finished": _now(), "estimated": None}
        columns |= {"model": model, "result_file": result_file}
        with self.ledger.writing() as told:
            done = _update(told, name, owner, columns)
            if done:
                _note_checkpoint(told, name, last, model)
                _say(told, name, f"New fine-tuned model created: {model}")
                _say(told, name, "The job has successfully completed")
        return done

    def keep_epoch(
        self,
        name: str,
        owner: str,
        *,
        progress: dict[str, Any],
        steps: Sequence[dict[str, Any]],
        event: tuple[str, dict[str, Any]],
        estimated: int,
    ) -> bool:
        """What an epoch has done: from here the job goes on after a crash."""
        columns = {"progress": json.dumps(progress), "estimated": estimated, "deaths": 0}
        with self.ledger.writing() as told:
            done = _update(told, name, owner, columns)
            if done:
                told.executemany(
                    "INSERT OR REPLACE INTO steps (job, step, metrics) VALUES (?, ?, ?)",
                    [(name, step["step"], json.dumps(step)) for step in steps],
                )
                _say(told, name, event[0], data=event[1])
        return done

    def steps(self, name: str) -> list[dict[str, Any]]:
        """The metrics of every step, in order."""
        with self.ledger.reading() as told:
            rows = told.execute("SELECT metrics FROM steps WHERE job = ? ORDER BY step", (name,))
            return [json.loads(row["metrics"]) for row in rows]

    # -- events and checkpoints

    def say(self, name: str, message: str, level: Level = "info") -> None:
        """Write an event."""
        with self.ledger.writing() as told:
            _say(told, name, message, level)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Newest first, in OpenAI's shape; raises Problem 404."""
        self.find(name)
        with self.ledger.reading() as told:
            rows = told.execute(
                "SELECT * FROM events WHERE job = ? ORDER BY place DESC", (name,)
            ).fetchall()
        return [_event(row) for row in rows]

    def checkpoint(self, name: str, step: dict[str, Any], model: str) -> None:
        """Note a model saved on the way."""
        with self.ledger.writing() as told:
            _note_checkpoint(told, name, step, model)

    def checkpoints(self, name: str) -> list[dict[str, Any]]:
        """Newest first, in OpenAI's shape; raises Problem 404."""
        self.find(name)
        with self.ledger.reading() as told:
            rows = told.execute(
                "SELECT * FROM checkpoints WHERE job = ? ORDER BY step DESC", (name,)
            ).fetchall()
        return [_checkpoint(row) for row in rows]

    def _where(self, clause: str, parameters: Sequence[object] = ()) -> list[Job]:
        with self.ledger.reading() as told:
            rows = told.execute(f"SELECT * FROM jobs WHERE {clause}", (*parameters,)).fetchall()
        return [_job(row) for row in rows]


def _now() -> int:
    return int(time.time())


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _update(told: sqlite3.Connection, name: str, owner: str, columns: Mapping[str, object]) -> bool:
    """Change an unfinished job of `owner`'s. Column names are this module's own."""
    sets = ", ".join(f"{column} = ?" for column in columns)
    return bool(
        told.execute(
            f"UPDATE jobs SET {sets} WHERE id = ? AND owner = ? "
            f"AND status IN ({_marks(UNFINISHED)})",
            (*columns.values(), name, owner, *UNFINISHED),
        ).rowcount
    )


def _say(
    told: sqlite3.Connection,
    name: str,
    message: str,
    level: Level = "info",
    data: dict[str, Any] | None = None,
) -> None:
    told.execute(
        "INSERT INTO events (id, job, created, level, message, data) VALUES (?, ?, ?, ?, ?, ?)",
        (
            f"ftevent-{uuid4().hex[:24]}",
            name,
            _now(),
            level,
            message,
            json.dumps(data) if data is not None else None,
        ),
    )


def _note_checkpoint(told: sqlite3.Connection, name: str, step: dict[str, Any], model: str) -> None:
    told.execute(
        "INSERT OR IGNORE INTO checkpoints (id, job, created, step, model, metrics) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (f"ftckpt_{uuid4().hex[:24]}", name, _now(), step["step"], model, json.dumps(step)),
    )
    _say(told, name, f"Checkpoint created at step {step['step']} with Snapshot ID: {model}")


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else cast(dict[str, Any], json.loads(text))


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        created=row["created"],
        asked=JobRequest(**json.loads(row["asked"])),
        status=row["status"],
        owner=row["owner"],
        deaths=row["deaths"],
        progress=_read(row["progress"]),
        error=_read(row["error"]),
        model=row["model"],
        finished=row["finished"],
        estimated=row["estimated"],
        trained_tokens=row["trained_tokens"],
        result_file=row["result_file"],
        examples=row["examples"],
    )


def _event(row: sqlite3.Row) -> dict[str, Any]:
    data = _read(row["data"])
    return {
        "object": "fine_tuning.job.event",
        "id": row["id"],
        "created_at": row["created"],
        "level": row["level"],
        "message": row["message"],
        "type": "metrics" if data is not None else "message",
        "data": data or {},
    }


def _checkpoint(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": row["id"],
        "created_at": row["created"],
        "fine_tuning_job_id": row["job"],
        "fine_tuned_model_checkpoint": row["model"],
        "step_number": row["step"],
        "metrics": _read(row["metrics"]),
    }


def _wrong_moment(job: Job, to: Status) -> Problem:
    if job.status in ("succeeded", "failed", "cancelled"):
        return Problem(400, f"Job has already completed: {job.id}", code="invalid_job_state")
    wanted = {"paused": "paused while it is", "queued": "resumed while it is"}.get(to, "changed as")
    return Problem(400, f"Job {job.id} cannot be {wanted} {job.status}.", code="invalid_job_state")
