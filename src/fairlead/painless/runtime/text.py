"""The text form of every value (spec 04 section 8) and the Java names of their classes; it formats no numbers itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.java.text import double_text, float_text, join_doubles, signed32
from fairlead.painless.errors import Thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.bignum import BigDecimal, MathContext
from fairlead.painless.runtime.values import (
    Array,
    ArraysList,
    BigInteger,
    Buffer,
    Builder,
    Byte,
    Char,
    Cursor,
    Deque,
    Entry,
    EntryView,
    FixedList,
    FixedMap,
    FixedSet,
    Float,
    Function,
    HashMap,
    HashSet,
    JavaSet,
    KeyView,
    LinkedHashSet,
    LinkedList,
    Long,
    Optional,
    PriorityQueue,
    Short,
    Stack,
    Stream,
    SubList,
    TreeMap,
    TreeSet,
    ValueView,
    Vector,
    bare,
    map_keys,
)

_NAMES: dict[type, str] = {
    str: "java.lang.String",
    float: "java.lang.Double",
    bool: "java.lang.Boolean",
    int: "java.lang.Integer",
    Long: "java.lang.Long",
    Short: "java.lang.Short",
    Byte: "java.lang.Byte",
    Float: "java.lang.Float",
    Char: "java.lang.Character",
    BigInteger: "java.math.BigInteger",
    BigDecimal: "java.math.BigDecimal",
    MathContext: "java.math.MathContext",
    list: "java.util.ArrayList",
    dict: "java.util.LinkedHashMap",
    HashMap: "java.util.HashMap",
    TreeMap: "java.util.TreeMap",
    FixedMap: "java.util.Collections$UnmodifiableMap",
    HashSet: "java.util.HashSet",
    LinkedHashSet: "java.util.LinkedHashSet",
    TreeSet: "java.util.TreeSet",
    FixedSet: "java.util.Collections$UnmodifiableSet",
    LinkedList: "java.util.LinkedList",
    Vector: "java.util.Vector",
    Stack: "java.util.Stack",
    FixedList: "java.util.Collections$UnmodifiableRandomAccessList",
    ArraysList: "java.util.Arrays$ArrayList",
    SubList: "java.util.ArrayList$SubList",
    Deque: "java.util.ArrayDeque",
    PriorityQueue: "java.util.PriorityQueue",
    Builder: "java.lang.StringBuilder",
    Buffer: "java.lang.StringBuffer",
    Cursor: "java.util.ArrayList$Itr",
}

_STREAMS = {
    "Stream": "java.util.stream.ReferencePipeline",
    "IntStream": "java.util.stream.IntPipeline",
    "LongStream": "java.util.stream.LongPipeline",
    "DoubleStream": "java.util.stream.DoublePipeline",
}

_VIEWS: dict[type, dict[type, str]] = {
    KeyView: {dict: "LinkedHashMap$LinkedKeySet", HashMap: "HashMap$KeySet", TreeMap: "TreeMap$KeySet"},
    ValueView: {dict: "LinkedHashMap$LinkedValues", HashMap: "HashMap$Values", TreeMap: "TreeMap$Values"},
    EntryView: {dict: "LinkedHashMap$LinkedEntrySet", HashMap: "HashMap$EntrySet", TreeMap: "TreeMap$EntrySet"},
}
_ENTRIES: dict[type, str] = {dict: "LinkedHashMap$Entry", HashMap: "HashMap$Node", TreeMap: "TreeMap$Entry"}
_ARRAY_CODES = {
    "boolean": "Z",
    "byte": "B",
    "short": "S",
    "char": "C",
    "int": "I",
    "long": "J",
    "float": "F",
    "double": "D",
    "def": "Ljava.lang.Object;",
}


def name_class(python: type, java: str) -> None:
    """Makes the Java name of a library class known."""
    _NAMES[python] = java


def _map_class(value: Any) -> type:
    found: type = type(value.map)
    return found


def class_name(value: Any) -> str:
    """The full Java name of a value's class, as the JVM prints it."""
    kind = type(value)
    found = _NAMES.get(kind)
    if found is not None:
        return found
    if kind in _VIEWS:
        return "java.util." + _VIEWS[kind].get(_map_class(value), "Collections$UnmodifiableCollection")
    if kind is Entry:
        return "java.util." + _ENTRIES.get(_map_class(value), "AbstractMap$SimpleEntry")
    if kind is Array:
        return array_code(value.kind)
    if kind is Thrown:
        return str(value.kind.name)
    if kind is Optional:
        return f"java.util.{value.kind}"
    if kind is Stream:
        return _STREAMS[value.kind]
    if kind is Function:
        return "org.opensearch.painless.Script$$Lambda"
    return "java.lang.Object"


def shown_class(value: Any) -> str:
    """The class in messages of the language itself: inner classes with a dot; a stream is named by its source."""
    if type(value) is Stream:
        return class_name(value) + ".Head"
    if type(value) is Array:
        return str(value.kind.name)
    return class_name(value).replace("$", ".")


def array_code(kind: Any) -> str:
    """How the JVM names an array class: `[I`, `[Ljava.lang.Double;`."""
    component = kind.component
    if component.component is not None:
        return "[" + array_code(component)
    return "[" + _ARRAY_CODES.get(component.name, f"L{component.name};")


_BOX_WORDS: dict[type, str] = {
    int: "int",
    Long: "long",
    Short: "short",
    Byte: "byte",
    Char: "char",
    float: "double",
    Float: "float",
    bool: "boolean",
}


def def_name(value: Any) -> str:
    """The class in a failed conversion from def: boxes as primitives (spec 6.3)."""
    return _BOX_WORDS.get(type(value)) or shown_class(value)


def _same(meter: Meter, value: Any) -> str:
    return str(value)


def char_text(code: int) -> str:
    return chr(code)


def _char(meter: Meter, value: Any) -> str:
    if 0xD800 <= value <= 0xDFFF:
        meter.split_pairs()
    return chr(value)


def _bool(meter: Meter, value: Any) -> str:
    return "true" if value else "false"


def _double(meter: Meter, value: float) -> str:
    return double_text(value)


def _float(meter: Meter, value: float) -> str:
    return float_text(value)


def _null(meter: Meter, value: Any) -> str:
    return "null"


def _string(meter: Meter, value: Any) -> str:
    return str(value)


def _big(meter: Meter, value: Any) -> str:
    return str(int(value))


def _whole(meter: Meter, value: Any) -> str:
    return int.__repr__(value)


def _items(meter: Meter, value: Any, items: list[Any]) -> str:
    kinds = set(map(type, items))
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind is float:
            # Almost every list that a connector prints is a vector.
            return meter.made(f"[{join_doubles(items, ', ')}]")
        if kind is str:
            return meter.made(f"[{', '.join(items)}]")
        if kind is int:
            return meter.made(f"[{', '.join(map(repr, items))}]")
    meter.spend(len(items))
    parts = []
    for item in items:
        if item is value:
            parts.append("(this Collection)")
        else:
            parts.append(_TEXTS.get(type(item), _other)(meter, item))
    return meter.made(f"[{', '.join(parts)}]")


def _list(meter: Meter, value: list[Any]) -> str:
    return _items(meter, value, value)


def _sub_list(meter: Meter, value: SubList) -> str:
    return _items(meter, value, value.load())


def _set(meter: Meter, value: JavaSet) -> str:
    return _items(meter, value, [bare(key) for key in map_keys(value.map)])


def _values(meter: Meter, value: ValueView) -> str:
    return _items(meter, value, [value.map[key] for key in map_keys(value.map)])


def _entries(meter: Meter, value: EntryView) -> str:
    return _items(meter, value, [Entry(bare(key), value.map[key], None) for key in map_keys(value.map)])


def _deque(meter: Meter, value: Deque) -> str:
    return _items(meter, value, value.items)


def _map(meter: Meter, value: dict[Any, Any]) -> str:
    meter.spend(len(value))
    parts = []
    for stored in map_keys(value):
        key, item = bare(stored), value[stored]
        shown = key if type(key) is str else "(this Map)" if key is value else text(meter, key)
        parts.append(f"{shown}={'(this Map)' if item is value else text(meter, item)}")
    return meter.made("{" + ", ".join(parts) + "}")


def _entry(meter: Meter, value: Entry) -> str:
    item = value.value if value.map is None else entry_value(meter, value)
    return meter.made(f"{text(meter, value.key)}={text(meter, item)}")


def entry_value(meter: Meter, entry: Entry) -> Any:
    """The value of a live entry; `value` holds the stored key then."""
    return entry.value if entry.map is None else entry.map.get(entry.value)


def _builder(meter: Meter, value: Builder) -> str:
    return value.text()


def identity_hash(value: Any) -> int:
    """A number that stays with an object, like Java's identity hash."""
    return signed32(id(value) >> 4) & 0x7FFFFFFF


def _array(meter: Meter, value: Array) -> str:
    return f"{array_code(value.kind)}@{identity_hash(value):x}"


def _optional(meter: Meter, value: Optional) -> str:
    if not value.present:
        return f"{value.kind}.empty"
    return meter.made(f"{value.kind}[{text(meter, value.value)}]")


def _other(meter: Meter, value: Any) -> str:
    return f"{class_name(value)}@{identity_hash(value):x}"


def _thrown(meter: Meter, value: Thrown) -> str:
    return meter.made(str(value))


_TEXTS: dict[type, Callable[[Meter, Any], str]] = {
    str: _string,
    float: _double,
    int: _same,
    bool: _bool,
    type(None): _null,
    Long: _whole,
    Short: _whole,
    Byte: _whole,
    Float: _float,
    Char: _char,
    BigInteger: _big,
    BigDecimal: _same,
    MathContext: _same,
    list: _list,
    LinkedList: _list,
    Vector: _list,
    Stack: _list,
    FixedList: _list,
    ArraysList: _list,
    SubList: _sub_list,
    dict: _map,
    HashMap: _map,
    TreeMap: _map,
    FixedMap: _map,
    HashSet: _set,
    LinkedHashSet: _set,
    TreeSet: _set,
    FixedSet: _set,
    KeyView: _set,
    ValueView: _values,
    EntryView: _entries,
    Deque: _deque,
    PriorityQueue: _deque,
    Entry: _entry,
    Builder: _builder,
    Buffer: _builder,
    Array: _array,
    Optional: _optional,
    Thrown: _thrown,
}


def print_class(python: type, show: Callable[[Meter, Any], str]) -> None:
    """Gives a library class its text form."""
    _TEXTS[python] = show


def text(meter: Meter, value: Any) -> str:
    """The text form of a Java value."""
    if type(value) is str:
        return value
    return _TEXTS.get(type(value), _other)(meter, value)


# The text of unboxed primitives by type name, for places where the type is known when compiling.
STATIC_TEXT: dict[str, Callable[[Any], str]] = {
    "boolean": lambda x: "true" if x else "false",
    "byte": str,
    "short": str,
    "int": str,
    "long": str,
    "char": chr,
    "float": float_text,
    "double": double_text,
}
