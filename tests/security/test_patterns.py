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


INTERNAL = r"^https://(?!internal\.example\.com/).*\.example\.com/.*$"


@pytest.mark.parametrize(
    "url",
    [
        "https://internal.example.com/",
        "https://INTERNAL.example.com/",
        "https://internal.example.com./",
        "https://internal.example.com:443/",
        "https://internal.example.com:/",
        "https://internal.example.com:0443/",
        "https://\uff49nternal.example.com/",
        "https://internal\u3002example.com/",
    ],
)
def test_no_spelling_of_a_host_leads_around_what_a_pattern_leaves_out(url: str) -> None:
    wide = INTERNAL.replace(r"\.example\.com/.*$", ".*$")
    assert not EndpointPattern(INTERNAL).matches(url)
    assert not EndpointPattern(wide).matches(url)


def test_what_a_pattern_does_not_leave_out_is_admitted_in_its_own_spelling() -> None:
    assert EndpointPattern(INTERNAL).matches("https://API.example.com/v1")
    assert EndpointPattern(INTERNAL).matches("https://api.example.com/v1/${parameters.x}")
    assert EndpointPattern(r"^https://API\.Example\.com/.*$").matches("https://API.Example.com/v1")


def test_a_negated_class_and_a_look_behind_leave_out_every_spelling_too() -> None:
    assert not EndpointPattern(r"^https://[^i]nternal\.example\.com/.*$").matches("https://Internal.example.com/")
    for url in ("https://x.CORP/", "https://x.corp./", "https://x.corp:443/"):
        assert not EndpointPattern(r"^https://.*(?<!\.corp)/.*$").matches(url)


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
