"""Wildcard patterns: `*` any text, `?` any character, `\\` takes the next one literally; refuses to backtrack."""

from __future__ import annotations

from dataclasses import dataclass

ANY_TEXT = object()
ANY_CHARACTER = object()


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern; matching takes at most pattern length times text length steps."""

    parts: tuple[object, ...]
    fold: bool = False

    def matches(self, text: str) -> bool:
        text = text.lower() if self.fold else text
        parts, at, part = self.parts, 0, 0
        star, retry = -1, 0
        while at < len(text):
            if part < len(parts) and (parts[part] is ANY_CHARACTER or parts[part] == text[at]):
                at, part = at + 1, part + 1
            elif part < len(parts) and parts[part] is ANY_TEXT:
                star, retry, part = part, at, part + 1
            elif star >= 0:
                retry += 1
                at, part = retry, star + 1
            else:
                return False
        return all(rest is ANY_TEXT for rest in parts[part:])


def compile_glob(pattern: str, *, fold: bool = False) -> Glob:
    """A pattern of the wildcard query."""
    parts: list[object] = []
    characters = iter(pattern.lower() if fold else pattern)
    for character in characters:
        if character == "\\":
            parts.append(next(characters, "\\"))
        else:
            parts.append({"*": ANY_TEXT, "?": ANY_CHARACTER}.get(character, character))
    return Glob(tuple(parts), fold)


def compile_star(pattern: str) -> Glob:
    """A pattern in which only `*` is special, as in field names."""
    return Glob(tuple(ANY_TEXT if character == "*" else character for character in pattern))
