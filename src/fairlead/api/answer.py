"""A whole answer before any server has framed it: status, headers and body. It writes nothing and knows no transport.

The predict routes make one; the ASGI application and the fast lane (fairlead.api.fast_lane) send it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEFT = 499
"""What is counted, and never sent, for a caller who left before the answer."""


class Answer(NamedTuple):
    """`headers` are complete, `content-length` included, and in the order in which they are sent.

    A named tuple, since one is made for every predict.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
