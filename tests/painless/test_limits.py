"""Every budget ends a script with its documented error, in bounded time and memory (spec 04 sections 14 and 18.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairlead.painless import DEFAULT, CompileFault, Limits, RuntimeFault, ScriptFailure, compile_script

LOOP = "The maximum number of statements that can be executed in a loop has been reached."
HEAP = ("out_of_memory_error", "Java heap space")


def cause(source: str, params: dict[str, Any] | None = None, limits: Limits = DEFAULT) -> tuple[str, str | None]:
    with pytest.raises(ScriptFailure) as caught:
        compile_script(source).run(params or {}, limits=limits)
    shown = caught.value.envelope()["caused_by"]
    return shown["type"], shown["reason"]


def test_a_loop_may_run_999999_times_in_one_call() -> None:
    source = "int n = 0; for (int i = 0; i < params.n; i++) { n++; } return '' + n;"
    assert compile_script(source).run({"n": 999_999}) == "999999"
    assert cause(source, {"n": 1_000_000}) == ("painless_error", LOOP)


def test_loops_of_one_call_share_the_allowance() -> None:
    source = "for (int i = 0; i < 500; i++) { params.n = i; } for (x in params.l) { params.n = x; } return 'x';"
    limits = replace(DEFAULT, loop=1000)
    assert compile_script(source).run({"l": [0] * 499}, limits=limits) == "x"
    assert cause(source, {"l": [0] * 500}, limits) == ("painless_error", LOOP)


def test_each_call_of_a_function_has_its_own_allowance_but_all_steps_are_counted() -> None:
    source = (
        "int f() { int n = 0; for (int i = 0; i < 900; i++) { n++; } return n; }"
        " int t = 0; for (int i = 0; i < params.n; i++) { t += f(); } return '' + t;"
    )
    limits = replace(DEFAULT, loop=1000, steps=50_000)
    assert compile_script(source).run({"n": 10}, limits=limits) == "9000"
    kind, reason = cause(source, {"n": 999}, limits)
    assert kind == "circuit_breaking_exception"
    assert reason == "[scripting] the script used up its steps, limit: [50000]"


def test_the_loop_limit_cannot_be_caught() -> None:
    source = "try { while (true) { params.n = 1; } } catch (Exception e) { return 'caught'; }"
    assert cause(source, {}, replace(DEFAULT, loop=500)) == ("painless_error", LOOP)


@pytest.mark.parametrize(
    "source",
    [
        "int f(int n) { return f(n + 1); } return '' + f(0);",
        "String f(def a) { return g(a); } String g(def a) { return f(a); } return f(1);",
        "def f(def n) { return [1].stream().map(x -> f(n)).collect(Collectors.toList()); } return '' + f(0);",
        "def l = []; def m = ['l': l]; l.add(m); return '' + l;",
        "def l = []; def m = ['l': l]; l.add(m); return '' + l.hashCode();",
        "def a = []; def b = []; a.add(b); b.add(a); def c = []; def d = []; c.add(d); d.add(c); return '' + (a == c);",
    ],
)
def test_endless_recursion_is_a_stack_overflow(source: str) -> None:
    assert cause(source) == ("stack_overflow_error", None)


def test_200_calls_inside_each_other_are_allowed() -> None:
    source = "int f(int n) { if (n == 0) { return 0; } return 1 + f(n - 1); } return '' + f(params.n);"
    assert compile_script(source).run({"n": 190}) == "190"


def test_depth_is_given_back_when_an_exception_is_caught() -> None:
    source = (
        "def f(def n) { if (n == 0) { throw new Exception('x'); } return f(n - 1); }"
        " int c = 0; for (int i = 0; i < 20; i++) { try { f(100); } catch (Exception e) { c++; } } return '' + c;"
    )
    assert compile_script(source).run({}) == "20"


@pytest.mark.parametrize(
    "source",
    [
        "String s = 'abcdefgh'; for (int i = 0; i < 40; i++) { s += s; } return s;",
        "def s = 'abcdefgh'; for (int i = 0; i < 40; i++) { s = s + s; } return s;",
        "StringBuilder b = new StringBuilder('ab'); for (int i = 0; i < 40; i++) { b.append(b.toString()); } return 'x';",
        "StringBuilder b = new StringBuilder('ab'); for (int i = 0; i < 40; i++) { b.insert(0, b.toString()); } return 'x';",
        "String s = 'aaaa'; for (int i = 0; i < 40; i++) { s = s.replace('a', 'aaaaaaaa'); } return s;",
        "StringBuilder b = new StringBuilder(); b.setLength(2000000000); return b.toString();",
        "def l = ['abcdefgh']; for (int i = 0; i < 60; i++) { l = [l, l]; } return '' + l;",
        "String s = 'a'; for (int i = 0; i < 40; i++) { s = String.join(s, [s, s, s]); } return s;",
        "return String.format('%2000000000d', new def[] {1});",
        "String s = 'ab'; for (int i = 0; i < 40; i++) { s = s.encodeBase64() + s; } return s;",
        "String s = 'ab'; for (int i = 0; i < 40; i++) { s = s.concat(s); } return s;",
        "String s = 'xx'; for (int i = 0; i < 40; i++) { s = /x/.matcher(s).replaceAll('xxxx'); } return s;",
    ],
)
def test_characters_are_bounded(source: str) -> None:
    kind, _ = cause(source, {}, replace(DEFAULT, characters=2_000_000, steps=500_000))
    assert kind in ("out_of_memory_error", "circuit_breaking_exception")


@pytest.mark.parametrize(
    "source",
    [
        "int[] a = new int[2147483647]; return 'x';",
        "def a = new def[50000][50000]; return 'x';",
        "def l = [1]; for (int i = 0; i < 45; i++) { l.addAll(new ArrayList(l)); } return 'x';",
        "return '' + Collections.nCopies(2000000000, 'x').size();",
        "return '' + IntStream.range(0, 2000000000).boxed().collect(Collectors.toList()).size();",
        "def m = [:]; for (int i = 0; i < 900000; i++) { m[i] = i; } return '' + m.size();",
        "def d = new ArrayDeque([1]); while (true) { d.addLast(1); }",
    ],
)
def test_elements_are_bounded(source: str) -> None:
    kind, _ = cause(source, {}, replace(DEFAULT, elements=100_000))
    assert kind == "out_of_memory_error"


@pytest.mark.parametrize(
    "source",
    [
        "return '' + new BigInteger('7').pow(1000000000);",
        "return '' + BigInteger.ONE.shiftLeft(2000000000);",
        "return '' + new BigDecimal('1').setScale(1000000000);",
        "return new BigDecimal('1E1000000000').toPlainString();",
        "return '' + new BigDecimal('1E1000000000').toBigInteger();",
        "return '' + new BigDecimal('1E1000000').add(new BigDecimal('1E-1000000'));",
        "return '' + new BigDecimal('3').pow(999999999);",
        "def b = new BigInteger('99'); for (int i = 0; i < 100; i++) { b = b.multiply(b); } return '' + b;",
        "return '' + new BigInteger(params.digits);",
    ],
)
def test_big_numbers_are_bounded(source: str) -> None:
    kind, reason = cause(source, {"digits": "9" * 100_000})
    assert kind == "circuit_breaking_exception"
    assert str(reason).startswith("[scripting] the script used up its")


def test_an_integer_of_any_exponent_has_its_low_bits() -> None:
    assert compile_script("return '' + new BigDecimal('1E1000000000').intValue();").run({}) == "0"


@pytest.mark.parametrize(
    "pattern",
    ["/(a+)+$/", "/(a|a)*$/", "/(.*a){20}$/"],
)
def test_a_regular_expression_has_little_time(pattern: str) -> None:
    text = "a" * 30_000 + "!"
    kind, reason = cause(f"return '' + (params.s ==~ {pattern});", {"s": text}, replace(DEFAULT, regex_seconds=0.02))
    assert kind == "circuit_breaking_exception"
    assert str(reason).startswith("[scripting] Regular expression considered too many characters, pattern: [")


def test_a_regular_expression_sees_a_bounded_text() -> None:
    kind, _ = cause("return '' + (params.s =~ /b/);", {"s": "a" * 1001}, replace(DEFAULT, regex_input=1000))
    assert kind == "circuit_breaking_exception"


def test_time_is_looked_at_while_a_script_runs() -> None:
    readings = iter(range(1_000_000))
    script = compile_script("int n = 0; for (int i = 0; i < 900000; i++) { n++; } return '' + n;")
    with pytest.raises(RuntimeFault) as caught:
        script.run({}, deadline=10, clock=lambda: float(next(readings)))
    assert caught.value.envelope()["caused_by"] == {
        "type": "circuit_breaking_exception",
        "reason": "[scripting] the script used up its time",
    }
    assert 11 <= next(readings) <= 13


def test_a_limit_cannot_be_caught_and_run_on() -> None:
    source = "int n = 0; while (n < 100) { try { String s = 'x'; while (true) { s += s; } } catch (Exception e) { n++; } } return 'x';"
    assert cause(source, {}, replace(DEFAULT, characters=10_000)) == HEAP


@pytest.mark.parametrize("depth", [200, 3000, 9000])
@pytest.mark.parametrize(("left", "right"), [("(", ")"), ("[", "]"), ("!", ""), ("- ", ""), ("['a':", "]")])
def test_deep_nesting_in_the_source_is_a_stack_overflow_of_the_compiler(depth: int, left: str, right: str) -> None:
    with pytest.raises(CompileFault) as caught:
        compile_script("return '' + " + left * depth + "1" + right * depth + ";")
    shown = caught.value.envelope()
    assert shown["caused_by"] == {"type": "stack_overflow_error", "reason": None}
    assert shown["script_stack"] == []
    assert "position" not in shown


def ended(source: str) -> str:
    try:
        compile_script(source).run({"a": 1})
    except ScriptFailure as failure:
        return failure.type
    return "result"


def test_long_sources_of_any_shape_compile_or_fail_as_scripts() -> None:
    for source in (
        "return '' + " + " + ".join(["1"] * 8000) + ";",
        "return '' + " + " * ".join(["params.a"] * 5000) + ";",
        "return params" + ".a" * 8000 + ";",
        "".join(f"if (params.a == {n}) {{ return 'x'; }} else " for n in range(900)) + "{ return 'y'; }",
        "if (params.a == 1) { " * 2000 + "return 'x';" + "}" * 2000,
        "/* */" * 10_000 + "$",
        "'" + "\\\\" * 20_000,
    ):
        assert ended(source) in ("result", "stack_overflow_error", "illegal_argument_exception")
