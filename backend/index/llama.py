"""LlamaIndex's vector store over the index's file; alone knows how its nodes become our rows and
back."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import (
    BaseNode,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from backend.index import filtering, rows, vectors, wording
from backend.index.filtering import Condition
from backend.index.ranking import fuse
from backend.records import Chunk, Filing

LEXICAL = (VectorStoreQueryMode.TEXT_SEARCH, VectorStoreQueryMode.SPARSE)
MODES = (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.HYBRID, *LEXICAL)
UNEMBEDDED = ["filing", "file", "company", "fiscal_year", "page", "pages", "kind", "chunk"]
"""Metadata that says where a chunk stands: no part of what it means."""
SYNONYMS_WEIGH = 0.2
"""What a synonym's BM25 counts against that of a word of the question."""
MOST_NAMED = 1000
"""Chunks named one by one in a query; SQLite takes 32,766 at most."""
AT_LEAST = 50
"""Candidates of each kind that are fused, however few are asked for."""


class SqliteVectorStore(BasePydanticVectorStore):
    """Nodes with vectors and words in one SQLite file: exact, lexical and hybrid search.

    A node belongs to the document it was cut from (`ref_doc_id`), here a filing; text, metadata
    and that relationship come back, other relationships do not.
    """

    stores_text: bool = True
    _file: rows.IndexFile = PrivateAttr()
    _held: dict[str, tuple[int, vectors.Matrix]] = PrivateAttr(default_factory=dict)

    def __init__(self, file: rows.IndexFile) -> None:
        super().__init__()  # pyright: ignore[reportCallIssue]  # its fields have defaults here
        self._file = file

    @property
    def client(self) -> rows.IndexFile:
        """The file."""
        return self._file

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex names it in what it writes."""
        return "SqliteVectorStore"

    # -- changes

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes with their embeddings in one transaction; an id that is there is replaced.

        `replaced=[...]` names documents whose old nodes go in the same transaction, and
        `model=...` the embedding model, which becomes the index's. Raises ValueError for a node
        without embedding.
        """
        made = [row_of(node) for node in nodes]
        replaced, model = kwargs.get("replaced", ()), str(kwargs.get("model") or "")
        with self._file.writing() as connection:
            for filing in replaced:
                rows.remove(connection, filing)
            if nodes:
                size = len(nodes[0].get_embedding())
                rows.check_model(connection, model, dimension=size)
                rows.set_model(connection, model, dimension=size)
            rows.write(connection, made)
        return [node.node_id for node in nodes]

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """As add, beside the running loop."""
        return await asyncio.to_thread(self.add, nodes, **kwargs)

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete all nodes of a document."""
        with self._file.writing() as connection:
            rows.remove(connection, ref_doc_id)

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """As delete, beside the running loop."""
        await asyncio.to_thread(self.delete, ref_doc_id)

    def replace_vectors(self, made: dict[int, bytes], *, generation: int, model: str) -> bool:
        """Give every chunk its new vector; False, and nothing done, if others changed the index
        since `generation`."""
        with self._file.writing() as connection:
            if rows.generation(connection) != generation:
                return False
            rows.rewrite(connection, made)
            if made:
                size = len(next(iter(made.values()))) // vectors.BYTES
                rows.set_model(connection, model, dimension=size)
        return True

    # -- questions

    def everything(self) -> tuple[int, list[TextNode]]:
        """The index's generation, and all of its nodes then."""
        with self._file.reading() as connection:
            return rows.generation(connection), [
                node_of(*row) for row in rows.chunks(connection, *filtering.EVERYTHING)
            ]

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """The nodes with these ids that pass the filters, in the order they came in."""
        wanted = filtering.condition(filters)
        if node_ids is not None:
            wanted = filtering.both(wanted, filtering.among("chunk.node", node_ids))
        with self._file.reading() as connection:
            return [node_of(*row) for row in rows.chunks(connection, *wanted)]

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """As get_nodes, beside the running loop."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The best nodes, best first, from one state of the index.

        DEFAULT: by cosine, exactly. TEXT_SEARCH and SPARSE: by BM25 of the question's words and
        their synonyms, passing over `passing_over`. HYBRID: both; `alpha` is the vector's share.
        """
        if query.mode not in MODES:
            raise ValueError(f"expected one of {[m.value for m in MODES]}, found {query.mode!r}")
        limit = query.similarity_top_k
        wide = max(limit, AT_LEAST)
        with self._file.reading() as connection:
            search = _Search(connection, self._held, query)
            if query.mode in LEXICAL:
                found = search.lexical(limit, kwargs.get("passing_over", ()))
            elif query.mode is VectorStoreQueryMode.DEFAULT:
                found = vectors.best(*search.cosines(), limit)
            else:
                words = search.lexical(wide, kwargs.get("passing_over", ()))
                found = fuse(words, *search.cosines(), wide=wide, share=query.alpha)[:limit]
            held = rows.chunks(connection, *filtering.among("id", [number for number, _ in found]))
        nodes = {row[0]: node_of(*row) for row in held}
        return VectorStoreQueryResult(
            nodes=[nodes[number] for number, _ in found],
            similarities=[score for _, score in found],
            ids=[nodes[number].node_id for number, _ in found],
        )

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """As query, beside the running loop."""
        return await asyncio.to_thread(self.query, query, **kwargs)


class _Search:
    """One query over one state of the index."""

    def __init__(
        self,
        connection: Any,
        held: dict[str, tuple[int, vectors.Matrix]],
        query: VectorStoreQuery,
    ) -> None:
        self.connection = connection
        self.held = held
        self.query = query
        self.filings = filtering.filings_named(query.filters)
        self.wanted: Condition = filtering.condition(query.filters)
        for column, values in (("chunk.node", query.node_ids), ("chunk.filing", query.doc_ids)):
            if values:  # LlamaIndex says [] where it means any
                self.wanted = filtering.both(self.wanted, filtering.among(column, values))
                self.filings = None
        self.allowed: list[tuple[int, str]] | None = None
        if self.filings is None and self.wanted != filtering.EVERYTHING:
            self.allowed = rows.places(connection, *self.wanted)
            if len(self.allowed) <= MOST_NAMED:
                ids = [number for number, _ in self.allowed]
                self.wanted = filtering.among("chunk.id", ids)

    def lexical(self, limit: int, passing_over: Sequence[str]) -> list[tuple[int, float]]:
        """BM25 of the question's words; synonyms count less, and find what no word finds."""
        question = self.query.query_str or ""
        scores = dict(self._match(wording.words_of(question, passing_over=passing_over), limit))
        for number, score in self._match(wording.synonyms_of(question), limit):
            scores[number] = scores.get(number, 0.0) + SYNONYMS_WEIGH * score
        return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]

    def _match(self, words: Sequence[str], limit: int) -> list[tuple[int, float]]:
        if not words or self.filings == [] or self.allowed == []:
            return []
        text = wording.any_of(words)
        filings = self.filings
        if self.allowed is not None:
            filings = list(dict.fromkeys(filing for _, filing in self.allowed))
        text = wording.within(filings, text)
        where, values = self.wanted
        return rows.match(self.connection, text, where=where, values=values, limit=limit)

    def cosines(self) -> tuple[Any, Any]:
        """Ids and cosines of every chunk that the filters let through."""
        known = rows.generations(self.connection)
        for gone in self.held.keys() - known.keys():
            del self.held[gone]
        allowed = None
        names = list(known)
        if self.filings is not None:
            names = [filing for filing in dict.fromkeys(self.filings) if filing in known]
        elif self.allowed is not None:
            allowed = np.array([number for number, _ in self.allowed], dtype=np.int64)
            names = list(dict.fromkeys(filing for _, filing in self.allowed))
        asked = vectors.unit(self.query.query_embedding or [])
        ids, scores = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for filing in names:
            matrix = self._matrix(filing, known[filing])
            ids.append(matrix.ids)
            scores.append(vectors.cosines(matrix, asked))
        every, cosines = np.concatenate(ids), np.concatenate(scores)
        if allowed is not None:
            passed = np.isin(every, allowed)
            every, cosines = every[passed], cosines[passed]
        return every, cosines

    def _matrix(self, filing: str, generation: int) -> vectors.Matrix:
        """A filing's vectors: as held in memory, or read where it has changed since."""
        known = self.held.get(filing)
        if known is not None and known[0] == generation:
            return known[1]
        found = rows.vectors_of(self.connection, filing)
        matrix = vectors.matrix([row[0] for row in found], [row[1] for row in found])
        self.held[filing] = generation, matrix
        return matrix


def node_for(filing: Filing, number: int, chunk: Chunk) -> TextNode:
    """A filing's chunk as a node, of the document that the filing is."""
    return TextNode(
        id_=f"{filing.id}:{number}",
        text=chunk.text,
        metadata={
            "filing": filing.id,
            "file": filing.file,
            "company": filing.company,
            "fiscal_year": filing.fiscal_year,
            "page": chunk.pages[0],
            "pages": list(chunk.pages),
            "kind": chunk.kind,
            "section": chunk.section,
        },
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=filing.id)},
        excluded_embed_metadata_keys=UNEMBEDDED,
        excluded_llm_metadata_keys=["chunk"],
    )


def packed(nodes: Iterable[BaseNode]) -> dict[int, bytes]:
    """The new vectors of nodes that the index holds, by the number of their chunk."""
    return {node.metadata["chunk"]: vectors.pack(node.get_embedding()) for node in nodes}


def row_of(node: BaseNode) -> rows.Row:
    """A node as a row of the index."""
    return rows.Row(
        node=node.node_id,
        filing=node.ref_doc_id or "",
        text=node.get_content(MetadataMode.NONE),
        metadata={key: value for key, value in node.metadata.items() if key != "chunk"},
        vector=vectors.pack(node.get_embedding()),
    )


def node_of(number: int, node: str, filing: str, text: str, metadata: dict[str, Any]) -> TextNode:
    """A row of the index as a node; its metadata gain the row's number as "chunk"."""
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=filing)} if filing else {}
    return TextNode(
        id_=node,
        text=text,
        metadata={**metadata, "chunk": number},
        relationships=source,
        excluded_embed_metadata_keys=UNEMBEDDED,
        excluded_llm_metadata_keys=["chunk"],
    )
