"""The rules of fairlead.domain.access with the settings and model groups in force. It stores nothing and raises every refusal.

A model is as open as its group, unless it is hidden; groups are compiled in the snapshot, so that a decision reads no store.
"""

from __future__ import annotations

from collections.abc import Callable

from fairlead.domain import connector as connectors
from fairlead.domain import group as groups
from fairlead.domain import model as models
from fairlead.domain.access import Access, acting
from fairlead.domain.model import Model
from fairlead.domain.ports import Document
from fairlead.domain.principal import Principal
from fairlead.errors import FairleadError, StatusFault
from fairlead.service.snapshot import Snapshot

NO_PRIVILEGE = "User doesn't have privilege to perform this operation on this model"


class AccessControl:
    """Decides for one process."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def of_connectors(self, principal: Principal | None) -> Principal | None:
        """The caller whose rights on connectors count, or None: everything is allowed and access lists are refused."""
        return acting(principal, self._snapshot.settings["connector_access_control_enabled"])

    def of_models(self, principal: Principal | None) -> Principal | None:
        """The same for model groups and models."""
        return acting(principal, self._snapshot.settings["model_access_control_enabled"])

    @property
    def public_is_read_only(self) -> bool:
        return bool(self._snapshot.settings["fairlead.access.public_is_read_only"])

    @property
    def hides_existence(self) -> bool:
        return bool(self._snapshot.settings["fairlead.access.refused_is_not_found"])

    def refusal(self, refused: FairleadError, missing: FairleadError) -> FairleadError:
        """What a caller is told who has no access at all: `missing` where even the existence is none of theirs (S-11)."""
        return missing if self.hides_existence else refused

    async def require_model(
        self,
        model: Model,
        principal: Principal | None,
        *,
        missing: FairleadError,
        hidden: str = NO_PRIVILEGE,
        refused: FairleadError | None = None,
    ) -> None:
        """Raises unless the caller may work with the model; a hidden one is for super admins, whatever its group says."""
        if conceals(model, principal):
            raise self.refusal(StatusFault(hidden, 403), missing)
        if not await self._permits(model, principal):
            raise self.refusal(refused or StatusFault(NO_PRIVILEGE, 403), missing)

    async def require_predict(self, model: Model, principal: Principal | None, reason: str = NO_PRIVILEGE) -> None:
        """Predict alone is open on hidden models, and skips their group (spec/02 13)."""
        if principal is not None and model.is_hidden is not True and not await self._permits(model, principal):
            raise self.refusal(StatusFault(reason, 403), StatusFault("Failed to find model", 404))

    def surely_predicts(self, model: Model, principal: Principal) -> bool:
        """Whether `require_predict` lets the caller pass, as far as this worker knows without asking anybody."""
        return model.is_hidden is True or self._decided(model, principal) is True

    async def _permits(self, model: Model, principal: Principal | None) -> bool:
        decided = self._decided(model, principal)
        if decided is None:  # the group was made by another worker a moment ago
            await self._snapshot.catch_up()
            decided = self._decided(model, principal)
        if decided is None:
            raise no_group()
        return decided

    def _decided(self, model: Model, principal: Principal | None) -> bool | None:
        """None: the model's group is not known here."""
        caller = self.of_models(principal)
        if caller is None or not model.model_group_id or caller.admin:
            return True
        group = self._snapshot.groups.get(model.model_group_id)
        return None if group is None else group.allows(caller)

    def visible(self, kind: str, principal: Principal | None) -> Callable[[Document], bool] | None:
        """What a search of that kind may show the caller; None: everything (spec/01 3.4)."""
        if kind == connectors.KIND:
            return self._findable(self.of_connectors(principal))
        if kind == groups.KIND:
            return self._findable(self.of_models(principal))
        return self._models_of(self.of_models(principal)) if kind == models.KIND else None

    def _findable(self, caller: Principal | None) -> Callable[[Document], bool] | None:
        if caller is None or caller.admin:
            return None
        return lambda document: Access.of(document.body).findable(caller)

    def _models_of(self, caller: Principal | None) -> Callable[[Document], bool]:
        """Models of groups that the caller finds, and those without group; hidden ones never, for nobody (spec/02 1.5)."""
        if caller is None or caller.admin:
            return lambda document: document.body.get("is_hidden") is not True
        found = {None, *(id for id, group in self._snapshot.groups.items() if group.findable(caller))}
        return lambda document: (
            document.body.get("is_hidden") is not True and document.body.get("model_group_id") in found
        )


def conceals(model: Model, principal: Principal | None) -> bool:
    """Whether the model is hidden from the caller: only a super admin works with hidden ones (spec/06 7.5)."""
    return model.is_hidden is True and not is_super(principal)


def is_super(principal: Principal | None) -> bool:
    return principal is not None and principal.super_admin


def no_group() -> StatusFault:
    return StatusFault("Fail to find model group", 404)
