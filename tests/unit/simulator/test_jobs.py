"""Batch jobs of the simulator: what moves them on, and how they end."""

from __future__ import annotations

import pytest

from fairlead.domain.secret import Secret
from fairlead.engine.sigv4 import Signer, verify
from fairlead.simulator.desk import AWS_KEYS, Desk, SimulatorSettings
from fairlead.simulator.jobs import KEPT, Jobs, States
from fairlead.simulator.message import Refused, Request

STATES = States(("new", "busy"), ("stopping", "stopped"), "done", "bad", "late")


@pytest.mark.parametrize(
    ("order", "seen"),
    [
        ("{}", ["busy", "done", "done"]),
        ('{"file": "it-fails"}', ["busy", "bad", "bad"]),
        ('{"file": "it-expires"}', ["busy", "late", "late"]),
        ('{"file": "it-stalls"}', ["busy", "busy", "busy"]),
    ],
)
def test_a_job_moves_on_with_every_look_and_ends_as_ordered(order: str, seen: list[str]) -> None:
    jobs = Jobs()
    assert jobs.create("a", STATES, order, {}).state == "new"
    assert [jobs.look("a").state for _ in seen] == seen


def test_a_stopped_job_is_first_stopping() -> None:
    jobs = Jobs()
    jobs.create("a", STATES, "", {})
    jobs.look("a")
    assert jobs.stop("a").state == "stopping"
    assert [jobs.look("a").state for _ in range(3)] == ["stopping", "stopped", "stopped"]
    with pytest.raises(Refused, match="cannot be stopped"):
        jobs.stop("a")


def test_what_is_over_unknown_or_taken_is_refused() -> None:
    jobs = Jobs()
    jobs.create("a", STATES, "", {})
    with pytest.raises(Refused, match="exists already"):
        jobs.create("a", STATES, "", {})
    for _ in range(2):
        jobs.look("a")
    with pytest.raises(Refused, match="is done"):
        jobs.stop("a")
    for ask in (jobs.look, jobs.stop):
        with pytest.raises(Refused) as caught:
            ask("b")
        assert caught.value.status == 404


def test_jobs_do_not_grow_without_end() -> None:
    jobs = Jobs()
    for _ in range(KEPT + 5):
        jobs.create(jobs.id("j"), STATES, "", {})
    with pytest.raises(Refused):
        jobs.look("j00000001")
    assert jobs.look(f"j{KEPT + 5:08x}").state == "busy"


@pytest.mark.parametrize(
    ("host", "service", "target"),
    [
        ("api.sagemaker.us-east-1.amazonaws.com", "sagemaker", "/DescribeTransformJob"),
        ("bedrock.us-east-1.amazonaws.com", "bedrock", "/model-invocation-job/arn%3Aaws%3Ax%2Fy/stop"),
    ],
)
@pytest.mark.parametrize(
    ("secret", "region", "other_service", "status"),
    [
        ("simulator-secret", "us-east-1", None, 400),
        ("another-secret", "us-east-1", None, 403),
        ("simulator-secret", "eu-west-1", None, 403),
        ("simulator-secret", "us-east-1", "s3", 403),
        (None, "", None, 403),
    ],
)
def test_jobs_of_aws_are_for_signed_requests_alone(
    host: str, service: str, target: str, secret: str | None, region: str, other_service: str | None, status: int
) -> None:
    body = b'{"TransformJobName": "unknown"}'
    lines = ((b"Host", host.encode()), (b"Content-Length", str(len(body)).encode()))
    if secret is not None:
        [access] = AWS_KEYS
        signer = Signer(Secret(access), Secret(secret), None, region, other_service or service)
        lines = signer.sign("POST", target.encode(), host, lines, body, "20261125T120000Z")
    headers = tuple((name.decode(), value.decode()) for name, value in lines)
    fields = {name.lower(): value for name, value in headers}
    reply = Desk(SimulatorSettings(), verify).reply(Request("POST", target, target, headers, fields, body))
    assert reply.status == (404 if status == 400 and service == "bedrock" else status)
