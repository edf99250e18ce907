"""Where the library lets a call go: the blueprint's own hosts, trusted patterns, private networks, never metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fairlead import Connector
from fairlead.errors import FairleadError, IllegalArgument, PatternSyntax
from unit.library.provider import Provider, blueprint, embeddings

KEY = {"key": "sk-canary-0123456789"}
ELSEWHERE = "^The request would go to another host than the blueprint names"
PRIVATE = "^Remote inference host name has private ip address: 127.0.0.1$"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(embeddings) as started:
        yield started


def made(body: dict[str, Any], **arguments: Any) -> Connector:
    return Connector.from_blueprint(body, credential=KEY, **arguments)


@pytest.mark.parametrize("allowed", [True, ["127.0.0.0/8"], ["127.0.0.1"]])
def test_private_targets_are_called_when_they_are_allowed(provider: Provider, allowed: Any) -> None:
    with made(blueprint(provider.url), allow_private=allowed) as connector:
        assert len(connector.embed(["a"])) == 1


@pytest.mark.parametrize("allowed", [False, [], ["10.0.0.0/8"]])
def test_private_targets_are_refused_otherwise(provider: Provider, allowed: Any) -> None:
    with made(blueprint(provider.url), allow_private=allowed) as connector, pytest.raises(FairleadError, match=PRIVATE):
        connector.embed(["a"])
    assert provider.seen == []


def test_metadata_is_refused_though_all_private_networks_are_allowed() -> None:
    target = blueprint("http://169.254.169.254")
    refused = pytest.raises(IllegalArgument, match="restricted ip address")
    with made(target, allow_private=True) as connector, refused:
        connector.embed(["a"])


def test_without_patterns_a_parameter_moves_no_call_to_another_host(provider: Provider) -> None:
    body = blueprint("${parameters.endpoint}", parameters={"endpoint": provider.url, "model": "m"})
    with made(body, allow_private=True) as connector, Provider(embeddings) as other:
        connector.predict({"input": ["a"]})
        host = blueprint("http://${parameters.host}", parameters={"host": f"127.0.0.1:{provider.port}", "model": "m"})
        with made(host, allow_private=True) as moving:
            moving.predict({"input": ["a"]})
            for call in (moving.predict, moving.explain):
                with pytest.raises(IllegalArgument, match=ELSEWHERE):
                    call({"input": ["a"], "host": f"127.0.0.1:{other.port}"})
        assert other.seen == []
    assert len(provider.seen) == 2


def test_a_host_that_only_a_call_can_name_is_the_callers_choice(provider: Provider) -> None:
    with made(blueprint("http://${parameters.host}"), allow_private=True) as connector:
        connector.predict({"input": ["a"], "host": f"127.0.0.1:{provider.port}"})
    assert len(provider.seen) == 1


def test_an_open_path_keeps_the_host_of_the_blueprint(provider: Provider) -> None:
    body = blueprint(provider.url, action={"url": f"{provider.url}/${{parameters.path}}"})
    with made(body, allow_private=True) as connector:
        connector.predict({"input": ["a"], "path": "x"})
    assert provider.seen[0].target == "/x"


def test_patterns_decide_when_they_are_given(provider: Provider) -> None:
    local = [r"^http://127\.0\.0\.1:[0-9]+/.*$"]
    with made(blueprint(provider.url), allow_private=True, trusted=local) as connector:
        assert len(connector.embed(["a"])) == 1
    with pytest.raises(IllegalArgument, match=r"^Connector URL is not matching the trusted connector endpoint regex$"):
        made(blueprint(provider.url), trusted=[r"^https://api\.openai\.com/.*$"])
    with pytest.raises(IllegalArgument, match=r"^Connector URL is not matching"):
        made(blueprint(provider.url), trusted=[])


def test_arguments_that_are_no_pattern_or_network_are_refused(provider: Provider) -> None:
    with pytest.raises(PatternSyntax):
        made(blueprint(provider.url), trusted=["("])
    with pytest.raises(IllegalArgument, match=r"^allow_private: .*has host bits set$"):
        made(blueprint(provider.url), allow_private=["10.0.0.1/8"])
