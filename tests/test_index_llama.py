"""The index as LlamaIndex sees it: a vector store like any other, which another can replace."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.indices.vector_store import VectorStoreIndex
from llama_index.core.schema import NodeRelationship, QueryBundle, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from backend.index.llama import SqliteVectorStore
from backend.index.retrieving import GivenEmbedding, retriever
from backend.index.rows import IndexFile

WORDS = ["margin", "freight", "granite", "strike", "revenue", "auditor"]


async def embed(texts: Sequence[str]) -> list[list[float]]:
    """One axis a word."""
    return [[float(text.lower().count(word)) for word in WORDS] for text in texts]


def node(number: int, text: str, *, document: str = "doc a", **metadata: Any) -> TextNode:
    made = TextNode(
        id_=f"node {number}",
        text=text,
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)},
    )
    made.embedding = asyncio.run(embed([text]))[0]
    return made


NODES = [
    node(1, "Margin rose.", company="Granite", fiscal_year=2023, tags=["a", "b"], page=4),
    node(2, "Margin and freight.", company="Granite", fiscal_year=2022, tags=["b"], page=9),
    node(3, "Freight costs fell.", document="doc b", company="Slate", fiscal_year=2023, page=4),
    node(4, "A strike.", document="doc b", note="It's a Strike", fiscal_year=2021, tags=[]),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteVectorStore]:
    file = IndexFile(tmp_path / "index.sqlite3")
    made = SqliteVectorStore(file)
    made.add(NODES)
    yield made
    file.close()


def where(key: str, value: Any, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


def ids(store: SqliteVectorStore, filters: MetadataFilters) -> set[int]:
    return {int(found.node_id[-1]) for found in store.get_nodes(filters=filters)}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (where("company", "Granite"), {1, 2}),
        (where("company", "Granite", FilterOperator.NE), {3, 4}),
        (where("fiscal_year", 2022, FilterOperator.GT), {1, 3}),
        (where("fiscal_year", 2022, FilterOperator.GTE), {1, 2, 3}),
        (where("fiscal_year", 2022, FilterOperator.LT), {4}),
        (where("fiscal_year", 2022, FilterOperator.LTE), {2, 4}),
        (where("fiscal_year", [2021, 2022], FilterOperator.IN), {2, 4}),
        (where("fiscal_year", [2021, 2022], FilterOperator.NIN), {1, 3}),
        (where("company", ["Slate"], FilterOperator.NIN), {1, 2, 4}),
        (where("company", [], FilterOperator.IN), set[int]()),
        (where("filing", "doc b"), {3, 4}),
        (where("ref_doc_id", "doc a"), {1, 2}),
        (where("note", "It's a Strike"), {4}),
        (where("note", "a strike", FilterOperator.TEXT_MATCH), set[int]()),
        (where("note", "a Strike", FilterOperator.TEXT_MATCH), {4}),
        (where("note", "a sTRIKE", FilterOperator.TEXT_MATCH_INSENSITIVE), {4}),
        (where("note", None, FilterOperator.IS_EMPTY), {1, 2, 3}),
        (where("tags", None, FilterOperator.IS_EMPTY), {3, 4}),
        (where("tags", "b", FilterOperator.CONTAINS), {1, 2}),
        (where("tags", ["a", "b"], FilterOperator.ALL), {1}),
        (where("tags", ["a", "b"], FilterOperator.ANY), {1, 2}),
        (where('no" OR 1=1 --', "x"), set[int]()),
        (MetadataFilters(filters=[]), {1, 2, 3, 4}),
    ],
)
def test_metadata_filters_of_llama_index_are_honoured(
    store: SqliteVectorStore, filters: MetadataFilters, expected: set[int]
) -> None:
    assert ids(store, filters) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (FilterCondition.AND, {1}),
        (FilterCondition.OR, {1, 2, 3}),
        (FilterCondition.NOT, {4}),
    ],
)
def test_filters_are_joined_as_their_condition_says(
    store: SqliteVectorStore, condition: FilterCondition, expected: set[int]
) -> None:
    company = MetadataFilter(key="company", value="Granite")
    year = MetadataFilter(key="fiscal_year", value=2023)

    found = ids(store, MetadataFilters(filters=[company, year], condition=condition))

    assert found == expected


def test_filters_within_filters_are_honoured(store: SqliteVectorStore) -> None:
    years = MetadataFilters(
        filters=[
            MetadataFilter(key="fiscal_year", value=2021),
            MetadataFilter(key="fiscal_year", value=2022),
        ],
        condition=FilterCondition.OR,
    )
    both = MetadataFilters(filters=[years, MetadataFilter(key="company", value="Granite")])

    assert ids(store, both) == {2}


MODES = [
    VectorStoreQueryMode.DEFAULT,
    VectorStoreQueryMode.TEXT_SEARCH,
    VectorStoreQueryMode.SPARSE,
    VectorStoreQueryMode.HYBRID,
]


def ask(question: str, mode: VectorStoreQueryMode, **more: Any) -> VectorStoreQuery:
    made = asyncio.run(embed([question]))[0]
    query = VectorStoreQuery(made, similarity_top_k=4, query_str=question, mode=mode)
    return replace(query, **more)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_finds_the_nearest_node_first(
    store: SqliteVectorStore, mode: VectorStoreQueryMode
) -> None:
    found = store.query(ask("freight costs", mode))

    assert found.ids is not None
    assert found.ids[0] == "node 3"
    assert found.similarities == sorted(found.similarities or [], reverse=True)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "limits",
    [
        {"filters": where("company", "Granite")},
        {"filters": where("filing", "doc a")},
        {"filters": where("filing", ["doc a", "unknown"], FilterOperator.IN)},
        {"doc_ids": ["doc a"]},
        {"node_ids": ["node 1", "node 2"]},
    ],
    ids=["company", "filing", "filings", "documents", "nodes"],
)
def test_every_mode_keeps_to_what_it_is_limited_to(
    store: SqliteVectorStore, mode: VectorStoreQueryMode, limits: dict[str, Any]
) -> None:
    found = store.query(ask("freight costs margin strike", mode, **limits))

    assert set(found.ids or []) == {"node 1", "node 2"}


@pytest.mark.parametrize("mode", MODES)
def test_no_filings_at_all_means_no_nodes(
    store: SqliteVectorStore, mode: VectorStoreQueryMode
) -> None:
    found = store.query(ask("freight", mode, filters=where("filing", [], FilterOperator.IN)))

    assert found.ids == []


def test_alpha_is_the_share_of_the_vector(store: SqliteVectorStore) -> None:
    query = ask("strike", VectorStoreQueryMode.HYBRID, alpha=1.0)
    query.query_embedding = asyncio.run(embed(["margin"]))[0]

    by_vector = store.query(query)
    query.alpha = 0.0
    by_words = store.query(query)

    assert (by_vector.ids or [])[0] == "node 1"
    assert (by_words.ids or [])[0] == "node 4"


def test_a_mode_it_does_not_have_is_refused(store: SqliteVectorStore) -> None:
    with pytest.raises(ValueError, match="mmr"):
        store.query(ask("freight", VectorStoreQueryMode.MMR))


def test_nodes_come_back_as_they_went_in(store: SqliteVectorStore) -> None:
    (found,) = store.get_nodes(node_ids=["node 2"])

    assert found.get_content() == "Margin and freight."
    assert found.ref_doc_id == "doc a"
    assert found.metadata.pop("chunk") > 0
    assert found.metadata == NODES[1].metadata


def test_adding_a_node_again_replaces_it(store: SqliteVectorStore) -> None:
    store.add([node(2, "Auditor changed.", company="Granite")])

    (found,) = store.get_nodes(node_ids=["node 2"])
    hits = store.query(ask("auditor", VectorStoreQueryMode.DEFAULT))

    assert found.get_content() == "Auditor changed."
    assert (hits.ids or [])[0] == "node 2"
    assert len(store.get_nodes()) == 4


async def test_deleting_a_document_deletes_its_nodes(store: SqliteVectorStore) -> None:
    await store.adelete("doc a")

    left = await store.aget_nodes()

    assert {found.node_id for found in left} == {"node 3", "node 4"}


def test_a_node_without_embedding_is_refused_and_nothing_is_written(
    store: SqliteVectorStore,
) -> None:
    bare = TextNode(id_="node 9", text="no vector")

    with pytest.raises(ValueError, match="embedding"):
        store.add([node(8, "margin"), bare])

    assert len(store.get_nodes()) == 4


async def test_llama_indexs_own_index_and_retriever_work_over_it(
    store: SqliteVectorStore,
) -> None:
    embedding = GivenEmbedding(embed, "axes")
    index = VectorStoreIndex.from_vector_store(
        store, embed_model=embedding, transformations=[embedding]
    )

    found = await index.as_retriever(
        similarity_top_k=1, vector_store_query_mode=VectorStoreQueryMode.HYBRID
    ).aretrieve("freight costs")

    assert [hit.node.node_id for hit in found] == ["node 3"]


async def test_our_retriever_works_with_and_without_a_running_loop(
    store: SqliteVectorStore,
) -> None:
    asked = QueryBundle("freight costs", embedding=(await embed(["freight costs"]))[0])
    ours = retriever(store, filings=["doc b"], limit=1)

    found = await ours.aretrieve(asked)
    again = await asyncio.to_thread(ours.retrieve, asked)

    assert [hit.node.node_id for hit in found] == ["node 3"]
    assert [hit.node.node_id for hit in again] == ["node 3"]


def test_the_retriever_works_without_a_running_loop_too(store: SqliteVectorStore) -> None:
    embedding = GivenEmbedding(embed, "axes")
    index = VectorStoreIndex.from_vector_store(
        store, embed_model=embedding, transformations=[embedding]
    )

    index.insert_nodes([TextNode(id_="node 5", text="The auditor left.")])
    found = index.as_retriever(similarity_top_k=1).retrieve("auditor")

    assert [hit.node.node_id for hit in found] == ["node 5"]
