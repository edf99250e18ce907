"""Painless scripts: a small compiler to closures with a closed allowlist and limits; it knows nothing of the gateway.

    script = compile_script("return params.a + 'b';")
    script.run({"a": "x"})  # 'xb'

Both calls raise ScriptFailure, whose `envelope()` is the wire object of the error. Nothing else leaves them.
"""

from __future__ import annotations

from fairlead.painless.api import supported
from fairlead.painless.errors import CompileFault, RuntimeFault, ScriptFailure
from fairlead.painless.escape import with_default_escape
from fairlead.painless.limits import DEFAULT, Limits
from fairlead.painless.script import Script, ScriptCache, compile_script

__all__ = [
    "DEFAULT",
    "CompileFault",
    "Limits",
    "RuntimeFault",
    "Script",
    "ScriptCache",
    "ScriptFailure",
    "compile_script",
    "supported",
    "with_default_escape",
]
