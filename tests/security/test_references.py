"""References to secrets outside: what the settings allow, what is safe to read, and errors that never name the place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import IllegalArgument
from fairlead.security.references import References


def reference(scheme: str, place: str) -> SecretReference:
    return SecretReference(scheme, place)


def private(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("scheme", "place", "prefixes", "allowed"),
    [
        ("env", "OPENAI_KEY", ("OPENAI_",), True),
        ("env", "OPENAI_KEY", (), False),
        ("env", "AWS_SECRET", ("OPENAI_",), False),
        ("env", "MY_OPENAI_KEY", ("OPENAI_",), False),
        ("env", "FAIRLEAD_MASTER_KEY", ("", "FAIRLEAD_"), False),
        ("env", "fairlead_master_key", ("",), False),
        ("env", "A=B", ("A",), False),
        ("env", "", ("",), False),
        ("file", "/run/secrets/a", ("/run/secrets",), True),
        ("file", "/run/secrets/a", ("/run/secrets/",), True),
        ("file", "/run/secrets-of-others/a", ("/run/secrets",), False),
        ("file", "/run/secrets", ("/run/secrets",), False),
        ("file", "/run/secrets/../../etc/passwd", ("/run/secrets",), False),
        ("file", "/run/secrets//a", ("/run/secrets",), False),
        ("file", "run/secrets/a", ("/run/secrets",), False),
        ("file", "/run/secrets/a\0b", ("/run/secrets",), False),
        ("file", "/etc/passwd", (), False),
        ("vault", "kv/fairlead/openai#key", ("kv/fairlead",), True),
        ("vault", "kv/fairlead#key", ("kv/fairlead",), True),
        ("vault", "kv/fairlead2/openai#key", ("kv/fairlead",), False),
        ("vault", "kv/fairlead/../other#key", ("kv/fairlead",), False),
        ("vault", "kv/fairlead/openai", ("kv/fairlead",), False),
        ("vault", "kv/fairlead/a?x=1#key", ("kv/fairlead",), False),
        ("vault", "kv#key", ("kv",), False),
    ],
)
async def test_only_what_a_prefix_allows_is_read(
    scheme: str, place: str, prefixes: tuple[str, ...], allowed: bool
) -> None:
    names = {"env": "env", "file": "files", "vault": "vault"}
    references = References(**{names[scheme]: prefixes}, environment={place: "secret"})
    if allowed:
        references.check(reference(scheme, place), "key")
        return
    with pytest.raises(IllegalArgument) as checked:
        references.check(reference(scheme, place), "key")
    with pytest.raises(IllegalArgument) as read:
        await references.read(reference(scheme, place), "key")
    assert (
        checked.value.reason
        == read.value.reason
        == (f"Credential [key]: the settings do not allow this reference [${scheme}] (secret_{scheme}_prefixes)")
    )


async def test_a_variable_is_read_as_it_is() -> None:
    references = References(env=("OPENAI_",), environment={"OPENAI_KEY": "sk-1", "OPENAI_EMPTY": ""})
    assert await references.read(reference("env", "OPENAI_KEY"), "key") == Secret("sk-1")
    for name, why in (("OPENAI_NONE", "cannot be read: the variable is not set"), ("OPENAI_EMPTY", "an empty value")):
        with pytest.raises(IllegalArgument, match=why) as caught:
            await references.read(reference("env", name), "key")
        assert name not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"), [("sk-1", "sk-1"), ("sk-1\n", "sk-1"), ("sk-1\r\n", "sk-1"), ("a\nb\n\n", "a\nb\n"), ("ä", "ä")]
)
async def test_a_file_is_read_without_its_last_line_feed(tmp_path: Path, text: str, value: str) -> None:
    path = private(tmp_path / "key", text)
    references = References(files=(str(tmp_path),))
    assert await references.read(reference("file", str(path)), "key") == Secret(value)


async def test_a_link_that_stays_in_the_folder_is_followed(tmp_path: Path) -> None:
    """As secret mounts of container platforms have it."""
    (tmp_path / "..data").mkdir()
    private(tmp_path / "..data" / "key", "sk-1")
    (tmp_path / "key").symlink_to("..data/key")
    references = References(files=(str(tmp_path),))
    assert await references.read(reference("file", str(tmp_path / "key")), "key") == Secret("sk-1")


def open_to_others(folder: Path) -> None:
    private(folder / "key", "canary").chmod(0o640)


def no_file(folder: Path) -> None:
    pass


def a_directory(folder: Path) -> None:
    (folder / "key").mkdir()


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "key", 0o600)


def a_link_out(folder: Path) -> None:
    private(folder.parent / "canary", "canary")
    (folder / "key").symlink_to(folder.parent / "canary")


def no_text(folder: Path) -> None:
    private(folder / "key", b"canary\xff")


def empty(folder: Path) -> None:
    private(folder / "key", "\n")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (open_to_others, "the file is open to others (mode 0640)"),
        (no_file, "No such file or directory"),
        (a_directory, "the file is no regular file"),
        (a_pipe, "the file is no regular file"),
        (a_link_out, "the file leads out of the folder that is allowed"),
        (no_text, "the file is no text"),
        (empty, "leads to an empty value"),
    ],
)
async def test_a_file_that_is_not_safe_is_refused_without_its_name_or_text(tmp_path: Path, make: Any, why: str) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    make(folder)
    with pytest.raises(IllegalArgument) as caught:
        await References(files=(str(folder),)).read(reference("file", str(folder / "key")), "key")
    assert why in str(caught.value)
    assert str(folder) not in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_the_stamp_of_a_file_changes_with_it_and_of_nothing_else(tmp_path: Path) -> None:
    references = References(("X",), (str(tmp_path),))
    path = tmp_path / "key"
    there = reference("file", str(path))
    missing = await references.stamp(there)
    private(path, "one")
    first = await references.stamp(there)
    assert first == await references.stamp(there)
    private(tmp_path / "new", "two")
    os.replace(tmp_path / "new", path)
    assert len({missing, first, await references.stamp(there)}) == 3
    assert await references.stamp(reference("env", "X")) is None


async def test_a_field_of_a_vaults_secret_is_read_by_path_and_name() -> None:
    asked: list[str] = []

    async def vault(path: str) -> Mapping[str, Any]:
        asked.append(path)
        return {"key": "sk-1", "number": 5}

    references = References(vault=("kv",), read_vault=vault)
    assert await references.read(reference("vault", "kv/openai#key"), "f") == Secret("sk-1")
    assert asked == ["kv/openai"]
    for field in ("other", "number"):
        with pytest.raises(IllegalArgument, match="the secret has no such field"):
            await references.read(reference("vault", f"kv/openai#{field}"), "f")
    with pytest.raises(IllegalArgument, match="no vault is configured"):
        await References(vault=("kv",)).read(reference("vault", "kv/openai#key"), "f")


async def test_what_was_read_is_told_to_the_log_s_net() -> None:
    told: list[Secret] = []
    references = References(env=("A",), environment={"A": "sk-1"}, learn=told.extend)
    await references.read(reference("env", "A"), "f")
    assert told == [Secret("sk-1")]


def test_a_reference_shows_its_kind_only() -> None:
    hidden = reference("file", "/run/secrets/canary")
    assert [repr(hidden), str(hidden), f"{hidden}"] == ["SecretReference(file:***)"] * 2 + ["***"]
    assert SecretReference.parse(hidden.reveal()).place == "/run/secrets/canary"
