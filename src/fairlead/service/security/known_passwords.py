"""Finds users whose password everybody can know: those of the demo set-up, and names used as passwords (spec/06 14.3, S-08).

Costs one hash a user, so that it is done when files are imported, never at a login."""

from __future__ import annotations

from fairlead.domain.security_objects import USERS
from fairlead.security.passwords import verify_password
from fairlead.service.security.files import SecurityFiles


def known_password(files: SecurityFiles) -> str | None:
    """The first such user of the files; demo users are among them, whose passwords are their names."""
    for name, body in files.objects.get(USERS.kind, {}).items():
        stored = body.get("hash")
        if stored and body.get("enabled", True) is not False and verify_password(stored, name):
            return name
    return None
