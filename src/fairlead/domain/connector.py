"""Connectors: how one provider's API is called, as a frozen value, and the rules that need nothing but the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from fairlead.domain.ports import Json
from fairlead.domain.streaming import Streaming
from fairlead.errors import FairleadError, IllegalArgument

KIND = "connector"
INDEX = ".plugins-ml-connector"

HTTP_PROTOCOLS = ("aws_sigv4", "http")
MCP_PROTOCOLS = ("mcp_sse", "mcp_streamable_http")
PROTOCOLS = (*HTTP_PROTOCOLS, *MCP_PROTOCOLS)


class ActionType(StrEnum):
    """What an action is for; stored and shown in upper case."""

    PREDICT = "PREDICT"
    EXECUTE = "EXECUTE"
    BATCH_PREDICT = "BATCH_PREDICT"
    CANCEL_BATCH_PREDICT = "CANCEL_BATCH_PREDICT"
    BATCH_PREDICT_STATUS = "BATCH_PREDICT_STATUS"


class BackoffPolicy(StrEnum):
    """How the delays between attempts grow."""

    CONSTANT = "constant"
    EXPONENTIAL_EQUAL_JITTER = "exponential_equal_jitter"
    EXPONENTIAL_FULL_JITTER = "exponential_full_jitter"


@dataclass(frozen=True, slots=True)
class Action:
    """One HTTP call, as templates. Field order is the order on the wire."""

    action_type: ActionType
    method: str
    url: str
    headers: Mapping[str, str] | None = None
    request_body: str | None = None
    pre_process_function: str | None = None
    post_process_function: str | None = None
    name: str | None = None
    supports_structured_output: bool = False
    streaming: Streaming | None = None
    """Ours: how its provider streams."""

    def document(self) -> Json:
        shown = {f.name: getattr(self, f.name) for f in fields(self)}
        if not self.supports_structured_output:
            del shown["supports_structured_output"]
        shown["headers"] = None if self.headers is None else dict(self.headers)
        shown["streaming"] = None if self.streaming is None else self.streaming.document()
        return {key: str(value) if key == "action_type" else value for key, value in shown.items() if value is not None}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Action:
        streaming = document.get("streaming")
        return cls(
            **{
                **document,
                "action_type": ActionType(document["action_type"]),
                "streaming": None if streaming is None else Streaming.of(streaming),
            }
        )


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """How the HTTP client behaves for one connector (spec/03 8.3): time-outs in seconds, backoff in milliseconds."""

    max_connection: int = 30
    connection_timeout: int = 30
    read_timeout: int = 30
    retry_backoff_millis: int = 200
    retry_timeout_seconds: int = 30
    max_retry_times: int = 0
    retry_backoff_policy: BackoffPolicy = BackoffPolicy.CONSTANT
    skip_ssl_verification: bool = False
    mutual_tls_enabled: bool = False
    keystore_type: str | None = None

    def document(self) -> Json:
        shown = {f.name: getattr(self, f.name) for f in fields(self)}
        shown["retry_backoff_policy"] = str(self.retry_backoff_policy)
        for newer in (
            "mutual_tls_enabled",
            "keystore_type",
        ):  # 3.9 fields: shown only when used, as 3.6 has no such key
            if not shown[newer]:
                del shown[newer]
        return shown

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ClientConfig:
        return cls(**{**document, "retry_backoff_policy": BackoffPolicy(document["retry_backoff_policy"])})


LOWEST: Mapping[str, int] = {
    "max_connection": 1,
    "connection_timeout": 1,
    "read_timeout": 1,
    "retry_backoff_millis": 0,
    "retry_timeout_seconds": 0,
    "max_retry_times": -1,
}
"""What the numbers of a client_config must be at least, to mean anything at a call; each fits into 32 bits."""


def number_fault(config: ClientConfig) -> FairleadError | None:
    """What is wrong with the numbers of a client_config; a call could only fail by them (the original stores any)."""
    for name, low in LOWEST.items():
        if (value := getattr(config, name)) < low:
            return IllegalArgument(f"client_config [{name}] must be at least {low}, not {value}")
    if config.max_retry_times != 0 and config.retry_backoff_millis < 1:
        return IllegalArgument("client_config [retry_backoff_millis] must be at least 1 where max_retry_times is not 0")
    return None


def insecure(config: ClientConfig | None) -> bool:
    """Whether any certificate of the provider would do."""
    return config is not None and config.skip_ssl_verification


def insecure_fault() -> FairleadError:
    return IllegalArgument(
        "client_config [skip_ssl_verification] is not allowed on this server: whoever stands between it and the provider "
        "could read credentials and prompts. Let the server's system trust the provider's authority, or set allow_insecure_tls"
    )


@dataclass(frozen=True, slots=True)
class Connector:
    """A blueprint with its sealed credential. `credential` values are envelopes of the vault, never plain texts."""

    protocol: str
    name: str | None = None
    version: str | None = None
    description: str | None = None
    parameters: Mapping[str, str] | None = None
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)
    actions: tuple[Action, ...] | None = None
    backend_roles: tuple[str, ...] | None = None
    owner: Mapping[str, Any] | None = None
    access: str | None = None
    created_time: int | None = None
    last_updated_time: int | None = None
    client_config: ClientConfig | None = None
    provisioned_by: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None

    def shown(self) -> Json:
        """The object a GET answers: everything but the credential, absent members left out."""
        document: Json = {
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "protocol": self.protocol,
            "parameters": None if self.parameters is None else dict(self.parameters),
            "actions": None if self.actions is None else [action.document() for action in self.actions],
            "backend_roles": None if self.backend_roles is None else list(self.backend_roles),
            "owner": self.owner,
            "access": self.access,
            "created_time": self.created_time,
            "last_updated_time": self.last_updated_time,
            "client_config": None if self.client_config is None else self.client_config.document(),
            "url": self.url,
            "headers": None if self.headers is None else dict(self.headers),
            "provisioned_by": self.provisioned_by,
        }
        return {key: value for key, value in document.items() if value is not None}

    def document(self) -> Json:
        """What is stored: `shown` and the sealed credential."""
        return {**self.shown(), "credential": dict(self.credential)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Connector:
        values = {f.name: document[f.name] for f in fields(cls) if document.get(f.name) is not None}
        if "actions" in values:
            values["actions"] = tuple(Action.of(action) for action in values["actions"])
        if "backend_roles" in values:
            values["backend_roles"] = tuple(values["backend_roles"])
        if "client_config" in values:
            values["client_config"] = ClientConfig.of(values["client_config"])
        return cls(**values)

    def action(self, name: str) -> Action | None:
        """The first action of that type (any case), else the first with exactly that name (spec/01 1.6)."""
        wanted = name.upper()
        if wanted in ActionType.__members__:
            return next((action for action in self.actions or () if action.action_type == wanted), None)
        return next((action for action in self.actions or () if action.name == name), None)

    @property
    def config(self) -> ClientConfig:
        return self.client_config or ClientConfig()


def protocol_fault(protocol: str) -> FairleadError | None:
    if protocol in PROTOCOLS:
        return None
    return IllegalArgument(f"Unsupported connector protocol. Please use one of [{', '.join(PROTOCOLS)}]")


def aws_fault(connector: Connector, credential_names: frozenset[str] | None = None) -> FairleadError | None:
    """What an `aws_sigv4` connector lacks, in the original's order (spec/01 1.5 #12)."""
    if connector.protocol != "aws_sigv4":
        return None
    names = frozenset(connector.credential) if credential_names is None else credential_names
    have = names | frozenset(connector.parameters or {})
    if not {"access_key", "secret_key"} <= names:
        return IllegalArgument("Missing credential")
    for key, words in (("service_name", "service name"), ("region", "region")):
        if key not in have:
            return IllegalArgument(f"Missing {words}")
    return None


BLOCKED_PARAMETER_HEADERS = frozenset(
    {
        "authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-auth-header",
        "x-forwarded-for", "x-real-ip", "x-client-ip", "cf-connecting-ip", "true-client-ip", "x-originating-ip",
        "host", "x-forwarded-host", "x-forwarded-server", "forwarded",
    }
)  # fmt: skip
"""Headers that must not be filled from parameters (spec/01 1.9)."""


def header_fault(protocol: str, actions: tuple[Action, ...] | None) -> FairleadError | None:
    """The first header whose value takes a parameter although it must not."""
    for action in actions or ():
        for name, value in (action.headers or {}).items():
            if "${parameters." not in value:
                continue
            if protocol in MCP_PROTOCOLS:
                return IllegalArgument(f"Header '{name}' cannot use ${{parameters.*}} placeholders in MCP connectors.")
            if name.lower() in BLOCKED_PARAMETER_HEADERS:
                return IllegalArgument(
                    f"Header '{name}' cannot use ${{parameters.*}} placeholders for security reasons. "
                    "Use ${credential.*} instead."
                )
    return None
