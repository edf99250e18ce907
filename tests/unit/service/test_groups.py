"""Model groups: unique names of any length."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.errors import IllegalArgument
from fairlead.service.groups import GroupFields, name_id
from fairlead.service.house import House
from unit.service.world import connected, registered


async def test_a_name_longer_than_an_id_is_unique_and_free_again_after_rename_and_delete(house: House) -> None:
    name = "long " * 300
    id = await house.groups.register(GroupFields(name=name))
    with pytest.raises(IllegalArgument, match=id):
        await house.groups.register(GroupFields(name=name))
    await house.groups.update(id, GroupFields(name="short"))
    other = await house.groups.register(GroupFields(name=name))
    await house.groups.delete(other)
    assert await house.groups.by_name(name) is None
    assert await house.groups.by_name("short") == id


def test_names_that_differ_have_ids_that_differ() -> None:
    assert len({name_id(text) for text in ("a", "A", "a ", "é", "\ud800")}) == 5


async def test_fifty_registrations_into_one_group_at_once_get_fifty_versions(house: House) -> None:
    connector = await connected(house)
    models = await asyncio.gather(*(registered(house, connector, name="same") for _ in range(50)))
    versions = {(await house.models.get(model)).model_version for model in models}
    assert versions == {str(number) for number in range(1, 51)}
