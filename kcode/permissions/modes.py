"""What each permission mode settles by itself."""

from dataclasses import replace
from typing import Final

from kcode.permissions.verdict import Verdict
from kcode.types.events import Mode

__all__ = ["MODES", "Mode", "edits_freely", "finish", "runs_freely"]

MODES: Final[tuple[Mode, ...]] = ("default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")


def edits_freely(mode: Mode) -> bool:
    """Whether files in the working directories may be changed without asking."""
    return mode in {"acceptEdits", "auto", "bypassPermissions"}


def runs_freely(mode: Mode, *, sandboxed: bool) -> bool:
    """Whether commands run unless a rule, a protected path or their danger speaks against it.

    `sandboxed` says that commands can neither write outside the workspace nor use the network.
    """
    return mode == "bypassPermissions" or (mode == "auto" and sandboxed)


def finish(verdict: Verdict, mode: Mode) -> Verdict:
    """A mode that never asks turns asking into a refusal."""
    if mode == "dontAsk" and verdict.decision == "ask":
        reason = f"{verdict.reason}; this mode refuses instead of asking"
        return replace(verdict, decision="deny", reason=reason, suggestions=())
    return verdict
