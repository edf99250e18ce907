"""Every remote-model method of opensearch-py's ML client, synchronous and asynchronous: cluster, connectors, groups,
models, tasks, statistics and controllers."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from opensearchpy import exceptions
from opensearchpy.plugins.ml import MlClient

from clients.opensearch_py import ML, Flow, deprecated, refused

METHODS = json.loads((Path(__file__).parent / "cases" / "opensearch_py_methods.json").read_text("utf-8"))
"""Methods of the ML client: those driven here, and the others by the reason."""

NO_SUCH_ID = "none-of-ours"


def test_every_method_of_the_client_is_driven_here_or_not_about_remote_models() -> None:
    have = {name for name, _ in inspect.getmembers(MlClient, inspect.isfunction) if not name.startswith("_")}
    assert have == {name for names in METHODS.values() for name in names}


class TestCluster:
    def test_info_names_a_distribution_and_version_that_the_client_accepts(self, flow: Flow) -> None:
        info = flow.session.run(flow.session.client.info())
        assert info["version"]["distribution"] == "opensearch"
        assert re.fullmatch(r"\d+\.\d+\.\d+(-SNAPSHOT)?", info["version"]["number"])
        assert info["tagline"] == "The OpenSearch Project: https://opensearch.org/"

    def test_ping_is_true(self, flow: Flow) -> None:
        assert flow.session.run(flow.session.client.ping()) is True

    def test_health_has_a_colour(self, flow: Flow) -> None:
        assert flow.session.run(flow.session.client.cluster.health())["status"] in ("green", "yellow")

    def test_settings_with_defaults_list_the_trusted_endpoints(self, flow: Flow) -> None:
        found = settings(flow, include_defaults="true", flat_settings="true")
        assert sorted(found) == ["defaults", "persistent", "transient"]
        merged = found["defaults"] | found["persistent"] | found["transient"]
        assert isinstance(merged[ML + "trusted_connector_endpoints_regex"], list)

    def test_a_change_is_acknowledged_with_its_values_as_nested_text(self, flow: Flow) -> None:
        reply = flow.trust_upstream()
        assert (reply["acknowledged"], reply["transient"]) == (True, {})
        assert reply["persistent"]["plugins"]["ml_commons"]["connector"] == {"private_ip_enabled": "true"}

    def test_a_value_is_read_back_flat_and_nested(self, flow: Flow) -> None:
        assert settings(flow, flat_settings="true")["persistent"][ML + "connector.private_ip_enabled"] == "true"
        nested = settings(flow)["persistent"]["plugins"]["ml_commons"]
        assert nested["connector"]["private_ip_enabled"] == "true"

    def test_an_unknown_setting_is_refused(self, flow: Flow) -> None:
        with refused(exceptions.RequestError, 400, "not recognized"):
            change(flow, {"persistent": {ML + "no_such_setting": 1}})

    def test_a_transient_setting_is_set_and_reset(self, flow: Flow) -> None:
        key = ML + "monitoring_request_count"
        assert change(flow, {"transient": {key: 77}}, flat_settings="true")["transient"] == {key: "77"}
        assert change(flow, {"transient": {key: None}}, flat_settings="true")["transient"] == {}


def settings(flow: Flow, **parameters: str) -> Any:
    return flow.session.run(flow.session.client.cluster.get_settings(params=parameters))


def change(flow: Flow, body: Any, **parameters: str) -> Any:
    return flow.session.run(flow.session.client.cluster.put_settings(body=body, params=parameters))


class TestConnectors:
    def test_create_answers_an_id(self, flow: Flow) -> None:
        assert flow.connector(flow.chat_blueprint(flow.unique("chat")))

    def test_get_shows_everything_but_the_credential(self, flow: Flow) -> None:
        name = flow.unique("shown")
        found = flow.ml("get_connector", flow.connector(flow.chat_blueprint(name)))
        assert (found["name"], found["version"], found["protocol"]) == (name, "1", "http")
        assert found["actions"][0]["action_type"] == "PREDICT"
        assert found["parameters"] == {"model": "gpt-4o"}
        assert "credential" not in found
        assert "sk-flow" not in json.dumps(found)

    def test_get_keeps_what_filter_path_names(self, flow: Flow) -> None:
        name = flow.unique("filtered")
        id = flow.connector(flow.chat_blueprint(name))
        found = flow.ml("get_connector", id, params={"filter_path": "name,actions.method"})
        assert found == {"name": name, "actions": [{"method": "POST"}]}

    def test_update_is_read_back(self, flow: Flow) -> None:
        id = flow.connector(flow.chat_blueprint(flow.unique("updated")))
        body = {"description": "changed", "version": "2", "parameters": {"model": "gpt-5"}}
        reply = flow.ml("update_connector", id, body=body)
        assert (reply["result"], reply["_index"]) == ("updated", ".plugins-ml-connector")
        found = flow.ml("get_connector", id)
        assert (found["description"], found["version"], found["parameters"]["model"]) == ("changed", "2", "gpt-5")

    def test_search_by_id_finds_it_without_its_credential(self, flow: Flow) -> None:
        name = flow.unique("sought")
        id = flow.connector(flow.chat_blueprint(name))
        found = flow.ml("search_connectors", body={"query": {"ids": {"values": [id]}}})["hits"]
        assert found["total"] == {"value": 1, "relation": "eq"}
        (hit,) = found["hits"]
        assert (hit["_id"], hit["_source"]["name"]) == (id, name)
        assert "credential" not in hit["_source"]

    def test_search_by_a_word_of_its_name_gives_the_wanted_fields(self, flow: Flow) -> None:
        name = flow.unique("worded")
        flow.connector(flow.chat_blueprint(name))
        body = {"query": {"match": {"name": name.split()[-1]}}, "size": 5, "_source": ["name"]}
        found = flow.ml("search_connectors", body=body)
        assert [hit["_source"] for hit in found["hits"]["hits"]] == [{"name": name}]

    def test_delete_finds_nothing_the_second_time(self, flow: Flow) -> None:
        id = flow.connector(flow.chat_blueprint(flow.unique("spare")))
        reply = flow.ml("delete_connector", id)
        assert (reply["result"], reply["_id"]) == ("deleted", id)
        assert flow.ml("delete_connector", id)["result"] == "not_found"

    def test_get_of_an_unknown_one_is_404(self, flow: Flow) -> None:
        with refused(exceptions.NotFoundError, 404, "Failed to find connector"):
            flow.ml("get_connector", NO_SUCH_ID)

    def test_an_untrusted_endpoint_is_400(self, flow: Flow) -> None:
        body = flow.blueprint("x", "/echo", "{}", url="https://untrusted.example.org/v1")
        with refused(exceptions.RequestError, 400, "is not matching the trusted connector endpoint regex"):
            flow.ml("create_connector", body=body)

    def test_no_name_is_400(self, flow: Flow) -> None:
        body = flow.blueprint("x", "/echo", "{}")
        del body["name"]
        with refused(exceptions.RequestError, 400, "Connector name is null"):
            flow.ml("create_connector", body=body)


class TestModelGroups:
    def test_register_answers_an_id(self, flow: Flow) -> None:
        assert flow.group()

    def test_get_shows_a_new_group_without_versions(self, flow: Flow) -> None:
        name = flow.unique("shown")
        found = flow.ml("get_model_group", flow.group(name=name))
        assert (found["name"], found["description"], found["latest_version"]) == (name, "flow", 0)

    def test_update_is_read_back(self, flow: Flow) -> None:
        id = flow.group()
        assert flow.ml("update_model_group", id, body={"description": "changed"}) == {"status": "Updated"}
        assert flow.ml("get_model_group", id)["description"] == "changed"

    def test_search_by_its_whole_name_finds_it(self, flow: Flow) -> None:
        name = flow.unique("sought")
        id = flow.group(name=name)
        found = flow.ml("search_model_group", body={"query": {"term": {"name.keyword": name}}})
        assert [hit["_id"] for hit in found["hits"]["hits"]] == [id]

    def test_no_name_is_400(self, flow: Flow) -> None:
        with refused(exceptions.RequestError, 400):
            flow.ml("register_model_group", body={"description": "x"})

    def test_a_name_that_is_taken_is_400(self, flow: Flow) -> None:
        name = flow.unique("taken")
        flow.group(name=name)
        with refused(exceptions.RequestError, 400, "already being used by a model group"):
            flow.ml("register_model_group", body={"name": name})

    def test_get_of_an_unknown_one_is_404(self, flow: Flow) -> None:
        with refused(exceptions.NotFoundError, 404, "Failed to find model group"):
            flow.ml("get_model_group", NO_SUCH_ID)


class TestModels:
    def test_register_answers_ids_of_model_and_task(self, flow: Flow) -> None:
        assert all(flow.register(connector_id=flow.chat_connector()))

    def test_get_shows_a_registered_model(self, flow: Flow) -> None:
        name, group, connector = flow.unique("shown"), flow.group(), flow.chat_connector()
        id, _ = flow.register(name=name, model_group_id=group, connector_id=connector)
        found = flow.ml("get_model", id)
        assert {key: found[key] for key in ("name", "model_group_id", "connector_id")} == {
            "name": name,
            "model_group_id": group,
            "connector_id": connector,
        }
        states = (found["algorithm"], found["model_version"], found["model_state"], found["is_hidden"])
        assert states == ("REMOTE", "1", "REGISTERED", False)

    def test_deploy_answers_a_finished_task(self, flow: Flow) -> None:
        id, _ = flow.register(connector_id=flow.chat_connector())
        assert flow.deploy(id)

    def test_a_deployed_model_has_one_worker(self, flow: Flow) -> None:
        found = flow.ml("get_model", flow.chat_model())
        counts = (found["planning_worker_node_count"], found["current_worker_node_count"])
        assert (found["model_state"], counts) == ("DEPLOYED", (1, 1))

    def test_search_by_algorithm_and_id_finds_it(self, flow: Flow) -> None:
        name = flow.unique("sought")
        id, _ = flow.register(name=name, connector_id=flow.chat_connector())
        query = {"bool": {"must": [{"term": {"algorithm": "REMOTE"}}, {"ids": {"values": [id]}}]}}
        found = flow.ml("search_models", body={"query": query})
        assert [hit["_source"]["name"] for hit in found["hits"]["hits"]] == [name]

    def test_what_is_in_use_cannot_be_deleted(self, flow: Flow) -> None:
        model = flow.chat_model()
        with refused(exceptions.ConflictError, 409, "models are still using this connector"):
            flow.ml("delete_connector", flow.chat_connector())
        with refused(exceptions.RequestError, 400, "Model cannot be deleted in deploying or deployed state"):
            flow.ml("delete_model", model)

    def test_update_is_read_back(self, flow: Flow) -> None:
        id, _ = flow.register(connector_id=flow.chat_connector())
        name = flow.unique("renamed")
        reply = flow.ml("update_model", id, body={"name": name, "description": "changed"})
        assert (reply["_index"], reply["result"]) == (".plugins-ml-model", "updated")
        found = flow.ml("get_model", id)
        assert (found["name"], found["description"]) == (name, "changed")

    def test_the_second_model_of_a_group_is_its_second_version(self, flow: Flow) -> None:
        group = flow.group()
        flow.register(connector_id=flow.chat_connector(), model_group_id=group)
        second, _ = flow.register(connector_id=flow.chat_connector(), model_group_id=group)
        assert flow.ml("get_model", second)["model_version"] == "2"
        assert flow.ml("get_model_group", group)["latest_version"] == 2

    def test_the_old_names_load_and_unload_work(self, flow: Flow) -> None:
        id, _ = flow.register(connector_id=flow.chat_connector())
        with deprecated("deploy_model"):
            assert flow.ml("load_model", id)["task_type"] == "DEPLOY_MODEL"
        assert flow.model_state(id) == "DEPLOYED"
        with deprecated("undeploy_model"):
            reply = flow.ml("unload_model", model_id=id)
        assert list(reply.values()) == [{"stats": {id: "undeployed"}}]
        assert flow.model_state(id) == "UNDEPLOYED"

    def test_an_undeployed_model_deploys_itself_at_a_predict(self, flow: Flow) -> None:
        id, _ = flow.register(connector_id=flow.chat_connector())
        flow.deploy(id)
        flow.ml("undeploy_model", body={"model_ids": [id]})
        assert flow.model_state(id) == "UNDEPLOYED"
        assert flow.chat(id, "again")["choices"][0]["message"]["content"] == "You said: again"
        assert flow.model_state(id) == "DEPLOYED"

    def test_a_model_undeployed_by_a_body_can_be_deleted(self, flow: Flow) -> None:
        id, _ = flow.register(connector_id=flow.chat_connector())
        flow.deploy(id)
        reply = flow.ml("undeploy_model", body={"model_ids": [id]})
        assert [node["stats"][id] for node in reply.values()] == ["undeployed"]
        assert flow.ml("delete_model", id)["result"] == "deleted"
        flow.forget("model", id)

    def test_get_of_an_unknown_one_is_404(self, flow: Flow) -> None:
        with refused(exceptions.NotFoundError, 404, "Failed to find model"):
            flow.ml("get_model", NO_SUCH_ID)

    def test_no_connector_is_400(self, flow: Flow) -> None:
        with refused(exceptions.RequestError, 400, "You must provide connector content"):
            flow.ml("register_model", body={"name": "x", "function_name": "remote"})


class TestTasks:
    def test_a_registration_has_a_finished_task(self, flow: Flow) -> None:
        found = flow.ml("get_task", flow.shared("task"))
        assert (found["task_type"], found["state"], found["function_name"]) == ("REGISTER_MODEL", "COMPLETED", "REMOTE")
        assert (found["model_id"], found["is_async"]) == (flow.chat_model(), False)

    def test_a_deployment_has_a_finished_task_on_a_node(self, flow: Flow) -> None:
        found = flow.ml("get_task", flow.shared("deployment"))
        assert (found["task_type"], found["state"]) == ("DEPLOY_MODEL", "COMPLETED")
        assert len(found["worker_node"]) == 1

    def test_search_by_model_finds_both(self, flow: Flow) -> None:
        found = flow.ml("search_tasks", body={"query": {"term": {"model_id": flow.chat_model()}}, "size": 10})
        kinds = {hit["_source"]["task_type"] for hit in found["hits"]["hits"]}
        assert kinds == {"DEPLOY_MODEL", "REGISTER_MODEL"}

    def test_delete_removes_the_task_alone(self, flow: Flow) -> None:
        model, task = flow.register(connector_id=flow.chat_connector())
        reply = flow.ml("delete_task", task)
        assert (reply["_index"], reply["result"]) == (".plugins-ml-task", "deleted")
        flow.forget("task", task)
        assert flow.model_state(model) == "REGISTERED"

    def test_get_of_an_unknown_one_is_404(self, flow: Flow) -> None:
        with refused(exceptions.NotFoundError, 404, "Failed to find task"):
            flow.ml("get_task", NO_SUCH_ID)


class TestStatistics:
    def test_stats_have_the_names_of_cluster_and_node_level(self, flow: Flow) -> None:
        found = flow.ml("get_stats")
        assert found.keys() >= {
            "ml_connector_count",
            "ml_model_count",
            "ml_model_index_status",
            "ml_connector_index_status",
            "ml_task_index_status",
            "nodes",
        }
        assert found["nodes"][flow.node()].keys() >= {
            "ml_request_count",
            "ml_failure_count",
            "ml_deployed_model_count",
            "ml_executing_task_count",
            "ml_jvm_heap_usage",
            "ml_circuit_breaker_trigger_count",
            "algorithms",
            "models",
        }

    def test_one_statistic_is_alone(self, flow: Flow) -> None:
        assert list(flow.ml("get_stats", stat="ml_model_index_status")) == ["ml_model_index_status"]

    def test_one_statistic_of_one_node_stands_beside_algorithms_and_models(self, flow: Flow) -> None:
        node = flow.node()
        found = flow.ml("get_stats", node_id=node, stat="ml_request_count")["nodes"][node]
        assert [name for name in found if name.startswith("ml_")] == ["ml_request_count"]

    def test_an_unknown_statistic_is_400(self, flow: Flow) -> None:
        with refused(exceptions.RequestError, 400, "Wrong ML cluster level stat"):
            flow.ml("get_stats", stat="nope")

    def test_the_profile_of_a_used_model_has_its_latencies(self, flow: Flow) -> None:
        model, node = flow.chat_model(), flow.node()
        flow.chat(model, "counted")
        profiles = (
            flow.ml("get_profile", body={"return_all_models": True, "return_all_tasks": True}),
            flow.ml("get_profile_models", model_id=model),
            flow.ml("get_profile_models"),
        )
        for profile in profiles:
            found = profile["nodes"][node]["models"][model]
            assert (found["model_state"], found["worker_nodes"]) == ("DEPLOYED", [node])
            assert sorted(found["predict_request_stats"]) == ["average", "count", "max", "min", "p50", "p90", "p99"]

    def test_a_finished_task_has_no_profile(self, flow: Flow) -> None:
        assert flow.ml("get_profile_tasks", task_id=flow.shared("task")) == {}


class TestControllers:
    def test_create_names_the_model(self, flow: Flow) -> None:
        model = registered_with(flow, None)
        reply = flow.ml("create_controller", model, body=limiter(4))
        assert reply == {"model_id": model, "status": "CREATED"}

    def test_get_shows_the_limit_as_text(self, flow: Flow) -> None:
        model = registered_with(flow, 4)
        limits = {"someone": {"limit": "4", "unit": "MINUTES"}}
        assert flow.ml("get_controller", model) == {"model_id": model, "user_rate_limiter": limits}

    def test_update_is_read_back(self, flow: Flow) -> None:
        model = registered_with(flow, 4)
        reply = flow.ml("update_controller", model, body=limiter(6))
        assert (reply["_index"], reply["result"]) == (".plugins-ml-controller", "updated")
        assert flow.ml("get_controller", model)["user_rate_limiter"]["someone"]["limit"] == "6"

    def test_a_deleted_one_is_404(self, flow: Flow) -> None:
        model = registered_with(flow, 4)
        assert flow.ml("delete_controller", model)["result"] == "deleted"
        with refused(exceptions.NotFoundError, 404, "Failed to find model controller"):
            flow.ml("get_controller", model)


def limiter(limit: int) -> Any:
    return {"user_rate_limiter": {"someone": {"limit": limit, "unit": "MINUTES"}}}


def registered_with(flow: Flow, limit: int | None) -> str:
    """A model, with a controller when a limit is given."""
    model, _ = flow.register(connector_id=flow.chat_connector())
    if limit is not None:
        flow.ml("create_controller", model, body=limiter(limit))
    return model


def test_everything_that_was_made_can_be_removed(flow: Flow) -> None:
    other = Flow(flow.kind, flow.url, flow.upstream)
    models = [other.chat_model(), other.register(connector_id=other.chat_connector())[0]]
    other.clean()
    for model in models:
        with refused(exceptions.NotFoundError, 404, "Failed to find model"):
            flow.ml("get_model", model)
    other.session.close()
