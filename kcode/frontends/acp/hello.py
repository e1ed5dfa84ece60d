"""The first exchange with an editor: what it can do, and what kcode can.

Written without the protocol's package, whose import takes longer than everything else that the first answer needs:
an editor waits for this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from kcode import __version__

JsonMap: TypeAlias = dict[str, Any]

VERSION: Final = 1
"""The protocol's version that is spoken here, whatever was asked for."""
SETTINGS: Final = "settings"
TERMINAL: Final = "setup"
"""The ways to give kcode a model: by settings or variables, or by answering questions in a terminal."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the editor said that it can do."""

    read_files: bool = False
    write_files: bool = False
    terminals: bool = False
    forms: bool = False
    notices: bool = False
    compaction: bool = False
    terminal_auth: bool = False


def abilities(params: Mapping[str, Any]) -> Abilities:
    """Read the parameters of `initialize`; what is omitted or cannot be understood is not offered."""
    said = mapping(params.get("clientCapabilities"))
    files, session, auth = mapping(said.get("fs")), mapping(said.get("session")), mapping(said.get("auth"))
    return Abilities(
        read_files=files.get("readTextFile") is True,
        write_files=files.get("writeTextFile") is True,
        terminals=said.get("terminal") is True,
        forms=isinstance(mapping(said.get("elicitation")).get("form"), dict),
        notices=isinstance(session.get("notices"), dict),
        compaction=isinstance(session.get("compaction"), dict),
        terminal_auth=auth.get("terminal") is True,
    )


def answer(params: object) -> JsonMap:
    """Answer `initialize`.

    Raises:
        ValueError: there is no version among the parameters.
    """
    given = mapping(params)
    version = given.get("protocolVersion")
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError("protocolVersion must be a whole number.")  # noqa: TRY004 - the value of a parameter
    return {
        "protocolVersion": VERSION,
        "agentInfo": {"name": "kcode", "title": "kcode", "version": __version__},
        "agentCapabilities": {
            "loadSession": True,
            "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
            "mcpCapabilities": {"http": False, "sse": False},
            "sessionCapabilities": {
                "list": {},
                "resume": {},
                "close": {},
                "delete": {},
                "fork": {},
                "additionalDirectories": {},
            },
        },
        "authMethods": _auth_methods(abilities(given)),
    }


def _auth_methods(can: Abilities) -> list[JsonMap]:
    settings = {
        "id": SETTINGS,
        "name": "Settings or environment",
        "description": "Set a key in the environment that the editor starts kcode with, such as KCODE_API_KEY or "
        "MOONSHOT_API_KEY, or in kcode's settings; `kcode doctor` checks it.",
    }
    if not can.terminal_auth:
        return [settings]
    terminal = {
        "id": TERMINAL,
        "type": "terminal",
        "name": "Set up in a terminal",
        "description": "Choose a server, a key and a model in a terminal.",
        "args": ["--setup"],
    }
    return [terminal, settings]


def mapping(value: object) -> JsonMap:
    """A JSON object, empty where it is none."""
    return cast("JsonMap", value) if isinstance(value, dict) else {}
