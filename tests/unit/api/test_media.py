"""Which form a caller gets: the format parameter, Accept, the type of the request's own body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.api.media import PLAIN, Shape, shape, unacceptable


@pytest.mark.parametrize(
    ("format", "accept", "content_type", "form"),
    [
        (None, None, None, "json"),
        (None, "*/*", None, "json"),
        ("json", None, None, "json"),
        ("yaml", None, None, "yaml"),
        ("YAML", None, None, "yaml"),
        ("yaml", "application/json", "application/json", "yaml"),
        ("json", "application/yaml", "application/yaml", "json"),
        ("xml", None, None, "json"),
        ("", None, None, "json"),
        (None, "application/yaml", None, "yaml"),
        (None, "Application/YAML; charset=utf-8", None, "yaml"),
        (None, "application/json, application/yaml", None, "json"),
        (None, "application/json;q=0.1, application/yaml;q=0.9", None, "yaml"),
        (None, "application/yaml;q=0, application/json", None, "json"),
        (None, "text/html, application/yaml;q=x", None, "yaml"),
        (None, "text/html", None, "json"),
        (None, "application/cbor, application/json;q=0.1", None, "json"),
        (None, "application/cbor, */*", None, "json"),
        (None, "application/cbor", None, "cbor"),
        ("smile", None, None, "smile"),
        (None, None, "application/yaml", "yaml"),
        (None, None, "application/json", "json"),
        (None, "*/*", "application/yaml", "yaml"),
    ],
)
def test_format_comes_before_accept_before_the_bodys_own_type(
    format: str | None, accept: str | None, content_type: str | None, form: str
) -> None:
    assert shape({} if format is None else {"format": format}, accept, content_type).form == form


def test_wishes_are_read_from_the_query_and_bad_ones_are_none() -> None:
    asked = {"pretty": "", "filter_path": "a", "error_trace": "true"}
    assert shape(asked, None, None) == Shape(pretty=True, filter_path="a", trace=True)
    assert shape({"pretty": "maybe", "error_trace": "1"}, None, None) == PLAIN


@pytest.mark.parametrize("form", ["cbor", "smile"])
def test_binary_forms_are_a_406_that_says_what_there_is(form: str) -> None:
    fault = unacceptable(Shape(form))
    assert fault is not None
    assert (fault.status, fault.reason) == (406, f"Replies in [{form}] are not supported; take json or yaml")
    assert unacceptable(Shape("yaml")) is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_header_is_read(accept: str, content_type: str) -> None:
    assert shape({}, accept, content_type).form in ("json", "yaml", "cbor", "smile")
