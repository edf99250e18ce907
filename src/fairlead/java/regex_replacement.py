"""Java's replacement texts (`$1`, `${name}`, `\\$`), read once a call into literal parts and group numbers.

Refuses what `Matcher.replaceAll` refuses, with its words.
"""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.errors import IllegalArgument, IndexOutOfBounds


def replacement_parts(text: str, groups: int, names: Mapping[str, int]) -> tuple[str | int, ...]:
    """Texts and numbers of groups in order. Raises IllegalArgument or IndexOutOfBounds."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\":
            if at == len(text):
                raise IllegalArgument("character to be escaped is missing")
            parts.append(text[at])
            at += 1
        elif char != "$":
            parts.append(char)
        elif text[at : at + 1] == "{":
            number, at = _named_group(text, at + 1, names)
            parts.append(number)
        else:
            number, at = _numbered_group(text, at, groups)
            parts.append(number)
    return tuple(parts)


def _named_group(text: str, at: int, names: Mapping[str, int]) -> tuple[int, int]:
    end = at
    while end < len(text) and text[end].isascii() and text[end].isalnum():
        end += 1
    name = text[at:end]
    if not name:
        raise IllegalArgument("named capturing group has 0 length name")
    if text[end : end + 1] != "}":
        raise IllegalArgument("named capturing group is missing trailing '}'")
    if name[0].isdigit():
        raise IllegalArgument(f"capturing group name {{{name}}} starts with digit character")
    if name not in names:
        raise IllegalArgument(f"No group with name {{{name}}}")
    return names[name], end + 1


def _numbered_group(text: str, at: int, groups: int) -> tuple[int, int]:
    if at == len(text):
        raise IllegalArgument("Illegal group reference: group index is missing")
    if text[at] not in "0123456789":
        raise IllegalArgument("Illegal group reference")
    number = int(text[at])
    if number > groups:
        raise IndexOutOfBounds(f"No group {number}")
    at += 1
    while at < len(text) and text[at] in "0123456789" and number * 10 + int(text[at]) <= groups:
        number = number * 10 + int(text[at])
        at += 1
    return number, at
