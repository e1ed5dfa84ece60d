"""Whether a call may run: the whole of it above, the answers in the place of the prompt."""

import sys
from collections.abc import Awaitable, Callable

from kcode.frontends.repl.forms import Asker, Choice, Form
from kcode.frontends.repl.render import diff, tools
from kcode.frontends.repl.render.canvas import indented, one_line, safe, styled
from kcode.frontends.repl.scroll import Scroll
from kcode.screen.sanitise import reveal
from kcode.types.events import Mode
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.tool import CommandNeed, Invocation, NamedNeed, PathNeed, UrlNeed

WHOLE = 400
"""Lines of a diff that are shown before a decision."""


class Approver:
    """Asks for permission."""

    def __init__(
        self,
        scroll: Scroll,
        dialog: Asker,
        set_mode: Callable[[Mode], Awaitable[None]],
    ) -> None:
        self._scroll = scroll
        self._dialog = dialog
        self._set_mode = set_mode

    async def decide(self, request: PermissionRequest) -> Decision:
        """Show a call and ask; Esc stops the turn."""
        self._scroll.keep(request.invocation.title, self._preview(request))
        if request.agent == "main":
            self._scroll.announced = request.call_id
        edits = request.invocation.kind in {"edit", "delete", "move"} and request.agent == "main"
        answers = _answers(request, edits=edits)
        form = Form(
            title=self._title(request),
            choices=tuple(choice for choice, _ in answers),
            body=safe(request.reason),
            shortcut=1 if len(answers) > 2 else None,
        )
        answer = await self._dialog.ask(form)
        if answer is None:
            return Decision("cancelled", reason="dismissed")
        kind = answers[answer.picks[0]][1]
        if kind == "mode":
            await self._set_mode("acceptEdits")
            return Decision("allow_once")
        if kind == "always":
            return Decision("allow_always")
        if kind == "once":
            return Decision("allow_once")
        return Decision("reject_once", feedback=answer.words)

    def _title(self, request: PermissionRequest) -> str:
        who = "" if request.agent == "main" else f"[{one_line(request.agent, 40)}] "
        invocation = request.invocation
        if invocation.kind == "edit" and invocation.paths:
            return f"{who}Make this edit to {one_line(invocation.paths[0].name, 80)}?"
        if invocation.kind == "execute":
            return f"{who}Run this command?"
        return f"{who}Allow this?"

    def _preview(self, request: PermissionRequest) -> tools.Shown:
        """Draw the whole call: nothing that would happen may be out of sight."""
        canvas, columns, invocation = self._scroll.canvas, self._scroll.columns, request.invocation
        commands = [need for need in invocation.needs if isinstance(need, CommandNeed)]
        title = invocation.description if commands else invocation.title
        line = tools.header(canvas, request.tool, title, limit=1000)
        text = "\n" + canvas.draw(line, width=columns)
        for command in commands:
            shown, hidden = reveal(command.command)
            drawn = canvas.draw(shown, width=max(1, columns - 6))
            text += indented(drawn, "     ", "     ")
            if hidden:
                words = (
                    f"{hidden} character{'s' if hidden > 1 else ''} of it would not be visible in a terminal"
                )
                text += indented(canvas.draw(styled(words, "bold red"), width=columns), "     ")
        # What the reason names is not said twice.
        needs = [line for line in _needs(invocation) if line not in request.reason]
        if needs and not commands and not invocation.diff:
            drawn = canvas.draw(styled("\n".join(needs), "dim"), width=max(1, columns - 6))
            text += indented(drawn, "     ", "     ")
        text += diff.draw(canvas, invocation.diff, columns, limit=WHOLE, whole=True)
        long = len(diff.parse(invocation.diff)) > WHOLE
        full = diff.draw(canvas, invocation.diff, columns, limit=sys.maxsize, whole=True) if long else ""
        return tools.Shown(text, full)


def _answers(request: PermissionRequest, *, edits: bool) -> list[tuple[Choice, str]]:
    answers = [(Choice("Yes"), "once")]
    if edits:
        answers.append((Choice("Yes, and accept edits from now on", "Shift-Tab"), "mode"))
    if request.suggestions:
        rules = ", ".join(one_line(rule, 120) for rule in request.suggestions)
        answers.append((Choice(f"Yes, and always allow {rules}"), "always"))
    answers.append((Choice("No", words="What should kcode do instead? (Enter alone: just no)"), "no"))
    return answers


def _needs(invocation: Invocation) -> list[str]:
    """Say in words what a call needs."""
    lines: list[str] = []
    for need in invocation.needs:
        match need:
            case PathNeed():
                lines.append(f"{need.action} {need.path}")
            case UrlNeed():
                lines.append(f"fetch {need.url}")
            case NamedNeed():
                lines.append(f"{need.tool}({need.spec})" if need.spec else need.tool)
            case CommandNeed():
                pass
    return lines or [invocation.title]
