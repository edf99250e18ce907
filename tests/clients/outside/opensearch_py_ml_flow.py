# ruff: noqa: PT009, PT027 -- unittest: the clients have a Python of their own, without pytest.
"""opensearch-py-ml against one gateway: unittest, run by a Python that has the client (scripts/clients).

The environment names the two servers: GATEWAY and PROVIDER. Tests of one class run in the order of their names and share
what they make.
"""

from __future__ import annotations

import json
import os
import re
import unittest
import uuid
import warnings
from typing import Any

from opensearch_py_ml.ml_commons import MLCommonClient
from opensearchpy import OpenSearch, exceptions

GATEWAY, PROVIDER = os.environ["GATEWAY"], os.environ["PROVIDER"]
SETTINGS = {
    "plugins.ml_commons.trusted_connector_endpoints_regex": [f"^{re.escape(PROVIDER)}/.*$"],
    "plugins.ml_commons.connector.private_ip_enabled": True,
}


def blueprint(path: str, body: str, **functions: str) -> dict[str, Any]:
    """A connector to the scripted provider."""
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": PROVIDER + path,
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": body,
        **functions,
    }
    return {
        "name": f"flow {uuid.uuid4().hex}",
        "version": 1,
        "protocol": "http",
        "parameters": {"model": "a-model"},
        "credential": {"key": "sk-flow"},
        "actions": [action],
    }


CHAT = ("/v1/chat/completions", '{ "model": "${parameters.model}", "messages": ${parameters.messages} }')
EMBEDDINGS = ("/v1/embeddings", '{ "model": "${parameters.model}", "input": ${parameters.input} }')
FUNCTIONS = {
    "pre_process_function": "connector.pre_process.openai.embedding",
    "post_process_function": "connector.post_process.openai.embedding",
}


class Flow(unittest.TestCase):
    """One client, and a remote model that it drives through its life."""

    @classmethod
    def setUpClass(cls) -> None:
        warnings.simplefilter("error")
        cls.os_client = OpenSearch(GATEWAY, timeout=30)
        cls.addClassCleanup(cls.os_client.close)
        cls.ml = MLCommonClient(cls.os_client)
        cls.os_client.cluster.put_settings(body={"persistent": SETTINGS})
        cls.name = f"flow {uuid.uuid4().hex}"

    @classmethod
    def model(cls, connector_id: str, name: str) -> dict[str, Any]:
        """The client registers only local models by itself; a remote one goes through opensearch-py."""
        body = {"name": name, "function_name": "remote", "connector_id": connector_id}
        registered: dict[str, Any] = cls.os_client.ml.register_model(body=body)
        return registered


class TestLife(Flow):
    connector = ""
    made: dict[str, Any] = {}

    def test_01_a_connector_is_made(self) -> None:
        type(self).connector = self.ml.connector.create_standalone_connector(blueprint(*CHAT))["connector_id"]

    def test_02_it_is_shown_without_its_credential(self) -> None:
        shown = self.ml.connector.get_connector(self.connector)
        self.assertEqual(shown["protocol"], "http")
        self.assertNotIn("credential", shown)

    def test_03_it_is_listed_and_found(self) -> None:
        listed = self.ml.connector.list_connectors()["hits"]["hits"]
        self.assertIn(self.connector, [hit["_id"] for hit in listed])
        found = self.ml.connector.search_connectors({"query": {"ids": {"values": [self.connector]}}})
        self.assertEqual(found["hits"]["total"], {"value": 1, "relation": "eq"})

    def test_04_a_registration_has_a_finished_task(self) -> None:
        type(self).made = self.model(self.connector, self.name)
        task = self.ml.get_task_info(self.made["task_id"])
        self.assertEqual((task["state"], task["model_id"]), ("COMPLETED", self.made["model_id"]))

    def test_05_the_model_has_a_group_of_its_own_name(self) -> None:
        groups = self.ml.model_access_control
        group = groups.get_model_group_id_by_name(self.name)
        self.assertEqual(self.ml.get_model_info(self.made["model_id"])["model_group_id"], group)
        self.assertEqual(groups.update_model_group({"description": "changed"}, group), {"status": "Updated"})
        found = groups.search_model_group_by_name(self.name, _source=["description"])
        self.assertEqual(found["hits"]["hits"][0]["_source"], {"description": "changed"})

    def test_06_deploy_waits_until_it_is_deployed(self) -> None:
        task = self.ml.deploy_model(self.made["model_id"])
        self.assertEqual((task["task_type"], task["state"]), ("DEPLOY_MODEL", "COMPLETED"))

    def test_07_both_ways_to_predict_answer(self) -> None:
        body = {"parameters": {"messages": [{"role": "user", "content": "hello"}]}}
        for reply in (
            self.ml.generate_model_inference(self.made["model_id"], body),
            self.ml.predict(self.made["model_id"], body),
        ):
            output = reply["inference_results"][0]["output"][0]["dataAsMap"]
            self.assertEqual(output["choices"][0]["message"]["content"], "You said: hello")

    def test_08_model_and_tasks_are_found_by_text_and_by_object(self) -> None:
        query = {"query": {"ids": {"values": [self.made["model_id"]]}}}
        self.assertEqual(self.ml.search_model(query)["hits"]["hits"][0]["_source"]["name"], self.name)
        text = json.dumps({"query": {"term": {"model_id": self.made["model_id"]}}})
        self.assertEqual(self.ml.search_task(text)["hits"]["total"]["value"], 2)

    def test_09_profiles_show_the_model_and_no_finished_task(self) -> None:
        model = self.made["model_id"]
        everything = self.ml.get_profile(request_body={"return_all_models": True})
        for profile in (everything, self.ml.get_profile("model", [model]), self.ml.get_profile("model")):
            (node,) = profile["nodes"].values()
            self.assertEqual(node["models"][model]["model_state"], "DEPLOYED")
        self.assertEqual(self.ml.get_profile("task", self.made["task_id"]), {})

    def test_10_undeployed_it_can_be_deleted(self) -> None:
        model = self.made["model_id"]
        (node,) = self.ml.undeploy_model(model).values()
        self.assertEqual(node["stats"], {model: "undeployed"})
        self.assertEqual(self.ml.delete_model(model)["result"], "deleted")
        with self.assertRaises(exceptions.NotFoundError):
            self.ml.get_model_info(model)

    def test_11_the_rest_is_removed(self) -> None:
        self.assertEqual(self.ml.delete_task(self.made["task_id"])["result"], "deleted")
        self.assertEqual(self.ml.connector.delete_connector(self.connector)["result"], "deleted")
        self.assertEqual(self.ml.model_access_control.delete_model_group_by_name(self.name)["result"], "deleted")


class TestPredictions(Flow):
    def test_sentences_become_vectors_in_order(self) -> None:
        connector = self.ml.connector.create_standalone_connector(blueprint(*EMBEDDINGS, **FUNCTIONS))["connector_id"]
        model = self.model(connector, self.name)["model_id"]
        self.ml.deploy_model(model)
        reply = self.ml.generate_embedding(model, ["one", "two", "one"])
        first, second, third = (tensor for part in reply["inference_results"] for tensor in part["output"])
        self.assertEqual((first["name"], first["data_type"], first["shape"]), ("sentence_embedding", "FLOAT32", [4]))
        self.assertEqual(first, third)
        self.assertNotEqual(first["data"], second["data"])

    def test_a_question_reaches_the_connector_with_its_context(self) -> None:
        script = (
            "def body = ['question': params.question, 'context': params.context]; "
            "return '{\"parameters\": {\"asked\": \"' + body.question + ' / ' + body.context + '\"}}';"
        )
        echo = blueprint("/echo", '{ "asked": "${parameters.asked}" }', pre_process_function=script)
        connector = self.ml.connector.create_standalone_connector(echo)["connector_id"]
        model = self.model(connector, self.name + " asked")["model_id"]
        reply = self.ml.generate_question_answering(model, "who", "somebody")
        self.assertIn("who / somebody", str(reply))


class TestRefusals(Flow):
    def test_a_group_with_access_control_needs_security(self) -> None:
        """The client always sends `add_all_backend_roles`, which a server without security refuses."""
        with self.assertRaisesRegex(exceptions.RequestError, "access control"):
            self.ml.model_access_control.register_model_group(self.name)

    def test_an_unknown_model_is_not_found(self) -> None:
        with self.assertRaises(exceptions.NotFoundError):
            self.ml.deploy_model("none-of-ours")

    def test_a_local_model_is_refused(self) -> None:
        with self.assertRaises(exceptions.RequestError):
            self.ml.register_pretrained_model("a/local/model", "1.0.1", "TORCH_SCRIPT", "")


if __name__ == "__main__":
    unittest.main()
