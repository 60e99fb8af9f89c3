"""Chunks of filings in, evidence for a question out; llama-index lives here."""

from backend.index.choosing import choose_filings
from backend.index.searching import Embed, Index, open_index

__all__ = ["Embed", "Index", "choose_filings", "open_index"]
