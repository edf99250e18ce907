"""Java regular expressions against what JDK 25 answered, their time limit, and the safety rules of settings.

In cases/regex.json a row with `java` differs on purpose: what the JDK answers stands there, what we answer beside it.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import IllegalArgument, IndexOutOfBounds, PatternSyntax
from fairlead.java.regex import JavaPattern, PatternFault, RegexTimeout, compile_java, unsafe_pattern

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases" / "regex.json").read_text())
MATCHES = [case for case in CASES if "find" in case]
FAULTS = [case for case in CASES if "fault" in case]
REPLACEMENTS = [case for case in CASES if "replacement" in case and "fault" not in case]
CATASTROPHE = "(x+x+)+(?<y>[^x])*(?!z)(x+x+)+y"


def groups(pattern: JavaPattern, text: str) -> list[list[str | None]]:
    return [[found.group(n) for n in range(pattern.compiled.groups + 1)] for found in pattern.finditer(text)]


def test_a_pattern_finds_and_matches_what_java_does() -> None:
    wrong = []
    for case in MATCHES:
        pattern = compile_java(case["pattern"])
        if (pattern.fullmatch(case["text"]) is not None) is not case["full"]:
            wrong.append(("full", case))
        if groups(pattern, case["text"]) != case["find"]:
            wrong.append(("find", case))
        first = pattern.search(case["text"])
        if (None if first is None else first.group()) != (case["find"][0][0] if case["find"] else None):
            wrong.append(("search", case))
    assert wrong == []
    assert len(MATCHES) > 500


def test_what_java_refuses_is_refused_with_its_words_and_place() -> None:
    wrong = []
    for case in FAULTS:
        try:
            compile_java(case["pattern"])
        except PatternFault as fault:
            if fault.reason != case["fault"]:
                wrong.append((case, fault.reason))
        else:
            wrong.append((case, "compiled"))
    assert wrong == []
    assert len(FAULTS) > 100


@pytest.mark.parametrize("case", REPLACEMENTS, ids=lambda case: f"{case['pattern']}→{case['replacement']}")
def test_a_replacement_gives_what_java_gives(case: dict[str, Any]) -> None:
    pattern = compile_java(case["pattern"])
    if "error" in case:
        with pytest.raises((IllegalArgument, IndexOutOfBounds)) as raised:
            pattern.sub(case["replacement"], case["text"])
        assert raised.value.reason == case["error"]
    else:
        assert pattern.sub(case["replacement"], case["text"]) == case["value"]


def test_a_count_bounds_the_replacements() -> None:
    assert compile_java("a").sub("b", "aaa", 1) == "baa"
    assert compile_java("a").sub("b", "aaa", 2) == "bba"


def test_keywords_are_javas_flags() -> None:
    assert compile_java(".", dotall=True).fullmatch("\n")
    assert not compile_java(".").fullmatch("\n")
    assert compile_java("k", ignore_case=True).fullmatch("K")
    assert not compile_java("k", ignore_case=True).fullmatch("\N{KELVIN SIGN}")


def test_a_fault_names_description_place_and_pattern() -> None:
    with pytest.raises(PatternSyntax) as raised:
        compile_java("(unclosed")
    fault = raised.value
    assert isinstance(fault, PatternFault)
    assert (fault.description, fault.index, fault.pattern) == ("Unclosed group", 9, "(unclosed")
    assert fault.reason == "Unclosed group near index 9\n(unclosed"
    copy = pickle.loads(pickle.dumps(fault))
    assert (copy.reason, copy.index) == (fault.reason, 9)


def test_nesting_is_bounded() -> None:
    assert compile_java("(" * 90 + "a" + ")" * 90).fullmatch("a")
    for opening in ("(", "[a", "(?:"):
        with pytest.raises(PatternFault):
            compile_java(opening * 5000)


CALLS: dict[str, Callable[[JavaPattern, str], object]] = {
    "fullmatch": JavaPattern.fullmatch,
    "search": JavaPattern.search,
    "finditer": lambda pattern, text: list(pattern.finditer(text)),
    "sub": lambda pattern, text: pattern.sub("", text),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_takes_too_long_is_an_error_of_its_own(call: str) -> None:
    pattern = compile_java(CATASTROPHE, timeout=0.02)
    with pytest.raises(RegexTimeout, match=r"took longer than 0\.02 seconds") as raised:
        CALLS[call](pattern, "x" * 5000)
    assert isinstance(raised.value, IllegalArgument)


def test_many_matches_share_one_time_limit() -> None:
    with pytest.raises(RegexTimeout):
        list(compile_java("a", timeout=0.001).finditer("a" * 1_000_000))


def test_compiled_patterns_are_kept_and_picklable() -> None:
    assert compile_java("a+") is compile_java("a+")
    copy = pickle.loads(pickle.dumps(compile_java("a+")))
    assert copy.pattern == "a+"
    assert copy.fullmatch("aaa")
    assert compile_java.cache_info().maxsize is not None


@pytest.mark.parametrize(
    "pattern", [r"(a+)+", r"(a*)*b", r"x(a?){2}", r"(ab)\1", r"((a)(b+)+)", r"\\1", "(a+)+\n" + "b" * 300]
)
def test_nested_quantifiers_and_back_references_are_unsafe(pattern: str) -> None:
    reason = f"Regex pattern contains nested quantifiers or backreferences that may cause ReDoS: {pattern}"
    assert unsafe_pattern(pattern) == reason


@pytest.mark.parametrize("pattern", [r"^https://api\.openai\.com/.*$", "(ab)+", "(a+)b", "a+)+", r"\0", "x" * 256])
def test_other_patterns_are_safe(pattern: str) -> None:
    assert unsafe_pattern(pattern) is None


NESTED = re.compile(r".*\([^)]*[*+?]\)[*+?{].*", re.DOTALL)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="()*+?{a\n", max_size=14))
def test_unsafe_means_what_the_rule_of_the_original_matches(pattern: str) -> None:
    assert (unsafe_pattern(pattern) is not None) is (NESTED.fullmatch(pattern) is not None)


def test_a_long_pattern_is_refused_after_the_unsafe_ones() -> None:
    assert unsafe_pattern("x" * 257) == f"Regex pattern too long (max 256 chars): {'x' * 257}"


FRAGMENTS = st.sampled_from(
    [
        *"abé01 .^$()[]{}|*+?\\-&,<>:=!#\n\0",
        "(?",
        "(?<n>",
        r"\k<n>",
        r"\Q",
        r"\E",
        r"\p{",
        r"\p{Lu}",
        r"\x{",
        "&&",
        "(?i)",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=12).map("".join) | st.text(max_size=20), st.text(max_size=8))
def test_any_text_compiles_or_is_a_pattern_fault(pattern: str, text: str) -> None:
    try:
        compile_java(pattern).sub(pattern, text)
    except (PatternFault, IllegalArgument, IndexOutOfBounds):
        return


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20).filter(lambda text: "\\E" not in text), st.text(max_size=5))
def test_quoted_text_matches_itself_only(text: str, other: str) -> None:
    pattern = compile_java(f"\\Q{text}\\E") if not text.endswith("\\") else compile_java(f"\\Q{text}")
    assert pattern.fullmatch(text)
    assert (pattern.fullmatch(other) is not None) is (other == text)


@pytest.mark.parametrize(
    "pattern", ["a{1000000000}", "a{300000}", "(a{1000}){1000}", "((a{99}){99}){99}", "a{2,}{1000000}"]
)
def test_a_pattern_that_counts_too_far_is_refused(pattern: str) -> None:
    with pytest.raises(PatternFault, match="Pattern too large"):
        compile_java(pattern)


def test_usual_counts_are_fine() -> None:
    host = r"^https://([a-z0-9]{1,63}\.){1,8}[a-z]{2,24}(:[0-9]{1,5})?/.*$"
    assert compile_java(host).fullmatch("https://api.eu.example.com:443/x")
