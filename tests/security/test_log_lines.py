"""Lines of the log: nobody but us starts one."""

from __future__ import annotations

import logging
import sys

from fairlead.security.log_lines import LogLines

FORGED = "x\r\n2026-01-01 00:00:00,000 INFO fairlead a line of mine\u2028\x1b[2J"


def line(message: str, *arguments: object, fault: bool = False) -> str:
    cause = sys.exc_info() if fault else None
    record = logging.LogRecord("fairlead", logging.WARNING, "", 0, message, arguments, cause)
    return LogLines("%(levelname)s %(message)s").format(record)


def test_what_a_caller_wrote_starts_no_line() -> None:
    told = line("model %s cannot be loaded", FORGED)
    assert told.splitlines() == [told]
    assert told.startswith("WARNING model x\\r\\n2026-01-01")
    assert told.endswith("\\u2028\\x1b[2J cannot be loaded")


def test_the_lines_of_a_traceback_are_indented() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        first, *more = line("failed", fault=True).splitlines()
    assert first == "WARNING failed"
    assert any("a line of mine" in each for each in more)
    assert all(each.startswith("    ") for each in more)


def test_letters_of_all_languages_stay() -> None:
    assert line("é 日本語 🙂") == "WARNING é 日本語 🙂"
