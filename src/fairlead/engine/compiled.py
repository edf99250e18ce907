"""A connector compiled once: templates cut into segments, functions bound, headers filled with credentials.

Immutable and replaced whole on change. A predict only fills segments. Holds revealed secrets, so it never leaves the
process and shows nothing of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from fairlead.domain.connector import Action, ActionType, ClientConfig, Connector
from fairlead.domain.dataset import Dataset, Remote, TextDocs, Value
from fairlead.domain.secret import Secret
from fairlead.engine import batch_actions, chunk
from fairlead.engine.client_tls import ClientTls, client_tls
from fairlead.engine.functions.post import POST_FUNCTIONS, PostFunction
from fairlead.engine.functions.pre import PRE_FUNCTIONS, PreFunction, without_function
from fairlead.engine.headers import HeaderPlan, Headers
from fairlead.engine.parameters import Parameters
from fairlead.engine.payload import Body
from fairlead.engine.preprocess import run_script
from fairlead.engine.retry import RetryPlan
from fairlead.engine.scripts import Script, ScriptCompiler, fill, has_placeholders
from fairlead.engine.sigv4 import Signer
from fairlead.engine.streaming import INTERFACE, Dialect, described, named
from fairlead.engine.url import UrlTemplate
from fairlead.errors import FairleadError, IllegalArgument, ScriptFault

METHODS = frozenset({"POST", "GET", "PUT", "DELETE"})


class Outgoing(msgspec.Struct, frozen=True):
    """A rendered request before it has a socket: `url` as text, headers without Host and Content-Length."""

    method: str
    url: str
    headers: Headers
    body: bytes
    parameters: Parameters

    def __repr__(self) -> str:
        """Without headers and body: they hold secrets and payloads."""
        return f"Outgoing({self.method} {self.url})"


class CompiledAction:
    """One action, ready to render and to interpret."""

    __slots__ = (
        "_compiler", "_fixed_url", "_natural", "_post", "_pre", "_sends", "body", "headers", "interprets_long", "may_be_empty",
        "method", "one_tensor_per_document", "owned", "prepares_long", "type", "url",
    )  # fmt: skip

    def __init__(
        self,
        action: Action,
        owned: Mapping[str, str],
        credential: Mapping[str, Secret],
        compiler: ScriptCompiler,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.type = str(action.action_type)
        self.owned = owned
        self.method = action.method.upper()
        self.url = UrlTemplate(action.url, owned)
        self.headers = HeaderPlan(action.headers or {}, credential, owned)
        self.body = Body(action, owned, fields)
        self._compiler = compiler
        self._pre = _bind(action.pre_process_function, PRE_FUNCTIONS, compiler)
        self._post = _bind(action.post_process_function, POST_FUNCTIONS, compiler)
        self._sends = self.method in METHODS
        self._natural = self._pre.step if isinstance(self._pre, PreFunction) else 0 if self._pre is None else 1
        self.prepares_long = _may_take_long(self._pre)
        """Whether `prepare` may run a script that is not certain to be short."""
        self.interprets_long = _may_take_long(self._post)
        """The same of the post-process function."""
        self.one_tensor_per_document = isinstance(self._post, PostFunction) and self._post.per_document
        """Whether the reply must hold as many embeddings as documents were sent."""
        self.may_be_empty = self.type == ActionType.CANCEL_BATCH_PREDICT
        """Whether request and reply may have no body."""
        self._fixed_url: str | FairleadError
        try:
            self._fixed_url = self.url.render(Parameters(owned, {}))
        except IllegalArgument as fault:
            self._fixed_url = fault

    @property
    def own_url(self) -> str:
        """The URL as the connector alone makes it; what only a request can fill stays as a placeholder."""
        return self.url.text if isinstance(self._fixed_url, FairleadError) else self._fixed_url

    def chunks(self, dataset: Dataset) -> list[Dataset]:
        """The datasets of the calls to make. A script takes one document at a time (spec/03 section 3)."""
        if type(dataset) is not TextDocs:
            return [dataset]
        return chunk.split(dataset, self.owned.get(chunk.STEP), self._natural)

    def prepare(self, dataset: Dataset) -> Outgoing:
        """The request for one dataset. Raises IllegalArgument or ScriptFault, and nothing was sent then."""
        if not self._sends:
            raise IllegalArgument("unsupported http method")
        parameters = self._parameters(dataset)
        fixed = self.url.names.isdisjoint(parameters.given)
        url = self._fixed_url if fixed else self.url.render(parameters)
        if isinstance(url, FairleadError):
            raise url
        body = self.body.render(parameters)
        if not body and self.method == "POST" and not self.may_be_empty:
            raise IllegalArgument("Content length is 0. Aborting request to remote model")
        return Outgoing(self.method, url, self.headers.render(parameters), body, parameters)

    def _parameters(self, dataset: Dataset) -> Parameters:
        """Connector < algorithm parameters < pre-process output < request (spec/03 1.1); what a script made of the
        request itself wins over it (D-06)."""
        if isinstance(dataset, Remote):
            request = dataset.parameters or {}
            pre = self._pre
            if pre is None or isinstance(pre, PreFunction):
                return Parameters(self.owned, request)
            produced = self._script(dataset, Parameters(self.owned, request))
            return Parameters(self.owned, {**request, **produced} if produced else request)
        given: Mapping[str, Value] = {}
        if isinstance(dataset, TextDocs) and dataset.algorithm_parameters:
            given = dataset.algorithm_parameters
        pre = self._pre
        if pre is None:
            produced = without_function(dataset)
        elif isinstance(pre, PreFunction):
            produced = pre.run(dataset)
        else:
            produced = self._script(dataset, Parameters(self.owned, given))
        return Parameters(self.owned, {**given, **produced})

    def _script(self, dataset: Dataset, parameters: Parameters) -> Mapping[str, Value]:
        pre = self._pre
        if isinstance(pre, str):
            text = fill(pre, parameters)
            if text in PRE_FUNCTIONS:
                return {} if isinstance(dataset, Remote) else PRE_FUNCTIONS[text].run(dataset)
            if not _applies(dataset, parameters):
                return {}
            return run_script(self._compiler.compile(text), dataset, parameters)
        if not _applies(dataset, parameters):
            return {}
        if isinstance(pre, ScriptFault):
            raise pre
        assert pre is not None
        assert not isinstance(pre, PreFunction)
        return run_script(pre, dataset, parameters)

    def post(self, parameters: Parameters) -> PostFunction | Script | None:
        """The post-process function for these parameters; raises ScriptFault when it does not compile."""
        post = self._post
        if isinstance(post, str):
            text = fill(post, parameters)
            return POST_FUNCTIONS.get(text) or self._compiler.compile(text)
        if isinstance(post, ScriptFault):
            raise post
        return post

    @property
    def script_faults(self) -> list[ScriptFault]:
        """Scripts that cannot compile, known before any call."""
        return [bound for bound in (self._pre, self._post) if isinstance(bound, ScriptFault)]


class CompiledStream(msgspec.Struct, frozen=True):
    """An action that asks for a stream, and how its events are read."""

    dialect: Dialect
    action: CompiledAction


def _may_take_long(bound: PreFunction | PostFunction | Script | ScriptFault | str | None) -> bool:
    if bound is None or isinstance(bound, PreFunction | PostFunction | ScriptFault):
        return False
    return isinstance(bound, str) or not bound.certain_short


def _applies(dataset: Dataset, parameters: Parameters) -> bool:
    """A script runs over remote input only when asked to."""
    return not isinstance(dataset, Remote) or parameters.flag("pre_process_function.process_remote_inference_input")


F = TypeVar("F")


def _bind(text: str | None, table: Mapping[str, F], compiler: ScriptCompiler) -> F | Script | ScriptFault | str | None:
    """A row of the table, a compiled script, its compile fault, or the text itself when it has run-time parts."""
    if text is None or not text.strip():
        return None
    if has_placeholders(text):
        return text
    if text in table:
        return table[text]
    try:
        return compiler.compile(text)
    except ScriptFault as fault:
        return fault


class CompiledConnector:
    """A connector with its credential opened; `owner` is the id of the resource that holds it."""

    __slots__ = (
        "_actions", "_by_name", "_compile", "_streams", "config", "own_urls", "owner", "protocol", "retry", "secrets",
        "signer", "tls",
    )  # fmt: skip

    def __init__(
        self, connector: Connector, credential: Mapping[str, Secret], compiler: ScriptCompiler, owner: str = ""
    ) -> None:
        owned = dict(connector.parameters or {})
        self.owner = owner
        self.protocol = connector.protocol
        self.secrets = tuple(credential.values())
        self.config: ClientConfig = connector.config
        self.retry = RetryPlan.of(self.config)
        self.tls: ClientTls = client_tls(connector.protocol, self.config, credential)
        self.signer = _signer(connector, credential, owned)
        actions = [(action, CompiledAction(action, owned, credential, compiler)) for action in connector.actions or ()]
        self._streams: dict[tuple[str, str], CompiledStream] = {}
        own = {action.name: action for action, _ in reversed(actions) if action.name is not None}
        own |= {str(action.action_type): action for action, _ in reversed(actions)}
        self._compile = _streams_of(connector.protocol, own, owned, credential, compiler)
        self.own_urls = tuple(compiled.own_url for _, compiled in actions)
        self._actions: dict[str, CompiledAction] = {}
        self._by_name: dict[str, CompiledAction] = {}
        for action, compiled in actions:
            self._actions.setdefault(str(action.action_type), compiled)
            if action.name is not None:
                self._by_name.setdefault(action.name, compiled)
        if (create := self._actions.get(ActionType.BATCH_PREDICT)) is not None:
            for action in batch_actions.derived(connector, create.own_url):
                self._actions[str(action.action_type)] = CompiledAction(action, owned, credential, compiler)

    def __repr__(self) -> str:
        return f"CompiledConnector({self.protocol})"

    def action(self, name: str) -> CompiledAction:
        """By type or by name; raises IllegalArgument, or UnsupportedOperation for what a batch job needs."""
        found = self._actions.get(name) or self._by_name.get(name)
        if found is None:
            raise batch_actions.missing(name) or IllegalArgument(f"no {name} action found")
        return found

    def stream(self, name: str, parameters: Mapping[str, Value]) -> CompiledStream:
        """The action of that type as a stream; compiled at the first. Raises IllegalArgument for one that cannot be."""
        owned = self.action(name).owned
        interface = parameters.get(INTERFACE) if INTERFACE in parameters else owned.get(INTERFACE)
        key = (name, (interface or "").strip().lower())
        found = self._streams.get(key)
        if found is None:
            found = self._compile(*key)  # a name that is no interface raises, so the keys are few
            self._streams[key] = found
        return found

    @property
    def actions(self) -> list[CompiledAction]:
        return list(self._actions.values())


def _streams_of(
    protocol: str,
    actions: Mapping[str, Action],
    owned: Mapping[str, str],
    credential: Mapping[str, Secret],
    compiler: ScriptCompiler,
) -> Callable[[str, str], CompiledStream]:
    """Compiles the streaming form of an action."""

    def compiled(name: str, interface: str) -> CompiledStream:
        action = actions.get(name)
        if action is None:
            raise IllegalArgument(f"no {name} action found")
        dialect = named(protocol, interface) if action.streaming is None else described(action.streaming)
        return CompiledStream(
            dialect, CompiledAction(dialect.action(action), owned, credential, compiler, dialect.body_fields)
        )

    return compiled


def _signer(connector: Connector, credential: Mapping[str, Secret], owned: Mapping[str, str]) -> Signer | None:
    if connector.protocol != "aws_sigv4":
        return None

    def scope(name: str) -> str:
        return owned[name] if name in owned else credential[name].reveal()

    return Signer(
        credential["access_key"],
        credential["secret_key"],
        credential.get("session_token"),
        scope("region"),
        scope("service_name"),
    )
