"""A script from text to result: compiling once, running many times; whatever goes wrong becomes a ScriptFailure."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from fairlead.painless.compiler import Program, compile_program
from fairlead.painless.errors import (
    UNKNOWN_PLACE,
    CompileFault,
    CompileProblem,
    RuntimeFault,
    Thrown,
    compile_snippet,
    illegal_argument,
    locate,
    runtime_snippet,
    thrown,
)
from fairlead.painless.limits import DEFAULT, MAX_SOURCE_BYTES, Limits, Meter, stack_overflow
from fairlead.painless.parser import parse

_log = logging.getLogger(__name__)

_NO_PLACE = frozenset({"StackOverflowError", "OutOfMemoryError"})


class Script:
    """A compiled script; safe to run from several threads at once.

    `certain_short`: no loop, function call or lambda, so that it can run where nothing may wait.
    """

    __slots__ = ("_padding", "_program", "_units", "certain_short", "source")

    def __init__(self, source: str, units: str, program: Program) -> None:
        self.source = source
        self._units = units
        self._program = program
        self._padding = program.padding
        self.certain_short = program.short

    def run(
        self,
        params: dict[str, Any],
        *,
        deadline: float | None = None,
        clock: Callable[[], float] | None = None,
        limits: Limits = DEFAULT,
    ) -> str | None:
        """The script's result for `params`, which it may change.

        `params` holds the value model: None, bool, str, int (32 bits), float, Long, BigInteger, list, dict with str
        keys; nothing else may be in it. `deadline` is a reading of `clock`. Raises RuntimeFault.
        """
        meter = Meter(limits, deadline, clock)
        frame = [meter, meter.loop_first, meter.loop_rest, None, params, *self._padding]
        try:
            result = self._program.run(frame)
        except Thrown as cause:
            raise self._failure(cause) from None
        except RecursionError:
            raise self._failure(stack_overflow()) from None
        except MemoryError:
            raise self._failure(thrown("OutOfMemoryError", "Java heap space")) from None
        except Exception:
            # A fault of ours; its text is for the log, never for the caller.
            _log.exception("a script ended with a fault of the interpreter")
            raise self._failure(thrown("IllegalStateException", None)) from None
        if result is None or result.isascii():
            return result  # type: ignore[no-any-return]
        return whole_pairs(result)

    def _failure(self, cause: Thrown) -> RuntimeFault:
        if cause.kind.simple in _NO_PLACE:
            return RuntimeFault(self.source, cause, None)
        at = cause.at if cause.placed else locate(cause.__traceback__)[0]
        cause.__traceback__ = None
        if at is None:
            return RuntimeFault(self.source, cause, None, UNKNOWN_PLACE)
        return RuntimeFault(self.source, cause, runtime_snippet(self._units, at, self._program.starts))


def whole_pairs(text: str) -> str:
    """Surrogate halves that stand side by side as one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def compile_script(source: str) -> Script:
    """Compiles a script; raises CompileFault."""
    size = len(source) if source.isascii() else len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        raise CompileFault(
            source,
            illegal_argument(
                f"exceeded max allowed inline script size in bytes [{MAX_SOURCE_BYTES}] with size [{size}] "
                f"for script [{source}]"
            ),
            None,
        )
    units = source
    if not source.isascii() and max(source) > "\uffff":
        # Offsets count UTF-16 units, so the text is read as such.
        units = "".join(map(chr, memoryview(source.encode("utf-16-le", "surrogatepass")).cast("H")))
    try:
        return Script(source, units, compile_program(units, parse(units)))
    except CompileProblem as fault:
        snippet = compile_snippet(units, fault.offset) if fault.offset is not None else None
        raise CompileFault(source, fault.cause, snippet) from None
    except RecursionError:
        raise CompileFault(source, stack_overflow(), None) from None


class ScriptCache:
    """At most `size` compiled scripts by text, the longest unused dropped first; remembers scripts that do not compile.

    Safe for threads: two that ask for the same new script at once may both compile it, which is harmless.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("a cache holds at least one script")
        self._size = size
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Script | CompileFault] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, source: str) -> Script:
        """The compiled script; raises CompileFault each time for one that does not compile."""
        with self._lock:
            found = self._known.get(source)
            if found is not None:
                self._known.move_to_end(source)
        if found is None:
            try:
                found = compile_script(source)
            except CompileFault as fault:
                found = fault
            with self._lock:
                self._known[source] = found
                self._known.move_to_end(source)
                while len(self._known) > self._size:
                    self._known.popitem(last=False)
        if isinstance(found, CompileFault):
            # A new object each time: a raised exception carries the traceback of whoever raised it.
            raise CompileFault(found.source, found.cause, found.snippet, found.stack)
        return found
