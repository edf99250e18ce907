"""Tokens and keys of an identity provider that tests play, made with `cryptography` alone: what is tested did not make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Signer:
    """One key pair of a provider. `kind` is RSA or EC."""

    def __init__(self, kid: str | None = "k1", kind: str = "RSA", bits: int = 2048) -> None:
        self.kid = kid
        self.kind = kind
        self.alg = "RS256" if kind == "RSA" else "ES256"
        self._rsa = rsa.generate_private_key(65537, bits) if kind == "RSA" else None
        self._ec = ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else None

    def jwk(self, **changes: Any) -> dict[str, Any]:
        named: dict[str, Any] = {"kid": self.kid} if self.kid is not None else {}
        if self._rsa is not None:
            numbers = self._rsa.public_key().public_numbers()
            row = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **named}
        else:
            assert self._ec is not None
            point = self._ec.public_key().public_numbers()
            row = {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32), **named}
        return row | changes

    def pem(self) -> str:
        key = self._rsa or self._ec
        assert key is not None
        public = key.public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data: bytes) -> bytes:
        if self._rsa is not None:
            return self._rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        assert self._ec is not None
        r, s = decode_dss_signature(self._ec.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        """`header` entries of None are left out."""
        head = {"alg": self.alg, "typ": "JWT", "kid": self.kid} | header
        return assemble({k: v for k, v in head.items() if v is not None}, claims, self.sign)


def assemble(header: dict[str, Any], claims: Any, sign: Any) -> str:
    data = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{data}.{b64(sign(data.encode()))}"


def hmac_token(secret: bytes, header: dict[str, Any], claims: Any) -> str:
    return assemble(header, claims, lambda data: hmac.digest(secret, data, hashlib.sha256))
