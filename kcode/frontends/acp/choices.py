"""What a person can choose for a session in their editor: the permission mode and the model."""

from collections.abc import Mapping, Sequence

from acp.schema import (
    AvailableCommand,
    AvailableCommandInput,
    AvailableCommandsUpdate,
    SessionConfigOptionBoolean,
    SessionConfigOptionSelect,
    SessionConfigSelectOption,
    SessionMode,
    SessionModeState,
    UnstructuredCommandInput,
)

from kcode.types.command import Command
from kcode.types.mode import Mode
from kcode.types.model import ModelInfo

MODE, MODEL = "mode", "model"
NAMES: Mapping[Mode, tuple[str, str]] = {
    "default": ("Ask", "Asks before files are changed and commands run."),
    "acceptEdits": (
        "Accept edits",
        "Changes files in the working folders without asking; asks before commands.",
    ),
    "plan": ("Plan", "Looks and thinks, changes nothing, and answers with a plan."),
    "auto": ("Auto", "Changes files, and runs what is known to be harmless, without asking."),
    "dontAsk": ("Never ask", "Does only what the rules allow and refuses the rest without asking."),
    "bypassPermissions": ("Allow everything", "Asks nothing. For machines that may be lost."),
}
HIDDEN = frozenset({"exit", "resume"})
"""Commands that an editor has its own ways for: it ends and lists sessions."""


def modes(current: Mode, usable: Sequence[Mode]) -> SessionModeState:
    """The modes in the older form."""
    return SessionModeState(
        current_mode_id=current,
        available_modes=[SessionMode(id=m, name=NAMES[m][0], description=NAMES[m][1]) for m in usable],
    )


def config_options(
    mode: Mode, usable: Sequence[Mode], model: str, models: Sequence[ModelInfo]
) -> list[SessionConfigOptionSelect | SessionConfigOptionBoolean]:
    """Everything that can be chosen, always all of it."""
    names = [SessionConfigSelectOption(value=m, name=NAMES[m][0], description=NAMES[m][1]) for m in usable]
    offered = [*([] if any(m.id == model for m in models) else [ModelInfo(model)]), *models]
    ids = [
        SessionConfigSelectOption(value=m.id, name=m.label or m.id, description=f"window {m.window // 1000}k")
        for m in offered
    ]
    return [
        SessionConfigOptionSelect(
            type="select",
            id=MODE,
            name="Mode",
            description="Who is asked before what",
            category="mode",
            current_value=mode,
            options=names,
        ),
        SessionConfigOptionSelect(
            type="select",
            id=MODEL,
            name="Model",
            description="Who answers",
            category="model",
            current_value=model,
            options=ids,
        ),
    ]


def available_commands(commands: Sequence[Command]) -> AvailableCommandsUpdate:
    """The slash commands."""
    return AvailableCommandsUpdate(
        session_update="available_commands_update",
        available_commands=[
            AvailableCommand(name=c.name, description=c.description, input=_input(c.hint))
            for c in commands
            if c.name not in HIDDEN
        ],
    )


def _input(hint: str) -> AvailableCommandInput | None:
    return AvailableCommandInput(root=UnstructuredCommandInput(hint=hint)) if hint else None
