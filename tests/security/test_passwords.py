"""Hashes that are read, made and refused (spec/06 6.2); the cases stand in cases/password_hash.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id
from hypothesis import given
from hypothesis import strategies as st

from fairlead.security.passwords import BCRYPT_BYTES, cost_of, hash_fault, hash_password, verify_password

CASES = json.loads((Path(__file__).parent / "cases" / "password_hash.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_hash_is_used_or_refused_for_a_reason(case: dict[str, Any]) -> None:
    if case.get("needs"):
        pytest.importorskip(case["needs"])
    fault = hash_fault(case["hash"])
    if "fault" in case:
        assert case["fault"] in str(fault)
        assert cost_of(case["hash"]) == 0
        assert not verify_password(case["hash"], "admin")
    else:
        assert fault is None
        assert not verify_password(case["hash"], "wrong")
        assert case.get("wrong_only") or verify_password(case["hash"], case["right"])


def test_a_new_hash_is_argon2id_and_opens_with_its_password_only() -> None:
    stored = hash_password("Gr4ndeur-Of-Tides_9")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(stored, "Gr4ndeur-Of-Tides_9")
    assert not verify_password(stored, "Gr4ndeur-Of-Tides_8")
    assert stored != hash_password("Gr4ndeur-Of-Tides_9")


@pytest.mark.parametrize("variant", [Argon2id, Argon2i, Argon2d])
@pytest.mark.parametrize("salt", [16, 32])
def test_every_kind_of_argon2_that_opensearch_can_be_set_to_is_read(variant: type[Argon2id], salt: int) -> None:
    kdf = variant(salt=os.urandom(salt), length=32, iterations=3, lanes=1, memory_cost=64)
    stored = kdf.derive_phc_encoded("pässword".encode())
    assert verify_password(stored, "pässword")
    assert not verify_password(stored, "password")


def test_an_empty_password_never_opens_anything() -> None:
    kdf = Argon2id(salt=b"0" * 16, length=32, iterations=1, lanes=1, memory_cost=8)
    assert not verify_password(kdf.derive_phc_encoded(b""), "")


@pytest.mark.parametrize("mark", [b"2a", b"2b"])
def test_bcrypt_looks_at_72_bytes_and_argon2_at_all(mark: bytes) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    long = "x" * BCRYPT_BYTES
    stored = bcrypt.hashpw(long.encode(), bcrypt.gensalt(4, mark)).decode()
    for text in (stored, stored.replace(f"${mark.decode()}$", "$2y$")):
        assert verify_password(text, long + "and more")
        assert not verify_password(text, long[:-1])
    assert not verify_password(hash_password(long), long + "and more")


@given(st.text(max_size=80))
def test_any_text_is_a_hash_or_refused_and_nothing_else(stored: str) -> None:
    assert hash_fault(stored) is not None
    assert verify_password(stored, "x") is False


def test_the_costliest_hash_is_the_one_that_takes_longest() -> None:
    argon2, costly = hash_password("x"), "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
    assert 0 < cost_of(argon2) < cost_of(costly)
