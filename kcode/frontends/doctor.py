"""`kcode doctor`: what works on this machine, and what to do about the rest."""

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from kcode import __version__
from kcode.app.connecting import find_connection
from kcode.app.offline import offline_settings
from kcode.app.probe import examine, probe
from kcode.app.profiles import Profiles
from kcode.config.connection import missing_text
from kcode.config.home import find_home
from kcode.config.layers import Loaded
from kcode.config.options import Options
from kcode.environment.sandbox import probe as probe_sandbox
from kcode.environment.search import find_ripgrep
from kcode.process.programs import find_program
from kcode.process.shell import find_shell
from kcode.screen.printing import complain, say
from kcode.types.errors import ConfigError

Level: TypeAlias = Literal["ok", "warning", "error"]
SIGNS: Mapping[Level, str] = {"ok": "ok", "warning": "!!", "error": "XX"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    text: str


def run(options: Options, arguments: Sequence[str]) -> int:
    """Check; exits with 1 if something does not work."""
    parser = argparse.ArgumentParser(prog="kcode doctor", description="Check machine, settings and endpoint.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--offline", action="store_true", help="do not ask the endpoint")
    parser.add_argument("--model", metavar="ID", help="the model to ask")
    parser.add_argument("--settings", metavar="FILE|JSON", help="settings beside those of the files")
    parser.add_argument(
        "--endpoint",
        nargs="?",
        const="",
        metavar="URL",
        help="examine the endpoint with a few small requests, and keep how it wants to be spoken to",
    )
    flags = parser.parse_args(arguments)
    options = replace(options, model=flags.model, settings=flags.settings)
    if flags.endpoint is not None:
        return _examined(options, flags.endpoint, as_json=flags.json)
    checks = [*_machine(), *_home(), *_endpoint(options, offline=flags.offline)]
    if flags.json:
        ok = all(c.level != "error" for c in checks)
        say(json.dumps({"version": __version__, "ok": ok, "checks": [asdict(c) for c in checks]}, indent=1))
    else:
        say(f"kcode {__version__}")
        for check in checks:
            first, *more = check.text.splitlines()
            say(f" {SIGNS[check.level]}  {check.name:<10} {first}")
            for line in more:
                say(f"                {line}")
    return int(any(c.level == "error" for c in checks))


def _examined(options: Options, url: str, *, as_json: bool) -> int:
    """Examine one endpoint; exits with 1 if kcode cannot work with it."""
    environ = dict(os.environ) | ({"KCODE_BASE_URL": url} if url else {})
    home = find_home(environ)
    try:
        loaded = offline_settings(options, environ)
        found = asyncio.run(find_connection(options, loaded, home, environ))
    except ConfigError as error:
        complain(f"kcode doctor: {error}")
        return 2
    if found.connection is None:
        complain(f"kcode doctor: {missing_text(loaded.settings)}")
        return 2
    profiles = Profiles(home)
    report = asyncio.run(examine(found.connection, environ, profiles))
    if as_json:
        say(json.dumps({"version": __version__, **asdict(report)}, indent=1))
        return int(not report.ok)
    listed = "lists no models" if report.listed is None else f"lists {report.listed} models"
    rows = [
        ("endpoint", f"{report.base_url}, {listed}"),
        ("model", f"{report.model or 'none'}, window {report.window:,} tokens"),
        ("dialect", report.dialect or "unknown"),
        ("tools", "calls them" if report.calls_tools else "does not call them"),
        ("history", "takes calls and results" if report.takes_history else "not tried"),
        ("thinking", f"comes as {report.reasoning_key}" if report.reasoning_key else "none came"),
        ("tokens", "are counted" if report.counts_tokens else "are not counted; kcode estimates them"),
        ("learnt", ", ".join(f"{k}={v}" for k, v in report.learnt.items()) or "nothing departs"),
        ("time", f"first byte {report.first_ms} ms, all {report.total_ms} ms"),
        ("result", report.text),
    ]
    for name, text in rows:
        say(f" {name:<10} {text}")
    if profiles.path is not None and report.ok:
        say(f" kept in    {home.shown(profiles.path)}")
    return int(not report.ok)


def _machine() -> Iterator[Check]:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Check("python", "ok" if good else "error", f"{version} on {platform.system()} {platform.machine()}")
    yield _terminal()
    yield _program("git", "version control, diffs and commits")
    yield _ripgrep()
    yield _shell()
    yield _sandbox()


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "unknown").lower()
    if not sys.stdout.isatty():
        return Check("terminal", "ok", f"stdout is no terminal; encoding {encoding}")
    size = shutil.get_terminal_size()
    term = os.environ.get("TERM", "")
    text = f"{term or 'TERM is not set'}, {size.columns}x{size.lines}, encoding {encoding}"
    if "utf" not in encoding:
        return Check(
            "terminal", "warning", f"{text}: some characters are replaced; set LANG to a UTF-8 locale"
        )
    return Check("terminal", "ok", text)


def _program(name: str, purpose: str) -> Check:
    path = find_program(name, os.environ.get("PATH", os.defpath), Path.cwd())
    if path is None:
        return Check(name, "error", f"not found: install it, for {purpose}")
    return Check(name, "ok", path)


def _ripgrep() -> Check:
    path = find_ripgrep((Path(sys.executable).parent,), Path.cwd())
    if path is None:
        return Check(
            "ripgrep", "error", "not found: install kcode anew, or ripgrep itself, for Grep and Glob"
        )
    return Check("ripgrep", "ok", path)


def _shell() -> Check:
    if os.name == "nt":
        return Check("shell", "error", "native Windows has no POSIX shell: run kcode in WSL")
    shell = find_shell(os.environ.get("PATH", os.defpath), Path.cwd())
    if shell.kind == "bash":
        return Check("shell", "ok", shell.path)
    return Check("shell", "warning", "no bash: commands run in /bin/sh")


def _sandbox() -> Check:
    found = asyncio.run(probe_sandbox(os.environ, [Path.cwd()]))
    if found.level == "full":
        return Check(
            "sandbox", "ok", f"{found.shown}: in the mode auto commands run unasked, fenced in by it"
        )
    why = f", since {found.reason}" if found.level == "partial" else ""
    return Check(
        "sandbox",
        "warning",
        f"{found.shown}{why}: the mode auto asks before commands, permission rules decide",
    )


def _home() -> Iterator[Check]:
    home = find_home(os.environ)
    if home.problem or home.path is None:
        yield Check("storage", "warning", home.problem or "nothing is saved")
    else:
        yield Check("storage", "ok", f"{home.shown(home.path)}: settings, sessions, keys")


def _endpoint(options: Options, *, offline: bool) -> Iterator[Check]:
    try:
        loaded = offline_settings(options, os.environ)
        found = asyncio.run(find_connection(options, loaded, find_home(os.environ), os.environ))
    except ConfigError as error:
        yield Check("settings", "error", str(error))
        return
    yield _settings(loaded)
    connection = found.connection
    if connection is None:
        yield Check("endpoint", "error", missing_text(loaded.settings))
        return
    where = f"{connection.base_url} (from {connection.source})"
    if offline:
        yield Check("endpoint", "ok", f"{where}, not asked")
        return
    answer = asyncio.run(probe(connection, os.environ))
    timing = f", first byte {answer.first_ms} ms, all {answer.total_ms} ms" if answer.first_ms else ""
    model = f" {answer.model}" if answer.model else ""
    yield Check(
        "endpoint", "ok" if answer.ok else "error", f"{where}{model}: {answer.text.removesuffix('.')}{timing}"
    )


def _settings(loaded: Loaded) -> Check:
    if loaded.warnings:
        return Check("settings", "warning", "\n".join(loaded.warnings))
    return Check("settings", "ok", f"{len(loaded.entries)} values set" if loaded.entries else "defaults")
