"""Every member of the allowlist is called, also with nulls and extremes: a result or a Java exception, no fault of ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from fairlead.painless import CompileFault, Limits, RuntimeFault, compile_script
from fairlead.painless.types import Type, allowed_types

SMALL = Limits(loop=10_000, steps=20_000, elements=20_000, characters=100_000, regex_seconds=0.05)

PRIMITIVES = {
    "int": ["1", "-1", "2147483647"],
    "long": ["1L", "-1L", "9223372036854775807L"],
    "double": ["1.5", "0.0/0", "1e308"],
    "float": ["1.5f"],
    "boolean": ["true"],
    "char": ["(char)'a'", "(char)0xD800"],
    "byte": ["(byte)1"],
    "short": ["(short)1"],
}
OBJECTS = {
    "java.lang.String": "'ab'",
    "java.lang.CharSequence": "'ab'",
    "java.lang.Comparable": "'ab'",
    "java.lang.Number": "Integer.valueOf(4)",
    "java.lang.Boolean": "Boolean.TRUE",
    "java.lang.Character": "Character.valueOf((char)'c')",
    "java.lang.Byte": "Byte.valueOf((byte)1)",
    "java.lang.Short": "Short.valueOf((short)1)",
    "java.lang.Integer": "Integer.valueOf(3)",
    "java.lang.Long": "Long.valueOf(3L)",
    "java.lang.Float": "Float.valueOf(1f)",
    "java.lang.Double": "Double.valueOf(1.5)",
    "java.lang.Iterable": "[1, 2]",
    "java.util.Collection": "[1, 2]",
    "java.util.List": "[1, 2, 3]",
    "java.util.ArrayList": "[3, 1]",
    "java.util.Vector": "new Vector([1, 2])",
    "java.util.Map": "['a': 1]",
    "java.util.HashMap": "['a': 1, 'b': 2]",
    "java.util.Map.Entry": "['a': 1].entrySet().iterator().next()",
    "java.util.Set": "['a': 1].keySet()",
    "java.util.SortedSet": "new TreeSet()",
    "java.util.NavigableSet": "new TreeSet()",
    "java.util.SortedMap": "new TreeMap()",
    "java.util.NavigableMap": "new TreeMap()",
    "java.util.Queue": "new ArrayDeque([1, 2])",
    "java.util.Deque": "new ArrayDeque([1])",
    "java.util.Iterator": "[1].iterator()",
    "java.util.ListIterator": "[1, 2].listIterator()",
    "java.util.Comparator": "Comparator.naturalOrder()",
    "java.util.Locale": "Locale.ROOT",
    "java.util.Optional": "Optional.of(1)",
    "java.util.OptionalInt": "OptionalInt.of(1)",
    "java.util.OptionalLong": "OptionalLong.of(1L)",
    "java.util.OptionalDouble": "OptionalDouble.of(1.0)",
    "java.util.IntSummaryStatistics": "IntStream.range(0, 3).summaryStatistics()",
    "java.util.LongSummaryStatistics": "LongStream.range(0L, 3L).summaryStatistics()",
    "java.util.DoubleSummaryStatistics": "DoubleStream.empty().summaryStatistics()",
    "java.util.StringJoiner": "new StringJoiner(',')",
    "java.util.StringTokenizer": "new StringTokenizer('a b')",
    "java.util.UUID": "UUID.fromString('1-2-3-4-5')",
    "java.util.Base64.Encoder": "Base64.getEncoder()",
    "java.util.Base64.Decoder": "Base64.getDecoder()",
    "java.util.regex.Pattern": "/a(?<n>b)/",
    "java.util.regex.Matcher": "/a(?<n>b)/.matcher('xaby')",
    "java.util.stream.BaseStream": "[1].stream()",
    "java.util.stream.Stream": "[1, 2].stream()",
    "java.util.stream.IntStream": "IntStream.range(0, 4)",
    "java.util.stream.LongStream": "LongStream.range(0L, 4L)",
    "java.util.stream.DoubleStream": "DoubleStream.empty()",
    "java.util.stream.Collector": "Collectors.toList()",
    "java.math.BigDecimal": "new BigDecimal('1.5')",
    "java.math.BigInteger": "new BigInteger('7')",
    "java.math.MathContext": "MathContext.DECIMAL32",
    "java.math.RoundingMode": "RoundingMode.HALF_UP",
}
ARRAYS = {"def": "new def[] {1, 'a', null}", "byte": "new byte[] {1, 2}", "char": "'xyz'.toCharArray()"}
RESULTS = {"void": "a.hashCode()", "boolean": "true", "int": "1", "long": "1L", "double": "1.5"}


def arguments(kind: Type) -> list[str]:
    """Values of a type as a script writes them."""
    if kind.primitive:
        return PRIMITIVES[kind.name]
    if kind.component is not None:
        return [
            "null",
            f"new {kind.component.path}[0]",
            ARRAYS.get(kind.component.name, f"new {kind.component.path}[2]"),
        ]
    if kind.functional is not None:
        names = "abcd"[: len(kind.functional.parameters)]
        body = RESULTS.get(kind.functional.result.name, "a") if names else "1"
        return [f"({', '.join(names)}) -> {body}", f"({', '.join(names)}) -> null", "null"]
    if kind.name in ("def", "java.lang.Object"):
        return ["1", "'x'", "null", "[1]", "2.5", "['a': 1]"]
    found = ["null"]
    if kind.name in OBJECTS:
        found.append(OBJECTS[kind.name])
    if kind.name in ("java.lang.String", "java.lang.CharSequence"):
        found += ["''", "'1.2'", "'😀x'"]
    return found


def receiver(kind: Type) -> str | None:
    if kind.name in OBJECTS:
        return OBJECTS[kind.name]
    return f"new {kind.path}()" if 0 in kind.constructors else None


def scripts(kind: Type) -> Iterator[str]:
    """Calls of every member of a class, statically and through def."""
    made = receiver(kind)
    for method in kind.statics.values():
        for given in _combinations(method.parameters):
            yield _shown("", f"{kind.path}.{method.name}({given})", method.result)
    for count, constructor in kind.constructors.items():
        for given in _combinations(constructor.parameters):
            yield _shown("", f"new {kind.path}({given})", kind)
        assert count == len(constructor.parameters)
    if made is None or kind.functional is not None:
        return
    for method in kind.methods.values():
        for given in _combinations(method.parameters):
            for declared in (kind.path, "def"):
                yield _shown(f"{declared} r = {made}; ", f"r.{method.name}({given})", method.result)


def _combinations(parameters: tuple[Type, ...]) -> Iterator[str]:
    for chosen in itertools.islice(itertools.product(*map(arguments, parameters)), 10):
        yield ", ".join(chosen)


def _shown(before: str, call: str, result: Type) -> str:
    if result.name == "void":
        return f"{before}{call}; return 'x';"
    return f"{before}def z = {call}; return '' + z;"


def outcome(script: str) -> str:
    """What became of a script: `result`, or the kind of its failure."""
    try:
        compiled = compile_script(script)
    except CompileFault:
        return "refused"
    try:
        result = compiled.run({}, limits=SMALL)
    except RuntimeFault as failure:
        return failure.type
    assert type(result) is str, script
    return "result"


@pytest.mark.parametrize("kind", allowed_types(), ids=lambda kind: kind.path)
def test_every_member_gives_a_result_or_a_java_exception(kind: Type) -> None:
    tried = list(scripts(kind))
    outcomes = set(map(outcome, tried))
    assert outcomes - {"refused"} or not tried
    assert "illegal_state_exception" not in outcomes or kind.path in (
        "Matcher",
        "Iterator",
        "ListIterator",
        "Collectors",
    )
