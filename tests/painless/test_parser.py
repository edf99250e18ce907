"""The parser: which tree a text is, and which message and place an error has (spec 04 section 4)."""

from __future__ import annotations

import pytest

from fairlead.painless import nodes as n
from fairlead.painless.errors import CompileProblem
from fairlead.painless.parser import parse


def shape(node: n.Node) -> str:
    """A tree as text, fully bracketed."""
    match node:
        case n.Binary():
            return f"({shape(node.left)} {node.operator} {shape(node.right)})"
        case n.Unary():
            return f"({node.operator}{shape(node.operand)})"
        case n.Cast():
            return f"<{node.type.text}>{shape(node.operand)}"
        case n.Conditional():
            return f"({shape(node.condition)} ? {shape(node.yes)} : {shape(node.no)})"
        case n.Elvis():
            return f"({shape(node.left)} ?: {shape(node.right)})"
        case n.InstanceOf():
            return f"({shape(node.operand)} is {node.type.text})"
        case n.Assign():
            return f"({shape(node.target)} {node.operator or ''}= {shape(node.value)})"
        case n.Member():
            return f"{shape(node.target)}{'?' if node.safe else ''}.{node.name}"
        case n.Element():
            return f"{shape(node.target)}[{shape(node.index)}]"
        case n.Call():
            return f"{shape(node.target)}.{node.name}({', '.join(map(shape, node.args))})"
        case n.Parens():
            return shape(node.inner)
        case n.Name():
            return node.name
        case n.Number():
            return node.text
        case n.ListLiteral():
            return f"[{', '.join(map(shape, node.items))}]"
        case n.LambdaNode():
            return f"\\{','.join(p.name for p in node.parameters)}.{type(node.body).__name__}"
        case n.Reference():
            return f"{node.type.text}::{node.name}"
    return type(node).__name__


def expression(text: str) -> str:
    (statement,) = parse(f"return {text};").body.statements
    assert isinstance(statement, n.Return)
    assert statement.value is not None
    return shape(statement.value)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a || b && c | d ^ e & f", "(a || (b && (c | (d ^ (e & f)))))"),
        ("a == b < c << d", "(a == (b < (c << d)))"),
        ("a =~ b + c", "(a =~ (b + c))"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a ?: b ?: c", "(a ?: (b ?: c))"),
        ("a ?: b ? c : d", "((a ?: b) ? c : d)"),
        ("a = b = c", "(a = (b = c))"),
        ("a += b ? c : d", "(a += (b ? c : d))"),
        ("!a == b", "((!a) == b)"),
        ("- -a", "(-(-a))"),
        ("a instanceof List == b", "((a is List) == b)"),
        ("(int)-a", "<int>(-a)"),
        ("(a) - b", "(a - b)"),
        ("(List)a.b", "<List>a.b"),
        ("(a)[0]", "a[0]"),
        ("(List)[1, 2]", "<List>[1, 2]"),
        ("(def[])a", "<def[]>a"),
        ("a?.b.c", "a?.b.c"),
        (
            "a.m(x -> x, (y, z) -> { return y; }, String::length, int[]::new)",
            "a.m(\\x.Name, \\y,z.Block, String::length, int[]::new)",
        ),
    ],
)
def test_operators_bind_as_specified(text: str, tree: str) -> None:
    assert expression(text) == tree


def test_the_place_of_a_node_is_its_dot_and_its_start_its_first_token() -> None:
    (statement,) = parse("return (a).b[1];").body.statements
    assert isinstance(statement, n.Return)
    element = statement.value
    assert isinstance(element, n.Element)
    assert (element.start, element.at) == (7, 12)
    assert (element.target.start, element.target.at) == (7, 10)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("return 'a' 'b';", 11, "unexpected token [''b''] was expecting one of [{<EOF>, ';'}]."),
        ("if (a == 1 { return 'x'; }", 11, "unexpected token ['{'] was expecting one of [')']."),
        ("if (a) { return 'x' 'y'; }", 20, "invalid sequence of tokens near [''y'']."),
        ("try { a(); } return 'b';", 13, "unexpected token ['return'] was expecting one of ['catch']."),
        ("String f(a) { return a; }", 10, "unexpected token [')'] was expecting one of [ID]."),
        ("return 'a' + ;", 13, "invalid sequence of tokens near [';']."),
        ("return [1, ];", 11, "invalid sequence of tokens near [']']."),
        ("{ def a; }", 0, "invalid sequence of tokens near ['{']."),
        ("return 'a';;", 11, "unexpected token [';'] was expecting one of [<EOF>]."),
        ("return 'a'; }", 12, "unexpected token ['}'] was expecting one of [<EOF>]."),
        ("return f(1 2);", 11, "unexpected token ['2'] was expecting one of [')']."),
        ("return f('a'", 12, "unexpected token ['<EOF>'] was expecting one of [')']."),
        ("a(); def = 1;", 9, "unexpected token ['='] was expecting one of [ID]."),
        (";", 0, "invalid sequence of tokens near [';']."),
        ("if (a) { return 'x';", 20, "unexpected end of script."),
        ("return a; String f() { return 'x'; }", 18, "unexpected token ['('] was expecting one of [{<EOF>, ';'}]."),
        ("def x = a -> a;", 10, "unexpected token ['->'] was expecting one of [{<EOF>, ';'}]."),
        ("return a?.[0];", 10, "unexpected character [[]."),
        ("return 'a'; /", 12, "unexpected token ['/'] was expecting one of [<EOF>]."),
    ],
)
def test_a_wrong_token_is_named_at_its_place(text: str, at: int, message: str) -> None:
    with pytest.raises(CompileProblem) as caught:
        parse(text)
    assert (caught.value.offset, caught.value.cause.message) == (at, message)


def test_a_long_chain_of_else_if_is_no_nesting() -> None:
    text = " else ".join(f"if (a == {i}) {{ return 'x'; }}" for i in range(400))
    assert len(parse(text).body.statements) == 1
