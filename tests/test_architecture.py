"""The house plan, checked: who imports whom, who owns which library, what the map shows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "backend")

OWNERS = {
    "chainlit": {"bot"},
    "llama_index": {"backend/index"},
    "openai": {"backend/models"},
    "pypdf": {"backend/filings"},
    "pypdfium2": {"backend/filings"},
    "ragas": {"backend/exam"},
    "sqlalchemy": {"backend/store", "backend/records"},
    "sqlmodel": {"backend/store", "backend/records"},
    "fastapi": {"backend/local", "bot"},
    "uvicorn": {"backend/local", "bot"},
    "typer": {"backend/cli"},
    "reportlab": {"backend/samples"},
    "Stemmer": {"backend/terms.py"},
    "argon2": {"bot", "backend/cli"},
    "croniter": {"backend/cron.py"},
    "dbos": {"backend/durable.py"},
}


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names a file imports when it runs; not those under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_known_only_to_its_owner(library: str) -> None:
    users = {path.relative_to(ROOT).as_posix() for path in sources() if library in imported(path)}

    strangers = {user for user in users if not user.startswith(tuple(OWNERS[library]))}

    assert not strangers


def test_imports_go_down_through_the_storeys() -> None:
    command = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert result.returncode == 0, result.stdout


def test_the_environment_is_read_in_one_module() -> None:
    reads = re.compile(r"os\.(environ|getenv)")
    allowed = {"backend/settings.py", "backend/cli/processes.py", "bot/server.py"}  # hand it on
    allowed |= {"backend/exam/metrics.py"}  # sets one variable for ragas, reads none

    readers = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if reads.search(path.read_text(encoding="utf-8"))
    }

    assert readers <= allowed


def test_no_module_is_called_by_a_name_that_says_nothing() -> None:
    empty = {"utils", "helpers", "common", "core", "manager", "service", "handler", "base", "misc"}

    assert not {path.stem for path in sources()} & empty


def test_no_module_outgrows_its_reader() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sources()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
        and "samples" not in path.parts  # prose is data
    }

    assert not long


def test_every_module_opens_by_saying_what_it_is_for() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert not silent


def test_the_map_in_the_readme_names_every_room_and_only_rooms_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = re.search(r"```text\n(bot/.*?)```", readme, re.S)
    assert drawn is not None
    named: set[str] = set()
    room = ""
    for line in drawn[1].splitlines():
        if match := re.match(r"(bot|backend|tests)/", line):
            room = match[1]
        elif match := re.match(r"  (\w+(?:\.py|/))", line):
            named.add(f"{room}/{match[1].rstrip('/')}")

    there = {
        f"{room}/{path.name}"
        for room in ROOMS
        for path in (ROOT / room).iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or path.is_dir())
    }

    assert {name for name in named if not name.startswith("tests")} == there


def test_help_loads_no_heavy_library() -> None:
    heavy = "chainlit llama_index openai fastapi uvicorn pypdf pypdfium2 numpy sqlmodel pydantic"
    code = f"import sys, backend.cli; print(*[n for n in {heavy.split()!r} if n in sys.modules])"

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_the_locks_pin_every_package_by_hash_and_name_no_host() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        packages = re.split(r"\n(?=\S)", text.strip())

        unpinned = [one.split("\n")[0] for one in packages if "--hash=sha256:" not in one]

        assert not unpinned
        assert not re.search(r"https?://", text)
