"""Local guardrails: what a pattern and a phrase see of a body, and that no text can stretch them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.ports import Document
from fairlead.domain.word_list import WordList
from fairlead.engine.compiled import Outgoing
from fairlead.engine.parameters import Parameters
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.service.guards import local_guard
from fairlead.service.guards.guard import INPUT_REASON, OUTPUT_REASON, Guard, compile_guard
from fairlead.service.guards.inspected import unescaped
from fairlead.service.guards.known_words import KnownWords
from fairlead.service.guards.local_guard import AT_ONCE_BYTES, MAX_CHARACTERS

CATASTROPHE = "(?:a|a)*"
LONG = "a" * 60 + "!"


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def known(**lists: dict[str, tuple[str, ...]]) -> KnownWords:
    made = KnownWords()
    for name, phrases in lists.items():
        await made.take(name, Document("word_list", name, WordList(phrases).document(), 1, 1))
    return made


async def nobody(model_id: str, parameters: Any) -> Any:
    raise AssertionError("no model is asked")


def outgoing(body: str | bytes, **parameters: str) -> Outgoing:
    raw = body if isinstance(body, bytes) else body.encode()
    return Outgoing("POST", "https://api.example.com", (), raw, Parameters({}, parameters))


async def refused(guard: Guard | None, sent: Outgoing) -> bool:
    assert guard is not None
    try:
        await guard.asking(nobody).request(sent)
    except IllegalArgument as fault:
        return (fault.status, fault.reason) == (400, INPUT_REASON)
    return False


def patterns(*regex: str, **more: Any) -> dict[str, Any]:
    return {"type": "local_regex", "input_guardrail": {"regex": list(regex), **more}}


@pytest.mark.parametrize(
    ("rules", "body", "closed"),
    [
        (patterns("kill"), '{"p":"kill"}', False),
        (patterns(".*kill.*"), '{"p":"kill"}', True),
        (patterns(".*kill.*"), '{\n "p":\n "kill"\n}', True),
        (patterns("a*"), '{"p":"aaa"}', False),
        (patterns(".*x.*", ".*y.*"), '{"p":"y"}', True),
        (patterns(".*kill.*"), '{"p":"k\\u0069ll"}', True),
        (patterns(".*kill.*"), '{"p":"k\\\\u0069ll"}', False),
        (patterns("kill", match="search"), '{"p":"a killer"}', True),
        (patterns("kill", match="full"), '{"p":"a killer"}', False),
        (patterns("^kill$", fields=["$.p"]), '{"p":"kill","q":"x"}', True),
        (patterns("kill", fields=["$.p"]), '{"p":"x","q":"kill"}', False),
        (patterns("kill", fields=["$.m[*].content"]), '{"m":[{"content":"x"},{"content":"kill"}]}', True),
        (patterns(".*kill.*", fields=["$.missing"]), '{"p":"kill"}', True),
        (patterns(".*kill.*", fields=["$.p"]), "kill is no JSON", True),
        (patterns("kill", match="search", fields=["$.p"]), '{"p":{"deep":["kill"]}}', True),
    ],
)
async def test_a_pattern_sees(executor: ThreadPoolExecutor, rules: dict[str, Any], body: str, closed: bool) -> None:
    assert await refused(compile_guard("m", rules, KnownWords(), executor), outgoing(body)) is closed


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16", "utf-8"])
async def test_a_charset_hides_nothing(executor: ThreadPoolExecutor, charset: str) -> None:
    guard = compile_guard("m", patterns(".*kill.*"), KnownWords(), executor)
    assert await refused(guard, outgoing('{"p":"kill"}'.encode(charset), charset=charset))
    # Characters whose bytes in that charset are the word: the provider reads bytes.
    disguised = b'{"p":"kill"}'
    assert await refused(guard, outgoing(disguised, charset=charset))


@pytest.mark.parametrize(
    ("body", "closed"),
    [
        ('{"p":"please KILL him now"}', True),
        ('{"p":"kill, him!"}', True),
        ('{"p":"kill\\nhim"}', True),
        ('{"p":"k\\u0069ll him"}', True),
        ('{"p":"him kill"}', False),
        ('{"p":"killhim"}', False),
        ('{"p":"kill her him"}', False),
        ('{"p":"rob"}', False),
    ],
)
async def test_a_phrase_is_found_as_words_in_a_row(executor: ThreadPoolExecutor, body: str, closed: bool) -> None:
    words = await known(bad={"title": ("Kill him",), "other": ("rob",)})
    rules = {"input_guardrail": {"stop_words": [{"index_name": "bad", "source_fields": ["title"]}]}}
    assert await refused(compile_guard("m", rules, words, executor), outgoing(body)) is closed


async def test_a_list_that_goes_closes_and_one_that_changes_counts_at_once(executor: ThreadPoolExecutor) -> None:
    words = await known(bad={"title": ("kill",)})
    rules = {"input_guardrail": {"stop_words": [{"index_name": "bad", "source_fields": ["title"]}]}}
    guard = compile_guard("m", rules, words, executor)
    assert not await refused(guard, outgoing('"rob"'))
    await words.take("bad", Document("word_list", "bad", WordList({"title": ("rob",)}).document(), 2, 2))
    assert await refused(guard, outgoing('"rob"'))
    assert not await refused(guard, outgoing('"kill"'))
    await words.take("bad", None)
    assert await refused(guard, outgoing('"harmless"'))


@pytest.mark.parametrize(("name", "field"), [("none", "title"), ("bad", "titel")])
async def test_a_list_or_field_that_is_not_there_does_not_compile(
    executor: ThreadPoolExecutor, name: str, field: str
) -> None:
    words = await known(bad={"title": ("kill",)})
    rules = {"output_guardrail": {"stop_words": [{"index_name": name, "source_fields": [field]}]}}
    with pytest.raises(IllegalArgument, match=name):
        compile_guard("m", rules, words, executor)


@pytest.mark.parametrize(
    "rules",
    [
        None,
        {"type": "local_regex"},
        {"input_guardrail": {"stop_words": [{"index_name": "none"}, {"source_fields": ["title"]}]}},
    ],
)
def test_guardrails_that_check_nothing_are_none(executor: ThreadPoolExecutor, rules: dict[str, Any] | None) -> None:
    assert compile_guard("m", rules, KnownWords(), executor) is None


async def test_each_side_guards_its_own_way(executor: ThreadPoolExecutor) -> None:
    guard = compile_guard("m", {"output_guardrail": {"regex": [".*secret.*"]}}, KnownWords(), executor)
    assert guard is not None
    watch = guard.asking(nobody)
    await watch.request(outgoing('"secret"'))
    await watch.reply(b"harmless")
    with pytest.raises(IllegalArgument) as caught:
        await watch.reply(b"\xffa secret\n")
    assert caught.value.reason == OUTPUT_REASON


async def test_a_pattern_that_takes_too_long_refuses_and_the_event_loop_goes_on_meanwhile(
    executor: ThreadPoolExecutor,
) -> None:
    guard = compile_guard("m", patterns(CATASTROPHE), KnownWords(), executor)
    slow = asyncio.ensure_future(refused(guard, outgoing(LONG)))
    turns = 0
    while not slow.done():
        await asyncio.sleep(0)
        turns += 1
    assert await slow
    assert turns > 1000  # two, if the engine kept the interpreter to itself


async def test_a_long_text_is_read_beside_the_loop_with_the_same_verdict(executor: ThreadPoolExecutor) -> None:
    filling = "x" * AT_ONCE_BYTES
    guard = compile_guard("m", patterns(".*kill.*"), KnownWords(), executor)
    assert await refused(guard, outgoing(json.dumps({"p": filling + "kill"})))
    assert not await refused(guard, outgoing(json.dumps({"p": filling})))


async def test_a_text_too_long_to_be_taken_apart_is_refused(executor: ThreadPoolExecutor) -> None:
    words = await known(bad={"title": ("kill",)})
    rules = {"input_guardrail": {"stop_words": [{"index_name": "bad", "source_fields": ["title"]}]}}
    assert await refused(compile_guard("m", rules, words, executor), outgoing("x" * (MAX_CHARACTERS + 1)))


@given(st.text())
def test_escapes_are_read_back_however_they_were_written(text: str) -> None:
    for ascii_only in (True, False):
        try:
            written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            assert unescaped(written) == text.encode("utf-16-le").decode("utf-16-le")
        except UnicodeEncodeError:  # half a surrogate pair is no text
            return


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    unescaped(text)


async def test_a_guard_whose_texts_are_slow_leaves_threads_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_guard, "WAIT_SECONDS", 0.05)
    slow, sent = patterns(CATASTROPHE), outgoing(LONG)
    with ThreadPoolExecutor(2) as two:
        guard = compile_guard("slow", slow, KnownWords(), two)
        other = compile_guard("other", patterns(".*kill.*"), KnownWords(), two)
        assert guard is not None
        crowd = [asyncio.create_task(guard.asking(nobody).request(sent)) for _ in range(20)]
        assert await refused(other, outgoing("x" * AT_ONCE_BYTES + "kill"))
        told = await asyncio.gather(*crowd, return_exceptions=True)
    statuses = sorted(fault.status for fault in told if isinstance(fault, FairleadError))
    assert statuses == [400] + [429] * 19
    busy = [fault for fault in told if isinstance(fault, FairleadError) and fault.status == 429]
    assert {fault.headers["Retry-After"] for fault in busy} == {"1"}
