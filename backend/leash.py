"""A parent's end goes in, its children's end comes out, however the parent died.

The parent holds the writing end of a pipe and each child reads from it: the system closes it when
the parent is gone, killed or not. It alone knows that the pipe is a child's standard input.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence

GRACE = 10.0
"""Seconds that a child gets to end in good order."""


class Leash:
    """Starts children that end when this process does."""

    def __init__(self) -> None:
        self._end, self._held = os.pipe()  # neither is inherited by what is started elsewhere

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """A child in a session of its own: Ctrl-C reaches the parent alone, which ends its
        children in order."""
        return subprocess.Popen(command, stdin=self._end, env=env, start_new_session=True)


def hold_to_parent() -> None:
    """Ask this process to end (SIGTERM) as soon as who started it with a `Leash` is gone; without
    a leash it would end at once."""
    threading.Thread(target=_watch, name="leash", daemon=True).start()


def _watch() -> None:
    os.read(0, 1)  # nobody writes: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
