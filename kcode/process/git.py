"""Git's hardening: settings under which git starts no program that a repository names.

A repository's own configuration and hooks can make most git commands run a program of its choice, and a plain
clone can deliver such a repository in a sub-folder. Whoever runs git for kcode builds its command line here. Reading
the configuration itself runs nothing, so the names of filters can be asked for first.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

SETTINGS: Mapping[str, str] = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.pager": "cat",
    "core.editor": "false",
    "sequence.editor": "false",
    "core.sshCommand": "false",
    "core.askPass": "",
    "core.gitProxy": "",
    "core.alternateRefsCommand": "",
    "credential.helper": "",
    "diff.external": "",
    "diff.ignoreSubmodules": "dirty",
    "interactive.diffFilter": "cat",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "push.gpgSign": "false",
    "log.showSignature": "false",
    "gpg.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "gpg.ssh.defaultKeyCommand": "",
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "safe.bareRepository": "explicit",
}
"""Configuration that stands above the repository's own."""

VARIABLES: Mapping[str, str] = {"GIT_PROXY_COMMAND": ""}
"""What cannot be said by a setting: of several `core.gitProxy` the first one wins, which is the repository's."""

DRIVERS_QUERY = ("config", "--name-only", "--get-regexp", r"^(filter|merge)\.")
"""Arguments for git that list the settings of filters and merge drivers; their output goes to `driver_settings`."""

_NO_DIFF_PROGRAMS = ("--no-ext-diff", "--no-textconv")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "diff": (*_NO_DIFF_PROGRAMS, "--ignore-submodules=dirty"),
    "log": _NO_DIFF_PROGRAMS,
    "show": _NO_DIFF_PROGRAMS,
    "blame": ("--no-textconv",),
    # A sub-module has a configuration of its own, which git reads without ours.
    "status": ("--ignore-submodules=dirty",),
}


def driver_settings(listing: str) -> dict[str, str]:
    """Return settings that switch off every filter and merge driver a repository defines.

    They go to git by `environment`: on a command line the first "=" in a name would be taken for its end.

    Args:
        listing: what git printed for `DRIVERS_QUERY`.
    """
    settings: dict[str, str] = {}
    for line in listing.splitlines():
        kind, _, rest = line.partition(".")
        name, _, key = rest.rpartition(".")
        if not name:
            continue
        if kind == "filter":
            settings |= {f"filter.{name}.{part}": "" for part in ("clean", "smudge", "process")}
            settings[f"filter.{name}.required"] = "false"
        elif kind == "merge" and key == "driver":
            settings[line] = "false"
    return settings


def command(
    arguments: Sequence[str],
    *,
    allow: Collection[str] = (),
    program: str = "git",
) -> list[str]:
    """Return the command line that runs git with these arguments and without the repository's programs.

    Args:
        arguments: a git command and its arguments, with no options before the command.
        allow: settings to leave as they are, e.g. "core.hooksPath" in a folder that is trusted.
        program: the git to run.
    """
    argv = [program, "--no-pager"]
    for key, value in SETTINGS.items():
        if key not in allow:
            argv += ("-c", f"{key}={value}")
    if arguments:
        argv += (arguments[0], *_OPTIONS.get(arguments[0], ()), *arguments[1:])
    return argv


def environment(env: Mapping[str, str], settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return `env` with settings in git's own variables, where they stand above the repository's.

    Args:
        env: the environment so far; settings that it already hands to git are kept before these.
        settings: names and values, in this order; a list in git's sense is a name that comes several times.
    """
    count = env.get("GIT_CONFIG_COUNT", "0")
    first = int(count) if count.isdecimal() else 0
    more: dict[str, str] = {}
    for key, value in settings:
        more[f"GIT_CONFIG_KEY_{first}"] = key
        more[f"GIT_CONFIG_VALUE_{first}"] = value
        first += 1
    return {**VARIABLES, **env, **more, "GIT_CONFIG_COUNT": str(first)}
