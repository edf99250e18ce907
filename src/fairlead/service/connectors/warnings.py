"""What the author of a connector should know although it is stored; it refuses nothing."""

from __future__ import annotations

from collections.abc import Collection

from fairlead.domain.connector import Connector
from fairlead.engine.functions.post import POST_FUNCTIONS
from fairlead.engine.functions.pre import PRE_FUNCTIONS
from fairlead.engine.placeholders import CREDENTIAL, Placeholder, scan
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


def blueprint_warnings(
    ports: Ports, connector: Connector, credential_names: Collection[str] | None = None
) -> tuple[str, ...]:
    """What its author should know although it is stored: scripts that fail, secrets in plain sight (T-09), placeholders that
    nothing will fill. `credential_names`: those of a credential that is not in `connector`."""
    names = connector.credential if credential_names is None else credential_names
    return (
        *script_warnings(ports, connector),
        *literal_credentials(connector),
        *unfilled_credentials(connector, names),
    )


def literal_credentials(connector: Connector) -> tuple[str, ...]:
    """One sentence for each header of a credential's name that holds a text of its own: it is stored and shown as it is."""
    return tuple(
        f"header [{name}] of action [{action.name or action.action_type}] holds its value in plain sight: "
        "put it into credential and write ${credential.name}"
        for action in connector.actions or ()
        for name, value in (action.headers or {}).items()
        if name.lower() in CREDENTIAL_NAMES and "${" not in value
    )


def unfilled_credentials(connector: Connector, names: Collection[str]) -> tuple[str, ...]:
    """One sentence for each text with a placeholder of a credential that the provider will see as it is written (spec/03 2.1)."""
    found = []
    for action in connector.actions or ():
        where = f"of action [{action.name or action.action_type}] asks for"
        for header, value in (action.headers or {}).items():
            if unknown := [part for part in _asked(value) if part.name not in names]:
                found.append(
                    f"header [{header}] {where} {unknown[0].source}, which credential does not hold: it is sent as it stands"
                )
        if asked := _asked(action.request_body or ""):
            found.append(
                f"request_body {where} {asked[0].source}: it is sent as it stands, since credential fills headers only"
            )
    return tuple(found)


def _asked(text: str) -> list[Placeholder]:
    """Where a text asks for credentials."""
    return [part for part in scan(text, CREDENTIAL) if isinstance(part, Placeholder)]
