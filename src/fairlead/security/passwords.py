"""Password hashes: argon2id for new ones, bcrypt and Argon2 as OpenSearch writes them for those that were imported.

The prefix decides, never a setting (S-12). A hash that would cost more than a login may is refused, not computed.
"""

from __future__ import annotations

import importlib
import os
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

_MEMORY, _PASSES = 19 * 1024, 2
"""OWASP's second choice: 19 MiB, two passes; about 30 ms of processor time (spec/06 6.2)."""
_SALT_BYTES, _HASH_BYTES = 16, 32
_LEAST_MEMORY = 7 * 1024
"""KiB of OWASP's smallest choice: with less, time alone makes no hash slow to guess on other hardware."""

_ARGON2: dict[str, type[Argon2id | Argon2i | Argon2d]] = {"id": Argon2id, "i": Argon2i, "d": Argon2d}
_PHC = re.compile(
    r"\$argon2(id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,5}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{11,86})",
    re.ASCII,
)
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_MOST_ROUNDS = 15
"""bcrypt 15 takes two seconds; each further step doubles that."""
_MOST_MEMORY = 256 * 1024
_MOST_WORK = 16 * 65536
"""KiB times passes: some five times what OpenSearch sets, most of a second."""
_MOST_LANES = 16

BCRYPT_BYTES = 72
"""bcrypt looks at no more; the library refuses longer ones instead (spec/06 6.2)."""

MISSING_BCRYPT = "bcrypt hashes need the extra: pip install 'fairlead[opensearch-users]'"


@dataclass(frozen=True, slots=True)
class _Argon2:
    """The parameters of a PHC text."""

    variant: str
    memory: int
    passes: int
    lanes: int

    @staticmethod
    def of(stored: str) -> _Argon2 | None:
        found = _PHC.fullmatch(stored)
        return None if found is None else _Argon2(found[1], int(found[2]), int(found[3]), int(found[4]))

    @property
    def affordable(self) -> bool:
        return (
            self.passes >= 1
            and 1 <= self.lanes <= _MOST_LANES
            and 8 * self.lanes <= self.memory <= _MOST_MEMORY
            and self.memory * self.passes <= _MOST_WORK
        )


def hash_password(password: str) -> str:
    """A new hash in PHC form."""
    kdf = Argon2id(salt=os.urandom(_SALT_BYTES), length=_HASH_BYTES, iterations=_PASSES, lanes=1, memory_cost=_MEMORY)
    return kdf.derive_phc_encoded(password.encode("utf-8", "surrogatepass"))


def hash_fault(stored: str) -> str | None:
    """Why a hash cannot be used at a login, or None. Costs nothing."""
    if stored.startswith("$2"):
        found = _BCRYPT.fullmatch(stored)
        if found is None:
            return "not a bcrypt hash: $2a$, $2b$ or $2y$, two digits, $, 53 characters"
        if not 4 <= int(found[1]) <= _MOST_ROUNDS:
            return f"bcrypt cost {found[1]} is not between 4 and {_MOST_ROUNDS}"
        return None if _bcrypt() is not None else MISSING_BCRYPT
    if stored.startswith("$argon2"):
        cost = _Argon2.of(stored)
        if cost is None:
            return "not an Argon2 hash in PHC form, version 19"
        return None if cost.affordable else "this Argon2 hash costs more than a login may, or less than it must"
    return "neither a bcrypt nor an Argon2 hash"


def cost_of(stored: str) -> float:
    """About how long a verification takes, in milliseconds of processor time; 0 for what is not computed."""
    if hash_fault(stored) is not None:
        return 0.0
    if (cost := _Argon2.of(stored)) is not None:
        return _milliseconds(cost.memory, cost.passes)
    return 234 * 2.0 ** (int(stored[4:6]) - 12)


def _milliseconds(memory: int, passes: int) -> float:
    return 150 * memory * passes / (3 * 65536)


def outdated(stored: str, password: str) -> bool:
    """Whether a hash that can be used costs less than one made today. `password` is the right one: where bcrypt looked at
    its beginning only, its end may be anything and a new hash of it would lock the user out."""
    if hash_fault(stored) is not None:
        return False
    cost = _Argon2.of(stored)
    if cost is None and len(password.encode("utf-8", "surrogatepass")) > BCRYPT_BYTES:
        return False
    return (cost is not None and cost.memory < _LEAST_MEMORY) or cost_of(stored) < _milliseconds(_MEMORY, _PASSES)


def verify_password(stored: str, password: str) -> bool:
    """Whether the password is the one of the hash. An empty one never is, nor is any for a hash that cannot be used."""
    if not password or hash_fault(stored) is not None:
        return False
    raw = password.encode("utf-8", "surrogatepass")
    cost = _Argon2.of(stored)
    if cost is None:
        return b"\0" not in raw[:BCRYPT_BYTES] and bool(_bcrypt().checkpw(raw[:BCRYPT_BYTES], stored.encode("ascii")))
    try:
        _ARGON2[cost.variant].verify_phc_encoded(raw, stored)
    except (InvalidKey, ValueError):
        return False
    return True


def _bcrypt() -> Any:
    """The library of the extra, or None."""
    try:
        return importlib.import_module("bcrypt")
    except ModuleNotFoundError:
        return None
