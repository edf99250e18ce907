"""One reading of a URL: what is accepted, what is refused and in which words."""

from __future__ import annotations

import json
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import IllegalArgument, UriSyntax
from fairlead.security.url import address_of, compressed, parse_url

CASES = json.loads((Path(__file__).parent / "cases" / "urls.json").read_text())


def shown(case: dict[str, Any]) -> str:
    return ascii(case["url"])[:60]


@pytest.mark.parametrize("case", CASES["accepted"], ids=shown)
def test_a_url_is_read_into_what_will_be_dialled_and_sent(case: dict[str, Any]) -> None:
    url = parse_url(case["url"])
    assert (url.scheme, url.host, url.port, url.target.decode("ascii"), url.origin, url.host_header) == (
        case["scheme"], case["host"], case["port"], case["target"], case["origin"], case["host_header"],
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES["refused"], ids=shown)
def test_what_could_be_read_in_two_ways_is_refused_in_the_words_of_the_original(case: dict[str, Any]) -> None:
    with pytest.raises(IllegalArgument) as caught:
        parse_url(case["url"])
    assert type(caught.value) is IllegalArgument
    assert (caught.value.status, caught.value.reason) == (400, case["reason"])
    cause = caught.value.cause
    assert cause is not None
    assert cause.reason == case["cause"]
    assert isinstance(cause.cause, UriSyntax) == case["syntax"]
    assert cause.cause is None or cause.cause.reason == case["cause"]


@pytest.mark.parametrize("case", CASES["accepted"], ids=shown)
def test_an_origin_is_a_url_of_the_same_origin(case: dict[str, Any]) -> None:
    assert parse_url(case["origin"]).origin == case["origin"]


URLS = (
    st.text("hHtTpPsS:/.@[]%?#\\0123456789abcxé １。_- \t\n{}$", max_size=40).map(lambda text: "https://" + text)
    | st.text()
)


@settings(max_examples=400)
@given(text=URLS)
def test_any_text_is_a_url_that_others_read_the_same_way_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except IllegalArgument:
        return
    assert url.host.isascii()
    assert 0 < url.port < 65536
    split = urlsplit(f"{url.scheme}://{url.host_header}{url.target.decode('ascii')}")
    assert (split.username, split.password) == (None, None)
    assert split.hostname == url.host
    assert (split.port or {"http": 80, "https": 443}[url.scheme]) == url.port
    assert parse_url(split.geturl()).host == url.host


@pytest.mark.parametrize("host", ["fe80::1%eth0", "fe80::1%25", "::g", "1::2::3"])
def test_a_literal_with_a_zone_or_without_sense_is_no_address(host: str) -> None:
    with pytest.raises(IllegalArgument):
        address_of(host)


@settings(max_examples=200)
@given(number=st.integers(0, 2**128 - 1) | st.integers(0, 2**48 - 1), mask=st.integers(0, 255))
def test_the_shortest_text_of_an_ipv6_address_reads_back(number: int, mask: int) -> None:
    kept = sum(0xFFFF << 16 * bit for bit in range(8) if mask >> bit & 1)
    address = IPv6Address(number & kept)
    text = compressed(address)
    assert IPv6Address(text) == address
    if address.ipv4_mapped is None:  # Python 3.13 prints these in another way, hence the function
        assert text == str(address)
