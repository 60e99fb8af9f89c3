"""A question in, nodes out, through LlamaIndex: an embedding model over a function, and a retriever
over any of its vector stores."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

Embed = Callable[[Sequence[str]], Awaitable[list[list[float]]]]


class GivenEmbedding(BaseEmbedding):
    """An embedding model that is one async function from texts to vectors."""

    _embed: Embed = PrivateAttr()

    def __init__(self, embed: Embed, model: str) -> None:
        super().__init__(model_name=model, embed_batch_size=2048)
        self._embed = embed

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await self._embed(texts)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._embed([text]))[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return (await self._embed([query]))[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return asyncio.run(self._aget_text_embedding(text))

    def _get_query_embedding(self, query: str) -> list[float]:
        return asyncio.run(self._aget_query_embedding(query))


class StoreRetriever(BaseRetriever):
    """LlamaIndex's retriever over a vector store alone.

    Its own goes through VectorStoreIndex, which looks for LangChain whatever it is given: a second
    at the first question, and 30 MB.
    """

    def __init__(
        self, store: BasePydanticVectorStore, query: VectorStoreQuery, **store_arguments: Any
    ) -> None:
        super().__init__()
        self._store = store
        self._query = query
        self._arguments = store_arguments

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _hits(self._store.query(self._asked(query_bundle), **self._arguments))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _hits(await self._store.aquery(self._asked(query_bundle), **self._arguments))

    def _asked(self, bundle: QueryBundle) -> VectorStoreQuery:
        return replace(self._query, query_str=bundle.query_str, query_embedding=bundle.embedding)


def _hits(result: VectorStoreQueryResult) -> list[NodeWithScore]:
    scored = zip(result.nodes or [], result.similarities or [], strict=True)
    return [NodeWithScore(node=node, score=score) for node, score in scored]


def retriever(
    store: BasePydanticVectorStore,
    *,
    filings: Sequence[str],
    limit: int,
    passing_over: Iterable[str] = (),
    statements: Sequence[str] = (),
    sections: Sequence[str] = (),
) -> StoreRetriever:
    """A hybrid retriever over these filings alone, over the tables of their statements, or over
    the sections whose titles hold one of `sections`.

    It is given questions with their embedding.
    """
    only = MetadataFilter(key="filing", value=list(filings), operator=FilterOperator.IN)
    filters: list[MetadataFilter | MetadataFilters] = [only]
    if statements:
        filters += [MetadataFilter(key="kind", value="table"), _titled(_forms(statements))]
    if sections:
        filters.append(_titled(sections))
    query = VectorStoreQuery(
        similarity_top_k=limit,
        mode=VectorStoreQueryMode.HYBRID,
        filters=MetadataFilters(filters=filters),
    )
    return StoreRetriever(store, query, passing_over=tuple(passing_over))


def _forms(statements: Sequence[str]) -> list[str]:
    """Names of statements, "Consolidated" or not, in plural and singular."""
    names = [name.removeprefix("Consolidated ") for name in statements]
    return names + [
        name.replace("Statements", "Statement").replace("Sheets", "Sheet") for name in names
    ]


def _titled(names: Sequence[str]) -> MetadataFilters:
    """Sections whose titles hold one of the names."""
    match = FilterOperator.TEXT_MATCH_INSENSITIVE
    return MetadataFilters(
        filters=[MetadataFilter(key="section", value=name, operator=match) for name in names],
        condition=FilterCondition.OR,
    )
