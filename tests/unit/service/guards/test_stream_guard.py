"""Guards over streams: no cut lets a phrase slip through, what was not checked does not leave, doubt closes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.tensor import InferenceResult, Tensor
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.service.guards.guard import OUTPUT_REASON, Guard, Watch, compile_guard
from fairlead.service.guards.known_words import KnownWords
from fairlead.service.guards.stream_guard import JUDGED_STEP, MAX_WHOLE, guarded

HOLD = 16
WORD = "forbidden phrase"


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def nobody(model_id: str, parameters: Any) -> Any:
    raise AssertionError("no model is asked")


def watch(executor: ThreadPoolExecutor, **output: Any) -> Watch:
    rules = {"type": "local_regex", "output_guardrail": {"regex": [WORD], "match": "search", **output}}
    guard = compile_guard("m", rules, KnownWords(), executor)
    assert guard is not None
    return guard.asking(nobody)


async def batches(texts: Iterable[str], fault: Exception | None = None) -> AsyncGenerator[list[str], None]:
    for text in texts:
        yield [text]
    if fault is not None:
        raise fault


async def passed(texts: Iterable[str], watching: Watch, fault: Exception | None = None) -> tuple[list[str], str | None]:
    """What left, and the reason why no more did."""
    left: list[str] = []
    try:
        async for free in guarded(batches(texts, fault), watching, HOLD):
            left += free
    except (IllegalArgument, StatusFault) as stopped:
        return left, stopped.reason
    return left, None


def cuts(text: str) -> Iterator[list[str]]:
    for size in range(1, len(text) + 1):
        yield [text[at : at + size] for at in range(0, len(text), size)]


async def test_pieces_leave_as_they_came_when_nothing_is_wrong(executor: ThreadPoolExecutor) -> None:
    for pieces in cuts("a text of some length without anything that anybody forbids " * 3):
        assert await passed(pieces, watch(executor)) == (pieces, None)


async def test_a_phrase_is_found_wherever_it_is_cut_and_no_character_of_it_leaves(executor: ThreadPoolExecutor) -> None:
    text = "x" * 100 + WORD + "y" * 100
    for pieces in cuts(text):
        left, reason = await passed(pieces, watch(executor))
        assert reason == OUTPUT_REASON
        assert set("".join(left)) <= {"x"}


@given(st.lists(st.text("abf ", max_size=9), max_size=30), st.integers(0, 200))
async def test_what_left_was_checked_with_all_that_could_follow(pieces: list[str], at: int) -> None:
    text = "".join(pieces)
    poisoned = text[:at] + WORD + text[at:]
    with ThreadPoolExecutor(1) as executor:
        left, reason = await passed([poisoned[i : i + 3] for i in range(0, len(poisoned), 3)], watch(executor))
    assert reason == OUTPUT_REASON
    assert poisoned.startswith("".join(left))
    assert len("".join(left)) <= poisoned.index(WORD)


async def test_a_pattern_over_the_whole_text_is_looked_at_in_the_end(executor: ThreadPoolExecutor) -> None:
    watching = watch(executor, regex=["first.{900}last"])
    left, reason = await passed([*("first" + "x" * 900 + "last")], watching)
    assert reason == OUTPUT_REASON
    assert len(left) <= 909 - HOLD


async def test_a_long_text_is_looked_at_by_its_last_window(executor: ThreadPoolExecutor) -> None:
    pieces = ["x" * 1000] * (MAX_WHOLE // 1000 + 2)
    assert await passed(pieces, watch(executor)) == (pieces, None)
    left, reason = await passed([*pieces, WORD], watch(executor))
    assert reason == OUTPUT_REASON
    assert WORD not in "".join(left)


async def test_escapes_and_fields_are_no_way_around(executor: ThreadPoolExecutor) -> None:
    hidden = json.dumps({"ok": "fine", "no": WORD})
    assert (await passed([*hidden], watch(executor, fields=["$.ok"])))[1] == OUTPUT_REASON
    assert (await passed([*'say "hi"\n'], watch(executor, regex=['say "hi"\n'])))[1] == OUTPUT_REASON


async def test_a_fault_drops_what_waits(executor: ThreadPoolExecutor) -> None:
    left, reason = await passed(["x" * 10, "y" * 10], watch(executor), StatusFault("cut off", 502))
    assert reason == "cut off"
    assert "".join(left) == ""


class Broken:
    async def refuses_request(self, outgoing: Any, ask: Any) -> bool:
        return False

    async def refuses_reply(self, body: bytes, ask: Any) -> bool:
        raise RuntimeError("the rule itself fails")


async def test_a_guard_that_fails_closes() -> None:
    assert await passed(["x" * 50], Guard("m", None, Broken()).asking(nobody)) == ([], OUTPUT_REASON)


async def test_a_judge_is_asked_in_steps_and_at_the_end(executor: ThreadPoolExecutor) -> None:
    asked: list[Any] = []

    async def ask(model_id: str, parameters: Any) -> list[InferenceResult]:
        asked.append(parameters)
        return [InferenceResult((Tensor("response", data_as_map={"response": "accept"}),), 200)]

    side = {"model_id": "judge", "response_validation_regex": ".*accept.*"}
    guard = compile_guard("m", {"type": "model", "output_guardrail": side}, KnownWords(), executor)
    assert guard is not None
    pieces = ["x" * 64] * (JUDGED_STEP // 64 * 2)
    assert await passed(pieces, guard.asking(ask)) == (pieces, None)
    assert len(asked) == 3
