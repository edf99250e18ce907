"""Rules of the specification that no engine case shows, as data: script, parameters, result or error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.painless import CompileFault, RuntimeFault, compile_script
from fairlead.painless.jsonl import read_params

CASE_FILE = "spec"


def test_a_rule_of_the_specification_holds(spec_case: dict[str, Any]) -> None:
    params = read_params(json.dumps(spec_case.get("params", {})))
    if "compile" in spec_case:
        with pytest.raises(CompileFault) as refused:
            compile_script(spec_case["script"])
        cause = refused.value.envelope()["caused_by"]
        assert [cause["type"], cause["reason"]] == spec_case["compile"]
        return
    script = compile_script(spec_case["script"])
    if "error" in spec_case:
        with pytest.raises(RuntimeFault) as failed:
            script.run(params)
        cause = failed.value.envelope()["caused_by"]
        assert [cause["type"], cause["reason"]] == spec_case["error"]
        return
    assert script.run(params) == spec_case["expected"]
