"""What the author of a connector should know although it is stored; it refuses nothing."""

from __future__ import annotations

from fairlead.domain.connector import Connector
from fairlead.engine.functions.post import POST_FUNCTIONS
from fairlead.engine.functions.pre import PRE_FUNCTIONS
from fairlead.engine.scripts import has_placeholders
from fairlead.errors import ScriptFault
from fairlead.security.redaction import CREDENTIAL_NAMES
from fairlead.service.ports import Ports

_FUNCTIONS = (("pre_process_function", frozenset(PRE_FUNCTIONS)), ("post_process_function", frozenset(POST_FUNCTIONS)))


def script_warnings(ports: Ports, connector: Connector) -> tuple[str, ...]:
    """One sentence for each script that cannot compile, naming action and function; predicts will fail on it.

    A function with placeholders is known at run time only (spec/04 section 1).
    """
    found = []
    for action in connector.actions or ():
        for label, built_in in _FUNCTIONS:
            text = getattr(action, label)
            if text is None or not text.strip() or has_placeholders(text) or text in built_in:
                continue
            try:
                ports.scripts.compile(text)
            except ScriptFault as fault:
                reason = (fault.cause or fault).reason
                found.append(f"{label} of action [{action.name or action.action_type}] does not compile: {reason}")
    return tuple(found)


def blueprint_warnings(ports: Ports, connector: Connector) -> tuple[str, ...]:
    """What its author should know although it is stored: scripts that fail, and secrets in plain sight (T-09)."""
    return (*script_warnings(ports, connector), *literal_credentials(connector))


def literal_credentials(connector: Connector) -> tuple[str, ...]:
    """One sentence for each header of a credential's name that holds a text of its own: it is stored and shown as it is."""
    return tuple(
        f"header [{name}] of action [{action.name or action.action_type}] holds its value in plain sight: "
        "put it into credential and write ${credential.name}"
        for action in connector.actions or ()
        for name, value in (action.headers or {}).items()
        if name.lower() in CREDENTIAL_NAMES and "${" not in value
    )
