"""Key sets of an issuer: renewed in time, at most so often, and kept while the issuer is away (T-26)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fairlead.security.jwt import TokenFault
from fairlead.service.security.key_sets import FRESH_SECONDS, STALE_SECONDS, FetchedKeys, FetchFault
from tokens import Signer

pytest.importorskip("joserfc")

ONE, TWO = Signer("one"), Signer("two")
URL = "https://idp.example/keys"


class Provider:
    """Documents by URL, a clock, and what was fetched."""

    def __init__(self, **options: Any) -> None:
        self.now = 100.0
        self.documents: dict[str, Any] = {URL: {"keys": [ONE.jwk()]}}
        self.fetched: list[str] = []
        self.gate: asyncio.Event | None = None
        self.keys = FetchedKeys(self.fetch, lambda: self.now, **({"jwks_uri": URL, "issuer": "i"} | options))

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if self.gate is not None:
            await self.gate.wait()
        document = self.documents.get(url)
        if document is None:
            raise FetchFault("away")
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    async def kids(self, kid: str | None = "one") -> list[str | None]:
        return [key.kid for key in await self.keys.keys(kid)]


async def test_a_set_is_fetched_once_and_renewed_behind_the_callers_back() -> None:
    provider = Provider()
    for _ in range(5):
        assert await provider.kids() == ["one"]
    assert len(provider.fetched) == 1
    provider.documents[URL] = {"keys": [TWO.jwk()]}
    provider.now += FRESH_SECONDS + 1
    assert await provider.kids() == ["one"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await provider.kids("two") == ["two"]
    assert len(provider.fetched) == 2


async def test_a_new_key_is_found_at_once() -> None:
    provider = Provider()
    await provider.kids()
    provider.now += 31
    provider.documents[URL] = {"keys": [ONE.jwk(), TWO.jwk()]}
    assert await provider.kids("two") == ["one", "two"]


async def test_a_thousand_unknown_names_cause_one_fetch() -> None:
    provider = Provider()
    await provider.kids()
    provider.now += 31
    for number in range(1000):
        await provider.kids(f"unknown{number}")
    assert len(provider.fetched) == 2


async def test_callers_at_once_share_one_fetch() -> None:
    provider = Provider()
    provider.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(provider.kids()) for _ in range(50)]
    await asyncio.sleep(0)
    provider.gate.set()
    assert await asyncio.gather(*waiting) == [["one"]] * 50
    assert len(provider.fetched) == 1


async def test_known_keys_work_for_a_day_while_the_issuer_is_away() -> None:
    provider = Provider()
    await provider.kids()
    del provider.documents[URL]
    provider.now += STALE_SECONDS - 1
    assert await provider.kids() == ["one"]
    provider.now += 2
    with pytest.raises(TokenFault):
        await provider.kids()


async def test_an_issuer_that_was_away_at_first_is_asked_again() -> None:
    provider = Provider()
    document = provider.documents.pop(URL)
    for _ in range(3):
        with pytest.raises(TokenFault):
            await provider.kids()
    assert len(provider.fetched) == 1
    provider.now += 3
    provider.documents[URL] = document
    assert await provider.kids() == ["one"]


@pytest.mark.parametrize(
    "document",
    [b"no JSON", b"[]", {}, {"keys": {}}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}, 5]}, {"keys": [ONE.jwk()] * 9}],
    ids=["text", "list", "empty", "map", "none", "unusable", "many"],
)  # fmt: skip
async def test_a_document_that_is_no_key_set_changes_nothing(document: Any) -> None:
    provider = Provider(most_keys=8)
    await provider.kids()
    provider.documents[URL] = document
    provider.now += FRESH_SECONDS + 1
    await provider.kids("unknown")
    assert await provider.kids() == ["one"]


async def test_the_version_grows_only_when_a_key_changed() -> None:
    provider = Provider()
    await provider.kids()
    before = provider.keys.version
    provider.now += 31
    await provider.kids("two")
    assert provider.keys.version == before
    provider.documents[URL] = {"keys": [Signer("one").jwk()]}
    provider.now += 31
    await provider.kids("two")
    assert provider.keys.version == before + 1


async def test_discovery_names_the_key_set_and_must_name_the_issuer() -> None:
    provider = Provider(jwks_uri="", discovery="https://idp.example/d")
    provider.documents["https://idp.example/d"] = {"issuer": "other", "jwks_uri": URL}
    with pytest.raises(TokenFault):
        await provider.kids()
    provider.now += 3
    provider.documents["https://idp.example/d"] = {"issuer": "i", "jwks_uri": URL}
    assert await provider.kids() == ["one"]
