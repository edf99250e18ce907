"""The table of networks: every row of spec/06 section 12.2, its edges, and the addresses inside addresses."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.security.networks import ROWS, Kind, carried, hextets, judge

CASES = json.loads((Path(__file__).parent / "cases" / "addresses.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["address"]))
def test_an_address_is_judged_by_the_first_network_that_holds_it(case: dict[str, Any]) -> None:
    finding = judge(ip_address(case["address"]))
    found = (None, None) if finding is None else (finding.row.kind.value, finding.row.what)
    assert found == (case["kind"], case["what"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.network))
def test_every_row_counts_somewhere_and_names_its_source(row: Any) -> None:
    edges = (row.network[0], row.network[-1])
    if row.kind is Kind.EMBEDDED:
        assert all(carried(edge) is not None for edge in edges)
    else:
        assert any((finding := judge(edge)) is not None and finding.row is row for edge in edges)
    assert row.source


def test_no_row_is_hidden_behind_a_wider_one() -> None:
    for at, row in enumerate(ROWS):
        for earlier in ROWS[:at]:
            if row.network.version == earlier.network.version:
                assert not row.network.subnet_of(earlier.network)  # type: ignore[arg-type]


@settings(max_examples=300)
@given(number=st.integers(0, 2**32 - 1))
def test_an_address_inside_another_is_judged_like_itself_or_refused(number: int) -> None:
    inner = IPv4Address(number)
    alone = judge(inner)
    for prefix in ("::ffff:0:0", "64:ff9b::", "2606:4700::5efe:0:0", "2606:4700::200:5efe:0:0"):
        outer = judge(IPv6Address(int(IPv6Address(prefix)) | number))
        assert (outer is None) == (alone is None)
        assert outer is None or outer == alone
    for prefix in ("::", "::ffff:0:0:0", "64:ff9b:1::", "2001::"):
        assert judge(IPv6Address(int(IPv6Address(prefix)) | number)) is not None
    assert judge(IPv6Address(0x2002 << 112 | number << 80)) is not None


@settings(max_examples=300)
@given(number=st.integers(0, 2**128 - 1))
def test_nothing_outside_global_unicast_is_public_unless_it_carries_an_ipv4_address(number: int) -> None:
    address = IPv6Address(number)
    if judge(address) is None:
        assert number >> 125 == 1 or carried(address) is not None


def test_the_full_text_of_an_address_is_what_java_prints() -> None:
    assert hextets(IPv6Address("fd00::1")) == "fd00:0:0:0:0:0:0:1"
    assert hextets(IPv6Address("::ffff:127.0.0.1")) == "0:0:0:0:0:ffff:7f00:1"
