"""Nobody forgets the caller (S-24): where a service asks who it is, the API hands over the request's principal."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from fairlead.service import house

SOURCE = Path(__file__).parents[2] / "src" / "fairlead"
API = sorted((SOURCE / "api").rglob("*.py"))


def asking() -> set[tuple[str, str]]:
    """Service and method, as the house names them, of everything that takes a `principal`."""
    found = set()
    for node in ast.walk(ast.parse((SOURCE / "service" / "house.py").read_text("utf-8"))):
        match node:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name("self"), attr=name)], value=ast.Call(func=ast.Name(service))
            ):
                methods = inspect.getmembers(getattr(house, service, None), inspect.isfunction)
                found |= {(name, each) for each, does in methods if "principal" in inspect.signature(does).parameters}
    return found


def calls() -> Iterator[tuple[str, str, str, bool]]:
    """Place, service, method, and whether an argument is a principal, of each call of a service."""
    for path in API:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            service = ast.unparse(node.func.value).rpartition(".")[2]
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            given = any(ast.unparse(argument).rpartition(".")[2] == "principal" for argument in arguments)
            yield f"{path.relative_to(SOURCE)}:{node.lineno}", service, node.func.attr, given


def test_every_call_of_a_service_that_asks_for_the_caller_names_him() -> None:
    wanted = asking()
    assert {("connectors", "update"), ("search", "search"), ("predict", "predict")} <= wanted
    made = [(place, given) for place, service, method, given in calls() if (service, method) in wanted]
    assert len(made) > 15
    assert [place for place, given in made if not given] == []
