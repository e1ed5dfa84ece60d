"""Changing one thing in a settings file, keeping everything else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kcode.config.files import read_bytes, read_object, replace_file
from kcode.config.layers import Behaviour
from kcode.config.schema import check
from kcode.types.errors import ConfigError

_TRIES = 5


def add_rule(path: Path, behaviour: Behaviour, rule: str) -> None:
    """Add a permission rule to a settings file, which is made if it is missing.

    Raises:
        ConfigError: the file is broken or cannot be written; it is as it was.
    """

    def change(data: dict[str, Any]) -> None:
        rules: list[Any] = data.setdefault("permissions", {}).setdefault(behaviour, [])
        if rule not in rules:
            rules.append(rule)

    _update(path, change)


def set_value(path: Path, key: str, value: Any) -> None:
    """Set a key ("model", "permissions.defaultMode") in a settings file; None removes it.

    Raises:
        ConfigError: the file is broken or cannot be written, or the value is none for this key; the file is as
            it was.
    """
    *folders, name = key.split(".")

    def change(data: dict[str, Any]) -> None:
        for folder in folders:
            data = data.setdefault(folder, {})
        if value is None:
            data.pop(name, None)
        else:
            data[name] = value

    _update(path, change)


def _update(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    for _ in range(_TRIES):
        before = read_bytes(path)
        data, text = read_object(path) or ({}, "")
        check(data, text, str(path))
        change(data)
        check(data, "", str(path))
        written = json.dumps(data, indent=_indent(text), ensure_ascii=False) + "\n"
        # Another kcode may have written meanwhile: its change must not get lost.
        if read_bytes(path) == before:
            _write(path, written)
            return
    raise ConfigError(f"{path}: another program keeps changing this file; nothing was written. Try again.")


def _write(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode("utf-8", "surrogatepass"), mode=0o600)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); it is as it was.") from error


def _indent(text: str) -> int | str:
    for line in text.splitlines()[1:2]:
        space = line[: len(line) - len(line.lstrip())]
        if space:
            return "\t" if space.startswith("\t") else len(space)
    return 2
