"""What holds for every search: visibility, secrets, bad input, large kinds."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.ports import Document
from fairlead.errors import FairleadError
from fairlead.search.aggregations import AGGREGATIONS
from fairlead.search.clauses import BY_NAME, CLAUSES
from fairlead.search.mapping import MAPPINGS
from fairlead.search.request import KEYS
from unit.search.gateway_documents import DOCUMENTS, INDEX, cases, ids, run

CONNECTORS = DOCUMENTS["connector"]


def test_a_whole_hit_has_the_members_of_the_original() -> None:
    (hit,) = run("connector", {"query": {"ids": {"values": ["b"]}}, "_source": ["name"]})["hits"]["hits"]
    assert hit == {
        "_index": INDEX,
        "_id": "b",
        "_version": 1,
        "_seq_no": 2,
        "_primary_term": 1,
        "_score": 1.0,
        "_source": {"name": "Quokka beta chat"},
    }


def test_the_same_documents_come_in_the_order_of_their_last_write() -> None:
    assert ids(run("connector", {}, CONNECTORS[::-1])) == ["a", "b", "d"]


def test_an_invisible_document_leaves_no_trace() -> None:
    body = {
        "query": {"match": {"name": "quokka gamma"}},
        "aggs": {"p": {"terms": {"field": "protocol"}}, "n": {"value_count": {"field": "name.keyword"}}},
    }
    without = run("connector", body, CONNECTORS[:2])
    assert run("connector", body, visible=lambda document: document.id != "d") == without
    assert without["hits"]["total"]["value"] == 2


def test_a_field_that_only_invisible_documents_have_does_not_exist() -> None:
    with pytest.raises(FairleadError, match="all shards failed"):
        run("connector", {"sort": ["dynamic.count"]}, visible=lambda document: document.id != "d")


def test_running_does_not_change_documents() -> None:
    before = json.dumps([document.body for document in CONNECTORS])
    run(
        "connector",
        {"_source": {"excludes": ["name"]}, "fields": ["*"], "aggs": {"t": {"terms": {"field": "protocol"}}}},
    )
    assert json.dumps([document.body for document in CONNECTORS]) == before


def test_a_count_beyond_ten_thousand_is_a_lower_bound_unless_asked_for() -> None:
    many = [Document("task", str(n), {"state": "COMPLETED"}, n, 1) for n in range(10_001)]
    assert run("task", {"size": 0}, many)["hits"]["total"] == {"value": 10_000, "relation": "gte"}
    exact = run("task", {"size": 0, "track_total_hits": True}, many)
    assert exact["hits"]["total"] == {"value": 10_001, "relation": "eq"}


def test_one_search_runs_over_any_documents() -> None:
    assert ids(run("connector", {"sort": ["name.keyword"]}, [])) == []


ECHOES = [case["query"] for case in cases("matching") if case["kind"] == "connector"]


@pytest.mark.parametrize("query", ECHOES, ids=json.dumps)
def test_no_reply_holds_a_credential(query: dict[str, Any]) -> None:
    body = {"query": query, "fields": ["*"], "_source": ["*"], "docvalue_fields": ["*"]}
    # The header names `${credential...}`; the values are what must not show.
    assert "canary-77" not in json.dumps(run("connector", body))


@pytest.mark.parametrize("kind", sorted(MAPPINGS))
def test_match_all_finds_every_document_of_every_kind(kind: str) -> None:
    assert len(ids(run(kind, {}))) == len(DOCUMENTS[kind])


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_hidden_paths_are_mapped_or_not_but_never_resolved(mapping: Any) -> None:
    assert all(mapping.is_hidden(path) and mapping.is_hidden(path + ".x") for path in mapping.hidden)
    assert not mapping.is_hidden("credentials")


def test_every_row_says_what_it_does() -> None:
    assert all(row.doc for row in (*CLAUSES, *AGGREGATIONS))
    assert len({row.name for row in KEYS}) == len(KEYS)


@pytest.mark.parametrize(
    "body",
    [
        '{"size": 1e999}',
        '{"min_score": 1e999}',
        '{"query": {"match_all": {"boost": 1e999}}}',
        '{"query": {"match_all": {"boost": "nan"}}}',
        '{"query": {"term": {"dynamic.count": 1e999}}}',
        '{"aggs": {"m": {"min": {"field": "nope", "missing": "abc"}}}}',
        '{"aggs": {"m": {"max": {"field": "nope", "missing": 1e999}}}}',
        '{"sort": [{"protocol": {"mode": "sum"}}]}',
    ],
)
def test_numbers_that_are_none_are_refused(body: str) -> None:
    with pytest.raises(FairleadError):
        json.dumps(run("connector", body), allow_nan=False)


def test_a_boost_beyond_measure_stays_a_number() -> None:
    query = {"bool": {"must": {"match_all": {"boost": 1e308}}, "boost": 1e308}}
    (hit, *_) = run("connector", {"query": query})["hits"]["hits"]
    assert hit["_score"] == 3.4028235e38


def test_near_words_are_found_quickly_in_long_values() -> None:
    long = [Document("connector", "x", {"protocol": "ab" * 20_000}, 1, 1)]
    found = run("connector", {"query": {"fuzzy": {"protocol": {"value": "ba" + "ab" * 19_999, "fuzziness": 2}}}}, long)
    assert ids(found) == ["x"]


def test_deep_nesting_is_refused_not_overrun() -> None:
    deep: dict[str, Any] = {"match_all": {}}
    for _ in range(120):
        deep = {"bool": {"must": deep}}
    with pytest.raises(FairleadError):
        run("connector", {"query": deep})
    with pytest.raises(FairleadError):
        run("connector", {"query": {"query_string": {"query": "(" * 300 + "a" + ")" * 300}}})
    run("connector", {"query": {"simple_query_string": {"query": "(" * 3000 + "a" + ")" * 3000}}})


ODD_BODIES: list[dict[str, Any]] = [
    {"name": {"an": "object"}, "created_time": "soon", "owner": "nobody", "parameters": "text"},
    {"name": ["a", ["b", [None]]], "created_time": [None, 5], "owner": [1, {"name": None}], "parameters": [[1]]},
    {"a.b": {"c": 1}, "a": {"b.c": 2}, "": {"": 3}},
    {"dynamic": {"count": 10**400}, "created_time": 10**30, "credential": "canary-77oo"},
    {"dynamic": {"count": 1e308}, "name": "x" * 5000, "protocol": False, "owner": {"name": {"x": 1}}},
    {"dynamic": {"count": "many"}, "created_time": -(2**63), "credential": ["canary-77oo", {"k": "canary-77oo"}]},
]
ODD = [Document("connector", str(number), body, number, 1) for number, body in enumerate(ODD_BODIES)]


def test_documents_of_odd_shapes_are_searched_without_fault() -> None:
    for query in ECHOES:
        run("connector", {"query": query, "fields": ["*"], "docvalue_fields": ["*"]}, ODD)
    assert ids(run("connector", {"query": {"term": {"a.b.c": 2}}}, ODD)) == ["2"]
    assert ids(run("connector", {"query": {"match": {"name": "B"}}}, ODD)) == ["1"]


NAMES = st.sampled_from(["name", "name.keyword", "protocol", "created_time", "owner", "credential", "dynamic.count", "_id", "*", "", "parameters"])  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6) | NAMES
    | st.sampled_from(["now-1d", "now/d||", "2023-11-14T22:13:20Z", "a*", "AUTO", "AUTO:x", "75%", "1<", "AND", "(a", "[a TO b]", "name^9e99", 1e308, -1e308, "sum", "avg", "1e999", "nan", "1_0", 10**30])
)  # fmt: skip
OPTIONS = st.sampled_from(sorted({"boost", "query", "value", "operator", "minimum_should_match", "fields", "path", "gte", "lt", "format", "must", "should", "filter", "values", "field", "order", "missing", "mode", "nested", "tie_breaker", "prefix_length", "size", "fuzziness", "slop", "type", "_name"}))  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(NAMES | OPTIONS | st.sampled_from(sorted(BY_NAME)), inner, max_size=2)
    ),
    max_leaves=5,
)
QUERIES = st.recursive(
    st.sampled_from(sorted(BY_NAME)).flatmap(lambda name: VALUES.map(lambda value: {name: value})),
    lambda inner: st.tuples(st.sampled_from(["must", "should", "filter", "must_not"]), inner).map(
        lambda pair: {"bool": {pair[0]: pair[1]}}
    ),
    max_leaves=3,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={"query": QUERIES, "sort": VALUES, "_source": VALUES, "from": SCALARS, "size": SCALARS, "fields": VALUES, "search_after": VALUES}
        | {"aggs": st.dictionaries(st.text(max_size=3), st.dictionaries(st.sampled_from(["terms", "min", "filter", "aggs"]), VALUES, max_size=2), max_size=2)}
        | {"min_score": SCALARS, "track_total_hits": SCALARS, "docvalue_fields": VALUES, "post_filter": QUERIES},
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_request_works_or_is_refused_with_one_of_our_errors(body: dict[str, Any]) -> None:
    for documents in (CONNECTORS, ODD):
        with contextlib.suppress(FairleadError):
            assert "canary-77" not in json.dumps(run("connector", json.dumps(body), documents), allow_nan=False)


@pytest.mark.parametrize(
    "query",
    [
        {"bool": {"should": [{"term": {"protocol": "http"}}] * 2100}},
        {"query_string": {"query": "a OR " * 300 + "a"}},
        {"simple_query_string": {"query": "a " * 300, "fields": ["*"]}},
    ],
)
def test_a_query_of_too_many_clauses_is_refused(query: Any) -> None:
    with pytest.raises(FairleadError) as caught:
        run("model", {"query": query}, CONNECTORS)
    assert caught.value.status == 400
    assert "too many clauses" in json.dumps(caught.value.fields)


def test_a_search_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(FairleadError) as caught:
        run("connector", {"query": {"match_all": {}}}, expired=lambda: True)
    assert caught.value.status == 400
    assert "took too long" in json.dumps(caught.value.fields)
