"""The one map from what llhttp, sockets and TLS raise under the owned client to UpstreamError.

Foreign messages are not shown: a parser's may quote the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import httptools

from fairlead.transport import os_faults
from fairlead.transport.port import Kind, Stage, UpstreamError

# Every class of httptools by itself: one that a new release adds fails the test.
PARSER_WORDS: Mapping[type[Exception], str] = MappingProxyType(
    {
        httptools.HttpParserError: "is not valid HTTP",
        httptools.HttpParserCallbackError: "could not be taken in",
        httptools.HttpParserInvalidStatusError: "has no valid status",
        httptools.HttpParserInvalidMethodError: "is not valid HTTP",
        httptools.HttpParserInvalidURLError: "is not valid HTTP",
        httptools.HttpParserUpgrade: "switches protocols unasked",
    }
)


def parser_fault(fault: Exception, *, where: str, status: int | None) -> UpstreamError:
    """Bytes that llhttp refused; `status` None while the head was not complete."""
    words = next(PARSER_WORDS[cls] for cls in type(fault).__mro__ if cls in PARSER_WORDS)
    stage, part = (Stage.HEAD, "The reply") if status is None else (Stage.BODY, "The reply's body")
    return UpstreamError(stage, Kind.PROTOCOL, f"{part} {words}: {where}", sent=True, status=status)


def dial_fault(fault: Exception, stage: Stage, where: str) -> UpstreamError:
    """A connection that did not come about at `stage`; nothing was sent."""
    found = os_faults.named(fault)
    at = Stage.TLS if os_faults.is_tls(fault) else stage
    if found.kind is Kind.UNRESOLVED:
        at = Stage.DNS
    return UpstreamError(at, found.kind, f"{found.words}: {where}", sent=False)


def lost(fault: BaseException | None, *, where: str, status: int | None, began: bool) -> UpstreamError:
    """A connection that ended under a call: before the reply, in its head (`began`) or, with `status`, in its body."""
    if fault is not None:
        found = os_faults.named(fault)
        stage = Stage.HEAD if status is None else Stage.BODY
        if os_faults.is_tls(fault) and status is None and found.kind is not Kind.RESET:
            stage = Stage.TLS
        return UpstreamError(stage, found.kind, f"{found.words}: {where}", sent=True, status=status)
    if status is not None:
        return UpstreamError(Stage.BODY, Kind.RESET, f"The reply was cut short: {where}", sent=True, status=status)
    words = "The reply was cut short" if began else "Connection closed by the provider without a reply"
    return UpstreamError(Stage.HEAD, Kind.RESET, f"{words}: {where}", sent=True)
