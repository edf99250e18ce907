"""Guardrails of type model, on a real store: who is asked, what counts as accepted, and that every failure closes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.principal import Principal
from fairlead.domain.word_list import WordList
from fairlead.errors import FairleadError, IllegalArgument, StatusFault
from fairlead.service.groups import GroupFields
from fairlead.service.guards.guard import INPUT_REASON, OUTPUT_REASON
from fairlead.service.house import House
from fairlead.service.models.registration import ModelFields
from fairlead.service.models.update import ModelChanges
from fairlead.service.predict import MAX_JUDGES
from fairlead.transport.port import Call, Limits, Reply, Route
from unit.service.world import World, connected, registered

pytestmark = pytest.mark.on_both_databases

ACCEPT = '^\\s*"[Aa]ccept"\\s*$'


@dataclass
class Scripted:
    """Answers by the body that is sent, and keeps them."""

    judge: bytes = b'{"response":"accept"}'
    sent: list[bytes] = field(default_factory=list)

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply:
        self.sent.append(call.body)
        return Reply(200, [], self.judge if b"judge" in call.body else b'{"said":"hello"}')


def rules(side: str, judge: str, accepts: str = ACCEPT, **more: Any) -> dict[str, Any]:
    return {"type": "model", side: {"model_id": judge, "response_validation_regex": accepts, **more}}


async def judge_of(house: House, **members: Any) -> str:
    asks = await connected(house, request_body='{"judge":"${parameters.question}"}')
    return await registered(house, asks, name=members.pop("name", "judge"), **members)


def scripted(world: World, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    made = Scripted()
    monkeypatch.setattr(world.provider, "send", made.send)
    return made


async def ask(house: House, id: str, **parameters: str) -> str | None:
    """None when it was answered, else the refusal's reason."""
    try:
        await house.predict.predict(id, PredictInput(Remote(parameters)))
    except FairleadError as fault:
        return fault.reason if fault.status == 400 else str(fault)
    return None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'{"response":"accept"}', None),
        (b'{"response":"Accept"}', None),
        (b'{"response":"reject"}', INPUT_REASON),
        (b'{"response":"I accept"}', INPUT_REASON),
        (b'{"other":"accept"}', INPUT_REASON),
        (b"accept", None),
        (b"[]", INPUT_REASON),
    ],
)
async def test_only_an_answer_that_matches_lets_a_question_through(
    world: World, house: House, monkeypatch: pytest.MonkeyPatch, answer: bytes, reason: str | None
) -> None:
    provider = scripted(world, monkeypatch)
    provider.judge = answer
    guarded = await registered(house, guardrails=rules("input_guardrail", await judge_of(house)))
    assert await ask(house, guarded, question='is "this" fine') == reason
    assert provider.sent[0] == b'{"judge":"is \\"this\\" fine"}'
    assert len(provider.sent) == (2 if reason is None else 1)


async def test_without_a_question_nobody_is_asked(world: World, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = scripted(world, monkeypatch)
    guarded = await registered(house, guardrails=rules("input_guardrail", "no-such-model"))
    for parameters in ({}, {"question": ""}, {"prompt": "x"}):
        assert await ask(house, guarded, **parameters) is None
    assert provider.sent == [b"{}"] * 3


async def test_the_whole_reply_is_judged(world: World, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = scripted(world, monkeypatch)
    guarded = await registered(house, guardrails=rules("output_guardrail", await judge_of(house)))
    assert await ask(house, guarded) is None
    assert provider.sent[1] == b'{"judge":"{\\"said\\":\\"hello\\"}"}'
    provider.judge = b'{"response":"reject"}'
    assert await ask(house, guarded) == OUTPUT_REASON


async def test_the_response_filter_goes_along(world: World, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = scripted(world, monkeypatch)
    provider.judge = b'{"x":{"y":"accept"}}'
    side = rules("input_guardrail", await judge_of(house), response_filter="$.x.y")
    assert await ask(house, await registered(house, guardrails=side), question="q") is None


async def test_a_judge_that_cannot_be_asked_refuses(
    world: World, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(world, monkeypatch)
    missing = await registered(house, guardrails=rules("input_guardrail", "no-such-model", ".*"))
    assert await ask(house, missing, question="q") == INPUT_REASON
    disabled = await judge_of(house, is_enabled=False)
    other = await registered(house, name="n", guardrails=rules("input_guardrail", disabled, ".*"))
    assert await ask(house, other, question="q") == INPUT_REASON
    limited = await judge_of(house, name="limited", rate_limiter={"limit": "1", "unit": "DAYS"})
    third = await registered(house, name="third", guardrails=rules("input_guardrail", limited))
    assert await ask(house, third, question="q") is None
    assert await ask(house, third, question="q") == INPUT_REASON


async def test_models_cannot_judge_each_other_in_a_circle(house: House) -> None:
    first = await judge_of(house)
    second = await judge_of(house, name="b", guardrails=rules("input_guardrail", first))
    third = await judge_of(house, name="c", guardrails=rules("output_guardrail", second))
    for judge in (first, second, third):
        with pytest.raises(IllegalArgument, match="cannot ask the model that they guard"):
            await house.model_updates.update(first, ModelChanges(guardrails=rules("input_guardrail", judge)))
    await house.model_updates.update(first, ModelChanges(guardrails=rules("input_guardrail", "no-such-model")))


async def test_a_word_list_is_live_on_all_workers_and_kept_while_it_is_used(world: World, house: House) -> None:
    other = await world.worker()
    assert (await house.word_lists.put("bad", WordList({"title": ("ok",)})))["result"] == "created"
    side = {"input_guardrail": {"stop_words": [{"index_name": "bad", "source_fields": ["title"]}]}}
    spoken = await connected(house, request_body='{"p":"${parameters.p}"}')
    guarded = await registered(house, spoken, guardrails={"type": "local_regex", **side})
    assert await ask(house, guarded, p="kill") is None
    await other.snapshot.catch_up()
    assert await ask(other, guarded, p="kill") is None
    assert (await house.word_lists.put("bad", WordList({"title": ("kill",)})))["result"] == "updated"
    await other.snapshot.catch_up()
    fresh = await world.worker()  # reads lists before the models that name them
    for worker in (house, other, fresh):
        assert await ask(worker, guarded, p="kill") == INPUT_REASON
    with pytest.raises(StatusFault) as caught:
        await house.word_lists.delete("bad")
    assert caught.value.status == 409
    await house.model_updates.update(guarded, ModelChanges(guardrails={"input_guardrail": {"stop_words": []}}))
    assert (await house.word_lists.delete("bad"))["result"] == "deleted"
    with pytest.raises(StatusFault, match="Failed to find word list"):
        await house.word_lists.get("bad")


async def test_an_unknown_word_list_fails_the_deployment_and_says_its_name(house: House) -> None:
    side = {"input_guardrail": {"stop_words": [{"index_name": "none", "source_fields": ["title"]}]}}
    guarded = await registered(house, guardrails={"type": "local_regex", **side})
    task = await house.tasks.get(await house.deployments.deploy(guarded))
    assert task.state == "FAILED"
    assert "the word list [none], which does not exist" in str(task.error)
    assert "the word list [none], which does not exist" in str(await ask(house, guarded, p="x"))


async def test_a_changed_guard_holds_for_the_next_call(world: World, house: House) -> None:
    spoken = await connected(house, request_body='{"p":"${parameters.p}"}')
    guarded = await registered(house, spoken)
    assert await ask(house, guarded, p="kill") is None
    await house.model_updates.update(guarded, ModelChanges(guardrails={"input_guardrail": {"regex": [".*kill.*"]}}))
    assert await ask(house, guarded, p="kill") == INPUT_REASON


@pytest.mark.parametrize(
    ("phrases", "text"),
    [
        ({}, "phrases is required"),
        ({"title": ("...",)}, "a phrase without a word"),
        ({"title": ("x" * 1001,)}, "more than 1000 characters"),
        ({"title": ("x",) * 10_001}, "more than 10000 phrases"),
    ],
)
async def test_a_word_list_that_could_not_be_used_is_refused(
    house: House, phrases: dict[str, tuple[str, ...]], text: str
) -> None:
    with pytest.raises(IllegalArgument, match=text):
        await house.word_lists.put("bad", WordList(phrases))


async def test_a_change_without_a_type_leaves_a_judge_in_its_place(world: World, house: House) -> None:
    guarded = await registered(house, guardrails=rules("input_guardrail", "judge-1"))
    changed = ModelChanges(guardrails={"input_guardrail": {"model_id": "judge-2"}})
    await house.model_updates.update(guarded, changed)
    stored = (await house.models.get(guarded)).guardrails
    assert stored == rules("input_guardrail", "judge-2")


async def test_guardrails_follow_one_another_only_so_far(
    world: World, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(world, monkeypatch)
    chain = [await judge_of(house)]
    for number in range(MAX_JUDGES + 1):
        asks = await connected(house, request_body='{"judge":"${parameters.question}"}')
        side = rules("input_guardrail", chain[-1])
        chain.append(await registered(house, asks, name=f"m{number}", guardrails=side))
    assert await ask(house, chain[MAX_JUDGES], question="q") is None
    assert await ask(house, chain[MAX_JUDGES + 1], question="q") == INPUT_REASON


async def test_a_judge_is_asked_with_the_rights_of_the_caller(
    world: World, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(world, monkeypatch)
    await house.settings.update({"plugins.ml_commons.model_access_control_enabled": "true"}, {})
    owner, stranger = Principal("ann"), Principal("bob")
    closed = await house.groups.register(GroupFields("closed", None, "private"), owner)
    open_to_all = await house.groups.register(GroupFields("open", None, "public"), owner)
    spoken = await connected(house, request_body='{"judge":"${parameters.question}"}')

    async def made(group: str, **members: Any) -> str:
        fields = ModelFields(name="m", connector_id=spoken, model_group_id=group, **members)
        return (await house.registrations.register(fields, owner)).model_id

    guarded = await made(open_to_all, guardrails=rules("input_guardrail", await made(closed)))
    question = PredictInput(Remote({"question": "q"}))
    assert await house.predict.predict(guarded, question, owner)
    with pytest.raises(IllegalArgument) as caught:
        await house.predict.predict(guarded, question, stranger)
    assert caught.value.reason == INPUT_REASON
