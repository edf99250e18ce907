"""A canary secret is planted in everything that holds one, and looked for in everything that can be shown (T-10)."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest

from fairlead.domain.ports import SealContext
from fairlead.domain.secret import Secret, SecretReference
from fairlead.engine.sigv4 import Signer, signing_key
from fairlead.security.data_keys import DataKeys
from fairlead.security.envelope import Envelope, Key, context_data
from fairlead.security.key_file import FileKeyProvider
from fairlead.security.key_sources import key_provider
from fairlead.security.keyring import GivenKeyProvider, Keyring, parse_key
from fairlead.security.vault import DOCUMENT, KIND, AesVault, open_vault
from security.memory_store import MemoryStore

CANARY = "sk-canary-3xtr4-s3cret/+="
# 32 bytes whose text forms are as recognisable as the canary itself.
MATERIAL = b"CanaryCanaryKey!0123456789abcdef"
CONTEXT = SealContext("default", "connector", "c1", "openAI_key", ("https://api.openai.com:443",))
DATE = "20261125T171200Z"


def spellings(data: bytes) -> list[str]:
    plain = base64.b64encode(data).decode()
    return [
        data.decode("latin-1"), repr(data)[2:-1], data.hex(), plain, plain.rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="), quote(data, safe=""), str(list(data))[1:-1],
    ]  # fmt: skip


DAY_KEY = signing_key(CANARY, DATE[:8], "us-east-1", "bedrock")
FORBIDDEN = [text for data in (CANARY.encode(), MATERIAL, DAY_KEY) for text in spellings(data)]


def leaks(text: str) -> list[str]:
    return [known for known in FORBIDDEN if known in text]


async def vault() -> AesVault:
    return await open_vault(MemoryStore(), GivenKeyProvider(MATERIAL.hex(), "FAIRLEAD_MASTER_KEY"))


def signer() -> Signer:
    one = Signer(Secret("AKIDEXAMPLE"), Secret(CANARY), Secret(CANARY), "us-east-1", "bedrock")
    one.sign("POST", b"/", "h.example", (), b"", DATE)
    return one


def holders() -> dict[str, object]:
    """Every class of this package and of the engine's signer that holds a secret."""
    key = Key(MATERIAL)
    one = signer()
    return {
        "Secret": Secret(CANARY),
        "SecretReference": SecretReference("file", CANARY),
        "Key": key,
        "Keyring": Keyring(key),
        "GivenKeyProvider": GivenKeyProvider(MATERIAL.hex(), "FAIRLEAD_MASTER_KEY"),
        "AesVault": AesVault(
            MemoryStore(), GivenKeyProvider(MATERIAL.hex(), "x"), DataKeys(1, {"active": key.id}, {key.id: key}, {})
        ),
        "Signer": one,
        "day key": one._day,
        "Envelope": Envelope.parse(key.seal(CANARY.encode(), b"", bytes(12))),
    }


PICKLED_AS_IT_IS = {"Envelope"}
"""What is stored and sent as a text anyway."""


@pytest.mark.parametrize("name", holders())
def test_nothing_that_holds_a_secret_shows_it(name: str) -> None:
    holder = holders()[name]
    shown = [
        repr(holder),
        str(holder),
        f"{holder}",
        f"{holder!r:>40}",
        repr([holder]),
        repr({"x": (holder,)}),
        f"{holder} {holder!r:.500}",
    ]
    assert [leaks(text) for text in shown] == [[]] * len(shown)


@pytest.mark.parametrize("name", holders())
def test_nothing_that_holds_a_secret_is_pickled_with_it(name: str) -> None:
    holder = holders()[name]
    if name in PICKLED_AS_IT_IS:
        assert leaks(pickle.dumps(holder).decode("latin-1")) == []
        return
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(holder, protocol)
    with pytest.raises(TypeError):
        copy.deepcopy(holder)


@pytest.mark.parametrize("name", holders())
def test_nothing_that_holds_a_secret_has_it_in_plain_json(name: str) -> None:
    with pytest.raises(TypeError):
        json.dumps(holders()[name])


def fails_given_key() -> None:
    parse_key(CANARY, "FAIRLEAD_MASTER_KEY")


def fails_given_hex() -> None:
    parse_key(MATERIAL.hex() + "0", "FAIRLEAD_MASTER_KEY")


def fails_given_beyond_ascii() -> None:
    parse_key("\u00e4" + MATERIAL.hex() + CANARY, "FAIRLEAD_MASTER_KEY")


def fails_both_given() -> None:
    key_provider(Path("/nowhere"), CANARY, CANARY)


def fails_key_length() -> None:
    Key(MATERIAL + b"x")


def fails_signing() -> None:
    Signer(Secret(f"{CANARY}\n{CANARY}"), Secret(CANARY), None, "us-east-1", "bedrock").sign(
        "POST", b"/", "h.example", (), b"", DATE
    )


def fails_token() -> None:
    Signer(Secret("AKID"), Secret(CANARY), Secret(CANARY + "\r\n"), "us-east-1", "bedrock").sign(
        "POST", b"/", "h.example", (), b"", DATE
    )


def fails_open() -> None:
    key = Key(MATERIAL)
    key.open(Envelope.parse(key.seal(CANARY.encode(), b"a", bytes(12))), b"b")


def fails_parse() -> None:
    Envelope.parse(CANARY)


def trace(fault: BaseException) -> str:
    """All that a log could hold of a fault: its text, its causes, its arguments, its pickle where it has one."""
    shown = "".join(traceback.format_exception(fault)) + repr(fault) + str(fault.args)
    shown += pickle.dumps((type(fault), fault.args)).decode("latin-1")
    chain: BaseException | None = fault
    while chain is not None:
        shown += repr(vars(chain)) + repr(chain.args)
        chain = chain.__cause__ or chain.__context__
    return shown


@pytest.mark.parametrize(
    "fails",
    [
        fails_given_key, fails_given_hex, fails_given_beyond_ascii, fails_both_given, fails_key_length, fails_signing, fails_token,
        fails_open, fails_parse,
    ],
)  # fmt: skip
def test_no_fault_tells_the_secret_it_is_about(fails: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:
        fails()
    # The traceback quotes source lines: the canary must not stand in one.
    assert leaks(trace(caught.value)) == []


async def moved(one: AesVault) -> None:
    text = (await one.seal({CONTEXT: Secret(CANARY)}))[CONTEXT]
    await one.open({replace(CONTEXT, resource="c2"): text})


async def never_sealed(one: AesVault) -> None:
    await one.open({CONTEXT: CANARY})


async def other_key(one: AesVault) -> None:
    key = Key(MATERIAL)
    await one.open({CONTEXT: key.seal(CANARY.encode(), context_data(CONTEXT, key.id), bytes(12))})


@pytest.mark.parametrize("fails", [moved, never_sealed, other_key])
async def test_no_fault_of_the_vault_tells_what_it_did_not_open(fails: Callable[[AesVault], Awaitable[None]]) -> None:
    one = await vault()
    with pytest.raises(Exception) as caught:
        await fails(one)
    assert leaks(trace(caught.value)) == []


async def test_a_damaged_keyring_file_is_told_without_its_keys(tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    await provider.create()
    path = tmp_path / "keys" / "keyring.json"
    key = base64.b64encode(MATERIAL).decode()
    whole = json.dumps({"format": 1, "active": Key(MATERIAL).id, "keys": [{"id": Key(MATERIAL).id, "key": key}]})
    for damaged in (
        whole[:-1],
        whole.replace(key, key + "="),
        whole.replace(key, CANARY),
        whole.replace('"keys"', '"k"'),
    ):
        path.write_text(damaged)
        with pytest.raises(Exception) as caught:
            await provider.load()
        assert leaks(trace(caught.value)) == []


async def test_the_store_holds_no_secret_in_any_spelling(tmp_path: Path) -> None:
    store = MemoryStore()
    one = await open_vault(store, GivenKeyProvider(MATERIAL.hex(), "FAIRLEAD_MASTER_KEY"))
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    sealed = await one.seal({CONTEXT: Secret(CANARY)})
    data_key = one.state.at_hand[document.body["active"]].material()
    shown = json.dumps(document.body) + repr(store.documents) + repr(sealed)
    assert leaks(shown) == []
    assert [text for text in spellings(data_key) if text in shown] == []
    assert sha256(MATERIAL).hexdigest()[:8] in shown


async def test_opening_and_sealing_log_nothing_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        one = await vault()
        await one.open(await one.seal({CONTEXT: Secret(CANARY)}))
        signer()
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def test_an_opened_value_comes_as_a_secret_and_not_as_a_text() -> None:
    one = await vault()
    opened = await one.open(await one.seal({CONTEXT: Secret(CANARY)}))
    assert leaks(repr(opened)) == []
    assert opened[CONTEXT].reveal() == CANARY
