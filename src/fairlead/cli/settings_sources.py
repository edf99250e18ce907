"""Process settings from their sources: flags over environment (`FAIRLEAD_<NAME>`) over `fairlead.toml`, read once.

Refuses what no server could work with, whatever else is set; what a server must not start with is fairlead.cli.start_rules.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fairlead.settings import ALIASES, NAMES, SECRETS, Settings, is_loopback, listed, shown


class SettingsError(Exception):
    """A setting that cannot be used; the text names it, where it came from, and what would do."""


_TYPES = get_type_hints(Settings)


def hide(environment: MutableMapping[str, str]) -> None:
    """Takes what was read out of the environment, so that no child process has it in its own (T-34)."""
    for name in (*SECRETS, "store"):
        environment.pop(f"FAIRLEAD_{name.upper()}", None)
    for alias in ALIASES:
        environment.pop(alias, None)


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None) -> Settings:
    """The settings of this process. `flags` holds only what was given. Raises SettingsError."""
    if re.search(r"://[^/@]*:[^/@]*@", str(flags.get("store") or "")):
        raise SettingsError(
            "flag --store: a password on a command line is seen by every process; set FAIRLEAD_STORE, or `store` in the file"
        )
    values: dict[str, Any] = {name: environment[alias] for alias, name in ALIASES.items() if alias in environment}
    values.update(_from_file(file))
    for name in NAMES:
        variable = f"FAIRLEAD_{name.upper()}"
        if variable in environment:
            values[name] = _parsed(name, environment[variable], f"environment variable {variable}")
    values.update({name: _parsed(name, value, f"flag --{name.replace('_', '-')}") for name, value in flags.items()})
    settings = Settings(**values)
    _check(settings)
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable that looks like a setting and is none; by name only, since its value may be a secret.

    They do not stop a start, unlike such keys of the file: orchestrators put variables of their own there, such as
    `FAIRLEAD_SERVICE_HOST` for a service of this name.
    """
    lines = []
    for variable in sorted(environment):
        name = variable.removeprefix("FAIRLEAD_").lower()
        if variable.startswith("FAIRLEAD_") and name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f"; did you mean FAIRLEAD_{near[0].upper()}?" if near else ""
            lines.append(f"environment variable {ascii(variable)[1:-1]} is no setting and means nothing{hint}")
    return lines


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        file = Path("fairlead.toml")
        if not file.is_file():
            return {}
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as fault:
        raise SettingsError(f"{file} cannot be read: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsError(f"{file} is not valid TOML: {fault}") from fault
    document = _flat(document)
    for key in document:
        if key not in NAMES:
            near = difflib.get_close_matches(key, NAMES, 1)
            raise SettingsError(f"{file}: unknown setting '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    return {key: _parsed(key, value, f"{file}: {key}") for key, value in document.items()}


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """A table `[tls]` with `key` is the setting `tls_key`."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat


_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _parsed(name: str, value: Any, where: str) -> Any:
    kind = _TYPES[name]
    if name in SECRETS and name != "master_key" and isinstance(value, dict):
        value = json.dumps(value)  # a reference of fairlead.toml, in the form that the environment has it in
    try:
        if kind is bool:
            return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        if kind == tuple[str, ...]:
            return _texts(value, ";" if name == "admin_dn" else ",")
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Path)):
            raise ValueError
        if get_origin(kind) is Literal:
            if value not in get_args(kind):
                raise ValueError
            return value
        if kind is int and isinstance(value, float):
            raise ValueError
        return kind(value)
    except (OverflowError, ValueError, KeyError, TypeError):
        wanted = _WANTED.get(kind, "a text")
        if get_origin(kind) is Literal:
            wanted = " or ".join(choice or "empty" for choice in get_args(kind))
        raise SettingsError(f"{where}: {shown(name, value)} is not {wanted}") from None


_WANTED: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple[str, ...]: "a list of texts",
}


def _texts(value: Any, separator: str) -> tuple[str, ...]:
    """A list of the file, or texts between separators."""
    items = value.split(separator) if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise ValueError
    return tuple(item.strip() for item in items if item.strip())


_LOWEST = {
    "port": 0,
    "workers": 0,
    "max_body_bytes": 1,
    "pool_queue": 0,
    "connections_per_source": 0,
    "drain_seconds": 0,
    "audit_max_bytes": 4096,
    "access_log_max_bytes": 4096,
    "access_log_keep": 0,
    "audit_keep": 0,
    "password_min_length": -1,
    "api_key_limit": 0,
    "api_key_max_seconds": 0,
}
_LEVELS = ("debug", "info", "warning", "error", "critical")


def _check(settings: Settings) -> None:
    for name, low in _LOWEST.items():
        if getattr(settings, name) < low:
            raise SettingsError(f"{name} must be at least {low}")
    for name in ("body_timeout", "pool_timeout", "total_timeout"):
        if not 0 < getattr(settings, name) < float("inf"):
            raise SettingsError(f"{name} must be more than 0 and finite")
    if not 0 <= settings.access_log_share <= 1:
        raise SettingsError("access_log_share must be from 0 to 1")
    if settings.port > 65535:
        raise SettingsError("port must be at most 65535")
    if not 0 <= settings.tls_reload_seconds < float("inf"):
        raise SettingsError("tls_reload_seconds must be at least 0 and finite")
    if settings.vault_kv_version not in (1, 2):
        raise SettingsError("vault_kv_version must be 1 or 2")
    needed = {
        "vault": ("vault_address", "vault_token", "vault_transit_key"),
        "aws_kms": ("kms_key", "kms_access_key", "kms_secret_key"),
    }
    for name in needed.get(settings.key_service, ()):
        if not getattr(settings, name):
            raise SettingsError(f"key_service {settings.key_service} needs {name}")
    for name in listed(settings.secret_file_prefixes):
        if not name.startswith("/"):
            raise SettingsError(f"secret_file_prefixes: {name!r} is no absolute path")
    if settings.log_level not in _LEVELS:
        raise SettingsError(f"log_level must be one of {', '.join(_LEVELS)}")
    if settings.simulate and not is_loopback(settings.host):
        raise SettingsError("simulate works only on a loopback host: callers would take its answers for real ones")
    if settings.auth == "off" and settings.security:
        raise SettingsError("auth is off, so that the users in the directory of setting security would mean nothing")
    if settings.users == "file" and not settings.security:
        raise SettingsError("users file needs security: the directory that holds the files")
    if settings.workers > 1 and os.name == "nt":
        raise SettingsError("workers must be 1 on Windows")
