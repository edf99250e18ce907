"""Streamed predicts in the service: switches, what is counted, what is checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.domain.dataset import PredictInput, Remote
from fairlead.errors import FairleadError
from fairlead.service.calls.provider_stream import ProviderStream
from fairlead.service.house import House
from unit.service.world import World, registered

OPENAI = "openai/v1/chat/completions"


def asked(**parameters: str) -> PredictInput:
    return PredictInput(Remote({"_llm_interface": OPENAI, **parameters}), "PREDICT")


async def allow(house: House) -> None:
    await house.settings.update({"plugins.ml_commons.stream_enabled": "true"}, {})
    await house.refresh()


async def said(house: House, id: str, given: PredictInput | None = None) -> str:
    async with house.predict.stream(id, given or asked()) as stream:
        return "".join([text async for texts in stream.batches() for text in texts])


async def refusal(work: Any) -> tuple[int, str | None]:
    with pytest.raises(FairleadError) as caught:
        await work
    return caught.value.status, caught.value.reason


async def test_a_stream_is_counted_when_it_has_ended_and_no_longer_runs(house: House) -> None:
    await allow(house)
    id = await registered(house)
    async with house.predict.stream(id, asked()) as stream:
        assert (len(house.recorder.running), house.meter.streams) == (1, 1)
        assert [texts async for texts in stream.batches()] == [["hello"]]
    assert (house.recorder.running, house.meter.streams) == ({}, 0)
    assert (house.recorder.predicts, house.recorder.failures) == (1, 0)
    assert len(house.recorder.models[id].inference) == 1


async def test_a_stream_that_breaks_is_a_failure_and_no_longer_runs(house: House, world: World) -> None:
    await allow(house)
    id = await registered(house)
    world.provider.events = [b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n']
    assert (await refusal(said(house, id)))[0] == 502
    assert (house.recorder.running, house.recorder.failures) == ({}, 1)


async def test_streams_are_off_until_somebody_allows_them(house: House) -> None:
    id = await registered(house)
    status, reason = await refusal(said(house, id))
    assert status == 400
    assert reason == (
        'Streaming is currently disabled. To enable it, update the setting "plugins.ml_commons.stream_enabled" to true.'
    )


async def test_batch_actions_do_not_stream(house: House) -> None:
    await allow(house)
    id = await registered(house)
    given = PredictInput(Remote({"_llm_interface": OPENAI}), "BATCH_PREDICT")
    assert await refusal(said(house, id, given)) == (400, "Streaming is not supported for batch predict.")


async def test_what_an_input_guard_refuses_is_not_sent(house: House, world: World) -> None:
    await allow(house)
    rules = {"type": "local_regex", "input_guardrail": {"regex": ["\\{"], "match": "search"}}
    id = await registered(house, guardrails=rules)

    async def never() -> None:
        raise AssertionError("it was sent")

    world.provider.before = never
    assert await refusal(said(house, id)) == (400, "guardrails triggered for user input")


async def test_what_an_output_guard_refuses_does_not_leave(house: House) -> None:
    await allow(house)
    rules = {"type": "local_regex", "output_guardrail": {"regex": ["hello"], "match": "search"}}
    id = await registered(house, guardrails=rules)
    assert await refusal(said(house, id)) == (400, "guardrails triggered for LLM output")


async def test_a_guard_that_looks_at_requests_alone_holds_nothing_of_the_reply_back(house: House) -> None:
    await allow(house)
    rules = {"type": "local_regex", "input_guardrail": {"regex": ["nobody says this"], "match": "search"}}
    id = await registered(house, guardrails=rules)
    async with house.predict.stream(id, asked()) as stream:
        assert isinstance(stream, ProviderStream)
        assert [texts async for texts in stream.batches()] == [["hello"]]
