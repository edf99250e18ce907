"""YAML files that are read and refused; the cases stand in cases/yaml.json."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("yaml")

from fairlead.security.yaml_reader import MOST_BYTES, YamlFault, read_yaml, read_yaml_file

CASES = json.loads((Path(__file__).parent / "cases" / "yaml.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_text_is_read_or_refused_with_its_place(case: dict[str, Any]) -> None:
    data = case["text"].encode()
    if "fault" not in case:
        assert read_yaml(data) == case["value"]
        return
    with pytest.raises(YamlFault) as fault:
        read_yaml(data)
    assert case["fault"] in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("data", [b"a: \xff", b" " * (MOST_BYTES + 1)])
def test_what_is_not_utf_8_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(YamlFault):
        read_yaml(data)


@given(st.text(st.sampled_from("ab:-[]{}&*!?|>'\"%@`#, \n\t\\x0e1~"), max_size=40))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(YamlFault):
        read_yaml(text.encode())


@pytest.mark.parametrize("kind", ["pipe", "endless", "directory", "large"])
def test_a_file_that_is_none_or_too_large_is_refused_without_waiting_or_reading_on(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(YamlFault):
        read_yaml_file(path)


def test_a_file_is_read_through_links(tmp_path: Path) -> None:
    (tmp_path / "data.yml").write_text("a: b")
    (tmp_path / "link.yml").symlink_to("data.yml")
    assert read_yaml_file(tmp_path / "link.yml") == {"a": "b"}
