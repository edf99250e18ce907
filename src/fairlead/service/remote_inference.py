"""Whether models of providers may be used at all: the one switch that turns off every call."""

from __future__ import annotations

from fairlead.errors import StatusFault
from fairlead.service.snapshot import Snapshot


def require_remote_inference(snapshot: Snapshot) -> None:
    if not snapshot.settings["remote_inference.enabled"]:
        raise StatusFault(
            "Remote Inference is currently disabled. To enable it, update the setting "
            '"plugins.ml_commons.remote_inference_enabled" to true.',
            400,
        )
