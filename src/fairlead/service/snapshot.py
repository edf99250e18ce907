"""What this process knows by heart: settings, and models that are ready to predict.

Follows the store's revisions, so that a change made anywhere reaches it; a ready model is replaced whole, never edited.
It decides nothing: services write to the store and let the snapshot catch up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from fairlead.domain import connector as connectors
from fairlead.domain import group as groups
from fairlead.domain import model as models
from fairlead.domain.access import Access
from fairlead.domain.cluster_settings import ClusterSettings, Text
from fairlead.domain.model import Model, ModelState
from fairlead.domain.ports import FORGET, Change, Document, Store, StoreUnavailable
from fairlead.domain.secret import SecretReference
from fairlead.engine.compiled import CompiledConnector
from fairlead.engine.interface import Interface, compile_interface
from fairlead.errors import FairleadError
from fairlead.security.egress import EgressPolicy
from fairlead.security.url import ParsedUrl
from fairlead.service.guards.guard import Guard
from fairlead.service.limits.admission import Limiter
from fairlead.transport.port import Limits, Route

log = logging.getLogger("fairlead.snapshot")

SETTINGS_KIND = "cluster_settings"
PERSISTENT, TRANSIENT = "persistent", "transient"

LOADED_STATES = frozenset({ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED})
_FOLLOW_SECONDS = 5.0
_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked URL under the policy that admitted it, and the limits of a call there."""

    policy: EgressPolicy
    max_size: int
    url: ParsedUrl
    route: Route
    limits: Limits


Source = tuple[SecretReference, object]
"""Where a secret lies, and what changes there when it does (`fairlead.domain.ports.SecretReader.stamp`)."""


@dataclass(eq=False, slots=True)
class ReadyModel:
    """A loaded model. `routes` remembers checked destinations by the text of their URL; `limiter` is None without limits;
    `sources` says where secrets outside were read from; `interface` and `guard` are None where nothing is checked."""

    id: str
    model: Model
    connector: CompiledConnector
    routes: dict[str, Destination] = field(default_factory=dict)
    limiter: Limiter | None = None
    sources: tuple[Source, ...] = ()
    interface: Interface | None = None
    guard: Guard | None = None
    open: bool = field(init=False)
    """Whether every input may go to the connector: the model is enabled and has no interface."""

    def __post_init__(self) -> None:
        self.open = self.model.enabled and self.interface is None


Load = Callable[[str, Model], Awaitable[ReadyModel]]
Take = Callable[[str, Document | None], Awaitable[None]]
"""What is done with a document of a followed kind; None when it was deleted. The id FORGET: all of the kind are gone."""


class Snapshot:
    """Settings and ready models of one process."""

    def __init__(self, store: Store, file_settings: dict[str, Text]) -> None:
        self._store = store
        self._file = file_settings
        self._revision = 0
        self.store_faults = 0
        """Times the store could not be reached while following it."""
        self._scopes: dict[str, dict[str, Text]] = {PERSISTENT: {}, TRANSIENT: {}}
        self._lock = asyncio.Lock()
        self._load: Load | None = None
        self._followed: dict[str, Take] = {
            SETTINGS_KIND: self._take_settings,
            groups.KIND: self._take_group,
            models.KIND: self._take_model,
            connectors.KIND: self._take_connector,
        }
        self._whole: list[str] = []
        self.settings = ClusterSettings(file=file_settings)
        self.groups: dict[str, Access] = {}
        """Who may use the models of each group."""
        self.model_groups: dict[str, str | None] = {}
        """The group of every model, loaded or not."""
        self.hidden: set[str] = set()
        """Models that only super admins see."""
        self.ready: dict[str, ReadyModel] = {}
        self.lost: dict[str, FairleadError] = {}
        """Models that should be loaded and could not be, and why."""
        self.on_settings: list[Callable[[ClusterSettings], None]] = []
        self.on_model_gone: list[Callable[[str], None]] = []
        self.limiter_of: Callable[[str, Model], Limiter | None] = lambda id, model: None
        """Compiles the limits of a model that is loaded."""
        self.guard_of: Callable[[str, Model], Guard | None] = lambda id, model: None
        """Compiles the guardrails of a model that is loaded; raises IllegalArgument."""

    @property
    def revision(self) -> int:
        """The store's revision up to which everything is known."""
        return self._revision

    async def start(self, load: Load) -> None:
        """Reads everything once; `load` compiles a stored model."""
        self._load = load
        async with self._lock:
            self._revision = await self._store.revision()
            for document in await self._store.all(SETTINGS_KIND):
                await self._take_settings(document.id, document)
            for document in await self._store.all(groups.KIND):
                await self._take_group(document.id, document)
            for kind in self._whole:
                for document in await self._store.all(kind):
                    await self._followed[kind](document.id, document)
            for document in await self._store.all(models.KIND):
                await self._take_model(document.id, document)

    async def catch_up(self) -> None:
        """Applies every committed change; after it, this process acts on them."""
        async with self._lock:
            changes = await self._store.changes(self._revision, tuple(self._followed))
            for change in changes:
                await self._apply(change)
                self._revision = max(self._revision, change.revision)

    async def follow(self) -> None:
        """Runs until cancelled. While the store is away, this process goes on with what it knows."""
        while True:
            try:
                newest = await self._store.wait(self._revision, _FOLLOW_SECONDS)
                if newest > self._revision:
                    await self.catch_up()
                    # What was read reaches at least to `newest`, though its last write may be of a kind not followed.
                    self._revision = max(self._revision, newest)
            except StoreUnavailable:
                self.store_faults += 1
                log.warning("the store cannot be reached; going on with what is known")
                await asyncio.sleep(_AGAIN_SECONDS)
            except Exception:  # a worker that no longer followed would answer by what was true once
                log.exception("unexpected fault while following the store")
                await asyncio.sleep(_AGAIN_SECONDS)

    async def retry(self, id: str) -> FairleadError | None:
        """Loads a lost model once more; what keeps it from loading, or None."""
        async with self._lock:
            await self._take_model(id, await self._store.get(models.KIND, id))
            return self.lost.get(id)

    async def reload(self, id: str) -> FairleadError | None:
        """Loads a ready model anew from where its secrets lie; on a fault, which it gives back, the old one goes on."""
        async with self._lock:
            ready = self.ready.get(id)
            if ready is None or self._load is None:
                return None
            try:
                loaded = await self._load(id, ready.model)
            except FairleadError as fault:
                return fault
            self.ready[id] = replace(ready, connector=loaded.connector, routes=loaded.routes, sources=loaded.sources)
            return None

    def follow_kind(self, kind: str, take: Take) -> None:
        """From now on, changes of this kind are handed to `take`. Called before `start`."""
        self._followed[kind] = take

    def fitted(self, ready: ReadyModel) -> ReadyModel:
        """With what the model's own document says of limits, interface and guardrails, compiled. Raises IllegalArgument."""
        return replace(
            ready,
            limiter=self.limiter_of(ready.id, ready.model),
            interface=compile_interface(ready.model.interface),
            guard=self.guard_of(ready.id, ready.model),
        )

    def limit_again(self, id: str) -> None:
        """The limits of a model changed; a loaded one has the new ones at once."""
        if (ready := self.ready.get(id)) is not None:
            self.ready[id] = replace(ready, limiter=self.limiter_of(id, ready.model))

    def follow_whole(self, kind: str, take: Take) -> None:
        """As `follow_kind`, and `start` hands over what is stored already."""
        self._followed[kind] = take
        self._whole.append(kind)

    async def _apply(self, change: Change) -> None:
        await self._followed[change.kind](change.id, change.document)

    async def _take_connector(self, id: str, document: Document | None) -> None:
        for ready in [ready for ready in self.ready.values() if _uses(ready, id)]:
            await self._reload(ready.id, ready.model)

    async def _take_settings(self, scope: str, document: Document | None) -> None:
        if scope == FORGET:
            for each in (PERSISTENT, TRANSIENT):
                await self._take_settings(each, None)
            return
        body = document.body if document else {}
        self._scopes[scope] = {key: value if isinstance(value, str) else tuple(value) for key, value in body.items()}
        self.settings = ClusterSettings(
            self._scopes[PERSISTENT], self._scopes[TRANSIENT], self._file, self.settings.revision + 1
        )
        for listener in self.on_settings:
            listener(self.settings)

    async def _take_group(self, id: str, document: Document | None) -> None:
        if id == FORGET:
            self.groups.clear()
        elif document is None:
            self.groups.pop(id, None)
        else:
            self.groups[id] = Access.of(document.body)

    async def _take_model(self, id: str, document: Document | None) -> None:
        if id == FORGET:  # the store lost track of deletions: what it still has follows and is taken anew
            self.ready.clear()
            self.lost.clear()
            self.hidden.clear()
            self.model_groups.clear()
            return
        model = Model.of(document.body) if document else None
        if model is not None and model.is_hidden is True:
            self.hidden.add(id)
        else:
            self.hidden.discard(id)
        if model is not None:
            self.model_groups[id] = model.model_group_id
        else:
            self.model_groups.pop(id, None)
            for listener in self.on_model_gone:
                listener(id)
        if model is None or model.model_state not in LOADED_STATES:
            self.ready.pop(id, None)
            self.lost.pop(id, None)
        elif not self._same(id, model):
            await self._reload(id, model)

    def _same(self, id: str, model: Model) -> bool:
        """Whether the loaded connector still fits: then only the document is exchanged."""
        ready = self.ready.get(id)
        if ready is None or (ready.model.connector, ready.model.connector_id) != (model.connector, model.connector_id):
            return False
        try:
            self.ready[id] = self.fitted(replace(ready, model=model))
        except FairleadError as fault:
            self._lose(id, fault)
        return True

    async def _reload(self, id: str, model: Model) -> None:
        assert self._load is not None
        try:
            self.ready[id] = self.fitted(await self._load(id, model))
            self.lost.pop(id, None)
        except FairleadError as fault:
            self._lose(id, fault)

    def _lose(self, id: str, fault: FairleadError) -> None:
        """The old one must not go on: its credential, its endpoint or a guard may be what was changed."""
        self.ready.pop(id, None)
        self.lost[id] = fault
        log.warning("model %s cannot be loaded: %s", id, fault)


def _uses(ready: ReadyModel, connector_id: str) -> bool:
    return ready.model.connector is None and ready.model.connector_id == connector_id
