"""The syntax of Lucene's regular expressions; refuses anchors: a pattern always means the whole term.

Beside the usual operators: `~` complement, `&` intersection, `<1-12>` numbers, `@` any text, `#` nothing, `"literal"`.
"""

from __future__ import annotations

from fairlead.errors import IllegalArgument
from fairlead.search.regex_tree import (
    ANY,
    ANY_TEXT,
    EMPTY,
    NOTHING,
    Automaton,
    Characters,
    Interval,
    Not,
    Repeat,
    Tree,
    both,
    either,
    sequence,
)

MAX_LENGTH = 1000
"""Characters of a pattern (`index.max_regex_length`)."""
MAX_NESTING = 100
MAX_REPEAT = 1000
FLAGS = {
    "ALL": "~&<@#",
    "NONE": "",
    "COMPLEMENT": "~",
    "INTERSECTION": "&",
    "INTERVAL": "<",
    "ANYSTRING": "@",
    "EMPTY": "#",
}


def compile_regex(pattern: str, *, flags: str = "ALL", fold: bool = False) -> Automaton:
    """Parse a pattern in Lucene's syntax. Raises IllegalArgument."""
    enabled = ""
    for flag in (flags or "ALL").split("|"):
        if flag.upper() not in FLAGS:
            raise IllegalArgument(f"Unknown regexp flag [{flag}]")
        enabled += FLAGS[flag.upper()]
    return Automaton(pattern, _Parser(pattern.lower() if fold else pattern, enabled).whole(), fold)


_CLASSES = {
    "d": Characters((("0", "9"),)),
    "w": Characters((("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))),
    "s": Characters(((" ", " "), ("\t", "\r"))),
}
_CLASSES |= {name.upper(): Characters(kind.ranges, negated=True) for name, kind in list(_CLASSES.items())}


class _Parser:
    def __init__(self, pattern: str, enabled: str) -> None:
        self.text = pattern
        self.enabled = enabled
        self.at = 0
        self.depth = 0

    def whole(self) -> Tree:
        if not self.text:
            return EMPTY
        tree = self.union()
        if self.at < len(self.text):
            raise IllegalArgument(f"end-of-string expected at position {self.at}")
        return tree

    def peek(self, characters: str) -> bool:
        return self.at < len(self.text) and self.text[self.at] in characters

    def take(self, character: str) -> bool:
        if self.peek(character):
            self.at += 1
            return True
        return False

    def enabled_take(self, character: str) -> bool:
        return character in self.enabled and self.take(character)

    def next(self) -> str:
        if self.at >= len(self.text):
            raise IllegalArgument("unexpected end-of-string")
        self.at += 1
        return self.text[self.at - 1]

    def union(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise IllegalArgument(f"the regular expression is nested deeper than {MAX_NESTING}")
        options = [self.intersection()]
        while self.take("|"):
            options.append(self.intersection())
        self.depth -= 1
        return either(options)

    def intersection(self) -> Tree:
        parts = [self.concatenation()]
        while self.enabled_take("&"):
            parts.append(self.concatenation())
        return both(parts)

    def concatenation(self) -> Tree:
        parts = [self.repetition()]
        while self.at < len(self.text) and not self.peek(")|") and not ("&" in self.enabled and self.peek("&")):
            parts.append(self.repetition())
        return sequence(*parts)

    def repetition(self) -> Tree:
        tree = self.complement()
        while self.peek("?*+{"):
            sign = self.next()
            if sign == "{":
                low, high = self.bounds()
            else:
                low, high = {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
            tree = EMPTY if high == 0 or tree == EMPTY else Repeat(tree, low, high)
        return tree

    def bounds(self) -> tuple[int, int | None]:
        low = self.integer()
        high: int | None = low
        if self.take(","):
            high = self.integer() if self.peek("0123456789") else None
        if not self.take("}"):
            raise IllegalArgument(f"expected '}}' at position {self.at}")
        if high is not None and low > high:
            raise IllegalArgument(f"invalid repetition range(out of order): {low}..{high}")
        return low, high

    def integer(self) -> int:
        start = self.at
        while self.peek("0123456789"):
            self.at += 1
        digits = self.text[start : self.at]
        if not digits:
            raise IllegalArgument(f"integer expected at position {self.at}")
        if len(digits) > 9 or int(digits) > MAX_REPEAT:
            raise IllegalArgument(f"the number at position {start} is larger than {MAX_REPEAT}")
        return int(digits)

    def complement(self) -> Tree:
        if self.enabled_take("~"):
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise IllegalArgument(f"the regular expression is nested deeper than {MAX_NESTING}")
            tree = Not(self.complement())
            self.depth -= 1
            return tree
        return self.simple()

    def simple(self) -> Tree:
        if self.take("."):
            return ANY
        if self.enabled_take("#"):
            return NOTHING
        if self.enabled_take("@"):
            return ANY_TEXT
        if self.take("["):
            return self.character_class()
        if self.take('"'):
            return self.quoted()
        if self.take("("):
            if self.take(")"):
                return EMPTY
            tree = self.union()
            if not self.take(")"):
                raise IllegalArgument(f"expected ')' at position {self.at}")
            return tree
        if self.enabled_take("<"):
            return self.interval()
        if self.take("\\"):
            character = self.next()
            return _CLASSES.get(character) or Characters(((character, character),))
        character = self.next()
        return Characters(((character, character),))

    def quoted(self) -> Tree:
        end = self.text.find('"', self.at)
        if end < 0:
            raise IllegalArgument(f"expected '\"' at position {len(self.text)}")
        literal, self.at = self.text[self.at : end], end + 1
        return sequence(*(Characters(((character, character),)) for character in literal))

    def interval(self) -> Tree:
        end = self.text.find(">", self.at)
        if end < 0:
            raise IllegalArgument(f"expected '>' at position {len(self.text)}")
        inside, self.at = self.text[self.at : end], end + 1
        low, dash, high = inside.partition("-")
        if not (dash and low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
            raise IllegalArgument(f"interval syntax error at position {end}")
        width = len(low) if len(low) == len(high) else 0
        first, last = sorted((int(low), int(high)))
        return Interval(first, last, width)

    def character_class(self) -> Tree:
        negated = self.take("^")
        ranges: list[tuple[str, str]] = []
        while not ranges or not self.peek("]"):
            if self.take("\\"):
                low = self.next()
                if low in _CLASSES and low.islower():
                    ranges.extend(_CLASSES[low].ranges)
                    continue
            else:
                low = self.next()
            high = low
            if self.peek("-") and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                self.take("\\")
                high = self.next()
            if low > high:
                raise IllegalArgument(f"invalid range: from ({low}) cannot be > to ({high})")
            ranges.append((low, high))
        self.at += 1
        return Characters(tuple(sorted(set(ranges))), negated)
