"""A PDF in, a filing out: cover, pages, and chunks that never lose their page."""

from backend.filings.reading import ReadFiling, check, read_filing

__all__ = ["ReadFiling", "check", "read_filing"]
