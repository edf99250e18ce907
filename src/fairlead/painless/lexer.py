"""Text to tokens, all of them at once; a character that starts no token becomes an error token for the parser to meet.

Spec 04 section 3. Offsets count UTF-16 units: the text comes with one character per unit.
"""

from __future__ import annotations

import re
from typing import Final

from fairlead.painless.errors import CompileProblem, thrown

ID: Final = "id"
KEYWORD: Final = "keyword"
TYPE: Final = "type"
NUMBER: Final = "number"
STRING: Final = "string"
REGEX: Final = "regex"
MEMBER: Final = "member"
INDEX: Final = "index"
OPERATOR: Final = "operator"
END: Final = "end"
ERROR: Final = "error"

PRIMITIVES = frozenset(["boolean", "byte", "short", "char", "int", "long", "float", "double"])

_WORDS = dict.fromkeys(
    [
        "if",
        "in",
        "else",
        "while",
        "do",
        "for",
        "continue",
        "break",
        "return",
        "new",
        "try",
        "catch",
        "throw",
        "this",
        "instanceof",
        "true",
        "false",
        "null",
    ],
    KEYWORD,
) | dict.fromkeys(PRIMITIVES | {"def"}, TYPE)

# Atomic, so that a script of many comments and one bad character costs no more than its length.
_SKIP = r"(?>[ \t\r\n]++|//[^\r\n]*+[\r\n]?|/\*(?>[^*]++|\*(?!/))*+\*/)*+"

# Groups: word, number, string, member behind a dot (or nothing, an error), operator, slash, end of
# text; none: an error.
_TOKEN = re.compile(
    _SKIP + r"(?:([A-Za-z_][A-Za-z0-9_]*+)"
    r"|(0[xX][0-9a-fA-F]++[lL]?|0[0-7]++[lL]?|(?:0|[1-9][0-9]*+)(?:(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)[fFdD]?"
    r"|\.[0-9]++[fFdD]?|[lLfFdD]?))"
    r"|(\"(?>[^\"\\]++|\\[\"\\])*+\"|'(?>[^'\\]++|\\['\\])*+')"
    r"|\??\.([A-Za-z_][A-Za-z0-9_]*+|0|[1-9][0-9]*+|)"
    r"|(>>>=|<<=|>>=|>>>|===|!==|==~|=~|==|!=|<=|>=|&&|\|\||<<|>>|\+\+|--|\+=|-=|\*=|%=|&=|\^=|\|="
    r"|\?:|::|->|[{}\[\](),;!~*%+\-<>&^|?:=])"
    r"|(/=(?![*/])|/(?!\*))"
    r"|(\Z)|)"
)
_REGEX = re.compile(r"/((?>\\[^\n]|[^/\\\n])++)/([cilmsUux]*+)")
_BAD_STRING = re.compile(r"\"(?>[^\"\\]++|\\[\"\\])*+|'(?>[^'\\]++|\\['\\])*+")

# After these a slash divides; after anything else it starts a regular expression (spec section 3).
_DIVIDES_AFTER = frozenset({ID, NUMBER, MEMBER, INDEX})

Token = tuple[str, str, int]
"""Kind, text as written, offset."""

_SHOWN = str.maketrans({"\r": "\\r", "\n": "\\n", "\t": "\\t"})


def show(text: str) -> str:
    """A token's text in a message."""
    return text.translate(_SHOWN)


def tokenize(text: str) -> list[Token]:
    """Tokens of a script, the last one of kind END or ERROR (then nothing after it could be read)."""
    tokens: list[Token] = []
    append = tokens.append
    words = _WORDS
    kind = OPERATOR
    start = 0
    while True:
        for found in _TOKEN.finditer(text, start):
            group = found.lastindex
            if group is None:
                append((ERROR, "", found.end()))
                return tokens
            word = found[group]
            at = found.start(group)
            if group == 1:
                kind = words.get(word, ID)
            elif group == 5:
                kind = OPERATOR
            elif group == 4:
                # A lone `?` never stands right before a dot, so this is the null-safe one.
                dot = "?." if text[at - 2 : at] == "?." else "."
                append((OPERATOR, dot, at - len(dot)))
                if not word:
                    append((ERROR, "", at))
                    return tokens
                kind = INDEX if word[0].isdigit() else MEMBER
            elif group == 3:
                kind = STRING
            elif group == 2:
                kind = NUMBER
            elif group == 6:
                divides = kind in _DIVIDES_AFTER or (tokens and tokens[-1][1] in ("]", ")"))
                regex = None if divides else _REGEX.match(text, at)
                if regex is not None:
                    kind = REGEX
                    append((REGEX, regex.group(), at))
                    start = regex.end()
                    break
                kind = OPERATOR
            else:
                append((END, "<EOF>", at))
                return tokens
            append((kind, word, at))


def lexical_problem(text: str, at: int) -> CompileProblem:
    """Why no token starts at `at`."""
    rest = text[at:]
    hint = ""
    if rest.startswith("/*"):
        shown = rest
    elif rest and rest[0] in "'\"":
        good = _BAD_STRING.match(rest)
        reach = good.end() if good is not None else 1
        shown = rest[: reach + 2]
        if reach < len(rest) - 1:
            quote = rest[0]
            hint = f" The only valid escape sequences in strings starting with [{quote}] are [\\\\] and [\\{quote}]."
        else:
            shown = rest
    else:
        shown = rest[:1]
    cause = thrown("LexerNoViableAltException", None)
    return CompileProblem(at, thrown("IllegalArgumentException", f"unexpected character [{show(shown)}].{hint}", cause))


def string_value(token: str) -> str:
    """What a string literal stands for."""
    body = token[1:-1]
    if "\\" not in body:
        return body
    return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)


def regex_parts(token: str) -> tuple[str, str]:
    """Pattern and flags of a regex literal."""
    body, _, flags = token[1:].rpartition("/")
    return body, flags
