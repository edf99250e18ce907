"""JSON web tokens: signature and claims against one issuer's rules (RFC 7519, RFC 8725; spec/06 7.2, S-13, T-25).

Fetches nothing, and believes nothing in a token's header but which of the issuer's own keys to try: `jku`, `x5u` and `jwk` are
not read, `crit` is refused, and so is any algorithm that the issuer's row does not list.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALGORITHMS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    **dict.fromkeys(("EdDSA", "Ed25519", "Ed448"), "OKP"),
    **dict.fromkeys(("HS256", "HS384", "HS512"), "oct"),
}
"""Algorithms that a row may list, with the type of key each takes. `none` is not among them."""
LONGEST = 16 * 1024
_SHORTEST_RSA = 2048
_SHORTEST_SECRET = 32


class TokenFault(Exception):
    """Why a token or a key is not accepted: for the audit log, never for the caller. Holds no part of either."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What an issuer's tokens must say; all three lists are mandatory (S-13). `skew` in seconds; `type` is the header's
    `typ`, unchecked if empty."""

    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str]
    skew: int = 30
    type: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One verification key. `algorithm` is the only one it is for, if the set says so."""

    kid: str | None
    kind: str
    algorithm: str | None
    key: Any


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token's parts before any check: only `issuer` and `kid` may be looked at, to find rules and keys."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str | None:
        found = self.claims.get("iss")
        return found if isinstance(found, str) else None

    @property
    def kid(self) -> str | None:
        found = self.header.get("kid")
        return found if isinstance(found, str) else None


def unverified(token: str) -> Unverified:
    """Raises TokenFault unless it is three parts of which two are JSON objects."""
    if len(token) > LONGEST:
        raise TokenFault("the token is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenFault("no token of three parts")
    return Unverified(_object(parts[0]), _object(parts[1]))


def _object(part: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(data, object_pairs_hook=_unique)
    except (binascii.Error, ValueError, RecursionError):
        raise TokenFault("a part of the token is not JSON") from None
    if not isinstance(value, dict):
        raise TokenFault("a part of the token is no object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take different ones of two."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def import_key(jwk: Mapping[str, Any], *, published: bool = True) -> Key:
    """A key of a set. `published` ones must be asymmetric: a secret that everybody can read proves nothing.

    Raises TokenFault; a set's other keys stay good.
    """
    kind = jwk.get("kty")
    if kind not in ALGORITHMS.values() or (published and kind == "oct"):
        raise TokenFault("the key's type is not usable")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise TokenFault("the key is not for signatures")
    jose = importlib.import_module("joserfc.jwk")  # only where tokens are configured
    try:
        public = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
        key = jose.import_key(public)
        if kind == "RSA" and key.public_key.key_size < _SHORTEST_RSA:
            raise TokenFault(f"the RSA key has less than {_SHORTEST_RSA} bits")
    except TokenFault:
        raise
    except Exception as fault:  # joserfc lets errors of cryptography and of its own through: all mean the same
        raise TokenFault(f"the key cannot be read: {type(fault).__name__}") from None
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    return Key(kid if isinstance(kid, str) else None, str(kind), algorithm if isinstance(algorithm, str) else None, key)


def import_signing_key(text: str) -> Key:
    """A configured `signing_key`: a PEM public key, or an HMAC secret in Base64. Raises TokenFault."""
    jose = importlib.import_module("joserfc.jwk")
    if "-----BEGIN" in text:
        for kind in ("RSA", "EC", "OKP"):
            key = None
            with contextlib.suppress(Exception):  # of joserfc or of cryptography: it is no key of this kind
                key = jose.import_key(text.strip(), kind)
            if key is not None:
                return import_key({**key.as_dict(private=False)})
        raise TokenFault("signing_key is no PEM public key")
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise TokenFault("signing_key is neither PEM nor Base64") from None
    if len(secret) < _SHORTEST_SECRET:
        raise TokenFault(f"signing_key has less than {_SHORTEST_SECRET} bytes")
    encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode("ascii")
    return import_key({"kty": "oct", "k": encoded}, published=False)


def verify(token: str, parts: Unverified, rules: TokenRules, keys: Sequence[Key], now: float) -> Mapping[str, Any]:
    """The claims of a good token; `now` in epoch seconds. Raises TokenFault."""
    algorithm = parts.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
        raise TokenFault("the algorithm is not one of the issuer's")
    if "crit" in parts.header:
        raise TokenFault("critical header extensions are not understood")
    if rules.type and str(parts.header.get("typ", "")).lower().removeprefix("application/") != rules.type.lower():
        raise TokenFault("the token is of another type")
    candidates = _candidates(parts.kid, algorithm, keys)
    if not any(_signed(token, algorithm, key) for key in candidates):
        raise TokenFault("the signature is not the issuer's")
    _check_claims(parts.claims, rules, now)
    return parts.claims


def _candidates(kid: str | None, algorithm: str, keys: Sequence[Key]) -> list[Key]:
    """Keys that may have signed it. Without `kid` there must be one only (spec/06 7.2): none is guessed."""
    fitting = [
        key
        for key in keys
        if key.kind == ALGORITHMS[algorithm] and (key.algorithm is None or key.algorithm == algorithm)
    ]
    named = fitting if kid is None else [key for key in fitting if key.kid == kid]
    if kid is not None and not named and len(keys) == 1 and keys[0].kid is None:
        named = fitting  # a configured key has no name
    if not named:
        raise TokenFault("no key of the issuer fits")
    if kid is None and len(named) > 1:
        raise TokenFault("the token names no key and the issuer has several")
    return named


def _signed(token: str, algorithm: str, key: Key) -> bool:
    jws = importlib.import_module("joserfc.jws")
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = LONGEST
    try:
        jws.deserialize_compact(token, key.key, registry=registry)
    except Exception:  # a signature that cannot even be judged is none
        return False
    return True


def _check_claims(claims: Mapping[str, Any], rules: TokenRules, now: float) -> None:
    if claims.get("iss") != rules.issuer:
        raise TokenFault("another issuer")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or rules.audiences.isdisjoint(one for one in named if isinstance(one, str)):
        raise TokenFault("another audience")
    if now >= _moment(claims, "exp") + rules.skew:
        raise TokenFault("expired")
    for name in ("nbf", "iat"):
        if name in claims and now < _moment(claims, name) - rules.skew:
            raise TokenFault("not valid yet")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise TokenFault(f"no {name} that is a time")
    return float(value)
