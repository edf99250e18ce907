"""Failures of batch jobs written to S3 with the connector's own AWS keys, signed as any call and under the same egress rules.

A letter lies in the store until it is written, so that no crash loses it. It decides nothing about jobs.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from fairlead.domain import model as models
from fairlead.domain import task as tasks
from fairlead.domain.connector import Action, ActionType, Connector
from fairlead.domain.dead_letter import KIND, SERVICE, Bucket, DeadLetter
from fairlead.domain.model import Model
from fairlead.domain.ports import Conflict, Document, Put, Remove
from fairlead.engine.compiled import CompiledConnector, Outgoing
from fairlead.engine.parameters import Parameters
from fairlead.errors import FairleadError, IllegalArgument, StatusFault, Unavailable
from fairlead.service.calls.calling import Caller
from fairlead.service.models.loading import open_connector
from fairlead.service.ports import Ports

log = logging.getLogger("fairlead.batch")

ATTEMPTS = 10
"""After so many failures a letter is given up; its task says why."""
_FIRST_WAIT, _LONGEST_WAIT = 10_000, 3_600_000
_KEYS = ("access_key", "secret_key", "session_token")


class DeadLetters:
    """Writes letters."""

    def __init__(self, ports: Ports, caller: Caller) -> None:
        self._ports = ports
        self._caller = caller

    async def check(self, model_id: str, bucket: Bucket) -> None:
        """Before a job is started: raises IllegalArgument when a letter of this model could not be sent there."""
        url = bucket.url("BatchJobFailure")
        try:
            self._caller.destination(await self._connector(model_id, bucket, url), {}, _put(url, b""))
        except IllegalArgument as fault:
            raise IllegalArgument(f"[dlq] {fault.reason}: {url.rpartition('/')[0]}/", cause=fault.cause) from fault

    async def deliver(self, document: Document) -> None:
        """One attempt to write a stored letter; afterwards it is gone, or due later. Raises StoreUnavailable."""
        letter = DeadLetter.of(document.body)
        url = letter.bucket.url(letter.key)
        try:
            connector = await self._connector(letter.model_id, letter.bucket, url)
            await self._caller.send(connector, _put(url, letter.content.encode()))
        except Unavailable:
            await self._later(document, letter)  # keys are away: no attempt was made
        except FairleadError as fault:
            await self._failed(document, letter, fault)
        else:
            await self._end(document)

    async def _connector(self, model_id: str, bucket: Bucket, url: str) -> CompiledConnector:
        """One that may write to this bucket and calls nothing else. The keys are the connector's; whether they may go
        there is for the trusted endpoints to say."""
        document = await self._ports.store.get(models.KIND, model_id)
        if document is None:
            raise StatusFault("Failed to find model", 404)
        opened = await open_connector(self._ports, model_id, Model.of(document.body))
        keys = {name: opened.credential[name] for name in _KEYS if name in opened.credential}
        if not {"access_key", "secret_key"} <= keys.keys():
            raise IllegalArgument("The connector's credential has no access_key and secret_key to write to S3 with")
        connector = Connector(
            "aws_sigv4",
            parameters={"region": bucket.region, "service_name": SERVICE},
            actions=(Action(ActionType.EXECUTE, "PUT", url),),
            # Its certificates and its leniency are for the provider, not for S3.
            client_config=replace(opened.connector.config, skip_ssl_verification=False, mutual_tls_enabled=False),
        )
        return CompiledConnector(connector, keys, self._ports.scripts, opened.resource)

    async def _later(self, document: Document, letter: DeadLetter) -> None:
        wait = min(_FIRST_WAIT << letter.attempts, _LONGEST_WAIT)
        wait += self._ports.random(wait // 10)
        changed = replace(letter, due=self._ports.clock() + wait)
        try:
            await self._ports.store.write([Put(KIND, document.id, changed.document(), document.revision)])
        except Conflict:  # another worker has it
            return

    async def _failed(self, document: Document, letter: DeadLetter, fault: FairleadError) -> None:
        if letter.attempts + 1 < ATTEMPTS:
            log.warning("the dead letter of task %s was not written: %s", document.id, fault)
            await self._later(document, replace(letter, attempts=letter.attempts + 1))
            return
        log.error("the dead letter of task %s is given up: %s", document.id, fault)
        task = await self._ports.store.get(tasks.KIND, document.id)
        if task is None:
            await self._end(document)
            return
        told = {**task.body, "error": _both(task.body.get("error"), f"The dead letter was not written: {fault}")}
        try:
            await self._ports.store.write(
                [Remove(KIND, document.id, document.revision), Put(tasks.KIND, document.id, told, task.revision)]
            )
        except Conflict:  # somebody wrote to the task just now: the next round tries again
            return

    async def _end(self, document: Document) -> None:
        try:
            await self._ports.store.write([Remove(KIND, document.id, document.revision)])
        except Conflict:
            return


def _both(first: str | None, second: str) -> str:
    return second if first is None else f"{first}. {second}"


def _put(url: str, body: bytes) -> Outgoing:
    return Outgoing("PUT", url, ((b"Content-Type", b"application/json"),), body, Parameters({}, {}))
