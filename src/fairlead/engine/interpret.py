"""From a provider's reply to output tensors: status, decoding, filter, functions, processors, generic mapping
(spec/03 5-7 and 8.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from fairlead.domain.tensor import DataType, RawJson, Tensor
from fairlead.engine.functions.post import PostFunction, data_type_of
from fairlead.engine.jsonpath import DocumentFault, compile_path, parse_document
from fairlead.engine.parameters import Parameters
from fairlead.engine.processors import compile_chain
from fairlead.engine.raw_embeddings import RAW_FROM, raw_embeddings
from fairlead.engine.scripts import Script
from fairlead.errors import (
    FairleadError,
    IllegalArgument,
    InvalidPath,
    JsonSyntax,
    MLFault,
    PathNotFound,
    RemoteThrottled,
    StatusFault,
)
from fairlead.java import jackson
from fairlead.java.json import JsonFault, compact, strict_loads

Headers = list[tuple[bytes, bytes]]

_THROTTLED = (
    "Error from remote service: The request was denied due to remote server throttling. "
    "To change the retry policy and behavior, please update the connector client_config."
)
_STEERING = frozenset({"response_filter", "output_processors"})
_PASSED_ON = {b"retry-after": "Retry-After", b"x-request-id": "X-Upstream-Request-Id", b"request-id": "X-Upstream-Request-Id", b"x-amzn-requestid": "X-Upstream-Request-Id"}  # fmt: skip


def status_fault(status: int, headers: Headers, body: bytes, *, empty_is_fine: bool = False) -> FairleadError | None:
    """The error a reply stands for, or None. 300 counts as success, as recorded (spec/03 8.7)."""
    if 200 <= status <= 300:
        if body.strip() or empty_is_fine:
            return None
        return StatusFault("Remote service returned empty response body", 502)
    passed = _passed_on(headers)
    if any(name.lower() == b"x-amzn-errortype" and value.startswith(b"ThrottlingException") for name, value in headers):
        return RemoteThrottled(_THROTTLED, status, headers=passed)
    text = body.decode("utf-8", "replace")
    if not 200 <= status <= 599 or status == 304:  # no status that an error can be answered with
        return StatusFault(
            f"Remote service returned status {status}: {text if text.strip() else 'empty body'}", 502, headers=passed
        )
    if text.strip():
        return StatusFault(f"Error from remote service: {text}", status, headers=passed)
    return StatusFault(f"Remote service returned error status {status} with empty body", status, headers=passed)


def _passed_on(headers: Headers) -> dict[str, str]:
    """What the caller is told of the provider's headers: short printable values of the few that help."""
    found = ((_PASSED_ON.get(name.lower()), value.decode("latin-1").strip()) for name, value in headers)
    return {name: text for name, text in found if name and len(text) <= 200 and text.isascii() and text.isprintable()}


def interpret(
    body: bytes, post: PostFunction | Script | None, parameters: Parameters, action: str, max_size: int
) -> list[Tensor]:
    """The tensors of a successful reply. Raises IllegalArgument (400), or MLFault (500) with the true cause."""
    if 0 <= max_size < len(body):
        raise IllegalArgument(f"JSON string size exceeds maximum allowed size ({max_size} bytes)")
    try:
        if isinstance(post, PostFunction):
            return _built_in(body, post, parameters)
        return _generic(body, post, parameters)
    except FairleadError as fault:
        if fault.status == 400 and isinstance(fault, IllegalArgument):
            raise
        raise MLFault(f"Fail to execute {action} in aws connector", cause=fault) from fault


def _built_in(body: bytes, post: PostFunction, parameters: Parameters) -> list[Tensor]:
    custom = parameters.text("response_filter")
    path = post.filter if custom is None or not custom.strip() else custom
    if len(body) >= RAW_FROM and (post.per_document or post.single):
        tensors = raw_embeddings(body, path, single=post.single)
        if tensors is not None:
            return tensors
    value = _read(path, _value(body))
    if value is None:
        raise IllegalArgument("Can't run post process function as model output is null")
    return post.run(value, data_type_of(path))


def _value(body: bytes) -> Any:
    """The reply as a path reader takes it (spec/03 7.1): lenient JSON, or the text it is."""
    try:
        return strict_loads(body)
    except JsonFault:
        text = body.decode("utf-8", "replace")
    try:
        return parse_document(text)
    except DocumentFault:
        return text


def _read(path: str, value: Any) -> Any:
    try:
        return compile_path(path).read(value)
    except InvalidPath as fault:
        raise InvalidPath(f"Invalid response_filter [{path}]: {fault.reason}") from fault


class _Text(str):
    """A reply that is no JSON, or a script's answer that is none."""

    __slots__ = ()


def _generic(body: bytes, script: Script | None, parameters: Parameters) -> list[Tensor]:
    filter, chain = None, None
    if parameters.any_of(_STEERING):
        filter = parameters.text("response_filter")
        chain = compile_chain(parameters.text("output_processors"))
    value, body = _decoded(body)
    if script is not None and not isinstance(value, _Text):
        text = script.run(value if isinstance(value, dict) else {"result": value})
        if text is not None:
            produced = _json_or_text(text)
            if filter is None and chain is None and not isinstance(produced, _Text):
                tensors = _tensors(produced)
                if tensors is not None:
                    return tensors
            body, value = b"", produced
    if filter is None and chain is None:
        return [_mapped(value, RawJson(body) if body else None)]
    if filter is not None:
        value = _filtered(filter, value)
    if chain is not None:
        value = chain.run(value)
    if isinstance(value, str):
        value = _json_or_text(value)
    return [_mapped(value, None)]


def _decoded(body: bytes) -> tuple[Any, bytes]:
    """A JSON object or array, or the reply's text (D-22), and the reply as UTF-8. Text that sets out to be JSON and is
    broken is refused."""
    try:
        value = strict_loads(body)
    except JsonFault:
        text = body.decode("utf-8", "replace")
        if text.lstrip()[:1] in ("{", "["):
            repaired = text.encode()
            if repaired != body:  # bytes that are no UTF-8 became replacement characters, as in Java
                return _decoded(repaired)
            try:
                jackson.parse(body)
            except JsonSyntax as fault:
                raise IllegalArgument(f"Invalid JSON format: {fault.reason}", cause=fault) from fault
        return _Text(text), body
    return value if isinstance(value, (dict, list)) else _Text(body.decode()), body


def _json_or_text(text: str) -> Any:
    """A text that is a strict JSON object or array is that value, as recorded (spec/03 7.2); any other stays a text."""
    if text.strip()[:1] in ("{", "["):
        try:
            return strict_loads(text)
        except JsonFault:
            pass
    return _Text(text)


def _filtered(filter: str, value: Any) -> Any:
    """What the path finds; a miss or a null leaves the whole value (spec/03 7.1)."""
    if not filter.strip():
        raise IllegalArgument("path can not be null or empty")
    try:
        found = _read(filter, value)
    except PathNotFound:
        return value
    return value if found is None else found


def _mapped(value: Any, raw: RawJson | None) -> Tensor:
    """Generic mapping (spec/03 7.2): objects are themselves, everything else goes under `response`."""
    if isinstance(value, dict):
        return Tensor("response", data_as_map=raw or value)
    if isinstance(value, list) and raw is not None:
        return Tensor("response", data_as_map=RawJson(b'{"response":' + raw.text + b"}"))
    return Tensor("response", data_as_map={"response": value})


def _texts(value: Any) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


_MEMBERS: Mapping[str, Callable[[Any], bool]] = {
    "shape": lambda value: isinstance(value, list) and all(isinstance(n, int) for n in value),
    "data": lambda value: isinstance(value, list),
    "dataAsMap": lambda value: isinstance(value, dict),
}


def _tensors(produced: Any) -> list[Tensor] | None:
    """A script's answer as tensors; None when it is a list of something else, which is mapped generically (D-47)."""
    rows = produced if isinstance(produced, list) else [produced]
    if not all(isinstance(row, dict) for row in rows):
        return None
    return [_tensor(row) for row in rows]


def _tensor(row: Mapping[str, Any]) -> Tensor:
    for member, holds in _MEMBERS.items():
        if row.get(member) is not None and not holds(row[member]):
            raise IllegalArgument(f"The post process function's answer has a wrong value for '{member}'")
    kind = row.get("data_type")
    if kind is not None and (not isinstance(kind, str) or kind not in DataType.__members__):
        shown = kind if isinstance(kind, str) else compact(kind)
        raise IllegalArgument(f"No enum constant org.opensearch.ml.common.output.model.MLResultDataType.{shown}")
    if kind == DataType.UNKNOWN and row.get("data") is not None:
        raise IllegalArgument("data type is null")
    return Tensor(
        _texts(row.get("name")),
        None if kind is None else DataType(kind),
        row.get("shape"),
        row.get("data") if kind is not None else None,
        _texts(row.get("result")),
        row.get("dataAsMap"),
    )
