"""The egress policy and the dialer: trusted URLs, checked addresses, exact errors, and rules that are read live."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.cluster_settings import DEFAULT_TRUSTED
from fairlead.domain.private_target import PrivateTarget
from fairlead.errors import FairleadError, IllegalArgument, UnknownHost
from fairlead.java.regex import PatternFault
from fairlead.security.egress import PUBLIC, EgressPolicy, GuardedDialer, Reach
from fairlead.security.url import parse_url

CASES = Path(__file__).parent / "cases"
ADDRESSES = json.loads((CASES / "addresses.json").read_text())
BLUEPRINTS = json.loads((CASES / "blueprint_urls.json").read_text())
PRIVATE = "Remote inference host name has private ip address: h.example"
RESTRICTED = "Remote inference host name has restricted ip address: h.example"


def policy(**rules: Any) -> EgressPolicy:
    return EgressPolicy.of(**{"trusted": [".*"], **rules})


def answering(*answers: str) -> Callable[[str, int], Any]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers

    return resolve


def refusal(rules: EgressPolicy, address: str, port: int = 443, reach: Reach = PUBLIC) -> str | None:
    """The reason an address is refused for, whose cause repeats type and reason (spec/03 section 8.5)."""
    try:
        rules.check_address("h.example", port, ip_address(address), reach)
    except IllegalArgument as fault:
        caught = fault
    else:
        return None
    assert (type(caught), caught.status) == (IllegalArgument, 400)
    assert type(caught.cause) is IllegalArgument
    assert caught.cause.reason == caught.reason
    return caught.reason


# Trusted URLs.


@pytest.mark.parametrize("url", BLUEPRINTS["urls"])
def test_the_urls_of_the_published_blueprints_are_admitted(url: str) -> None:
    EgressPolicy.of(trusted=[*DEFAULT_TRUSTED, *BLUEPRINTS["added_to_the_default"]]).check_trusted(url)
    parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://bedrock-runtime.attacker.example/a.amazonaws.com/x",
        "https://runtime.sagemaker.attacker.example/a.amazonaws.com/x",
        "https://runtime.sagemaker.u:p@evil.example/a.amazonaws.com/x",
        "https://runtime.sagemaker.evil.example?a.amazonaws.com/",
        "https://example.com/v1",
        "http://api.openai.com/v1",
        "",
    ],
)
def test_a_url_that_no_pattern_admits_is_refused_in_the_words_of_the_original(url: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        EgressPolicy.of(trusted=DEFAULT_TRUSTED).check_trusted(url)
    assert caught.value.reason == "Connector URL is not matching the trusted connector endpoint regex"
    assert caught.value.cause is None


def test_an_empty_list_trusts_nothing_and_a_call_says_which_setting_it_is() -> None:
    nothing = EgressPolicy.of(trusted=[])
    with pytest.raises(IllegalArgument, match="Connector URL is not matching the trusted connector endpoint regex"):
        nothing.check_trusted("https://h.example/")
    with pytest.raises(IllegalArgument) as caught:
        nothing.check_trusted("https://h.example/", calling=True)
    assert caught.value.reason == (
        "Trusted connector endpoints regex is not configured. "
        "Please set plugins.ml_commons.trusted_connector_endpoints_regex."
    )


def test_a_broken_trusted_pattern_admits_nothing_and_the_others_stand() -> None:
    made = policy(trusted=["(", r"^https://api\.example\.com/.*$"])
    made.check_trusted("https://api.example.com/v1")
    with pytest.raises(IllegalArgument):
        made.check_trusted("(")


def test_a_broken_restricted_pattern_or_network_makes_no_policy() -> None:
    with pytest.raises(PatternFault):
        policy(restricted=["("])
    with pytest.raises(ValueError, match="does not appear to be"):
        policy(allowed=["nonsense"])


# Addresses.


@pytest.mark.parametrize("case", ADDRESSES, ids=lambda case: str(case["address"]))
def test_only_public_addresses_are_called_by_default(case: dict[str, Any]) -> None:
    found = refusal(policy(), case["address"])
    if case["kind"] is None:
        assert found is None
    elif case["kind"] == "private" or (case["kind"] == "metadata" and case["address"] != "168.63.129.16"):
        assert found == PRIVATE
    else:
        assert found == RESTRICTED


@pytest.mark.parametrize("case", ADDRESSES, ids=lambda case: str(case["address"]))
def test_private_ip_enabled_opens_private_networks_and_nothing_else(case: dict[str, Any]) -> None:
    found = refusal(policy(private_ip_enabled=True), case["address"])
    assert found == (None if case["kind"] in (None, "private") else RESTRICTED)


@pytest.mark.parametrize(
    ("allowed", "address", "reason"),
    [
        ("10.1.0.0/16", "10.1.2.3", None),
        ("10.1.0.0/16", "10.2.2.3", PRIVATE),
        ("10.1.0.0/16", "::ffff:10.1.2.3", None),
        ("10.1.0.0/16", "64:ff9b::a01:203", None),
        ("198.18.0.0/15", "198.18.0.1", None),
        ("64:ff9b:1::/96", "64:ff9b:1::808:808", None),
        ("169.254.0.0/16", "169.254.1.1", None),
        ("169.254.0.0/16", "169.254.169.254", PRIVATE),
        ("0.0.0.0/0", "168.63.129.16", RESTRICTED),
        ("169.254.169.254/32", "169.254.169.254", None),
        ("168.63.129.16/32", "168.63.129.16", None),
        ("fd00:ec2::254/128", "fd00:ec2::254", None),
    ],
)
def test_allowed_networks_let_in_what_they_hold_but_metadata_only_by_its_very_address(
    allowed: str, address: str, reason: str | None
) -> None:
    assert refusal(policy(allowed=[allowed]), address) == reason


def test_a_wide_and_a_literal_network_together_let_metadata_in() -> None:
    assert refusal(policy(allowed=["169.254.0.0/16", "169.254.169.254"]), "169.254.169.254") is None


@pytest.mark.parametrize(
    ("pattern", "address", "reason"),
    [
        (r"8\.8\..*", "8.8.8.8", RESTRICTED),
        (r"8\.8\..*", "::ffff:8.8.8.8", RESTRICTED),
        (r"8\.8\..*", "64:ff9b::808:808", RESTRICTED),
        (r"8\.8\..*", "8.9.8.8", None),
        (r"8\.8", "8.8.8.8", None),
        (r"2606:4700:0:0:0:0:0:1111", "2606:4700::1111", RESTRICTED),
        (r"10\..*", "10.0.0.1", RESTRICTED),
    ],
)
def test_restricted_patterns_come_first_and_see_the_full_text_of_an_address(
    pattern: str, address: str, reason: str | None
) -> None:
    rules = policy(restricted=[pattern], private_ip_enabled=True, allowed=["10.0.0.0/8"])
    assert refusal(rules, address) == reason


UNTRUSTED_PRIVATE = "Connector URL is not matching the trusted connector private endpoint regex"


@pytest.mark.parametrize(
    ("pattern", "url", "address", "reason"),
    [
        (r"^http://h\.example:8080/v1/.*$", "http://h.example:8080/v1/x", "10.0.0.1", None),
        (r"^http://h\.example:8080/v1/.*$", "http://h.example:8080/admin", "10.0.0.1", UNTRUSTED_PRIVATE),
        (r"^http://h\.example:8080/v1/.*$", "http://h.example:8081/v1/x", "10.0.0.1", UNTRUSTED_PRIVATE),
        (r"^https://h\.example/.*$", "https://h.example/a", "10.0.0.1", None),
        (r"^https://other\.example/.*$", "https://h.example/a", "10.0.0.1", UNTRUSTED_PRIVATE),
        (r"^https://other\.example/.*$", "https://h.example/a", "8.8.8.8", None),
    ],
)
def test_a_list_of_private_endpoints_binds_whole_urls_with_private_addresses(
    pattern: str, url: str, address: str, reason: str | None
) -> None:
    rules = policy(private=[pattern], private_ip_enabled=True)
    assert refusal(rules, address, parse_url(url).port, rules.reach(url, "")) == reason


def test_what_no_connector_calls_is_admitted_by_no_private_endpoint() -> None:
    rules = policy(private=[".*"], private_ip_enabled=True)
    assert refusal(rules, "10.0.0.1") == UNTRUSTED_PRIVATE


@pytest.mark.parametrize(
    ("targets", "owner", "address", "port", "reason"),
    [
        (["abc=10.2.0.0/16:8080"], "abc", "10.2.3.4", 8080, None),
        (["abc=10.2.0.0/16:8080"], "abc", "10.2.3.4", 8081, PRIVATE),
        (["abc=10.2.0.0/16:8080"], "abc", "10.3.0.1", 8080, PRIVATE),
        (["abc=10.2.0.0/16:8080"], "other", "10.2.3.4", 8080, PRIVATE),
        (["abc=[fd12::/64]:443"], "abc", "fd12::1", 443, None),
        (["abc=10.2.0.0/16:8080"], "abc", "::ffff:10.2.3.4", 8080, None),
        (["abc=169.254.0.0/16:80"], "abc", "169.254.169.254", 80, PRIVATE),
        (["abc=169.254.169.254/32:80"], "abc", "169.254.169.254", 80, None),
    ],
)
def test_a_private_target_is_open_to_its_connector_at_its_port_alone(
    targets: list[str], owner: str, address: str, port: int, reason: str | None
) -> None:
    rules = policy(targets=[PrivateTarget.parse(text) for text in targets])
    assert refusal(rules, address, port, rules.reach("https://h.example/", owner)) == reason


def test_a_private_target_does_not_open_what_restricted_patterns_close() -> None:
    rules = policy(targets=[PrivateTarget.parse("abc=10.2.0.0/16:443")], restricted=[r"10\..*"])
    assert refusal(rules, "10.2.3.4", 443, rules.reach("https://h.example/", "abc")) == RESTRICTED


# The dialer.


async def test_a_name_becomes_the_addresses_that_were_checked_in_their_order() -> None:
    dialer = GuardedDialer(policy, answering("8.8.8.8", "2606:4700::1111"))
    assert await dialer.addresses("h.example", 443) == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize(
    "answers", [("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8"), ("8.8.8.8", "::1"), ("fe80::1%eth0",)]
)
async def test_one_forbidden_answer_refuses_them_all(answers: tuple[str, ...]) -> None:
    with pytest.raises(IllegalArgument, match=PRIVATE):
        await GuardedDialer(policy, answering(*answers)).addresses("h.example", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:7f00:1"])
async def test_a_literal_is_checked_without_a_resolver(host: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("no name, no resolver")

    with pytest.raises(IllegalArgument) as caught:
        await GuardedDialer(policy, resolve).addresses(host, 80)
    assert caught.value.reason == f"Remote inference host name has private ip address: {host}"
    enabled = GuardedDialer(lambda: policy(allowed=[host]), resolve)
    assert await enabled.addresses(host, 80) == [str(ip_address(host))]


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.01"])
async def test_a_number_that_only_a_resolver_takes_for_an_address_never_reaches_one(host: str) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["8.8.8.8"]

    with pytest.raises(IllegalArgument):
        await GuardedDialer(policy, resolve).addresses(host, 80)
    assert asked == []


async def test_every_dial_resolves_anew_and_judges_by_the_policy_of_that_moment() -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]])
    current = [policy()]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    dialer = GuardedDialer(lambda: current[0], resolve)
    assert await dialer.addresses("h.example", 80) == ["8.8.8.8"]
    with pytest.raises(IllegalArgument, match=PRIVATE):
        await dialer.addresses("h.example", 80)
    current[0] = policy(private_ip_enabled=True)
    assert await dialer.addresses("h.example", 80) == ["127.0.0.1"]
    current[0] = policy()
    with pytest.raises(IllegalArgument, match=PRIVATE):
        await dialer.addresses("h.example", 80)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "Name or service not known"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "Temporary failure in name resolution"),
        (OSError(5, "x"), "Name or service not known"),
        (UnicodeError("label too long"), "Name or service not known"),
        (None, "Name or service not known"),
    ],
)
async def test_a_name_that_does_not_resolve_is_told_as_recorded(fault: Exception | None, words: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        if fault is not None:
            raise fault
        return []

    with pytest.raises(UnknownHost) as caught:
        await GuardedDialer(policy, resolve).addresses("h.example", 443)
    assert (caught.value.status, caught.value.reason) == (400, f"h.example: {words}")
    assert type(caught.value.cause) is UnknownHost
    assert caught.value.cause.reason == caught.value.reason


async def test_the_systems_resolver_is_asked_and_its_answers_are_checked() -> None:
    with pytest.raises(FairleadError) as caught:
        await GuardedDialer(policy).addresses("localhost", 80)
    assert caught.value.reason == "Remote inference host name has private ip address: localhost"
    found = await GuardedDialer(lambda: policy(private_ip_enabled=True)).addresses("localhost", 80)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found)) > 0


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    """The resolver would say something else on the second question; there is none (D-30)."""
    questions: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        questions.append(host)
        return ["127.0.0.1"] if len(questions) == 1 else ["127.0.0.2"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        dialer = GuardedDialer(lambda: policy(private_ip_enabled=True), resolve)
        (address,) = await dialer.addresses("rebound.example", port)
        reader, writer = await asyncio.open_connection(address, port)
        assert writer.get_extra_info("peername")[0] == "127.0.0.1"
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()
    assert questions == ["rebound.example"]


@pytest.mark.parametrize("host", ["fe80::5efe:169.254.169.254", "fd00::5efe:a9fe:a9fe"])
async def test_metadata_carried_inside_an_allowed_private_range_stays_refused(host: str) -> None:
    dialer = GuardedDialer(lambda: policy(private_ip_enabled=True))
    with pytest.raises(IllegalArgument, match="restricted ip address"):
        await dialer.addresses(host, 80)


# Run-time values and the host.

MOVES = json.loads((CASES / "runtime_host.json").read_text())["cases"]
MODES = ("same_pattern", "any_trusted", "never")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", MOVES, ids=lambda case: case["name"])
def test_a_run_time_value_moves_a_request_as_far_as_the_mode_says(case: dict[str, Any], mode: str) -> None:
    rules = EgressPolicy.of(trusted=case["trusted"], runtime_host=mode)
    if case[mode]:
        rules.check_moved(case["url"], parse_url(case["url"]).origin, case["own"])
        return
    with pytest.raises(IllegalArgument) as caught:
        rules.check_moved(case["url"], parse_url(case["url"]).origin, case["own"])
    assert caught.value.reason == (
        "A parameter of the request moves it to another host than the connector's own. "
        "How far it may go says the setting fairlead.egress.runtime_host."
    )


def test_the_default_is_the_pattern_of_the_connectors_own_url() -> None:
    assert policy().runtime_host == "same_pattern"
