"""The steps that look at the value as text: to_string, regex_replace, regex_capture, extract_json."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from fairlead.engine.processors.config import FAULTS, Config, Processor, copied, to_text
from fairlead.java.json import JsonFault, first_value, strict_loads
from fairlead.java.regex import RegexTimeout

_SPECIAL = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPED = re.compile(r'["\\/]|[^ -\x7f]')


def to_string(config: Config) -> Processor:
    """JSON text of anything that is not text; with `escape_json` made fit to stand inside a JSON string."""
    escape = config.get("escape_json") is True

    def run(value: Any) -> Any:
        try:
            text = to_text(value)
        except JsonFault:
            return value
        return _ESCAPED.sub(_escape, text) if escape else text

    return run


def _escape(found: re.Match[str]) -> str:
    """As commons-text does: `/` too, and everything past DEL in UTF-16 units."""
    char = found.group()
    if char in _SPECIAL:
        return _SPECIAL[char]
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2))


def regex_replace(config: Config) -> Processor:
    """Every match (or the first) replaced; `$1` and `${name}` stand for groups. A bad replacement changes nothing."""
    pattern = config.pattern()
    replacement = "" if config.get("replacement") is None else to_text(config.get("replacement"))
    count = 0 if config.members.get("replace_all", True) is True else 1

    def run(value: Any) -> Any:
        try:
            return pattern.sub(replacement, to_text(value), count)
        except RegexTimeout:
            raise
        except FAULTS:
            return value

    return run


def regex_capture(config: Config) -> Processor:
    """The groups of the first match: one as a string, several as a list; no match leaves the value."""
    pattern = config.pattern()
    groups = _groups(config)
    valid = [group for group in groups if 0 <= group <= pattern.compiled.groups]

    def run(value: Any) -> Any:
        try:
            found = pattern.search(to_text(value))
        except JsonFault:
            return value
        if found is None or not valid:
            return value
        captured = [found.group(group) for group in valid]
        return captured[0] if len(captured) == 1 else captured

    return run


def _groups(config: Config) -> list[int]:
    given = config.get("groups")
    if given is None:
        return [1]
    if isinstance(given, str):
        try:
            given = strict_loads(given.strip())
        except JsonFault:
            _bad_groups(config)
        if not isinstance(given, (int, list)) or isinstance(given, bool):
            _bad_groups(config)
    if isinstance(given, int) and not isinstance(given, bool):
        return [given]
    if not isinstance(given, list):
        _bad_groups(config)
    if not given:
        config.fail("'groups' must contain at least one group index")
    return [_group(config, item) for item in given]


def _bad_groups(config: Config) -> NoReturn:
    config.fail(f"Invalid 'groups' format: {to_text(config.get('groups'))}. Expected a number or array like '[1,2,3]'")


def _group(config: Config, item: Any) -> int:
    if isinstance(item, int) and not isinstance(item, bool):
        return item
    if not isinstance(item, str) or not re.fullmatch(r"[+-]?[0-9]{1,9}", item.strip()):
        config.fail(f"Invalid group index in list: {to_text(item)}")
    return int(item)


_STARTS = {"auto": "{[", "object": "{", "array": "["}


def extract_json(config: Config) -> Processor:
    """The JSON value that begins at the first brace or bracket of a text; no second start is tried."""
    kind = "auto" if config.get("extract_type") is None else to_text(config.get("extract_type")).lower()
    if kind not in _STARTS:
        config.fail(f"'extract_type' must be 'auto', 'object', or 'array', got: {to_text(config.get('extract_type'))}")
    default = config.get("default")
    start = re.compile("[" + re.escape(_STARTS[kind]) + "]")

    def run(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = start.search(value)
        if found is not None:
            try:
                return first_value(value, found.start())[0]
            except JsonFault:
                pass
        return value if default is None else copied(default)

    return run
