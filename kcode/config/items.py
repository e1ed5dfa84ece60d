"""What would count in a folder, or run, once it is trusted: found and read without running anything."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from kcode.config.files import parse_object, read_bytes
from kcode.config.git_items import programs_of
from kcode.types.errors import ConfigError

ItemKind: TypeAlias = Literal[
    "settings", "servers", "instructions", "skill", "command", "agent", "rule", "git"
]

_FILES: Mapping[str, ItemKind] = {
    ".kcode/settings.json": "settings",
    ".kcode/settings.local.json": "settings",
    ".claude/settings.json": "settings",
    ".claude/settings.local.json": "settings",
    ".mcp.json": "servers",
    ".kcode/mcp.json": "servers",
    ".kcode/AGENTS.md": "instructions",
    ".claude/CLAUDE.md": "instructions",
}
_INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md", "CLAUDE.local.md")
_FOLDERS: Mapping[str, ItemKind] = {
    "skills": "skill",
    "commands": "command",
    "agents": "agent",
    "rules": "rule",
}
_LARGEST = 4 << 20
_MOST_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Item:
    """A file that would count once its folder is trusted.

    `path` is relative to the folder; `details` says in words what it would do: each command that it would run,
    how many rules it would add. `data` is what was read, of settings: what counts later is what was shown.
    """

    path: str
    kind: ItemKind
    sha256: str
    details: tuple[str, ...] = ()
    data: bytes | ConfigError | None = field(default=None, repr=False, compare=False)


def find_items(root: Path, cwd: Path | None = None, *, skip: Collection[Path] = ()) -> Sequence[Item]:
    """List what would count once the folder is trusted; runs nothing, follows no folder out of it.

    Args:
        root: the project's folder.
        cwd: where kcode works; instruction files from there up to the repository count too.
        skip: folders that are the person's own, not the project's.
    """
    own = [folder for folder in (".kcode", ".claude") if (root / folder).resolve() in skip]
    places = dict(_FILES)
    for name in [name for name in places if name.split("/")[0] in own]:
        del places[name]
    for folder in _instruction_folders(cwd or root):
        for name in _INSTRUCTIONS:
            places[os.path.relpath(folder / name, root)] = "instructions"
    items = [_item(root, name, kind) for name, kind in places.items() if os.path.lexists(root / name)]
    for top in sorted({".kcode", ".claude"} - set(own)):
        for name, kind in _FOLDERS.items():
            items += _folder_items(root, Path(top) / name, kind)
    for program in programs_of(cwd or root):
        name = os.path.relpath(program.file, root)
        items.append(Item(name, "git", hashlib.sha256(program.data).hexdigest(), program.details))
    return items


def _instruction_folders(cwd: Path) -> Sequence[Path]:
    """The folder and its parents up to the repository's own; the folder alone outside a repository."""
    folders = [cwd, *cwd.parents]
    for position, folder in enumerate(folders):
        if (folder / ".git").exists():
            return folders[: position + 1]
    return [cwd]


def _folder_items(root: Path, folder: Path, kind: ItemKind) -> Sequence[Item]:
    found = [_item(root, str(path.relative_to(root)), kind) for path in _walk(root / folder)]
    shown, rest = found[:_MOST_ITEMS], found[_MOST_ITEMS:]
    if rest:
        digest = hashlib.sha256("".join(item.sha256 for item in rest).encode()).hexdigest()
        shown.append(Item(str(folder), kind, digest, (f"{len(rest)} more files",)))
    return shown


def hashes(root: Path) -> Mapping[str, str]:
    """The SHA-256 of everything in a folder that would count, by path."""
    return {item.path: item.sha256 for item in find_items(root)}


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in sorted([*files, *links]))


def _item(root: Path, name: str, kind: ItemKind) -> Item:
    if (root / name).is_symlink() and (root / name).is_dir():
        target = str((root / name).resolve())
        return Item(name, kind, hashlib.sha256(target.encode()).hexdigest(), (f"leads to {target}",))
    try:
        data = read_bytes(root / name, _LARGEST) or b""
    except ConfigError as error:
        # What cannot be read cannot be trusted as it is: its hash is that of the complaint.
        reason = str(error)
        digest = hashlib.sha256(reason.encode()).hexdigest()
        return Item(name, kind, digest, (f"cannot be read: {reason}",), error)
    kept = data if kind == "settings" else None
    return Item(name, kind, hashlib.sha256(data).hexdigest(), _details(data, kind), kept)


def _details(data: bytes, kind: ItemKind) -> tuple[str, ...]:
    if kind not in {"settings", "servers"}:
        return ()
    try:
        found = parse_object(data.decode("utf-8-sig"), "")
    except (ConfigError, UnicodeDecodeError):
        return ("cannot be read as JSON",)
    return tuple(_servers(found) if kind == "servers" else _settings(found))


def _settings(data: Mapping[str, Any]) -> Iterator[str]:
    permissions = data.get("permissions")
    if isinstance(permissions, dict):
        if mode := cast("dict[str, Any]", permissions).get("defaultMode"):
            yield f"permission mode: {mode}"
        for behaviour in ("allow", "ask", "deny"):
            rules = cast("dict[str, Any]", permissions).get(behaviour)
            if isinstance(rules, list) and rules:
                yield f"{behaviour}: {', '.join(map(str, cast('list[Any]', rules)))}"
        folders = cast("dict[str, Any]", permissions).get("additionalDirectories")
        if isinstance(folders, list) and folders:
            yield f"also works in: {', '.join(map(str, cast('list[Any]', folders)))}"
    if isinstance(data.get("env"), dict):
        variables = cast("dict[str, Any]", data["env"])
        yield f"sets for every command: {', '.join(f'{name}={value}' for name, value in variables.items())}"
    yield from (f"{event} hook runs: {command}" for event, command in _hooks(data.get("hooks")))
    status = data.get("statusLine")
    if isinstance(status, dict):
        yield f"status line runs: {cast('dict[str, Any]', status).get('command', '')}"


def _hooks(hooks: object) -> Iterator[tuple[str, str]]:
    if not isinstance(hooks, dict):
        return
    for event, matchers in cast("dict[str, Any]", hooks).items():
        for matcher in _dicts(matchers):
            for hook in _dicts(matcher.get("hooks")):
                yield event, str(hook.get("command") or hook.get("url") or hook)


def _servers(data: Mapping[str, Any]) -> Iterator[str]:
    servers = data.get("mcpServers")
    if not isinstance(servers, dict):
        return
    for name, server in cast("dict[str, Any]", servers).items():
        if not isinstance(server, dict):
            continue
        entry = cast("dict[str, Any]", server)
        if "url" in entry:
            yield f"server {name} at {entry['url']}"
        else:
            arguments = entry.get("args")
            words = [
                entry.get("command", ""),
                *(cast("list[Any]", arguments) if isinstance(arguments, list) else []),
            ]
            yield f"server {name} runs: {' '.join(map(str, words))}"


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (cast("dict[str, Any]", v) for v in cast("list[Any]", value) if isinstance(v, dict))
