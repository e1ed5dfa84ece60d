"""The folder is the list: one attribute from every module of a package, plus entry points.

Names are read from the file system without importing anything; a module is imported when its value is
wanted, so that start-up does not grow with the number of tools and commands.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, cast, get_origin

T = TypeVar("T")


def names(package: str) -> Sequence[str]:
    """Name the public modules of a package, sorted, importing none of them."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return sorted(i.name for i in pkgutil.iter_modules(places) if not i.name.startswith("_"))


def load(package: str, name: str, attribute: str, kind: type[T]) -> T:
    """Import one module of a package and return its attribute.

    Raises:
        TypeError: the module does not set the attribute, or to something else.
    """
    value: object = getattr(importlib.import_module(f"{package}.{name}"), attribute, None)
    if not isinstance(value, get_origin(kind) or kind):
        raise TypeError(f"{package}.{name}.{attribute} is not a {kind.__name__}")
    return cast("T", value)


def load_all(package: str, attribute: str, kind: type[T]) -> dict[str, T]:
    """Import every module of a package and collect one attribute, by module name."""
    return {name: load(package, name, attribute, kind) for name in names(package)}


def extensions(group: str, kind: type[T]) -> dict[str, T]:
    """Collect what installed packages add through an entry-point group.

    A broken extension must not stop kcode: it is left out.
    """
    from importlib import metadata  # noqa: PLC0415 - 30 ms that only a wish for extensions pays

    found: dict[str, T] = {}
    for entry in metadata.entry_points(group=group):
        try:
            value: object = entry.load()
        except Exception:  # noqa: BLE001, S112 - third-party code may fail in any way
            continue
        if isinstance(value, get_origin(kind) or kind):
            found[entry.name] = cast("T", value)
    return found


def text(package: str, name: str) -> str:
    """Return a text file that lies in a package, its last newline cut."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return (Path(places[0]) / name).read_text(encoding="utf-8").rstrip("\n")
