"""Embeddings taken out of a large reply as the text the provider wrote, without making an object of every number.

Answers only where the way through numbers would find the same embeddings, and says nothing (None) about any other reply:
the general way is the one that reports faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from fairlead.domain.tensor import DataType, RawJson, Tensor
from fairlead.engine.functions.post import data_type_of, embedding

RAW_FROM = 2048
"""Bytes of a reply from which this is faster; below it the general way costs a few microseconds."""

_PATH = re.compile(r"\$((?:\.[A-Za-z_][A-Za-z0-9_]*)*)(\[\*\])?((?:\.[A-Za-z_][A-Za-z0-9_]*)*)")

# An array that parses as JSON holds numbers and nothing else when none of these stand in it: quotes begin strings, braces
# objects, `u` is in null and true, `f` in false.
# (Numbers: for bytes that are no number `in` first makes, and throws away, an exception.)
_OTHERS = tuple(b'"{uf')
_LONGEST = 308
"""Characters of one number. From 309 digits on a number may be beyond a double, from 4,301 on it is none of ours."""
_MINUS, _UPPER_E = b"-E"

Take = Callable[[bytes], list[bytes] | None]


def raw_embeddings(body: bytes, path: str, *, single: bool) -> list[Tensor] | None:
    """One tensor an embedding, `data` as raw text; None when the reply or the path is not of the plain kind.

    `path` leads to one array of numbers (`single`) or to an array of such arrays.
    """
    take = _taker(path, single)
    kind = data_type_of(path)
    if take is None or kind is DataType.UNKNOWN:
        return None
    rows = take(body)
    if rows is None:
        return None
    tensors = []
    for row in rows:
        size = _numbers(row)
        if size is None:
            return None
        tensors.append(embedding(RawJson(row), kind, size))
    return tensors


def _numbers(array: bytes) -> int | None:
    """How many numbers the text of a JSON value holds; None unless it is an array of finite numbers, at least one."""
    if array[:1] != b"[" or array.find(b"[", 1) > 0:
        return None
    for mark in _OTHERS:
        if mark in array:
            return None
    commas = array.count(b",")
    if (commas == 0 and not array[1:-1].strip()) or not (_small(array) and _short(array)):
        return None
    return commas + 1


def _small(array: bytes) -> bool:
    """Whether every exponent is negative: only that is sure to leave a double finite. One of many digits is refused elsewhere."""
    at = array.find(b"e")
    while at > 0:
        if array[at + 1] != _MINUS or array[at + 2 : at + 6].isdigit():
            return False
        at = array.find(b"e", at + 2)
    return _UPPER_E not in array


def _short(array: bytes) -> bool:
    """Whether no number is longer than it should be: from comma to comma in strides, the last one within reach."""
    at, end, last = 0, len(array) - _LONGEST, array.rfind
    while at < end:
        at = last(b",", at + 1, at + _LONGEST)
        if at < 0:
            return False
    return True


@lru_cache(maxsize=256)
def _taker(path: str, single: bool) -> Take | None:
    """Reads the arrays of a path such as `$.data[*].embedding`; None for a path of another form."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    before, star, after = found[1].split(".")[1:], bool(found[2]), found[3].split(".")[1:]
    if single and (star or not before):
        return None
    # Each member of the path is the only field of a struct: the rest of the reply is checked and skipped.
    kind: Any = msgspec.Raw if single or star else list[msgspec.Raw]
    kind = _within(after, kind)
    if star:
        kind = list[kind]
    decode = msgspec.json.Decoder(_within(before, kind)).decode

    def take(body: bytes) -> list[bytes] | None:
        try:
            value = decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        for _ in before:
            value = value.member
        rows = [value] if single else value
        for _ in after:
            rows = [row.member for row in rows]
        return [bytes(row) for row in rows]

    return take


def _within(names: list[str], kind: Any) -> Any:
    for name in reversed(names):
        kind = msgspec.defstruct("Member", [("member", kind)], rename={"member": name})
    return kind
