"""Batch jobs as OpenAI, Cohere, SageMaker and Bedrock start, show and stop them; their outputs are never written."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.simulator.jobs import Job, States
from fairlead.simulator.message import Refused, Reply, answer
from fairlead.simulator.routes import Exchange, Field, Handler, Route

_ACCOUNT = "arn:aws:{service}:us-east-1:123456789012:{kind}/{name}"

OPENAI_STATES = States(
    running=("validating", "in_progress", "finalizing"),
    stopped=("cancelling", "cancelled"),
    done="completed",
    fails="failed",
    expires="expired",
)
COHERE_STATES = States(
    running=("processing", "processing"),
    stopped=("cancelling", "cancelled"),
    done="complete",
    fails="failed",
    expires="failed",
)
SAGEMAKER_STATES = States(
    running=("InProgress", "InProgress"),
    stopped=("Stopping", "Stopped"),
    done="Completed",
    fails="Failed",
    expires="Failed",
)
BEDROCK_STATES = States(
    running=("Submitted", "InProgress"),
    stopped=("Stopping", "Stopped"),
    done="Completed",
    fails="Failed",
    expires="Expired",
)


def _openai(job: Job) -> Reply:
    return answer({"id": job.id, "object": "batch", **job.members, "status": job.state})


def _openai_create(exchange: Exchange) -> Reply:
    body = exchange.body
    members = {name: body.get(name) for name in ("endpoint", "input_file_id", "completion_window")}
    return _openai(exchange.jobs.create(exchange.jobs.id("batch_"), OPENAI_STATES, exchange.request.text(), members))


def _openai_look(exchange: Exchange) -> Reply:
    return _openai(exchange.jobs.look(exchange.arguments["job"]))


def _openai_cancel(exchange: Exchange) -> Reply:
    return _openai(exchange.jobs.stop(exchange.arguments["job"]))


def _cohere_create(exchange: Exchange) -> Reply:
    members = {"input_dataset_id": exchange.body.get("dataset_id"), "model": exchange.body.get("model")}
    job = exchange.jobs.create(exchange.jobs.id("embed-job-"), COHERE_STATES, exchange.request.text(), members)
    return answer({"job_id": job.id})


def _cohere_look(exchange: Exchange) -> Reply:
    job = exchange.jobs.look(exchange.arguments["job"])
    return answer({"job_id": job.id, **job.members, "status": job.state})


def _cohere_cancel(exchange: Exchange) -> Reply:
    exchange.jobs.stop(exchange.arguments["job"])
    return Reply()


def _sagemaker_create(exchange: Exchange) -> Reply:
    name = str(exchange.body["TransformJobName"])
    members = {"TransformJobName": name, "ModelName": exchange.body.get("ModelName")}
    exchange.jobs.create(f"transform-job/{name}", SAGEMAKER_STATES, exchange.request.text(), members)
    return answer({"TransformJobArn": _transform_arn(name)})


def _transform_arn(name: str) -> str:
    return _ACCOUNT.format(service="sagemaker", kind="transform-job", name=name)


def _sagemaker_look(exchange: Exchange) -> Reply:
    name = str(exchange.body["TransformJobName"])
    job = exchange.jobs.look(f"transform-job/{name}", missing=400)
    failure = {"FailureReason": "AlgorithmError: the order asked for it"} if job.state == "Failed" else {}
    arn = {"TransformJobArn": _transform_arn(name)}
    return answer({**arn, **job.members, "TransformJobStatus": job.state, **failure})


def _sagemaker_stop(exchange: Exchange) -> Reply:
    exchange.jobs.stop(f"transform-job/{exchange.body['TransformJobName']}", missing=400)
    return Reply()


_TRANSFORM_JOB = (Field("TransformJobName", ("string",), required=True),)
_OPERATIONS: Mapping[str, tuple[tuple[Field, ...], Handler]] = {
    "CreateTransformJob": (
        (
            *_TRANSFORM_JOB,
            Field("ModelName", ("string",), required=True),
            Field("TransformInput", ("object",), required=True),
            Field("TransformOutput", ("object",), required=True),
        ),
        _sagemaker_create,
    ),
    "DescribeTransformJob": (_TRANSFORM_JOB, _sagemaker_look),
    "StopTransformJob": (_TRANSFORM_JOB, _sagemaker_stop),
}


def _sagemaker_operation(exchange: Exchange) -> Reply:
    """By the path, or as AWS itself has it by the header X-Amz-Target."""
    target = exchange.request.fields.get("x-amz-target", "")
    name = exchange.arguments["operation"] or target.partition("SageMaker.")[2]
    if name not in _OPERATIONS:
        raise Refused(400, f"There is no operation '{name}'.", kind="UnknownOperationException")
    fields, handler = _OPERATIONS[name]
    for wanted in fields:
        wanted.check(exchange.body)
    return handler(exchange)


def _bedrock_create(exchange: Exchange) -> Reply:
    arn = _ACCOUNT.format(service="bedrock", kind="model-invocation-job", name=exchange.jobs.id("job"))
    members = {"jobName": exchange.body.get("jobName"), "modelId": exchange.body.get("modelId")}
    exchange.jobs.create(arn, BEDROCK_STATES, exchange.request.text(), members)
    return answer({"jobArn": arn})


def _bedrock_look(exchange: Exchange) -> Reply:
    job = exchange.jobs.look(exchange.arguments["job"])
    failure = {"message": "the order asked for it"} if job.state == "Failed" else {}
    return answer({"jobArn": job.id, **job.members, "status": job.state, **failure})


def _bedrock_stop(exchange: Exchange) -> Reply:
    exchange.jobs.stop(exchange.arguments["job"])
    return answer({})


_LOOKS = "the job; it moves on with every look"


def openai_routes(before: str = "") -> tuple[Route, ...]:
    path = f"{before}/v1/batches"
    takes = (
        Field("input_file_id", ("string",), required=True),
        Field("endpoint", ("string",), required=True),
        Field("completion_window", ("string",), required=True),
    )
    return (
        Route("POST", path, _openai_create, "starts a batch; a file whose name says `fails`, `expires` or `stalls` does so", takes),
        Route("GET", f"{path}/{{job}}", _openai_look, _LOOKS),
        Route("POST", f"{path}/{{job}}/cancel", _openai_cancel, "stops a batch"),
    )  # fmt: skip


def cohere_routes(before: str = "") -> tuple[Route, ...]:
    path = f"{before}/v1/embed-jobs"
    takes = (
        Field("model", ("string",), required=True),
        Field("dataset_id", ("string",), required=True),
        Field("input_type", ("string",), required=True),
    )
    return (
        Route("POST", path, _cohere_create, "starts an embed job; a data set whose name says `fails` or `stalls` does so", takes),
        Route("GET", f"{path}/{{job}}", _cohere_look, _LOOKS),
        Route("POST", f"{path}/{{job}}/cancel", _cohere_cancel, "stops an embed job; 200 with no body"),
    )  # fmt: skip


def sagemaker_routes(before: str = "") -> tuple[Route, ...]:
    doc = "`CreateTransformJob` (a body that says `fails` or `stalls` does so), `DescribeTransformJob`, `StopTransformJob`"
    return (Route("POST", f"{before}/{{operation:path}}", _sagemaker_operation, doc, ()),)


def bedrock_routes(before: str = "") -> tuple[Route, ...]:
    path = f"{before}/model-invocation-job"
    takes = (
        Field("jobName", ("string",), required=True),
        Field("modelId", ("string",), required=True),
        Field("roleArn", ("string",), required=True),
        Field("inputDataConfig", ("object",), required=True),
        Field("outputDataConfig", ("object",), required=True),
    )
    return (
        Route("POST", path, _bedrock_create, "starts a job; a body that says `fails`, `expires` or `stalls` does so", takes),
        Route("GET", f"{path}/{{job}}", _bedrock_look, _LOOKS),
        Route("POST", f"{path}/{{job}}/stop", _bedrock_stop, "stops a job"),
    )  # fmt: skip
