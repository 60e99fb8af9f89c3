"""Connections to servers: an endpoint goes in, a ready SDK client comes out; closed with the loop.

It alone knows how the openai SDK is set up.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from backend.settings import Endpoint, is_openai

if TYPE_CHECKING:
    import httpx
    from openai import AsyncOpenAI

Clients = dict[tuple[str, str | None], "AsyncOpenAI"]
CONNECT_TIMEOUT = 10.0
"""Seconds in which a server must take the connection; silence after that is `timeout`'s matter."""

_OPEN: dict[int, AsyncGenerator[None, None]] = {}
"""What closes the clients of a loop, by their id, while the loop runs. Held here, because one that
nobody holds is cancelled with the loop's tasks, before it has closed anything."""


class Connections:
    """One client per address and key and event loop: a connection cannot outlive its loop."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Clients] = WeakKeyDictionary()

    async def client(self, endpoint: Endpoint) -> "AsyncOpenAI":
        """The client for this address and key; it does not retry by itself."""
        if "openai.resources.chat" not in sys.modules:  # a second, in nobody's way
            await asyncio.to_thread(import_module, "openai.resources.chat")
        loop = asyncio.get_running_loop()
        clients = self._clients.get(loop)
        if clients is None:
            clients = self._clients[loop] = {}
            _OPEN[id(clients)] = _closing(clients)
            await anext(_OPEN[id(clients)])
        url = endpoint.base_url or ""
        if (url, endpoint.api_key) not in clients:
            clients[url, endpoint.api_key] = _open(url, endpoint.api_key, self._timeout)
        return clients[url, endpoint.api_key]

    async def close(self) -> None:
        """Close what this loop opened. A call after it opens anew."""
        clients = self._clients.pop(asyncio.get_running_loop(), None)
        if clients is not None:
            await _OPEN[id(clients)].aclose()


async def _closing(clients: Clients) -> AsyncGenerator[None, None]:
    """Close the clients when the loop ends.

    A loop that shuts down closes its open async generators, so this one, left open on purpose,
    runs its last lines then: no connection leaks, though nobody calls `close`.
    """
    try:
        yield
    finally:
        for client in clients.values():
            await client.close()
        _OPEN.pop(id(clients), None)


def _open(url: str, key: str | None, timeout: float) -> "AsyncOpenAI":
    import httpx
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Omit

    parts = urlsplit(url)
    headers: dict[str, str | Omit] = {}
    if not is_openai(url):  # the SDK would send OPENAI_ORG_ID and OPENAI_PROJECT_ID anywhere
        headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    limits = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
    return AsyncOpenAI(
        base_url=urlunsplit(parts._replace(query="", fragment="")),
        api_key=key or "none",  # None would make the SDK take OPENAI_API_KEY, whosever server it is
        default_query=dict(parse_qsl(parts.query)),  # Azure's ?api-version=
        default_headers=headers,  # type: ignore[arg-type]  # the SDK takes Omit, untyped
        timeout=limits,
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(
            timeout=limits,
            # a proxy that the environment names cannot reach this machine's own servers
            trust_env=not _is_loopback(parts.hostname or ""),
            event_hooks={} if key else {"request": [_without_key]},
        ),
    )


async def _without_key(request: "httpx.Request") -> None:
    request.headers.pop("Authorization", None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
