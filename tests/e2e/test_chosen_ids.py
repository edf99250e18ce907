"""Connectors and model groups under ids that the caller chooses (spec/01 1.13)."""

from __future__ import annotations

from typing import Any

import pytest

from client import ML, Answer, Client

CONNECTOR = {
    "name": "chosen",
    "version": 1,
    "protocol": "http",
    "credential": {"key": "k"},
    "actions": [{"action_type": "predict", "method": "POST", "url": "http://127.0.0.1:9/x", "request_body": "{}"}],
}
FORM = "must contain only letters, digits, underscores, and hyphens, and must start with a letter or digit"


def create(client: Client, kind: str, id: Any, name: str = "chosen id") -> Answer:
    if kind == "connector":
        return client("POST", f"{ML}/connectors/_create", {**CONNECTOR, "connector_id": id})
    return client("POST", f"{ML}/model_groups/_register", {"name": name, "model_group_id": id})


KINDS = pytest.mark.parametrize(("kind", "plural"), [("connector", "connectors"), ("model_group", "model_groups")])


@KINDS
def test_a_chosen_id_is_the_id_and_is_taken_once(client: Client, kind: str, plural: str) -> None:
    for id in (f"Mine-{kind}_1", "7", "a" * 512):
        made = create(client, kind, id, f"name of {id[:20]}")
        assert (made.status, made.body[f"{kind}_id"]) == (200, id)
        assert client("GET", f"{ML}/{plural}/{id}").status == 200
        again = create(client, kind, id, f"other name of {id[:20]}")
        label = kind.replace("_", " ")
        assert (again.status, again.body["error"]["reason"]) == (409, f"{label} id '{id}' already exists")
        assert again.body["error"]["type"] == "status_exception"
        assert client("DELETE", f"{ML}/{plural}/{id}").status == 200


@KINDS
@pytest.mark.parametrize(
    ("id", "fault"),
    [
        ("", "is invalid"),
        ("  ", "is invalid"),
        ("_a", "must not start with '_'"),
        ("-a", "must not start with '-'"),
        ("a" * 513, "is too long, max length is 512"),
        ("é" * 257, "is too long, max length is 512"),
        ("a b", FORM),
        ("é", FORM),
        ("a/b", FORM),
        (".a", FORM),
        ("a\n", FORM),
    ],
)
def test_an_id_that_is_none_is_refused(client: Client, kind: str, plural: str, id: str, fault: str) -> None:
    answer = create(client, kind, id)
    assert (answer.status, answer.body["error"]["type"]) == (400, "illegal_argument_exception")
    assert answer.body["error"]["reason"] == f"{kind.replace('_', ' ')} id {fault}"


@KINDS
def test_null_is_no_choice(client: Client, kind: str, plural: str) -> None:
    made = create(client, kind, None, f"null {kind}")
    assert made.status == 200
    assert len(made.body[f"{kind}_id"]) == 20
    assert client("DELETE", f"{ML}/{plural}/{made.body[f'{kind}_id']}").status == 200
