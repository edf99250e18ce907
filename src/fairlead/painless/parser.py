"""Tokens to the syntax tree by recursive descent: functions and statements; it knows no types and resolves no names.

Spec 04 section 4.
"""

from __future__ import annotations

from fairlead.painless import nodes as n
from fairlead.painless.expression_parser import ExpressionParser
from fairlead.painless.lexer import (
    END,
    ID,
    KEYWORD,
    OPERATOR,
    TYPE,
)


def parse(text: str) -> n.Program:
    """The tree of a script; raises CompileProblem."""
    return _Parser(text).program()


_STATEMENT_STARTS = frozenset(
    [
        "if",
        "while",
        "for",
        "try",
        "do",
        "continue",
        "break",
        "return",
        "throw",
        "new",
        "true",
        "false",
        "null",
        "(",
        "[",
        "+",
        "-",
        "!",
        "~",
        "++",
        "--",
    ]
)


class _Parser(ExpressionParser):
    # Declarations -----------------------------------------------------------------------------------------------------

    def program(self) -> n.Program:
        functions = []
        while (self._kind == ID or self._kind == TYPE) and self._declares_function():
            functions.append(self._function())
        statements: list[n.Node] = []
        start = self._at
        while self._kind != END:
            if statements and not self._starts_statement():
                raise self._unexpected("<EOF>")
            statements.append(self._statement(False))
            self._first = False
        return n.Program(tuple(functions), n.Block(start, start, tuple(statements), False), len(self._source))

    def _starts_statement(self) -> bool:
        return self._kind not in (OPERATOR, KEYWORD) or self._text in _STATEMENT_STARTS

    def _function(self) -> n.Function:
        at = self._at
        result = self._type()
        name = self._name()
        self._expect("(")
        parameters: list[n.Parameter] = []
        if not self._is(")"):
            while True:
                start = self._at
                if self._kind not in (ID, TYPE) and not parameters:
                    raise self._unexpected("')'")
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
        statements: list[n.Node] = []
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
        if self._kind != ID and self._first:
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


_COMPOUND = {"if": _Parser._if, "while": _Parser._while, "for": _Parser._for, "try": _Parser._try}
