"""The steps that hold chains of their own: process_and_set, for_each, conditional."""

from __future__ import annotations

from typing import Any

from fairlead.engine.jsonpath import Location, Path, at, put
from fairlead.engine.processors.conditions import Condition, compile_condition
from fairlead.engine.processors.config import (
    FAULTS,
    Config,
    Processor,
    Runs,
    copied,
    copy_of,
    document_of,
    path_or_none,
)
from fairlead.engine.processors.fields import Target
from fairlead.java.regex import RegexTimeout


def process_and_set(config: Config) -> Processor:
    """The inner chain runs over the whole value; what it gives is written at the path."""
    target = Target(config.text("path"))
    chain = config.chain("processors")

    def run(value: Any) -> Any:
        try:
            result = chain.run(value)
            document = copy_of(value)
            target.write(document, copied(result))
        except RegexTimeout:
            raise
        except FAULTS:
            return value
        return document

    return run


def for_each(config: Config) -> Processor:
    """The inner chain runs over every element, and each result goes back to where its element was (D-25)."""
    path = path_or_none(config.text("path"))
    chain = config.chain("processors")

    def run(value: Any) -> Any:
        if path is None:
            return value
        try:
            document = copy_of(value)
            places = _elements(path, document)
        except RegexTimeout:
            raise
        except FAULTS:
            return value
        if not places or () in places:
            return value
        results = [_element(chain, at(document, place)) for place in places]
        for place, result in zip(places, results, strict=True):
            put(document, place, copied(result))
        return document

    return run


def _elements(path: Path, document: Any) -> list[Location]:
    """The places of the elements: the items of the array a definite path leads to, else the hits themselves."""
    places = path.locations(document)
    if not path.definite:
        return places
    found = at(document, places[0]) if len(places) == 1 else None
    return [(*places[0], index) for index in range(len(found))] if isinstance(found, list) else []


def _element(chain: Runs, element: Any) -> Any:
    try:
        return chain.run(element)
    except RegexTimeout:
        raise
    except FAULTS:
        return element


def conditional(config: Config) -> Processor:
    """The chain of the first condition that holds for the value (or for what `path` finds) runs over the value."""
    routes = _routes(config)
    path = None if config.get("path") is None else path_or_none(config.text("path"))
    whole = config.get("path") is None
    default = None if config.get("default") is None else config.nested(config.get("default"))

    def run(value: Any) -> Any:
        subject = value if whole else _subject(path, value)
        for condition, chain in routes:
            if condition(subject):
                return chain.run(value)
        return value if default is None else default.run(value)

    return run


def _subject(path: Path | None, value: Any) -> Any:
    try:
        return None if path is None else path.read(document_of(value))
    except RegexTimeout:
        raise
    except FAULTS:
        return None


def _routes(config: Config) -> list[tuple[Condition, Runs]]:
    given = config.get("routes")
    if given is None:
        config.fail("'routes' is required for conditional processor")
    if not isinstance(given, list) or not all(isinstance(route, dict) for route in given):
        config.fail("'routes' must be a list of objects for conditional processor")
    routes = [(compile_condition(text), config.nested(chain)) for route in given for text, chain in route.items()]
    if not routes:
        config.fail("'routes' must contain at least one route for conditional processor")
    return routes
