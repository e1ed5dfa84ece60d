"""Whether a folder's own settings and instructions count: asked once, before the first prompt in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acp.schema import PermissionOption, ToolCallUpdate

from kcode.config.home import find_home
from kcode.config.items import Item
from kcode.config.layers import project_root
from kcode.config.trust import Standing, Trust
from kcode.frontends.acp.calls import shown_title, text_content
from kcode.types.errors import ConfigError

YES, NO = "trust", "ignore"
LONGEST = 4000
"""Characters of one thing that a file would do."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A folder that is not trusted as it is now."""

    root: Path
    standing: Standing

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two doubts the same."""
        return (str(self.root), *(item.sha256 for item in self.standing.changed))


class Trusting:
    """The folders that the person trusts, and those that they were asked about in vain."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._home = find_home(environ)
        self._trust = Trust(self._home)
        self._refused: set[tuple[str, ...]] = set()

    def doubt(self, cwd: Path) -> Doubt | None:
        """What is to be asked about a folder; None where it is trusted."""
        root = project_root(cwd, self._home)
        standing = self._trust.standing(root, cwd)
        return None if standing.trusted else Doubt(root, standing)

    def accepted(self, cwd: Path) -> Mapping[str, str] | None:
        """What the person accepted of a folder that is trusted; None where they were never asked."""
        standing = self._trust.standing(project_root(cwd, self._home), cwd)
        return standing.hashes if standing.trusted and standing.known else None

    def settled(self, doubt: Doubt) -> bool:
        """Whether the person said already that they do not trust the folder as it is."""
        return doubt.key in self._refused

    def take(self, doubt: Doubt, *, trusted: bool) -> str:
        """Keep the answer; returns a problem with that in words, or nothing."""
        if not trusted:
            self._refused.add(doubt.key)
            return ""
        try:
            self._trust.accept(doubt.root, doubt.standing.items)
        except ConfigError as error:
            return str(error)
        return ""


def question(doubt: Doubt, call_id: str, folder: str) -> tuple[ToolCallUpdate, list[PermissionOption]]:
    """The question as an editor shows it; `folder` is the folder as it names it."""
    again = " It has changed since you trusted it." if doubt.standing.known else ""
    text = (
        f"{_listed(doubt.standing.changed)}\n\nTrust only what you have looked at yourself, or wrote.{again}"
    )
    call = ToolCallUpdate(
        tool_call_id=call_id,
        title=f"Do you trust the files in {shown_title(folder)}?",
        kind="other",
        status="pending",
        content=[text_content(text)],
    )
    options = [
        PermissionOption(option_id=YES, name="Yes, use them", kind="allow_always"),
        PermissionOption(option_id=NO, name="No, work without them", kind="reject_once"),
    ]
    return call, options


def _listed(items: Sequence[Item]) -> str:
    """Name everything that would count, with all that it would do."""
    lines = ["They would change what kcode does here:", ""]
    for item in items:
        lines.append(f"- {shown_title(item.path)} ({item.kind})")
        lines += [f"    - {_cut(shown_title(detail))}" for detail in item.details]
    return "\n".join(lines)


def _cut(text: str) -> str:
    more = len(text) - LONGEST
    return f"{text[:LONGEST]}... ({more:,} more characters)" if more > 0 else text
