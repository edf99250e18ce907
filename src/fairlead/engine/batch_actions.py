"""The status and cancel actions of batch jobs that a connector does not spell out, derived from the action that creates them.

One row per provider and action (spec/02 7.2). What a connector has itself is never replaced, whatever it lacks (D-32).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fairlead.domain.connector import Action, ActionType, Connector
from fairlead.errors import FairleadError, UnsupportedOperation

CREATE_OPERATION = "CreateTransformJob"
_SAGEMAKER_BODY = '{ "TransformJobName" : "${parameters.TransformJobName}"}'


@dataclass(frozen=True, slots=True)
class Row:
    """How one action follows from the one that creates jobs: `path` is added to its URL, `operation` put in place of
    `CREATE_OPERATION` in URL and headers."""

    provider: str
    type: ActionType
    method: str
    path: str = ""
    operation: str = CREATE_OPERATION
    body: str | None = None


_STATUS, _CANCEL = ActionType.BATCH_PREDICT_STATUS, ActionType.CANCEL_BATCH_PREDICT

ROWS = (
    Row("sagemaker", _STATUS, "POST", operation="DescribeTransformJob", body=_SAGEMAKER_BODY),
    Row("sagemaker", _CANCEL, "POST", operation="StopTransformJob", body=_SAGEMAKER_BODY),
    Row("openai", _STATUS, "GET", "/${parameters.id}"),
    Row("openai", _CANCEL, "POST", "/${parameters.id}/cancel"),
    Row("bedrock", _STATUS, "GET", "/${parameters.processedJobArn}"),
    Row("bedrock", _CANCEL, "POST", "/${parameters.processedJobArn}/stop"),
    Row("cohere", _STATUS, "GET", "/${parameters.id}"),
    Row("cohere", _CANCEL, "POST", "/${parameters.id}/cancel"),
)
"""In the order in which a provider's name is looked for in the URL."""

_MISSING: Mapping[str, str] = {
    _STATUS: "Please configure the action type to get the batch job details in the connector",
    _CANCEL: "Please configure the action type to cancel the batch job in the connector",
}


def derived(connector: Connector, create_url: str) -> tuple[Action, ...]:
    """The actions that are missing, where the provider is a known one; `create_url` is where jobs are created, with the
    connector's own parameters filled in."""
    create = connector.action(ActionType.BATCH_PREDICT)
    provider = next((row.provider for row in ROWS if row.provider in create_url), None)
    if create is None or provider is None:
        return ()
    rows = (row for row in ROWS if row.provider == provider and connector.action(row.type) is None)
    return tuple(_action(row, create, create_url) for row in rows)


def _action(row: Row, create: Action, url: str) -> Action:
    headers = {name: value.replace(CREATE_OPERATION, row.operation) for name, value in (create.headers or {}).items()}
    path, mark, query = url.partition("?")
    return replace(
        create,
        action_type=row.type,
        method=row.method,
        url=path.replace(CREATE_OPERATION, row.operation).rstrip("/") + row.path + mark + query,
        headers=headers,
        request_body=row.body,
        pre_process_function=None,
        post_process_function=None,
        name=None,
        supports_structured_output=False,
    )


def missing(type: str) -> FairleadError | None:
    """What is said of a connector that neither has such an action nor a provider to derive it from; None for other
    actions. 500 in the original, though it is the connector that must be changed."""
    return UnsupportedOperation(_MISSING[type], status=400) if type in _MISSING else None
