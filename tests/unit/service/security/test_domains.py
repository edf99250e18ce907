"""config.yml: taken whole or refused by the entry that is wrong; nothing is skipped (S-17)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.service.security.domains import IdentityRules, identity_rules, read_identity_rules
from fairlead.service.security.files import FileFault

CASES = json.loads((Path(__file__).parent / "cases" / "identity_rules.json").read_text("utf-8"))
JWT = {
    "required_issuer": "https://idp.example",
    "required_audience": "fairlead",
    "algorithms": ["RS256"],
    "jwks_uri": "https://idp.example/keys",
    "roles_key": "roles",
}
FILE = """
_meta: {type: config, config_version: 2}
config:
  dynamic:
    http: {anonymous_auth_enabled: true}
    auth_failure_listeners:
      l1: {type: username, authentication_backend: internal, allowed_tries: 5, ignore_hosts: [127.0.0.1]}
    authc:
      tokens:
        http_enabled: true
        order: 1
        http_authenticator:
          type: openid
          challenge: true
          config:
            openid_connect_url: https://idp.example/.well-known/openid-configuration
            required_issuer: https://idp.example
            required_audience: fairlead, other
            algorithms: [RS256, ES256]
            subject_key: [user, name]
        authentication_backend: {type: noop}
      off:
        http_enabled: false
        http_authenticator: {type: clientcert}
"""


def document(case: dict[str, Any]) -> dict[str, Any]:
    dynamic = dict(case.get("dynamic", {}))
    if "authc" in case:
        dynamic["authc"] = case["authc"]
    if "jwt" in case:
        config = {name: value for name, value in {**JWT, **case["jwt"]}.items() if value is not None}
        dynamic["authc"] = {"j": {"http_authenticator": {"type": "jwt", "config": config}}}
    return {"_meta": {"type": "config", "config_version": "2"}, "config": {"dynamic": dynamic}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case)[:90])
def test_a_file_is_taken_whole_or_refused_by_the_entry(case: dict[str, Any], tmp_path: Path) -> None:
    if case["refused"] is None:
        assert identity_rules(document(case), "config.yml", tmp_path)
        return
    with pytest.raises(FileFault) as raised:
        identity_rules(document(case), "config.yml", tmp_path)
    assert str(raised.value).startswith("config.yml")
    assert case["refused"] in str(raised.value)


def test_two_domains_of_one_issuer_are_refused(tmp_path: Path) -> None:
    one = document({"jwt": {}})
    authc = one["config"]["dynamic"]["authc"]
    authc["k"] = json.loads(json.dumps(authc["j"]))
    with pytest.raises(FileFault, match="required_issuer"):
        identity_rules(one, "config.yml", tmp_path)


def test_without_a_file_internal_users_log_in_and_nobody_else(tmp_path: Path) -> None:
    assert read_identity_rules(tmp_path) == IdentityRules()
    assert not IdentityRules().others


def test_a_file_as_opensearch_writes_it_is_read(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    (tmp_path / "config.yml").write_text(FILE)
    rules = read_identity_rules(tmp_path)
    [token] = rules.jwt
    assert token.rules.audiences == {"fairlead", "other"}
    assert token.subject == ("user", "name")
    assert token.challenge
    assert (rules.anonymous, rules.basic, rules.certificate) == (True, False, None)
    [listener] = rules.listeners
    assert (listener.allowed_tries, listener.ignore_hosts) == (5, ("127.0.0.1",))
    assert rules.others


@pytest.mark.parametrize("text", ["", "_meta: {type: roles, config_version: 2}", "- a", "config: {}"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    pytest.importorskip("yaml")
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(FileFault, match=r"config\.yml"):
        read_identity_rules(tmp_path)
