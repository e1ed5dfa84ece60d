"""What a settings file may not say because of where it lies.

A project's files come from whoever wrote the project. Even in a trusted folder they decide nothing about where
requests and keys go, which programs other programs start, or how far kcode is fenced in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

Kind: TypeAlias = Literal["default", "user", "project", "local", "flag", "environment"]
"""Where a value was set, in the order in which they win."""

_PROJECT_KEYS = {
    "baseUrl": "where requests go",
    "headers": "what requests carry",
    "apiKeyHelper": "how the key is found",
    "vendor": "where requests go",
    "fallbackModel": "where requests go",
    "detectLocalServers": "where requests go",
    "sandbox": "how commands are fenced in",
    "passEnv": "which secrets commands get",
}
_PROJECT_ENV = re.compile(
    r"(?:KCODE|LD|DYLD|PYTHON|GIT|SSH|NPM_CONFIG|PIP|UV|GEM|BUNDLE|LUA|PHP|MALLOC|BASH_FUNC)_.*|PYTHON.*|PATH|"
    r".*_(?:BASE_URL|API_BASE|ENDPOINT_URL|PROXY|API_KEY|TOKEN)|"
    r"CDPATH|FPATH|ZDOTDIR|GLOBIGNORE|INPUTRC|HISTFILE|HOSTALIASES|LOCPATH|GLIBC_TUNABLES|TMP|TEMP|TERMINFO.*|"
    r"(?:GREP|TAR|LS|LESS)_OPTIONS|LESS|RIPGREP_CONFIG_PATH|CURL_HOME|WGETRC|HGRCPATH|.*_(?:SSH|RSH|ASKPASS|OPTS)|"
    r"RUSTC|RUSTFLAGS|CC|CXX|LDFLAGS|MAKEFILES|GO(?:FLAGS|PROXY|PATH|ROOT|ENV)|PHPRC|PYTEST_(?:ADDOPTS|PLUGINS)|"
    r"DOCKER_HOST|KUBECONFIG|AWS_(?:PROFILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE)|JULIA_LOAD_PATH|NIX_PATH|CMAKE_(?:PREFIX_PATH|TOOLCHAIN_FILE|.*COMPILER.*)|"
    r"BASH_ENV|ENV|BASHOPTS|SHELLOPTS|SHELL|IFS|PS4|PROMPT_COMMAND|HOME|XDG_.*|TMPDIR|NODE_OPTIONS|NODE_PATH|"
    r"PERL5OPT|PERL5LIB|PERL5DB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|"
    r"CLASSPATH|EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|BROWSER|SSH_ASKPASS|SSL_CERT_.*|"
    r"REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|RUSTC_WRAPPER|CARGO_.*|MAKEFLAGS|GCONV_PATH|OPENSSL_CONF",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FREE_MODES = frozenset({"bypassPermissions", "auto"})
_CLAUDE_KEYS = frozenset(
    {
        *("permissions", "env", "hooks", "disableAllHooks", "statusLine", "cleanupPeriodDays"),
        *("includeCoAuthoredBy", "language", "theme", "editorMode", "autoCompactEnabled"),
        *("respondToBashCommands", "enableAllProjectMcpServers", "enabledMcpjsonServers"),
        "disabledMcpjsonServers",
    }
)
_CLAUDE_ENV = re.compile(r"(?:ANTHROPIC|CLAUDE|DISABLE|MAX_THINKING|BASH_MAX|BASH_DEFAULT|API_TIMEOUT).*")


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that is not taken: its place, and why in a sentence."""

    path: tuple[str, ...]
    reason: str


def restrict(data: Mapping[str, Any], kind: Kind) -> tuple[dict[str, Any], list[Refused]]:
    """Return what a file of this kind may say, and what of it is refused."""
    kept, refused = dict(data), list[Refused]()
    if kind in {"project", "local"}:
        for key in _PROJECT_KEYS.keys() & kept.keys():
            del kept[key]
            refused.append(
                Refused(
                    (key,), f"a project's files cannot say {_PROJECT_KEYS[key]}; set it in your own settings"
                )
            )
        kept = _without_env(kept, refused)
    if kind != "flag":
        kept = _without_free_mode(kept, kind, refused)
    return kept, refused


def from_claude(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what kcode takes over of a settings file that was written for Claude Code.

    Models, endpoints and keys mean another vendor there.
    """
    kept = {key: value for key, value in data.items() if key in _CLAUDE_KEYS}
    if isinstance(env := kept.get("env"), dict):
        variables = cast("dict[str, Any]", env)
        kept["env"] = {name: value for name, value in variables.items() if not _CLAUDE_ENV.fullmatch(name)}
    return kept


def _without_env(data: dict[str, Any], refused: list[Refused]) -> dict[str, Any]:
    if not isinstance(data.get("env"), dict):
        return data
    variables = cast("dict[str, Any]", data["env"])
    # What is no name for every program may be one for some.
    bad = [name for name in variables if not _VARIABLE.fullmatch(name) or _PROJECT_ENV.fullmatch(name)]
    refused += [
        Refused(("env", name), "a project's files cannot set this variable; set it in your own settings")
        for name in bad
    ]
    return {**data, "env": {name: value for name, value in variables.items() if name not in bad}}


def _without_free_mode(data: dict[str, Any], kind: Kind, refused: list[Refused]) -> dict[str, Any]:
    if not isinstance(data.get("permissions"), dict):
        return data
    permissions = cast("dict[str, Any]", data["permissions"])
    mode = permissions.get("defaultMode")
    free = _FREE_MODES if kind in {"project", "local"} else {"bypassPermissions"}
    if mode not in free:
        return data
    refused.append(
        Refused(
            ("permissions", "defaultMode"),
            f"{mode} must be asked for at each start: --permission-mode {mode}",
        )
    )
    return {**data, "permissions": {k: v for k, v in permissions.items() if k != "defaultMode"}}
