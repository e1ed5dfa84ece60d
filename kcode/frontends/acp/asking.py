"""Questions to the person in the editor: whether a call may run, and everything else."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from acp.schema import PermissionOption, ToolCallStart, ToolCallUpdate

from kcode.editing.encoding import readable
from kcode.frontends.acp.calls import Call, shown_title, text_content
from kcode.frontends.acp.editor import Editor, EditorError
from kcode.types.errors import ConfigError
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.mode import Mode
from kcode.types.questions import Question

ALLOW: Final = "allow"
ALWAYS: Final = "always"
EDITS: Final = "accept_edits"
REJECT: Final = "reject"
SKIP: Final = "skip"
UNASKED = "The editor could not ask the user, so this was not allowed. Say what you wanted to do, and stop."


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks in one session."""

    editor: Editor
    session: str
    set_mode: Callable[[Mode], Awaitable[None]]

    async def decide(self, request: PermissionRequest, call: Call) -> Decision:
        """Ask whether a call may run, which the editor knows of already."""
        try:
            chosen = await self.editor.permission(self.session, call.question(), _options(request))
        except EditorError as error:
            return Decision("reject_once", feedback=UNASKED, source="editor", reason=str(error))
        if chosen == EDITS:
            try:
                await self.set_mode("acceptEdits")
            except ConfigError as error:
                return Decision("allow_once", reason=str(error))
            return Decision("allow_once")
        outcomes = {ALLOW: Decision("allow_once"), ALWAYS: Decision("allow_always")}
        if chosen is None:
            return Decision("cancelled", reason="dismissed")
        return outcomes.get(chosen, Decision("reject_once"))

    async def ask(self, question: Question, call_id: str) -> str | None:
        """Ask something else: with a form where the editor has them, else with the buttons of a permission."""
        try:
            if self.editor.can.forms:
                return await self._form(question, call_id)
            if question.options:
                return await self._buttons(question, call_id)
        except EditorError:
            return None
        return None

    async def choose(self, call: ToolCallUpdate, options: Sequence[PermissionOption]) -> str | None:
        """Show a question that belongs to no tool call and return the chosen option's id."""
        start = ToolCallStart(
            session_update="tool_call",
            tool_call_id=call.tool_call_id,
            title=call.title or "",
            kind=call.kind,
            status="pending",
            content=call.content,
        )
        await self.editor.update(self.session, start)
        chosen: str | None = None
        try:
            chosen = await self.editor.permission(self.session, call, options)
        finally:
            end = Call(call.tool_call_id, "", "").ended("completed" if chosen else "failed")
            await self.editor.update(self.session, end)
        return chosen

    async def _form(self, question: Question, call_id: str) -> str | None:
        content = await self.editor.form(self.session, readable(question.text), _schema(question), call_id)
        if content is None:
            return None
        found: object = content.get("answer")
        picked = [str(item) for item in found] if isinstance(found, list) else [str(found or "")]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
        words = [*picked, str(content.get("other") or "")]
        return ", ".join(word for word in words if word) or None

    async def _buttons(self, question: Question, call_id: str) -> str | None:
        options = [
            PermissionOption(option_id=str(n), name=shown_title(option.label), kind="allow_once")
            for n, option in enumerate(question.options)
        ]
        options.append(PermissionOption(option_id=SKIP, name="None of these", kind="reject_once"))
        lines = [f"- {o.label}: {o.description}" for o in question.options if o.description]
        update = ToolCallUpdate(
            tool_call_id=call_id or f"question-{uuid.uuid4()}",
            title=shown_title(question.text),
            kind="other",
            status="pending",
            content=[text_content(readable("\n".join(lines)))] if lines else None,
        )
        if call_id:
            chosen = await self.editor.permission(self.session, update, options)
        else:
            chosen = await self.choose(update, options)
        known = {str(n): option.label for n, option in enumerate(question.options)}
        return known.get(chosen or "")


def _options(request: PermissionRequest) -> list[PermissionOption]:
    """What can be answered; nothing is offered that would not hold."""
    options = [PermissionOption(option_id=ALLOW, name="Allow", kind="allow_once")]
    if request.suggestions:
        rules = ", ".join(shown_title(rule)[:120] for rule in request.suggestions)
        options.append(PermissionOption(option_id=ALWAYS, name=f"Always allow {rules}", kind="allow_always"))
    if request.invocation.kind in {"edit", "delete", "move"} and request.agent == "main":
        words = "Allow, and accept edits from now on"
        options.append(PermissionOption(option_id=EDITS, name=words, kind="allow_always"))
    options.append(PermissionOption(option_id=REJECT, name="Reject", kind="reject_once"))
    return options


def _schema(question: Question) -> dict[str, Any]:
    """The form: the answers to choose from, and a line for one's own words unless the list is closed."""
    title = question.header or "Answer"
    if not question.options:
        return {
            "type": "object",
            "properties": {"answer": {"type": "string", "title": title}},
            "required": ["answer"],
        }
    choices = [
        {"const": o.label, "title": f"{o.label}: {o.description}" if o.description else o.label}
        for o in question.options
    ]
    if question.multiple:
        answer: dict[str, Any] = {"type": "array", "title": title, "items": {"anyOf": choices}}
    else:
        answer = {"type": "string", "title": title, "oneOf": choices}
    if question.closed:
        return {"type": "object", "properties": {"answer": answer}, "required": ["answer"]}
    other = {"type": "string", "title": "Something else", "description": "In your own words"}
    return {"type": "object", "properties": {"answer": answer, "other": other}}
