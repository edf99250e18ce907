"""The port `Store` on SQLite files and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.domain.ports import Conflict, Document, Put, Remove, Require, Step, Store, StoreUnavailable
from fairlead.store import SqlStore, documents, open_store


@dataclass(frozen=True, slots=True)
class Needs:
    field: str
    values: frozenset[str] | None = None
    low: int | None = None
    high: int | None = None


def one_of(field: str, *values: str) -> Needs:
    return Needs(field, frozenset(values))


Opened = Callable[[], Awaitable[SqlStore]]


async def test_what_was_written_is_read_back_whole(store: SqlStore) -> None:
    body = {"name": "a", "list": [1, 2.5, None, True], "deep": {"": {"é": "😀"}}}
    (written,) = await store.write([Put("model", "m1", body)])
    assert await store.get("model", "m1") == Document("model", "m1", body, written.revision, 1)
    assert (written.version, written.existed) == (1, False)


async def test_store_satisfies_the_port(store: SqlStore) -> None:
    port: Store = store
    assert await port.count("model") == 0


async def test_what_json_can_say_survives_exactly(store: SqlStore) -> None:
    body = {"big": 2**80, "negative": -(2**70), "nul": "a\0b", "surrogate": "\ud800", "tiny": 5e-324, "zero": -0.0}
    await store.write([Put("model", "m1", body)])
    found = await store.get("model", "m1")
    assert found is not None
    assert found.body == body
    assert str(found.body["zero"]) == "-0.0"


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": float("inf")}, {"x": b"bytes"}, {"x": {1, 2}}])
async def test_a_body_that_is_not_json_is_refused_and_nothing_written(store: SqlStore, body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        await store.write([Put("model", "m0", {}), Put("model", "m1", body)])
    assert await store.count("model") == 0


@pytest.mark.parametrize("id", ["", "a\0b", "\udc00", "x" * 513, "é" * 257])
async def test_an_id_that_no_database_keeps_is_refused_at_write_and_absent_at_read(store: SqlStore, id: str) -> None:
    with pytest.raises(ValueError, match="kind and id"):
        await store.write([Put("model", id, {})])
    assert await store.get("model", id) is None


async def test_versions_count_writes_and_revisions_grow_over_all_kinds(store: SqlStore) -> None:
    first = await store.write([Put("model", "m", {}), Put("task", "t", {}), Put("model", "m", {"x": 1})])
    assert [(w.revision, w.version, w.existed) for w in first] == [(1, 1, False), (2, 1, False), (3, 2, True)]
    assert await store.revision() == 3


async def test_expect_zero_refuses_an_existing_document(store: SqlStore) -> None:
    await store.write([Put("model", "m", {}, expect=0)])
    with pytest.raises(Conflict, match="model m"):
        await store.write([Put("model", "m", {"x": 1}, expect=0)])
    found = await store.get("model", "m")
    assert found is not None
    assert found.body == {}


async def test_expect_revision_writes_only_over_that_revision(store: SqlStore) -> None:
    (first,) = await store.write([Put("model", "m", {"n": 1})])
    (second,) = await store.write([Put("model", "m", {"n": 2}, expect=first.revision)])
    for stale in (Put("model", "m", {"n": 3}, expect=first.revision), Remove("model", "m", expect=first.revision)):
        with pytest.raises(Conflict):
            await store.write([stale])
    (gone,) = await store.write([Remove("model", "m", expect=second.revision)])
    assert (gone.version, gone.existed) == (3, True)


async def test_a_conflict_undoes_the_whole_batch(store: SqlStore) -> None:
    await store.write([Put("model", "there", {})])
    before = await store.revision()
    with pytest.raises(Conflict):
        await store.write(
            [
                Put("model", "new", {}),
                Remove("model", "there"),
                Put("fresh", "x", {}),
                Put("model", "no", {}, expect=99),
            ]
        )
    assert await store.get("model", "new") is None
    assert await store.get("model", "there") is not None
    assert not await store.known("fresh")
    assert await store.revision() == before


async def test_removing_what_is_not_there_is_no_fault_and_takes_no_revision(store: SqlStore) -> None:
    await store.write([Put("model", "m", {})])
    (written,) = await store.write([Remove("model", "absent")])
    assert (written.existed, written.version) == (False, 1)
    assert await store.revision() == 1
    with pytest.raises(Conflict):
        await store.write([Remove("model", "absent", expect=7)])


async def test_a_document_made_anew_counts_its_versions_from_one(store: SqlStore) -> None:
    await store.write([Put("model", "m", {}), Put("model", "m", {}), Remove("model", "m")])
    (again,) = await store.write([Put("model", "m", {}, expect=0)])
    assert (again.version, again.existed) == (1, False)


async def test_all_lists_the_oldest_write_first(store: SqlStore) -> None:
    await store.write([Put("model", id, {}) for id in ("z", "a", "m")] + [Put("task", "t", {})])
    await store.write([Put("model", "z", {})])
    assert [document.id for document in await store.all("model")] == ["a", "m", "z"]
    assert await store.count("model") == 3


async def test_a_kind_stays_known_after_its_last_document_is_gone(store: SqlStore) -> None:
    assert not await store.known("model")
    await store.write([Put("model", "m", {})])
    await store.write([Remove("model", "m")])
    assert await store.known("model")
    assert not await store.known("task")


async def test_changes_give_the_last_state_of_each_document_and_deletions_in_order(store: SqlStore) -> None:
    await store.write([Put("model", "a", {"n": 1}), Put("model", "b", {}), Put("task", "c", {})])
    since = await store.revision()
    await store.write([Put("model", "a", {"n": 2}), Remove("model", "b")])
    await store.write([Put("model", "a", {"n": 3}), Put("model", "d", {})])
    seen = [(c.kind, c.id, c.revision, c.document and c.document.body) for c in await store.changes(since)]
    assert seen == [("model", "b", 5, None), ("model", "a", 6, {"n": 3}), ("model", "d", 7, {})]
    assert await store.changes(await store.revision()) == []


async def test_a_document_deleted_and_made_anew_is_one_change(store: SqlStore) -> None:
    await store.write([Put("model", "a", {})])
    await store.write([Remove("model", "a"), Put("model", "a", {"new": True})])
    (change,) = await store.changes(1)
    assert change.document is not None
    assert change.document.body == {"new": True}


async def test_who_knows_nothing_gets_no_deletions(store: SqlStore) -> None:
    await store.write([Put("model", "a", {}), Put("model", "b", {}), Remove("model", "a")])
    assert [(c.id, c.document is None) for c in await store.changes(0)] == [("b", False)]


async def test_a_follower_too_far_behind_is_told_to_forget_and_gets_everything(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "KEPT_TOMBSTONES", 2)
    await store.write([Put("model", id, {}) for id in "abcde"] + [Put("task", "t", {})])
    since = await store.revision()
    for id in "abc":
        await store.write([Remove("model", id)])
    # One deletion after `since` is forgotten: the follower would never learn that `a` is gone.
    seen = [(c.kind, c.id, c.document is None) for c in await store.changes(since)]
    assert seen == [
        ("model", documents.FORGET, True),
        ("task", documents.FORGET, True),
        ("model", "d", False),
        ("model", "e", False),
        ("task", "t", False),
    ]
    # From the newest forgotten deletion on, the list is complete.
    assert [c.id for c in await store.changes(since + 1)] == ["b", "c"]


async def test_a_follower_ahead_of_a_restored_database_is_told_to_forget(store: SqlStore) -> None:
    await store.write([Put("model", "a", {})])
    assert [c.id for c in await store.changes(1000)] == [documents.FORGET, "a"]


async def test_wait_returns_at_once_when_the_revision_is_past(store: SqlStore) -> None:
    await store.write([Put("model", "a", {})])
    assert await store.wait(0, 60) == 1


async def test_wait_gives_the_revision_when_its_time_is_over(store: SqlStore) -> None:
    await store.write([Put("model", "a", {})])
    assert await store.wait(1, 0.05) == 1


async def test_own_writes_wake_own_waiters(store: SqlStore) -> None:
    waiting = [asyncio.create_task(store.wait(0, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    await store.write([Put("model", "a", {})])
    assert await asyncio.gather(*waiting) == [1, 1, 1]


async def test_writes_of_another_store_wake_waiters(opened: Opened) -> None:
    here, there = await opened(), await opened()
    for number in range(1, 6):
        waiting = asyncio.create_task(here.wait(number - 1, 60))
        await there.write([Put("model", str(number), {})])
        assert await waiting == number


async def test_a_follower_sees_every_document_of_concurrent_writers_in_order(opened: Opened) -> None:
    stores = [await opened() for _ in range(3)]
    follower = await opened()

    async def write(number: int, store: SqlStore) -> None:
        for turn in range(15):
            await store.write([Put("model", f"{number}-{turn}", {}), Put("task", f"{number}-{turn}", {})])

    async def follow() -> list[tuple[int, str, str]]:
        seen: list[tuple[int, str, str]] = []
        at = 0
        while len(seen) < 90:
            assert await follower.wait(at, 60) > at
            found = await follower.changes(at)
            seen += [(change.revision, change.kind, change.id) for change in found]
            at = found[-1].revision
        return seen

    seen, *_ = await asyncio.gather(follow(), *(write(number, store) for number, store in enumerate(stores)))
    assert [revision for revision, _, _ in seen] == list(range(1, 91))
    assert len({(kind, id) for _, kind, id in seen}) == 90


async def test_compare_and_set_by_many_tasks_loses_no_step(opened: Opened) -> None:
    stores = [await opened() for _ in range(2)]
    await stores[0].write([Put("group", "g", {"n": 0})])

    async def add_one(store: SqlStore) -> None:
        while True:
            found = await store.get("group", "g")
            assert found is not None
            try:
                await store.write([Put("group", "g", {"n": found.body["n"] + 1}, expect=found.revision)])
                return
            except Conflict:
                continue

    await asyncio.gather(*(add_one(stores[number % 2]) for number in range(20)))
    found = await stores[0].get("group", "g")
    assert found is not None
    assert (found.body["n"], found.version) == (20, 21)


async def test_find_uses_ids_terms_and_times_of_indexed_kinds(store: SqlStore) -> None:
    tasks = [
        ("t1", {"state": "RUNNING", "model_id": "m1", "create_time": 100}),
        ("t2", {"state": "COMPLETED", "model_id": "m1", "create_time": 200}),
        ("t3", {"state": "COMPLETED", "model_id": ["m1", "m2"], "create_time": 300, "worker_node": ["n"]}),
    ]
    await store.write([Put("task", id, body) for id, body in tasks])

    async def ids(*conditions: documents.Condition) -> list[str]:
        return [document.id for document in await store.find("task", conditions)]

    assert await ids() == ["t1", "t2", "t3"]
    assert await ids(one_of("_id", "t3", "t1", "\0")) == ["t1", "t3"]
    assert await ids(one_of("state", "RUNNING", "CREATED")) == ["t1"]
    assert await ids(one_of("model_id", "m2")) == ["t3"]
    assert await ids(one_of("model_id", "m1"), Needs("create_time", low=150)) == ["t2", "t3"]
    assert await ids(Needs("create_time", high=2**70)) == ["t1", "t2", "t3"]
    assert await ids(one_of("state")) == []
    assert await ids(one_of("worker_node", "other")) == ["t1", "t2", "t3"]


async def test_find_never_misses_long_or_odd_values_or_too_many(store: SqlStore) -> None:
    odd = ["x" * 100_000, "x" * 100_000 + "y", "nul\0", "half\ud800", "é" * 400]
    await store.write([Put("task", str(n), {"model_id": value, "state": value}) for n, value in enumerate(odd)])
    for n, value in enumerate(odd):
        assert str(n) in [d.id for d in await store.find("task", [one_of("model_id", value), one_of("state", value)])]
    many = one_of("model_id", *(str(n) for n in range(70_000)))
    assert len(await store.find("task", [many, Needs("_id", many.values)])) == len(odd)


async def test_an_id_of_the_greatest_length_is_kept(store: SqlStore) -> None:
    await store.write([Put("model", "é" * 256, {}), Remove("model", "é" * 256), Put("model", "x" * 512, {})])
    assert await store.get("model", "x" * 512) is not None


async def test_find_follows_updates_and_deletions(store: SqlStore) -> None:
    await store.write([Put("task", "t", {"state": "CREATED"}), Put("task", "u", {"state": "CREATED"})])
    await store.write([Put("task", "t", {"state": "FAILED"}), Remove("task", "u")])
    assert await store.find("task", [one_of("state", "CREATED")]) == []
    assert [d.id for d in await store.find("task", [one_of("state", "FAILED")])] == ["t"]


async def test_everything_is_there_after_reopening(url: str) -> None:
    first = await open_store(url)
    await first.write([Put("model", "m", {"n": 1}), Put("task", "t", {}), Remove("task", "t")])
    await first.close()
    second = await open_store(url)
    assert [(c.kind, c.id) for c in await second.changes(1)] == [("task", "t")]
    assert (await second.write([Put("model", "m", {})]))[0].revision == 4
    await second.close()


async def test_a_closed_store_is_unavailable_and_ends_its_waiters(url: str) -> None:
    store = await open_store(url)
    waiting = asyncio.create_task(store.wait(0, 60))
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await waiting
    for attempt in (store.get("model", "m"), store.write([Put("model", "m", {})]), store.wait(0, 60)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await attempt


async def test_one_thread_writes_and_the_loop_is_never_blocked(store: SqlStore) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(store.write([Put("model", str(n), {})]) for n in range(20)))
    assert ticks > 20
    ticking.cancel()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.text(), JSON, max_size=4))
def test_any_json_object_is_encoded_without_loss(body: dict[str, object]) -> None:
    ready = documents.prepare(Put("task", "t", body))
    assert ready.text is not None
    assert ready.text.isascii()
    assert json.loads(ready.text) == body


async def test_what_is_required_of_a_document_decides_over_the_whole_batch(store: SqlStore) -> None:
    (there,) = await store.write([Put("connector", "c", {})])
    kept, made = await store.write([Require("connector", "c", there.revision), Put("model", "m1", {})])
    assert (kept.revision, kept.version, kept.existed, made.existed) == (there.revision, 1, True, False)
    await store.write([Require("connector", "none", 0), Put("model", "m2", {})])
    revision = await store.revision()
    refused: list[Step] = [
        Require("connector", "c", there.revision + 1),
        Require("connector", "c", 0),
        Require("connector", "none", 7),
    ]
    for required in refused:
        for batch in ([required, Put("model", "m3", {})], [Put("model", "m3", {}), required]):
            with pytest.raises(Conflict):
                await store.write(batch)
    assert await store.revision() == revision
    assert [document.id for document in await store.all("model")] == ["m1", "m2"]


async def test_a_kind_can_be_required_to_be_as_it_was(store: SqlStore) -> None:
    await store.write([Put("model", "m", {}), Put("task", "t", {})])
    seen = await store.revision()
    await store.write([Require("model", None, seen), Require("none", None, 0), Put("task", "t", {})])
    await store.write([Require("model", None, seen), Remove("connector", "c")])
    await store.write([Put("model", "m", {"changed": True})])
    with pytest.raises(Conflict) as caught:
        await store.write([Remove("task", "t"), Require("model", None, seen)])
    assert (caught.value.kind, caught.value.id) == ("model", "")
    assert await store.get("task", "t") is not None
    await store.write([Remove("model", "m")])
    await store.write([Require("model", None, seen)])  # what is gone depends on nothing


async def test_a_requirement_alone_writes_nothing(store: SqlStore) -> None:
    before = await store.revision()
    await store.write([Require("model", "m", 0)])
    assert await store.revision() == before


async def test_a_follower_learns_only_of_the_kinds_that_it_names(opened: Opened) -> None:
    store = await opened()
    await store.write([Put("model", "m", {}), Put("task", "t", {}), Put("model", "gone", {}), Put("task", "gone", {})])
    since = await store.revision()
    await store.write([Put("task", "t", {"x": 1}), Put("model", "m", {"x": 1})])
    await store.write([Remove("task", "gone"), Remove("model", "gone")])
    found = await store.changes(since, ("model",))
    assert [(change.kind, change.id, change.document is None) for change in found] == [
        ("model", "m", False),
        ("model", "gone", True),
    ]
    assert await store.changes(since, ()) == []
    assert len(await store.changes(since)) == 4


async def test_a_search_can_be_bounded(store: SqlStore) -> None:
    await store.write([Put("task", f"t{n}", {"state": "A" if n % 2 else "B"}) for n in range(10)])
    found = await store.find("task", [one_of("state", "A")], 3)
    assert len(found) == 3
    assert {document.body["state"] for document in found} == {"A"}
    assert len(await store.find("task", [one_of("state", "A")], 50)) == 5
    assert len(await store.find("task", [], 4)) == 4


async def test_a_follower_asks_the_database_again_only_after_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = [await open_store(f"sqlite:///{tmp_path / 'store.db'}") for _ in range(2)]
    await mine.write([Put("model", "m", {})])
    since = (await mine.changes(0, ("model",)))[-1].revision
    asked: list[int] = []
    real = documents.changes
    monkeypatch.setattr(documents, "changes", lambda *given: asked.append(1) or real(*given))
    assert await mine.changes(since, ("model",)) == []
    assert asked == []
    # Another follower, or one of other kinds, is not answered from what this one knows.
    assert [c.id for c in await mine.changes(0, ("model",))] == ["m"]
    assert [c.id for c in await mine.changes(0)] == ["m"]
    for store in (mine, other):
        (written,) = await store.write([Put("model", "m", {"by": id(store)})])
        assert [c.revision for c in await mine.changes(since, ("model",))] == [written.revision]
        since = written.revision
    for store in (mine, other):
        await store.close()
