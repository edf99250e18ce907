"""Predict: the model, whether it may be used, and the call through its connector (design section 3).

Touches no database and compiles nothing once a model is ready; how a provider is called is fairlead.service.calling.
"""

from __future__ import annotations

from fairlead.domain.dataset import PredictInput
from fairlead.domain.tensor import InferenceResult
from fairlead.errors import StatusFault
from fairlead.service.calling import Caller
from fairlead.service.connectors import require_remote_inference
from fairlead.service.models import ModelService
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot


class PredictService:
    """Runs predictions on ready models."""

    def __init__(self, ports: Ports, snapshot: Snapshot, models: ModelService) -> None:
        self._snapshot = snapshot
        self._models = models
        self._caller = Caller(ports, self._max_size)

    async def require(self, model_id: str) -> None:
        """Raises StatusFault 404 for a model that does not exist; a body is looked at only after that."""
        if model_id not in self._snapshot.ready:
            await self._models.require(model_id)

    async def predict(self, model_id: str, asked: PredictInput) -> list[InferenceResult]:
        """One result per call to the provider, in the order of the documents."""
        require_remote_inference(self._snapshot)
        ready = self._snapshot.ready.get(model_id) or await self._models.ready(model_id)
        if not ready.model.enabled:
            raise StatusFault("Model is disabled.", 403)
        return await self._caller.predict(ready.connector, ready.routes, asked)

    def _max_size(self) -> int:
        size: int = self._snapshot.settings["max_json_size"]
        return size
