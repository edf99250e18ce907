"""Tokens to the syntax tree by recursive descent; it knows no types and resolves no names.

Spec 04 section 4. Two kinds of message exist in the original, and which one is given depends on how far its generated
parser had to look ahead; `_ambiguous` says whether it is in the middle of such a look-ahead here.
"""

from __future__ import annotations

from fairlead.painless import nodes as n
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
    regex_parts,
    show,
    string_value,
    tokenize,
)
from fairlead.painless.limits import MAX_NESTING

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
_STARTS_TIGHT = frozenset({ID, NUMBER, STRING, REGEX, TYPE})
_STARTS_TIGHT_TEXT = frozenset({"(", "new", "!", "~", "true", "false", "null"})


def parse(text: str) -> n.Program:
    """The tree of a script; raises CompileProblem."""
    return _Parser(text).program()


_PADDING = 4
"""Copies of the last token behind it, for look-ahead."""


class _Parser:
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

    # Declarations -----------------------------------------------------------------------------------------------------

    def program(self) -> n.Program:
        functions = []
        while (self._kind == ID or self._kind == TYPE) and self._declares_function():
            functions.append(self._function())
        statements = []
        start = self._at
        while self._kind != END:
            statements.append(self._statement(False))
            self._first = False
        return n.Program(tuple(functions), n.Block(start, start, tuple(statements), False), len(self._source))

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

    def _function(self) -> n.Function:
        at = self._at
        result = self._type()
        name = self._name()
        self._expect("(")
        parameters = []
        if not self._is(")"):
            while True:
                start = self._at
                if self._kind not in (ID, TYPE):
                    raise self._unexpected("{TYPE, ID}")
                kind = self._type()
                parameters.append(n.Parameter(kind, self._name(), start))
                if not self._is(","):
                    break
                self._next()
        self._expect(")")
        if not self._is("{"):
            raise self._unexpected("'{'")
        return n.Function(result, name, tuple(parameters), self._block(), at)

    # Statements -------------------------------------------------------------------------------------------------------

    def _block(self) -> n.Block:
        at = self._at
        self._expect("{")
        self._enter()
        statements = []
        while not self._is("}"):
            statements.append(self._statement(True))
        self._next()
        self._nesting -= 1
        return n.Block(at, at, tuple(statements), True)

    def _body(self) -> n.Block:
        if self._is("{"):
            return self._block()
        at = self._at
        self._enter()
        statement = self._statement(False)
        self._nesting -= 1
        return n.Block(at, at, (statement,), False)

    def _statement(self, in_block: bool) -> n.Node:
        if self._kind == KEYWORD:
            compound = _COMPOUND.get(self._text)
            if compound is not None:
                before, self._ambiguous = self._ambiguous, False
                statement = compound(self)
                self._ambiguous = before
                return statement
        before, self._ambiguous = self._ambiguous, in_block
        statement = self._simple()
        if self._is(";"):
            self._next()
        elif in_block:
            if not self._is("}"):
                raise self._near()
        elif self._kind != END:
            raise self._unexpected("{<EOF>, ';'}")
        self._ambiguous = before
        return statement

    def _simple(self) -> n.Node:
        at = self._at
        if self._kind == KEYWORD:
            text = self._text
            if text == "return":
                self._next()
                if self._is(";") or self._is("}") or self._kind == END:
                    return n.Return(at, at, None)
                return n.Return(at, at, self._expression())
            if text == "throw":
                self._next()
                return n.Throw(at, at, self._expression())
            if text == "break":
                self._next()
                return n.Break(at, at)
            if text == "continue":
                self._next()
                return n.Continue(at, at)
            if text == "do":
                self._next()
                if not self._is("{"):
                    raise self._unexpected("'{'")
                body = self._block()
                self._expect("while")
                self._expect("(")
                condition = self._expression()
                self._expect(")")
                return n.Do(at, at, condition, body)
        if self._kind in (ID, TYPE) and self._declares():
            return self._declaration()
        value = self._expression()
        return n.Expression(value.start, value.start, value)

    def _declaration(self) -> n.Declarations:
        start = self._at
        kind = self._type()
        if self._kind != ID:
            raise self._near()
        items = []
        while True:
            at = self._at
            name = self._name()
            value = None
            if self._is("="):
                self._next()
                value = self._expression()
            items.append(n.Declare(start, at, kind, name, value))
            if not self._is(","):
                break
            self._next()
        # At the beginning of a script a function could follow as well: the original then looks further ahead.
        if self._first and items[-1].value is None and not self._is(";") and self._kind != END:
            raise self._near()
        return n.Declarations(start, items[0].at, tuple(items))

    def _if(self) -> n.Node:
        arms: list[tuple[int, n.Node, n.Block]] = []
        last: n.Block | None = None
        while True:
            at = self._at
            self._next()
            self._expect("(")
            condition = self._expression()
            self._expect(")")
            arms.append((at, condition, self._body()))
            if not self._is("else"):
                break
            self._next()
            if not self._is("if"):
                last = self._body()
                break
        while True:
            at, condition, body = arms.pop()
            statement = n.If(at, at, condition, body, last)
            if not arms:
                return statement
            last = n.Block(at, at, (statement,), False)

    def _while(self) -> n.Node:
        at = self._at
        self._next()
        self._expect("(")
        condition = self._expression()
        self._expect(")")
        return n.While(at, at, condition, self._loop_body())

    def _loop_body(self) -> n.Block | None:
        if self._is(";"):
            self._next()
            return None
        return self._body()

    def _for(self) -> n.Node:
        at = self._at
        self._next()
        self._expect("(")
        if self._kind == ID and self._tokens[self._i + 1][1] == "in":
            kind = n.TypeName("def", 0, self._at)
            name = self._name()
            self._next()
            return self._each(at, kind, name)
        initial: n.Node | None = None
        if not self._is(";"):
            if self._kind in (ID, TYPE) and self._declares():
                end = self._type_end(self._i)
                if self._tokens[end + 1][1] == ":":
                    kind = self._type()
                    name = self._name()
                    self._next()
                    return self._each(at, kind, name)
                if self._tokens[end + 1][1] not in ("=", ",", ";"):
                    self._i = end
                    self._next()
                    raise self._near()
                first, self._first = self._first, False
                initial = self._declaration()
                self._first = first
            else:
                value = self._expression()
                initial = n.Expression(value.start, value.start, value)
        self._expect(";")
        condition = None if self._is(";") else self._expression()
        self._expect(";")
        update = None if self._is(")") else self._expression()
        self._expect(")")
        return n.For(at, at, initial, condition, update, self._loop_body())

    def _each(self, at: int, kind: n.TypeName, name: str) -> n.Node:
        items = self._expression()
        self._expect(")")
        return n.Each(at, at, kind, name, items, self._body())

    def _try(self) -> n.Node:
        at = self._at
        self._next()
        if not self._is("{"):
            raise self._unexpected("'{'")
        body = self._block()
        catches: list[n.Catch] = []
        while not catches or self._is("catch"):
            start = self._at
            self._expect("catch")
            self._expect("(")
            kind = self._type()
            name = self._name()
            self._expect(")")
            if not self._is("{"):
                raise self._unexpected("'{'")
            catches.append(n.Catch(kind, name, self._block(), start))
        return n.Try(at, at, body, tuple(catches))

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
            raise self._unexpected("{')', ','}")
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


_COMPOUND = {"if": _Parser._if, "while": _Parser._while, "for": _Parser._for, "try": _Parser._try}


def _number(text: str, at: int) -> n.Number:
    if text[:2] in ("0x", "0X"):
        return n.Number(at, at, text, 16, False)
    if len(text) > 1 and text[0] == "0" and text[1].isdigit():
        return n.Number(at, at, text, 8, False)
    return n.Number(at, at, text, 10, "." in text or "e" in text or "E" in text)


def _parenthesised(inner: n.Node, start: int) -> n.Node:
    """The inner node, which from outside begins at the parenthesis."""
    return n.Parens(start, inner.at, inner)
