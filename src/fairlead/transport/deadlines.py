"""Names the deadline that passed: one row of words per stage, the same for every adapter.

Measures nothing; the adapters hold the clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fairlead.transport.port import Kind, Limits, Stage, UpstreamError

# "Read timed out" and "Connection timed out" begin as the original's messages do (spec/03 section 8.7).
_WORDS: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.DNS: "Connection timed out: the name of {where} was not resolved within {seconds:g} s",
        Stage.CONNECT: "Connection timed out: {where} did not accept within {seconds:g} s",
        Stage.TLS: "Connection timed out: the TLS handshake with {where} did not end within {seconds:g} s",
        Stage.PROXY: "Connection timed out: the proxy did not reach {where} within {seconds:g} s",
        Stage.POOL: "{where}: no connection became free within {seconds:g} s",
        Stage.SEND: "Write timed out: {where} did not take the request within {seconds:g} s",
        Stage.HEAD: "Read timed out: no reply from {where} within {seconds:g} s",
        Stage.BODY: "Read timed out: {where} sent nothing for {seconds:g} s",
    }
)
_TOTAL = "Read timed out: the call to {where} took longer than {seconds:g} s"


def seconds_of(stage: Stage, limits: Limits) -> float:
    """The deadline of `limits` that governs a stage, in seconds."""
    if stage is Stage.POOL:
        return limits.pool
    if stage in (Stage.DNS, Stage.CONNECT, Stage.TLS, Stage.PROXY):
        return limits.connect
    return limits.idle if stage is Stage.BODY else limits.first_byte


def timed_out(
    stage: Stage, where: str, limits: Limits, *, total: bool, sent: bool, status: int | None = None
) -> UpstreamError:
    """The fault of a deadline that passed at `stage`; `total` when it was the call's whole time, not the stage's."""
    words = _TOTAL if total else _WORDS[stage]
    seconds = limits.total if total else seconds_of(stage, limits)
    return UpstreamError(stage, Kind.TIMEOUT, words.format(where=where, seconds=seconds), sent=sent, status=status)
