"""A home goes in; a running local API comes out, reachable over HTTP until it is closed."""

import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from backend.errors import ConfigurationError
from backend.local.app import create_app

START_SECONDS = 20.0
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Served:
    """Where the local API answers."""

    url: str
    """With /v1, as the `openai` SDK wants its base URL."""
    key: str | None
    """None: any key will do."""


@contextmanager
def serve(
    home: Path, *, host: str = "127.0.0.1", port: int = 0, key: str | None = None
) -> Generator[Served]:
    """The local API in a thread of this process, reachable when the block is entered.

    Port 0 takes a free one. Raises ConfigurationError where the port is taken.
    """
    listening = _listen(host, port)
    app = create_app(home, key=key)
    server = _server(app)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="tenk-local-api", daemon=True
    )
    thread.start()
    try:
        served = Served(_url(listening), key)
        _wait(served)
        yield served
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        app.state.tuner.close()
        app.state.threads.shutdown(wait=False, cancel_futures=True)
        listening.close()


def run(home: Path, host: str, port: int, key: str | None) -> None:
    """The local API in this thread, the main one, until a signal ends it; its jobs are left to
    whichever server looks next. Raises ConfigurationError where the port is taken."""
    signal.signal(signal.SIGTERM, _end)  # uvicorn raises it once more when it has stopped
    with _listen(host, port) as listening:
        app = create_app(home, key=key)
        try:
            _server(app).run(sockets=[listening])
        finally:
            app.state.tuner.close()


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _server(app: FastAPI) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        ws="none",
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket: from here on connections wait for the server rather than fail."""
    if not 0 <= port <= 65_535:
        raise _unusable(host, port, ValueError("a port is 0 to 65535"))
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Named as TCP, or asyncio leaves Nagle's wait on: 40 ms on each answer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise _unusable(host, port, error) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise _unusable(host, port, error) from None
    return listening


def _unusable(host: str, port: int, error: Exception) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or str(error)
    return ConfigurationError(
        f"The local API cannot listen on {host}:{port} ({reason}). Expected a free port on an "
        "address of this machine: choose another with --port, or 0 for any free one."
    )


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def _wait(served: Served) -> None:
    """Returns when the server has answered once; raises ConfigurationError when it does not."""
    request = urllib.request.Request(f"{served.url}/models")
    if served.key is not None:
        request.add_header("Authorization", f"Bearer {served.key}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=START_SECONDS) as response:
            response.read()
    except (urllib.error.URLError, OSError) as error:
        raise ConfigurationError(
            f"The local API did not answer at {served.url} within {START_SECONDS:.0f} s ({error})."
        ) from None
