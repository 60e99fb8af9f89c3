"""Rows go in, the words a reader sees come out. Pure, and free of Chainlit.

It alone knows how an answer, its sources, a file's report and a refusal are worded, and which
signs the page's markdown would swallow.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.claims import MARKER
from backend.datasets import Curated
from backend.errors import TenkError
from backend.passages import cell_tuple
from backend.records import Citation, Filing, Passage, Turn

SHORT = 240
"""Characters of a quote under an answer."""
ASKED = 80
"""Characters of a question that is named."""
EMPTY = "There is no filing to ask yet. Drop a 10-K as PDF here, or add one with the paper clip."
NOT_IN = "You are not signed in to this conversation. Load the page again, and sign in."


@dataclass(frozen=True, slots=True)
class Starter:
    """A question to begin with: what the button says, and what is asked."""

    label: str
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """A cited page. `mark` is what stands in the answer, `title` what stands over the page."""

    mark: str
    title: str
    section: str
    filing: str
    page: int
    quotes: tuple[str, ...]


# -- an answer


def answer_text(turn: Turn) -> str:
    """A finished answer as the chat shows it: the answer, its sources, the model that gave it."""
    parts = [plain(in_order(turn.answer, _order(turn.answer, turn.citations)))]
    if lines := [source_line(source) for source in sources(turn)]:
        parts.append("**Sources**\n\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join([*parts, model_line(turn)])


def _order(answer: str, citations: Sequence[dict[str, Any]]) -> dict[int, int]:
    """From a passage's number to the number a reader sees: 1 for what is cited first."""
    cited = {int(one["number"]) for one in citations}
    used = [int(number) for number in MARKER.findall(answer)]
    first = [number for number in dict.fromkeys([*used, *sorted(cited)]) if number in cited]
    return {number: at for at, number in enumerate(first, start=1)}


def in_order(answer: str, order: dict[int, int]) -> str:
    """An answer with its citations numbered as a reader meets them."""

    def shown(marker: re.Match[str]) -> str:
        number = int(marker[1])
        return f"[{order[number]}]" if number in order else marker[0]

    return MARKER.sub(shown, answer)


def sources(turn: Turn) -> list[Source]:
    """The pages an answer cites, each number once, in the order in which the answer cites them."""
    return shown_sources(turn.answer, turn.evidence, turn.citations)


def shown_sources(
    answer: str, evidence: Sequence[dict[str, Any]], citations: Sequence[dict[str, Any]]
) -> list[Source]:
    """The same of an answer that is no turn's."""
    passages = [Passage.model_validate(passage) for passage in evidence]
    by_number: dict[int, list[Citation]] = {}
    for given in citations:
        citation = Citation.model_validate(given)
        by_number.setdefault(citation.number, []).append(citation)
    found: list[Source] = []
    for number, shown in _order(answer, citations).items():
        cited = by_number[number]
        passage = passages[number - 1] if number <= len(passages) else None
        name = _filing_name(passage) if passage else cited[0].file
        found.append(
            Source(
                mark=f"[{shown}]",
                title=f"{shown} · {name}, p. {cited[0].page}",
                section=passage.section if passage else "",
                filing=cited[0].filing,
                page=cited[0].page,
                quotes=tuple(dict.fromkeys(one.quote for one in cited if one.quote)),
            )
        )
    return found


def _filing_name(passage: Passage) -> str:
    year = f" FY{passage.fiscal_year}" if passage.fiscal_year else ""
    return f"{short_name(passage.company)} 10-K{year}" if passage.company else passage.file


def source_line(source: Source) -> str:
    """A source in the list under an answer."""
    where = source.title.split(" · ", 1)[1]
    if source.section:
        where += f", {source.section}"
    quotes = " … ".join(f"“{_shortened(_as_prose(quote), SHORT)}”" for quote in source.quotes)
    return f"{source.mark} {plain(where)}" + (f": {plain(quotes)}" if quotes else "")


def _as_prose(quote: str) -> str:
    """A row of a table without its bars."""
    cells = [cell.strip() for cell in quote.replace("\n", " ").split("|")]
    return " · ".join(cell for cell in cells if cell)


def model_line(turn: Turn) -> str:
    """Which model answered, from which cycle, in how long, and what that is worth."""
    seconds = f"{turn.seconds:.1f} s" if turn.seconds >= 0.05 else "under 0.1 s"
    made = f", cycle {turn.cycle}" if turn.cycle is not None else ""
    told = f"*Answered by* `{turn.model}` *({turn.role}{made}) in {seconds}.*"
    if turn.instead_of is not None:
        told += " *It stood in for the active model, which failed.*"
    if is_local(turn.model):
        tuned = turn.model.startswith("ft:")
        comes = "was trained here from one that ships with tenk," if tuned else "ships with tenk"
        told += (
            f" *It {comes} and is no language model: it finds and quotes, and works out changes "
            "and ratios.*"
        )
    return told


def is_local(model: str) -> bool:
    """Whether a model's name is one of tenk's own, fine-tuned ones included."""
    return model.removeprefix("ft:").startswith("local-")


_SWALLOWED = re.compile(r"(?<!\\)(~|:(?=[A-Za-z]))")
_CODE = re.compile(r"(`+[^`]*`+)")


def plain(text: str) -> str:
    """Text that the page's markdown leaves as it is: it strikes out what stands between tildes,
    and eats a word that follows a colon directly."""
    parts = _CODE.split(text)
    return "".join(
        part if at % 2 else _SWALLOWED.sub(r"\\\1", part) for at, part in enumerate(parts)
    )


_SIGNS = re.compile(r"([\\`*_\[\]<>#|~&:!])")


def as_typed(text: str) -> str:
    """A person's own words inside ours, on one line: no sign of theirs is markdown."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def stopped_text(so_far: str) -> str:
    """An answer that a person ended."""
    said = f"{plain(so_far.rstrip())} …\n\n" if so_far.strip() else ""
    return f"{said}*Stopped. Nothing of this is kept as training data.*"


def reading_stopped_text(_so_far: str) -> str:
    """A file that a person kept from being read to its end."""
    return "*Stopped. The file was not taken in.*"


def failed_text(so_far: str, sentence: str) -> str:
    """An answer that its model did not finish."""
    said = f"{plain(so_far.rstrip())} …\n\n" if so_far.strip() else ""
    return f"{said}{plain(sentence)}"


def lost_text() -> str:
    """An answer that went down with the chat's process."""
    return "*Lost: tenk was ended before it had answered this. Send it again.*"


def error_sentence(error: BaseException) -> str:
    """What went wrong, in a sentence a person can act on; never a traceback."""
    if isinstance(error, TenkError):
        return str(error)
    return (
        "Something went wrong that tenk did not foresee. Ask again; if it happens again, the "
        "chat's log has the details for whoever runs it."
    )


# -- a rating


def rating_note(
    rating: int | None, question: str, example: Curated | None, learned_by: Sequence[str] = ()
) -> str:
    """What a rating did to the training data, and which models learned from the answer before.

    It stands at the end of the conversation, so it names the question whose answer was rated.
    """
    asked = f"“{as_typed(_shortened(' '.join(question.split()), ASKED))}”"
    noted = {-1: "Thumbs down noted.", 1: "Thumbs up noted."}.get(rating or 0, "Thumb taken back.")
    if example is None:
        counts = " It counts when the model that answered is compared." if rating else ""
        return f"{noted}{counts} The answer to {asked} is not trained on either way."
    name = f"Example {example.example.id}, made from the answer to {asked},"
    if rating == -1 and learned_by:
        models = ", ".join(f"`{model}`" for model in learned_by)
        learned = f" {models} learned from it before; the next one will not."
    else:
        learned = ""
    if example.state == "kept":
        return f"{noted} {name} is kept as training data."
    by_thumb = rating == -1 and example.rule != "exam"
    undo = " Press the thumb again to take it back." if by_thumb else ""
    reason = f": {as_typed(example.reason)}" if example.reason else ""
    return f"{noted} {name} is dropped from the training data{reason}.{learned}{undo}"


# -- files


def ingest_line(filing: Filing | None, *, file: str, seconds: float, already_known: bool) -> str:
    """What became of one file that was taken in."""
    if filing is None:
        return f"{plain(file)} is ready."
    year = f" for fiscal {filing.fiscal_year}" if filing.fiscal_year else ""
    what = f"{filing.company} {filing.form or '10-K'}{year}" if filing.company else file
    if already_known:
        return f"**{plain(what)}** is here already ({filing.pages} pages). Ask about it."
    notes = "".join(f"\n  - {plain(note)}" for note in filing.notes)
    return (
        f"**{plain(what)}** is ready: {filing.pages} pages in {seconds:.1f} s. Ask about it.{notes}"
    )


def refused_line(file: str, reason: str) -> str:
    """Why a file was not taken in."""
    return plain(f"**{file}** was not taken in: {reason}")


def reading_line(file: str, done: int, total: int) -> str:
    """How far a file has been read."""
    if total <= 0:
        return f"Reading {plain(file)} …"
    return f"Reading {plain(file)} … {done} of {total} pages"


# -- starters

_FIGURES = (
    "total net revenue",
    "total revenue",
    "total net sales",
    "net revenue",
    "net sales",
    "revenue",
    "revenues",
)
_CHANGES = ("operating income", "income from operations", "net income", "gross profit")
_RISKS = {
    "supply": "supply chain",
    "competit": "competition",
    "cyber": "cybersecurity",
    "tariff": "tariffs",
    "regulat": "regulation",
    "litigation": "litigation",
    "inflation": "inflation",
    "climate": "climate change",
    "key personnel": "key personnel",
}
_POLICIES = {
    "revenue recognition": "recognize revenue",
    "inventor": "value its inventories",
    "goodwill": "test goodwill for impairment",
    "lease": "account for leases",
}


def starters(filings: Sequence[tuple[Filing, Sequence[Passage]]], limit: int = 4) -> list[Starter]:
    """Questions that the filings given can answer, taken from their own tables and sections.

    One filing gives its figures, a change, a risk and a policy; several take turns.
    """
    offers = [list(_offers(filing, chunks)) for filing, chunks in filings]
    chosen: list[Starter] = []
    for turn in range(limit):
        for at, offered in enumerate(offers):
            kind = offered[(turn + at) % len(offered)] if offered else None
            if kind is not None and kind not in chosen:
                chosen.append(kind)
    return chosen[:limit]


def _offers(filing: Filing, chunks: Sequence[Passage]) -> Iterable[Starter]:
    name = short_name(filing.company) or filing.file
    year = filing.fiscal_year
    if year and (row := _row(chunks, _FIGURES, [year])):
        yield Starter(
            f"{name}: {row.lower()}, fiscal {year}",
            f"What {_be(row)} {_of(name)} {row.lower()} in fiscal {year}?",
        )
    if year and (row := _row(chunks, _CHANGES, [year, year - 1])):
        yield Starter(
            f"{name}: change in {row.lower()}",
            f"How did {_of(name)} {row.lower()} change from fiscal {year - 1} to fiscal {year}?",
        )
    told = [one.text for one in chunks if "risk factors" in one.section.lower()]
    if risk := _most(_RISKS, told):
        yield Starter(f"{name}: {risk} risks", f"What risks does {name} see from {risk}?")
    notes = [one.section for one in chunks]
    if policy := _most(_POLICIES, notes):
        yield Starter(f"{name}: how it {_third(policy)}", f"How does {name} {policy}?")


def _row(chunks: Sequence[Passage], wanted: Sequence[str], years: Sequence[int]) -> str | None:
    """The first of the wanted row labels that a table holds a figure for in every year."""
    held: dict[str, tuple[str, set[int]]] = {}
    for chunk in chunks:
        if chunk.kind != "table" or not any(label in chunk.text.lower() for label in wanted):
            continue
        for cell in cell_tuple(chunk.text):
            label = cell.row.strip().rstrip(":")
            if label.lower() in wanted and cell.period is not None:
                held.setdefault(label.lower(), (label, set()))[1].add(cell.period)
    for label in wanted:
        if label in held and held[label][1] >= set(years):
            return held[label][0]
    return None


def _most(words: dict[str, str], texts: Sequence[str]) -> str | None:
    """What most of the texts speak of."""
    count = Counter(
        meaning for text in texts for word, meaning in words.items() if word in text.lower()
    )
    return count.most_common(1)[0][0] if count else None


def _be(row: str) -> str:
    return "were" if row.lower().endswith("s") else "was"


def _of(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _third(policy: str) -> str:
    verb, rest = policy.split(" ", 1)
    return f"{verb}s {rest}"


_FORM = re.compile(
    r",?\s+(?:inc|corp|corporation|incorporated|company|co|ltd|limited|plc|llc|n\.?v|s\.?a)\b\.?",
    re.IGNORECASE,
)


def short_name(company: str) -> str:
    """A company's name as people say it: without its legal form, and several words not all in
    capitals."""
    name = _FORM.sub("", company).strip(" ,")
    return name.title() if " " in name and name.isupper() else name


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rsplit(' ', 1)[0]} …"
