"""Our settings of the page and Chainlit's own files go in; the folder that Chainlit serves from
comes out.

Chainlit writes beside what it reads (translations, uploads), so it gets a folder in home and
nothing is written into the checkout. It alone knows what must be changed in Chainlit's page: it
asks two other hosts for fonts, and opens every citation of a thread by itself.
"""

import re
import secrets
import shutil
from importlib.util import find_spec
from pathlib import Path
from time import time

from backend.errors import ConfigurationError

CHECKOUT = Path(__file__).parents[1]
OLD = 24 * 3600.0
"""Seconds after which an upload belongs to no page that is still open."""
LANGUAGE = "en-US"
"""The page's, as .chainlit/config.toml names it."""
BUILD = ".build"
"""Named in .chainlit/config.toml as custom_build."""

OUTSIDE = re.compile(r"<link\b[^>]*\bhref=\"https?://[^>]*>\s*", re.S)
OPENS_ITSELF = re.compile(r"\b\w+\(\{title:(\w+)\[\1\.length-1\]\.name,elements:\1\}\)")
OPENS_ON_CLICK = re.compile(r"\{title:(\w+)\.name,elements:\[\1\]\}")
TELLS_TWICE = re.compile(r"catch\((\w+)\)\{\w+\.error\(String\(\1\)\)\}")
"""A button that is refused: what asks the server has said why already."""
NARROW = re.compile(r"defaultSize:(\w+)\?50:40")


def lay_out(home: Path) -> Path:
    """Write the folder that Chainlit runs in, and return it."""
    root = home.resolve() / "chat"
    root.mkdir(parents=True, exist_ok=True)
    _forget_uploads(root / ".files")
    for name in (".chainlit/config.toml", "chainlit.md"):
        _copy(CHECKOUT / name, root / name)
    # Where it finds none in the page's language, Chainlit says so at every load of the page.
    _copy(CHECKOUT / "chainlit.md", root / f"chainlit_{LANGUAGE}.md")
    for folder in (".chainlit/translations", "public"):
        for file in sorted((CHECKOUT / folder).glob("**/*")):
            if file.is_file():
                _copy(file, root / file.relative_to(CHECKOUT))
    _build(root / BUILD)
    return root


def _forget_uploads(files: Path) -> None:
    """Remove what chats that were killed left; another chat may be running over this home."""
    for folder in files.glob("*"):
        if time() - folder.stat().st_mtime > OLD:
            shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ConfigurationError(
            f"{source} is missing; the chat needs it. Run tenk from its checkout, as `make chat` "
            "does."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _build(target: Path) -> None:
    """Chainlit's page without what asks another host; made again when Chainlit is another one."""
    found = find_spec("chainlit")
    if found is None or found.origin is None:
        raise ConfigurationError("Chainlit is not installed. Run: make install")
    source = Path(found.origin).parent / "frontend" / "dist"
    made_from = f"{source} {(source / 'index.html').stat().st_mtime_ns} 3"
    mark = target / "made-from"
    if mark.is_file() and mark.read_text(encoding="utf-8") == made_from:
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.map"))
    index = target / "index.html"
    index.write_text(inside_only(index.read_text(encoding="utf-8")), encoding="utf-8")
    for script in (target / "assets").glob("index-*.js"):
        script.write_text(opened_by_hand(script.read_text(encoding="utf-8")), encoding="utf-8")
    mark.write_text(made_from, encoding="utf-8")


def inside_only(html: str) -> str:
    """The page without links to other hosts (fonts, formula styles)."""
    return OUTSIDE.sub("", html)


def opened_by_hand(script: str) -> str:
    """The page's program, so that a citation opens when it is clicked, under its full title, and
    a button that is refused says why once.

    As shipped, each new answer opens all the thread's PDFs below each other. A program in which
    these places are not found is left as it is: it works, less well; a test tells.
    """
    script = OPENS_ITSELF.sub("void 0", script)
    script = OPENS_ON_CLICK.sub(r"{title:\1.props?.title||\1.name,elements:[\1]}", script)
    script = TELLS_TWICE.sub("catch{}", script)
    return NARROW.sub("defaultSize:50", script)  # half of the window: a page is read, not seen


def secret(home: Path) -> str:
    """What sign-in cookies are signed with: made once, kept in home, readable by its owner only."""
    file = home / "chat-secret"
    if not file.is_file() or not file.stat().st_size:  # empty: killed between the two lines below
        home.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()
