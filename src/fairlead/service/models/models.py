"""Models as they are stored: read, delete (spec/02 1.4, 1.7).

Registering, updating and deploying them are modules of their own.
"""

from __future__ import annotations

from fairlead.domain.model import HELD_STATES, INDEX, KIND, Model
from fairlead.domain.ports import Document, Json, Remove, Require
from fairlead.domain.principal import Principal
from fairlead.errors import IndexNotFound, StatusFault
from fairlead.service import replies
from fairlead.service.access import AccessControl
from fairlead.service.changes import Batch, commit
from fairlead.service.controllers import limit_resets
from fairlead.service.guards import guardrails
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

_SHOWN_USERS = 10


class ModelService:
    """Stored models."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._access = AccessControl(snapshot)

    async def get(self, id: str, principal: Principal | None = None) -> Model:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            if not await self._ports.store.known(KIND):
                raise StatusFault("Fail to find model", 404)
            raise _not_found(id)
        model = Model.of(document.body)
        await self._access.require_model(model, principal, missing=_not_found(id))
        return model

    async def delete(self, id: str, principal: Principal | None = None) -> Json:
        async def prepare() -> tuple[Batch, None]:
            document = await self.document(id)
            model = Model.of(document.body)
            await self._access.require_model(model, principal, missing=no_model())
            if model.model_state in HELD_STATES:
                raise StatusFault(
                    "Model cannot be deleted in deploying or deployed state. Try undeploy model first then delete", 400
                )
            checks = [await self._unused(id)] if self._snapshot.settings["safe_delete_model"] else []
            limits = await limit_resets(self._ports.store, id, gone=True)
            return [Remove(KIND, id, document.revision), *checks, *limits], None

        writes, _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, writes[0], "deleted")

    async def _unused(self, id: str) -> Require:
        """Safe delete: agents and pipelines, which the original looks at, do not exist here; guardrails do."""
        seen = await self._ports.store.revision()
        users = [document.id for document in await self._ports.store.all(KIND) if guardrails.asks(document.body, id)]
        if users:
            raise StatusFault(
                f"{len(users)} models are still using this model in their guardrails, please delete or update the "
                f"models first: [{', '.join(users[:_SHOWN_USERS])}]",
                409,
            )
        return Require(KIND, None, seen)

    async def require(self, id: str) -> Model:
        """The stored model, or the 404 of a predict; a store without models has its own, as recorded."""
        document = await self._ports.store.get(KIND, id)
        if document is None and not await self._ports.store.known(KIND):
            raise StatusFault(f"Failed to get data object from index {INDEX}", 404, cause=IndexNotFound(INDEX))
        if document is None:
            raise no_model()
        return Model.of(document.body)

    async def document(self, id: str) -> Document:
        """The stored document; raises StatusFault 404."""
        document = await self._ports.store.get(KIND, id)
        if document is None:
            raise no_model()
        return document


def no_model() -> StatusFault:
    return StatusFault("Failed to find model", 404)


def _not_found(id: str) -> StatusFault:
    return StatusFault(f"Failed to find model with the provided model id: {id}", 404)
