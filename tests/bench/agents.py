"""Who is measured: kcode, the yardsticks, and the peers that are installed."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Prepare = Callable[[Path, str], None]
"""Writes the settings of an agent into a home, for an endpoint."""

YARDSTICK = str(Path(__file__).with_name("yardstick.py"))
PROMPT = "Do as the model says."


def _nothing(home: Path, base_url: str) -> None:
    """Some agents need no settings."""


@dataclass(frozen=True, slots=True)
class Agent:
    """How an agent is started.

    Attributes:
        command: starts it; empty for a yardstick that has no such thing.
        once: what follows for one prompt without a terminal; empty where it cannot be asked here.
        shell: the name of its shell tool and of that tool's argument.
        prepare: writes its settings.
        variables: its environment, `{url}` standing for the endpoint.
    """

    name: str
    command: Sequence[str] = ()
    once: Sequence[str] = ()
    shell: tuple[str, str] = ("Bash", "command")
    prepare: Prepare = _nothing
    variables: Mapping[str, str] | None = None
    note: str = ""

    def environ(self, base_url: str) -> dict[str, str]:
        """Return its variables."""
        return {k: v.replace("{url}", base_url) for k, v in (self.variables or {}).items()}

    def step(self, command: str) -> dict[str, Any]:
        """Write a response that calls its shell."""
        tool, argument = self.shell
        return {"calls": [{"name": tool, "arguments": {argument: command}}]}


def kcode() -> Agent:
    """Return kcode: the script beside this Python where there is one."""
    script = Path(sys.executable).with_name("kcode")
    return Agent(
        "kcode",
        [str(script)] if script.exists() else [sys.executable, "-m", "kcode"],
        ["--allowedTools", "Bash", "-p", PROMPT],
        variables={"KCODE_BASE_URL": "{url}", "KCODE_MODEL": "scripted", "TERM": "xterm-256color"},
    )


def yardstick(mode: str) -> Agent:
    """Return a script of `yardstick.py`."""
    return Agent(f"bare {mode}", [sys.executable, YARDSTICK], [mode], variables={"YARDSTICK_URL": "{url}"})


def bare_python() -> Agent:
    """Return the interpreter that does nothing."""
    return Agent("python -c pass", [sys.executable, "-c", "pass"])


def peers() -> list[Agent]:
    """Return the peers found on PATH."""
    return [agent for agent in _PEERS if shutil.which(agent.command[0])]


def _pi(home: Path, base_url: str) -> None:
    model = {"id": "scripted", "name": "scripted", "contextWindow": 1_000_000, "maxTokens": 8_192}
    provider = {"baseUrl": base_url, "api": "openai-completions", "apiKey": "none", "models": [model]}
    _write(home / ".pi/agent/models.json", json.dumps({"providers": {"scripted": provider}}))


def _kimi(home: Path, base_url: str) -> None:
    _write(
        home / ".kimi/config.toml",
        'default_model = "scripted"\ntelemetry = false\n'
        '[models.scripted]\nprovider = "scripted"\nmodel = "scripted"\nmax_context_size = 1000000\n'
        f'[providers.scripted]\ntype = "openai_legacy"\nbase_url = "{base_url}"\napi_key = "none"\n',
    )


def _kimi_code(home: Path, base_url: str) -> None:
    _write(
        home / ".kimi-code/config.toml",
        'default_model = "scripted"\ndefault_permission_mode = "auto"\ntelemetry = false\n'
        '[models.scripted]\nprovider = "scripted"\nmodel = "scripted"\nmax_context_size = 1000000\n'
        f'[providers.scripted]\ntype = "kimi"\nbase_url = "{base_url}"\napi_key = "none"\n',
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_ELSE = "speaks another protocol than the scripted server: start-up only"
_PEERS = (
    Agent(
        "pi",
        ["pi"],
        ["--provider", "scripted", "--model", "scripted", "-p", PROMPT],
        ("bash", "command"),
        _pi,
        {"PI_OFFLINE": "1"},
    ),
    Agent("kimi-cli", ["kimi"], ["--print", "--yolo", "-p", PROMPT], ("Shell", "command"), _kimi),
    Agent("kimi-code", ["kimi-code"], ["-p", PROMPT], ("Bash", "command"), _kimi_code),
    Agent("codex", ["codex"], note=_ELSE),
    Agent("claude", ["claude"], note=_ELSE),
    Agent("gemini", ["gemini"], note=_ELSE),
    Agent("opencode", ["opencode"], note="no settings for it here: start-up only"),
    Agent("qwen", ["qwen"], note="no settings for it here: start-up only"),
)
