"""Whether the books balance: a status and the raw tables in, a line for whatever is missing out.

Everything is counted anew in plain SQL, by none of the functions that a status is made with.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Engine, text

from backend.models import price

Ask = Callable[[str], list[tuple[Any, ...]]]
Prices = Mapping[str, tuple[float, float]]
CENT = 1e-9
"""USD by which two sums of the same may differ."""
SCORE = 1e-8
"""By which a score may differ from the one in a certificate, which holds ten decimals."""
METRICS = {"faithfulness", "answer_relevancy"}


def balances(
    status: Mapping[str, Any], engine: Engine, *, prices: Prices | None = None
) -> list[str]:
    """What does not add up in a home, in words; empty where all does.

    `status`: what `tenk status --json` printed, while nothing was running; `prices`: what
    TENK_PRICES says, where a model is priced by hand.
    """
    with engine.connect() as connection:

        def ask(sql: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(sql))]

        found = [
            *_counts(status, ask),
            *_examples_told(status, ask),
            *_cycles_told(status, ask),
            *_spend(status, ask, prices or {}),
            *_turns(ask),
            *_scores(ask),
            *_certificates(ask),
            *_datasets(ask),
            *_activations(ask),
        ]
    return found


def _differ(name: str, told: object, found: object) -> Iterator[str]:
    if told != found:
        yield f"{name}: the status says {told}, the tables hold {found}"


def _none(sql: str, ask: Ask, wrong: str) -> Iterator[str]:
    """A line for the rows that should not be there."""
    if rows := [row[0] for row in ask(sql)]:
        yield f"{wrong}: {rows}"


def _read(value: Any) -> Any:
    """A JSON column, which SQLite gives as text and PostgreSQL as what it says."""
    return json.loads(value) if isinstance(value, str) else value


# -- what the status counts

COUNTED = {
    "turns": "SELECT count(*) FROM turn",
    "unfinished": "SELECT count(*) FROM turn WHERE state <> 'whole'",
    "filings": "SELECT count(*) FROM filing",
    "exam.active": "SELECT count(*) FROM examquestion WHERE state = 'active'",
    "exam.quarantined": "SELECT count(*) FROM examquestion WHERE state = 'quarantined'",
    "books.turns.total": "SELECT count(*) FROM turn",
    "books.turns.second_answers": "SELECT count(*) FROM turn WHERE shadow_of IS NOT NULL",
    "books.turns.stood_in": "SELECT count(*) FROM turn WHERE instead_of IS NOT NULL",
    "books.turns.thumbs.up": "SELECT count(*) FROM turn WHERE rating = 1",
    "books.turns.thumbs.down": "SELECT count(*) FROM turn WHERE rating = -1",
    "books.examples.total": "SELECT count(*) FROM example",
    "books.exam_questions.total": "SELECT count(*) FROM examquestion",
    "books.datasets": "SELECT count(*) FROM dataset",
    "books.candidates": "SELECT count(*) FROM candidate",
    "books.sittings.total": "SELECT count(*) FROM sitting",
    "books.sittings.answered": "SELECT count(*) FROM sitting WHERE answer IS NOT NULL",
    "books.sittings.unanswered": "SELECT count(*) FROM sitting WHERE error IS NOT NULL",
    "books.scores.total": "SELECT count(*) FROM score",
    "books.scores.scored": "SELECT count(*) FROM score WHERE value IS NOT NULL",
    "books.scores.missing": "SELECT count(*) FROM score WHERE value IS NULL",
    "books.verdicts.total": "SELECT count(*) FROM verdict",
    "books.cycles.total": "SELECT count(*) FROM cycle",
    "books.activations.total": "SELECT count(*) FROM activation",
}
GROUPED = {
    "books.turns.by_state": ("turn", "state"),
    "books.turns.by_role": ("turn", "role"),
    "books.turns.by_model": ("turn", "model"),
    "books.examples.by_source": ("example", "source"),
    "books.exam_questions.by_state": ("examquestion", "state"),
    "books.exam_questions.by_source": ("examquestion", "source"),
    "books.verdicts.by_decision": ("verdict", "decision"),
}
OUTCOMES = """SELECT CASE
    WHEN c.ended IS NULL THEN 'running'
    WHEN NOT c.failed AND v.id IS NOT NULL THEN v.decision
    WHEN lower(c.ended) LIKE 'cancelled%' THEN 'cancelled'
    ELSE 'failed' END AS outcome, count(*)
FROM cycle c LEFT JOIN verdict v ON v.id = c.verdict GROUP BY outcome"""
WAYS = """SELECT CASE
    WHEN undoes IS NOT NULL AND by = 'tenk' THEN 'itself'
    WHEN undoes IS NOT NULL THEN 'rollback'
    WHEN by LIKE 'verdict %' THEN 'verdict'
    ELSE 'hand' END AS way, count(*) FROM activation GROUP BY way"""


def _at(status: Mapping[str, Any], path: str) -> Any:
    told: Any = status
    for name in path.split("."):
        told = told[name]
    return told


def _counts(status: Mapping[str, Any], ask: Ask) -> Iterator[str]:
    for path, sql in COUNTED.items():
        yield from _differ(path, _at(status, path), ask(sql)[0][0])
    for path, (table, column) in GROUPED.items():
        found = ask(f"SELECT {column}, count(*) FROM {table} GROUP BY {column}")
        yield from _differ(path, _at(status, path), dict(found))
    for path, sql in (
        ("books.cycles.by_outcome", OUTCOMES),
        ("books.activations.by_way", WAYS),
    ):
        yield from _differ(path, _at(status, path), dict(ask(sql)))


def _examples_told(status: Mapping[str, Any], ask: Ask) -> Iterator[str]:
    """Every example is kept, or dropped by one rule; what readers dislike is dropped."""
    told = status["examples"]
    [(every,)] = ask("SELECT count(*) FROM example")
    yield from _differ("examples kept and dropped", told["kept"] + told["dropped"], every)
    rules: Mapping[str, int] = told["dropped_by_rule"]
    if sum(rules.values()) != told["dropped"]:
        yield f"examples: {told['dropped']} are dropped, by the rules {dict(rules)}"
    [(disliked,)] = ask(
        "SELECT count(*) FROM example e JOIN turn t ON t.id = e.turn WHERE t.rating = -1 "
        "AND e.correction IS NULL AND (e.by_hand IS NULL OR e.by_hand = 'drop')"
    )
    if disliked > told["dropped"]:
        yield f"examples: {disliked} are disliked, and only {told['dropped']} are dropped"


def _cycles_told(status: Mapping[str, Any], ask: Ask) -> Iterator[str]:
    """What runs and what answers, as the last rows say."""
    running = [row[0] for row in ask("SELECT id FROM cycle WHERE ended IS NULL")]
    told = [status["cycle"]["cycle"]] if status["cycle"] else []
    yield from _differ("running cycles", told, running)
    active = ask(
        "SELECT c.model FROM activation a JOIN candidate c ON c.id = a.candidate "
        "ORDER BY a.id DESC LIMIT 1"
    )
    if active:
        yield from _differ("active model", status["active"]["model"], active[0][0])


# -- money


def _spend(status: Mapping[str, Any], ask: Ask, prices: Prices) -> Iterator[str]:
    """Each kind is what its rows hold, and the kinds are the total."""
    spend = status["spend"]
    trained = _training(ask)
    judged = [_judging(row, prices) for row in _judging_rows(ask)]
    found = {
        "answers_usd": _sum(ask("SELECT cost_usd FROM turn")),
        "exams_usd": _sum(ask("SELECT cost_usd FROM sitting")) + sum(usd or 0 for usd in judged),
        "training_usd": sum(usd or 0.0 for usd in trained.values()),
    }
    for kind in ("generation", "embedding", "check", "lost"):
        name = f"{kind}_usd" if kind in ("generation", "lost") else f"{kind}s_usd"
        found[name] = _sum(ask(f"SELECT cost_usd FROM expense WHERE kind = '{kind}'"))
    told = {name: usd for name, usd in spend.items() if name != "unpriced"}
    for name in told.keys() | found.keys():
        if not _same(told.get(name), found.get(name)):
            yield f"{name}: the status says {told.get(name)}, the tables hold {found.get(name)}"
    if not _same(status["spend_usd"], sum(told.values())):
        yield f"spend_usd is {status['spend_usd']}, its kinds add up to {sum(told.values())}"
    strange = [row[0] for row in ask("SELECT DISTINCT kind FROM expense ORDER BY kind")]
    if unknown := set(strange) - {"generation", "embedding", "check", "lost"}:
        yield f"expenses of a kind that no status tells: {sorted(unknown)}"
    unpriced = _unpriced(ask) or None in judged or None in trained.values()
    if unpriced and not spend["unpriced"]:
        yield "something has no known price, and the status names nothing"


def _same(told: Any, found: Any) -> bool:
    if told is None or found is None:
        return False
    return math.isclose(told, found, abs_tol=CENT)


def _sum(rows: Iterable[tuple[Any, ...]]) -> float:
    return math.fsum(row[0] or 0.0 for row in rows)


def _training(ask: Ask) -> dict[int, float | None]:
    """Cycle -> what its job cost, as last told; None where nobody told."""
    known: dict[int, float | None] = {
        row[0]: None for row in ask("SELECT id FROM cycle WHERE job IS NOT NULL")
    }
    told = "SELECT cycle, numbers FROM cycleevent WHERE kind IN ('estimate', 'trained') ORDER BY id"
    for cycle, numbers in ask(told):
        if cycle in known and "training_usd" in _read(numbers):
            known[cycle] = _read(numbers)["training_usd"]
    return known


def _judging_rows(ask: Ask) -> list[tuple[Any, ...]]:
    tokens = {
        row[0]: row[1:]
        for row in ask(
            "SELECT cycle, sum(judge_prompt_tokens), sum(judge_completion_tokens) FROM sitting "
            "GROUP BY cycle"
        )
    }
    exams = ask("SELECT id, exam FROM cycle")
    return [(_read(told).get("judge", ""), *tokens[key]) for key, told in exams if key in tokens]


def _judging(row: tuple[Any, ...], prices: Prices) -> float | None:
    rates = price(row[0], prices)
    return None if rates is None else (row[1] * rates[0] + row[2] * rates[1]) / 1e6


def _unpriced(ask: Ask) -> bool:
    [(answers,)] = ask("SELECT count(*) FROM sitting WHERE answer IS NOT NULL AND cost_usd IS NULL")
    [(calls,)] = ask("SELECT count(*) FROM expense WHERE unpriced > 0")
    return bool(answers or calls)


# -- what belongs together, whatever the status says


def _turns(ask: Ask) -> Iterator[str]:
    """A whole answer of the teacher is one example; each answer names the model that gave it."""
    yield from _none(
        "SELECT t.id FROM turn t LEFT JOIN example e ON e.turn = t.id "
        "WHERE t.role = 'teacher' AND t.state = 'whole' AND e.id IS NULL ORDER BY t.id",
        ask,
        "turns of the teacher without an example",
    )
    yield from _none(
        "SELECT e.id FROM example e LEFT JOIN turn t ON t.id = e.turn WHERE e.source = 'turn' "
        "AND (t.id IS NULL OR t.role <> 'teacher' OR t.state <> 'whole') ORDER BY e.id",
        ask,
        "examples of no whole answer of the teacher",
    )
    yield from _none(
        "SELECT t.id FROM turn t JOIN activation a ON a.id = t.activation "
        "JOIN candidate c ON c.id = a.candidate WHERE t.model <> c.model "
        "AND NOT (c.role = 'teacher' AND c.job IS NULL) ORDER BY t.id",
        ask,
        "turns answered by another model than their activation's",
    )
    yield from _none(
        "SELECT t.id FROM turn t LEFT JOIN activation a ON a.id = t.activation "
        "WHERE t.activation IS NOT NULL AND a.id IS NULL ORDER BY t.id",
        ask,
        "turns of an activation that is not there",
    )
    yield from _none(
        "SELECT t.id FROM turn t LEFT JOIN cycle y ON y.id = t.cycle "
        "LEFT JOIN candidate c ON c.id = y.candidate WHERE t.cycle IS NOT NULL "
        "AND (c.id IS NULL OR c.model <> t.model) ORDER BY t.id",
        ask,
        "turns stamped with a cycle that did not make their model",
    )
    for column, state in (("instead_of", "failed"), ("shadow_of", "whole")):
        yield from _none(
            f"SELECT t.id FROM turn t LEFT JOIN turn o ON o.id = t.{column} "
            f"WHERE t.{column} IS NOT NULL AND (o.id IS NULL OR o.state <> '{state}')",
            ask,
            f"turns {column} no {state} turn",
        )


def _scores(ask: Ask) -> Iterator[str]:
    """Each sitting of an exam that was decided has both scores; what is missing says why."""
    held: dict[int, set[str]] = {}
    for sitting, metric in ask("SELECT sitting, metric FROM score"):
        held.setdefault(sitting, set()).add(metric)
    decided = ask(
        "SELECT id FROM sitting WHERE cycle IN (SELECT cycle FROM verdict) "
        "AND arm NOT LIKE '%, given up %' ORDER BY id"
    )
    if short := [row[0] for row in decided if held.get(row[0], set()) != METRICS]:
        yield f"sittings without both of their scores: {short}"
    yield from _none(
        "SELECT s.id FROM score s LEFT JOIN sitting t ON t.id = s.sitting WHERE t.id IS NULL",
        ask,
        "scores of no sitting",
    )
    yield from _none(
        "SELECT id FROM score WHERE value IS NULL AND reason = ''",
        ask,
        "scores that are missing without a reason",
    )
    yield from _none(
        "SELECT t.id FROM sitting t LEFT JOIN examquestion q ON q.id = t.question "
        "LEFT JOIN cycle c ON c.id = t.cycle WHERE q.id IS NULL OR c.id IS NULL",
        ask,
        "sittings of no question or no cycle",
    )
    yield from _none(
        "SELECT id FROM sitting WHERE (answer IS NULL) = (error IS NULL)",
        ask,
        "sittings that neither answered nor failed",
    )


Marks = dict[tuple[Any, ...], dict[str, float | None]]
"""(model, question, repeat) -> metric -> value."""


def _certificates(ask: Ask) -> Iterator[str]:
    """A certificate holds the scores that the tables hold, and no others."""
    for key, cycle, told in ask("SELECT id, cycle, certificate FROM verdict ORDER BY id"):
        certificate = _read(told)
        cards = certificate["scorecards"]
        found: Marks = {
            (certificate["models"][one["arm"]], one["question"], one["repeat"]): one["scores"]
            for one in cards["cards"]
        }
        held = _marks(cycle, {one["question"] for one in cards["asked"]}, ask)
        places = held.keys() | found.keys()
        if wrong := [one for one in places if not _alike(held.get(one), found.get(one))]:
            yield f"verdict {key}: its certificate and the scores differ at {sorted(wrong)}"


def _marks(cycle: int, asked: set[int], ask: Ask) -> Marks:
    marks: Marks = {}
    for *place, metric, value in ask(
        "SELECT t.model, t.question, t.repeat, s.metric, s.value FROM sitting t "
        f"JOIN score s ON s.sitting = t.id WHERE t.answer IS NOT NULL AND t.cycle = {cycle} "
        "AND t.arm NOT LIKE '%, given up %'"
    ):
        if place[1] in asked:
            marks.setdefault(tuple(place), {})[metric] = value
    return marks


def _alike(a: dict[str, float | None] | None, b: dict[str, float | None] | None) -> bool:
    """The same metrics, the same values; cosines stray a hair beyond [0, 1]."""
    if a is None or b is None or a.keys() != b.keys():
        return False
    return all(
        one == other if one is None or other is None else math.isclose(one, other, abs_tol=SCORE)
        for one, other in ((a[metric], b[metric]) for metric in a)
    )


def _datasets(ask: Ask) -> Iterator[str]:
    """What was trained on is there, once, on one side of the line, and in one cycle."""
    known = {row[0] for row in ask("SELECT id FROM example")}
    of_exam = {
        row[0] for row in ask("SELECT e.id FROM example e JOIN examquestion q ON q.turn = e.turn")
    }
    for key, train, watch in ask("SELECT id, examples, validation_examples FROM dataset"):
        ids = [*_read(train), *_read(watch)]
        if len(set(ids)) < len(ids):
            yield f"dataset {key} holds an example twice"
        if gone := sorted(set(ids) - known):
            yield f"dataset {key} holds examples that are not in the log: {gone}"
        if shared := sorted(set(ids) & of_exam):
            yield f"dataset {key} holds examples that the exam asks: {shared}"
    for table, column in (("dataset", "dataset"), ("verdict", "verdict")):
        yield from _none(
            f"SELECT t.id FROM {table} t LEFT JOIN cycle c ON c.{column} = t.id "
            "GROUP BY t.id HAVING count(c.id) <> 1",
            ask,
            f"{table}s that belong to no cycle, or to two",
        )
    yield from _none(
        "SELECT k.id FROM candidate k LEFT JOIN cycle c ON c.candidate = k.id "
        "WHERE k.job IS NOT NULL GROUP BY k.id HAVING count(c.id) <> 1",
        ask,
        "trained models that belong to no cycle, or to two",
    )
    jobs = Counter(row[0] for row in ask("SELECT job FROM cycle WHERE job IS NOT NULL"))
    if twice := [job for job, count in jobs.items() if count > 1]:
        yield f"jobs that two cycles ordered: {twice}"


def _activations(ask: Ask) -> Iterator[str]:
    """Each names a model; one by a verdict follows from it, once."""
    yield from _none(
        "SELECT a.id FROM activation a LEFT JOIN candidate c ON c.id = a.candidate "
        "WHERE c.id IS NULL",
        ask,
        "activations of no model",
    )
    made = {
        f"verdict {key}": (candidate, decision)
        for key, candidate, decision in ask(
            "SELECT v.id, c.candidate, v.decision FROM verdict v JOIN cycle c ON c.verdict = v.id"
        )
    }
    acted = ask("SELECT id, candidate, by FROM activation WHERE by LIKE 'verdict %' ORDER BY id")
    for key, candidate, by in acted:
        chosen, decision = made.get(by, (None, ""))
        if chosen != candidate or not decision.startswith("promote"):
            yield f"activation {key} does not follow from {by}"
    names = Counter(by for _, _, by in acted)
    if twice := [by for by, count in names.items() if count > 1]:
        yield f"verdicts that were acted on twice: {twice}"
    yield from _unswapped(ask, names)
    yield from _none(
        "SELECT a.id FROM activation a LEFT JOIN activation b ON b.id = a.undoes "
        "WHERE a.undoes IS NOT NULL AND (b.id IS NULL OR b.id >= a.id)",
        ask,
        "rollbacks of no activation before them",
    )


def _unswapped(ask: Ask, acted: Counter[str]) -> Iterator[str]:
    """A verdict that promotes was acted on, or its cycle says why it was not."""
    for cycle, verdict, ended in ask(
        "SELECT c.id, v.id, c.ended FROM cycle c JOIN verdict v ON v.id = c.verdict "
        "WHERE v.decision LIKE 'promote%' AND c.ended IS NOT NULL AND NOT c.failed"
    ):
        if f"verdict {verdict}" not in acted and "nothing was swapped" not in ended:
            yield f"cycle {cycle} ended with a verdict to promote, and nothing came of it"
