"""The parent of the chat and the worker: starts both, restarts a worker that dies, ends both.

Where it is killed itself, both end by themselves: they are on its leash.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import ip_address

import typer

from backend.errors import ConfigurationError
from backend.leash import Leash

PREDECESSOR = 8.0
"""Seconds that a chat which is ending may keep its port."""
WORKER_REST = 5.0
"""Seconds before a worker that died is started again, so that a broken one does not spin."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_open_api(host: str, key: str) -> None:
    """Raise ConfigurationError where anybody on the network could use the models."""
    if not is_loopback(host) and not key:
        raise ConfigurationError(
            f"{host} can be reached by others, and the API would serve anybody. Set TENK_API_KEY, "
            "or listen on 127.0.0.1."
        )


def refuse_busy_port(host: str, port: int) -> None:
    """Raise ConfigurationError where another program listens already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port: "
                f"tenk chat --port {port + 1} (make chat PORT={port + 1})."
            ) from None


def wait_for_port(host: str, port: int, *, ending: Callable[[], bool]) -> None:
    """Return when nobody listens there. Raises ConfigurationError where somebody goes on to.

    `ending`: whether a chat of this home still runs. One whose parent was killed ends within
    seconds, and is waited for.
    """
    end = time.monotonic() + PREDECESSOR
    while True:
        try:
            refuse_busy_port(host, port)
        except ConfigurationError:
            if time.monotonic() > end or not ending():
                raise
            time.sleep(0.1)
        else:
            return


def run_chat(host: str, port: int) -> int:
    """Run chat and worker until the chat ends or a signal comes; the chat's exit status."""
    leash = Leash()
    chat = _start(leash, "bot", "--leashed", "--host", host, "--port", str(port))
    worker = _start(leash, "backend.cli", "worker", "--leashed")
    ends_at = 0.0

    def end_chat(_number: int, _frame: object) -> None:
        chat.terminate()  # the loop below sees it gone and ends the worker

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_chat)
    try:
        while chat.poll() is None:
            if worker.poll() is not None and time.monotonic() > ends_at:
                typer.echo("tenk: the worker ended; starting it again.", err=True)
                ends_at = time.monotonic() + WORKER_REST
                worker = _start(leash, "backend.cli", "worker", "--leashed")
            _wait(chat)
    finally:
        _end(chat)
        _end(worker)
    return 0 if chat.returncode in (0, -signal.SIGTERM, -signal.SIGINT) else 1


def _start(leash: Leash, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    return leash.start([sys.executable, "-m", module, *arguments], _environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}  # noqa: TID251  # handed on, not read


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
