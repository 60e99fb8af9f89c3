"""What went wrong with a call, for a person: a library's exception goes in, a typed one comes out.

It alone knows the shapes in which OpenAI-compatible servers refuse, and which refusals pass.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, cast

from backend.errors import Busy, ConfigurationError, ModelGone, ProviderError, Stopped, TenkError
from backend.models.replies import BadReply
from backend.settings import Endpoint, is_openai

OPTIONAL = (
    "stream_options",
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "encoding_format",
)
"""What a call can do without, where a server does not know it."""
_GONE = ("model_not_found", "deploymentnotfound", "model_gone", "model_shutdown")
_TOO_LONG = re.compile(r"context.{0,10}(length|window|size)|maximum context|too many tokens", re.I)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as an error message names it."""

    endpoint: Endpoint
    model: str

    @property
    def where(self) -> str:
        """Role, model and address."""
        return f"The {self.endpoint.role} model {self.model} at {self.endpoint.base_url}"

    def setting(self, part: str) -> str:
        """The variable to change."""
        return self.endpoint.variable(part)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server said when it refused."""

    status: int  # 0: inside a stream
    code: str
    message: str
    headers: Mapping[str, str]

    def mentions(self, *words: str) -> bool:
        """Whether code or message holds one of the words."""
        said = f"{self.code} {self.message}".lower()
        return any(word in said for word in words)


def foreign_errors() -> tuple[type[Exception], ...]:
    """What the SDK and the wire raise. Ask for it only when something was raised: it imports."""
    import httpx
    import openai

    return (openai.OpenAIError, httpx.HTTPError, httpx.StreamError, OSError, ValueError, BadReply)


def refusal_of(error: BaseException) -> Refusal | None:
    """What the server said, where it said something."""
    import openai

    if not isinstance(error, openai.APIError):
        return None
    status = error.status_code if isinstance(error, openai.APIStatusError) else 0
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    if not status and error.body is None:
        return None
    body: Any = error.body
    told = cast(dict[str, Any], body) if isinstance(body, dict) else {}
    message = told.get("message") or told.get("detail") or told.get("error") or error.message
    code = " ".join(str(told.get(part) or "") for part in ("code", "type", "param"))
    return Refusal(status, code.strip(), str(message), headers)


def unsupported(error: BaseException, sent: Mapping[str, Any]) -> str | None:
    """The optional part of the request that the server does not know, if that is what it said."""
    said = refusal_of(error)
    if said is None or said.status not in (400, 422):
        return None
    if _TOO_LONG.search(said.message):
        return None
    return next((part for part in OPTIONAL if part in sent and said.mentions(part)), None)


def wait_before_retry(error: BaseException, tries: int) -> float | None:
    """Seconds to wait before try number `tries` + 1; None where another try cannot help.

    Honours Retry-After; else doubles from half a second. A silent server is not asked again: the
    reader has waited long enough.
    """
    if isinstance(error, TimeoutError) or _timed_out(error):
        return None
    if isinstance(error, BadReply):
        return _back_off(tries) if error.fault == "cut" else None
    said = refusal_of(error)
    if said is None:
        return _back_off(tries) if _of_the_wire(error) else None
    if said.mentions("insufficient_quota"):
        return None
    if said.status in (408, 409, 429) or said.status >= 500:
        told = retry_after(said.headers)
        return _back_off(tries) if told is None else told
    return None


def _back_off(tries: int) -> float:
    return min(0.5 * 2.0**tries, 8.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks us to wait, where it does."""
    try:
        if told := headers.get("retry-after-ms"):
            return max(0.0, float(told) / 1000)
        if told := headers.get("retry-after"):
            if told.strip()[:1].isdigit():
                return max(0.0, float(told))
            return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None
    return None


def _of_the_wire(error: BaseException) -> bool:
    import httpx
    import openai

    return isinstance(error, (openai.APIConnectionError, httpx.TransportError, OSError))


def _timed_out(error: BaseException) -> bool:
    import httpx
    import openai

    return isinstance(error, (openai.APITimeoutError, httpx.TimeoutException))


def explain(error: BaseException, call: Call) -> TenkError:
    """The one sentence for a person, typed by who can act. Holds no key."""
    said = refusal_of(error)
    if isinstance(error, BadReply):
        told = _bad_reply(error, call)
    elif isinstance(error, TimeoutError) or _timed_out(error):
        told = Stopped(
            f"{call.where} said nothing in the time that TENK_TIMEOUT allows; try again, or set "
            f"TENK_TIMEOUT to more seconds."
        )
    elif said is None:
        told = _unreachable(error, call)
    else:
        told = _refused(said, call)
    key = call.endpoint.api_key
    return type(told)(str(told).replace(key, "***")) if key and len(key) > 3 else told


def _bad_reply(error: BadReply, call: Call) -> TenkError:
    if error.fault == "page":
        return ConfigurationError(
            f"{call.where} {error}: set {call.setting('base_url')} to the address of an "
            "OpenAI-compatible API, which mostly ends in /v1."
        )
    if error.fault == "length":
        return ProviderError(
            f"{call.where} {error}; set TENK_MAX_TOKENS higher, or ask for something shorter."
        )
    if error.fault in ("cut", "filter"):
        return ProviderError(f"{call.where} {error}; ask again.")
    return ProviderError(
        f"{call.where} {error}; check that {call.setting('base_url')} is an OpenAI-compatible API "
        f"and {call.setting('model')} a model that fits the role."
    )


def _unreachable(error: BaseException, call: Call) -> TenkError:
    import httpx
    import openai

    causes = list(_causes(error))
    setting = call.setting("base_url")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return ProviderError(
            f"{call.where} cannot be found: that host name is unknown here; check "
            f"{setting} and the network."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ProviderError(
            f"{call.where} cannot be reached safely ({_short(str(causes[-1]))}); check {setting}."
        )
    if any(isinstance(cause, (httpx.ConnectError, ConnectionRefusedError)) for cause in causes):
        return ProviderError(
            f"{call.where} cannot be reached: nothing answers there; check that the server is "
            f"running and that {setting} is its address."
        )
    if isinstance(error, (openai.APIConnectionError, httpx.HTTPError, httpx.StreamError, OSError)):
        return ProviderError(f"{call.where} broke the connection before the end; try again.")
    if isinstance(error, ValueError):
        return ProviderError(
            f"{call.where} answered with something that is not JSON; check that {setting} is an "
            "OpenAI-compatible API."
        )
    return ProviderError(f"{call.where} failed: {_short(str(error))}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _refused(said: Refusal, call: Call) -> TenkError:
    if said.status in (401, 403):
        return _not_allowed(said, call)
    if _is_gone(said):
        return _gone(said, call)
    if said.status == 404:
        return ConfigurationError(
            f"{call.where} has no such route (404: {_short(said.message)}); set "
            f"{call.setting('base_url')} to the address of an OpenAI-compatible API, which mostly "
            "ends in /v1."
        )
    if said.mentions("insufficient_quota"):
        return Busy(
            f"{call.where} is out of credit ({_short(said.message)}); add credit there, or set "
            f"{call.setting('api_key')} to another account's key."
        )
    if said.status == 429 or said.mentions("rate_limit"):
        return _rate_limited(said, call)
    if _TOO_LONG.search(f"{said.code} {said.message}".replace("_", " ")):
        return ConfigurationError(
            f"{call.where} cannot take that much text ({_short(said.message)}); set TENK_PASSAGES "
            f"lower, or {call.setting('model')} to one with a larger context."
        )
    if said.status == 0 or said.status >= 500:
        return ProviderError(
            f"{call.where} failed on its side ({said.status or 'in mid-answer'}: "
            f"{_short(said.message)}); try again later, or set {call.setting('model')} or "
            f"{call.setting('base_url')} to another."
        )
    return ProviderError(
        f"{call.where} refused the request ({said.status}: {_short(said.message)}); check "
        f"{call.setting('model')} and {call.setting('base_url')}."
    )


def _not_allowed(said: Refusal, call: Call) -> TenkError:
    setting, source = call.setting("api_key"), call.endpoint.key_from
    used = f"the key in {source}" if source else "the call, which carries no key"
    remedy = f"set {setting} to a key that is valid there"
    if said.status == 403:
        remedy += f", or {call.setting('model')} to a model that the key may use"
    return ConfigurationError(
        f"{call.where} refused {used} ({said.status}: {_short(said.message)}); {remedy}."
    )


def _is_gone(said: Refusal) -> bool:
    if said.status == 410 or said.mentions(*_GONE):
        return True
    return said.status == 404 and said.mentions("model", "deployment")


def _gone(said: Refusal, call: Call) -> TenkError:
    remedy = f"set {call.setting('model')} to one that `tenk doctor` lists"
    if call.model != call.endpoint.model:  # tuned from the one that is set, or named by hand
        remedy = "choose another that `tenk models` or `tenk doctor` lists"
    return ModelGone(
        f"{call.where} was shut down or does not exist ({_short(said.message)}); {remedy}."
    )


def _rate_limited(said: Refusal, call: Call) -> TenkError:
    told = retry_after(said.headers)
    when = "in a minute" if told is None else f"in {told:.0f} s"
    more = " (OpenAI raises limits with use)" if is_openai(call.endpoint.base_url or "") else ""
    return Busy(
        f"{call.where} takes no more requests for now (429: {_short(said.message)}); try again "
        f"{when}, or set {call.setting('api_key')} to a key with a higher limit{more}."
    )


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= 160 else f"{line[:157]}..."
