"""Where key-encryption keys come from, and what is refused before one is used."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fairlead.security.envelope import BrokenSeal, Key
from fairlead.security.key_file import FileKeyProvider
from fairlead.security.key_sources import key_provider
from fairlead.security.keyring import GivenKeyProvider, Keyring, KeyringError, parse_key

MATERIAL = bytes(range(100, 132))
BASE64 = base64.b64encode(MATERIAL).decode()
REFUSED = "HERE must be base64 or hex of exactly 32 random bytes (openssl rand -base64 32); pass-phrases are refused"
CHILD = Path(__file__).parent / "keyring_child.py"


async def made(directory: Path) -> Path:
    await FileKeyProvider(directory).create()
    return directory / "keyring.json"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# A key given as a text.


@pytest.mark.parametrize(
    "text",
    [
        BASE64,
        BASE64.rstrip("="),
        base64.urlsafe_b64encode(MATERIAL).decode(),
        MATERIAL.hex(),
        MATERIAL.hex().upper(),
        f"  {BASE64}\n",
    ],
)
def test_32_bytes_are_taken_in_base64_and_hex(text: str) -> None:
    assert parse_key(text, "HERE").material() == MATERIAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "changeme",
        "correct horse battery staple",
        "passphrasepassphrasepassphrase32",
        base64.b64encode(MATERIAL[:31]).decode(),
        base64.b64encode(MATERIAL + b"x").decode(),
        MATERIAL.hex()[:-1],
        MATERIAL.hex() + "00",
        MATERIAL.hex()[:-1] + "g",
        "0" * 64,
        base64.b64encode(bytes(32)).decode(),
        "A" * 43,
        BASE64[:20] + "\u00e9" + BASE64[21:],
        BASE64[:20] + " " + BASE64[20:],
    ],
)
def test_anything_else_is_refused_and_not_stretched(text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        parse_key(text, "HERE")
    assert str(caught.value) == REFUSED
    assert caught.value.__context__ is None


async def test_a_given_key_is_there_from_the_start_and_never_made() -> None:
    provider = GivenKeyProvider(BASE64, "HERE")
    loaded = await provider.load()
    assert loaded.active == Key(MATERIAL).id == (await provider.create()).active


def test_two_given_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="both FAIRLEAD_MASTER_KEY and FAIRLEAD_MASTER_KEY_FILE are set"):
        key_provider(tmp_path, BASE64, str(tmp_path / "key"))


async def test_a_key_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "key", tmp_path / "link"
    path.write_text(BASE64 + "\n")
    path.chmod(0o400)
    link.symlink_to(path)
    keys = await key_provider(tmp_path, "", str(link)).load()
    assert keys is not None
    assert keys.active == Key(MATERIAL).id


def test_a_key_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(BASE64)
    path.chmod(0o644)
    with pytest.raises(KeyringError, match=r"is open to others \(mode 0644\): run chmod 600 on it"):
        key_provider(tmp_path, "", str(path))


def test_a_key_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match=r"FAIRLEAD_MASTER_KEY_FILE .*/none cannot be read: No such file"):
        key_provider(tmp_path, "", str(tmp_path / "none"))


async def test_without_a_given_key_the_keyring_lies_in_the_data_directory(tmp_path: Path) -> None:
    provider = key_provider(tmp_path)
    assert provider.source == f"keyring file {tmp_path}/keys/keyring.json"
    assert await provider.load() is None
    assert not (tmp_path / "keys").exists()


# The keyring file.


async def test_the_first_start_makes_a_file_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "keys"
    made_keyring = await FileKeyProvider(directory).create()
    assert mode(directory) == 0o700
    assert mode(directory / "keyring.json") == 0o600
    assert os.listdir(directory) == ["keyring.json"]
    loaded = await FileKeyProvider(directory).load()
    assert loaded is not None
    assert loaded.active == made_keyring.active
    assert [key.id for key in loaded.keys] == [made_keyring.active]


async def test_what_lies_in_the_file_is_32_random_bytes_under_their_fingerprint(tmp_path: Path) -> None:
    documents = [json.loads((await made(tmp_path / name)).read_text()) for name in ("a", "b")]
    for document in documents:
        (entry,) = document["keys"]
        material = base64.b64decode(entry["key"])
        assert len(material) == 32
        assert document["format"] == 1
        assert document["active"] == entry["id"] == Key(material).id
    assert documents[0] != documents[1]


async def test_a_key_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    path = await made(tmp_path / "keys")
    before = path.read_bytes()
    await FileKeyProvider(tmp_path / "keys").create()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path / "keys") == ["keyring.json"]


async def test_a_keyring_with_several_keys_reads_them_all_and_wraps_with_the_active_one(tmp_path: Path) -> None:
    path = await made(tmp_path / "keys")
    document = json.loads(path.read_text())
    new = Key(MATERIAL)
    document["keys"].append({"id": new.id, "key": BASE64})
    old, document["active"] = document["active"], new.id
    path.write_text(json.dumps(document))
    loaded = await FileKeyProvider(tmp_path / "keys").load()
    assert loaded is not None
    assert loaded.active == new.id
    assert loaded.holds(old)
    assert (await loaded.wrap(b"x", b"")).split(".")[1] == new.id


@pytest.mark.parametrize("wide", [0o604, 0o640, 0o660, 0o602, 0o601])
async def test_a_file_open_to_others_is_refused_in_one_line(tmp_path: Path, wide: int) -> None:
    path = await made(tmp_path / "keys")
    path.chmod(wide)
    with pytest.raises(KeyringError) as caught:
        await FileKeyProvider(tmp_path / "keys").load()
    assert str(caught.value) == f"keyring file {path} is open to others (mode {wide:04o}): run chmod 600 on it"


@pytest.mark.parametrize("wide", [0o755, 0o750, 0o1777])
async def test_a_directory_open_to_others_is_refused_when_read_and_when_made(tmp_path: Path, wide: int) -> None:
    directory = tmp_path / "keys"
    await made(directory)
    directory.chmod(wide)
    provider = FileKeyProvider(directory)
    for call in (provider.load, provider.create):
        with pytest.raises(KeyringError) as caught:
            await call()
        assert str(caught.value) == f"directory {directory} is open to others (mode {wide:04o}): run chmod 700 on it"


async def test_a_file_of_another_owner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(tmp_path / "keys")
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyringError, match=f"belongs to user {owner}, not to this process's user {owner + 1}"):
        await FileKeyProvider(tmp_path / "keys").load()


async def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "keys")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyringError, match="cannot be read: Too many levels of symbolic links"):
        await FileKeyProvider(tmp_path / "keys").load()


async def test_a_pipe_in_place_of_the_file_is_refused_without_waiting(tmp_path: Path) -> None:
    path = await made(tmp_path / "keys")
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyringError, match="is no regular file"):
        await FileKeyProvider(tmp_path / "keys").load()


def other_id(document: dict[str, object]) -> dict[str, object]:
    return {**document, "keys": [{"id": "00000000", "key": BASE64}]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: "", "is damaged: restore it from a copy"),
        (lambda text: text[:-20], "is damaged: restore it from a copy"),
        (lambda text: "[" * 100_000, "is damaged: restore it from a copy"),
        (lambda text: "[1]", "is damaged: restore it from a copy"),
        (lambda text: "null", "is damaged: restore it from a copy"),
        (lambda text: "{}", "is damaged: restore it from a copy"),
        (lambda text: text.replace('"active": "', '"active": "x'), "is damaged: restore it from a copy"),
        (lambda text: json.dumps({**json.loads(text), "keys": [{"id": "x", "key": "AAAA"}]}), "is damaged: restore"),
        (lambda text: json.dumps({**json.loads(text), "keys": [5]}), "is damaged: restore it from a copy"),
        (lambda text: json.dumps(other_id(json.loads(text))), "is damaged: key .* is listed as 00000000"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "has format 2; this Fairlead reads 1"),
    ],
)
async def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, change: Callable[[str], str], reason: str) -> None:
    path = await made(tmp_path / "keys")
    key = json.loads(path.read_text())["keys"][0]["key"]
    path.write_text(change(path.read_text()))
    before = path.read_bytes()
    provider = FileKeyProvider(tmp_path / "keys")
    for call in (provider.load, provider.create):
        with pytest.raises(KeyringError, match=reason) as caught:
            await call()
        assert key not in str(caught.value)
        assert caught.value.__context__ is None
    assert path.read_bytes() == before


async def test_bytes_that_are_no_text_are_a_damaged_file(tmp_path: Path) -> None:
    path = await made(tmp_path / "keys")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(KeyringError, match="is damaged: restore it from a copy"):
        await FileKeyProvider(tmp_path / "keys").load()


async def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyringError, match=r"keyring file .*/keyring.json cannot be written: Not a directory"):
        await FileKeyProvider(tmp_path / "file" / "keys").create()


async def test_a_file_system_without_links_leaves_no_key_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(KeyringError, match="cannot be written: Operation not permitted"):
        await FileKeyProvider(tmp_path / "keys").create()
    assert os.listdir(tmp_path / "keys") == []


def test_processes_that_start_at_once_converge_on_one_key(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen(
            [sys.executable, str(CHILD), str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(5)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    found = [child.communicate(timeout=60)[0].strip() for child in children]
    assert [child.returncode for child in children] == [0] * 5
    document = json.loads((tmp_path / "keys" / "keyring.json").read_text())
    assert set(found) == {document["active"]}
    assert os.listdir(tmp_path / "keys") == ["keyring.json"]


# Wrapping.


async def test_what_a_keyring_wraps_it_unwraps() -> None:
    keyring = Keyring(Key(MATERIAL))
    assert await keyring.unwrap(await keyring.wrap(b"data key", b"about"), b"about") == b"data key"
    with pytest.raises(BrokenSeal):
        await keyring.unwrap(await keyring.wrap(b"data key", b"about"), b"else")


async def test_what_a_retired_key_wrapped_is_read_as_long_as_it_is_listed() -> None:
    old, new = Key(MATERIAL), Key(MATERIAL[::-1])
    wrapped = await Keyring(old).wrap(b"data key", b"")
    assert await Keyring(new, (old,)).unwrap(wrapped, b"") == b"data key"
    with pytest.raises(BrokenSeal, match=f"wrapped by key {old.id}, which is not held"):
        await Keyring(new).unwrap(wrapped, b"")


async def test_every_wrapping_has_a_nonce_of_its_own() -> None:
    keyring = Keyring(Key(MATERIAL))
    assert len({await keyring.wrap(b"same", b"") for _ in range(100)}) == 100
