"""The arguments of `fairlead simulate`."""

from __future__ import annotations

import argparse

import pytest

from fairlead.cli.simulate import add_arguments


@pytest.mark.parametrize("port", ["65536", "99999", "-1", "many", "²", ""])
def test_what_is_no_port_is_refused_and_not_taken_for_another(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([f"--port={port}"])
    assert "argument --port" in capsys.readouterr().err


@pytest.mark.parametrize("port", [0, 9955, 65535])
def test_a_port_is_taken(port: int) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args([f"--port={port}"]).port == port
