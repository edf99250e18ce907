"""URLs from templates: what goes in as written, what is encoded, and that a caller never leaves the place given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead.api.decode.fields import flatten
from fairlead.engine.parameters import Parameters
from fairlead.engine.url import UrlTemplate
from fairlead.errors import FairleadError, IllegalArgument

CASES = json.loads((Path(__file__).parent / "cases" / "url.json").read_text("utf-8"))["cases"]


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


def rendered(url: str, owned: dict[str, str], request: dict[str, Any]) -> str:
    values = {name: flatten(value) for name, value in request.items()}
    return UrlTemplate(url, owned).render(Parameters(owned, values))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_url_becomes(case: dict[str, Any]) -> None:
    parts = case["url"], case.get("connector", {}), case.get("request", {})
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            rendered(*parts)
        assert caught.value.reason == case["error"]
    else:
        assert rendered(*parts) == case["result"]


def test_every_name_that_can_change_the_url_is_known_nested_ones_too() -> None:
    owned = {"a": "x${parameters.b}", "b": "${parameters.a}${parameters.c:-d}", "unused": "${parameters.e}"}
    assert UrlTemplate("https://h/${parameters.a}", owned).names == {"a", "b", "c"}


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


VALUES = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["..", ".", "/", "//evil.example/", "https://evil.example/", "@evil.example", "?x=1", "#f", "\\..\\", "a\r\nb", "%2e%2e",
     "%2F", "..%2f", "&a=b", ";p", "\x00", "evil.example:80", "\ud800", "é", "${parameters.own}", ""]
)  # fmt: skip
TEMPLATES = ["https://h:1/v1/${parameters.v}/x/${parameters.w}?a=${parameters.v}&b=${parameters.w}&c"]
TEMPLATES += [
    "https://${parameters.own}/p${parameters.v}/${parameters.w}",
    "http://h/${parameters.nested}#${parameters.w}",
]
OWNED = {"own": "h:1", "nested": "n/${parameters.v}-/${parameters.w}?q=${parameters.w}"}


@settings(max_examples=300, deadline=None)
@given(url=st.sampled_from(TEMPLATES), v=VALUES, w=VALUES)
@example(url=TEMPLATES[0], v="..", w="")
def test_a_callers_value_never_changes_scheme_host_or_structure(url: str, v: str, w: str) -> None:
    template = UrlTemplate(url, OWNED)
    expected = urlsplit(template.render(Parameters(OWNED, {"v": "V", "w": "W"})))
    out = tried(lambda: template.render(Parameters(OWNED, {"v": v, "w": w})))
    if isinstance(out, FairleadError):
        assert isinstance(out, IllegalArgument)
        assert {v, w} & {".", ".."}
        return
    assert out.isascii()
    assert not set(out) & set(' \r\n\t\x00\\"<>^`{|}')
    seen = urlsplit(out)
    assert (seen.scheme, seen.netloc) == (expected.scheme, expected.netloc)
    segments, wanted = seen.path.split("/"), expected.path.split("/")
    assert len(segments) == len(wanted)
    assert not {".", ".."} & set(segments)
    fields = [pair.split("=") for pair in seen.query.split("&")]
    assert [field[0] for field in fields] == [pair.split("=")[0] for pair in expected.query.split("&")]
    for segment, want in zip(segments, wanted, strict=True):
        filled = re.sub("[VW]", lambda match: {"V": v, "W": w}[match[0]], want)
        assert unquote(segment) == filled.encode("utf-8", "replace").decode()


@settings(max_examples=100, deadline=None)
@given(v=VALUES)
def test_a_host_that_is_given_stays_inside_the_authority(v: str) -> None:
    out = UrlTemplate("https://${parameters.v}/v1?a=b", {}).render(Parameters({}, {"v": v}))
    rest = out.removeprefix("https://")
    assert rest.endswith("/v1?a=b")
    assert not set(rest.removesuffix("/v1?a=b")) & set("/?#@\\ \r\n\x00")
