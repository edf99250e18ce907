"""Documentation fails the build: the reference is generated from the tables, and every link and test it names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.api.routes import ROUTES
from fairlead.api.security_routes import SECURITY_ROUTES
from fairlead.domain.cluster_settings import SETTINGS
from fairlead.settings import DOCS, NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_reference_is_what_the_tables_say() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_route_setting_and_flag_has_a_sentence() -> None:
    assert all(route.doc.endswith(".") for route in (*ROUTES, *SECURITY_ROUTES))
    assert all(setting.effect.endswith(".") for setting in SETTINGS.values())
    assert set(DOCS) == set(NAMES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(docs/([^)#]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize(
    "page", ["architecture.md", *(f"decisions/{p.name}" for p in PAGES if p.parent.name == "decisions")]
)
def test_modules_that_are_named_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    named = set(
        re.findall(r"`((?:api|cli|domain|engine|painless|search|security|service|store|transport)/[\w/]+\.py)", text)
    )
    assert [name for name in sorted(named) if not (ROOT / "src" / "fairlead" / name).exists()] == []


def test_every_difference_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "differences.md").read_text("utf-8")
    named = set(re.findall(r"`(tests/[\w/.]+)`", text))
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_no_tracked_file_names_this_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert files
    for name in files:
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".txt", ".json", "") and path.is_file():
            assert str(ROOT) not in path.read_text("utf-8", "replace"), name


def test_no_tracked_file_holds_an_unresolved_merge() -> None:
    marks = ("-e", "^<<<<<<< ", "-e", "^>>>>>>> ")
    found = subprocess.run(["git", "grep", "-lI", *marks], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, ""), found.stdout + found.stderr
