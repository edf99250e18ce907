"""Controllers: limits of single users on a model, made, merged, shown and removed together with the model's flag."""

from __future__ import annotations

from dataclasses import replace

from fairlead.domain import model as models
from fairlead.domain.bucket import resets
from fairlead.domain.controller import INDEX, KIND, Controller, Limiters
from fairlead.domain.model import Model, ModelState
from fairlead.domain.ports import Document, Json, Put, Remove, Step, Store, Written
from fairlead.domain.principal import Principal
from fairlead.errors import IndexNotFound, StatusFault
from fairlead.service import replies
from fairlead.service.access import AccessControl
from fairlead.service.changes import Batch, commit
from fairlead.service.models.loading import model_id_suffix
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

_NO_MODEL = "Failed to find model to create the corresponding model controller with the provided model ID"
_NONE = "Failed to find model controller"
_NONE_OF_ID = f"{_NONE} with the provided model ID"


class ControllerService:
    """Stored controllers. Every change is one write with what depends on it, and live on all workers by the snapshot."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._access = AccessControl(snapshot)

    async def create(self, id: str, limiters: Limiters, principal: Principal | None = None) -> Json:
        """Replaces what is there. Raises StatusFault."""
        self._require_enabled()

        async def prepare() -> tuple[Batch, bool]:
            document, model = await self._model(id, principal)
            if model.model_state == ModelState.DEPLOYING:
                raise StatusFault(
                    "Creating a model controller during its corresponding model in DEPLOYING state is not allowed, please "
                    f"either create the model controller after it is deployed or before deploying it.{model_id_suffix(id, model)}",
                    409,
                )
            old = await self._ports.store.get(KIND, id)
            steps: list[Step] = [Put(KIND, id, Controller(id, limiters).document(), old.revision if old else 0)]
            if old is None:
                enabled = replace(model, is_controller_enabled=True)
                steps.append(Put(models.KIND, id, enabled.document(), document.revision))
            users = {*limiters, *(Controller.of(old.body).user_rate_limiter if old else ())}
            return [*steps, *resets(id, users, model=False)], old is None

        _, made = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return {"model_id": id, "status": "CREATED" if made else "UPDATED"}

    async def update(self, id: str, limiters: Limiters, principal: Principal | None = None) -> Json:
        """Merges; the buckets of users whose limit changes are full again."""
        self._require_enabled()

        async def prepare() -> tuple[Batch, Document | None]:
            _, model = await self._model(id, principal)
            document = await self._ports.store.get(KIND, id)
            if document is None:
                raise StatusFault(
                    "Model controller haven't been created for the model. Consider calling create model controller api "
                    f"instead.{model_id_suffix(id, model)}",
                    409,
                )
            old = Controller.of(document.body)
            new = old.merged(limiters)
            if new.document() == document.body:
                return [], document
            changed = [u for u in limiters if new.user_rate_limiter[u] != old.user_rate_limiter.get(u)]
            return [Put(KIND, id, new.document(), document.revision), *resets(id, changed, model=False)], None

        writes, same = await commit(self._ports.store, prepare)
        if same is not None:
            return replies.unchanged(INDEX, Written(KIND, id, same.revision, same.version, existed=True))
        await self._snapshot.catch_up()
        return replies.written(INDEX, writes[0], "updated")

    async def get(self, id: str, principal: Principal | None = None) -> Json:
        self._require_enabled()
        store = self._ports.store
        document = await store.get(KIND, id)
        if document is None:
            known = await store.known(KIND)
            raise StatusFault(_NONE_OF_ID if known else _NONE, 404)
        model = await store.get(models.KIND, id)
        if model is None:
            raise StatusFault(
                "Failed to find model to get the corresponding model controller with the provided model ID", 404
            )
        await self._require_access(id, Model.of(model.body), principal, _NONE_OF_ID)
        return Controller.of(document.body).document()

    async def delete(self, id: str, principal: Principal | None = None) -> Json:
        """Limits of users end at once."""
        self._require_enabled()

        async def prepare() -> tuple[Batch, None]:
            store = self._ports.store
            document = await store.get(KIND, id)
            if document is None and not await store.known(KIND):
                raise IndexNotFound(INDEX)
            model = await store.get(models.KIND, id)
            if document is None or model is None:
                raise StatusFault(_NONE, 404)
            await self._require_access(id, Model.of(model.body), principal, _NONE)
            disabled = replace(Model.of(model.body), is_controller_enabled=False)
            return [
                Remove(KIND, id, document.revision),
                Put(models.KIND, id, disabled.document(), model.revision),
                *resets(id, Controller.of(document.body).user_rate_limiter, model=False),
            ], None

        writes, _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, writes[0], "deleted")

    async def _model(self, id: str, principal: Principal | None) -> tuple[Document, Model]:
        document = await self._ports.store.get(models.KIND, id)
        if document is None:
            raise StatusFault(_NO_MODEL, 404)
        model = Model.of(document.body)
        await self._require_access(id, model, principal, _NO_MODEL)
        return document, model

    async def _require_access(self, id: str, model: Model, principal: Principal | None, missing: str) -> None:
        """A controller is as open as its model; `missing` where a refusal must not show that there is one."""
        refusal = "User doesn't have privilege to perform this operation on this model controller."
        refusal += model_id_suffix(id, model)
        await self._access.require_model(
            model,
            principal,
            missing=StatusFault(missing, 404),
            hidden=refusal,
            refused=StatusFault(refusal, 403),
        )

    def _require_enabled(self) -> None:
        if not self._snapshot.settings["controller_enabled"]:
            raise StatusFault(
                "Controller is currently disabled. To enable it, update the setting "
                '"plugins.ml_commons.controller_enabled" to true.',
                400,
            )


async def limit_resets(store: Store, id: str, *, gone: bool = False) -> list[Step]:
    """Steps after which all limits of a model are full again; with `gone` its controller is removed too."""
    controller = await store.get(KIND, id)
    if controller is None:
        return list(resets(id))
    steps: list[Step] = list(resets(id, Controller.of(controller.body).user_rate_limiter))
    return [*steps, Remove(KIND, id)] if gone else steps
