"""The runner itself: what it masks, what it must still see, and that its tables name scenarios that exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import runner
from process import Server, providers

AREAS = sorted(path.stem for path in (runner.DATA / "scenarios").glob("*.json"))
DIFFERENCES: dict[str, dict[str, dict[str, str]]] = json.loads(
    (Path(runner.HERE) / "differences.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Server]:
    with providers() as running:
        yield running


def recorded_answers(area: runner.Area) -> dict[str, list[runner.Answer]]:
    return {
        name: [runner.Answer(step["request"], step["response"], step["vars"]) for step in record["steps"]]
        for name, record in area.records.items()
    }


def steps_by_scenario() -> dict[str, int]:
    return {s["name"]: len(s["steps"]) for area in AREAS for s in runner.load(area).scenarios}


@pytest.mark.parametrize("area", AREAS)
def test_a_record_has_every_step_of_its_scenarios_and_equals_itself(area: str) -> None:
    loaded = runner.load(area)
    assert [s["name"] for s in loaded.scenarios] == list(loaded.records)
    assert all(len(s["steps"]) == len(loaded.records[s["name"]]["steps"]) for s in loaded.scenarios)
    parity = runner.compare(loaded, recorded_answers(loaded))
    assert parity.steps > 0
    assert parity.differences == ()
    assert parity.share == 1.0


def test_a_changed_value_a_missing_step_and_another_status_are_differences() -> None:
    area = runner.load("seeds")
    name = area.scenarios[0]["name"]
    answers = recorded_answers(area)[name]
    changed = [*answers]
    changed[0] = runner.Answer(answers[0].request, {**answers[0].response, "status": 500}, answers[0].variables)
    changed[2] = runner.Answer(
        answers[2].request,
        {**answers[2].response, "json": {**answers[2].response["json"], "access": "private"}},
        answers[2].variables,
    )
    parity = runner.compare(area, {name: changed[:-1]})
    assert [difference.step for difference in parity.unwanted] == [0, 2, len(answers) - 1]
    assert parity.share == pytest.approx((parity.steps - 3) / parity.steps)
    assert "/json/access" in runner.described(parity.unwanted[1])
    assert list(runner.report(parity, show=False))[-1] == f"parity {100 * parity.share:.1f} %"


def test_a_difference_that_the_newer_table_names_is_wanted() -> None:
    scenario, steps = next((name, steps) for name, steps in runner.newer().items() if name.startswith("seeds"))
    area = runner.load("seeds")
    answers = recorded_answers(area)[scenario]
    number = int(next(iter(steps)))
    answers[number] = runner.Answer(answers[number].request, {"status": 599}, answers[number].variables)
    parity = runner.compare(area, {scenario: answers})
    assert [difference.wanted for difference in parity.differences] == [steps[str(number)]]
    assert parity.unwanted == ()


MASKED: list[tuple[str, Any, Any]] = [
    ("a time by its name", {"created_time": 1795619615011}, {"created_time": "<time>"}),
    ("no number under another name", {"count": 1795619615011}, {"count": 1795619615011}),
    ("no truth value as a time", {"last_updated_time": True}, {"last_updated_time": True}),
    ("an id in a text", {"a": "model yYhEE6IBym3g72jr-KNx gone"}, {"a": "model <id> gone"}),
    ("an id as a name", {"yYhEE6IBym3g72jr-KNx": 1}, {"<id>": 1}),
    ("no long word in lower case", {"a": "abcdefghijklmnopqrstu"}, {"a": "abcdefghijklmnopqrstu"}),
    ("a port of this machine", {"a": "http://127.0.0.1:4711/x"}, {"a": "http://<host>/x"}),
    ("a saved value", {"a": "secret-value-1 is"}, {"a": "<v> is"}),
    ("no short saved value", {"a": "short is"}, {"a": "short is"}),
    ("the client's headers", {"headers": {"host": "x", "x-a": "1"}}, {"headers": {"x-a": "1"}}),
    ("the order of a set", {"allow": "POST, GET"}, {"allow": "GET,POST"}),
    ("a counter", {"_seq_no": 7}, {"_seq_no": "<_seq_no>"}),
    ("the spaces of a JSON body", {"body": '{ "a" :1}'}, {"body": {"a": 1}}),
    ("no body that is no JSON", {"body": "{ nope"}, {"body": "{ nope"}),
    (
        "a signature, but not the signed headers",
        {"a": f"Credential=AK/2/r/s/x, SignedHeaders=host;x-a, Signature={'0' * 64}"},
        {"a": "Credential=<c>, SignedHeaders=host;x-a, Signature=<s>"},
    ),
]


@pytest.mark.parametrize(("given", "wanted"), [row[1:] for row in MASKED], ids=[row[0] for row in MASKED])
def test_masking_hides(given: object, wanted: object) -> None:
    variables = {"v": "secret-value-1", "w": "short"}
    assert runner.comparable(given, variables) == wanted  # type: ignore[arg-type]


def test_driving_fills_variables_follows_pointers_and_asks_the_provider(simulator: Server) -> None:
    scenario = {
        "name": "driven",
        "steps": [
            {"method": "POST", "path": "/echo/first", "body": {"a": ["x"]}, "save": {"seen": "/path", "not": "/nope"}},
            {
                "method": "PUT",
                "path": "/echo{{seen}}?{{not}}",
                "raw": "{{unknown}} é",
                "headers": {"Content-Type": None},
            },
            {"path": "/flaky?key=driven&fail=2", "until": {"/ok": True, "/calls": "*"}},
            {"path": "upstream:/__requests"},
        ],
    }
    answers = runner.drive(scenario, simulator.url, simulator.url)
    assert [answer.request for answer in answers][:2] == ["POST /echo/first", "PUT /echo{{seen}}?{{not}}"]
    second = answers[1].response["json"]
    assert second["path"] == "/echo/echo/first?missing-not"
    assert second["body"] == "{{unknown}} é"
    assert "content-type" not in second["headers"]
    assert answers[2].response["json"] == {"ok": True, "calls": 3}
    assert [request["path"] for request in answers[3].response["json"]["requests"]][:1] == ["/echo/first"]


def test_what_failed_or_was_never_begun_is_not_waited_for(simulator: Server) -> None:
    gone = {"path": "/nowhere"}
    echoed = {"method": "POST", "path": "/echo/x", "body": {}, "until": {"/path": "another"}}
    answered = {"response": {"status": 200}}
    started = runner.drive({"steps": [gone, echoed]}, simulator.url, simulator.url, None, [answered, answered])
    assert [answer.response["status"] for answer in started] == [404, 200]
    sent = runner.call(simulator.url, "GET", "/__requests")["json"]["requests"]
    assert [request["path"] for request in sent].count("/echo/x") == 1
    assert runner._settled({"json": {"state": "FAILED"}}, {"/state": "COMPLETED"})
    assert not runner._settled({"json": {"state": "RUNNING"}}, {"/state": "COMPLETED"})


def test_the_command_shows_what_differs_and_ends_with_the_parity(
    simulator: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    # The simulator is no gateway: hardly a step of an area is as recorded.
    places = ["--base", simulator.url, "--upstream", simulator.url]
    assert runner.main(["never_used", "--show", *places]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("  recorded   ") for line in lines) == int(lines[-2].split()[-2]) > 10
    assert runner.main(["never_used", "--only", "no scenario is called so", *places]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "parity 100.0 %"


def test_a_server_that_is_not_there_has_status_0() -> None:
    assert runner.call("http://127.0.0.1:9", "GET", "/") == {"status": 0, "text": "ConnectionRefusedError"}


def test_the_tables_name_steps_that_exist_and_give_reasons() -> None:
    known = steps_by_scenario()
    assert set(runner.needs()) <= set(known)
    assert all(reason.strip() for reason in runner.needs().values())
    for scenarios in DIFFERENCES.values():
        assert set(scenarios) <= set(known)
        for scenario, steps in scenarios.items():
            assert all(int(number) < known[scenario] and reason.strip() for number, reason in steps.items())
