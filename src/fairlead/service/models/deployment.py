"""Deploying and undeploying models, and what happens to deployed ones by themselves (spec/02 1.2, 1.8-1.10).

A deployment is one atomic write of model and task, made when the model could be loaded or could not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import orjson

from fairlead.domain import task as tasks
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.model import HELD_STATES, KIND, Model, ModelState
from fairlead.domain.ports import Conflict, Json, Put, Store
from fairlead.domain.principal import Principal
from fairlead.domain.task import TaskState, TaskType, instant_task
from fairlead.errors import FairleadError, IllegalArgument, LimitExceeded, ResourceNotFound, StatusFault, Unavailable
from fairlead.service.access import AccessControl, conceals
from fairlead.service.changes import Batch, commit
from fairlead.service.controllers import limit_resets
from fairlead.service.counts.usage import Recorder
from fairlead.service.guards.guardrails import check_circle
from fairlead.service.models.loading import load_model, model_id_suffix
from fairlead.service.models.models import ModelService, no_model
from fairlead.service.ports import Ports
from fairlead.service.remote_inference import require_remote_inference
from fairlead.service.snapshot import LOADED_STATES, ReadyModel, Snapshot

log = logging.getLogger("fairlead.deployment")


class DeploymentService:
    """Deployments of remote models on this node."""

    def __init__(self, ports: Ports, snapshot: Snapshot, models: ModelService, recorder: Recorder) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._models = models
        self._recorder = recorder
        self._running = 0
        self._wanted: dict[str, asyncio.Task[ReadyModel | FairleadError]] = {}
        self._access = AccessControl(snapshot)

    async def deploy(self, id: str, node_ids: Sequence[str] = (), principal: Principal | None = None) -> str:
        """The task's id. A model that cannot be loaded ends in DEPLOY_FAILED, and its task says why."""
        model = Model.of((await self._models.document(id)).body)
        await self._access.require_model(model, principal, missing=no_model())
        require_remote_inference(self._snapshot)
        self._check_nodes(node_ids)
        if node_ids:
            self._check_targets(model, node_ids)
        # Told at once, and nothing changes; in the original a task fails and the model with it.
        if self._running >= self._snapshot.settings["max_deploy_model_tasks_per_node"]:
            raise LimitExceeded("exceed max running task limit")
        task_id = self._ports.new_id()
        self._running += 1
        try:
            await self._deploy(id, task_id, to_all=not node_ids)
        finally:
            self._running -= 1
        return task_id

    async def deploy_at_once(self, id: str, node_ids: Sequence[str], principal: Principal | None = None) -> None:
        """What `?deploy=true` asks for: the registration stands whatever becomes of it (spec/02 1.3.2-10)."""
        try:
            await self.deploy(id, node_ids, principal)
        except FairleadError as fault:
            log.warning("model %s was registered and not deployed: %s", id, fault)

    async def ready(self, id: str, check: Callable[[Model], None] = lambda model: None) -> ReadyModel:
        """The loaded model, deploying it first when that is allowed (spec/02 1.10). What `check` raises keeps it from
        being deployed."""
        model = await self._models.require(id)
        if not model.enabled:
            raise StatusFault("Model is disabled.", 403)
        if model.model_state in (ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED):
            await self._snapshot.catch_up()
            found = self._snapshot.ready.get(id)
            if found is not None:
                return found
            return self._snapshot.fitted(await load_model(self._ports, id, model))  # raises what keeps it from loading
        if not self._snapshot.settings["model_auto_deploy.enable"]:
            raise IllegalArgument("Model not ready yet. Please deploy the model first.")
        if not model.auto_deploy:
            raise IllegalArgument(
                f"Auto deployment disabled for this model, please deploy model first{model_id_suffix(id, model)}"
            )
        check(model)
        outcome = await asyncio.shield(self._deployed_for_all(id))
        if isinstance(outcome, FairleadError):
            raise outcome.with_traceback(None)  # raised by everybody who waits
        return outcome

    def _deployed_for_all(self, id: str) -> asyncio.Task[ReadyModel | FairleadError]:
        """One deployment for all who want the model at the same time: a thousand first predicts would else write one document
        a thousand times, and lose nearly every race. It is finished whoever leaves: its task must not stay open."""
        task = self._wanted.get(id)
        if task is None:
            task = asyncio.create_task(self._deploy(id, self._ports.new_id(), to_all=True, again=False))
            self._wanted[id] = task
            task.add_done_callback(partial(self._done, id))
        return task

    def _done(self, id: str, task: asyncio.Task[ReadyModel | FairleadError]) -> None:
        del self._wanted[id]
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("unexpected fault while model %s was deployed for a predict", id, exc_info=fault)

    async def redeploy(self, id: str) -> None:
        """A model that should be loaded and is not: one more try while redeploying is on, then DEPLOY_FAILED.

        Nothing is written when the keys or the store are what is away.
        """
        settings = self._snapshot.settings

        async def prepare() -> tuple[Batch, None]:
            document = await self._models.document(id)
            model = Model.of(document.body)
            if model.model_state not in LOADED_STATES:
                return [], None
            tries = model.auto_redeploy_retry_times or 0
            if _may_redeploy(settings, tries):
                tries += 1
                fault = await self._snapshot.retry(id)
                if fault is None or isinstance(fault, Unavailable | ResourceNotFound):
                    return [], None
            return [Put(KIND, id, unloaded(model, tries, self._ports.clock()).document(), document.revision)], None

        await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()

    async def undeploy(
        self, ids: Sequence[str], node_ids: Sequence[str] = (), principal: Principal | None = None
    ) -> Json:
        """The status of each model on this node, as the original words it."""
        if not ids:
            raise IllegalArgument("Must set specific model ids to undeploy")
        self._check_nodes(node_ids)
        ids = await self._undeployable(ids, principal)
        if node_ids and self._ports.node_id not in node_ids:
            return {}
        statuses = {}
        for id in ids:
            with self._recorder.action("undeploy", id):
                statuses[id] = await self.force_undeployed(id)
        await self._snapshot.catch_up()
        return {self._ports.node_id: {"stats": statuses}}

    async def _undeployable(self, ids: Sequence[str], principal: Principal | None) -> Sequence[str]:
        """One model must exist and be the caller's to undeploy; of several, hidden ones fall away (spec/02 1.9)."""
        if len(ids) == 1:
            model = Model.of((await self._models.document(ids[0])).body)
            refused = IllegalArgument(f"No permission to undeploy model {ids[0]}")
            await self._access.require_model(model, principal, missing=no_model(), refused=refused)
            return ids
        if self._snapshot.settings["model_access_control_enabled"]:
            raise IllegalArgument("only support undeploy one model")
        found = [(id, await self._ports.store.get(KIND, id)) for id in ids]
        return [id for id, document in found if document is None or not conceals(Model.of(document.body), principal)]

    async def load(self, id: str, model: Model) -> ReadyModel:
        return await load_model(self._ports, id, model)

    async def _deploy(self, id: str, task_id: str, *, to_all: bool, again: bool = True) -> ReadyModel | FairleadError:
        """Loads the model and writes how that ended; the fault is given back, not raised. `again`: also a model that is
        deployed."""
        with self._recorder.action("deploy", id) as action:
            outcome = await self._load_and_write(id, task_id, to_all=to_all, again=again)
            if isinstance(outcome, FairleadError):
                action.failed(outcome)
            return outcome

    async def _load_and_write(self, id: str, task_id: str, *, to_all: bool, again: bool) -> ReadyModel | FairleadError:
        async def prepare() -> tuple[Batch, ReadyModel | FairleadError]:
            document = await self._models.document(id)
            model = Model.of(document.body)
            now = self._ports.clock()
            outcome: ReadyModel | FairleadError
            try:
                await check_circle(self._ports.store, id, model.guardrails)
                outcome = self._snapshot.fitted(await load_model(self._ports, id, model))
            except FairleadError as fault:
                outcome = fault
            if not again and model.model_state in LOADED_STATES:
                return [], outcome  # another worker was faster
            failed = isinstance(outcome, FairleadError)
            retries = 0 if self._snapshot.settings["model_auto_redeploy.enable"] and not failed else None
            state = replace(
                model,
                model_state=ModelState.DEPLOY_FAILED if failed else ModelState.DEPLOYED,
                last_updated_time=now,
                last_deployed_time=now,
                auto_redeploy_retry_times=model.auto_redeploy_retry_times if retries is None else retries,
                planning_worker_node_count=1,
                current_worker_node_count=0 if failed else 1,
                planning_worker_nodes=(self._ports.node_id,),
                deploy_to_all_nodes=to_all,
            )
            ended = TaskState.FAILED if failed else TaskState.COMPLETED
            task = instant_task(self._ports.node_id, TaskType.DEPLOY_MODEL, ended, id, now, is_async=True)
            if isinstance(outcome, FairleadError):
                task = replace(task, error=orjson.dumps({self._ports.node_id: outcome.reason}).decode())
            return [
                Put(KIND, id, state.document(), document.revision),
                Put(tasks.KIND, task_id, task.document(), 0),
                *await limit_resets(self._ports.store, id),
            ], outcome

        _, outcome = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return outcome if isinstance(outcome, FairleadError) else self._snapshot.ready.get(id, outcome)

    async def force_undeployed(self, id: str, unless: Callable[[Model], bool] = lambda model: False) -> str:
        """Writes UNDEPLOYED whatever the state was, `unless` the model says otherwise; "undeployed" or "not_found"."""

        async def prepare() -> tuple[Batch, str]:
            document = await self._ports.store.get(KIND, id)
            model = None if document is None else Model.of(document.body)
            if document is None or model is None or unless(model):
                return [], "not_found"
            held = model.model_state in HELD_STATES
            state = replace(
                model,
                model_state=ModelState.UNDEPLOYED,
                planning_worker_nodes=None,
                planning_worker_node_count=None if model.planning_worker_node_count is None else 0,
                current_worker_node_count=None if model.current_worker_node_count is None else 0,
                last_updated_time=self._ports.clock(),
            )
            return [Put(KIND, id, state.document(), document.revision)], "undeployed" if held else "not_found"

        _, status = await commit(self._ports.store, prepare)
        return status

    def _check_nodes(self, node_ids: Sequence[str]) -> None:
        if node_ids and not self._snapshot.settings["allow_custom_deployment_plan"]:
            raise IllegalArgument("Don't allow custom deployment plan")

    def _check_targets(self, model: Model, node_ids: Sequence[str]) -> None:
        """Where it is deployed already must stay among the targets (spec/02 1.8)."""
        left = [node for node in model.planning_worker_nodes or () if node not in node_ids]
        if left and model.model_state in HELD_STATES:
            raise IllegalArgument(
                f"Model already deployed to these nodes: [{', '.join(left)}], but they are not included in target node "
                "ids. Undeploy model from these nodes if don't need them any more.Undeploy from old nodes before try to "
                "deploy model on new nodes. Or include all old nodes on your target nodes."
            )
        if self._ports.node_id not in node_ids:
            raise IllegalArgument("no eligible node found")


def _may_redeploy(settings: ClusterSettings, tries: int) -> bool:
    return bool(settings["model_auto_redeploy.enable"] and tries < settings["model_auto_redeploy.lifetime_retry_times"])


def unloaded(model: Model, tries: int, now: int) -> Model:
    """The model as no node holds it (spec/02 1.2)."""
    return replace(
        model,
        model_state=ModelState.DEPLOY_FAILED,
        current_worker_node_count=0,
        auto_redeploy_retry_times=tries or model.auto_redeploy_retry_times,
        last_updated_time=now,
    )


async def settle_deployed(store: Store, node_id: str, settings: ClusterSettings, now: int) -> None:
    """At the start of a node: models that were deployed on it and must not be loaded again are DEPLOY_FAILED.

    The others are loaded by every worker; one that cannot be is found by the sync-up job (spec/02 1.10).
    """
    for document in await store.all(KIND):
        model = Model.of(document.body)
        if model.model_state not in HELD_STATES or node_id not in (model.planning_worker_nodes or (node_id,)):
            continue
        tries = model.auto_redeploy_retry_times or 0
        if model.model_state == ModelState.DEPLOYING or not _may_redeploy(settings, tries):
            with suppress(Conflict):  # a node that shares the store was faster
                await store.write([Put(KIND, document.id, unloaded(model, tries, now).document(), document.revision)])
