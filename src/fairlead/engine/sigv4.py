"""AWS Signature Version 4 over header fields (spec/03 section 9); reads no clock and fetches or refreshes no credential.

A request is signed as it will be sent: the target stays as written, only its canonical form is normalised and encoded
once more. What one connector repeats (key of the day, canonical target, set of headers) is worked out once and kept.
"""

from __future__ import annotations

import hmac
import re
from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn
from urllib.parse import quote_from_bytes, unquote_to_bytes

from fairlead.domain.secret import Secret
from fairlead.errors import IllegalArgument

ALGORITHM = "AWS4-HMAC-SHA256"

UNSIGNED = frozenset({b"authorization", b"connection", b"x-amzn-trace-id", b"user-agent", b"expect"})
"""Headers that are never signed, in lower case. `authorization` is the signature itself (D-45)."""

_REPLACED = {b"x-amz-content-sha256": "digest", b"x-amz-date": "date", b"authorization": "authorization"}
_VISIBLE = re.compile(r"[!-~]+")
_SCOPE_PART = re.compile(r"[A-Za-z0-9._-]+")
_AMZ_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_AUTHORIZATION = re.compile(
    ALGORITHM + r" +Credential=([^\s,]+) *, *SignedHeaders=([^\s,]+) *, *Signature=([0-9a-f]{64})"
)

Headers = tuple[tuple[bytes, bytes], ...]


def canonical_target(target: bytes) -> bytes:
    """Path and query of `target` in canonical form, with the line feed that stands between them.

    The path is normalised (RFC 3986 5.2.4, empty segments dropped) and percent-encoded once more, so that `%3A` becomes
    `%253A`. Query pairs are decoded (`+` is a space), encoded and then sorted.
    """
    path, _, query = target.partition(b"?")
    return quote_from_bytes(_normalised(path), safe="/~").encode() + b"\n" + _canonical_query(query)


def _normalised(path: bytes) -> bytes:
    segments: list[bytes] = []
    parts = path.split(b"/")
    for part in parts:
        if part == b"..":
            del segments[-1:]
        elif part not in (b"", b"."):
            segments.append(part)
    tail = b"/" if segments and parts[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(segments) + tail


def _canonical_query(query: bytes) -> bytes:
    pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded).encode()


def _encoded(text: bytes) -> str:
    return quote_from_bytes(unquote_to_bytes(text.replace(b"+", b" ")), safe="~")


def _collapsed(value: bytes) -> bytes:
    return b" ".join(value.split())


def canonical_request(
    method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], payload_hash: bytes
) -> tuple[bytes, bytes]:
    """The canonical request and its list of signed headers, over all of `headers` that may be signed.

    `payload_hash` is the hex SHA-256 of the body. Values of a repeated name are joined by commas in their order.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if (lower := name.lower()) not in UNSIGNED:
            values.setdefault(lower, []).append(_collapsed(value))
    names = sorted(values)
    lines = b"".join(b"%b:%b\n" % (name, b",".join(values[name])) for name in names)
    signed = b";".join(names)
    parts = (method.encode(), canonical_target(target), lines, signed, payload_hash)
    return b"\n".join(parts), signed


def signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    """The 32-byte key of one day (`date` as 20261125), region and service."""
    key = b"AWS4" + secret_key.encode("utf-8", "surrogatepass")
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, amz_date: str, scope: str, request: bytes) -> str:
    """Hex signature of a canonical request under a day's key; `scope` is `date/region/service/aws4_request`."""
    text = f"{ALGORITHM}\n{amz_date}\n{scope}\n{sha256(request).hexdigest()}"
    return hexlify(hmac.digest(key, text.encode(), "sha256")).decode()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a set of header names decides: how to print the canonical headers and which lines go out.

    `template` takes the values of `order`; `wire` says for each line which value it carries. Values are numbered as
    given, followed by host, digest, date and token.
    """

    names: tuple[bytes, ...]
    template: bytes
    order: tuple[int, ...]
    wire: tuple[tuple[bytes, int], ...]
    signed: str


def _plan(names: tuple[bytes, ...], with_token: bool) -> _Plan:
    count = len(names)
    ours = {"host": count, "digest": count + 1, "date": count + 2, "token": count + 3}
    replaced = dict(_REPLACED)
    if with_token:
        replaced[b"x-amz-security-token"] = "token"
    wire: list[tuple[bytes, int]] = []
    placed: set[str] = set()
    for index, name in enumerate(names):
        role = replaced.get(name.lower())
        if role is None:
            wire.append((name, index))
        elif role != "authorization" and role not in placed:
            wire.append((name, ours[role]))
            placed.add(role)
    if all(name.lower() != b"host" for name in names):
        wire.insert(0, (b"Host", ours["host"]))
    wanted = [(b"x-amz-content-sha256", "digest"), (b"X-Amz-Date", "date")]
    if with_token:
        wanted.append((b"X-Amz-Security-Token", "token"))
    wire += [(name, ours[role]) for name, role in wanted if role not in placed]
    rows: dict[bytes, list[int]] = {}
    for name, index in wire:
        if name.lower() not in UNSIGNED:
            rows.setdefault(name.lower(), []).append(index)
    ordered = sorted(rows)
    lines = [name.replace(b"%", b"%%") + b":" + b",".join([b"%b"] * len(rows[name])) + b"\n" for name in ordered]
    signed = b";".join(ordered)
    template = b"%b\n%b\n" + b"".join(lines) + b"\n" + signed.replace(b"%", b"%%") + b"\n%b"
    order = tuple(index for name in ordered for index in rows[name])
    return _Plan(names, template, order, tuple(wire), signed.decode("latin-1"))


@dataclass(frozen=True, slots=True, repr=False)
class _Day:
    """The derived key of one day and the scope it is good for."""

    date: str
    key: bytes
    scope: str
    credential: str

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key cannot be pickled")


class Signer:
    """Signs the requests of one connector with one set of keys."""

    __slots__ = ("_access_key", "_day", "_plan", "_secret_key", "_target", "_token", "region", "service")

    def __init__(
        self, access_key: Secret, secret_key: Secret, session_token: Secret | None, region: str, service: str
    ) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._token = session_token
        self.region = region
        self.service = service
        self._day: _Day | None = None
        self._plan: _Plan | None = None
        self._target: tuple[bytes, bytes] | None = None

    def __repr__(self) -> str:
        return f"Signer(region={self.region!r}, service={self.service!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer cannot be pickled")

    def sign(self, method: str, target: bytes, host: str, headers: Headers, body: bytes, amz_date: str) -> Headers:
        """The complete list of headers to send, in a stable order: Host, those given, ours, Authorization.

        `target` is path and query as sent, `headers` what else is sent (Content-Length included, Host optional),
        `amz_date` as 20261125T171200Z. Given `x-amz-content-sha256` and `X-Amz-Date` are replaced in place, a given
        `Authorization` is dropped. Raises IllegalArgument for keys that cannot stand in a header.
        """
        day = self._day
        if day is None or day.date != amz_date[:8]:
            day = self._day = self._derived(amz_date[:8])
        names = tuple([name for name, _ in headers])
        plan = self._plan
        if plan is None or plan.names != names:
            plan = self._plan = _plan(names, self._token is not None)
        known = self._target
        if known is None or known[0] != target:
            known = self._target = (target, canonical_target(target))
        digest = sha256(body).hexdigest().encode()
        values = [value for _, value in headers]
        values += (host.encode(), digest, amz_date.encode())
        if self._token is not None:
            values.append(self._token.reveal().encode())
        printed = [b" ".join(values[index].split()) for index in plan.order]
        request = plan.template % (method.encode(), known[1], *printed, digest)
        authorization = (
            f"{ALGORITHM} Credential={day.credential}, SignedHeaders={plan.signed}, "
            f"Signature={signature(day.key, amz_date, day.scope, request)}"
        )
        lines = [(name, values[index]) for name, index in plan.wire]
        lines.append((b"Authorization", authorization.encode("latin-1")))
        return tuple(lines)

    def _derived(self, date: str) -> _Day:
        """The day's key. Keys pasted with blanks around them are trimmed, as the original's SDK does."""
        access, secret = self._access_key.reveal().strip(), self._secret_key.reveal().strip()
        for name, text in (("access_key", access), ("secret_key", secret)):
            if not text:
                raise IllegalArgument(f"Credential [{name}] is blank")
        # Both are written into a header: a line feed there would be a header of the attacker's (T-05).
        token = self._token.reveal() if self._token is not None else "-"
        for name, text in (("access_key", access), ("session_token", token)):
            if not _VISIBLE.fullmatch(text) or (name == "access_key" and re.search("[/,]", text)):
                raise IllegalArgument(f"Credential [{name}] holds characters that no AWS key has")
        for name, text in (("region", self.region), ("service_name", self.service)):
            if not _SCOPE_PART.fullmatch(text):
                raise IllegalArgument(f"Parameter [{name}] is no name of an AWS {name.partition('_')[0]}")
        scope = f"{date}/{self.region}/{self.service}/aws4_request"
        return _Day(date, signing_key(secret, date, self.region, self.service), scope, f"{access}/{scope}")


def verify(
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    secret_lookup: Callable[[str], str | None],
) -> str | None:
    """Why a received request is not rightly signed, or None when it is.

    `target` and `headers` are as received, decoded as Latin-1; `secret_lookup` gives the secret of an access key. The
    age of the signature is not looked at: there is no clock here.
    """
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value)
    given = fields.get("authorization", [])
    parts = _AUTHORIZATION.fullmatch(given[0].strip()) if len(given) == 1 else None
    if parts is None:
        return "there is no single Authorization header of the form AWS4-HMAC-SHA256"
    access_key, *scope = parts[1].split("/")
    signed = parts[2].split(";")
    fault = _form_fault(scope, signed, fields, body)
    if fault is not None:
        return fault
    secret = secret_lookup(access_key)
    if secret is None:
        return "the access key is not known"
    lines = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers if n.lower() in signed]
    request, _ = canonical_request(method, target.encode("latin-1"), lines, hexlify(sha256(body).digest()))
    date, region, service, _ = scope
    key = signing_key(secret, date, region, service)
    wanted = signature(key, fields["x-amz-date"][0], "/".join(scope), request)
    if not hmac.compare_digest(wanted, parts[3]):
        return "the signature does not match"
    return None


def _form_fault(scope: list[str], signed: list[str], fields: dict[str, list[str]], body: bytes) -> str | None:
    """What is wrong before any key is needed."""
    if len(scope) != 4 or scope[3] != "aws4_request":
        return "the credential's scope is not date/region/service/aws4_request"
    dates = fields.get("x-amz-date", [])
    if len(dates) != 1 or not _AMZ_DATE.fullmatch(dates[0]):
        return "there is no single X-Amz-Date of the form 20261125T171200Z"
    if dates[0][:8] != scope[0]:
        return "the date of the scope is not that of X-Amz-Date"
    if signed != sorted(set(signed)):
        return "the signed headers are not sorted, or named twice"
    for name in signed:
        if name not in fields or name.encode("latin-1") in UNSIGNED:
            return f"header {name} is named as signed but was not sent, or must not be signed"
    for name in fields:
        if (name in ("host", "content-type") or name.startswith("x-amz-")) and name not in signed:
            return f"header {name} is not signed"
    if "host" not in signed:
        return "header host is not signed"
    digests = fields.get("x-amz-content-sha256", [])
    if digests and digests != [sha256(body).hexdigest()]:
        return "x-amz-content-sha256 is not the hash of the body"
    return None
