"""Dead letters: what is written of a failed job, where, how it is signed, and what happens when it cannot be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead.domain import dead_letter
from fairlead.domain.connector import Action, ActionType
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.dead_letter import Bucket
from fairlead.domain.secret import Secret
from fairlead.domain.task import TaskState
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.security.egress import EgressPolicy
from fairlead.service.batches.dead_letters import ATTEMPTS
from fairlead.service.calls.simulated import LocalDialer, SimulatedUpstream
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.house import House
from fairlead.service.models.registration import ModelFields
from fairlead.simulator.failures import parse_rules
from fairlead.simulator.server import Simulator
from fairlead.transport.choose import open_upstream
from unit.service.world import World

pytestmark = pytest.mark.on_both_databases

POLICY = EgressPolicy.of(
    trusted=[
        r"^https://api\.example\.com/.*$",
        r"^https://api\.sagemaker\.us-east-1\.amazonaws\.com/.*$",
        r"^https://failed\.s3\.eu-west-1\.amazonaws\.com/.*$",
    ]
)
DLQ = {"bucket": "failed", "region": "eu-west-1"}
KEYS = {"access_key": Secret("AKIDSIMULATOR"), "secret_key": Secret("simulator-secret")}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    server = Simulator()
    yield server
    await server.close()


@pytest.fixture
async def played(world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A worker whose providers, S3 among them, are played over a socket; signatures are verified there."""
    address = await simulator.start()
    inner = open_upstream("owned", LocalDialer(address.host))
    monkeypatch.setattr("unit.service.world.POLICY", POLICY)
    monkeypatch.setattr(world, "provider", SimulatedUpstream(inner, address.host, address.port))
    yield await world.worker()
    await inner.close()


async def sagemaker(house: House, credential: dict[str, Secret] | None = None, **members: Any) -> str:
    create = Action(
        ActionType.BATCH_PREDICT, "POST", "https://api.sagemaker.us-east-1.amazonaws.com/CreateTransformJob",
        headers={"content-type": "application/json"},
        request_body='{"TransformJobName": "${parameters.name}", "ModelName": "m", "TransformInput": '
        '{"S3Uri": "s3://fails"}, "TransformOutput": {"S3OutputPath": "s3://out"}}',
    )  # fmt: skip
    fields = ConnectorFields(
        name="c", version="1", protocol="aws_sigv4", credential=credential or KEYS, actions=(create,),
        parameters={"region": "us-east-1", "service_name": "sagemaker"}, **members,
    )  # fmt: skip
    connector = (await house.connectors.create(fields)).id
    return (await house.registrations.register(ModelFields(name="m", connector_id=connector))).model_id


def job(name: str = "job 7", **dlq: str) -> PredictInput:
    return PredictInput(Remote({"name": name}), ActionType.BATCH_PREDICT, dlq or DLQ)


async def failed(house: House, name: str = "job 7") -> str:
    """The task of a job that has just failed, as its reader learned."""
    id = (await house.batches.start(await sagemaker(house), job(name))).task_id
    task = await house.batches.task(id)
    while task.state == TaskState.RUNNING:
        task = await house.batches.task(id)
    assert task.state == TaskState.FAILED
    return id


def written(simulator: Simulator) -> list[Any]:
    return [request for request in simulator.requests if ".s3." in request.fields["host"]]


async def test_a_failed_job_is_written_to_the_bucket_signed_with_the_connectors_keys(
    played: House, simulator: Simulator
) -> None:
    id = await failed(played)
    await played.batch_poller.round()
    [request] = written(simulator)
    assert (request.method, request.fields["host"], request.path) == (
        "PUT",
        "failed.s3.eu-west-1.amazonaws.com",
        "/BatchJobFailure_job_7",
    )
    assert "/eu-west-1/s3/aws4_request" in request.fields["authorization"]
    said = json.loads(request.body)
    assert (said["TransformJobStatus"], said["dlq"]) == ("Failed", DLQ)
    assert await played.ports.store.count(dead_letter.KIND) == 0
    assert (await played.tasks.get(id)).error is None
    await played.batch_poller.round()
    assert len(written(simulator)) == 1


async def test_a_job_out_of_reach_is_written_with_the_reason(world: World, played: House, simulator: Simulator) -> None:
    await played.batches.start(await sagemaker(played), job("lost"))
    simulator.install(parse_rules({"rules": [{"path": "/DescribeTransformJob", "times": None, "status": 503}]}))
    for _ in range(11):
        world.clock.minutes(60)
        await played.batch_poller.round()
    world.clock.minutes(1)
    await played.batch_poller.round()
    [request] = written(simulator)
    assert request.path == "/BatchJobFailure_lost"
    assert request.body.startswith(b"Unable to reach the Job: lost. Error Message: ")
    assert b"simulator-secret" not in request.body


async def test_a_job_that_ends_well_leaves_no_letter(played: House, simulator: Simulator) -> None:
    id = (await played.batches.start(await sagemaker(played), job("fine"))).task_id
    await played.batches.cancel(id)
    await played.batches.task(id)
    assert (await played.batches.task(id)).state == TaskState.CANCELLED
    await played.batch_poller.round()
    assert written(simulator) == []


async def test_a_letter_is_tried_again_later_and_survives_the_worker(
    world: World, played: House, simulator: Simulator
) -> None:
    simulator.install(parse_rules({"rules": [{"path": "/BatchJobFailure.*", "times": 2, "status": 503}]}))
    await failed(played)
    await played.batch_poller.round()
    await played.batch_poller.round()
    assert len(written(simulator)) == 1  # not yet due again
    other = await world.worker()
    world.clock.minutes(1)
    await other.batch_poller.round()
    world.clock.minutes(1)
    await other.batch_poller.round()
    assert len(written(simulator)) == 3
    assert await other.ports.store.count(dead_letter.KIND) == 0


async def test_a_letter_that_cannot_be_written_is_given_up_and_its_task_says_so(
    world: World, played: House, simulator: Simulator
) -> None:
    simulator.install(parse_rules({"rules": [{"path": "/BatchJobFailure.*", "times": None, "status": 403}]}))
    id = await failed(played)
    for _ in range(ATTEMPTS + 2):
        await played.batch_poller.round()
        world.clock.minutes(120)
    assert len(written(simulator)) == ATTEMPTS
    task = await played.tasks.get(id)
    assert (task.state, "The dead letter was not written" in (task.error or "")) == (TaskState.FAILED, True)
    assert await played.ports.store.count(dead_letter.KIND) == 0


async def test_keys_that_are_away_cost_a_letter_no_attempt(world: World, played: House, simulator: Simulator) -> None:
    await failed(played)
    world.vault.locked = True
    for _ in range(ATTEMPTS + 2):
        await played.batch_poller.round()
        world.clock.minutes(120)
    assert written(simulator) == []
    world.vault.locked = False
    await played.batch_poller.round()
    assert len(written(simulator)) == 1


@pytest.mark.parametrize(
    ("dlq", "said"),
    [
        ({"bucket": "Upper", "region": "us-east-1"}, "[dlq.bucket]"),
        ({"bucket": "a/b", "region": "us-east-1"}, "[dlq.bucket]"),
        ({"bucket": "evil.example.com/x", "region": "us-east-1"}, "[dlq.bucket]"),
        ({"bucket": "a..b", "region": "us-east-1"}, "[dlq.bucket]"),
        ({"bucket": "ab", "region": "us-east-1"}, "[dlq.bucket]"),
        ({"bucket": "good", "region": "evil.example.com/"}, "[dlq.region]"),
        ({"bucket": "good", "region": "us-east-1#"}, "[dlq.region]"),
        ({"bucket": "good", "region": ""}, "[dlq.region]"),
        ({"bucket": "another", "region": "eu-west-1"}, "[dlq]"),  # not trusted
    ],
)
async def test_a_bucket_that_cannot_be_written_to_is_refused_before_the_job_is_started(
    played: House, simulator: Simulator, dlq: dict[str, str], said: str
) -> None:
    with pytest.raises(IllegalArgument) as caught:
        await played.batches.start(await sagemaker(played), job(**dlq))
    assert (caught.value.reason or "").startswith(said)
    assert simulator.requests == []


async def test_a_connector_without_aws_keys_writes_to_no_bucket(played: House, simulator: Simulator) -> None:
    create = Action(ActionType.BATCH_PREDICT, "POST", "https://api.example.com/jobs", request_body="{}")
    fields = ConnectorFields(name="c", version="1", protocol="http", credential={"key": Secret("k")}, actions=(create,))
    connector = (await played.connectors.create(fields)).id
    model = (await played.registrations.register(ModelFields(name="m", connector_id=connector))).model_id
    with pytest.raises(FairleadError, match="no access_key and secret_key"):
        await played.batches.start(model, job())
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("bucket", "url"),
    [
        (Bucket("logs", "us-east-1"), "https://logs.s3.us-east-1.amazonaws.com/k"),
        (Bucket("a.b.c", "us-east-1"), "https://s3.us-east-1.amazonaws.com/a.b.c/k"),
        (Bucket("logs", "cn-north-1"), "https://logs.s3.cn-north-1.amazonaws.com.cn/k"),
    ],
)
def test_where_an_object_goes(bucket: Bucket, url: str) -> None:
    assert bucket.url("k") == url


def test_a_letter_is_stored_and_read_as_it_is() -> None:
    letter = dead_letter.DeadLetter("m", Bucket("b-1", "us-east-1"), "k", "text", 3, 17)
    assert dead_letter.DeadLetter.of(json.loads(json.dumps(letter.document()))) == letter
