"""`kcode permissions check -- COMMAND`: what the rules make of a shell command, without running it."""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from kcode.app.offline import offline_authorizer
from kcode.config.options import Options
from kcode.screen.printing import complain, say
from kcode.screen.sanitise import reveal
from kcode.types.errors import ConfigError
from kcode.types.model import JsonObject

STATUS = {"allow": 0, "ask": 1, "deny": 1}


def run(options: Options, arguments: Sequence[str]) -> int:
    """Explain; exits with 0 if the command would run unasked, 1 if not, 2 for a bad command line or settings."""
    parser = argparse.ArgumentParser(
        prog="kcode permissions", description="Explain what the permission rules make of a shell command."
    )
    parser.add_argument("verb", choices=("check",))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--settings", metavar="FILE|JSON", help="rules beside those of the settings files")
    parser.add_argument("--permission-mode", metavar="MODE", help="the mode to check for")
    parser.add_argument("--trust", action="store_true", help="let this folder's settings count")
    parser.add_argument("command", nargs="+", help="the command, after --")
    flags = parser.parse_args(arguments)
    options = replace(
        options, settings=flags.settings, permission_mode=flags.permission_mode, trust=flags.trust
    )
    try:
        authorizer = offline_authorizer(options, os.environ)
    except ConfigError as error:
        complain(f"kcode: {error}")
        return 2
    verdict = authorizer.explain(" ".join(flags.command), options.cwd)
    if flags.json:
        say(json.dumps(verdict, ensure_ascii=False))
    else:
        say("\n".join(reveal(line)[0] for line in _lines(verdict)))
    return STATUS[str(verdict["decision"])]


def _lines(verdict: JsonObject) -> Iterator[str]:
    """A name and a value on each line; where several parts ask, each of them after the one that decided."""
    for name in ("decision", "reason", "part", "rule", "source"):
        if verdict[name]:
            yield f"{name:<12}{verdict[name]}"
    parts = cast("list[dict[str, str]]", verdict["parts"])
    if len(parts) > 1:
        for each in parts:
            verb = "denies" if each["decision"] == "deny" else "asks"
            yield f"{verb:<12}{each['part']}  ({each['reason']})"
    offers = cast("list[str]", verdict["suggestions"])
    if offers:
        yield f"{'offers':<12}{', '.join(offers)}"
