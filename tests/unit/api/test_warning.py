"""The `Warning` header of what was stored although its author should know something."""

from __future__ import annotations

from fairlead.api.handlers.resources import warning


def test_nothing_to_tell_is_no_header() -> None:
    assert warning(()) == {}


def test_each_text_is_a_value_of_its_own_that_no_text_can_leave() -> None:
    assert warning(('a "b" \\', "c\r\nd")) == {"Warning": '299 fairlead "a \\"b\\" \\\\", 299 fairlead "c d"'}


def test_a_header_stays_short_whatever_a_blueprint_holds() -> None:
    [value] = warning(tuple(f"{number} " + "x" * 100_000 for number in range(1000))).values()
    assert value.count("299 fairlead") == 8
    assert len(value) < 4096
