"""Who may import whom (design section 2): the contracts of .importlinter, and what they cannot say."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fairlead"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE = ("engine", "domain")


def trees(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for module in MODULES:
        name = module.relative_to(SOURCE).as_posix()
        if not packages or name.split("/")[0] in packages:
            yield name, ast.parse(module.read_text("utf-8"))


def imported(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_the_import_contracts_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", run.stdout)


def test_engine_and_domain_read_no_clock_no_chance_and_no_environment() -> None:
    banned = {"time", "datetime", "random", "secrets", "uuid", "os", "sys", "socket", "threading", "asyncio", "pathlib"}
    found = {name: imported(tree) & banned for name, tree in trees(*PURE)}
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_nothing_is_imported_inside_a_function() -> None:
    inside = [
        f"{name}:{inner.lineno}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert inside == []


def test_no_text_is_ever_run_as_code() -> None:
    banned = {"exec", "eval", "compile", "__import__"}
    calls = [
        f"{name}:{node.lineno} {node.func.id}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in banned
    ]
    assert calls == []


HEAVY = {"aiohttp", "asyncio", "httptools", "sqlalchemy", "starlette", "uvicorn", "uvloop"}


@pytest.mark.parametrize(
    ("package", "banned"),
    [
        ("fairlead", HEAVY | {"cryptography"}),
        ("fairlead.domain.model", HEAVY | {"cryptography"}),
        ("fairlead.engine.compiled", HEAVY),
    ],
)
def test_the_library_does_not_load_servers_clients_or_databases(package: str, banned: set[str]) -> None:
    code = f"import sys, {package}; print(*[name for name in {banned!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
