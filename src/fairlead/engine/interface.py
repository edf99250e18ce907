"""A model's interface, compiled when the model is loaded: JSON schemas that its requests and replies must meet (spec/02 4).

Nothing is fetched: a reference to another document is refused when the schema is stored. Patterns are matched in linear time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jsonschema_rs
import orjson
from jsonschema_rs import RegexOptions, ValidationError

from fairlead.domain.dataset import Dataset, PredictInput, QuestionAnswering, Remote, TextDocs, TextSimilarity, Value
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.inferences import inferences
from fairlead.engine.interface_cost import PLAIN_CHARACTERS, Size, Unbounded, cost_of
from fairlead.engine.interface_words import described
from fairlead.errors import FairleadError, IllegalArgument, StatusFault
from fairlead.java.json import JsonFault, compact, strict_loads

INPUT, OUTPUT = "input", "output"
MAX_ERRORS = 20
"""Violations that are told of one instance."""
MAX_SHOWN = 10_000
"""Characters of an instance that a message shows."""
_ALL_ERRORS = 100_000
"""Looks up to which all violations of an instance are collected, kilobytes each; of a larger one the first is told."""
_DEFAULT_FILTER = {"return_bytes": False, "return_number": True}
_PATTERNS = RegexOptions()
_MAY_BE_JSON = frozenset('{["-0123456789tfn \t\r\n')


class CompiledSchema:
    """One side. Raises IllegalArgument for a text that is no JSON schema."""

    __slots__ = ("_cost", "_schema", "_side", "_text", "_validator")

    def __init__(self, side: str, text: str) -> None:
        self._side = side
        self._text = text
        try:
            self._schema = strict_loads(text)
        except JsonFault as fault:
            raise IllegalArgument(f"The schema of [{side}] in the interface is not valid JSON: {fault}") from fault
        if not isinstance(self._schema, (dict, bool)):
            raise IllegalArgument(f"The schema of [{side}] in the interface must be a JSON object or a boolean")
        try:
            # Offline: a schema that anybody may register must not make this server call anything.
            self._validator = jsonschema_rs.validator_for(self._schema, offline=True, pattern_options=_PATTERNS)
        except (ValidationError, ValueError) as fault:
            why = fault.message if isinstance(fault, ValidationError) else str(fault)
            raise IllegalArgument(f"The schema of [{side}] in the interface is not a JSON schema: {why}") from fault
        try:
            self._cost = cost_of(self._schema)
        except Unbounded as fault:
            raise IllegalArgument(f"The schema of [{side}] in the interface cannot be used: {fault}") from fault

    @property
    def texts(self) -> frozenset[str]:
        """Parameters whose type is exactly "string": their texts are not read as JSON."""
        members = _members(_members(self._schema).get("parameters"))
        return frozenset(
            name for name, rule in members.items() if isinstance(rule, dict) and rule.get("type") == "string"
        )

    def fits(self, instance: Any, characters: int = 0) -> bool:
        """`characters` are those of the request's texts. Raises StatusFault 400 for what would take too long."""
        if characters > PLAIN_CHARACTERS or not self._cost.plain:
            excess = self._cost.excess(Size.of(instance))
            if excess is not None:
                raise StatusFault(f"The {self._side} cannot be checked by the model's interface: {excess}", 400)
        fits: bool = self._validator.is_valid(instance)
        return fits

    def fault(self, instance: Any) -> FairleadError:
        """Why it does not fit, in the recorded words."""
        told = []
        for error in self._errors(instance):
            told.append(described(error, self._schema))
            if len(told) == MAX_ERRORS:
                break
        shown = compact(instance)
        if len(shown) > MAX_SHOWN:
            shown = shown[:MAX_SHOWN] + "..."
        return StatusFault(
            f"Error validating {self._side} schema, if you think this is expected, please update your '{self._side}' "
            f"field in the 'interface' field for this model: Validation failed: [{', '.join(told)}] for instance: "
            f"{shown} with schema: {self._text}",
            400,
        )

    def _errors(self, instance: Any) -> Iterable[ValidationError]:
        if Size.of(instance).values * self._cost.looks <= _ALL_ERRORS:
            return self._validator.iter_errors(instance)  # a list of all of them, however few are taken
        try:
            self._validator.validate(instance)
        except ValidationError as first:
            return (first,)
        return ()


class Interface:
    """Both sides of one model."""

    __slots__ = ("_input", "_output", "_texts")

    def __init__(self, sides: Mapping[str, str]) -> None:
        """Raises IllegalArgument."""
        self._input = CompiledSchema(INPUT, sides[INPUT]) if INPUT in sides else None
        self._output = CompiledSchema(OUTPUT, sides[OUTPUT]) if OUTPUT in sides else None
        self._texts = frozenset() if self._input is None else self._input.texts

    def check_input(self, asked: PredictInput) -> None:
        """Raises StatusFault 400. Only the check sees parameters as the values that their texts stand for."""
        if self._input is not None:
            instance = self._instance(asked.dataset, asked.action)
            if not self._input.fits(instance, _characters(asked.dataset)):
                raise self._input.fault(instance)

    def check_output(self, results: Sequence[InferenceResult]) -> None:
        """Raises StatusFault 400; the provider has been asked by then."""
        if self._output is not None:
            instance = inferences(results, strict_loads)
            if not self._output.fits(instance):
                raise self._output.fault(instance)

    def _instance(self, dataset: Dataset, action: str) -> dict[str, Any]:
        if isinstance(dataset, Remote):
            parameters = None if dataset.parameters is None else self._values(dataset.parameters)
            return {"algorithm": "REMOTE", "parameters": parameters, "action_type": action}
        shown: dict[str, Any] = {"algorithm": "REMOTE"}
        if isinstance(dataset, TextDocs):
            if dataset.algorithm_parameters is not None:
                shown["parameters"] = dict(dataset.algorithm_parameters)
            shown["text_docs"] = list(dataset.docs)
            shown["result_filter"] = {**_DEFAULT_FILTER, **(dataset.result_filter or {})}
        elif isinstance(dataset, TextSimilarity):
            shown["query_text"], shown["text_docs"] = dataset.query, list(dataset.docs)
        elif isinstance(dataset, QuestionAnswering):
            shown["question"], shown["context"] = dataset.question, dataset.context
        return shown

    def _values(self, parameters: Mapping[str, Value]) -> dict[str, Any]:
        texts = self._texts
        return {
            name: (_text(value) if name in texts else None if value is None else _value(value))
            for name, value in parameters.items()
        }


def _characters(dataset: Dataset) -> int:
    """Of the texts that may be read as large values."""
    parameters = dataset.parameters if isinstance(dataset, Remote) else None
    return sum(map(len, filter(None, parameters.values()))) if parameters else 0


def _text(value: Value) -> str:
    """The exact text; null is the word here, as in the original. The validator takes no subclass of str."""
    return "null" if value is None else value if type(value) is str else str(value)


def _value(text: str) -> Any:
    """What the text stands for if it is JSON, else itself."""
    if text[:1] not in _MAY_BE_JSON:
        return text
    plain = text if type(text) is str else str(text)
    try:
        return orjson.loads(plain)
    except orjson.JSONDecodeError:
        return plain


def _members(schema: Any) -> Mapping[str, Any]:
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def compile_interface(sides: Mapping[str, str] | None) -> Interface | None:
    """None for an interface that checks nothing: such a model pays nothing. Raises IllegalArgument."""
    return Interface(sides) if sides else None
