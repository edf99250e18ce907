"""The synchronous connector over real sockets: predict, embed, rerank, explain, and what it leaves behind."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fairlead import Connector
from fairlead.errors import IllegalArgument, IllegalState, MLFault, StatusFault
from fairlead.library.background import BackgroundLoop
from unit.library.provider import Provider, Seen, blueprint, embeddings

KEY = {"key": "sk-canary-0123456789"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(embeddings) as started:
        yield started


def made(provider: Provider, **arguments: Any) -> Connector:
    given = {"credential": KEY, "allow_private": True, **arguments}
    return Connector.from_blueprint(given.pop("blueprint", blueprint(provider.url)), **given)


def test_embed_gives_a_tensor_for_each_text(provider: Provider) -> None:
    with made(provider) as connector:
        tensors = connector.embed(["ab", "c"])
    assert [tensor.tolist() for tensor in tensors] == [[0.0, 2], [1.0, 1]]
    assert [(tensor.name, tensor.data_type, tensor.shape) for tensor in tensors] == [
        ("sentence_embedding", "FLOAT32", (2,))
    ] * 2
    (seen,) = provider.seen
    assert seen.json == {"model": "m", "input": ["ab", "c"]}
    assert seen.headers["Authorization"] == "Bearer sk-canary-0123456789"


def test_predict_takes_raw_parameters_of_any_json_type_and_shows_the_documented_body(provider: Provider) -> None:
    with made(provider) as connector:
        answer = connector.predict(parameters={"input": ["x"], "model": "other"})
    assert provider.seen[0].json == {"model": "other", "input": ["x"]}
    tensor = {"name": "sentence_embedding", "data_type": "FLOAT32", "shape": [2], "data": [0.0, 1]}
    assert answer.json() == {"inference_results": [{"output": [tensor], "status_code": 200}]}
    assert (answer.status_code, [found.data for found in answer.output]) == (200, [[0.0, 1]])


def test_an_action_is_found_by_type_and_by_name(provider: Provider) -> None:
    body = blueprint(provider.url)
    named = {**body["actions"][0], "action_type": "execute", "name": "second", "url": f"{provider.url}/second"}
    body["actions"].append(named)
    with made(provider, blueprint=body) as connector:
        for action in ("predict", "PREDICT", "second", "execute"):
            connector.predict({"input": ["x"]}, action=action)
        with pytest.raises(IllegalArgument, match=r"^no other action found$"):
            connector.predict(action="other")
    assert [seen.target for seen in provider.seen] == ["/v1/embeddings"] * 2 + ["/second"] * 2


def test_documents_that_go_one_at_a_time_come_back_in_order() -> None:
    function = {
        name: f"connector.{name.removesuffix('_function')}.bedrock.embedding"
        for name in ("pre_process_function", "post_process_function")
    }
    action = {**function, "request_body": '{"inputText":"${parameters.inputText}"}'}
    with Provider(lambda seen: {"embedding": [len(seen.json["inputText"])]}) as titan:
        texts = ["x" * n for n in range(1, 9)]
        with made(titan, blueprint=blueprint(titan.url, action=action)) as connector:
            assert [tensor.tolist() for tensor in connector.embed(texts)] == [[n] for n in range(1, 9)]
            request = connector.explain(text_docs=texts[:3])
        assert len(titan.seen) == 8
    assert [one.body for one in (request, *request.more)] == [f'{{"inputText":"{"x" * n}"}}' for n in (1, 2, 3)]


def test_rerank_gives_a_score_for_each_document_in_their_order() -> None:
    def answer(seen: Seen) -> Any:
        return {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.25}]}

    action = {
        "request_body": '{"query":"${parameters.query}","documents":${parameters.documents},"top_n":${parameters.top_n}}',
        "pre_process_function": "connector.pre_process.cohere.rerank",
        "post_process_function": "connector.post_process.cohere.rerank",
    }
    with Provider(answer) as cohere, made(cohere, blueprint=blueprint(cohere.url, action=action)) as connector:
        assert connector.rerank("q", ["a", "b"]) == [0.25, 0.9]
        assert cohere.seen[0].json == {"query": "q", "documents": ["a", "b"], "top_n": 2}
        with pytest.raises(IllegalState, match="one score for each document"):
            connector.rerank("q", ["a", "b", "c"])


def test_a_reply_that_no_function_takes_apart_is_a_map_and_tolist_says_so(provider: Provider) -> None:
    body = blueprint(provider.url)
    del body["actions"][0]["post_process_function"]
    with made(provider, blueprint=body) as connector:
        (tensor,) = connector.embed(["a"])
    assert tensor.data_as_map == {"object": "list", "data": [{"index": 0, "embedding": [0.0, 1]}]}
    assert (tensor.data, tensor.shape, tensor.data_type) == (None, None, None)
    with pytest.raises(IllegalState, match="post_process_function"):
        tensor.tolist()


# Explain.


def test_explain_is_the_request_that_predict_sends_with_its_secrets_masked(provider: Provider) -> None:
    with made(provider) as connector:
        request = connector.explain(text_docs=["a"])
        assert provider.seen == []
        connector.embed(["a"])
    (seen,) = provider.seen
    assert request.body.encode() == seen.body
    assert (request.method, request.url) == (seen.method, provider.url + seen.target)
    assert list(request.headers) == list(seen.headers)
    assert {**request.headers, "Authorization": f"Bearer {KEY['key']}"} == seen.headers
    assert request.headers["Authorization"] == "Bearer ***"
    assert request.more == ()
    assert KEY["key"] not in str(request)


def test_explain_masks_the_credential_and_signature_of_an_aws_request() -> None:
    action = {
        "action_type": "predict", "method": "POST",
        "url": "https://bedrock-runtime.${parameters.region}.amazonaws.com/model/amazon.titan-embed-text-v1/invoke",
        "headers": {"x-amz-content-sha256": "required", "content-type": "application/json"},
        "request_body": '{"inputText":"${parameters.inputText}"}',
        "pre_process_function": "connector.pre_process.bedrock.embedding",
    }  # fmt: skip
    body = {"name": "titan", "version": 1, "protocol": "aws_sigv4", "actions": [action]}
    credential = {"access_key": "AKIACANARY", "secret_key": "secret-canary", "session_token": "token-canary"}
    where = {"region": "us-west-2", "service_name": "bedrock"}
    with Connector.from_blueprint(body, credential=credential, parameters=where) as connector:
        request = connector.explain(text_docs=["hello"])
    assert request.url == "https://bedrock-runtime.us-west-2.amazonaws.com/model/amazon.titan-embed-text-v1/invoke"
    assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=***/")
    assert "/us-west-2/bedrock/aws4_request" in request.headers["Authorization"]
    assert request.headers["Authorization"].endswith("Signature=***")
    assert {name.lower() for name in request.headers} >= {"x-amz-date", "x-amz-security-token", "host"}
    assert request.body == '{"inputText":"hello"}'
    assert not [value for value in credential.values() if value in str(request)]


def test_explain_raises_what_predict_raises_before_it_sends(provider: Provider) -> None:
    with made(provider) as connector:
        for call in (connector.explain, connector.predict):
            with pytest.raises(IllegalArgument, match=r"^Some parameter placeholder|^Invalid payload"):
                call(parameters={})
    assert provider.seen == []


# Errors.


def test_a_providers_fault_is_the_error_of_the_server() -> None:
    with Provider(lambda _: (429, {"error": "slow down"})) as busy, made(busy) as connector:
        with pytest.raises(StatusFault) as caught:
            connector.embed(["a"])
        assert (caught.value.status, caught.value.reason) == (429, 'Error from remote service: {"error": "slow down"}')
    with Provider(lambda _: {"none": 5}) as odd, made(odd) as connector, pytest.raises(MLFault) as failed:
        connector.embed(["a"])
    assert failed.value.reason == "Fail to execute PREDICT in aws connector"
    assert failed.value.cause is not None


def test_one_text_in_the_place_of_a_list_is_a_mistake_of_the_program(provider: Provider) -> None:
    with made(provider) as connector:
        for call in (
            lambda: connector.embed("text"),
            lambda: connector.rerank("q", "doc"),
            lambda: connector.explain(text_docs="t"),
        ):
            with pytest.raises(TypeError, match="list of texts"):
                call()
    for name in ("trusted", "allow_private"):
        with pytest.raises(TypeError, match=name):
            made(provider, **{name: "127.0.0.0/8"})


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        ({"blueprint": ""}, TypeError, "blueprint takes .*not an empty text"),
        ({"blueprint": [1]}, TypeError, "blueprint takes .*not list"),
        ({"credential": "canary"}, TypeError, "credential takes names and values, or a function.*not str"),
        ({"parameters": [1]}, TypeError, "parameters takes names and values, not list"),
        ({"transport": "curl"}, ValueError, "transport must be one of aiohttp, owned, not 'curl'"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_by_name_when_the_connector_is_made(
    arguments: dict[str, Any], kind: type[Exception], problem: str
) -> None:
    with pytest.raises(kind, match=problem) as fault:
        Connector.from_blueprint(**({"blueprint": {}} | arguments))
    assert "canary" not in str(fault.value)


def test_a_value_that_json_cannot_hold_is_refused(provider: Provider) -> None:
    with made(provider) as connector:
        for value in (float("nan"), {1, 2}, object()):
            with pytest.raises(IllegalArgument, match=r"^The input cannot be written as JSON"):
                connector.predict({"input": value})


# What is left behind.


def test_no_thread_and_no_running_loop_is_left_between_calls_yet_the_connection_is_kept(provider: Provider) -> None:
    before = threading.active_count()
    connector = made(provider)
    for _ in range(3):
        connector.embed(["a"])
        assert not [thread for thread in threading.enumerate() if thread.name == "fairlead"]
    assert len({seen.port for seen in provider.seen}) == 1
    connector.close()
    assert threading.active_count() <= before + 1  # the provider's thread for the connection


async def test_it_works_inside_a_running_loop(provider: Provider) -> None:
    with made(provider) as connector:
        assert connector.embed(["a"])[0].tolist() == [0.0, 1]
        assert (await asyncio.to_thread(connector.embed, ["ab"]))[0].tolist() == [0.0, 2]


def test_many_threads_share_one_connector(provider: Provider) -> None:
    together = threading.Barrier(4, timeout=20)

    def answer(seen: Seen) -> Any:
        together.wait()  # passes only when four calls are under way at once
        return embeddings(seen)

    with Provider(answer) as slow, made(slow) as connector, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: connector.embed(["x" * n])[0].tolist(), range(1, 9)))
    assert answers == [[0.0, n] for n in range(1, 9)]


def test_a_closed_connector_says_so_and_closing_twice_does_nothing(provider: Provider) -> None:
    connector = made(provider)
    connector.embed(["a"])
    connector.close()
    connector.close()
    for call in (lambda: connector.embed(["a"]), lambda: connector.explain(text_docs=["a"])):
        with pytest.raises(IllegalState, match=r"^the connector is closed$"):
            call()


def test_closing_while_another_thread_calls_ends_that_call(provider: Provider) -> None:
    arrived, go = threading.Event(), threading.Event()

    def answer(seen: Seen) -> Any:
        arrived.set()
        go.wait(20)
        return embeddings(seen)

    with Provider(answer) as slow, ThreadPoolExecutor(1) as pool:
        connector = made(slow)
        call = pool.submit(connector.embed, ["a"])
        assert arrived.wait(20)
        connector.close()
        assert isinstance(call.exception(20), StatusFault)
        go.set()
    assert not [thread for thread in threading.enumerate() if thread.name == "fairlead"]


def test_a_connector_that_nobody_closed_leaves_no_warning(provider: Provider) -> None:
    connector = made(provider)
    connector.embed(["a"])
    del connector
    gc.collect()  # a ResourceWarning would be an error here


# Pickling.


def embed(connector: Connector, text: str) -> list[Any]:
    return connector.embed([text])[0].tolist()


def test_a_pickled_connector_opens_itself_at_its_first_call(provider: Provider) -> None:
    with made(provider, parameters={"model": "given"}) as connector, pickle.loads(pickle.dumps(connector)) as again:
        assert embed(again, "abc") == [0.0, 3]
        assert copy.copy(again).explain(text_docs=["a"]).headers["Authorization"] == "Bearer ***"
    assert provider.seen[0].json["model"] == "given"


def keys() -> dict[str, str]:
    return dict(KEY)


def test_a_credential_given_as_a_function_does_not_travel(provider: Provider) -> None:
    with made(provider) as plain, made(provider, credential=keys) as fetched:
        assert KEY["key"].encode() in pickle.dumps(plain)
        pickled = pickle.dumps(fetched)
    assert KEY["key"].encode() not in pickled
    with pickle.loads(pickled) as again:
        embed(again, "a")
    assert provider.seen[0].headers["Authorization"] == f"Bearer {KEY['key']}"


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_it_works_in_a_process_pool(provider: Provider, method: str) -> None:
    with made(provider) as connector:
        embed(connector, "a")
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            tensors = pool.submit(connector.embed, ["ab", "c"]).result(60)
        assert [tensor.tolist() for tensor in tensors] == [[0.0, 2], [1.0, 1]]
        embed(connector, "still")
    ports = [seen.port for seen in provider.seen]
    assert ports[0] == ports[2] != ports[1]


def test_neither_repr_nor_error_shows_the_credential(provider: Provider) -> None:
    with made(provider, blueprint={**blueprint(provider.url), "credential": KEY}, credential=None) as connector:
        shown = [repr(connector), repr(connector._recipe), repr(connector._open), str(vars(connector))]
    assert not [text for text in shown if KEY["key"] in text]


def test_importing_the_package_imports_nothing_heavy() -> None:
    """`import fairlead` must take 0.15 s at most (design section 5): counted in modules, which no load of the box moves."""
    program = (
        "import sys; import fairlead; few = set(sys.modules); from fairlead import Connector, AsyncConnector; "
        "heavy = {'aiohttp', 'orjson', 'msgspec', 'regex', 'cryptography', 'sqlalchemy', 'starlette', 'fairlead.painless'}; "
        "print(sorted(few & {*heavy, 'asyncio'}), sorted(set(sys.modules) & heavy))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[] []"


def test_a_blueprint_may_be_a_path_a_text_or_an_object(provider: Provider, tmp_path: Path) -> None:
    body = blueprint(provider.url)
    text = json.dumps(body)
    (tmp_path / "b.json").write_text(text)
    for given in (body, text, f"\n {text}", text.encode(), tmp_path / "b.json", str(tmp_path / "b.json")):
        with made(provider, blueprint=given) as connector:
            assert connector.explain(text_docs=["a"]).body == '{"model":"m","input":["a"]}'
    with pytest.raises(FileNotFoundError):
        made(provider, blueprint=tmp_path / "none.json")


@pytest.mark.parametrize("transport", ["aiohttp", "owned"])
def test_both_transports_serve(provider: Provider, transport: str) -> None:
    with made(provider, transport=transport) as connector:
        assert embed(connector, "abc") == [0.0, 3]
        assert embed(connector, "ab") == [0.0, 2]
    assert provider.seen[0].port == provider.seen[1].port


def ending(child: Callable[[], None]) -> int:
    """The exit status of a forked process that does only that; 70 when it raises."""
    process = os.fork()
    if process == 0:
        status = 70
        try:
            child()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_the_end_of_a_connector_in_a_forked_process_does_not_stop_its_parent(provider: Provider, used: bool) -> None:
    held = [made(provider)]
    embed(held[0], "a")

    def child() -> None:
        if used:
            embed(held[0], "b")
        held.clear()
        gc.collect()

    assert ending(child) == 0
    calls = threading.Thread(target=lambda: [embed(held[0], "c") for _ in range(30)], daemon=True)
    calls.start()
    calls.join(20)
    assert not calls.is_alive()
    assert len(provider.seen) == 31 + used
    held[0].close()


def test_closing_while_the_last_call_ends_waits_for_no_loop_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    background, started, release = BackgroundLoop(), threading.Event(), threading.Event()

    async def call() -> None:
        started.set()
        await asyncio.to_thread(release.wait)

    caller = threading.Thread(target=lambda: background.run(call))
    caller.start()
    assert started.wait(10)
    submit = asyncio.run_coroutine_threadsafe

    def after_the_call(work: Any, loop: asyncio.AbstractEventLoop) -> Any:
        release.set()
        caller.join(10)
        return submit(work, loop)

    closed: list[bool] = []

    async def last() -> None:
        closed.append(True)

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", after_the_call)
    background.close(last)
    assert closed == [True]
