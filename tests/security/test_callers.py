"""Addresses of callers: which count as one source."""

from __future__ import annotations

import pytest

from fairlead.security.callers import source_network


@pytest.mark.parametrize(
    ("address", "network", "one"),
    [
        ("198.51.100.7", "198.51.100.0/24", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.0/24", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/64"),
        ("", "", ""),
    ],
)
def test_a_source_is_a_network_that_one_attacker_has(address: str, network: str, one: str) -> None:
    assert (source_network(address), source_network(address, one=True)) == (network, one)
