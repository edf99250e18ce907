"""The OpenAPI document against a real process: requests made from it, valid and not, get the answers it promises and
never a 5xx. `FAIRLEAD_FUZZ=N` makes N requests a route and some hundred systematic ones, where the default makes a few."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import CoveragePhaseConfig, GenerationConfig, PhasesConfig, ProjectConfig, ProjectsConfig

from client import ML, Client
from fairlead.domain.cluster_settings import SETTINGS, Scope
from process import gateway

load_all_checks()
EXAMPLES = int(os.environ.get("FAIRLEAD_FUZZ", "0"))
CONFORMANCE = [CHECKS.get_one(name) for name in ("status_code_conformance", "content_type_conformance")]
SHAPE = CHECKS.get_one("response_schema_conformance")

DOCUMENT = json.loads((Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json").read_text("utf-8"))
PHASES = PhasesConfig(coverage=CoveragePhaseConfig(enabled=EXAMPLES > 0))
FUZZING = PhasesConfig(coverage=CoveragePhaseConfig(enabled=False))
VALID = GenerationConfig(modes=[schemathesis.GenerationMode.POSITIVE])


def loaded(project: ProjectConfig) -> schemathesis.BaseSchema:
    config = schemathesis.Config(projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(DOCUMENT, config=config)


api = loaded(ProjectConfig(phases=PHASES))
valid = loaded(ProjectConfig(phases=FUZZING, generation=VALID))
fuzzed = hypothesis.settings(
    max_examples=EXAMPLES or 4,
    derandomize=EXAMPLES == 0,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

DYNAMIC = tuple(row.key for row in SETTINGS.values() if row.scope is Scope.DYNAMIC)
PROVIDER = "https://provider.example.org/echo"
"""In simulation every URL leads to the simulator."""
TRUSTED = {"plugins.ml_commons.trusted_connector_endpoints_regex": ["^https://provider\\.example\\.org/.*$"]}
GOOD = {
    "url": PROVIDER,
    "protocol": "http",
    "function_name": "remote",
    "credential": {"key": "secret"},
    "request_body": '{"v": "${parameters.v:-none}"}',
}
NEEDED: dict[str, Any] = {
    f"{ML}/connectors/_create": {
        "credential": None,
        "actions": [{"action_type": "predict", "method": "POST", "url": None, "request_body": None}],
    },
    f"{ML}/models/_register": {"connector_id": None},
}
"""Members without which no such body is complete, though the schema cannot say so."""
PLAIN = ("name", "description", "provisioned_by")
REFUSED = {"access_mode", "backend_roles", "add_all_backend_roles", "url"}
"""Members that a server without security refuses whatever they hold, and the URL of a local model."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gateway(tmp_path_factory.mktemp("openapi") / "data", "--simulate") as server:
        yield server.url
        assert server.running(), server.errors
        assert "Traceback" not in server.errors, server.errors


@pytest.fixture
def living(served: str) -> dict[str, str]:
    """Ids of a connector, a model in a group and its task, on a server with its first settings."""
    client = Client(served)
    reset = dict.fromkeys(DYNAMIC)
    client.ok("PUT", "/_cluster/settings", {"persistent": reset | TRUSTED, "transient": reset})
    connector = client.connector(PROVIDER)
    body = {"name": os.urandom(8).hex(), "function_name": "remote", "connector_id": connector}
    made = client.ok("POST", f"{ML}/models/_register", body)
    group = client.ok("GET", f"{ML}/models/{made['model_id']}")["model_group_id"]
    return {"connector_id": connector, "model_group_id": group, "node_id": "_all", **made}


def chance(case: schemathesis.Case) -> int:
    """A number that is the same for the same request."""
    return zlib.crc32(repr((case.path_parameters, case.body)).encode("utf-8", "replace"))


def aimed(case: schemathesis.Case, living: dict[str, str]) -> None:
    """Turns a request to what is there and to values that pass the first checks: else it would end at those."""
    case.path_parameters = {name: living.get(name, value) for name, value in (case.path_parameters or {}).items()}
    if not isinstance(case.body, dict):
        return
    if case.path == "/_cluster/settings":
        case.body = {scope: _renamed(case.body.get(scope), chance(case)) for scope in ("persistent", "transient")}
        return
    places = GOOD | living | {name: f"a-{chance(case)}" for name in PLAIN}
    given = {key: value for key, value in case.body.items() if key not in REFUSED}
    case.body = _turned(NEEDED.get(case.path, {}) | given, places)


def _renamed(values: Any, start: int) -> dict[str, Any]:
    """Made-up values under the names of settings."""
    made = list(values.values()) if isinstance(values, dict) and values else [start % 200]
    plain = [start % 7 if isinstance(value, (dict, list)) else value for value in made]
    return {DYNAMIC[(start + place) % len(DYNAMIC)]: value for place, value in enumerate(plain)}


def _turned(value: Any, places: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_turned(item, places) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: places[key] if key in places else _turned(item, places) for key, item in value.items()}


def test_the_document_is_the_one_that_is_served(served: str) -> None:
    assert Client(served).ok("GET", "/_fairlead/openapi.json") == DOCUMENT


def test_the_document_is_valid_openapi() -> None:
    api.validate()


def ask(case: schemathesis.Case, served: str) -> schemathesis.Response:
    """The answer, which is one that the document promises."""
    answer = case.call(base_url=served, timeout=30)
    assert 200 <= answer.status_code < 500, (case.as_curl_command(), answer.text[:2000])
    shape = [] if "filter_path" in (case.query or {}) else [SHAPE]
    case.validate_response(answer, checks=[*CONFORMANCE, *shape])
    return answer


def use(client: Client, made: Any) -> None:
    """Takes a new connector or model to its predicts, whatever odd things it holds."""
    model = made.get("model_id")
    if model is None:
        name = f"used {made['connector_id']}"
        body = {"name": name, "function_name": "remote", "connector_id": made["connector_id"]}
        registered = client("POST", f"{ML}/models/_register", body)
        assert registered.status in (200, 400, 404), registered
        if registered.status != 200:  # a dry run makes none, and one without actions is no use to a model
            return
        model = registered.body["model_id"]
    steps: list[tuple[str, str, Any]] = [
        ("POST", f"{ML}/models/{model}/_deploy", None),
        ("GET", f"{ML}/models/{model}", None),
        ("POST", f"{ML}/models/{model}/_predict", {"parameters": {"v": "x"}}),
        ("POST", f"{ML}/_predict/text_embedding/{model}", {"text_docs": ["a", "b"]}),
        ("POST", f"{ML}/models/{model}/_undeploy", None),
    ]
    for step in steps:
        answer = client(*step)
        assert answer.status < 500, (step, answer, client("GET", f"{ML}/models/{model}"))


@api.parametrize()
@fuzzed
def test_no_request_made_from_it_is_a_500_or_gets_an_answer_that_it_does_not_promise(
    case: schemathesis.Case, served: str, living: dict[str, str]
) -> None:
    if chance(case) % 2:
        aimed(case, living)
    ask(case, served)


@valid.parametrize()
@fuzzed
def test_no_valid_request_to_what_is_there_is_a_500_and_what_it_makes_can_be_used_without_one(
    case: schemathesis.Case, served: str, living: dict[str, str]
) -> None:
    aimed(case, living)
    if chance(case) % 4:
        case.query = {}
    answer = ask(case, served)
    if case.path in NEEDED and answer.status_code == 200 and not case.query:
        use(Client(served), answer.json())
