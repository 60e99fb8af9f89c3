"""The index as the drivers see it: filings go in, a question brings passages out, best first."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.errors import DataError, NotFound, ProviderError
from backend.index import rows, vectors
from backend.index.choosing import choose
from backend.index.people import people_needed, with_people
from backend.index.ranking import CANDIDATES, in_turn, rank, with_statements
from backend.index.statements import statements_needed
from backend.records import Chunk, Filing, Passage
from backend.terms import spelled

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, NodeWithScore

    from backend.index.llama import SqliteVectorStore
    from backend.index.retrieving import GivenEmbedding

Embed = Callable[[Sequence[str]], Awaitable[list[list[float]]]]

FILE = "index.sqlite3"
FEW = 12
"""Parts that statements may have."""
BATCH = 256
"""Texts embedded between two reports of progress."""


class _Llama(NamedTuple):
    """LlamaIndex's parts, put together over the file."""

    store: "SqliteVectorStore"
    embedding: "GivenEmbedding"


class Index:
    """Chunks of filings, searchable by words and meaning.

    LlamaIndex is loaded when something is embedded or searched; removing and listing do without.
    Methods raise ConfigurationError when the file is damaged, not ours, or was made with another
    embedding model than the one now set, and say what to do.
    """

    def __init__(self, home: Path, *, embed: Embed, embed_model: str) -> None:
        self._file = rows.IndexFile(home / FILE)
        self._embed = embed
        self._model = embed_model
        self._parts: _Llama | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # -- changes

    def warm(self) -> None:
        """Load LlamaIndex, so that the first filing or question need not wait for it."""
        import backend.index.llama

        assert backend.index.llama

    async def add(self, filing: Filing, chunks: Sequence[Chunk]) -> None:
        """Make a filing's chunks searchable, in place of what is there under its id.

        Embeds first and writes last, in one transaction. Raises ProviderError when the embedding
        model's answer cannot be used.
        """
        self._check_model()
        from backend.index.llama import node_for

        nodes = [node_for(filing, number, chunk) for number, chunk in enumerate(chunks)]
        await self._embed_nodes(nodes, None)
        await self._llama.store.async_add(nodes, replaced=[filing.id], model=self._model)

    def remove(self, filing_id: str) -> None:
        """Take a filing out; nothing happens when it is not there."""
        with self._file.writing() as connection:
            rows.remove(connection, filing_id)

    async def reindex(self, *, on_progress: Callable[[int, int], None] | None = None) -> int:
        """Embed every chunk again with the model now set; returns how many there are.

        Searches see the old vectors until all new ones are written, in one transaction. Chunks
        that another process adds meanwhile are embedded too.
        """
        from backend.index.llama import packed

        store = self._llama.store
        made: dict[int, bytes] = {}
        while True:
            generation, nodes = store.everything()
            todo = [node for node in nodes if node.metadata["chunk"] not in made]
            await self._embed_nodes(todo, on_progress)
            made |= packed(todo)
            if store.replace_vectors(made, generation=generation, model=self._model):
                return len(nodes)

    # -- questions

    async def search(
        self, question: str, *, filings: Sequence[Filing], filing: str | None = None, limit: int = 8
    ) -> list[Passage]:
        """Passages about a question, best first, of the filings given and no others.

        The companies and years that it names choose among them; `filing` is the id of the one to
        search. Raises NotFound for an id that is not among them.
        """
        if limit < 1:
            raise DataError(f"Expected at least 1 passage to look for, found {limit}.")
        if filing is not None:
            filings = [known for known in filings if known.id == filing]
            if not filings:
                raise NotFound("filing", filing, "tenk filings")
        choice = choose(question, filings)
        if not choice.filings or not question.strip():
            return []
        self._check_model()
        asked = (await self._vectors([question]))[0]
        self._check_dimension(asked)
        several = choice.companies_named > 1
        searched = [[one] for one in choice.filings] if several else [choice.filings]
        looking = _Looking(self._llama.store, question, asked, choice.words)
        return in_turn([await looking.among(group) for group in searched])[:limit]

    def chunks_of(self, filing_id: str) -> list[Passage]:
        """All of a filing's chunks in the filing's order; their score is 0."""
        with self._file.reading() as connection:
            found = rows.chunks(connection, "filing = ?", [filing_id])
        return [_passage(number, text, metadata, 0.0) for number, _, _, text, metadata in found]

    def indexed(self) -> dict[str, int]:
        """Ids of the filings that have chunks here, and how many. Also of unfinished ingests."""
        with self._file.reading() as connection:
            return rows.counts(connection)

    # -- inside

    @property
    def _llama(self) -> _Llama:
        if self._parts is None:
            from backend.index.llama import SqliteVectorStore
            from backend.index.retrieving import GivenEmbedding

            embedding = GivenEmbedding(self._embed, self._model)
            self._parts = _Llama(SqliteVectorStore(self._file), embedding)
        return self._parts

    def _check_model(self) -> None:
        with self._file.reading() as connection:
            rows.check_model(connection, self._model)

    def _check_dimension(self, vector: Sequence[float]) -> None:
        with self._file.reading() as connection:
            rows.check_model(connection, self._model, dimension=len(vector))

    async def _embed_nodes(
        self, nodes: "Sequence[BaseNode]", on_progress: Callable[[int, int], None] | None
    ) -> None:
        from llama_index.core.schema import MetadataMode

        for start in range(0, len(nodes), BATCH):
            batch = nodes[start : start + BATCH]
            made = await self._vectors([node.get_content(MetadataMode.EMBED) for node in batch])
            for node, vector in zip(batch, made, strict=True):
                node.embedding = vector
            if on_progress is not None:
                on_progress(start + len(batch), len(nodes))

    async def _vectors(self, texts: list[str]) -> list[list[float]]:
        """As many vectors as texts, all of one dimension. Raises ProviderError."""
        made = await self._llama.embedding.aget_text_embedding_batch(texts)
        if fault := vectors.fault(made, len(texts)):
            raise ProviderError(
                f"Expected {len(texts)} vectors of one length from the embedding model "
                f"{self._model}, found {fault}. Type `tenk doctor`."
            )
        return made


@dataclass(frozen=True, slots=True)
class _Looking:
    """One question on its way through LlamaIndex's retriever."""

    store: "SqliteVectorStore"
    question: str
    vector: list[float]
    passing_over: frozenset[str]

    async def among(self, filings: Sequence[Filing]) -> list[Passage]:
        """Passages of these filings, best first, with the statements that the question needs."""
        found = rank(self.question, await self._retrieve(filings, limit=CANDIDATES))
        needed = statements_needed(self.question)
        if needed.names:
            tables = await self._retrieve(filings, limit=FEW, statements=needed.names)
            found = with_statements(found, tables, parts=needed.parts)
        if people := people_needed(self.question):
            sections = people.sections
            named = await self._retrieve(filings, limit=FEW, words=people.words, sections=sections)
            found = with_people(found, named, people)
        return found

    async def _retrieve(
        self,
        filings: Sequence[Filing],
        *,
        limit: int,
        statements: Sequence[str] = (),
        sections: Sequence[str] = (),
        words: str = "",
    ) -> list[Passage]:
        from llama_index.core.schema import QueryBundle

        from backend.index.retrieving import retriever

        search = retriever(
            self.store,
            filings=[filing.id for filing in filings],
            limit=limit,
            passing_over=self.passing_over,
            statements=statements,
            sections=sections,
        )
        words = words or self.question
        if statements and "&" in words:  # they print "SG&A" and its like in full
            words = spelled(words)
        found = await search.aretrieve(QueryBundle(words, embedding=self.vector))
        by_id = {filing.id: filing for filing in filings}
        return [_evidence(hit, by_id) for hit in found]


def open_index(home: Path, *, embed: Embed, embed_model: str) -> Index:
    """The index in `home`, made where it is missing. `embed` is how texts become vectors.

    Raises ConfigurationError when the file is damaged or not tenk's.
    """
    return Index(home, embed=embed, embed_model=embed_model)


def _evidence(hit: "NodeWithScore", filings: dict[str, Filing]) -> Passage:
    """A hit as a passage; what the filing's row says of it holds."""
    filing = filings[hit.node.ref_doc_id or ""]
    said: dict[str, Any] = {
        "file": filing.file,
        "company": filing.company,
        "fiscal_year": filing.fiscal_year,
    }
    metadata: dict[str, Any] = {**hit.node.metadata, **said}
    return _passage(metadata["chunk"], hit.node.get_content(), metadata, hit.score or 0.0)


def _passage(number: int, text: str, metadata: dict[str, Any], score: float) -> Passage:
    known = {key: metadata[key] for key in ("filing", "file", "company", "fiscal_year")}
    return Passage(
        **known,
        page=metadata["page"],
        pages=tuple(metadata["pages"]),
        section=metadata["section"],
        kind=metadata["kind"],
        text=text,
        score=score,
        chunk=number,
    )
