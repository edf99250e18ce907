"""What a connector of the library is made from, as given: the part of it that travels when it is pickled.

A plain credential travels with it in clear, for a worker process cannot call without one. Whoever does not want that gives
a function that fetches the credential where it is needed: then only the function's name travels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal, get_args

Blueprint = str | bytes | os.PathLike[str] | Mapping[str, Any]
"""The path of a JSON file, JSON text, or the object itself."""

Credential = Mapping[str, str] | Callable[[], Mapping[str, str]]

PrivateNetworks = bool | Sequence[str | IPv4Network | IPv6Network]

Transport = Literal["aiohttp", "owned"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The arguments of `from_blueprint`, checked for nothing but their kind. `blueprint` is JSON text or an object."""

    blueprint: bytes | Mapping[str, Any] = field(repr=False)
    credential: Credential | None = field(repr=False)
    parameters: Mapping[str, Any] | None = field(repr=False)
    trusted: tuple[str, ...] | None
    networks: bool | tuple[str, ...]
    transport: Transport


def recipe(
    blueprint: Blueprint,
    *,
    credential: Credential | None,
    parameters: Mapping[str, Any] | None,
    trusted: Sequence[str] | None,
    allow_private: PrivateNetworks,
    transport: Transport,
) -> Recipe:
    """Reads the file if there is one. Raises OSError when it cannot be read, TypeError for an argument of the wrong kind,
    which is named and not shown, ValueError for a transport that is none."""
    for name, given in (("trusted", trusted), ("allow_private", allow_private)):
        if isinstance(given, str | bytes):
            raise TypeError(f"{name} takes a list of texts, not one text")
    for name, names, kinds in (
        ("credential", credential, "names and values, or a function that returns them"),
        ("parameters", parameters, "names and values"),
    ):
        if not (names is None or isinstance(names, Mapping) or (name == "credential" and callable(names))):
            raise TypeError(f"{name} takes {kinds}, not {type(names).__name__}")
    if transport not in get_args(Transport):
        raise ValueError(f"transport must be one of {', '.join(get_args(Transport))}, not {transport!r}")
    return Recipe(
        _content(blueprint),
        credential if credential is None or callable(credential) else dict(credential),
        None if parameters is None else dict(parameters),
        None if trusted is None else tuple(trusted),
        allow_private if isinstance(allow_private, bool) else tuple(str(network) for network in allow_private),
        transport,
    )


def _content(blueprint: Blueprint) -> bytes | Mapping[str, Any]:
    if isinstance(blueprint, Mapping):
        return dict(blueprint)
    if isinstance(blueprint, bytes):
        return blueprint
    if isinstance(blueprint, str) and blueprint.lstrip()[:1] in ("{", "["):
        return blueprint.encode("utf-8", "surrogatepass")
    if not isinstance(blueprint, str | os.PathLike) or not str(blueprint).strip():
        given = "an empty text" if isinstance(blueprint, str) else type(blueprint).__name__
        raise TypeError(f"blueprint takes the path of a JSON file, JSON text or an object, not {given}")
    return Path(blueprint).read_bytes()
