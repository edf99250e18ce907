"""The query DSL over stored documents: parsed once to clauses, bound to documents, run; refuses any I/O.

search = parse_search(tree, MAPPINGS["connector"])
reply = search.run(documents, index=".plugins-ml-connector", now_ms=now, node="n1")
"""

from fairlead.search.mapping import MAPPINGS, Mapping
from fairlead.search.narrowing import Requirement
from fairlead.search.node import JsonNode
from fairlead.search.request import parse_search
from fairlead.search.search import EMPTY_REPLY, Search

__all__ = ["EMPTY_REPLY", "MAPPINGS", "JsonNode", "Mapping", "Requirement", "Search", "parse_search"]
