"""Start-up is a feature: what a door needs is imported behind it, and nowhere else."""

import subprocess
import sys

import pytest

HEAVY = (
    "openai",
    "git",
    "tree_sitter",
    "mcp",
    "acp",
    "prompt_toolkit",
    "rich",
    "PIL",
    "pydantic",
    "asyncio",
    "httpx2",
)


def imported_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("argument", ["--version", "--help", "--nonsense"])
def test_the_command_line_alone_loads_nothing_heavy(argument: str) -> None:
    code = f"from kcode.cli import main\ntry:\n main([{argument!r}])\nexcept SystemExit: pass"
    program = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert not loaded & set(HEAVY)


def test_a_one_shot_run_loads_no_screen_no_git_and_no_protocols() -> None:
    loaded = imported_after("import kcode.frontends.oneshot")
    assert not loaded & {"openai", "git", "tree_sitter", "mcp", "acp", "prompt_toolkit", "rich", "PIL"}


def test_the_prompt_is_drawn_before_the_model_and_git_are_loaded() -> None:
    loaded = imported_after("import kcode.frontends.repl.main")
    assert not loaded & {"openai", "git", "tree_sitter", "mcp", "acp", "PIL"}


def test_tools_and_commands_are_named_without_being_imported() -> None:
    code = "from kcode import registry\nassert len(registry.names('kcode.tools')) > 5\nregistry.names('kcode.commands')"
    program = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "kcode.tools.read" not in done.stderr.split()
