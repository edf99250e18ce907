"""A keyring under a pass-phrase: nothing of it is readable without, and nothing but an export is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.domain.secret import Secret
from fairlead.security.key_export import export_text, import_text
from fairlead.security.keyring import GivenKeyProvider, Keyring, KeyringError

PASSPHRASE = Secret("correct horse battery")


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return GivenKeyProvider(",".join(bytes(range(n, n + 32)).hex() for n in (1, 2)), "x")._keyring


@pytest.fixture(scope="module")
def exported(keyring: Keyring) -> str:
    return export_text(keyring, PASSPHRASE)


def test_what_was_exported_is_imported_whole(keyring: Keyring, exported: str) -> None:
    found = import_text(exported, PASSPHRASE)
    assert (found.active, sorted(found.ids)) == (keyring.active, sorted(keyring.ids))
    assert {key.material() for key in found.keys} == {key.material() for key in keyring.keys}


def test_another_passphrase_is_told_and_opens_nothing(exported: str) -> None:
    with pytest.raises(KeyringError, match="the pass-phrase is not the one that the export was sealed with"):
        import_text(exported, Secret("correct horse batterz"))


def test_a_short_passphrase_is_refused(keyring: Keyring) -> None:
    with pytest.raises(KeyringError, match="must have at least 12 characters"):
        export_text(keyring, Secret("elevenchars"))


@pytest.mark.parametrize(
    "change",
    [
        {"sealed": "fl1.00000000.AAAA.AAAA"},
        {"sealed": 5},
        {"argon2id": {}},
        {"argon2id": {"salt": "AAAA", "time": 1, "memory_kib": 1 << 30, "lanes": 1}},
        {"argon2id": {"salt": "AAAA", "time": 0, "memory_kib": 64, "lanes": 1}},
    ],
)
def test_a_damaged_or_costly_export_is_refused(exported: str, change: dict[str, Any]) -> None:
    with pytest.raises(KeyringError, match="no export of keys, or a damaged one") as caught:
        import_text(json.dumps({**json.loads(exported), **change}), PASSPHRASE)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '"x"', "{" * 1000])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(KeyringError, match="no export of keys"):
        import_text(text, PASSPHRASE)


def test_an_export_of_a_newer_format_is_told(exported: str) -> None:
    with pytest.raises(KeyringError, match="has format 2; this Fairlead reads 1"):
        import_text(json.dumps({**json.loads(exported), "fairlead_keys": 2}), PASSPHRASE)
