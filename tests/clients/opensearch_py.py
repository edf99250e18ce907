"""opensearch-py against one gateway: its synchronous and its asynchronous client behind one way to call, and the
resources that a flow makes. Steps are in the test modules."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import urllib.request
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import pytest
from opensearchpy import AsyncOpenSearch, OpenSearch, exceptions

ML = "plugins.ml_commons."
PRE = "connector.pre_process."
POST = "connector.post_process."
CHAT = '{ "model": "${parameters.model}", "messages": ${parameters.messages} }'
AWS_KEYS = {"access_key": "AKIDFLOW", "secret_key": "secret-flow", "session_token": "token-flow"}
AWS = {
    "protocol": "aws_sigv4",
    "credential": AWS_KEYS,
    "headers": {"content-type": "application/json", "x-amz-content-sha256": "required"},
}


class Session:
    """A client and the event loop that an asynchronous one needs, so that a test calls both alike."""

    def __init__(self, kind: str, url: str) -> None:
        self._runner = asyncio.Runner()
        self.client: Any = OpenSearch(url, timeout=30) if kind == "sync" else self._runner.run(_asynchronous(url))

    def run(self, result: Any) -> Any:
        return self._runner.run(_awaited(result)) if inspect.isawaitable(result) else result

    def ml(self, method: str, *arguments: str, **keywords: Any) -> Any:
        """Calls a method of the ML client; its path arguments by position, which newer clients take by name only."""
        call = getattr(self.client.ml, method)
        return self.run(call(**dict(zip(inspect.signature(call).parameters, arguments, strict=False)), **keywords))

    def close(self) -> None:
        self.run(self.client.close())
        self._runner.close()


async def _asynchronous(url: str) -> AsyncOpenSearch:
    return AsyncOpenSearch(url, timeout=30)


async def _awaited(result: Any) -> Any:
    return await result


@contextmanager
def refused(error: type[exceptions.TransportError], status: int, text: str = "") -> Iterator[None]:
    """The call inside raises exactly `error`, with `status` in the exception and in the body, and `text` in its reason."""
    with pytest.raises(exceptions.TransportError) as caught:
        yield
    raised = caught.value
    assert (type(raised), raised.status_code, raised.info["status"]) == (error, status, status), raised
    assert text in json.dumps(raised.info)


@contextmanager
def deprecated(method: str) -> Iterator[None]:
    """The old names warn in the client; that is its business and no fault."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", f"Deprecated: Use `{method}` instead", UserWarning)
        yield


def vector(text: str) -> list[float]:
    """The four numbers that the simulator answers for a text."""
    return [round((byte - 128) / 256, 6) for byte in sha256(text.encode()).digest()[:4]]


class Flow:
    """One client's resources, made on demand under a random tag; every test may run alone."""

    def __init__(self, kind: str, url: str, upstream: str) -> None:
        self.session = Session(kind, url)
        self.kind = kind
        self.url = url
        self.upstream = upstream
        self.tag = uuid.uuid4().hex[:8]
        self.made: dict[str, list[str]] = {"model": [], "task": [], "connector": [], "model_group": []}
        self._shared: dict[str, str] = {}

    def ml(self, method: str, *arguments: str, **keywords: Any) -> Any:
        return self.session.ml(method, *arguments, **keywords)

    def trust_upstream(self) -> Any:
        """Adds the provider to the trusted endpoints and allows private addresses; the reply of the client."""
        cluster = self.session.client.cluster
        run = self.session.run
        settings = run(cluster.get_settings(params={"include_defaults": "true", "flat_settings": "true"}))
        merged = settings["defaults"] | settings["persistent"] | settings["transient"]
        ours = "^" + re.escape(self.upstream.rsplit(":", 1)[0]) + ":.*$"
        theirs = [pattern for pattern in merged[ML + "trusted_connector_endpoints_regex"] if pattern != ours]
        wanted = {
            ML + "trusted_connector_endpoints_regex": [ours, *theirs],
            ML + "connector.private_ip_enabled": True,
        }
        return run(cluster.put_settings(body={"persistent": wanted}))

    def unique(self, name: str) -> str:
        return f"{name} {self.tag} {uuid.uuid4().hex[:8]}"

    def blueprint(self, name: str, path: str, body: str, **changes: Any) -> dict[str, Any]:
        """A connector's body; what is no field of the connector belongs to its one action."""
        top = {"protocol", "parameters", "credential"}
        action = {
            "action_type": "predict",
            "method": "POST",
            "url": self.upstream + path,
            "headers": {"Authorization": "Bearer ${credential.key}"},
            "request_body": body,
            **{key: value for key, value in changes.items() if key not in top},
        }
        return {
            "name": name,
            "description": "made by a flow",
            "version": 1,
            "protocol": "http",
            "parameters": {},
            "credential": {"key": "sk-flow"},
            "actions": [action],
            **{key: value for key, value in changes.items() if key in top},
        }

    def chat_blueprint(self, name: str) -> dict[str, Any]:
        return self.blueprint(name, "/v1/chat/completions", CHAT, parameters={"model": "gpt-4o"})

    def connector(self, body: dict[str, Any]) -> str:
        reply = self.ml("create_connector", body=body)
        assert sorted(reply) == ["connector_id"]
        return self._kept("connector", reply["connector_id"])

    def group(self, **changes: Any) -> str:
        body = {"name": self.unique("group"), "description": "flow"} | changes
        reply = self.ml("register_model_group", body=body)
        assert (sorted(reply), reply["status"]) == (["model_group_id", "status"], "CREATED")
        return self._kept("model_group", reply["model_group_id"])

    def register(self, **fields: Any) -> tuple[str, str]:
        """The ids of a new model and of its task; in a new group unless one is given."""
        body = {"name": self.unique("model"), "function_name": "remote", "description": "flow"} | fields
        if "model_group_id" not in body:
            body["model_group_id"] = self.group()
        reply = self.ml("register_model", body=body)
        assert (sorted(reply), reply["status"]) == (["model_id", "status", "task_id"], "CREATED")
        return self._kept("model", reply["model_id"]), self._kept("task", reply["task_id"])

    def deploy(self, model: str) -> str:
        """The id of the deployment's task."""
        reply = self.ml("deploy_model", model)
        assert (reply["task_type"], reply["status"]) == ("DEPLOY_MODEL", "COMPLETED")
        return self._kept("task", reply["task_id"])

    def chat_connector(self) -> str:
        """A connector to the chat provider that tests share and none changes."""
        if "connector" not in self._shared:
            self._shared["connector"] = self.connector(self.chat_blueprint(self.unique("chat")))
        return self._shared["connector"]

    def chat_model(self) -> str:
        """A deployed chat model that tests share and none changes."""
        if "model" not in self._shared:
            self._shared["model"], self._shared["task"] = self.register(connector_id=self.chat_connector())
            self._shared["deployment"] = self.deploy(self._shared["model"])
        return self._shared["model"]

    def shared(self, what: str) -> str:
        """The `task` of the shared model's registration, or its `deployment`."""
        self.chat_model()
        return self._shared[what]

    def model_state(self, model: str) -> str:
        return str(self.ml("get_model", model)["model_state"])

    def node(self) -> str:
        return str(self.ml("get_task", self.shared("deployment"))["worker_node"][0])

    def chat(self, model: str, text: str, **parameters: Any) -> Any:
        """What the chat provider answered to one message."""
        given = {"messages": [{"role": "user", "content": text}], **parameters}
        reply = self.ml("predict_model", model, body={"parameters": given})
        return answered(reply)

    def requests(self, part: str) -> list[Any]:
        """The requests that the simulator got whose path contains `part`."""
        with urllib.request.urlopen(self.upstream + "/__requests", timeout=10) as reply:
            return [request for request in json.load(reply)["requests"] if part in request["path"]]

    def forget(self, kind: str, id: str) -> None:
        self.made[kind].remove(id)

    def clean(self) -> None:
        """Removes everything that was made, whose deletion must succeed or find nothing."""
        models = self.made["model"]
        if models:
            self.ml("undeploy_model", body={"model_ids": models})
        for kind, ids in self.made.items():
            for id in ids:
                try:
                    reply = self.ml(f"delete_{kind}", id)
                except exceptions.NotFoundError:
                    continue
                assert reply["result"] in ("deleted", "not_found"), (kind, id, reply)
        left = self.ml("search_models", body={"query": {"ids": {"values": models}}})
        assert left["hits"]["total"]["value"] == 0
        for ids in self.made.values():
            ids.clear()
        self._shared.clear()

    def _kept(self, kind: str, id: str) -> str:
        self.made[kind].append(id)
        return id


def answered(reply: Any) -> Any:
    """The one provider's object in a reply."""
    (part,) = reply["inference_results"]
    (output,) = part["output"]
    assert (part["status_code"], output["name"]) == (200, "response")
    return output["dataAsMap"]
