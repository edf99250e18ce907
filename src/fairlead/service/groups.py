"""Model groups: register, read, update, delete; names are unique (spec/01 section 2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from fairlead.domain import model as models
from fairlead.domain.access import OPEN, Access, Asked, Grant, group_change, group_grant
from fairlead.domain.chosen_id import check_chosen
from fairlead.domain.chosen_id import taken as id_taken
from fairlead.domain.group import INDEX, KIND, ModelGroup
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Document, Json, Put, Remove, Step
from fairlead.domain.principal import Principal
from fairlead.errors import ActionValidation, IllegalArgument, StatusFault
from fairlead.service import replies
from fairlead.service.access import AccessControl
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

_ID = "model group id"
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
    model_group_id: str | None = None

    @property
    def asked(self) -> Asked:
        return Asked(self.access_mode, self.backend_roles, self.add_all_backend_roles)


def refuse_access(asked: Asked) -> None:
    """While nobody's rights count, nobody can set any (spec/01 3.3)."""
    if asked.given:
        raise IllegalArgument(
            "You cannot specify model access control parameters because the Security plugin or model access control "
            "is disabled on your cluster."
        )


def granted(caller: Principal | None, asked: Asked) -> Grant:
    """The access of a group that `caller` makes; None: access control is off."""
    if caller is not None:
        return group_grant(caller, asked)
    refuse_access(asked)
    return OPEN


def new_group(
    id: str, name: str, description: str | None, now: int, grant: Grant = OPEN
) -> tuple[ModelGroup, list[Step]]:
    """A fresh group and the changes that store it and take its name."""
    group = ModelGroup(
        name,
        0,
        description,
        backend_roles=grant.backend_roles,
        owner=grant.owner,
        access=grant.access,
        created_time=now,
        last_updated_time=now,
    )
    return group, [Put(KIND, id, group.document(), 0), Put(NAME_KIND, name_id(name), {"model_group_id": id}, 0)]


class GroupService:
    """Model groups."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._access = AccessControl(snapshot)

    async def register(self, fields: GroupFields, principal: Principal | None = None) -> str:
        if fields.name is None:
            raise IllegalArgument("model group name must not be null")
        _check_texts(fields, creating=True)
        name, chosen = fields.name, fields.model_group_id
        if chosen is not None:
            check_chosen(_ID, chosen)
        id = self._ports.new_id() if chosen is None else chosen

        async def prepare() -> tuple[Batch, None]:
            if chosen is not None and await self._ports.store.get(KIND, chosen) is not None:
                raise id_taken(_ID, chosen)
            taken = await self.by_name(name)
            if taken is not None:
                raise IllegalArgument(f"The name you provided is already being used by a model group with ID: {taken}.")
            grant = granted(self._access.of_models(principal), fields.asked)
            _, batch = new_group(id, name, fields.description, self._ports.clock(), grant)
            return batch, None

        await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return id

    async def by_name(self, name: str) -> str | None:
        """The id of the group of exactly that name."""
        taken = await self._ports.store.get(NAME_KIND, name_id(name))
        return None if taken is None else str(taken.body["model_group_id"])

    async def get(self, id: str, principal: Principal | None = None) -> ModelGroup:
        document = await self._document(id, "Failed to find model group index")
        caller = self._access.of_models(principal)
        if caller is not None and not Access.of(document.body).allows(caller):
            text = "User doesn't have privilege to perform this operation on this model group"
            raise self._access.refusal(StatusFault(text, 403), _not_found(id))
        return ModelGroup.of(document.body)

    async def update(self, id: str, fields: GroupFields, principal: Principal | None = None) -> None:
        _check_texts(fields, creating=False)

        async def prepare() -> tuple[Batch, None]:
            document = await self._document(id, "Failed to find model group")
            group = self._with_access(id, ModelGroup.of(document.body), fields.asked, principal)
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
        await self._snapshot.catch_up()

    def _with_access(self, id: str, group: ModelGroup, asked: Asked, principal: Principal | None) -> ModelGroup:
        """The group with the access that the update gives it, once the caller may update it."""
        caller = self._access.of_models(principal)
        if caller is None:
            refuse_access(asked)
            return group
        stored = Access.of(group.document())
        if self._access.hides_existence and not stored.allows(caller):
            raise _not_found(id)
        change = group_change(caller, stored, asked, public_is_read_only=self._access.public_is_read_only)
        if change is None:
            return group
        return replace(
            group, access=change.access, backend_roles=change.backend_roles, owner=group.owner or change.owner
        )

    async def delete(self, id: str, principal: Principal | None = None) -> Json:
        """Whoever may use a group may delete it while it is empty; the original forgets to ask (spec/01 2.4)."""
        if not await self._ports.store.known(KIND):
            raise StatusFault("Failed to find model group", 404)

        async def prepare() -> tuple[Batch, None]:
            document = await self._ports.store.get(KIND, id)
            self._check_deletion(id, document, principal)
            if any(model.body.get("model_group_id") == id for model in await self._ports.store.all(models.KIND)):
                raise StatusFault("Cannot delete the model group when it has associated model versions", 409)
            if document is None:
                return [Remove(KIND, id)], None
            return [Remove(KIND, id, document.revision), Remove(NAME_KIND, name_id(document.body["name"]))], None

        writes, _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, writes[0], "deleted" if writes[0].existed else "not_found")

    def _check_deletion(self, id: str, document: Document | None, principal: Principal | None) -> None:
        caller = self._access.of_models(principal)
        if caller is None or caller.admin:
            return
        if document is None:
            if self._access.hides_existence:  # then a refused deletion reads the same
                raise _not_found(id)
            return
        stored = Access.of(document.body)
        if not stored.allows_change(caller, public_is_read_only=self._access.public_is_read_only):
            refused = StatusFault("User doesn't have privilege to delete this model group", 403)
            raise refused if stored.allows(caller) else self._access.refusal(refused, _not_found(id))

    async def _document(self, id: str, no_index: str) -> Document:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            if not await self._ports.store.known(KIND):
                raise StatusFault(no_index, 404)
            raise _not_found(id)
        return document


def _not_found(id: str) -> StatusFault:
    return StatusFault(f"Failed to find model group with the provided model group id: {id}", 404)


def _check_texts(fields: GroupFields, *, creating: bool) -> None:
    faults = name_faults("Model group", "name", fields.name, required=creating)
    faults += name_faults("Model group", "description", fields.description, required=False)
    if faults:
        raise ActionValidation(*faults)
