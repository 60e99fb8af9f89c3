"""The only reader of the environment: what an operator may set, and what it means."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.errors import ConfigurationError
from backend.records import Role

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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one role's model is reached."""

    role: Role
    model: str
    base_url: str | None
    """None: tenk's own local API, whose address the door that started it knows."""
    api_key: str | None

    @property
    def local(self) -> bool:
        """Whether tenk's own local API serves it."""
        return self.base_url is None


class Settings(BaseSettings):
    """Read from the environment and `.env`; every name there starts with TENK_."""

    model_config = SettingsConfigDict(
        env_prefix="TENK_", env_file=".env", extra="ignore", populate_by_name=True
    )

    home: Path = Path(".tenk")
    """Everything that is not code: database, index, files, models."""
    database_url: str = ""
    """Empty: SQLite in home."""

    base_url: str = ""
    """For all roles. "local" means tenk's own API; empty too, unless a key is set."""
    api_key: str = ""
    teacher_model: str = ""
    teacher_base_url: str = ""
    teacher_api_key: str = ""
    student_model: str = ""
    student_base_url: str = ""
    student_api_key: str = ""
    judge_model: str = ""
    judge_base_url: str = ""
    judge_api_key: str = ""
    embed_model: str = ""
    embed_base_url: str = ""
    embed_api_key: str = ""
    openai_api_key: str = Field(default="", validation_alias="OPENAI_API_KEY")
    openai_base_url: str = Field(default="", validation_alias="OPENAI_BASE_URL")

    timeout: float = Field(default=60.0, gt=0)
    """Seconds that a model may be silent before the call is given up."""
    retries: int = Field(default=3, ge=0, le=10)
    passages: int = Field(default=8, ge=1, le=50)
    """Passages of evidence shown to the model."""
    max_pages: int = Field(default=2000, ge=1)
    """A PDF with more pages is refused."""
    page_timeout: float = Field(default=20.0, gt=0)
    """Seconds that one page may take to read before it is given up."""
    prices: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """USD per million tokens (in, out) by model name, as JSON; overrides the catalogue."""

    @cached_property
    def database(self) -> str:
        """The database's URL, in SQLAlchemy's form."""
        return self.database_url or f"sqlite:///{self.home / 'tenk.sqlite3'}"

    def endpoint(self, role: Role) -> Endpoint:
        """How `role` is reached. Raises ConfigurationError where a model name is missing."""
        own_url, own_key, own_model = (
            str(getattr(self, f"{role}_{part}")) for part in ("base_url", "api_key", "model")
        )
        url = own_url or self.base_url or self.openai_base_url
        key = own_key or self.api_key or self.openai_api_key
        if url == "local" or not (url or key):
            return Endpoint(role, own_model or LOCAL_MODELS[role], None, None)
        if not own_model and url and "api.openai.com" not in url:
            raise ConfigurationError(
                f"TENK_{role.upper()}_MODEL is not set, and {url} does not tell which model to use "
                f"as {role}. Set it to a name that server lists, or set "
                f"TENK_{role.upper()}_BASE_URL=local to use tenk's own."
            )
        return Endpoint(
            role, own_model or OPENAI_MODELS[role], url or "https://api.openai.com/v1", key or None
        )
