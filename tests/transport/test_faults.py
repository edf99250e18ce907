"""Each map of faults is total: every class of the library, every pair of stage and kind, has its row."""

from __future__ import annotations

import asyncio
import errno
import inspect
import socket
import ssl
from types import ModuleType

import aiohttp
import httptools
import pytest
from aiohttp import client_exceptions, http_exceptions

from fairlead.errors import FairleadError, StatusFault, UnknownHost
from fairlead.transport import faults, os_faults
from fairlead.transport.client_errors import ROWS, client_error
from fairlead.transport.owned import errors
from fairlead.transport.port import Kind, Stage, UpstreamError


def _exceptions_of(*modules: ModuleType) -> set[type[BaseException]]:
    return {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Exception) and member.__module__.startswith(("aiohttp", "httptools"))
    }


def _below(cls: type[BaseException]) -> set[type[BaseException]]:
    return {cls}.union(*(_below(child) for child in cls.__subclasses__()))


def test_every_exception_of_aiohttp_has_a_rule_of_its_own() -> None:
    known = _exceptions_of(aiohttp, client_exceptions, http_exceptions)
    known |= _below(aiohttp.ClientError) | _below(http_exceptions.HttpProcessingError)
    # Servers and web sockets raise these; a client never sees them.
    known = {
        cls
        for cls in known
        if not cls.__module__.startswith(("aiohttp.web", "aiohttp.http_websocket", "aiohttp._websocket"))
    }
    known = {cls for cls in known if issubclass(cls, aiohttp.ClientError | http_exceptions.HttpProcessingError)}
    assert known - set(faults.RULES) == set()
    assert len(known) > 40


def test_every_exception_of_httptools_has_words() -> None:
    known = _exceptions_of(httptools) | _below(httptools.HttpParserError)
    assert known == set(errors.PARSER_WORDS)
    for cls in known:
        for status in (None, 200):
            fault = errors.parser_fault(cls("secret"), where="h:1", status=status)  # type: ignore[arg-type]
            assert (fault.kind, fault.sent, fault.status) == (Kind.PROTOCOL, True, status)
            assert "secret" not in fault.reason


def test_a_class_that_nobody_knows_is_still_translated_and_not_shown() -> None:
    class Newer(aiohttp.ClientError):
        pass

    for unknown in (Newer("secret"), RuntimeError("secret")):
        fault = faults.upstream_error(unknown, stage=Stage.HEAD, sent=True, where="h:1")
        assert (fault.stage, fault.kind, fault.sent) == (Stage.HEAD, Kind.PROTOCOL, True)
        assert "secret" not in fault.reason
        assert "h:1" in fault.reason


def test_a_fault_in_our_terms_passes_as_it_is() -> None:
    fault = UpstreamError(Stage.DNS, Kind.UNRESOLVED, "x", sent=False)
    assert faults.upstream_error(fault, stage=Stage.BODY, sent=True, where="h:1") is fault


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ConnectionRefusedError(), Kind.REFUSED),
        (ConnectionResetError(), Kind.RESET),
        (BrokenPipeError(), Kind.RESET),
        (ConnectionAbortedError(), Kind.RESET),
        (TimeoutError(), Kind.TIMEOUT),
        (OSError(errno.ETIMEDOUT, "x"), Kind.TIMEOUT),
        (OSError(errno.EHOSTUNREACH, "x"), Kind.UNREACHABLE),
        (OSError(errno.ENETUNREACH, "x"), Kind.UNREACHABLE),
        (OSError(errno.EMFILE, "x"), Kind.FULL),
        (OSError(12345, "secret"), Kind.UNREACHABLE),
        (OSError("secret"), Kind.UNREACHABLE),
        (PermissionError(errno.EPERM, "x"), Kind.UNREACHABLE),
        (socket.gaierror(socket.EAI_NONAME, "x"), Kind.UNRESOLVED),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), Kind.PROTOCOL),
        (ssl.SSLEOFError(8, "x"), Kind.RESET),
        (asyncio.IncompleteReadError(b"secret", 3), Kind.RESET),
        (KeyError("secret"), Kind.PROTOCOL),
    ],
    ids=lambda value: getattr(value, "value", None) or type(value).__name__,
)
def test_what_the_operating_system_raises_has_its_kind(fault: BaseException, kind: Kind) -> None:
    found = os_faults.named(fault)
    assert found.kind is kind
    assert "secret" not in found.words


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("status", [None, 200, 500])
def test_every_stage_and_kind_becomes_an_error_of_ours(stage: Stage, kind: Kind, status: int | None) -> None:
    error = client_error(UpstreamError(stage, kind, "words: h:1", sent=False, status=status))
    assert isinstance(error, FairleadError)
    if status is not None:
        assert (error.status, error.type) == (502, "status_exception")
    else:
        assert error.status == ROWS[stage, kind].status
    assert "h" in str(error)


def test_the_map_covers_all_pairs_and_nothing_else() -> None:
    assert set(ROWS) == {(stage, kind) for stage in Stage for kind in Kind}


@pytest.mark.parametrize(
    ("stage", "kind", "status"),
    [
        (Stage.CONNECT, Kind.REFUSED, 500),
        (Stage.CONNECT, Kind.TIMEOUT, 500),
        (Stage.TLS, Kind.CERTIFICATE, 500),
        (Stage.HEAD, Kind.TIMEOUT, 500),
        (Stage.HEAD, Kind.RESET, 500),
        (Stage.HEAD, Kind.TOO_LARGE, 502),
        (Stage.BODY, Kind.TOO_LARGE, 502),
        (Stage.POOL, Kind.FULL, 429),
        (Stage.POOL, Kind.TIMEOUT, 429),
    ],
)
def test_a_network_fault_keeps_the_originals_status_and_prefix(stage: Stage, kind: Kind, status: int) -> None:
    error = client_error(UpstreamError(stage, kind, "words: h:1", sent=False))
    assert isinstance(error, StatusFault)
    assert (error.status, error.reason) == (status, "Error communicating with remote model: words: h:1")
    assert error.headers == ({"Retry-After": "1"} if status == 429 else {})


@pytest.mark.parametrize(("where", "host"), [("api.example:443", "api.example"), ("[::1]:80", "::1")])
def test_a_name_that_does_not_resolve_is_the_users_to_mend(where: str, host: str) -> None:
    error = client_error(UpstreamError(Stage.DNS, Kind.UNRESOLVED, f"Name or service not known: {where}", sent=False))
    assert isinstance(error, UnknownHost)
    assert (error.status, error.reason) == (400, f"{host}: Name or service not known")
    assert error.cause is not None
    assert error.cause.reason == error.reason
