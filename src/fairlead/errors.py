"""The error tree: each class carries the wire `type`, the HTTP status and a reason that is safe to show.

It does not render envelopes (fairlead.api.error_body does) and knows no route, store or socket.

FairleadError                     500 exception
 +- IllegalArgument               400 illegal_argument_exception
 |   +- NumberFormat              400 number_format_exception
 |   +- UnsupportedCharset        400 unsupported_charset_exception
 |   +- UnknownHost               400 unknown_host_exception
 |   +- UriSyntax                 400 u_r_i_syntax_exception
 |   +- PatternSyntax             400 pattern_syntax_exception
 |   +- InvalidPath               400 invalid_path_exception
 +- ActionValidation              400 action_request_validation_exception
 +- BodyParse                     400 parse_exception
 +- TokenMismatch                 400 parsing_exception (line, col)
 +- JsonSyntax                    400 json_parse_exception
 |   +- JsonTruncated             400 json_e_o_f_exception
 |   +- InputCoercion             400 input_coercion_exception
 |   +- StreamConstraints         400 stream_constraints_exception
 +- XContentParse                 400 x_content_parse_exception
 +- NamedObjectNotFound           400 named_object_not_found_exception
 +- SettingsFault                 400 settings_exception
 +- BadParameter                  400 bad_parameter_exception
 +- ContentTypeHeader             400 content_type_header_exception
 +- SearchPhaseFailed             400 search_phase_execution_exception
 +- QueryShardFault               400 query_shard_exception
 +- DateFault                     400 date_time_parse_exception
 +- ScriptFault                   400 script_exception
 +- IndexNotFound                 404 index_not_found_exception
 +- ResourceNotFound              404 resource_not_found_exception
 +- SecurityFault                 403 security_exception
 +- SecurityApiFault              any security_api_exception (a small body instead of the envelope)
 |   +- InvalidSecurityObject     400 invalid_security_object_exception
 +- VersionConflict               409 version_conflict_engine_exception
 +- StatusFault                   any status_exception
 |   +- RemoteThrottled           any remote_connector_throttling_exception
 |   +- PlainFault                any status_exception (shown as a text instead of an object, spec/01 5.5)
 |   +- Unavailable               503 status_exception (store or keys are away)
 +- MLFault                       500 m_l_exception
 |   +- LimitExceeded             429 m_l_limit_exceeded_exception
 +- PathNotFound                  500 path_not_found_exception
 +- ClassCast                     500 class_cast_exception
 +- IndexOutOfBounds              500 index_out_of_bounds_exception
 +- IllegalState                  500 illegal_state_exception
 +- UnsupportedOperation          500 unsupported_operation_exception

`any`: whoever raises it gives the status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class FairleadError(Exception):
    """Base of everything Fairlead raises on purpose.

    `reason` is what the caller reads; it never holds a secret or a payload of another caller.
    `cause` is shown as `caused_by`; `fields` are extra members of the wire object (`line`, `col`, `index`, ...);
    `suppressed` are earlier attempts that failed too.
    """

    type: ClassVar[str] = "exception"
    default_status: ClassVar[int] = 500
    family: ClassVar[bool] = True
    """Whether the original derives it from OpenSearchException: such a cause becomes the root cause."""

    def __init__(
        self,
        reason: str | None,
        *,
        status: int | None = None,
        cause: FairleadError | None = None,
        fields: Mapping[str, object] | None = None,
        suppressed: Sequence[FairleadError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = self.default_status if status is None else status
        self.cause = cause
        self.fields: Mapping[str, object] = fields or {}
        self.suppressed = tuple(suppressed)
        self.headers: Mapping[str, str] = headers or {}

    def __str__(self) -> str:
        return self.reason or ""

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.__class__, self.reason, self.__dict__))


def _rebuild(cls: type[FairleadError], reason: str | None, state: dict[str, object]) -> FairleadError:
    error = cls.__new__(cls)
    Exception.__init__(error, reason)
    error.__dict__.update(state)
    return error


class IllegalArgument(FairleadError):
    type = "illegal_argument_exception"
    default_status = 400
    family = False


class NumberFormat(IllegalArgument):
    type = "number_format_exception"


class UnsupportedCharset(IllegalArgument):
    type = "unsupported_charset_exception"


class UnknownHost(IllegalArgument):
    type = "unknown_host_exception"


class UriSyntax(IllegalArgument):
    type = "u_r_i_syntax_exception"


class PatternSyntax(IllegalArgument):
    type = "pattern_syntax_exception"


class InvalidPath(IllegalArgument):
    type = "invalid_path_exception"


class ActionValidation(FairleadError):
    """Request validation; `reasons` are numbered the way OpenSearch does."""

    type = "action_request_validation_exception"
    default_status = 400
    family = False

    def __init__(self, *reasons: str) -> None:
        super().__init__("Validation Failed: " + "".join(f"{n}: {text};" for n, text in enumerate(reasons, 1)))


class BodyParse(FairleadError):
    type = "parse_exception"
    default_status = 400


class TokenMismatch(FairleadError):
    """A JSON token of another kind than the field takes; `line` and `col` count from 1."""

    type = "parsing_exception"
    default_status = 400

    def __init__(self, reason: str, line: int, col: int, cause: FairleadError | None = None) -> None:
        super().__init__(reason, fields={"line": line, "col": col}, cause=cause)


class JsonSyntax(FairleadError):
    type = "json_parse_exception"
    default_status = 400
    family = False


class JsonTruncated(JsonSyntax):
    type = "json_e_o_f_exception"


class InputCoercion(JsonSyntax):
    type = "input_coercion_exception"


class StreamConstraints(JsonSyntax):
    type = "stream_constraints_exception"


class XContentParse(FairleadError):
    type = "x_content_parse_exception"
    default_status = 400
    family = False


class NamedObjectNotFound(FairleadError):
    type = "named_object_not_found_exception"
    default_status = 400
    family = False


class SettingsFault(FairleadError):
    type = "settings_exception"
    default_status = 400


class BadParameter(FairleadError):
    type = "bad_parameter_exception"
    default_status = 400
    family = False


class ContentTypeHeader(FairleadError):
    type = "content_type_header_exception"
    default_status = 400
    family = False


class SearchPhaseFailed(FairleadError):
    type = "search_phase_execution_exception"
    default_status = 400


class QueryShardFault(FairleadError):
    type = "query_shard_exception"
    default_status = 400


class DateFault(FairleadError):
    type = "date_time_parse_exception"
    default_status = 400
    family = False


class ScriptFault(FairleadError):
    """A Painless script that does not compile or fails; `fields` hold stack, script, lang and position."""

    type = "script_exception"
    default_status = 400


class IndexNotFound(FairleadError):
    """A kind of document that nothing was ever stored for, reported the way OpenSearch reports a missing index."""

    type = "index_not_found_exception"
    default_status = 404

    def __init__(self, index: str) -> None:
        super().__init__(
            f"no such index [{index}]",
            fields={"index": index, "resource.id": index, "resource.type": "index_expression", "index_uuid": "_na_"},
        )


class ResourceNotFound(FairleadError):
    type = "resource_not_found_exception"
    default_status = 404


class SecurityFault(FairleadError):
    """The caller is known and lacks the privilege of the action."""

    type = "security_exception"
    default_status = 403


_STATUS_WORDS = {
    400: "BAD_REQUEST",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    429: "TOO_MANY_REQUESTS",
    501: "NOT_IMPLEMENTED",
    503: "SERVICE_UNAVAILABLE",
}


class SecurityApiFault(FairleadError):
    """What the Security REST API refuses: it answers with `body`, which is no envelope (spec/06 2.3)."""

    type = "security_api_exception"

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, status=status, headers=headers)

    @property
    def body(self) -> dict[str, object]:
        return {"status": _STATUS_WORDS[self.status], "message": self.reason}


class InvalidSecurityObject(SecurityApiFault):
    """A body that the Security REST API cannot take; `details` are the further members of its answer."""

    type = "invalid_security_object_exception"
    default_status = 400

    def __init__(self, reason: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(400, reason)
        self.details = dict(details or {})

    @property
    def body(self) -> dict[str, object]:
        return {"status": "error", "reason": self.reason, **self.details}


class VersionConflict(FairleadError):
    type = "version_conflict_engine_exception"
    default_status = 409


class StatusFault(FairleadError):
    """An error with a status of its own, most often the provider's."""

    type = "status_exception"

    def __init__(
        self,
        reason: str | None,
        status: int,
        *,
        cause: FairleadError | None = None,
        suppressed: Sequence[FairleadError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, status=status, cause=cause, suppressed=suppressed, headers=headers)


class RemoteThrottled(StatusFault):
    type = "remote_connector_throttling_exception"


class PlainFault(StatusFault):
    """What routing and header checks answer: a text where others have an object (spec/01 5.5)."""


class MLFault(FairleadError):
    type = "m_l_exception"


class LimitExceeded(MLFault):
    """Too many tasks run already: 500 in the original, though nothing is broken."""

    type = "m_l_limit_exceeded_exception"
    default_status = 429


class PathNotFound(FairleadError):
    type = "path_not_found_exception"
    family = False


class ClassCast(FairleadError):
    type = "class_cast_exception"
    family = False


class IndexOutOfBounds(FairleadError):
    type = "index_out_of_bounds_exception"
    family = False


class IllegalState(FairleadError):
    type = "illegal_state_exception"
    family = False


class UnsupportedOperation(FairleadError):
    type = "unsupported_operation_exception"
    family = False


class Unavailable(StatusFault):
    """Something this process needs (store, keys) is away; the request changed nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, 503)
