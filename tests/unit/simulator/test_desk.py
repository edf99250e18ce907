"""Every provider's replies as data, and what the desk does around them: keys, signatures, failures, the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.secret import Secret
from fairlead.engine.sigv4 import Signer, verify
from fairlead.simulator.desk import AWS_KEYS, Desk, SimulatorSettings
from fairlead.simulator.message import Reply, Request
from fairlead.simulator.providers import PROVIDERS

CASES = Path(__file__).parent / "cases"
PLAIN: list[dict[str, Any]] = json.loads((CASES / "plain.json").read_text(encoding="utf-8"))
NAMED: list[dict[str, Any]] = json.loads((CASES / "providers.json").read_text(encoding="utf-8"))


def accept(
    method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, secret: Callable[[str], str | None]
) -> str | None:
    return None


def desk(verify: Callable[..., str | None] = accept, **changes: Any) -> Desk:
    return Desk(SimulatorSettings(**changes), verify)


def request(
    method: str = "POST",
    target: str = "/echo",
    host: str | None = "127.0.0.1",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Request:
    sent = ({} if host is None else {"Host": host}) | dict(headers or {})
    fields = {name.lower(): value for name, value in sent.items()}
    return Request(method, target, target.partition("?")[0], tuple(sent.items()), fields, body)


def scoped(host: str) -> str:
    """What a signature for this host starts with; whether it is right is for `verify` to say."""
    service = "bedrock" if host.startswith("bedrock") else "sagemaker"
    return f"AWS4-HMAC-SHA256 Credential=AKIDSIMULATOR/20261125/{host.split('.')[-3]}/{service}/aws4_request"


def case_request(case: Mapping[str, Any]) -> Request:
    text = case["raw"] if "raw" in case else json.dumps(case["body"]) if "body" in case else ""
    headers = {"authorization": scoped(case["host"])} if "amazonaws" in case["host"] else {}
    return request(case["method"], case["path"], case["host"], text.encode(), case.get("headers", {}) | headers)


def body_of(reply: Reply) -> bytes:
    return reply.body if reply.chunks is None else b"".join(reply.chunks)


def header_of(reply: Reply, name: str) -> str | None:
    return dict(reply.headers).get(name)


def assert_within(wanted: object, found: object, where: str = "") -> None:
    """Every member that is wanted is there; lists that are wanted with members have as many."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict), where
        for name, value in wanted.items():
            assert name in found, f"{where}/{name}"
            assert_within(value, found[name], f"{where}/{name}")
    elif isinstance(wanted, list) and wanted:
        assert isinstance(found, list), where
        assert len(found) == len(wanted), where
        for number, value in enumerate(wanted):
            assert_within(value, found[number], f"{where}/{number}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), where
    else:
        assert found == wanted, where


def pointed(document: Any, pointer: str) -> Any:
    for part in filter(None, pointer.split("/")):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


@pytest.mark.parametrize("case", NAMED, ids=[case["rule"] for case in NAMED])
def test_a_named_provider_answers_in_its_own_shape(case: Mapping[str, Any]) -> None:
    reply = desk().reply(case_request(case))
    document = json.loads(body_of(reply))
    assert reply.status == case["status"], document
    assert_within(case["reply"], document)
    assert {pointer: len(pointed(document, pointer)) for pointer in case.get("lengths", {})} == case.get("lengths", {})
    assert header_of(reply, "x-amzn-ErrorType") == case.get("error_type")


@pytest.mark.parametrize("case", NAMED, ids=[case["rule"] for case in NAMED])
def test_the_same_request_gets_the_same_reply(case: Mapping[str, Any]) -> None:
    first, second = (body_of(desk().reply(case_request(case))) for _ in range(2))
    assert first == second


def test_the_plain_provider_answers_as_the_one_of_the_records_in_turn() -> None:
    one = desk()
    for case in PLAIN:
        raw = case.get("raw", "").encode()
        headers = dict(case.get("headers", {}))
        if "raw" in case:
            headers["Content-Length"] = str(len(raw))
        target = case["path"] if not case["path"].startswith("//") else case["path"][1:]
        reply = one.reply(request(case["method"], target, "127.0.0.1", raw, headers))
        wanted, found = case["reply"], body_of(reply)
        assert (reply.status, reply.content_type) == (wanted["status"], wanted["type"]), case["rule"]
        if "json" in wanted:
            assert json.loads(found) == wanted["json"], case["rule"]
        else:
            assert found.decode() == wanted["text"], case["rule"]
        for name in ("location", "retry-after", "x-note"):
            assert {key.lower(): value for key, value in reply.headers}.get(name) == wanted.get(name), case["rule"]


@pytest.mark.parametrize(
    "target",
    [
        "/status/abc",
        "/status/99",
        "/status/1000",
        "/status/200?h-a%0d%0ab=1",
        "/status/200?h-a=1%0d%0ab:2",
        "/raw",
        "/raw?b64=a",
        "/raw?b64=&type=a%0ab",
        "/chunked?b64=&size=0",
        "/slow",
        "/slow?ms=-1",
        "/flaky?fail=1",
        "/flaky?key=a&status=100",
        "/redirect?to=a%0d%0ab",
    ],
)
def test_an_order_that_makes_no_sense_is_refused(target: str) -> None:
    reply = desk().reply(request("GET", target))
    assert reply.status == 400
    assert set(json.loads(reply.body)) == {"error"}


def test_a_named_host_does_not_serve_the_plain_paths() -> None:
    sent = request("POST", "/status/418", "api.openai.com")
    reply = desk().reply(sent)
    assert (reply.status, json.loads(reply.body)) == (200, sent.echo())


@pytest.mark.parametrize("host", [None, "", "127.0.0.1:9", "[::1]:9", "localhost", "simulator:9955", "10.0.0.1"])
def test_addresses_and_names_without_a_dot_get_the_plain_provider(host: str | None) -> None:
    assert json.loads(desk().reply(request("GET", "/empty/not", host)).body) == {
        "error": {"message": "no route /empty/not"}
    }


def test_every_host_of_the_table_reaches_its_provider() -> None:
    for provider in PROVIDERS:
        for pattern in provider.hosts:
            assert provider.accepts(pattern.replace("*", "part-1"))
            assert not provider.accepts(pattern.replace("*", "part-1") + ".evil.org")
            assert not provider.accepts("x/" + pattern.replace("*", "part-1"))


# Signatures.

BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
TITAN = "/model/amazon.titan-embed-text-v1/invoke"


def test_an_aws_host_refuses_what_is_not_signed() -> None:
    reply = desk().reply(request("POST", TITAN, BEDROCK, b'{"inputText": "a"}'))
    assert (reply.status, header_of(reply, "x-amzn-ErrorType")) == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize("host", [BEDROCK, "runtime.sagemaker.eu-west-1.amazonaws.com", "textract.x.amazonaws.com"])
def test_an_aws_host_refuses_a_wrong_signature_on_every_path(host: str) -> None:
    seen = []

    def refuse(*given: object) -> str:
        seen.append(given[:2])
        return "it is wrong"

    reply = desk(refuse).reply(request("POST", "/any?x=1", host, headers={"authorization": "AWS4"}))
    assert (reply.status, header_of(reply, "x-amzn-ErrorType")) == (403, "InvalidSignatureException")
    assert "it is wrong" in json.loads(reply.body)["message"]
    assert seen == [("POST", "/any?x=1")]


def test_the_keys_of_the_settings_are_the_ones_that_verification_sees() -> None:
    found: list[str | None] = []

    def look(method: str, target: str, headers: object, body: bytes, secret: Callable[[str], str | None]) -> None:
        found.extend(secret(key) for key in ("AKIDSIMULATOR", "AKIDOTHER"))

    signed = request("POST", TITAN, BEDROCK, b'{"inputText": "a"}', {"authorization": scoped(BEDROCK)})
    assert desk(look).reply(signed).status == 200
    assert desk(look, keys={"AKIDOTHER": "s"}).reply(signed).status == 200
    assert found == [AWS_KEYS["AKIDSIMULATOR"], None, None, "s"]


def test_a_plain_address_verifies_nothing() -> None:
    def fail(*given: object) -> str:
        raise AssertionError

    assert desk(fail).reply(request("POST", "/bedrock/model/x/invoke", headers={"authorization": "x"})).status == 200


def signed(host: str = BEDROCK, **changes: str) -> Request:
    """A Titan call as the gateway's own signer signs it for that host."""
    given = {
        "access": "AKIDSIMULATOR",
        "secret": "simulator-secret",
        "region": "us-east-1",
        "service": "bedrock",
    } | changes
    signer = Signer(
        Secret(given["access"]), Secret(given["secret"]), Secret("tok/en=="), given["region"], given["service"]
    )
    body = b'{"inputText": "a"}'
    target = "/model/amazon.titan-embed-text-v2%3A0/invoke?b=1&a=%20"
    given_headers = ((b"Content-Type", b"application/json"), (b"X-Own", b" a  b "), (b"Content-Length", b"18"))
    headers = signer.sign("POST", target.encode(), host, given_headers, body, "20261125T171200Z")
    return request("POST", target, None, body, {name.decode(): value.decode("latin-1") for name, value in headers})


def test_what_the_gateway_signs_is_accepted() -> None:
    assert desk(verify).reply(signed()).status == 200


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"secret": "another"}, "the signature does not match"),
        ({"access": "AKIDUNKNOWN"}, "the access key is not known"),
        ({"service": "bedrock-runtime"}, "the credential must be scoped to the service bedrock"),
        ({"region": "eu-west-1"}, "the credential is scoped to another region than the host's"),
    ],
)
def test_another_secret_key_service_or_region_is_refused(changes: dict[str, str], reason: str) -> None:
    reply = desk(verify).reply(signed(**changes))
    assert (reply.status, header_of(reply, "x-amzn-ErrorType")) == (403, "InvalidSignatureException")
    assert json.loads(reply.body)["message"].endswith(reason)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"inputText": "b"}'},
        {"method": "PUT"},
        {"target": "/model/amazon.titan-embed-text-v2%3A0/invoke?b=2&a=%20"},
        {"target": "/model/amazon.titan-embed-text-v2:0/invoke?b=1&a=%20"},
    ],
)
def test_a_request_changed_after_signing_is_refused(change: dict[str, Any]) -> None:
    assert desk(verify).reply(replace(signed(), **change)).status == 403


# Failures.


@pytest.mark.parametrize(
    ("host", "path", "body"),
    [
        ("127.0.0.1", "/echo", {"error": {"message": "upstream says 429"}}),
        ("api.openai.com", "/v1/embeddings", {"error": {"type": "rate_limit_error"}}),
        (BEDROCK, TITAN, {"message": "upstream says 429"}),
        ("api.cohere.ai", "/v1/embed", {"message": "upstream says 429"}),
        ("api.anthropic.com", "/v1/messages", {"type": "error", "error": {"type": "rate_limit_error"}}),
        ("models.example.org", "/x", {"error": {"message": "upstream says 429"}}),
    ],
)
@pytest.mark.parametrize("by", ["header", "query", "script"])
def test_a_failure_on_order_has_the_provider_s_error_body(host: str, path: str, body: object, by: str) -> None:
    one = desk()
    if by == "script":
        rule = {"path": ".*", "status": 429}
        assert one.reply(request("POST", "/__script", body=json.dumps({"rules": [rule]}).encode())).status == 200
    headers = {"x-simulate-status": "429"} if by == "header" else {}
    target = f"{path}?x-simulate-status=429" if by == "query" else path
    reply = one.reply(request("POST", target, host, headers=headers))
    assert reply.status == 429
    assert_within(body, json.loads(reply.body))


def test_delay_drop_and_truncation_leave_the_reply_as_it_is() -> None:
    headers = {"X-Simulate-Delay-Ms": "250", "x-simulate-drop": "true", "x-simulate-truncate": "5"}
    reply = desk().reply(request("POST", "/echo", headers=headers))
    assert (reply.status, reply.delay, reply.drop, reply.truncate) == (200, 0.25, True, 5)
    assert json.loads(reply.body)["path"] == "/echo"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-simulate-status", "42"),
        ("x-simulate-status", "abc"),
        ("x-simulate-status", "100"),
        ("x-simulate-delay-ms", "-1"),
        ("x-simulate-delay-ms", "600001"),
        ("x-simulate-drop", "maybe"),
        ("x-simulate-truncate", "1.5"),
        ("x-simulate-truncate", "²"),
    ],
)
def test_a_failure_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    reply = desk().reply(request("POST", "/v1/chat/completions", "api.openai.com", headers={name: value}))
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["param"] == name


def test_blank_orders_order_nothing() -> None:
    headers = {"x-simulate-status": " ", "x-simulate-drop": "", "x-simulate-delay-ms": "0"}
    reply = desk().reply(request("GET", "/echo?x-simulate-truncate=", headers=headers))
    assert (reply.status, reply.drop, reply.delay, reply.truncate) == (200, False, 0.0, None)


# The script and the log.


def script(one: Desk, *rules: Mapping[str, object]) -> Reply:
    return one.reply(request("POST", "/__script", body=json.dumps({"rules": rules}).encode()))


def test_rules_are_used_in_order_and_as_often_as_they_say() -> None:
    one = desk()
    script(one, {"path": "/echo/a"}, {"path": "/echo/.*", "times": 2, "status": 503}, {"path": "/echo/b", "drop": True})
    calls = [one.reply(request("GET", path)) for path in ("/echo/a", "/echo/a", "/echo/b", "/echo/b", "/echo/b")]
    assert [(reply.status, reply.drop) for reply in calls] == [
        (200, False),
        (503, False),
        (503, False),
        (200, True),
        (200, False),
    ]
    listed = json.loads(one.reply(request("GET", "/__script")).body)["rules"]
    assert [rule["left"] for rule in listed] == [0, 0, 0]
    assert listed[1]["times"] == 2


def test_a_rule_for_ever_lasts_until_the_script_is_deleted() -> None:
    one = desk()
    script(one, {"path": ".*", "times": None, "status": 500})
    assert {one.reply(request()).status for _ in range(20)} == {500}
    assert one.reply(request("DELETE", "/__script")).status == 200
    assert one.reply(request()).status == 200


def test_a_rule_may_ask_for_method_and_host_and_set_body_and_headers() -> None:
    one = desk()
    rule = {"path": "/.*", "method": "POST", "host": "api.cohere.ai", "status": 400, "body": {"a": 1}}
    script(one, {**rule, "headers": {"Retry-After": "3"}})
    assert one.reply(request("POST", "/echo")).status == 200
    assert one.reply(request("GET", "/v1/embed", "api.cohere.ai")).status == 401
    reply = one.reply(request("POST", "/v1/embed", "api.cohere.ai:443"))
    assert (reply.status, json.loads(reply.body), header_of(reply, "Retry-After")) == (400, {"a": 1}, "3")


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "rules"),
        ({"rules": {}}, "rules"),
        ({"rules": [1]}, "rules[0]"),
        ({"rules": [{}]}, "rules[0].path"),
        ({"rules": [{"path": "("}]}, "rules[0].path"),
        ({"rules": [{"path": ".*", "times": 0}]}, "rules[0].times"),
        ({"rules": [{"path": ".*", "times": True}]}, "rules[0].times"),
        ({"rules": [{"path": ".*"}, {"path": ".*", "status": 99}]}, "rules[1].status"),
        ({"rules": [{"path": ".*", "status": True}]}, "rules[0].status"),
        ({"rules": [{"path": ".*", "drop": 1}]}, "rules[0].drop"),
        ({"rules": [{"path": ".*", "headers": {"a": "b\r\nc"}}]}, "rules[0].headers"),
        ({"rules": [{"path": ".*", "headers": {"a b": "c"}}]}, "rules[0].headers"),
        ({"rules": [{"path": ".*", "headers": []}]}, "rules[0].headers"),
        ({"rules": [{"path": ".*", "method": 1}]}, "rules[0].method"),
        ({"rules": [{"path": ".*", "stauts": 1}]}, "rules[0]"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_whole_and_says_where(document: object, named: str) -> None:
    one = desk()
    script(one, {"path": ".*", "status": 418, "times": None})
    reply = one.reply(request("POST", "/__script", body=json.dumps(document).encode()))
    assert reply.status == 400
    assert named in json.loads(reply.body)["error"]["message"]
    assert one.reply(request()).status == 418


def test_the_log_shows_requests_oldest_first_without_the_control_paths() -> None:
    one = desk()
    one.reply(request("GET", "/echo/1", headers={"X-A": "v"}))
    one.reply(request("GET", "/__script"))
    one.reply(request("POST", "/v1/embed", "api.cohere.ai", b"\xff"))
    seen = json.loads(one.reply(request("GET", "/__requests")).body)["requests"]
    assert seen == [
        {"method": "GET", "path": "/echo/1", "headers": {"host": "127.0.0.1", "x-a": "v"}, "body": ""},
        {"method": "POST", "path": "/v1/embed", "headers": {"host": "api.cohere.ai"}, "body": "\\xff"},
    ]


def test_clearing_the_log_also_clears_the_counts() -> None:
    one = desk()
    flaky = request("GET", "/flaky?key=a")
    assert [one.reply(flaky).status for _ in range(2)] == [503, 200]
    one.reply(request("DELETE", "/__requests"))
    assert one.reply(flaky).status == 503
    assert len(one.log.snapshot()) == 1


def test_the_log_is_bounded_by_count_and_by_bytes() -> None:
    one = desk(logged=3, logged_bytes=10)
    for number in range(5):
        one.reply(request("POST", f"/echo/{number}", body=b"abc"))
    assert [seen.path for seen in one.log.snapshot()] == ["/echo/2", "/echo/3", "/echo/4"]
    one.reply(request("POST", "/echo/5", body=b"x" * 8))
    assert [seen.path for seen in one.log.snapshot()] == ["/echo/5"]


def test_request_ids_have_the_provider_s_header_and_grow() -> None:
    one = desk()
    signed = request("POST", TITAN, BEDROCK, b'{"inputText": "a"}', {"authorization": scoped(BEDROCK)})
    ids = [header_of(one.reply(signed), "x-amzn-RequestId") for _ in range(2)]
    assert ids == ["simulated-1", "simulated-2"]


def test_real_dimensions_are_the_models_own() -> None:
    one = desk(dimensions=None)
    headers = {"authorization": "Bearer k"}
    lengths = []
    for model in ("text-embedding-3-small", "text-embedding-3-large", "unlisted"):
        body = json.dumps({"model": model, "input": "a"}).encode()
        reply = one.reply(request("POST", "/v1/embeddings", "api.openai.com", body, headers))
        lengths.append(len(json.loads(reply.body)["data"][0]["embedding"]))
    assert lengths == [1536, 3072, 1024]


# Streams.


def frames(reply: Reply) -> list[str]:
    assert reply.chunks is not None
    return [line for line in b"".join(reply.chunks).decode().split("\n\n") if line]


def test_openai_streams_deltas_then_usage_then_done() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "a b"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    sent = request(
        "POST", "/v1/chat/completions", "api.openai.com", json.dumps(body).encode(), {"authorization": "Bearer k"}
    )
    reply = desk().reply(sent)
    assert reply.content_type == "text/event-stream"
    lines = frames(reply)
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]) == "You said: a b"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] > 0


def test_anthropic_streams_named_events() -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a b"}], "stream": True}
    headers = {"x-api-key": "k", "anthropic-version": "1"}
    reply = desk().reply(request("POST", "/v1/messages", "api.anthropic.com", json.dumps(body).encode(), headers))
    events = [line.split("\n")[0].removeprefix("event: ") for line in frames(reply)]
    assert events[:2] == ["message_start", "content_block_start"]
    assert events[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    data = [json.loads(line.split("\ndata: ")[1]) for line in frames(reply)]
    assert "".join(d["delta"]["text"] for d in data if d["type"] == "content_block_delta") == "You said: a b"


def test_ollama_streams_lines_unless_told_not_to() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "a b"}]}
    reply = desk().reply(request("POST", "/api/chat", "ollama.lan", json.dumps(body).encode()))
    lines = [json.loads(line) for line in body_of(reply).decode().splitlines()]
    assert reply.content_type == "application/x-ndjson"
    assert "".join(line["message"]["content"] for line in lines) == "You said: a b"
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


@pytest.mark.parametrize("sse", [True, False])
def test_gemini_streams_events_or_one_array(sse: bool) -> None:
    target = "/v1beta/models/g:streamGenerateContent?key=k" + ("&alt=sse" if sse else "")
    body = b'{"contents": [{"parts": [{"text": "Hi"}]}]}'
    reply = desk().reply(request("POST", target, "generativelanguage.googleapis.com", body))
    pieces = [json.loads(line.removeprefix("data: ")) for line in frames(reply)] if sse else json.loads(reply.body)
    assert "".join(p["candidates"][0]["content"]["parts"][0]["text"] for p in pieces) == "You said: Hi"


# Whatever comes in.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = sorted({name for case in NAMED if isinstance(case.get("body"), dict) for name in case["body"]})
PLACES = sorted({(case["host"], case["path"]) for case in NAMED} | {("127.0.0.1", case["path"]) for case in PLAIN})


@settings(max_examples=300, deadline=None)
@given(
    place=st.sampled_from(PLACES),
    body=JSON | st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4),
    key=st.booleans(),
)
def test_any_json_gets_an_answer_below_500(place: tuple[str, str], body: object, key: bool) -> None:
    host, path = place
    headers = {"authorization": "Bearer k", "x-api-key": "k", "api-key": "k", "anthropic-version": "1"} if key else {}
    if "amazonaws" in host:
        headers = {"authorization": scoped(host)}
    reply = desk().reply(request("POST", path, host, json.dumps(body).encode(), headers))
    ordered = path.startswith(("/status/", "/flaky"))
    assert ordered or 200 <= reply.status < 500
