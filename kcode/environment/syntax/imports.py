"""Which files an import may mean.

The text of an import becomes paths without suffix: "./a" and "../a" from the importing file's folder, "a/b" from
wherever such a file lies. Those are looked up among the files that there are.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

MOST = 3
"""Files that one import may lead to, but for a folder that is a package."""
_FOLDER = 30
_ENTRANCES = frozenset({"__init__", "index", "mod"})
"""Files that stand for their folder."""
_NAME = re.compile(r"[\w$]+")
_QUOTED = re.compile(r"""["'<]([^"'<>\n]+)["'>]""")


def targets(language: str, text: str) -> Iterator[str]:
    """Return the paths that an import of this language names."""
    reader = _READERS.get(language)
    return reader(text) if reader is not None else iter(())


def _python(text: str) -> Iterator[str]:
    plain = re.sub(r"#[^\n]*|\\\n", " ", text)
    match = re.match(r"\s*from\s+([.\w\s]+?)\s+import\b(.*)", plain, re.DOTALL)
    if match is None:
        for part in plain.strip().removeprefix("import").split(","):
            yield (part.split() or [""])[0].replace(".", "/")
        return
    module = re.sub(r"\s", "", match[1])
    level = len(module) - len(module.lstrip("."))
    start = "" if level == 0 else "./" if level == 1 else "../" * (level - 1)
    rest = module.lstrip(".").replace(".", "/")
    place = f"{start}{rest}"
    yield place or start
    for part in re.sub(r"[()]", " ", match[2]).split(","):
        words = part.split()
        if words and words[0] != "*":
            yield f"{place}/{words[0]}" if rest else f"{start}{words[0]}"


def _javascript(text: str) -> Iterator[str]:
    found = _QUOTED.findall(text)
    if found:
        name = re.sub(r"^[@~]/|^node:", "", found[-1])
        yield re.sub(r"\.(js|mjs|cjs|jsx|ts|tsx|mts|cts)$", "", name)


def _go(text: str) -> Iterator[str]:
    yield from (f"{name}/" for name in _QUOTED.findall(text))


def _rust(text: str) -> Iterator[str]:
    words = text.strip().removesuffix(";")
    if match := re.match(r"(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)", words):
        yield f"./{match[1]}"
        return
    path, _, group = words.partition("{")
    names = [n for n in _NAME.findall(path) if n not in {"use", "pub", "crate", "self", "super", "as"}]
    if names:
        yield "/".join(names)
        yield "/".join(names[:-1]) if not group else ""
    yield from ("/".join([*names, name]) for name in _NAME.findall(group) if name != "self")


def _java(text: str) -> Iterator[str]:
    name = re.sub(r"^\s*import\s+(static\s+)?|[;\s]", "", text)
    yield name.replace(".", "/").removesuffix("/*")


def _c(text: str) -> Iterator[str]:
    for name in _QUOTED.findall(text):
        plain = re.sub(r"\.\w+$", "", name)
        yield plain
        yield f"./{plain}"


def _bash(text: str) -> Iterator[str]:
    words = text.split()
    if len(words) > 1:
        name = re.sub(r"\.(sh|bash)$", "", words[1].strip("\"'"))
        yield re.sub(r"^.*\}/|^\$\w+/|^.*\)/", "./", name)


_READERS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "python": _python,
    "javascript": _javascript,
    "typescript": _javascript,
    "tsx": _javascript,
    "go": _go,
    "rust": _rust,
    "java": _java,
    "c": _c,
    "bash": _bash,
}


class Places:
    """Finds files by what imports call them.

    Args:
        paths: every file, relative to the root.
        root_name: the root's own name: where it is itself a package, imports begin with it.
    """

    def __init__(self, paths: Sequence[str], root_name: str) -> None:
        self._root_name = root_name
        self._exact: dict[str, list[int]] = {}
        self._endings: dict[str, list[int]] = {}
        self._folders: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            self._add(number, path)

    def _add(self, number: int, path: str) -> None:
        stem = posixpath.splitext(path)[0]
        folder, name = posixpath.split(stem)
        if name in _ENTRANCES:
            stem = folder
        for key in (stem, f"{self._root_name}/{stem}".rstrip("/")):
            self._exact.setdefault(key, []).append(number)
        parts = stem.split("/")
        for start in range(1, len(parts) - 1):
            self._endings.setdefault("/".join(parts[start:]), []).append(number)
        parts = folder.split("/")
        for start in range(len(parts)):
            self._folders.setdefault("/".join(parts[start:]), []).append(number)

    def find(self, spec: str, folder: str) -> Sequence[int]:
        """Return the files that `spec` may mean when a file in `folder` imports it."""
        if spec.startswith(("./", "../")):
            return self._exact.get(posixpath.normpath(posixpath.join(folder, spec)).removeprefix("."), ())[
                :MOST
            ]
        if spec.endswith("/"):
            return self._package(spec.rstrip("/"))
        found = (
            self._exact.get(spec, ())
            or self._exact.get(f"src/{spec}", ())
            or self._exact.get(f"lib/{spec}", ())
        )
        return found[:MOST] or (self._endings.get(spec, ())[:MOST] if "/" in spec else ())

    def _package(self, name: str) -> Sequence[int]:
        """Go names a folder by a path that begins with its module's: try ever shorter endings of two parts or more."""
        parts = name.split("/")
        for start in range(len(parts)):
            found = (
                self._folders.get("/".join(parts[start:]), ()) if len(parts) - start > 1 or start == 1 else ()
            )
            if found:
                return found[:_FOLDER]
        return ()
