"""Children are started in one place: no other module calls the system for one."""

import ast
from pathlib import Path

import kcode

ALLOWED = {
    "process/spawn.py": "the one way",
    "frontends/repl/editor.py": "the person's editor needs the terminal itself",
    "frontends/acp/__init__.py": "this program begins anew as itself",
}
_STARTERS = {
    "subprocess": {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "pty": {"spawn", "fork"},
}


def _starts(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, name = node.value.id, node.attr
            if name in _STARTERS.get(module, set()) or (
                module == "os" and name.startswith(("exec", "spawn"))
            ):
                found.add(f"{module}.{name}")
        if isinstance(node, ast.ImportFrom) and node.module in _STARTERS:
            found |= {
                f"{node.module}.{alias.name}" for alias in node.names if alias.name in _STARTERS[node.module]
            }
    return found


def test_no_other_module_starts_a_process() -> None:
    root = Path(next(iter(kcode.__path__)))
    starting = {
        str(file.relative_to(root)): names
        for file in root.rglob("*.py")
        if (names := _starts(ast.parse(file.read_text(encoding="utf-8"))))
    }

    assert "process/spawn.py" in starting
    assert {file: names for file, names in starting.items() if file not in ALLOWED} == {}
