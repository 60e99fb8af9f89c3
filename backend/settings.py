"""What an operator may set, and what it means: the only reader of the environment.

A value is taken from the environment, else from `.env` in the current folder, else the default.
How a role is reached: TENK_<ROLE>_* first, then TENK_* (for all roles), then OPENAI_*; with no
address and no key at all, tenk's own local API serves the role.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from backend.cron import DAILY, expression, local_zone
from backend.errors import ConfigurationError
from backend.records import Role

PREFIX = "TENK_"
OPENAI_URL = "https://api.openai.com/v1"
LOCAL_MODELS = {
    Role.TEACHER: "local-teacher",
    Role.STUDENT: "local-student",
    Role.JUDGE: "local-judge",
    Role.EMBED: "local-embed",
}
OPENAI_MODELS = {
    Role.TEACHER: "gpt-6.1-terra",
    Role.STUDENT: "gpt-4.1-mini-2025-04-14",
    Role.JUDGE: "gpt-6-luna",
    Role.EMBED: "text-embedding-3-small",
}
"""Names where a key for OpenAI itself is set and no model is named (October 2026)."""


def _address(value: str) -> str:
    address = value.strip().rstrip("/")
    if not address or address.lower() == "local":
        return address.lower()
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('an address such as https://host/v1, or "local" for tenk\'s own')
    for route in ("/chat/completions", "/embeddings", "/models"):
        if parts.path.endswith(route):
            raise ValueError(f"the address without {route}: {address.removesuffix(route)}")
    return address


def _key(value: str) -> str:
    key = value.strip()
    if not key.isascii() or any(letter.isspace() or not letter.isprintable() for letter in key):
        raise ValueError("a key of plain letters and digits, with no space inside")
    return key


def _home(value: Path) -> Path:
    home = value.expanduser()
    if home.exists() and not home.is_dir():
        raise ValueError("a folder, or a place where one can be made")
    return home


Address = Annotated[str, AfterValidator(_address)]
Key = Annotated[str, AfterValidator(_key), Field(repr=False)]
Name = Annotated[str, AfterValidator(str.strip)]
Cron = Annotated[str, AfterValidator(expression)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one role's model is reached."""

    role: Role
    model: str
    base_url: str | None
    """None: tenk's own local API, whose address the door that started it knows."""
    api_key: str | None = field(repr=False)
    local: bool = False
    """Whether tenk's own local API serves it."""
    key_from: str = ""
    """The variable that the key was read from; empty where no key is sent."""

    def variable(self, part: str) -> str:
        """The variable that changes "model", "base_url" or "api_key" for this role alone."""
        return f"{PREFIX}{self.role.upper()}_{part.upper()}"


@dataclass(frozen=True, slots=True)
class Described:
    """One setting, for the README and `tenk doctor`."""

    variable: str
    meaning: str
    default: str


class Settings(BaseSettings):
    """Read from the environment and `.env`; every name there starts with TENK_.

    Doors call `load_settings`, which says in one line what is wrong with a bad value.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    home: Annotated[Path, AfterValidator(_home)] = Path(".tenk")
    """Everything that is not code: database, index, files, models."""
    database_url: Name = Field(default="", repr=False)
    """The database, in SQLAlchemy's form. Empty: SQLite in home."""

    base_url: Address = ""
    """Address of an OpenAI-compatible API for all roles; "local": tenk's own. Empty: OpenAI where
    a key is set, else tenk's own."""
    api_key: Key = ""
    """Key for all roles."""
    teacher_model: Name = ""
    """The model that answers first, and whose answers teach."""
    teacher_base_url: Address = ""
    """Address for the teacher alone; "local": tenk's own."""
    teacher_api_key: Key = ""
    """Key for the teacher alone."""
    student_model: Name = ""
    """The model that is fine-tuned."""
    student_base_url: Address = ""
    """Address for the student, its fine-tuning included; "local": tenk's own."""
    student_api_key: Key = ""
    """Key for the student alone."""
    judge_model: Name = ""
    """The model that scores answers in the exam."""
    judge_base_url: Address = ""
    """Address for the judge alone; "local": tenk's own."""
    judge_api_key: Key = ""
    """Key for the judge alone."""
    embed_model: Name = ""
    """The model that turns text into vectors. Another one means ingesting again."""
    embed_base_url: Address = ""
    """Address for embeddings alone; "local": tenk's own."""
    embed_api_key: Key = ""
    """Key for embeddings alone."""
    openai_api_key: Key = Field(default="", validation_alias="OPENAI_API_KEY")
    """Honoured where no TENK_ key is set; sent to OPENAI_BASE_URL or to OpenAI, nowhere else."""
    openai_base_url: Address = Field(default="", validation_alias="OPENAI_BASE_URL")
    """Honoured where no TENK_ address is set."""

    timeout: float = Field(default=60.0, gt=0, le=3600, allow_inf_nan=False)
    """Seconds that a model may be silent before the call is given up, retries included."""
    retries: int = Field(default=3, ge=0, le=10)
    """Further tries after a rate limit, a server's failure or a broken connection."""
    max_tokens: int = Field(default=0, ge=0)
    """Most tokens one answer may take. 0: not sent, the server decides."""
    passages: int = Field(default=8, ge=1, le=50)
    """Passages of evidence shown to the model."""
    evidence_tokens: int = Field(default=6000, ge=500)
    """Most tokens that the passages of one question may take, by a rough count."""
    max_pages: int = Field(default=2000, ge=1)
    """A PDF with more pages is refused."""
    page_timeout: float = Field(default=20.0, gt=0, le=3600, allow_inf_nan=False)
    """Seconds that one page may take to read before it is given up."""
    training_price: Price | None = None
    """USD per million tokens trained; overrides the catalogue."""
    budget_usd: Price | None = None
    """Most that one cycle may cost by its estimate; above it a cycle stops before it spends."""
    epochs: int = Field(default=0, ge=0, le=50)
    """Passes over the training data. 0: the server decides."""
    batch_size: int = Field(default=0, ge=0, le=256)
    """Examples in one step of the training. 0: the server decides."""
    learning_rate_multiplier: float = Field(default=0.0, ge=0, le=10, allow_inf_nan=False)
    """Of the server's own learning rate. 0: the server decides."""
    schedule: Cron = DAILY
    """When a cycle starts by itself: a cron expression (minute hour day month weekday; of 6 fields
    with seconds first) in the time zone of the machine; "off": never."""
    min_new_examples: int = Field(default=50, ge=1)
    """Kept examples new since the last dataset from which a scheduled cycle starts."""
    suffix: Name = Field(default="tenk", max_length=64)
    """Goes into the name of every fine-tuned model."""
    student_context: int = Field(default=16_000, ge=500)
    """Tokens that the student can read and write at once; longer examples are dropped."""
    validation_share: float = Field(default=0.1, ge=0, le=0.5)
    """Share of the kept examples that is watched in training, not learned."""
    exam_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of filing sections whose questions are for the exam alone, for ever."""
    exam_repeats: int = Field(default=1, ge=1, le=10)
    """How often every arm answers each exam question."""
    answers_at_once: int = Field(default=4, ge=1, le=100)
    """Answers of models under examination that may be in flight together."""
    judge_at_once: int = Field(default=16, ge=1, le=100)
    """Calls to the judge that may be in flight together."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance of promoting a model that is no better, all looks at the exam together."""
    min_gain: float = Field(default=0.01, ge=0, le=1)
    """Smallest mean gain in ragas_score that is worth a swap."""
    cheaper_share: float = Field(default=0.5, ge=0, le=1)
    """A model that costs at most this share of the active one may be promoted as cheaper."""
    cheaper_floor: float = Field(default=-0.03, ge=-1, le=0)
    """And surely loses less than this."""
    min_questions: int = Field(default=20, ge=2)
    """Below it the verdict is always hold."""
    max_questions: int = Field(default=300, ge=2)
    """Exam questions at which the exam ends, whatever it shows."""
    look_every: int = Field(default=20, ge=1)
    """Exam questions between two looks at the scores."""
    shadow_share: float = Field(default=0.1, ge=0, le=1)
    """Share of a tuned model's answers that the teacher gives too, unseen: it goes on teaching."""
    rollback_after: int = Field(default=3, ge=1)
    """Failures of the active model in a row after which the one before it answers again."""
    auto_rollback: bool = False
    """Whether thumbs that are worse than the model's before roll back; else they warn alone."""
    prices: dict[str, tuple[Price, Price]] = Field(default_factory=dict)
    """USD per million tokens (in, out) by model name, as JSON; overrides the catalogue. "ft:NAME"
    prices every model tuned from NAME."""

    @cached_property
    def database(self) -> str:
        """The database's URL, in SQLAlchemy's form."""
        return self.database_url or f"sqlite:///{self.home / 'tenk.sqlite3'}"

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone in which the schedule is read: this machine's."""
        return local_zone(os.environ.get("TZ"))  # noqa: TID251  (settings reads it for all)

    def endpoint(self, role: Role) -> Endpoint:
        """How `role` is reached. Raises ConfigurationError where a model name is missing."""
        model = str(getattr(self, f"{role}_model"))
        url = str(getattr(self, f"{role}_base_url")) or self.base_url or self.openai_base_url
        if not url and _is_local_name(model):
            url = "local"
        key, key_from = self._key_for(role, url or OPENAI_URL)
        if url == "local" or not (url or key):
            return Endpoint(role, model or LOCAL_MODELS[role], None, None, local=True)
        if not model and url and not is_openai(url):
            raise ConfigurationError(
                f"TENK_{role.upper()}_MODEL is not set, and {url} does not tell which model to use "
                f"as {role}. Set it to a name that server lists, or set "
                f"TENK_{role.upper()}_BASE_URL=local to use tenk's own."
            )
        return Endpoint(
            role,
            model or OPENAI_MODELS[role],
            url or OPENAI_URL,
            key or None,
            key_from=key_from,
        )

    def _key_for(self, role: Role, url: str) -> tuple[str, str]:
        """The key to send to `url`, and the variable it came from.

        A key is never sent to a host it was not set beside: OPENAI_API_KEY goes to
        OPENAI_BASE_URL or OpenAI, and TENK_API_KEY not to a role's own address on another host
        than TENK_BASE_URL's.
        """
        if own := str(getattr(self, f"{role}_api_key")):
            return own, f"{PREFIX}{role.upper()}_API_KEY"
        if self.api_key and (not self.base_url or _host(self.base_url) == _host(url)):
            return self.api_key, f"{PREFIX}API_KEY"
        if self.openai_api_key and _host(url) == _host(self.openai_base_url or OPENAI_URL):
            return self.openai_api_key, "OPENAI_API_KEY"
        return "", ""


def is_openai(url: str) -> bool:
    """Whether `url` is OpenAI's own API."""
    host = urlsplit(url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or {'https': 443, 'http': 80}.get(parts.scheme)}"


def _is_local_name(model: str) -> bool:
    return model.removeprefix("ft:").startswith("local-")


def load_settings(**overrides: Any) -> Settings:
    """The settings, with `overrides` before the environment.

    Raises ConfigurationError, in one line: the variable, what was expected, what was found and
    what to do.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError(" ".join(map(_complaint, error.errors()))) from None
    except SettingsError as error:
        name = next((n for n in Settings.model_fields if f'"{n}"' in str(error)), "a setting")
        raise ConfigurationError(
            f"{variable_of(name)} could not be read: expected JSON, such as "
            f'{{"my-model": [0.5, 1.5]}}. Change it, or remove it to have the default.'
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            ".env could not be read: expected UTF-8 text. Save it as UTF-8, or remove it."
        ) from None


def variable_of(name: str) -> str:
    """The variable that sets the field `name`."""
    told = Settings.model_fields.get(name)
    alias = told.validation_alias if told else None
    return alias if isinstance(alias, str) else f"{PREFIX}{name.upper()}"


def _complaint(error: ErrorDetails) -> str:
    named = str(error["loc"][0]) if error["loc"] else "a setting"
    name = next((n for n in Settings.model_fields if variable_of(n) == named), named)
    expected = error["msg"]
    for opening in ("Input should be ", "String should have ", "Value error, "):
        expected = expected.removeprefix(opening)
    secret = name.endswith(("api_key", "database_url"))
    found = "not shown here" if secret else repr(error["input"])
    return (
        f"{variable_of(name)} is {found}: expected {expected}. "
        "Change it in the environment or in .env, or remove it to have the default."
    )


def all_settings() -> list[Described]:
    """Every setting with its meaning and default, in the order they are declared."""
    return [
        Described(
            variable_of(name),
            " ".join((told.description or "").split()),
            str(told.get_default(call_default_factory=True) or ""),
        )
        for name, told in Settings.model_fields.items()
    ]


def unknown_variables(names: Iterable[str] | None = None) -> list[str]:
    """A sentence for each TENK_ variable that no setting reads: a slip of the pen, most likely.

    Looks at the environment and at `.env` unless `names` are given.
    """
    known = [described.variable for described in all_settings()]
    words = {name.removeprefix(PREFIX): name for name in known}  # the prefix would match them all
    found = _names_told() if names is None else names
    told: list[str] = []
    for name in sorted(set(found)):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper().removeprefix(PREFIX), words, n=1)
            hint = f"; did you mean {words[near[0]]}?" if near else "."
            told.append(f"{name} is set, but no setting has that name{hint}")
    return told


def _names_told() -> list[str]:
    """Every name that the environment or `.env` sets."""
    return [*os.environ, *dotenv_values(".env", encoding="utf-8")]  # noqa: TID251  (reads it for all)
