"""Endpoint patterns: what their author meant is let through, what only their text allows is not (D-26, S-02)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.cluster_settings import DEFAULT_TRUSTED
from fairlead.java.regex import PatternFault, compile_java
from fairlead.security.patterns import EndpointPattern

CASES = json.loads((Path(__file__).parent / "cases" / "patterns.json").read_text())
MATCHES = [(case["pattern"], url) for case in CASES for url in case["matches"]]
REFUSES = [(case["pattern"], url) for case in CASES for url in case["refuses"]]


@pytest.mark.parametrize(("pattern", "url"), MATCHES)
def test_a_url_is_admitted_that_the_author_meant(pattern: str, url: str) -> None:
    assert EndpointPattern(pattern).matches(url)


@pytest.mark.parametrize(("pattern", "url"), REFUSES)
def test_a_url_is_refused_that_the_author_did_not_mean(pattern: str, url: str) -> None:
    assert not EndpointPattern(pattern).matches(url)


@pytest.mark.parametrize("pattern", ["*", "(", "^https://[a-z$", "a**", r"\p{Nonsense}"])
def test_what_is_no_java_pattern_is_told(pattern: str) -> None:
    with pytest.raises(PatternFault):
        EndpointPattern(pattern)


def test_a_pattern_with_too_many_alternatives_falls_back_to_the_whole_with_the_path_left_out() -> None:
    pattern = EndpointPattern("^https://(?:a/|b)(?:a/|b)(?:a/|b)(?:a/|b)(?:a/|b)(?:a/|b)(?:a/|b).*$")
    assert not pattern.matches("https://evil.test/a/a/a/a/a/a/a/")
    assert pattern.matches("https://bbbbbbb")


@pytest.mark.parametrize(
    ("pattern", "origin", "admitted"),
    [
        (r"^http://127\.0\.0\.1:.*$", "http://127.0.0.1:9955", True),
        (r"^http://127\.0\.0\.1:.*$", "http://127.0.0.2:9955", False),
        (r"^http://ollama\.internal:11434/v1/.*$", "http://ollama.internal:11434", True),
        (r"^http://ollama\.internal:11434/v1/.*$", "http://ollama.internal:80", False),
    ],
)
def test_an_origin_is_admitted_when_some_url_under_it_can_match(pattern: str, origin: str, admitted: bool) -> None:
    assert EndpointPattern(pattern).admits(origin) is admitted


PIECES = st.lists(
    st.sampled_from(
        [
            "https://",
            "a",
            r"\.",
            ".",
            ".*",
            "/",
            "/v1",
            "(?:a|b)",
            "(a/b|c)",
            "[^/]",
            "[a-z]+",
            "?",
            "$",
            "^",
            "|",
            "(/.*)?",
            r"\Q/x\E",
            "(?i)",
            "(?=a)",
            "b{2}",
            "//",
            ":",
        ]
    ),
    max_size=8,
).map("".join)
TEXTS = st.text("ab./:xv1?#@", max_size=12).map("https://".__add__) | st.text(max_size=10)


@settings(max_examples=400, deadline=None)
@given(pattern=PIECES, url=TEXTS)
def test_a_pattern_never_admits_more_than_its_text_matches(pattern: str, url: str) -> None:
    try:
        whole = compile_java(pattern)
    except PatternFault:
        return
    if EndpointPattern(pattern).matches(url):
        assert whole.fullmatch(url)


HOST = st.text("abcdefgh-.0123456789", min_size=1, max_size=12)
PATH = st.text("abcdefgh./?&=:-_~%+", max_size=40) | st.sampled_from(
    ["a.amazonaws.com/x", "/.amazonaws.com/", "x.amazonaws.com"]
)


@settings(max_examples=400, deadline=None)
@given(
    host=HOST,
    start=st.sampled_from(["bedrock-runtime.", "runtime.sagemaker.", "textract.", ""]),
    path=PATH,
    sep=st.sampled_from("/?#"),
)
def test_no_default_pattern_admits_a_host_outside_its_providers(host: str, start: str, path: str, sep: str) -> None:
    url = f"https://{start}{host}.evil{sep}{path}"
    assert not any(EndpointPattern(pattern).matches(url) for pattern in DEFAULT_TRUSTED)
