"""Word list bodies: phrases by field."""

from __future__ import annotations

from fairlead.api.decode import fields as read
from fairlead.domain.word_list import WordList
from fairlead.java.jackson import Node, expect, parse_object


def word_list(body: bytes) -> WordList:
    """Other members are ignored. Raises errors of 400."""
    found = read.each(parse_object(body), {"phrases": _phrases})
    return WordList(found.get("phrases", {}))


def _phrases(node: Node) -> dict[str, tuple[str, ...]]:
    return {field: read.texts(value) for field, value, _, _ in expect(node, "object").members}
