"""Failures of scripts: Java exceptions as values, compile problems, and the envelope a client sees.

It never shows Python text; spec 04 section 13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class ExceptionClass:
    """A Java throwable: full name, parent's simple name, whether scripts may name it (spec 13.1)."""

    name: str
    parent: str | None
    allowed: bool = True

    @property
    def simple(self) -> str:
        return self.name.rpartition(".")[2]


_LANG = "java.lang."
_UTIL = "java.util."


def _rows() -> dict[str, ExceptionClass]:
    rows = (
        (_LANG + "Throwable", None, False),
        (_LANG + "Exception", "Throwable", True),
        (_LANG + "CloneNotSupportedException", "Exception", True),
        (_LANG + "InterruptedException", "Exception", True),
        (_LANG + "ReflectiveOperationException", "Exception", True),
        (_LANG + "ClassNotFoundException", "ReflectiveOperationException", True),
        (_LANG + "IllegalAccessException", "ReflectiveOperationException", True),
        (_LANG + "InstantiationException", "ReflectiveOperationException", True),
        (_LANG + "NoSuchFieldException", "ReflectiveOperationException", True),
        (_LANG + "NoSuchMethodException", "ReflectiveOperationException", True),
        (_LANG + "RuntimeException", "Exception", True),
        (_LANG + "ArithmeticException", "RuntimeException", True),
        (_LANG + "ArrayStoreException", "RuntimeException", True),
        (_LANG + "ClassCastException", "RuntimeException", True),
        (_LANG + "EnumConstantNotPresentException", "RuntimeException", True),
        (_LANG + "IllegalArgumentException", "RuntimeException", True),
        (_LANG + "IllegalThreadStateException", "IllegalArgumentException", True),
        (_LANG + "NumberFormatException", "IllegalArgumentException", True),
        (_LANG + "IllegalMonitorStateException", "RuntimeException", True),
        (_LANG + "IllegalStateException", "RuntimeException", True),
        (_LANG + "IndexOutOfBoundsException", "RuntimeException", True),
        (_LANG + "ArrayIndexOutOfBoundsException", "IndexOutOfBoundsException", True),
        (_LANG + "StringIndexOutOfBoundsException", "IndexOutOfBoundsException", True),
        (_LANG + "NegativeArraySizeException", "RuntimeException", True),
        (_LANG + "NullPointerException", "RuntimeException", True),
        (_LANG + "SecurityException", "RuntimeException", True),
        (_LANG + "TypeNotPresentException", "RuntimeException", True),
        (_LANG + "UnsupportedOperationException", "RuntimeException", True),
        (_UTIL + "ConcurrentModificationException", "RuntimeException", True),
        (_UTIL + "EmptyStackException", "RuntimeException", True),
        (_UTIL + "IllformedLocaleException", "RuntimeException", True),
        (_UTIL + "NoSuchElementException", "RuntimeException", True),
        (_UTIL + "InputMismatchException", "NoSuchElementException", True),
        (_UTIL + "MissingResourceException", "RuntimeException", True),
        (_UTIL + "IllegalFormatException", "IllegalArgumentException", True),
        (_UTIL + "DuplicateFormatFlagsException", "IllegalFormatException", True),
        (_UTIL + "FormatFlagsConversionMismatchException", "IllegalFormatException", True),
        (_UTIL + "IllegalFormatConversionException", "IllegalFormatException", True),
        (_UTIL + "IllegalFormatFlagsException", "IllegalFormatException", True),
        (_UTIL + "IllegalFormatPrecisionException", "IllegalFormatException", True),
        (_UTIL + "IllegalFormatWidthException", "IllegalFormatException", True),
        (_UTIL + "MissingFormatArgumentException", "IllegalFormatException", True),
        (_UTIL + "MissingFormatWidthException", "IllegalFormatException", True),
        (_UTIL + "UnknownFormatConversionException", "IllegalFormatException", True),
        (_UTIL + "UnknownFormatFlagsException", "IllegalFormatException", True),
        ("java.util.regex.PatternSyntaxException", "IllegalArgumentException", False),
        ("java.lang.invoke.WrongMethodTypeException", "RuntimeException", False),
        ("java.util.concurrent.TimeoutException", "Exception", False),
        (_LANG + "Error", "Throwable", False),
        (_LANG + "VirtualMachineError", "Error", False),
        (_LANG + "StackOverflowError", "VirtualMachineError", False),
        (_LANG + "OutOfMemoryError", "VirtualMachineError", False),
        (_LANG + "VerifyError", "Error", False),
        ("org.opensearch.painless.PainlessError", "Error", False),
        ("org.opensearch.painless.PainlessExplainError", "Error", False),
        # In the original an exception that scripts can catch; a limit of ours must end the script, so it is an error.
        ("org.opensearch.core.common.breaker.CircuitBreakingException", "Error", False),
        ("org.antlr.v4.runtime.NoViableAltException", "RuntimeException", False),
        ("org.antlr.v4.runtime.LexerNoViableAltException", "RuntimeException", False),
    )
    classes = (ExceptionClass(*row) for row in rows)
    return {found.simple: found for found in classes}


EXCEPTIONS = _rows()


def is_subclass(simple: str, ancestor: str) -> bool:
    """Whether the throwable `simple` is an `ancestor`; both are simple names."""
    current: str | None = simple
    while current is not None:
        if current == ancestor:
            return True
        current = EXCEPTIONS[current].parent
    return False


def wire_type(simple: str) -> str:
    """`IllegalArgumentException` -> `illegal_argument_exception`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", simple).lower()


class Thrown(Exception):
    """A Java throwable: raised by the run time, and itself the value that a script creates, throws and catches.

    `at` is the offset in the source at which it arose, once known.
    """

    def __init__(self, kind: ExceptionClass, message: str | None, cause: Thrown | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.message = message
        self.origin = cause
        self.at: int | None = None
        self.placed = False

    def __str__(self) -> str:
        return self.kind.name if self.message is None else f"{self.kind.name}: {self.message}"


def thrown(simple: str, message: str | None, cause: Thrown | None = None) -> Thrown:
    """A throwable by the simple name of its class."""
    return Thrown(EXCEPTIONS[simple], message, cause)


def null_pointer(message: str | None) -> Thrown:
    return thrown("NullPointerException", message)


def class_cast(message: str) -> Thrown:
    return thrown("ClassCastException", message)


def illegal_argument(message: str) -> Thrown:
    return thrown("IllegalArgumentException", message)


def exhausted(what: str, limit: int | None) -> Thrown:
    """A budget of ours is used up: steps, time or the size of a big number."""
    bound = "" if limit is None else f", limit: [{limit}]"
    return thrown("CircuitBreakingException", f"[scripting] the script used up its {what}{bound}")


class CompileProblem(Exception):
    """A script that does not compile; `offset` is None when the original does not place the error."""

    def __init__(self, offset: int | None, cause: Thrown) -> None:
        super().__init__()
        self.offset = offset
        self.cause = cause


def problem(offset: int | None, message: str | None, simple: str = "IllegalArgumentException") -> CompileProblem:
    return CompileProblem(offset, thrown(simple, message))


def locate(trace: TracebackType | None) -> tuple[int | None, bool]:
    """The offset of the innermost closure in a traceback that knows one; the flag says whether there was any closure.

    Closures that can fail carry their offset as the default argument `_at`: it costs nothing until something fails.
    """
    found: int | None = None
    known = False
    while trace is not None:
        scope = trace.tb_frame.f_locals
        if "_at" in scope:
            found = scope["_at"]
            known = True
        trace = trace.tb_next
    return found, known


@dataclass(frozen=True, slots=True)
class Snippet:
    """The part of a script that an error points at: `start` and `end` in the source, and the two lines shown."""

    offset: int
    start: int
    end: int
    lines: tuple[str, str]


def compile_snippet(source: str, offset: int) -> Snippet:
    """25 characters on both sides of the offset (spec 13.3)."""
    start = max(0, offset - 25)
    end = min(len(source), offset + 25)
    before = "... " if start > 0 else ""
    after = " ..." if end < len(source) else ""
    pointer = " " * (len(before) + offset - start) + "^---- HERE"
    return Snippet(offset, start, end, (_paired(before + source[start:end] + after), pointer))


def _paired(text: str) -> str:
    """Source is read by UTF-16 unit; what is shown has whole characters again."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def runtime_snippet(source: str, offset: int, starts: tuple[int, ...]) -> Snippet:
    """The statement that the offset is in: `starts` are the sorted offsets of all statements."""
    start = max((s for s in starts if s <= offset), default=0)
    end = min((s for s in starts if s > offset), default=len(source))
    return Snippet(offset, start, end, (_paired(source[start:end]), " " * (offset - start) + "^---- HERE"))


def _caused_by(cause: Thrown) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": wire_type(cause.kind.simple), "reason": cause.message}
    if cause.origin is not None:
        shown["caused_by"] = _caused_by(cause.origin)
    return shown


class ScriptFailure(Exception):
    """A script that does not compile or that failed; `envelope()` is the `error` object of spec 13.3."""

    reason = "runtime error"

    def __init__(self, source: str, cause: Thrown, snippet: Snippet | None, stack: tuple[str, ...] = ()) -> None:
        super().__init__(f"{self.reason}: {cause}")
        self.source = source
        self.cause = cause
        self.snippet = snippet
        self.stack = snippet.lines if snippet is not None else stack

    @property
    def type(self) -> str:
        """The wire type of what went wrong, such as `null_pointer_exception`."""
        return wire_type(self.cause.kind.simple)

    def envelope(self, *, cause: bool = True) -> dict[str, Any]:
        """The wire object; without `caused_by` it is an entry of `root_cause`."""
        shown: dict[str, Any] = {
            "type": "script_exception",
            "reason": self.reason,
            "script_stack": list(self.stack),
            "script": self.source,
            "lang": "painless",
        }
        if self.snippet is not None:
            snippet = self.snippet
            shown["position"] = {"offset": snippet.offset, "start": snippet.start, "end": snippet.end}
        if cause:
            shown["caused_by"] = _caused_by(self.cause)
        return shown


class CompileFault(ScriptFailure):
    """The script does not compile."""

    reason = "compile error"


class RuntimeFault(ScriptFailure):
    """The script compiled and failed while it ran."""

    reason = "runtime error"


UNKNOWN_PLACE = ("<<< unknown portion of script >>>",)


@dataclass(slots=True)
class Starts:
    """Offsets of statements, collected while compiling."""

    offsets: set[int] = field(default_factory=set)

    def add(self, offset: int) -> None:
        self.offsets.add(offset)

    def sorted(self) -> tuple[int, ...]:
        return tuple(sorted(self.offsets))
