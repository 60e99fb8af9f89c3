"""Chat messages in, what they ask and what they show out; alone knows the shapes of prompts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from backend.records import Message


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as a prompt shows it. `number` is 0 where the prompt numbers none."""

    number: int
    text: str
    company: str = ""
    year: int | None = None
    page: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its evidence, best first."""

    text: str
    passages: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A follow-up and the exchanges before it, oldest first."""

    text: str
    history: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Writing:
    """A passage to write a question about, of which kind, and what was asked of it before."""

    passage: Shown
    kind: str  # figure or prose
    asked: tuple[str, ...]


_WRITE = "write one question that the passage answers"
_REWRITE = "rewrite the last question so that it can be understood alone"
_REST = (
    r"(?:,\s*fiscal (?P<year>\d{4}))?(?:,\s*pages? (?P<page>[\d\u2013-]+))?"
    r"(?:,\s*(?P<section>.*))?"
)
_HEADERS = (
    re.compile(r"(?P<company>.*?)\s?\b(?:10-[KQ]\S*?|20-F|40-F)" + _REST),
    re.compile(r"(?P<company>.*?)" + _REST),
)
"""With the form first: it ends a name that holds commas ("Uber Technologies, Inc. 10-K")."""


def _shown(number: int, header: str, text: str) -> Shown:
    told = next(filter(None, (one.fullmatch(header.strip()) for one in _HEADERS)), None)
    if told is None:
        return Shown(number, f"{header}\n{text}".strip())
    return Shown(
        number=number,
        text=text.strip(),
        company=(told["company"] or "").strip(" ,"),
        year=int(told["year"]) if told["year"] else None,
        page=told["page"] or "",
        section=(told["section"] or "").strip(),
    )


def _numbered(evidence: str) -> tuple[Shown, ...]:
    """The passages under their "[n] ..." lines; a number out of order is text, not a header."""
    found: list[Shown] = []
    header, lines = "", list[str]()
    for line in evidence.splitlines():
        if line.startswith(f"[{len(found) + 1 + bool(header)}] "):
            if header:
                found.append(_shown(len(found) + 1, header, "\n".join(lines)))
            header, lines = line.split("] ", 1)[1], []
        else:
            lines.append(line)
    if header:
        found.append(_shown(len(found) + 1, header, "\n".join(lines)))
    return tuple(found)


_OURS = re.compile(
    r"^\s*Evidence:[ ]?\n(?P<evidence>.*)\n\s*Question:\s*(?P<question>.*)$", re.DOTALL
)
_CONTEXT = re.compile(
    r"Context information is below\.\s*\n-{3,}\n(?P<evidence>.*)\n-{3,}\s*\n.*?"
    r"(?:Query|Question):\s*(?P<question>.*?)\s*(?:\nAnswer:\s*)?$",
    re.DOTALL,
)
_REFINE = re.compile(
    r"New Context:\s*(?P<evidence>.*)\nQuery:\s*(?P<question>.*?)\nOriginal Answer:", re.DOTALL
)
_NODE = re.compile(r"(?m)^(?=page_label:)")
_METADATA = re.compile(r"(?:\w[\w ]{0,30}: [^\n]{0,200}\n){1,8}\n?")


def _unnumbered(evidence: str) -> tuple[Shown, ...]:
    parts = [part for part in _NODE.split(evidence) if part.strip()]
    found: list[Shown] = []
    for part in parts or [evidence]:
        told = _METADATA.match(part)
        body = part[told.end() :] if told and part.startswith("page_label") else part
        page = re.search(r"page_label: (\S+)", part)
        found.append(Shown(0, body.strip(), page=page[1] if page else ""))
    return tuple(found)


_WRITTEN = re.compile(
    r"^\s*Passage:\s*\n(?P<passage>.*)\n\s*Kind:\s*(?P<kind>\w+)\s*"
    r"(?:\nAsked before:\n(?P<asked>.*))?$",
    re.DOTALL,
)


def _writing(content: str) -> Writing:
    told = _WRITTEN.match(content)
    shown = _numbered(told["passage"].strip()) if told else ()
    asked = re.findall(r"(?m)^- (.+)$", (told and told["asked"]) or "")
    return Writing(shown[0] if shown else Shown(0, ""), told["kind"] if told else "", tuple(asked))


def _rewriting(content: str) -> Rewriting:
    talk, _, last = content.rpartition("Last question:")
    exchanges = re.findall(
        r"^Reader:\s*(.*?)\n(?:Answer:\s*(.*?))?(?=\n+Reader:|\s*\Z)",
        talk,
        re.DOTALL | re.MULTILINE,
    )
    history = tuple((asked.strip(), said.strip()) for asked, said in exchanges)
    return Rewriting(last.strip(), history)


@lru_cache(maxsize=64)
def _parse(contents: tuple[tuple[str, str], ...]) -> Question | Rewriting | Writing:
    asked = [content for role, content in contents if role == "user"]
    last = asked[-1] if asked else ""
    if any(role == "system" and _REWRITE in text[:200].lower() for role, text in contents):
        return _rewriting(last)
    if any(role == "system" and _WRITE in text[:200].lower() for role, text in contents):
        return _writing(last)
    if ours := _OURS.match(last):
        return Question(ours["question"].strip(), _numbered(ours["evidence"]))
    for _, content in reversed(contents):
        if other := _CONTEXT.search(content) or _REFINE.search(content):
            return Question(other["question"].strip(), _unnumbered(other["evidence"]))
    return Question(last.strip(), ())


def parse(messages: Sequence[Message]) -> Question | Rewriting | Writing:
    """What a chat asks. Knows tenk's own three prompts and LlamaIndex's (answer and refine).

    Anything else is a question without evidence. An answer that stands last is not read.
    """
    return _parse(tuple((m.role, m.content) for m in messages if m.role != "assistant"))
