"""Starting after somebody who has not quite gone, and ending with one's parent."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from backend.cli.processes import wait_for_port
from backend.errors import ConfigurationError
from bot.page import secret
from tests.chatting import ROOT

CHILD = "from backend.leash import hold_to_parent as hold; hold(); import time; time.sleep(60)"
PARENT = f"""
import os, sys
from backend.leash import Leash

child = Leash().start([sys.executable, "-c", {CHILD!r}], os.environ)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def taken() -> Generator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_a_port_that_a_stranger_has_is_refused_at_once(taken: socket.socket) -> None:
    looks: list[bool] = []

    with pytest.raises(ConfigurationError, match="Choose another port"):
        wait_for_port(*taken.getsockname(), ending=lambda: bool(looks.append(False)))

    assert looks == [False]


def test_a_port_that_an_ending_chat_still_has_is_waited_for(taken: socket.socket) -> None:
    looks: list[bool] = []
    host, port = taken.getsockname()

    def ending() -> bool:
        looks.append(True)
        if len(looks) == 3:
            taken.close()
        return True

    wait_for_port(host, port, ending=ending)

    assert len(looks) == 3


def test_a_child_on_a_leash_ends_with_a_parent_that_was_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()

        killed = time.monotonic()
        parent.kill()

        assert parent.stdout.read() == ""  # comes when the child, which has it too, is gone
        assert time.monotonic() - killed < 30  # by itself it would stay for 60


def test_a_secret_that_was_not_written_before_a_kill_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "chat-secret").touch()

    made = secret(tmp_path)

    assert len(made) == 64
    assert secret(tmp_path) == made
