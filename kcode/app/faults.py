"""What a fault of kcode itself says where no conversation is at hand: without the keys that may stand in it."""

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from kcode.config.files import read_object
from kcode.config.home import find_home
from kcode.process.environ import classify, holds_secret
from kcode.screen.redact import redact
from kcode.types.errors import ConfigError


def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as Python would; set as `sys.excepthook`."""
    if sys.stderr is not None:
        sys.stderr.write(without_keys("".join(traceback.format_exception(kind, error, trace))))


def without_keys(text: str) -> str:
    """Take out of a text every key that variables or the stored credentials hold, and what looks like one."""
    return redact(text, [*_in_variables(os.environ), *_stored(os.environ)])


class KeylessFormatter(logging.Formatter):
    """Formats a record of Python's log, the traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        return without_keys(super().format(record))


def keep_keys_out() -> None:
    """Let no key stand in what Python itself prints of faults in tasks that nobody waits for."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(KeylessFormatter())


def _in_variables(environ: Mapping[str, str]) -> list[str]:
    return [v for name, v in environ.items() if classify(name) == "strip" or holds_secret(name, v)]


def _stored(environ: Mapping[str, str]) -> list[str]:
    home = find_home(environ)
    try:
        found = read_object(home.path / "credentials.json") if home.path else None
    except ConfigError:
        return []
    entries = (
        cast("dict[str, Any]", one) for one in (found[0] if found else {}).values() if isinstance(one, dict)
    )
    return [key for entry in entries if isinstance(key := entry.get("apiKey"), str)]
