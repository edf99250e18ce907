"""What the case files say: which documents a query finds, what replies show, how bad requests are refused."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.errors import FairleadError, SearchPhaseFailed
from fairlead.search.clauses import BY_NAME
from unit.search.gateway_documents import INDEX, cases, ids, run

MATCHING, REPLIES, REFUSALS, FAULTS = (cases(name) for name in ("matching", "replies", "refusals", "faults"))
MISSING = object()


def named(case: dict[str, Any]) -> str:
    return str(case.get("rule") or case["body"])


@pytest.mark.parametrize("case", MATCHING, ids=named)
def test_query_finds_exactly(case: dict[str, Any]) -> None:
    assert sorted(ids(run(case["kind"], {"query": case["query"]}))) == sorted(case["ids"])


@pytest.mark.parametrize("case", MATCHING, ids=named)
def test_query_finds_the_same_with_and_without_scores(case: dict[str, Any]) -> None:
    silent = run(case["kind"], {"query": {"bool": {"filter": [case["query"]]}}})
    assert sorted(ids(silent)) == sorted(case["ids"])


def test_every_clause_has_a_case() -> None:
    assert {name for case in MATCHING for name in case["query"]} == set(BY_NAME)


@pytest.mark.parametrize("case", REPLIES, ids=named)
def test_reply_shows(case: dict[str, Any]) -> None:
    reply = run(case["kind"], case["body"])
    hits = reply["hits"]["hits"]
    shown = {
        "ids": ids(reply),
        "total": reply["hits"].get("total", "absent"),
        "max_score": reply["hits"]["max_score"],
        "scores": [hit["_score"] for hit in hits],
        "sort": [hit["sort"] for hit in hits] if any("sort" in hit for hit in hits) else None,
        "source": [hit["_source"] for hit in hits],
        "fields": [hit.get("fields") for hit in hits],
        "matched": [hit.get("matched_queries") for hit in hits],
        "aggregations": reply.get("aggregations"),
    }
    expected = dict(case["expect"])
    if isinstance(expected.get("total"), int):
        expected["total"] = {"value": expected["total"], "relation": "eq"}
    assert {key: shown[key] for key in expected} == expected


def as_case(error: FairleadError) -> dict[str, Any]:
    seen: dict[str, Any] = {"type": error.type, "reason": error.reason, **error.fields}
    if error.cause is not None:
        seen["cause"] = [error.cause.type, error.cause.reason]
    return seen


@pytest.mark.parametrize("case", REFUSALS, ids=named)
def test_request_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(FairleadError) as caught:
        run("connector", case["body"])
    assert as_case(caught.value) == {key: value for key, value in case.items() if key != "body"}
    assert caught.value.status == 400


@pytest.mark.parametrize("case", FAULTS, ids=named)
def test_fault_while_searching_is_a_failed_phase(case: dict[str, Any]) -> None:
    with pytest.raises(SearchPhaseFailed, match="all shards failed") as caught:
        run(case["kind"], case["body"])
    error, cause = caught.value, caught.value.cause
    assert cause is not None
    assert (error.status, error.fields["phase"], error.fields["grouped"]) == (400, "query", True)
    assert (cause.type, cause.reason) == (case["type"], case["reason"])
    (shard,) = error.fields["failed_shards"]  # type: ignore[misc]
    assert (shard["shard"], shard["index"], shard["node"]) == (0, INDEX, "node-1")
    assert (shard["reason"]["type"], shard["reason"]["reason"]) == (case["type"], case["reason"])
    chain = []
    inner = cause.cause
    while inner is not None:
        chain.append([inner.type, inner.reason])
        inner = inner.cause
    assert chain == ([[case["type"], case["reason"]]] if case["twice"] else case["causes"])
    assert ("index_uuid" in cause.fields) == (case["type"] == "query_shard_exception")
