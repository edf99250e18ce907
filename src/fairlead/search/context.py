"""What a clause is bound to: the corpus, the time, and who is asking; refuses to score or parse."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from fairlead.errors import FairleadError, IllegalArgument, QueryShardFault
from fairlead.search.corpus import Corpus, Entry

MAX_CLAUSES = 2_048
"""Of a query, with those that texts and lists of fields come to, one for each field."""

Matcher = Callable[[Entry], float | None]
"""The score of an entry, None when it does not match."""


def matches_nothing(entry: Entry) -> float | None:
    return None


def constant(score: float) -> Matcher:
    return lambda entry: score


@dataclass(frozen=True, slots=True)
class Context:
    """`scoring` is False where scores are not looked at; `named` collects the matchers of clauses with a `_name`."""

    corpus: Corpus
    now_ms: int
    scoring: bool = True
    named: dict[str, Matcher] = field(default_factory=dict)
    counted: Iterator[int] = field(default_factory=itertools.count)

    def count(self) -> None:
        """One more clause of the query, wherever it stands in it. Raises query_shard_exception for one too many."""
        if next(self.counted) >= MAX_CLAUSES:
            raise self.failed(IllegalArgument(f"Query contains too many clauses; the maximum is {MAX_CLAUSES}"))

    def without_scores(self) -> Context:
        return replace(self, scoring=False)

    def nested(self, path: str) -> Context:
        return replace(self, corpus=self.corpus.nested_corpus(path), named={})

    def fault(self, reason: str, cause: FairleadError | None = None) -> QueryShardFault:
        """A query_shard_exception of this index."""
        index = self.corpus.index
        return QueryShardFault(reason, cause=cause, fields={"index": index, "index_uuid": index_uuid(index)})

    def failed(self, cause: FairleadError) -> QueryShardFault:
        """What a clause reports when it cannot be built for a field."""
        return self.fault(f"failed to create query: {cause.reason}", cause)


def index_uuid(index: str) -> str:
    """A stable stand-in for the unique id of an index: 22 characters, the same for the same name."""
    return base64.urlsafe_b64encode(hashlib.sha256(index.encode()).digest()[:16]).decode().rstrip("=")
