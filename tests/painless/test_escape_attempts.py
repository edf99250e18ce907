"""Attempts to get out: Python names, format strings, classes of the JVM, and values that are not the model's."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from fairlead.painless import RuntimeFault, ScriptFailure, compile_script
from fairlead.painless import types as painless_types

DUNDERS = [
    "__class__",
    "__dict__",
    "__mro__",
    "__subclasses__",
    "__globals__",
    "__builtins__",
    "__import__",
    "__getattribute__",
    "__reduce__",
    "__init__",
    "__call__",
    "__code__",
    "__bases__",
    "func_globals",
    "gi_frame",
    "f_locals",
    "parts",
    "items",
    "map",
    "state",
    "call",
    "unscaled",
    "kind",
]

VALUES: dict[str, Any] = {"string": "x", "list": [1], "map": {"k": 1}, "int": 1, "double": 1.5, "bool": True}


def outcome(source: str, params: dict[str, Any]) -> str | None:
    """The result, or the wire type of the failure."""
    try:
        return compile_script(source).run(params)
    except ScriptFailure as failure:
        shown = json.dumps(failure.envelope()["caused_by"])
        for word in ("Traceback", "object at 0x", "<class", "fairlead", "python", "AttributeError"):
            assert word not in shown
        return failure.type


@pytest.mark.parametrize("name", DUNDERS)
@pytest.mark.parametrize("value", [v for v in VALUES if v != "map"])
def test_a_python_name_is_no_member_of_a_value(name: str, value: str) -> None:
    for access in (f"params.v.{name}", f"params.v.{name}()", f"params.v.{name}(1)"):
        assert outcome(f"return '' + {access};", {"v": VALUES[value]}) == "illegal_argument_exception"


@pytest.mark.parametrize("name", DUNDERS)
def test_a_python_name_in_a_map_is_a_key_like_any_other(name: str) -> None:
    assert outcome(f"return '' + params.v.{name};", {"v": {}}) == "null"
    assert outcome(f"params.v.{name} = 'x'; return '' + params.v;", {"v": {}}) == f"{{{name}=x}}"
    assert outcome(f"return '' + params.v.{name}();", {"v": {}}) == "illegal_argument_exception"


@pytest.mark.parametrize(
    "target",
    [
        "new StringBuilder()", "[1].iterator()", "[1].stream()", "['a':1].entrySet()", "/a/", "/a/.matcher('a')",
        "new BigDecimal('1')", "Comparator.naturalOrder()", "new int[1]", "Optional.of(1)", "UUID.fromString('1-1-1-1-1')",
        "new Exception('x')", "[1, 2].subList(0, 1)", "new ArrayDeque()", "Base64.getEncoder()",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["__class__", "parts", "items", "state", "map", "call", "compiled", "kind", "parent"])
def test_the_insides_of_library_values_cannot_be_reached(target: str, name: str) -> None:
    if target == "[1, 2].subList(0, 1)":
        assert outcome(f"def x = {target}; return '' + x.{name};", {}) == "illegal_argument_exception"
        return
    assert outcome(f"def x = {target}; return '' + x.{name};", {}) == "illegal_argument_exception"
    assert outcome(f"def x = {target}; x.{name} = 1; return 'y';", {}) == "illegal_argument_exception"


@pytest.mark.parametrize(
    "source",
    [
        "return params.t.replace('{x}', '{0.__class__.__mro__}');",
        "return String.format('{0.__class__} %s', new def[] {params.t});",
        "return String.format('%(x)s %s', new def[] {params.t});",
        "return String.format(params.t, new def[] {1});",
        "return '' + ['{0.__class__}': params.t];",
        "return /x/.matcher('x').replaceAll('\\\\g<0>{0.__class__}');",
    ],
)
def test_format_strings_of_python_mean_nothing(source: str) -> None:
    shown = outcome(source, {"t": "{0.__class__} %(a)s \\x41 %n"})
    assert shown is not None
    assert "<class" not in shown


@pytest.mark.parametrize(
    "source",
    [
        "return '' + Runtime.getRuntime();",
        "return '' + Class.forName('java.lang.Runtime');",
        "return '' + Thread.currentThread();",
        "return '' + System.getenv();",
        "return '' + System.getProperty('user.home');",
        "return '' + java.lang.Runtime.getRuntime().exec('id');",
        "def f = new java.io.FileReader('/etc/passwd'); return '' + f;",
        "return '' + String.class;",
        "return '' + ''.getClass().forName('x');",
        "return '' + Math.class;",
        "return '' + new Thread();",
        "return '' + Json.dump(params);",
    ],
)
def test_classes_outside_the_allowlist_do_not_exist(source: str) -> None:
    assert outcome(source, {}) == "illegal_argument_exception"


@pytest.mark.parametrize(
    "value", [b"x", (1,), {1}, object(), len, 1j, range(3), type, json], ids=lambda value: type(value).__name__
)
def test_a_python_value_that_is_no_model_value_cannot_be_used(value: Any) -> None:
    script = compile_script("return '' + params.v.size();")
    with pytest.raises(RuntimeFault):
        script.run({"v": value})


def test_no_row_of_the_allowlist_leads_to_a_python_builtin_that_runs_or_opens() -> None:
    dangerous = {getattr(builtins, name) for name in ("eval", "exec", "compile", "open", "getattr", "setattr", "vars")}
    for kind in painless_types.allowed_types():
        for method in [*kind.own, *kind.statics.values(), *kind.constructors.values()]:
            assert method.run not in dangerous


@pytest.mark.parametrize(
    "key",
    ["__proto__", "constructor", "__class__", "\u0000", "'; import os; os.abort() #", "${jndi:ldap://x}", "{{7*7}}"],
)
def test_keys_and_texts_are_data(key: str) -> None:
    assert outcome("def m = [:]; m[params.k] = params.k; return m[params.k];", {"k": key}) == key
