"""LlamaIndex's metadata filters in, a condition in SQL with its values out."""

from collections.abc import Sequence
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

Condition = tuple[str, list[Any]]
EVERYTHING: Condition = ("1", [])

COLUMNS = {
    **{key: f"chunk.{key}" for key in ("filing", "company", "fiscal_year", "page", "kind")},
    **{key: "chunk.filing" for key in ("doc_id", "document_id", "ref_doc_id")},
    "section": "chunk.section",
}
"""Keys of metadata that have a column; all others are looked up in the metadata's JSON."""
COMPARISONS = {
    FilterOperator.EQ: "=",
    FilterOperator.GT: ">",
    FilterOperator.LT: "<",
    FilterOperator.GTE: ">=",
    FilterOperator.LTE: "<=",
    FilterOperator.NE: "IS NOT",  # what has no such key is not equal to it
}


def condition(filters: MetadataFilters | None) -> Condition:
    """The condition that lets through what `filters` let through."""
    if filters is None or not filters.filters:
        return EVERYTHING
    parts = [
        condition(part) if isinstance(part, MetadataFilters) else _one(part)
        for part in filters.filters
    ]
    values = [value for _, held in parts for value in held]
    word = " AND " if filters.condition in (FilterCondition.AND, None) else " OR "
    joined = "(" + word.join(sql for sql, _ in parts) + ")"
    if filters.condition is FilterCondition.NOT:  # none of them, as LlamaIndex's own store reads it
        return f"NOT coalesce({joined}, 0)", values
    return joined, values


def both(first: Condition, second: Condition) -> Condition:
    """What lets through what both let through."""
    return f"{first[0]} AND {second[0]}", [*first[1], *second[1]]


def among(column: str, values: Sequence[Any]) -> Condition:
    """The column holds one of the values."""
    return f"{column} IN ({','.join('?' * len(values))})", list(values)


def filings_named(filters: MetadataFilters | None) -> list[str] | None:
    """The filings, where `filters` say no more than which they are; else None."""
    if filters is None or len(filters.filters) != 1:
        return None
    only = filters.filters[0]
    if not isinstance(only, MetadataFilter) or COLUMNS.get(only.key) != "chunk.filing":
        return None
    if filters.condition is FilterCondition.NOT:
        return None
    if only.operator is FilterOperator.IN and isinstance(only.value, list):
        return [str(value) for value in only.value]
    return [str(only.value)] if only.operator is FilterOperator.EQ else None


def _one(wanted: MetadataFilter) -> Condition:
    column, held = COLUMNS.get(wanted.key), list[Any]()
    if column is None:
        column, held = "json_extract(chunk.metadata, ?)", [_path(wanted.key)]
    operator, value = wanted.operator, wanted.value
    if operator in COMPARISONS:
        return f"{column} {COMPARISONS[operator]} ?", [*held, value]
    if operator is FilterOperator.IS_EMPTY:
        return f"coalesce({column}, '') IN ('', '[]')", held
    if operator in (FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE):
        return _text_match(column, held, value, operator)
    if operator in (FilterOperator.IN, FilterOperator.NIN):
        sql, values = among(column, value if isinstance(value, list) else [value])
        if operator is FilterOperator.IN:
            return sql, [*held, *values]
        return f"NOT coalesce({sql}, 0)", [*held, *values]
    return _array(wanted)


def _text_match(column: str, held: list[Any], value: Any, operator: FilterOperator) -> Condition:
    if operator is FilterOperator.TEXT_MATCH:
        return f"instr({column}, ?) > 0", [*held, str(value)]
    return f"instr(lower({column}), lower(?)) > 0", [*held, str(value)]


def _array(wanted: MetadataFilter) -> Condition:
    """CONTAINS, ANY, ALL: how many of the values the metadata's list holds."""
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    sql, asked = among("value", values)
    counted = f"(SELECT count(DISTINCT value) FROM json_each(chunk.metadata, ?) WHERE {sql})"
    enough = len(set(values)) if wanted.operator is FilterOperator.ALL else 1
    return f"{counted} >= {enough}", [_path(wanted.key), *asked]


def _path(key: str) -> str:
    """The key's place in the metadata, in SQLite's JSON path language."""
    return '$."' + key.replace('"', "") + '"'
