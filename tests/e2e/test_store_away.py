"""A store that fails: what needs it says so with a 503, what does not goes on."""

from __future__ import annotations

from pathlib import Path

from client import ML, Client
from process import gateway


def test_a_damaged_database_is_a_503_and_loaded_models_go_on(tmp_path: Path, simulator: str) -> None:
    with gateway(tmp_path / "data") as server:
        client = Client(server.url)
        client.trust_local()
        connector = client.connector(f"{simulator}/echo")
        loaded = client.model(connector, "loaded")
        client.ok("POST", f"{ML}/models/{loaded}/_deploy")
        other = client.model(connector, "not loaded")
        for path in (tmp_path / "data").glob("fairlead.db*"):
            path.write_bytes(b"this is no database" * 1000)
        assert client.predict(loaded, v="x").status == 200
        for answer in (
            client("GET", f"{ML}/models/{other}"),
            client("POST", f"{ML}/model_groups/_register", {"name": "lost"}),
            client("POST", f"{ML}/connectors/_search", {}),
            client.predict(other),
            client("GET", "/_fairlead/health/ready"),
        ):
            assert answer.status == 503, answer
        assert client("GET", "/_fairlead/health/live").status == 200
        assert client.predict(loaded, v="x").status == 200
        server.kill()


def test_a_database_file_that_was_removed_takes_no_more_writes(tmp_path: Path) -> None:
    """They would be acknowledged and never found again."""
    with gateway(tmp_path / "data") as server:
        client = Client(server.url)
        client.ok("POST", f"{ML}/model_groups/_register", {"name": "kept"})
        for path in (tmp_path / "data").glob("fairlead.db*"):
            path.unlink()
        answer = client("POST", f"{ML}/model_groups/_register", {"name": "lost"})
        assert answer.status == 503
        assert "No such file" in answer.body["error"]["reason"]
        assert client("GET", "/_fairlead/health/ready").status == 503
        server.kill()
