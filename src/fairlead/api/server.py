"""The HTTP protocol in front of the application: uvicorn's, with bounds on a request's head, on the time in which it must
arrive, and on what is dropped unread; requests that two parsers could read in two ways are refused.

What httptools refuses by itself is listed with the rest in tests/e2e/cases/http.json.
"""

from __future__ import annotations

import asyncio
import re
import sys
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fairlead.api.presence import PRESENCE, Presence
from fairlead.domain.identity import CERTIFICATE

MAX_HEAD = 64 * 1024
MAX_TARGET = 16 * 1024
MAX_HEADERS = 200
HEAD_SECONDS = 15.0
MAX_DROPPED = 8 << 20
"""Bytes of a body that are read and dropped after its request was answered, so that the caller can read the answer:
closing at once would reset the connection under it (RFC 9112 9.6)."""

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*", re.ASCII)
_UPGRADING = frozenset({b"upgrade", b"connection", b"http2-settings"})
_FRAMING = frozenset({b"host", b"transfer-encoding", b"expect"})


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 or 414 to a head that is too large, 408 to a request that does not arrive in time, 400 to what is no
    HTTP, and closes.

    Timers exist only while a request has begun and is not complete, which for most is never.
    """

    body_seconds = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = False
        self._in_body = False
        self._refused = False
        self._head_size = 0
        self._dropped = 0
        self._many = False
        self._data = b""
        self._unread: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._certificate: bytes | None = None
