"""Which way a call to a provider takes, and settings of the proxy that cannot be used."""

from __future__ import annotations

from base64 import b64decode
from ipaddress import ip_address

import pytest

from fairlead.errors import IllegalArgument
from fairlead.security.egress import EgressPolicy, Reach
from fairlead.service.forward_proxy import ForwardProxy, ProxyFault

URL = "http://proxy.corp:3128"
DIRECT = ("internal.corp", ".example.org", "*.example.net", "10.0.0.0/8", "fd00::/8", "192.0.2.7")


def proxy(*no_proxy: str, url: str = URL, credentials: str = "") -> ForwardProxy:
    made = ForwardProxy.of(url, credentials, None, no_proxy)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("host", "through"),
    [
        ("api.openai.com", True),
        ("internal.corp", False),
        ("models.internal.corp", False),
        ("notinternal.corp", True),
        ("internal.corp.evil.test", True),
        ("a.example.org", False),
        ("b.example.net", False),
        ("10.1.2.3", False),
        ("11.1.2.3", True),
        ("192.0.2.7", False),
        ("fd00::1", False),
        ("2001:db8::1", True),
    ],
)
def test_hosts_that_are_listed_are_called_directly(host: str, through: bool) -> None:
    found = proxy(*DIRECT)
    assert found.of_host(host) is (found.plan if through else None)


def test_without_an_address_there_is_no_proxy() -> None:
    assert ForwardProxy.of("", "", None, ()) is None


def test_credentials_become_a_basic_header_that_no_text_shows() -> None:
    plan = proxy(credentials="jane:se:cret").plan
    assert plan.authorization is not None
    assert plan.authorization.startswith(b"Basic ")
    assert b64decode(plan.authorization[6:]) == b"jane:se:cret"
    assert plan.authorization.decode() not in repr(plan)


def test_a_proxy_with_tls_is_spoken_to_by_its_own_trust() -> None:
    made = ForwardProxy.of("https://proxy.corp:3129", "", "PEM", ())
    assert made is not None
    assert made.plan.tls is not None
    assert (made.plan.port, made.plan.tls.ca_pem) == (3129, "PEM")


def test_the_proxy_may_stand_in_a_private_network_but_never_where_metadata_is() -> None:
    policy, reach = EgressPolicy.of(trusted=()), proxy().plan.reach
    assert isinstance(reach, Reach)
    policy.check_address("proxy.corp", 3128, ip_address("10.0.0.9"), reach)
    with pytest.raises(IllegalArgument):
        policy.check_address("proxy.corp", 3129, ip_address("10.0.0.9"), reach)
    with pytest.raises(IllegalArgument):
        policy.check_address("proxy.corp", 3128, ip_address("169.254.169.254"), reach)


@pytest.mark.parametrize(
    ("url", "credentials", "no_proxy", "named"),
    [
        ("proxy.corp:3128", "", (), "upstream_proxy"),
        ("socks5://proxy.corp:1080", "", (), "upstream_proxy"),
        ("http://proxy.corp:3128/path", "", (), "upstream_proxy"),
        ("http://jane:secret@proxy.corp:3128", "", (), "upstream_proxy"),
        (URL, "jane", (), "upstream_proxy_credentials"),
        (URL, "jane:a\r\nb", (), "upstream_proxy_credentials"),
        (URL, "", ("a b",), "upstream_no_proxy"),
        (URL, "", ("*",), "upstream_no_proxy"),
        (URL, "", ("10.0.0.0/33",), "upstream_no_proxy"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(
    url: str, credentials: str, no_proxy: tuple[str, ...], named: str
) -> None:
    with pytest.raises(ProxyFault, match=named) as caught:
        ForwardProxy.of(url, credentials, None, no_proxy)
    assert "secret" not in str(caught.value)
