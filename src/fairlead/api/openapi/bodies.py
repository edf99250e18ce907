"""The request bodies of the routes as rows of schemas. Members that no row names are ignored by the server, as the
original ignores them; texts may also be given as numbers or booleans."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.api.decode.model import FRAMEWORKS, POOLING, UNITS
from fairlead.api.openapi.schema import (
    Schema,
    choice,
    flag,
    listed,
    mapped,
    members,
    ref,
    text,
    texts,
    whatever,
    whole,
)
from fairlead.domain.connector import PROTOCOLS, ActionType, BackoffPolicy
from fairlead.domain.streaming import Format
from fairlead.search.request import KEYS, KeyRow
from fairlead.service.counts.stats import ACTION_STATS, ACTIONS, CLUSTER_STATS, NODE_STATS, Level

CHOSEN_ID: Schema = {
    "type": ["string", "null"],
    "maxLength": 512,
    "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
    "description": "The id to have; without one, a new one is made.",
}
ACCESS = {
    "access_mode": choice(("public", "private", "restricted"), "Who may use it; needs access control."),
    "backend_roles": texts("Roles that may use it when it is restricted."),
    "add_all_backend_roles": flag("All roles of the caller."),
}

_VERSION: Schema = {"type": ["string", "integer"], "description": "Kept and shown."}

_PATH = "$.choices[0].delta.content"
STREAMING = members(
    {
        "format": choice(Format, "How events are framed."),
        "text": text("A JSON path to the text in an event.", example=_PATH),
        "end": members(
            {
                "event": text("The name of the event that ends the stream."),
                "data": text("The whole data of the event that ends it.", example="[DONE]"),
                "path": text("A JSON path that finds something in the event that ends it."),
                "equals": whatever("What the path must find."),
            },
            doc="Without it, the end of the body ends the stream.",
        ),
        "error": text("A JSON path to the reason in an event that tells of an error."),
        "url": text("Asked instead of the action's; of the same scheme and host."),
        "body_fields": mapped(whatever(), "Set in the top level of the body."),
    },
    ("format", "text"),
    "How the provider streams; ours.",
)
ACTION = members(
    {
        "action_type": choice((kind.lower() for kind in ActionType), "What the action is for, in any case."),
        "method": choice(("POST", "GET", "PUT", "DELETE")),
        "url": text("A template; must match a trusted endpoint.", example="https://api.openai.com/v1/chat/completions"),
        "headers": mapped(text(), "Templates."),
        "request_body": text("A template.", example='{ "messages": ${parameters.messages} }'),
        "pre_process_function": text("The name of a built-in function, or a Painless script."),
        "post_process_function": text("The name of a built-in function, or a Painless script."),
        "name": text("Its own name.", pattern="^[a-zA-Z0-9_-]{1,64}$"),
        "supports_structured_output": flag("Kept and shown."),
        "streaming": ref("Streaming"),
    },
    ("action_type", "method", "url"),
)

CLIENT_CONFIG = members(
    {
        "max_connection": whole("Connections to one host.", low=1),
        "connection_timeout": whole("Seconds.", low=1),
        "read_timeout": whole("Seconds.", low=1),
        "retry_backoff_millis": whole(
            "Milliseconds before the first repetition; at least 1 where there is one.", low=0
        ),
        "retry_timeout_seconds": whole("Seconds after which nothing is repeated.", low=0),
        "max_retry_times": whole("Repetitions; -1 until the time is over.", low=-1),
        "retry_backoff_policy": choice(BackoffPolicy),
        "skip_ssl_verification": flag("The certificate of the provider is not checked."),
        "mutual_tls_enabled": flag("The connector's certificate is shown to the provider."),
        "keystore_type": text("How the client's certificate is written."),
    }
)

CONNECTOR = {
    "name": text(),
    "description": text(),
    "version": _VERSION,
    "protocol": choice(PROTOCOLS),
    "parameters": whatever("Values for templates; JSON values other than texts become compact JSON text."),
    "credential": mapped(text(), "Secrets for templates; never shown again."),
    "actions": listed(ref("Action")),
    "client_config": ref("ClientConfig"),
    "url": text("Of connectors to MCP servers."),
    "headers": mapped(text(), "Of connectors to MCP servers."),
    **ACCESS,
    "dry_run": flag("Checks only."),
    "provisioned_by": text(),
    "connector_id": CHOSEN_ID,
}
NOT_UPDATED = {"dry_run", "provisioned_by", "url", "headers", "add_all_backend_roles", "connector_id"}

INLINE_CONNECTOR = members(
    {
        key: schema
        for key, schema in CONNECTOR.items()
        if key not in ("dry_run", "provisioned_by", "connector_id", *ACCESS)
    }
    | {"access": text(), "backend_roles": texts(), "owner": whatever()},
    ("protocol",),
    "A connector inside its model; names as they are stored.",
)

JSON_SCHEMA: Schema = {"type": ["object", "string"], "description": "A JSON schema, or its text."}

RATE_LIMITER = members(
    {
        "limit": {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"}],
            "description": "Requests per unit of time.",
        },
        "unit": choice(UNITS),
    }
)

_SIDE = members(
    {
        "regex": texts("Patterns that refuse a text they match."),
        "match": choice(
            ("full", "search"), "Whether a pattern must match the whole text (without it), or may stand in it."
        ),
        "fields": texts("JSONPaths of the texts to look at; without them the whole body."),
        "stop_words": listed(
            members({"index_name": text("A word list's name."), "source_fields": texts("Fields of the list.")})
        ),
        "model_id": text("The model that judges."),
        "response_filter": text("A JSONPath into its answer."),
        "response_validation_regex": text("What its answer must match."),
    }
)
GUARDRAILS = members(
    {
        "type": choice(("local_regex", "model")),
        "input_guardrail": _SIDE,
        "output_guardrail": _SIDE,
    }
)

MODEL_CONFIG = members(
    {
        "model_type": text(),
        "embedding_dimension": whole(),
        "framework_type": choice(FRAMEWORKS, "In any case."),
        "all_config": text("JSON text."),
        "pooling_mode": choice(POOLING, "In any case."),
        "normalize_result": flag(),
        "model_max_length": whole(),
        "additional_config": whatever(),
    }
)

MODEL = {
    "name": text(),
    "description": text(),
    "model_group_id": text("Without one, the group of the model's name, which is made if there is none."),
    "connector_id": text(),
    "connector": ref("InlineConnector"),
    "is_enabled": flag("A disabled model refuses predicts."),
    "rate_limiter": ref("RateLimiter"),
    "deploy_setting": members(
        {
            "is_auto_deploy_enabled": flag("The first predict deploys it."),
            "model_ttl_minutes": whole("Minutes without a predict after which it is undeployed; -1 never.", low=-1),
        }
    ),
    "interface": members({"input": JSON_SCHEMA, "output": JSON_SCHEMA}, doc="What goes in and what comes out."),
    "guardrails": ref("Guardrails"),
    "model_config": ref("ModelConfig"),
}
_AT_REGISTRATION = {
    "function_name": choice(("remote",)),
    "model_node_ids": texts("Nodes to deploy to with `deploy=true`."),
    "model_format": choice(("TORCH_SCRIPT", "ONNX"), "Kept and shown."),
    "url": text("Of local models; refused."),
    "provisioned_by": text(),
}

NODE_IDS = {"node_ids": texts("Only these nodes; none means all.")}

STATS_QUERY = members(
    {
        "target_stat_levels": listed(choice(Level)),
        "cluster_level_stats": listed(choice(sorted(CLUSTER_STATS))),
        "node_level_stats": listed(choice(NODE_STATS)),
        "action_level_stats": listed(choice(ACTION_STATS)),
        "actions": listed(choice(ACTIONS)),
        "algorithms": texts(),
        "models": texts("Ids."),
        **NODE_IDS,
    }
)

PROFILE_QUERY = members(
    {
        "model_ids": texts(),
        "task_ids": texts(),
        "return_all_models": flag(),
        "return_all_tasks": flag(),
        **NODE_IDS,
    }
)

_TYPES = {"string": ("string",), "number": ("number",), "true": ("boolean",), "false": (), "null": ("null",)}


def _search_key(row: KeyRow) -> Schema:
    return {"type": [name for kind in sorted(row.kinds) for name in _TYPES.get(kind, (kind,))]}


SEARCH = members({row.name: _search_key(row) for row in KEYS if row.supported}, doc="The query DSL of OpenSearch.")

PARAMETERS = whatever("Values for the connector's templates.")
_DLQ = members({"bucket": text(), "region": text()}, ("bucket", "region"), "Where a batch job puts what failed.")
REMOTE_INPUT = members(
    {"parameters": PARAMETERS, "action_type": choice(("predict", "execute", "batch_predict")), "dlq": _DLQ}
)
_DOC: Schema = {"type": ["string", "null"]}
TEXT_DOCS_INPUT = members(
    {
        "text_docs": listed(_DOC, minItems=1),
        "return_bytes": flag("Read, without effect."),
        "return_number": flag("Read, without effect."),
        "parameters": members(
            {
                "content_type": choice(("query", "passage")),
                "sparse_embedding_format": choice(("word", "token_id")),
                "input_docs_processed_step_size": whole("Documents per call to the provider.", low=1),
            }
        ),
    },
    ("text_docs",),
)
TEXT_SIMILARITY_INPUT = members(
    {"query_text": text(), "text_docs": listed(_DOC, minItems=1)}, ("query_text", "text_docs")
)
QUESTION_ANSWERING_INPUT = members({"question": text(), "context": text()}, ("question", "context"))

COMPONENTS: dict[str, Schema] = {
    "Action": ACTION,
    "Streaming": STREAMING,
    "ClientConfig": CLIENT_CONFIG,
    "InlineConnector": INLINE_CONNECTOR,
    "RateLimiter": RATE_LIMITER,
    "Guardrails": GUARDRAILS,
    "ModelConfig": MODEL_CONFIG,
    "RemoteInput": REMOTE_INPUT,
    "TextDocsInput": TEXT_DOCS_INPUT,
    "TextSimilarityInput": TEXT_SIMILARITY_INPUT,
    "QuestionAnsweringInput": QUESTION_ANSWERING_INPUT,
}
"""Parts that bodies share, by the name they have in the document."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: its schema, and whether a request without one is refused."""

    schema: Schema
    required: bool = True


BODIES: dict[str, Body] = {
    "ConnectorCreate": Body(members(CONNECTOR, ("name", "version", "protocol"))),
    "ConnectorUpdate": Body(members({key: value for key, value in CONNECTOR.items() if key not in NOT_UPDATED})),
    "ModelGroupCreate": Body(members(
            {"name": text(), "description": text(), "model_group_id": CHOSEN_ID, **ACCESS}, ("name",)
        )),
    "ModelGroupUpdate": Body(members({"name": text(), "description": text(), **ACCESS})),
    "ModelRegister": Body(members(MODEL | _AT_REGISTRATION | ACCESS, ("name", "function_name"))),
    "ModelUpdate": Body(members(MODEL)),
    "DeployOptions": Body(members(NODE_IDS), required=False),
    "UndeployOptions": Body(members({"model_ids": texts(), **NODE_IDS}), required=False),
    "Controller": Body(members({"user_rate_limiter": mapped(ref("RateLimiter"), "Limits by the name of a user.")})),
    "WordList": Body(members({"phrases": mapped(texts(), "Phrases by the name of a field.")}, ("phrases",))),
    "StatsQuery": Body(STATS_QUERY, required=False),
    "ProfileQuery": Body(PROFILE_QUERY, required=False),
    "Search": Body(SEARCH, required=False),
    "Settings": Body(
        members(
            {
                "persistent": whatever("Names, dotted or nested, and values; null resets one."),
                "transient": whatever("The same, until the last process ends."),
            }
        )
    ),
    "RemotePredict": Body(ref("RemoteInput")),
    "Predict": Body(
        {
            "anyOf": [
                ref("RemoteInput"), ref("TextDocsInput"), ref("TextSimilarityInput"), ref("QuestionAnsweringInput")
            ],
            "description": "Of the shape that the path's algorithm has.",
        }
    ),
}  # fmt: skip
"""Every request body that a route reads, by the name that its row says."""
