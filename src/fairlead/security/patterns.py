r"""Endpoint patterns: a Java regular expression over a URL, whose host part must be met by the host alone (D-26, S-02).

A pattern such as `https://bedrock\..*\.amazonaws\.com/.*` is written for hosts but matched over a whole text, where its
first `.*` may run through `/` into the path. So each branch of a pattern is cut where its host ends; a URL must match the
branch, and its scheme and authority must match what the branch says of them, the path left out. What cannot be cut must
match with the path left out: a pattern is never taken to mean more than it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairlead.java.regex import JavaPattern, PatternFault, compile_java
from fairlead.security.url import as_dialled

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\]*")
_MAX_BRANCHES = 64
_QUANTIFIER = re.compile(r"(?:(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})[+?]?)+")
_SKIPPABLE = re.compile(r"[*?]|\{0")
_FLAGS = re.compile(r"\(\?([a-zA-Z]*(?:-[a-zA-Z]*)?)([:)])")
_PLAIN_GROUP = re.compile(r"\((?:\?:|\?<[a-zA-Z][a-zA-Z0-9]*>|(?!\?))")
_SPECIAL_GROUP = re.compile(r"\(\?(?:<?[=!]|>)")
_ESCAPE = re.compile(
    r"\\(?:[pPN]\{[^}]*\}|x\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c.|0[0-7]{1,3}|[^Qk1-9])", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative: `whole` is matched over the URL, `host` over scheme and authority; None where no cut is known."""

    whole: JavaPattern
    host: JavaPattern | None

    def admits(self, origin: str) -> bool:
        """Whether scheme and authority meet the branch by themselves, with no path or an empty one."""
        return (
            (self.host is not None and self.host.fullmatch(origin) is not None)
            or self.whole.fullmatch(origin) is not None
            or self.whole.fullmatch(origin + "/") is not None
        )


class EndpointPattern:
    """One entry of a list of endpoints. Raises PatternFault when `source` is no Java regular expression."""

    __slots__ = ("_excludes", "branches", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._excludes = any(mark in source for mark in ("(?!", "(?<!", "[^"))
        self.branches = _compiled(source)

    def matches(self, url: str) -> bool:
        """Whether the whole text matches and, where it has one, its authority does so without the path.

        What a pattern leaves out must be left out in every spelling: letter case, a trailing dot, full-width letters, the
        scheme's own port. So one that excludes must match the host as it is dialled, too.
        """
        if not self._matches(url):
            return False
        dialled = as_dialled(url) if self._excludes else None
        return dialled is None or self._matches(dialled)

    def _matches(self, url: str) -> bool:
        found = _ORIGIN.match(url)
        if found is None:  # a relative text or an open placeholder: parse_url refuses it before anything is dialled
            return any(branch.whole.fullmatch(url) for branch in self.branches)
        if "@" in found[0]:  # what stands before it is no host, whatever the pattern takes it for
            return False
        return any(branch.whole.fullmatch(url) and branch.admits(found[0]) for branch in self.branches)

    def __repr__(self) -> str:
        return f"EndpointPattern({self.source!r})"


class _NotCut(Exception):
    """The pattern is beyond what the cut understands."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A unit of the pattern. `mark` is "/" for a slash; `inner` holds the alternatives of a group that may be opened."""

    text: str
    mark: str = ""
    quantifier: str = ""
    inner: tuple[tuple[_Token, ...], ...] = ()

    def has_slash(self) -> bool:
        return self.mark == "/" or any(token.has_slash() for branch in self.inner for token in branch)


def _compiled(source: str) -> tuple[Branch, ...]:
    whole = compile_java(source)
    try:
        return tuple(
            Branch(compile_java(text), None if host is None else compile_java(host)) for text, host in _cuts(source)
        )
    except (PatternFault, _NotCut):
        return (Branch(whole, None),)


def _cuts(source: str) -> list[tuple[str, str | None]]:
    """Each alternative as (whole, host part), as pattern texts."""
    reader = _Reader(source)
    found: list[tuple[str, str | None]] = []
    for flags, tokens in zip(reader.flags, reader.alternatives, strict=True):
        for cut in _cut(tokens, flags, flags, separated=False):
            found.append(cut)
            if len(found) > _MAX_BRANCHES:
                raise _NotCut
    return found


def _cut(tokens: tuple[_Token, ...], whole: str, host: str, *, separated: bool) -> Iterator[tuple[str, str | None]]:
    """The branches of `tokens` behind what was read; `separated` once the `//` behind the scheme has gone by."""
    for at, token in enumerate(tokens):
        after = tokens[at + 1 :]
        if token.mark == "/" and (separated or not _separates(token, after)):
            # A slash before any `//` may be one of those two: the host's end is not known then.
            yield whole + _text(tokens[at:]), host if separated else None
            return
        if token.mark == "/":
            pair = tokens[at : at + (1 if token.quantifier else 2)]
            yield from _cut(tokens[at + len(pair) :], whole + _text(pair), host + _text(pair), separated=True)
            return
        if token.has_slash():
            yield from _opened(token, after, whole, host, separated=separated)
            return
        whole += token.text
        host += token.text
    yield whole, None


def _separates(token: _Token, after: tuple[_Token, ...]) -> bool:
    if token.quantifier:
        return token.quantifier == "{2}"
    return bool(after) and after[0].mark == "/" and not after[0].quantifier


def _opened(
    group: _Token, after: tuple[_Token, ...], whole: str, host: str, *, separated: bool
) -> Iterator[tuple[str, str | None]]:
    """A group with a slash inside, one alternative at a time. A repeated one stays as it is in the whole pattern."""
    once = group.quantifier in ("", "?", "??")
    for branch in group.inner:
        for part, cut in _cut((*branch, *after), whole if once else "", host, separated=separated):
            yield (part if once else whole + group.text + _text(after)), cut
    if _SKIPPABLE.match(group.quantifier):
        for part, cut in _cut(after, whole if once else "", host, separated=separated):
            yield (part if once else whole + group.text + _text(after)), cut


def _text(tokens: tuple[_Token, ...]) -> str:
    return "".join(token.text for token in tokens)


class _Reader:
    """Takes a pattern that compiles apart into tokens. `flags` are those in force where each alternative begins."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._depth = 0
        self._set = ""
        self.flags: list[str] = []
        self.alternatives = self._read()

    def _read(self) -> tuple[tuple[_Token, ...], ...]:
        """Alternatives up to the end or the closing parenthesis, which is left standing."""
        found: list[list[_Token]] = [[]]
        if self._depth == 0:
            self.flags.append("")
        while self._at < len(self._source) and self._source[self._at] != ")":
            if self._source[self._at] == "|":
                self._at += 1
                found.append([])
                if self._depth == 0:
                    self.flags.append(self._set)
            else:
                found[-1].extend(self._unit())
        return tuple(tuple(tokens) for tokens in found)

    def _unit(self) -> list[_Token]:
        start = self._at
        char = self._source[start]
        if self._source.startswith("\\Q", start):
            return self._quoted()
        if char == "(":
            return self._group()
        if char == "[":
            self._class()
        elif char == "\\":
            found = _ESCAPE.match(self._source, start)
            if found is None:  # a back reference counts groups, and these are opened here
                raise _NotCut
            self._at = found.end()
        else:
            self._at += 1
        unit = self._source[start : self._at]
        return [self._quantified(_Token(unit, "/" if unit in ("/", "\\/") else ""))]

    def _quantified(self, token: _Token) -> _Token:
        found = _QUANTIFIER.match(self._source, self._at)
        if found is None:
            return token
        self._at = found.end()
        return _Token(token.text + found[0], token.mark, found[0], token.inner)

    def _quoted(self) -> list[_Token]:
        end = self._source.find("\\E", self._at)
        text = self._source[self._at + 2 : end if end >= 0 else len(self._source)]
        self._at = end + 2 if end >= 0 else len(self._source)
        tokens = [
            _Token("\\" + char if char.isascii() and not char.isalnum() else char, "/" if char == "/" else "")
            for char in text
        ]
        if tokens:
            tokens[-1] = self._quantified(tokens[-1])
        return tokens

    def _group(self) -> list[_Token]:
        start = self._at
        flags = _FLAGS.match(self._source, start)
        if flags is not None and (flags[1] or flags[2] == ")"):
            return self._flagged(flags)
        plain = _PLAIN_GROUP.match(self._source, start)
        opening = plain or _SPECIAL_GROUP.match(self._source, start)
        if opening is None:
            raise _NotCut
        inner = self._inside(opening.end())
        return [self._quantified(_Token(self._source[start : self._at], inner=inner if plain else ()))]

    def _flagged(self, found: re.Match[str]) -> list[_Token]:
        """`(?i)` holds up to the end of its group: at the top, for later alternatives too. `(?x)` changes the syntax."""
        if "x" in found[1] or (found[2] == ")" and self._depth > 0):
            raise _NotCut
        start = self._at
        if found[2] == ")":
            self._at = found.end()
            self._set += found[0]
            return [_Token(found[0])]
        self._inside(found.end())
        return [self._quantified(_Token(self._source[start : self._at]))]

    def _inside(self, start: int) -> tuple[tuple[_Token, ...], ...]:
        self._at = start
        self._depth += 1
        inner = self._read()
        self._depth -= 1
        self._at += 1
        return inner

    def _class(self) -> None:
        """Skips to the end of a character class; classes nest, and `]` may stand first (Java reads it as itself)."""
        self._at += 1
        if self._source.startswith("^", self._at):
            self._at += 1
        if self._source.startswith("]", self._at):
            self._at += 1
        while not self._source.startswith("]", self._at):
            if self._at >= len(self._source):
                raise _NotCut
            if self._source.startswith("\\Q", self._at):
                end = self._source.find("\\E", self._at)
                self._at = end + 2 if end >= 0 else len(self._source)
            elif self._source.startswith("[", self._at):
                self._class()
            else:
                self._at += 2 if self._source.startswith("\\", self._at) else 1
        self._at += 1
