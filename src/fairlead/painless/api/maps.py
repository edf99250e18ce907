"""Map, its classes and its entries, with the methods that the language adds (spec 04 section 16.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.api.paths import get_by_path
from fairlead.painless.errors import null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.equality import equals
from fairlead.painless.runtime.text import entry_value
from fairlead.painless.runtime.values import (
    Entry,
    EntryView,
    FixedMap,
    Function,
    HashMap,
    KeyView,
    TreeMap,
    ValueView,
    bare,
    map_keys,
)
from fairlead.painless.types import ClassRows, Row

Map = dict[Any, Any]


def _contains_value(m: Meter, r: Map, value: Any) -> bool:
    m.spend(len(r) >> 4)
    return any(equals(m, value, other) for other in r.values())


def _or_default(m: Meter, r: Map, key: Any, default: Any) -> Any:
    stored = c.stored_key(m, r, key)
    return r.get(stored, default)


def _put_if_absent(m: Meter, r: Map, key: Any, value: Any) -> Any:
    old = c.get(m, r, key)
    if old is None:
        c.put(m, r, key, value)
    return old


def _remove_pair(m: Meter, r: Map, key: Any, value: Any) -> bool:
    if not c.contains_key(m, r, key) or not equals(m, c.get(m, r, key), value):
        return False
    c.remove_key(m, r, key)
    return True


def _replace(m: Meter, r: Map, key: Any, value: Any) -> Any:
    return c.put(m, r, key, value) if c.contains_key(m, r, key) else None


def _replace_pair(m: Meter, r: Map, key: Any, old: Any, new: Any) -> bool:
    if not c.contains_key(m, r, key) or not equals(m, c.get(m, r, key), old):
        return False
    c.put(m, r, key, new)
    return True


def _replace_all(m: Meter, r: Map, function: Function) -> None:
    for key, value in c.map_pairs(r):
        c.put(m, r, key, function.call(key, value))


def _each_pair(m: Meter, r: Map) -> Any:
    """Pairs for a callback; fails when the callback changes the size."""
    size = len(r)
    for key, value in c.map_pairs(r):
        if len(r) != size:
            raise c.concurrent()
        yield key, value


def _for_each(m: Meter, r: Map, function: Function) -> None:
    for key, value in _each_pair(m, r):
        function.call(key, value)


def _each(m: Meter, r: Map, function: Function) -> Map:
    _for_each(m, r, function)
    return r


def _store_or_remove(m: Meter, r: Map, key: Any, value: Any) -> Any:
    if value is None:
        c.remove_key(m, r, key)
    else:
        c.put(m, r, key, value)
    return value


def _compute(m: Meter, r: Map, key: Any, function: Function) -> Any:
    return _store_or_remove(m, r, key, function.call(key, c.get(m, r, key)))


def _compute_if_absent(m: Meter, r: Map, key: Any, function: Function) -> Any:
    old = c.get(m, r, key)
    if old is not None:
        return old
    size = len(r)
    made = function.call(key)
    if len(r) != size:
        raise c.concurrent()
    if made is not None:
        c.put(m, r, key, made)
    return made


def _compute_if_present(m: Meter, r: Map, key: Any, function: Function) -> Any:
    old = c.get(m, r, key)
    return None if old is None else _store_or_remove(m, r, key, function.call(key, old))


def _merge(m: Meter, r: Map, key: Any, value: Any, function: Function) -> Any:
    if value is None:
        raise null_pointer(None)
    old = c.get(m, r, key)
    return _store_or_remove(m, r, key, value if old is None else function.call(old, value))


def _collect(m: Meter, r: Map, function: Function) -> list[Any]:
    m.take_elements(len(r))
    return [function.call(key, value) for key, value in _each_pair(m, r)]


def _collect_into(m: Meter, r: Map, target: Any, function: Function) -> Any:
    for key, value in _each_pair(m, r):
        made = function.call(key, value)
        if isinstance(target, list):
            m.take_elements(1)
            target.append(made)
        else:
            c.add_item(m, target, made)
    return target


def _find(m: Meter, r: Map, test: Function) -> Any:
    for key, value in _each_pair(m, r):
        if test.call(key, value):
            return Entry(key, c.stored_key(m, r, key), r)
    return None


def _find_all(m: Meter, r: Map, test: Function) -> Map:
    found: Map = TreeMap(r.compare) if isinstance(r, TreeMap) else {}
    for key, value in _each_pair(m, r):
        if test.call(key, value):
            c.put(m, found, key, value)
    return found


def _find_result(m: Meter, r: Map, function: Function) -> Any:
    return next((made for key, value in _each_pair(m, r) if (made := function.call(key, value)) is not None), None)


def _find_result_or(m: Meter, r: Map, default: Any, function: Function) -> Any:
    found = _find_result(m, r, function)
    return default if found is None else found


def _find_results(m: Meter, r: Map, function: Function) -> list[Any]:
    m.take_elements(len(r))
    return [made for key, value in _each_pair(m, r) if (made := function.call(key, value)) is not None]


def _group_by(m: Meter, r: Map, function: Function) -> Map:
    groups: Map = {}
    for key, value in _each_pair(m, r):
        group_key = function.call(key, value)
        group = c.get(m, groups, group_key)
        if group is None:
            group = TreeMap(r.compare) if isinstance(r, TreeMap) else {}
            c.put(m, groups, group_key, group)
        c.put(m, group, key, value)
    return groups


def _count(m: Meter, r: Map, test: Function) -> int:
    return sum(1 for key, value in _each_pair(m, r) if test.call(key, value))


_MAP = (
    Row("void clear()", lambda m, r: c.clear_map(r)),
    Row("def compute(def,BiFunction)", _compute),
    Row("def computeIfAbsent(def,Function)", _compute_if_absent),
    Row("def computeIfPresent(def,BiFunction)", _compute_if_present),
    Row("boolean containsKey(def)", c.contains_key),
    Row("boolean containsValue(def)", _contains_value),
    Row("Set entrySet()", lambda m, r: EntryView(r)),
    Row("void forEach(BiConsumer)", _for_each),
    Row("def get(def)", c.get),
    Row("def getOrDefault(def,def)", _or_default),
    Row("boolean isEmpty()", lambda m, r: not r),
    Row("Set keySet()", lambda m, r: KeyView(r)),
    Row("def merge(def,def,BiFunction)", _merge),
    Row("def put(def,def)", c.put),
    Row("void putAll(Map)", c.put_all),
    Row("def putIfAbsent(def,def)", _put_if_absent),
    Row("def remove(def)", c.remove_key),
    Row("boolean remove(def,def)", _remove_pair),
    Row("def replace(def,def)", _replace),
    Row("boolean replace(def,def,def)", _replace_pair),
    Row("void replaceAll(BiFunction)", _replace_all),
    Row("int size()", lambda m, r: len(r)),
    Row("Collection values()", lambda m, r: ValueView(r)),
    Row("List collect(BiFunction)", _collect),
    Row("def collect(Collection,BiFunction)", _collect_into),
    Row("int count(BiPredicate)", _count),
    Row("def each(BiConsumer)", _each),
    Row("boolean every(BiPredicate)", lambda m, r, t: all(t.call(k, v) for k, v in _each_pair(m, r))),
    Row("Map.Entry find(BiPredicate)", _find),
    Row("Map findAll(BiPredicate)", _find_all),
    Row("def findResult(BiFunction)", _find_result),
    Row("def findResult(def,BiFunction)", _find_result_or),
    Row("List findResults(BiFunction)", _find_results),
    Row("Map groupBy(BiFunction)", _group_by),
    Row("def getByPath(String)", get_by_path),
    Row("def getByPath(String,def)", get_by_path),
)


# Entries ----------------------------------------------------------------------------------------------------------------


def _set_value(m: Meter, e: Entry, value: Any) -> Any:
    old = entry_value(m, e)
    if e.map is None:
        e.value = value
    elif type(e.map) is FixedMap:
        raise c.unsupported()
    else:
        e.map[e.value] = value
    return old


def _by(pick: Callable[[Meter, Entry], Any]) -> Callable[..., Function]:
    def run(m: Meter, order: Function | None = None) -> Function:
        by = c.comparator(m, order)
        return Function("Comparator", lambda a, b: by(pick(m, a), pick(m, b)))

    return run


_ENTRY = (
    Row("Comparator comparingByKey()", _by(lambda m, e: e.key), static=True),
    Row("Comparator comparingByKey(Comparator)", _by(lambda m, e: e.key), static=True),
    Row("Comparator comparingByValue()", _by(entry_value), static=True),
    Row("Comparator comparingByValue(Comparator)", _by(entry_value), static=True),
    Row("def getKey()", lambda m, e: e.key),
    Row("def getValue()", entry_value),
    Row("def setValue(def)", _set_value),
)


# TreeMap ----------------------------------------------------------------------------------------------------------------


def _keys(r: Any) -> list[Any]:
    return [bare(key) for key in map_keys(r)]


def _edge_key(last: bool) -> Callable[[Meter, Any], Any]:
    def run(m: Meter, r: Any) -> Any:
        if not r:
            raise thrown("NoSuchElementException", None)
        return bare(r.order[-1 if last else 0])

    return run


def _edge_entry(last: bool, remove: bool) -> Callable[[Meter, Any], Any]:
    def run(m: Meter, r: Any) -> Any:
        if not r:
            return None
        stored = r.order[-1 if last else 0]
        found = Entry(bare(stored), r[stored], None)
        if remove:
            c.remove_key(m, r, found.key)
        return found

    return run


def _near(low: bool, equal: bool, entry: bool) -> Callable[[Meter, Any, Any], Any]:
    """floor, lower, ceiling, higher: keys and entries."""

    def run(m: Meter, r: Any, key: Any) -> Any:
        place, there = r.place(key)
        if not (there and equal):
            place = place - 1 if low else place + 1 if there else place
        if not 0 <= place < len(r.order):
            return None
        stored = r.order[place]
        return Entry(bare(stored), r[stored], None) if entry else bare(stored)

    return run


def _part(m: Meter, r: Any, keep: Callable[[int], bool], key: Any) -> TreeMap:
    """A copy of a part; the original's is a view."""
    made = TreeMap(r.compare)
    for other, value in c.map_pairs(r):
        if keep(r.compare(other, key)):
            c.put(m, made, other, value)
    return made


def _descending(m: Meter, r: Any) -> TreeMap:
    order = r.compare
    made = TreeMap(lambda a, b: order(b, a))
    c.put_all(m, made, r)
    return made


_SORTED = (
    Row("def firstKey()", _edge_key(False)),
    Row("def lastKey()", _edge_key(True)),
    Row("SortedMap headMap(def)", lambda m, r, k: _part(m, r, lambda s: s < 0, k)),
    Row("SortedMap tailMap(def)", lambda m, r, k: _part(m, r, lambda s: s >= 0, k)),
    Row("SortedMap subMap(def,def)", lambda m, r, a, b: _part(m, _part(m, r, lambda s: s >= 0, a), lambda s: s < 0, b)),
)
_NAVIGABLE = (
    Row("def floorKey(def)", _near(True, True, False)),
    Row("def lowerKey(def)", _near(True, False, False)),
    Row("def ceilingKey(def)", _near(False, True, False)),
    Row("def higherKey(def)", _near(False, False, False)),
    Row("Map.Entry floorEntry(def)", _near(True, True, True)),
    Row("Map.Entry lowerEntry(def)", _near(True, False, True)),
    Row("Map.Entry ceilingEntry(def)", _near(False, True, True)),
    Row("Map.Entry higherEntry(def)", _near(False, False, True)),
    Row("Map.Entry firstEntry()", _edge_entry(False, False)),
    Row("Map.Entry lastEntry()", _edge_entry(True, False)),
    Row("Map.Entry pollFirstEntry()", _edge_entry(False, True)),
    Row("Map.Entry pollLastEntry()", _edge_entry(True, True)),
    Row("NavigableMap descendingMap()", _descending),
    Row("Set navigableKeySet()", lambda m, r: KeyView(r)),
    Row("Set descendingKeySet()", lambda m, r: KeyView(_descending(m, r))),
)


def _copied(make: Callable[[], Map]) -> Callable[[Meter, Any], Any]:
    def run(m: Meter, other: Any) -> Map:
        if other is None:
            raise null_pointer('Cannot invoke "java.util.Map.size()" because "m" is null')
        made = make()
        c.put_all(m, made, other)
        return made

    return run


def _tree_clone(m: Meter, r: Any) -> TreeMap:
    made = TreeMap(r.compare)
    c.put_all(m, made, r)
    return made


_U = "java.util."

TABLES = (
    ClassRows(_U + "Map", (), _MAP, python=(FixedMap,)),
    ClassRows(_U + "Map.Entry", (), _ENTRY, python=(Entry,)),
    ClassRows(
        _U + "HashMap",
        (_U + "Map",),
        (Row("def clone()", _copied(HashMap)),),
        (Row("HashMap new()", lambda m: HashMap()), Row("HashMap new(Map)", _copied(HashMap))),
        python=(HashMap,),
    ),
    ClassRows(
        _U + "LinkedHashMap",
        (_U + "HashMap", _U + "Map"),
        (Row("def clone()", _copied(dict)),),
        (Row("LinkedHashMap new()", lambda m: {}), Row("LinkedHashMap new(Map)", _copied(dict))),
        python=(dict,),
    ),
    ClassRows(_U + "SortedMap", (_U + "Map",), _SORTED, tier=2),
    ClassRows(_U + "NavigableMap", (_U + "SortedMap",), _NAVIGABLE, tier=2),
    ClassRows(
        _U + "TreeMap",
        (_U + "NavigableMap",),
        (Row("def clone()", _tree_clone),),
        (
            Row("TreeMap new()", lambda m: c.natural_tree()),
            Row("TreeMap new(Comparator)", lambda m, order: TreeMap(c.comparator(m, order))),
        ),
        tier=2,
        python=(TreeMap,),
    ),
)
