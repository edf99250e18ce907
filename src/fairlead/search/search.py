"""A parsed search, and its run over documents: matching, order, page, what each hit shows; refuses any I/O.

Faults met while running are the 400 `search_phase_execution_exception` of spec/01 1.16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.domain.ports import Document, Json
from fairlead.errors import FairleadError, IllegalArgument, SearchPhaseFailed
from fairlead.search.aggregations import Aggregation, aggregate
from fairlead.search.clause import Clause
from fairlead.search.context import Context
from fairlead.search.corpus import Corpus, Entry
from fairlead.search.mapping import Mapping
from fairlead.search.narrowing import Requirement, requirements
from fairlead.search.scoring import shown
from fairlead.search.sort import (
    BoundKey,
    Hit,
    SortKey,
    after,
    after_values,
    bind_key,
    by_relevance,
    needs_scores,
    order,
)
from fairlead.search.source_filter import WHOLE_SOURCE, ShownField, SourceFilter, field_values

MAX_WINDOW = 10_000
"""`index.max_result_window`."""
COUNTED = 10_000
"""How far hits are counted unless `track_total_hits` says otherwise."""

EMPTY_REPLY: Json = {"hits": {"total": {"value": 0, "relation": "eq"}, "max_score": 0.0, "hits": []}}
"""The reply of a kind that nothing was ever stored for."""


@dataclass(frozen=True, slots=True)
class Search:
    """`counted` is how far to count hits: None = all, 0 = not at all, and then `hits.total` is missing."""

    mapping: Mapping
    query: Clause
    post_filter: Clause | None = None
    size: int = 10
    start: int = 0
    sort: tuple[SortKey, ...] = ()
    after: tuple[Any, ...] | None = None
    source: SourceFilter = WHOLE_SOURCE
    fields: tuple[ShownField, ...] = ()
    doc_values: tuple[ShownField, ...] = ()
    aggregations: tuple[tuple[str, Aggregation], ...] = ()
    counted: int | None = COUNTED
    track_scores: bool = False
    min_score: float | None = None

    def narrowing(self, now_ms: int) -> list[Requirement]:
        """What every hit must meet: a store that can look it up need not give all documents to `run`."""
        return requirements(self.query, self.mapping, now_ms)

    def run(
        self,
        hits: Sequence[Document],
        *,
        index: str,
        now_ms: int,
        node: str,
        visible: Callable[[Document], bool] | None = None,
        expired: Callable[[], bool] = lambda: False,
    ) -> Json:
        """The parts `hits` and `aggregations` of the reply over all documents of a kind.

        `visible` is ANDed and leaves no trace: hidden documents count in no total, score or aggregation.
        `expired` is asked at each document whether to give up. `index` and `node` are the names that hits and faults carry. Raises SearchPhaseFailed.
        """
        seen = [document for document in hits if visible is None or visible(document)]
        seen.sort(key=lambda document: document.revision)
        corpus = Corpus(self.mapping, index, [Entry(document, document.body) for document in seen])
        try:
            return self._run(Context(corpus, now_ms), index, expired)
        except FairleadError as fault:
            raise phase_fault(fault, index, node) from fault

    def _run(self, context: Context, index: str, expired: Callable[[], bool]) -> Json:
        if self.start + self.size > MAX_WINDOW:
            raise IllegalArgument(
                f"Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was "
                f"[{self.start + self.size}]. See the scroll api for a more efficient way to request large data sets. "
                "This limit can be set by changing the [index.max_result_window] index level setting."
            )
        ranked = by_relevance(self.sort)
        scored = ranked or self.track_scores or needs_scores(self.sort) or self.min_score is not None
        context = context if scored else context.without_scores()
        matcher = self.query.bind(context)
        keys = () if ranked else tuple(bind_key(context, key) for key in self.sort)
        entries: list[tuple[Entry, float]] = []
        for entry in context.corpus.entries:
            if expired():
                raise IllegalArgument("The search took too long and was given up; ask for less at once")
            score = matcher(entry)
            if score is not None and (self.min_score is None or score >= self.min_score):
                entries.append((entry, score))
        results = aggregate(context, [entry for entry, _ in entries], self.aggregations)
        if self.post_filter is not None:
            passes = self.post_filter.bind(context.without_scores())
            entries = [pair for pair in entries if passes(pair[0]) is not None]
        found: list[Hit] = [(entry, score, tuple(key.value(entry, score) for key in keys)) for entry, score in entries]
        if ranked:
            found.sort(key=lambda hit: -hit[1])
        else:
            found = order(found, keys)
        total = len(found)
        best = shown(found[0][1]) if found and ranked and self.size else None
        if not ranked and self.track_scores and found and self.size:
            best = shown(max(hit[1] for hit in found))
        if self.after is not None:
            # The order by relevance is an order by one key, too.
            keyed = keys or tuple(bind_key(context, key) for key in self.sort)
            found = [(entry, score, values or (shown(score),)) for entry, score, values in found]
            found = after(found, keyed, after_values(context, keyed, self.after))
        page = found[self.start : self.start + self.size]
        reply: Json = {"hits": {**self._total(total), "max_score": best}}
        reply["hits"]["hits"] = [self._hit(context, hit, keys, index, scored) for hit in page]
        return reply | ({"aggregations": results} if self.aggregations else {})

    def _total(self, total: int) -> Json:
        if self.counted == 0:
            return {}
        if self.counted is not None and total > self.counted:
            return {"total": {"value": self.counted, "relation": "gte"}}
        return {"total": {"value": total, "relation": "eq"}}

    def _hit(self, context: Context, hit: Hit, keys: Sequence[BoundKey], index: str, scored: bool) -> Json:
        entry, score, values = hit
        document = entry.document
        shown_hit: Json = {
            "_index": index,
            "_id": document.id,
            "_version": document.version,
            "_seq_no": document.revision,
            "_primary_term": 1,
            "_score": shown(score) if scored and (not keys or self.track_scores or needs_scores(self.sort)) else None,
            "_source": self.source.apply(document.body, self.mapping),
        }
        fields = field_values(context.corpus, entry, self.fields, doc_values=False)
        fields |= field_values(context.corpus, entry, self.doc_values, doc_values=True)
        if fields:
            shown_hit["fields"] = fields
        if keys:
            shown_hit["sort"] = [key.display(value) for key, value in zip(keys, values, strict=True)]
        matched = [name for name, named in context.named.items() if named(entry) is not None]
        if matched:
            shown_hit["matched_queries"] = matched
        return shown_hit


def phase_fault(fault: FairleadError, index: str, node: str) -> SearchPhaseFailed:
    """The fault of the search as a whole; the true one is its cause, and stands in `failed_shards`."""
    failed = {"shard": 0, "index": index, "node": node, "reason": _wire(fault)}
    fields = {"phase": "query", "grouped": True, "failed_shards": [failed]}
    # What is no exception of OpenSearch's own is wrapped there once more on its way: it shows twice (spec/01 1.16).
    cause = fault if fault.family else type(fault)(fault.reason, cause=fault, fields=fault.fields)
    return SearchPhaseFailed("all shards failed", cause=cause, fields=fields)


def _wire(fault: FairleadError) -> Json:
    shown_fault: Json = {"type": fault.type, "reason": fault.reason, **fault.fields}
    if fault.cause is not None:
        shown_fault["caused_by"] = _wire(fault.cause)
    return shown_fault
