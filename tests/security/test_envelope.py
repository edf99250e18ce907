"""Sealed values: what opens, what does not, and what the text looks like."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.ports import SealContext
from fairlead.security.envelope import BrokenSeal, Envelope, Key, associated_data, context_data

CASES = json.loads((Path(__file__).parent / "cases" / "envelope.json").read_text())
KEY = Key(bytes(range(32)))
NONCE = bytes(range(12))
CONTEXT = SealContext("default", "connector", "c1", "key", ("https://a.example:443", "https://b.example:443"))


def sealed(plain: bytes = b"plain", associated: bytes = b"data") -> str:
    return KEY.seal(plain, associated, NONCE)


@pytest.mark.parametrize("case", CASES["sealed"], ids=lambda case: case["name"])
def test_values_sealed_by_an_earlier_version_still_open(case: dict[str, object]) -> None:
    key = Key(base64.b64decode(str(case["key"])))
    fields = dict(case["context"])  # type: ignore[call-overload]
    context = SealContext(**{**fields, "origins": tuple(fields["origins"])})
    envelope = Envelope.parse(str(case["envelope"]))
    assert key.open(envelope, context_data(context, key.id)).decode() == case["plain"]
    assert key.seal(str(case["plain"]).encode(), context_data(context, key.id), envelope.nonce) == case["envelope"]


def test_an_envelope_names_format_and_key_and_hides_the_rest() -> None:
    form, key_id, nonce, ciphertext = sealed().split(".")
    assert (form, key_id, nonce) == ("fl1", KEY.id, base64.urlsafe_b64encode(NONCE).decode())
    assert len(base64.urlsafe_b64decode(ciphertext + "=" * (-len(ciphertext) % 4))) == len(b"plain") + 16


def test_a_value_opens_with_its_key_and_data() -> None:
    assert KEY.open(Envelope.parse(sealed()), b"data") == b"plain"


def test_a_value_does_not_open_with_other_data() -> None:
    with pytest.raises(BrokenSeal, match="another context"):
        KEY.open(Envelope.parse(sealed()), b"other")


def test_another_key_is_named_and_not_tried() -> None:
    other = Key(bytes(range(1, 33)))
    with pytest.raises(BrokenSeal, match=f"sealed by key {KEY.id}, not by {other.id}"):
        other.open(Envelope.parse(sealed()), b"data")


def test_an_envelope_that_claims_another_key_does_not_open() -> None:
    other = Key(bytes(range(1, 33)))
    forged = replace(Envelope.parse(sealed()), key_id=other.id)
    with pytest.raises(BrokenSeal, match="another context"):
        other.open(forged, b"data")


@pytest.mark.parametrize("text", CASES["malformed"])
def test_what_is_no_envelope_is_refused_by_its_form(text: str) -> None:
    with pytest.raises(BrokenSeal, match="not a sealed value"):
        Envelope.parse(text)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"a key has 32 bytes, not {length}"):
        Key(bytes(length))


@settings(max_examples=100)
@given(plain=st.binary(max_size=200), data=st.binary(max_size=50), at=st.integers(0), bit=st.integers(0, 7))
def test_one_flipped_bit_breaks_the_seal(plain: bytes, data: bytes, at: int, bit: int) -> None:
    envelope = Envelope.parse(KEY.seal(plain, data, NONCE))
    whole = bytearray(envelope.nonce + envelope.sealed)
    whole[at % len(whole)] ^= 1 << bit
    with pytest.raises(BrokenSeal):
        KEY.open(Envelope(KEY.id, bytes(whole[:12]), bytes(whole[12:])), data)


@settings(max_examples=200)
@given(text=st.text("fl1.09afAZ-_=+/ ", max_size=60) | st.text(max_size=40))
def test_any_text_is_an_envelope_or_refused(text: str) -> None:
    with contextlib.suppress(BrokenSeal):
        assert Envelope.parse(text).text() == text


@pytest.mark.parametrize(
    "other",
    [
        replace(CONTEXT, tenant="t2"),
        replace(CONTEXT, kind="model"),
        replace(CONTEXT, resource="c2"),
        replace(CONTEXT, field="key2"),
        replace(CONTEXT, origins=CONTEXT.origins[:1]),
        replace(CONTEXT, origins=(*CONTEXT.origins, "https://c.example:443")),
        replace(CONTEXT, origins=("https://a.example:8443", "https://b.example:443")),
        replace(CONTEXT, resource="c1key", field=""),
    ],
)
def test_every_part_of_the_context_is_bound(other: SealContext) -> None:
    envelope = Envelope.parse(KEY.seal(b"x", context_data(CONTEXT, KEY.id), NONCE))
    with pytest.raises(BrokenSeal):
        KEY.open(envelope, context_data(other, KEY.id))


def test_the_order_of_origins_does_not_matter() -> None:
    turned = replace(CONTEXT, origins=(*reversed(CONTEXT.origins), CONTEXT.origins[0]))
    assert context_data(turned, KEY.id) == context_data(CONTEXT, KEY.id)


PARTS = st.lists(st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=3).map(tuple), max_size=4)


@settings(max_examples=200)
@given(one=PARTS, other=PARTS)
def test_different_parts_of_one_shape_never_give_the_same_data(
    one: list[str | tuple[str, ...]], other: list[str | tuple[str, ...]]
) -> None:
    if [type(part) for part in one] == [type(part) for part in other]:
        assert (associated_data(*one) == associated_data(*other)) == (one == other)
