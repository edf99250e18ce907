"""Model groups: register, read, update, delete; names are unique (spec/01 section 2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from fairlead.domain import model as models
from fairlead.domain.group import INDEX, KIND, ModelGroup
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Document, Json, Put, Remove, Step
from fairlead.errors import ActionValidation, IllegalArgument, StatusFault
from fairlead.service import replies
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports

NAME_KIND = "model_group_name"
"""One document per taken name, so that two groups of one name cannot be written at once."""


def name_id(name: str) -> str:
    """The id under which a name is taken; names may be longer than ids."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class GroupFields:
    """A group as a request gives it; None is what the request does not name."""

    name: str | None = None
    description: str | None = None
    access_mode: str | None = None
    backend_roles: tuple[str, ...] | None = None
    add_all_backend_roles: bool | None = None

    @property
    def names_access(self) -> bool:
        return self.access_mode is not None or self.add_all_backend_roles is not None or bool(self.backend_roles)


def check_access(fields: GroupFields) -> None:
    if fields.names_access:
        raise IllegalArgument(
            "You cannot specify model access control parameters because the Security plugin or model access control "
            "is disabled on your cluster."
        )


def new_group(id: str, name: str, description: str | None, now: int) -> tuple[ModelGroup, list[Step]]:
    """A fresh group and the changes that store it and take its name."""
    group = ModelGroup(name, 0, description, access="public", created_time=now, last_updated_time=now)
    return group, [Put(KIND, id, group.document(), 0), Put(NAME_KIND, name_id(name), {"model_group_id": id}, 0)]


class GroupService:
    """Model groups."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def register(self, fields: GroupFields) -> str:
        if fields.name is None:
            raise IllegalArgument("model group name must not be null")
        _check_texts(fields, creating=True)
        name, id = fields.name, self._ports.new_id()

        async def prepare() -> tuple[Batch, None]:
            taken = await self.by_name(name)
            if taken is not None:
                raise IllegalArgument(f"The name you provided is already being used by a model group with ID: {taken}.")
            check_access(fields)
            _, batch = new_group(id, name, fields.description, self._ports.clock())
            return batch, None

        await commit(self._ports.store, prepare)
        return id

    async def by_name(self, name: str) -> str | None:
        """The id of the group of exactly that name."""
        taken = await self._ports.store.get(NAME_KIND, name_id(name))
        return None if taken is None else str(taken.body["model_group_id"])

    async def get(self, id: str) -> ModelGroup:
        return ModelGroup.of((await self._document(id, "Failed to find model group index")).body)

    async def update(self, id: str, fields: GroupFields) -> None:
        _check_texts(fields, creating=False)

        async def prepare() -> tuple[Batch, None]:
            document = await self._document(id, "Failed to find model group")
            check_access(fields)
            group = ModelGroup.of(document.body)
            batch: list[Step] = []
            if fields.name and fields.name.strip() and fields.name != group.name:
                taken = await self.by_name(fields.name)
                if taken is not None:
                    raise IllegalArgument(
                        f"The name you provided is already being used by another model with ID: {taken}. "
                        "Please provide a different name"
                    )
                batch = [
                    Remove(NAME_KIND, name_id(group.name)),
                    Put(NAME_KIND, name_id(fields.name), {"model_group_id": id}, 0),
                ]
                group = replace(group, name=fields.name)
            if fields.description and fields.description.strip():
                group = replace(group, description=fields.description)
            group = replace(group, last_updated_time=self._ports.clock())
            return [Put(KIND, id, group.document(), document.revision), *batch], None

        await commit(self._ports.store, prepare)

    async def delete(self, id: str) -> Json:
        if not await self._ports.store.known(KIND):
            raise StatusFault("Failed to find model group", 404)

        async def prepare() -> tuple[Batch, None]:
            if any(model.body.get("model_group_id") == id for model in await self._ports.store.all(models.KIND)):
                raise StatusFault("Cannot delete the model group when it has associated model versions", 409)
            document = await self._ports.store.get(KIND, id)
            if document is None:
                return [Remove(KIND, id)], None
            return [Remove(KIND, id, document.revision), Remove(NAME_KIND, name_id(document.body["name"]))], None

        writes, _ = await commit(self._ports.store, prepare)
        return replies.written(INDEX, writes[0], "deleted" if writes[0].existed else "not_found")

    async def _document(self, id: str, no_index: str) -> Document:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            if not await self._ports.store.known(KIND):
                raise StatusFault(no_index, 404)
            raise StatusFault(f"Failed to find model group with the provided model group id: {id}", 404)
        return document


def _check_texts(fields: GroupFields, *, creating: bool) -> None:
    faults = name_faults("Model group", "name", fields.name, required=creating)
    faults += name_faults("Model group", "description", fields.description, required=False)
    if faults:
        raise ActionValidation(*faults)
