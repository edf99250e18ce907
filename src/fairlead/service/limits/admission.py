"""Who may call a provider now: the API key's limit first, then the model's, then the user's (spec/02 3.5 step 9). Compiled when
a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.domain.principal import Principal
from fairlead.errors import StatusFault
from fairlead.service.limits.leases import LimitLease

MODEL_REASON = "Request is throttled at model level."
USER_REASON = "Request is throttled at user level. If you think there's an issue, please contact your cluster admin."
KEY_REASON = "Request is throttled at API key level."


class Admission:
    """The limits of one caller of one model."""

    __slots__ = ("_key", "_model", "_user")

    def __init__(self, model: LimitLease | None, user: LimitLease | None, key: LimitLease | None = None) -> None:
        self._model = model
        self._user = user
        self._key = key

    def of_key(self, key: LimitLease) -> Admission:
        """The same for a caller who came with a key that has a limit of its own, over all models."""
        return Admission(self._model, self._user, key)

    async def admit(self) -> None:
        """One call to the provider; raises StatusFault 429 with `Retry-After`. A call that the user's limit refuses has
        cost the model a token, as in the original; one that the key's refuses has cost nobody anything."""
        if self._key is not None and not self._key.take() and not await self._key.acquire():
            raise _throttled(KEY_REASON, self._key)
        model, user = self._model, self._user
        if model is not None and not model.take() and not await model.acquire():
            raise _throttled(MODEL_REASON, model)
        if user is not None and not user.take() and not await user.acquire():
            raise _throttled(USER_REASON, user)


UNLIMITED = Admission(None, None)


def _throttled(reason: str, lease: LimitLease) -> StatusFault:
    return StatusFault(reason, 429, headers={"Retry-After": str(lease.retry_after())})


@dataclass(frozen=True, slots=True)
class Limiter:
    """The limits of one loaded model: of everybody, and of those who have a limit of their own, by name."""

    everyone: Admission | None
    users: Mapping[str, Admission]

    def of(self, principal: Principal | None) -> Admission | None:
        """With security off there is no user, so limits of users never apply (spec/02 6.1)."""
        return self.everyone if principal is None else self.users.get(principal.name, self.everyone)
