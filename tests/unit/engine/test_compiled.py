"""Compiled connectors: which texts, parameters and functions one call uses, in which order, and that secrets stay in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from fairlead.api.decode.fields import flatten
from fairlead.domain.connector import Action, ActionType, ClientConfig, Connector
from fairlead.domain.dataset import QuestionAnswering, Remote, TextDocs, TextSimilarity, Value
from fairlead.domain.secret import Secret
from fairlead.engine.compiled import CompiledAction, CompiledConnector, Outgoing
from fairlead.engine.functions.post import POST_FUNCTIONS
from fairlead.engine.parameters import Parameters
from fairlead.engine.scripts import Script
from fairlead.errors import FairleadError, IllegalArgument, ScriptFault

URL = "https://api.example.com/v1"
CANARY = "canary-7f3a"
PROCESS = "pre_process_function.process_remote_inference_input"
DOCS = "connector.pre_process.openai.embedding"


@dataclass(slots=True)
class Scripts:
    """A compiler whose scripts are Python functions by their text; any other text does not compile."""

    known: Mapping[str, Callable[[dict[str, Any]], str | None]] = field(default_factory=dict)
    compiled: list[str] = field(default_factory=list)

    def compile(self, source: str) -> Script:
        self.compiled.append(source)
        if source not in self.known:
            raise ScriptFault(f"cannot resolve symbol [{source}]")
        return _Script(self.known[source])


@dataclass(frozen=True, slots=True)
class _Script:
    function: Callable[[dict[str, Any]], str | None]
    certain_short: bool = True

    def run(self, params: dict[str, Any]) -> str | None:
        return self.function(params)


def action(
    body: str | None = "{}",
    owned: dict[str, str] | None = None,
    scripts: Scripts | None = None,
    *,
    kind: ActionType = ActionType.PREDICT,
    method: str = "POST",
    url: str = URL,
    **rest: Any,
) -> CompiledAction:
    made = Action(kind, method, url, request_body=body, **rest)
    return CompiledAction(made, owned or {}, {"key": Secret(CANARY)}, scripts or Scripts())


def remote(**parameters: Any) -> Remote:
    return Remote({name: flatten(value) for name, value in parameters.items()})


def body(outgoing: Outgoing) -> Any:
    return json.loads(outgoing.body)


def refusal(made: CompiledAction, dataset: Any) -> str:
    with pytest.raises(IllegalArgument) as caught:
        made.prepare(dataset)
    assert caught.value.status == 400
    return str(caught.value)


# What a call holds.


def test_a_request_has_method_url_headers_body_and_parameters() -> None:
    made = action(
        '{"q":"${parameters.q}"}', {"own": "1"}, method="put", headers={"Authorization": "Bearer ${credential.key}"}
    )
    out = made.prepare(remote(q="x"))
    assert (out.method, out.url, out.body) == ("PUT", URL, b'{"q":"x"}')
    assert out.headers == ((b"Authorization", b"Bearer canary-7f3a"), (b"Content-Type", b"application/json"))
    assert out.parameters.merged() == {"own": "1", "q": "x"}


@pytest.mark.parametrize("method", ["PATCH", "brew", "HEAD", ""])
def test_vector_30_other_methods_are_refused(method: str) -> None:
    assert refusal(action(method=method), remote()) == "unsupported http method"


def test_credentials_are_filled_into_headers_only() -> None:
    made = action('{"k":"${credential.key}"}', {"p": "${credential.key}"}, url=URL + "/${credential.key}")
    out = made.prepare(remote(p="${credential.key}"))
    assert CANARY not in out.body.decode() + out.url + repr(out.headers)


def test_a_post_without_a_body_is_refused_but_other_methods_and_cancels_may_be_empty() -> None:
    assert refusal(action(None), remote()) == "Content length is 0. Aborting request to remote model"
    assert action(None).prepare(remote(http_body="x")).body == b"x"
    for method in ("GET", "PUT", "DELETE"):
        assert action(None, method=method).prepare(remote()).body == b""
    assert action(None, kind=ActionType.CANCEL_BATCH_PREDICT).prepare(remote()).body == b""


def test_the_url_is_rendered_once_unless_a_given_parameter_stands_in_it() -> None:
    made = action(url=URL + "/${parameters.path}", owned={"path": "${parameters.model}", "model": "m"})
    first, second = made.prepare(remote()).url, made.prepare(remote(other="x")).url
    assert first == URL + "/m"
    assert second is first
    assert made.prepare(remote(model="a/b")).url == URL + "/a%2Fb"


def test_a_url_that_can_never_be_rendered_is_refused_at_each_call_not_when_compiled() -> None:
    made = action(url="https://${parameters.a}/", owned={"a": "${parameters.a}"})
    assert refusal(made, remote()).startswith("Infinite loop in property interpolation of https://${parameters.a}/: a")
    assert made.prepare(remote(a="h")).url == "https://h/"


# Precedence (spec/03 1.1).


def test_request_parameters_win_over_the_connectors() -> None:
    made = action('{"a":"${parameters.a}","b":"${parameters.b}"}', {"a": "own", "b": "own"})
    assert body(made.prepare(remote(b=""))) == {"a": "own", "b": ""}
    assert body(made.prepare(Remote(None))) == {"a": "own", "b": "own"}


def test_pre_process_output_wins_over_algorithm_parameters_and_these_over_the_connectors() -> None:
    text = '["${parameters.content_type}","${parameters.sparse_embedding_format}",${parameters.input}]'
    scripts = Scripts({"s": lambda _: '{"parameters":{"content_type":"made","input":["i"]}}'})
    dataset = TextDocs(("d",), {"content_type": "QUERY", "sparse_embedding_format": "WORD"})
    owned = {"content_type": "own", "sparse_embedding_format": "own", "input": "0"}
    assert body(action(text, owned, scripts, pre_process_function="s").prepare(dataset)) == ["made", "WORD", ["i"]]
    assert body(action(text, owned).prepare(dataset)) == ["QUERY", "WORD", ["d"]]
    assert body(action(text, owned).prepare(TextDocs(("d",)))) == ["own", "own", ["d"]]


# Functions.


def test_vector_12_documents_without_a_function_go_the_default_way_in_one_call() -> None:
    made = action('{"input":${parameters.input}}')
    (chunk,) = made.chunks(TextDocs(("a/b", 'é "x"', "c")))
    assert body(made.prepare(chunk)) == {"input": ["a/b", 'é "x"', "c"]}


def test_vector_13_a_script_gets_one_document_a_call() -> None:
    scripts = Scripts(
        {"s": lambda params: json.dumps({"parameters": {"t": json.loads(f'"{params["text_docs"][0]}"')}})}
    )
    made = action('{"t":"${parameters.t}"}', scripts=scripts, pre_process_function="s")
    assert [body(made.prepare(chunk)) for chunk in made.chunks(TextDocs(('say "a"', "b")))] == [
        {"t": 'say "a"'},
        {"t": "b"},
    ]
    assert scripts.compiled == ["s"]


@pytest.mark.parametrize(
    ("function", "owned", "calls"),
    [
        (None, {}, [5]),
        (DOCS, {}, [5]),
        (DOCS, {"input_docs_processed_step_size": "2"}, [2, 2, 1]),
        ("connector.pre_process.bedrock.embedding", {}, [1] * 5),
        ("connector.pre_process.bedrock.multimodal_embedding", {}, [2, 2, 1]),
        ("a script", {}, [1] * 5),
        ("a script", {"input_docs_processed_step_size": "5"}, [5]),
        ("connector.pre_process.${parameters.f}", {"f": "openai.embedding"}, [1] * 5),
    ],
)
def test_documents_are_split_by_the_connectors_step_or_the_functions_nature(
    function: str | None, owned: dict[str, str], calls: list[int]
) -> None:
    made = action(None, owned, Scripts({"a script": lambda _: "{}"}), pre_process_function=function)
    chunks = made.chunks(TextDocs(tuple("abcde")))
    assert [len(chunk.docs) for chunk in chunks if isinstance(chunk, TextDocs)] == calls


def test_built_in_functions_leave_request_parameters_alone() -> None:
    made = action('{"input":"${parameters.input}"}', pre_process_function=DOCS)
    assert body(made.prepare(remote(input="x"))) == {"input": "x"}


def test_vector_16_other_input_needs_a_function() -> None:
    for dataset in (TextSimilarity("q", ("d",)), QuestionAnswering("q", "c")):
        assert refusal(action(), dataset) == "pre_process_function not defined in connector"


def test_a_script_runs_over_request_parameters_only_when_asked_and_then_wins() -> None:
    """D-06: in the original the caller's value of the same name would stand."""
    scripts = Scripts({"s": lambda params: json.dumps({"parameters": {"q": params["q"] + "!", "new": 1}})})
    made = action('{"q":"${parameters.q}","new":${parameters.new:-0}}', scripts=scripts, pre_process_function="s")
    assert body(made.prepare(remote(q="x"))) == {"q": "x", "new": 0}
    assert body(made.prepare(remote(q="x", **{PROCESS: "true"}))) == {"q": "x!", "new": 1}
    asked = action('{"q":"${parameters.q}"}', {PROCESS: "TRUE"}, scripts, pre_process_function="s")
    assert body(asked.prepare(remote(q="x"))) == {"q": "x!"}


def test_a_blank_function_text_is_no_function() -> None:
    made = action('{"input":${parameters.input}}', pre_process_function=" ", post_process_function="\n")
    assert body(made.prepare(TextDocs(("a",)))) == {"input": ["a"]}
    assert made.post(Parameters({}, {})) is None


def test_a_function_text_with_placeholders_is_filled_and_compiled_for_each_call() -> None:
    scripts = Scripts({'f("1")': lambda _: '{"parameters":{"k":1}}', 'f("2")': lambda _: '{"parameters":{"k":2}}'})
    made = action("[${parameters.k}]", {"v": "1"}, scripts, pre_process_function="f(${parameters.v})")
    dataset = TextDocs(("d",))
    assert body(made.prepare(dataset)) == [1]
    assert body(made.prepare(TextDocs(("d",), {"v": "2"}))) == [2]
    assert made.script_faults == []


def test_a_script_that_does_not_compile_is_known_at_once_and_hurts_only_calls_that_need_it() -> None:
    made = action("{}", pre_process_function="nonsense", post_process_function="rubbish")
    assert [fault.reason for fault in made.script_faults] == [
        "cannot resolve symbol [nonsense]",
        "cannot resolve symbol [rubbish]",
    ]
    assert made.prepare(remote(a="b")).body == b"{}"
    with pytest.raises(ScriptFault):
        made.prepare(TextDocs(("d",)))
    with pytest.raises(ScriptFault):
        made.prepare(remote(**{PROCESS: "true"}))
    with pytest.raises(ScriptFault):
        made.post(Parameters({}, {}))


def test_the_post_function_is_a_row_a_script_or_filled_for_the_call() -> None:
    name = "connector.post_process.openai.embedding"
    assert action(post_process_function=name).post(Parameters({}, {})) is POST_FUNCTIONS[name]
    script = action(scripts=Scripts({"s": lambda _: "x"}), post_process_function="s").post(Parameters({}, {}))
    assert isinstance(script, _Script)
    filled = action(scripts=Scripts({'f("a")': lambda _: "x"}), post_process_function="f(${parameters.v})")
    assert isinstance(filled.post(Parameters({}, {"v": "a"})), _Script)
    with pytest.raises(ScriptFault):
        filled.post(Parameters({}, {}))


@pytest.mark.parametrize(
    ("function", "many"), [("openai.embedding", True), ("bedrock.embedding", False), ("cohere.rerank", False)]
)
def test_an_action_knows_whether_it_must_answer_one_tensor_per_document(function: str, many: bool) -> None:
    assert action(post_process_function=f"connector.post_process.{function}").one_tensor_per_document is many


def test_only_a_cancel_may_be_answered_with_nothing() -> None:
    assert [kind for kind in ActionType if action(kind=kind).may_be_empty] == [ActionType.CANCEL_BATCH_PREDICT]


# Connectors.


def connector(*actions: Action, protocol: str = "http", **rest: Any) -> Connector:
    return Connector(protocol, actions=actions, **rest)


def compiled(made: Connector, **credential: str) -> CompiledConnector:
    return CompiledConnector(made, {name: Secret(text) for name, text in credential.items()}, Scripts())


def named(kind: ActionType, url: str, name: str | None = None, **rest: Any) -> Action:
    return Action(kind, "POST", url, request_body="{}", name=name, **rest)


def test_an_action_is_found_by_type_then_by_name_and_the_first_counts() -> None:
    made = compiled(
        connector(
            named(ActionType.EXECUTE, URL + "/1", "run"),
            named(ActionType.PREDICT, URL + "/2", "run"),
            named(ActionType.PREDICT, URL + "/3", "other"),
        )
    )
    urls = {name: made.action(name).url.text for name in ("PREDICT", "EXECUTE", "run", "other")}
    assert urls == {"PREDICT": URL + "/2", "EXECUTE": URL + "/1", "run": URL + "/1", "other": URL + "/3"}
    assert [found.type for found in made.actions] == ["EXECUTE", "PREDICT"]
    for missing in ("BATCH_PREDICT", "RUN", ""):
        with pytest.raises(IllegalArgument) as caught:
            made.action(missing)
        assert str(caught.value) == f"no {missing} action found"
    with pytest.raises(IllegalArgument):
        compiled(Connector("mcp_sse", url=URL)).action("PREDICT")


def test_each_action_has_its_own_headers() -> None:
    """D-03: in the original other actions get those of predict, or none."""
    made = compiled(
        connector(
            named(ActionType.PREDICT, URL, headers={"X-Kind": "predict"}),
            named(ActionType.BATCH_PREDICT, URL, headers={"X-Kind": "batch ${credential.key}"}),
        ),
        key="k",
    )
    assert made.action("BATCH_PREDICT").prepare(remote()).headers[0] == (b"X-Kind", b"batch k")
    assert made.action("PREDICT").prepare(remote()).headers[0] == (b"X-Kind", b"predict")


def test_retry_and_client_config_come_from_the_connector() -> None:
    assert compiled(connector()).retry is None
    assert compiled(connector()).config == ClientConfig()
    made = compiled(connector(client_config=ClientConfig(max_retry_times=2)))
    assert made.retry is not None
    assert made.retry.attempts == 3


def test_an_aws_connector_signs_with_its_own_scope_and_others_do_not() -> None:
    keys = {"access_key": "a", "secret_key": "s"}
    assert compiled(connector()).signer is None
    scoped = connector(protocol="aws_sigv4", parameters={"region": "eu-west-1", "service_name": "bedrock"})
    for credential in (keys, {**keys, "session_token": "t", "region": "other"}):
        assert compiled(scoped, **credential).signer is not None
    by_credential = compiled(connector(protocol="aws_sigv4"), **keys, region="eu-west-1", service_name="sagemaker")
    assert by_credential.signer is not None


def test_compiled_things_show_no_secret() -> None:
    made = compiled(connector(named(ActionType.PREDICT, URL, headers={"A": "${credential.key}"})), key=CANARY)
    shown = f"{made!r} {made.action('PREDICT')!r} {made.action('PREDICT').headers!r}"
    assert CANARY not in shown


def test_no_call_changes_what_the_next_one_sends() -> None:
    made = action(
        '{"a":"${parameters.a:-d}"}',
        {"own": "1"},
        headers={"X-A": "${parameters.a:-d}"},
        url=URL + "?a=${parameters.a:-d}",
    )
    before = made.prepare(remote())
    values: Mapping[str, Value] = {"a": 'x"/', "own": "2", "no_escape_params": "none"}
    made.prepare(Remote(values))
    with pytest.raises(FairleadError):
        made.prepare(remote(a="\n"))
    after = made.prepare(remote())
    assert (before.url, before.headers, before.body) == (after.url, after.headers, after.body)
