"""Metrics and timings of a real server: what happened is what is counted, over all workers, and no label is a caller's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from client import ML, Client
from fairlead.service.counts.metrics import METRICS
from process import gateway, providers

METRICS_PATH = "/_fairlead/metrics"
PREDICTS = 'fairlead_requests_total{method="POST",route="/_plugins/_ml/models/{model_id}/_predict",status="%d"}'


def scraped(client: Client) -> dict[str, float]:
    answer = client("GET", METRICS_PATH)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.mark.parametrize("lane", ["false", "true"])
def test_what_happened_is_counted(tmp_path: Path, lane: str) -> None:
    environment = {"FAIRLEAD_FAST_LANE": lane}
    with providers() as provider, gateway(tmp_path / "data", environment=environment) as server:
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(f"{provider.url}/echo"))
        statuses = [client.predict(model, v=str(number)).status for number in range(3)]
        assert statuses == statuses[:1] * 3
        assert client("POST", f"{ML}/models/nothing/_predict", {"parameters": {}}).status == 404
        assert client("GET", "/no/such/path?x=1").status == 400
        client.raw("BREW", "/")
        found = scraped(client)
        assert found[PREDICTS % statuses[0]] == 3
        assert found[PREDICTS % 404] == 1
        assert found['fairlead_requests_total{method="GET",route="none",status="400"}'] == 1
        assert found[f'fairlead_predict_seconds_count{{model="{model}"}}'] == 3
        assert sum(count for name, count in found.items() if name.startswith("fairlead_upstream_replies_total")) == 3
        assert found["fairlead_upstream_seconds_count"] == 3
        assert found["fairlead_pool_connections"] == 1
        assert found["fairlead_predict_received_bytes_total"] > 0
        assert found["fairlead_predict_sent_bytes_total"] > 0
        assert found["fairlead_workers_up"] == 1
        assert found["fairlead_store_up"] == 1
        assert found['fairlead_snapshot_lag_revisions{worker="0"}'] == 0
        assert found['fairlead_worker_resident_bytes{worker="0"}'] > 10_000_000
        assert found['fairlead_worker_open_files{worker="0"}'] > 5
        assert found['fairlead_worker_tasks{worker="0"}'] > 1


def test_every_line_belongs_to_a_metric_of_the_table(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as server:
        text = Client(server.url)("GET", METRICS_PATH).text
    heads = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert heads == [(metric.name, metric.kind) for metric in METRICS]
    named = set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= {metric.name for metric in METRICS}


def test_all_workers_are_counted_and_a_replacement_goes_on(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        client = Client(server.url)
        name = 'fairlead_requests_total{method="GET",route="/",status="200"}'
        for _ in range(20):
            client.ok("GET", "/")
        found = scraped(client)
        while found["fairlead_workers_up"] < 2 or found.get(name, 0) < 20:
            found = scraped(client)  # the others show what they counted once a second
        assert found[name] == 20
        assert {'fairlead_worker_resident_bytes{worker="0"}', 'fairlead_worker_resident_bytes{worker="1"}'} <= set(
            found
        )


def test_who_asks_is_told_where_a_predict_s_time_went(tmp_path: Path) -> None:
    with providers() as provider, gateway(tmp_path / "data") as server:
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(f"{provider.url}/v1/nothing"))
        path, body = f"{ML}/models/{model}/_predict", b'{"parameters":{"v":"1"}}'
        json_type = {"Content-Type": "application/json"}
        silent = client.raw("POST", path, body, json_type)
        assert "server-timing" not in silent.headers
        asked = client.raw("POST", path, body, {**json_type, "fairlead-timing": "1"})
        parts = dict(re.findall(r"(\w+);dur=([\d.]+)", asked.headers["server-timing"]))
        assert list(parts) == ["decode", "prepare", "upstream", "interpret", "total"]
        times = {name: float(value) for name, value in parts.items()}
        assert times["total"] >= times["decode"] + times["prepare"] + times["upstream"] + times["interpret"] - 0.01
        assert (asked.status, asked.body) == (silent.status, silent.body)


@pytest.mark.parametrize("lane", ["false", "true"])
def test_the_access_log_has_a_line_for_each_request(tmp_path: Path, lane: str) -> None:
    file = tmp_path / "access.log"
    environment = {"FAIRLEAD_FAST_LANE": lane, "FAIRLEAD_ACCESS_LOG": str(file)}
    with gateway(tmp_path / "data", environment=environment) as server:
        client = Client(server.url)
        client.ok("GET", "/")
        client("GET", "/nowhere?key=secret")
        client.raw(
            "POST",
            f"{ML}/models/m/_predict",
            b'{"parameters":{"v":"secret"}}',
            {"Content-Type": "application/json", "X-Request-Id": "r-1"},
        )
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [(row["method"], row["path"], row["route"], row["status"]) for row in rows] == [
        ("GET", "/", "/", 200),
        ("GET", "/nowhere", "none", 400),
        ("POST", f"{ML}/models/m/_predict", f"{ML}/models/{{model_id}}/_predict", 404),
    ]
    assert rows[2]["request_id"] == "r-1"
    assert all(row["ms"] > 0 and row["sent"] > 0 and row["client"] == "127.0.0.1" for row in rows)
    assert "secret" not in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
