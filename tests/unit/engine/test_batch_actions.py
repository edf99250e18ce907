"""Status and cancel actions that follow from the one that creates jobs (spec/02 7.2)."""

from __future__ import annotations

import pytest

from fairlead.domain.connector import Action, ActionType, Connector
from fairlead.domain.dataset import Remote
from fairlead.domain.secret import Secret
from fairlead.engine.compiled import CompiledConnector
from fairlead.errors import IllegalArgument, UnsupportedOperation
from fairlead.service.scripts import PainlessCompiler

STATUS, CANCEL = ActionType.BATCH_PREDICT_STATUS, ActionType.CANCEL_BATCH_PREDICT
JOB = {"id": "b/1", "TransformJobName": "one", "processedJobArn": "arn:aws:x/1"}


def compiled(url: str, *more: Action, **create: object) -> CompiledConnector:
    action = Action(ActionType.BATCH_PREDICT, "POST", url, request_body="{}", **create)  # type: ignore[arg-type]
    connector = Connector("http", parameters={"v": "v1", "e": "openai.example.com"}, actions=(action, *more))
    return CompiledConnector(connector, {"key": Secret("k")}, PainlessCompiler())


@pytest.mark.parametrize(
    ("url", "status", "cancel"),
    [
        (
            "https://api.sagemaker.us-east-1.amazonaws.com/CreateTransformJob",
            ("POST", "https://api.sagemaker.us-east-1.amazonaws.com/DescribeTransformJob"),
            ("POST", "https://api.sagemaker.us-east-1.amazonaws.com/StopTransformJob"),
        ),
        (
            "https://api.openai.com/v1/batches",
            ("GET", "https://api.openai.com/v1/batches/b%2F1"),
            ("POST", "https://api.openai.com/v1/batches/b%2F1/cancel"),
        ),
        (
            "https://${parameters.e}/${parameters.v}/batches/?api-version=1",
            ("GET", "https://openai.example.com/v1/batches/b%2F1?api-version=1"),
            ("POST", "https://openai.example.com/v1/batches/b%2F1/cancel?api-version=1"),
        ),
        (
            "https://api.cohere.com/v1/embed-jobs",
            ("GET", "https://api.cohere.com/v1/embed-jobs/b%2F1"),
            ("POST", "https://api.cohere.com/v1/embed-jobs/b%2F1/cancel"),
        ),
        (
            "https://bedrock.us-east-1.amazonaws.com/model-invocation-job",
            ("GET", "https://bedrock.us-east-1.amazonaws.com/model-invocation-job/arn:aws:x%2F1"),
            ("POST", "https://bedrock.us-east-1.amazonaws.com/model-invocation-job/arn:aws:x%2F1/stop"),
        ),
    ],
)
def test_actions_follow_from_the_url(url: str, status: tuple[str, str], cancel: tuple[str, str]) -> None:
    connector = compiled(url)
    for type, wanted in ((STATUS, status), (CANCEL, cancel)):
        outgoing = connector.action(type).prepare(Remote(JOB))
        assert (outgoing.method, outgoing.url) == wanted


def test_sagemakers_operation_is_replaced_in_headers_too_and_the_job_is_named_in_the_body() -> None:
    url = "https://api.sagemaker.us-east-1.amazonaws.com/"
    connector = compiled(url, headers={"X-Amz-Target": "SageMaker.CreateTransformJob", "A": "b"})
    outgoing = connector.action(STATUS).prepare(Remote(JOB))
    assert (b"X-Amz-Target", b"SageMaker.DescribeTransformJob") in outgoing.headers
    assert (b"A", b"b") in outgoing.headers
    assert outgoing.body == b'{ "TransformJobName" : "one"}'


def test_an_action_of_the_connector_is_used_as_it_is_though_it_has_no_body() -> None:
    """D-32."""
    own = Action(STATUS, "GET", "https://api.openai.com/mine")
    connector = compiled("https://api.openai.com/v1/batches", own)
    assert connector.action(STATUS).prepare(Remote(JOB)).url == "https://api.openai.com/mine"
    assert connector.action(CANCEL).prepare(Remote(JOB)).url.endswith("/cancel")


def test_functions_of_the_creating_action_are_not_taken_over() -> None:
    connector = compiled("https://api.openai.com/v1/batches", post_process_function="return 1;")
    action = connector.action(STATUS)
    assert action.post(action.prepare(Remote(JOB)).parameters) is None


@pytest.mark.parametrize(
    ("type", "said"),
    [
        (STATUS, "Please configure the action type to get the batch job details in the connector"),
        (CANCEL, "Please configure the action type to cancel the batch job in the connector"),
    ],
)
def test_other_providers_need_actions_of_their_own(type: ActionType, said: str) -> None:
    for connector in (
        compiled("https://api.example.com/jobs"),
        CompiledConnector(Connector("http"), {}, PainlessCompiler()),
    ):
        with pytest.raises(UnsupportedOperation) as caught:
            connector.action(type)
        assert (caught.value.status, caught.value.reason) == (400, said)
    with pytest.raises(IllegalArgument, match="no EXECUTE action found"):
        compiled("https://api.openai.com/v1/batches").action("EXECUTE")
