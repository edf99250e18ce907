"""A client's certificate as an identity: names compare as names, selectors pick attributes, headers hold one certificate."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.security.certificate import (
    CertificateFault,
    ClientCertificate,
    from_header,
    parse_dn,
    parse_selector,
)
from transport.certificates import Authority

CASES = json.loads((Path(__file__).parent / "cases" / "distinguished_names.json").read_text("utf-8"))
DER = ssl.PEM_cert_to_DER_cert(
    Authority("ours").issue("host.example", "ann@corp.example", "ann@home.example", subject="CN=ann,OU=a\\,b,O=x").cert
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['one']} ~ {case['other']}")
def test_distinguished_names_compare_without_case_and_spacing(case: dict[str, Any]) -> None:
    assert (parse_dn(case["one"]) == parse_dn(case["other"])) is case["same"]


@pytest.mark.parametrize("text", ["", "kirk", "CN=a,,O=b", "=a", "CN=a,O"])
def test_what_is_no_distinguished_name_is_refused(text: str) -> None:
    with pytest.raises(CertificateFault):
        parse_dn(text)


def test_a_certificates_name_is_the_one_that_configuration_writes() -> None:
    assert parse_dn(ClientCertificate(DER).dn) == parse_dn("CN=ann, OU=a\\, b, O=X".replace(", b", ",b"))


@pytest.mark.parametrize(
    ("selector", "values"),
    [
        ("cn", ("ann",)),
        ("dn:CN", ("ann",)),
        ("dn:ou", ("a,b",)),
        ("dn:l", ()),
        ("san:EMAIL", ("ann@corp.example", "ann@home.example")),
        ("san:email:*@home.example", ("ann@home.example",)),
        ("san:DNS", ("host.example",)),
        ("san:IP", ()),
    ],
)
def test_a_selector_picks_all_values_of_an_attribute(selector: str, values: tuple[str, ...]) -> None:
    assert ClientCertificate(DER).values(selector) == values


@pytest.mark.parametrize("selector", ["", "san", "san:", "san:PHONE", "dn:", "x:cn", "c n"])
def test_a_selector_that_can_pick_nothing_is_refused(selector: str) -> None:
    with pytest.raises(CertificateFault):
        parse_selector(selector)


def test_a_header_holds_one_certificate_between_colons() -> None:
    text = base64.b64encode(DER).decode()
    assert from_header(f" :{text}: ") == DER
    for wrong in (text, f":{text}", ":", "::", ":%%:", f":{text}:,:{text}:", f":{text}:;a=1"):
        with pytest.raises(CertificateFault):
            from_header(wrong)


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: DER[:40] + tail))
def test_any_bytes_are_a_certificate_or_refused(data: bytes) -> None:
    with pytest.raises(CertificateFault):
        ClientCertificate(data)
