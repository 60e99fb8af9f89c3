"""An answer and its cited evidence in, each figure found or not out.

It alone knows when a figure of an answer is one that a filing prints, or follows from two of them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from backend.claims import Sentence, figures_of, sentences_of
from backend.passages import Cell, cell_tuple, is_table, sentence_tuple
from backend.quantities import (
    Period,
    Quantity,
    periods,
    quantities,
    same_value,
    unit_and_scale,
)
from backend.records import CheckedFigure, Citation, Passage
from backend.terms import stem_tuple

NOT_FOUND = "(not in the cited evidence)"


@dataclass(frozen=True, slots=True)
class _Held:
    """A figure that the evidence holds, with what says what it is. Empty: not told."""

    quantity: Quantity
    about: str  # row label with its group, or the sentence
    fiscal: frozenset[int]
    dated: frozenset[int]
    cell: bool
    scaled: bool = True  # False: a cell of a table that does not tell its scale


@dataclass(frozen=True, slots=True)
class _Claim:
    """A figure of the answer, in its sentence. No `periods`: any will do."""

    quantity: Quantity
    sentence: Sentence
    periods: tuple[Period, ...]
    years: frozenset[int]  # all that the sentence names, else the question's


def check_figures(
    answer: str, citations: Sequence[Citation], passages: Sequence[Passage], *, question: str = ""
) -> list[CheckedFigure]:
    """Look every figure of an answer up in the evidence that its sentence cites.

    Value, unit, scale, sign and period must agree at the precision the answer prints. A figure
    that follows from two cited ones (difference, change, sum, ratio) counts as found. A sentence
    that cites nothing is checked against all that the answer cites; where it names no period,
    the question's counts. In the order of the answer.
    """
    everything = tuple(sorted({citation.number for citation in citations}))
    claims = list(_claims(answer, question))
    evidence = {
        number: tuple(_held(passages[number - 1]))
        for number in {*everything, *(n for claim in claims for n in claim.sentence.numbers)}
        if 1 <= number <= len(passages)
    }
    matches = [
        [held for held in _cited(claim, everything, evidence) if _matches(claim, held)]
        for claim in claims
    ]
    stated = [match[0] for match in matches if match]
    return [
        CheckedFigure(
            text=claim.quantity.text,
            found=bool(match)
            or _computed(claim, [*_cited(claim, everything, evidence)], stated, question),
        )
        for claim, match in zip(claims, matches, strict=True)
    ]


def mark(answer: str, figures: Sequence[CheckedFigure]) -> str:
    """The answer with a mark at each figure that its evidence does not hold."""
    marked: list[str] = []
    done = 0
    for quantity, figure in zip(figures_of(answer), figures, strict=True):
        if not figure.found:
            marked += [answer[done : quantity.start], f"⚠ {quantity.text} {NOT_FOUND}"]
            done = quantity.end
    return "".join([*marked, answer[done:]])


def _cited(
    claim: _Claim, everything: Sequence[int], evidence: dict[int, tuple[_Held, ...]]
) -> Iterator[_Held]:
    for number in claim.sentence.numbers or everything:
        yield from evidence.get(number, ())


# -- what the answer says


def _claims(answer: str, question: str) -> Iterator[_Claim]:
    asked = periods(question)
    one_year = asked if len({period.year for period in asked}) == 1 else []
    sentences = sentences_of(answer)
    for quantity in figures_of(answer):
        sentence = next(
            (s for s in sentences if s.start <= quantity.start < s.end),
            Sentence(quantity.text, quantity.start, quantity.end, ()),
        )
        inside = replace(
            quantity, start=quantity.start - sentence.start, end=quantity.end - sentence.start
        )
        others = [q for q in figures_of(sentence.text) if not _same_place(q, inside)]
        named = periods(sentence.text) or one_year
        own = _periods_of(inside, others, sentence.text, asked=one_year)
        years = frozenset(period.year for period in named)
        yield _Claim(quantity, sentence, tuple(own), years)


def _same_place(a: Quantity, b: Quantity) -> bool:
    return a.start < b.end and b.start < a.end


_OTHER_YEAR = re.compile(
    r"\b(?:from|than|versus|vs\.?|against|compared (?:with|to)|over)\s+"
    r"(?:(?:about|approximately|the|a|an|of|only|just)\s+){0,2}$",
    re.IGNORECASE,
)
_YEAR_BEFORE = re.compile(
    r"\b(?:prior|previous|preceding|last) (?:fiscal )?(?:year|period)|\byears? (?:before|earlier)",
    re.IGNORECASE,
)
_DIRECTLY = re.compile(
    r"[\s,(]*(?:(?:in|for|at|as of|during|on|of|through)\s+)?(?:the\s+)?"
    r"(?:(?:fiscal|calendar)\s+)?(?:years?\s+)?(?:ended\s+|ending\s+)?",
    re.IGNORECASE,
)


def _periods_of(
    figure: Quantity, others: Sequence[Quantity], text: str, *, asked: Sequence[Period]
) -> list[Period]:
    """The periods that one figure of a sentence may stand for; none: any.

    "A in 2023 and B in 2022", "A and B in 2023 and 2022, respectively", "In 2023 A, up from B".
    """
    following = min((q.start for q in others if q.start >= figure.end), default=len(text))
    named = periods(text)
    behind = [p for p in named if figure.end <= p.start < following]
    direct = [p for p in behind if _DIRECTLY.fullmatch(text[figure.end : p.start])]
    if direct and len(behind) == 1:
        return direct
    if _OTHER_YEAR.search(text[: figure.start]) or _YEAR_BEFORE.search(
        text[figure.end : following]
    ):
        return direct
    if not named:
        return [*asked]
    before = [p for p in named if p.end <= figure.start]
    near = direct[:1] or before[-1:] or behind[:1]
    return _in_order(figure, others, named, text) or [
        *near,
        *_in_order(figure, others, named, text, said=False),
    ]


def _in_order(
    figure: Quantity,
    others: Sequence[Quantity],
    named: Sequence[Period],
    text: str,
    *,
    said: bool = True,
) -> list[Period]:
    """The period in the figure's own place, where there are as many of one as of the other."""
    if said and "respectively" not in text:
        return []
    alike = [q for q in others if q.unit == figure.unit]
    if len(alike) + 1 != len(named):
        return []
    return [named[sum(q.start < figure.start for q in alike)]]


# -- what the evidence holds


def _held(passage: Passage) -> Iterator[_Held]:
    cells = cell_tuple(passage.text)
    shift = _fiscal_shift(cells, passage.fiscal_year)
    for cell in cells:
        dated = frozenset({cell.period} if cell.period else ())
        yield _Held(
            cell.quantity,
            f"{cell.group} {cell.row}".strip(),
            frozenset(year - shift for year in dated),
            dated,
            True,
            cell.quantity.scale != 1.0 or unit_and_scale(cell.caption) != ("", 1.0),
        )
    for label in dict.fromkeys(part for c in cells for part in (c.row, c.group, c.caption)):
        for quantity in quantities(label):  # "Due within 12 months"
            yield _Held(quantity, label, frozenset(), frozenset(), False)
    if is_table(passage.text):
        return
    printed = {abs(cell.quantity.value) for cell in cells}
    for sentence in sentence_tuple(passage.text):
        held = quantities(sentence)
        for quantity in held:
            if abs(quantity.value) in printed:
                continue  # a row of a table in running text: its cell tells the period
            others = [q for q in held if q is not quantity]
            named = _periods_of(quantity, others, sentence, asked=())
            years = frozenset(period.year for period in named)
            yield _Held(quantity, sentence, years, years, False)


def _fiscal_shift(cells: Sequence[Cell], fiscal_year: int | None) -> int:
    """1 where a year that ends in January or February bears the number of the year before."""
    newest = max((cell for cell in cells if cell.period), key=lambda c: c.period or 0, default=None)
    if newest is None or newest.period is None or fiscal_year != newest.period - 1:
        return 0
    month = next((period.month for period in periods(newest.when)), None)
    return 1 if month in (1, 2) else 0


# -- when they agree


_OUTWARD = re.compile(
    r"\b(?:loss|losses|lost|deficit|decreas\w*|declin\w*|fell|down|dropp?\w*|lower\w*|negative"
    r"|outflows?|used|purchase[sd]?|payments?|paid|pay|repurchase[sd]?|repaid|repayments?"
    r"|dividends?|spent|spending|reduc\w*|acqui\w+|expenses?|costs?|charges?|withh\w+|benefits?"
    r"|capital expenditures?|capex|investing|invested|investments?|less|deductions?|write-?\w+"
    r"|unfavou?rable|provision|tax(?:es)?|shrank|contract\w+)\b",
    re.IGNORECASE,
)
_EITHER = re.compile(r"\((?:net )?(loss|losses|benefit|expense|income|deficit|decrease)[^)]*\)")
_RATE = re.compile(r"\b(?:rate|margin|yield|ratio|volatility|percent\w*)\b|%", re.IGNORECASE)


def _matches(claim: _Claim, held: _Held) -> bool:
    return _in_period(claim, held) and _equal(claim, held)


def _in_period(claim: _Claim, held: _Held) -> bool:
    if not claim.periods or not held.dated:
        return True
    return any(
        period.year in (held.dated if period.kind == "date" else held.fiscal)
        for period in claim.periods
    )


def _equal(claim: _Claim, held: _Held) -> bool:
    said = claim.quantity
    printed = _as_comparable(said, held)
    if said.amount * printed.amount < 0:
        if not _sign_is_said_otherwise(claim, held):
            return False
        printed = replace(printed, value=-printed.value)
    if printed.unit == printed.text == "" or not same_value(said, printed):
        return False
    return said.step >= printed.step * 0.999 or said.amount == printed.amount


def _as_comparable(said: Quantity, held: _Held) -> Quantity:
    """The held figure in the unit and scale of the said one, where it tells none itself."""
    printed = held.quantity
    if said.unit.split(" ")[0] == printed.unit.split(" ")[0]:  # dollars, and dollars per share
        printed = replace(printed, unit=said.unit)
    elif said.unit == "percent" and held.cell and _RATE.search(held.about):
        printed = replace(printed, unit="percent", scale=1.0)
    if not held.scaled and abs(said.value) == abs(printed.value):
        printed = replace(printed, scale=said.scale)
    return printed


def _sign_is_said_otherwise(claim: _Claim, held: _Held) -> bool:
    """Whether words carry the sign: "a loss of $5" for (5), "purchases of $9" for (9).

    A row named "Net income (loss)" prints a loss in parentheses: the claim must say so.
    """
    said = claim.sentence.words.lower()
    either = _EITHER.search(held.about.lower())
    if either:
        return either[1].rstrip("es")[:4] in said
    return bool(_OUTWARD.search(said) or _OUTWARD.search(held.about))


# -- figures that follow from two others

_UP = re.compile(r"\b(?:increas\w*|rose|risen|grew|grow\w*|up|higher|gain\w*|improv\w*)\b", re.I)
_DOWN = re.compile(r"\b(?:decreas\w*|fell|fall\w*|declin\w*|down|lower|dropp?\w*|reduc\w*)\b", re.I)
_POOL = 48  # cited figures that are tried with one another


def _computed(
    claim: _Claim, cited: Sequence[_Held], stated: Sequence[_Held], question: str
) -> bool:
    """Whether a figure follows from two cited ones.

    Only figures the answer states and rows that it or the question names are tried: among all
    pairs of a large table nearly every percentage can be found by chance.
    """
    said = frozenset(stem_tuple(f"{claim.sentence.words} {question}"))
    named = [held for held in cited if held.cell and _is_named(held.about, said)]
    pool = [*dict.fromkeys([*stated, *named])][:_POOL]
    return any(
        _follows(claim, result, is_change=is_change)
        for a, b in permutations(pool, 2)
        if _pairs(a, b, claim, stated)
        for result, is_change in _results(a.quantity, b.quantity, claim.quantity)
    )


def _is_named(label: str, said: frozenset[str]) -> bool:
    words = frozenset(stem_tuple(re.sub(r"\([^)]*\)", " ", label)))
    return bool(words) and len(words & said) >= 0.6 * len(words)


def _pairs(a: _Held, b: _Held, claim: _Claim, stated: Sequence[_Held]) -> bool:
    """Whether two figures may be computed with: one row at two times, two rows at one time."""
    if claim.years and a.dated and not (a.fiscal | a.dated) & claim.years:
        return False
    if len(claim.years) > 1 and b.dated and not (b.fiscal | b.dated) & claim.years:
        return False
    if a.about == b.about and a.dated and b.dated:
        return max(a.dated) > max(b.dated)
    return a.dated == b.dated or (a in stated and b in stated)


def _results(a: Quantity, b: Quantity, said: Quantity) -> Iterable[tuple[float, bool]]:
    """What two figures give in the unit of the said one, and whether it is a change.

    Of two outlays, printed (46.3) and (41.7), words also give the change of what was spent: it
    rose by 4.6, though the figures fell.
    """
    yield from _signed_results(a, b, said)
    if a.amount < 0 and b.amount < 0:
        spent, before = replace(a, value=-a.value), replace(b, value=-b.value)
        yield from _signed_results(spent, before, said)


def _signed_results(a: Quantity, b: Quantity, said: Quantity) -> Iterable[tuple[float, bool]]:
    alike = a.unit.split(" ")[0] == b.unit.split(" ")[0] or not (a.unit and b.unit)
    if said.unit == "percent":
        if a.unit == b.unit == "percent":
            yield a.amount - b.amount, True
        elif alike and b.amount:
            yield 100 * (a.amount - b.amount) / abs(b.amount), True
            yield 100 * a.amount / b.amount, False
    elif alike and a.unit != "percent":
        fits = not said.unit or not a.unit or a.unit.split(" ")[0] == said.unit.split(" ")[0]
        if fits:
            yield a.amount - b.amount, True
            yield a.amount + b.amount, False
    if not said.unit and said.scale == 1.0 and b.amount:
        yield a.amount / b.amount, False


def _follows(claim: _Claim, result: float, *, is_change: bool) -> bool:
    """Whether the result is the said figure at its printed precision and in its direction."""
    said, words = claim.quantity, claim.sentence.words
    up, down = bool(_UP.search(words)), bool(_DOWN.search(words))
    target = said.amount
    if is_change and target > 0 and result < 0:
        if up and not down:
            return False
        result = -result if down else result
    elif is_change and target > 0 and down and not up:
        return False
    return abs(result - target) <= said.step / 2 * (1 + 1e-9)
