"""Writes the pages of docs/reference from the code itself: `python tests/docs/reference.py`."""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from kcode import registry
from kcode.config import schema
from kcode.engine.prepare import tool_specs
from kcode.types import events
from kcode.types.command import Command
from kcode.types.tool import Tool

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- made by tests/docs/reference.py; do not edit -->"


def commands() -> str:
    """List the slash commands."""
    rows = sorted(registry.load_all("kcode.commands", "COMMAND", Command).values(), key=lambda c: c.name)
    lines = ["# Slash commands", "", NOTE, "", "| command | what it does | also |", "| --- | --- | --- |"]
    for command in rows:
        hint = f" {command.hint}".replace("|", "\\|") if command.hint else ""
        also = ", ".join(f"`/{alias}`" for alias in command.aliases)
        lines.append(f"| `/{command.name}{hint}` | {command.description} | {also} |")
    return "\n".join(lines) + "\n"


def tools() -> str:
    """List the tools as the model sees them."""
    loaded = {t.name: t for t in registry.load_all("kcode.tools", "TOOL", Tool[Any]).values()}
    lines = ["# Tools", "", NOTE, ""]
    for spec in tool_specs(loaded):
        lines += [f"## {spec.name}", "", spec.description, "", "```json"]
        lines += [json.dumps(spec.parameters, indent=1, ensure_ascii=False), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def settings() -> str:
    """List the keys of a settings file."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        "The keys of `settings.json`; see [configuration](../configuration.md).",
    ]
    for section, title in _sections():
        lines += ["", f"## {title}", "", "| key | default | meaning |", "| --- | --- | --- |"]
        said = _said(section)
        for name, field in section.model_fields.items():
            default = field.get_default(call_default_factory=True)
            shown = json.dumps(default, default=lambda _: {}) if not field.is_required() else "required"
            key = field.alias or name
            lines.append(f"| `{key}` | `{shown}` | {said.get(name, '')} |")
    return "\n".join(lines) + "\n"


def event_page() -> str:
    """List the events of the log and of `--json`."""
    lines = [
        "# Events",
        "",
        NOTE,
        "",
        "The lines of a session log and of `kcode -p --json`. Live ones are not stored.",
    ]
    for event in get_args(events.Event):
        kind = event.model_fields["type"].default
        lines += [
            "",
            f"## {kind}{'' if event.durable else ' (live)'}",
            "",
            inspect.cleandoc(event.__doc__ or ""),
        ]
        names = [n for n in event.model_fields if n not in {"type", "agent", "at"}]
        if names:
            lines += ["", "Fields: " + ", ".join(f"`{name}`" for name in names) + "."]
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "tools.md": tools,
    "settings.md": settings,
    "events.md": event_page,
}


def _sections() -> Iterator[tuple[type[schema.Section], str]]:
    yield schema.Settings, "Top level"
    for value in vars(schema).values():
        own = inspect.isclass(value) and issubclass(value, schema.Section)
        if own and value not in {schema.Section, schema.Settings}:
            yield cast("type[schema.Section]", value), str(value.__name__)


def _said(section: type[Any]) -> Mapping[str, str]:
    """Find the texts that stand below the fields of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(section))).body[0]
    assert isinstance(body, ast.ClassDef)
    said: dict[str, str] = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            said[field.target.id] = " ".join(str(text.value.value).split())
    return said


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
