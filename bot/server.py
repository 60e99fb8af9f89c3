"""An address goes in; one process that serves the chat and tenk's own API there, until a signal.

It alone sets what Chainlit reads from the environment, and knows the order in which things end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import socket
import sys
import threading
from base64 import b64encode
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from backend.errors import ConfigurationError
from backend.local.app import create_app
from backend.models import LocalApi
from backend.settings import load_settings
from backend.store.locking import only_one
from bot.gate import Gate
from bot.opening import House, open_house
from bot.page import lay_out, secret
from bot.signin import reaches_others, refuse_open_chat

if TYPE_CHECKING:
    from backend.settings import Settings
    from bot.app import Chat

SLOW = ("openai", "backend.index.llama")
"""Modules that take a second or more to load, and are not needed before a question."""
GRACE = 3
"""Seconds that open connections get when the server ends."""


@dataclass(frozen=True)
class Served:
    """The whole chat, ready to be served."""

    app: Gate
    chat: Chat


def run(host: str, port: int) -> None:
    """Serve the chat until SIGINT or SIGTERM. Raises ConfigurationError."""
    settings = load_settings()
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s"
    )
    with listen(host, port) as listening:
        key = secrets.token_urlsafe(24)
        address = address_of(listening)
        house = open_house(settings, LocalApi(url=f"{address}/v1", key=key))
        number = str(listening.getsockname()[0])
        refuse_open_chat(number, sign_in=house.sign_in.required())
        served = build(house, key, reachable=reaches_others(number))
        from bot.losing import tell_what_was_lost  # it knows Chainlit, which `build` imports

        with only_one(house.engine, settings.home, "chat") as alone:
            if alone:  # else what is not answered may be on its way in the other chat
                tell_what_was_lost(house.engine)
            asyncio.run(_serve(served, listening, f"tenk is ready: {address}"))


def build(house: House, key: str, *, reachable: bool) -> Served:
    """The chat over a house: Chainlit, our routes before it, the local API under /v1, the gate.

    `reachable` says whether other machines reach the address that it is served at.
    """
    _tell_chainlit(house.settings)
    # Chainlit reads its settings when it is imported: only now are they laid out.
    from chainlit.auth import create_jwt
    from chainlit.server import app as chainlit_app
    from chainlit.server import get_html_template

    from bot.admin import Admin
    from bot.app import Chat, register, ticket
    from bot.following import Following
    from bot.history import History
    from bot.reviewing import Reviewing
    from bot.routes import routes
    from bot.wire import listen_only

    following, history = Following(house), History(house.engine)
    chat = Chat(house, Admin(house, following, Reviewing(house)))
    register(chat, history)
    listen_only()

    local = create_app(house.settings.home, key=key)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        following.begin()
        yield
        await following.end()
        await house.assistant.shadow.end()
        local.state.tuner.close()  # so that another server goes on with a job under way at once
        await history.close()
        house.index.close()
        house.engine.dispose()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/v1", local)
    app.include_router(routes(house))
    app.mount("/", chainlit_app)

    def welcome() -> str | None:
        person = house.sign_in.local()
        return create_jwt(ticket(person)) if person else None

    gate = Gate(
        app,
        believe=house.sign_in.of_cookie,
        welcome=welcome,
        nobody_signs_in=lambda: not house.sign_in.required(),
        reachable=reachable,
        scripts=_script_hashes(get_html_template("")),
    )
    return Served(gate, chat)


def _tell_chainlit(settings: Settings) -> None:
    told = {
        "CHAINLIT_APP_ROOT": str(lay_out(settings.home)),
        "CHAINLIT_AUTH_SECRET": secret(settings.home),
        "CHAINLIT_ENV_FILE": "none.env",  # .env is ours to read
    }
    os.environ.update(told)  # noqa: TID251  # written for Chainlit, which reads nothing else


def _script_hashes(html: str) -> str:
    """What the page's policy must name, so that the scripts in it run and no others do."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    return " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )


# -- listening and ending


@contextlib.contextmanager
def listen(host: str, port: int) -> Generator[socket.socket]:
    """A socket at this address; port 0 takes a free one. Raises ConfigurationError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"The chat cannot listen on {host}:{port} ({reason}). Expected a free port on an "
            f"address of this machine; choose another: tenk chat --port {port + 1}"
        ) from None
    with listening:
        yield listening


def address_of(listening: socket.socket) -> str:
    """Where this machine reaches the socket."""
    host, port = str(listening.getsockname()[0]), int(listening.getsockname()[1])
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _serve(served: Served, listening: socket.socket, ready: str) -> None:
    config = uvicorn.Config(
        served.app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        ws_max_size=16 * 1024 * 1024,
        server_header=False,
    )
    server = uvicorn.Server(config)
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def end(number: int, _frame: object) -> None:
        if asked.is_set():
            server.force_exit = True  # asked twice: at once
        loop.call_soon_threadsafe(asked.set)

    server.handle_exit = end
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not running.done():  # noqa: ASYNC110  # it sets but a flag
        await asyncio.sleep(0.02)
    if server.started:
        sys.stdout.write(f"{ready}\n")
        sys.stdout.flush()
        threading.Thread(target=_warm, daemon=True).start()  # the end does not wait for it
    ending = asyncio.create_task(asked.wait())
    await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
    await served.chat.stop_all()  # first, so that each is logged as stopped
    server.should_exit = True
    await running
    ending.cancel()


def _warm() -> None:
    """Load what the first question needs while the reader still thinks of it."""
    for module in SLOW:
        import_module(module)
