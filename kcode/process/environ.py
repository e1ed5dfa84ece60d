"""The environment that children get: the person's own, without secrets or anything that waits for them."""

import os
import re
from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from kcode.process.programs import absolute_places

MARK = "SPAWN_MARK"
"""The variable by which the descendants of a child are recognised, also after they left its process group."""

Verdict: TypeAlias = Literal["keep", "strip", "ask-config"]

_SECRET_WORDS = frozenset(
    {
        *("KEY", "APIKEY", "TOKEN", "SECRET", "SECRETS", "SECRETKEY", "ACCESSKEY"),
        *("PASSWORD", "PASSWORDS", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "CREDS"),
        *("COOKIE", "COOKIES", "WEBHOOK", "WEBHOOKS", "AUTHORIZATION", "DSN", "JWT"),
        *("AUTHTOKEN", "SSHPASS", "STOREPASS", "KEYPASS"),
    }
)
_SECRET_ENDS = frozenset({"AUTH", "PWD", "PAT", "PASS", "PW"})
"""Words that tell of a secret only as the last of several: BASIC_AUTH, MYSQL_PWD; not PWD."""
_SECRET_NAMES = frozenset(
    {"DATABASE_URL", "PGPASSWORD", "CONNECTION_STRING", "GIT_CONFIG_PARAMETERS", "DOCKER_AUTH_CONFIG", "PASS"}
)
_SECRET_BEGINNINGS = ("BW_SESSION", "OP_SESSION")
_NOT_SECRET = frozenset({"OLDPWD"})
_ON_REQUEST = frozenset({"SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO"})
"""Doors to a person's keys: passed only where the settings name them."""
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")
_WITH_PASSWORD = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"
    r"|[?&;](?:password|passwd|pwd|(?:access_?|auth_?)?token|api_?key|secret|(?:account|sharedaccess)key)=[^&;\s]",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"sk-[\w-]{20,}|[sr]k_(?:live|test)_\w{16,}|gh[pousr]_\w{30,}|github_pat_\w{40,}|glpat-[\w-]{20,}"
    r"|xox[abeoprs]-[\w-]{10,}|hf_\w{30,}|npm_\w{30,}|gsk_\w{40,}|AIza[\w-]{35}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}",
    re.ASCII,
)
"""Values that are a secret whatever they are called."""
GIT_CONFIG = re.compile(r"GIT_CONFIG_(?:COUNT|(?:KEY|VALUE)_\d+)")
"""Settings handed to git; all of them or none, for git refuses to run with a part."""
_GIT_SECRET = re.compile(r"extraheader|\.password|\.cookiefile|sslkey", re.IGNORECASE)
_PROXY = re.compile(r"_proxy$", re.IGNORECASE)

_FIXED: Mapping[str, str] = {
    # Nothing may wait for a person: there is no terminal.
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "false",
    "EDITOR": "false",
    "VISUAL": "false",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "SYSTEMD_PAGER": "cat",
    "SSH_ASKPASS_REQUIRE": "never",
    # Output goes to a pipe: no colours, no redrawing.
    "TERM": "dumb",
}
_DEFAULTS: Mapping[str, str] = {
    # A program that is ended for time should have printed what it had to say.
    "PYTHONUNBUFFERED": "1",
}
_DROPPED = frozenset(
    {
        *("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLUMNS", "LINES", "COLORTERM"),
        *("SSH_ASKPASS", "GIT_ASKPASS", "SUDO_ASKPASS", "GIT_SEQUENCE_EDITOR"),
        *("OLDPWD", "PWD", "SHLVL", "_", "__PYVENV_LAUNCHER__", MARK),
    }
)
_OWN = "KCODE_"


def classify(name: str) -> Verdict:
    """Say what becomes of a variable by its name: kept, stripped, or passed only where the settings name it.

    Secret words count as whole words: API_KEY is a secret, KEYBOARD_LAYOUT is not.
    """
    upper = name.upper()
    if upper in _ON_REQUEST:
        return "ask-config"
    if GIT_CONFIG.fullmatch(upper):
        return "keep"
    words = _WORD.findall(upper)
    if (
        upper in _SECRET_NAMES
        or upper.endswith(("_DATABASE_URL", "_CONNECTION_STRING"))
        or upper.startswith(_SECRET_BEGINNINGS)
        or not _SECRET_WORDS.isdisjoint(words)
        or (len(words) > 1 and words[-1] in _SECRET_ENDS and upper not in _NOT_SECRET)
        or any("PASSWORD" in word for word in words)
    ):
        return "strip"
    return "keep"


def is_own(name: str) -> bool:
    """Whether a variable is kcode's own."""
    return name.upper().startswith(_OWN)


def holds_secret(name: str, value: str) -> bool:
    """Whether a variable's value is a token, or an address with a password in it; proxies are needed and stay."""
    if _TOKEN.fullmatch(value):
        return True
    return "://" in value and not _PROXY.search(name) and _WITH_PASSWORD.search(value) is not None


def clean_environment(source: Mapping[str, str], pass_env: Collection[str] = ()) -> dict[str, str]:
    """Return the environment for a child.

    Args:
        source: where it is taken from, as a rule `os.environ`.
        pass_env: names that are let through although they look like secrets; kcode's own never are.
    """
    kept = dict(_DEFAULTS)
    secret_in_git = any(n.startswith("GIT_CONFIG_KEY_") and _GIT_SECRET.search(v) for n, v in source.items())
    for name, value in source.items():
        if name in _DROPPED or is_own(name):
            continue
        if secret_in_git and GIT_CONFIG.fullmatch(name) and name not in pass_env:
            continue
        if name in pass_env or (classify(name) == "keep" and not holds_secret(name, value)):
            kept[name] = value
    if "PATH" in kept:
        # A place like "." holds other programs in every folder, and those of a project in the project.
        kept["PATH"] = os.pathsep.join(absolute_places(kept["PATH"])) or os.defpath
    kept.update(_FIXED)
    return kept
