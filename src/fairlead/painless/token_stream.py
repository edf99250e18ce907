"""The parser's view of the tokens: the current one, how far look-ahead goes, and the words of its two errors.

Which of the two the original gives depends on how far its generated parser had to look ahead; `_ambiguous` says whether
it is in the middle of such a look-ahead here (spec 04 section 4).
"""

from __future__ import annotations

from fairlead.painless.errors import CompileProblem, problem, thrown
from fairlead.painless.lexer import (
    END,
    ERROR,
    ID,
    KEYWORD,
    MEMBER,
    NUMBER,
    OPERATOR,
    REGEX,
    STRING,
    TYPE,
    lexical_problem,
    show,
    tokenize,
)
from fairlead.painless.limits import MAX_NESTING

_STARTS_TIGHT = frozenset({ID, NUMBER, STRING, REGEX, TYPE})
_STARTS_TIGHT_TEXT = frozenset({"(", "new", "!", "~", "true", "false", "null"})


_PADDING = 4
"""Copies of the last token behind it, for look-ahead."""


class TokenStream:
    """Tokens and a place among them."""

    def __init__(self, text: str) -> None:
        self._source = text
        self._tokens = tokenize(text)
        # Look-ahead may run past the last token.
        last = self._tokens[-1]
        self._tokens += [(last[0], last[1], last[2])] * _PADDING
        self._i = 0
        self._kind, self._text, self._at = self._tokens[0]
        self._ambiguous = False
        self._first = True
        self._nesting = 0
        if self._kind == ERROR:
            raise lexical_problem(text, self._at)

    # Tokens -----------------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        self._i += 1
        self._kind, self._text, self._at = self._tokens[self._i]
        if self._kind == ERROR:
            raise lexical_problem(self._source, self._at)

    def _near(self) -> CompileProblem:
        if self._kind == END:
            message = "unexpected end of script."
        else:
            message = f"invalid sequence of tokens near ['{show(self._text)}']."
        cause = thrown("NoViableAltException", None)
        return CompileProblem(self._at, thrown("IllegalArgumentException", message, cause))

    def _unexpected(self, expected: str) -> CompileProblem:
        if self._ambiguous:
            return self._near()
        return problem(self._at, f"unexpected token ['{show(self._text)}'] was expecting one of [{expected}].")

    def _expect(self, text: str) -> None:
        if self._text != text or self._kind not in (OPERATOR, KEYWORD):
            raise self._unexpected(f"'{text}'")
        self._next()

    def _is(self, text: str) -> bool:
        return self._text == text and self._kind in (OPERATOR, KEYWORD)

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise problem(None, None, "StackOverflowError")

    # Look-ahead -------------------------------------------------------------------------------------------------------

    def _type_end(self, i: int) -> int:
        """The token after a type that starts at token `i`, or -1 when there is none."""
        tokens = self._tokens
        kind = tokens[i][0]
        if kind == TYPE:
            i += 1
        elif kind == ID:
            i += 1
            while tokens[i][1] == "." and tokens[i + 1][0] == MEMBER:
                i += 2
        else:
            return -1
        while tokens[i][1] == "[" and tokens[i + 1][1] == "]":
            i += 2
        return i

    def _declares(self) -> bool:
        if self._kind == TYPE:
            return True
        end = self._type_end(self._i)
        return end > 0 and self._tokens[end][0] == ID

    def _declares_function(self) -> bool:
        end = self._type_end(self._i)
        return end > 0 and self._tokens[end][0] == ID and self._tokens[end + 1][1] == "("

    def _closing(self, i: int) -> int:
        """The token of the bracket that closes the one at token `i`, or the last token."""
        depth = 0
        tokens = self._tokens
        end = len(tokens) - _PADDING
        while i < end:
            kind, text, _ = tokens[i]
            if kind == OPERATOR:
                if text in ("(", "[", "{"):
                    depth += 1
                elif text in (")", "]", "}"):
                    depth -= 1
                    if depth == 0:
                        return i
            i += 1
        return end

    def _is_list_literal(self, i: int) -> bool:
        """Whether the brackets at token `i` can only be a literal, not an index: empty, or with `,` or `:` in them."""
        end = self._closing(i)
        if end == i + 1:
            return True
        depth = 0
        for kind, text, _ in self._tokens[i + 1 : end]:
            if kind != OPERATOR:
                continue
            if text in ("(", "[", "{", "?"):
                depth += 1
            elif text in (")", "]", "}") or (text == ":" and depth):
                depth -= 1
            elif depth == 0 and text in (",", ":"):
                return True
        return False

    def _is_cast(self) -> bool:
        """At `(`: whether a cast follows."""
        tokens = self._tokens
        inside = tokens[self._i + 1][0]
        if inside != ID and inside != TYPE:
            return False
        end = self._type_end(self._i + 1)
        if end < 0 or tokens[end][1] != ")":
            return False
        if inside == TYPE:
            return True
        kind, text, _ = tokens[end + 1]
        if kind == OPERATOR and text == "[":
            return self._is_list_literal(end + 1)
        return kind in _STARTS_TIGHT or (text in _STARTS_TIGHT_TEXT and kind in (OPERATOR, KEYWORD))
