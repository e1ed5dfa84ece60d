"""Fitting values to a tool's JSON schema: field aliases, types in the wrong clothes, nulls for absent fields.

A value is only ever changed where the schema says that it cannot be meant as it stands, and only into the one
thing that it can mean. A declared string is never unwrapped.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from kcode.arguments.failure import ArgumentsError
from kcode.arguments.mend import mend
from kcode.arguments.names import folded
from kcode.arguments.schema import Schema, admits, branches, is_closed, is_type, properties, required, type_of
from kcode.arguments.tolerant import Reader, UnreadableError

_GROUPS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "path filepath filename file absolutepath targetfile targetpath dir directory folder dirpath",
        "old oldstring oldstr oldtext oldcontent search searchstring find original",
        "new newstring newstr newtext newcontent replace replacement replacewith replacestring",
        "command cmd script shellcommand bashcommand commandline",
        "content contents text filetext filecontent body",
        "pattern regex regexp searchpattern globpattern query glob",
        "query searchquery searchterm q search",
        "cwd workdir workingdirectory workingdir",
        "limit maxlines numlines nlines linecount maxresults",
        "description desc summary",
        "prompt instruction instructions task message",
        "url uri link href address",
        "runinbackground background inbackground isbackground",
        "todos todolist tasks items todo",
        "subagenttype agenttype agent agentname subagent",
        "bashid shellid taskid processid",
        "status state",
    )
)
"""Fields that mean the same, folded; units and offsets are absent since timeout and timeout_ms differ."""
_TODO = frozenset({"content", "title", "text", "task", "todo", "item", "subject"})
"""As above, but only beside a status: elsewhere a title is not the content."""
_INTEGER = re.compile(r"[+-]?\d{1,30}(?:\.0+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?")
_UNCHANGED = object()


@dataclass(slots=True)
class Fit:
    """One fitting of arguments to a schema.

    Attributes:
        root: the whole schema, for its `$defs`.
        notes: what was changed, as (kind, detail): `alias filePath->path`, `type offset:integer`,
            `null limit`.
    """

    root: Schema
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def fields(self, value: Mapping[str, Any], schema: Schema, place: str = "") -> dict[str, Any]:
        """Return an object's fields under their declared names, with their values fitted."""
        declared = properties(schema)
        needed = set(required(schema))
        fitted: dict[str, Any] = {}
        for name, item in self._renamed(value, schema, place).items():
            if name not in declared:
                fitted[name] = item
                continue
            at = f"{place}{name}"
            options = branches(declared[name], self.root)
            if item is None and name not in needed and not admits(None, options):
                self.notes.append(("null", at))
                continue
            fitted[name] = self.value(item, declared[name], at)
        return fitted

    def value(self, value: Any, schema: object, place: str) -> Any:
        """Return the value as the schema wants it; unchanged if that cannot be known."""
        options = branches(schema, self.root)
        matching = [option for option in options if is_type(value, type_of(option))]
        if not matching:
            value, matching = self._converted(value, options, place)
        if isinstance(value, dict):
            found = cast("dict[str, Any]", value)
            option = _chosen(found, matching, self.root)
            return self.fields(found, option, f"{place}.") if option is not None else found
        if isinstance(value, list):
            items = cast("list[Any]", value)
            option = next((o for o in matching if "items" in o), None)
            if option is None:
                return items
            return [self.value(item, option["items"], f"{place}[{i}]") for i, item in enumerate(items)]
        return value

    def _converted(self, value: Any, options: list[Schema], place: str) -> tuple[Any, list[Schema]]:
        found: list[tuple[Any, Schema]] = []
        for option in options:
            converted = convert(value, option, self.root)
            if converted is not _UNCHANGED:
                found.append((converted, option))
        distinct = [pair for i, pair in enumerate(found) if not any(_same(pair[0], f[0]) for f in found[:i])]
        if len(distinct) != 1:
            return value, []
        converted, option = distinct[0]
        self.notes.append(("type", f"{place}:{type_of(option)}"))
        return converted, [option]

    def _renamed(self, value: Mapping[str, Any], schema: Schema, place: str) -> dict[str, Any]:
        declared = list(properties(schema))
        targets: dict[str, str] = {}
        if is_closed(schema):
            for name in value:
                target = None if name in declared else meant(name, declared)
                if target is not None and target not in value:
                    targets[name] = target
        renamed: dict[str, Any] = {}
        for name, item in value.items():
            target = targets.get(name, name)
            rivals = [other for other, t in targets.items() if t == target]
            if target != name and any(not _same(value[other], item) for other in rivals):
                target = name
            if target != name:
                self.notes.append(("alias", f"{place}{name}->{target}"))
            renamed[target] = item
        return renamed


def meant(name: str, declared: list[str]) -> str | None:
    """Return the one declared field that an unknown field name stands for, None if none or several may be."""
    wanted = folded(name)
    spelled = [other for other in declared if folded(other) == wanted]
    if spelled:
        return spelled[0] if len(spelled) == 1 else None
    known = _GROUPS if "status" not in declared else (*_GROUPS, _TODO)
    groups = [group for group in known if wanted in group]
    alike = [other for other in declared if any(folded(other) in group for group in groups)]
    return alike[0] if len(alike) == 1 else None


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _chosen(value: Mapping[str, Any], options: list[Schema], root: Schema) -> Schema | None:
    """Pick the object schema whose constants the value carries; with several left, none."""
    if len(options) <= 1:
        return options[0] if options else None
    fitting = [
        option
        for option in options
        if all(
            "const" not in (branch := branches(schema, root)[0]) or value.get(name) == branch["const"]
            for name, schema in properties(option).items()
        )
    ]
    return fitting[0] if len(fitting) == 1 else None


def convert(value: Any, schema: Schema, root: Schema) -> Any:
    """Return what a value of the wrong type must mean for this type, or the marker for "cannot be known"."""
    wanted = type_of(schema)
    if isinstance(value, str):
        return _from_text(value, wanted, schema, root)
    if wanted == "integer" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if wanted == "boolean" and not isinstance(value, bool) and value in (0, 1):
        return bool(value)
    if wanted == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if wanted == "array" and value is not None and admits(value, branches(schema.get("items", {}), root)):
        return [value]
    return _UNCHANGED


def _from_text(value: str, wanted: str, schema: Schema, root: Schema) -> Any:
    text = value.strip()
    match wanted:
        case "boolean" if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case "integer" if _INTEGER.fullmatch(text):
            return int(text.split(".")[0])
        case "number" if _INTEGER.fullmatch(text):
            return int(text.split(".")[0])
        case "number" if _NUMBER.fullmatch(text):
            return float(text)
        case "null" if text in {"null", "None"}:
            return None
        case "object":
            return _object(text)
        case "array":
            return _array(value, schema, root)
        case _:
            return _UNCHANGED


def _object(text: str) -> Any:
    if not text.startswith("{"):
        return _UNCHANGED
    try:
        return mend(text).value
    except ArgumentsError:
        return _UNCHANGED


def _array(value: str, schema: Schema, root: Schema) -> Any:
    text = value.strip()
    items = branches(schema.get("items", {}), root)
    if text.startswith("["):
        reader = Reader(text)
        try:
            found: object = reader.value()
        except UnreadableError:
            return _UNCHANGED
        whole = isinstance(found, list) and reader.position == len(text)
        return cast("list[Any]", found) if whole else _UNCHANGED
    if text.startswith("{") and admits({}, items):
        found = _object(text)
        return found if found is _UNCHANGED else [found]
    if text and all(type_of(item) == "string" for item in items):
        return [value]
    return _UNCHANGED
