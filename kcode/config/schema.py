"""The keys of a settings file: Claude Code's names where it has one, and kcode's own."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from pydantic import Field, JsonValue, ValidationError

from kcode.config.positions import locate
from kcode.config.sections import Retries, Section, TurnEndings
from kcode.types.errors import ConfigError
from kcode.types.events import Mode


class Permissions(Section):
    """Who is asked before what."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    default_mode: Mode | None = None
    additional_directories: tuple[str, ...] = ()
    disable_bypass_permissions_mode: Literal["disable"] | None = None


class SandboxSettings(Section):
    """How commands are fenced in. `enabled` is another word for the modes "always" and "off"."""

    mode: Literal["auto", "always", "required", "off"] = "auto"
    enabled: bool | None = None
    network: bool | None = None
    write: tuple[str, ...] = ()

    @property
    def chosen(self) -> Literal["auto", "always", "required", "off"]:
        """The mode that holds."""
        if self.mode != "auto" or self.enabled is None:
            return self.mode
        return "always" if self.enabled else "off"


class StatusLine(Section):
    """A command whose output stands under the prompt; `refresh_interval` in seconds."""

    type: Literal["command"] = "command"
    command: str
    padding: int = 0
    refresh_interval: float | None = Field(default=None, gt=0)


class ContextSizes(Section):
    """What requests may carry, in tokens; a small window scales all of it down."""

    soft_limit: int = Field(default=80_000, ge=4_000)
    """Above this, old tool results are hidden: what a request costs at most, whatever the window could hold."""
    low_limit: int = Field(default=40_000, ge=2_000)
    """Down to this."""
    summary_limit: int = Field(default=70_000, ge=3_000)
    """What is above this even then is summarised instead."""
    keep_steps: int = Field(default=6, ge=1)
    """The last responses, which are spared."""
    tool_output: int = Field(default=8_000, ge=256)
    """The most of one tool result; the whole goes to a file."""
    file_views: int = Field(default=24_000, ge=0)
    """The newest views of files in work that are spared."""
    file_views_after_summary: int = Field(default=20_000, ge=0)
    """The views that are shown again after a summary."""
    user_messages: int = Field(default=20_000, ge=500)
    """Your own words that stay as they are after a summary."""
    ledger: int = Field(default=3_000, ge=200)
    """What kcode itself puts down beside a summary: todo items, files, failed commands."""


class Settings(Section):
    """Everything a settings file can say; the defaults are what holds where none says anything."""

    permissions: Permissions = Permissions()
    """Permission rules, the mode at the start and further folders to work in."""
    env: Mapping[str, str] = Field(default_factory=dict)
    """Variables for every command that kcode runs."""
    pass_env: tuple[str, ...] = ()
    """Names of variables that commands get though they look like secrets."""
    model: str | None = None
    """The model, as the endpoint names it."""
    fallback_model: str | tuple[str, ...] = ()
    """Models to ask where the first one cannot be had: "model" of the same endpoint, or "vendor:model"."""
    turn_endings: TurnEndings = TurnEndings()
    """What happens where a turn ends without an answer or leads nowhere."""
    retries: Retries = Retries()
    """How long failures are waited out."""
    base_url: str | None = None
    """An OpenAI-compatible endpoint."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Further headers of every request to it."""
    vendor: str | None = None
    """A known endpoint by name: moonshot, moonshot-cn, kimi-code, openai, openrouter."""
    api_key_helper: str | None = None
    """A command that prints the key."""
    context: ContextSizes = ContextSizes()
    """What requests may carry."""
    context_window: int | None = Field(default=None, ge=1024)
    """The model's window in tokens, where kcode does not know it."""
    effort_level: Literal["off", "low", "medium", "high", "max"] | None = None
    """How much the model is to think, in the nearest words that its endpoint has."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """How freely the model chooses its words, where it lets itself be told; Kimi models do not."""
    detect_local_servers: bool = True
    """Look for a model server on this machine where no endpoint is set."""
    cleanup_period_days: int = Field(default=30, ge=0)
    """Sessions that were not touched for so many days are deleted; 0 keeps none."""
    hooks: Mapping[str, tuple[JsonValue, ...]] = Field(default_factory=dict)
    """Accepted for the sake of files shared with Claude Code; this version runs no hooks."""
    disable_all_hooks: bool = False
    """Draw no status line of your own; there are no hooks to switch off yet."""
    status_line: StatusLine | None = None
    """A command that draws the status line."""
    sandbox: SandboxSettings = SandboxSettings()
    """How commands are fenced in: those that run unasked, every one, or none."""
    file_checkpointing_enabled: bool = True
    """Keep a copy of the folder before commands change it, for /rewind."""
    auto_compact_enabled: bool = True
    """Summarise the older conversation when the window fills up."""
    include_co_authored_by: bool = True
    """Accepted; kcode adds no trailer to commits."""
    respond_to_bash_commands: bool = True
    """Accepted; the model reads what a command typed with ! printed together with the next prompt."""
    language: str | None = None
    """The language to answer in, in words: "Deutsch"."""
    theme: str = "auto"
    """The colours of the terminal."""
    editor_mode: Literal["normal", "emacs", "vim"] = "normal"
    """Accepted; the keys of the prompt are those of Emacs."""
    enable_all_project_mcp_servers: bool = False
    """Accepted; this version starts no MCP servers."""
    enabled_mcpjson_servers: tuple[str, ...] = ()
    """Accepted; this version starts no MCP servers."""
    disabled_mcpjson_servers: tuple[str, ...] = ()
    """Accepted; this version starts no MCP servers."""

    @property
    def fallback_models(self) -> tuple[str, ...]:
        """The fall-back models as a list."""
        return (self.fallback_model,) if isinstance(self.fallback_model, str) else self.fallback_model


_SECTIONS: Mapping[str, type[Section]] = {
    "permissions": Permissions,
    "statusLine": StatusLine,
    "turnEndings": TurnEndings,
    "retries": Retries,
    "context": ContextSizes,
    "sandbox": SandboxSettings,
}
_EXPECTED = {
    "string_type": "a text in double quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list: [ ... ]",
    "dict_type": "an object: { ... }",
    "mapping_type": "an object: { ... }",
    "model_type": "an object: { ... }",
    "missing": "there",
}


def names(section: type[Section] = Settings) -> Sequence[str]:
    """The keys of a section as files spell them."""
    return [field.alias or name for name, field in section.model_fields.items()]


def check(data: Mapping[str, Any], text: str, name: str) -> None:
    """Check the types of one file's values.

    Raises:
        ConfigError: one of them is wrong; the text names the place and what is expected there.
    """
    try:
        Settings.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=True)[0]
        missing = first["type"] == "missing"
        path = list(first["loc"]) if missing else _path(data, first["loc"])
        expected = _expected(first["type"], cast("Mapping[str, Any]", first.get("ctx") or {}), first["msg"])
        value = "missing" if missing else _shown(first["input"])
        raise ConfigError(
            f"{_place(name, text, path)}: {'.'.join(map(str, path))} must be {expected}, but is {value}. "
            "Correct it, or remove it to use the default."
        ) from error


def _place(name: str, text: str, path: Sequence[str | int]) -> str:
    if not text:
        return name
    line, column = locate(text, path)
    return f"{name}:{line}:{column}"


def _path(data: object, loc: Sequence[str | int]) -> list[str | int]:
    """Leave out of an error's place what pydantic adds for unions."""
    path: list[str | int] = []
    for step in loc:
        if isinstance(step, int) or (isinstance(data, dict) and step in data):
            path.append(step)
            try:
                data = cast("Any", data)[step]
            except (LookupError, TypeError):
                break
    return path or [str(step) for step in loc]


def _expected(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "literal_error":
        return f"one of {context.get('expected')}"
    if "ge" in context or "gt" in context:
        return f"at least {context['ge']}" if "ge" in context else f"more than {context['gt']}"
    return message


def _shown(value: object) -> str:
    kinds: list[tuple[type, str]] = [(dict, "an object"), (list, "a list")]
    for kind, word in kinds:
        if isinstance(value, kind):
            return word
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, int | float) else f'"{value}"'
    return text if len(text) <= 60 else text[:59] + "…"


def known(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file without the keys that mean nothing to kcode, in sections too."""
    kept = {key: value for key, value in data.items() if key in names()}
    for key, section in _SECTIONS.items():
        if isinstance(inner := kept.get(key), dict):
            members = cast("dict[str, Any]", inner)
            kept[key] = {name: value for name, value in members.items() if name in names(section)}
    return kept


def strangers(data: Mapping[str, Any], text: str, name: str) -> Sequence[str]:
    """Warn of keys that mean nothing to kcode, with the nearest one that does."""
    warnings = _strangers(data, Settings, (), text, name)
    for key, section in _SECTIONS.items():
        if isinstance(inner := data.get(key), dict):
            warnings += _strangers(cast("Mapping[str, Any]", inner), section, (key,), text, name)
    return warnings


def _strangers(
    data: Mapping[str, Any], section: type[Section], path: tuple[str, ...], text: str, name: str
) -> list[str]:
    known = names(section)
    warnings: list[str] = []
    for key in data:
        if key in known or key == "$schema":
            continue
        near = nearest(key, known)
        hint = f" Did you mean {near!r}?" if near else ""
        place = _place(name, text, [*path, key])
        warnings.append(f"{place}: unknown setting {'.'.join([*path, key])!r} is ignored.{hint}")
    return warnings


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, "" if none is near."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("_", ""), by_lower, 1, 0.75)
    return by_lower[found[0]] if found else ""
