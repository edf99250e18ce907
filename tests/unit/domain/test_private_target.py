"""The text form of private targets."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from fairlead.domain.cluster_settings import SETTINGS, read
from fairlead.domain.private_target import PrivateTarget
from fairlead.errors import IllegalArgument


def test_owner_network_and_port_are_read() -> None:
    assert PrivateTarget.parse("aB-1_x=10.2.0.0/16:8080") == PrivateTarget("aB-1_x", ip_network("10.2.0.0/16"), 8080)
    assert PrivateTarget.parse("abc=[fd12::1]:443") == PrivateTarget("abc", ip_network("fd12::1/128"), 443)


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "abc=10.0.0.0/8", "=10.0.0.0/8:80", "abc=10.0.0.1/8:80", "abc=10.0.0.0/8:0", "abc=10.0.0.0/8:65536",
        "abc=fd12::/64:443", "abc=[10.0.0.0/8]:443", "abc=host:80", "abc=10.0.0.0/8:80 ", "a b=10.0.0.0/8:80",
    ],
)  # fmt: skip
def test_what_is_no_target_is_told_with_the_setting(text: str) -> None:
    row = SETTINGS["fairlead.egress.private_targets"]
    with pytest.raises(IllegalArgument) as caught:
        read(row, (text,))
    assert caught.value.reason.startswith(
        f"Failed to parse value [{text}] for setting [fairlead.egress.private_targets]: "
    )
