"""Files of an OpenSearch security directory (spec/06 section 3): what is read, what is refused and how it is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.security_objects import ACTION_GROUPS, KINDS, MAPPINGS, ROLES, USERS
from fairlead.service.security.files import FileFault, read_directory, read_file
from fairlead.service.security.importing import import_files, import_once
from fairlead.store import open_store
from process import PARITY_USERS

CASES = json.loads((Path(__file__).parent / "cases" / "security_files.json").read_text("utf-8"))
ARGON2 = "$argon2id$v=19$m=64,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$WX7LW5YZVxJjB2QUP9hXtCUBeNV7vYX7q2ZbnyyHhCY"
FILES = {
    "internal_users.yml": f"""---
# A comment, and texts that YAML 1.1 would turn into something else.
_meta:
  type: "internalusers"
  config_version: 2
no:
  hash: "{ARGON2}"
  reserved: yes
  attributes: {{level: 012}}
  enabled: false
""",
    "roles.yml": """_meta: {type: roles, config_version: 2}
reader:
  reserved: true
  cluster_permissions: ['cluster_monitor', "cluster:admin/opensearch/ml/models/get"]
  index_permissions:
    - index_patterns: ['*']
      allowed_actions: [read]
gone: {static: true, cluster_permissions: ['*']}
empty:
""",
    "roles_mapping.yml": """_meta: {type: rolesmapping, config_version: 2}
reader: {backend_roles: [a, b], users: [], and_backend_roles: [c]}
""",
    "action_groups.yml": """_meta: {type: actiongroups, config_version: 2}
mine: {reserved: false, allowed_actions: ['x:*'], type: cluster}
""",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_all_four_files_are_read_and_what_is_static_is_left_out(directory: Path) -> None:
    files = read_directory(directory)
    assert files.objects[USERS.kind] == {
        "no": {"hash": ARGON2, "reserved": True, "attributes": {"level": "012"}, "enabled": False}
    }
    assert list(files.objects[ROLES.kind]) == ["reader", "empty"]
    assert files.objects[ROLES.kind]["reader"]["index_permissions"] == [
        {"index_patterns": ["*"], "fls": [], "masked_fields": [], "allowed_actions": ["read"]}
    ]
    assert files.objects[MAPPINGS.kind] == {
        "reader": {"backend_roles": ["a", "b"], "users": [], "and_backend_roles": ["c"]}
    }
    assert files.objects[ACTION_GROUPS.kind]["mine"]["allowed_actions"] == ["x:*"]
    assert files.ignored == ()


def test_files_that_mean_nothing_here_are_named(directory: Path) -> None:
    (directory / "tenants.yml").write_text("anything")
    assert read_directory(directory).ignored == ("tenants.yml",)


def test_a_directory_without_any_of_the_files_is_refused(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "nosuch"):
        with pytest.raises(FileFault):
            read_directory(wrong)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_file_is_refused_with_its_name_the_entry_and_the_reason(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    path.write_text(case["text"], "utf-8")
    kind = next(kind for kind in KINDS if kind.file == case["file"])
    with pytest.raises(FileFault) as fault:
        read_file(path, kind)
    assert str(fault.value).startswith(str(path))
    assert case["fault"] in str(fault.value)
    assert "secret" not in str(fault.value)


def test_the_users_of_the_recorded_scenarios_are_read() -> None:
    pytest.importorskip("bcrypt")
    files = read_directory(PARITY_USERS)
    assert list(files.objects[USERS.kind]) == ["admin", "alice", "bob", "carol"]


async def test_an_import_replaces_a_kind_whole_and_writes_only_what_differs(directory: Path, tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        files = read_directory(directory)
        first = await import_once(store, files)
        assert first is not None
        assert first.counts == {"internalusers": 1, "roles": 2, "rolesmapping": 1, "actiongroups": 1}
        assert await import_once(store, files) is None
        assert (await import_files(store, files)).written == 0
        (directory / "roles.yml").write_text("_meta: {type: roles, config_version: 2}\nother: {}\n")
        (directory / "internal_users.yml").unlink()
        assert (await import_files(store, read_directory(directory))).written == 3
        assert [document.id for document in await store.all(ROLES.kind)] == ["other"]
        assert [document.id for document in await store.all(USERS.kind)] == ["no"]
    finally:
        await store.close()
