"""Running a command line in a fresh shell, and what is carried over from it to the next one.

The shell itself writes its working folder and exported variables down when it ends: no extra process. What
ends without doing so (killed, replaced by `exec`) changes nothing for the next command.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from kcode.process.environ import GIT_CONFIG, MARK
from kcode.process.programs import find_program

MAX_ARGUMENT = 100_000
"""Bytes of a command that are passed as an argument; Linux allows 128 KiB for one."""

_NOT_CARRIED = frozenset({MARK, "SHLVL", "_", "PWD", "_kcode_status", "_kcode_done", "_kcode_command"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPORT = re.compile(r"(?:declare -[A-Za-z]+|export) ([A-Za-z_][A-Za-z0-9_]*)(=?)")
_PIECE = re.compile(
    r"\"(?P<double>(?:[^\"\\]|\\.)*)\"|\$'(?P<ansi>(?:[^'\\]|\\.)*)'|'(?P<single>[^']*)'|\\(?P<escaped>.)|(?P<bare>[^\s\"'\\]+)",
    re.DOTALL,
)
_MARKED = re.compile(rf"^(?:declare -x|export) {MARK}=[\"']?[0-9a-f]+[\"']?\n", re.MULTILINE)
_DOUBLE_ESCAPE = re.compile(r"\\([\"\\$`\n])")
_ANSI_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_ANSI = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "E": "\x1b",
    "e": "\x1b",
}
_TAINTS = re.compile(
    # how the shell and the loader find what runs
    r"PATH|CDPATH|IFS|ENV|BASH_ENV|BASH_FUNC_.*|SHELL|SHELLOPTS|BASHOPTS|BASH_ALIASES|PS4|PROMPT_COMMAND|HOME|LD_.*"
    r"|DYLD_.*|GCONV_PATH|LOCPATH"
    # what interpreters and build tools load
    r"|PYTHON.*|PERL.*|RUBY.*|GEM_.*|BUNDLE_.*|NODE_.*|NPM_CONFIG_.*|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS"
    r"|CLASSPATH|PIP_.*|UV_.*|CARGO.*|RUST.*|GO(?:ROOT|PATH|FLAGS|ENV)|MAKEFLAGS|MAKEFILES|CC|CXX|LUA_.*|PHPRC"
    # programs that other programs start
    r"|GIT_.*|SSH_.*|XDG_CONFIG_.*|.*PAGER|.*EDITOR|VISUAL|LESS|LESSOPEN|LESSCLOSE|BROWSER|RIPGREP_CONFIG_PATH"
    r"|GREP_OPTIONS|TAR_OPTIONS|LS_OPTIONS",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell program; `kind` is "sh" for one that knows only POSIX."""

    path: str
    kind: Literal["bash", "sh"]


def find_shell(path: str, cwd: Path) -> Shell:
    """Return bash, or sh where there is no bash.

    Args:
        path: a PATH to look in, after the usual places.
        cwd: the folder that is worked in, whose own programs are not taken.
    """
    for place in ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"):
        if os.access(place, os.X_OK):
            return Shell(place, "bash")
    found = find_program("bash", path, cwd)
    return Shell(found, "bash") if found else Shell("/bin/sh", "sh")


def command_line(shell: Shell, command: str, state: Path, *, processes: int = 0) -> list[str]:
    """Return the arguments that run a command and write its state down.

    Args:
        shell: the shell to run it.
        command: what was asked for; it sees itself as the whole of a non-interactive shell's input.
        state: the file that `read_state` reads afterwards.
        processes: how many the user may have at most while it runs; 0 for no limit.
    """
    write = (
        "case ${_kcode_done-} in '') "
        r"{ command export -p; command printf '\0'; command pwd -P; command printf '\0'; } "
        f">|{shlex.quote(str(state))} 2>/dev/null;; esac"
    )
    limit = f"ulimit -S -{'u' if shell.kind == 'bash' else 'p'} {processes}; " if processes else ""
    script = (
        # The system ends this first when memory runs out. Bash alone does it without another process.
        f"{{ {limit}echo 1000 >/proc/self/oom_score_adj; }} 2>/dev/null; trap {shlex.quote(write)} EXIT; "
        '_kcode_command=$1; shift; eval "$_kcode_command"\n'
        # Also where the command set an EXIT trap of its own; and silently under `set -x`.
        f"{{ _kcode_status=$?; set +exuv; {write}; _kcode_done=1; }} 2>/dev/null; exit $_kcode_status"
    )
    # `eval` would take a leading dash for an option.
    return [shell.path, "-c", script, shell.kind, f" {command}" if command.startswith("-") else command]


@dataclass(frozen=True, slots=True)
class State:
    """What a shell left behind; `cwd` is None where it was deleted under it."""

    env: Mapping[str, str]
    cwd: Path | None


def read_state(file: Path, before: Mapping[str, str]) -> State | None:
    """Return the state that a shell wrote down, None if it did not get that far.

    Args:
        file: what `command_line` was given.
        before: the environment that the shell was started with.
    """
    try:
        data = file.read_bytes()
    except OSError:
        return None
    exported, separator, rest = data.partition(b"\0")
    cwd, end, _ = rest.rpartition(b"\0")
    if not (separator and end):
        return None
    # Without what is another for every command, mostly the same text as last time.
    variables = parse_exports(_MARKED.sub("", exported.decode("latin-1"), 1))
    if variables is None:
        return None
    # Names that the shell cannot know pass through it unseen.
    env = {name: value for name, value in before.items() if not _NAME.fullmatch(name)}
    env.update((name, value) for name, value in variables.items() if name not in _NOT_CARRIED)
    folder = Path(os.fsdecode(cwd.removesuffix(b"\n")))
    return State(env, folder if cwd and folder.is_dir() else None)


@dataclass(frozen=True, slots=True)
class Left:
    """What a shell leaves behind in a file; `given` are the variables that it got for this one command."""

    file: Path
    given: Mapping[str, str]

    def read(self, before: Mapping[str, str]) -> State | None:
        """Return the state without what was given, unless the command changed it; see `read_state`."""
        state = read_state(self.file, before)
        if state is None:
            return None
        own = {name for name, value in self.given.items() if state.env.get(name) == value}
        if any(name not in own for name in self.given if GIT_CONFIG.fullmatch(name)):
            # Git refuses to run with a part of them.
            own = {name for name in own if not GIT_CONFIG.fullmatch(name)}
        if not own:
            return state
        kept = {name: value for name, value in state.env.items() if name not in own}
        return State(kept | {name: before[name] for name in own & before.keys()}, state.cwd)


@lru_cache(maxsize=1)
def parse_exports(text: str) -> Mapping[str, str] | None:
    """Return the variables that `export -p` printed, in any shell's way of quoting; None if it is something else.

    Most commands change none, so that the last answer is kept.

    Args:
        text: its output, one character for each byte.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _EXPORT.match(text, at)
        if match is None:
            return None
        at = match.end()
        value: list[str] = []
        while piece := _PIECE.match(text, at):
            value.append(_unquote(piece))
            at = piece.end()
        if match[2]:
            found[match[1]] = os.fsdecode("".join(value).encode("latin-1"))
        if text[at : at + 1] not in {"\n", ""}:
            return None
        at += 1
    return found


def _unquote(piece: re.Match[str]) -> str:
    kind = piece.lastgroup or ""
    content = piece[kind]
    if kind == "double":
        return _DOUBLE_ESCAPE.sub(lambda m: "" if m[1] == "\n" else m[1], content)
    return _ANSI_ESCAPE.sub(_ansi, content) if kind == "ansi" else content


def _ansi(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 8) & 0xFF)
    if match[2]:
        return chr(int(match[2], 16))
    return _ANSI.get(match[3], match[3])


def taint(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Name the first variable whose change may change which program a command means; empty if there is none."""
    changed = (name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
    return next((name for name in changed if _TAINTS.fullmatch(name)), "")
