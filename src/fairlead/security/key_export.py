"""A keyring sealed by a pass-phrase, as a text that may be kept apart from the machine; refuses weak pass-phrases.

Argon2id (RFC 9106) makes the sealing key: here a pass-phrase is what people have, so guessing it is made dear.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fairlead.domain.secret import Secret
from fairlead.security.envelope import KEY_BYTES, NONCE_BYTES, BrokenSeal, Envelope, Key, associated_data
from fairlead.security.keyring import Keyring, KeyringError, Random

_FORMAT = 1
_SALT_BYTES = 16
_TIME, _MEMORY_KIB, _LANES = 3, 65536, 4
"""RFC 9106 4, second recommended choice."""
_MOST = {"time": 20, "memory_kib": 1 << 20, "lanes": 16}
"""An export comes from outside: its costs are bounded."""
MIN_PASSPHRASE = 12


def export_text(keyring: Keyring, passphrase: Secret, random: Random = os.urandom) -> str:
    """Raises KeyringError for a pass-phrase that is too short."""
    if len(passphrase.reveal()) < MIN_PASSPHRASE:
        raise KeyringError(f"the pass-phrase must have at least {MIN_PASSPHRASE} characters")
    salt = random(_SALT_BYTES)
    costs = {"time": _TIME, "memory_kib": _MEMORY_KIB, "lanes": _LANES}
    keys = {key.id: b64encode(key.material()).decode("ascii") for key in keyring.keys}
    plain = json.dumps({"active": keyring.active, "keys": keys}).encode()
    sealed = _stretched(passphrase, salt, costs).seal(plain, _context(costs), random(NONCE_BYTES))
    document = {
        "fairlead_keys": _FORMAT,
        "key_ids": sorted(keys),
        "argon2id": {"salt": b64encode(salt).decode("ascii"), **costs},
        "sealed": sealed,
    }
    return json.dumps(document, indent=1) + "\n"


def import_text(text: str, passphrase: Secret) -> Keyring:
    """Raises KeyringError for a text that is no export, and for another pass-phrase."""
    found = _read(text, passphrase)
    if found is None:
        raise KeyringError("this is no export of keys, or a damaged one")
    return found


def _read(text: str, passphrase: Secret) -> Keyring | None:
    """None for a damaged text; nothing is chained to what is told."""
    try:
        document = json.loads(text)
        if document["fairlead_keys"] != _FORMAT:
            raise KeyringError(f"the export has format {document['fairlead_keys']}; this Fairlead reads {_FORMAT}")
        costs = {name: int(document["argon2id"][name]) for name in _MOST}
        if any(not 0 < costs[name] <= most for name, most in _MOST.items()):
            return None
        envelope = Envelope.parse(document["sealed"])
        key = _stretched(passphrase, b64decode(document["argon2id"]["salt"], validate=True), costs)
        if envelope.key_id != key.id:
            raise KeyringError("the pass-phrase is not the one that the export was sealed with")
        plain = json.loads(key.open(envelope, _context(costs)))
        keys = {id: Key(b64decode(material)) for id, material in plain["keys"].items()}
        return Keyring(keys[plain["active"]], tuple(keys.values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BrokenSeal):
        return None


def _stretched(passphrase: Secret, salt: bytes, costs: dict[str, int]) -> Key:
    secret = passphrase.reveal().encode("utf-8", "surrogatepass")
    kdf = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=costs["time"], lanes=costs["lanes"], memory_cost=costs["memory_kib"]
    )
    return Key(kdf.derive(secret))


def _context(costs: dict[str, int]) -> bytes:
    return associated_data("key export", tuple(f"{name}={costs[name]}" for name in sorted(costs)))
