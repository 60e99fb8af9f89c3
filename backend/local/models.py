"""A model's name goes in; what stands behind it comes out. Alone knows where tuned weights lie.

Tuned models are JSON files in home/local/models, one a model: {"id", "created", "base", "weights"}.
They are found by the id inside, so a name from a request never becomes a path.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

from backend.errors import DataError
from backend.local import problems
from backend.local.asked import CONTEXT_WINDOW, EMBED_WINDOW
from backend.local.problems import Problem
from backend.local.reader import STUDENT_START, TEACHER, Weights
from backend.settings import LOCAL_MODELS, Role

Kind = Literal["reader", "judge", "embedder"]

RELEASED = 1_795_132_800
"""When the models that ship with tenk were made (2026-11-20), in seconds since 1970."""
NOTES: dict[Kind, str] = {
    "reader": "No language model: it picks table cells and sentences from the evidence it is "
    "given, cites them, and refuses when nothing fits.",
    "judge": "No language model: it answers the prompts of ragas's faithfulness and answer "
    "relevancy by looking up figures and quotes, and nothing else.",
    "embedder": "No language model: word stems, letter groups, periods and units, weighted by "
    "rarity and hashed.",
}


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model this server answers for."""

    id: str
    kind: Kind
    created: int = RELEASED
    weights: Weights | None = None
    """Of a reader; None for the others."""
    base: str | None = None
    """What it was tuned from; None where it ships with tenk."""

    def card(self) -> dict[str, Any]:
        """The model as `GET /v1/models` shows it: OpenAI's fields, then ours."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": "tenk" if self.base is None else "tenk-user",
            "shutdown_date": None,
            "context_window": EMBED_WINDOW if self.kind == "embedder" else CONTEXT_WINDOW,
            "kind": self.kind,
            "base": self.base,
            "note": NOTES[self.kind],
        }


SHIPPED = (
    LocalModel(LOCAL_MODELS[Role.TEACHER], "reader", weights=TEACHER),
    LocalModel(LOCAL_MODELS[Role.STUDENT], "reader", weights=STUDENT_START),
    LocalModel(LOCAL_MODELS[Role.JUDGE], "judge"),
    LocalModel(LOCAL_MODELS[Role.EMBED], "embedder"),
)


@dataclass(frozen=True, slots=True)
class Registry:
    """The models served from one home. Reads the folder at every call, so a model that a job
    has just written, here or in another process, can be called at once.
    """

    folder: Path

    def all(self) -> list[LocalModel]:
        """Shipped models, then tuned ones, oldest first."""
        tuned = sorted(self._tuned().values(), key=lambda found: (found[1].created, found[1].id))
        return [*SHIPPED, *(model for _, model in tuned)]

    def find(self, name: str) -> LocalModel:
        """The model of that name; raises Problem 404."""
        for model in SHIPPED:
            if model.id == name:
                return model
        found = self._tuned().get(name)
        if found is None:
            raise problems.unknown_model(name)
        return found[1]

    def tunable(self, name: str) -> LocalModel:
        """The model of that name, as one to go on training from; raises Problem 400."""
        student = LOCAL_MODELS[Role.STUDENT]
        known = [model for model in self.all() if model.id == student or model.base is not None]
        for model in known:
            if model.id == name:
                return model
        raise Problem(
            400,
            f"Model {name} is not available for fine-tuning or does not exist. Expected {student} "
            "or a model tuned from it.",
            param="model",
            code="model_not_available",
        )

    def keep(self, model: LocalModel) -> None:
        """Write a tuned model: from the next call on it answers, here and in other servers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._file(model.id)
        part = path.with_suffix(f".{uuid4().hex}.part")
        part.write_text(saved(model), encoding="utf-8")
        part.replace(path)

    def forget(self, name: str) -> None:
        """Take back what `keep` wrote, where it is there."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name.replace(':', '_')}.json"

    def delete(self, name: str) -> None:
        """Forgets a tuned model; raises Problem for unknown ones and for those that ship."""
        if any(model.id == name for model in SHIPPED):
            raise Problem(
                403,
                f"The model '{name}' ships with tenk and cannot be deleted; tuned ones can.",
                param="model",
                code="cannot_delete_model",
            )
        found = self._tuned().get(name)
        if found is None:
            raise problems.unknown_model(name)
        found[0].unlink(missing_ok=True)

    def _tuned(self) -> dict[str, tuple[Path, LocalModel]]:
        found: dict[str, tuple[Path, LocalModel]] = {}
        for path in sorted(self.folder.glob("*.json")):
            model = _loaded(path, _stamp(path))
            if model is not None:
                found[model.id] = (path, model)
        return found


def saved(model: LocalModel) -> str:
    """A tuned model as the text of its file."""
    assert model.weights is not None
    told = {"id": model.id, "created": model.created, "base": model.base}
    return json.dumps(told | {"weights": json.loads(model.weights.to_json())})


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does; zeros where it has just gone."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=256)
def _loaded(path: Path, _: tuple[int, int]) -> LocalModel | None:
    """The model in a file, or None: a file that is gone, half written, or of another version of
    the reader is no model, and must not take the others down with it."""
    try:
        told = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        weights = Weights.from_json(json.dumps(told["weights"]))
        name, base = str(told["id"]), str(told["base"])
        return LocalModel(name, "reader", int(told["created"]), weights, base)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, DataError):
        return None


def registry(home: Path) -> Registry:
    """The models served from `home`."""
    return Registry(home / "local" / "models")
