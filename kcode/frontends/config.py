"""`kcode config`: the settings in force, and where each comes from."""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from kcode.app.offline import offline_settings
from kcode.config.options import Options
from kcode.screen.printing import complain, say
from kcode.screen.redact import redact
from kcode.types.errors import ConfigError

HIDDEN = ("headers.", "env.")


def run(options: Options, arguments: Sequence[str]) -> int:
    """Print the settings that something sets; values that may be secrets are not shown."""
    parser = argparse.ArgumentParser(
        prog="kcode config", description="Print the settings in force and where each comes from."
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.add_argument("--settings", metavar="FILE|JSON", help="settings beside those of the files")
    parser.add_argument("--trust", action="store_true", help="let this folder's settings count")
    flags = parser.parse_args(arguments)
    try:
        loaded = offline_settings(replace(options, settings=flags.settings, trust=flags.trust), os.environ)
    except ConfigError as error:
        complain(f"kcode: {error}")
        return 2
    for warning in loaded.warnings:
        complain(f"kcode: {warning}")
    rows = [
        {"key": e.key, "value": "(set)" if e.key.startswith(HIDDEN) else _shown(e.value), "source": e.source}
        for e in loaded.entries
    ]
    if flags.json:
        say(json.dumps(rows, ensure_ascii=False))
    elif not rows:
        say("Nothing is set; kcode's defaults hold.")
    else:
        for row in rows:
            say(f"{row['key']} = {json.dumps(row['value'], ensure_ascii=False)}    ({row['source']})")
    return 0


def _shown(value: Any) -> Any:
    """A value without what looks like a secret in it: a key in a helper's command, a password in an address."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_shown(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _shown(one) for name, one in cast("dict[str, Any]", value).items()}
    return value
