"""A question in, the words to look for out, in FTS5's query language; alone knows its quoting."""

import re
from collections.abc import Iterable

from backend.terms import expand

_UNTOLD = """
a about according across after all also am an and any are as at based be because been before being
between both but by can context could define describe described describes detail details did
discuss discussed do document does doing done each either example examples explain following for
form from fully further gave get give given gives had has have having how i if in information into
is it its itself kind let many me mention mentioned more most much my name no nor not of on one
only or other our out over own passage per please provide provided provides question regarding
related report said same say says section several shall she should show so some specific
specifically specified state stated such tell text than that the their them then there these they
this those through to too under until up us used using various very was we were what when where
which while who whom whose why will with within would year you your
"""
UNTOLD = frozenset(_UNTOLD.split())
"""Words that ask, or that every page has: they find nothing."""
WORD = re.compile(r"\w+(?:[.,&/'’-]\w+)*")
MOST_WORDS = 48
"""Words of a question looked for; longer ones repeat themselves."""


MOST_SYNONYMS = 8
"""Each phrase costs a pass over the index, whatever it finds; the likeliest come first."""


def words_of(question: str, *, passing_over: Iterable[str] = ()) -> list[str]:
    """The words that can find something, once each, in order."""
    over = {word.lower() for word in passing_over}
    found: dict[str, None] = {}
    for match in WORD.finditer(question.lower()):
        word = re.sub(r"['’]s?$", "", match[0])
        if len(word) > 1 and word not in UNTOLD and word not in over:
            found[word] = None
    return list(found)[:MOST_WORDS]


def any_of(words: Iterable[str]) -> str:
    """A query for any of the words; one of several parts ("r&d", "26,974") as they follow."""
    return " OR ".join('"' + word.replace('"', " ") + '"' for word in words)


def within(filings: Iterable[str] | None, query: str) -> str:
    """The query, over these filings alone (None: all): what others hold is not even scored."""
    words = f"{{section text}} : ({query})"
    return words if filings is None else f"filing : ({any_of(filings)}) AND {words}"


def synonyms_of(question: str) -> list[str]:
    """Other phrases a filing may use for what is asked ("capex": "purchases of property ...")."""
    return [" ".join(WORD.findall(phrase.lower())) for phrase in expand(question)[:MOST_SYNONYMS]]
