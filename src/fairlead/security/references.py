"""Secrets that lie outside: environment variables, files, a HashiCorp Vault; read only where the settings allow it.

Says which kind of reference failed and why, never where it points: the place is no business of who reads an error
(spec/06 section 14.5). It decides nothing about callers.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import IllegalArgument
from fairlead.security.private_file import UnsafeFile, private_bytes

ReadVault = Callable[[str], Awaitable[Mapping[str, Any]]]
"""The fields of the secret at a path. Raises Unavailable, and IllegalArgument for what is not there."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}", re.ASCII)
_VAULT_PLACE = re.compile(r"([A-Za-z0-9_-]+(?:/[A-Za-z0-9_.-]+)+)#([A-Za-z0-9_.-]+)", re.ASCII)
_OURS = "FAIRLEAD_"
"""Our own variables, the master key among them, are nobody's credential."""


class References:
    """Reads references. The prefixes are what connectors may use: variables by the beginning of their name, files by
    folder, vault paths by their beginning; without one of a kind, none of that kind is read."""

    def __init__(
        self,
        env: tuple[str, ...] = (),
        files: tuple[str, ...] = (),
        vault: tuple[str, ...] = (),
        *,
        environment: Mapping[str, str] = os.environ,
        read_vault: ReadVault | None = None,
        learn: Callable[[Collection[Secret]], None] | None = None,
    ) -> None:
        self._prefixes = {"env": env, "file": files, "vault": vault}
        self._environment = environment
        self._read_vault = read_vault
        self._learn = learn
        self._readers: Mapping[str, Callable[[SecretReference], Awaitable[str]]] = {
            "env": self._from_environment,
            "file": self._from_file,
            "vault": self._from_vault,
        }

    def check(self, reference: SecretReference, field: str) -> None:
        """Raises IllegalArgument unless the settings allow to read it; nothing is read."""
        place, prefixes = reference.place, self._prefixes[reference.scheme]
        allowed = {"env": _env_allowed, "file": _file_allowed, "vault": _vault_allowed}[reference.scheme]
        if not allowed(place, prefixes):
            raise IllegalArgument(
                f"Credential [{field}]: the settings do not allow this reference [${reference.scheme}]"
                f" (secret_{reference.scheme}_prefixes)"
            )

    async def read(self, reference: SecretReference, field: str) -> Secret:
        """The secret. Raises IllegalArgument when it is not allowed, not there or not safe, Unavailable when what holds it
        is away."""
        self.check(reference, field)
        try:
            text = await self._readers[reference.scheme](reference)
        except (_NotRead, UnsafeFile) as fault:
            raise IllegalArgument(
                f"Credential [{field}]: the reference [${reference.scheme}] cannot be read: {fault}"
            ) from None
        if not text:
            raise IllegalArgument(f"Credential [{field}]: the reference [${reference.scheme}] leads to an empty value")
        secret = Secret(text)
        if self._learn is not None:
            self._learn((secret,))
        return secret

    async def stamp(self, reference: SecretReference) -> object:
        """What changes when the secret does; None where that cannot be seen from outside."""
        if reference.scheme != "file":
            return None
        try:
            status = await asyncio.to_thread(os.stat, reference.place)
        except OSError as fault:
            return fault.errno
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    async def _from_environment(self, reference: SecretReference) -> str:
        found = self._environment.get(reference.place)
        if found is None:
            raise _NotRead("the variable is not set")
        return found

    async def _from_file(self, reference: SecretReference) -> str:
        return await asyncio.to_thread(_file_text, reference.place, self._prefixes["file"])

    async def _from_vault(self, reference: SecretReference) -> str:
        if self._read_vault is None:
            raise _NotRead("no vault is configured (vault_address)")
        found = _VAULT_PLACE.fullmatch(reference.place)
        assert found is not None
        fields = await self._read_vault(found[1])
        value = fields.get(found[2])
        if not isinstance(value, str):
            raise _NotRead("the secret has no such field")
        return value

    def __repr__(self) -> str:
        return f"References({self._prefixes})"


class _NotRead(Exception):
    """Why there is nothing, in words without the place."""


def _env_allowed(place: str, prefixes: tuple[str, ...]) -> bool:
    named = _ENV_NAME.fullmatch(place) is not None and not place.upper().startswith(_OURS)
    return named and any(place.startswith(prefix) for prefix in prefixes)


def _file_allowed(place: str, prefixes: tuple[str, ...]) -> bool:
    """By the text alone; where links lead is looked at when it is read."""
    plain = place.startswith("/") and "\0" not in place and os.path.normpath(place) == place
    return plain and any(_inside(place, prefix) for prefix in prefixes)


def _vault_allowed(place: str, prefixes: tuple[str, ...]) -> bool:
    found = _VAULT_PLACE.fullmatch(place)
    if found is None or any(part in (".", "..") for part in found[1].split("/")):
        return False
    return any(found[1] == prefix.rstrip("/") or found[1].startswith(prefix.rstrip("/") + "/") for prefix in prefixes)


def _inside(path: str, folder: str) -> bool:
    return path.startswith(os.path.normpath(folder).rstrip("/") + "/")


def _file_text(place: str, prefixes: tuple[str, ...]) -> str:
    """The text without the line feed at its end. A link may stay within the folder, as secret mounts have it."""
    try:
        real = os.path.realpath(place, strict=True)
        if not any(_inside(place, prefix) and _inside(real, os.path.realpath(prefix)) for prefix in prefixes):
            raise _NotRead("the file leads out of the folder that is allowed")
        data = private_bytes(Path(real), "the file", follow=False)
    except OSError as fault:
        raise _NotRead(fault.strerror or "the file cannot be opened") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _NotRead("the file is no text") from None
    return text.removesuffix("\n").removesuffix("\r")
