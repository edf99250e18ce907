"""How the code is laid out (style 1-3, 8): sizes, first lines, names, frozen values, case files that tests read."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from fairlead import errors

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fairlead"
MODULES = {path.relative_to(SOURCE).as_posix(): path.read_text("utf-8") for path in sorted(SOURCE.rglob("*.py"))}
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 500
LONGER: dict[str, int] = {}
"""Modules that are past the limit, and how far they may go: never a place for new ones."""


def test_a_module_is_one_concept_of_at_most_500_lines() -> None:
    sizes = {name: len(text.splitlines()) for name, text in MODULES.items()}
    assert {name: size for name, size in sizes.items() if size > LONGER.get(name, LONGEST)} == {}
    assert [name for name in LONGER if sizes.get(name, 0) <= LONGEST] == []


def test_a_module_says_first_what_it_does() -> None:
    docs = {name: ast.get_docstring(ast.parse(text)) or "" for name, text in MODULES.items() if text.strip()}
    silent = [name for name, doc in docs.items() if len(doc.split("\n")[0]) < 20 or doc.rstrip()[-1] not in ".)`"]
    assert silent == []


def test_no_module_is_named_after_nothing() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "base"}
    assert [name for name in MODULES if banned & set(re.split(r"[/_.]", name))] == []


def test_values_of_engine_and_domain_are_frozen_and_slotted() -> None:
    loose = [
        f"{name}: {node.name}"
        for name, text in MODULES.items()
        if name.split("/")[0] in ("engine", "domain")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
        for decorator in map(ast.unparse, node.decorator_list)
        if "dataclass" in decorator and not ("frozen=True" in decorator and "slots=True" in decorator)
    ]
    assert loose == []


def test_every_module_postpones_annotations() -> None:
    """One rule for Python 3.11 to 3.14."""
    line = "from __future__ import annotations"
    lacking = [
        name
        for name, text in MODULES.items()
        if line not in text and re.search(r"^(def|class|async def) ", text, re.MULTILINE)
    ]
    assert lacking == []


def test_every_case_file_is_json_and_read_by_a_test() -> None:
    cases = sorted((ROOT / "tests").rglob("cases/*.json"))
    assert cases
    for file in cases:
        assert json.loads(file.read_text("utf-8"))
    readers = "\n".join(path.read_text("utf-8") for path in TESTS)
    shared = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "bench").rglob("*.py")))
    unread = [file.name for file in cases if file.name not in readers + shared and file.stem not in readers + shared]
    assert unread == []


def test_no_two_test_modules_of_one_directory_tree_hide_each_other() -> None:
    """Every test module mirrors a module or names a subject: no numbers, no leftovers."""
    odd = [
        path.name
        for path in TESTS
        if re.search(r"(_old|_new|_tmp|_copy|\d+)\.py$", path.name) and path.stem != "test_sigv4"
    ]
    assert odd == []


TREE = re.compile(r"^([ |]*)\+- (\w+) +(\d+|any) (\w+)", re.MULTILINE)
OWN_STATUS = {"Unavailable": "503"}
"""Where the constructor gives the status."""


def test_the_error_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    told: dict[str, tuple[str, str, str]] = {}
    above = {0: "FairleadError"}
    for indent, name, status, type_name in TREE.findall(errors.__doc__ or ""):
        depth = len(indent) // 4 + 1
        above[depth] = name
        told[name] = (above[depth - 1], status, type_name)
    found = {
        name: (cls.__base__.__name__, told.get(name, ("", ""))[1], cls.type)
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, errors.FairleadError) and cls is not errors.FairleadError
    }
    assert told == found
    for name, (_, status, _) in told.items():
        if status != "any":
            assert OWN_STATUS.get(name, str(getattr(errors, name).default_status)) == status


def test_an_error_has_a_type_of_its_own_or_shares_its_parents_on_purpose() -> None:
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.FairleadError)]
    types: dict[str, list[str]] = {}
    for cls in classes:
        types.setdefault(cls.type, []).append(cls.__name__)
    shared = {type_name: names for type_name, names in types.items() if len(names) > 1}
    assert shared == {"status_exception": ["StatusFault", "PlainFault", "Unavailable"]}


PLACES = re.compile("/" + "|/".join(["work/", "root/", "home/"]))


@pytest.mark.parametrize("place", ["src", "tests", "bench", "docs", "scripts"])
def test_no_file_names_a_place_of_the_machine_it_was_written_on(place: str) -> None:
    suffixes = {".py", ".json", ".md", ".toml", ".sh", ".jsonl", ""}
    named = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sorted((ROOT / place).rglob("*"))
        if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts
        for found in [PLACES.search(path.read_text("utf-8", "replace"))]
        if found
    ]
    assert named == []
