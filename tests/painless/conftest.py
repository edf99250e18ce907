"""What the suites share: the engine's cases, running one, and a watch on faults of the interpreter."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent / "cases"


def engine_cases() -> list[dict[str, Any]]:
    """Scripts with the answers of a real engine (3.6.0)."""
    return [json.loads(line) for line in (CASES / "engine.jsonl").read_text("utf-8").splitlines()]


def spec_cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once for each case: `engine_case` all of the engine's, `engine_error` those with a place, `spec_case` those of a file."""
    if "engine_case" in metafunc.fixturenames:
        cases = engine_cases()
        metafunc.parametrize("engine_case", cases, ids=[case["id"] for case in cases])
    if "engine_error" in metafunc.fixturenames:
        cases = [case for case in engine_cases() if "offset" in case.get("error", {})]
        metafunc.parametrize("engine_error", cases, ids=[case["id"] for case in cases])
    if "spec_case" in metafunc.fixturenames:
        cases = spec_cases(metafunc.module.CASE_FILE)
        metafunc.parametrize("spec_case", cases, ids=[case["id"] for case in cases])


class _Faults(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage() + repr(record.exc_info))


@pytest.fixture(autouse=True)
def no_interpreter_faults() -> Iterator[None]:
    """Whatever a script does, the interpreter itself must not fail: it logs that, and the test fails here."""
    watch = _Faults()
    logger = logging.getLogger("fairlead.painless")
    logger.addHandler(watch)
    yield
    logger.removeHandler(watch)
    assert watch.seen == []
