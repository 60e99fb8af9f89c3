"""Reaches the fine-tuning routes of the student's server: files and jobs go in, jobs come out.

It alone knows the SDK's shapes of files, jobs and events.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backend.errors import (
    ConfigurationError,
    DataError,
    JobGone,
    ModelGone,
    ProviderError,
    TenkError,
)
from backend.models.clients import Models
from backend.models.failures import foreign_errors, refusal_of
from backend.records import Role

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob

TAG = "tenk_tag"
"""The key in a job's metadata that tells whose job it is."""
PAGE = 100
PAGES = 20
"""How far back a tag is looked for: jobs beyond are older than any running cycle."""


@dataclass(frozen=True, slots=True)
class Job:
    """One fine-tuning job, as its server tells of it."""

    id: str
    status: str  # validating_files, queued, running, paused, succeeded, failed, cancelled
    model: str | None  # name of the new model once it succeeded
    error: str  # the server's own reason; empty where there is none
    tag: str | None
    trained_tokens: int | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that a server says about a job; `numbers` holds step and losses of a metric."""

    id: str
    text: str
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Trainer:
    """Fine-tuning on the student's server. Every call raises the typed errors of `Models`."""

    models: Models

    async def upload(self, path: Path, *, name: str = "") -> str:
        """Send a training file; the server's id of it.

        `name`: what it is called there, where that is nobody else's. Then one that came that far
        before is taken instead: a process may have died before it wrote the id down.
        """
        client = await self.models.client(Role.STUDENT)
        with self._worded(refused="the file"), path.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            if name and (found := await self._sent(name, size)):
                return found
            sent = await client.files.create(file=(name or path.name, content), purpose="fine-tune")
        return sent.id

    async def _sent(self, name: str, size: int) -> str | None:
        """The newest whole file of that name; None too where the server lists none."""
        client = await self.models.client(Role.STUDENT)
        try:
            page = await client.files.list(purpose="fine-tune", limit=PAGE)
        except foreign_errors() as error:
            said = refusal_of(error)
            if said is None or said.status == 429 or said.status >= 500:
                raise self.models.explained(error, Role.STUDENT) from error
            return None
        return next(
            (one.id for one in page.data if (one.filename, one.bytes) == (name, size)), None
        )

    async def find(self, tag: str) -> Job | None:
        """The job with this tag, if the server has it: asked before a job is created."""
        from openai import omit

        client = await self.models.client(Role.STUDENT)
        after: str | None = None
        for _ in range(PAGES):
            with self._worded():
                page = await client.fine_tuning.jobs.list(limit=PAGE, after=after or omit)
            for job in page.data:
                if (job.metadata or {}).get(TAG) == tag:
                    return _job(job)
            if not page.has_more or not page.data:
                return None
            after = page.data[-1].id
        return None

    async def create(
        self,
        base_model: str,
        files: tuple[str, str | None],
        *,
        tag: str,
        suffix: str,
        seed: int,
        hyperparameters: Mapping[str, float],
    ) -> Job:
        """Start a job on (training file, validation file). It is paid from here on.

        The server chooses what `hyperparameters` leaves out.

        Never tried again by itself: who cannot tell whether it was taken looks for the tag.
        """
        client = (await self.models.client(Role.STUDENT)).with_options(max_retries=0)
        chosen: dict[str, Any] = {"n_epochs": "auto", **hyperparameters}
        request: dict[str, Any] = {
            "model": base_model,
            "training_file": files[0],
            "suffix": suffix,
            "seed": seed,
            "metadata": {TAG: tag},
            "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
        }
        if files[1]:
            request["validation_file"] = files[1]
        with self._worded(refused="the job"):
            try:
                return _job(await client.fine_tuning.jobs.create(**request))
            except foreign_errors() as error:
                if not _unknown(error, "method"):
                    raise
            del request["method"]
            request["hyperparameters"] = chosen  # the older way, which is all that some know
            return _job(await client.fine_tuning.jobs.create(**request))

    async def job(self, key: str) -> Job:
        """How the job stands. Raises JobGone where the server no longer knows it."""
        client = await self.models.client(Role.STUDENT)
        with self._worded(key):
            return _job(await client.fine_tuning.jobs.retrieve(key))

    async def events(self, key: str, *, seen: frozenset[str]) -> list[JobEvent]:
        """What happened in the job and is not in `seen`, oldest first."""
        from openai import omit

        client = await self.models.client(Role.STUDENT)
        fresh: list[JobEvent] = []
        after: str | None = None
        for _ in range(PAGES):
            with self._worded(key):
                page = await client.fine_tuning.jobs.list_events(
                    key, limit=PAGE, after=after or omit
                )
            new = [event for event in page.data if event.id not in seen]
            fresh += [JobEvent(event.id, event.message, _numbers(event.data)) for event in new]
            if len(new) < len(page.data) or not page.has_more or not page.data:
                break  # the rest was seen: events come newest first
            after = page.data[-1].id
        return fresh[::-1]

    async def cancel(self, key: str) -> Job:
        """Stop the job; what it cost so far is spent."""
        client = await self.models.client(Role.STUDENT)
        with self._worded(key):
            return _job(await client.fine_tuning.jobs.cancel(key))

    async def pause(self, key: str) -> None:
        """Let the job wait. Raises ProviderError where its server cannot, or not now."""
        await self._turn("pause", key)

    async def resume(self, key: str) -> None:
        """Let a paused job go on. Raises ProviderError where its server cannot, or not now."""
        await self._turn("resume", key)

    async def _turn(self, verb: Literal["pause", "resume"], key: str) -> None:
        """A 404 says nothing of the job here: many servers know neither route."""
        jobs = (await self.models.client(Role.STUDENT)).fine_tuning.jobs
        try:
            await (jobs.pause(key) if verb == "pause" else jobs.resume(key))
        except foreign_errors() as error:
            said = refusal_of(error)
            if said is None:
                raise self.models.explained(error, Role.STUDENT) from error
            where = self.models.endpoint(Role.STUDENT).base_url
            message = " ".join(said.message.split()).rstrip(".")
            raise ProviderError(
                f"{where} does not {verb} the job ({said.status}: {message})."
            ) from error

    async def stop(self, job: Job) -> None:
        """Cancel a job; one that has ended meanwhile is no failure."""
        if job.ended:
            return
        try:
            await self.cancel(job.id)
        except ProviderError:
            if not (await self.job(job.id)).ended:
                raise

    @contextmanager
    def _worded(self, job: str | None = None, *, refused: str = "") -> Generator[None]:
        """What the SDK raises, in our words and types; `refused`: what a server may not take."""
        try:
            yield
        except foreign_errors() as error:
            raise self._explained(error, job, refused) from error

    def _explained(self, error: Exception, job: str | None, refused: str) -> TenkError:
        told = self.models.explained(error, Role.STUDENT)
        said = refusal_of(error)
        if said is None:
            return told
        endpoint = self.models.endpoint(Role.STUDENT)
        message = " ".join(said.message.split()).rstrip(".")
        if job is not None and said.status == 404:
            return JobGone(
                f"The fine-tuning job {job} is gone from {endpoint.base_url}, which says: "
                f"{message}. Start another cycle: tenk retrain"
            )
        if refused and said.status in (400, 413, 422):
            return DataError(
                f"{endpoint.base_url} does not take {refused}: {message}. Nothing was trained; "
                "start another cycle when that is mended: tenk retrain"
            )
        if said.status in (404, 405, 501) and not isinstance(told, ModelGone):
            return ConfigurationError(
                f"{endpoint.base_url} has no fine-tuning ({said.status}: {message}); set "
                f"{endpoint.variable('base_url')} to a server that has, or to local for tenk's own."
            )
        return told


def _unknown(error: Exception, part: str) -> bool:
    """Whether a server refuses because it does not know this part of the request."""
    said = refusal_of(error)
    return said is not None and said.status in (400, 422) and said.mentions(part)


def _job(told: "FineTuningJob") -> Job:
    error = told.error.message if told.error and told.error.message else ""
    return Job(
        id=told.id,
        status=told.status,
        model=told.fine_tuned_model,
        error=error,
        tag=(told.metadata or {}).get(TAG),
        trained_tokens=told.trained_tokens,
    )


def _numbers(data: object) -> dict[str, float]:
    if not isinstance(data, dict):
        return {}
    numbers: dict[Any, Any] = data
    return {
        str(name): float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
