"""What one processor was configured with, checked as it is read; every complaint is an IllegalArgument (D-23)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias

from fairlead.engine.jsonpath import DocumentFault, Path, compile_path, parse_document
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.java.json import JsonFault, compact
from fairlead.java.regex import JavaPattern, PatternFault, compile_java

Processor: TypeAlias = Callable[[Any], Any]
"""One step: the value before to the value after. Raises RegexTimeout only; any other failure is its row's business."""

FAULTS = (FairleadError, JsonFault, DocumentFault)
"""What a step takes for a failure. RegexTimeout is one of these and must be let through first: a pattern that did not
finish has not decided anything, and handing on the text untouched would hide that."""


class Runs(Protocol):
    """A chain inside a processor."""

    def run(self, value: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Config:
    """The members of one processor's object. `nested` compiles the chains inside it."""

    type: str
    members: Mapping[str, Any]
    nested: Callable[[Any], Runs]

    def fail(self, message: str) -> NoReturn:
        raise IllegalArgument(message)

    def get(self, name: str) -> Any:
        return self.members.get(name)

    def has(self, name: str) -> bool:
        return name in self.members

    def text(self, name: str) -> str:
        """A required member as text; blank texts are refused."""
        value = self._required(name)
        if not value.strip():
            self.fail(f"'{name}' cannot be empty for {self.type} processor")
        return value

    def pattern(self) -> JavaPattern:
        """The required `pattern`, compiled with DOTALL."""
        source = self._required("pattern")
        if not source:
            self.fail(f"'pattern' cannot be empty for {self.type} processor")
        try:
            return compile_java(source, dotall=True)
        except PatternFault as fault:
            raise IllegalArgument(f"Invalid regex pattern: {source}", cause=fault) from fault

    def chain(self, name: str) -> Runs:
        """A required chain: one processor's object or a list of them."""
        value = self.members.get(name)
        if value is None:
            self.fail(f"'{name}' is required for {self.type} processor")
        if value in ([], {}):
            self.fail(f"'{name}' list cannot be empty for {self.type} processor")
        return self.nested(value)

    def _required(self, name: str) -> str:
        value = self.members.get(name)
        if value is None:
            self.fail(f"'{name}' is required for {self.type} processor")
        return to_text(value)


def to_text(value: Any) -> str:
    """A string as it is, anything else as JSON text. Raises JsonFault for a value nested too deep."""
    return value if isinstance(value, str) else compact(value)


def document_of(value: Any) -> Any:
    """The document that paths read: text is parsed leniently, anything else is it already. Raises DocumentFault."""
    return parse_document(value) if isinstance(value, str) else value


def copy_of(value: Any) -> Any:
    """A document of its own that may be changed. Raises DocumentFault for text that does not parse."""
    return parse_document(value) if isinstance(value, str) else copied(value)


def copied(value: Any) -> Any:
    """A copy of a JSON value in which no two places share an object or array; a stack of its own, for any depth."""
    holder: list[Any] = [value]
    stack: list[tuple[Any, Any, Any]] = [(holder, 0, value)]
    while stack:
        parent, key, item = stack.pop()
        if isinstance(item, dict):
            made: Any = dict(item)
            stack.extend((made, k, v) for k, v in made.items() if isinstance(v, (dict, list)))
        elif isinstance(item, list):
            made = list(item)
            stack.extend((made, k, v) for k, v in enumerate(made) if isinstance(v, (dict, list)))
        else:
            continue
        parent[key] = made
    return holder[0]


def path_or_none(text: str) -> Path | None:
    """A compiled path, or None for a text that is no path: such a step fails at every use, as it does in Java."""
    try:
        return compile_path(text)
    except IllegalArgument:
        return None
