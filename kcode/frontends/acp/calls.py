"""Tool calls as an editor shows them: title, kind, places, changes, output."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from acp.schema import (
    ContentToolCallContent,
    FileEditToolCallContent,
    ImageContentBlock,
    TerminalToolCallContent,
    TextContentBlock,
    ToolCallLocation,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    ToolKind,
)

from kcode.editing.encoding import readable
from kcode.frontends.acp.diffs import first_line, texts
from kcode.screen.sanitise import reveal
from kcode.types.messages import ImagePart, TextPart
from kcode.types.model import JsonObject

Content: TypeAlias = ContentToolCallContent | FileEditToolCallContent | TerminalToolCallContent

KINDS: Mapping[str, ToolKind] = {
    "Read": "read",
    "BashOutput": "read",
    "Edit": "edit",
    "Write": "edit",
    "Grep": "search",
    "Glob": "search",
    "RepoMap": "search",
    "Bash": "execute",
    "KillBash": "execute",
    "TodoWrite": "think",
    "Agent": "think",
    "WebFetch": "fetch",
}
"""For calls that never got so far that the tool itself said it."""
FENCED = frozenset({"read", "search", "execute", "edit"})
"""Kinds whose output is shown as it is, not as Markdown."""
SHOWN = 60_000
"""Characters of a call's output that an editor gets."""
RUNNING = 8_000
"""Characters of the output so far that an editor gets while a call runs: it is sent anew each time."""
_FENCE = re.compile(r"`{3,}")


@dataclass(slots=True)
class Call:
    """One call and what the editor knows of it."""

    id: str
    name: str
    title: str
    kind: ToolKind = "other"
    arguments: JsonObject = field(default_factory=dict[str, Any])
    paths: tuple[str, ...] = ()
    diff: str = ""
    before: str | None = None
    terminal: str = ""
    output: str = ""
    announced: bool = False
    notes: list[str] = field(default_factory=list[str])

    def content(self) -> list[Content]:
        """What the call would do or does, as far as more than its title says it."""
        if self.terminal:
            return [TerminalToolCallContent(type="terminal", terminal_id=self.terminal)]
        words: list[Content] = [text_content("\n\n".join(self.notes))] if self.notes else []
        if not self.diff or not self.paths:
            return words
        found = texts(self.diff, self.before)
        edits = [
            FileEditToolCallContent(type="diff", path=self.paths[0], old_text=t.old, new_text=t.new)
            for t in found
        ]
        return [*words, *edits]

    def locations(self) -> list[ToolCallLocation]:
        """The files that the call is about."""
        return [ToolCallLocation(path=path, line=self._line()) for path in self.paths]

    def announce(self, status: str) -> ToolCallStart | ToolCallProgress:
        """Tell the editor everything there is to know of it before it has run."""
        known, self.announced = self.announced, True
        content = self.content()
        facts: dict[str, Any] = {
            "tool_call_id": self.id,
            "title": shown_title(self.title),
            "kind": self.kind,
            "status": status,
            "content": content or None,
            "locations": self.locations() or None,
            "raw_input": self.arguments,
        }
        if known:
            return ToolCallProgress(session_update="tool_call_update", **facts)
        return ToolCallStart(session_update="tool_call", **facts)

    def question(self) -> ToolCallUpdate:
        """The call as it is asked about: whole, since an editor may show nothing else."""
        return ToolCallUpdate(
            tool_call_id=self.id,
            title=shown_title(self.title),
            kind=self.kind,
            status="pending",
            content=self.content() or None,
            locations=self.locations() or None,
            raw_input=self.arguments,
        )

    def progress(self) -> ToolCallProgress | None:
        """The end of the output so far; None where the editor sees it in a terminal of its own."""
        if self.terminal or not self.output:
            return None
        return ToolCallProgress(
            session_update="tool_call_update",
            tool_call_id=self.id,
            content=[text_content(self._fenced(self.output))],
        )

    def ended(self, status: str) -> ToolCallProgress:
        """Say how it ended."""
        ok = status == "completed"
        return ToolCallProgress(
            session_update="tool_call_update",
            tool_call_id=self.id,
            status="completed" if ok else "failed",
        )

    def result(self, parts: Sequence[TextPart | ImagePart], *, is_error: bool) -> ToolCallProgress:
        """Show what it gave; a change that was made and a terminal stay what they are."""
        text = readable("".join(part.text for part in parts if isinstance(part, TextPart)))
        content: list[Content] = []
        if text and (is_error or not (self.diff or self.terminal)):
            content.append(text_content(self._fenced(text[:SHOWN])))
        content += [
            ContentToolCallContent(
                type="content",
                content=ImageContentBlock(type="image", data=part.data, mime_type=part.media_type),
            )
            for part in parts
            if isinstance(part, ImagePart)
        ]
        return ToolCallProgress(
            session_update="tool_call_update",
            tool_call_id=self.id,
            content=content or None,
            raw_output={"output": text[:SHOWN], "isError": is_error},
        )

    def add_output(self, text: str) -> None:
        """Take a piece of output of the running call."""
        self.output = (self.output + text)[-RUNNING:]

    def _line(self) -> int | None:
        if self.diff:
            return first_line(self.diff)
        offset = self.arguments.get("offset")
        return offset if isinstance(offset, int) and offset > 0 else None

    def _fenced(self, text: str) -> str:
        return fenced(text) if self.kind in FENCED else text


def text_content(text: str) -> ContentToolCallContent:
    """Words in a tool call."""
    return ContentToolCallContent(type="content", content=TextContentBlock(type="text", text=text))


def fenced(text: str, language: str = "") -> str:
    """Put text into a Markdown code block that nothing in it can end."""
    longest = max((len(found) for found in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}"


def shown_title(title: str) -> str:
    """A title with nothing hidden in it."""
    return readable(reveal(title)[0])
