"""Replies in YAML: the recorded form, and every JSON value unharmed."""

from __future__ import annotations

import pytest

from fairlead.api.yaml_text import yaml_of

REASON = "Failed to find connector with the provided connector id: no_such_connector"


def test_an_error_is_written_as_recorded() -> None:
    plain = {"type": "status_exception", "reason": REASON}
    text = (
        '---\nerror:\n  root_cause:\n  - type: "status_exception"\n'
        f'    reason: "{REASON}"\n  type: "status_exception"\n  reason: "{REASON}"\nstatus: 404\n'
    )
    assert yaml_of({"error": {"root_cause": [plain], **plain}, "status": 404}).decode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"connector_id": "dryRunConnector"}, '---\nconnector_id: "dryRunConnector"\n'),
        ({}, "--- {}\n"),
        ([], "--- []\n"),
        ("a", '--- "a"\n'),
        (None, "--- null\n"),
        ({"a": {}, "b": [], "c": None, "d": True, "e": 1.5, "f": 10**30}, f"---\na: {{}}\nb: []\nc: null\nd: true\ne: 1.5\nf: {10**30}\n"),
        ([1, [2, [3], {"a": 4, "b": [5]}]], "---\n- 1\n- - 2\n  - - 3\n  - a: 4\n    b:\n    - 5\n"),
        ({"a": {"b": {"c": [1]}}}, "---\na:\n  b:\n    c:\n    - 1\n"),
        ({"": 1, "no": 2, "a b": 3, "1": 4, "Null": 5, "plugins.x_y-z": 6}, '---\n"": 1\n"no": 2\n"a b": 3\n"1": 4\n"Null": 5\nplugins.x_y-z: 6\n'),
        ({"t": 'q" b\\ n\n r\r t\t z\0 c\x01 d\x7f u\u2028 e\u00e9'}, '---\nt: "q\\" b\\\\ n\\n r\\r t\\t z\\0 c\\x01 d\\x7f u\\u2028 e\u00e9"\n'),
        ({"t": "\ud800x"}, '---\nt: "?x"\n'),
    ],
)  # fmt: skip
def test_values_are_written_in_blocks_and_texts_in_quotes(value: object, text: str) -> None:
    assert yaml_of(value).decode() == text


def test_a_deep_reply_costs_no_stack() -> None:
    value: object = 1
    for _ in range(5_000):
        value = {"a": value}
    assert yaml_of(value).count(b"a:") == 5_000
