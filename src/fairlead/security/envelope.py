"""One sealed value as a text: `fl1.<key id>.<nonce>.<ciphertext and tag>`, AES-256-GCM; knows no store and no files.

Format and associated data are fixed by spec/06 section 15.1. A key is named by its fingerprint, so that a wrong one is
told by name; nothing is ever decrypted on trial.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairlead.domain.ports import SealContext
from fairlead.domain.sealed import FORMAT

KEY_BYTES = 32
NONCE_BYTES = 12
_TAG_BYTES = 16
_ENVELOPE = re.compile(FORMAT + r"\.([0-9a-f]{8})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]+)", re.ASCII)


class BrokenSeal(Exception):
    """A value that does not open: no envelope, sealed in another context or by another key, or changed since."""


class Key:
    """32 random bytes that seal; `id` is the first 8 hex digits of their SHA-256. Shows, compares and pickles nothing."""

    __slots__ = ("_cipher", "_material", "id")

    def __init__(self, material: bytes) -> None:
        if len(material) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(material)}")
        self._material = material
        self._cipher = AESGCM(material)
        self.id = sha256(material).hexdigest()[:8]

    def material(self) -> bytes:
        """The bytes themselves, for who wraps or writes them."""
        return self._material

    def seal(self, plain: bytes, associated: bytes, nonce: bytes) -> str:
        """The envelope of `plain`; `nonce` is 12 random bytes that no other call gets."""
        return Envelope(self.id, nonce, self._cipher.encrypt(nonce, plain, associated)).text()

    def open(self, envelope: Envelope, associated: bytes) -> bytes:
        """Raises BrokenSeal."""
        if envelope.key_id != self.id:
            raise BrokenSeal(f"sealed by key {envelope.key_id}, not by {self.id}")
        try:
            return self._cipher.decrypt(envelope.nonce, envelope.sealed, associated)
        except InvalidTag as fault:
            raise BrokenSeal("sealed in another context, or changed since") from fault

    def __repr__(self) -> str:
        return f"Key({self.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Key cannot be pickled")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of a sealed value; `sealed` is ciphertext and tag."""

    key_id: str
    nonce: bytes
    sealed: bytes

    def text(self) -> str:
        return f"{FORMAT}.{self.key_id}.{_encoded(self.nonce)}.{_encoded(self.sealed)}"

    @classmethod
    def parse(cls, text: str) -> Envelope:
        """Raises BrokenSeal for any text but one that `text()` gives."""
        found = _ENVELOPE.fullmatch(text)
        if found is None or len(found[3]) % 4 == 1:
            raise BrokenSeal("not a sealed value")
        envelope = cls(found[1], _decoded(found[2]), _decoded(found[3]))
        if len(envelope.sealed) < _TAG_BYTES or envelope.text() != text:
            raise BrokenSeal("not a sealed value")
        return envelope


def associated_data(*parts: str | tuple[str, ...]) -> bytes:
    """Texts and lists of texts as bytes from which they can be told apart again: each one after its length.

    A length has 4 bytes, big-endian; that of a list is the number of its texts.
    """
    out = bytearray()
    for part in parts:
        if isinstance(part, tuple):
            out += len(part).to_bytes(4, "big")
        for text in (part,) if isinstance(part, str) else part:
            data = text.encode("utf-8", "surrogatepass")
            out += len(data).to_bytes(4, "big") + data
    return bytes(out)


def context_data(context: SealContext, key_id: str) -> bytes:
    """What a credential value is bound to: moving, renaming or re-pointing its resource breaks the seal (T-07, T-29)."""
    origins = tuple(sorted(set(context.origins)))
    return associated_data(FORMAT, context.tenant, context.kind, context.resource, context.field, origins, key_id)


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
