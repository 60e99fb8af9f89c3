"""How columns are made that SQLModel does not know by itself: moments and JSON."""

from typing import Any

from sqlalchemy import JSON, Column, DateTime


def moment() -> Any:
    """A point in time, in UTC, never empty."""
    return Column(DateTime(timezone=True), nullable=False)


def json() -> Any:
    """A list or an object, never empty."""
    return Column(JSON, nullable=False)
