"""`python -m bot --host HOST --port PORT`: the chat alone; `tenk chat` starts it and a worker."""

import argparse
import logging
import os
import sys

from backend.errors import TenkError
from backend.leash import hold_to_parent


def main() -> int:
    """Serve until a signal; a known failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m bot", description="Serve tenk's chat.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0: any free one")
    parser.add_argument("--leashed", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.leashed:
        hold_to_parent()
    from bot.server import run

    try:
        run(given.host, given.port)
    except TenkError as error:
        sys.stderr.write(f"tenk: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # all is closed; taking 2,000 modules apart would take seconds more
