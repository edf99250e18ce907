"""Tokens that must be believed and tokens that must not (T-25, S-13; RFC 8725)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fairlead.security.jwt import (
    ALGORITHMS,
    TokenFault,
    TokenRules,
    import_key,
    import_signing_key,
    unverified,
    verify,
)
from tokens import Signer, assemble, b64, hmac_token

pytest.importorskip("joserfc")

DATA = json.loads((Path(__file__).parent / "cases" / "jwt.json").read_text("utf-8"))
RULES = TokenRules(
    DATA["rules"]["issuer"],
    frozenset(DATA["rules"]["audiences"]),
    frozenset(DATA["rules"]["algorithms"]),
    DATA["rules"]["skew"],
)
OURS, THEIRS = Signer("k1"), Signer("k1")
KEYS = [import_key(OURS.jwk())]


def claims(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (DATA["claims"] | changes).items() if value is not None}


def check(token: str, rules: TokenRules = RULES, keys: Any = KEYS) -> Any:
    return verify(token, unverified(token), rules, keys, DATA["now"])


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["why"])
def test_a_token_is_believed_or_refused(case: dict[str, Any]) -> None:
    given = claims(**case.get("claims", {}))
    token = OURS.token(given, **case.get("header", {}))
    if case.get("good"):
        assert check(token) == given
    else:
        with pytest.raises(TokenFault):
            check(token)


def test_another_key_of_the_same_name_signs_nothing_here() -> None:
    with pytest.raises(TokenFault, match="signature"):
        check(THEIRS.token(claims()))


def test_a_public_key_is_no_secret() -> None:
    forged = hmac_token(OURS.pem().encode(), {"alg": "HS256", "kid": "k1"}, claims())
    for algorithms in (RULES.algorithms, RULES.algorithms | {"HS256"}):
        with pytest.raises(TokenFault):
            check(forged, TokenRules(RULES.issuer, RULES.audiences, algorithms))


def test_a_token_without_signature_or_with_a_changed_part_is_refused() -> None:
    head, body, signature = OURS.token(claims()).split(".")
    for wrong in (
        f"{head}.{body}.",
        f"{head}.{b64(json.dumps(claims(sub='root')).encode())}.{signature}",
        f"{head}.{body}",
    ):
        with pytest.raises(TokenFault):
            check(wrong)


def test_a_name_that_is_given_twice_is_refused() -> None:
    body = json.dumps(claims())[:-1] + ', "sub": "root"}'
    head = b64(json.dumps({"alg": "RS256", "kid": "k1"}).encode())
    data = f"{head}.{b64(body.encode())}"
    with pytest.raises(TokenFault):
        check(f"{data}.{b64(OURS.sign(data.encode()))}")


def test_two_fitting_keys_and_no_name_are_not_guessed_between() -> None:
    other = Signer("k2")
    keys = [*KEYS, import_key(other.jwk())]
    with pytest.raises(TokenFault, match="names no key"):
        check(OURS.token(claims(), kid=None), keys=keys)
    assert check(other.token(claims()), keys=keys)
    assert check(OURS.token(claims()), keys=keys)


def test_a_key_that_says_its_algorithm_is_for_no_other() -> None:
    rules = TokenRules(RULES.issuer, RULES.audiences, frozenset({"RS256", "RS512"}))
    with pytest.raises(TokenFault, match="no key"):
        check(OURS.token(claims()), rules, [import_key(OURS.jwk(alg="RS512"))])


def test_the_type_is_checked_where_it_is_asked_for() -> None:
    rules = TokenRules(RULES.issuer, RULES.audiences, RULES.algorithms, type="at+jwt")
    assert check(OURS.token(claims(), typ="application/at+jwt"), rules)
    with pytest.raises(TokenFault, match="type"):
        check(OURS.token(claims()), rules)


def test_elliptic_curves_and_configured_keys_work() -> None:
    curve = Signer(None, "EC")
    assert check(curve.token(claims()), keys=[import_signing_key(curve.pem())])
    assert check(OURS.token(claims()), keys=[import_signing_key(OURS.pem())])
    secret = b"0123456789abcdef" * 2
    rules = TokenRules(RULES.issuer, RULES.audiences, frozenset({"HS256"}))
    configured = [import_signing_key(base64.b64encode(secret).decode())]
    assert check(hmac_token(secret, {"alg": "HS256"}, claims()), rules, configured)


@pytest.mark.parametrize(
    "row",
    [
        {"kty": "oct", "k": "A" * 43},
        OURS.jwk(use="enc"),
        OURS.jwk(key_ops=["encrypt"]),
        OURS.jwk(n="!!"),
        OURS.jwk(n=5),
        Signer(bits=1024).jwk(),
        {"kty": "XX"},
        {},
    ],
    ids=["secret", "encryption", "operations", "bad number", "number", "short", "kind", "empty"],
)
def test_a_key_that_must_not_verify_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(TokenFault):
        import_key(row)


@pytest.mark.parametrize("text", ["", "short", "QUJD", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_a_configured_key_that_is_none_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(TokenFault) as raised:
        import_signing_key(text)
    assert not text or text not in str(raised.value)


def test_none_is_not_an_algorithm() -> None:
    assert not {"none", "None", ""} & set(ALGORITHMS)


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(codec="ascii"), max_size=80)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=3), x)).map(
        lambda value: assemble({"alg": "RS256", "kid": "k1"}, value, OURS.sign)
    )
)  # fmt: skip
def test_any_text_is_refused_as_a_token_fault(text: str) -> None:
    with pytest.raises(TokenFault):
        check(text)
