"""Key services: keys that wrap data keys and never leave the service. HashiCorp Vault's transit engine and AWS KMS.

Asked when a process starts, when a new data key appears and when keys are rotated; never for a predict. It opens no
connection itself and signs nothing.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any

from fairlead.domain.secret import Secret
from fairlead.errors import IllegalArgument, Unavailable
from fairlead.security.envelope import BrokenSeal
from fairlead.security.keyring import SERVICE_FORMAT, KeyServiceAway, WrappingKeys, wrapping_id

Headers = tuple[tuple[bytes, bytes], ...]
Exchange = Callable[[str, str, Headers, bytes], Awaitable[tuple[int, bytes]]]
"""Method, path, headers and body to status and body. Raises Unavailable."""
Token = Callable[[], Awaitable[Secret]]
"""Read anew for each call: agents renew tokens in a file."""

_JSON = (b"Content-Type", b"application/json")


class ServiceKeys:
    """One key of a service. What it wrapped names the key by a fingerprint of the key's name: the service's own versions
    of the key are its own business."""

    def __init__(self, name: str) -> None:
        self.active = sha256(name.encode()).hexdigest()[:8]

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.active,)

    def holds(self, key_id: str) -> bool:
        return key_id == self.active

    async def wrap(self, plain: bytes, associated: bytes) -> str:
        try:
            return f"{SERVICE_FORMAT}.{self.active}.{_text(await self._encrypt(plain, associated))}"
        except Unavailable as fault:
            raise KeyServiceAway(str(fault)) from fault

    async def unwrap(self, envelope: str, associated: bytes) -> bytes:
        if wrapping_id(envelope) != self.active or not envelope.startswith(SERVICE_FORMAT):
            raise BrokenSeal("not wrapped by this key of the service")
        try:
            return await self._decrypt(_bytes(envelope.split(".", 2)[2]), associated)
        except Unavailable as fault:
            raise KeyServiceAway(str(fault)) from fault

    async def _encrypt(self, plain: bytes, associated: bytes) -> bytes:
        raise NotImplementedError

    async def _decrypt(self, sealed: bytes, associated: bytes) -> bytes:
        """Raises BrokenSeal, Unavailable."""
        raise NotImplementedError


class TransitKeys(ServiceKeys):
    """A key of HashiCorp Vault's transit engine; its type must be an authenticated one (`aes256-gcm96`, the default)."""

    def __init__(self, exchange: Exchange, token: Token, key: str) -> None:
        """`key` is mount and name, as `transit/fairlead`. Raises IllegalArgument."""
        mount, _, name = key.rpartition("/")
        if not mount or not name:
            raise IllegalArgument(f"vault_transit_key: {key!r} is no mount and name, as transit/fairlead")
        super().__init__(f"vault-transit:{mount}/{name}")
        self._exchange = exchange
        self._token = token
        self._mount = mount
        self._name = name

    async def _encrypt(self, plain: bytes, associated: bytes) -> bytes:
        status, answer = await self._ask(
            "encrypt", {"plaintext": _base64(plain), "associated_data": _base64(associated)}
        )
        sealed = answer.get("ciphertext")
        if status != 200 or not isinstance(sealed, str):
            raise Unavailable(f"Vault answered {status} to the request to wrap a key")
        return sealed.encode()

    async def _decrypt(self, sealed: bytes, associated: bytes) -> bytes:
        body = {"ciphertext": sealed.decode("ascii", "replace"), "associated_data": _base64(associated)}
        status, answer = await self._ask("decrypt", body)
        if status == 400:
            raise BrokenSeal("Vault does not open it")
        if status != 200:
            raise Unavailable(f"Vault answered {status} to the request to unwrap a key")
        return _plain(answer.get("plaintext"))

    async def _ask(self, what: str, body: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        headers = ((b"X-Vault-Token", _header(await self._token())), _JSON)
        path = f"/v1/{self._mount}/{what}/{self._name}"
        status, reply = await self._exchange("POST", path, headers, json.dumps(body).encode())
        return status, _object(_object(_parsed(reply)).get("data"))


class KmsKeys(ServiceKeys):
    """A key of AWS KMS, by its ARN; the exchange signs."""

    def __init__(self, exchange: Exchange, arn: str) -> None:
        super().__init__(f"aws-kms:{arn}")
        self._exchange = exchange
        self._arn = arn

    async def _encrypt(self, plain: bytes, associated: bytes) -> bytes:
        status, answer = await self._ask("Encrypt", {"Plaintext": _base64(plain)}, associated)
        if status != 200:
            raise Unavailable(f"AWS KMS answered {status} {_kind(answer)} to the request to wrap a key")
        return _plain(answer.get("CiphertextBlob"))

    async def _decrypt(self, sealed: bytes, associated: bytes) -> bytes:
        status, answer = await self._ask("Decrypt", {"CiphertextBlob": _base64(sealed)}, associated)
        if _kind(answer) in ("InvalidCiphertextException", "IncorrectKeyException"):
            raise BrokenSeal("AWS KMS does not open it")
        if status != 200:
            raise Unavailable(f"AWS KMS answered {status} {_kind(answer)} to the request to unwrap a key")
        return _plain(answer.get("Plaintext"))

    async def _ask(self, what: str, body: Mapping[str, str], associated: bytes) -> tuple[int, Mapping[str, Any]]:
        document = {"KeyId": self._arn, "EncryptionContext": {"fairlead": associated.hex()}, **body}
        headers = (
            (b"Content-Type", b"application/x-amz-json-1.1"),
            (b"X-Amz-Target", f"TrentService.{what}".encode()),
        )
        status, reply = await self._exchange("POST", "/", headers, json.dumps(document).encode())
        return status, _object(_parsed(reply))


class ServiceProvider:
    """`fairlead.security.keyring.KeyProvider` of a key service: nothing is made here, and nothing leaves it."""

    def __init__(self, keys: ServiceKeys, source: str) -> None:
        self._keys = keys
        self.source = source

    async def load(self) -> WrappingKeys:
        return self._keys

    async def create(self) -> WrappingKeys:
        return self._keys

    async def renew(self, wrapping: tuple[str, ...]) -> WrappingKeys:
        """The service wraps with the newest version of its key: rotate that there first."""
        return self._keys

    async def forget(self, key_id: str) -> bool:
        return False

    def exportable(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"ServiceProvider({self.source})"


def kv_reader(exchange: Exchange, token: Token, version: int) -> Callable[[str], Awaitable[Mapping[str, Any]]]:
    """Reads secrets of a key-value engine by their path as the command line of Vault has it (mount first)."""

    async def read(path: str) -> Mapping[str, Any]:
        mount, _, rest = path.partition("/")
        where = f"/v1/{mount}/data/{rest}" if version == 2 else f"/v1/{path}"
        status, reply = await exchange("GET", where, ((b"X-Vault-Token", _header(await token())),), b"")
        if status in (403, 404):
            raise IllegalArgument("The vault has no such secret, or does not show it to this server")
        if status != 200:
            raise Unavailable(f"The vault of secrets answered {status}")
        data = _object(_object(_parsed(reply)).get("data"))
        return _object(data.get("data")) if version == 2 else data

    return read


def _header(secret: Secret) -> bytes:
    text = secret.reveal()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Unavailable("The token of the vault holds characters that no token has")
    return text.encode("ascii")


def _parsed(reply: bytes) -> object:
    try:
        return json.loads(reply)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _kind(answer: Mapping[str, Any]) -> str:
    """The type of an error of AWS: a name, and nothing else of what it says."""
    kind = str(answer.get("__type", "")).rpartition("#")[2]
    return kind if kind.isascii() and kind.isalnum() and len(kind) < 80 else ""


def _plain(value: object) -> bytes:
    try:
        return b64decode(str(value), validate=True)
    except ValueError as fault:
        raise BrokenSeal("the key service's answer is no Base64") from fault


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as fault:
        raise BrokenSeal("not a wrapped key") from fault
