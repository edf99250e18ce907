"""The four files of a security directory as OpenSearch writes them: read, checked whole, given as objects by kind.

It writes nothing. The first fault is raised with the file and the entry that has it (spec/06 section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.domain.ports import Json
from fairlead.domain.security_objects import ENTRIES, KINDS, MAPPINGS, USERS, FieldType, ObjectKind, complete_entries
from fairlead.security.name_patterns import BadPattern, compile_pattern
from fairlead.security.passwords import hash_fault
from fairlead.security.yaml_reader import YamlFault, read_yaml_file

LONGEST = 256
"""Characters of a name and of any text (spec/06 2.3)."""
PATTERN_FIELDS = frozenset(
    {"users", "hosts", "backend_roles", "and_backend_roles", "cluster_permissions", "allowed_actions"}
)
ALIASES: Mapping[str, str] = {"backendroles": "backend_roles", "and_backendroles": "and_backend_roles"}
"""Spellings of older files that OpenSearch reads too."""
IDENTITY_FILE = "config.yml"
"""Read by fairlead.service.security.domains at every start; the objects of the other files live in the store."""
OTHER_FILES: Mapping[str, str] = {
    "audit.yml": "the audit log is a setting of the process here",
    "tenants.yml": "there are no Dashboards tenants here",
    "nodes_dn.yml": "there are no cluster nodes here",
    "allowlist.yml": "there is no list of routes here; privileges decide",
}
"""Files of an OpenSearch directory that are not read, and why."""


class FileFault(Exception):
    """A file that cannot be taken; the text names it, the entry and the reason."""


@dataclass(frozen=True, slots=True)
class SecurityFiles:
    """Objects by name, for each kind whose file is there; `ignored` are the files that are there and not read."""

    objects: Mapping[str, Mapping[str, Json]]
    ignored: tuple[str, ...]


def read_directory(directory: Path) -> SecurityFiles:
    """Raises FileFault; also when the directory has none of the files."""
    if not directory.is_dir():
        raise FileFault(f"{directory} is not a directory")
    objects = {kind.kind: read_file(directory / kind.file, kind) for kind in KINDS if (directory / kind.file).exists()}
    if not objects and not (directory / IDENTITY_FILE).exists():
        raise FileFault(f"{directory} has none of {', '.join(kind.file for kind in KINDS)}")
    return SecurityFiles(objects, tuple(name for name in OTHER_FILES if (directory / name).exists()))


def read_file(path: Path, kind: ObjectKind) -> dict[str, Json]:
    """The entries of one file. Raises FileFault."""
    try:
        document = read_yaml_file(path)
    except OSError as fault:
        raise FileFault(f"{path} cannot be read: {fault.strerror}") from fault
    except YamlFault as fault:
        raise FileFault(f"{path}: {fault}") from fault
    if not isinstance(document, dict) or not isinstance(document.get("_meta"), dict):
        raise FileFault(f"{path}: the first key must be _meta, with type '{kind.segment}' and config_version 2")
    meta = document.pop("_meta")
    if meta.get("type") != kind.segment or meta.get("config_version") != "2":
        raise FileFault(f"{path}: _meta says type '{meta.get('type')}', config_version {meta.get('config_version')}; "
                        f"wanted are '{kind.segment}' and 2")  # fmt: skip
    return {
        name: body
        for name, entry in document.items()
        if not (body := _entry(f"{path}: {name}", kind, name, entry)).get("static")
    }


def _entry(where: str, kind: ObjectKind, name: str, entry: Any) -> Json:
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        raise FileFault(f"{where}: an entry is a map")
    if not name.strip() or len(name) > LONGEST:
        raise FileFault(f"{where}: a name has 1 to {LONGEST} characters")
    body: Json = {}
    for key, value in entry.items():
        key = ALIASES.get(key, key)
        field = kind.field(key)
        if field is None:
            raise FileFault(f"{where}: unknown key '{key}'")
        if value is not None:
            body[key] = _typed(f"{where}.{key}", field.type, value)
    for key, value in body.items():
        if key in ENTRIES:
            body[key] = _entries(f"{where}.{key}", key, value)
        elif isinstance(value, list):
            body[key] = _texts(f"{where}.{key}", value, patterns=key in PATTERN_FIELDS and kind is not USERS)
    if kind is USERS:
        _check_user(where, body)
    if kind is MAPPINGS:
        body.pop("static", None)
    return body


def _check_user(where: str, body: Json) -> None:
    if "hash" not in body:
        raise FileFault(f"{where}: no hash")
    if (fault := hash_fault(body["hash"])) is not None:
        raise FileFault(f"{where}: {fault}")
    for key, value in body.get("attributes", {}).items():
        _typed(f"{where}.attributes.{key}", FieldType.TEXT, value)


_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
"""The words of YAML 1.1, which OpenSearch reads."""


def _typed(where: str, type_: FieldType, value: Any) -> Any:
    if type_ is FieldType.BOOLEAN:
        value = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    wanted = {FieldType.TEXT: str, FieldType.LIST: list, FieldType.OBJECT: dict, FieldType.BOOLEAN: bool}[type_]
    if not isinstance(value, wanted):
        raise FileFault(f"{where}: {type_} expected")
    if isinstance(value, str) and len(value) > LONGEST and not where.endswith(".hash"):
        raise FileFault(f"{where}: more than {LONGEST} characters")
    return value


def _texts(where: str, values: list[Any], *, patterns: bool) -> list[str]:
    for text in values:
        if not isinstance(text, str) or not text.strip():
            raise FileFault(f"{where}: an element that is empty or no text")
        if patterns:
            try:
                compile_pattern(text)
            except BadPattern as fault:
                raise FileFault(f"{where}: {fault}") from fault
    return values


def _entries(where: str, name: str, values: list[Any]) -> list[Json]:
    for value in values:
        if not isinstance(value, dict):
            raise FileFault(f"{where}: Object expected")
        for key, item in value.items():
            if key not in ENTRIES[name]:
                raise FileFault(f"{where}: unknown key '{key}'")
            if item is not None:
                _typed(f"{where}.{key}", ENTRIES[name][key], item)
    return complete_entries(name, values)
