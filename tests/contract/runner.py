"""Replays recorded scenarios against a server and compares its answers with a real node's. It starts no server.

    python tests/contract/runner.py AREA [--show] [--only TEXT] --base URL --upstream URL

A scenario is a list of steps: `method`, `path`, `body` or `raw`, `headers`, `save` (variable: pointer into the reply),
`until` (pointer: value, or "*" for any; the step is repeated for some seconds). `{{name}}` stands for a saved value,
`{{upstream}}` for the provider; a path `upstream:/...` goes to the provider. `accept` says why another answer is wanted.
What differs between any two runs (ids, times, ports, node names) is masked before two replies are compared.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
UPSTREAM = "upstream:"
SECURED_AREAS = frozenset({"access", "security_api"})
"""Areas that were recorded with users; the server under test starts with those of data/security."""
LOGINS = {
    "admin": "admin:Admin_pass_1",
    "alice": "alice:Alice_pass_1",
    "bob": "bob:Bob_pass_1",
    "carol": "carol:Carol_pass_1",
    "eve": "eve:wrong-password",
}
CALL_SECONDS = 30.0
UNTIL_SECONDS = 20.0
UNTIL_PAUSE = 0.05
FAILED = frozenset({"FAILED", "DEPLOY_FAILED"})
"""States of a task and a model that nothing else comes after."""
SHOWN_HEADERS = ("allow", "www-authenticate", "retry-after", "warning")


@dataclass(frozen=True, slots=True)
class Answer:
    """A step's reply (`status`, `type`, `json` or `text`, and the headers that matter) and the variables known after it."""

    request: str
    response: Mapping[str, Any]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Area:
    """The scenarios of one area, and the recorded answers by scenario name."""

    name: str
    scenarios: Sequence[Mapping[str, Any]]
    records: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A step whose answer is another than the recorded one; `wanted` says why that is right, if it is."""

    scenario: str
    step: int
    request: str
    note: str
    wanted: str
    recorded: object
    answered: object


@dataclass(frozen=True, slots=True)
class Parity:
    """How many steps were compared, and those that differ."""

    steps: int
    differences: tuple[Difference, ...]

    @property
    def unwanted(self) -> tuple[Difference, ...]:
        return tuple(difference for difference in self.differences if not difference.wanted)

    @property
    def share(self) -> float:
        """Equal and wanted steps in all steps, from 0 to 1."""
        return 1.0 if not self.steps else (self.steps - len(self.unwanted)) / self.steps


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def load(area: str) -> Area:
    """An area from tests/contract/data; raises FileNotFoundError for a name without data."""
    return Area(area, _json(DATA / "scenarios" / f"{area}.json"), _json(DATA / "records" / f"{area}.json"))


def newer() -> dict[str, dict[str, str]]:
    """Steps where something else than the record is wanted: scenario, step number, reason."""
    table: dict[str, dict[str, str]] = _json(DATA / "newer.json")
    return table


def needs() -> dict[str, str]:
    """Scenarios that need a part that is not there yet, with the reason; they are not replayed."""
    table: dict[str, str] = _json(HERE / "needs.json")
    return table


# Driving.


def call(
    base: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    login: str | None = None,
) -> dict[str, Any]:
    """One request on a connection of its own; `login` is user:password. A reply that never came has status 0 and the name
    of what happened as text."""
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=CALL_SECONDS)
    sent = dict(headers or {})
    if login is not None:
        sent["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode("ascii")
    try:
        connection.request(method, path, body=body, headers=sent)
        reply = connection.getresponse()
        text = reply.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "text": type(error).__name__}
    finally:
        connection.close()
    answer: dict[str, Any] = {"status": reply.status, "type": (reply.getheader("content-type") or "").split(";")[0]}
    answer |= {name: value for name in SHOWN_HEADERS if (value := reply.getheader(name))}
    try:
        answer["json"] = json.loads(text)
    except ValueError:
        answer["text"] = text
    return answer


_MISSING = object()


def pointed(document: Any, pointer: str) -> Any:
    """The value at a pointer (`/a/0/b`), or a marker that equals nothing."""
    for part in filter(None, pointer.split("/")):
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return _MISSING
    return document


_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with every known `{{name}}` in its texts and names replaced."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {filled(name, variables): filled(item, variables) for name, item in value.items()}
    return value


def drive(
    scenario: Mapping[str, Any],
    base: str,
    upstream: str,
    logins: Mapping[str, str] | None = None,
    records: Sequence[Mapping[str, Any]] = (),
) -> list[Answer]:
    """Runs a scenario's steps in order. `logins` gives user:password by name; without it nothing is authenticated. With its
    `records` no time is lost in waiting for what a step should have begun that was refused here, and not there."""
    variables = {"upstream": upstream}
    call(upstream, "DELETE", "/__requests")
    answers: list[Answer] = []
    refused = False
    for number, step in enumerate(scenario["steps"]):
        send = _sender(step, base, upstream, variables, logins)
        response = send()
        # What an earlier step was refused will not come, however long one waits for it.
        waits = 0.0 if refused or "/missing-" in filled(step["path"], variables) else UNTIL_SECONDS
        end = time.monotonic() + waits
        while not _settled(response, step.get("until")) and time.monotonic() < end:
            time.sleep(UNTIL_PAUSE)
            response = send()
        recorded = records[number]["response"]["status"] if records else 0
        refused = 0 < recorded < 400 <= response["status"]
        for name, pointer in step.get("save", {}).items():
            value = pointed(response.get("json"), pointer)
            variables[name] = f"missing-{name}" if value is _MISSING else str(value)
        answers.append(Answer(f"{step.get('method', 'GET')} {step['path']}", response, dict(variables)))
    return answers


def _sender(
    step: Mapping[str, Any], base: str, upstream: str, variables: Mapping[str, str], logins: Mapping[str, str] | None
) -> Callable[[], dict[str, Any]]:
    path = filled(step["path"], variables)
    to_provider = path.startswith(UPSTREAM)
    target, path = (upstream, path[len(UPSTREAM) :]) if to_provider else (base, path)
    text = None
    if "raw" in step:
        text = filled(step["raw"], variables)
    elif "body" in step:
        text = json.dumps(filled(step["body"], variables))
    headers = {} if text is None else {"Content-Type": "application/json"}
    headers |= step.get("headers", {})
    sent = {name: value for name, value in headers.items() if value is not None}
    login = None if logins is None or to_provider else logins.get(step.get("auth", "admin"))
    body = None if text is None else text.encode()
    return lambda: call(target, step.get("method", "GET"), path, body, sent, login)


def _settled(response: Mapping[str, Any], until: Mapping[str, Any] | None) -> bool:
    """Whether what is waited for is there, or has failed."""
    values = [(pointed(response.get("json"), pointer), wanted) for pointer, wanted in (until or {}).items()]
    reached = all(value is not _MISSING and wanted in ("*", value) for value, wanted in values)
    return reached or any(isinstance(value, str) and value in FAILED for value, _ in values)


# Masking.

_TIME_NAME = re.compile(r"created?_time|last_\w+_time|\w*_time|took|last_accessed_time|timestamp|date")
_COUNTER_NAMES = frozenset({"_seq_no", "_primary_term", "_version", "ml_jvm_heap_usage"})
_SET_NAMES = frozenset({"allow", "keys"})
"""Texts made from sets: their order differs from start to start."""
_TRANSPORT_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization_date",
        "connection",
        "content-length",
        "date",
        "host",
        "http2-settings",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amz-date",
    }
)
"""Headers of a request to a provider that say something about the client library, not about the gateway."""
_ID_NAME = re.compile(r"(?=.*[A-Z0-9])[A-Za-z0-9_-]{20,22}")
_ID = re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[A-Z0-9])[A-Za-z0-9_-]{20,22}(?![A-Za-z0-9_-])")
_HOST = re.compile(r"127\.0\.0\.1:\d+|localhost:\d+")
_LISTING = re.compile(r"(allowed: \[|Supported are: )([A-Za-z, ]+)")
_SIGNATURE = re.compile(r"Credential=[^,]+, SignedHeaders=([^,]+), Signature=[0-9a-f]{64}")


def _sorted_names(text: str) -> str:
    return ",".join(sorted(name.strip() for name in text.split(",")))


def _masked_text(text: str, variables: Mapping[str, str], name: str) -> str:
    for variable, value in variables.items():
        if len(value) >= 8:
            text = text.replace(value, f"<{variable}>")
    text = _HOST.sub("<host>", _ID.sub("<id>", text))
    if name in _SET_NAMES:
        text = _sorted_names(text)
    text = _LISTING.sub(lambda found: found[1] + _sorted_names(found[2]), text)
    return _SIGNATURE.sub(r"Credential=<c>, SignedHeaders=\1, Signature=<s>", text)


def masked(value: Any, variables: Mapping[str, str], name: str = "") -> Any:
    """The value without what differs between two runs; `name` is the member that holds it."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if name != "headers" or k not in _TRANSPORT_HEADERS}
        return {"<id>" if _ID_NAME.fullmatch(k) else k: masked(v, variables, k) for k, v in kept.items()}
    if isinstance(value, list):
        return [masked(item, variables, name) for item in value]
    if isinstance(value, str):
        return _masked_text(value, variables, name)
    if isinstance(value, (int, float)):
        if not isinstance(value, bool) and _TIME_NAME.fullmatch(name):
            return "<time>"
        if name in _COUNTER_NAMES:
            return f"<{name}>"
    return value


def _with_parsed_bodies(value: Any) -> Any:
    """A body text that is JSON compares as JSON, so that spaces and the order of members do not matter."""
    if isinstance(value, list):
        return [_with_parsed_bodies(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for name, item in value.items():
        out[name] = _with_parsed_bodies(item)
        if name == "body" and isinstance(item, str) and item[:1] in ("[", "{"):
            try:
                out[name] = _with_parsed_bodies(json.loads(item))
            except ValueError:
                continue
    return out


def comparable(response: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    """What two runs of the same step must have in common."""
    return _with_parsed_bodies(masked(response, variables))


# Comparing.


def _says_when(recorded: Any, answered: Any) -> str:
    """A refusal for too many calls that tells more than the recorded one: when to try again."""
    if answered is None or answered["status"] != 429 or "retry-after" in recorded:
        return ""
    same = recorded == {name: value for name, value in answered.items() if name != "retry-after"}
    return "better: every 429 has a Retry-After header" if same else ""


def compare(area: Area, answers: Mapping[str, Sequence[Answer]]) -> Parity:
    """The answers by scenario name against the records. A step without an answer differs; clearing the provider's log does
    not count as a step."""
    wanted = newer()
    steps = 0
    differences = []
    for scenario, given in answers.items():
        for number, record in enumerate(area.records[scenario]["steps"]):
            method, path = record["request"].split()[:2]
            if method == "DELETE" and path.startswith(UPSTREAM):
                continue
            steps += 1
            answer = given[number] if number < len(given) else None
            recorded = comparable(record["response"], record["vars"])
            answered = None if answer is None else comparable(answer.response, answer.variables)
            if recorded == answered:
                continue
            reason = record["accept"] or wanted.get(scenario, {}).get(str(number), "") or _says_when(recorded, answered)
            request, note = record["request"], record["note"]
            differences.append(Difference(scenario, number, request, note, reason, recorded, answered))
    return Parity(steps, tuple(differences))


def replay(area: Area, base: str, upstream: str, only: str = "") -> Parity:
    """Drives the scenarios whose name has `only` in it, but for those in the needs table, and compares."""
    missing = needs()
    logins = LOGINS if area.name in SECURED_AREAS else None
    answers = {
        scenario["name"]: drive(scenario, base, upstream, logins, area.records[scenario["name"]]["steps"])
        for scenario in area.scenarios
        if only in scenario["name"] and scenario["name"] not in missing
    }
    return compare(area, answers)


# Showing.


def first_difference(recorded: Any, answered: Any, path: str = "") -> tuple[str, Any, Any]:
    """Where two values part, with both sides there."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for name in [*recorded, *(name for name in answered if name not in recorded)]:
            if recorded.get(name, _MISSING) != answered.get(name, _MISSING):
                return first_difference(recorded.get(name), answered.get(name), f"{path}/{name}")
    if isinstance(recorded, list) and isinstance(answered, list) and len(recorded) == len(answered):
        for number, (left, right) in enumerate(zip(recorded, answered, strict=True)):
            if left != right:
                return first_difference(left, right, f"{path}/{number}")
    return path or "/", recorded, answered


def described(difference: Difference, cut: int = 600) -> str:
    """The step, where its answers part, both sides there, and both whole, each cut."""
    path, recorded, answered = first_difference(difference.recorded, difference.answered)
    note = f"  ({difference.note})" if difference.note else ""
    rows = [
        ("recorded", recorded),
        ("answered", answered),
        ("recorded, whole", difference.recorded),
        ("answered, whole", difference.answered),
    ]
    lines = [f"  {label:16s} {json.dumps(value)[:cut]}" for label, value in rows]
    head = f"{difference.scenario} [{difference.step}] {difference.request}{note}"
    return "\n".join([head, f"  they part at     {path}", *lines])


def report(parity: Parity, show: bool) -> Iterable[str]:
    """Lines for a reader: with `show` each unwanted difference, then the figures."""
    if show:
        yield from (f"{described(difference)}\n" for difference in parity.unwanted)
    wanted = len(parity.differences) - len(parity.unwanted)
    same = parity.steps - len(parity.differences)
    yield f"{same} of {parity.steps} steps equal, {wanted} wanted differences, {len(parity.unwanted)} unwanted"
    yield f"parity {100 * parity.share:.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every step is equal or wanted, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Replay an area of recorded scenarios against a server.")
    parser.add_argument("area")
    parser.add_argument("--base", default="http://127.0.0.1:9200", help="the server under test")
    parser.add_argument("--upstream", default="http://127.0.0.1:9955", help="the simulator, as the server reaches it")
    parser.add_argument("--show", action="store_true", help="print every unwanted difference")
    parser.add_argument("--only", default="", help="scenarios with this text in their name")
    given = parser.parse_args(arguments)
    parity = replay(load(given.area), given.base, given.upstream, given.only)
    sys.stdout.write("\n".join(report(parity, given.show)) + "\n")
    return 1 if parity.unwanted else 0


if __name__ == "__main__":
    sys.exit(main())
