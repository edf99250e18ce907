"""The public face: compiling, running, envelopes, the default escape, the cache, what is certain to be short."""

from __future__ import annotations

import json
import pickle
import threading
from typing import Any

import pytest

from fairlead.painless import (
    CompileFault,
    RuntimeFault,
    ScriptCache,
    ScriptFailure,
    compile_script,
    supported,
    with_default_escape,
)


def failure(source: str, params: dict[str, Any] | None = None) -> ScriptFailure:
    with pytest.raises(ScriptFailure) as caught:
        compile_script(source).run(params or {})
    return caught.value


def test_the_envelope_is_the_one_of_the_documentation() -> None:
    source = "def generatedText = params.response[0].generated_text;\n def x = 1; return '' + x;"
    assert failure(source).envelope() == {
        "type": "script_exception",
        "reason": "runtime error",
        "script_stack": [
            "generatedText = params.response[0].generated_text;\n def ",
            "                      ^---- HERE",
        ],
        "script": source,
        "lang": "painless",
        "position": {"offset": 26, "start": 4, "end": 60},
        "caused_by": {
            "type": "null_pointer_exception",
            "reason": 'Cannot invoke "Object.getClass()" because "callArgs[0]" is null',
        },
    }


def test_an_entry_of_root_cause_has_no_cause() -> None:
    assert "caused_by" not in failure("return params.a.b;").envelope(cause=False)


def test_a_compile_error_shows_the_text_around_it() -> None:
    fault = failure("def a = params.a; def b = a +; return 'x';")
    assert isinstance(fault, CompileFault)
    assert fault.reason == "compile error"
    assert fault.envelope()["script_stack"][1].endswith("^---- HERE")


def test_a_runtime_error_is_a_runtime_fault_with_the_wire_type() -> None:
    fault = failure("throw new IllegalStateException('no');")
    assert isinstance(fault, RuntimeFault)
    assert (fault.reason, fault.type, fault.cause.message) == ("runtime error", "illegal_state_exception", "no")


def test_a_failure_shows_no_python() -> None:
    shown = json.dumps(failure("return params.a.b.c;", {"a": {"b": 1}}).envelope())
    assert "Traceback" not in shown
    assert ".py" not in shown
    assert "Error:" not in shown


def test_a_failure_keeps_no_frames_alive() -> None:
    fault = failure("def x = params.a; return x.b;")
    assert fault.cause.__traceback__ is None


def test_a_script_can_be_run_again_and_again() -> None:
    script = compile_script("int n = 0; for (x in params.l) { n += x; } return '' + n;")
    assert [script.run({"l": [1, 2]}), script.run({"l": []}), script.run({"l": [5]})] == ["3", "0", "5"]


def test_a_script_runs_in_many_threads_at_once() -> None:
    script = compile_script("def out = []; for (x in params.l) { out.add(x * 2); } return '' + out;")
    answers: list[str | None] = []

    def work(n: int) -> None:
        answers.extend([script.run({"l": [n, n]}) for _ in range(50)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers, key=str) == sorted([f"[{2 * n}, {2 * n}]" for n in range(4)] * 50)


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("return params.a;", True),
        ("if (params.a == 1) { return 'x'; } return params.b.join(',');", True),
        ("for (x in params.l) { params.n = x; } return 'x';", False),
        ("while (params.n == 1) { params.n = 2; } return 'x';", False),
        ("String f() { return 'x'; } return f();", False),
        ("String f() { return 'x'; } return 'y';", True),
        ("return '' + params.l.stream().map(x -> x).count();", False),
    ],
)
def test_only_straight_line_code_is_certain_to_be_short(source: str, short: bool) -> None:
    assert compile_script(source).certain_short is short


def test_source_longer_than_the_limit_does_not_compile() -> None:
    fault = failure("return '" + "x" * 65_530 + "';")
    assert fault.envelope()["caused_by"]["reason"].startswith(
        "exceeded max allowed inline script size in bytes [65535] with size [65540] for script ["
    )
    assert compile_script("return '" + "x" * 65_000 + "';").run({}) == "x" * 65_000


# The default escape ---------------------------------------------------------------------------------------------------


def escaped(text: str, proper: bool) -> str | None:
    return compile_script(with_default_escape("return escape(params.t);", proper)).run({"t": text})


def test_the_proper_escape_makes_a_json_string_of_any_text() -> None:
    text = 'a "q" \\ \\t \t \r\n \b \f é 😀'
    shown = escaped(text, True)
    assert json.loads(f'"{shown}"') == text


def test_the_original_escape_keeps_tabs_and_multiplies_backslashes_before_a_t() -> None:
    assert escaped("a\tb", False) == "a\tb"
    assert escaped("\\t", False) == "\\\\\\\\t"
    assert escaped('"\\\n', False) == '\\"\\\\\\n'


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("return escape(params.t);", True),
        ("return escape (params.t);", True),
        ("// escape( it\nreturn 'x';", True),
        ("return params.t.escape(1);", True),
        ("String escape(def x) { return x; } return escape(params.t);", False),
        ("String escape ( String x ) { return x; } return escape(params.t);", False),
        ("return unescape(params.t);", False),
        ("return params.escape;", False),
    ],
)
def test_the_text_alone_decides_whether_escape_is_put_in_front(source: str, needed: bool) -> None:
    given = with_default_escape(source, True)
    assert given.endswith(source)
    assert (given != source) is needed


# The cache ------------------------------------------------------------------------------------------------------------


def test_a_text_is_compiled_once() -> None:
    cache = ScriptCache(2)
    assert cache.get("return 'a';") is cache.get("return 'a';")


def test_the_longest_unused_script_is_dropped() -> None:
    cache = ScriptCache(2)
    first = cache.get("return 'a';")
    cache.get("return 'b';")
    assert cache.get("return 'a';") is first
    cache.get("return 'c';")
    assert len(cache) == 2
    assert cache.get("return 'a';") is first


def test_a_script_that_does_not_compile_is_remembered_with_its_error() -> None:
    cache = ScriptCache(2)
    faults = []
    for _ in range(2):
        with pytest.raises(CompileFault) as caught:
            cache.get("return ;;")
        faults.append(caught.value)
    assert faults[0] is not faults[1]
    assert faults[0].envelope() == faults[1].envelope()
    assert len(cache) == 1


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ScriptCache(0)


# The allowlist --------------------------------------------------------------------------------------------------------


def test_the_supported_list_names_class_member_and_tier() -> None:
    rows = supported()
    assert ("java.lang.String", "replace/2", 1) in rows
    assert ("java.lang.Math", "round/1", 2) in rows
    assert all(tier in (1, 2) for _, _, tier in rows)
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(
    "member", ["split/1", "matches/1", "strip/0", "isBlank/0", "repeat/1", "getBytes/0", "getClass/0"]
)
def test_what_the_specification_leaves_out_of_string_is_not_there(member: str) -> None:
    assert ("java.lang.String", member, 1) not in supported()


def test_a_failure_can_cross_a_process_border_as_its_envelope() -> None:
    envelope = failure("return params.a.b;").envelope()
    assert pickle.loads(pickle.dumps(envelope)) == envelope
