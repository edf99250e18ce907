"""One record, one line: what a caller wrote cannot start a line of the log; it masks nothing (fairlead.security.redaction does)."""

from __future__ import annotations

import logging
import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MARGIN = "    "


class LogLines(logging.Formatter):
    """Control characters are shown as escapes; the lines of a traceback are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _visible(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        first, *more = super().format(record).split("\n")
        return "\n".join([first, *(_MARGIN + _visible(line) for line in more)])


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
