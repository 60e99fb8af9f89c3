"""python -m backend.cli: the same door without the script."""

from backend.cli import main

main()
