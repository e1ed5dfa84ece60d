"""Settings from all their places, the later ones winning, each value with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from kcode.config.files import object_in, parse_object, read_object
from kcode.config.home import Home
from kcode.config.options import Options
from kcode.config.positions import locate
from kcode.config.restrict import Kind, from_claude, restrict
from kcode.config.schema import Settings, check, known, nearest, strangers
from kcode.types.errors import ConfigError

Behaviour: TypeAlias = Literal["allow", "ask", "deny"]
Contents: TypeAlias = Mapping[str, bytes | ConfigError]
"""Files as they were read, by path; or why they could not be."""

_DEEP = {"permissions", "env", "headers", "sandbox", "hooks"}
"""Objects whose members are set one by one; others are replaced as a whole."""
_GROWING = {
    *(("permissions", key) for key in ("allow", "ask", "deny", "additionalDirectories")),
    *((key,) for key in ("passEnv", "enabledMcpjsonServers", "disabledMcpjsonServers")),
}
"""Lists that every place adds to; so do the lists of hooks."""
_VARIABLES = {
    "KCODE_MODEL": ("model",),
    "KCODE_BASE_URL": ("baseUrl",),
    "KCODE_VENDOR": ("vendor",),
    "KCODE_CONTEXT_WINDOW": ("contextWindow",),
    "KCODE_TEMPERATURE": ("temperature",),
    "KCODE_DETECT_LOCAL_SERVERS": ("detectLocalServers",),
    "KCODE_PERMISSION_MODE": ("permissions", "defaultMode"),
    "KCODE_CLEANUP_PERIOD_DAYS": ("cleanupPeriodDays",),
    "KCODE_AUTO_COMPACT_ENABLED": ("autoCompactEnabled",),
    "KCODE_LANGUAGE": ("language",),
    "KCODE_THEME": ("theme",),
    "KCODE_EDITOR_MODE": ("editorMode",),
}
_OTHER_VARIABLES = ("KCODE_HOME", "KCODE_API_KEY")


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that sets something.

    `project` is the folder that its rules' paths are relative to; `foreign` files are Claude Code's.
    """

    kind: Kind
    name: str
    data: Mapping[str, Any]
    text: str = ""
    project: Path | None = None
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One value, or one item of a list that grows, and where it was set."""

    key: str
    value: Any
    kind: Kind
    source: str


@dataclass(frozen=True, slots=True)
class SourcedRule:
    """A permission rule as it was written; `place` names file, line and column."""

    behaviour: Behaviour
    text: str
    kind: Kind
    source: str
    place: str
    project: Path | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force.

    `entries` holds everything that was set, with its source; `root` is the project's folder. `warnings` are for
    the person, in sentences.
    """

    settings: Settings
    root: Path
    entries: Sequence[Entry] = ()
    rules: Sequence[SourcedRule] = ()
    warnings: Sequence[str] = ()

    def source(self, key: str) -> str:
        """Say where a key was set, in words; "" if nowhere."""
        return next((entry.source for entry in reversed(self.entries) if entry.key == key), "")


@dataclass(slots=True)
class _Merge:
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict[tuple[str, str], Entry])
    rules: list[SourcedRule] = field(default_factory=list[SourcedRule])

    def add(self, layer: Layer) -> None:
        for key, value in known(layer.data).items():
            if key in _DEEP and isinstance(value, dict):
                for name, inner in cast("dict[str, Any]", value).items():
                    self._set(layer, (key, name), inner)
            else:
                self._set(layer, (key,), value)

    def _set(self, layer: Layer, path: tuple[str, ...], value: Any) -> None:
        target: dict[str, Any] = self.data if len(path) == 1 else self.data.setdefault(path[0], {})
        key = ".".join(path)
        if isinstance(value, list) and (path in _GROWING or path[0] == "hooks"):
            known: list[Any] = target.setdefault(path[-1], [])
            for position, item in enumerate(cast("list[Any]", value)):
                self._rule(layer, path, position, item)
                if item not in known:
                    known.append(item)
                    self.entries[key, repr(item)] = Entry(key, item, layer.kind, layer.name)
            return
        target[path[-1]] = value
        self.entries.pop((key, ""), None)
        self.entries[key, ""] = Entry(key, value, layer.kind, layer.name)

    def _rule(self, layer: Layer, path: tuple[str, ...], position: int, item: Any) -> None:
        if path[0] != "permissions" or path[1] == "additionalDirectories":
            return
        behaviour = cast("Behaviour", path[1])
        place = _place(layer, (*path, position))
        self.rules.append(SourcedRule(behaviour, str(item), layer.kind, layer.name, place, layer.project))


def load_settings(
    options: Options, *, home: Home, environ: Mapping[str, str], root: Path, project: Contents | None
) -> Loaded:
    """Read and merge every place: user, project, local, --settings, KCODE_* variables, flags.

    Args:
        options: the command line.
        home: kcode's own folder.
        environ: the environment.
        root: the project's folder, see `project_root`.
        project: the project's files as they were trusted, by path; None where they do not count.

    Raises:
        ConfigError: one of them cannot be used; the text names file, line and column. Nothing is written.
    """
    warnings: list[str] = []
    layers = [*_user_layers(home, warnings)]
    if project is not None:
        layers += _project_layers(root, home, project, warnings)
    if options.settings is not None:
        layers.append(_given(options))
    layers += _environment_layer(environ, warnings)
    merge = _Merge()
    for layer in layers:
        check(layer.data, layer.text, layer.name)
        warnings += () if layer.foreign else strangers(layer.data, layer.text, layer.name)
        kept, refused = restrict(layer.data, layer.kind)
        warnings += [f"{_place(layer, r.path)}: {'.'.join(r.path)} is ignored: {r.reason}." for r in refused]
        merge.add(Layer(layer.kind, layer.name, kept, layer.text, layer.project))
    merge.add(_flag_layer(options))
    settings = Settings.model_validate(merge.data)
    return Loaded(settings, root, tuple(merge.entries.values()), tuple(merge.rules), tuple(warnings))


def project_root(cwd: Path, home: Home) -> Path:
    """Find the project's folder: the nearest one up from `cwd` with settings of its own or a repository.

    A repository inside another one stands for itself. The home folder is no project, nor is `/`.
    """
    for folder in (cwd, *cwd.parents):
        if folder in (home.user, folder.parent):
            break
        if any((folder / name).exists() for name in (".kcode", ".claude", ".git")):
            return folder
    return cwd


def project_files(root: Path, home: Home) -> Sequence[tuple[Kind, Path]]:
    """Name the settings files that a project may have, the weakest first."""
    own = (home.path, home.user / ".claude" if home.user else None)
    folders = [folder for folder in (root / ".claude", root / ".kcode") if not _same(folder, own)]
    files: list[tuple[Kind, Path]] = [("project", folder / "settings.json") for folder in folders]
    return [*files, *(("local", folder / "settings.local.json") for folder in folders)]


def _same(folder: Path, others: Sequence[Path | None]) -> bool:
    return any(other is not None and folder.resolve() == other.resolve() for other in others)


def _user_layers(home: Home, warnings: list[str]) -> list[Layer]:
    layers: list[Layer] = []
    if home.user is not None:
        path = home.user / ".claude" / "settings.json"
        layers += _claude_layer(_Source("user", path, home.shown(path)), warnings)
    if home.path is not None:
        path = home.path / "settings.json"
        layers += _own_layer(_Source("user", path, home.shown(path)))
    return layers


def _project_layers(root: Path, home: Home, contents: Contents, warnings: list[str]) -> list[Layer]:
    layers: list[Layer] = []
    for kind, path in project_files(root, home):
        name = str(path.relative_to(root))
        if name not in contents:
            continue
        source = _Source(kind, path, name, root, contents[name])
        layers += _claude_layer(source, warnings) if path.parent.name == ".claude" else _own_layer(source)
    return layers


@dataclass(frozen=True, slots=True)
class _Source:
    """A settings file; `content` is what it held when it was looked at, None for one that is read now."""

    kind: Kind
    path: Path
    name: str
    project: Path | None = None
    content: bytes | ConfigError | None = None

    def read(self) -> tuple[dict[str, Any], str] | None:
        if isinstance(self.content, bytes):
            return object_in(self.content, self.name)
        try:
            if self.content is not None:
                raise self.content
            return read_object(self.path)
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(self.path), self.name, 1)) from error


def _own_layer(source: _Source) -> list[Layer]:
    found = source.read()
    return [Layer(source.kind, source.name, found[0], found[1], source.project)] if found else []


def _claude_layer(source: _Source, warnings: list[str]) -> list[Layer]:
    try:
        kept = [replace(layer, data=from_claude(layer.data), foreign=True) for layer in _own_layer(source)]
        for layer in kept:
            check(layer.data, layer.text, source.name)
    except ConfigError as error:
        # The file is another program's: it must not keep kcode from starting.
        warnings.append(f"{error} The file is left out.")
        return []
    return kept


def _given(options: Options) -> Layer:
    given = options.settings or ""
    if given.lstrip().startswith("{"):
        return Layer("flag", "--settings", parse_object(given, "--settings"), given)
    path = options.cwd / Path(given).expanduser()
    found = read_object(path)
    if found is None:
        raise ConfigError(f"--settings {given}: no such file. Give a file, or JSON that begins with {{.")
    return Layer("flag", str(path), found[0], found[1])


def _environment_layer(environ: Mapping[str, str], warnings: list[str]) -> list[Layer]:
    layers: list[Layer] = []
    for name, value in sorted(environ.items()):
        if not name.startswith("KCODE_") or not value.strip():
            continue
        path = _VARIABLES.get(name)
        if path is None:
            known = (*_VARIABLES, *_OTHER_VARIABLES)
            near = "" if name in known else nearest(name, [n.replace("_", "") for n in known])
            match = next((n for n in known if n.replace("_", "") == near), "")
            warnings += [f"The variable {name} is not known. Did you mean {match}?"] if match else []
            continue
        data: Any = value.strip()
        for key in reversed(path):
            data = {key: data}
        layers.append(Layer("environment", name, data))
    return layers


def _flag_layer(options: Options) -> Layer:
    permissions: dict[str, Any] = {
        "allow": list(options.allowed_tools),
        "deny": list(options.disallowed_tools),
        "additionalDirectories": [str(folder) for folder in options.add_dirs],
    }
    if options.permission_mode is not None:
        permissions["defaultMode"] = options.permission_mode
    data: dict[str, Any] = {"permissions": {key: value for key, value in permissions.items() if value}}
    if options.model:
        data["model"] = options.model
    return Layer("flag", "command line", data)


def _place(layer: Layer, path: Sequence[str | int]) -> str:
    if not layer.text:
        return layer.name
    line, column = locate(layer.text, path)
    return f"{layer.name}:{line}:{column}"
