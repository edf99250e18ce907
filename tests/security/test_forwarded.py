"""Who the client is behind proxies (T-27)."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.security.forwarded import Proxies

CASES = json.loads((Path(__file__).parent / "cases" / "forwarded.json").read_text("utf-8"))
PROXIES = Proxies(["10.0.0.0/8"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['why']}: {case['headers']}")
def test_the_client_is_the_first_from_the_right_that_no_proxy_is(case: dict[str, Any]) -> None:
    pairs = case["headers"].items() if isinstance(case["headers"], dict) else case["headers"]
    headers = [(name.encode(), value.encode()) for name, value in pairs]
    assert PROXIES.client(case["peer"], headers) == case["client"]


@given(st.sampled_from([b"forwarded", b"x-forwarded-for"]), st.binary(max_size=60))
def test_any_header_gives_an_address(name: bytes, value: bytes) -> None:
    assert ip_address(PROXIES.client("10.0.0.1", [(name, value)]))
