"""Writes docs/reference from the tables of the code: routes, settings, functions, metrics. `--check` only compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from fairlead.api.openapi.document import document
from fairlead.api.route import Access, Route
from fairlead.api.routes import ROUTES
from fairlead.api.security_routes import PREFIXES, SECURITY_ROUTES
from fairlead.domain.cluster_settings import SETTINGS, Setting
from fairlead.engine.functions.post import POST_FUNCTIONS
from fairlead.engine.functions.pre import PRE_FUNCTIONS
from fairlead.painless import supported
from fairlead.service.counts.meter import BOUNDS
from fairlead.service.counts.metrics import METRICS
from fairlead.settings import DOCS, FLAGS, Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "Generated from the code by `scripts/docs`; edit the tables there, not this page.\n"


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _who(route: Route) -> str:
    return f"`{route.action}`" if route.access is Access.PRIVILEGE else route.access


def routes() -> str:
    rows = (
        (f"`{r.method}`", f"`{r.path}`", r.doc, ", ".join(f"`{p}`" for p in r.parameters) or "–", _who(r))
        for r in ROUTES
    )
    intro = (
        "Every route also takes `pretty`, `human`, `error_trace`, `format` and `filter_path`. An unknown path answers 400,\n"
        "a known path with another method 405; see [differences](../differences.md) for where we depart from the original.\n"
    )
    head = ("Method", "Path", "What it does", "Query parameters", "Privilege")
    security = (
        "\n## Security REST API\n\nThere while authentication is on; every path also under `/_opendistro/_security`.\n\n"
        + table(
            head[:3] + ("Who may",),
            (
                (f"`{r.method}`", f"`{r.path}`", r.doc, _who(r))
                for r in SECURITY_ROUTES
                if r.path.startswith(PREFIXES[0])
            ),
        )
    )
    return f"# Routes\n\n{NOTE}\n{intro}\n" + table(head, rows) + security


def _default(row: Setting) -> str:
    if isinstance(row.default, str):
        return f"`{row.default}`" if row.default else "empty"
    return ", ".join(f"`{item}`" for item in row.default) or "empty list"


def _bounds(row: Setting) -> str:
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    low = "" if row.low is None else f"≥ {row.low:g}"
    high = "" if row.high is None else f"≤ {row.high:g}"
    return " and ".join(part for part in (low, high) if part) or "–"


def cluster_settings() -> str:
    rows = ((f"`{r.key}`", r.type, _default(r), _bounds(r), r.scope, r.effect) for r in SETTINGS.values())
    intro = (
        "Read and changed with `GET` and `PUT /_cluster/settings`, in scope `persistent` or `transient`. Dynamic settings act\n"
        "at once on every worker; static and final ones cannot be changed while running.\n"
    )
    return f"# Cluster settings\n\n{NOTE}\n{intro}\n" + table(
        ("Key", "Type", "Default", "Bounds", "Kind", "Effect"), rows
    )


def process_settings() -> str:
    rows = (
        (
            f"`{f.name}`",
            f"`--{f.name.replace('_', '-')}`" if f.name in FLAGS else "–",
            f"`FAIRLEAD_{f.name.upper()}`",
            f"`{f.default}`" if f.default not in ("", ()) else "–",
            DOCS[f.name],
        )
        for f in fields(Settings)
    )
    intro = (
        "A flag of `fairlead serve` wins over the environment, and that over `fairlead.toml` (or `--config FILE`). Settings\n"
        "without a flag are set in the environment or the file. An unknown key in the file is an error,\n"
        "an unknown `FAIRLEAD_` variable a warning at start.\n"
        "In Kubernetes, a Service called `fairlead` puts `FAIRLEAD_PORT=tcp://...` into each pod, which is no port: give the Service\n"
        "another name, or the pods `enableServiceLinks: false`.\n"
    )
    return f"# Process settings\n\n{NOTE}\n{intro}\n" + table(
        ("In the file", "Flag", "Environment", "Default", "Meaning"), rows
    )


def functions() -> str:
    pre = table(
        ("Name", "Takes", "Produces", "Documents per call"),
        ((f"`{f.name}`", f.takes, f.produces, f.step or "all") for f in PRE_FUNCTIONS.values()),
    )
    post = table(
        ("Name", "Reads (unless `response_filter` is set)", "Gives"),
        ((f"`{f.name}`", f"`{f.filter}`", f.gives) for f in POST_FUNCTIONS.values()),
    )
    return (
        f"# Built-in functions\n\n{NOTE}\n## Pre-process functions\n\nA predict with raw `parameters` passes them by.\n\n"
        f"{pre}\n## Post-process functions\n\n{post}"
    )


def painless() -> str:
    classes: dict[str, list[str]] = {}
    for name, member, _ in supported():
        classes.setdefault(name, []).append(member)
    lines = [
        f"| `{name}` | {', '.join(f'`{member}`' for member in sorted(set(members)))} |"
        for name, members in sorted(classes.items())
    ]
    intro = (
        "Scripts run as in the context `template`: the one variable is the map `params`, the result is a String. The language\n"
        "is that of the original; these classes and members are allowed. What is not listed is a compile error. Limits:\n"
        "a million loop iterations per function, five million steps, 16 million characters and two million elements per run,\n"
        "five seconds of processor time; patterns are bounded in input and time.\n"
    )
    head = "| Class | Members |\n| --- | --- |\n"
    return f"# Painless: what scripts may use\n\n{NOTE}\n{intro}\n{head}" + "\n".join(lines) + "\n"


def metrics() -> str:
    rows = (
        (
            f"`{m.name}`",
            m.kind,
            ", ".join(f"`{name}`" for name in (*m.labels, *(("worker",) if m.by_worker else ()))) or "–",
            m.doc,
        )
        for m in METRICS
    )
    intro = (
        "`GET /_fairlead/metrics` gives them in the text format of Prometheus, for all workers of the node that is asked; those of\n"
        "other workers are at most a second old. A worker's replacement goes on from its counts; a start of the server begins at 0.\n"
        f"Buckets of histograms end at {', '.join(f'{bound:g}' for bound in BOUNDS)} seconds.\n"
    )
    return f"# Metrics\n\n{NOTE}\n{intro}\n" + table(("Name", "Type", "Labels", "Meaning"), rows)


def openapi() -> str:
    return json.dumps(document(ROUTES), indent=2, ensure_ascii=False) + "\n"


PAGES = {
    "openapi.json": openapi,
    "painless.md": painless,
    "routes.md": routes,
    "cluster-settings.md": cluster_settings,
    "process-settings.md": process_settings,
    "functions.md": functions,
    "metrics.md": metrics,
}


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if check and (not path.is_file() or path.read_text("utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, "utf-8")
    if stale:
        sys.stdout.write(f"Out of date: {', '.join(stale)}. Run scripts/docs.\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
