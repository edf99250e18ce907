"""The second net under the log: masks known secrets and credential headers in every record that passes.

The first net is `Secret`, which masks itself. This one drops no record, changes no level, and knows a secret only after
it was registered (spec/06 section 13, T-08 and T-10).
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from fairlead.domain.secret import Secret

MASK = "***"
MIN_SECRET = 8
"""Characters. Masking shorter texts would tear words out of every line and hide nothing."""
MAX_SECRETS = 1024
"""Secrets known at once; the one registered longest ago is forgotten first."""

CREDENTIAL_NAMES: tuple[str, ...] = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-goog-api-key",
    "x-auth-token",
    "x-amz-security-token",
    "x-security-token",
    "x-functions-key",
    "ocp-apim-subscription-key",
    "api-key",
    "apikey",
    "api_key",
    "access_key",
    "secret_key",
    "session_token",
    "client_secret",
    "password",
)
"""Header, parameter and query names whose value is a credential whatever it is; compared without case."""

_NAME = "|".join(re.escape(name) for name in sorted(CREDENTIAL_NAMES, key=len, reverse=True))
# The value ends with its quote where it has one; after `=` with the query's separator, because there more may follow
# that is worth reading; else with the line, because SigV4's value holds blanks and commas.
_LABELLED = re.compile(
    rf"""(?<![A-Za-z0-9])(?P<label>(?:{_NAME})(?:\\?["'])?\s*(?P<mark>[:=,]|=>)\s*b?)
    (?: "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*' | \\"[^"\r\n]*"
      | (?<==)(?:(?:Bearer|Basic|ApiKey|Token)[ ]+)?[^\s&;,"'<>]+ | [^\r\n"']+ )""",
    re.IGNORECASE | re.VERBOSE,
)
_SCHEMED = re.compile(r"\b(?P<scheme>Bearer|Basic|ApiKey)[ ]+[A-Za-z0-9._~+/=-]{20,}", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^\s/?#@\"']+@")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def forms(text: str) -> tuple[str, ...]:
    """The spellings in which a secret travels: plain, inside JSON or a repr, percent-encoded, Base64."""
    raw = text.encode("utf-8", "surrogatepass")
    found = {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
        base64.b64encode(raw).decode("ascii").rstrip("="),
        base64.urlsafe_b64encode(raw).decode("ascii").rstrip("="),
    }
    return tuple(sorted(found, key=len, reverse=True))


class Redactor(logging.Filter):
    """Rewrites records in place and lets all of them through; registering is safe from any thread."""

    def __init__(self, secrets: Iterable[Secret] = (), *, max_secrets: int = MAX_SECRETS) -> None:
        super().__init__()
        self._max = max_secrets
        self._lock = threading.Lock()
        self._known: dict[Secret, tuple[str, ...]] = {}
        self._forms: tuple[str, ...] | None = ()
        self.register(*secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} secrets)"

    def register(self, *secrets: Secret) -> None:
        """From now on these are masked. Texts shorter than MIN_SECRET characters are not taken."""
        with self._lock:
            for secret in secrets:
                if len(secret.reveal()) >= MIN_SECRET:
                    known = self._known.pop(secret) if secret in self._known else forms(secret.reveal())
                    self._known[secret] = known
            while len(self._known) > self._max:
                del self._known[next(iter(self._known))]
            self._forms = None

    def _known_forms(self) -> tuple[str, ...]:
        """Put in order when a line is masked, not when one of a thousand models is loaded."""
        with self._lock:
            if self._forms is None:
                # The longest first: a form may hold another one.
                every = {form for known in self._known.values() for form in known}
                self._forms = tuple(sorted(every, key=len, reverse=True))
            return self._forms

    def mask(self, text: str) -> str:
        """`text` without secrets: known ones first, then what stands where credentials stand."""
        for form in self._known_forms():
            if form in text:
                text = text.replace(form, MASK)
        text = _LABELLED.sub(lambda found: found["label"] + MASK, text)
        text = _SCHEMED.sub(lambda found: f"{found['scheme']} {MASK}", text)
        return _USERINFO.sub(f"{MASK}@", text)

    def filter(self, record: logging.LogRecord) -> bool:
        self._message(record)
        if record.exc_info and not record.exc_text:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
        if record.exc_text:
            masked = self.mask(record.exc_text)
            if masked != record.exc_text:
                # A formatter of its own mind would format the exception again.
                record.exc_text, record.exc_info = masked, None
        if record.stack_info:
            record.stack_info = self.mask(record.stack_info)
        for name, value in list(vars(record).items()):
            if name not in _STANDARD and value is not None:
                setattr(record, name, self._value(value))
        return True

    def _message(self, record: logging.LogRecord) -> None:
        """Arguments keep their places where that is enough: uvicorn's access log takes them one by one."""
        if isinstance(record.args, dict):
            record.args = {name: self._value(value) for name, value in record.args.items()}
        elif isinstance(record.args, tuple):
            record.args = tuple(self._value(value) for value in record.args)
        try:
            message = record.getMessage()
        except Exception:
            # The handler reports the broken call with its template and arguments, so these must be clean by themselves.
            record.msg = self._value(record.msg)
            return
        masked = self.mask(message)
        if masked != message:
            record.msg, record.args = masked, ()

    def _value(self, value: object) -> object:
        """The value itself if its text is clean, otherwise the masked text: of objects only the text is known."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self._value(name): self._value(item) for name, item in value.items()}
        if type(value) in (list, tuple, set, frozenset):
            return type(value)(self._value(item) for item in value)  # type: ignore[call-arg, attr-defined]
        if isinstance(value, bytes | bytearray):
            text = value.decode("utf-8", "replace")
            masked = self.mask(text)
            return value if masked == text else masked
        shown = str(value)
        masked = self.mask(shown)
        if masked != shown:
            return masked
        if not isinstance(value, str) and self.mask(repr(value)) != repr(value):
            return MASK
        return value


_FORMATTER = logging.Formatter()


def installed(logger: logging.Logger) -> Redactor | None:
    """The redactor that stands before the logger or one of its handlers."""
    targets: list[logging.Filterer] = [logger, *logger.handlers]
    return next((found for target in targets for found in target.filters if isinstance(found, Redactor)), None)


def install(logger: logging.Logger, redactor: Redactor | None = None) -> Redactor:
    """Put the redactor before the logger and each of its handlers, and return it; a second call changes nothing.

    The handlers matter more: records of child loggers reach them without passing the parent's own filters.
    """
    targets: list[logging.Filterer] = [logger, *logger.handlers]
    if redactor is None:
        redactor = installed(logger) or Redactor()
    for target in targets:
        if redactor not in target.filters:
            target.addFilter(redactor)
    return redactor
