"""What a store may look up never leaves out a hit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.domain.ports import Document
from fairlead.java.jackson import parse
from fairlead.search import MAPPINGS, Requirement, parse_search
from unit.search.gateway_documents import DOCUMENTS, NOW, cases, ids, run


def narrowing(kind: str, query: Any) -> list[Requirement]:
    return parse_search(parse(json.dumps({"query": query}).encode()), MAPPINGS[kind]).narrowing(NOW)


def meets(document: Document, requirement: Requirement) -> bool:
    """As a store compares: texts of top-level values, whole numbers."""
    value = document.id if requirement.field == "_id" else document.body.get(requirement.field)
    items = value if isinstance(value, list) else [value]
    if requirement.values is not None:
        return any((str(item).lower() if isinstance(item, bool) else str(item)) in requirement.values for item in items)
    low, high = requirement.low, requirement.high
    return any(
        isinstance(item, int) and (low is None or item >= low) and (high is None or item <= high) for item in items
    )


@pytest.mark.parametrize("case", cases("matching"), ids=lambda case: case["rule"])
def test_a_narrowed_search_finds_the_same(case: dict[str, Any]) -> None:
    needed = narrowing(case["kind"], case["query"])
    left = [document for document in DOCUMENTS[case["kind"]] if all(meets(document, one) for one in needed)]
    body = {"query": case["query"], "_source": ["name"]}
    assert sorted(ids(run(case["kind"], body, left))) == sorted(case["ids"])


@pytest.mark.parametrize(
    ("query", "needed"),
    [
        ({"term": {"model_id": "m1"}}, [Requirement("model_id", frozenset({"m1"}))]),
        ({"match": {"state": "RUNNING"}}, [Requirement("state", frozenset({"RUNNING"}))]),
        ({"terms": {"_id": ["t1", "t2"]}}, [Requirement("_id", frozenset({"t1", "t2"}))]),
        ({"term": {"is_async": True}}, [Requirement("is_async", frozenset({"true"}))]),
        ({"range": {"create_time": {"gte": "now-1s", "lt": NOW}}}, [Requirement("create_time", None, NOW - 1000, NOW)]),
        ({"range": {"create_time": {"gte": 2**63}}}, [Requirement("create_time", None, 2**63 - 1, None)]),
        ({"range": {"create_time": {"lt": -(2**63) - 1}}}, [Requirement("create_time", None, None, -(2**63))]),
        (
            {"bool": {"must": {"term": {"state": "FAILED"}}, "filter": [{"ids": {"values": ["t1"]}}]}},
            [Requirement("state", frozenset({"FAILED"})), Requirement("_id", frozenset({"t1"}))],
        ),
        ({"constant_score": {"filter": {"term": {"state": "FAILED"}}}}, [Requirement("state", frozenset({"FAILED"}))]),
        ({"bool": {"should": [{"term": {"state": "FAILED"}}], "must_not": [{"term": {"model_id": "m"}}]}}, []),
        ({"term": {"error": "word"}}, []),
        ({"term": {"state": {"value": "failed", "case_insensitive": True}}}, []),
        ({"match": {"state": {"query": "FALED", "fuzziness": 1}}}, []),
        ({"range": {"create_time": {"gte": "2020-01-01"}}}, []),
        ({"term": {"remote_job.id": "j"}}, []),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_requirements_are_those_that_must_hold(query: Any, needed: list[Requirement]) -> None:
    assert narrowing("task", query) == needed
