"""Bearer tokens as identities: whose they are, how long they are remembered, what forgets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from fairlead.domain.identity import Head, Refused
from fairlead.domain.principal import Principal
from fairlead.security.jwt import Key, TokenRules, import_key
from fairlead.service.security import tokens as module
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.domains import JwtDomain
from fairlead.service.security.tokens import REMEMBERED_SECONDS, TokenSource
from tokens import Signer

pytest.importorskip("joserfc")

SIGNER = Signer()
RULES = TokenRules("i", frozenset({"a"}), frozenset({"RS256"}))


class Keys:
    version = 0

    def __init__(self) -> None:
        self.held = [import_key(SIGNER.jwk())]

    async def keys(self, kid: str | None) -> Sequence[Key]:
        return self.held


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, **domain: Any) -> None:
        self.now = 1_700_000_000_000
        self.keys = Keys()
        self.configuration = Configuration(mappings={"ml_full_access": {"backend_roles": ["staff"]}})
        self.verified = 0

        def counted(*arguments: Any) -> Mapping[str, Any]:
            self.verified += 1
            return verify(*arguments)

        verify = module.verify
        monkeypatch.setattr(module, "verify", counted)
        row = JwtDomain("d", RULES, **({"roles": ("roles",)} | domain))
        self.source = TokenSource([(row, self.keys)], lambda: self.configuration, lambda: self.now)

    def token(self, seconds: int = 600, **claims: Any) -> str:
        return SIGNER.token({"iss": "i", "aud": "a", "sub": "ann", "exp": self.now // 1000 + seconds} | claims)

    async def ask(self, token: str, scheme: str = "Bearer ") -> Principal | Refused | None:
        return await self.source.identify(Head("GET", b"/", [], f"{scheme}{token}".encode(), "127.0.0.1", {}))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_a_token_names_its_subject_and_mapped_roles(world: World) -> None:
    found = await world.ask(world.token(roles=["staff", "a,b"], team={"name": "blue", "of": [1]}))
    assert isinstance(found, Principal)
    assert (found.name, found.backend_roles, found.roles) == ("ann", ("staff", "a,b"), ("ml_full_access",))
    assert found.attributes["attr.jwt.team.name"] == "blue"
    assert found.attributes["attr.jwt.team.of"] == "[1]"


@pytest.mark.parametrize(
    ("value", "roles"),
    [("staff, b ,", ("staff", "b")), (["staff", 5, "", None], ("staff",)), (5, ()), (None, ()), ({"staff": 1}, ())],
)
async def test_roles_are_a_list_or_a_text_of_several(world: World, value: Any, roles: tuple[str, ...]) -> None:
    found = await world.ask(world.token(roles=value))
    assert isinstance(found, Principal)
    assert found.backend_roles == roles


async def test_subject_and_roles_may_lie_deeper(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, subject=("user", "name"), roles=("realm", "roles"))
    found = await world.ask(world.token(user={"name": "bob"}, realm={"roles": ["x"]}))
    assert isinstance(found, Principal)
    assert (found.name, found.backend_roles) == ("bob", ("x",))
    assert isinstance(await world.ask(world.token()), Refused)


@pytest.mark.parametrize("claims", [{"sub": ""}, {"sub": 5}, {"sub": None}, {"sub": ["ann"]}])
async def test_a_token_that_names_nobody_is_refused(world: World, claims: dict[str, Any]) -> None:
    assert isinstance(await world.ask(world.token(**claims)), Refused)


async def test_another_scheme_is_for_other_sources_and_a_bad_token_is_for_none(world: World) -> None:
    assert await world.ask(world.token(), "Basic ") is None
    assert await world.ask("x", "Bearerx ") is None
    for bad in ("", "x", "a.b.c", world.token(iss="other"), world.token(exp=1)):
        assert isinstance(await world.ask(bad), Refused)


async def test_a_token_is_verified_once_in_a_while(world: World) -> None:
    token = world.token()
    first = await world.ask(token)
    assert await world.ask(token, "bearer ") == first
    assert await world.ask(token) is first
    assert world.verified == 2
    world.now += int(REMEMBERED_SECONDS * 1000)
    assert await world.ask(token) == first
    assert world.verified == 3


async def test_an_expired_token_is_refused_although_it_was_good(world: World) -> None:
    token = world.token(seconds=10)
    assert isinstance(await world.ask(token), Principal)
    world.now += 40_000 - 1
    assert isinstance(await world.ask(token), Principal)
    world.now += 1
    assert isinstance(await world.ask(token), Refused)


async def test_changed_roles_hold_at_once(world: World) -> None:
    token = world.token(roles=["staff"])
    await world.ask(token)
    world.configuration = Configuration()
    found = await world.ask(token)
    assert isinstance(found, Principal)
    assert found.roles == ()


async def test_a_key_that_is_gone_takes_its_tokens_along(world: World) -> None:
    token = world.token()
    assert isinstance(await world.ask(token), Principal)
    world.keys.held = [import_key(Signer().jwk())]
    world.keys.version += 1
    assert isinstance(await world.ask(token), Refused)


async def test_what_is_remembered_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    for number in range(6):
        await world.ask(world.token(sub=f"u{number}"))
    assert len(world.source._verified) == 3


def test_a_challenge_is_made_only_where_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert World(monkeypatch).source.challenge is None
    assert World(monkeypatch, challenge=True).source.challenge == 'Bearer realm="OpenSearch Security"'
