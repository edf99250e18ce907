"""Expressions, types and arguments by precedence; statements inside lambdas are the subclass's. Spec 04 section 4."""

from __future__ import annotations

from fairlead.painless import nodes as n
from fairlead.painless.lexer import (
    ID,
    KEYWORD,
    MEMBER,
    NUMBER,
    OPERATOR,
    REGEX,
    STRING,
    TYPE,
    regex_parts,
    string_value,
)
from fairlead.painless.token_stream import TokenStream

_ASSIGN = 1
_CONDITIONAL = 2
_ELVIS = 3
_INSTANCEOF = 10

_BINARY = {
    "||": 4,
    "&&": 5,
    "|": 6,
    "^": 7,
    "&": 8,
    "==": 9,
    "!=": 9,
    "===": 9,
    "!==": 9,
    "<": 11,
    "<=": 11,
    ">": 11,
    ">=": 11,
    "<<": 12,
    ">>": 12,
    ">>>": 12,
    "=~": 13,
    "==~": 13,
    "+": 14,
    "-": 14,
    "*": 15,
    "/": 15,
    "%": 15,
}
_ASSIGNMENTS = frozenset(["=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "<<=", ">>=", ">>>="])
_UNARY = frozenset(["+", "-", "!", "~", "++", "--"])
_PRECEDENCE = (
    _BINARY | dict.fromkeys(_ASSIGNMENTS, _ASSIGN) | {"?": _CONDITIONAL, "?:": _ELVIS, "instanceof": _INSTANCEOF}
)


class ExpressionParser(TokenStream):
    """Parses expressions; `_block` comes with the statements."""

    def _block(self) -> n.Block:
        raise NotImplementedError

    def _type(self) -> n.TypeName:
        at = self._at
        if self._kind not in (ID, TYPE):
            raise self._near()
        name = self._text
        primitive = self._kind == TYPE
        self._next()
        while not primitive and self._text == "." and self._tokens[self._i + 1][0] == MEMBER:
            self._next()
            name += "." + self._text
            self._next()
        return n.TypeName(name, self._dims(), at)

    def _dims(self) -> int:
        dims = 0
        while self._is("[") and self._tokens[self._i + 1][1] == "]":
            self._next()
            self._next()
            dims += 1
        return dims

    def _name(self) -> str:
        if self._kind != ID:
            raise self._unexpected("ID")
        name = self._text
        self._next()
        return name

    # Expressions ------------------------------------------------------------------------------------------------------

    def _expression(self, level: int = 0) -> n.Node:
        self._enter()
        left = self._unary()
        start = left.start
        while self._kind == OPERATOR or self._kind == KEYWORD:
            operator = self._text
            strength = _PRECEDENCE.get(operator)
            if strength is None or strength <= level:
                break
            self._next()
            if strength >= 4 and strength != _INSTANCEOF:
                left = n.Binary(start, start, operator, left, self._expression(strength))
            elif strength == _ASSIGN:
                left = n.Assign(start, start, left, operator[:-1] or None, self._expression())
            elif strength == _CONDITIONAL:
                yes = self._expression()
                self._expect(":")
                left = n.Conditional(start, start, left, yes, self._expression())
            elif strength == _ELVIS:
                left = n.Elvis(start, start, left, self._expression(_CONDITIONAL))
            else:
                left = n.InstanceOf(start, start, left, self._type())
        self._nesting -= 1
        return left

    def _unary(self) -> n.Node:
        if self._kind == OPERATOR:
            text = self._text
            if text in _UNARY:
                start = self._at
                self._next()
                if text in ("++", "--"):
                    return n.Step(start, start, self._chain(), 1 if text == "++" else -1, True)
                self._enter()
                operand = self._unary()
                self._nesting -= 1
                return n.Unary(start, start, text, operand)
            if text == "(" and self._is_cast():
                start = self._at
                self._next()
                kind = self._type()
                self._next()
                self._enter()
                operand = self._unary()
                self._nesting -= 1
                return n.Cast(start, start, kind, operand)
        chain = self._chain()
        if self._kind == OPERATOR and self._text in ("++", "--"):
            by = 1 if self._text == "++" else -1
            self._next()
            return n.Step(chain.start, chain.start, chain, by, False)
        return chain

    def _chain(self) -> n.Node:
        node = self._primary()
        while self._kind == OPERATOR:
            text = self._text
            at = self._at
            if text == "." or text == "?.":
                safe = text == "?."
                self._next()
                name = self._text
                is_member = self._kind == MEMBER
                self._next()
                if is_member and self._is("("):
                    node = n.Call(node.start, at, node, name, self._arguments(), safe)
                else:
                    node = n.Member(node.start, at, node, name, safe)
            elif text == "[":
                self._next()
                index = self._expression()
                self._expect("]")
                node = n.Element(node.start, at, node, index)
            else:
                break
        return node

    def _primary(self) -> n.Node:
        kind, text, at = self._kind, self._text, self._at
        if kind == ID:
            self._next()
            if self._is("("):
                return n.LocalCall(at, at, text, self._arguments())
            return n.Name(at, at, text)
        if kind == STRING:
            self._next()
            return n.Text(at, at, string_value(text))
        if kind == NUMBER:
            self._next()
            return _number(text, at)
        if kind == REGEX:
            self._next()
            return n.Regex(at, at, *regex_parts(text))
        if kind == OPERATOR:
            if text == "(":
                self._next()
                before, self._ambiguous = self._ambiguous, True
                inner = self._expression()
                self._expect(")")
                self._ambiguous = before
                return _parenthesised(inner, at)
            if text == "[":
                return self._brackets()
        elif kind == KEYWORD:
            if text == "new":
                return self._new()
            if text in ("true", "false", "null"):
                self._next()
                return n.Constant(at, at, {"true": True, "false": False, "null": None}[text])
        elif kind == TYPE:
            end = self._type_end(self._i)
            if self._tokens[end][1] == ".":
                return n.StaticType(at, at, self._type())
        raise self._near()

    def _brackets(self) -> n.Node:
        at = self._at
        before, self._ambiguous = self._ambiguous, True
        self._next()
        node: n.Node
        if self._is("]"):
            node = n.ListLiteral(at, at, ())
        elif self._is(":"):
            self._next()
            node = n.MapLiteral(at, at, ())
        else:
            first = self._expression()
            if self._is(":"):
                self._next()
                pairs = [(first, self._expression())]
                while self._is(","):
                    self._next()
                    key = self._expression()
                    self._expect(":")
                    pairs.append((key, self._expression()))
                node = n.MapLiteral(at, at, tuple(pairs))
            else:
                items = [first]
                while self._is(","):
                    self._next()
                    items.append(self._expression())
                node = n.ListLiteral(at, at, tuple(items))
        self._expect("]")
        self._ambiguous = before
        return node

    def _new(self) -> n.Node:
        at = self._at
        self._next()
        kind = self._type()
        if kind.dims:
            if not self._is("{"):
                raise self._near()
            self._next()
            items = []
            if not self._is("}"):
                items.append(self._expression())
                while self._is(","):
                    self._next()
                    items.append(self._expression())
            self._expect("}")
            return n.NewArrayItems(at, at, kind, tuple(items))
        if self._is("("):
            return n.New(at, at, kind, self._arguments())
        if not self._is("["):
            raise self._near()
        sizes = []
        while self._is("["):
            self._next()
            sizes.append(self._expression())
            self._expect("]")
        return n.NewArray(at, at, n.TypeName(kind.name, len(sizes), kind.at), tuple(sizes))

    # Arguments --------------------------------------------------------------------------------------------------------

    def _arguments(self) -> tuple[n.Node, ...]:
        self._next()
        if self._is(")"):
            self._next()
            return ()
        found = [self._argument()]
        while self._is(","):
            self._next()
            found.append(self._argument())
        if not self._is(")"):
            raise self._unexpected("')'")
        self._next()
        return tuple(found)

    def _argument(self) -> n.Node:
        kind = self._kind
        tokens = self._tokens
        if kind in (ID, TYPE):
            after = tokens[self._i + 1]
            if after[1] == "->":
                return self._lambda(False)
            if after[1] in (",", ")", "(") and kind == ID:
                return self._expression()
            end = self._type_end(self._i)
            if tokens[end][1] == "::":
                kind_name = self._type()
                return self._reference(kind_name)
            if tokens[end][0] == ID:
                if tokens[end + 1][1] != "->":
                    self._i = end
                    self._next()
                    raise self._near()
                return self._lambda(False)
        elif kind == OPERATOR and self._text == "(":
            if tokens[self._closing(self._i) + 1][1] == "->":
                return self._lambda(True)
        elif kind == KEYWORD and self._text == "this":
            kind_name = n.TypeName("this", 0, self._at)
            self._next()
            return self._reference(kind_name)
        return self._expression()

    def _reference(self, kind: n.TypeName) -> n.Node:
        self._expect("::")
        name = self._text
        if self._kind != ID and name != "new":
            raise self._near()
        self._next()
        return n.Reference(kind.at, kind.at, kind, name)

    def _parameter(self) -> n.Parameter:
        at = self._at
        end = self._type_end(self._i)
        kind = self._type() if end > 0 and self._tokens[end][0] == ID else None
        return n.Parameter(kind, self._name(), at)

    def _lambda(self, parentheses: bool) -> n.Node:
        at = self._at
        parameters = []
        if parentheses:
            self._next()
            if not self._is(")"):
                parameters.append(self._parameter())
                while self._is(","):
                    self._next()
                    parameters.append(self._parameter())
            self._expect(")")
        else:
            parameters.append(self._parameter())
        self._expect("->")
        if self._is("{"):
            return n.LambdaNode(at, at, tuple(parameters), self._block())
        return n.LambdaNode(at, at, tuple(parameters), self._expression())


def _number(text: str, at: int) -> n.Number:
    if text[:2] in ("0x", "0X"):
        return n.Number(at, at, text, 16, False)
    if len(text) > 1 and text[0] == "0" and text[1].isdigit():
        return n.Number(at, at, text, 8, False)
    return n.Number(at, at, text, 10, "." in text or "e" in text or "E" in text)


def _parenthesised(inner: n.Node, start: int) -> n.Node:
    """The inner node, which from outside begins at the parenthesis."""
    return n.Parens(start, inner.at, inner)
