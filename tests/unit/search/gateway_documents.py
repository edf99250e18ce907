"""The documents that the search cases run over, and how a case is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairlead.domain.ports import Document, Json
from fairlead.java.jackson import parse
from fairlead.search import MAPPINGS, parse_search

CASES = Path(__file__).with_name("cases")
NOW = 1_800_000_000_000
INDEX = ".plugins-test"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    return found


DOCUMENTS: dict[str, list[Document]] = {
    kind: [Document(kind, item["id"], item["body"], revision, 1) for revision, item in enumerate(items, 1)]
    for kind, items in json.loads((CASES / "documents.json").read_text("utf-8")).items()
}


def run(kind: str, body: Json | str, documents: list[Document] | None = None, **options: Any) -> Json:
    text = body if isinstance(body, str) else json.dumps(body)
    search = parse_search(parse(text.encode()), MAPPINGS[kind])
    found = DOCUMENTS[kind] if documents is None else documents
    return search.run(found, index=INDEX, now_ms=NOW, node="node-1", **options)


def ids(reply: Json) -> list[str]:
    return [hit["_id"] for hit in reply["hits"]["hits"]]
