"""The door in front of every request: which host it was sent to, from which page, with whose
cookie. What it lets through, Chainlit may believe.

Chainlit believes any cookie that is signed, also of somebody removed since; and with no sign-in
any page that a browser shows could speak to a server on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse

from bot.signin import LOOPBACK

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from backend.records import Person

COOKIE = re.compile(r"access_token(_\d+)?$")
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' {scripts}",
        "style-src 'self' 'unsafe-inline'",  # the page's components write styles into elements
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""The page may ask its own host and no other, and run no script but its own."""
OPEN = (
    "Nobody has to sign in to this tenk any more, and other machines reach it, so it answers "
    "nobody. Add a user on its machine: tenk users add NAME --role admin; or start it on 127.0.0.1."
)


@dataclass(frozen=True)
class Gate:
    """ASGI middleware."""

    app: ASGIApp
    believe: Callable[[str], Person | None]
    """Whom a cookie stands for."""
    welcome: Callable[[], str | None]
    """A cookie for somebody who comes with none; None where a password is asked for."""
    nobody_signs_in: Callable[[], bool]
    """Whether who comes is the local admin: then only names of this machine are answered to."""
    reachable: bool
    """Whether another machine could send what only looks as if it came from this one."""
    scripts: str
    """Hashes of the scripts that stand in the page itself, for its policy."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        reason = self._refused(scope)
        if reason is not None:
            await _refuse(reason, scope, receive, send)
            return
        known = self._check_cookie(scope)
        fresh = self.welcome() if not known and _asks_for_the_page(scope) else None
        await self.app(scope, receive, self._sending(send, fresh))

    def _refused(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.nobody_signs_in():
            if self.reachable:
                return OPEN
            if _name(host) not in LOOPBACK:
                return f"This tenk answers on this machine only, and was asked as {host!r}."
        origin = headers.get("origin")
        safe = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
        if origin and not safe and not _same(origin, headers):
            return f"A page of {origin} may not speak to tenk."
        return None

    def _check_cookie(self, scope: Scope) -> bool:
        """Whether the request carries a cookie that is worth something; others are taken out."""
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))
        held = sorted(name for name in cookies if COOKIE.match(name))
        if held and self.believe("".join(cookies[name] for name in held)) is not None:
            return True
        rest = "; ".join(f"{name}={cookies[name]}" for name in cookies if name not in held)
        bare = [pair for pair in scope["headers"] if pair[0] not in (b"cookie", b"authorization")]
        if _path(scope).startswith("/v1/"):
            return False  # the local API has keys of its own
        scope["headers"] = [*bare, (b"cookie", rest.encode("latin-1"))]
        return False

    def _sending(self, send: Send, fresh: str | None) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY.format(scripts=self.scripts))
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "same-origin")
                if fresh is not None:
                    headers.append(
                        "set-cookie", f"access_token={fresh}; Path=/; HttpOnly; SameSite=lax"
                    )
            await send(message)

        return sending


def _path(scope: Scope) -> str:
    return str(scope["path"])


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _same(origin: str, headers: Headers) -> bool:
    named = urlsplit(origin).netloc
    return bool(named) and named in (headers.get("host"), headers.get("x-forwarded-host"))


def _asks_for_the_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        closing: Any = {"type": "websocket.close", "code": 1008, "reason": reason[:120]}
        await send(closing)
        return
    await PlainTextResponse(reason, status_code=403)(scope, receive, send)
