"""A list and what a client asks of it go in; one page in OpenAI's shape comes out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.local import problems
from backend.local.problems import Problem


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page of a list."""

    limit: int
    after: str | None
    """Id of the last item of the page before."""


def asked_page(query: Mapping[str, str], *, usual: int, most: int) -> Asked:
    """The page that a query asks for; raises Problem."""
    text = query.get("limit")
    if text is None:
        limit = usual
    elif re.fullmatch(r"-?[0-9]{1,18}", text):
        limit = int(text)
    else:
        raise problems.wrong_type("limit", "an integer", text)
    if not 1 <= limit <= most:
        raise problems.out_of_range("limit", limit, 1, most)
    return Asked(limit, query.get("after") or None)


def page(cards: Sequence[dict[str, Any]], asked: Asked) -> dict[str, Any]:
    """The page of `cards` that follows `after`; raises Problem where that stands nowhere."""
    rest = list(cards)
    if asked.after is not None:
        ids = [card["id"] for card in rest]
        if asked.after not in ids:
            raise Problem(400, f"Invalid 'after': no item with id '{asked.after}'.", param="after")
        rest = rest[ids.index(asked.after) + 1 :]
    shown = rest[: asked.limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(rest) > len(shown),
    }
