"""Halves of surrogate pairs in the pieces of a text: a character that a provider cut in two is one again.

Providers that cut their text by UTF-16 units send the first half as the escape of one event and the second as that of the
next. It decodes no JSON.
"""

from __future__ import annotations

import re

_HALF = re.compile("[\ud800-\udfff]")
_FIRST = re.compile("[\ud800-\udbff]$")


class Surrogates:
    """One stream's. `waiting` is a first half that waits for its second."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting = ""

    def joined(self, texts: list[str]) -> list[str]:
        """The same texts with whole characters; a half that has no other stays where it is."""
        if not self.waiting and _HALF.search("".join(texts)) is None:
            return texts
        whole: list[str] = []
        for text in texts:
            if not text:
                whole.append(text)
                continue
            text, self.waiting = self.waiting + text, ""
            if _FIRST.search(text):
                text, self.waiting = text[:-1], text[-1]
            if text:
                whole.append(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass"))
        return whole

    def left(self) -> list[str]:
        """What waits and waits in vain."""
        left, self.waiting = self.waiting, ""
        return [left] if left else []
