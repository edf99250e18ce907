"""JSONPath as Jayway's library speaks it, compiled once to closures. It reads parsed JSON, never text (see `document`)."""

from fairlead.engine.jsonpath.document import DocumentFault, parse_document, parse_whole
from fairlead.engine.jsonpath.path import Path, at, compile_path, put
from fairlead.engine.jsonpath.selectors import Location

__all__ = ["DocumentFault", "Location", "Path", "at", "compile_path", "parse_document", "parse_whole", "put"]
